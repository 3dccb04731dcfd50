//! What every view of the stack shows: one snapshot, and the numbered deltas that lead to it.
//!
//! The loop publishes; readers subscribe. A reader that falls behind gets a fresh snapshot instead of a queue that
//! grows.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::shape::{
    Change, Counters, Delta, EngineView, Event, EventsPage, EventsRead, ServiceView, Snapshot, StackView,
};
use tokio::sync::{Notify, broadcast};

/// Deltas a slow reader may be behind before it is sent a snapshot instead.
const DELTAS: usize = 256;
/// Events that a snapshot shows.
const SHOWN_EVENTS: usize = 200;
/// Events that are kept.
const KEPT_EVENTS: usize = 20_000;

/// The board.
#[derive(Debug)]
pub struct Board {
    state: Mutex<Posted>,
    deltas: broadcast::Sender<Arc<Delta>>,
    event: Notify,
}

#[derive(Debug)]
struct Posted {
    snapshot: Snapshot,
    events: VecDeque<Event>,
    next_event: u32,
}

impl Board {
    /// An empty board of a stack.
    pub fn new(stack: StackView, engine: EngineView) -> Self {
        let snapshot = Snapshot {
            seq: 0,
            stack,
            services: Vec::new(),
            engine,
            capture: crate::captures::nothing(),
            counters: Counters::default(),
            events: Vec::new(),
            edges: Vec::new(),
        };
        let state = Mutex::new(Posted { snapshot, events: VecDeque::new(), next_event: 1 });
        Self { state, deltas: broadcast::Sender::new(DELTAS), event: Notify::new() }
    }

    /// Everything as it is now.
    pub fn snapshot(&self) -> Snapshot {
        self.posted().full()
    }

    /// Everything as it is now, and all that changes from here on.
    pub fn subscribe(&self) -> (Snapshot, broadcast::Receiver<Arc<Delta>>) {
        let posted = self.posted();
        (posted.full(), self.deltas.subscribe())
    }

    /// How many subscribers there are.
    pub fn watched(&self) -> bool {
        self.deltas.receiver_count() > 0
    }

    /// Shows the services so; only those that differ travel.
    pub fn services(&self, services: Vec<ServiceView>) {
        let mut posted = self.posted();
        let mut changes: Vec<Change> = services
            .iter()
            .filter(|new| !posted.snapshot.services.contains(new))
            .map(|new| Change::Service(new.clone()))
            .collect();
        let gone = |old: &&ServiceView| services.iter().all(|new| new.service != old.service);
        changes.extend(
            posted.snapshot.services.iter().filter(gone).map(|old| Change::ServiceGone(old.service.clone())),
        );
        posted.snapshot.services = services;
        self.send(&mut posted, changes);
    }

    /// Shows one thing so; nothing travels when it is so already. Services go through [`Board::services`], events
    /// through [`Board::tell`].
    pub fn post(&self, change: Change) {
        let mut posted = self.posted();
        let shown = &mut posted.snapshot;
        let differs = match &change {
            Change::Stack(new) => replace(&mut shown.stack, new),
            Change::Engine(new) => replace(&mut shown.engine, new),
            Change::Capture(new) => replace(&mut shown.capture, new),
            Change::Counters(new) => replace(&mut shown.counters, new),
            Change::Edges(new) => replace(&mut shown.edges, new),
            Change::Service(_) | Change::ServiceGone(_) | Change::Event(_) => false,
        };
        if differs {
            self.send(&mut posted, vec![change]);
        }
    }

    /// Puts an event on the time axis; its `seq` is given here.
    pub fn tell(&self, mut event: Event) {
        let mut posted = self.posted();
        event.seq = posted.next_event;
        posted.next_event += 1;
        if posted.events.len() == KEPT_EVENTS {
            posted.events.pop_front();
        }
        posted.events.push_back(event.clone());
        self.send(&mut posted, vec![Change::Event(event)]);
        self.event.notify_waiters();
    }

    /// The events after a place; waits for a first one when the reader asked to.
    pub async fn events(&self, read: &EventsRead) -> EventsPage {
        let wait = std::time::Duration::from_millis(u64::from(read.wait_ms.min(30_000)));
        let deadline = tokio::time::sleep(wait);
        tokio::pin!(deadline);
        loop {
            let news = self.event.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let page = self.posted().page(read);
            if !page.events.is_empty() || read.wait_ms == 0 {
                return page;
            }
            tokio::select! {
                () = &mut news => {}
                () = &mut deadline => return self.posted().page(read),
            }
        }
    }

    fn send(&self, posted: &mut Posted, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        posted.snapshot.seq = posted.snapshot.seq.wrapping_add(1);
        // Nobody may be listening; then nobody misses it.
        drop(self.deltas.send(Arc::new(Delta { seq: posted.snapshot.seq, changes })));
    }

    fn posted(&self) -> MutexGuard<'_, Posted> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Posted {
    fn full(&self) -> Snapshot {
        let mut snapshot = self.snapshot.clone();
        let skip = self.events.len().saturating_sub(SHOWN_EVENTS);
        snapshot.events = self.events.iter().skip(skip).cloned().collect();
        snapshot
    }

    fn page(&self, read: &EventsRead) -> EventsPage {
        let limit = if read.limit == 0 { 1000 } else { read.limit as usize };
        let from = self.events.partition_point(|e| e.seq <= read.after);
        let events: Vec<Event> = self.events.iter().skip(from).take(limit).cloned().collect();
        let after = events.last().map_or(read.after, |e| e.seq);
        EventsPage { events, after }
    }
}

fn replace<T: PartialEq + Clone>(old: &mut T, new: &T) -> bool {
    let differs = old != new;
    if differs {
        *old = new.clone();
    }
    differs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> Board {
        let stack = StackView {
            name: "shop".into(),
            folder: "/shop".into(),
            manifest: "/shop/services.toml".into(),
            trusted: true,
            diagnostics: Vec::new(),
            asks: Vec::new(),
        };
        Board::new(stack, EngineView { ok: true, address: "unix".into(), version: None, error: None })
    }

    fn event(text: &str) -> Event {
        Event { kind: "test".into(), text: text.into(), ..Event::default() }
    }

    #[tokio::test]
    async fn deltas_are_numbered_without_a_gap_and_only_when_something_changed() {
        let board = board();
        let (snapshot, mut deltas) = board.subscribe();
        let counters = Counters { lines: 1.into(), ..Counters::default() };
        board.post(Change::Counters(counters));
        board.post(Change::Counters(counters));
        board.tell(event("a"));
        assert_eq!(deltas.recv().await.unwrap().seq, snapshot.seq + 1);
        assert_eq!(deltas.recv().await.unwrap().seq, snapshot.seq + 2);
        assert!(deltas.try_recv().is_err());
        assert_eq!(board.snapshot().events.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_waits_for_the_next_event_and_no_longer_than_it_said() {
        let board = Arc::new(board());
        board.tell(event("old"));
        let after = board.events(&EventsRead::default()).await.after;
        let read = EventsRead { after, limit: 0, wait_ms: 1000 };
        assert!(board.events(&read).await.events.is_empty());
        let (waiting, teller) = (board.clone(), board.clone());
        let page = tokio::spawn(async move { waiting.events(&read).await });
        tokio::task::yield_now().await;
        teller.tell(event("new"));
        assert_eq!(page.await.unwrap().events[0].text, "new");
    }
}
