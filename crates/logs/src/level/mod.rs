//! How urgent a line says it is, from where loggers put it: a known key or the head of the line, never a keyword
//! in the message.

mod alias;
mod head;
mod json;
mod plain;
mod prefix;

use std::borrow::Cow;

use model::line::Level;

pub(crate) use self::plain::is_exception;

use crate::text::ansi::strip_ansi;

/// The level that a line states, escapes or not. `None` when it states none: a word such as "error" in the message
/// is no statement.
///
/// The rules, first hit wins: a JSON object's level key; `level=` and its kin; the prefixes of syslog, glog, Ruby,
/// Redis and MongoDB; the words at the line's head; uncaught exceptions and compilers; access logs by status.
pub fn level(text: &str) -> Option<Level> {
    let stripped;
    let text = match strip_ansi(text.as_bytes()) {
        Cow::Borrowed(_) => text,
        Cow::Owned(bytes) => {
            stripped = String::from_utf8_lossy(&bytes).into_owned();
            &stripped
        }
    };
    let text = text.trim();
    if json::is_object(text) {
        return json::level(text);
    }
    head::logfmt(text)
        .or_else(|| prefix::level(text))
        .or_else(|| plain::crash(text))
        .or_else(|| head::level(text))
        .or_else(|| plain::level(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The labelled set: what real programs print, and traps.
    #[test]
    fn is_right_to_the_last_line_of_the_labelled_set() {
        let set = labelled(include_str!("../../tests/data/levels.tsv"));
        assert!(set.len() >= 100, "the set shrank to {}", set.len());
        let wrong: Vec<_> = set.iter().filter(|line| line.got() != line.expected).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// A line of a labelled set.
    #[derive(Debug)]
    struct Labelled {
        expected: String,
        program: String,
        text: String,
    }

    impl Labelled {
        fn got(&self) -> &'static str {
            level(&self.text).map_or("unknown", Level::name)
        }
    }

    /// `level TAB line` or `level TAB program TAB line`, the line as a JSON string.
    fn labelled(rows: &str) -> Vec<Labelled> {
        let rows = rows.lines().filter(|row| !row.starts_with('#'));
        rows.map(|row| {
            let (expected, rest) = row.split_once('\t').unwrap();
            let (program, json) = rest.split_once('\t').unwrap_or(("", rest));
            let text = serde_json::from_str(json).unwrap();
            Labelled { expected: expected.to_owned(), program: program.to_owned(), text }
        })
        .collect()
    }

    /// A thousand lines of programs that were run. A label with `?` is a level that the program states in a way
    /// of its own, which no rule reads: such a line counts as one that states none.
    #[test]
    fn is_right_about_what_programs_print() {
        let set = labelled(include_str!("../../tests/data/programs.tsv"));
        assert!(set.len() >= 990, "the set shrank to {}", set.len());
        let wrong: Vec<_> = set
            .iter()
            .filter(|line| {
                let expected = if line.expected.ends_with('?') { "unknown" } else { &line.expected };
                line.got() != expected
            })
            .map(|line| format!("{} but {}: {}: {}", line.expected, line.got(), line.program, line.text))
            .collect();
        assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    }

    fn check(expected: Option<Level>, texts: &[&str]) {
        for text in texts {
            assert_eq!(level(text), expected, "{text}");
        }
    }

    #[test]
    fn does_not_take_words_of_the_message_for_a_level() {
        check(
            None,
            &[
                "",
                "   ",
                "no error here",
                "0 errors, 0 warnings",
                "see /var/log/error for more",
                "open \"error\" page",
                "error=none",
                "level",
                "level=",
                "{}",
                "{\"msg\":\"error: x\"}",
                "{ not json",
                "the information is fine",
                "user fatal-error@example.com logged in",
                "INFORMATIONAL_X",
                "panicked",
            ],
        );
    }

    #[test]
    fn reads_what_the_sets_first_rules_missed() {
        check(Some(Level::Info), &["I261123 02:13:20.123456 1 cockroach.go:1 [-] started", " INFO | ready"]);
        check(
            Some(Level::Error),
            &[
                "[Mon Nov 23 02:13:20.123 2026] [core:error] [pid 1] AH00037: symlink",
                "src/a.ts(3,5): error TS2304: Cannot find name 'x'.",
                "main.c:3:5: error: expected ';'",
                "[02:13:20] [Server thread/ERROR]: boom",
                "2026-11-23T02:13:20.123+0000 E NETWORK  [listener] bind failed",
                "app.rb:3:in 'foo': undefined method 'x' for nil (NoMethodError)",
                "Uncaught Exception: x",
                "java.lang.IllegalStateException: closed",
            ],
        );
        check(Some(Level::Fatal), &["[ALERT]    (1) : [haproxy.main()] Cannot start"]);
        check(Some(Level::Warn), &["lib.c:1:2: warning: unused variable", "/app/x.py:3: UserWarning: old"]);
    }

    #[test]
    fn survives_any_bytes() {
        for text in [
            "\u{1b}",
            "\u{1b}[",
            "{\"level\":",
            "{\"level\":\"",
            "<",
            "<9999>x",
            "[",
            "ä: ",
            "\u{0}",
            "=",
            "level=\"",
        ] {
            let _ = level(text);
        }
    }
}
