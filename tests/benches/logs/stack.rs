//! A stack of writers under a real session.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const BASE: &str = "shoal/base:bookworm";

/// Waits for the starting shot, then writes so many numbered lines of 100 bytes, so many a second; 0 is as fast as can
/// be.
const WRITER: &str = r#"
use strict; use warnings;
my ($count, $rate) = @ARGV;
select undef, undef, undef, 0.005 until -e "/go/now";
my $rest = "x" x 88;
$| = $rate;
for my $n (1 .. $count) {
    printf "%010d %s\n", $n, $rest;
    # Waking up takes a tenth of a millisecond too.
    select undef, undef, undef, 1 / $rate - 0.0001 if $rate;
}
"#;

/// Folders for one run: the writers' starting shot, the manifest, the session's state.
pub(crate) struct Stack {
    root: PathBuf,
    name: String,
}

impl Stack {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("bench-{name}-{}", std::process::id());
        let root = std::env::temp_dir().join(&name);
        fs::create_dir_all(root.join("go")).expect("a folder");
        fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).expect("rights");
        fs::write(root.join("write.pl"), WRITER).expect("a file");
        Self { root, name }
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.root.join("s")
    }

    /// Makes the manifest for so many writers.
    pub(crate) fn manifest(&self, writers: usize, count: u64, rate: u64) {
        let one = |number: usize| {
            format!(
                "[services.w{number}]\nimage = \"{BASE}\"\nvolumes = [\"./go:/go:ro\", \"./write.pl:/write.pl:ro\"]\n\
                 command = [\"perl\", \"/write.pl\", \"{count}\", \"{rate}\"]\n"
            )
        };
        let text: String = (0..writers).map(one).collect();
        fs::write(self.root.join("services.toml"), text).expect("a file");
    }

    /// Runs `shoal ARGS` and gives what it printed.
    pub(crate) fn shoal(&self, args: &[&str]) -> String {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/shoal");
        let program = std::env::var_os("SHOAL_BENCHED").map_or(program, PathBuf::from);
        let mut command = Command::new(program);
        command
            .current_dir(&self.root)
            .env("SHOAL_STATE_DIR", self.state())
            .args(["-p", &self.name])
            .args(args);
        let ran = command.output().expect("`shoal` runs; `./dev build --release` makes it");
        assert!(ran.status.success(), "shoal {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).trim().to_owned()
    }

    /// The container of a writer.
    pub(crate) fn instance(&self, writer: usize) -> String {
        format!("{}-w{writer}-1", self.name)
    }

    /// The stack's own folder in the state folder.
    pub(crate) fn place(&self) -> PathBuf {
        let stacks = fs::read_dir(self.state().join("stacks")).expect("stacks");
        stacks.flatten().map(|entry| entry.path()).find(|path| path.is_dir()).expect("the stack's place")
    }

    /// The session's process.
    pub(crate) fn session(&self) -> u32 {
        let lease = fs::read_to_string(self.place().join("session.lease")).expect("a lease");
        lease.trim().parse().expect("a process id")
    }

    /// Starts so many writers without Shoal, and gives their names.
    pub(crate) fn bare(&self, writers: usize, count: u64, rate: u64) -> Vec<String> {
        let one = |number: usize| {
            let name = format!("{}-bare-{number}", self.name);
            let mount = |path: &str| format!("{}/{path}:/{path}:ro", self.root.display());
            let (count, rate) = (count.to_string(), rate.to_string());
            docker(&[
                "run",
                "-d",
                "--name",
                &name,
                "-v",
                &mount("go"),
                "-v",
                &mount("write.pl"),
                BASE,
                "perl",
                "/write.pl",
                &count,
                &rate,
            ]);
            name
        };
        (0..writers).map(one).collect()
    }

    /// The starting shot.
    pub(crate) fn go(&self) {
        fs::write(self.root.join("go/now"), "").expect("a file");
    }

    /// Lines that are on disk: each has sixteen bytes of index.
    pub(crate) fn stored(&self) -> u64 {
        let folders = fs::read_dir(self.place().join("logs")).into_iter().flatten().flatten();
        let files = folders.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten());
        let indexes = files.filter(|file| file.path().extension().is_some_and(|e| e == "index"));
        indexes.map(|file| file.metadata().map_or(0, |m| m.len()) / 16).sum()
    }

    /// Waits until so many lines are on disk, or none have come for long.
    pub(crate) fn await_lines(&self, wanted: u64) {
        let (mut last, mut waited) = (0, 0);
        while last < wanted && waited < 2000 {
            std::thread::sleep(Duration::from_millis(5));
            let now = self.stored();
            waited = if now == last { waited + 1 } else { 0 };
            last = now;
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if self.state().exists() {
            self.shoal(&["down", "--all", "--volumes"]);
        }
        let left = docker(&["ps", "-aq", "--filter", &format!("name={}-bare-", self.name)]);
        for container in left.split_whitespace() {
            docker(&["rm", "-f", "-v", container]);
        }
        drop(fs::remove_dir_all(&self.root));
    }
}

/// Runs `docker ARGS` and gives what it printed.
pub(crate) fn docker(args: &[&str]) -> String {
    let ran = Command::new("docker").args(args).output().expect("`docker` runs");
    assert!(ran.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).trim().to_owned()
}
