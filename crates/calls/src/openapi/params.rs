//! Parameters in paths and queries.

use std::borrow::Cow;

use serde_json::Value;

/// The path with a name of its own for each parameter, and these names in order: `/a/{id}/b/{id}` becomes
/// `/a/{id}/b/{id2}`, and `{}` is `{value}`.
pub(super) fn path(template: &str) -> (String, Vec<String>) {
    let mut names: Vec<String> = Vec::new();
    let mut path = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { break };
        let name = if name.is_empty() { "value" } else { name };
        let mut own = name.to_owned();
        let mut number = 2;
        while names.contains(&own) {
            own = format!("{name}{number}");
            number += 1;
        }
        path.extend([before, "{", &own, "}"]);
        names.push(own);
        rest = behind;
    }
    path.push_str(rest);
    (path, names)
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
