//! Hides what URLs hold: passwords before the host, parameters of paths, queries and fragments (RFC 3986).

use super::Look;
use super::coding::Undone;
use super::cuts::Cuts;
use super::form;

/// A name and a password before a host are looked for so far, in bytes.
const AUTHORITY_LIMIT: usize = 1024;

/// Finds what is hidden in a URL or a request's target.
pub(super) fn find(url: &[u8], look: Look<'_>, cuts: &mut Cuts) {
    passwords(url, cuts);
    let is_mark = |byte: &u8| matches!(byte, b'?' | b'#');
    let path = url.iter().position(is_mark).unwrap_or(url.len());
    parameters(url.get(..path).unwrap_or_default(), look, cuts);
    let mut at = path + 1;
    // A fragment is a query of its own to who answers by one.
    for query in url.get(at..).unwrap_or_default().split(|byte| *byte == b'#') {
        let mut found = Cuts::default();
        form::find(query, look, &mut found);
        cuts.within(found, &Undone::same(query, at));
        at += query.len() + 1;
    }
}

/// Finds the passwords of all URLs in a text: `scheme://user:password@host`.
pub(super) fn passwords(text: &[u8], cuts: &mut Cuts) {
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.windows(3).position(|three| three == b"://"))
    {
        at += found + 3;
        let rest = text.get(at..).unwrap_or_default();
        let is_end = |byte: &u8| byte.is_ascii_whitespace() || b"/?#\"'<>\\`".contains(byte);
        let end =
            rest.iter().take(AUTHORITY_LIMIT).position(is_end).unwrap_or(rest.len().min(AUTHORITY_LIMIT));
        let authority = rest.get(..end).unwrap_or_default();
        let Some(host) = authority.iter().rposition(|byte| *byte == b'@') else { continue };
        if let Some(colon) = authority.iter().take(host).position(|byte| *byte == b':') {
            cuts.hide(at + colon + 1..at + host, "");
        }
        at += host;
    }
}

/// Parameters of a path's segments: `/map;token=x/7`.
fn parameters(path: &[u8], look: Look<'_>, cuts: &mut Cuts) {
    let mut at = 0;
    for (place, piece) in path.split(|byte| matches!(byte, b';' | b'/')).enumerate() {
        let is_parameter = place > 0 && path.get(at - 1) == Some(&b';');
        if is_parameter && let Some(equals) = piece.iter().position(|byte| *byte == b'=') {
            let name = String::from_utf8_lossy(piece.get(..equals).unwrap_or_default());
            if look.rules.hides_field(name.trim()) {
                cuts.hide(at + equals + 1..at + piece.len(), "");
            }
        }
        at += piece.len() + 1;
    }
}
