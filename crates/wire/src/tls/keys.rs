//! Secrets of connections, as programs write them that are told to (the key log of NSS, RFC 9850): who has a line for a
//! connection can read it.

use std::collections::{HashMap, VecDeque};

/// How many connections' secrets are remembered.
const CONNECTIONS_LIMIT: usize = 8192;
/// A longer line is none, in bytes.
const LINE_LIMIT: usize = 512;
/// What a client's hello begins with: it names the connection.
pub(crate) type Random = [u8; 32];

/// Which secret of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    /// The master secret, before TLS 1.3.
    Master,
    ClientEarly,
    ClientHandshake,
    ServerHandshake,
    Client,
    Server,
}

impl Label {
    fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"CLIENT_RANDOM" => Self::Master,
            b"CLIENT_EARLY_TRAFFIC_SECRET" => Self::ClientEarly,
            b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Self::ClientHandshake,
            b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => Self::ServerHandshake,
            b"CLIENT_TRAFFIC_SECRET_0" => Self::Client,
            b"SERVER_TRAFFIC_SECRET_0" => Self::Server,
            _ => return None,
        })
    }
}

/// What is known of one connection.
#[derive(Default)]
pub(super) struct Secrets(Vec<(Label, Vec<u8>)>);

impl Secrets {
    pub(super) fn get(&self, label: Label) -> Option<&[u8]> {
        self.0.iter().find(|(known, _)| *known == label).map(|(_, secret)| &secret[..])
    }

    /// Whether there are enough of them to read both directions.
    pub(super) fn suffice(&self) -> bool {
        let has = |label| self.get(label).is_some();
        has(Label::Master) || (has(Label::Client) && has(Label::Server))
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(label, _)| label)).finish()
    }
}

/// All secrets that were told.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    expected: bool,
    known: HashMap<Random, Secrets>,
    order: VecDeque<Random>,
    line: Vec<u8>,
}

impl Keys {
    /// Takes more of a key log, cut anywhere. From the first call on, secrets are expected.
    pub(crate) fn add(&mut self, text: &[u8]) {
        self.expected = true;
        for part in text.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() <= LINE_LIMIT {
                self.line.extend_from_slice(&part[..part.len().min(LINE_LIMIT + 1)]);
            }
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.take(&line);
            }
        }
    }

    /// Whether secrets may come, so that it is worth keeping what they are needed for.
    pub(crate) fn expected(&self) -> bool {
        self.expected
    }

    pub(super) fn of(&self, client: &Random) -> Option<&Secrets> {
        self.known.get(client)
    }

    fn take(&mut self, line: &[u8]) -> Option<()> {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let label = Label::named(words.next()?)?;
        let random = Random::try_from(hex(words.next()?)?).ok()?;
        let secret = hex(words.next()?).filter(|secret| (32..=48).contains(&secret.len()))?;
        if !self.known.contains_key(&random) {
            if self.order.len() >= CONNECTIONS_LIMIT
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
            self.order.push_back(random);
        }
        let secrets = &mut self.known.entry(random).or_default().0;
        secrets.retain(|(known, _)| *known != label);
        secrets.push((label, secret));
        Some(())
    }
}

fn hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some((digit(*high)? << 4 | digit(*low)?) as u8),
        _ => None,
    };
    text.chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(label: &str, random: u8, secret: u8, length: usize) -> String {
        let bytes = |byte: u8, count: usize| format!("{byte:02X}").repeat(count);
        format!("{label} {} {}\n", bytes(random, 32), bytes(secret, length))
    }

    #[test]
    fn lines_are_read_however_they_are_cut_and_others_are_passed_over() {
        let log = [
            "# a comment\n".to_owned(),
            line("CLIENT_RANDOM", 1, 11, 48),
            line("CLIENT_RANDOM", 2, 11, 7),
            line("SERVER_TRAFFIC_SECRET_0", 3, 12, 32),
            line("EXPORTER_SECRET", 3, 13, 32),
            format!("CLIENT_RANDOM {}\n", "ab".repeat(10_000)),
            line("CLIENT_TRAFFIC_SECRET_0", 3, 14, 48).replace('\n', "\r\n"),
            "CLIENT_RANDOM zz zz\n".to_owned(),
            line("SERVER_TRAFFIC_SECRET_0", 3, 15, 32),
        ]
        .concat();
        for size in [1, 7, 1000, log.len()] {
            let mut keys = Keys::default();
            assert!(!keys.expected());
            log.as_bytes().chunks(size).for_each(|part| keys.add(part));
            assert_eq!(keys.known.len(), 2, "by {size}");
            assert_eq!(keys.of(&[1; 32]).unwrap().get(Label::Master), Some(&[11; 48][..]));
            let newer = keys.of(&[3; 32]).unwrap();
            assert_eq!(newer.get(Label::Server), Some(&[15; 32][..]));
            assert!(newer.suffice() && keys.expected());
        }
    }

    #[test]
    fn the_oldest_connections_are_forgotten() {
        let mut keys = Keys::default();
        for n in 0..CONNECTIONS_LIMIT + 10 {
            let random = format!("{n:064x}");
            keys.add(format!("CLIENT_RANDOM {random} {}\n", "00".repeat(48)).as_bytes());
        }
        assert_eq!((keys.known.len(), keys.order.len()), (CONNECTIONS_LIMIT, CONNECTIONS_LIMIT));
        assert!(keys.of(&[0; 32]).is_none());
    }
}
