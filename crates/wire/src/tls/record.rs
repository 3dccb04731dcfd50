//! Records (RFC 8446 section 5.1), and the messages of a handshake that they carry (section 4).

use model::Timestamp;
use model::exchange::Message;

use super::certificate::{self, Names};
use super::hello::{self, ClientHello, ServerHello};
use crate::framing::{Broken, Frame, Framer, Head};

/// A record's payload with all that a cipher may add.
pub(super) const PAYLOAD_LIMIT: u64 = (1 << 14) + 2048;
/// A handshake message, of which a chain of certificates is the largest, may be so long, in bytes.
const MESSAGE_LIMIT: usize = 64 * 1024;

pub(super) const CHANGE_CIPHER: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
pub(super) const DATA: u8 = 23;
const HEARTBEAT: u8 = 24;

/// How long a record is.
pub(super) fn measure(bytes: &[u8]) -> Head {
    let fits =
        [|byte: u8| (CHANGE_CIPHER..=HEARTBEAT).contains(&byte), |byte: u8| byte == 3, |byte: u8| byte <= 4];
    if bytes.iter().zip(fits).any(|(byte, fits)| !fits(*byte)) {
        return Head::Bad;
    }
    match bytes {
        [_, _, _, high, low, ..] => match u64::from(u16::from_be_bytes([*high, *low])) {
            payload @ 1..=PAYLOAD_LIMIT => Head::Frame { head: 5, payload },
            _ => Head::Bad,
        },
        _ => Head::More,
    }
}

/// What a record, or a message in one, says.
#[derive(Debug)]
pub(super) enum Record {
    Hello(ClientHello),
    Answer(ServerHello),
    Certificate(Names),
    Alert { level: u8, description: u8 },
    Sealed(Sealed),
    Other,
}

/// A record that cannot be read since ciphers are in use; the one that starts them as well.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sealed {
    Alert,
    /// Application data, or what is sent as such; its size.
    Data(u64),
    Other,
}

/// One direction.
#[derive(Debug, Default)]
pub(super) struct Side {
    framer: Framer,
    /// Of messages that are not whole.
    messages: Vec<u8>,
    /// Ciphers are in use.
    pub(super) sealed: bool,
    pub(super) closed: bool,
    pub(super) first: Option<Timestamp>,
    bytes: u64,
    last: Timestamp,
}

impl Side {
    pub(super) fn count(&mut self, at: Timestamp, bytes: u64) {
        self.first.get_or_insert(at);
        self.bytes += bytes;
        self.last = at;
    }

    pub(super) fn fill(&self, message: &mut Message) {
        message.bytes = self.bytes;
        message.cut = self.bytes > 0;
        message.first = self.first.unwrap_or(message.first);
        message.last = self.last.max(message.first);
        message.complete = self.closed;
    }

    pub(super) fn last(&self) -> Timestamp {
        self.last
    }

    pub(super) fn held(&self) -> usize {
        self.framer.held() + self.messages.capacity()
    }

    /// The next record, or the next message of the last one.
    pub(super) fn next(&mut self, rest: &mut &[u8], at: Timestamp) -> Result<Option<Record>, Broken> {
        if let Some(message) = self.message() {
            return Ok(Some(message));
        }
        let Some(frame) = self.framer.next(rest, at, PAYLOAD_LIMIT as usize, measure)? else {
            return Ok(None);
        };
        let Frame { head, payload, size, .. } = frame;
        let record = match (head[0], payload) {
            (ALERT, [level, description]) if !self.sealed => {
                Record::Alert { level: *level, description: *description }
            }
            (HANDSHAKE, payload) if !self.sealed => {
                if self.messages.len() + payload.len() > MESSAGE_LIMIT {
                    return Err(Broken);
                }
                self.messages.extend_from_slice(payload);
                Record::Other
            }
            (ALERT, _) => Record::Sealed(Sealed::Alert),
            (DATA, _) => Record::Sealed(Sealed::Data(size)),
            _ => Record::Sealed(Sealed::Other),
        };
        Ok(Some(record))
    }

    /// The next whole message.
    fn message(&mut self) -> Option<Record> {
        let [kind, length @ ..] = self.messages.first_chunk::<4>()?;
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let body = self.messages.get(4..4 + length)?;
        let message = match kind {
            1 => hello::client(body).map(Record::Hello),
            2 => hello::server(body).map(Record::Answer),
            11 => certificate::first(body).map(Record::Certificate),
            _ => None,
        };
        self.messages.drain(..4 + length);
        if self.messages.is_empty() {
            self.messages = Vec::new();
        }
        Some(message.unwrap_or(Record::Other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_told_by_its_head_and_no_prefix_lies() {
        let frame = |payload| Head::Frame { head: 5, payload };
        let cases: [(&[u8], Head); 7] = [
            (b"\x16\x03\x01\x02\x00", frame(512)),
            (b"\x17\x03\x03\x48\x00", frame(18432)),
            (b"\x17\x03\x03\x48\x01", Head::Bad),
            (b"\x15\x03\x03\x00\x00", Head::Bad),
            (b"\x19\x03\x03", Head::Bad),
            (b"\x16\x02\x00", Head::Bad),
            (b"\x16\x03\x05", Head::Bad),
        ];
        for (bytes, expected) in cases {
            assert_eq!(measure(bytes), expected, "{bytes:x?}");
            for end in 0..bytes.len() {
                let early = measure(&bytes[..end]);
                assert!(early == Head::More || early == expected, "{:x?}", &bytes[..end]);
            }
        }
    }
}
