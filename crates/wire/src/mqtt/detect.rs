//! What proves that bytes are MQTT: the connect that each connection begins with, or packets that fit to their last
//! byte.

use crate::decode::Dir;
use crate::detect::{Proof, Starts};
use crate::framing::Head;

use super::packet::{self, Packet};
use super::reader::Reader;

pub(crate) fn recognise(starts: &Starts<'_>) -> Proof {
    let (client, server) = (starts.to_server(), starts.to_client());
    if starts.opening {
        // A broker never speaks first.
        return if client.is_empty() && !server.is_empty() { Proof::No } else { connect(client) };
    }
    if connect(client) == Proof::Yes || (client == [0xc0, 0] && server == [0xd0, 0]) {
        return Proof::Yes;
    }
    let runs = [Run::of(client, Dir::ToServer), Run::of(server, Dir::ToClient)];
    if runs.iter().any(|run| run.strong && run.exact && !run.bad) {
        Proof::Yes
    } else if runs.iter().any(|run| run.bad) {
        Proof::No
    } else {
        Proof::Maybe
    }
}

/// MQTT 5, section 3.1: the packet's type, its length, the protocol's name and version, flags that go together.
pub(super) fn connect(bytes: &[u8]) -> Proof {
    let Some((&first, rest)) = bytes.split_first() else { return Proof::Maybe };
    if first != 0x10 {
        return Proof::No;
    }
    let mut reader = Reader(rest);
    let Some(length) = reader.varying() else {
        return if rest.len() < 4 { Proof::Maybe } else { Proof::No };
    };
    let known = |name: &[u8]| reader.0.iter().zip(name).all(|(a, b)| a == b);
    let names: [&[u8]; 2] = [b"\0\x04MQTT", b"\0\x06MQIsdp"];
    let Some(name) = names.into_iter().find(|name| known(name)) else { return Proof::No };
    let behind = reader.0.get(name.len()..).unwrap_or_default();
    let fits = match behind {
        [] => return if length >= 12 { Proof::Maybe } else { Proof::No },
        [version, ..] => matches!(version & 0x7f, 3..=5) && length >= 12,
    };
    let Some(flags) = behind.get(1) else { return if fits { Proof::Maybe } else { Proof::No } };
    let (will, qos, retain) = (flags & 4 != 0, flags >> 3 & 3, flags & 0x20 != 0);
    let go_together = flags & 1 == 0 && qos != 3 && (will || (qos == 0 && !retain));
    if fits && go_together { Proof::Yes } else { Proof::No }
}

/// Packets that follow each other from a first byte on.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// Something fits no packet.
    bad: bool,
    /// The last packet ends with the last byte.
    exact: bool,
    /// There is one with a topic.
    strong: bool,
    whole: u32,
}

impl Run {
    pub(super) fn of(mut bytes: &[u8], dir: Dir) -> Self {
        let mut run = Self { exact: true, ..Self::default() };
        while let Some(&first) = bytes.first() {
            let (head, size) = match packet::head(bytes) {
                Head::Frame { head, payload } => (head, payload),
                Head::More => {
                    run.exact = false;
                    break;
                }
                Head::Bad => return Self { bad: true, ..run },
            };
            let body = &bytes[head..];
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            if !goes(first >> 4, dir) || !sized(first >> 4, size) {
                return Self { bad: true, ..run };
            }
            if body.len() < size {
                run.exact = false;
                // The topic stands first.
                if let Some(topic) = Reader(body).bytes().filter(|_| first >> 4 == 3) {
                    run.strong |= is_topic(topic, false);
                    run.bad |= !is_topic(topic, false);
                }
                break;
            }
            match packet::read(first, &body[..size], None) {
                Some(packet) if fits(&packet) => {
                    run.whole += 1;
                    run.strong |=
                        matches!(packet, Packet::Publish(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_));
                }
                _ => return Self { bad: true, ..run },
            }
            bytes = &body[size..];
        }
        run
    }

    /// Whether a connection that is known to speak MQTT goes on here.
    pub(super) fn goes_on(&self) -> bool {
        !self.bad && (self.strong || (self.exact && self.whole > 0))
    }
}

/// Whether a packet of this type goes this way.
pub(super) fn goes(kind: u8, dir: Dir) -> bool {
    match dir {
        Dir::ToServer => matches!(kind, 1 | 3..=8 | 10 | 12 | 14 | 15),
        Dir::ToClient => matches!(kind, 2..=7 | 9 | 11 | 13..=15),
    }
}

