//! `supervise`: PID 1 of a service that is reloaded in place.
//!
//! It stands between the engine and the service and is not to be noticed: the service has the environment, folder,
//! user, descriptors and terminal it would have without it, gets the signals and the orphans that it would get as
//! PID 1, and its exit code ends the container. What it adds is that the service's process can be started anew while the container goes
//! on, asked for by the agent ([`crate::control`]) or by [`RESTART`].
//!
//! [`state`] decides, the loop here does.

mod lookup;
mod server;
mod state;
mod sweep;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::process::{self, ExitCode};
use std::time::{Duration, Instant};

use crate::control::{self, Notice, Request};
use crate::process::{self as sys, Place, Program, Signals, Terminal};
use crate::signal;
use lookup::StartError;
use server::Server;
use state::{Asker, Effect, Event, State};

/// `SIGRTMIN+5`: start the service's process anew, with [`GRACE`].
const RESTART: i32 = 39;
/// How long the old process may take to end when nobody said otherwise: what engines give.
const GRACE: Duration = Duration::from_secs(10);

/// Runs the command after `--` until it ends by itself.
pub(crate) fn run(args: &[OsString]) -> ExitCode {
    let Some(options) = Options::parse(args) else {
        return crate::complain(
            "usage: shoal-guest supervise [--stop-signal NAME] [--group] [--socket NAME] -- PROGRAM [ARGUMENT]...",
        );
    };
    match Supervisor::start(options) {
        Ok(supervisor) => ExitCode::from(supervisor.attend()),
        Err(error) => {
            // Nowhere to go if standard error is closed as well: the code says it.
            let _unsaid = writeln!(io::stderr(), "{error}");
            ExitCode::from(error.code())
        }
    }
}

struct Options {
    command: Vec<OsString>,
    stop_signal: i32,
    /// The init above sends its signals to whole groups, so the service's group gets them.
    group: bool,
    socket: Option<OsString>,
}

impl Options {
    fn parse(args: &[OsString]) -> Option<Self> {
        let mut options =
            Self { command: Vec::new(), stop_signal: libc::SIGTERM, group: false, socket: None };
        let mut args = args.iter();
        loop {
            match args.next()?.to_str()? {
                "--" => break,
                "--stop-signal" => options.stop_signal = signal::number(args.next()?.to_str()?)?,
                "--group" => options.group = true,
                "--socket" => options.socket = Some(args.next()?.clone()),
                _ => return None,
            }
        }
        options.command = args.cloned().collect();
        (!options.command.is_empty()).then_some(options)
    }
}

struct Supervisor {
    command: Vec<OsString>,
    signals: Signals,
    place: Place,
    group: bool,
    /// `None` where another supervisor of this container listens already; [`RESTART`] still works.
    server: Option<Server>,
    state: State,
    /// The service's process while it runs.
    service: Option<i32>,
    is_init: bool,
}

impl Supervisor {
    fn start(options: Options) -> Result<Self, StartError> {
        let (signals, mask) = Signals::take_all().map_err(StartError::Prepare)?;
        let terminal = Terminal::hand_over(&signals);
        let is_init = process::id() == 1;
        if !is_init {
            sys::adopt_orphans().map_err(StartError::Prepare)?;
        }
        let server = control::address(options.socket.as_ref()).and_then(|at| Server::listen(&at)).ok();
        let mut supervisor = Self {
            command: options.command,
            signals,
            place: Place { mask, terminal, adopts: is_init },
            group: options.group,
            server,
            state: State::new(options.stop_signal),
            service: None,
            is_init,
        };
        supervisor.spawn()?;
        Ok(supervisor)
    }

    /// Serves until the container should end; returns its exit code.
    fn attend(mut self) -> u8 {
        loop {
            let now = Instant::now();
            let timeout = self.state.deadline().map(|at| at.saturating_duration_since(now));
            let mut fds = vec![self.signals.as_raw_fd()];
            if let Some(server) = &self.server {
                fds.extend(server.descriptors());
            }
            let Ok(ready) = sys::wait_readable(&fds, timeout) else { return 1 };
            let mut events = Vec::new();
            if ready[0] {
                self.take_signals(&mut events);
            }
            if let Some(server) = &mut self.server {
                let home = Notice::Home(env::var("HOME").unwrap_or_default());
                let greeting = [home].into_iter().chain(self.state.held().map(|code| Notice::Ended { code }));
                for (client, request) in server.serve(&ready[1..], &greeting.collect::<Vec<_>>()) {
                    self.take_request(client, &request, &mut events);
                }
            }
            events.push(Event::Tick);
            for event in events {
                if let Some(code) = self.handle(event) {
                    return code;
                }
            }
        }
    }

