//! What proves that bytes are AMQP 0-9-1.

use super::frame::{PROTOCOL, prove};
use crate::decode::Dir;
use crate::detect::{Proof, Starts};

/// `RabbitMQ` takes the header of 0-9 for that of 0-9-1.
const OLDER: [u8; 8] = *b"AMQP\x01\x01\0\x09";

/// A client's protocol header, or a frame that only one side can have sent, whole with its end octet. Frames that both
/// sides send are passed over, since they say nothing of who is the client.
pub(crate) fn recognise(starts: &Starts<'_>) -> Proof {
    let asked = match protocol_header(starts.to_server()) {
        Proof::No => prove(Dir::ToServer, starts.to_server()),
        proof => proof,
    };
    let answered = prove(Dir::ToClient, starts.to_client());
    match (asked, answered) {
        (Proof::Yes, _) | (_, Proof::Yes) => Proof::Yes,
        // Of a connection that was joined later, one side may stand in the middle of a message.
        (Proof::Maybe, Proof::No) | (Proof::No, Proof::Maybe)
            if !starts.opening && !starts.to_client().is_empty() && !starts.to_server().is_empty() =>
        {
            Proof::Maybe
        }
        (Proof::No, _) | (_, Proof::No) => Proof::No,
        (Proof::Maybe, Proof::Maybe) => Proof::Maybe,
    }
}

fn protocol_header(bytes: &[u8]) -> Proof {
    let known = bytes.len().min(PROTOCOL.len());
    if ![PROTOCOL, OLDER].iter().any(|header| header[..known] == bytes[..known]) {
        return Proof::No;
    }
    if known == PROTOCOL.len() { Proof::Yes } else { Proof::Maybe }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(opening: bool, asked: &[u8], answered: &[u8]) -> Proof {
        recognise(&Starts::new(opening, asked, answered))
    }

    const PUBLISH: &[u8] = b"\x01\0\x01\0\0\0\x0a\0\x3c\0\x28\0\0\0\x01q\0\xce";
    const HEARTBEAT_AND_OPEN: &[u8] = b"\x08\0\0\0\0\0\0\xce\x01\0\x01\0\0\0\x05\0\x14\0\x0a\0\xce";
    const START: &[u8] = b"\x01\0\0\0\0\0\x1c\0\x0a\0\x0a\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05en_US\xce";

    #[test]
    fn a_header_or_a_method_proves_it_and_no_prefix_lies() {
        let cases: [(&[u8], &[u8], Proof); 6] = [
            (b"AMQP\0\0\x09\x01", b"", Proof::Yes),
            (b"AMQP\x01\x01\0\x09", b"", Proof::Yes),
            (PUBLISH, b"", Proof::Yes),
            (HEARTBEAT_AND_OPEN, b"", Proof::Yes),
            (b"", START, Proof::Yes),
            (b"\x08\0\0\0\0\0\0\xce", b"", Proof::Maybe),
        ];
        for (asked, answered, expected) in cases {
            for opening in [true, false] {
                assert_eq!(proof(opening, asked, answered), expected, "{asked:?}");
                for end in 0..asked.len().max(answered.len()) {
                    let cut = |bytes: &'static [u8]| &bytes[..end.min(bytes.len())];
                    let early = proof(opening, cut(asked), cut(answered));
                    assert!(early == Proof::Maybe || early == expected, "{asked:?} at {end}");
                }
            }
        }
    }

    #[test]
    fn other_protocols_are_not_amqp() {
        let clients: [&[u8]; 17] = [
            b"AMQP\0\x01\0\0",
            b"AMQP\x03\x01\0\0",
            b"GET / HTTP/1.1\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"*1\r\n$4\r\nPING\r\n",
            b"\0\0\0\x08\x04\xd2\x16\x2f",
            b"\0\0\0\x52\0\x03\0\0user\0x\0",
            b"\x20\0\0\x01\x85\xa6\xff\x01",
            b"\x3a\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0",
            b"\0\0\0\x1d\0\x12\0\x04\0\0\0\x01\0\x07example",
            b"CONNECT {}\r\n",
            b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04test",
            b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"EHLO x\r\n",
            b"\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example",
            b"\x01\0\0\0\x01\0\0\0",
        ];
        for bytes in clients {
            assert_eq!(proof(true, bytes, b""), Proof::No, "{bytes:?}");
        }
        let servers: [&[u8]; 7] = [
            b"HTTP/1.1 200 OK\r\n",
            b"220 mail ESMTP\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"\x4a\0\0\0\x0a8.0.33\0",
            b"INFO {\"server_id\":1}\r\n",
            b"R\0\0\0\x08\0\0\0\0",
            b"+OK\r\n",
        ];
        for bytes in servers {
            assert_eq!(proof(true, b"", bytes), Proof::No, "{bytes:?}");
        }
    }
}
