//! What a record says, as zone files write it (RFC 1035, section 5).

use std::net::{Ipv4Addr, Ipv6Addr};

use super::message::{Message, Record, word};
use super::name;
use super::words;

/// Of data that nobody reads as text, so many bytes are shown.
const SHOWN: usize = 256;

/// The data of a record of any kind.
pub(super) fn text(message: &Message<'_>, record: &Record) -> String {
    known(message, record).unwrap_or_else(|| {
        let data = message.bytes.get(record.data.clone()).unwrap_or_default();
        unknown(data)
    })
}

/// RFC 3597, section 5.
fn unknown(data: &[u8]) -> String {
    let mut text = format!("\\# {} ", data.len());
    text.extend(data.iter().take(SHOWN).map(|byte| format!("{byte:02x}")));
    text.extend((data.len() > SHOWN).then_some('…'));
    text
}

fn known(message: &Message<'_>, record: &Record) -> Option<String> {
    let data = message.bytes.get(record.data.clone())?;
    let number = |offset: usize| word(data, offset);
    // A name in the data: where it begins there, the text, and where it ends there.
    let name = |offset: usize| {
        let (text, end) = name::read(message.bytes, record.data.start + offset)?;
        (end <= record.data.end).then(|| (text, end - record.data.start))
    };
    Some(match record.kind {
        1 => Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).to_string(),
        28 => Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).to_string(),
        // NS, CNAME, PTR, DNAME
        2 | 5 | 12 | 39 => name(0)?.0,
        words::SOA => {
            let (server, end) = name(0)?;
            let (mailbox, end) = name(end)?;
            let numbers = data.get(end..end + 20)?;
            let numbers = numbers.chunks_exact(4).map(|n| u32::from_be_bytes([n[0], n[1], n[2], n[3]]));
            numbers.fold(format!("{server} {mailbox}"), |text, n| format!("{text} {n}"))
        }
        // MX, AFSDB, KX
        15 | 18 | 36 => format!("{} {}", number(0)?, name(2)?.0),
        // HINFO, TXT, SPF
        13 | 16 | 99 => strings(data)?,
        33 => format!("{} {} {} {}", number(0)?, number(2)?, number(4)?, name(6)?.0),
        64 | 65 => service(data, number(0)?, &name(2)?)?,
        256 => format!("{} {} {}", number(0)?, number(2)?, quoted(data.get(4..)?)),
        257 => {
            let (flags, length) = (data.first()?, usize::from(*data.get(1)?));
            let tag = str::from_utf8(data.get(2..2 + length)?).ok()?;
            format!("{flags} {tag} {}", quoted(data.get(2 + length..)?))
        }
        _ => return None,
    })
}

/// Strings with their length before each.
fn strings(mut data: &[u8]) -> Option<String> {
    let mut all = Vec::new();
    while let Some((length, rest)) = data.split_first() {
        let (string, behind) = rest.split_at_checked(usize::from(*length))?;
        all.push(quoted(string));
        data = behind;
    }
    Some(all.join(" "))
}

fn quoted(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// RFC 9460, section 2.1: priority, target, and what a client should know before it connects.
fn service(data: &[u8], priority: u16, (target, end): &(String, usize)) -> Option<String> {
    let mut text = format!("{priority} {target}");
    let mut rest = data.get(*end..)?;
    while !rest.is_empty() {
        let (key, length) = (word(rest, 0)?, usize::from(word(rest, 2)?));
        let (value, behind) = rest[4..].split_at_checked(length)?;
        text.push(' ');
        text.push_str(&parameter(key, value).unwrap_or_else(|| format!("key{key}")));
        rest = behind;
    }
    Some(text)
}

fn parameter(key: u16, value: &[u8]) -> Option<String> {
    let join = |values: Vec<String>| values.join(",");
    Some(match key {
        1 => {
            let mut protocols = Vec::new();
            let mut rest = value;
            while let Some((length, behind)) = rest.split_first() {
                let (protocol, behind) = behind.split_at_checked(usize::from(*length))?;
                protocols.push(String::from_utf8_lossy(protocol).into_owned());
                rest = behind;
            }
            format!("alpn={}", join(protocols))
        }
        2 => "no-default-alpn".to_owned(),
        3 => format!("port={}", word(value, 0)?),
        4 => {
            let all = value.chunks_exact(4).map(|a| Ipv4Addr::new(a[0], a[1], a[2], a[3]).to_string());
            format!("ipv4hint={}", join(all.collect()))
        }
        6 => {
            let all = value.chunks_exact(16).filter_map(|a| <[u8; 16]>::try_from(a).ok());
            format!("ipv6hint={}", join(all.map(|a| Ipv6Addr::from(a).to_string()).collect()))
        }
        _ => return None,
    })
}
