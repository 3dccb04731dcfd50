//! The place of a line among all lines of the store.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use model::Timestamp;

/// Time, number of the service, number of the line within the service: what all lines are ordered by.
pub(crate) type Key = (i64, u16, u64);

/// Lines that arrive later never concern a cursor that carries this.
const NO_ARRIVAL: u64 = u64::MAX;

/// A place in the merged order of all lines: opaque, and the same after a restart.
///
/// The order is by time, then service, then arrival within the service, so that equal times are no tie. A cursor
/// that a page gave for reading on also remembers how many lines the store had then: lines that arrive later but
/// bear an earlier time are not skipped.
#[derive(Debug, Clone, Copy)]
pub struct Cursor {
    ts: i64,
    service: u16,
    seq: u64,
    arrival: u64,
}

impl Cursor {
    /// Before every line.
    pub const START: Self = Self { ts: i64::MIN, service: 0, seq: 0, arrival: NO_ARRIVAL };

    /// Before every line of this moment and later; after every line before it.
    pub const fn at(moment: Timestamp) -> Self {
        Self { ts: moment.0.saturating_sub(1), service: u16::MAX, seq: u64::MAX, arrival: NO_ARRIVAL }
    }

    pub(crate) const fn of(key: Key) -> Self {
        Self { ts: key.0, service: key.1, seq: key.2, arrival: NO_ARRIVAL }
    }

    pub(crate) const fn seen(self, arrival: u64) -> Self {
        Self { arrival, ..self }
    }

    pub(crate) const fn key(self) -> Key {
        (self.ts, self.service, self.seq)
    }

    /// How many lines the store had taken when this cursor was made, if it is one for reading on.
    pub(crate) const fn arrival(self) -> Option<u64> {
        if self.arrival == NO_ARRIVAL { None } else { Some(self.arrival) }
    }

    /// The time of the line here.
    pub const fn ts(self) -> Timestamp {
        Timestamp(self.ts)
    }
}

impl PartialEq for Cursor {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Cursor {}

impl PartialOrd for Cursor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Cursor {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// Numbers in base 16 with dots between them.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{:x}.{:x}", self.ts as u64, self.service, self.seq)?;
        match self.arrival() {
            Some(arrival) => write!(f, ".{arrival:x}"),
            None => Ok(()),
        }
    }
}

/// Why a text is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no cursor of a page of lines")]
pub struct BadCursor(pub String);

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        parse(text).ok_or_else(|| BadCursor(text.chars().take(80).collect()))
    }
}

fn parse(text: &str) -> Option<Cursor> {
    let mut parts = text.split('.');
    let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
    let (ts, service, seq) = (number()? as i64, u16::try_from(number()?).ok()?, number()?);
    let arrival = match parts.next() {
        Some(last) => u64::from_str_radix(last, 16).ok()?,
        None => NO_ARRIVAL,
    };
    parts.next().is_none().then_some(Cursor { ts, service, seq, arrival })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_is_no_cursor() {
        for text in ["", "1", "1.2", "1.2.", "x.2.3", "1.20000.3", "1.2.3.4.5", "1.2.3.4z"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_moment_is_before_its_lines_and_after_all_earlier_ones() {
        let moment = Cursor::at(Timestamp(1000));
        assert!(moment < Cursor::of((1000, 0, 0)));
        assert!(moment > Cursor::of((999, 7, 99)));
        assert!(Cursor::START < Cursor::of((0, 0, 0)));
    }

    proptest! {
        #[test]
        fn every_cursor_survives_its_text(ts: i64, service: u16, seq: u64, arrival: u64) {
            let cursor = Cursor { ts, service, seq, arrival };
            let read: Cursor = cursor.to_string().parse().unwrap();
            prop_assert_eq!((read.key(), read.arrival), (cursor.key(), arrival));
        }
    }
}
