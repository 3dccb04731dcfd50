//! What proves that bytes are PostgreSQL's: a start-up packet, or whole messages whose inside fits their length.

use super::message::Reader;
use super::shape::messages;
use crate::decode::Dir;
use crate::detect::{Proof, Starts};

/// Larger start-up packets are refused by servers, in bytes.
pub(super) const STARTUP_LIMIT: u32 = 10_000;
/// The codes that start-up packets have in place of a version.
pub(super) const CANCEL: u32 = 80_877_102;
pub(super) const SSL: u32 = 80_877_103;
pub(super) const GSS: u32 = 80_877_104;

pub(crate) fn recognise(starts: &Starts<'_>) -> Proof {
    let (to_server, to_client) = (starts.to_server(), starts.to_client());
    if starts.opening {
        // A server never speaks first.
        return if to_server.is_empty() && !to_client.is_empty() { Proof::No } else { startup(to_server) };
    }
    match (startup(to_server), messages(Dir::ToServer, to_server), messages(Dir::ToClient, to_client)) {
        (Proof::Yes, _, _) | (_, Proof::Yes, _) | (_, _, Proof::Yes) => Proof::Yes,
        (Proof::No, Proof::No, _) | (_, _, Proof::No) => Proof::No,
        _ => Proof::Maybe,
    }
}

