//! What proves that bytes are MySQL's protocol.
//!
//! The server speaks first, and its greeting has a shape that nothing else has. In the middle of a connection a
//! command is unmistakable where it is SQL, or where it has a shape of its own and its answer fits.

use super::packet::HEAD;
use super::shape::{Shape, begins_answer, command, size};
use crate::detect::{Proof, Starts};

/// A greeting is a hundred bytes or so.
const GREETING_LIMIT: usize = 512;

pub(crate) fn recognise(starts: &Starts<'_>) -> Proof {
    let (to_server, to_client) = (starts.to_server(), starts.to_client());
    if starts.opening {
        // A client that does not wait for the whole greeting speaks something else.
        let greets = greeting(to_client);
        return if greets == Proof::Maybe && !to_server.is_empty() { Proof::No } else { greets };
    }
    if to_server.is_empty() {
        let greets = greeting(to_client);
        return if greets == Proof::No { answer(to_client) } else { greets };
    }
    match command(to_server) {
        Shape::Sql => Proof::Yes,
        Shape::Likely => match (to_client.is_empty(), answer(to_client)) {
            (true, _) => Proof::Maybe,
            (false, Proof::Maybe) if to_client.len() > HEAD as usize => Proof::Yes,
            (false, proof) => proof,
        },
        Shape::Unsure => Proof::Maybe,
        Shape::None => Proof::No,
    }
}

/// The first packet of an answer to a command of one packet: never a proof by itself.
fn answer(bytes: &[u8]) -> Proof {
    if bytes.len() > HEAD as usize {
        return if begins_answer(bytes, 1) { Proof::Maybe } else { Proof::No };
    }
    if bytes.get(3).is_none_or(|seq| *seq == 1) { Proof::Maybe } else { Proof::No }
}

/// `length 0 10 version NUL ...`, or the ERR of a server that takes no more clients.
fn greeting(bytes: &[u8]) -> Proof {
    let size = size(bytes);
    if bytes.len() >= 3 && !(9..GREETING_LIMIT).contains(&size)
        || bytes.len() == 2 && bytes[1] > 1
        || bytes.get(3).is_some_and(|seq| *seq != 0)
    {
        return Proof::No;
    }
    let Some(payload) = bytes.get(HEAD as usize..) else { return Proof::Maybe };
    let payload = &payload[..payload.len().min(size)];
    let whole = payload.len() == size;
    let (fits, proves) = match payload {
        [10, rest @ ..] => greets(rest, whole),
        [0xff, _, high, words @ ..] => {
            ((3..20).contains(high) && words.iter().all(|byte| !byte.is_ascii_control()), whole)
        }
        [] | [0xff] | [0xff, _] => (true, false),
        _ => (false, false),
    };
    match (fits, proves) {
        (false, _) => Proof::No,
        (true, true) => Proof::Yes,
        (true, false) => Proof::Maybe,
    }
}

