//! The exchanges of one connection that are not done: what every decoder needs to report them as the house does.
//!
//! A decoder opens an exchange when it knows what is asked, changes it as more comes, and closes it when it is answered.
//! Which answer belongs to which exchange is the protocol's business; here an exchange goes by its serial number.

use std::collections::BTreeMap;

use model::Timestamp;
use model::exchange::{Ending, Exchange, Message, Part, Quality};

use crate::decode::{Cx, Loss};
use crate::limits::Limits;
use crate::report::Pace;

/// How many messages of a stream are listed one by one, for each direction.
pub(crate) const PARTS_LIMIT: usize = 1000;

/// A message of a stream gets at least this part of what is kept of a body, if larger ones have it.
const FAIR_SHARE: usize = 8;

#[derive(Debug)]
struct Open {
    exchange: Exchange,
    pace: Pace,
    size: usize,
    /// Its answer may have been lost.
    doubt: Option<Quality>,
}

/// The open exchanges of one connection, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    open: BTreeMap<u32, Open>,
    any: bool,
    held: usize,
    due: Option<Timestamp>,
}

impl Ledger {
    /// Adds an exchange and returns its serial number. Where too many wait, the oldest is given up.
    pub(crate) fn open(&mut self, exchange: Exchange, at: Timestamp, cx: &mut Cx<'_>) -> u32 {
        if self.open.len() >= cx.limits.pending_per_flow
            && let Some(oldest) = self.first()
        {
            cx.for_room(|cx| self.close(oldest, Ending::Open, cx));
        }
        let serial = exchange.serial;
        let size = size(&exchange);
        let mut pace = Pace::default();
        self.expect(pace.changed(at));
        self.any = true;
        self.held += size;
        self.open.insert(serial, Open { exchange, pace, size, doubt: None });
        serial
    }

    /// Reports an exchange that is known whole at once.
    pub(crate) fn tell(&mut self, exchange: Exchange, at: Timestamp, cx: &mut Cx<'_>) {
        let serial = self.open(exchange, at, cx);
        self.close(serial, Ending::Open, cx);
    }

    pub(crate) fn get(&self, serial: u32) -> Option<&Exchange> {
        self.open.get(&serial).map(|open| &open.exchange)
    }

    /// Changes an exchange that is open; nothing happens to one that is not.
    pub(crate) fn change<T>(
        &mut self,
        serial: u32,
        at: Timestamp,
        change: impl FnOnce(&mut Exchange) -> T,
    ) -> Option<T> {
        let open = self.open.get_mut(&serial)?;
        let result = change(&mut open.exchange);
        let size = size(&open.exchange);
        self.held = self.held + size - std::mem::replace(&mut open.size, size);
        let due = open.pace.changed(at);
        self.expect(due);
        Some(result)
    }

    /// Changes the oldest exchange, where there is but one for each connection.
    pub(crate) fn change_first(&mut self, at: Timestamp, change: impl FnOnce(&mut Exchange)) {
        if let Some(serial) = self.first() {
            self.change(serial, at, change);
        }
    }

    /// As [`mark`], if there is anything to say.
    pub(crate) fn mark(&mut self, serial: u32, quality: impl Into<Option<Quality>>) {
        if let Some(quality) = quality.into()
            && let Some(open) = self.open.get_mut(&serial)
        {
            mark(&mut open.exchange, quality);
        }
    }

    /// A part of an exchange is missing, if any is.
    pub(crate) fn miss(&mut self, serial: u32, loss: Option<Loss>) {
        self.mark(serial, loss.map(Loss::quality));
    }

    pub(crate) fn mark_all(&mut self, quality: Quality) {
        self.open.values_mut().for_each(|open| mark(&mut open.exchange, quality));
    }

    /// Answers may have been lost: whichever of these exchanges gets none by its end is not called unanswered.
    pub(crate) fn doubt_all(&mut self, quality: Quality) {
        self.open.values_mut().for_each(|open| open.doubt = Some(quality));
    }

    /// The last report of an exchange.
    pub(crate) fn close(&mut self, serial: u32, ending: Ending, cx: &mut Cx<'_>) {
        let Some(open) = self.open.get_mut(&serial) else { return };
        if let Some(missing) = cx.missing(&open.exchange) {
            mark(&mut open.exchange, open.doubt.unwrap_or(missing));
        }
        self.finish(serial, ending, cx);
    }

