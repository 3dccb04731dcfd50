//! What the guest and its host tell each other, and how it is framed on a byte stream.
//!
//! A frame is the magic `SHL1`, the payload's length as a little-endian `u32`, and the payload in postcard's
//! format. A reader that starts in the middle of a stream, or meets bytes that are no frame, looks for the next
//! magic ([`Frames`]). Both sides are of one build, so the payload carries no version of its own.

use std::marker::PhantomData;
use std::net::SocketAddr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::exchange::{CaptureCounts, Exchange, Message, Part, Protocol, Tally};
use crate::packets::{Packets, PacketsAsk};

const MAGIC: [u8; 4] = *b"SHL1";
const HEAD: usize = 8;
/// A longer payload is taken for garbage, in bytes. File contents are sent in chunks far below it.
pub const MAX_PAYLOAD: usize = 16 * 1024 * 1024;

/// A network whose traffic is to be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedNetwork {
    /// The bridge interface in the engine's network namespace, such as `br-0123456789ab`.
    pub bridge: String,
}

/// Host to `shoal-guest capture`, on its standard input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToCapture {
    /// Watch these networks and no others; replaces what was said before.
    Networks(Vec<CapturedNetwork>),
    /// Keep this many bytes of each body.
    BodyLimit(u32),
    /// These servers speak this, whatever their bytes look like; replaces what was said before.
    Protocols(Vec<(SocketAddr, Protocol)>),
    /// More of key logs: secrets of TLS connections. From the first on, be it empty, they are expected.
    TlsKeys(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Keep so many bytes of the newest packets, for whoever asks for them.
    KeepPackets(u32),
    /// Answer with a page of the packets that are kept.
    Packets(PacketsAsk),
}

/// `shoal-guest capture` to host, on its standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromCapture {
    /// The socket is open and filtered; packets from here on are seen.
    Ready {
        /// When this guest began, in milliseconds since 1970: one that is started again has another one, and knows
        /// nothing of what the one before it told.
        epoch: u64,
    },
    /// A new state of an exchange.
    Exchange(Box<Exchange>),
    /// Every few seconds: of the exchanges that were told before, by connection and place on it, those that go on. The
    /// end of any other was told, whether it arrived or not.
    Open(Vec<(u64, u32)>),
    /// Calls that came too thick to be told one by one.
    Tally(Box<Tally>),
    /// Once a second: what was seen and missed so far.
    Counts(CaptureCounts),
    /// The page that was asked for.
    Packets(Packets),
    /// Capturing is not possible, and why.
    Failed(String),
}

impl FromCapture {
    /// About how many bytes of memory it holds.
    pub fn weight(&self) -> usize {
        let fields =
            |message: &Message| message.headers.iter().map(|(n, v)| n.len() + v.len() + 48).sum::<usize>();
        let message = |message: &Message| {
            message.body.len() + fields(message) + message.parts.len() * size_of::<Part>()
        };
        let exchange = |exchange: &Exchange| {
            size_of::<Exchange>()
                + exchange.target.len()
                + message(&exchange.request)
                + exchange.response.as_ref().map_or(0, message)
        };
        let own = match self {
            Self::Exchange(told) => exchange(told),
            Self::Tally(tally) => exchange(&tally.like) + tally.micros.len() * 8,
            Self::Failed(why) => why.len(),
            Self::Packets(page) => page.records.len(),
            Self::Open(open) => open.len() * size_of::<(u64, u32)>(),
            Self::Ready { .. } | Self::Counts(_) => 0,
        };
        own + size_of::<Self>()
    }

    /// How many calls end with it, and are lost when it is.
    pub fn calls(&self) -> u64 {
        match self {
            Self::Exchange(exchange) => u64::from(exchange.done),
            Self::Tally(tally) => tally.calls,
            Self::Ready { .. } | Self::Open(_) | Self::Counts(_) | Self::Packets(_) | Self::Failed(_) => 0,
        }
    }

