//! Bytes as `redis-cli` prints and takes them, but with text in any script left as it is.

use std::fmt::Write as _;

/// An argument, quoted where it would else be read as several, or as another.
pub(super) fn argument(bytes: &[u8], out: &mut Vec<u8>) {
    let plain = |letter: char| !matches!(letter, ' ' | '"' | '\'' | '\\') && !letter.is_control();
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && text.chars().all(plain) => out.extend_from_slice(bytes),
        // JSON stays readable between single quotes, where nothing but them and the backslash is special.
        Ok(text)
            if text.contains('"')
                && text.chars().all(|letter| plain(letter) || matches!(letter, ' ' | '"')) =>
        {
            out.push(b'\'');
            out.extend_from_slice(bytes);
            out.push(b'\'');
        }
        _ => quoted(bytes, out),
    }
}

/// Between double quotes, with escapes for what is no text.
pub(super) fn quoted(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let mut buffer = [0; 4];
            match character {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                _ if character.is_control() => {
                    for byte in character.encode_utf8(&mut buffer).bytes() {
                        escape(byte, out);
                    }
                }
                _ => out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes()),
            }
        }
        for byte in chunk.invalid() {
            escape(*byte, out);
        }
    }
    out.push(b'"');
}

/// Splits an inline command into its arguments as Redis does. Where its quotes do not match, which Redis refuses, the
/// rest of the line is one argument.
pub(super) fn split(line: &[u8]) -> Vec<Vec<u8>> {
    let mut arguments = Vec::new();
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        let (argument, used) = first_argument(rest).unwrap_or_else(|| (rest.to_vec(), rest.len()));
        arguments.push(argument);
        rest = rest[used..].trim_ascii_start();
    }
    arguments
}

/// Text that is shown, of bytes that should be text.
pub(super) fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing into a string cannot fail.
            _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).map_or(b'0', |digit| digit as u8);
    out.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
}

/// The argument that the bytes begin with, and its length as written; `None` when a quote is not closed, or closed
/// within a word.
fn first_argument(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut argument = Vec::new();
    let mut quote = None;
    let mut at = 0;
    loop {
        let (byte, behind) = (bytes.get(at).copied(), bytes.get(at + 1..).unwrap_or_default());
        at += 1;
        match (quote, byte) {
            (None, None) => return Some((argument, at - 1)),
            (Some(_), None) => return None,
            (None, Some(byte)) if byte.is_ascii_whitespace() => return Some((argument, at - 1)),
            (None, Some(mark @ (b'"' | b'\''))) => quote = Some(mark),
            (Some(mark), Some(byte)) if mark == byte => {
                let ends = behind.first().is_none_or(u8::is_ascii_whitespace);
                return ends.then_some((argument, at));
            }
            (Some(b'"'), Some(b'\\')) => {
                let (byte, used) = unescape(behind);
                argument.extend(byte);
                at += used;
            }
            (Some(b'\''), Some(b'\\')) if behind.first() == Some(&b'\'') => {
                argument.push(b'\'');
                at += 1;
            }
            (_, Some(byte)) => argument.push(byte),
        }
    }
}

/// The byte that is meant behind a backslash, and how many bytes it takes.
fn unescape(behind: &[u8]) -> (Option<u8>, usize) {
    let hex = |at: usize| behind.get(at).and_then(|byte| (*byte as char).to_digit(16));
    match (behind.first(), hex(1), hex(2)) {
        (Some(b'x'), Some(high), Some(low)) => (Some((high * 16 + low) as u8), 3),
        (Some(b'n'), ..) => (Some(b'\n'), 1),
        (Some(b'r'), ..) => (Some(b'\r'), 1),
        (Some(b't'), ..) => (Some(b'\t'), 1),
        (Some(b'b'), ..) => (Some(8), 1),
        (Some(b'a'), ..) => (Some(7), 1),
        (Some(other), ..) => (Some(*other), 1),
        (None, ..) => (None, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_only_where_they_must_be_and_read_back_as_they_were() {
        let cases: [(&[u8], &str); 10] = [
            (b"user:7", "user:7"),
            (b"", "\"\""),
            (b"a b", "\"a b\""),
            ("grüße".as_bytes(), "grüße"),
            (b"{\"id\":7, \"n\":null}", "'{\"id\":7, \"n\":null}'"),
            (b"say \"it's\"", "\"say \\\"it's\\\"\""),
            (b"it's", "\"it's\""),
            (b"a\r\n\tb", "\"a\\r\\n\\tb\""),
            (b"\x00\xffz\\", "\"\\x00\\xffz\\\\\""),
            ("a\u{85}b".as_bytes(), "\"a\\xc2\\x85b\""),
        ];
        for (bytes, expected) in cases {
            let mut out = Vec::new();
            argument(bytes, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
            if expected.is_ascii() {
                assert_eq!(split(&out), [bytes.to_vec()], "{expected}");
            }
        }
    }

    #[test]
    fn inline_commands_are_split_as_redis_does() {
        let cases: [(&str, &[&str]); 9] = [
            ("PING", &["PING"]),
            ("  set  key\tvalue ", &["set", "key", "value"]),
            (r#"SET k "a \"b\" \x41\n""#, &["SET", "k", "a \"b\" A\n"]),
            (r"SET k 'it\'s \n'", &["SET", "k", "it's \\n"]),
            (r#"SET k "" ''"#, &["SET", "k", "", ""]),
            (r#"SET k "open"#, &["SET", "k", "\"open"]),
            (r#"SET k "a"b c"#, &["SET", "k", "\"a\"b c"]),
            (r#"SET k a"b c""#, &["SET", "k", "ab c"]),
            ("", &[]),
        ];
        for (line, expected) in cases {
            let arguments = split(line.as_bytes());
            let arguments: Vec<_> = arguments.iter().map(|a| String::from_utf8_lossy(a)).collect();
            assert_eq!(arguments, expected, "{line}");
        }
    }
}
