//! What a server answers that speaks another protocol than it is asked in: said in the words of a failure.

use crate::tls;

/// A reason is cut behind so many characters.
const REASON_LIMIT: usize = 80;

/// Bytes that begin with a response of HTTP/1.
pub(crate) fn in_http1(bytes: &[u8]) -> Option<String> {
    let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9', b' ', rest @ ..] = bytes else { return None };
    let line = rest.split(u8::is_ascii_control).next().unwrap_or_default();
    let reason: String = String::from_utf8_lossy(line).trim().chars().take(REASON_LIMIT).collect();
    Some(format!("answered in HTTP/1: {reason}"))
}

/// Bytes that begin with a record of TLS that may be a server's first: of a handshake, or an alert.
pub(crate) fn in_tls(bytes: &[u8]) -> Option<String> {
    match bytes {
        [0x15, 3, 0..=4, 0, 2, 1..=2, alert, ..] => {
            let name = tls::alert(*alert);
            Some(format!("answered in TLS: alert {}", name.trim_start_matches("alert ")))
        }
        [0x16, 3, 0..=4, _, _, 2, 0, ..] => Some("answered in TLS".to_owned()),
        _ => None,
    }
}

/// Bytes that begin with the settings by which each server of HTTP/2 begins (RFC 9113 section 3.4).
pub(crate) fn in_http2(bytes: &[u8]) -> Option<String> {
    let [0, 0, length, 4, 0, 0, 0, 0, 0, ..] = bytes else { return None };
    length.is_multiple_of(6).then(|| "answered in HTTP/2".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_words_of_other_protocols_are_known() {
        type Reader = fn(&[u8]) -> Option<String>;
        let cases: [(Reader, &[u8], Option<&str>); 13] = [
            (
                in_http1,
                b"HTTP/1.1 400 Bad Request\r\nA: b\r\n\r\n",
                Some("answered in HTTP/1: 400 Bad Request"),
            ),
            (in_http1, b"HTTP/1.0 505\n", Some("answered in HTTP/1: 505")),
            (in_http1, b"HTTP/1.1 400 \x1b[31mred", Some("answered in HTTP/1: 400")),
            (in_http1, b"HTTP/2 200", None),
            (in_http1, b"HTTP/1.1", None),
            (in_tls, b"\x15\x03\x01\0\x02\x02\x46", Some("answered in TLS: alert protocol_version")),
            (in_tls, b"\x15\x03\x03\0\x02\x02\xfa", Some("answered in TLS: alert 250")),
            (in_tls, b"\x16\x03\x03\0\x7a\x02\0\0\x76", Some("answered in TLS")),
            (in_tls, b"\x17\x03\x03\0\x7a", None),
            (in_tls, b"HTTP/1.1 200 OK", None),
            (in_http2, b"\0\0\0\x04\0\0\0\0\0", Some("answered in HTTP/2")),
            (in_http2, b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64", Some("answered in HTTP/2")),
            (in_http2, b"\0\0\x05\x04\0\0\0\0\0", None),
        ];
        for (reader, bytes, expected) in cases {
            assert_eq!(reader(bytes).as_deref(), expected, "{bytes:?}");
        }
        let long = [b"HTTP/1.1 ", &[b'x'; 500][..]].concat();
        assert!(in_http1(&long).is_some_and(|words| words.len() < 120));
    }
}