    /// The last report of an exchange that needs no answer by the protocol's rules, or has it.
    pub(crate) fn finish(&mut self, serial: u32, ending: Ending, cx: &mut Cx<'_>) {
        let Some(open) = self.open.remove(&serial) else { return };
        self.held -= open.size;
        let mut exchange = open.exchange;
        exchange.ending = ending;
        exchange.done = true;
        // A status of no letters says nothing.
        exchange.status.take_if(|status| status.is_empty());
        cx.out.push(exchange);
        if self.open.is_empty() {
            self.due = None;
        }
    }

    /// The last report of all exchanges.
    pub(crate) fn end(&mut self, ending: Ending, cx: &mut Cx<'_>) {
        while let Some(serial) = self.first() {
            self.close(serial, ending, cx);
        }
    }

    pub(crate) fn report(&mut self, now: Timestamp, cx: &mut Cx<'_>) {
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        self.due = None;
        let mut next = None::<Timestamp>;
        for open in self.open.values_mut() {
            if open.pace.take(now) {
                cx.out.push(open.exchange.clone());
            }
            next = [next, open.pace.due()].into_iter().flatten().min();
        }
        self.due = next;
    }

    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// The serial number of the oldest open exchange.
    pub(crate) fn first(&self) -> Option<u32> {
        self.open.keys().next().copied()
    }

    /// Whether there was an exchange at all.
    pub(crate) fn any(&self) -> bool {
        self.any
    }

    /// There is an exchange, but it is kept elsewhere.
    pub(crate) fn is_elsewhere(&mut self) {
        self.any = true;
    }

    /// The exchanges from here on are another decoder's, and so are those that are open already. Says whether there was
    /// one at all before.
    pub(crate) fn hand_over(&mut self) -> bool {
        std::mem::replace(&mut self.any, !self.open.is_empty())
    }

    pub(crate) fn held(&self) -> usize {
        self.held
    }

    fn expect(&mut self, due: Timestamp) {
        self.due = Some(self.due.map_or(due, |known| known.min(due)));
    }
}

/// Something of an exchange was not seen. Of two reasons the worse one stays.
pub(crate) fn mark(exchange: &mut Exchange, quality: Quality) {
    let known = exchange.quality;
    if known == Quality::Complete || (known == Quality::Truncated && quality == Quality::Gap) {
        exchange.quality = quality;
    }
}

/// Bytes of memory that an exchange holds.
pub(crate) fn size(exchange: &Exchange) -> usize {
    let message = |message: &Message| {
        let fields: usize = message.headers.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
        message.body.len() + fields + message.parts.len() * size_of::<Part>()
    };
    size_of::<Open>()
        + message(&exchange.request)
        + exchange.response.as_ref().map_or(0, message)
        + exchange.method.len()
        + exchange.target.len()
}

/// Adds bytes to a body, up to the limit.
pub(crate) fn extend(message: &mut Message, at: Timestamp, bytes: &[u8], limits: &Limits) {
    message.bytes += bytes.len() as u64;
    message.last = message.last.max(at);
    if message.cut {
        return;
    }
    let kept = bytes.len().min(limits.body.saturating_sub(message.body.len()));
    message.body.extend_from_slice(&bytes[..kept]);
    message.cut = kept < bytes.len();
}

/// Adds a message of a stream: `bytes` of it are there, `size` is its whole size.
pub(crate) fn part(
    message: &mut Message,
    at: Timestamp,
    kind: &str,
    bytes: &[u8],
    size: u64,
    limits: &Limits,
) {
    message.bytes += size;
    message.last = message.last.max(at);
    list(message, at, kind, bytes, size, limits);
}

/// Lists a message of a stream whose last `kept` bytes are in the body already.
pub(crate) fn note(message: &mut Message, at: Timestamp, kind: &str, size: u64, kept: usize) {
    if message.parts.len() < PARTS_LIMIT {
        message.parts.push(Part { at, kind: kind.to_owned(), bytes: size, kept: kept as u32 });
    }
}

