//! What bytes that somebody stores or sends most likely are, where no header says it.

/// A media type, from the beginning of the bytes or all of them.
pub(crate) fn media(bytes: &[u8]) -> &'static str {
    let ends = |open, close| bytes.first() == Some(&open) && bytes.trim_ascii_end().last() == Some(&close);
    // A character may be cut in two where the bytes end.
    let text = std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true);
    let binary = |byte: &u8| *byte < b' ' && !matches!(byte, b'\n' | b'\r' | b'\t' | 0x1b);
    match () {
        () if !text || bytes.iter().any(binary) => "application/octet-stream",
        () if ends(b'{', b'}') || ends(b'[', b']') => "application/json",
        () => "text/plain",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_by_what_they_look_like() {
        for (bytes, expected) in [
            (&b""[..], "text/plain"),
            (b"hello\r\n", "text/plain"),
            ("grüße".as_bytes(), "text/plain"),
            (&"grü".as_bytes()[..3], "text/plain"),
            (b"{\"a\":1}\n", "application/json"),
            (b"[1,2]", "application/json"),
            (b"{not closed", "text/plain"),
            (b"a\0b", "application/octet-stream"),
            (b"\xff\xfe", "application/octet-stream"),
        ] {
            assert_eq!(media(bytes), expected, "{bytes:?}");
        }
    }
}
