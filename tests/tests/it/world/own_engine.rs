//! An engine of a test's own, which it may stop and start.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use testkit::BASE_IMAGE;

use super::{process, until};

/// A `dockerd` beside the machine's, in a network of its own: with the same one it would take the other's bridge away.
pub(crate) struct OwnEngine {
    root: PathBuf,
    network: String,
    options: Vec<String>,
    process: Option<Child>,
}

impl OwnEngine {
    /// Starts it with these further options, and gives it the base image. It needs root and `dockerd`, as the machines
    /// have on which all tests run.
    pub(super) fn start(root: &Path, options: &[&str]) -> Self {
        let network = format!("shoal-it-{}", std::process::id());
        run(Command::new("ip").args(["netns", "add", &network]));
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut engine = Self { root: root.to_owned(), network, options, process: None };
        engine.up();
        let image = Command::new("docker").args(["save", BASE_IMAGE]).stdout(Stdio::piped()).spawn();
        let mut image = image.expect("`docker` runs");
        run(engine.client(&["load", "-q"]).stdin(image.stdout.take().expect("a pipe")));
        image.wait().expect("the image is saved");
        engine
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.root.join("d.sock")
    }

    /// A call of `docker` for this engine.
    pub(crate) fn client(&self, args: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.arg("--host").arg(format!("unix://{}", self.socket().display())).args(args);
        command
    }

    fn up(&mut self) {
        let log = File::create(self.root.join("dockerd.log")).expect("a file");
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.network)).arg("dockerd");
        for (option, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid")] {
            command.arg(option).arg(self.root.join(name));
        }
        command.arg("--host").arg(format!("unix://{}", self.socket().display())).args(&self.options);
        let errors = log.try_clone().expect("a file");
        self.process =
            Some(command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().expect("`nsenter` runs"));
        until("an engine of its own", || {
            self.client(&["version"]).output().ok().filter(|ran| ran.status.success()).map(drop)
        });
    }

    fn down(&mut self) {
        if let Some(mut process) = self.process.take() {
            process::signal("TERM", process.id());
            process.wait().expect("its end");
        }
    }

    /// Ends it, which ends its containers, and starts it again.
    pub(crate) fn restart(&mut self) {
        self.down();
        self.up();
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        let left =
            self.client(&["ps", "-aq"]).output().map(|ran| String::from_utf8_lossy(&ran.stdout).into_owned());
        for container in left.unwrap_or_default().split_whitespace() {
            self.client(&["rm", "-f", "-v", container]).output().ok();
        }
        self.down();
        // Whatever cannot be removed stays: the test itself has already said what went wrong.
        Command::new("ip").args(["netns", "del", &self.network]).output().ok();
        // It leaves the network that it was started in mounted.
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let places = mounts.lines().filter_map(|mount| mount.split(' ').nth(1));
        for place in places.filter(|place| Path::new(place).starts_with(&self.root)) {
            Command::new("umount").args(["-l", place]).output().ok();
        }
        std::fs::remove_dir_all(&self.root).ok();
    }
}

#[track_caller]
fn run(command: &mut Command) {
    let ran = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
}
