//! Hides values in `name=value&name=value`: forms and queries (WHATWG URL, `application/x-www-form-urlencoded`).

use std::borrow::Cow;

use super::{REDACTED, Redaction};

/// The fields with hidden values replaced; `None` when there is nothing to hide.
pub(super) fn hide(fields: &[u8], rules: &Redaction) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    while at < fields.len() {
        let rest = fields.get(at..).unwrap_or_default();
        let len =
            rest.iter().position(|byte| matches!(byte, b'&' | b';' | b'#' | b'?')).unwrap_or(rest.len());
        let field = rest.get(..len).unwrap_or_default();
        if let Some(equals) = field.iter().position(|byte| *byte == b'=') {
            let name = decoded(field.get(..equals).unwrap_or_default());
            if equals + 1 < len && rules.hides_field(name.trim()) {
                out.extend_from_slice(fields.get(copied..=at + equals).unwrap_or_default());
                out.extend_from_slice(REDACTED.as_bytes());
                copied = at + len;
            }
        }
        at += len + 1;
    }
    if copied == 0 {
        return None;
    }
    out.extend_from_slice(fields.get(copied..).unwrap_or_default());
    Some(out)
}

/// A name with `+` and `%XX` undone.
pub(crate) fn decoded(name: &[u8]) -> Cow<'_, str> {
    if !name.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return String::from_utf8_lossy(name);
    }
    let mut bytes = Vec::with_capacity(name.len());
    let mut at = 0;
    while let Some(byte) = name.get(at) {
        let hex = name.get(at + 1..at + 3).filter(|_| *byte == b'%').and_then(|hex| {
            let hex =
                std::str::from_utf8(hex).ok().filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))?;
            u8::from_str_radix(hex, 16).ok()
        });
        match (hex, byte) {
            (Some(decoded), _) => {
                bytes.push(decoded);
                at += 3;
                continue;
            }
            (None, b'+') => bytes.push(b' '),
            (None, byte) => bytes.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}
