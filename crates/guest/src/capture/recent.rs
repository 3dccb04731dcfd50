//! The packets of the last moments as they were heard, for whoever asks for them afterwards: a ring of bytes in which
//! the newest take the place of the oldest.
//!
//! A packet lies there as it lies in a capture file, so that handing it over is a copy. Who asks is answered in pages,
//! each of which says where to go on; what was overwritten in between is counted.

use std::collections::VecDeque;

use model::Timestamp;
use model::packets::{Packets, PacketsAsk, PacketsOf, Record};
use wire::{Link, ends};

/// A page's size, about, in bytes: the decoder waits while it is copied.
const PAGE: usize = 1 << 20;

/// Where a packet lies in the ring.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: usize,
    length: usize,
}

/// The ring.
#[derive(Debug, Default)]
pub(super) struct Recent {
    bytes: Vec<u8>,
    places: VecDeque<Place>,
    /// The next packet is written here.
    end: usize,
    /// How many packets there were before the first that is still here.
    gone: u64,
}

impl Recent {
    /// Keeps so many bytes from now on, of packets that come from now on; 0 keeps none.
    pub(super) fn resize(&mut self, bytes: usize) {
        if self.bytes.len() != bytes {
            // Zeroed memory is not there before it is written to.
            *self = Self { bytes: vec![0; bytes], gone: self.next(), ..Self::default() };
        }
    }

    /// Keeps a packet.
    pub(super) fn keep(&mut self, at: Timestamp, bytes: &[u8], wire_len: usize) {
        let length = Record::HEAD + bytes.len();
        if length > self.bytes.len() {
            // What counts as gone is missed by whoever asks, so nothing older may be left.
            self.gone = self.next() + u64::from(!self.bytes.is_empty());
            self.places.clear();
            return;
        }
        let mut at_end = self.end;
        if at_end + length > self.bytes.len() {
            // The rest of the ring is left unused, so that no packet is in two pieces.
            while self.places.front().is_some_and(|place| place.at >= at_end) {
                self.drop_oldest();
            }
            at_end = 0;
        }
        while self
            .places
            .front()
            .is_some_and(|place| place.at < at_end + length && at_end < place.at + place.length)
        {
            self.drop_oldest();
        }
        let place = &mut self.bytes[at_end..at_end + length];
        place[..Record::HEAD].copy_from_slice(&Record::head(at, bytes.len(), wire_len));
        place[Record::HEAD..].copy_from_slice(bytes);
        self.places.push_back(Place { at: at_end, length });
        self.end = at_end + length;
    }

    /// A page of what is asked for.
    pub(super) fn page(&self, ask: &PacketsAsk) -> Packets {
        let next = self.next();
        let mut from = ask.from.unwrap_or(next).min(next);
        let missed = self.gone.saturating_sub(from);
        from = from.max(self.gone);
        if let (PacketsOf::Connection { ends, at }, true) = (&ask.of, missed > 0 || ask.from == Some(0)) {
            from = self.opening(*ends, *at, from);
        }
        let mut page = Packets { ask: ask.ask, kept: self.bytes.len() as u32, ..Packets::default() };
        page.missed = if ask.from == Some(0) { 0 } else { missed };
        for number in from..next {
            if page.records.len() >= PAGE {
                (page.next, page.more) = (number, true);
                return page;
            }
            let Some(record) = self.record(number) else { break };
            match wants(ask, &record) {
                Wants::It => {
                    page.count += 1;
                    page.records.extend_from_slice(record.bytes);
                }
                Wants::Others => {}
                Wants::NoMore => break,
            }
        }
        page.next = next;
        page
    }

    /// The number that the next packet gets.
    fn next(&self) -> u64 {
        self.gone + self.places.len() as u64
    }

    fn drop_oldest(&mut self) {
        self.places.pop_front();
        self.gone += 1;
    }

    fn record(&self, number: u64) -> Option<Record<'_>> {
        let place = self.places.get(usize::try_from(number.checked_sub(self.gone)?).ok()?)?;
        Record::read(self.bytes.get(place.at..place.at + place.length)?)
    }

    /// The number of the packet that opened a connection between two ends, of several the last one before `at`; `from`
    /// when that is not here any more. The first of a connect's tries counts.
    fn opening(&self, between: [std::net::SocketAddr; 2], at: Timestamp, from: u64) -> u64 {
        let (mut opened, mut trying) = (from, false);
        for number in from..self.next() {
            let Some(record) = self.record(number) else { break };
            let Some(found) = ends(Link::Ethernet, record.packet).filter(|found| found.are(between)) else {
                continue;
            };
            if record.at > at {
                break;
            }
            if found.opens && !trying {
                opened = number;
            }
            trying = found.opens;
        }
        opened
    }
}

enum Wants {
    It,
    Others,
    /// What was asked for is over.
    NoMore,
}

