//! Which protocol the first bytes of a direction speak. Never the port.
//!
//! Each recogniser is a pure function of a prefix: `Yes` once the bytes prove it, `No` once they exclude it, `Maybe`
//! as long as more could do either. A false `Yes` costs more than a late one: half a line proves nothing.

use model::Timestamp;

use crate::conversation::Dir;

/// No protocol needs more to be told from the others: a request line with a long target.
const PROBE_LIMIT: usize = 16 * 1024;
const METHOD_LIMIT: usize = 32;

/// What a prefix proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Yes,
    No,
    Maybe,
}

/// What is known of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    Unsure,
    Http1,
    Nothing,
}

/// Holds a connection's first bytes until they tell.
#[derive(Debug)]
pub(crate) struct Probe {
    chunks: Vec<(Dir, Timestamp, Vec<u8>)>,
    starts: [Vec<u8>; 2],
    proofs: [Proof; 2],
}

impl Default for Probe {
    fn default() -> Self {
        Self { chunks: Vec::new(), starts: [Vec::new(), Vec::new()], proofs: [Proof::Maybe; 2] }
    }
}

impl Probe {
    pub(crate) fn data(&mut self, dir: Dir, at: Timestamp, bytes: &[u8]) -> Finding {
        self.chunks.push((dir, at, bytes.to_vec()));
        let start = &mut self.starts[dir as usize];
        if self.proofs[dir as usize] == Proof::Maybe {
            start.extend_from_slice(bytes);
            self.proofs[dir as usize] = http1(dir, start);
            if start.len() > PROBE_LIMIT && self.proofs[dir as usize] == Proof::Maybe {
                self.proofs[dir as usize] = Proof::No;
            }
        }
        self.finding()
    }

    /// A range of one direction is lost: what it has not proved by now it never will.
    pub(crate) fn loses(&mut self, dir: Dir) -> Finding {
        if self.proofs[dir as usize] == Proof::Maybe {
            self.proofs[dir as usize] = Proof::No;
        }
        self.finding()
    }

    /// The bytes so far, in the order they came.
    pub(crate) fn take(&mut self) -> Vec<(Dir, Timestamp, Vec<u8>)> {
        std::mem::take(&mut self.chunks)
    }

    pub(crate) fn held(&self) -> usize {
        self.chunks.iter().map(|(_, _, bytes)| bytes.len() + 64).sum::<usize>()
            + self.starts.iter().map(Vec::len).sum::<usize>()
    }

    fn finding(&self) -> Finding {
        match self.proofs {
            [Proof::Yes, _] | [_, Proof::Yes] => Finding::Http1,
            // A server that speaks first waits for no request; should one come, it is noticed later.
            [Proof::Maybe, Proof::No] if self.starts[0].is_empty() => Finding::Nothing,
            [Proof::Maybe, _] => Finding::Unsure,
            [Proof::No, _] => Finding::Nothing,
        }
    }
}

/// Whether bytes, which may be a message's first, prove to be HTTP/1 by themselves.
pub(crate) fn opens_http1(dir: Dir, bytes: &[u8]) -> bool {
    http1(dir, bytes) == Proof::Yes
}

fn http1(dir: Dir, bytes: &[u8]) -> Proof {
    match dir {
        Dir::ToServer => http1_request(bytes),
        Dir::ToClient => http1_response(bytes),
    }
}

/// RFC 9112 section 3: `method SP target SP HTTP/1.x`, perhaps after empty lines.
pub(crate) fn http1_request(bytes: &[u8]) -> Proof {
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
        None if rest.len() > PROBE_LIMIT => return Proof::No,
        None => return Proof::Maybe,
    };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let version = line.len().checked_sub(8).map(|at| &line[at..]);
    let known = version.is_some_and(|v| v.starts_with(b"HTTP/1.") && v[7].is_ascii_digit());
    // A target of at least one byte, and a space before the version.
    if known && line.len() >= 10 && line[line.len() - 9] == b' ' { Proof::Yes } else { Proof::No }
}

/// RFC 9112 section 4: `HTTP/1.x SP status`.
pub(crate) fn http1_response(bytes: &[u8]) -> Proof {
    const START: &[u8] = b"HTTP/1.";
    let known = bytes.len().min(START.len());
    if bytes[..known] != START[..known] {
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
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_told_by_its_whole_first_line_and_no_prefix_lies() {
        let cases: [(&[u8], Proof); 13] = [
            (b"GET / HTTP/1.1\r\n", Proof::Yes),
            (b"get / HTTP/1.0\n", Proof::Yes),
            (b"\r\nPOST /a b HTTP/1.1\r\n", Proof::Yes),
            (b"M-SEARCH * HTTP/1.1\r\n", Proof::Yes),
            (b"GET /\r\n", Proof::No),
            (b"GET  HTTP/1.1\r\n", Proof::No),
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
        let cases: [(&[u8], Proof); 6] = [
            (b"HTTP/1.1 200 OK\r\n", Proof::Yes),
            (b"HTTP/1.0 404", Proof::Yes),
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

    #[test]
    fn a_probe_asks_both_directions() {
        use Dir::{ToClient, ToServer};
        type Chunks = &'static [(Dir, &'static [u8])];
        let cases: [(Chunks, Finding); 6] = [
            (&[(ToServer, b"GE"), (ToServer, b"T / HTTP/1.1\r\n")], Finding::Http1),
            (&[(ToClient, b"HTTP/1.1 200")], Finding::Http1),
            (&[(ToClient, b"SSH-2.0-x\r\n")], Finding::Nothing),
            (&[(ToServer, b"GE"), (ToClient, b"220 ready\r\n")], Finding::Unsure),
            (&[(ToServer, b"\x16\x03\x01")], Finding::Nothing),
            (&[(ToServer, b"GET")], Finding::Unsure),
        ];
        for (chunks, finding) in cases {
            let mut probe = Probe::default();
            let last = chunks.iter().map(|(dir, bytes)| probe.data(*dir, Timestamp(0), bytes)).last();
            assert_eq!(last, Some(finding), "{chunks:?}");
        }
    }
}
