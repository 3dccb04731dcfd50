//! The first message of each side (RFC 8446 section 4.1), and the extensions that tell something to a person.

use super::keys::Random;
use super::names::{self, TLS_1_2};
use super::reader::Reader;

const SERVER_NAME: u16 = 0;
const PROTOCOLS: u16 = 16;
const VERSIONS: u16 = 43;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientHello {
    /// Names the connection in key logs.
    pub(super) random: Random,
    /// Who is asked for; may be empty.
    pub(super) server_name: String,
    /// Offered, best first.
    pub(super) versions: Vec<u16>,
    /// Application protocols that are offered (RFC 7301).
    pub(super) protocols: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServerHello {
    pub(super) random: Random,
    pub(super) version: u16,
    pub(super) cipher: u16,
    pub(super) protocol: Option<String>,
}

pub(super) fn client(body: &[u8]) -> Option<ClientHello> {
    let mut body = Reader(body);
    let version = body.u16()?;
    let random = body.take(32)?.try_into().ok()?;
    body.counted(1)?;
    body.counted(2)?;
    body.counted(1)?;
    let mut hello =
        ClientHello { random, server_name: String::new(), versions: Vec::new(), protocols: Vec::new() };
    extensions(body, |kind, mut extension| match kind {
        SERVER_NAME => hello.server_name = server_name(extension).unwrap_or_default(),
        PROTOCOLS => hello.protocols = protocols(extension),
        VERSIONS => {
            let mut offered = extension.counted(1).unwrap_or(Reader(&[]));
            hello
                .versions
                .extend(std::iter::from_fn(|| offered.u16()).filter(|v| names::version(*v).is_some()));
        }
        _ => {}
    });
    if hello.versions.is_empty() {
        hello.versions.push(version.min(TLS_1_2));
    }
    Some(hello)
}

pub(super) fn server(body: &[u8]) -> Option<ServerHello> {
    let mut body = Reader(body);
    let version = body.u16()?;
    let random = body.take(32)?.try_into().ok()?;
    body.counted(1)?;
    let cipher = body.u16()?;
    body.take(1)?;
    let mut hello = ServerHello { random, version, cipher, protocol: None };
    extensions(body, |kind, mut extension| match kind {
        PROTOCOLS => hello.protocol = protocols(extension).pop(),
        VERSIONS => hello.version = extension.u16().unwrap_or(version),
        _ => {}
    });
    Some(hello)
}

/// What a server's hello has for its random when it asks for another one of the client's (RFC 8446 section 4.1.3).
pub(super) const AGAIN: Random = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// Extensions, which an old hello may not have.
fn extensions<'a>(mut body: Reader<'a>, mut take: impl FnMut(u16, Reader<'a>)) {
    let mut all = body.counted(2).unwrap_or(Reader(&[]));
    while let Some(kind) = all.u16()
        && let Some(extension) = all.counted(2)
    {
        take(kind, extension);
    }
}

/// RFC 6066 section 3: a list of names, of which only one may be a host's.
fn server_name(mut extension: Reader<'_>) -> Option<String> {
    let mut list = extension.counted(2)?;
    let kind = list.number(1)?;
    let name = list.counted(2)?;
    (kind == 0).then(|| String::from_utf8_lossy(name.0).into_owned())
}

fn protocols(mut extension: Reader<'_>) -> Vec<String> {
    let mut list = extension.counted(2).unwrap_or(Reader(&[]));
    let name = |name: Reader<'_>| String::from_utf8_lossy(name.0).into_owned();
    // Names that are made up to keep servers tolerant (RFC 8701) are of no use to anybody.
    let real = |name: &String| name.bytes().all(|b| b.is_ascii_graphic());
    std::iter::from_fn(|| list.counted(1)).map(name).filter(real).collect()
}