fn wants(ask: &PacketsAsk, record: &Record<'_>) -> Wants {
    if record.at < ask.since {
        return Wants::Others;
    }
    let found = match ask.of {
        PacketsOf::All => return Wants::It,
        PacketsOf::Hosts(_) | PacketsOf::Connection { .. } => ends(Link::Ethernet, record.packet),
    };
    match (&ask.of, found) {
        (PacketsOf::Hosts(hosts), Some(found))
            if hosts.contains(&found.from.ip()) || hosts.contains(&found.to.ip()) =>
        {
            Wants::It
        }
        (PacketsOf::Connection { ends, at }, Some(found)) if found.are(*ends) => {
            // The same two ends may open another one later.
            if found.opens && record.at > *at { Wants::NoMore } else { Wants::It }
        }
        _ => Wants::Others,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    /// An Ethernet frame with a TCP segment of so many bytes.
    fn packet(from: u16, to: u16, syn: bool, payload: usize) -> Vec<u8> {
        let mut bytes = vec![0; 12];
        bytes.extend([8, 0, 0x45, 0]);
        bytes.extend((40 + payload as u16).to_be_bytes());
        let last = |port: u16| (port % 100) as u8;
        bytes.extend([0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, last(from), 10, 0, 0, last(to)]);
        bytes.extend(from.to_be_bytes());
        bytes.extend(to.to_be_bytes());
        bytes.extend([0; 8]);
        bytes.extend([0x50, if syn { 2 } else { 16 }, 255, 255, 0, 0, 0, 0]);
        bytes.resize(bytes.len() + payload, b'x');
        bytes
    }

    fn end(port: u16) -> SocketAddr {
        ([10, 0, 0, (port % 100) as u8], port).into()
    }

    fn ask(from: Option<u64>, of: PacketsOf) -> PacketsAsk {
        PacketsAsk { ask: 7, from, since: Timestamp(0), of }
    }

    /// The times of a page's packets, in seconds.
    fn times(page: &Packets) -> Vec<i64> {
        let mut rest = &page.records[..];
        std::iter::from_fn(|| {
            let record = Record::read(rest)?;
            rest = &rest[record.bytes.len()..];
            Some(record.at.0 / 1_000_000_000)
        })
        .collect()
    }

    fn keep(recent: &mut Recent, second: i64, bytes: &[u8]) {
        recent.keep(Timestamp(second * 1_000_000_000), bytes, bytes.len() + 5);
    }

    #[test]
    fn the_newest_take_the_place_of_the_oldest_and_what_is_missed_is_counted() {
        let mut recent = Recent::default();
        recent.resize(1000);
        let mut seen = Vec::new();
        let mut next = Some(0);
        let mut missed = 0;
        for second in 0..200 {
            keep(&mut recent, second, &packet(4001, 80, false, (second * 37 % 200) as usize));
            let held: usize = recent.places.iter().map(|place| place.length).sum();
            assert!(held <= 1000);
            if second % 17 == 16 {
                let page = recent.page(&ask(next, PacketsOf::All));
                assert_eq!(page.count as usize, times(&page).len());
                seen.extend(times(&page));
                missed += page.missed;
                next = Some(page.next);
            }
        }
        assert!(seen.is_sorted() && seen.len() > 40, "{seen:?}");
        // Of the first page nobody can say what was there before; the last packets were not asked for.
        assert_eq!(seen.len() as u64 + missed + seen[0] as u64, 187);
        // A packet is told at its full length, however much of it is there.
        let page = recent.page(&ask(Some(0), PacketsOf::All));
        let record = Record::read(&page.records).unwrap();
        assert_eq!(
            u32::from_le_bytes(record.bytes[12..16].try_into().unwrap()) as usize,
            record.packet.len() + 5
        );
    }

    #[test]
    fn one_connection_or_one_host_is_found_among_others() {
        let mut recent = Recent::default();
        recent.resize(1 << 16);
        for (second, from, to, syn) in [
            (1, 4001, 80, true),
            (2, 4001, 80, false),
            // The same ends once more, at the second try.
            (3, 4001, 80, true),
            (4, 4001, 80, true),
            (5, 80, 4001, false),
            (6, 4002, 80, true),
            (7, 4001, 80, false),
            (8, 4001, 80, true),
        ] {
            keep(&mut recent, second, &packet(from, to, syn, 3));
        }
        let of = |at: i64| {
            let at = Timestamp(at * 1_000_000_000);
            times(&recent.page(&ask(Some(0), PacketsOf::Connection { ends: [end(80), end(4001)], at })))
        };
        assert_eq!((of(2), of(5), of(9)), (vec![1, 2], vec![3, 4, 5, 7], vec![8]));
        let hosts = PacketsOf::Hosts(vec![end(4002).ip()]);
        assert_eq!(times(&recent.page(&ask(Some(0), hosts))), [6]);
        let since = PacketsAsk { since: Timestamp(6_500_000_000), ..ask(Some(0), PacketsOf::All) };
        assert_eq!(times(&recent.page(&since)), [7, 8]);
        assert_eq!(times(&recent.page(&ask(None, PacketsOf::All))), [] as [i64; 0]);
    }

    #[test]
    fn a_ring_of_nothing_keeps_nothing_and_large_pages_are_cut() {
        let mut recent = Recent::default();
        keep(&mut recent, 1, &packet(4001, 80, false, 9));
        let page = recent.page(&ask(Some(0), PacketsOf::All));
        assert_eq!((page.count, page.kept, page.missed), (0, 0, 0));
        recent.resize(4 << 20);
        for second in 0..60 {
            keep(&mut recent, second, &packet(4001, 80, false, 60_000));
        }
        let first = recent.page(&ask(Some(0), PacketsOf::All));
        assert!(first.more && first.records.len() < PAGE + 61_000);
        let rest = recent.page(&ask(Some(first.next), PacketsOf::All));
        assert_eq!(times(&rest).first(), Some(&i64::from(first.count)));
    }
}
