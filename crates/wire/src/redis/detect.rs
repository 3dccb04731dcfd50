//! What proves that bytes are RESP.

use super::commands::is_well_known;
use crate::detect::{Proof, Starts};

/// The longest names are those of modules' commands, in bytes.
const NAME_LIMIT: usize = 64;
/// A line that holds a number, or a simple string that is a first reply, is shorter, in bytes.
const LINE_LIMIT: usize = 256;
/// What a server sends before anything is asked, when it refuses the connection.
const REFUSALS: [&[u8]; 2] =
    [b"-DENIED Redis is running in protected mode", b"-ERR max number of clients reached"];
/// What begins a message that a server sends to those who listen.
const PUSHES: [&[u8]; 10] = [
    b"message",
    b"pmessage",
    b"smessage",
    b"subscribe",
    b"psubscribe",
    b"ssubscribe",
    b"unsubscribe",
    b"punsubscribe",
    b"sunsubscribe",
    b"invalidate",
];

pub(crate) fn recognise(starts: &Starts<'_>) -> Proof {
    let (asked, answered) = (starts.to_server(), starts.to_client());
    if asked.is_empty() {
        return if starts.opening { refusal(answered) } else { unasked(answered) };
    }
    match command(asked, !starts.opening) {
        Proof::Yes => Proof::Yes,
        Proof::Maybe if !answered.is_empty() => match reply(answered) {
            // Where both directions fit, a short command of a known name is enough.
            Proof::Yes if inline(asked) == Proof::Yes => Proof::Yes,
            Proof::Yes | Proof::Maybe => Proof::Maybe,
            Proof::No => Proof::No,
        },
        proof => proof,
    }
}

/// Whether bytes that nobody knows the place of are the beginning of a command.
pub(super) fn begins_command(bytes: &[u8]) -> bool {
    array_of_strings(bytes, &|name| is_well_known(name, true)) == Proof::Yes
}

/// Whether bytes that nobody knows the place of are the beginning of something that is pushed. A reply may look like
/// anything.
pub(super) fn begins_push(bytes: &[u8]) -> bool {
    is_push(bytes) == Proof::Yes || is_monitored(bytes)
}

/// Whether a simple string is what `MONITOR` tells: `1339518083.107412 [0 127.0.0.1:60866] "keys" "*"`.
pub(super) fn is_monitor_line(text: &[u8]) -> bool {
    let mut words = text.splitn(3, |byte| *byte == b' ');
    let time = words.next().unwrap_or_default();
    let dotted = time.len() > 8 && time.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    dotted && words.next().is_some_and(|word| word.starts_with(b"["))
}

fn is_monitored(bytes: &[u8]) -> bool {
    let line = &bytes[..bytes.len().min(LINE_LIMIT)];
    line.strip_prefix(b"+").is_some_and(is_monitor_line)
}

/// A command is unmistakable as an array of bulk strings. `known` asks for a well-known name, where replies that look
/// alike cannot be excluded by the direction.
fn command(bytes: &[u8], known: bool) -> Proof {
    let array = array_of_strings(bytes, &|name| {
        let alone = is_well_known(name, true);
        alone || (!known && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte)))
    });
    match array {
        // What is no well-known command may be a reply, or a command of a module.
        Proof::No if known && array_of_strings(bytes, &|name| name.is_ascii()) != Proof::No => Proof::Maybe,
        Proof::No => match inline(bytes) {
            Proof::Yes | Proof::Maybe => Proof::Maybe,
            Proof::No => Proof::No,
        },
        proof => proof,
    }
}

/// `*3 CRLF $3 CRLF SET CRLF`, of which the name must be a good one.
fn array_of_strings(bytes: &[u8], good: &dyn Fn(&[u8]) -> bool) -> Proof {
    head_and_name(bytes, b"*", |count| count > 0, good)
}

fn is_push(bytes: &[u8]) -> Proof {
    head_and_name(bytes, b"*>", |count| (2..=4).contains(&count), &|name| PUSHES.contains(&name))
}

fn head_and_name(
    bytes: &[u8],
    kinds: &[u8],
    counts: impl Fn(u64) -> bool,
    good: &dyn Fn(&[u8]) -> bool,
) -> Proof {
    let Some(kind) = bytes.first() else { return Proof::Maybe };
    if !kinds.contains(kind) {
        return Proof::No;
    }
    let (count, rest) = match numbered(bytes) {
        Ok(parts) => parts,
        Err(proof) => return proof,
    };
    if !counts(count) || rest.first().is_some_and(|byte| *byte != b'$') {
        return Proof::No;
    }
    let (length, rest) = match numbered(rest) {
        Ok(parts) => parts,
        Err(proof) => return proof,
    };
    let length = length as usize;
    if length == 0 || length > NAME_LIMIT {
        return Proof::No;
    }
    if rest.len() < length {
        return if rest.is_ascii() { Proof::Maybe } else { Proof::No };
    }
    let (name, end) = rest.split_at(length);
    match end {
        _ if !good(name) => Proof::No,
        [b'\r', b'\n', ..] => Proof::Yes,
        [] | [b'\r'] => Proof::Maybe,
        _ => Proof::No,
    }
}

