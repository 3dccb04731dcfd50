//! Times as people type them.

use std::time::{Duration, SystemTime};

use model::Timestamp;

use crate::failure::Failure;

/// `10m` (so long ago), a time of day, a date, both, or RFC 3339: as RFC 3339.
pub(super) fn moment(text: &str) -> Result<String, Failure> {
    let now = Timestamp::from_system(SystemTime::now());
    match at(text, now) {
        Some(at) => Ok(at.to_string()),
        None => Err(Failure::usage(format!(
            "`{text}` is no time; write `10m`, `2h`, `10:30`, `2026-01-31 10:30` (UTC, as times are shown) or \
             `2026-01-31T08:30:00+02:00`"
        ))),
    }
}

/// How long it is until a moment in RFC 3339; zero when it is over.
pub(super) fn left_until(moment: &str) -> Duration {
    let now = Timestamp::from_system(SystemTime::now());
    moment.parse::<Timestamp>().map_or(Duration::ZERO, |moment| moment.since(now))
}

/// The moment that `text` means at `now`. What has no zone is UTC, as all times that are shown.
fn at(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(ago) = span(text) {
        return Some(now.minus(ago));
    }
    if let Ok(at) = text.parse() {
        return Some(at);
    }
    let shown = now.to_string();
    let today = shown.get(..10)?;
    let whole = |date: &str, clock: &str| -> Option<Timestamp> {
        let seconds = if clock.len() == 5 { ":00" } else { "" };
        format!("{date}T{clock}{seconds}Z").parse().ok()
    };
    if text.contains(':') && !text.contains('-') {
        // A time of day that is still to come was meant as yesterday's.
        let at = whole(today, text)?;
        return Some(if at > now { at.minus(Duration::from_hours(24)) } else { at });
    }
    match text.split_once([' ', 'T']) {
        Some((date, clock)) => whole(date, clock),
        None => whole(text, "00:00"),
    }
}

/// `250ms`, `1.5s`, `10m`, `2h`, `1d`.
pub(super) fn span(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.parse().ok()?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86_400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_need_a_unit() {
        assert_eq!(span("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(span("2h"), Some(Duration::from_hours(2)));
        assert_eq!([span("12"), span("-1s"), span("1y"), span("")], [None; 4]);
    }

    #[test]
    fn moments_are_typed_in_many_ways() {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("90m", "2026-11-24T08:30:00Z"),
            ("09:15", "2026-11-24T09:15:00Z"),
            ("09:15:30.5", "2026-11-24T09:15:30.5Z"),
            ("10:30", "2026-11-23T10:30:00Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
            ("2026-11-20 07:08", "2026-11-20T07:08:00Z"),
            ("2026-11-20T07:08:09", "2026-11-20T07:08:09Z"),
            ("2026-11-20T07:08:09+02:00", "2026-11-20T05:08:09Z"),
        ] {
            assert_eq!(at(text, now), Some(expected.parse().unwrap()), "{text}");
        }
        for text in ["", "soon", "25:00", "10", "2026-13-01", "2026-11-20 7", "ä:00"] {
            assert_eq!(at(text, now), None, "{text}");
        }
    }
}
