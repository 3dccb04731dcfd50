//! Content codings are removed, so that redaction, search and people see what was said (RFC 9110, section 8.4).
//!
//! Hostile input is the rule here: never more than the asked-for limit of plain bytes is made, whatever they grow from,
//! and no decoder's window is larger than 16 MiB.

mod brotli;
mod inflate;
#[cfg(test)]
mod tests;
mod zstd;

use model::exchange::Message;

use crate::judge::header;

/// More codings one over the other are refused; nobody means them.
const LAYERS: usize = 4;

/// What a decoder made of coded bytes.
struct Plain {
    bytes: Vec<u8>,
    /// Whether that is all: neither the input nor the room for the output ended early.
    whole: bool,
}

/// Whether a content coding stands between the bytes and their meaning.
pub(crate) fn is_coded(message: &Message) -> bool {
    !message.decoded && codings(message).next().is_some()
}

/// Removes the codings that the headers name. At most `limit` plain bytes are kept, and what there is of a body that was
/// cut. A body that is not what its header says stays as it is.
pub(crate) fn remove(message: &mut Message, limit: usize) {
    if message.body.is_empty() || !message.parts.is_empty() || !is_coded(message) {
        return;
    }
    let mut names: Vec<String> = codings(message).map(str::to_ascii_lowercase).collect();
    if names.len() > LAYERS {
        return;
    }
    let mut plain = Plain { bytes: Vec::new(), whole: true };
    let mut coded = message.body.as_slice();
    // The last coding that was applied is the outermost.
    while let Some(name) = names.pop() {
        let Some(inner) = decode(&name, coded, limit) else { return };
        plain = Plain { whole: plain.whole && inner.whole, ..inner };
        coded = plain.bytes.as_slice();
    }
    let filled = plain.bytes.len() >= limit;
    if !plain.whole && !filled && message.complete && !message.cut {
        return;
    }
    // While a message goes on, its end is not missing yet.
    message.cut |= !plain.whole && filled;
    message.body = plain.bytes;
    message.decoded = true;
}

fn codings(message: &Message) -> impl Iterator<Item = &str> {
    let names = header(message, "content-encoding").unwrap_or_default().split(',').map(str::trim);
    names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"))
}

fn decode(coding: &str, coded: &[u8], limit: usize) -> Option<Plain> {
    match coding {
        "gzip" | "x-gzip" => inflate::gzip(coded, limit),
        "deflate" => inflate::deflate(coded, limit),
        "br" => brotli::decode(coded, limit),
        "zstd" => zstd::decode(coded, limit),
        _ => None,
    }
}
