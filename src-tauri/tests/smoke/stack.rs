//! A small stack in a folder of its own.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};

use api::Found;
use tempfile::TempDir;

/// Taken down when dropped, after a failed test too.
pub(crate) struct Stack {
    folder: PathBuf,
    state: PathBuf,
    pub(crate) port: u16,
}

impl Stack {
    pub(crate) fn new(home: &TempDir) -> Self {
        let folder = home.path().join("stack");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::create_dir_all(&folder).unwrap();
        let manifest = format!(
            r#"
            name = "shoal-test-window-{port}"

            [services.ticker]
            image = "shoal/base:bookworm"
            command = ["sh", "-c", "n=0; while sleep 0.2; do n=$$((n + 1)); echo tick $$n; done"]
            ports = ["{port}:80"]
            ready = {{ log = "tick" }}

            [services.quiet]
            image = "shoal/base:bookworm"
            command = ["sleep", "infinity"]
            depends_on = ["ticker"]
            "#
        );
        fs::write(folder.join("services.toml"), manifest).unwrap();
        Self { folder, state: home.path().join("state"), port }
    }

    pub(crate) fn folder(&self) -> String {
        self.folder.display().to_string()
    }

    pub(crate) fn manifest(&self) -> String {
        self.folder.join("services.toml").display().to_string()
    }

    /// `SERVICE STATE` of each service, as the command line tells.
    pub(crate) fn states(&self) -> Vec<String> {
        self.told("state")
    }

    /// `SERVICE CONTAINER` of each service.
    pub(crate) fn instances(&self) -> Vec<String> {
        self.told("instance")
    }

    fn told(&self, field: &str) -> Vec<String> {
        let told = self.shoal(&["ps", "--json"]);
        let service = |line: &str| {
            let shape: serde_json::Value = serde_json::from_str(line).unwrap();
            format!("{} {}", shape["service"].as_str().unwrap(), shape[field].as_str().unwrap())
        };
        let mut all: Vec<String> = told.lines().map(service).collect();
        all.sort();
        all
    }

    /// The session's process id, while there is one.
    pub(crate) fn session(&self) -> Option<u32> {
        let found: Found = serde_json::from_str(&self.shoal(&["place"])).unwrap();
        let pid = fs::read_to_string(found.place.lease()).ok()?.trim().parse().ok()?;
        fs::exists(format!("/proc/{pid}")).unwrap().then_some(pid)
    }

    pub(crate) fn shoal(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> std::io::Result<Output> {
        let mut command = Command::new(crate::driven::shoal());
        command.current_dir(&self.folder).env("SHOAL_STATE_DIR", &self.state).args(arguments).output()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // A failed test must not fail a second time here; `.ci/test` tells what was left behind.
        drop(self.run(&["down", "--volumes", "--all"]));
    }
}
