//! Looks for the next frame in bytes that begin anywhere: after a loss, where a frame's length tells nothing any more.

use std::borrow::Cow;

/// How much of a frame that is not whole is waited for, in bytes.
const TAIL_LIMIT: usize = 4096;

/// Bytes that are being read.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    bytes: Cow<'a, [u8]>,
    read: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: Cow::Borrowed(bytes), read: 0 }
    }

    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.read..]
    }

    /// All but the last bytes have been read.
    pub(crate) fn keep_last(&mut self, bytes: usize) {
        self.read = self.bytes.len() - bytes;
    }
}

/// Bytes that may be the beginning of a frame.
#[derive(Debug, Default)]
pub(crate) struct Hunt {
    tail: Vec<u8>,
}

impl Hunt {
    /// Whether there is a frame, with which the input then goes on. `find` says where in bytes the first one begins that
    /// is beyond doubt, else how many of them are of no more use.
    pub(crate) fn look(
        &mut self,
        input: &mut Input<'_>,
        find: impl Fn(&[u8]) -> Result<usize, usize>,
    ) -> bool {
        if !self.tail.is_empty() {
            let mut joined = std::mem::take(&mut self.tail);
            joined.extend_from_slice(input.rest());
            *input = Input { bytes: Cow::Owned(joined), read: 0 };
        }
        match find(input.rest()) {
            Ok(start) => {
                input.read += start;
                true
            }
            Err(of_no_use) => {
                let rest = &input.rest()[of_no_use..];
                self.tail.extend_from_slice(&rest[rest.len().saturating_sub(TAIL_LIMIT)..]);
                false
            }
        }
    }

    /// What comes next does not follow what came last.
    pub(crate) fn forget(&mut self) {
        self.tail.clear();
    }

    pub(crate) fn held(&self) -> usize {
        self.tail.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame begins with `<` and is beyond doubt with the `>` behind it.
    fn find(bytes: &[u8]) -> Result<usize, usize> {
        let start = bytes.iter().position(|b| *b == b'<').ok_or(bytes.len())?;
        if bytes[start..].contains(&b'>') { Ok(start) } else { Err(start) }
    }

    #[test]
    fn a_frame_is_found_however_the_bytes_are_cut() {
        let bytes = b"some body <frame> and more";
        for size in 1..=bytes.len() {
            let mut hunt = Hunt::default();
            let mut found = None;
            let mut seen = 0;
            for chunk in bytes.chunks(size) {
                let mut input = Input::new(chunk);
                seen += chunk.len();
                if hunt.look(&mut input, find) {
                    found = Some(seen - input.rest().len());
                    break;
                }
            }
            assert_eq!(found, Some(10), "by {size}");
        }
    }

    #[test]
    fn a_long_hunt_holds_little() {
        let mut hunt = Hunt::default();
        for _ in 0..100 {
            assert!(!hunt.look(&mut Input::new(&b"<<<<<<<<<<".repeat(200)), find));
            assert!(hunt.held() <= 4 * TAIL_LIMIT, "{}", hunt.held());
        }
    }
}
