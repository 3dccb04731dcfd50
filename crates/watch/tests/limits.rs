//! The watcher where the system says no: `examples/tell.rs` as a process of its own, which has limits of its own.
#![expect(clippy::unwrap_used, reason = "a test may panic, also outside of a test function")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

struct Told {
    child: Child,
    lines: Receiver<String>,
}

impl Told {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    /// All lines up to one that begins so.
    #[track_caller]
    fn until(&self, start: &str) -> Vec<String> {
        let mut seen = Vec::new();
        while !seen.last().is_some_and(|line: &String| line.starts_with(start)) {
            match self.lines.recv_timeout(Duration::from_mins(1)) {
                Ok(line) => seen.push(line),
                Err(error) => panic!(
                    "no line begins with `{start}` ({error}); the last were {:?}",
                    &seen[seen.len().saturating_sub(20)..]
                ),
            }
        }
        seen
    }

    fn signal(&self, name: &str) {
        run("kill", &[&format!("-{name}"), &self.child.id().to_string()]);
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[track_caller]
fn run(program: &str, args: &[&str]) {
    assert!(Command::new(program).args(args).status().unwrap().success(), "{program} {args:?}");
}

fn tell() -> String {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("examples/tell");
    assert!(path.is_file(), "{} is missing: cargo makes it with all tests of this crate", path.display());
    path.to_str().unwrap().to_owned()
}

/// Watches a folder in a user's namespace of its own, whose setting is so.
fn limited(setting: &str, value: u32, folder: &Path) -> Told {
    let script = format!("echo {value} >/proc/sys/user/{setting} && exec \"$0\" \"$1\"");
    let folder = folder.to_str().unwrap();
    Told::start(Command::new("unshare").args([
        "--user",
        "--map-root-user",
        "sh",
        "-c",
        &script,
        &tell(),
        folder,
    ]))
}

fn folders(count: usize) -> tempfile::TempDir {
    let disk = tempfile::tempdir().unwrap();
    for n in 0..count {
        fs::create_dir(disk.path().join(format!("d{n}"))).unwrap();
        fs::write(disk.path().join(format!("d{n}/file")), "one").unwrap();
    }
    disk
}

#[test]
fn beyond_the_limit_of_watches_changes_are_looked_for_until_it_is_raised() {
    let disk = folders(20);
    let told = limited("max_inotify_watches", 8, disk.path());
    let said = told.until("polled").pop().unwrap();
    for part in
        ["`fs.inotify.max_user_watches` of 8 is used up", "hint: sudo sysctl fs.inotify.max_user_watches="]
    {
        assert!(said.contains(part), "{said}");
    }
    fs::write(disk.path().join("d19/file"), "two").unwrap();
    fs::remove_file(disk.path().join("d0/file")).unwrap();
    let seen = told.until("Written d19/file");
    if !seen.contains(&"Removed d0/file".to_owned()) {
        told.until("Removed d0/file");
    }
    let process = told.child.id().to_string();
    let raise = "echo 1000 >/proc/sys/user/max_inotify_watches";
    run("nsenter", &["--user", "--preserve-credentials", "--target", &process, "sh", "-c", raise]);
    told.until("watched again");
    fs::write(disk.path().join("d19/file"), "three").unwrap();
    told.until("Written d19/file");
    let watches = fs::read_dir(format!("/proc/{process}/fdinfo")).unwrap().flatten();
    let infos = watches.filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect::<String>();
    assert!(infos.matches("inotify wd:").count() >= 21, "{infos}");
}

#[test]
fn without_any_notifications_changes_are_looked_for() {
    let disk = folders(3);
    let told = limited("max_inotify_instances", 0, disk.path());
    let said = told.until("polled").pop().unwrap();
    assert!(said.contains("`fs.inotify.max_user_instances` of 0 is used up"), "{said}");
    fs::create_dir(disk.path().join("new")).unwrap();
    fs::write(disk.path().join("new/file"), "two").unwrap();
    told.until("Written new/file");
}

/// A stopped process reads nothing, so that the kernel's queue runs over.
#[test]
fn an_overrun_queue_loses_no_change() {
    let disk = folders(10);
    let told = Told::start(Command::new(tell()).arg(disk.path()));
    told.until("watching");
    told.signal("STOP");
    let queue: usize =
        fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap();
    // Each file is at least three events.
    let count = queue / 3 + 100;
    for n in 0..count {
        fs::write(disk.path().join(format!("d{}/f{n}", n % 10)), "x").unwrap();
    }
    fs::remove_file(disk.path().join("d0/file")).unwrap();
    fs::rename(disk.path().join("d1"), disk.path().join("moved")).unwrap();
    told.signal("CONT");
    let mut missing: std::collections::BTreeSet<_> = (0..count)
        .map(|n| {
            format!("Written {}/f{n}", if n % 10 == 1 { "moved".to_owned() } else { format!("d{}", n % 10) })
        })
        .chain(["Removed d0/file".to_owned(), "Removed d1".to_owned(), "Written moved/file".to_owned()])
        .collect();
    while !missing.is_empty() {
        match told.lines.recv_timeout(Duration::from_mins(1)) {
            Ok(line) => drop(missing.remove(&line)),
            Err(error) => {
                panic!("{} changes were not told: {error}; such as {:?}", missing.len(), missing.first())
            }
        }
    }
    // Folders that came while events were lost are watched.
    fs::write(disk.path().join("moved/later"), "x").unwrap();
    told.until("Written moved/later");
}
