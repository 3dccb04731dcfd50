//! What proves that bytes are DNS: a header whose every bit fits, names that are names, and records that end exactly
//! where the message does.

use crate::detect::{Proof, Starts};

use super::message::{HEADER, Section, Via, record, word};
use super::name::{self, Stop};
use super::words;

/// No query gets larger, be it padded and signed; some updates do, in bytes.
const QUERY_LIMIT: usize = 4096;

/// The way of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Query,
    Response,
}

/// Of DNS over TCP: each message has its length before it (RFC 1035, section 4.2.2).
pub(crate) fn recognise(starts: &Starts<'_>) -> Proof {
    let query = framed(starts.to_server(), Way::Query);
    let response = framed(starts.to_client(), Way::Response);
    match (query, response) {
        (Proof::Yes, _) => Proof::Yes,
        (_, Proof::Yes) if !starts.opening => Proof::Yes,
        (Proof::No, _) | (_, Proof::No) => Proof::No,
        // A server never speaks first.
        _ if starts.opening && starts.to_server().is_empty() && !starts.to_client().is_empty() => Proof::No,
        _ => Proof::Maybe,
    }
}

/// What a direction's first bytes prove.
pub(super) fn framed(bytes: &[u8], way: Way) -> Proof {
    let Some(length) = word(bytes, 0).map(usize::from) else { return Proof::Maybe };
    let message = &bytes[2..bytes.len().min(2 + length)];
    match check(message, length, way, Via::Tcp) {
        Ok(()) => Proof::Yes,
        Err(Stop::Short) => Proof::Maybe,
        Err(Stop::Bad) => Proof::No,
    }
}

/// Whether these bytes begin a message of `length` bytes; `Ok` when they are all of it.
pub(super) fn check(bytes: &[u8], length: usize, way: Way, via: Via) -> Result<(), Stop> {
    let checked = header(bytes, length, way, via).and_then(|counts| body(bytes, counts));
    match checked {
        Ok(end) if end == length => Ok(()),
        Ok(_) => Err(Stop::Bad),
        // What is whole lacks nothing.
        Err(Stop::Short) if bytes.len() >= length => Err(Stop::Bad),
        Err(stop) => Err(stop),
    }
}

/// Looks at each field as soon as it is there.
fn header(bytes: &[u8], length: usize, way: Way, via: Via) -> Result<[u16; 4], Stop> {
    let fits = |fits: bool| if fits { Ok(()) } else { Err(Stop::Bad) };
    let field = |at: usize| word(bytes, at).ok_or(Stop::Short);
    fits(match way {
        Way::Query => (HEADER + 5..=QUERY_LIMIT).contains(&length),
        Way::Response => length >= HEADER,
    })?;
    // Multicast DNS (RFC 6762) asks several questions at once and tells what it knows already.
    let multicast = via == Via::Udp && field(0)? == 0;
    let flags = field(2)?;
    let (opcode, bits, rcode) = (flags >> 11 & 0xf, flags & 0x07f0, flags & 0xf);
    fits((flags & 0x8000 == 0) == (way == Way::Query) && bits & 0x40 == 0)?;
    let allowed = match opcode {
        0 if multicast => 0x0730,
        0 => 0x0130,
        4 => 0x0530,
        5 => 0,
        _ => return Err(Stop::Bad),
    };
    let [questions, answers, authority, additional] = match way {
        Way::Query => {
            fits(bits & !allowed == 0 && rcode == 0)?;
            let questions = field(4)?;
            fits(questions == 1 || (multicast && (1..=64).contains(&questions)))?;
            let answers = field(6)?;
            fits(answers == 0 || multicast || (opcode == 4 && answers == 1) || opcode == 5)?;
            let authority = field(8)?;
            fits(authority <= 1 || multicast || opcode == 5)?;
            let additional = field(10)?;
            fits(additional <= 4 || multicast || opcode == 5)?;
            [questions, answers, authority, additional]
        }
        Way::Response => {
            fits(rcode <= 11)?;
            let questions = field(4)?;
            fits(questions <= 1)?;
            let answers = field(6)?;
            // Without a question it is an error, or multicast DNS.
            fits(questions == 1 || (rcode != 0 && answers == 0) || (multicast && answers > 0))?;
            let authority = field(8)?;
            fits(questions == 1 || authority == 0 || multicast)?;
            [questions, answers, authority, field(10)?]
        }
    };
    let records = usize::from(answers) + usize::from(authority) + usize::from(additional);
    fits(HEADER + usize::from(questions) * 5 + records * 11 <= length)?;
    Ok([questions, answers, authority, additional])
}

