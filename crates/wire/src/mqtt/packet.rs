//! Control packets (MQTT 3.1.1 and 5, section 3; MQTT 3.1 differs in the name that a connect begins with).

use super::properties::Properties;
use super::reader::Reader;
use crate::framing::Head;

/// The version whose packets are read where nothing tells it.
const USUAL: u8 = 4;

/// A packet's fixed header.
pub(super) fn head(bytes: &[u8]) -> Head {
    let Some(&first) = bytes.first() else { return Head::More };
    if !flags_fit(first) {
        return Head::Bad;
    }
    let mut reader = Reader(&bytes[1..]);
    match reader.varying() {
        Some(length) => Head::Frame { head: bytes.len() - reader.0.len(), payload: u64::from(length) },
        None if bytes.len() < 5 => Head::More,
        None => Head::Bad,
    }
}

/// Whether a first byte's lower half is one that its upper half allows (section 2.1.3). MQTT 3.1 had a flag for more.
fn flags_fit(first: u8) -> bool {
    let flags = first & 0xf;
    match first >> 4 {
        0 => false,
        3 => flags & 0x6 != 0x6,
        6 | 8 | 10 => flags & !0x8 == 2,
        _ => flags == 0,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The answer to a message that is to come at least once.
    Ack,
    /// The first answer to a message that is to come exactly once, what is said to it, and the second answer.
    Received,
    Release,
    Complete,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    Connect(Box<Connect<'a>>),
    Connected { present: bool, code: u8, version: u8, properties: Properties<'a> },
    Publish(Publish<'a>),
    Step { step: Step, id: u16, code: Option<u8>, properties: Properties<'a> },
    Subscribe(Filters<'a>),
    Subscribed { id: u16, properties: Properties<'a>, codes: &'a [u8], version: u8 },
    Unsubscribe(Filters<'a>),
    Unsubscribed { id: u16, properties: Properties<'a>, codes: &'a [u8] },
    Ping,
    Disconnect { code: Option<u8>, properties: Properties<'a> },
    Auth { code: u8, properties: Properties<'a> },
}

/// What is to be delivered from now on, or no more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filters<'a> {
    pub(super) id: u16,
    pub(super) properties: Properties<'a>,
    /// Each with its options.
    pub(super) list: Vec<(String, u8)>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Connect<'a> {
    pub(super) version: u8,
    pub(super) flags: u8,
    pub(super) keep_alive: u16,
    pub(super) properties: Properties<'a>,
    pub(super) client: String,
    pub(super) will: Option<Will<'a>>,
    pub(super) user: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Will<'a> {
    pub(super) properties: Properties<'a>,
    pub(super) topic: String,
    pub(super) payload: &'a [u8],
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Publish<'a> {
    pub(super) again: bool,
    pub(super) qos: u8,
    pub(super) retain: bool,
    pub(super) topic: String,
    pub(super) id: Option<u16>,
    pub(super) properties: Properties<'a>,
    /// As far as it is there.
    pub(super) payload: &'a [u8],
    /// How many bytes of the packet come before the payload, behind the fixed header.
    pub(super) before: usize,
    /// The version that its bytes prove, where it was not known.
    pub(super) proves: Option<u8>,
}

/// Reads a packet of a version, of which `None` is known on a connection that is older than the capture. `None` when it
/// does not hold what it should, or not enough of it is there.
pub(super) fn read(first: u8, body: &[u8], version: Option<u8>) -> Option<Packet<'_>> {
    let mut reader = Reader(body);
    let modern = version.unwrap_or(USUAL) >= 5;
    Some(match first >> 4 {
        1 => Packet::Connect(Box::new(connect(&mut reader)?)),
        2 => {
            let (flags, code) = (reader.byte()?, reader.byte()?);
            let version = version.unwrap_or(if body.len() > 2 { 5 } else { USUAL });
            let properties = optional(&mut reader)?;
            Packet::Connected { present: flags & 1 != 0, code, version, properties }
        }
        3 => Packet::Publish(publish(first, body, version)?),
        number @ 4..=7 => {
            let step = [Step::Ack, Step::Received, Step::Release, Step::Complete][usize::from(number) - 4];
            let id = reader.two()?;
            let (code, properties) = outcome(&mut reader, modern)?;
            Packet::Step { step, id, code, properties }
        }
        8 => Packet::Subscribe(filters(reader, 1, version)?),
        9 => {
            let id = reader.two()?;
            let properties = if modern { Properties::read(&mut reader)? } else { Properties::default() };
            Packet::Subscribed { id, properties, codes: reader.0, version: version.unwrap_or(USUAL) }
        }
        10 => Packet::Unsubscribe(filters(reader, 0, version)?),
        11 => {
            let id = reader.two()?;
            let properties = if modern { Properties::read(&mut reader)? } else { Properties::default() };
            Packet::Unsubscribed { id, properties, codes: reader.0 }
        }
        12 | 13 => Packet::Ping,
        14 => {
            let (code, properties) = outcome(&mut reader, modern)?;
            Packet::Disconnect { code, properties }
        }
        15 => {
            let (code, properties) = outcome(&mut reader, true)?;
            Packet::Auth { code: code.unwrap_or(0), properties }
        }
        _ => return None,
    })
}

/// A code and properties, which are left out where the code is success; only MQTT 5 has them.
fn outcome<'a>(reader: &mut Reader<'a>, modern: bool) -> Option<(Option<u8>, Properties<'a>)> {
    let code = reader.byte().or(modern.then_some(0));
    Some((code, optional(reader)?))
}

/// Properties at the end of a packet, or nothing.
fn optional<'a>(reader: &mut Reader<'a>) -> Option<Properties<'a>> {
    if reader.is_empty() { Some(Properties::default()) } else { Properties::read(reader) }
}

fn connect<'a>(reader: &mut Reader<'a>) -> Option<Connect<'a>> {
    let name = reader.bytes()?;
    if !matches!(name, b"MQTT" | b"MQIsdp") {
        return None;
    }
    // A bridge between brokers sets the highest bit.
    let version = reader.byte()? & 0x7f;
    let flags = reader.byte()?;
    let keep_alive = reader.two()?;
    let properties = |reader: &mut Reader<'a>| {
        if version >= 5 { Properties::read(reader) } else { Some(Properties::default()) }
    };
    let own = properties(reader)?;
    let client = reader.text()?;
    let will = if flags & 0x04 == 0 {
        None
    } else {
        let properties = properties(reader)?;
        let topic = reader.text()?;
        let payload = reader.bytes().unwrap_or_default();
        Some(Will { properties, topic, payload })
    };
    let user = if flags & 0x80 == 0 { None } else { reader.text() };
    Some(Connect { version, flags, keep_alive, properties: own, client, will, user })
}

fn publish(first: u8, body: &[u8], version: Option<u8>) -> Option<Publish<'_>> {
    let mut reader = Reader(body);
    let topic = reader.text()?;
    let qos = first >> 1 & 3;
    let id = if qos > 0 { Some(reader.two()?) } else { None };
    let mut proves = None;
    let mut properties = Properties::default();
    match version {
        Some(version) if version >= 5 => properties = Properties::read(&mut reader)?,
        Some(_) => {}
        // A payload that reads as the properties of a message hardly is one.
        None => match Properties::read(&mut reader.clone()).filter(Properties::are_a_messages) {
            Some(_) => {
                properties = Properties::read(&mut reader)?;
                proves = Some(5);
            }
            None if reader.is_empty() => {}
            None => proves = Some(USUAL),
        },
    }
    Some(Publish {
        again: first & 8 != 0,
        qos,
        retain: first & 1 != 0,
        topic,
        id,
        properties,
        payload: reader.0,
        before: body.len() - reader.0.len(),
        proves,
    })
}

/// The filters of a subscribe, each with a byte of options behind it, or of an unsubscribe. Where the version is not
/// known, one of both ways to read them fits.
fn filters(mut reader: Reader<'_>, options: usize, version: Option<u8>) -> Option<Filters<'_>> {
    let id = reader.two()?;
    let read = |mut reader: Reader<'_>| {
        let mut list = Vec::new();
        while !reader.is_empty() {
            let filter = reader.text()?;
            list.push((filter, reader.take(options)?.first().copied().unwrap_or_default()));
        }
        Some(list)
    };
    let old = if version.is_some_and(|version| version >= 5) { None } else { read(reader) };
    if let Some(list) = old {
        return Some(Filters { id, properties: Properties::default(), list });
    }
    if version.is_some_and(|version| version < 5) {
        return None;
    }
    let properties = Properties::read(&mut reader)?;
    Some(Filters { id, properties, list: read(reader)? })
}
