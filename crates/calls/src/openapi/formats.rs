//! What texts are by how they look.

use model::Timestamp;

/// The formats that all texts seen in one place have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Formats(u8);

type Is = fn(&str) -> bool;

const NAMES: [(&str, Is); 4] =
    [("uuid", is_uuid), ("date-time", is_date_time), ("date", is_date), ("email", is_email)];

impl Formats {
    pub(super) fn of(text: &str) -> Self {
        let has = NAMES.iter().enumerate().filter(|(_, (_, is))| is(text));
        Self(has.fold(0, |bits, (place, _)| bits | 1 << place))
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn name(self) -> Option<&'static str> {
        NAMES.iter().enumerate().find(|(place, _)| self.0 >> place & 1 == 1).map(|(_, (name, _))| *name)
    }
}

/// Five groups of hexadecimal digits (RFC 9562).
fn is_uuid(text: &str) -> bool {
    let dash = |at| matches!(at, 8 | 13 | 18 | 23);
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| if dash(at) { b == b'-' } else { b.is_ascii_hexdigit() })
}

/// RFC 3339, section 5.6, with its `T`.
fn is_date_time(text: &str) -> bool {
    matches!(text.as_bytes().get(10), Some(b'T' | b't')) && text.parse::<Timestamp>().is_ok()
}

/// The same without a time.
fn is_date(text: &str) -> bool {
    text.len() == 10 && format!("{text}T00:00:00Z").parse::<Timestamp>().is_ok()
}

/// A name, and a host with a dot in it.
fn is_email(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_graphic() && !b"\"(),:;<>@[\\]".contains(&b);
    text.len() <= 254
        && text.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty()
                && name.bytes().all(word)
                && host.split('.').count() > 1
                && host.split('.').all(|label| {
                    !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_the_format_that_all_of_them_have() {
        for (texts, format) in [
            (&["0198f6a0-3c1e-7d4a-9b1f-2f6c1d0e9a77"][..], Some("uuid")),
            (&["0198f6a0-3c1e-7d4a-9b1f-2f6c1d0e9a7"], None),
            (&["2026-11-23T06:00:00Z", "2026-11-23T06:00:00.123+02:00"], Some("date-time")),
            (&["2026-11-23T06:00:00Z", "soon"], None),
            (&["2026-11-23T06:00:00"], None),
            (&["2026-11-23"], Some("date")),
            (&["2026-13-23"], None),
            (&["ann@example.com", "b+c@mail.example.org"], Some("email")),
            (&["ann@localhost"], None),
            (&["@example.com"], None),
            (&["a b@example.com"], None),
            (&["ann@example.com", "2026-11-23"], None),
            (&[""], None),
        ] {
            let all = texts.iter().map(|text| Formats::of(text)).reduce(Formats::and);
            assert_eq!(all.unwrap().name(), format, "{texts:?}");
        }
    }
}