/// Where the last record ends.
fn body(bytes: &[u8], [questions, answers, authority, additional]: [u16; 4]) -> Result<usize, Stop> {
    let mut at = HEADER;
    for _ in 0..questions {
        plausible_name(bytes, at)?;
        at = name::skip(bytes, at)?;
        let kind = word(bytes, at).ok_or(Stop::Short)?;
        let class = word(bytes, at + 2).ok_or(Stop::Short)?;
        if kind == 0 || kind == words::OPT || !is_class(class) {
            return Err(Stop::Bad);
        }
        at += 4;
    }
    for _ in 0..u32::from(answers) + u32::from(authority) + u32::from(additional) {
        let (record, end) = record(bytes, at, Section::Answer)?;
        let (name, size) = (bytes[record.name], record.data.len());
        let fits = match record.kind {
            words::OPT => name == 0,
            // An update that deletes has no data.
            1 => matches!(size, 0 | 4) && is_class(record.class),
            28 => matches!(size, 0 | 16) && is_class(record.class),
            kind => kind != 0 && is_class(record.class),
        };
        if !fits {
            return Err(Stop::Bad);
        }
        at = end;
    }
    Ok(at)
}

fn is_class(class: u16) -> bool {
    matches!(class & 0x7fff, 1 | 3 | 4 | 254 | 255)
}

/// Nobody asks for a name with control characters.
fn plausible_name(bytes: &[u8], at: usize) -> Result<(), Stop> {
    let mut rest = bytes.get(at..).unwrap_or_default();
    while let [length @ 1..=63, behind @ ..] = rest {
        let label = &behind[..behind.len().min(usize::from(*length))];
        if label.iter().any(u8::is_ascii_control) {
            return Err(Stop::Bad);
        }
        rest = &behind[label.len()..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &[u8] =
        b"\x12\x34\x01\x20\0\x01\0\0\0\0\0\x01\x04shop\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0";

    #[test]
    fn a_message_has_to_fit_in_every_field() {
        let whole = |bytes: &[u8], way, via| check(bytes, bytes.len(), way, via);
        assert_eq!(whole(QUERY, Way::Query, Via::Udp), Ok(()));
        assert_eq!(whole(QUERY, Way::Response, Via::Udp), Err(Stop::Bad));
        for end in 0..QUERY.len() {
            assert_eq!(check(&QUERY[..end], QUERY.len(), Way::Query, Via::Tcp), Err(Stop::Short), "{end}");
            assert_eq!(whole(&QUERY[..end], Way::Query, Via::Udp), Err(Stop::Bad), "{end}");
        }
        // Where, which value: flags, counts, a control character, type, class, OPT's name, the options' length.
        for (at, value) in [
            (2, 0x81),
            (2, 0x09),
            (2, 0x04),
            (3, 0x40),
            (3, 0x02),
            (5, 0),
            (5, 2),
            (7, 1),
            (11, 2),
            (11, 9),
            (13, 7),
            (18, 0),
            (20, 2),
            (22, 0x41),
            (24, 0),
            (32, 1),
        ] {
            let mut bad = QUERY.to_vec();
            bad[at] = value;
            if at == 18 {
                bad[at + 1] = 0;
            }
            assert_eq!(whole(&bad, Way::Query, Via::Tcp), Err(Stop::Bad), "{value:#x} at {at}");
        }
    }

    #[test]
    fn multicast_asks_more_at_once_and_answers_without_a_question() {
        let two = b"\0\0\0\0\0\x02\0\0\0\0\0\0\x01a\0\0\x01\x80\x01\x01b\0\0\x0c\0\x01";
        let told = b"\0\0\x84\0\0\0\0\x01\0\0\0\0\x01a\0\0\x01\x80\x01\0\0\0\x78\0\x04\x0a\0\0\x01";
        for (bytes, way) in [(&two[..], Way::Query), (&told[..], Way::Response)] {
            assert_eq!(check(bytes, bytes.len(), way, Via::Udp), Ok(()));
            assert_eq!(check(bytes, bytes.len(), way, Via::Tcp), Err(Stop::Bad));
        }
    }
}
