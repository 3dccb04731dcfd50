//! `agent`: does in a container what a reload asks for, in order: files, commands, restart or signal.
//!
//! Steps come as frames on standard input and the answers go as frames to standard output ([`model::frame`]). Once a
//! step has failed, the rest up to the commit is passed over.

mod command;
mod compare;
mod files;
mod service;
mod user;

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use model::frame::{self, Frames, FromAgent, ToAgent};

use crate::{control, process, signal};
use files::Files;
use service::Supervised;

/// Works until standard input ends.
pub(crate) fn run(args: &[OsString]) -> ExitCode {
    let socket = match args {
        [] => None,
        [option, name] if option == "--socket" => Some(name),
        _ => return crate::complain("usage: shoal-guest agent [--socket NAME]"),
    };
    // The permission bits of a file are those of the file it mirrors.
    process::set_umask(0);
    let answers = Answers::default();
    let (service, listener) = control::address(socket).and_then(|at| Supervised::connect(&at)).ok().unzip();
    let ready = answers.send(&FromAgent::Ready { supervised: service.is_some() });
    if let Some(listener) = listener {
        listener.start(answers.clone());
    }
    let mut agent = Agent { answers, service, files: Files::default(), batch: Batch::default() };
    match ready.and_then(|()| agent.attend(&mut io::stdin().lock())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => crate::say(&mut io::stderr(), &format!("shoal-guest agent: {error}"), 1),
    }
}

/// Where the answers go; whole frames, whoever sends them.
#[derive(Clone, Default)]
struct Answers(Arc<Mutex<()>>);

impl Answers {
    fn send(&self, answer: &FromAgent) -> io::Result<()> {
        let frame = frame::encode(answer).map_err(io::Error::other)?;
        let _whole = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = io::stdout().lock();
        out.write_all(&frame)?;
        out.flush()
    }
}

/// The batch that is under way.
#[derive(Default)]
struct Batch {
    failed: bool,
    run: Duration,
    restart: Duration,
}

struct Agent {
    answers: Answers,
    /// `None` where PID 1 is the service itself.
    service: Option<Supervised>,
    files: Files,
    batch: Batch,
}

/// Adds to `spent` what a deed takes.
fn timed<T>(spent: &mut Duration, deed: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = deed();
    *spent += began.elapsed();
    done
}

impl Agent {
    fn attend(&mut self, input: &mut impl Read) -> io::Result<()> {
        let mut frames = Frames::default();
        let mut bytes = vec![0; 64 * 1024];
        loop {
            match input.read(&mut bytes) {
                Ok(0) => return Ok(()),
                Ok(length) => frames.push(&bytes[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            while let Some(step) = frames.next_frame() {
                self.take(step)?;
            }
        }
    }

    fn take(&mut self, step: ToAgent) -> io::Result<()> {
        if let ToAgent::Commit { batch } = step {
            let Batch { failed, run, restart } = std::mem::take(&mut self.batch);
            self.files.abandon();
            let [run, restart] = [run, restart].map(|took| took.as_micros() as u64);
            return self.answers.send(&FromAgent::Done { batch, ok: !failed, run, restart });
        }
        if self.batch.failed {
            return Ok(());
        }
        if let Err(what) = self.perform(step) {
            self.batch.failed = true;
            self.answers.send(&FromAgent::Failed { what })?;
        }
        Ok(())
    }

    fn perform(&mut self, step: ToAgent) -> Result<(), String> {
        match step {
            ToAgent::Put { path, mode, in_place, bytes, last } => {
                let way = if in_place { files::Way::InPlace } else { files::Way::Replace };
                self.files.put(&path, mode, way, &bytes, last)
            }
            ToAgent::Append { bytes, last } => self.files.append(&bytes, last),
            ToAgent::Link { path, target } => files::link(&path, &target),
            ToAgent::MakeDir { path, mode } => files::make_folder(&path, mode),
            ToAgent::Delete { path } => files::delete(&path),
            ToAgent::Run { command, user } => {
                let home = self.service.as_ref().and_then(Supervised::home);
                let owner = self.service.as_ref().map_or(1, Supervised::pid);
                timed(&mut self.batch.run, || {
                    command::run(&command, owner, user.as_deref(), home, &self.answers)
                })
            }
            ToAgent::Compare { entries } => {
                let which = compare::differing(&entries);
                self.answers.send(&FromAgent::Differ { which }).map_err(|error| crate::reason(&error))
            }
            ToAgent::Restart { grace_ms } => match &mut self.service {
                Some(service) => timed(&mut self.batch.restart, || service.restart(grace_ms)),
                None => Err("restart: the container does not run under Shoal's supervisor".to_owned()),
            },
            ToAgent::Signal { name } => {
                let number = signal::number(&name).ok_or_else(|| format!("signal: `{name}` is no signal"))?;
                match &mut self.service {
                    Some(service) => service.signal(number),
                    None => process::kill(1, number)
                        .map_err(|e| format!("signal `{name}`: {}", crate::reason(&e))),
                }
            }
            // Taken care of before.
            ToAgent::Commit { .. } => Ok(()),
        }
    }
}
