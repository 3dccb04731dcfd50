//! How single values are written: each format says what it expects, reads it, and describes itself in JSON Schema.

mod choice;
mod measure;
mod mount;
mod name;
mod network;
mod probe;
mod text;

pub(crate) use choice::{MountType, Raw, Restart, Signal, Then};
pub(crate) use measure::{Bytes, Cores, Count, Limit};
pub(crate) use mount::{Mounted, MountedFrom};
pub(crate) use name::{Capability, HostLine, Image, Inside, Platform, StackName, refuse_service_name};
pub(crate) use network::{PortNumber, Ports};
pub(crate) use probe::Target;
pub(crate) use text::{Loose, Redacted};

use schemars::{Schema, json_schema};

/// A single value with its variables replaced.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    Text {
        text: String,
        /// Where the variable came from, if the text is one variable.
        origin: Option<String>,
    },
    Integer(i64),
    Float(f64),
    Flag(bool),
    /// Something that no format accepts.
    Other,
}

impl Scalar {
    /// The text, if it is one.
    fn text(&self) -> Result<&str, Problem> {
        match self {
            Self::Text { text, .. } => Ok(text),
            Self::Integer(_) | Self::Float(_) | Self::Flag(_) | Self::Other => Err(Problem::Mistyped),
        }
    }

    pub(crate) fn origin(self) -> Option<String> {
        match self {
            Self::Text { origin, .. } => origin,
            Self::Integer(_) | Self::Float(_) | Self::Flag(_) | Self::Other => None,
        }
    }
}

/// Why a value is not of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// It has another type than any value of the format.
    Mistyped,
    Invalid {
        code: &'static str,
        message: String,
        hint: Option<String>,
    },
}

impl Problem {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { code, message: message.into(), hint: None }
    }

    pub(crate) fn with_hint(self, text: impl Into<String>) -> Self {
        match self {
            Self::Mistyped => Self::Mistyped,
            Self::Invalid { code, message, .. } => Self::Invalid { code, message, hint: Some(text.into()) },
        }
    }
}

/// A way to write a single value.
pub(crate) trait Format: Sized {
    /// What is expected, for people: "a duration such as `10s`".
    const EXPECTED: &'static str;
    /// Whether a `$` that begins no variable is meant as it stands.
    const PLAIN_DOLLAR: bool = false;
    fn parse(scalar: &Scalar) -> Result<Self, Problem>;
    fn schema() -> Schema;
}

/// The schema of a string that matches `pattern` (a regular expression without anchors), or contains variables.
fn string_schema(title: &str, pattern: &str, examples: &[&str]) -> Schema {
    json_schema!({
        "title": title,
        "type": "string",
        "pattern": format!(r"^(?:{pattern})$|\$"),
        "examples": examples,
    })
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Reads one string.
    pub(crate) fn parse<T: Format>(text: &str) -> Result<T, Problem> {
        T::parse(&Scalar::Text { text: text.to_owned(), origin: None })
    }

    /// The message with its hint, for snapshots.
    pub(crate) fn explain<T: Format>(text: &str) -> String {
        match parse::<T>(text) {
            Ok(_) => format!("{text}: fine"),
            Err(Problem::Mistyped) => format!("{text}: expected {}", T::EXPECTED),
            Err(Problem::Invalid { code, message, hint }) => {
                format!(
                    "{text}: [{code}] {message}{}",
                    hint.map(|hint| format!(" ({hint})")).unwrap_or_default()
                )
            }
        }
    }
}
