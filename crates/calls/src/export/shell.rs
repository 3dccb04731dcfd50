//! Arguments for a POSIX shell.

use std::fmt::Write;

/// One argument. Control characters have no place in a URL or header and become spaces.
pub(super) fn quote(text: &str) -> String {
    let clean: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    quote_all(&clean)
}

/// One argument, all of it literal: within single quotes only the single quote is special (POSIX shell, 2.2.2).
pub(super) fn quote_all(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Whether it is a header name (RFC 9110, section 5.6.2), which no pseudo-header field is. curl reads a file for one
/// that begins with `@`.
pub(super) fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Writing to a string cannot fail.
pub(super) fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(what);
    debug_assert!(written.is_ok());
}