fn sized(kind: u8, size: usize) -> bool {
    match kind {
        1 => size >= 12,
        2 | 4..=7 | 11 => size >= 2,
        3 | 9 => size >= 3,
        8 => size >= 6,
        10 => size >= 5,
        12 | 13 => size == 0,
        _ => true,
    }
}

fn fits(packet: &Packet<'_>) -> bool {
    match packet {
        Packet::Publish(publish) => {
            // An empty topic stands for one that was said before.
            let aliased = publish.topic.is_empty() && publish.proves == Some(5);
            publish.id != Some(0) && (aliased || is_topic(publish.topic.as_bytes(), false))
        }
        Packet::Subscribe(asked) | Packet::Unsubscribe(asked) => {
            let named =
                |(filter, options): &(String, u8)| is_topic(filter.as_bytes(), true) && options & 3 != 3;
            asked.id != 0 && !asked.list.is_empty() && asked.list.iter().all(named)
        }
        Packet::Subscribed { id, .. } | Packet::Unsubscribed { id, .. } => *id != 0,
        Packet::Step { id, code, .. } => *id != 0 && code.is_none_or(|code| code == 0x10 || is_end(code)),
        Packet::Disconnect { code, .. } => code.is_none_or(|code| code == 4 || is_end(code)),
        Packet::Connect(_) | Packet::Connected { .. } | Packet::Ping | Packet::Auth { .. } => true,
    }
}

/// Success or a failure.
fn is_end(code: u8) -> bool {
    matches!(code, 0 | 0x80..=0xa2)
}

/// MQTT 5, section 4.7; only filters have wildcards.
fn is_topic(bytes: &[u8], filter: bool) -> bool {
    let plain = |c: char| !c.is_control() && c != '\u{fffd}' && (filter || !matches!(c, '+' | '#'));
    str::from_utf8(bytes).is_ok_and(|text| !text.is_empty() && text.chars().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connect_has_to_fit_in_every_field() {
        let good = b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04shop";
        assert_eq!(connect(good), Proof::Yes);
        for (at, value) in [
            (0, 0x11),
            (0, 0x20),
            (1, 3),
            (2, 1),
            (3, 5),
            (4, b'X'),
            (8, 6),
            (8, 2),
            (9, 3),
            (9, 0x10),
            (9, 0x1c),
        ] {
            let mut bad = good.to_vec();
            bad[at] = value;
            assert_eq!(connect(&bad), Proof::No, "{value:#x} at {at}");
        }
        // A bridge's, and a will's.
        for (at, value) in [(8, 0x84), (8, 5), (9, 0xee)] {
            let mut other = good.to_vec();
            other[at] = value;
            assert_eq!(connect(&other), Proof::Yes, "{value:#x} at {at}");
        }
    }

    #[test]
    fn a_connection_that_is_older_than_the_capture_is_known_by_its_topics() {
        let cases: [(&[u8], &[u8], Proof); 12] = [
            (b"\x30\x07\0\x03a/bhi", b"", Proof::Yes),
            (b"", b"\x32\x09\0\x03a/b\0\x07hi", Proof::Yes),
            (b"\x82\x08\0\x01\0\x03a/#\x01", b"\x90\x03\0\x01\x01", Proof::Yes),
            (b"\xc0\0", b"\xd0\0", Proof::Yes),
            (b"\xc0\0", b"", Proof::Maybe),
            (b"\x40\x02\0\x07", b"", Proof::Maybe),
            (b"\x30\x40\0\x03a/bhi", b"", Proof::Maybe),
            // A wildcard, a control character, no room for the topic, something behind, the other way.
            (b"\x30\x07\0\x03a/#hi", b"", Proof::No),
            (b"\x30\x07\0\x03a\x01bhi", b"", Proof::No),
            (b"\x30\x07\0\x09a/bhi", b"", Proof::No),
            (b"\x30\x07\0\x03a/bhi\0", b"", Proof::No),
            (b"\xd0\0", b"", Proof::No),
        ];
        for (client, server, proof) in cases {
            let found = recognise(&Starts::new(false, client, server));
            assert_eq!(found, proof, "{} {}", client.escape_ascii(), server.escape_ascii());
        }
    }
}
