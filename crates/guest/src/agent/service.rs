//! The agent's end of [`crate::control`]: asks the supervisor and waits for what it says.

use std::io::{self, Read, Write};
use std::os::unix::net::{SocketAddr, UnixStream};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use model::frame::FromAgent;

use super::Answers;
use crate::control::{Lines, Notice, Request};
use crate::process;

/// How long the supervisor may take beyond the grace given to the old process.
const PATIENCE: Duration = Duration::from_secs(30);

/// The supervisor of this container.
pub(super) struct Supervised {
    socket: UnixStream,
    notices: Receiver<Notice>,
    pid: i32,
    home: Option<String>,
    next: u32,
}

impl Supervised {
    /// Connects; the second value must be started for the first to hear anything.
    pub(super) fn connect(at: &SocketAddr) -> io::Result<(Self, Listener)> {
        let socket = UnixStream::connect_addr(at)?;
        let pid = process::peer(&socket)?.pid;
        let (sender, notices) = mpsc::sync_channel(64);
        let mut listener = Listener { socket: socket.try_clone()?, lines: Lines::default(), notices: sender };
        let home = match listener.next()? {
            Notice::Home(home) => Some(home).filter(|home| !home.is_empty()),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        Ok((Self { socket, notices, pid, home, next: 0 }, listener))
    }

    /// The supervisor's own number, which has the service's user.
    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    pub(super) fn home(&self) -> Option<&str> {
        self.home.as_deref()
    }

    /// Returns when the old process is gone and the new one runs.
    pub(super) fn restart(&mut self, grace_ms: u32) -> Result<(), String> {
        let patience = PATIENCE + Duration::from_millis(grace_ms.into());
        self.ask(|id| Request::Restart { id, grace_ms }, patience).map_err(|why| format!("restart: {why}"))
    }

    pub(super) fn signal(&mut self, number: i32) -> Result<(), String> {
        self.ask(|id| Request::Signal { id, number }, PATIENCE)
            .map_err(|why| format!("signal {number}: {why}"))
    }

    fn ask(&mut self, request: impl FnOnce(u32) -> Request, patience: Duration) -> Result<(), String> {
        let asked = self.next;
        self.next = asked.wrapping_add(1);
        let gone = || "the container's supervisor is gone".to_owned();
        self.socket.write_all(format!("{}\n", request(asked)).as_bytes()).map_err(|_| gone())?;
        loop {
            match self.notices.recv_timeout(patience) {
                Ok(Notice::Done { id, .. }) if id == asked => return Ok(()),
                Ok(Notice::Failed { id, why }) if id == asked => return Err(why),
                // Late answers to what was given up.
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return Err("the old process does not end".to_owned()),
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
            }
        }
    }
}

/// Hears what the supervisor says.
pub(super) struct Listener {
    socket: UnixStream,
    lines: Lines,
    notices: SyncSender<Notice>,
}

impl Listener {
    /// From here on, passes on by itself that the service ended; what answers a request goes to who asked.
    pub(super) fn start(mut self, answers: Answers) {
        thread::spawn(move || {
            while let Ok(notice) = self.next() {
                let heard = match notice {
                    Notice::Ended { code } => answers.send(&FromAgent::Ended { code }).is_ok(),
                    notice => self.notices.send(notice).is_ok(),
                };
                if !heard {
                    return;
                }
            }
        });
    }

    fn next(&mut self) -> io::Result<Notice> {
        let mut bytes = [0; 4096];
        loop {
            while let Some(line) = self.lines.next_line() {
                if let Some(notice) = Notice::parse(&line) {
                    return Ok(notice);
                }
            }
            match self.socket.read(&mut bytes) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.lines.push(&bytes[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
