//! Documents as relaxed extended JSON (version 2), well-formed wherever they are cut.

use super::bson::{
    ARRAY, BOOL, CODE_WITH_SCOPE, DOCUMENT, DOUBLE, Document, Element, INT32, INT64, STRING, c_string, int32,
    string,
};
use super::scalar::{base64, date, decimal, hex};
use crate::json;

/// The server refuses documents that are nested deeper.
const DEPTH_LIMIT: u32 = 100;

/// JSON text that grows up to a limit.
#[derive(Debug)]
pub(super) struct Render<'a> {
    text: String,
    limit: usize,
    /// Something was left out.
    cut: bool,
    /// Members whose values are nobody's business.
    secret: &'a [&'a str],
}

impl<'a> Render<'a> {
    pub(super) fn new(limit: usize, secret: &'a [&'a str]) -> Self {
        Self { text: String::new(), limit, cut: false, secret }
    }

    /// The text, and whether something was left out of it. A text that has no room for its beginning is empty.
    pub(super) fn finish(mut self) -> (String, bool) {
        if self.text.len() > self.limit {
            self.text.clear();
            self.cut = true;
        }
        (self.text, self.cut)
    }

    /// Begins an object to which `documents` and `member`s are added, up to [`Self::close`].
    pub(super) fn open(&mut self) {
        self.text.push('{');
    }

    pub(super) fn close(&mut self) {
        self.text.push('}');
    }

    /// Adds the elements of a document to the object that is open, but those that `leave_out` names.
    pub(super) fn members(&mut self, document: Document<'_>, leave_out: &[&str]) {
        let mut elements = document.elements();
        for element in elements.by_ref() {
            let left_out = leave_out.iter().any(|name| name.as_bytes() == element.name);
            if !left_out && !self.element(&element, false, 0) {
                return;
            }
        }
        self.cut |= elements.broken();
    }

    /// Adds a member that is a list of documents, which follow each other in `bytes`.
    pub(super) fn list(&mut self, name: &str, mut bytes: &[u8]) {
        let before = self.text.len();
        self.comma();
        json::string(&mut self.text, name);
        self.text.push(':');
        if !self.fits(before, 2) {
            return;
        }
        self.text.push('[');
        while !bytes.is_empty() {
            let Some((document, rest)) = Document::read(bytes) else {
                self.cut = true;
                break;
            };
            let before = self.text.len();
            self.comma();
            self.document(document, false, 1);
            if !self.fits(before, 2) {
                break;
            }
            bytes = rest;
        }
        self.text.push(']');
    }

    /// Whether what was written since `before` leaves room for what closes it; else it is taken back.
    fn fits(&mut self, before: usize, closing: usize) -> bool {
        let fits = self.text.len() + closing <= self.limit;
        if !fits {
            self.text.truncate(before);
            self.cut = true;
        }
        fits
    }

    fn comma(&mut self) {
        if !self.text.ends_with(['{', '[']) {
            self.text.push(',');
        }
    }

    /// Adds one element; false when there is no room for it.
    fn element(&mut self, element: &Element<'_>, in_array: bool, depth: u32) -> bool {
        let before = self.text.len();
        self.comma();
        if !in_array {
            json::text(&mut self.text, element.name);
            self.text.push(':');
        }
        if self.secret.iter().any(|secret| secret.as_bytes() == element.name) {
            self.text.push_str("\"[redacted]\"");
        } else {
            self.value(element, depth + 1);
        }
        self.fits(before, depth as usize + 2)
    }

    fn document(&mut self, document: Document<'_>, array: bool, depth: u32) {
        let (open, close) = if array { ('[', ']') } else { ('{', '}') };
        self.text.push(open);
        if depth >= DEPTH_LIMIT {
            self.cut = true;
        } else {
            let mut elements = document.elements();
            let room = elements.by_ref().all(|element| self.element(&element, array, depth));
            self.cut |= room && elements.broken();
        }
        self.text.push(close);
    }

    fn value(&mut self, element: &Element<'_>, depth: u32) {
        match element.kind {
            DOCUMENT | ARRAY => {
                if let Some(document) = element.document() {
                    self.document(document, element.kind == ARRAY, depth);
                }
            }
            STRING => self.long(string(element.value).unwrap_or_default()),
            CODE_WITH_SCOPE => {
                let value = element.value.get(4..).unwrap_or_default();
                let code = string(value).unwrap_or_default();
                self.text.push_str("{\"$code\":");
                self.long(code);
                self.text.push_str(",\"$scope\":");
                match value.get(4 + code.len() + 1..).and_then(Document::read) {
                    Some((scope, _)) => self.document(scope, false, depth + 1),
                    None => self.text.push_str("null"),
                }
                self.text.push('}');
            }
            _ => {
                let value = scalar(element);
                self.text.push_str(value.as_deref().unwrap_or("null"));
            }
        }
    }

    /// Text may be much longer than the room that is left.
    fn long(&mut self, bytes: &[u8]) {
        let room = self.limit.saturating_sub(self.text.len());
        if bytes.len() > room {
            // The element is taken back for lack of room, so that its text need not be whole.
            self.text.extend(std::iter::repeat_n('"', room + 1));
        } else {
            json::text(&mut self.text, bytes);
        }
    }
}

