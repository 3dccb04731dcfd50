//! The protocol's lines: <https://docs.nats.io/reference/reference-protocols/nats-protocol>.

use crate::decode::Dir;

/// No server takes a payload of so many bytes.
const SIZE_LIMIT: u64 = 1 << 31;

/// A line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op<'a> {
    /// What the server, or the client, tells of itself, in JSON.
    Info(&'a [u8]),
    Connect(&'a [u8]),
    Publish(Message<'a>),
    /// A message for the subscription of this number.
    Deliver(&'a [u8], Message<'a>),
    Subscribe {
        subject: &'a [u8],
        queue: Option<&'a [u8]>,
        sid: &'a [u8],
    },
    Unsubscribe {
        sid: &'a [u8],
        /// After how many messages.
        most: Option<u64>,
    },
    Ping,
    Pong,
    Ok,
    Error(&'a [u8]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) subject: &'a [u8],
    /// Where an answer is to go.
    pub(super) reply: Option<&'a [u8]>,
    /// How many of its bytes are headers.
    pub(super) headers: u64,
    pub(super) size: u64,
}

/// What a line means in a direction; `None` when it is none of this protocol.
pub(super) fn read(dir: Dir, line: &[u8]) -> Option<Op<'_>> {
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let rest = rest.trim_ascii();
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    let words = || rest.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    // More words than any line has are told from fewer.
    let mut found = [&b""[..]; 6];
    let mut count = 0;
    for word in words().take(found.len()) {
        found[count] = word;
        count += 1;
    }
    let found = &found[..count];
    match dir {
        Dir::ToServer if is(b"CONNECT") && rest.starts_with(b"{") => Some(Op::Connect(rest)),
        Dir::ToServer if is(b"PUB") => match *found {
            [subject, size] => message(subject, None, None, size).map(Op::Publish),
            [subject, reply, size] => message(subject, Some(reply), None, size).map(Op::Publish),
            _ => None,
        },
        Dir::ToServer if is(b"HPUB") => match *found {
            [subject, headers, size] => message(subject, None, Some(headers), size).map(Op::Publish),
            [subject, reply, headers, size] => {
                message(subject, Some(reply), Some(headers), size).map(Op::Publish)
            }
            _ => None,
        },
        Dir::ToServer if is(b"SUB") => match *found {
            [subject, sid] => Some(Op::Subscribe { subject, queue: None, sid }),
            [subject, queue, sid] => Some(Op::Subscribe { subject, queue: Some(queue), sid }),
            _ => None,
        },
        Dir::ToServer if is(b"UNSUB") => match *found {
            [sid] => Some(Op::Unsubscribe { sid, most: None }),
            [sid, most] => Some(Op::Unsubscribe { sid, most: Some(number(most)?) }),
            _ => None,
        },
        Dir::ToClient if is(b"INFO") && rest.starts_with(b"{") => Some(Op::Info(rest)),
        Dir::ToClient if is(b"MSG") => match *found {
            [subject, sid, size] => Some(Op::Deliver(sid, message(subject, None, None, size)?)),
            [subject, sid, reply, size] => Some(Op::Deliver(sid, message(subject, Some(reply), None, size)?)),
            _ => None,
        },
        Dir::ToClient if is(b"HMSG") => match *found {
            [subject, sid, headers, size] => {
                Some(Op::Deliver(sid, message(subject, None, Some(headers), size)?))
            }
            [subject, sid, reply, headers, size] => {
                Some(Op::Deliver(sid, message(subject, Some(reply), Some(headers), size)?))
            }
            _ => None,
        },
        Dir::ToClient if is(b"+OK") && found.is_empty() => Some(Op::Ok),
        Dir::ToClient if is(b"-ERR") => Some(Op::Error(rest)),
        Dir::ToServer | Dir::ToClient if is(b"PING") && found.is_empty() => Some(Op::Ping),
        Dir::ToServer | Dir::ToClient if is(b"PONG") && found.is_empty() => Some(Op::Pong),
        Dir::ToServer | Dir::ToClient => None,
    }
}

fn message<'a>(
    subject: &'a [u8],
    reply: Option<&'a [u8]>,
    headers: Option<&[u8]>,
    size: &[u8],
) -> Option<Message<'a>> {
    let headers = headers.map_or(Some(0), number)?;
    let size = number(size)?;
    (headers <= size).then_some(Message { subject, reply, headers, size })
}

fn number(word: &[u8]) -> Option<u64> {
    let digits = !word.is_empty() && word.len() <= 10 && word.iter().all(u8::is_ascii_digit);
    let number = || word.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    digits.then(number).filter(|number| *number <= SIZE_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dir::{ToClient, ToServer};

    fn check(dir: Dir, line: &str) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let message = |m: Message<'_>| {
            let reply = m.reply.map_or(String::new(), |reply| format!(" for {}", text(reply)));
            format!("{}{reply} {}+{}", text(m.subject), m.headers, m.size)
        };
        match read(dir, line.as_bytes()) {
            None => "none".to_owned(),
            Some(Op::Publish(m)) => format!("publish {}", message(m)),
            Some(Op::Deliver(sid, m)) => format!("deliver {} {}", text(sid), message(m)),
            Some(Op::Subscribe { subject, queue, sid }) => {
                format!("subscribe {} {:?} {}", text(subject), queue.map(text), text(sid))
            }
            Some(Op::Info(json) | Op::Connect(json)) => text(json),
            Some(Op::Error(words)) => format!("error {}", text(words)),
            Some(op) => format!("{op:?}"),
        }
    }

    #[test]
    fn lines_are_read_and_others_are_not() {
        for (dir, line, expected) in [
            (ToServer, "PUB a.b 5", "publish a.b 0+5"),
            (ToServer, "pub\ta.b  _INBOX.1 0", "publish a.b for _INBOX.1 0+0"),
            (ToServer, "HPUB a 12 17", "publish a 12+17"),
            (ToServer, "HPUB a r 12 17", "publish a for r 12+17"),
            (ToServer, "HPUB a 18 17", "none"),
            (ToServer, "PUB a", "none"),
            (ToServer, "PUB a b c d", "none"),
            (ToServer, "PUB a -1", "none"),
            (ToServer, "PUB a 99999999999", "none"),
            (ToServer, "SUB a.* 1", "subscribe a.* None 1"),
            (ToServer, "SUB a.> workers 2 ", "subscribe a.> Some(\"workers\") 2"),
            (ToServer, "UNSUB 1 5", "Unsubscribe { sid: [49], most: Some(5) }"),
            (ToServer, "CONNECT {\"a\": 1}", "{\"a\": 1}"),
            (ToServer, "CONNECT host:443 HTTP/1.1", "none"),
            (ToServer, "PING", "Ping"),
            (ToServer, "MSG a 1 5", "none"),
            (ToServer, "+OK", "none"),
            (ToClient, "MSG a 1 5", "deliver 1 a 0+5"),
            (ToClient, "MSG a 1 r 5", "deliver 1 a for r 0+5"),
            (ToClient, "HMSG a 1 r 12 17", "deliver 1 a for r 12+17"),
            (ToClient, "PUB a 5", "none"),
            (ToClient, "+OK", "Ok"),
            (ToClient, "+OK POP3 ready", "none"),
            (ToClient, "-ERR 'Authorization Violation'", "error 'Authorization Violation'"),
            (ToClient, "PONG", "Pong"),
            (ToClient, "INFO {\"server_id\":1}", "{\"server_id\":1}"),
            (ToClient, "", "none"),
        ] {
            assert_eq!(check(dir, line), expected, "{line}");
        }
    }
}
