//! `GET /v1/terminal`: bytes both ways between a WebSocket and a terminal.

use api::shape::{TerminalControl, TerminalRequest};
use api::{ApiError, Code};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use session::{Session, TerminalOutput};

use crate::routes::Shared;

/// Opens the stream; a terminal that cannot be opened says why on it.
pub(crate) async fn open(
    State(shared): State<Shared>,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(async move |mut socket| {
        let _here = shared.presence.enter();
        let outcome = match request(query.as_deref().unwrap_or_default()) {
            Ok(request) => run(&shared.session, &mut socket, &request).await,
            Err(error) => Err(error),
        };
        let last = match outcome {
            Ok(code) => TerminalControl::Exit { code },
            Err(error) => TerminalControl::Failed { error },
        };
        // Whoever typed may have closed the window.
        drop(socket.send(control(&last)).await);
        drop(socket.send(Message::Close(None)).await);
    })
}

async fn run(
    session: &Session,
    socket: &mut WebSocket,
    request: &TerminalRequest,
) -> Result<Option<i32>, ApiError> {
    let (terminal, mut output) = session.terminal(request).await?;
    loop {
        tokio::select! {
            printed = output.recv() => {
                let bytes = match printed {
                    Some(TerminalOutput::Bytes(bytes)) => bytes,
                    Some(TerminalOutput::Stdout(bytes)) => marked(1, &bytes),
                    Some(TerminalOutput::Stderr(bytes)) => marked(2, &bytes),
                    Some(TerminalOutput::Exit(code)) => return Ok(code),
                    None => return Ok(None),
                };
                if socket.send(Message::binary(bytes)).await.is_err() {
                    return Ok(None);
                }
            }
            typed = socket.recv() => match typed {
                Some(Ok(Message::Binary(bytes))) => session.typed(&terminal, &bytes).await?,
                Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                    Ok(TerminalControl::Resize { cols, rows }) => session.resized(&terminal, cols, rows).await?,
                    Ok(TerminalControl::Eof) => session.typed_all(&terminal).await?,
                    Ok(TerminalControl::Exit { .. } | TerminalControl::Failed { .. }) => {}
                    Err(error) => return Err(bad(&format!("a message to a terminal cannot be read: {error}"))),
                },
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(None),
            },
        }
    }
}

fn control(control: &TerminalControl) -> Message {
    Message::text(serde_json::to_string(control).unwrap_or_default())
}

fn marked(stream: u8, bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(bytes.len() + 1);
    all.push(stream);
    all.extend_from_slice(bytes);
    all
}

fn bad(message: &str) -> ApiError {
    ApiError::new(Code::BadRequest, message)
}

/// Reads `service=…&cols=80&rows=24&plain=true&command=a&command=b`, percent-encoded.
fn request(query: &str) -> Result<TerminalRequest, ApiError> {
    let mut request =
        TerminalRequest { service: String::new(), command: Vec::new(), plain: false, cols: 80, rows: 24 };
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value).ok_or_else(|| bad(&format!("`{pair}` is not percent-encoded UTF-8")))?;
        let number = || value.parse::<u16>().map_err(|_| bad(&format!("`{name}` is no number: `{value}`")));
        match name {
            "service" => request.service = value,
            "command" => request.command.push(value),
            "plain" => request.plain = value == "true",
            "cols" => request.cols = number()?,
            "rows" => request.rows = number()?,
            _ => return Err(bad(&format!("a terminal has no `{name}`"))),
        }
    }
    Ok(request)
}

/// `%XX` and `+` undone (application/x-www-form-urlencoded).
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_which_terminal() {
        let read =
            request("service=orders&cols=100&rows=30&plain=true&command=sh&command=%2Dc&command=a%20%26+b")
                .unwrap();
        assert_eq!((read.service.as_str(), read.cols, read.rows, read.plain), ("orders", 100, 30, true));
        assert_eq!(read.command, ["sh", "-c", "a & b"]);
        for wrong in ["cols=many", "colour=red", "service=%FF", "service=%4"] {
            assert_eq!(request(wrong).unwrap_err().code, Code::BadRequest, "{wrong}");
        }
    }
}
