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

/// Removes the coding of gRPC messages that the capture keeps as they came. A message that is not what the header says
/// stays as it is, for each says for itself whether it is coded.
pub(crate) fn remove_of_messages(message: &mut Message, limit: usize) {
    if message.parts.is_empty() || header(message, "grpc-encoding") != Some("zstd") {
        return;
    }
    let coded = std::mem::take(&mut message.body);
    let mut rest = coded.as_slice();
    for part in &mut message.parts {
        let (own, behind) = rest.split_at(rest.len().min(part.kept as usize));
        rest = behind;
        let room = limit.saturating_sub(message.body.len());
        let whole = own.len() as u64 == part.bytes;
        let plain = zstd::decode(own, room).filter(|plain| whole && !own.is_empty() && plain.whole);
        if let Some(plain) = &plain {
            part.bytes = plain.bytes.len() as u64;
        }
        let own = plain.as_ref().map_or(own, |plain| plain.bytes.as_slice());
        part.kept = own.len() as u32;
        message.body.extend_from_slice(own);
    }
    message.body.extend_from_slice(rest);
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

/// The codings of the content, and outside of them those of its transfer (RFC 9112 section 7) but for the chunks, which
/// were put together.
fn codings(message: &Message) -> impl Iterator<Item = &str> {
    let named = |name| header(message, name).unwrap_or_default().split(',').map(str::trim);
    let of_content =
        named("content-encoding").filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"));
    let of_transfer = named("transfer-encoding")
        .filter(|name| ["gzip", "x-gzip", "deflate"].iter().any(|known| name.eq_ignore_ascii_case(known)));
    of_content.chain(of_transfer)
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
