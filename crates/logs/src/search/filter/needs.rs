//! What any line must have for which an expression holds: the index and the scan look for that first.

use model::line::Level;
use regex::Regex;

use super::plan::{Plan, Relation};
use super::row::Subject;
use crate::search::matcher::Text;
use crate::text::access;

/// What must be so.
#[derive(Debug, Default)]
pub(super) struct Needs {
    pub(super) service: Option<String>,
    pub(super) min_level: Option<Level>,
    pub(super) text: Option<Text>,
}

/// The needs of a plan.
pub(super) fn needs(plan: &Plan) -> Needs {
    let mut found = Found::default();
    found.collect(plan);
    let literal = found.literal.map(|text| Text::exact(&text));
    let text = found
        .trace
        .or(literal)
        .or_else(|| found.pattern.and_then(|pattern| Text::regex(pattern.as_str()).ok()));
    Needs { service: found.service, min_level: found.min_level, text }
}

#[derive(Default)]
struct Found<'p> {
    service: Option<String>,
    min_level: Option<Level>,
    /// The longest text that must be in the line.
    literal: Option<String>,
    pattern: Option<&'p Regex>,
    trace: Option<Text>,
}

impl<'p> Found<'p> {
    fn collect(&mut self, plan: &'p Plan) {
        match plan {
            Plan::All(parts) => parts.iter().for_each(|part| self.collect(part)),
            Plan::Level(Relation::Equal | Relation::GreaterOrEqual | Relation::Greater, number) => {
                let level = usize::try_from(number - 1).ok().and_then(|at| Level::ALL.get(at));
                self.min_level = self.min_level.max(level.copied());
            }
            Plan::Compared(Subject::Service, Relation::Equal, name) => self.service = Some(name.clone()),
            // Ids are told in lower case, however they are written.
            Plan::Compared(Subject::Trace, Relation::Equal, id) if !id.is_empty() => {
                self.trace = Some(Text::literal(&id.to_lowercase()));
            }
            Plan::Compared(Subject::Text, Relation::Equal, text) | Plan::Found(Subject::Text, _, text) => {
                self.text(text);
            }
            Plan::Matches(Subject::Text, regex) => self.pattern = Some(regex),
            Plan::Compared(Subject::Field(path), ..)
            | Plan::Found(Subject::Field(path), ..)
            | Plan::OneOf(Subject::Field(path), _)
            | Plan::Matches(Subject::Field(path), _)
            | Plan::Field(path, ..)
            | Plan::Flag(path)
            | Plan::Has(path) => self.names(path),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.literal.as_ref().map_or(0, String::len) < text.len() {
            self.literal = Some(text.to_owned());
        }
    }

    /// Names of fields are in the line as they are, but for those that lines of access logs have by their place.
    fn names(&mut self, path: &[String]) {
        let plain =
            |name: &&String| name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if let [only] = path
            && access::FIELDS.contains(&only.as_str())
        {
            return;
        }
        if let Some(longest) = path.iter().filter(plain).max_by_key(|name| name.len()) {
            self.text(longest);
        }
    }
}