    /// Whether it is of a call that goes on: its end tells all of it again.
    pub(crate) fn is_beginning(&self) -> bool {
        matches!(self, Self::Exchange(exchange) if !exchange.done)
    }

    /// Whether nothing later says the same.
    pub(crate) fn is_told_once(&self) -> bool {
        matches!(self, Self::Ready { .. } | Self::Failed(_))
    }
}

/// Host to `shoal-guest agent`, on its standard input. Steps are done in the order they come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToAgent {
    /// Write a file; parent folders are made. Larger files come as one `Put` and more `Append`s.
    Put {
        /// Absolute path in the container.
        path: String,
        /// Permission bits, such as `0o644`.
        mode: u32,
        /// Write into the existing file instead of renaming a new one over it.
        in_place: bool,
        /// The file's bytes, or its first chunk.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
        /// Whether the file is whole with this chunk.
        last: bool,
    },
    /// The next chunk of the file that the last `Put` began.
    Append {
        /// The chunk.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
        /// Whether the file is whole with this chunk.
        last: bool,
    },
    /// Make a symbolic link.
    Link {
        /// Absolute path in the container.
        path: String,
        /// What it points to.
        target: String,
    },
    /// Make a folder and its parents.
    MakeDir {
        /// Absolute path in the container.
        path: String,
        /// Permission bits.
        mode: u32,
    },
    /// Remove a file, or a folder with all in it; nothing when it is not there.
    Delete {
        /// Absolute path in the container.
        path: String,
    },
    /// Run a command and wait for it; its output comes as `FromAgent::Output`.
    Run {
        /// Program and arguments.
        command: Vec<String>,
        /// `user[:group]`, by name or number as the container knows them; `None`: the service's.
        user: Option<String>,
    },
    /// Answer with `FromAgent::Differ`: which of these are not in the container as they are said to be.
    Compare {
        /// What should be there.
        entries: Vec<Entry>,
    },
    /// Start the service's process anew (through the supervisor, PID 1).
    Restart {
        /// How long the old process may take to end before it is killed, in milliseconds.
        grace_ms: u32,
    },
    /// Send a signal to the service's process, by name without `SIG`.
    Signal {
        /// `HUP`, `USR1` and the like.
        name: String,
    },
    /// Answer with `FromAgent::Done` once all steps before are done; ends a batch.
    Commit {
        /// The batch.
        batch: u64,
    },
}

/// Something that should be in the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Absolute path in the container.
    pub path: String,
    /// What should be there.
    pub look: Look,
}

/// What a path is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Look {
    /// A file.
    File {
        /// Bytes.
        length: u64,
        /// The content's FNV-1a.
        hash: u64,
        /// Whether it can be executed.
        executable: bool,
    },
    /// A folder, whatever is in it.
    Folder,
    /// A symbolic link.
    Link {
        /// What it points to.
        target: String,
    },
}

/// `shoal-guest agent` to host, on its standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromAgent {
    /// The agent is up.
    Ready {
        /// Whether PID 1 is Shoal's supervisor, so that `Restart` works.
        supervised: bool,
    },
    /// What a command of the batch printed.
    Output {
        /// Bytes as they came.
        #[serde(with = "serde_bytes")]
        bytes: Vec<u8>,
    },
    /// The answer to `ToAgent::Compare`.
    Differ {
        /// Which of the entries, by their place in the list.
        which: Vec<u32>,
    },
    /// A step failed; the steps after it up to the commit are not done.
    Failed {
        /// What was tried, and why it failed.
        what: String,
    },
    /// All steps of the batch are done, or one failed.
    Done {
        /// The batch.
        batch: u64,
        /// Whether every step was done.
        ok: bool,
        /// What its commands took, in microseconds.
        run: u64,
        /// From the first signal to the old process until the new one ran, in microseconds.
        restart: u64,
    },
    /// What the last restart started has ended by itself; the container goes on and waits for the next restart.
    Ended {
        /// The exit code as a shell counts it: 128 and the signal's number for a signal.
        code: i32,
    },
}

