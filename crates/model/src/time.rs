//! One moment on the stack's time axis.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Nanoseconds since 1970-01-01T00:00:00Z, as the engine and the kernel stamp them. Valid from 1970 to 2262.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

/// Why a text is no timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no RFC 3339 time such as `2026-01-31T08:30:00.5Z`")]
pub struct BadTimestamp(pub String);

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

impl Timestamp {
    /// From whole seconds and the nanoseconds after them.
    pub const fn from_parts(seconds: i64, nanos: u32) -> Self {
        Self(seconds * SECOND + nanos as i64)
    }

    /// From the clock's reading; a moment before 1970 becomes 1970.
    pub fn from_system(at: std::time::SystemTime) -> Self {
        let since = at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self(since.as_nanos().min(i64::MAX as u128) as i64)
    }

    /// Whole seconds since 1970.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// Nanoseconds within the second.
    pub const fn subsec_nanos(self) -> u32 {
        self.0.rem_euclid(SECOND) as u32
    }

    /// Milliseconds since 1970, with their fraction.
    pub fn millis(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Time from `earlier` to here; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0).max(0) as u64)
    }

    /// This moment moved back by `span`, not before 1970.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span.as_nanos().min(i64::MAX as u128) as i64).max(0))
    }

    /// This moment moved on by `span`.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.as_nanos().min(i64::MAX as u128) as i64))
    }
}

/// RFC 3339 in UTC with nine digits after the second.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.seconds().div_euclid(DAY));
        let second = self.seconds().rem_euclid(DAY);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:09}Z",
            second / 3600,
            second / 60 % 60,
            second % 60,
            self.subsec_nanos()
        )
    }
}

/// RFC 3339 with any offset and any number of digits after the second.
impl FromStr for Timestamp {
    type Err = BadTimestamp;

    fn from_str(text: &str) -> Result<Self, BadTimestamp> {
        parse(text).ok_or_else(|| BadTimestamp(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let separators = [(4, b"-"), (7, b"-"), (13, b":"), (16, b":")];
    if bytes.len() < 20 || !text.is_ascii() || separators.iter().any(|(at, s)| bytes[*at] != s[0]) {
        return None;
    }
    if !matches!(bytes[10], b'T' | b't' | b' ') {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut at = 19;
    let mut nanos = 0;
    if bytes[at] == b'.' {
        at += 1;
        let mut unit = SECOND / 10;
        while let Some(digit) = bytes.get(at).filter(|b| b.is_ascii_digit()) {
            nanos += i64::from(digit - b'0') * unit;
            unit /= 10;
            at += 1;
        }
    }
    let offset = match bytes.get(at)? {
        b'Z' | b'z' if bytes.len() == at + 1 => 0,
        sign @ (b'+' | b'-') if bytes.len() == at + 6 && bytes[at + 3] == b':' => {
            let span = number(at + 1, at + 3)? * 3600 + number(at + 4, at + 6)? * 60;
            if *sign == b'+' { span } else { -span }
        }
        _ => return None,
    };
    let seconds = days_from_civil(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
    seconds.checked_mul(SECOND)?.checked_add(nanos).map(Timestamp)
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar (Howard Hinnant's `days_from_civil`).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writes_and_reads_known_moments() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (1_709_210_096_000_000_123, "2024-02-29T12:34:56.000000123Z"),
            (1_795_413_600_500_000_000, "2026-11-23T06:00:00.500000000Z"),
        ] {
            assert_eq!(Timestamp(nanos).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp(nanos)));
        }
    }

    #[test]
    fn reads_offsets_and_short_fractions() {
        assert_eq!(
            "2026-11-23T08:00:00.5+02:00".parse::<Timestamp>().unwrap().to_string(),
            "2026-11-23T06:00:00.500000000Z"
        );
        assert_eq!("2026-11-23T06:00:00Z".parse::<Timestamp>().unwrap().subsec_nanos(), 0);
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in [
            "",
            "yesterday",
            "2026-11-23",
            "2026-13-01T00:00:00Z",
            "2026-11-23T06:00:00",
            "2026-11-23T06:00:00+2:00",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_moment_survives_its_text(nanos in 0..i64::MAX) {
            let at = Timestamp(nanos);
            prop_assert_eq!(at.to_string().parse(), Ok(at));
        }
    }
}
