//! What is run with and without the supervisor, and what is done to it.

/// A service of one kind; what it is made of is the stage of the same name in `Dockerfile`.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// More of the manifest.
    pub(super) keys: &'static str,
    /// What it logs once it is up; empty for one that is up without a word or ends by itself.
    pub(super) up: &'static str,
    /// Signals that are sent to it, and what it logs then; nothing where it must take no notice.
    pub(super) signals: &'static [(&'static str, &'static str)],
    pub(super) end: End,
    /// Its log has times and process numbers, and more than one process writes it.
    pub(super) loose: bool,
}

/// How it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As `docker stop` asks it to.
    Stop,
    /// By this signal.
    Kill(&'static str),
    /// By itself.
    Itself,
}

const CASE: Case = Case { name: "", keys: "", up: "", signals: &[], end: End::Stop, loose: false };
/// `signals.pl` runs in it.
const SIGNALS: Case = Case {
    up: "up",
    signals: &[("HUP", "HUP"), ("USR1", "USR1"), ("WINCH", "WINCH"), ("ALRM", "ALRM"), ("PIPE", "")],
    ..CASE
};

/// Below an init nothing is spared the signals that it does not handle.
const BELOW_INIT: &[(&str, &str)] = &[("HUP", "HUP"), ("USR2", "USR2"), ("CONT", "CONT")];

pub(super) const CASES: &[Case] = &[
    // Commands in every form.
    Case { name: "exec", ..SIGNALS },
    Case { name: "shell", signals: &[("HUP", ""), ("USR1", "")], ..SIGNALS },
    Case { name: "relative", end: End::Kill("INT"), ..SIGNALS },
    Case { name: "lookup", end: End::Kill("QUIT"), ..SIGNALS },
    Case { name: "elsewhere", ..SIGNALS },
    Case { name: "reads", up: "read", end: End::Kill("KILL"), ..CASE },
    // Images that have little or allow little.
    Case { name: "bare", signals: &[("TERM", ""), ("USR1", "")], end: End::Kill("KILL"), ..CASE },
    Case { name: "distroless", ..SIGNALS },
    Case { name: "other-user", keys: "user = \"1234:5678\"", ..SIGNALS },
    Case { name: "read-only", keys: "read_only = true\ncap_drop = [\"ALL\"]", ..SIGNALS },
    Case { name: "terminal", keys: "tty = true", ..SIGNALS },
    Case { name: "limited", keys: "ulimits = { nofile = 100, core = 0 }", ..SIGNALS },
    // What does not end when asked, and what asks for another signal.
    Case { name: "deaf", signals: &[("HUP", ""), ("TERM", ""), ("USR1", ""), ("INT", "")], ..CASE },
    Case { name: "ignores", up: "up", signals: &[("HUP", "")], ..CASE },
    Case { name: "other-signal", end: End::Kill("TERM"), ..SIGNALS },
    Case { name: "checked", ..SIGNALS },
    // Inits and what runs more than one program.
    Case { name: "init", keys: "init = true", signals: BELOW_INIT, ..SIGNALS },
    Case { name: "tini", signals: BELOW_INIT, ..SIGNALS },
    Case { name: "tini-group", up: "up", ..CASE },
    Case { name: "dumb-init", up: "up", ..CASE },
    Case { name: "s6", up: "up", ..CASE },
    Case { name: "runit", up: "up", ..CASE },
    Case { name: "supervisor", up: "up", loose: true, ..CASE },
    Case { name: "zombies", up: "up", ..CASE },
    // What people run.
    Case {
        name: "nginx",
        up: "start worker process",
        signals: &[("HUP", "gracefully shutting down")],
        loose: true,
        ..CASE
    },
    Case {
        name: "postgres",
        up: "ready to accept connections",
        signals: &[("HUP", "reloading")],
        loose: true,
        ..CASE
    },
    Case { name: "redis", up: "Ready to accept connections", loose: true, ..CASE },
    Case { name: "node", up: "up", signals: &[("USR2", "USR2")], ..CASE },
    Case { name: "python", up: "up", end: End::Kill("TERM"), ..CASE },
    Case { name: "java", up: "up", ..CASE },
    // Ends.
    Case { name: "leaves-0", end: End::Itself, ..CASE },
    Case { name: "leaves-137", end: End::Itself, ..CASE },
    Case { name: "leaves-others", end: End::Itself, ..CASE },
    Case { name: "crashes", end: End::Itself, ..CASE },
];

impl Case {
    /// The stage of `Dockerfile` that it is built from.
    pub(super) fn stage(&self) -> &'static str {
        match self.name {
            "other-user" | "read-only" | "terminal" | "limited" | "init" => "exec",
            name => name,
        }
    }
}
