//! What proves that bytes are NATS.

use super::ops::{self, Op};
use crate::decode::Dir;
use crate::detect::{Proof, Starts};

/// A line that proves something is shorter, in bytes.
const LINE_LIMIT: usize = 1024;
/// What a server's first words begin with, and what is always in them.
const GREETING: &[u8] = b"INFO {";
const SERVER: &[u8] = b"\"server_id\"";

pub(crate) fn recognise(starts: &Starts<'_>) -> Proof {
    let (asked, answered) = (starts.to_server(), starts.to_client());
    if starts.opening {
        // The server speaks first.
        let greeting = greeting(answered);
        return match asked {
            _ if greeting == Proof::Yes || asked.is_empty() => greeting,
            _ => both(greeting, line(Dir::ToServer, asked)),
        };
    }
    match (line(Dir::ToServer, asked), line(Dir::ToClient, answered)) {
        (Proof::Yes, _) | (_, Proof::Yes) => Proof::Yes,
        (Proof::No, _) if !asked.is_empty() => Proof::No,
        (_, Proof::No) if !answered.is_empty() => Proof::No,
        // Whether each is alive is asked and answered by both, in words that Redis has in part.
        _ if is_pair(asked, answered) || is_pair(answered, asked) => Proof::Yes,
        _ => Proof::Maybe,
    }
}

/// Whether bytes that nobody knows the place of are the beginning of a client's, or a server's, message.
pub(super) fn begins_request(bytes: &[u8]) -> bool {
    first_line(bytes).is_ok_and(|line| ops::read(Dir::ToServer, line).is_some())
}

pub(super) fn begins_delivery(bytes: &[u8]) -> bool {
    first_line(bytes).is_ok_and(|line| ops::read(Dir::ToClient, line).is_some())
}

fn is_pair(one: &[u8], other: &[u8]) -> bool {
    one == b"PING\r\n" && other.starts_with(b"PONG\r\n")
}

fn both(one: Proof, other: Proof) -> Proof {
    if one == Proof::No || other == Proof::No { Proof::No } else { Proof::Maybe }
}

fn greeting(bytes: &[u8]) -> Proof {
    let known = bytes.len().min(GREETING.len());
    if !bytes[..known].eq_ignore_ascii_case(&GREETING[..known]) {
        return Proof::No;
    }
    let text = &bytes[..bytes.len().min(LINE_LIMIT)];
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    match line.windows(SERVER.len()).any(|part| part == SERVER) {
        true => Proof::Yes,
        false if line.len() < text.len() || bytes.len() > LINE_LIMIT => Proof::No,
        false => Proof::Maybe,
    }
}

/// A whole line with a subject and a size is unmistakable.
fn line(dir: Dir, bytes: &[u8]) -> Proof {
    match first_line(bytes) {
        Ok(line) => match ops::read(dir, line) {
            Some(Op::Publish(_) | Op::Deliver(..)) => Proof::Yes,
            Some(Op::Subscribe { subject, .. }) if subject.contains(&b'.') => Proof::Yes,
            Some(Op::Info(json) | Op::Connect(json)) => {
                let own = [SERVER, b"\"verbose\"", b"\"lang\""];
                let known = own.iter().any(|own| json.windows(own.len()).any(|part| part == *own));
                if known { Proof::Yes } else { Proof::No }
            }
            Some(_) => Proof::Maybe,
            None => Proof::No,
        },
        Err(proof) => proof,
    }
}