/// Whether this may be a greeting behind its first byte, and whether it can be nothing else: a version, eight bytes of
/// challenge, and capabilities in two halves, among which is the protocol of MySQL 4.1.
fn greets(rest: &[u8], whole: bool) -> (bool, bool) {
    const UP_TO_CAPABILITIES: usize = 4 + 8 + 1 + 2 + 1 + 2 + 2;
    let version = rest.iter().take_while(|byte| (b' '..0x7f).contains(*byte)).count();
    let digit = rest.first().is_none_or(u8::is_ascii_digit);
    let ended = rest.get(version).is_none_or(|byte| *byte == 0);
    let behind = rest.get(version + 1..).unwrap_or_default();
    let filler = behind.get(12).is_none_or(|byte| *byte == 0);
    let speaks_41 = behind.get(14).is_none_or(|high| high & 2 != 0);
    let named = version > 2 && version < 128 || rest.len() <= version;
    (digit && ended && named && filler && speaks_41, whole || behind.len() >= UP_TO_CAPABILITIES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(seq: u8, payload: &[u8]) -> Vec<u8> {
        [&(payload.len() as u32).to_le_bytes()[..3], &[seq], payload].concat()
    }

    fn compressed(seq: u8, inner: &[u8]) -> Vec<u8> {
        [&(inner.len() as u32).to_le_bytes()[..3], &[seq, 0, 0, 0], inner].concat()
    }

    fn hello() -> Vec<u8> {
        let rest = b"8.0.30\0\x08\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0caching_sha2_password\0";
        packet(0, &[&b"\x0a"[..], rest].concat())
    }

    /// What both directions' bytes prove, and that none of their beginnings proves anything else.
    #[track_caller]
    fn check(opening: bool, to_server: &[u8], to_client: &[u8], expected: Proof) {
        let ask = |to_server: &[u8], to_client: &[u8]| recognise(&Starts::new(opening, to_server, to_client));
        assert_eq!(ask(to_server, to_client), expected, "{to_server:?} {to_client:?}");
        for end in 0..to_client.len() {
            let early = ask(to_server, &to_client[..end]);
            let fits =
                early == Proof::Maybe || early == expected || (opening && end == 0 && !to_server.is_empty());
            assert!(fits, "{early:?} after {end} bytes of {to_client:?}");
        }
        for end in 0..to_server.len() {
            let early = ask(&to_server[..end], if opening { to_client } else { b"" });
            assert!(
                early == Proof::Maybe || early == expected,
                "{early:?} after {end} bytes of {to_server:?}"
            );
        }
    }

    #[test]
    fn a_greeting_opens_a_connection() {
        check(true, b"", &hello(), Proof::Yes);
        check(false, b"", &hello(), Proof::Yes);
        check(true, b"", &packet(0, b"\xff\x10\x04Too many connections"), Proof::Yes);
        check(true, b"", &packet(0, b"\xff\x10\x04#08004Too many connections"), Proof::Yes);
        check(true, b"", &hello()[..32], Proof::Yes);
        check(true, b"", &hello()[..30], Proof::Maybe);
        let mut wrong: Vec<Vec<u8>> = vec![packet(0, b"\x098.0.30\0abc"), packet(0, b"\x0aversion\0")];
        for (at, byte) in [(0, 0), (1, 9), (2, 1), (3, 1), (4, 9), (5, b'x'), (8, 7), (24, 1), (26, 0xfd)] {
            let mut bytes = hello();
            bytes[at] = byte;
            wrong.push(bytes);
        }
        for bytes in wrong {
            check(true, b"", &bytes, Proof::No);
        }
    }

    #[test]
    fn a_client_that_speaks_first_speaks_something_else() {
        assert_eq!(recognise(&Starts::new(true, &packet(0, b"\x03SELECT 1"), b"")), Proof::No);
        assert_eq!(recognise(&Starts::new(true, b"", b"")), Proof::Maybe);
    }

    #[test]
    fn in_the_middle_sql_is_proof_and_other_commands_need_an_answer() {
        let ok = packet(1, b"\0\0\0\x02\0\0\0");
        let long = packet(0, &[&b"\x03insert into t values ('"[..], &[b'x'; 5000], b"')"].concat());
        let sql: [&[u8]; 9] = [
            b"\x03SELECT 1",
            b"\x03select * from orders",
            b"\x03\0\x01SELECT 1",
            b"\x03\n  UPDATE t SET a = 1",
            b"\x03/* tag */ SELECT 1",
            b"\x03(SELECT 1)",
            b"\x03COMMIT",
            b"\x03SET\tNAMES utf8",
            b"\x16SELECT ?",
        ];
        for payload in sql {
            check(false, &packet(0, payload), b"", Proof::Yes);
            check(false, &compressed(0, &packet(0, payload)), b"", Proof::Yes);
        }
        check(false, &long, b"", Proof::Yes);
        check(false, &long[..200], b"", Proof::Yes);
        check(false, &long[..30], b"", Proof::Maybe);
        let execute = packet(0, b"\x17\x07\0\0\0\0\x01\0\0\0\0\x01\x03\0\x07\0\0\0");
        for command in [packet(0, b"\x0e"), execute.clone(), compressed(0, &packet(0, b"\x0e"))] {
            check(false, &command, b"", Proof::Maybe);
            check(false, &command, &ok, Proof::Yes);
            check(false, &command, &packet(2, b"\0\0\0\x02\0\0\0"), Proof::No);
            check(false, &command, b"HTTP/1.1 200 OK\r\n", Proof::No);
        }
        check(false, &execute, &packet(1, b"\x03"), Proof::Yes);
        check(false, b"", &ok, Proof::Maybe);
        let wrong: [&[u8]; 6] = [
            b"\x03SELECTED 1",
            b"\x03hello",
            b"\x03SELECT \x01",
            b"\x0e\0\0\0\0\0\0\0\0",
            b"\x17\x07\0\0\0\0\x02\0\0\0",
            b"\x63abcdefgh",
        ];
        for payload in wrong {
            check(false, &packet(0, payload), b"", Proof::No);
        }
        check(false, &packet(1, b"\x03SELECT 1"), b"", Proof::No);
        check(false, &[packet(0, b"\x03SELECT 1"), packet(0, b"\x0e")].concat(), b"", Proof::Yes);
    }

    #[test]
    fn other_protocols_begin_otherwise() {
        let to_server: [&[u8]; 16] = [
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
            b"*1\r\n$4\r\nPING\r\n",
            b"\0\0\0\x08\x04\xd2\x16\x2f",
            b"\0\0\0\x20\0\x03\0\0user\0shop\0database\0shop\0\0",
            b"Q\0\0\0\x0dSELECT 1\0",
            b"P\0\0\0\x10\0SELECT 1\0\0\0",
            b"\x3a\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0",
            b"\0\0\0\x1a\0\x12\0\x03\0\0\0\x01\0\x03abc\0",
            b"AMQP\0\0\x09\x01",
            b"CONNECT {\"verbose\":false}\r\nPING\r\n",
            b"\x10\x12\0\x04MQTT\x04\x02\0\x3c\0\x06client",
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"EHLO mail.example\r\n",
            b"\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01",
        ];
        let to_client: [&[u8]; 12] = [
            b"HTTP/1.1 200 OK\r\n",
            b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80",
            b"+OK\r\n",
            b"R\0\0\0\x08\0\0\0\0",
            b"\x3a\0\0\0\x01\0\0\0\x01\0\0\0\xdd\x07\0\0",
            b"\x01\0\0\0\0\x01\xf4",
            b"INFO {\"server_id\":\"x\"}\r\n",
            b"\x20\x02\0\0",
            b"\x16\x03\x03\0\x7a\x02\0\0\x76",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"220 mail.example ESMTP\r\n",
            b"RFB 003.008\n",
        ];
        for bytes in to_server {
            for opening in [true, false] {
                assert_eq!(recognise(&Starts::new(opening, bytes, b"")), Proof::No, "{bytes:?}");
            }
        }
        for bytes in to_client {
            for opening in [true, false] {
                assert_eq!(recognise(&Starts::new(opening, b"", bytes)), Proof::No, "{bytes:?}");
            }
        }
    }
}
