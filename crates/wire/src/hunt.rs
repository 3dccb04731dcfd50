//! Looks for the next message of a protocol of lines, in bytes whose place in their message is not known: it begins behind
//! the end of a line, or where the loss ended.

/// How much of the bytes before is looked at again, for a line that was cut in two.
const TAIL_LIMIT: usize = 256;

/// Where a message starts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The message's bytes that came with earlier chunks.
    pub(crate) before: Vec<u8>,
    /// Where it goes on in this chunk.
    pub(crate) at: usize,
}

#[derive(Debug)]
pub(crate) struct Hunt {
    /// Whether these bytes are unmistakably the beginning of a message.
    begins: fn(&[u8]) -> bool,
    tail: Vec<u8>,
    /// Nothing is known of what goes before the tail, so that a message may begin with its first byte.
    broken: bool,
}

impl Hunt {
    pub(crate) fn new(begins: fn(&[u8]) -> bool) -> Self {
        Self { begins, tail: Vec::new(), broken: false }
    }

    pub(crate) fn look(&mut self, chunk: &[u8]) -> Option<Found> {
        let bytes = [&self.tail[..], chunk].concat();
        let starts = |at: usize| match bytes[..at] {
            // A line's end may be half lost.
            [] | [b'\n'] => self.broken,
            [.., b'\r', b'\n'] => true,
            _ => false,
        };
        if let Some(start) = (0..bytes.len()).find(|at| starts(*at) && (self.begins)(&bytes[*at..])) {
            let before = self.tail.get(start..).unwrap_or_default().to_vec();
            let at = start.saturating_sub(self.tail.len());
            self.forget();
            return Some(Found { before, at });
        }
        if bytes.len() > TAIL_LIMIT {
            self.broken = false;
        }
        self.tail = bytes[bytes.len().saturating_sub(TAIL_LIMIT)..].to_vec();
        None
    }

    /// What comes next does not follow what came last.
    pub(crate) fn forget(&mut self) {
        self.tail.clear();
        self.broken = true;
    }

    pub(crate) fn held(&self) -> usize {
        self.tail.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_found_behind_whatever_came_before() {
        let long = format!("{}\r\nPING\r\n", "x".repeat(1000));
        for (text, at) in [
            ("lue\r\nPING\r\n", Some(5)),
            ("PING\r\n", Some(0)),
            ("\nPING\r\n", Some(1)),
            ("x\nPING\r\n", None),
            ("PI\r\nPINPING\r\nPING\r\n", Some(13)),
            (&long, Some(1002)),
            ("xPING\r\n", None),
        ] {
            for size in [1, 3, 7, text.len()] {
                let mut hunt = Hunt::new(|bytes| bytes.starts_with(b"PING\r\n"));
                hunt.forget();
                let mut passed = 0;
                let mut found = None;
                for chunk in text.as_bytes().chunks(size) {
                    if let Some(place) = hunt.look(chunk) {
                        found = Some(passed + place.at - place.before.len());
                        break;
                    }
                    passed += chunk.len();
                    assert!(hunt.held() <= 2 * TAIL_LIMIT);
                }
                assert_eq!(found, at, "{text:?} by {size}");
            }
        }
    }
}
