//! A request over a connection of its own.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use api::{ApiError, Code};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::Draft;

/// Somebody who is there accepts at once.
const CONNECT: Duration = Duration::from_secs(3);
const PATIENCE: Patience = Patience { answer: Duration::from_secs(30), events: Duration::from_secs(5) };
/// So much of a body is read.
const BODY: usize = 1024 * 1024;

/// How long is waited.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// From the request to the answer's end.
    answer: Duration,
    /// From the request to where an event stream is cut: it has no end to wait for.
    events: Duration,
}

/// How much of an answer's body was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// All of it.
    Whole,
    /// There was more than is read.
    Much,
    /// It still went on.
    Unended(Duration),
    /// The connection broke.
    Broken,
}

impl Read {
    /// What is to be said about it.
    pub(crate) fn note(self) -> Option<String> {
        match self {
            Self::Whole => None,
            Self::Much => Some(format!("of the answer's body the first {} KiB were read", BODY / 1024)),
            Self::Unended(after) => {
                Some(format!("the answer still went on after {} s, and was cut there", after.as_secs_f64()))
            }
            Self::Broken => Some("the connection broke before the answer's end".to_owned()),
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) addr: SocketAddr,
    pub(crate) status: String,
    pub(crate) ms: f64,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) read: Read,
}

/// Sends it to the first of these addresses that accepts.
pub(crate) async fn send(draft: &Draft, addrs: &[SocketAddr]) -> Result<Sent, ApiError> {
    send_within(draft, addrs, PATIENCE).await
}

async fn send_within(draft: &Draft, addrs: &[SocketAddr], patience: Patience) -> Result<Sent, ApiError> {
    let (addr, stream) = connect(addrs).await?;
    let begun = Instant::now();
    let Answer { head, body, read } = exchange(draft, addr, stream, begun, patience).await?;
    let ms = begun.elapsed().as_secs_f64() * 1000.0;
    let text = |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value)));
    let status = head.status.as_str().to_owned();
    Ok(Sent { addr, status, ms, headers: headers.collect(), body, read })
}

async fn connect(addrs: &[SocketAddr]) -> Result<(SocketAddr, TcpStream), ApiError> {
    let mut causes = Vec::new();
    for addr in addrs {
        match tokio::time::timeout(CONNECT, TcpStream::connect(addr)).await {
            Ok(Ok(stream)) => return Ok((*addr, stream)),
            Ok(Err(error)) => causes.push(format!("{addr}: {error}")),
            Err(_) => causes.push(format!("{addr}: {}", io::Error::from(io::ErrorKind::TimedOut))),
        }
    }
    let mut error = ApiError::new(Code::Failed, "the callee cannot be reached from this machine")
        .hint("publish its port: `ports` in the manifest");
    error.causes = causes;
    Err(error)
}

struct Answer {
    head: hyper::http::response::Parts,
    body: Vec<u8>,
    read: Read,
}

async fn exchange(
    draft: &Draft,
    addr: SocketAddr,
    stream: TcpStream,
    begun: Instant,
    patience: Patience,
) -> Result<Answer, ApiError> {
    let broke = |error: hyper::Error| {
        ApiError::new(Code::Failed, format!("{addr} did not answer in HTTP")).caused_by(&error)
    };
    let late = |_| {
        let seconds = patience.answer.as_secs_f64();
        ApiError::new(Code::TimedOut, format!("{addr} did not answer within {seconds} s"))
    };
    let until = begun + patience.answer;
    let request = request(draft)?;
    // The connection works while this does, and ends with it.
    if draft.http2 {
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (mut sender, connection) = timeout_at(until, handshake).await.map_err(late)?.map_err(broke)?;
        let answer = async {
            let head = timeout_at(until, sender.send_request(request)).await.map_err(late)?.map_err(broke)?;
            Ok(read(head, begun, patience).await)
        };
        alongside(connection, answer).await
    } else {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broke)?;
        let answer = async {
            let head = timeout_at(until, sender.send_request(request)).await.map_err(late)?.map_err(broke)?;
            Ok(read(head, begun, patience).await)
        };
        alongside(connection, answer).await
    }
}

async fn alongside<T>(
    connection: impl Future<Output = hyper::Result<()>>,
    answer: impl Future<Output = T>,
) -> T {
    tokio::pin!(connection, answer);
    tokio::select! {
        answer = &mut answer => answer,
        // What came before the end is still to be read.
        _ = &mut connection => answer.await,
    }
}

/// The body as far as it comes: with the head there is an answer, whatever becomes of the rest.
async fn read(response: Response<Incoming>, begun: Instant, patience: Patience) -> Answer {
    let (head, mut incoming) = response.into_parts();
    let kind = head.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_events = kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream");
    let patience = if is_events { patience.events } else { patience.answer };
    let mut body = Vec::new();
    let read = loop {
        match timeout_at(begun + patience, incoming.frame()).await {
            Err(_) => break Read::Unended(patience),
            Ok(None) => break Read::Whole,
            Ok(Some(Err(_))) => break Read::Broken,
            Ok(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else { continue };
                let room = BODY - body.len();
                body.extend_from_slice(data.get(..room).unwrap_or(&data));
                if data.len() > room {
                    break Read::Much;
                }
            }
        }
    };
    Answer { head, body, read }
}

