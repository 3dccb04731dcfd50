use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;

use model::frame::ToAgent;

use crate::{Agent, Supervised, guest, is_root, put, text};

fn delete(path: &Path) -> ToAgent {
    ToAgent::Delete { path: text(path) }
}

fn run(command: &[&str]) -> ToAgent {
    ToAgent::Run { command: command.iter().map(|&word| word.to_owned()).collect(), user: None }
}

/// Everything below a folder: paths with contents, or with an arrow and the target, sorted.
fn tree(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            let kind = path.symlink_metadata().unwrap().file_type();
            if kind.is_symlink() {
                found.push(format!("{name} -> {}", fs::read_link(path).unwrap().display()));
            } else if kind.is_dir() {
                found.push(format!("{name}/"));
                folders.push(path);
            } else {
                found.push(format!("{name}: {}", fs::read_to_string(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn files_links_and_folders_appear_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut agent = Agent::alone();
    agent.done(&[
        put(&at("a/b/c.txt"), "one"),
        ToAgent::MakeDir { path: text(&at("empty/deep")), mode: 0o755 },
        ToAgent::MakeDir { path: text(&at("a")), mode: 0o755 },
        ToAgent::Link { path: text(&at("l/link")), target: "../a".into() },
    ]);
    assert_eq!(
        tree(folder.path()),
        ["a/", "a/b/", "a/b/c.txt: one", "empty/", "empty/deep/", "l/", "l/link -> ../a"]
    );
    agent.done(&[
        put(&at("a/b/c.txt"), "two"),
        delete(&at("empty")),
        delete(&at("never/was/here")),
        delete(&at("a/b/c.txt/below-a-file")),
        ToAgent::Link { path: text(&at("l/link")), target: "elsewhere".into() },
    ]);
    assert_eq!(tree(folder.path()), ["a/", "a/b/", "a/b/c.txt: two", "l/", "l/link -> elsewhere"]);
    // A file where a link was: what the link pointed to stays as it is.
    symlink(at("a/b/c.txt"), at("to-c")).unwrap();
    agent.done(&[put(&at("to-c"), "own")]);
    assert_eq!(tree(folder.path())[2..], ["a/b/c.txt: two", "l/", "l/link -> elsewhere", "to-c: own"]);
}

#[test]
fn deletions_do_not_follow_links() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("kept")).unwrap();
    fs::create_dir_all(at("gone")).unwrap();
    fs::write(at("kept/file"), "x").unwrap();
    symlink(at("kept"), at("gone/link")).unwrap();
    symlink(at("kept"), at("link")).unwrap();
    Agent::alone().done(&[delete(&at("gone")), delete(&at("link"))]);
    assert_eq!(tree(folder.path()), ["kept/", "kept/file: x"]);
}

#[test]
fn large_files_come_in_chunks() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large");
    let mut agent = Agent::alone();
    let begin = |in_place| ToAgent::Put {
        path: text(&file),
        mode: 0o600,
        in_place,
        bytes: b"ab".into(),
        last: false,
    };
    let more = |bytes: &[u8], last| ToAgent::Append { bytes: bytes.into(), last };
    agent.done(&[begin(false), more(b"cd", false), more(b"ef", true)]);
    assert_eq!(fs::read(&file).unwrap(), b"abcdef");
    agent.done(&[begin(true), more(b"c", true)]);
    assert_eq!(fs::read(&file).unwrap(), b"abc", "what was longer before is cut");
    // A file whose end does not come leaves no trace.
    agent.done(&[begin(false), more(b"zz", false)]);
    assert_eq!(tree(folder.path()), ["large: abc"]);
    assert_eq!(agent.failure(&[more(b"x", true)]), "write: no file was begun");
}

#[test]
fn owner_and_rights_of_what_was_there_stay() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("tool"), "old").unwrap();
    fs::set_permissions(at("tool"), fs::Permissions::from_mode(0o640)).unwrap();
    let own = fs::metadata(at("tool")).unwrap();
    let (uid, gid) = if is_root() { (12_345, 23_456) } else { (own.uid(), own.gid()) };
    chown(at("tool"), Some(uid), Some(gid)).unwrap();
    chown(folder.path(), Some(uid), Some(gid)).unwrap();
    let with_mode = |path: &Path, mode| ToAgent::Put {
        path: text(path),
        mode,
        in_place: false,
        bytes: vec![],
        last: true,
    };
    let of = |name: &str| {
        let found = fs::symlink_metadata(at(name)).unwrap();
        (found.uid(), found.gid(), found.mode() & 0o7777)
    };
    let mut agent = Agent::alone();
    agent.done(&[with_mode(&at("tool"), 0o644), with_mode(&at("new/deep/file"), 0o664)]);
    assert_eq!(of("tool"), (uid, gid, 0o640));
    // What is new belongs to who has the folder, and has the rights that the host's file has.
    assert_eq!(of("new"), (uid, gid, 0o755));
    assert_eq!(of("new/deep"), (uid, gid, 0o755));
    assert_eq!(of("new/deep/file"), (uid, gid, 0o664));
    agent.done(&[
        with_mode(&at("tool"), 0o755),
        ToAgent::Link { path: text(&at("link")), target: "x".into() },
    ]);
    assert_eq!(of("tool"), (uid, gid, 0o750), "a script that became executable is executable");
    assert_eq!(of("link").0, uid);
}

