//! A world of a test's own.

mod cuts;
mod engine;
mod http;
mod manifest;
mod own_engine;
mod process;

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) use engine::{docker, docker_lines, docker_output};
pub(crate) use http::{ask, get};
pub(crate) use manifest::{script, web, writer};
use own_engine::OwnEngine;
pub(crate) use process::{Ran, Running, lives};

/// As long as anything is waited for. A loaded machine is slow; a test that passes never waits this long.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Looks again and again until there is something; fails the test when there is nothing for a minute.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// Folders, a stack's name, and the program under test.
pub(crate) struct World {
    name: String,
    engine: Engine,
    shoal: PathBuf,
    own: Option<OwnEngine>,
    // Dropped last, in this order: what it guards must be gone by then.
    root: TempDir,
    _turn: Option<File>,
}

enum Engine {
    Nowhere,
    At(String),
}

impl World {
    /// A world where no engine answers.
    pub(crate) fn without_engine(name: &str) -> Self {
        Self::new(name, Engine::Nowhere, None)
    }

    /// A world with the machine's engine. Tests with an engine take turns: each loads the machine fully.
    pub(crate) fn with_engine(name: &str) -> Self {
        let turn = File::create(std::env::temp_dir().join("shoal-it.turn")).expect("a file to lock");
        turn.lock().expect("a lock");
        Self::new(name, Engine::At(engine::address()), Some(turn))
    }

    fn new(name: &str, engine: Engine, turn: Option<File>) -> Self {
        // Short, as the path of a socket has at most 107 bytes.
        let root = tempfile::Builder::new().prefix("it").tempdir().expect("a folder");
        for folder in ["w", "h"] {
            std::fs::create_dir(root.path().join(folder)).expect("a folder");
        }
        let shoal = built("shoal");
        built("shoal-guest");
        Self {
            name: format!("it-{name}-{}", std::process::id()),
            engine,
            shoal,
            own: None,
            root,
            _turn: turn,
        }
    }

    /// Binaries of this world's own, whose guest nobody else has on the engine.
    pub(crate) fn with_own_guest(mut self) -> Self {
        let folder = self.root.path().join("b");
        std::fs::create_dir(&folder).expect("a folder");
        let own = folder.join("shoal");
        if std::fs::hard_link(&self.shoal, &own).is_err() {
            std::fs::copy(&self.shoal, &own).expect("a copy");
        }
        let guest = folder.join("shoal-guest");
        std::fs::copy(built("shoal-guest"), &guest).expect("a copy");
        let mut bytes = std::fs::read(&guest).expect("the guest");
        bytes.extend_from_slice(self.name.as_bytes());
        std::fs::write(&guest, bytes).expect("a guest of its own");
        self.shoal = own;
        self
    }

    /// The same with an engine of its own, started with `options`.
    pub(crate) fn with_own_engine(name: &str, options: &[&str]) -> Self {
        let mut world = Self::with_engine(name);
        let root = world.root.path().join("e");
        std::fs::create_dir(&root).expect("a folder");
        let own = OwnEngine::start(&root, options);
        world.engine = Engine::At(format!("unix://{}", own.socket().display()));
        world.own = Some(own);
        world
    }

    /// The engine of its own.
    pub(crate) fn own_engine(&mut self) -> &mut OwnEngine {
        self.own.as_mut().expect("an engine of its own")
    }

    /// The same, with an engine whose connections can be cut.
    pub(crate) fn that_can_be_cut(mut self) -> (Self, cuts::Cuts) {
        let Engine::At(address) = &self.engine else { panic!("no engine to be cut off from") };
        let engine = address.strip_prefix("unix://").expect("an engine on this machine");
        let socket = self.root.path().join("e.sock");
        let cuts = cuts::Cuts::between(&socket, engine.into());
        self.engine = Engine::At(format!("unix://{}", socket.display()));
        (self, cuts)
    }

    /// The stack's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The folder that `shoal` is started in.
    pub(crate) fn folder(&self) -> PathBuf {
        self.root.path().join("w")
    }

    /// The state folder.
    pub(crate) fn state(&self) -> PathBuf {
        self.root.path().join("s")
    }

