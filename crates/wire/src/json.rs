//! Writes JSON: how decoders of binary protocols show values. It writes only and keeps the order.

/// Adds a string in quotes.
pub(crate) fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.push_str("\\u00");
                out.push(char::from(HEX[c as usize >> 4]));
                out.push(char::from(HEX[c as usize & 15]));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Adds bytes as a string; what is no UTF-8 is replaced.
pub(crate) fn text(out: &mut String, bytes: &[u8]) {
    string(out, &String::from_utf8_lossy(bytes));
}

/// Adds a number; one that JSON has no notation for becomes null.
pub(crate) fn float(out: &mut String, value: f64) {
    if value.is_finite() { out.push_str(&value.to_string()) } else { out.push_str("null") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        for (bytes, expected) in [
            (&b"plain"[..], r#""plain""#),
            (b"a\"b\\c\n\r\t", r#""a\"b\\c\n\r\t""#),
            (b"\x00\x1f", r#""\u0000\u001f""#),
            ("ü😀".as_bytes(), "\"ü😀\""),
            (b"\xff", "\"\u{fffd}\""),
        ] {
            let mut out = String::new();
            text(&mut out, bytes);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn numbers_are_json() {
        for (value, expected) in [(1.5, "1.5"), (2.0, "2"), (f64::NAN, "null"), (f64::INFINITY, "null")] {
            let mut out = String::new();
            float(&mut out, value);
            assert_eq!(out, expected);
        }
    }
}
