//! Bytes at the pace of a screen.

use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, sleep_until};

use crate::Incoming;

/// Joins bytes that arrive within one `frame` into one message, for readers to whom every message costs much and
/// who cannot say stop. The first after a pause passes at once; while `most` bytes wait no more are read, so that
/// the rest waits at its source. Texts are not held back, and nothing changes its order.
pub fn paced(
    source: impl Stream<Item = Incoming>,
    frame: Duration,
    most: usize,
) -> impl Stream<Item = Incoming> {
    let begin = (Box::pin(source.fuse()), Vec::new(), None, Instant::now());
    stream::unfold(begin, move |(mut source, mut bytes, mut next, mut due)| async move {
        loop {
            if let Some(text) = next.take() {
                return Some((text, (source, bytes, next, due)));
            }
            let message = tokio::select! {
                message = source.next(), if bytes.len() < most => message,
                () = sleep_until(due), if !bytes.is_empty() => {
                    due = Instant::now() + frame;
                    let joined = Incoming::Binary(std::mem::take(&mut bytes));
                    return Some((joined, (source, bytes, next, due)));
                }
            };
            match message {
                Some(Incoming::Binary(more)) => bytes.extend(more),
                other if bytes.is_empty() => return other.map(|text| (text, (source, bytes, next, due))),
                other => {
                    next = other;
                    let joined = Incoming::Binary(std::mem::take(&mut bytes));
                    return Some((joined, (source, bytes, next, due)));
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(16);

    fn bytes(count: usize) -> Incoming {
        Incoming::Binary(vec![7; count])
    }

    #[tokio::test]
    async fn nothing_is_lost_and_nothing_changes_places() {
        let source =
            vec![bytes(1), bytes(2), Incoming::Text("a".into()), Incoming::Text("b".into()), bytes(3)];
        let got: Vec<_> = paced(stream::iter(source), FRAME, 1000).collect().await;
        let total: usize = got.iter().map(|m| if let Incoming::Binary(b) = m { b.len() } else { 0 }).sum();
        let texts: Vec<_> = got.iter().filter(|m| matches!(m, Incoming::Text(_))).cloned().collect();
        assert_eq!((total, texts), (6, vec![Incoming::Text("a".into()), Incoming::Text("b".into())]));
        assert_eq!(got.last(), Some(&bytes(3)));
    }

    #[tokio::test]
    async fn a_flood_becomes_few_messages_and_waits_at_its_source() {
        let source = stream::iter((0..1000).map(|_| bytes(100)));
        let begun = Instant::now();
        let got: Vec<_> = paced(source, FRAME, 10_000).collect().await;
        assert!(got.len() <= 15, "{} messages", got.len());
        assert!(got.iter().all(|m| matches!(m, Incoming::Binary(b) if b.len() <= 10_000)));
        assert!(begun.elapsed() >= FRAME * 8, "passed within {:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn a_key_stroke_is_echoed_at_once() {
        let source = stream::iter([bytes(1)]).chain(stream::pending());
        let mut paced = std::pin::pin!(paced(source, Duration::from_hours(1), 1000));
        let first = tokio::time::timeout(Duration::from_secs(5), paced.next()).await;
        assert_eq!(first, Ok(Some(bytes(1))));
    }
}
