//! Answers that are read as they come, and for as long as they come: the logs.
//!
//! Done here and not by `bollard`, which reads the connection in a task of its own, hands every line over by itself,
//! takes a terminal that it reaches over TCP apart wherever a packet ends, and panics at the daemon's own words.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::address::Address;
use crate::reason::Attempt;
use crate::upgrade::{Duplex, dial, told};
use crate::{Engine, EngineError};

/// How long the head of an answer may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// No engine's head is longer.
const LONGEST_HEAD: usize = 64 * 1024;
/// Room for one read.
const READ: usize = 64 * 1024;

/// The body of an answer.
pub(crate) struct Body {
    connection: Connection,
    /// What was read and not taken yet.
    pub(crate) buffer: BytesMut,
}

impl Engine {
    /// Asks for `path` and gives the answer's body once its head is there.
    ///
    /// It is asked in HTTP/1.0, in which a body is what comes until the connection ends, without a frame around every
    /// line. Whether it ended or was cut is asked of the container.
    pub(crate) async fn get(&self, what: &str, path: &str) -> Result<Body, EngineError> {
        let attempt = self.attempt(what);
        let asked = async {
            let question = format!("GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n");
            let connection = Connection::open(self.address(), question.as_bytes()).await?;
            let mut body = Body { connection, buffer: BytesMut::new() };
            let status = body.head().await?;
            Ok((status, body))
        };
        let asked = tokio::time::timeout(PATIENCE, asked).await;
        let (status, body) = asked
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|error| attempt.io(&error))?;
        if status == 200 { Ok(body) } else { Err(body.refusal(&attempt, status).await) }
    }
}

impl Body {
    /// Reads what there is, at most so much that little memory is taken. `false` at the end.
    pub(crate) async fn read(&mut self) -> io::Result<bool> {
        match &mut self.connection {
            Connection::Here(local) => local.read(&mut self.buffer).await,
            Connection::Away(stream) => {
                self.buffer.reserve(READ);
                Ok(stream.read_buf(&mut self.buffer).await? > 0)
            }
        }
    }

    async fn head(&mut self) -> io::Result<u16> {
        loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let line = self.buffer[..end].split(|byte| *byte == b'\r').next().unwrap_or_default();
                let status = std::str::from_utf8(line).ok().and_then(status);
                self.buffer.advance(end + 4);
                return status.ok_or_else(|| io::Error::other("what answered does not speak HTTP"));
            }
            if self.buffer.len() > LONGEST_HEAD || !self.read().await? {
                return Err(io::Error::other("the connection ended before the answer began"));
            }
        }
    }

    async fn refusal(mut self, attempt: &Attempt<'_>, status: u16) -> EngineError {
        while self.buffer.len() <= LONGEST_HEAD {
            match self.read().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return attempt.io(&error),
            }
        }
        attempt.answered(status, &told(&self.buffer))
    }
}

/// The way that an answer comes.
enum Connection {
    Here(Local),
    Away(Box<dyn Duplex>),
}

impl Connection {
    async fn open(to: &Address, question: &[u8]) -> io::Result<Self> {
        if let Address::Unix(path) = to {
            return Ok(Self::Here(Local::open(path, question).await?));
        }
        let mut stream = dial(to).await?;
        stream.write_all(question).await?;
        Ok(Self::Away(stream))
    }
}

/// A connection to an engine on this machine, which the runtime hears of only while somebody waits for it. An engine
/// writes every line by itself: each would wake the runtime, also of those who let lines gather.
struct Local {
    stream: UnixStream,
    room: Box<[u8]>,
}

impl Local {
    async fn open(path: &Path, question: &[u8]) -> io::Result<Self> {
        let mut stream = tokio::net::UnixStream::connect(path).await?;
        stream.write_all(question).await?;
        Ok(Self { stream: stream.into_std()?, room: vec![0; READ].into_boxed_slice() })
    }

    async fn read(&mut self, to: &mut BytesMut) -> io::Result<bool> {
        tokio::task::coop::consume_budget().await;
        loop {
            match self.stream.read(&mut self.room) {
                Ok(bytes) => {
                    to.extend_from_slice(&self.room[..bytes]);
                    return Ok(bytes > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::net::UnixStream::from_std(self.stream.try_clone()?)?.readable().await?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The number in `HTTP/1.0 404 Not Found`.
fn status(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::DuplexStream;

    async fn answered(bytes: &'static [u8]) -> (io::Result<u16>, Vec<u8>) {
        let (near, mut far): (DuplexStream, _) = tokio::io::duplex(7);
        tokio::spawn(async move { far.write_all(bytes).await });
        let mut body = Body { connection: Connection::Away(Box::new(near)), buffer: BytesMut::new() };
        let status = body.head().await;
        while body.read().await.unwrap() {}
        (status, body.buffer.to_vec())
    }

    #[tokio::test]
    async fn a_body_begins_behind_the_head_however_it_arrives() {
        let (status, body) = answered(b"HTTP/1.0 404 Not Found\r\nA: b\r\n\r\n\r\n\r\nbody").await;
        assert_eq!((status.unwrap(), body.as_slice()), (404, &b"\r\n\r\nbody"[..]));
    }

    #[tokio::test]
    async fn what_is_no_answer_is_an_error() {
        assert!(answered(b"SSH-2.0\r\n\r\n").await.0.is_err());
        assert!(answered(b"HTTP/1.0 200 OK\r\n").await.0.is_err());
    }
}
