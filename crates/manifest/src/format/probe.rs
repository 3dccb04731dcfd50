//! What an HTTP probe asks.

use schemars::Schema;

use super::{Format, Problem, Scalar, string_schema};

/// `:PORT/path`; without a port, the service's first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) port: Option<u16>,
    pub(crate) path: String,
}

impl Format for Target {
    const EXPECTED: &'static str = "a port and path such as \":80/healthz\"";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        let text = match scalar {
            Scalar::Integer(number) => return Self::from_text(&format!(":{number}")),
            _ => scalar.text()?,
        };
        Self::from_text(text)
    }

    fn schema() -> Schema {
        string_schema("HTTP target", r":\d+(?:/.*)?|/.*", &[":80/healthz", "/healthz"])
    }
}

impl Target {
    fn from_text(text: &str) -> Result<Self, Problem> {
        let wrong = |why: &str, hint: &str| {
            Err(Problem::new("invalid-value", format!("`{text}` {why}")).with_hint(hint))
        };
        if text.starts_with("http://") || text.starts_with("https://") {
            return wrong("is an address; the probe asks the service itself", "write `:80/healthz`");
        }
        if text.chars().any(|char| char.is_whitespace() || char.is_control()) {
            return wrong("contains a blank", "write it as `%20`");
        }
        let (port, path) = match text.strip_prefix(':') {
            None => (None, text),
            Some(tail) => {
                let end = tail.find('/').unwrap_or(tail.len());
                let (digits, path) = tail.split_at(end);
                match digits.parse::<u16>() {
                    Ok(port) if port > 0 => (Some(port), path),
                    _ => return wrong("has no port behind its colon", "write `:80/healthz`"),
                }
            }
        };
        match path {
            "" if port.is_some() => Ok(Self { port, path: "/".to_owned() }),
            path if path.starts_with('/') => Ok(Self { port, path: path.to_owned() }),
            _ => wrong("is no port and path", "write `:80/healthz`, or `/healthz` for the first port"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{explain, parse};
    use super::*;

    #[test]
    fn targets() {
        for (text, port, path) in
            [(":80/healthz", Some(80), "/healthz"), (":8080", Some(8080), "/"), ("/up?x=1", None, "/up?x=1")]
        {
            assert_eq!(parse(text), Ok(Target { port, path: path.to_owned() }), "{text}");
        }
        let wrong = ["", "healthz", ":/x", ":99999/x", "http://a/", "/a b", "80/x"].map(explain::<Target>);
        insta::assert_snapshot!(wrong.join("\n"), @r"
        : [invalid-value] `` is no port and path (write `:80/healthz`, or `/healthz` for the first port)
        healthz: [invalid-value] `healthz` is no port and path (write `:80/healthz`, or `/healthz` for the first port)
        :/x: [invalid-value] `:/x` has no port behind its colon (write `:80/healthz`)
        :99999/x: [invalid-value] `:99999/x` has no port behind its colon (write `:80/healthz`)
        http://a/: [invalid-value] `http://a/` is an address; the probe asks the service itself (write `:80/healthz`)
        /a b: [invalid-value] `/a b` contains a blank (write it as `%20`)
        80/x: [invalid-value] `80/x` is no port and path (write `:80/healthz`, or `/healthz` for the first port)
        ");
    }
}