fn request(draft: &Draft) -> Result<Request<Full<Bytes>>, ApiError> {
    let mut request = Request::builder().method(draft.method.as_str());
    request = if draft.http2 {
        request.uri(format!("http://{}{}", draft.host, draft.target))
    } else {
        request.uri(&draft.target).header("host", &draft.host)
    };
    for (name, value) in &draft.headers {
        request = request.header(name, value.as_bytes());
    }
    request
        .body(Full::new(Bytes::from(draft.body.clone())))
        .map_err(|error| ApiError::new(Code::BadRequest, "the request cannot be sent so").caused_by(&error))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn draft() -> Draft {
        Draft {
            http2: false,
            method: "POST".to_owned(),
            target: "/a?b=[redacted]".to_owned(),
            host: "orders:8000".to_owned(),
            headers: vec![("X-A".to_owned(), "grün".to_owned())],
            body: b"hello".to_vec(),
            left_out: Vec::new(),
            note: None,
        }
    }

    /// Answers one connection with these bytes and gives what was asked.
    async fn answering(answer: Vec<u8>) -> (SocketAddr, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"hello") {
                assert_ne!(stream.read_buf(&mut asked).await.unwrap(), 0);
            }
            drop(stream.write_all(&answer).await);
            String::from_utf8(asked).unwrap()
        });
        (addr, served)
    }

    #[tokio::test]
    async fn a_request_is_sent_and_its_answer_read() {
        let answer = b"HTTP/1.1 418 no\r\nX-B: 1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
        let (addr, served) = answering(answer.to_vec()).await;
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let sent = send(&draft(), &[nobody, addr]).await.unwrap();
        assert_eq!((sent.addr, sent.status.as_str(), sent.body.as_slice()), (addr, "418", &b"hi"[..]));
        assert!(sent.headers.contains(&("x-b".to_owned(), "1".to_owned())));
        let asked = served.await.unwrap();
        assert!(asked.starts_with("POST /a?b=[redacted] HTTP/1.1\r\nhost: orders:8000\r\n"), "{asked}");
        assert!(asked.contains("x-a: grün\r\n") && asked.contains("content-length: 5\r\n"), "{asked}");
    }

    #[tokio::test]
    async fn what_came_over_http2_goes_out_over_http2() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let answer = hyper::service::service_fn(async |request: Request<Incoming>| {
            let asked = format!("{:?} {}", request.version(), request.uri());
            let body = request.into_body().collect().await?.to_bytes();
            assert_eq!(body, "hello");
            Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from(asked))))
        });
        let serve = async {
            let (stream, _) = listener.accept().await.unwrap();
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            server.serve_connection(TokioIo::new(stream), answer).await
        };
        let draft = Draft { http2: true, target: "/a?b=1".to_owned(), ..draft() };
        let addrs = [addr];
        let sent = send(&draft, &addrs);
        let (_, sent) = tokio::join!(serve, sent);
        assert_eq!(sent.unwrap().body, b"HTTP/2.0 http://orders:8000/a?b=1");
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_cut() {
        let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        answer.resize(BODY + 200_000, b'x');
        let (addr, _) = answering(answer).await;
        let sent = send(&draft(), &[addr]).await.unwrap();
        assert_eq!((sent.body.len(), sent.read), (BODY, Read::Much));
    }

    #[tokio::test]
    async fn what_came_of_an_answer_that_goes_on_is_kept() {
        let events = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n6\r\ndata:1\r\n";
        let broken = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\ndata:1";
        let quick = Duration::from_millis(200);
        for (answer, holds, patience, read) in [
            (events, true, Patience { answer: Duration::from_secs(20), events: quick }, Read::Unended(quick)),
            (broken, true, Patience { answer: quick, events: quick }, Read::Unended(quick)),
            (broken, false, PATIENCE, Read::Broken),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            let serve = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut asked = Vec::new();
                while !asked.ends_with(b"hello") {
                    assert_ne!(stream.read_buf(&mut asked).await.unwrap(), 0);
                }
                stream.write_all(answer.as_bytes()).await.unwrap();
                // Until the asker is gone.
                while holds && stream.read_buf(&mut asked).await.is_ok_and(|read| read > 0) {}
            };
            let draft = draft();
            let addrs = [addr];
            let ((), sent) = tokio::join!(serve, send_within(&draft, &addrs, patience));
            let sent = sent.unwrap();
            assert_eq!((sent.body.as_slice(), sent.read), (&b"data:1"[..], read));
            assert!(sent.read.note().is_some());
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_ever_for_a_first_byte() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let quick = Patience { answer: Duration::from_millis(100), events: Duration::ZERO };
        for http2 in [false, true] {
            let error = send_within(&Draft { http2, ..draft() }, &[addr], quick).await.unwrap_err();
            assert_eq!(error.code, Code::TimedOut, "{error:?}");
        }
    }

    #[tokio::test]
    async fn nobody_and_nonsense_are_errors() {
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = send(&draft(), &[nobody]).await.unwrap_err();
        assert!(error.hint.is_some() && error.causes[0].starts_with(&nobody.to_string()), "{error:?}");
        let (addr, _) = answering(b"SSH-2.0-x\r\n\r\n".to_vec()).await;
        assert!(send(&draft(), &[addr]).await.unwrap_err().message.contains("did not answer in HTTP"));
        let odd = Draft { headers: vec![("a b".to_owned(), String::new())], ..draft() };
        let (addr, _) = answering(Vec::new()).await;
        assert_eq!(send(&odd, &[addr]).await.unwrap_err().code, Code::BadRequest);
    }
}
