//! Hides values in `name=value&name=value`: forms and queries (WHATWG URL, `application/x-www-form-urlencoded`).

use std::borrow::Cow;

use super::Look;
use super::coding::{Coding, Undone};
use super::cuts::Cuts;

/// Finds the fields whose values are hidden, and what is hidden within the others'.
pub(super) fn find(fields: &[u8], look: Look<'_>, cuts: &mut Cuts) {
    let mut at = 0;
    for field in fields.split(|byte| *byte == b'&') {
        find_in_field(field, at, look, cuts);
        at += field.len() + 1;
    }
}

/// A name with `+` and `%XX` undone.
pub(crate) fn decoded(name: &[u8]) -> Cow<'static, str> {
    String::from_utf8_lossy(&Undone::new(name, 0, Coding::Percent).bytes).into_owned().into()
}

/// A value ends at the `&` alone, but what stands behind other marks may still be a field of its own to some.
fn find_in_field(field: &[u8], start: usize, look: Look<'_>, cuts: &mut Cuts) {
    let mut at = 0;
    for (place, piece) in field.split(|byte| matches!(byte, b';' | b'#' | b'?')).enumerate() {
        if let Some(equals) = piece.iter().position(|byte| *byte == b'=') {
            let name = decoded(piece.get(..equals).unwrap_or_default());
            let value = at + equals + 1;
            if look.rules.hides_field(name.trim()) {
                return cuts.hide(start + value..start + field.len(), "");
            }
            if place == 0 {
                let part = field.get(value..).unwrap_or_default();
                look.value(part, start + value, Coding::Percent, cuts);
            }
        }
        at += piece.len() + 1;
    }
}
