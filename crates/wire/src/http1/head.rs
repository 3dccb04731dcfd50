//! Heads: first lines and fields. Read leniently, as a listener must that cannot ask again.

use httparse::{EMPTY_HEADER, Header, ParserConfig};

use super::body::Framing;
use super::detect::is_version;
use crate::decode::Dir;

/// More fields than this are no head of a real program's.
const FIELDS_LIMIT: usize = 2048;
const FIELDS_USUAL: usize = 64;

pub(super) type Fields = Vec<(String, String)>;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct RequestHead {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) fields: Fields,
    pub(super) framing: Framing,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct ResponseHead {
    pub(super) status: u16,
    pub(super) fields: Fields,
    /// What the fields say of the body; the method and the status may say otherwise.
    declared: Framing,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Request(RequestHead),
    Response(ResponseHead),
}

impl ResponseHead {
    /// Whether another response to the same request follows (RFC 9110 section 15.2).
    pub(super) fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }

    /// How long the body is in answer to `method` (RFC 9112 section 6.3).
    pub(super) fn framing(&self, method: &str) -> Framing {
        match (method, self.status) {
            (_, 101) | ("CONNECT", 200..=299) => Framing::Tunnel,
            ("HEAD", _) | (_, 204 | 304) => Framing::None,
            _ => self.declared,
        }
    }
}

/// What a whole head says.
pub(super) fn read(dir: Dir, head: &[u8]) -> Option<Meaning> {
    match dir {
        Dir::ToServer => request(head).map(Meaning::Request),
        Dir::ToClient => response(head).map(Meaning::Response),
    }
}

/// The request whose whole head this is.
fn request(head: &[u8]) -> Option<RequestHead> {
    let line = first_line(head);
    let (method, rest) = split_at_byte(line, b' ')?;
    // Some programs forget the target.
    let (target, version) = match rest.iter().rposition(|b| *b == b' ') {
        Some(last) => (&rest[..last], &rest[last + 1..]),
        None => (&rest[..0], rest),
    };
    if method.is_empty() || !is_version(version) {
        return None;
    }
    let fields = fields(head, line.len())?;
    let framing = match declared_framing(&fields) {
        Some(Framing::UntilClose) => Framing::Unclear,
        Some(framing) => framing,
        None => Framing::None,
    };
    Some(RequestHead { method: text(method), target: text(target), fields, framing })
}

/// The response whose whole head this is.
fn response(head: &[u8]) -> Option<ResponseHead> {
    let line = first_line(head);
    let (version, rest) = split_at_byte(line, b' ')?;
    let digits = rest.trim_ascii_start().get(..3).filter(|d| d.iter().all(u8::is_ascii_digit))?;
    let status = str::from_utf8(digits).ok()?.parse().ok().filter(|status| *status >= 100)?;
    if !is_version(version) {
        return None;
    }
    let fields = fields(head, line.len())?;
    let declared = declared_framing(&fields).unwrap_or(Framing::UntilClose);
    Some(ResponseHead { status, fields, declared })
}

/// What whole lines of a head tell whose end is lost; the first must be among them.
pub(super) fn partial(dir: Dir, known: &[u8]) -> Option<Meaning> {
    let end = known.iter().rposition(|b| *b == b'\n')?;
    let head = [&known[..=end], b"\r\n"].concat();
    match dir {
        Dir::ToServer => {
            request(&head).map(|head| Meaning::Request(RequestHead { framing: Framing::Unclear, ..head }))
        }
        Dir::ToClient => {
            response(&head).map(|head| Meaning::Response(ResponseHead { declared: Framing::Unclear, ..head }))
        }
    }
}

fn first_line(head: &[u8]) -> &[u8] {
    head.split(|b| *b == b'\n').next().unwrap_or_default().trim_ascii_end()
}

fn split_at_byte(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|b| *b == byte)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The fields of a head. The first line is read by us and not by `httparse`, which is strict about targets.
fn fields(head: &[u8], line: usize) -> Option<Fields> {
    let after = &head[line..];
    let after = &after[after.iter().position(|b| *b == b'\n')? + 1..];
    // The parser's lenient ways are for whole responses only.
    let whole = [b"HTTP/1.1 200\r\n", after].concat();
    let mut usual = [EMPTY_HEADER; FIELDS_USUAL];
    match parse(&whole, &mut usual) {
        Err(httparse::Error::TooManyHeaders) => parse(&whole, &mut vec![EMPTY_HEADER; FIELDS_LIMIT]).ok(),
        parsed => parsed.ok(),
    }
}

fn parse<'b>(whole: &'b [u8], room: &mut [Header<'b>]) -> Result<Fields, httparse::Error> {
    let mut parser = ParserConfig::default();
    parser
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .ignore_invalid_headers_in_responses(true);
    let mut response = httparse::Response::new(room);
    parser.parse_response(&mut response, whole)?;
    let field = |field: &Header<'_>| (field.name.to_owned(), text(field.value));
    Ok(response.headers.iter().map(field).collect())
}