#[test]
fn a_new_file_replaces_unless_asked_to_write_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "long content").unwrap();
    let number = || fs::metadata(&file).unwrap().ino();
    let before = number();
    let mut agent = Agent::alone();
    agent.done(&[ToAgent::Put {
        path: text(&file),
        mode: 0o644,
        in_place: true,
        bytes: b"in".into(),
        last: true,
    }]);
    assert_eq!((number(), fs::read_to_string(&file).unwrap().as_str()), (before, "in"));
    agent.done(&[put(&file, "over")]);
    assert_ne!(number(), before);
    assert_eq!(tree(folder.path()), ["file: over"]);
}

#[test]
fn after_a_failure_the_rest_of_the_batch_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mut agent = Agent::alone();
    let what = agent.failure(&[put(&at("first"), ""), run(&["sh", "-c", "exit 3"]), put(&at("second"), "")]);
    assert_eq!(what, "run `sh -c exit 3`: exit code 3");
    assert_eq!(tree(folder.path()), ["first: "]);
    // The next batch starts afresh.
    agent.done(&[put(&at("second"), "")]);
    assert_eq!(tree(folder.path()), ["first: ", "second: "]);
}

#[test]
fn paths_that_leave_or_have_no_beginning_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let outside = text(&folder.path().join("in/../../out"));
    let mut agent = Agent::alone();
    for path in ["relative", "", &outside] {
        for step in [
            ToAgent::Put { path: path.into(), mode: 0o644, in_place: false, bytes: vec![], last: true },
            ToAgent::MakeDir { path: path.into(), mode: 0o755 },
            ToAgent::Link { path: path.into(), target: "x".into() },
            ToAgent::Delete { path: path.into() },
        ] {
            let what = agent.failure(&[step]);
            assert!(what.ends_with("invalid input parameter"), "{path}: {what}");
        }
    }
    assert!(agent.failure(&[ToAgent::Delete { path: "/".into() }]).contains("permission denied"));
    let kept = text(folder.path());
    assert_eq!(agent.failure(&[put(folder.path(), "x")]), format!("write `{kept}`: is a directory"));
}

#[test]
fn a_command_prints_to_the_host_and_leaves_its_background_alone() {
    let mut agent = Agent::alone();
    let (printed, done) = agent.apply(&[run(&["sh", "-c", "echo out; echo err >&2; sleep 1000 & echo $!"])]);
    assert_eq!(done, Ok(()));
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines[..2], ["out", "err"]);
    // SAFETY: takes no pointers.
    unsafe { libc::kill(lines[2].parse().unwrap(), libc::SIGKILL) };
    let (printed, _) = agent.apply(&[run(&["sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x"])]);
    assert_eq!(printed.len(), 300_000);
    assert_eq!(
        agent.failure(&[run(&["no-such-program"])]),
        "run `no-such-program`: no such file or directory"
    );
    assert_eq!(
        agent.failure(&[run(&["sh", "-c", "kill -9 $$"])]),
        "run `sh -c kill -9 $$`: ended by signal 9"
    );
}

#[test]
fn a_command_runs_as_the_services_user_with_its_home() {
    let mut command = guest();
    command.env("HOME", "/srv/home");
    // SAFETY: takes no pointers and cannot fail.
    let own = unsafe { libc::geteuid() };
    let uid = if is_root() { 12_345 } else { own };
    if is_root() {
        command.uid(uid).gid(23_456);
    }
    // Where the binary lies may be closed to that user, so it is copied to a place that is not.
    let folder = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    let copy = folder.path().join("guest");
    fs::copy(command.get_program(), &copy).unwrap();
    let mut there = std::process::Command::new(copy);
    there.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if is_root() {
        there.uid(uid).gid(23_456);
    }
    let mut service = Supervised::run("user", there, "echo up; exec sleep 1000");
    assert_eq!(service.line(), "up");
    let (printed, done) = Agent::of(&service).apply(&[run(&["sh", "-c", "id -u; echo $HOME"])]);
    assert_eq!((printed, done), (format!("{uid}\n/srv/home\n"), Ok(())));
}

#[test]
fn without_a_supervisor_a_restart_fails_and_says_so() {
    let what = Agent::alone().failure(&[ToAgent::Restart { grace_ms: 1 }]);
    assert_eq!(what, "restart: the container does not run under Shoal's supervisor");
    assert_eq!(
        Agent::alone().failure(&[ToAgent::Signal { name: "NOPE".into() }]),
        "signal: `NOPE` is no signal"
    );
}
