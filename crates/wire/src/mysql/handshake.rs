//! How a connection begins: the server greets, the client answers with who it is. Secrets are read past.

use super::read::{Reader, text};

/// Capability flags, as both sides agree on them.
pub(super) mod capability {
    pub(crate) const CONNECT_WITH_DB: u64 = 1 << 3;
    pub(crate) const COMPRESS: u64 = 1 << 5;
    pub(crate) const PROTOCOL_41: u64 = 1 << 9;
    pub(crate) const SSL: u64 = 1 << 11;
    pub(crate) const SECURE_CONNECTION: u64 = 1 << 15;
    pub(crate) const PLUGIN_AUTH: u64 = 1 << 19;
    pub(crate) const CONNECT_ATTRS: u64 = 1 << 20;
    pub(crate) const AUTH_WITH_LENGTH: u64 = 1 << 21;
    pub(crate) const DEPRECATE_EOF: u64 = 1 << 24;
    pub(crate) const OPTIONAL_METADATA: u64 = 1 << 25;
    pub(crate) const COMPRESS_ZSTD: u64 = 1 << 26;
    pub(crate) const QUERY_ATTRIBUTES: u64 = 1 << 27;
}
use capability::{
    AUTH_WITH_LENGTH, CONNECT_ATTRS, CONNECT_WITH_DB, PLUGIN_AUTH, PROTOCOL_41, SECURE_CONNECTION, SSL,
};

/// Connection attributes that are shown at most.
const ATTRIBUTES_LIMIT: usize = 32;

/// The server's first packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) version: String,
    pub(super) capabilities: u64,
}

/// A greeting of protocol 10.
pub(super) fn greeting(payload: &[u8]) -> Option<Greeting> {
    let mut reader = Reader(payload);
    if reader.u8()? != 10 {
        return None;
    }
    let version = reader.until_nul()?;
    reader.take(4 + 8)?;
    if reader.u8()? != 0 {
        return None;
    }
    let mut capabilities = reader.fixed(2)?;
    // Charset and status, then the upper half.
    if reader.take(3).is_some() {
        capabilities |= reader.fixed(2).unwrap_or_default() << 16;
    }
    // MariaDB's servers stand a version that old replicas know before their own.
    let version = version.strip_prefix(b"5.5.5-").unwrap_or(version);
    Some(Greeting { version: text(version), capabilities })
}

/// Who the client is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Hello {
    pub(super) capabilities: u64,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) plugin: String,
    pub(super) attributes: Vec<(String, String)>,
}

/// Whether the client asks for TLS: a hello that ends before it names a user.
pub(super) fn is_tls_request(payload: &[u8]) -> bool {
    payload.len() == 32 && Reader(payload).fixed(4).is_some_and(|flags| flags & SSL != 0)
}

pub(super) fn hello(payload: &[u8]) -> Option<Hello> {
    let mut reader = Reader(payload);
    let low = Reader(payload).fixed(2)?;
    if low & PROTOCOL_41 == 0 {
        return old_hello(reader);
    }
    let capabilities = reader.fixed(4)?;
    // The largest packet, the charset, a filler whose end MariaDB uses for flags of its own.
    reader.take(4 + 1 + 23)?;
    let user = text(reader.until_nul()?);
    let mut hello = Hello { capabilities, user, ..Hello::default() };
    // A hello may be cut anywhere behind the user: what follows is welcome, not needed.
    read_past_secret(&mut reader, capabilities)
        .and_then(|()| rest_of_hello(&mut reader, capabilities, &mut hello));
    Some(hello)
}

/// What `COM_CHANGE_USER` says.
pub(super) fn change_user(payload: &[u8], capabilities: u64) -> Option<Hello> {
    let mut reader = Reader(payload);
    let user = text(reader.until_nul()?);
    let mut hello = Hello { capabilities, user, ..Hello::default() };
    if read_past_secret(&mut reader, capabilities & !AUTH_WITH_LENGTH).is_some()
        && let Some(database) = reader.until_nul()
    {
        hello.database = text(database);
        reader.take(2);
        rest_of_hello(&mut reader, capabilities & !CONNECT_WITH_DB, &mut hello);
    }
    Some(hello)
}

