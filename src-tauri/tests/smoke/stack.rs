//! A small stack in a folder of its own.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

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
            name = "shoal-test-window-{}"

            [services.ticker]
            image = "shoal/base:bookworm"
            command = ["sh", "-c", "n=0; while sleep 0.2; do n=$$((n + 1)); echo tick $$n; done"]
            ports = ["{port}:80"]
            ready = {{ log = "tick" }}

            [services.quiet]
            image = "shoal/base:bookworm"
            command = ["sleep", "infinity"]
            depends_on = ["ticker"]
            "#,
            std::process::id(),
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
        let told = self.shoal(&["ps", "--json"]);
        let service = |line: &str| {
            let shape: serde_json::Value = serde_json::from_str(line).unwrap();
            format!("{} {}", shape["service"].as_str().unwrap(), shape["state"].as_str().unwrap())
        };
        let mut all: Vec<String> = told.lines().map(service).collect();
        all.sort();
        all
    }

    /// The session's process id.
    pub(crate) fn session(&self) -> u32 {
        let found: Found = serde_json::from_str(&self.shoal(&["place"])).unwrap();
        fs::read_to_string(found.place.lease()).unwrap().trim().parse().expect("the lease holds a process id")
    }

    pub(crate) fn session_runs(&self, pid: u32) -> bool {
        self.session() == pid && fs::exists(format!("/proc/{pid}")).unwrap()
    }

    fn shoal(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(crate::driven::shoal());
        command.current_dir(&self.folder).env("SHOAL_STATE_DIR", &self.state).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.shoal(&["down", "--volumes", "--all"]);
    }
}