/// The first packet of a connection: its length, a version or a code, and for a version the parameters.
fn startup(bytes: &[u8]) -> Proof {
    let mut reader = Reader(bytes);
    let Some(length) = reader.u32() else {
        return if bytes.iter().take(2).all(|b| *b == 0) { Proof::Maybe } else { Proof::No };
    };
    if !(8..=STARTUP_LIMIT).contains(&length) {
        return Proof::No;
    }
    let Some(code) = reader.u32() else {
        let fits = |code: u32| code.to_be_bytes().starts_with(reader.0);
        let version = [0, 3].iter().zip(reader.0).all(|(known, b)| known == b);
        return if version || [SSL, GSS, CANCEL].into_iter().any(fits) { Proof::Maybe } else { Proof::No };
    };
    match (code, length) {
        (SSL | GSS, 8) | (CANCEL, 16..=268) => return Proof::Yes,
        _ if code >> 16 != 3 => return Proof::No,
        _ => {}
    }
    let end = (length as usize - 8).min(reader.0.len());
    let whole = length as usize <= bytes.len();
    let mut parameters = Reader(&reader.0[..end]);
    loop {
        let is_name = |name: &[u8]| name.iter().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(b));
        match parameters.text() {
            Some(name) if name.is_empty() || !is_name(name) => return Proof::No,
            Some(name) => match parameters.text() {
                Some(value) if name == b"user" && !value.is_empty() => return Proof::Yes,
                Some(_) => {}
                None if whole => return Proof::No,
                None => return Proof::Maybe,
            },
            None if whole || !is_name(parameters.0) => return Proof::No,
            None => return Proof::Maybe,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALIENS: [&[u8]; 17] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"+OK\r\n",
        b"\x4a\0\0\0\x0a8.0.36\0\x08\0\0\0abcdefgh\0",
        b"\x51\0\0\0\x07\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x3c\0\0\0\x10hello\0",
        b"\x53\0\0\0\x04\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x3c\0\0\0\x10hello\0",
        b"\0\0\0\x23\0\x12\0\x04\0\0\0\x01\0\x07console\0\x0capache-kafka\x063.0\0",
        b"\0\0\0\x17\0\x03\0\x01\0\0\0\x05\0\x07console\0\0\0\x01\0\0\0",
        b"AMQP\0\0\x09\x01",
        b"INFO {\"server_id\":\"x\"}\r\n",
        b"\x10\x0c\0\x04MQTT\x04\x02\0\x3c\0\0",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"EHLO mail.example.com\r\n",
        b"\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01",
    ];

    fn of(to_server: &[u8], to_client: &[u8], opening: bool) -> Proof {
        recognise(&Starts::new(opening, to_server, to_client))
    }

    fn no_prefix_lies(bytes: &[u8], proof: Proof, of: &dyn Fn(&[u8]) -> Proof) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(of(bytes), proof, "{text:?}");
        for end in 0..bytes.len() {
            let early = of(&bytes[..end]);
            let fits = match proof {
                Proof::Yes | Proof::Maybe => early != Proof::No,
                Proof::No => early != Proof::Yes,
            };
            assert!(fits, "{early:?} after {end} of {text:?}");
        }
    }

    #[test]
    fn a_connection_is_told_by_its_first_packet() {
        let cases: [(&[u8], Proof); 12] = [
            (b"\0\0\0\x08\x04\xd2\x16\x2f", Proof::Yes),
            (b"\0\0\0\x08\x04\xd2\x16\x30", Proof::Yes),
            (b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01\0\0\0\x02", Proof::Yes),
            (b"\0\0\0\x13\0\x03\0\0user\0zeek\0\0", Proof::Yes),
            (b"\0\0\0\x20\0\x03\0\x02database\0a\0user\0zeek\0\0", Proof::Yes),
            (b"\0\0\0\x20\0\x03\0\0database\0a", Proof::Maybe),
            (b"\0\0\0\x12\0\x03\0\0database\0\0", Proof::No),
            (b"\0\0\0\x13\0\x02\0\0user\0zeek\0\0", Proof::No),
            (b"\0\0\0\x09\x04\xd2\x16\x2f\0", Proof::No),
            (b"\0\0\0\x07\0\x03\0", Proof::No),
            (b"\0\x01\0\x08\0\x03\0\0user\0", Proof::No),
            (b"Q\0\0\0\x0dselect 1\0", Proof::No),
        ];
        for (bytes, proof) in cases {
            no_prefix_lies(bytes, proof, &|bytes| of(bytes, b"", true));
        }
        assert_eq!(of(b"", b"\x4a\0\0\0\x0a8", true), Proof::No);
        assert_eq!(of(b"", b"Z\0\0\0\x05I", true), Proof::No);
    }

    #[test]
    fn a_client_is_told_by_whole_messages() {
        let cases: [(&[u8], Proof); 12] = [
            (b"Q\0\0\0\x0dselect 1\0", Proof::Yes),
            (b"Q\0\0\x10\0  select * from", Proof::Yes),
            (b"Q\0\0\x10\0what is this", Proof::Maybe),
            (b"P\0\0\0\x18\0ping $1\0\0\x01\0\0\0\x17B\0\0\0\x0cx", Proof::No),
            (b"P\0\0\0\x15\0select $1\0\0\x01\0\0\0\x17B\0\0\0\x0c\0\0", Proof::Yes),
            (b"B\0\0\0\x11\0\0\0\0\0\x01\0\0\0\x01x\0\0", Proof::Yes),
            (b"E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04", Proof::Yes),
            (b"D\0\0\0\x06P\0", Proof::Yes),
            (b"S\0\0\0\x04", Proof::Maybe),
            (b"X\0\0\0\x04", Proof::Maybe),
            (b"Q\0\0\0\x0dsel\0ct 1\0", Proof::No),
            (b"Z\0\0\0\x05I", Proof::No),
        ];
        for (bytes, proof) in cases {
            no_prefix_lies(bytes, proof, &|bytes| of(bytes, b"", false));
        }
    }

    #[test]
    fn a_server_is_told_by_whole_messages() {
        let cases: [(&[u8], Proof); 11] = [
            (b"Z\0\0\0\x05I", Proof::Yes),
            (b"Z\0\0\0\x05X", Proof::No),
            (b"C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05T", Proof::Yes),
            (b"D\0\0\0\x0b\0\x01\0\0\0\x01x", Proof::Yes),
            (b"D\0\0\0\x0c\0\x01\0\0\0\x01xy", Proof::No),
            (b"1\0\0\0\x042\0\0\0\x04", Proof::Maybe),
            (b"1\0\0\0\x042\0\0\0\x04C\0\0\0\x0aBEGIN\0", Proof::Yes),
            (b"T\0\0\0\x1a\0\x01a\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0", Proof::Yes),
            (b"E\0\0\0\x14SERROR\0C42P01\0\0\0", Proof::No),
            (b"E\0\0\0\x13SERROR\0C42P01\0\0", Proof::Yes),
            (b"A\0\0\0\x0e\0\0\0\x01news\0\0", Proof::Yes),
        ];
        for (bytes, proof) in cases {
            no_prefix_lies(bytes, proof, &|bytes| of(b"", bytes, false));
        }
    }

    #[test]
    fn other_protocols_are_none_of_it() {
        for bytes in ALIENS {
            for proof in
                [of(bytes, b"", true), of(bytes, b"", false), of(b"", bytes, true), of(b"", bytes, false)]
            {
                assert_eq!(proof, Proof::No, "{:?}", String::from_utf8_lossy(bytes));
            }
            for end in 0..bytes.len() {
                let proofs = [
                    of(&bytes[..end], b"", true),
                    of(&bytes[..end], b"", false),
                    of(b"", &bytes[..end], false),
                ];
                assert!(!proofs.contains(&Proof::Yes), "{end} of {:?}", String::from_utf8_lossy(bytes));
            }
        }
    }
}