/// A type byte, a number and a line's end; and what comes behind.
fn numbered(bytes: &[u8]) -> Result<(u64, &[u8]), Proof> {
    let Some((_, rest)) = bytes.split_first() else { return Err(Proof::Maybe) };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, end) = rest.split_at(digits);
    if digits > 9 {
        return Err(Proof::No);
    }
    match end {
        [] | [b'\r'] => Err(Proof::Maybe),
        [b'\r', b'\n', rest @ ..] if digits > 0 => {
            let number = number.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
            Ok((number, rest))
        }
        _ => Err(Proof::No),
    }
}

/// `PING` or `SET key value`, and a line's end.
fn inline(bytes: &[u8]) -> Proof {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let line = &bytes[..end.unwrap_or(bytes.len())];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let name = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    let named = is_well_known(name, end.is_some() || name.len() < line.len());
    // HTTP's `GET` is the only other protocol's word that is a command, too.
    let http = line.len() > 9 && line[line.len() - 9..].starts_with(b" HTTP/1.");
    let text = line.iter().all(|byte| *byte >= b' ' || *byte == b'\t');
    match end {
        _ if !named || !text || (end.is_some() && http) => Proof::No,
        Some(_) => Proof::Yes,
        None => Proof::Maybe,
    }
}

/// The first line of a first reply.
fn reply(bytes: &[u8]) -> Proof {
    let Some(kind) = bytes.first() else { return Proof::Maybe };
    let end = bytes.windows(2).position(|pair| pair == b"\r\n");
    let line = &bytes[1..end.unwrap_or(bytes.len()).max(1)];
    let line = if end.is_none() { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
    if line.len() > LINE_LIMIT && end.is_none() {
        return Proof::No;
    }
    let fits = match kind {
        b'+' => line.iter().all(|byte| (b' '..0x7f).contains(byte)),
        b'-' => {
            let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
            word.iter().all(u8::is_ascii_uppercase)
        }
        b':' | b'$' | b'*' | b'%' | b'~' => {
            let digits = line.strip_prefix(b"-").unwrap_or(line);
            let counted = digits.len() < 20 && digits.iter().all(u8::is_ascii_digit);
            line == b"?" || (counted && (end.is_none() || !digits.is_empty()))
        }
        b'_' => line.is_empty(),
        _ => false,
    };
    match (fits, end) {
        (false, _) => Proof::No,
        (true, Some(_)) => Proof::Yes,
        (true, None) => Proof::Maybe,
    }
}

/// What a server may send before anything is asked.
fn refusal(bytes: &[u8]) -> Proof {
    let begins = |refusal: &&[u8]| {
        let known = refusal.len().min(bytes.len());
        bytes[..known] == refusal[..known]
    };
    match REFUSALS.iter().find(|refusal| begins(refusal)) {
        Some(refusal) if bytes.len() >= refusal.len() => Proof::Yes,
        Some(_) => Proof::Maybe,
        None => Proof::No,
    }
}

/// What a server may send on a connection that is older than the capture.
fn unasked(bytes: &[u8]) -> Proof {
    match is_push(bytes) {
        Proof::No if is_monitored(bytes) => Proof::Yes,
        Proof::No if reply(bytes) != Proof::No => Proof::Maybe,
        proof => proof,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first bytes of other protocols, by who sends them.
    const OTHERS: [(&[u8], &[u8]); 22] = [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b""),
        (b"POST /a HTTP/1.0\r\n", b"HTTP/1.1 200 OK\r\n"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b""),
        (b"\0\0\0\x08\x04\xd2\x16\x2f", b"N"),
        (b"\0\0\0\x25\0\x03\0\0user\0shop\0\0", b"R\0\0\0\x08\0\0\0\0"),
        (b"", b"J\0\0\0\x0a8.0.36\0"),
        (b"\x3a\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0", b""),
        (b"\0\0\0\x2a\0\x12\0\x03\0\0\0\x01\0\x04cons", b""),
        (b"AMQP\0\0\x09\x01", b"\x01\0\0\0\0\0"),
        (b"", b"INFO {\"server_id\":\"x\"}\r\n"),
        (b"CONNECT {\"verbose\":false}\r\nPING\r\n", b"INFO {\"server_id\":\"x\"}\r\n"),
        (b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04abcd", b""),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc", b""),
        (b"", b"SSH-2.0-OpenSSH_9.2\r\n"),
        (b"", b"220 mail ready\r\n"),
        (b"EHLO x\r\n", b"220 mail ready\r\n"),
        (b"\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www", b""),
        (b"", b"+OK POP3 ready\r\n"),
        (b"get user:7\r\n", b"VALUE user:7 0 2\r\nhi\r\nEND\r\n"),
        (b"set k 0 0 2\r\nhi\r\n", b"STORED\r\n"),
        (b"* OK\r\n", b""),
        (b"USER anonymous\r\n", b"+OK\r\n"),
    ];

    fn no_prefix_lies(opening: bool, asked: &[u8], answered: &[u8], proof: Proof) {
        let shown = (String::from_utf8_lossy(asked), String::from_utf8_lossy(answered), opening);
        assert_eq!(recognise(&Starts::new(opening, asked, answered)), proof, "{shown:?}");
        for end in 0..asked.len() {
            let early = recognise(&Starts::new(opening, &asked[..end], b""));
            let fits = early == Proof::Maybe || early == proof || (end == 0 && !answered.is_empty());
            assert!(fits, "{shown:?} {end} {early:?}");
        }
        for end in 0..answered.len() {
            let early = recognise(&Starts::new(opening, asked, &answered[..end]));
            assert!(early == Proof::Maybe || early == proof, "{shown:?} answered {end} {early:?}");
        }
    }

    #[test]
    fn commands_and_replies_tell_and_no_prefix_lies() {
        let cases: [(bool, &[u8], &[u8], Proof); 22] = [
            (true, b"*1\r\n$4\r\nPING\r\n", b"", Proof::Yes),
            (true, b"*2\r\n$8\r\nJSON.GET\r\n$1\r\nk\r\n", b"", Proof::Yes),
            (true, b"*1\r\n$4\r\nFAKE\r\n", b"", Proof::Yes),
            (true, b"PING\r\n", b"", Proof::Maybe),
            (true, b"PING\r\nPING\r\n", b"+PONG\r\n", Proof::Yes),
            (true, b"set k v\r\n", b"-NOAUTH Authentication required.\r\n", Proof::Yes),
            (true, b"GET k\n", b"$-1\r\n", Proof::Yes),
            (true, b"GET k\r\n", b"hello", Proof::No),
            (true, b"", b"-DENIED Redis is running in protected mode because", Proof::Yes),
            (true, b"", b"-ERR max number of clients reached\r\n", Proof::Yes),
            (true, b"", b"+OK\r\n", Proof::No),
            (true, b"*1\r\n+PING\r\n", b"", Proof::No),
            (true, b"*1\r\n$4\r\nPINGPONG", b"", Proof::No),
            (true, b"*0\r\n", b"", Proof::No),
            (false, b"*1\r\n$4\r\nPING\r\n", b"", Proof::Yes),
            (false, b"*2\r\n$5\r\napple\r\n$4\r\npear\r\n", b"", Proof::Maybe),
            (false, b"", b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n", Proof::Yes),
            (false, b"", b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n", Proof::Yes),
            (false, b"", b"$5\r\nhello\r\n", Proof::Maybe),
            (false, b"", b"*3\r\n$1\r\na\r\n", Proof::Maybe),
            (false, b"", b"+1339518083.107412 [0 127.0.0.1:60866] \"keys\"\r\n", Proof::Yes),
            (false, b"", b"abc", Proof::No),
        ];
        for (opening, asked, answered, proof) in cases {
            no_prefix_lies(opening, asked, answered, proof);
        }
    }

    #[test]
    fn the_next_message_behind_a_loss_is_unmistakable() {
        for (bytes, command, push) in [
            (&b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"[..], true, false),
            (b"*2\r\n$3\r\nabc\r\n", false, false),
            (b"GET k\r\n", false, false),
            (b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n", false, true),
            (b"+1339518083.107412 [0 127.0.0.1:60866] \"keys\"\r\n", false, true),
            (b"+OK\r\n", false, false),
        ] {
            let found = (begins_command(bytes), begins_push(bytes));
            assert_eq!(found, (command, push), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn other_protocols_are_none() {
        for (asked, answered) in OTHERS {
            for opening in [true, false] {
                let proof = recognise(&Starts::new(opening, asked, answered));
                let shown = (String::from_utf8_lossy(asked), String::from_utf8_lossy(answered));
                // A lone line of POP3 in the middle of a connection is a reply like any other.
                let alike = !opening && answered.starts_with(b"+OK");
                assert!(proof == Proof::No || (alike && proof == Proof::Maybe), "{shown:?} {proof:?}");
            }
        }
    }
}
