//! One direction of a connection: which bytes come next, which wait, which will never come.

use std::collections::VecDeque;

use model::Timestamp;

use crate::seq::Seq;

/// An acknowledgement or a segment further away is not of this connection's present; no TCP window is that large.
const PLAUSIBLE: i64 = 1 << 30;

/// A segment that waits for an earlier one, in this direction or in the other.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) seq: Seq,
    pub(crate) bytes: Vec<u8>,
    /// Bytes after `bytes` that the capture cut off.
    pub(crate) cut: u64,
    /// How much of the other direction its sender had when it sent this.
    pub(crate) ack: Option<Seq>,
    pub(crate) at: Timestamp,
}

impl Piece {
    fn end(&self) -> Seq {
        self.seq.plus(self.bytes.len() as u64 + self.cut)
    }
}

/// One direction. Holds no byte that was handed on.
#[derive(Debug, Default)]
pub(crate) struct Half {
    /// The first byte that was not handed on; `None` until the start is known.
    next: Option<Seq>,
    /// Where the direction started, as far as it was seen.
    start: Option<Seq>,
    /// The earliest position that anything spoke of, while the start is unknown.
    low: Option<Seq>,
    /// Pieces in order, none overlapping another, none before `next`.
    queue: VecDeque<Piece>,
    queued: usize,
    /// The furthest position that the other side has confirmed.
    acked: Option<Seq>,
    fin: Option<Seq>,
    closed: bool,
}

/// What stands between a direction and its next byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Nothing: all that is known was handed on.
    Nothing,
    /// To know where it starts.
    Start,
    /// Bytes that the other side has confirmed: they were sent and not captured, or they are late in the capture.
    Confirmed,
    /// Bytes that may come yet.
    Missing,
    /// Its next piece waits for the other direction.
    Other,
}

impl Half {
    /// Sets where the direction starts; pieces before it are dropped. Later calls change nothing.
    pub(crate) fn begin(&mut self, at: Seq) {
        if self.next.is_none() {
            self.next = Some(at);
            self.start = Some(at);
            self.drop_old();
        }
    }

    pub(crate) fn start(&self) -> Option<Seq> {
        self.start
    }