/// A value that holds no documents; `None` when it is none of BSON's.
fn scalar(element: &Element<'_>) -> Option<String> {
    let value = element.value;
    let quoted = |bytes: &[u8]| {
        let mut text = String::new();
        json::text(&mut text, bytes);
        text
    };
    Some(match element.kind {
        DOUBLE => double(f64::from_le_bytes(value.try_into().ok()?)),
        0x05 => binary(value)?,
        0x06 => "{\"$undefined\":true}".to_owned(),
        0x07 => format!("{{\"$oid\":\"{}\"}}", hex(value)),
        BOOL => (value != [0]).to_string(),
        0x09 => {
            let millis = i64::from_le_bytes(value.try_into().ok()?);
            match date(millis) {
                Some(date) => format!("{{\"$date\":\"{date}\"}}"),
                None => format!("{{\"$date\":{{\"$numberLong\":\"{millis}\"}}}}"),
            }
        }
        0x0a => "null".to_owned(),
        0x0b => {
            let (pattern, rest) = c_string(value)?;
            let (options, _) = c_string(rest)?;
            let (pattern, options) = (quoted(pattern), quoted(options));
            format!("{{\"$regularExpression\":{{\"pattern\":{pattern},\"options\":{options}}}}}")
        }
        0x0c => {
            let (name, id) = value.split_at_checked(value.len().checked_sub(12)?)?;
            let name = quoted(string(name)?);
            format!("{{\"$dbPointer\":{{\"$ref\":{name},\"$id\":{{\"$oid\":\"{}\"}}}}}}", hex(id))
        }
        0x0d => format!("{{\"$code\":{}}}", quoted(string(value)?)),
        0x0e => format!("{{\"$symbol\":{}}}", quoted(string(value)?)),
        INT32 => int32(value)?.to_string(),
        0x11 => {
            let (increment, seconds) =
                (int32(value)?.cast_unsigned(), int32(value.get(4..)?)?.cast_unsigned());
            format!("{{\"$timestamp\":{{\"t\":{seconds},\"i\":{increment}}}}}")
        }
        INT64 => i64::from_le_bytes(value.try_into().ok()?).to_string(),
        0x13 => format!("{{\"$numberDecimal\":\"{}\"}}", decimal(value.try_into().ok()?)),
        0x7f => "{\"$maxKey\":1}".to_owned(),
        0xff => "{\"$minKey\":1}".to_owned(),
        _ => return None,
    })
}

fn double(value: f64) -> String {
    if value.is_finite() {
        return format!("{value:?}");
    }
    let name = match (value.is_nan(), value > 0.0) {
        (true, _) => "NaN",
        (false, true) => "Infinity",
        (false, false) => "-Infinity",
    };
    format!("{{\"$numberDouble\":\"{name}\"}}")
}