fn read_past_secret(reader: &mut Reader<'_>, capabilities: u64) -> Option<()> {
    if capabilities & AUTH_WITH_LENGTH != 0 {
        reader.string()?;
    } else if capabilities & SECURE_CONNECTION != 0 {
        let length = usize::from(reader.u8()?);
        reader.take(length)?;
    } else {
        reader.until_nul()?;
    }
    Some(())
}

fn rest_of_hello(reader: &mut Reader<'_>, capabilities: u64, hello: &mut Hello) -> Option<()> {
    if capabilities & CONNECT_WITH_DB != 0 {
        hello.database = text(reader.until_nul()?);
    }
    if capabilities & PLUGIN_AUTH != 0 {
        hello.plugin = text(reader.until_nul()?);
    }
    if capabilities & CONNECT_ATTRS != 0 {
        let mut pairs = Reader(reader.string()?);
        while let (Some(name), Some(value)) = (pairs.string(), pairs.string()) {
            if hello.attributes.len() == ATTRIBUTES_LIMIT {
                break;
            }
            hello.attributes.push((text(name).to_lowercase(), text(value)));
        }
    }
    Some(())
}

/// The hello of clients before MySQL 4.1.
fn old_hello(mut reader: Reader<'_>) -> Option<Hello> {
    let capabilities = reader.fixed(2)?;
    reader.take(3)?;
    let user = text(reader.until_nul()?);
    let mut hello = Hello { capabilities, user, ..Hello::default() };
    if capabilities & CONNECT_WITH_DB != 0 && reader.until_nul().is_some() {
        let database = reader.until_nul().unwrap_or(reader.0);
        hello.database = text(database);
    }
    Some(hello)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_tells_version_and_capabilities() {
        let bytes = b"\x0a8.0.30\0\x08\0\0\0abcdefgh\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0\0\0\0\0\0\0x\0";
        let greeting = greeting(bytes).unwrap();
        assert_eq!((greeting.version.as_str(), greeting.capabilities), ("8.0.30", 0xdfff_ffff));
        assert!(super::greeting(b"\x098.0\0").is_none());
        for end in 0..bytes.len() {
            super::greeting(&bytes[..end]);
        }
    }

    #[test]
    fn a_hello_tells_user_database_and_attributes_and_no_secret() {
        let flags = CONNECT_WITH_DB | PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH | CONNECT_ATTRS;
        let start = [&(flags as u32).to_le_bytes()[..], &[0; 28]].concat();
        let bytes = [&start[..], b"ann\0\x06secretshop\0mysql_native_password\0\x09\x04_Pid\x0317"].concat();
        let seen = hello(&bytes).unwrap();
        assert_eq!((seen.user.as_str(), seen.database.as_str()), ("ann", "shop"));
        assert_eq!(seen.plugin, "mysql_native_password");
        assert!(seen.attributes.is_empty(), "their length is longer than they are");
        let bytes = [&bytes[..bytes.len() - 9], b"\x08\x04_Pid\x0217"].concat();
        assert_eq!(hello(&bytes).unwrap().attributes, [("_pid".to_owned(), "17".to_owned())]);
        for end in 0..bytes.len() {
            assert!(!format!("{:?}", hello(&bytes[..end])).contains("secret"));
        }
        let old = b"\x08\0\0\0\0bob\0secret\0db";
        let seen = hello(old).unwrap();
        assert_eq!((seen.user.as_str(), seen.database.as_str()), ("bob", "db"));
    }

    #[test]
    fn a_change_of_user_is_read_as_a_hello() {
        let flags = PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH | AUTH_WITH_LENGTH;
        let seen = change_user(b"ann\0\x03xyzshop\0\xff\0caching_sha2_password\0", flags).unwrap();
        assert_eq!((seen.user.as_str(), seen.database.as_str()), ("ann", "shop"));
        assert_eq!(seen.plugin, "caching_sha2_password");
    }
}