    pub(crate) fn next(&self) -> Option<Seq> {
        self.next
    }

    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    pub(crate) fn pieces(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn confirmed_once(&self) -> bool {
        self.acked.is_some()
    }

    /// The other side says that it has everything before `ack`. False when that cannot be.
    pub(crate) fn confirm(&mut self, ack: Seq) -> bool {
        if self.next.is_some_and(|next| ack.after(next).abs() > PLAUSIBLE) {
            return false;
        }
        if self.next.is_none() {
            self.low = Some(self.low.map_or(ack, |low| low.min(ack)));
        }
        self.acked = Some(self.acked.map_or(ack, |known| if ack.after(known) > 0 { ack } else { known }));
        true
    }

    /// Whether everything before `ack` was handed on.
    pub(crate) fn reached(&self, ack: Option<Seq>) -> bool {
        match (self.next, ack) {
            (Some(next), Some(ack)) => ack.after(next) <= 0,
            // Where this direction stands is not known: only what confirms nothing of it may pass.
            (None, Some(_)) => self.low.is_none(),
            (_, None) => true,
        }
    }

    /// Whether a segment can be handed on as it is, with nothing before it.
    pub(crate) fn is_next(&self, seq: Seq) -> bool {
        self.next == Some(seq) && self.queue.is_empty()
    }

    /// Marks bytes as handed on.
    pub(crate) fn advance(&mut self, bytes: u64) {
        self.next = self.next.map(|next| next.plus(bytes));
    }

    /// The direction ends before `at`.
    pub(crate) fn end(&mut self, at: Seq) {
        if self.next.is_none() {
            self.low = Some(self.low.map_or(at, |low| low.min(at)));
        }
        if self.fin.is_none() && self.next.is_none_or(|next| (0..PLAUSIBLE).contains(&at.after(next))) {
            self.fin = Some(at);
        }
    }

    /// Whether its end was reached just now; true once.
    pub(crate) fn closes(&mut self) -> bool {
        let closes = !self.closed && self.fin.is_some() && self.fin == self.next;
        if closes {
            self.closed = true;
            self.queue.clear();
            self.queued = 0;
            self.advance(1);
        }
        closes
    }

    pub(crate) fn closed(&self) -> bool {
        self.closed
    }

    /// Keeps what is new of a segment. What came first stays where segments overlap.
    pub(crate) fn insert(&mut self, mut piece: Piece) {
        if let Some(next) = self.next {
            let distance = piece.seq.after(next);
            if distance > PLAUSIBLE || !trim_front(&mut piece, next) {
                return;
            }
        } else {
            self.low = Some(self.low.map_or(piece.seq, |low| low.min(piece.seq)));
        }
        let mut at = self.queue.partition_point(|known| known.seq.after(piece.seq) <= 0);
        if let Some(before) = at.checked_sub(1).map(|i| self.queue[i].end())
            && !trim_front(&mut piece, before)
        {
            return;
        }
        // What remains may lie around pieces that are known: the part before each is new.
        while at < self.queue.len() && piece.end().after(self.queue[at].seq) > 0 {
            let known = &self.queue[at];
            let (known_seq, known_end) = (known.seq, known.end());
            let (front, rest) = split(piece, known_seq, known_end);
            if let Some(front) = front {
                self.queued += front.bytes.len();
                self.queue.insert(at, front);
                at += 1;
            }
            match rest {
                Some(rest) => piece = rest,
                None => return,
            }
            at += 1;
        }
        self.queued += piece.bytes.len();
        self.queue.insert(at, piece);
    }

    /// The piece that comes next, if it may pass.
    pub(crate) fn take(&mut self, other: &Self) -> Option<Piece> {
        let front = self.queue.front()?;
        if Some(front.seq) != self.next || !other.reached(front.ack) {
            return None;
        }
        self.take_next()
    }

    /// The piece that comes next, whatever it waits for.
    pub(crate) fn take_next(&mut self) -> Option<Piece> {
        let piece = self.queue.pop_front_if(|front| Some(front.seq) == self.next)?;
        self.queued -= piece.bytes.len();
        self.next = Some(piece.end());
        Some(piece)
    }

    /// What the direction waits for.
    pub(crate) fn want(&self) -> Want {
        let Some(next) = self.next else {
            return if self.low.is_some() { Want::Start } else { Want::Nothing };
        };
        match self.queue.front() {
            Some(front) if front.seq == next => Want::Other,
            _ if self.acked.is_some_and(|acked| acked.after(next) > 0) => {
                // The one byte may be an end that was not captured: nobody waits for it.
                let lone = self.queue.is_empty() && self.acked == Some(next.plus(1)) && self.fin.is_none();
                if lone { Want::Nothing } else { Want::Confirmed }
            }
            Some(_) => Want::Missing,
            None if self.fin.is_some_and(|fin| fin.after(next) > 0) => Want::Missing,
            None => Want::Nothing,
        }
    }

    /// When the next waiting piece was captured.
    pub(crate) fn waits_since(&self) -> Option<Timestamp> {
        self.queue.front().map(|front| front.at)
    }

    /// How much of the other direction the next waiting piece's sender had.
    pub(crate) fn front_ack(&self) -> Option<Seq> {
        self.queue.front().and_then(|front| front.ack)
    }

    /// Gives up what does not come: settles the start, or passes over the first lost range, whose length is returned.
    /// A range is passed over no further than the other direction waits for, so that its bytes keep their place.
    pub(crate) fn skip(&mut self, waited_for: Option<Seq>) -> u64 {
        let Some(next) = self.next else {
            if let Some(low) = self.low {
                self.begin(low);
            }
            return 0;
        };
        let known = [self.queue.front().map(|front| front.seq), self.acked, self.fin, waited_for];
        let target = known.into_iter().flatten().filter(|seq| seq.after(next) > 0).reduce(Seq::min);
        let lost = target.map_or(0, |target| target.after(next) as u64);
        self.advance(lost);
        // A single confirmed byte with nothing after it is an end that was not captured.
        if lost == 1 && self.queue.is_empty() && self.fin.is_none() { 0 } else { lost }
    }

    fn drop_old(&mut self) {
        let Some(next) = self.next else { return };
        while let Some(mut front) = self.queue.pop_front() {
            self.queued -= front.bytes.len();
            if trim_front(&mut front, next) {
                self.queued += front.bytes.len();
                self.queue.push_front(front);
                break;
            }
        }
        if self.fin.is_some_and(|fin| fin.after(next) < 0) {
            self.fin = None;
        }
    }
}

/// Removes what lies before `from`; false when nothing is left.
fn trim_front(piece: &mut Piece, from: Seq) -> bool {
    let old = from.after(piece.seq);
    if old > 0 {
        let old = old as u64;
        if old >= piece.bytes.len() as u64 + piece.cut {
            return false;
        }
        let seen = (old as usize).min(piece.bytes.len());
        piece.bytes.drain(..seen);
        piece.cut -= old - seen as u64;
        piece.seq = from;
    }
    !piece.bytes.is_empty() || piece.cut > 0
}

/// The part of `piece` before `from`, and the part after `to`.
fn split(mut piece: Piece, from: Seq, to: Seq) -> (Option<Piece>, Option<Piece>) {
    let before = from.after(piece.seq).max(0) as u64;
    let front = (before > 0).then(|| {
        let seen = (before as usize).min(piece.bytes.len());
        Piece { seq: piece.seq, bytes: piece.bytes[..seen].to_vec(), cut: before - seen as u64, ..piece }
    });
    let rest = trim_front(&mut piece, to).then_some(piece);
    (front, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(seq: u32, bytes: &str) -> Piece {
        Piece { seq: Seq(seq), bytes: bytes.as_bytes().to_vec(), cut: 0, ack: None, at: Timestamp(0) }
    }

    fn drain(half: &mut Half) -> String {
        let mut text = String::new();
        while half.want() != Want::Nothing {
            while let Some(piece) = half.take(&Half::default()) {
                text += &String::from_utf8(piece.bytes).unwrap();
            }
            text += &"?".repeat(half.skip(None) as usize);
        }
        text
    }

    #[test]
    fn pieces_come_out_in_order_once() {
        let cases: [(&[(u32, &str)], &str); 8] = [
            (&[(10, "ab"), (12, "cd")], "abcd"),
            (&[(12, "cd"), (10, "ab")], "abcd"),
            (&[(10, "ab"), (10, "ab"), (11, "bc")], "abc"),
            (&[(12, "c"), (14, "e"), (10, "abcdefg")], "abcdefg"),
            (&[(10, "abcdefg"), (12, "XX"), (8, "XXXX")], "abcdefg"),
            (&[(14, "ef"), (11, "b")], "?b??ef"),
            (&[(5, "zzz")], ""),
            (&[(8, "yzab"), (13, "d")], "ab?d"),
        ];
        for (pieces, text) in cases {
            for base in [0, u32::MAX - 11] {
                let mut half = Half::default();
                half.begin(Seq(10).plus(u64::from(base)));
                for (seq, bytes) in pieces {
                    half.insert(piece(seq.wrapping_add(base), bytes));
                }
                assert_eq!(drain(&mut half), text, "{pieces:?} from {base}");
                assert_eq!(half.queued(), 0);
            }
        }
    }

    #[test]
    fn the_start_is_the_earliest_that_was_spoken_of() {
        let mut half = Half::default();
        half.insert(piece(20, "cd"));
        assert_eq!(half.want(), Want::Start);
        half.confirm(Seq(19));
        half.insert(piece(18, "ab"));
        assert_eq!(drain(&mut half), "abcd");
    }

    #[test]
    fn bytes_cut_off_by_the_capture_keep_their_place() {
        let mut half = Half::default();
        half.begin(Seq(10));
        half.insert(Piece { cut: 3, ..piece(10, "ab") });
        half.insert(piece(13, "XXyz"));
        let other = Half::default();
        let first = half.take(&other).unwrap();
        assert_eq!((first.bytes.as_slice(), first.cut), (b"ab".as_slice(), 3));
        assert_eq!(half.take(&other).unwrap().bytes, b"yz");
    }

    #[test]
    fn a_piece_waits_for_what_its_sender_had_seen() {
        let mut answers = Half::default();
        answers.begin(Seq(100));
        answers.insert(Piece { ack: Some(Seq(14)), ..piece(100, "ok") });
        let mut asks = Half::default();
        asks.begin(Seq(10));
        assert!(asks.confirm(Seq(14)));
        assert!(answers.take(&asks).is_none());
        assert_eq!((answers.want(), asks.want()), (Want::Other, Want::Confirmed));
        assert_eq!(asks.skip(answers.front_ack()), 4);
        assert!(answers.take(&asks).is_some());
    }

    #[test]
    fn an_end_that_was_not_captured_is_no_lost_byte() {
        let mut half = Half::default();
        half.begin(Seq(10));
        half.confirm(Seq(11));
        assert_eq!((half.want(), half.skip(None)), (Want::Nothing, 0));
    }

    #[test]
    fn an_end_is_reached_once_and_only_after_all_bytes() {
        let mut half = Half::default();
        half.begin(Seq(10));
        half.end(Seq(12));
        assert!(!half.closes());
        half.insert(piece(10, "ab"));
        assert!(half.take(&Half::default()).is_some());
        assert!(half.closes());
        assert!(!half.closes());
        assert_eq!(half.next(), Some(Seq(13)));
    }
}
