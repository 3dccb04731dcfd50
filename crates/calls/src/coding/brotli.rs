//! `br` (RFC 7932).

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::Plain;

/// Plain bytes are made in steps of so many.
const STEP: usize = 16 * 1024;

pub(super) fn decode(coded: &[u8], limit: usize) -> Option<Plain> {
    if coded.first().is_some_and(|first| first & 0x7f == 0x11) {
        // The mark of windows that are larger than the standard has them.
        return None;
    }
    let mut state =
        BrotliState::new(StandardAlloc::default(), StandardAlloc::default(), StandardAlloc::default());
    let mut plain = Plain { bytes: Vec::new(), whole: false };
    let (mut rest, mut read, mut total) = (coded.len(), 0, 0);
    while plain.bytes.len() < limit {
        let mut made = plain.bytes.len();
        plain.bytes.resize(made.saturating_add(STEP).min(limit), 0);
        let mut room = plain.bytes.len() - made;
        let result = BrotliDecompressStream(
            &mut rest,
            &mut read,
            coded,
            &mut room,
            &mut made,
            &mut plain.bytes,
            &mut total,
            &mut state,
        );
        plain.bytes.truncate(made);
        match result {
            BrotliResult::ResultSuccess => {
                plain.whole = true;
                return Some(plain);
            }
            BrotliResult::NeedsMoreInput if room > 0 => return Some(plain),
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultFailure => return None,
        }
    }
    Some(plain)
}
