//! What proves that bytes are TLS.

use super::record;
use crate::detect::{Proof, Starts};
use crate::framing::Head;

/// A hello with nothing but what every hello has.
const HELLO_LEAST: usize = 2 + 32 + 1 + 2 + 1;

pub(crate) fn recognise(starts: &Starts<'_>) -> Proof {
    // Whoever speaks first waits for no hello; should one come, it is noticed as a turn of its own.
    let greets = starts.to_server().is_empty() && !starts.to_client().is_empty();
    match hello(starts.to_server()) {
        Proof::Yes => return Proof::Yes,
        Proof::Maybe if !greets => return Proof::Maybe,
        Proof::Maybe | Proof::No => {}
    }
    if starts.opening {
        return Proof::No;
    }
    match (sealed(starts.to_server()), sealed(starts.to_client())) {
        (Proof::No, _) | (_, Proof::No) => Proof::No,
        // Records look alike in both directions, and one might be chance.
        (Proof::Yes, Proof::Yes) => Proof::Yes,
        (Proof::Maybe | Proof::Yes, Proof::Maybe | Proof::Yes) => Proof::Maybe,
    }
}

/// A record of a handshake whose first message is a hello (RFC 8446 sections 4 and 5.1): type, version, lengths that fit
/// each other, and the hello's own version.
fn hello(bytes: &[u8]) -> Proof {
    let (record, hello) = bytes.split_at(bytes.len().min(5));
    let size = match record::measure(record) {
        Head::Frame { payload, .. } => payload as usize,
        Head::More if record.first().is_none_or(|kind| *kind == 0x16) => return Proof::Maybe,
        Head::More | Head::Bad => return Proof::No,
    };
    let fits = [
        |byte: u8| byte == 1,
        |byte: u8| byte == 0,
        |_| true,
        |_| true,
        |byte: u8| byte == 3,
        |byte: u8| byte <= 4,
    ];
    let known = record[0] == 0x16 && hello.iter().zip(fits).all(|(byte, fits)| fits(*byte));
    if !known || size < HELLO_LEAST + 4 {
        return Proof::No;
    }
    match hello {
        [_, _, high, low, _, _, ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if length >= HELLO_LEAST { Proof::Yes } else { Proof::No }
        }
        _ => Proof::Maybe,
    }
}

/// Records of application data, one or more from end to end, the last one perhaps cut.
fn sealed(mut bytes: &[u8]) -> Proof {
    let mut proof = Proof::Maybe;
    while !bytes.is_empty() {
        if bytes.iter().zip(b"\x17\x03\x03").any(|(byte, expected)| byte != expected) {
            return Proof::No;
        }
        match record::measure(bytes) {
            Head::Frame { head, payload } => {
                proof = Proof::Yes;
                bytes = bytes.get(head + payload as usize..).unwrap_or_default();
            }
            Head::More => return proof,
            Head::Bad => return Proof::No,
        }
    }
    proof
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    const SEALED: &[u8] = b"\x17\x03\x03\x00\x02ab\x17\x03\x03\x10\x00abc";

    #[test]
    fn a_hello_is_told_by_many_fields_and_no_prefix_lies() {
        let cases: [(&[u8], Proof); 14] = [
            (HELLO, Proof::Yes),
            (b"\x16\x03\x03\x00\x31\x01\x00\x00\x2d\x03\x03", Proof::Yes),
            // A large hello in two records.
            (b"\x16\x03\x01\x40\x00\x01\x00\x40\x10\x03\x03", Proof::Yes),
            (b"\x16\x03\x01\x02\x00\x02\x00\x01\xfc\x03\x03", Proof::No),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x05", Proof::No),
            (b"\x16\x03\x01\x02\x00\x01\x00\x00\x01\x03\x03", Proof::No),
            (b"\x16\x03\x01\x00\x04\x01\x00\x00\x00\x03\x03", Proof::No),
            (b"\x15\x03\x01\x00\x02\x02\x28", Proof::No),
            (b"GET / HTTP/1.1\r\n", Proof::No),
            (b"PRI * HTTP/2.0\r\n", Proof::No),
            (b"*1\r\n$4\r\nPING\r\n", Proof::No),
            (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", Proof::No),
            (b"\x10\x1e\x00\x04MQTT", Proof::No),
            (b"AMQP\x00\x00\x09\x01", Proof::No),
        ];
        for opening in [true, false] {
            for (bytes, expected) in cases {
                assert_eq!(recognise(&Starts::new(opening, bytes, b"")), expected, "{bytes:x?}");
                for end in 1..bytes.len() {
                    let early = recognise(&Starts::new(opening, &bytes[..end], b""));
                    assert!(early == expected || early == Proof::Maybe, "{:x?}", &bytes[..end]);
                }
            }
        }
    }

    #[test]
    fn who_waits_for_the_server_s_greeting_sends_no_hello() {
        for greeting in [&b"SSH-2.0-x\r\n"[..], b"220 mail\r\n", b"J\x00\x00\x00\x0a5.7.1", b"INFO {}\r\n"] {
            assert_eq!(recognise(&Starts::new(true, b"", greeting)), Proof::No);
            assert_eq!(recognise(&Starts::new(true, HELLO, greeting)), Proof::Yes);
        }
    }

    #[test]
    fn in_mid_stream_both_directions_must_show_it() {
        let cases: [(&[u8], &[u8], Proof); 5] = [
            (SEALED, SEALED, Proof::Yes),
            (SEALED, b"", Proof::Maybe),
            (b"", SEALED, Proof::Maybe),
            (SEALED, b"HTTP/1.1 200 OK\r\n", Proof::No),
            (b"\x17\x03\x03\x00\x02abGET", SEALED, Proof::No),
        ];
        for (to_server, to_client, expected) in cases {
            assert_eq!(recognise(&Starts::new(false, to_server, to_client)), expected);
            assert_ne!(recognise(&Starts::new(true, to_server, to_client)), Proof::Yes);
        }
    }
}
