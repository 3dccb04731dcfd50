//! What proves that bytes are Kafka's.

use super::header::{self, Header, SIZE, Shape};
use crate::detect::{Proof, Starts};

/// A request for versions, which is what clients begin with; or a request that looks like one, and a response with its
/// number. Of a connection that is older than the capture, a request with its client's name is enough.
pub(crate) fn recognise(starts: &Starts<'_>) -> Proof {
    let (asked, answered) = (starts.to_server(), starts.to_client());
    let header = match header::shape(asked) {
        Shape::Sure(_) => return Proof::Yes,
        Shape::Strong(header) if !starts.opening || goes_on(asked, &header) => return Proof::Yes,
        Shape::Strong(header) | Shape::Weak(header) => header,
        // A response that was asked for before.
        Shape::Maybe if asked.is_empty() && !answered.is_empty() => {
            return if starts.opening || header::response(answered).is_err() {
                Proof::No
            } else {
                Proof::Maybe
            };
        }
        Shape::Maybe => return Proof::Maybe,
        Shape::No => return Proof::No,
    };
    match header::response(answered) {
        Ok(Some(number)) if number == header.correlation => Proof::Yes,
        Ok(None) => Proof::Maybe,
        Ok(Some(_)) | Err(()) => Proof::No,
    }
}

/// Whether a second request of the same client follows.
fn goes_on(asked: &[u8], first: &Header<'_>) -> bool {
    let size = asked.first_chunk::<SIZE>().map_or(0, |size| u32::from_be_bytes(*size) as usize);
    let next = asked.get(SIZE + size..).map(header::shape);
    matches!(next, Some(Shape::Strong(next)) if next.client == first.client)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(opening: bool, asked: &[u8], answered: &[u8]) -> Proof {
        recognise(&Starts::new(opening, asked, answered))
    }

    const VERSIONS: &[u8] = b"\0\0\0\x0f\0\x12\0\0\0\0\0\x01\0\x05kafka";
    const METADATA: &[u8] = b"\0\0\0\x13\0\x03\0\x01\0\0\0\x02\0\x05kafka\xff\xff\xff\xff";
    const NAMELESS: &[u8] = b"\0\0\0\x0e\0\x03\0\x01\0\0\0\x02\xff\xff\xff\xff\xff\xff";
    const ANSWER: &[u8] = b"\0\0\0\x0c\0\0\0\x02\0\0\0\0\0\0\0\0";

    #[test]
    fn both_directions_prove_it_together_and_no_prefix_lies() {
        let twice = [METADATA, METADATA].concat();
        let cases: [(bool, &[u8], &[u8], Proof); 9] = [
            (true, VERSIONS, b"", Proof::Yes),
            (true, METADATA, b"", Proof::Maybe),
            (true, METADATA, ANSWER, Proof::Yes),
            (true, NAMELESS, ANSWER, Proof::Yes),
            (true, &twice, b"", Proof::Yes),
            (false, METADATA, b"", Proof::Yes),
            (false, NAMELESS, b"", Proof::Maybe),
            (true, METADATA, b"\0\0\0\x0c\0\0\0\x03", Proof::No),
            (true, b"", ANSWER, Proof::No),
        ];
        for (opening, asked, answered, expected) in cases {
            assert_eq!(proof(opening, asked, answered), expected, "{asked:?} {answered:?}");
            for end in 0..answered.len() {
                let early = proof(opening, asked, &answered[..end]);
                assert!(early == Proof::Maybe || early == expected, "{asked:?} {:?}", &answered[..end]);
            }
            for end in 0..asked.len() {
                let early = proof(opening, &asked[..end], b"");
                assert!(early == Proof::Maybe || early == Proof::Yes, "{:?}", &asked[..end]);
            }
        }
        assert_eq!(proof(false, b"", ANSWER), Proof::Maybe);
    }

    #[test]
    fn other_protocols_are_not_kafka() {
        let clients: [&[u8]; 18] = [
            b"AMQP\0\0\x09\x01",
            b"GET / HTTP/1.1\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"*1\r\n$4\r\nPING\r\n",
            b"\0\0\0\x08\x04\xd2\x16\x2f",
            b"\0\0\0\x52\0\x03\0\0user\0postgres\0database\0shop\0application_name\0psql\0",
            b"\x55\0\0\x01\x85\xa6\xff\x01\0\0\0\x01\x21\0\0\0",
            b"\x3a\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0",
            b"CONNECT {\"verbose\":false}\r\n",
            b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04test",
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"EHLO x\r\n",
            b"\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01",
            // ZooKeeper's connect, and Thrift's call either way.
            b"\0\0\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\0\0\0\0\x10",
            b"\0\0\0\x1a\x80\x01\0\x01\0\0\0\x04ping\0\0\0\0",
            b"\0\0\0\x1a\0\0\0\x04ping\x01\0\0\0\0\0",
            b"\0\0\0\x01\x06",
        ];
        for bytes in clients {
            assert_eq!(proof(true, bytes, b""), Proof::No, "{bytes:?}");
        }
        for bytes in [&b"HTTP/1.1 200 OK\r\n"[..], b"220 mail\r\n", b"\x4a\0\0\0\x0a8.0.33\0", b"INFO {}\r\n"]
        {
            assert_eq!(proof(true, b"", bytes), Proof::No, "{bytes:?}");
            assert_eq!(proof(false, b"", bytes), Proof::No, "{bytes:?}");
        }
    }
}
