//! What proves that bytes are MongoDB's: a header that fits, and a document in its place.

use crate::decode::Dir;
use crate::detect::{Proof, Starts};

use super::bson::{SMALLEST, c_string, int32};
use super::message::{COMPRESSED, EXHAUST_ALLOWED, HEADER, Header, MSG, QUERY, REPLY};

/// No client begins with a larger message, in bytes.
const FIRST_LIMIT: i32 = 1024 * 1024;
/// A place's name, at most (the limit on namespaces is 255).
const PLACE_LIMIT: usize = 300;

pub(crate) fn recognise(starts: &Starts<'_>) -> Proof {
    let (client, server) = (starts.to_server(), starts.to_client());
    let proofs = (message(client, Dir::ToServer), message(server, Dir::ToClient));
    match proofs {
        // A server never speaks first.
        _ if starts.opening && client.is_empty() && !server.is_empty() => Proof::No,
        (Proof::Yes, _) => Proof::Yes,
        (_, Proof::Yes) if !starts.opening => Proof::Yes,
        (Proof::No, _) | (_, Proof::No) => Proof::No,
        (Proof::Maybe, _) => Proof::Maybe,
    }
}

/// What a direction's bytes prove to begin.
pub(super) fn message(bytes: &[u8], dir: Dir) -> Proof {
    match check(bytes, dir) {
        Some(true) => Proof::Yes,
        Some(false) => Proof::No,
        None => Proof::Maybe,
    }
}

/// Looks at each field as soon as it is there; `None` when they end too early to tell.
fn check(bytes: &[u8], dir: Dir) -> Option<bool> {
    let length = int32(bytes)?;
    let most = if dir == Dir::ToServer { FIRST_LIMIT } else { i32::MAX };
    if !((HEADER + SMALLEST) as i32..=most).contains(&length) {
        return Some(false);
    }
    let answers = int32(bytes.get(8..)?)?;
    if (answers == 0) != (dir == Dir::ToServer) {
        return Some(false);
    }
    let header = Header::read(bytes)?;
    let rest = length as usize - HEADER;
    let body = &bytes[HEADER..];
    match (header.opcode, dir) {
        (MSG, _) => {
            let flags = int32(body)?.cast_unsigned();
            if flags & !(3 | EXHAUST_ALLOWED) != 0 {
                return Some(false);
            }
            match *body.get(4)? {
                0 => document(&body[5..], rest.checked_sub(5)?),
                1 => Some((5..=rest as i32 - 5).contains(&int32(body.get(5..)?)?)),
                _ => Some(false),
            }
        }
        (QUERY, Dir::ToServer) => {
            let name = body.get(4..)?;
            let Some((name, behind)) = c_string(&name[..name.len().min(PLACE_LIMIT)]) else {
                let plain = name.iter().all(|byte| (b' '..0x7f).contains(byte));
                return if plain && name.len() < PLACE_LIMIT { None } else { Some(false) };
            };
            let plain = name.contains(&b'.') && name.iter().all(|byte| (b' '..0x7f).contains(byte));
            if !plain {
                return Some(false);
            }
            document(behind.get(8..)?, rest.checked_sub(4 + name.len() + 1 + 8)?)
        }
        (COMPRESSED, _) => {
            let inside = int32(body)?;
            let size = int32(body.get(4..)?)?;
            let fits = matches!(inside, MSG | QUERY | REPLY) && size >= SMALLEST as i32;
            Some(fits && *body.get(8)? <= 3)
        }
        (REPLY, Dir::ToClient) => {
            // Unknown flags, then a cursor, a place in its documents, and their number.
            let flags = int32(body)?;
            if !(0..16).contains(&flags) {
                return Some(false);
            }
            let count = int32(body.get(16..)?)?;
            if count == 0 {
                return Some(rest == 20);
            }
            document(body.get(20..)?, rest.checked_sub(20)?)
        }
        _ => Some(false),
    }
}

/// Whether a document begins here that has room in so many bytes.
fn document(bytes: &[u8], room: usize) -> Option<bool> {
    let length = int32(bytes)?;
    if length == SMALLEST as i32 {
        return Some(true);
    }
    if !(SMALLEST as i32..=i32::try_from(room).unwrap_or(i32::MAX)).contains(&length) {
        return Some(false);
    }
    let kind = *bytes.get(4)?;
    if !matches!(kind, 1..=0x13 | 0x7f | 0xff) {
        return Some(false);
    }
    // The first element is named as commands and fields are.
    Some(bytes.get(5)?.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_message_is_known_and_has_to_fit() {
        let message = |length: i32, answers: i32, opcode: i32, body: &[u8]| {
            let head = [length, 1, answers, opcode].map(i32::to_le_bytes).concat();
            [&head, body].concat()
        };
        let ping = b"\x0f\0\0\0\x10ping\0\x01\0\0\0\0";
        let msg = |kind: u8| [&[0, 0, 0, 0, kind][..], ping].concat();
        let query = [&b"\0\0\0\0admin.$cmd\0\0\0\0\0\xff\xff\xff\xff"[..], ping].concat();
        let packed = b"\xdd\x07\0\0\x14\0\0\0\x01abc";
        let cases: [(Vec<u8>, Dir, Proof); 12] = [
            (message(36, 0, MSG, &msg(0)), Dir::ToServer, Proof::Yes),
            (message(36, 7, MSG, &msg(0)), Dir::ToClient, Proof::Yes),
            (message(54, 0, QUERY, &query), Dir::ToServer, Proof::Yes),
            (message(28, 0, COMPRESSED, packed), Dir::ToServer, Proof::Yes),
            (message(36, 0, REPLY, &[0; 20]), Dir::ToServer, Proof::No),
            (message(36, 7, REPLY, &[0; 20]), Dir::ToClient, Proof::Yes),
            (message(36, 0, MSG, &msg(2)), Dir::ToServer, Proof::No),
            (message(36, 0, MSG, &msg(0)), Dir::ToClient, Proof::No),
            (message(30, 0, MSG, &msg(0)), Dir::ToServer, Proof::No),
            (message(36, 0, 2014, &msg(0)), Dir::ToServer, Proof::No),
            (message(36, 0, MSG, &[&[4][..], &msg(0)[1..]].concat()), Dir::ToServer, Proof::No),
            (message(i32::MAX, 0, MSG, &msg(0)), Dir::ToServer, Proof::No),
        ];
        for (bytes, dir, proof) in cases {
            assert_eq!(super::message(&bytes, dir), proof, "{}", bytes.escape_ascii());
            for end in 0..bytes.len() {
                let early = super::message(&bytes[..end], dir);
                assert!(early == Proof::Maybe || early == proof, "{}", bytes[..end].escape_ascii());
            }
        }
    }
}
