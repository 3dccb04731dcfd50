//! Running a command of a reload rule in the container, as the service's user or the one that the rule names.

use std::io::{self, PipeReader, Read};
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use model::frame::FromAgent;

use super::Answers;
use super::user::User;
use crate::process::wait_readable;
use crate::reason;

/// Time between two looks at whether the command has ended while it prints nothing.
const LOOK: Duration = Duration::from_millis(5);

/// Runs it as `user`, else with the user and groups of the process `owner`, and passes on what it prints.
pub(super) fn run(
    command: &[String],
    owner: i32,
    user: Option<&str>,
    home: Option<&str>,
    answers: &Answers,
) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else { return Err("run: no command".to_owned()) };
    let shown = command.join(" ");
    let failed = |why: String| format!("run `{shown}`: {why}");
    let user = match user {
        Some(name) => User::named(name),
        None => User::of_process(owner, home),
    };
    let user = user.map_err(failed)?;
    let status = attempt(program, arguments, user, answers).map_err(|error| failed(reason(&error)))?;
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(format!("run `{shown}`: exit code {code}")),
        (None, signal) => Err(format!("run `{shown}`: ended by signal {}", signal.unwrap_or_default())),
    }
}

fn attempt(program: &str, arguments: &[String], user: User, answers: &Answers) -> io::Result<ExitStatus> {
    let (mut reader, writer) = io::pipe()?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    if let Some(home) = &user.home {
        command.env("HOME", home);
    }
    // SAFETY: the closure only makes system calls with values it owns.
    unsafe { command.pre_exec(move || user.become_it()) };
    let mut child = command.spawn()?;
    // Its copies of the pipe's writing end, so that the pipe ends with the command.
    drop(command);
    loop {
        let ended = child.try_wait()?;
        let readable =
            wait_readable(&[reader.as_raw_fd()], Some(if ended.is_some() { Duration::ZERO } else { LOOK }))?;
        let open = !readable[0] || pass_on(&mut reader, answers)?;
        match ended {
            // What it left in the background may hold the pipe open and is not waited for.
            Some(status) if !readable[0] || !open => return Ok(status),
            None if !open => return child.wait(),
            Some(_) | None => {}
        }
    }
}

/// Sends what can be read; `false` at the end.
fn pass_on(reader: &mut PipeReader, answers: &Answers) -> io::Result<bool> {
    let mut bytes = vec![0; 32 * 1024];
    let length = reader.read(&mut bytes)?;
    bytes.truncate(length);
    if length > 0 {
        answers.send(&FromAgent::Output { bytes })?;
    }
    Ok(length > 0)
}
