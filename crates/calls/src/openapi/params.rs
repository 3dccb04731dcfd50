//! Parameters in paths and queries.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::Value;

/// What stands for a parameter in a path whose parameters have no names.
const NAMELESS: &str = "{}";
/// A parameter's name where no route gives one.
const UNNAMED: &str = "value";

/// The path with its parameters nameless, and the names that the template gives them, in order: `/a/{id}` becomes
/// `/a/{}`. Two paths that differ only in names are one (OpenAPI 3.1, "Paths Object").
pub(super) fn nameless(template: &str) -> (String, Vec<&str>) {
    let mut names = Vec::new();
    let mut path = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { break };
        path.extend([before, NAMELESS]);
        names.push(if name.is_empty() { UNNAMED } else { name });
        rest = behind;
    }
    path.push_str(rest);
    (path, names)
}

/// How often each name was given to a parameter.
pub(super) type Names = BTreeMap<String, u64>;

/// A name of its own for each parameter: the one that it was given most, with a number where another has it already.
pub(super) fn choose(given: &[Names]) -> Vec<String> {
    let mut chosen: Vec<String> = Vec::with_capacity(given.len());
    for names in given {
        // Of two that are equally common the first by letter, so that a document does not change by itself.
        let most = names.iter().max_by_key(|(name, times)| (*name != UNNAMED, **times, Reverse(*name)));
        let name = most.map_or(UNNAMED, |(name, _)| name);
        let numbered = (2..).map(|number| format!("{name}{number}"));
        let own = std::iter::once(name.to_owned()).chain(numbered).find(|own| !chosen.contains(own));
        chosen.extend(own);
    }
    chosen
}

/// A nameless path with these names.
pub(super) fn named(path: &str, names: &[String]) -> String {
    let mut names = names.iter();
    let mut parts = path.split(NAMELESS);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.extend(["{", names.next().map_or(UNNAMED, String::as_str), "}", part]);
    }
    shown
}

/// The values of a template's parameters in a path, in order; `None` for one that is only a part of its segment.
pub(super) fn values<'p>(template: &str, path: &'p str) -> Vec<Option<&'p str>> {
    let mut values = Vec::new();
    let mut segments = path.split('/');
    for wanted in template.split('/') {
        let segment = segments.next();
        let whole = wanted.starts_with('{') && wanted.find('}') == Some(wanted.len() - 1);
        values.extend(wanted.matches('{').map(|_| segment.filter(|_| whole)));
    }
    values
}

/// The query's names and values, decoded.
pub(super) fn query(target: &str) -> impl Iterator<Item = (String, String)> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    })
}

/// Without percent-encoding; what is not encoded as it should be stays as it is.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.first_chunk::<2>().filter(|_| *first == b'%');
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let byte = digits.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        out.push(byte.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if byte.is_some() { behind.get(2..).unwrap_or_default() } else { behind };
    }
    match String::from_utf8_lossy(&out) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}

/// The value that a text in a path or query stands for, as far as its looks tell.
pub(super) fn scalar(text: &str) -> Value {
    let plain = |number: &i64| number.to_string() == text;
    match text {
        "true" | "false" => Value::Bool(text == "true"),
        _ => match text.parse::<i64>().ok().filter(plain) {
            Some(number) => number.into(),
            None => text.into(),
        },
    }
}
