//! Where the time that a line begins with ends.

use std::sync::LazyLock;

use regex::Regex;

/// ISO and its variants, the common log format, Redis', syslog's and Java's, US dates, and a bare time of day.
static STAMP: LazyLock<Regex> = LazyLock::new(|| {
    const CLOCK: &str = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:[.,][0-9]{1,9})?(?: ?[AP]M\b)?";
    const ZONE: &str = r"(?: ?(?:Z\b|[+-][0-9]{2}:?[0-9]{2}|UTC|GMT))?";
    const MONTH: &str = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
    let pattern = format!(
        r"^[\[(]?(?:[0-9]{{4}}[-/.][0-9]{{2}}[-/.][0-9]{{2}}(?:T|,? +){CLOCK}{ZONE}|[0-9]{{1,2}}[/-]{MONTH}[/-][0-9]{{4}}[: ]{CLOCK}{ZONE}|[0-9]{{1,2}}/[0-9]{{1,2}}/[0-9]{{4}},? +{CLOCK}|(?:[A-Z][a-z]{{2}},? )?{MONTH} +[0-9]{{1,2}}(?:, [0-9]{{4}})? {CLOCK}(?: [0-9]{{4}})?|{CLOCK})[\])]?"
    );
    Regex::new(&pattern).expect("the pattern is constant")
});

/// The length in bytes of the time at the line's beginning, with its brackets; 0 when there is none.
pub(crate) fn leading(text: &str) -> usize {
    match text.as_bytes().first() {
        Some(b'[' | b'(' | b'0'..=b'9' | b'A'..=b'Z') => STAMP.find(text).map_or(0, |found| found.end()),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_end_of_a_leading_time() {
        for (text, expected) in [
            ("2026-11-23T02:13:20.123Z INFO x", "2026-11-23T02:13:20.123Z"),
            ("2026-11-23 02:13:20,123 DEBUG", "2026-11-23 02:13:20,123"),
            ("[2026-11-23 02:13:20 +0000] [1]", "[2026-11-23 02:13:20 +0000]"),
            ("[2026-11-23T02:13:20,123][INFO ]", "[2026-11-23T02:13:20,123]"),
            ("2026/11/23 02:13:20 listening", "2026/11/23 02:13:20"),
            ("2026-11-23  2:13:20 0 [Note]", "2026-11-23  2:13:20"),
            ("[23/Nov/2026 02:13:20] \"GET", "[23/Nov/2026 02:13:20]"),
            ("[23-Nov-2026 02:13:20] NOTICE", "[23-Nov-2026 02:13:20]"),
            ("[Mon Nov 23 02:13:20.123 2026] [x]", "[Mon Nov 23 02:13:20.123 2026]"),
            ("Nov 23, 2026 2:13:20 AM org.x", "Nov 23, 2026 2:13:20 AM"),
            ("11/23/2026, 2:13:20 AM  LOG", "11/23/2026, 2:13:20 AM"),
            ("10:13AM INF x", "10:13AM"),
            ("[02:13:20 INF] x", "[02:13:20"),
            ("2026 is a year", ""),
            ("Monday", ""),
            ("", ""),
        ] {
            assert_eq!(&text[..leading(text)], expected, "{text}");
        }
    }
}
