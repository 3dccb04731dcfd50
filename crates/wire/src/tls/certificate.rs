//! Who a certificate is for and who gave it (RFC 5280), as far as a few tags tell. Nothing is checked.

use super::reader::Reader;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const VERSION: u8 = 0xa0;
/// 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// `UTF8String`, `PrintableString`, `T61String` and `IA5String`, all of which are ASCII as a rule.
const TEXTS: [u8; 4] = [0x0c, 0x13, 0x14, 0x16];

/// Common names; a certificate need not have any.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) subject: Option<String>,
    pub(super) issuer: Option<String>,
}

/// The first certificate of a chain as TLS 1.2 sends it (RFC 5246 section 7.4.2).
pub(super) fn first(message: &[u8]) -> Option<Names> {
    let mut chain = Reader(message).counted(3)?;
    let mut certificate = value(&mut chain.counted(3)?, SEQUENCE)?;
    let mut signed = value(&mut certificate, SEQUENCE)?;
    if signed.0.first() == Some(&VERSION) {
        value(&mut signed, VERSION)?;
    }
    any_value(&mut signed)?; // serial number
    value(&mut signed, SEQUENCE)?; // algorithm
    let issuer = common_name(value(&mut signed, SEQUENCE)?);
    value(&mut signed, SEQUENCE)?; // validity
    let subject = common_name(value(&mut signed, SEQUENCE)?);
    Some(Names { subject, issuer })
}

/// A name is a sequence of sets of pairs.
fn common_name(mut name: Reader<'_>) -> Option<String> {
    while !name.is_empty() {
        let mut set = value(&mut name, SET)?;
        let mut pair = value(&mut set, SEQUENCE)?;
        if value(&mut pair, OID)?.0 == COMMON_NAME {
            let (tag, text) = any_value(&mut pair)?;
            return TEXTS.contains(&tag).then(|| String::from_utf8_lossy(text.0).into_owned());
        }
    }
    None
}

fn value<'a>(from: &mut Reader<'a>, tag: u8) -> Option<Reader<'a>> {
    any_value(from).filter(|(found, _)| *found == tag).map(|(_, value)| value)
}

/// A tag of one byte, a length of at most four, and so many bytes.
fn any_value<'a>(from: &mut Reader<'a>) -> Option<(u8, Reader<'a>)> {
    let tag = from.number(1)? as u8;
    let length = match from.number(1)? {
        short @ ..=0x7f => short,
        long @ 0x81..=0x84 => from.number(long - 0x80)?,
        _ => return None,
    };
    from.take(length).map(|value| (tag, Reader(value)))
}
