//! Where an expression is wrong.

use cel::ParseErrors;
use cel::common::ast::SourceInfo;

use super::row::NAMES;
use crate::error::FilterError;

/// The functions and macros that expressions may call.
const FUNCTIONS: [&str; 30] = [
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "size",
    "has",
    "all",
    "exists",
    "exists_one",
    "map",
    "filter",
    "int",
    "uint",
    "double",
    "string",
    "bool",
    "bytes",
    "type",
    "dyn",
    "charAt",
    "indexOf",
    "lastIndexOf",
    "join",
    "lowerAscii",
    "upperAscii",
    "trim",
    "replace",
    "split",
    "substring",
    "reverse",
];

/// The first error of a text that is no expression.
pub(super) fn syntax(source: &str, errors: &ParseErrors) -> FilterError {
    let Some(error) = errors.errors.first() else {
        return FilterError::new(0, "the expression cannot be read");
    };
    let row = usize::try_from(error.pos.0).unwrap_or(0).saturating_sub(1);
    let column = usize::try_from(error.pos.1).unwrap_or(0).saturating_sub(1);
    let before: usize = source.split_inclusive('\n').take(row).map(|line| line.chars().count()).sum();
    let at = (before + column).min(source.chars().count());
    let message = error.msg.strip_prefix("Syntax error: ").unwrap_or(&error.msg);
    let message = message.split(" expecting ").next().unwrap_or(message).replace("'<EOF>'", "the end");
    let message = message.replace('\'', "`");
    FilterError::new(at, format!("the expression cannot be read: {message}"))
}

/// Where a node of the expression begins, in characters.
pub(super) fn place(places: &SourceInfo, id: u64) -> usize {
    places.offset_for(id).map_or(0, |(start, _)| start as usize)
}

/// A name that is nothing here.
pub(super) fn unknown_name(at: usize, name: &str) -> FilterError {
    let near = NAMES.iter().find(|known| is_near(name, known));
    let error = FilterError::new(at, format!("`{name}` is nothing that a line has"));
    match near {
        Some(known) => error.with_hint(format!("did you mean `{known}`?")),
        None => {
            error.with_hint(format!("a line has `{}`; `fields.{name}` is a field of it", NAMES.join("`, `")))
        }
    }
}

/// Refuses a function that there is not. Operators have names that no text can spell.
pub(super) fn function(at: usize, name: &str) -> Result<(), FilterError> {
    let operator = name.contains(['_', '@', '!', '-', '?']) && name != "exists_one";
    if operator || FUNCTIONS.contains(&name) {
        return Ok(());
    }
    let error = FilterError::new(at, format!("there is no function `{name}`"));
    Err(match FUNCTIONS.iter().find(|known| is_near(name, known)) {
        Some(known) => error.with_hint(format!("did you mean `{known}`?")),
        None => error,
    })
}

/// One slip of the finger, or another case, or only the beginning or end missing.
fn is_near(word: &str, known: &str) -> bool {
    if word.eq_ignore_ascii_case(known) {
        return true;
    }
    if word.len() >= 3 && (known.starts_with(word) || word.starts_with(known)) {
        return true;
    }
    let letters = |text: &str| text.bytes().collect::<Vec<_>>();
    let (a, b) = (letters(word), letters(known));
    if a.len().abs_diff(b.len()) > 1 || a.len() < 3 {
        return false;
    }
    let same = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (rest_a, rest_b) = (&a[same..], &b[same..]);
    match a.len().cmp(&b.len()) {
        std::cmp::Ordering::Less => rest_a == &rest_b[1..],
        std::cmp::Ordering::Greater => &rest_a[1..] == rest_b,
        std::cmp::Ordering::Equal => {
            let swapped = rest_a.len() > 1 && rest_a[0] == rest_b[1] && rest_a[1] == rest_b[0];
            rest_a.get(1..) == rest_b.get(1..) || swapped && rest_a[2..] == rest_b[2..]
        }
    }
}
