//! HTTP/1.1, as little as tests need.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Sends `request`, its head's lines parted by `\n`, and reads the answer; `None` when there was none.
pub(crate) fn ask(address: &str, request: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let head = request.trim_end().replace('\n', "\r\n");
    stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes()).ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

/// `GET path`.
pub(crate) fn get(address: &str, path: &str) -> Option<Answer> {
    ask(address, &format!("GET {path} HTTP/1.1\nHost: {address}"))
}
