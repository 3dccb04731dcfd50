//! What proves that bytes are HTTP/1.

use crate::detect::{Proof, Starts};

const METHOD_LIMIT: usize = 32;
/// A request line may be so long, in bytes.
const LINE_LIMIT: usize = 16 * 1024;

/// In upper case by the standard (RFC 9112 section 2.3), and by all programs but a few.
const VERSION: &[u8] = b"HTTP/1.";

pub(super) fn is_version(bytes: &[u8]) -> bool {
    bytes.get(..VERSION.len()).is_some_and(|start| start.eq_ignore_ascii_case(VERSION))
}

pub(crate) fn recognise(starts: &Starts<'_>) -> Proof {
    let proofs = (http1_request(starts.to_server()), http1_response(starts.to_client()));
    match proofs {
        (Proof::Yes, _) | (_, Proof::Yes) => Proof::Yes,
        // A server that speaks first waits for no request; should one come, it is noticed later.
        (Proof::Maybe, Proof::No) if starts.to_server().is_empty() => Proof::No,
        (proof, _) => proof,
    }
}

/// RFC 9112 section 3: `method SP target SP HTTP/1.x`, perhaps after empty lines.
pub(super) fn http1_request(bytes: &[u8]) -> Proof {
    let skipped = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let bytes = &bytes[skipped..];
    if skipped > 8 {
        return Proof::No;
    }
    let method = bytes.iter().take_while(|b| is_token(**b)).count();
    if method > METHOD_LIMIT {
        return Proof::No;
    }
    match bytes.get(method) {
        None => return Proof::Maybe,
        Some(b' ') if method > 0 => {}
        Some(_) => return Proof::No,
    }
    let rest = &bytes[method + 1..];
    let line = match rest.iter().position(|b| *b == b'\n') {
        Some(end) => &rest[..end],
        None if rest.iter().any(|b| *b < b' ' && !matches!(b, b'\r' | b'\t')) => return Proof::No,
        None if rest.len() > LINE_LIMIT => return Proof::No,
        None => return Proof::Maybe,
    };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    // Some programs forget the target, or the version's last digit.
    let version = line.rsplit(|b| *b == b' ').next().unwrap_or_default();
    if is_version(version) && version[VERSION.len()..].iter().all(u8::is_ascii_digit) {
        Proof::Yes
    } else {
        Proof::No
    }
}

/// RFC 9112 section 4: `HTTP/1.x SP status`.
pub(super) fn http1_response(bytes: &[u8]) -> Proof {
    let known = bytes.len().min(VERSION.len());
    if !bytes[..known].eq_ignore_ascii_case(&VERSION[..known]) {
        return Proof::No;
    }
    let rest = &bytes[known..];
    let shape =
        [u8::is_ascii_digit, |b: &u8| *b == b' ', u8::is_ascii_digit, u8::is_ascii_digit, u8::is_ascii_digit];
    if !rest.iter().zip(shape).all(|(b, fits)| fits(b)) {
        return Proof::No;
    }
    if rest.len() >= shape.len() { Proof::Yes } else { Proof::Maybe }
}

/// RFC 9110 section 5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_told_by_its_whole_first_line_and_no_prefix_lies() {
        let cases: [(&[u8], Proof); 18] = [
            (b"GET / HTTP/1.1\r\n", Proof::Yes),
            (b"get / HTTP/1.0\n", Proof::Yes),
            (b"\r\nPOST /a b HTTP/1.1\r\n", Proof::Yes),
            (b"M-SEARCH * HTTP/1.1\r\n", Proof::Yes),
            (b"GET /\r\n", Proof::No),
            (b"GET  HTTP/1.1\r\n", Proof::Yes),
            (b"GET HTTP/1.1\r\n", Proof::Yes),
            (b"get /a http/1.1\r\n", Proof::Yes),
            (b"GET /a HTTP/1.\r\n", Proof::Yes),
            (b"GET /HTTP/1.1\r\n", Proof::No),
            (b"GET/ HTTP/2\r\n", Proof::No),
            (b"PRI * HTTP/2.0\r\n", Proof::No),
            (b"OPTIONS rtsp://a RTSP/1.0\r\n", Proof::No),
            (b"*1\r\n$4\r\nPING\r\n", Proof::No),
            (b"SET key value\r\n", Proof::No),
            (b"\x16\x03\x01\x02\x00", Proof::No),
            (b"\0\0\0\x08\x04\xd2\x16\x2f", Proof::No),
            (b"GET /very/long", Proof::Maybe),
        ];
        for (bytes, proof) in cases {
            assert_eq!(http1_request(bytes), proof, "{:?}", String::from_utf8_lossy(bytes));
            for end in 0..bytes.len() {
                let early = http1_request(&bytes[..end]);
                assert!(
                    early == Proof::Maybe || early == proof,
                    "{:?}",
                    String::from_utf8_lossy(&bytes[..end])
                );
            }
        }
    }

    #[test]
    fn a_response_is_told_by_its_status_and_no_prefix_lies() {
        let cases: [(&[u8], Proof); 7] = [
            (b"HTTP/1.1 200 OK\r\n", Proof::Yes),
            (b"HTTP/1.0 404", Proof::Yes),
            (b"http/1.1 200 ok\r\n", Proof::Yes),
            (b"HTTP/1.1 20", Proof::Maybe),
            (b"HTTP/2 200\r\n", Proof::No),
            (b"HTTP/1.1 abc", Proof::No),
            (b"SSH-2.0-OpenSSH\r\n", Proof::No),
        ];
        for (bytes, proof) in cases {
            assert_eq!(http1_response(bytes), proof, "{:?}", String::from_utf8_lossy(bytes));
            for end in 0..bytes.len() {
                let early = http1_response(&bytes[..end]);
                assert!(
                    early == Proof::Maybe || early == proof,
                    "{:?}",
                    String::from_utf8_lossy(&bytes[..end])
                );
            }
        }
    }
}
