//! `shoal exec` and `shoal shell`: this terminal, joined to one in a container.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use api::shape::TerminalControl;
use api::{ApiError, Code, Incoming};
use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::StackArguments;
use crate::failure::Failure;

pub(super) async fn run(
    arguments: &StackArguments,
    service: String,
    command: Vec<String>,
    plain: bool,
) -> Result<ExitCode, Failure> {
    // Where nobody types, a terminal would only garble what another program reads.
    let plain = plain || !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal();
    let client = super::session(arguments).await?;
    let (cols, rows) = if plain { (80, 24) } else { crossterm::terminal::size()? };
    let (sink, source) = client.stream(&path(&service, &command, plain, cols, rows)).await?;
    let (mut sink, mut source) = (std::pin::pin!(sink), std::pin::pin!(source));
    let _raw = if plain { None } else { Some(Raw::enter()?) };
    let mut resized = signal(SignalKind::window_change())?;
    let mut input = tokio::io::stdin();
    let mut typing = true;
    let mut typed = vec![0; 8192];
    loop {
        tokio::select! {
            message = source.next() => match message {
                Some(Incoming::Binary(bytes)) => print(&bytes, plain)?,
                Some(Incoming::Text(text)) => match serde_json::from_str(&text).map_err(anyhow::Error::from)? {
                    TerminalControl::Exit { code } => {
                        let code = code.unwrap_or(1);
                        return Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)));
                    }
                    TerminalControl::Failed { error } => return Err(error.into()),
                    TerminalControl::Resize { .. } | TerminalControl::Eof => {}
                },
                None => return Err(ApiError::new(Code::SessionGone, "the session went away").into()),
            },
            read = input.read(&mut typed), if typing => match read? {
                0 => {
                    typing = false;
                    // Who does not listen any more says why on the other way.
                    _ = send(&mut sink, &TerminalControl::Eof).await;
                }
                bytes => typing = sink.send(Incoming::Binary(typed[..bytes].to_vec())).await.is_ok(),
            },
            Some(()) = resized.recv(), if !plain => {
                let (cols, rows) = crossterm::terminal::size()?;
                send(&mut sink, &TerminalControl::Resize { cols, rows }).await?;
            }
        }
    }
}

async fn send(
    sink: &mut (impl futures_util::Sink<Incoming, Error = ApiError> + Unpin),
    control: &TerminalControl,
) -> Result<(), Failure> {
    let text = serde_json::to_string(control).map_err(anyhow::Error::from)?;
    Ok(sink.send(Incoming::Text(text)).await?)
}

/// Of a plain terminal the first byte says whether the rest is output or errors.
fn print(bytes: &[u8], plain: bool) -> Result<(), Failure> {
    match (plain, bytes.split_first()) {
        (true, Some((2, rest))) => {
            std::io::stderr().write_all(rest)?;
        }
        (true, Some((_, rest))) => {
            std::io::stdout().write_all(rest)?;
        }
        _ => std::io::stdout().write_all(bytes)?,
    }
    Ok(std::io::stdout().flush()?)
}

fn path(service: &str, command: &[String], plain: bool, cols: u16, rows: u16) -> String {
    let mut path = format!("/v1/terminal?service={}&plain={plain}&cols={cols}&rows={rows}", escaped(service));
    for part in command {
        path.push_str("&command=");
        path.push_str(&escaped(part));
    }
    path
}

/// Everything but letters and digits as `%XX` (RFC 3986, section 2.1).
fn escaped(text: &str) -> String {
    let one = |b: u8| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(one).collect()
}

/// Keys go to the container as they are typed, until this is dropped.
struct Raw;

impl Raw {
    fn enter() -> Result<Self, Failure> {
        crossterm::terminal::enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // The terminal may be gone; then it needs no restoring.
        drop(crossterm::terminal::disable_raw_mode());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_every_argument_apart() {
        let command = ["sh".to_owned(), "-c".to_owned(), "a & b=c".to_owned()];
        assert_eq!(
            path("orders", &command, true, 80, 24),
            "/v1/terminal?service=orders&plain=true&cols=80&rows=24&command=sh&command=%2Dc&command=a%20%26%20b%3Dc"
        );
    }
}