    fn take_signals(&mut self, events: &mut Vec<Event>) {
        while let Some(signal) = self.signals.next() {
            match signal.number {
                libc::SIGCHLD => {}
                RESTART => events.push(Event::Restart { asker: None, grace: GRACE }),
                // A broken pipe to an agent, for one.
                _ if signal.sender == process::id() as i32 => {}
                number => events.push(Event::Signal { number, delivered: self.would_get(number) }),
            }
        }
        while let Some((pid, code)) = sys::reap() {
            if self.service == Some(pid) {
                self.service = None;
                events.push(Event::Ended(code));
            }
        }
    }

    /// Whether the service would get the signal without us: the kernel keeps from PID 1 what it does not handle.
    fn would_get(&self, number: i32) -> bool {
        let Some(pid) = self.service.filter(|_| self.is_init) else { return true };
        fs::read_to_string(format!("/proc/{pid}/status"))
            .ok()
            .and_then(|status| handled(&status))
            .is_none_or(|mask| mask & (1 << (number - 1)) != 0)
    }

    fn take_request(&self, client: u32, request: &Request, events: &mut Vec<Event>) {
        match *request {
            Request::Restart { id, grace_ms } => {
                let grace = Duration::from_millis(grace_ms.into());
                events.push(Event::Restart { asker: Some(Asker { client, id }), grace });
            }
            Request::Signal { id, number } => {
                let sent = match self.service {
                    Some(pid) => sys::kill(pid, number).map(|()| pid).map_err(|e| crate::reason(&e)),
                    None => Err("the service's process does not run".to_owned()),
                };
                self.answer(Asker { client, id }, sent);
            }
        }
    }

    /// Does what an event asks for; `Some` ends the container.
    fn handle(&mut self, event: Event) -> Option<u8> {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for effect in self.state.on(event, Instant::now()) {
                match effect {
                    // A process that is gone needs no signal; its end is on its way to us.
                    Effect::ToService(number) => {
                        drop(self.service.map(|pid| sys::kill(if self.group { -pid } else { pid }, number)));
                    }
                    Effect::ToGroup(number) => drop(self.service.map(|pid| sys::kill(-pid, number))),
                    Effect::Sweep => sweep::end_descendants(),
                    Effect::Spawn => {
                        let spawned = self.spawn().map_err(|error| {
                            let _unsaid = writeln!(io::stderr(), "{error}");
                            (error.code().into(), error.to_string())
                        });
                        events.push(Event::Spawned(spawned));
                    }
                    Effect::Answer(asker, answer) => self.answer(asker, answer),
                    Effect::Report(code) => {
                        if let Some(server) = &self.server {
                            server.tell_all(&Notice::Ended { code });
                        }
                    }
                    Effect::Exit(code) => {
                        // The kernel does it for PID 1, with a container's other processes too.
                        if !self.is_init {
                            sweep::end_descendants();
                        }
                        return Some(code as u8);
                    }
                }
            }
        }
        None
    }

    fn answer(&self, asker: Asker, answer: Result<i32, String>) {
        let Some(server) = &self.server else { return };
        server.tell(
            asker.client,
            &match answer {
                Ok(pid) => Notice::Done { id: asker.id, pid },
                Err(why) => Notice::Failed { id: asker.id, why },
            },
        );
    }

    fn spawn(&mut self) -> Result<i32, StartError> {
        let name = &self.command[0];
        let path = lookup::find(name, env::var_os("PATH").as_deref())?;
        let pid = Program::new(&path, &self.command)
            .and_then(|program| program.spawn(&self.place))
            .map_err(|error| StartError::Execute(path, error))?;
        self.service = Some(pid);
        Ok(pid)
    }
}

/// The signals a process handles, as a bit mask, from its `/proc/PID/status`.
fn handled(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_end_at_the_dashes() {
        let parse = |text: &str| Options::parse(&text.split(' ').map(OsString::from).collect::<Vec<_>>());
        let options = parse("--stop-signal QUIT --group --socket x -- app -- --stop-signal").unwrap();
        assert_eq!(options.command, ["app", "--", "--stop-signal"]);
        assert_eq!((options.stop_signal, options.group), (libc::SIGQUIT, true));
        assert_eq!(options.socket, Some("x".into()));
        for wrong in ["", "--", "app", "--stop-signal NOPE -- app", "--what -- app", "--socket"] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn handled_signals_are_read_from_the_status() {
        assert_eq!(handled("Name:\tx\nSigCgt:\t0000000000004002\n"), Some(0x4002));
        assert_eq!(handled("Name:\tx\n"), None);
    }
}