/// Why a value cannot be framed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The payload is over [`MAX_PAYLOAD`].
    #[error("a frame of {0} bytes is over the limit of {MAX_PAYLOAD}")]
    TooLong(usize),
    /// The value has no postcard form.
    #[error("a frame could not be written: {0}")]
    Encode(String),
}

/// One value as a frame.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, FrameError> {
    let head = MAGIC.iter().copied().chain([0; 4]).collect::<Vec<u8>>();
    let mut frame = postcard::to_extend(value, head).map_err(|e| FrameError::Encode(e.to_string()))?;
    let length = frame.len() - HEAD;
    if length > MAX_PAYLOAD {
        return Err(FrameError::TooLong(length));
    }
    frame[4..HEAD].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(frame)
}

/// Cuts a byte stream into frames of `T`.
#[derive(Debug)]
pub struct Frames<T> {
    buffer: Vec<u8>,
    start: usize,
    skipped: u64,
    kind: PhantomData<fn() -> T>,
}

impl<T> Default for Frames<T> {
    fn default() -> Self {
        Self { buffer: Vec::new(), start: 0, skipped: 0, kind: PhantomData }
    }
}

impl<T: DeserializeOwned> Frames<T> {
    /// Takes bytes as they came, cut anywhere.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 && self.start >= self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, or `None` until more bytes come.
    pub fn next_frame(&mut self) -> Option<T> {
        loop {
            let rest = &self.buffer[self.start..];
            let at = find_magic(rest);
            self.skip(at);
            let rest = &self.buffer[self.start..];
            let length = rest.get(4..HEAD).filter(|_| rest.starts_with(&MAGIC))?;
            let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
            if length > MAX_PAYLOAD {
                self.skip(1);
                continue;
            }
            let payload = rest.get(HEAD..HEAD + length)?;
            match postcard::from_bytes(payload) {
                Ok(value) => {
                    self.start += HEAD + length;
                    return Some(value);
                }
                Err(_) => self.skip(1),
            }
        }
    }

    /// Bytes that belonged to no frame so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    fn skip(&mut self, bytes: usize) {
        self.start += bytes;
        self.skipped += bytes as u64;
    }
}

/// Where the magic starts, or where a magic that is not whole yet may start.
fn find_magic(bytes: &[u8]) -> usize {
    (0..bytes.len())
        .find(|&at| MAGIC.starts_with(&bytes[at..bytes.len().min(at + MAGIC.len())]))
        .unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn step(n: u8) -> ToAgent {
        ToAgent::Put {
            path: format!("/app/{n}"),
            mode: 0o644,
            in_place: false,
            bytes: vec![n; n as usize],
            last: true,
        }
    }

    proptest! {
        #[test]
        fn any_cutting_gives_the_same_frames(count in 1..20u8, cut in 1..50usize) {
            let steps: Vec<_> = (0..count).map(step).collect();
            let stream: Vec<u8> = steps.iter().flat_map(|s| encode(s).unwrap()).collect();
            let mut frames = Frames::<ToAgent>::default();
            let mut read = Vec::new();
            for chunk in stream.chunks(cut) {
                frames.push(chunk);
                while let Some(step) = frames.next_frame() {
                    read.push(step);
                }
            }
            prop_assert_eq!(read, steps);
            prop_assert_eq!(frames.skipped(), 0);
        }

        #[test]
        fn garbage_before_a_frame_is_skipped(garbage in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut frames = Frames::default();
            frames.push(&garbage);
            frames.push(&[0; 64]);
            while frames.next_frame().is_some() {}
            frames.push(&encode(&step(7)).unwrap());
            let mut last = None;
            while let Some(step) = frames.next_frame() {
                last = Some(step);
            }
            // A length inside the garbage may swallow what follows; without the magic in it nothing does.
            if !garbage.windows(4).any(|w| w == MAGIC) {
                prop_assert_eq!(last, Some(step(7)));
            }
        }
    }
}