fn binary(value: &[u8]) -> Option<String> {
    let (head, bytes) = value.split_at_checked(5)?;
    let kind = head[4];
    if kind == 4 && bytes.len() == 16 {
        let hex = hex(bytes);
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        return Some(format!("{{\"$uuid\":\"{}\"}}", parts.join("-")));
    }
    // An old kind has its length once more within.
    let bytes = if kind == 2 { bytes.get(4..).unwrap_or(bytes) } else { bytes };
    Some(format!("{{\"$binary\":{{\"base64\":\"{}\",\"subType\":\"{kind:02x}\"}}}}", base64(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Documents, and what another implementation makes of them.
    fn references() -> Vec<(Vec<u8>, &'static str)> {
        let lines = include_str!("../../tests/data/bson-reference.txt").lines();
        let bytes = |hex: &str| {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        };
        lines.map(|line| line.split_once(' ').unwrap()).map(|(hex, json)| (bytes(hex), json)).collect()
    }

    fn document(bytes: &[u8], limit: usize, secret: &[&str]) -> (String, bool) {
        let mut render = Render::new(limit, secret);
        render.open();
        if let Some((document, _)) = Document::read(bytes) {
            render.members(document, &["left out"]);
        }
        render.close();
        render.finish()
    }

    #[test]
    fn every_type_is_written_as_the_specification_says() {
        for (bytes, json) in references() {
            assert_eq!(document(&bytes, 100_000, &[]), (json.to_owned(), false));
        }
        let uuid = b"\x1d\0\0\0\x05u\0\x10\0\0\0\x04\0\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff\0";
        let json = r#"{"u":{"$uuid":"00112233-4455-6677-8899-aabbccddeeff"}}"#;
        assert_eq!(document(uuid, 100, &[]), (json.to_owned(), false));
    }

    #[test]
    fn what_is_cut_stays_json_and_within_its_limit() {
        for (bytes, json) in references() {
            for limit in 0..json.len() {
                let (text, cut) = document(&bytes, limit, &[]);
                assert!(text.len() <= limit && cut, "{limit}: {text}");
                assert!(
                    text.is_empty() || serde_json::from_str::<serde_json::Value>(&text).is_ok(),
                    "{text}"
                );
            }
            for end in 0..bytes.len() {
                let (text, _) = document(&bytes[..end], 100_000, &[]);
                assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{end}: {text}");
            }
        }
    }

    #[test]
    fn lists_of_documents_are_members_and_secrets_are_not_told() {
        let one = b"\x0c\0\0\0\x10a\0\x01\0\0\0\0";
        let nested = b"\x1b\0\0\0\x02pwd\0\x02\0\0\0x\0\x08left out\0\x01\0";
        let render = |limit: usize| {
            let mut render = Render::new(limit, &["pwd"]);
            render.open();
            render.members(Document::read(nested).unwrap().0, &["left out"]);
            render.list("docs", &one.repeat(3));
            render.close();
            render.finish()
        };
        let whole = r#"{"pwd":"[redacted]","docs":[{"a":1},{"a":1},{"a":1}]}"#;
        assert_eq!(render(100), (whole.to_owned(), false));
        for limit in 0..whole.len() {
            let (text, cut) = render(limit);
            assert!(text.len() <= limit && cut, "{limit}: {text}");
            assert!(text.is_empty() || serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let mut bytes = b"\x05\0\0\0\0".to_vec();
        for _ in 0..2000 {
            let size = (bytes.len() as i32 + 8).to_le_bytes();
            bytes = [&size[..], b"\x03a\0", &bytes, b"\0"].concat();
        }
        let (text, cut) = document(&bytes, 1_000_000, &[]);
        assert!(cut && text.len() < 1000, "{text}");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(
            hurt in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), value in any::<u8>(), limit in 0..500_usize,
        ) {
            let references = references();
            let (mut bytes, _) = references[hurt.index(references.len())].clone();
            let at = at.index(bytes.len());
            bytes[at] = value;
            let (text, _) = document(&bytes, limit, &[]);
            prop_assert!(text.len() <= limit);
            prop_assert!(text.is_empty() || serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
        }
    }
}
