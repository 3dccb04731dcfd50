//! What is wrong with a manifest, where, and what to do about it.

use std::path::PathBuf;

use serde::Serialize;

/// Whether the manifest can be used all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No plan comes of it.
    Error,
    /// Worth a look; the plan stands.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One finding in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Whether it keeps the manifest from being used.
    pub severity: Severity,
    /// A stable name such as `unknown-key`.
    pub code: &'static str,
    /// The file as the user named it, or `command line`.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u32,
    /// The character in the line, from 1.
    pub column: u32,
    /// The line itself, without its end; of a very long one, its first 2000 characters.
    pub source: String,
    /// How many characters from `column` on are meant; at least 1.
    pub length: u32,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Draws it for a terminal, over several lines, each with its end.
    ///
    /// The source line is untrusted: its control characters are replaced, so that it cannot steer the terminal.
    pub fn render(&self, colour: bool) -> String {
        let paint = |code: &str, text: &str| {
            if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
        };
        let strong = match self.severity {
            Severity::Error => "1;31",
            Severity::Warning => "1;33",
        };
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let bar = paint("1;34", "|");
        let lead: String = self
            .source
            .chars()
            .take(self.column.saturating_sub(1) as usize)
            .map(|char| if char == '\t' { '\t' } else { ' ' })
            .collect();
        let marker = "^".repeat(self.length.max(1) as usize);
        let title = paint(strong, &format!("{}[{}]", self.severity.name(), self.code));
        let place = format!("{}:{}:{}", printable(&self.file.to_string_lossy()), self.line, self.column);

        let mut lines = vec![
            format!("{title}: {}", printable(&self.message)),
            format!("{margin}{} {place}", paint("1;34", "-->")),
            format!("{margin} {bar}"),
            format!("{} {bar} {}", paint("1;34", &number), printable(&self.source)),
            format!("{margin} {bar} {lead}{}", paint(strong, &marker)),
        ];
        for (index, line) in self.hint.iter().flat_map(|hint| hint.lines()).enumerate() {
            let label = if index == 0 { format!("= {}:", paint("1;36", "hint")) } else { " ".repeat(7) };
            lines.push(format!("{margin} {label} {}", printable(line)));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

/// The text without characters that a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().map(|char| if char.is_control() && char != '\t' { '\u{fffd}' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code: "unknown-key",
            file: "services.toml".into(),
            line: 12,
            column: 2,
            source: "\tünknown = 1 \x1b[2J".to_owned(),
            length: 7,
            message: "`ünknown` is not a key of a service".to_owned(),
            hint: Some("did you mean `known`?\nsecond line".to_owned()),
        }
    }

    #[test]
    fn draws_gutter_marker_and_hint_and_disarms_the_source() {
        insta::assert_snapshot!(sample().render(false), @r"
        error[unknown-key]: `ünknown` is not a key of a service
          --> services.toml:12:2
           |
        12 | 	ünknown = 1 �[2J
           | 	^^^^^^^
           = hint: did you mean `known`?
                   second line
        ");
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let mut plain = String::new();
        let mut escape = false;
        for char in sample().render(true).chars() {
            match (escape, char) {
                (false, '\x1b') => escape = true,
                (false, other) => plain.push(other),
                (true, 'm') => escape = false,
                (true, _) => {}
            }
        }
        assert_eq!(plain, sample().render(false));
    }
}
