//! Running a command of a reload rule in the container, as the service's user.

use std::fs;
use std::io::{self, PipeReader, Read};
use std::os::fd::AsRawFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use model::frame::FromAgent;

use super::Answers;
use crate::process::wait_readable;
use crate::reason;

/// Time between two looks at whether the command has ended while it prints nothing.
const LOOK: Duration = Duration::from_millis(5);

/// Runs it with the user and groups of the process `owner`, and passes on what it prints.
pub(super) fn run(
    command: &[String],
    owner: i32,
    home: Option<&str>,
    answers: &Answers,
) -> Result<(), String> {
    let Some((program, arguments)) = command.split_first() else { return Err("run: no command".to_owned()) };
    let shown = command.join(" ");
    let status = attempt(program, arguments, owner, home, answers)
        .map_err(|error| format!("run `{shown}`: {}", reason(&error)))?;
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(format!("run `{shown}`: exit code {code}")),
        (None, signal) => Err(format!("run `{shown}`: ended by signal {}", signal.unwrap_or_default())),
    }
}

fn attempt(
    program: &str,
    arguments: &[String],
    owner: i32,
    home: Option<&str>,
    answers: &Answers,
) -> io::Result<ExitStatus> {
    let (mut reader, writer) = io::pipe()?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    if let Some(home) = home {
        command.env("HOME", home);
    }
    let status = fs::read_to_string(format!("/proc/{owner}/status"))?;
    if let Some(user) = User::of(&status).filter(User::differs) {
        // SAFETY: the closure only makes system calls with values it owns.
        unsafe { command.pre_exec(move || user.become_it()) };
    }
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

/// A user with groups.
#[derive(Debug, PartialEq, Eq)]
struct User {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
}

impl User {
    /// The effective one in a `/proc/PID/status`.
    fn of(status: &str) -> Option<Self> {
        let numbers = |key: &str| -> Option<Vec<u32>> {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.split_whitespace().map(|word| word.parse().ok()).collect()
        };
        let (uid, gid) = (*numbers("Uid:")?.get(1)?, *numbers("Gid:")?.get(1)?);
        Some(Self { uid, gid, groups: numbers("Groups:")? })
    }

    fn differs(&self) -> bool {
        self.uid != crate::process::own_uid()
    }

    fn become_it(&self) -> io::Result<()> {
        let done = |result: i32| if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
        // SAFETY: the groups are a valid array of the length given; nothing else is a pointer.
        unsafe {
            done(libc::setgroups(self.groups.len(), self.groups.as_ptr()))?;
            done(libc::setresgid(self.gid, self.gid, self.gid))?;
            done(libc::setresuid(self.uid, self.uid, self.uid))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::User;

    #[test]
    fn a_user_is_read_from_the_status() {
        let status = "Name:\tx\nUid:\t0\t1000\t0\t0\nGid:\t0\t100\t0\t0\nFDSize:\t64\nGroups:\t20 27 \n";
        assert_eq!(User::of(status), Some(User { uid: 1000, gid: 100, groups: vec![20, 27] }));
        assert_eq!(User::of("Name:\tx\n"), None);
    }
}
