//! The level of a line that is one JSON object.

use model::line::Level;

use super::alias;
use crate::text::skim::{Members, unquoted};

pub(super) use crate::text::skim::is_object;

/// The level of a JSON object by its known keys; `None` when it has none of them, whatever its message says.
pub(super) fn level(text: &str) -> Option<Level> {
    let mut found = Found::default();
    for (key, value) in Members::of(text) {
        found.member(key, value);
    }
    found.level()
}

#[derive(Default)]
struct Found {
    stated: Option<Level>,
    /// OpenTelemetry's number, 1 to 24: less than the word beside it.
    number: Option<Level>,
    /// The number under a level key that is 0 to 7.
    small: Option<u64>,
    syslog: bool,
    mongo: (Option<Level>, bool, bool),
    clef: bool,
}

impl Found {
    fn member(&mut self, key: &str, value: &str) {
        match key {
            "s" => self.mongo.0 = unquoted(value).and_then(mongo),
            "c" => self.mongo.1 = true,
            "id" => self.mongo.2 = true,
            "@t" => self.clef = true,
            "version" => self.syslog |= unquoted(value) == Some("1.1"),
            "PRIORITY" => {
                self.syslog = true;
                self.stated(value);
            }
            // ECS nests the one, Roarr the other.
            "log" | "context" => {
                let wanted = if key == "log" { "level" } else { "logLevel" };
                let nested = Members::of(value).find(|(key, _)| key.eq_ignore_ascii_case(wanted));
                if let Some((_, value)) = nested {
                    self.stated(value);
                }
            }
            _ if is_level_key(key) => self.stated(value),
            _ if key.eq_ignore_ascii_case("severityNumber")
                || key.eq_ignore_ascii_case("severity_number") =>
            {
                self.number = value.parse().ok().and_then(open_telemetry);
            }
            _ => {}
        }
    }

    fn stated(&mut self, value: &str) {
        if self.stated.is_some() {
            return;
        }
        let word = unquoted(value).unwrap_or(value);
        match word.parse::<u64>() {
            Ok(number @ 0..=7) => self.small = self.small.or(Some(number)),
            Ok(number) => self.stated = bunyan(number),
            Err(_) => self.stated = alias::value(word),
        }
    }

    fn level(self) -> Option<Level> {
        let (severity, component, id) = self.mongo;
        // Below 8 only syslog's numbers are in use: GELF, journald, and loggers made after them.
        let small = self.small.and_then(alias::syslog);
        self.stated
            .or(if self.syslog || self.number.is_none() { small } else { None })
            .or(self.number)
            .or(if component && id { severity } else { None })
            .or(self.clef.then_some(Level::Info))
    }
}

fn is_level_key(key: &str) -> bool {
    const KEYS: [&str; 11] = [
        "level",
        "lvl",
        "severity",
        "log.level",
        "levelname",
        "level_name",
        "loglevel",
        "log_level",
        "@l",
        "severitytext",
        "severity_text",
    ];
    KEYS.iter().any(|k| key.eq_ignore_ascii_case(k))
}

/// pino's and bunyan's numbers, by tens; those between are named by the level below.
fn bunyan(number: u64) -> Option<Level> {
    Some(match number {
        10..=19 => Level::Trace,
        20..=29 => Level::Debug,
        30..=39 => Level::Info,
        40..=49 => Level::Warn,
        50..=59 => Level::Error,
        60..=69 => Level::Fatal,
        _ => return None,
    })
}

/// OpenTelemetry's log data model, field `SeverityNumber`.
fn open_telemetry(number: u64) -> Option<Level> {
    let at = usize::try_from(number.checked_sub(1)? / 4).ok()?;
    Level::ALL.get(at).copied()
}

/// MongoDB's structured log: `F E W I` and `D1` to `D5`.
fn mongo(severity: &str) -> Option<Level> {
    severity.bytes().next().filter(|_| severity.len() <= 2).and_then(alias::letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_mean_what_their_logger_means() {
        for (text, expected) in [
            (r#"{"level":30}"#, Some(Level::Info)),
            (r#"{"level":60,"msg":"x"}"#, Some(Level::Fatal)),
            (r#"{"level":3,"version":"1.1"}"#, Some(Level::Error)),
            (r#"{"PRIORITY":"4","MESSAGE":"x"}"#, Some(Level::Warn)),
            (r#"{"severityNumber":21}"#, Some(Level::Fatal)),
            (r#"{"severityNumber":99}"#, None),
            (r#"{"level":"warn","severityNumber":9}"#, Some(Level::Warn)),
            (r#"{"level":1000}"#, None),
            (r#"{"level":null}"#, None),
            (r#"{"msg":{"level":"error"}}"#, None),
            (r#"{"s":"D2","c":"REPL","id":1}"#, Some(Level::Debug)),
            (r#"{"s":"E","c":"x"}"#, None),
            (r#"{"Level":"WARNING"}"#, Some(Level::Warn)),
        ] {
            assert_eq!(level(text), expected, "{text}");
        }
    }
}