/// The line at the beginning; without its end, whether it may become one.
fn first_line(bytes: &[u8]) -> Result<&[u8], Proof> {
    const NAMES: [&[u8]; 12] = [
        b"CONNECT {",
        b"PUB ",
        b"HPUB ",
        b"SUB ",
        b"UNSUB ",
        b"PING\r\n",
        b"PONG\r\n",
        b"INFO {",
        b"MSG ",
        b"HMSG ",
        b"+OK\r\n",
        b"-ERR '",
    ];
    let starts = NAMES.iter().any(|name| {
        let known = bytes.len().min(name.len());
        bytes[..known].eq_ignore_ascii_case(&name[..known])
    });
    let text = &bytes[..bytes.len().min(LINE_LIMIT)];
    match text.iter().position(|byte| *byte == b'\n') {
        _ if !starts => Err(Proof::No),
        Some(end) => text[..end].strip_suffix(b"\r").ok_or(Proof::No),
        None if bytes.len() > LINE_LIMIT => Err(Proof::No),
        None => Err(Proof::Maybe),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_tell_and_no_prefix_lies() {
        let greeting = b"INFO {\"server_id\":\"NAX\",\"version\":\"2.9.10\"}\r\n";
        let cases: [(bool, &[u8], &[u8], Proof); 17] = [
            (true, b"", greeting, Proof::Yes),
            (true, b"CONNECT {\"verbose\":false}\r\nPING\r\n", greeting, Proof::Yes),
            (true, b"", b"INFO {\"x\":1}\r\n", Proof::No),
            (true, b"CONNECT {\"verbose\":false}\r\n", b"", Proof::Maybe),
            (true, b"PUB a.b 3\r\nabc\r\n", b"+OK\r\n", Proof::No),
            (false, b"PUB a.b 3\r\nabc\r\n", b"", Proof::Yes),
            (false, b"HPUB a.b _INBOX.x 12 15\r\n", b"", Proof::Yes),
            (false, b"SUB orders.* 1\r\n", b"", Proof::Yes),
            (false, b"PUB a.b x\r\n", b"", Proof::No),
            (false, b"PUB a.b 3\n", b"", Proof::No),
            (false, b"", b"MSG a.b 1 3\r\nabc\r\n", Proof::Yes),
            (false, b"PING\r\n", b"", Proof::Maybe),
            (false, b"PING\r\n", b"PONG\r\n", Proof::Yes),
            (false, b"PONG\r\n", b"PING\r\n", Proof::Yes),
            (false, b"PING\r\n", b"+PONG\r\n", Proof::No),
            (false, b"", b"-ERR 'Slow Consumer'\r\n", Proof::Maybe),
            (false, b"CONNECT {\"lang\":\"go\"}\r\n", b"", Proof::Yes),
        ];
        for (opening, asked, answered, proof) in cases {
            let shown = (opening, String::from_utf8_lossy(asked), String::from_utf8_lossy(answered));
            assert_eq!(recognise(&Starts::new(opening, asked, answered)), proof, "{shown:?}");
            for end in 0..asked.len() {
                let early = recognise(&Starts::new(opening, &asked[..end], b""));
                let fits = early == Proof::Maybe || early == proof || (opening && proof == Proof::No);
                assert!(fits || (end == 0 && early == Proof::No), "{shown:?} asked {end}: {early:?}");
            }
            for end in 0..answered.len() {
                let early = recognise(&Starts::new(opening, b"", &answered[..end]));
                assert!(early == Proof::Maybe || early == proof, "{shown:?} answered {end}: {early:?}");
            }
        }
    }

    #[test]
    fn other_protocols_are_none() {
        let others: [(&[u8], &[u8]); 17] = [
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b""),
            (b"CONNECT host:443 HTTP/1.1\r\n", b""),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b""),
            (b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"),
            (b"INFO\r\n", b"$5\r\nhello\r\n"),
            (b"\0\0\0\x25\0\x03\0\0user\0shop\0\0", b"R\0\0\0\x08\0\0\0\0"),
            (b"", b"J\0\0\0\x0a8.0.36\0"),
            (b"\x3a\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0", b""),
            (b"\0\0\0\x2a\0\x12\0\x03\0\0\0\x01\0\x04cons", b""),
            (b"AMQP\0\0\x09\x01", b"\x01\0\0\0\0\0"),
            (b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04abcd", b""),
            (b"\x16\x03\x01\x02\0\x01\0\x01\xfc", b""),
            (b"", b"SSH-2.0-OpenSSH_9.2\r\n"),
            (b"EHLO x\r\n", b"220 mail ready\r\n"),
            (b"\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www", b""),
            (b"", b"+OK POP3 ready\r\n"),
            (b"SUBSCRIBE sip:x SIP/2.0\r\n", b""),
        ];
        for (asked, answered) in others {
            for opening in [true, false] {
                let proof = recognise(&Starts::new(opening, asked, answered));
                let shown = (String::from_utf8_lossy(asked), String::from_utf8_lossy(answered));
                assert_eq!(proof, Proof::No, "{shown:?}");
            }
        }
    }
}
