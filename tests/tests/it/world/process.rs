//! Processes of the program under test.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::until;

/// Hardly a command under test takes longer, however loaded the machine is.
const LONGEST: Duration = Duration::from_mins(3);

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    shown: String,
}

impl Ran {
    /// It did what it was asked.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.ends_with(0)
    }

    /// It ended with this exit code.
    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        let Self { shown, stdout, stderr, .. } = &self;
        assert_eq!(self.code, code, "exit code of {shown}\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        self
    }

    /// Standard output as NDJSON.
    #[track_caller]
    pub(crate) fn rows(&self) -> Vec<Value> {
        let row =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{}: {e}: {line}", self.shown));
        self.stdout.lines().map(row).collect()
    }

    /// What it told people contains all of this.
    #[track_caller]
    pub(crate) fn tells(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "{} does not tell `{part}` but\n{}", self.shown, self.stderr);
        }
        self
    }
}

/// A command that runs. Ended when dropped.
pub(crate) struct Running {
    child: Child,
    shown: String,
    stdout: Gathered,
    stderr: Gathered,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let shown = format!("{command:?}");
        let args: Vec<_> = command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{shown}: {e}"));
        let stdout = Gathered::of(child.stdout.take().expect("a pipe"));
        let stderr = Gathered::of(child.stderr.take().expect("a pipe"));
        Self { child, shown: format!("`shoal {}`", args.join(" ")), stdout, stderr }
    }

    /// What it printed so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Waits until standard output contains `part`.
    #[track_caller]
    pub(crate) fn says(&self, part: &str) {
        until(&format!("`{part}` from {}", self.shown), || self.stdout().contains(part).then_some(()));
    }

    /// Waits until standard error contains `part`.
    #[track_caller]
    pub(crate) fn tells(&self, part: &str) {
        until(&format!("`{part}` from {}", self.shown), || self.stderr.text().contains(part).then_some(()));
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        signal(name, self.child.id());
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(self) -> Ran {
        self.wait_at_most(LONGEST)
    }

    /// Waits for the end of something that takes longer than all else.
    #[track_caller]
    pub(crate) fn wait_at_most(mut self, longest: Duration) -> Ran {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(
                begun.elapsed() < longest,
                "{} does not end\n--- stdout\n{}\n--- stderr\n{}",
                self.shown,
                self.stdout.text(),
                self.stderr.text()
            );
            std::thread::sleep(Duration::from_millis(5));
        };
        let (stdout, stderr) = (self.stdout.whole(), self.stderr.whole());
        Ran { code: status.code().unwrap_or(-1), stdout, stderr, shown: self.shown.clone() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What comes out of a pipe, read as it comes.
struct Gathered {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Gathered {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let into = bytes.clone();
        let reader = std::thread::spawn(move || {
            let mut chunk = [0; 8192];
            while let Ok(read @ 1..) = pipe.read(&mut chunk) {
                into.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&chunk[..read]);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("a reader");
        }
        self.text()
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(name: &str, process: u32) {
    let sent =
        Command::new("sh").arg("-c").arg(format!("kill -{name} {process}")).stderr(Stdio::null()).status();
    // It may have ended a moment ago.
    sent.expect("sh runs");
}

/// Whether a process is there and no corpse.
pub(crate) fn lives(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Every process that has `variable` in its environment.
pub(crate) fn having(variable: &str) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let ids = processes.filter_map(|p| p.file_name().to_str()?.parse::<u32>().ok());
    let has = |id: &u32| {
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment.split(|b| *b == 0).any(|pair| pair == variable.as_bytes())
    };
    ids.filter(|id| has(id) && lives(*id)).collect()
}

/// Kills every process that has `variable` in its environment.
pub(crate) fn end_all(variable: &str) {
    for _ in 0..200 {
        let left = having(variable);
        if left.is_empty() {
            return;
        }
        for id in left {
            signal("KILL", id);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
