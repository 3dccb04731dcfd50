//! `GET /v1/watch`: the snapshot, and every change from there on.

use std::time::Duration;

use api::shape::{Change, Delta, WatchMessage};
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use session::Session;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::routes::Shared;

/// Deltas are put together for so long: at most 30 messages a second.
const PACE: Duration = Duration::from_millis(33);

/// Opens the stream.
pub(crate) async fn open(State(shared): State<Shared>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |socket| {
        let _here = shared.presence.enter();
        // A reader that went away needs no word.
        let _gone = run(&shared.session, socket).await;
    })
}

async fn run(session: &Session, mut socket: WebSocket) -> Result<(), axum::Error> {
    'again: loop {
        let (snapshot, mut deltas) = session.board().subscribe();
        // Deltas are put together, so each reader gets numbers of its own: one more each time, as promised.
        let mut sent = snapshot.seq;
        send(&mut socket, &WatchMessage::Snapshot(Box::new(snapshot))).await?;
        loop {
            let first = tokio::select! {
                delta = deltas.recv() => delta,
                message = socket.recv() => match message {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(()),
                    Some(Ok(_)) => continue,
                },
                () = session.ended() => return Ok(()),
            };
            let mut together = match first {
                Ok(delta) => (*delta).clone(),
                Err(RecvError::Lagged(_)) => continue 'again,
                Err(RecvError::Closed) => return Ok(()),
            };
            loop {
                match deltas.try_recv() {
                    Ok(next) => join(&mut together, &next),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Lagged(_)) => continue 'again,
                    Err(TryRecvError::Closed) => return Ok(()),
                }
            }
            sent = sent.wrapping_add(1);
            together.seq = sent;
            send(&mut socket, &WatchMessage::Delta(together)).await?;
            tokio::time::sleep(PACE).await;
        }
    }
}

async fn send(socket: &mut WebSocket, message: &WatchMessage) -> Result<(), axum::Error> {
    let text = serde_json::to_string(message).map_err(axum::Error::new)?;
    socket.send(Message::text(text)).await
}

/// Puts the next delta behind this one. What it overtakes is left out.
fn join(delta: &mut Delta, next: &Delta) {
    for change in &next.changes {
        delta.changes.retain(|old| !overtakes(change, old));
        delta.changes.push(change.clone());
    }
}

fn overtakes(new: &Change, old: &Change) -> bool {
    match (new, old) {
        (Change::Stack(_), Change::Stack(_))
        | (Change::Engine(_), Change::Engine(_))
        | (Change::Capture(_), Change::Capture(_))
        | (Change::Counters(_), Change::Counters(_))
        | (Change::Edges(_), Change::Edges(_)) => true,
        (Change::Service(new), Change::Service(old)) => new.service == old.service,
        (Change::ServiceGone(gone), Change::Service(old)) => *gone == old.service,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::shape::{Counters, Event};

    #[test]
    fn what_is_overtaken_does_not_travel_but_every_event_does() {
        let counters = |lines: u64| Change::Counters(Counters { lines: lines.into(), ..Counters::default() });
        let event = |text: &str| Change::Event(Event { text: text.into(), ..Event::default() });
        let mut delta = Delta { seq: 1, changes: vec![counters(1), event("a")] };
        join(&mut delta, &Delta { seq: 2, changes: vec![event("b")] });
        join(&mut delta, &Delta { seq: 3, changes: vec![counters(2)] });
        assert_eq!(delta.changes, vec![event("a"), event("b"), counters(2)]);
    }
}