/// Adds a message of a stream whose bytes on the wire are counted apart. One that is missing in part, or does not fit,
/// keeps no later one out: each says itself how much of the body is its.
pub(crate) fn list(
    message: &mut Message,
    at: Timestamp,
    kind: &str,
    bytes: &[u8],
    size: u64,
    limits: &Limits,
) {
    if message.parts.len() >= PARTS_LIMIT {
        message.cut = true;
        return;
    }
    make_room(message, bytes.len() as u64, limits);
    let kept = keep_of_part(message, bytes, limits);
    message.cut |= kept as u64 != size;
    message.parts.push(Part { at, kind: kind.to_owned(), bytes: size, kept: kept as u32 });
}

/// A part of a body is missing here.
pub(crate) fn lose(
    message: &mut Message,
    at: Timestamp,
    bytes: u64,
    loss: Loss,
    limits: &Limits,
) -> Option<Quality> {
    // What would not have been kept is not missed.
    let missed = loss == Loss::Lost || !(message.cut || message.body.len() >= limits.body);
    message.bytes += bytes;
    message.last = message.last.max(at);
    message.cut = true;
    missed.then(|| loss.quality())
}

/// Keeps bytes that are counted already, up to the limit, and says how many.
pub(crate) fn keep(message: &mut Message, bytes: &[u8], limits: &Limits) -> usize {
    if message.cut {
        return 0;
    }
    let kept = bytes.len().min(limits.body.saturating_sub(message.body.len()));
    message.body.extend_from_slice(&bytes[..kept]);
    message.cut = kept < bytes.len();
    kept
}

/// As [`keep`], of a message of a stream: what is missing of others keeps nothing of this one out.
pub(crate) fn keep_of_part(message: &mut Message, bytes: &[u8], limits: &Limits) -> usize {
    let kept = bytes.len().min(limits.body.saturating_sub(message.body.len()));
    message.body.extend_from_slice(&bytes[..kept]);
    message.cut |= kept < bytes.len();
    kept
}

/// Makes room for a message of a stream, of that size: the largest ones before it share theirs, so that a large one does
/// not leave all later ones without a body. To be called between messages.
pub(crate) fn make_room(message: &mut Message, size: u64, limits: &Limits) {
    let wanted = usize::try_from(size).unwrap_or(usize::MAX).min(limits.body / FAIR_SHARE);
    while message.body.len() + wanted > limits.body {
        let largest = (0..message.parts.len()).max_by_key(|place| message.parts[*place].kept);
        let Some(place) = largest.filter(|place| message.parts[*place].kept as usize > wanted) else { break };
        let start: usize = message.parts[..place].iter().map(|part| part.kept as usize).sum();
        let kept = message.parts[place].kept as usize;
        let range = start + kept / 2..start + kept;
        if range.end > message.body.len() {
            break;
        }
        message.body.drain(range);
        message.parts[place].kept = (kept / 2) as u32;
        message.cut = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(sizes: &[usize], limit: usize) -> (Vec<u32>, Message) {
        let mut message = Message::default();
        for (n, size) in sizes.iter().enumerate() {
            let bytes = vec![b'a' + (n % 26) as u8; *size];
            list(&mut message, Timestamp(0), "message", &bytes, *size as u64, &Limits::new(limit));
        }
        (message.parts.iter().map(|part| part.kept).collect(), message)
    }

    #[test]
    fn a_large_message_leaves_later_ones_room() {
        for (sizes, expected) in [
            (&[1000][..], &[800][..]),
            (&[800, 10], &[400, 10]),
            (&[1000, 10, 20, 1000, 5], &[200, 10, 20, 370, 5]),
            (&[1000, 1000, 1000], &[400, 200, 200]),
            (&[300, 300], &[300, 300]),
        ] {
            let (kept, message) = listed(sizes, 800);
            assert_eq!(kept, expected, "{sizes:?}");
            assert_eq!(message.cut, sizes.iter().sum::<usize>() > message.body.len(), "{sizes:?}");
            // Each part's bytes are its own.
            let mut rest = &message.body[..];
            for (n, kept) in kept.iter().enumerate() {
                let (own, behind) = rest.split_at(*kept as usize);
                assert!(own.iter().all(|byte| *byte == b'a' + n as u8), "{sizes:?}");
                rest = behind;
            }
            assert!(rest.is_empty() && message.body.len() <= 800);
        }
        // Of equal ones the first are whole.
        assert_eq!(listed(&[100; 90], 8000).0, [[100; 80].to_vec(), vec![0; 10]].concat());
    }
}