/// What the fields say of the body; `None` when they say nothing. A coding goes before a length.
fn declared_framing(fields: &Fields) -> Option<Framing> {
    let mut coding = None;
    let mut length = None;
    for (name, value) in fields {
        if name.eq_ignore_ascii_case("transfer-encoding") {
            coding = value.rsplit(',').next().map(str::trim);
        } else if name.eq_ignore_ascii_case("content-length") {
            for part in value.split(',').map(str::trim) {
                let bytes = Some(part).filter(|p| p.bytes().all(|b| b.is_ascii_digit())).map(str::parse);
                let said = match bytes {
                    Some(Ok(bytes)) => Framing::Length(bytes),
                    Some(Err(_)) | None => Framing::Unclear,
                };
                length = Some(length.filter(|known| *known != said).map_or(said, |_| Framing::Unclear));
            }
        }
    }
    match coding {
        Some(last) if last.eq_ignore_ascii_case("chunked") => Some(Framing::Chunked),
        Some(last) if last.eq_ignore_ascii_case("identity") || last.is_empty() => length,
        Some(_) => Some(Framing::UntilClose),
        None => length,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing_of(fields: &str) -> Framing {
        request(format!("POST / HTTP/1.1\r\n{fields}\r\n").as_bytes()).unwrap().framing
    }

    #[test]
    fn requests_are_read_as_servers_read_them() {
        let head = request(b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nA:b\r\n\r\n").unwrap();
        assert_eq!((head.method.as_str(), head.target.as_str()), ("GET", "/a?b=c"));
        assert_eq!(head.fields, [("Host".into(), "x".into()), ("A".into(), "b".into())]);
        let odd: [(&[u8], &str); 6] = [
            (b"GET  HTTP/1.1\r\n\r\n", ""),
            (b"GET HTTP/1.1\r\n\r\n", ""),
            (b"get /a http/1.1\r\n\r\n", "/a"),
            (b"GET /a b HTTP/1.1\n\n", "/a b"),
            (b"GET /\xff HTTP/1.1\r\n\r\n", "/\u{fffd}"),
            (b"GET /x HTTP/1.1\r\nbad line\r\n: none\r\nA: b\r\n\r\n", "/x"),
        ];
        for (head, target) in odd {
            assert_eq!(request(head).unwrap().target, target);
        }
        for bad in [&b"GET /\r\n\r\n"[..], b"HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\n", b"\r\n", b""] {
            assert_eq!(request(bad), None, "{:?}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn a_body_is_as_long_as_the_fields_agree() {
        let cases = [
            ("", Framing::None),
            ("Content-Length: 5\r\n", Framing::Length(5)),
            ("content-length: 5\r\nContent-Length: 5\r\n", Framing::Length(5)),
            ("Content-Length: 5, 5\r\n", Framing::Length(5)),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", Framing::Unclear),
            ("Content-Length: -5\r\n", Framing::Unclear),
            ("Content-Length: +5\r\n", Framing::Unclear),
            ("Content-Length: \r\n", Framing::Unclear),
            ("Content-Length: 99999999999999999999999\r\n", Framing::Unclear),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", Framing::Chunked),
            ("Transfer-Encoding: gzip, Chunked\r\n", Framing::Chunked),
            ("Transfer-Encoding: identity\r\nContent-Length: 5\r\n", Framing::Length(5)),
            ("Transfer-Encoding: gzip\r\n", Framing::Unclear),
        ];
        for (fields, framing) in cases {
            assert_eq!(framing_of(fields), framing, "{fields:?}");
        }
    }

    #[test]
    fn the_method_and_the_status_say_whether_there_is_a_body() {
        let cases = [
            ("GET", "200", "Content-Length: 5\r\n", Framing::Length(5)),
            ("GET", "200", "", Framing::UntilClose),
            ("HEAD", "200", "Content-Length: 5\r\n", Framing::None),
            ("GET", "204", "Content-Length: 5\r\n", Framing::None),
            ("GET", "304", "Transfer-Encoding: chunked\r\n", Framing::None),
            ("GET", "101", "", Framing::Tunnel),
            ("CONNECT", "200", "", Framing::Tunnel),
            ("CONNECT", "407", "Content-Length: 5\r\n", Framing::Length(5)),
        ];
        for (method, status, fields, framing) in cases {
            let head = response(format!("HTTP/1.1 {status} Word\r\n{fields}\r\n").as_bytes()).unwrap();
            assert_eq!(head.framing(method), framing, "{method} {status}");
        }
        assert!(response(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap().is_interim());
        assert_eq!(response(b"HTTP/1.1 099 x\r\n\r\n"), None);
        assert_eq!(response(b"HTTP/1.1 2x0 x\r\n\r\n"), None);
    }

    #[test]
    fn whole_lines_of_a_broken_head_tell_what_they_can() {
        let Some(Meaning::Request(head)) = partial(Dir::ToServer, b"GET /a HTTP/1.1\r\nHost: x\r\nAcce")
        else {
            panic!("no request")
        };
        assert_eq!((head.target.as_str(), head.fields.len(), head.framing), ("/a", 1, Framing::Unclear));
        assert_eq!(partial(Dir::ToServer, b"GET /a HTT"), None);
        assert_eq!(partial(Dir::ToClient, b""), None);
    }

    #[test]
    fn as_many_fields_as_any_program_sends_are_read() {
        for count in [0, 63, 64, 65, 2000] {
            let fields = (0..count).fold(String::new(), |text, n| text + &format!("A{n}: b\r\n"));
            let head = response(format!("HTTP/1.1 200\r\n{fields}\r\n").as_bytes()).unwrap();
            assert_eq!(head.fields.len(), count);
        }
    }
}
