//! Capture files: `.pcap` and `.pcapng`, plain or compressed by gzip, read as they come, however large they are.

mod decoding;
mod source;
mod summary;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use model::exchange::Exchange;
use pcap_parser::{PcapError as Parse, create_reader};
use wire::Limits;

use decoding::Decoding;
use source::Source;
pub use summary::Summary;

/// Bytes that are read at once.
const WINDOW: usize = 1 << 20;
/// Bytes of the largest block that is read: a packet, or all secrets of a file's connections.
const LARGEST: usize = 64 << 20;

/// Why a capture file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PcapError {
    /// The file cannot be opened or read.
    #[error("`{path}` cannot be read: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// It is no capture file.
    #[error("`{path}` is no pcap or pcapng file")]
    NoCapture {
        /// The file.
        path: PathBuf,
    },
    /// It is damaged.
    #[error("`{path}` is damaged after {packets} packets: {what}; what came before is all that can be read")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Packets before the damage.
        packets: u64,
        /// What was found.
        what: String,
    },
    /// Its packets are of a kind that no decoder knows.
    #[error("`{path}` holds packets of link type {link}, which is not known here")]
    Link {
        /// The file.
        path: PathBuf,
        /// The link type's number (tcpdump.org's list).
        link: i32,
    },
}

/// Limits that fit a file, with so many bytes of each body kept.
pub fn limits(body: usize) -> Limits {
    Limits::new(body)
}

/// Decodes a file, TLS by a key log too; exchanges go to `sink` as they are reported. A file that breaks off in its last
/// packet is read up to there; in any other damaged one, what came before the damage is handed over too.
pub fn read_file(
    path: &Path,
    limits: Limits,
    keys: &[u8],
    sink: &mut dyn FnMut(Exchange),
) -> Result<Summary, PcapError> {
    let of_file = |cause| PcapError::Read { path: path.to_owned(), cause };
    let (source, broken) = Source::open(path).map_err(of_file)?;
    let Ok(mut reader) = create_reader(WINDOW, source) else {
        let path = path.to_owned();
        return Err(match broken.what() {
            Some(what) => PcapError::Damaged { path, packets: 0, what },
            None => PcapError::NoCapture { path },
        });
    };
    let mut decoding = Decoding::new(limits);
    if !keys.is_empty() {
        decoding.wire.add_keys(keys);
        decoding.wire.add_keys(b"\n");
    }
    let mut window = WINDOW;
    let end = loop {
        match reader.next() {
            Ok((offset, block)) => {
                decoding.block(&block);
                reader.consume(offset);
                decoding.hand_on(sink);
            }
            Err(Parse::Eof) => break Ok(()),
            Err(Parse::UnexpectedEof) => {
                decoding.summary.cut_off = true;
                break Ok(());
            }
            Err(Parse::Incomplete(_)) => {
                let before = reader.data().len();
                if let Err(error) = reader.refill() {
                    break Err(words(&error));
                }
                if reader.data().len() == before {
                    decoding.summary.cut_off = before > 0;
                    break Ok(());
                }
            }
            Err(Parse::BufferTooSmall) if window < LARGEST => {
                window *= 2;
                reader.grow(window);
            }
            Err(error) => break Err(words(&error)),
        }
    };
    decoding.finish();
    decoding.hand_on(sink);
    let (summary, odd_link) = (decoding.summary, decoding.odd_link);
    match (broken.what().map_or(end, Err), odd_link) {
        (Err(what), _) => Err(PcapError::Damaged { path: path.to_owned(), packets: summary.packets, what }),
        (Ok(()), Some(link)) if summary.packets == 0 => {
            Err(PcapError::Link { path: path.to_owned(), link: link.0 })
        }
        (Ok(()), _) => Ok(summary),
    }
}

/// Why a block cannot be read.
fn words(error: &Parse<&[u8]>) -> String {
    match error {
        Parse::BufferTooSmall => format!("a block of more than {} MB", LARGEST >> 20),
        Parse::HeaderNotRecognized | Parse::NomError(..) => {
            "what follows is no block of such a file".to_owned()
        }
        other => format!("{other:?}"),
    }
}
