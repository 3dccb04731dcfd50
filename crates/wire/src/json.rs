//! JSON: how decoders of binary protocols show values. It is written, and told from other text.

/// Adds a string in quotes (RFC 8259 section 7).
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

/// Whether a text is one whole JSON object or array.
pub(crate) fn is_structure(text: &str) -> bool {
    let mut rest = text.trim_matches([' ', '\t', '\r', '\n']).as_bytes();
    if !matches!(rest.first(), Some(b'{' | b'[')) {
        return false;
    }
    // Which brackets are open, and what may come next.
    let mut open: Vec<u8> = Vec::new();
    let mut next = Next::Value;
    loop {
        let blank = rest.iter().take_while(|b| BLANKS.contains(b)).count();
        rest = &rest[blank..];
        let Some((&byte, behind)) = rest.split_first() else { return next == Next::End && open.is_empty() };
        next = match (next, byte) {
            (Next::Value | Next::FirstItem, b'{' | b'[') if open.len() < DEPTH_LIMIT => {
                open.push(byte);
                rest = behind;
                if byte == b'{' { Next::FirstName } else { Next::FirstItem }
            }
            (Next::FirstName, b'}') | (Next::FirstItem, b']') | (Next::End, b'}' | b']') => {
                if open.pop() != Some(if byte == b'}' { b'{' } else { b'[' }) {
                    return false;
                }
                rest = behind;
                Next::End
            }
            (Next::End, b',') => {
                rest = behind;
                match open.last() {
                    Some(b'{') => Next::Name,
                    Some(_) => Next::Value,
                    None => return false,
                }
            }
            (Next::Name | Next::FirstName, b'"') => {
                let Some(end) = string_end(behind) else { return false };
                let gap = behind[end..].iter().take_while(|b| BLANKS.contains(b)).count();
                if behind.get(end + gap) != Some(&b':') {
                    return false;
                }
                rest = &behind[end + gap + 1..];
                Next::Value
            }
            (Next::Value | Next::FirstItem, b'"') => {
                let Some(end) = string_end(behind) else { return false };
                rest = &behind[end..];
                Next::End
            }
            (Next::Value | Next::FirstItem, _) => {
                let word = rest.iter().take_while(|b| !b" \t\r\n,]}".contains(b)).count();
                if !is_word(&rest[..word]) {
                    return false;
                }
                rest = &rest[word..];
                Next::End
            }
            _ => return false,
        };
    }
}

const BLANKS: &[u8] = b" \t\r\n";
/// Structures in structures: deeper ones are not taken for JSON.
const DEPTH_LIMIT: usize = 128;

/// What may come next in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// A value, or the end of an array.
    FirstItem,
    Name,
    /// A name, or the end of an object.
    FirstName,
    /// A comma or a closing bracket.
    End,
}

/// Where a string ends whose opening quote came before.
fn string_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => match bytes.get(at + 1)? {
                b'u' if bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => at += 6,
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                _ => return None,
            },
            byte if *byte < b' ' => return None,
            _ => at += 1,
        }
    }
}

/// Whether it is a number as JSON writes it, or one of its three words.
fn is_word(word: &[u8]) -> bool {
    matches!(word, b"true" | b"false" | b"null") || is_number(word)
}

/// Whether it is a number as JSON writes it (RFC 8259 section 6).
pub(crate) fn is_number(word: &[u8]) -> bool {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let word = word.strip_prefix(b"-").unwrap_or(word);
    let whole = digits(word);
    if whole == 0 || (whole > 1 && word[0] == b'0') {
        return false;
    }
    let mut rest = &word[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    if let Some((b'e' | b'E', power)) = rest.split_first() {
        let power = power.strip_prefix(b"-").or_else(|| power.strip_prefix(b"+")).unwrap_or(power);
        return !power.is_empty() && digits(power) == power.len();
    }
    rest.is_empty()
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

    #[test]
    fn whole_structures_are_told_from_other_text() {
        let yes = [
            "{}",
            " [ ] ",
            r#"{"a":1,"b":[true,null,-0.5e+3,"x\u00e4\"",{"c":{}}]}"#,
            "[0,10,1.5,1E9]",
            "{ \"a\" : \"b\" , \"c\" : [ 1 , 2 ] }",
        ];
        for text in yes {
            assert!(is_structure(text), "{text}");
            for end in 0..text.trim_end().len() {
                assert!(!is_structure(&text[..end]), "{}", &text[..end]);
            }
        }
        let no = [
            "",
            "1",
            "\"a\"",
            "null",
            "{a:1}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "[1,]",
            "[1 2]",
            "[1}",
            "{]",
            "[01]",
            "[1.]",
            "[.5]",
            "[1e]",
            "[tru]",
            "[\"\\x\"]",
            "[\"\n\"]",
            "[]]",
            "[],[]",
            "[-]",
            "[nul",
            "{\"a\":1 \"b\":2}",
        ];
        for text in no {
            assert!(!is_structure(text), "{text}");
        }
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_structure(&deep(DEPTH_LIMIT)) && !is_structure(&deep(DEPTH_LIMIT + 1)));
    }
}
