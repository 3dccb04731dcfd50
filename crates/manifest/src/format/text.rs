//! Text as it is.

use schemars::{Schema, json_schema};

use super::{Format, Problem, Scalar};

impl Format for String {
    const EXPECTED: &'static str = "a string";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        scalar.text().map(str::to_owned)
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl Format for bool {
    const EXPECTED: &'static str = "true or false";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        match scalar {
            Scalar::Flag(flag) => Ok(*flag),
            Scalar::Text { .. } | Scalar::Integer(_) | Scalar::Float(_) | Scalar::Other => {
                Err(Problem::Mistyped)
            }
        }
    }

    fn schema() -> Schema {
        json_schema!({ "type": "boolean" })
    }
}

/// Anything that has a text: a string, a number, true or false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loose(pub(crate) String);

impl Format for Loose {
    const EXPECTED: &'static str = "a string, a number, true or false";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        Ok(Self(match scalar {
            Scalar::Text { text, .. } => text.clone(),
            Scalar::Integer(number) => number.to_string(),
            Scalar::Float(number) => number.to_string(),
            Scalar::Flag(flag) => flag.to_string(),
            Scalar::Other => return Err(Problem::Mistyped),
        }))
    }

    fn schema() -> Schema {
        json_schema!({ "title": "value", "type": ["string", "number", "boolean"] })
    }
}

/// What is hidden of calls: a header's name in small letters, or `$.path` of JSON bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redacted(pub(crate) String);

impl Format for Redacted {
    const EXPECTED: &'static str = "a header or a path such as \"$.password\"";
    const PLAIN_DOLLAR: bool = true;

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        let text = scalar.text()?.trim();
        if text.starts_with("$.") && text.len() > 2 {
            return Ok(Self(text.to_owned()));
        }
        // The characters of a header's name. Source: RFC 9110, 5.6.2.
        let part = |char: char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char);
        if !text.is_empty() && text != "$." && text.chars().all(part) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(Problem::new("invalid-value", format!("`{text}` is neither a header nor a `$.path`"))
            .with_hint("write `x-session` or `$.card.number`"))
    }

    fn schema() -> Schema {
        json_schema!({ "title": "header or `$.path`", "type": "string", "examples": ["x-session", "$.card.number"] })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{explain, parse};
    use super::*;

    #[test]
    fn headers_and_paths() {
        for (text, expected) in [("X-Session", "x-session"), ("$.card.Number", "$.card.Number")] {
            assert_eq!(parse(text), Ok(Redacted(expected.to_owned())), "{text}");
        }
        insta::assert_snapshot!(["", "$.", "a b"].map(explain::<Redacted>).join("\n"), @r#"
        : [invalid-value] `` is neither a header nor a `$.path` (write `x-session` or `$.card.number`)
        $.: [invalid-value] `$.` is neither a header nor a `$.path` (write `x-session` or `$.card.number`)
        a b: [invalid-value] `a b` is neither a header nor a `$.path` (write `x-session` or `$.card.number`)
        "#);
    }
}
