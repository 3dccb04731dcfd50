//! Connections that leave HTTP behind: the streams of `exec` and `attach`.
//!
//! Done here and not by `bollard`, which guesses from the bytes whether a stream has frames and so gets stuck on a
//! terminal that prints a byte below 3.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, UPGRADE};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use model::line::Stream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::codec::Decoder;

use crate::{Address, Engine, EngineError};

pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Engine {
    /// Posts and takes over the connection.
    pub(crate) async fn upgrade(
        &self,
        what: &str,
        path: &str,
        body: String,
    ) -> Result<Box<dyn Duplex>, EngineError> {
        let attempt = self.attempt(what);
        let broken = |error: hyper::Error| EngineError::Other {
            what: what.to_owned(),
            status: None,
            message: error.to_string(),
        };
        let connection = dial(self.address()).await.map_err(|error| attempt.io(&error))?;
        let (mut sender, driver) =
            hyper::client::conn::http1::handshake(TokioIo::new(connection)).await.map_err(broken)?;
        tokio::spawn(async move {
            if let Err(error) = driver.with_upgrades().await {
                tracing::debug!(%error, "an upgraded connection ended");
            }
        });
        let request = Request::post(path)
            .header(HOST, "docker")
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "tcp")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| attempt.io(&io::Error::other(error)))?;
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            let text = answer.into_body().collect().await.map_err(broken)?.to_bytes();
            return Err(attempt.answered(status.as_u16(), &told(&text)));
        }
        let upgraded = hyper::upgrade::on(answer).await.map_err(broken)?;
        Ok(Box::new(TokioIo::new(upgraded)))
    }
}

/// What the body of a refusal says.
pub(crate) fn told(body: &[u8]) -> String {
    serde_json::from_slice::<serde_json::Value>(body)
        .ok()
        .and_then(|value| value.get("message")?.as_str().map(str::to_owned))
        .unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
}

pub(crate) async fn dial(address: &Address) -> io::Result<Box<dyn Duplex>> {
    match address {
        Address::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        Address::Tcp(host) => {
            let stream = TcpStream::connect(host).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        }
        Address::Tls { host, certificates } => {
            let stream = TcpStream::connect(host).await?;
            stream.set_nodelay(true)?;
            let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
            let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
            let connector = TlsConnector::from(Arc::new(tls_config(certificates)?));
            Ok(Box::new(connector.connect(name, stream).await?))
        }
    }
}

fn tls_config(folder: &Path) -> io::Result<ClientConfig> {
    let read = |name: &str| {
        let path = folder.join(name);
        CertificateDer::pem_file_iter(&path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| io::Error::other(format!("`{}`: {error}", path.display())))
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(read("ca.pem")?);
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).map_err(io::Error::other)?;
    ClientConfig::builder()
        .with_root_certificates(roots)
        .with_client_auth_cert(read("cert.pem")?, key)
        .map_err(io::Error::other)
}

/// Docker's framing: one byte for the stream, three zeros, four bytes of length, the payload. Payloads are handed on as
/// they arrive, not only when they are whole.
#[derive(Debug)]
pub(crate) enum Frames {
    /// A terminal has none.
    Raw,
    /// What is left of the current frame.
    Framed { stream: Stream, left: usize },
}

impl Frames {
    pub(crate) const fn new(tty: bool) -> Self {
        if tty { Self::Raw } else { Self::Framed { stream: Stream::Stdout, left: 0 } }
    }
}

impl Decoder for Frames {
    type Item = (Stream, Bytes);
    type Error = io::Error;

    fn decode(&mut self, source: &mut BytesMut) -> io::Result<Option<Self::Item>> {
        match self {
            Self::Raw if source.is_empty() => Ok(None),
            Self::Raw => Ok(Some((Stream::Stdout, source.split().freeze()))),
            Self::Framed { stream, left } => {
                while *left == 0 {
                    let Some(head) = source.first_chunk::<8>() else { return Ok(None) };
                    *stream = match head[0] {
                        0 | 1 => Stream::Stdout,
                        // 3 are the daemon's own words in the middle of a stream.
                        2 | 3 => Stream::Stderr,
                        kind => return Err(io::Error::other(format!("a frame of unknown kind {kind}"))),
                    };
                    *left = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
                    source.advance(8);
                }
                if source.is_empty() {
                    return Ok(None);
                }
                let part = source.split_to(source.len().min(*left));
                *left -= part.len();
                Ok(Some((*stream, part.freeze())))
            }
        }
    }

    fn decode_eof(&mut self, source: &mut BytesMut) -> io::Result<Option<Self::Item>> {
        let item = self.decode(source)?;
        if item.is_none() {
            // A head that was cut off by the end of the connection carries nothing.
            source.clear();
        }
        Ok(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_however_they_are_cut() {
        let wire = b"\x01\0\0\0\0\0\0\x03abc\x02\0\0\0\0\0\0\x00\x02\0\0\0\0\0\0\x02\x01\x02";
        for step in 1..wire.len() {
            let (mut frames, mut buffer) = (Frames::new(false), BytesMut::new());
            let (mut out, mut err) = (Vec::new(), Vec::new());
            for piece in wire.chunks(step) {
                buffer.extend_from_slice(piece);
                while let Some((stream, bytes)) = frames.decode(&mut buffer).unwrap() {
                    if stream == Stream::Stdout { &mut out } else { &mut err }.extend_from_slice(&bytes);
                }
            }
            assert_eq!((out.as_slice(), err.as_slice()), (&b"abc"[..], &b"\x01\x02"[..]), "cut every {step}");
        }
    }

    #[test]
    fn a_terminal_may_print_any_byte() {
        let mut buffer = BytesMut::from(&b"\x01\x02\x00"[..]);
        let (_, bytes) = Frames::new(true).decode(&mut buffer).unwrap().unwrap();
        assert_eq!(&bytes[..], b"\x01\x02\x00");
    }
}
