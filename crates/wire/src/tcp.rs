//! A connection that no decoder knows: how much went each way, and when.

use model::Timestamp;
use model::exchange::{Ending, Exchange, Message, Protocol, Quality};

use crate::decode::{Connection, Cx, Dir, Loss};
use crate::report::Pace;

#[derive(Debug, Default)]
struct Way {
    bytes: u64,
    first: Option<Timestamp>,
    last: Timestamp,
    closed: bool,
}

/// The counts of one connection, kept for every connection since a decoder may give up.
#[derive(Debug)]
pub(crate) struct Tcp {
    opened: Timestamp,
    ways: [Way; 2],
    quality: Quality,
    pace: Pace,
    exchange: Option<Exchange>,
    told: bool,
    failure: Option<String>,
}

impl Tcp {
    pub(crate) fn new(opened: Timestamp) -> Self {
        let ways = [Way::default(), Way::default()];
        Self {
            opened,
            ways,
            quality: Quality::Complete,
            pace: Pace::default(),
            exchange: None,
            told: false,
            failure: None,
        }
    }

    pub(crate) fn count(&mut self, dir: Dir, at: Timestamp, bytes: u64) {
        let way = &mut self.ways[dir as usize];
        way.bytes += bytes;
        way.first.get_or_insert(at);
        way.last = at;
    }

    /// Takes back what the last `count` added: a decoder has it now.
    pub(crate) fn uncount(&mut self, dir: Dir, bytes: u64) {
        self.ways[dir as usize].bytes -= bytes;
    }

    /// The client is the other end.
    pub(crate) fn turn_round(&mut self) {
        self.ways.reverse();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ways.iter().all(|way| way.bytes == 0)
    }

    /// A decoder has told what these bytes were.
    pub(crate) fn tell(&mut self) {
        self.told = true;
    }

    pub(crate) fn is_told(&self) -> bool {
        self.told
    }

    pub(crate) fn gap(&mut self, dir: Dir, at: Timestamp, bytes: u64, loss: Loss) {
        self.count(dir, at, bytes);
        // Only the number of bytes is shown, and that is known where the capture cut them off.
        if loss == Loss::Lost {
            self.mark(Quality::Gap);
        }
    }

    pub(crate) fn mark(&mut self, quality: Quality) {
        if self.quality == Quality::Complete {
            self.quality = quality;
        }
    }

    /// Why the connection failed.
    pub(crate) fn fail(&mut self, words: String) {
        self.failure = Some(words);
    }

    pub(crate) fn close(&mut self, dir: Dir) {
        self.ways[dir as usize].closed = true;
    }

    /// The counts are what is known of this connection: they are to be reported.
    pub(crate) fn changed(&mut self, at: Timestamp, connection: &mut Connection) {
        self.exchange.get_or_insert_with(|| connection.exchange(Protocol::Tcp, self.opened));
        self.pace.changed(at);
    }

    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.pace.due()
    }

    pub(crate) fn report(&mut self, now: Timestamp, cx: &mut Cx<'_>) {
        if let Some(exchange) = &self.exchange
            && self.pace.take(now)
        {
            cx.out.push(self.fill(exchange.clone()));
        }
    }

    /// The last report.
    pub(crate) fn end(
        &mut self,
        ending: Ending,
        at: Timestamp,
        connection: &mut Connection,
        cx: &mut Cx<'_>,
    ) {
        let exchange =
            self.exchange.take().unwrap_or_else(|| connection.exchange(Protocol::Tcp, self.opened));
        let mut exchange = self.fill(exchange);
        exchange.ending = ending;
        exchange.done = true;
        exchange.failure = self.failure.take();
        match ending {
            Ending::NoAnswer => exchange.quality = Quality::NoResponse,
            // A connection's time is from its opening to its close, and the close is no byte.
            Ending::Closed | Ending::Reset | Ending::Refused => exchange.request.last = at,
            Ending::Open | Ending::Idle => {}
        }
        cx.out.push(exchange);
    }

    fn fill(&self, mut exchange: Exchange) -> Exchange {
        let [to_server, to_client] = &self.ways;
        exchange.request = message(to_server, self.opened);
        exchange.response = to_client.first.map(|first| message(to_client, first));
        exchange.quality = self.quality;
        exchange
    }
}

fn message(way: &Way, first: Timestamp) -> Message {
    Message {
        bytes: way.bytes,
        cut: way.bytes > 0,
        first,
        last: way.last.max(first),
        complete: way.closed,
        ..Message::default()
    }
}
