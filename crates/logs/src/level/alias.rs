//! The words that loggers use for their levels.

use model::line::Level;

/// How much a word needs around it to count as a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Enough in upper case.
    Strong,
    /// A word of ordinary language too: only in brackets or before a colon.
    Weak,
}

/// The level that `word` names in any case, and how sure that is.
pub(super) fn alias(word: &str) -> Option<(Level, Weight)> {
    use Weight::{Strong, Weak};
    let mut buffer = [0; 13];
    let lower = buffer.get_mut(..word.len())?;
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    Some(match &*lower {
        b"trace" | b"trc" | b"trce" | b"verbose" | b"vbs" | b"finest" | b"finer" => (Level::Trace, Strong),
        b"silly" => (Level::Trace, Weak),
        b"debug" | b"dbg" | b"dbug" | b"debg" | b"debug1" | b"debug2" | b"debug3" | b"debug4" | b"debug5" => {
            (Level::Debug, Strong)
        }
        b"fine" => (Level::Debug, Weak),
        b"info" | b"inf" | b"information" | b"informational" | b"notice" => (Level::Info, Strong),
        b"note" | b"log" | b"system" => (Level::Info, Weak),
        b"warn" | b"warning" | b"wrn" | b"deprecation" => (Level::Warn, Strong),
        b"deprecated" => (Level::Warn, Weak),
        b"error" | b"err" | b"erro" | b"eror" | b"severe" => (Level::Error, Strong),
        b"fail" => (Level::Error, Weak),
        b"fatal" | b"ftl" | b"critical" | b"crit" | b"emerg" | b"emergency" | b"dpanic" => {
            (Level::Fatal, Strong)
        }
        b"panic" | b"alert" => (Level::Fatal, Weak),
        _ => return None,
    })
}

/// The level of a value whose key already says that it is one.
pub(super) fn value(word: &str) -> Option<Level> {
    alias(word).map(|(level, _)| level).or(match word {
        "T" => Some(Level::Trace),
        "D" => Some(Level::Debug),
        "I" | "N" => Some(Level::Info),
        "W" => Some(Level::Warn),
        "E" => Some(Level::Error),
        "F" | "C" => Some(Level::Fatal),
        _ => None,
    })
}

/// The level behind the single letter that glog, Ruby and MongoDB put first.
pub(super) fn letter(letter: u8) -> Option<Level> {
    Some(match letter {
        b'T' => Level::Trace,
        b'D' => Level::Debug,
        b'I' => Level::Info,
        b'W' => Level::Warn,
        b'E' => Level::Error,
        b'F' | b'C' => Level::Fatal,
        _ => return None,
    })
}

/// RFC 5424 section 6.2.1: 0 is an emergency, 7 is debug.
pub(super) fn syslog(severity: u64) -> Option<Level> {
    Some(match severity {
        0..=2 => Level::Fatal,
        3 => Level::Error,
        4 => Level::Warn,
        5 | 6 => Level::Info,
        7 => Level::Debug,
        _ => return None,
    })
}
