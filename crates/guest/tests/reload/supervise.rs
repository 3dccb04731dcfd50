use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::{fs, thread};

use model::frame::{FromAgent, ToAgent};

use crate::{Agent, Supervised, guest, text};

const RESTART: i32 = 39;

fn restart(grace_ms: u32) -> ToAgent {
    ToAgent::Restart { grace_ms }
}

#[test]
fn the_exit_code_is_the_services() {
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)] {
        assert_eq!(Supervised::start(&format!("code-{code}"), script).exit_code(), code, "{script}");
    }
}

#[test]
fn the_service_has_input_folder_environment_and_arguments_as_without_us() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = guest()
        .args([
            "supervise",
            "--socket",
            "shoal-test-surroundings",
            "--",
            "sh",
            "-c",
            "env; pwd; echo $0 $1; cat",
        ])
        .args(["zero", "a b"])
        .env_clear()
        .envs([("PATH", "/usr/bin:/bin"), ("EMPTY", ""), ("X", "y z")])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"typed").unwrap();
    let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let mut lines: Vec<_> = output.lines().collect();
    let tail = lines.split_off(lines.len() - 3);
    assert_eq!(tail, [folder.to_str().unwrap(), "zero a b", "typed"]);
    // `PWD`, and in some shells more, is the shell's own doing.
    for expected in ["PATH=/usr/bin:/bin", "EMPTY=", "X=y z"] {
        assert!(lines.contains(&expected), "{expected} is missing from {lines:?}");
    }
    assert!(!output.contains("SHOAL"), "{output}");
}

#[test]
fn signals_reach_the_service() {
    let script = "trap 'echo hup' HUP; trap 'echo usr1' USR1; trap 'echo bye; exit 4' TERM; echo up
                  while :; do read _ < /proc/self/fd/0 || sleep 0.01; done";
    let mut service = Supervised::start("signals", script);
    assert_eq!(service.line(), "up");
    for (number, said) in [(libc::SIGHUP, "hup"), (libc::SIGUSR1, "usr1"), (libc::SIGTERM, "bye")] {
        service.signal(number);
        assert_eq!(service.line(), said);
    }
    assert_eq!(service.exit_code(), 4);
}

#[test]
fn a_restart_keeps_the_supervisor_and_starts_a_new_process() {
    let mut service = Supervised::start("restart", "echo $$; exec sleep 1000");
    let first: i32 = service.line().parse().unwrap();
    service.signal(RESTART);
    let second: i32 = service.line().parse().unwrap();
    assert_ne!(first, second);
    assert!(!Path::new(&format!("/proc/{first}")).exists());

    let mut agent = Agent::of(&service);
    agent.done(&[restart(10_000)]);
    assert!(!Path::new(&format!("/proc/{second}")).exists(), "answered before the old process was gone");
    let third: i32 = service.line().parse().unwrap();
    agent.done(&[ToAgent::Signal { name: "HUP".into() }]);
    // `sleep` dies of it, after a reload: the agent hears, the supervisor stays.
    assert_eq!(agent.next(), FromAgent::Ended { code: 129 });
    assert!(!Path::new(&format!("/proc/{third}")).exists());
    assert_eq!(
        agent.failure(&[ToAgent::Signal { name: "HUP".into() }]),
        "signal 1: the service's process does not run"
    );
}

#[test]
fn who_ignores_the_request_is_killed_with_all_it_started() {
    let script = "trap '' TERM; setsid sleep 1000 & echo $!; (sleep 1000; :) & echo $!; echo $$; wait; wait";
    let mut service = Supervised::start("stubborn", script);
    let old: Vec<String> = (0..3).map(|_| service.line()).collect();
    Agent::of(&service).done(&[restart(50)]);
    for pid in old {
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid} is still there");
    }
    service.line();
}

#[test]
fn a_mistake_saved_does_not_end_the_container() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken");
    let script = format!("test -e {} && exit 3; echo up; exec sleep 1000", text(&broken));
    let mut service = Supervised::start("mistake", &script);
    assert_eq!(service.line(), "up");
    let mut agent = Agent::of(&service);
    fs::write(&broken, "").unwrap();
    agent.done(&[restart(1000)]);
    assert_eq!(agent.next(), FromAgent::Ended { code: 3 });
    // Who comes later hears of it as well.
    let mut late = Agent::of(&service);
    assert_eq!(late.next(), FromAgent::Ended { code: 3 });
    fs::remove_file(&broken).unwrap();
    agent.done(&[restart(1000)]);
    assert_eq!(service.line(), "up");
    // A stop while it waits ends it with the code of the mistake.
    fs::write(&broken, "").unwrap();
    agent.done(&[restart(1000)]);
    assert_eq!(agent.next(), FromAgent::Ended { code: 3 });
    service.signal(libc::SIGTERM);
    assert_eq!(service.exit_code(), 3);
}

#[test]
fn restarts_at_once_from_two_sides_leave_one_service() {
    let mut service = Supervised::start("race", "echo $$; exec sleep 1000");
    service.line();
    let mut agents = [Agent::of(&service), Agent::of(&service)];
    thread::scope(|scope| {
        for agent in &mut agents {
            scope.spawn(|| (0..20).for_each(|_| agent.done(&[restart(1000)])));
        }
    });
    assert_eq!(service.children().len(), 1);
}

#[test]
fn a_missing_program_is_told_as_docker_tells_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| text(&folder.path().join(name));
    for (name, content, mode) in
        [("plain", "", 0o644), ("shebang", "#!/no/such\n", 0o755), ("none", "echo\n", 0o755)]
    {
        fs::write(at(name), content).unwrap();
        fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    for (program, code, said) in [
        (
            "no-such-program".to_owned(),
            127,
            r#"exec: "no-such-program": executable file not found in $PATH"#.to_owned(),
        ),
        (at("missing"), 127, format!("exec: \"{}\": no such file or directory", at("missing"))),
        (at("plain"), 126, format!("exec: \"{}\": permission denied", at("plain"))),
        (at("shebang"), 1, format!("exec {}: no such file or directory", at("shebang"))),
        (at("none"), 1, format!("exec {}: exec format error", at("none"))),
    ] {
        let output = guest().args(["supervise", "--", &program]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{program}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), format!("{said}\n"));
    }
}

#[test]
fn the_service_has_the_terminal() {
    // Under `script`, the supervisor leads the terminal's session, as PID 1 of a container with `tty` does.
    let tell = "read pid _ _ _ group session tty foreground _ < /proc/$$/stat
                test $group$session$foreground = $pid$pid$pid && test $tty != 0 && echo whole || echo broken";
    // `exec`: not every shell that `script` may start replaces itself by its last command.
    let supervise = format!("exec {} supervise -- sh -c '{tell}'", env!("CARGO_BIN_EXE_guest"));
    for command in [supervise.clone(), format!("sh -c \"{}; exit\"", supervise.replace('$', "\\$"))] {
        let output = std::process::Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            // Some shells replace themselves by their only command, and the session would be the supervisor's again.
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        // Inside another session it gets the foreground, not the session.
        let expected = if command == supervise { "whole" } else { "broken" };
        assert_eq!(said.trim(), expected, "{command}");
    }
}
