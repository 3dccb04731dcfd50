//! Durations, sizes and numbers of cores.

use std::time::Duration;

use schemars::{Schema, json_schema};

use super::{Format, Problem, Scalar, string_schema};

const CODE: &str = "invalid-value";

/// Numbers with units, such as `1m30s`, cut into (number, unit).
fn pieces(text: &str) -> Option<Vec<(f64, &str)>> {
    let mut out = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let tail = tail.trim_start();
        let letters = tail.find(|char: char| !char.is_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        out.push((number.parse().ok()?, unit));
        rest = tail.trim_start();
    }
    (!out.is_empty()).then_some(out)
}

impl Format for Duration {
    const EXPECTED: &'static str = "a duration such as \"10s\"";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        if let Scalar::Integer(number) = scalar {
            let hint = format!("write \"{number}s\" or \"{number}ms\"");
            return Err(
                Problem::new(CODE, format!("`{number}` is a duration without a unit")).with_hint(hint)
            );
        }
        let text = scalar.text()?;
        let wrong = || {
            Problem::new(CODE, format!("`{text}` is no duration"))
                .with_hint("durations are written like \"10ms\", \"1.5s\", \"2m\", \"1h30m\"")
        };
        let mut seconds = 0.0;
        for (number, unit) in pieces(text).ok_or_else(wrong)? {
            seconds += number
                * match unit {
                    "us" | "µs" => 1e-6,
                    "ms" => 1e-3,
                    "s" => 1.0,
                    "m" => 60.0,
                    "h" => 3600.0,
                    "d" => 86400.0,
                    "" => {
                        let hint = format!("write \"{text}s\" or \"{text}ms\"");
                        return Err(Problem::new(CODE, format!("`{text}` is a duration without a unit"))
                            .with_hint(hint));
                    }
                    _ => return Err(wrong()),
                };
        }
        // A year: beyond it, adding to a point in time may overflow.
        if seconds > 366.0 * 86400.0 {
            return Err(Problem::new(CODE, format!("`{text}` is longer than a year")));
        }
        // Whole microseconds, so that 0.1 s is exactly 100 ms.
        Ok(Self::from_micros((seconds * 1e6).round() as u64))
    }

    fn schema() -> Schema {
        string_schema("duration", r"(?:\d+(?:\.\d+)?\s*(?:us|µs|ms|s|m|h|d))+", &["10ms", "1.5s", "2m"])
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl Format for Bytes {
    const EXPECTED: &'static str = "a size such as \"512m\"";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        if let Scalar::Integer(number) = scalar {
            return u64::try_from(*number)
                .map(Self)
                .map_err(|_| Problem::new(CODE, "a size is not negative"));
        }
        let text = scalar.text()?;
        let wrong = || {
            Problem::new(CODE, format!("`{text}` is no size"))
                .with_hint("sizes are written like \"64k\", \"512m\", \"1.5g\"; k is 1024 bytes")
        };
        let pieces = pieces(text).ok_or_else(wrong)?;
        let [(number, unit)] = pieces.as_slice() else { return Err(wrong()) };
        let power = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "ki" | "kib" => 1,
            "m" | "mb" | "mi" | "mib" => 2,
            "g" | "gb" | "gi" | "gib" => 3,
            "t" | "tb" | "ti" | "tib" => 4,
            _ => return Err(wrong()),
        };
        let bytes = number * 1024_f64.powi(power);
        // Engines count in signed 64 bits.
        if bytes > 9e18 {
            return Err(Problem::new(CODE, format!("`{text}` is more than any machine has")));
        }
        Ok(Self(bytes.round() as u64))
    }

    fn schema() -> Schema {
        json_schema!({
            "title": "size",
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                string_schema("size", r"\d+(?:\.\d+)?\s*(?:[bB]|[kKmMgGtT](?:[iI]?[bB]?))?", &["64k", "512m", "1g"]),
            ],
        })
    }
}

/// A number of processor cores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cores(pub(crate) f64);

impl Format for Cores {
    const EXPECTED: &'static str = "a number of cores such as 1.5";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        let number = match scalar {
            Scalar::Integer(number) => *number as f64,
            Scalar::Float(number) => *number,
            Scalar::Text { text, .. } => text.trim().parse().map_err(|_| Problem::Mistyped)?,
            Scalar::Flag(_) | Scalar::Other => return Err(Problem::Mistyped),
        };
        if !(number > 0.0 && number <= 65536.0) {
            return Err(Problem::new(CODE, format!("`{number}` is no number of cores"))
                .with_hint("write 0.5, 1, 2 …"));
        }
        Ok(Self(number))
    }

    fn schema() -> Schema {
        json_schema!({
            "title": "cores",
            "anyOf": [{ "type": "number", "exclusiveMinimum": 0 }, { "type": "string", "pattern": r"^\d+(?:\.\d+)?$|\$" }],
        })
    }
}

/// How often; at least once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u32);