    /// The stack's own folder in the state folder.
    pub(crate) fn place(&self) -> PathBuf {
        let stacks = std::fs::read_dir(self.state().join("stacks")).expect("stacks");
        let of_stack =
            |p: &PathBuf| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&self.name));
        stacks.flatten().map(|e| e.path()).find(of_stack).expect("the stack's place")
    }

    /// A container's name.
    pub(crate) fn instance(&self, service: &str) -> String {
        format!("{}-{service}-1", self.name)
    }

    /// Writes a file in the folder, and the folders it lies in.
    pub(crate) fn write(&self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        let path = self.folder().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    /// Writes the manifest, and the programs that [`web`] and [`script`] name.
    pub(crate) fn manifest(&self, text: &str) {
        for (name, program) in manifest::PROGRAMS {
            self.write(name, program);
        }
        self.write("services.toml", text);
    }

    /// The program with nothing of this machine's in its environment.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.shoal);
        command.env_clear().current_dir(self.folder()).stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.root.path().join("h")).env("SHOAL_STATE_DIR", self.state());
        // By this one `.ci/test` knows processes that a killed test left behind.
        command.env("TMPDIR", std::env::temp_dir());
        command.env(
            "DOCKER_HOST",
            match &self.engine {
                Engine::Nowhere => "unix:///nonexistent/engine.sock",
                Engine::At(address) => address,
            },
        );
        command
    }

    /// Runs `shoal -p NAME ARGS` to its end.
    #[track_caller]
    pub(crate) fn shoal(&self, args: &[&str]) -> Ran {
        self.run(self.command().args(["-p", &self.name]).args(args))
    }

    /// Runs a command to its end.
    #[track_caller]
    #[expect(clippy::unused_self, reason = "what runs, runs in a world")]
    pub(crate) fn run(&self, command: &mut Command) -> Ran {
        Running::start(command).wait()
    }

    /// Starts `shoal -p NAME ARGS`.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running::start(self.command().args(["-p", &self.name]).args(args))
    }

    /// `shoal ps`, by service.
    #[track_caller]
    pub(crate) fn ps(&self) -> Vec<Value> {
        self.shoal(&["ps", "--json"]).ok().rows()
    }

    /// One service of `shoal ps`.
    #[track_caller]
    pub(crate) fn service(&self, name: &str) -> Value {
        self.ps().into_iter().find(|s| s["service"] == name).unwrap_or_else(|| panic!("`ps` lacks `{name}`"))
    }

    /// The container that a service runs in now.
    #[track_caller]
    pub(crate) fn container(&self, service: &str) -> String {
        docker(&["inspect", "--format", "{{.Id}}", &self.instance(service)])
    }

    /// A call of `docker` for this world's engine.
    pub(crate) fn docker(&self, args: &[&str]) -> Command {
        match &self.own {
            Some(own) => own.client(args),
            None => engine::client(args),
        }
    }

    /// `127.0.0.1:PORT` of a service's first published port.
    #[track_caller]
    pub(crate) fn published(&self, service: &str) -> String {
        let shown = self.service(service);
        let port = shown["ports"][0]["host"].as_u64().unwrap_or_else(|| panic!("no port in {shown}"));
        format!("127.0.0.1:{port}")
    }

    /// The session's process.
    #[track_caller]
    pub(crate) fn session(&self) -> u32 {
        let lease = std::fs::read_to_string(self.place().join("session.lease")).expect("a lease");
        lease.trim().parse().expect("a process id")
    }

    /// Kills the session, as a crash would.
    #[track_caller]
    pub(crate) fn kill_session(&self) {
        let session = self.session();
        process::signal("KILL", session);
        until("the session's end", || (!lives(session)).then_some(()));
        // Its threads end one by one; its socket is closed with the last.
        let socket = self.place().join("session.sock");
        until("its socket's end", || UnixStream::connect(&socket).is_err().then_some(()));
    }
}

impl Drop for World {
    fn drop(&mut self) {
        process::end_all(&format!("SHOAL_STATE_DIR={}", self.state().display()));
        if matches!(self.engine, Engine::At(_)) {
            engine::clean(&self.folder());
        }
    }
}

fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this program's path");
    let folder = test.ancestors().nth(2).expect("target/debug/deps/it-…");
    let path = folder.join(name);
    assert!(path.is_file(), "{} is missing\nhint: run `./dev build`", path.display());
    path
}