impl Format for Count {
    const EXPECTED: &'static str = "a number such as 3";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        let number = match scalar {
            Scalar::Integer(number) => *number,
            Scalar::Text { text, .. } => text.trim().parse().map_err(|_| Problem::Mistyped)?,
            Scalar::Float(_) | Scalar::Flag(_) | Scalar::Other => return Err(Problem::Mistyped),
        };
        let count = u32::try_from(number).ok().filter(|count| *count > 0);
        count
            .map(Self)
            .ok_or_else(|| Problem::new(CODE, format!("`{number}` is not between 1 and {}", u32::MAX)))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": 1 })
    }
}

/// One side of a ulimit; -1 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) i64);

impl Format for Limit {
    const EXPECTED: &'static str = "a limit such as 65536";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        let number = match scalar {
            Scalar::Integer(number) => *number,
            Scalar::Text { text, .. } if text == "unlimited" => -1,
            Scalar::Text { text, .. } => text.trim().parse().map_err(|_| Problem::Mistyped)?,
            Scalar::Float(_) | Scalar::Flag(_) | Scalar::Other => return Err(Problem::Mistyped),
        };
        if number < -1 {
            return Err(
                Problem::new(CODE, format!("`{number}` is no limit")).with_hint("-1 is no limit at all")
            );
        }
        Ok(Self(number))
    }

    fn schema() -> Schema {
        json_schema!({ "title": "limit", "anyOf": [{ "type": "integer", "minimum": -1 }, { "const": "unlimited" }] })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{explain, parse};
    use super::*;

    #[test]
    fn durations() {
        for (text, micros) in [
            ("10ms", 10_000),
            ("1.5s", 1_500_000),
            ("0.1s", 100_000),
            ("2m", 120_000_000),
            ("1m30s", 90_000_000),
            ("1h 30m", 5_400_000_000),
            ("250us", 250),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_micros(micros)), "{text}");
        }
        let wrong: Vec<String> =
            ["10", "", "s", "1.2.3s", "10 parsecs", "-1s", "1s-", "1000d"].map(explain::<Duration>).to_vec();
        insta::assert_snapshot!(wrong.join("\n"), @r#"
        10: [invalid-value] `10` is a duration without a unit (write "10s" or "10ms")
        : [invalid-value] `` is no duration (durations are written like "10ms", "1.5s", "2m", "1h30m")
        s: [invalid-value] `s` is no duration (durations are written like "10ms", "1.5s", "2m", "1h30m")
        1.2.3s: [invalid-value] `1.2.3s` is no duration (durations are written like "10ms", "1.5s", "2m", "1h30m")
        10 parsecs: [invalid-value] `10 parsecs` is no duration (durations are written like "10ms", "1.5s", "2m", "1h30m")
        -1s: [invalid-value] `-1s` is no duration (durations are written like "10ms", "1.5s", "2m", "1h30m")
        1s-: [invalid-value] `1s-` is no duration (durations are written like "10ms", "1.5s", "2m", "1h30m")
        1000d: [invalid-value] `1000d` is longer than a year
        "#);
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("512", 512),
            ("64k", 65536),
            ("512M", 512 << 20),
            ("1.5g", 3 << 29),
            ("2GiB", 2 << 30),
            ("10 b", 10),
            ("1t", 1 << 40),
        ] {
            assert_eq!(parse(text), Ok(Bytes(bytes)), "{text}");
        }
        assert_eq!(Bytes::parse(&Scalar::Integer(7)), Ok(Bytes(7)));
        let wrong: Vec<String> = ["", "k", "12x", "1m1k", "-5", "99999999t"].map(explain::<Bytes>).to_vec();
        insta::assert_snapshot!(wrong.join("\n"), @r#"
        : [invalid-value] `` is no size (sizes are written like "64k", "512m", "1.5g"; k is 1024 bytes)
        k: [invalid-value] `k` is no size (sizes are written like "64k", "512m", "1.5g"; k is 1024 bytes)
        12x: [invalid-value] `12x` is no size (sizes are written like "64k", "512m", "1.5g"; k is 1024 bytes)
        1m1k: [invalid-value] `1m1k` is no size (sizes are written like "64k", "512m", "1.5g"; k is 1024 bytes)
        -5: [invalid-value] `-5` is no size (sizes are written like "64k", "512m", "1.5g"; k is 1024 bytes)
        99999999t: [invalid-value] `99999999t` is more than any machine has
        "#);
    }

    #[test]
    fn cores_counts_and_limits() {
        assert_eq!(Cores::parse(&Scalar::Integer(2)), Ok(Cores(2.0)));
        assert_eq!(Cores::parse(&Scalar::Float(0.5)), Ok(Cores(0.5)));
        assert_eq!(parse("1.5"), Ok(Cores(1.5)));
        assert_eq!((parse("3"), parse("unlimited")), (Ok(Count(3)), Ok(Limit(-1))));
        assert!(Count::parse(&Scalar::Integer(0)).is_err() && Limit::parse(&Scalar::Integer(-2)).is_err());
        for wrong in [Scalar::Integer(0), Scalar::Float(f64::NAN), Scalar::Float(-1.0), Scalar::Flag(true)] {
            assert!(Cores::parse(&wrong).is_err(), "{wrong:?}");
        }
    }
}
