//! Hides values in text of no known grammar: `name: value` and `name = value`, with any quotes. Queries of GraphQL, YAML,
//! logs, code, and JSON among other text.

use super::Look;
use super::cuts::Cuts;

/// A name is looked for so far before its mark, in bytes.
const NAME_LIMIT: usize = 128;
/// Blanks between a name, its mark and its value, and backslashes before a quote.
const SPACE_LIMIT: usize = 64;

/// Finds the values whose names say that they are hidden.
pub(super) fn find(text: &[u8], look: Look<'_>, cuts: &mut Cuts) {
    let mut at = 0;
    while let Some(mark) = next_mark(text, at) {
        at = mark + 1;
        let Some((name, is_variable)) = name_before(text, mark) else { continue };
        // `$password: String!` says of which type a variable is; `$password = "x"` is another language's.
        let is_declared = is_variable && text.get(mark) == Some(&b':');
        if is_declared || !look.rules.hides_field(&name) {
            continue;
        }
        at = hide_value(text, mark, cuts);
    }
}

/// The next `:` or `=` that is alone.
fn next_mark(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += text.get(at..)?.iter().position(|byte| matches!(byte, b':' | b'='))?;
        let beside = |place: Option<usize>| place.and_then(|place| text.get(place)).copied();
        let (before, behind) = (beside(at.checked_sub(1)), beside(Some(at + 1)));
        let is_path = text.get(at) == Some(&b':')
            && (behind == Some(b':') || before == Some(b':') || text.get(at + 1..at + 3) == Some(b"//"));
        if !is_path {
            return Some(at);
        }
        at += 1;
    }
}

/// The name before a mark, and whether a `$` is before it.
fn name_before(text: &[u8], mark: usize) -> Option<(String, bool)> {
    let before = text.get(mark.saturating_sub(NAME_LIMIT)..mark)?;
    let is_closing = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`\\)".contains(byte);
    let end = before.iter().rposition(|byte| !is_closing(byte))? + 1;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"_-.[]%".contains(byte);
    let start = before.get(..end)?.iter().rposition(|byte| !is_name(byte)).map_or(0, |last| last + 1);
    let name = before.get(start..end).filter(|name| !name.is_empty())?;
    let is_variable = start.checked_sub(1).and_then(|at| before.get(at)) == Some(&b'$');
    let name = super::coding::Undone::new(name, 0, super::coding::Coding::Percent);
    Some((String::from_utf8_lossy(&name.bytes).into_owned(), is_variable))
}

/// Hides the value behind a mark and says where it ends.
fn hide_value(text: &[u8], mark: usize, cuts: &mut Cuts) -> usize {
    let rest = text.get(mark + 1..).unwrap_or_default();
    let is_sign = |byte: &u8| matches!(byte, b'>' | b'=' | b'~');
    let signs = rest.iter().take(2).take_while(|byte| is_sign(byte)).count();
    let blanks =
        rest.iter().skip(signs).take(SPACE_LIMIT).take_while(|byte| byte.is_ascii_whitespace()).count();
    let start = mark + 1 + signs + blanks;
    let rest = text.get(start..).unwrap_or_default();
    let slashes = rest.iter().take(SPACE_LIMIT).take_while(|byte| **byte == b'\\').count();
    let end = match rest.get(slashes) {
        Some(quote @ (b'"' | b'\'' | b'`')) => {
            let inside = start + slashes + 1;
            let end = quoted_end(text, inside, *quote, slashes);
            // The mark goes between the quotes, with as many backslashes.
            cuts.hide(inside..end, "");
            return end.max(inside);
        }
        Some(b'$') if slashes == 0 && text.get(mark) == Some(&b':') => {
            if let Some(name) = variable(text, rest, cuts) {
                let end = start + 1 + name.len();
                cuts.variable(name);
                return end;
            }
            start + line_end(rest)
        }
        Some(b'{' | b'[' | b'(') => start + bracket_end(rest),
        _ if text.get(mark) == Some(&b'=') => start + bare_end(rest),
        _ => start + line_end(rest),
    };
    cuts.hide(start..end, "");
    end.max(mark + 1)
}

/// The variable that begins here, where the text declares it elsewhere: `$p: String`. Else it is a value that begins so.
fn variable(text: &[u8], rest: &[u8], cuts: &Cuts) -> Option<String> {
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
    let len = 1 + rest.iter().skip(1).take(NAME_LIMIT).take_while(is_name).count();
    let name = rest.get(..len).filter(|name| name.len() > 1)?;
    let plain = String::from_utf8_lossy(name.get(1..)?).into_owned();
    let is_declared = || {
        text.windows(len + 8).chain([text.get(text.len().saturating_sub(len + 7)..).unwrap_or_default()]).any(
            |part| {
                let behind = part.strip_prefix(name).unwrap_or_default();
                behind.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
            },
        )
    };
    // The whole text is searched once for each of so many as are remembered.
    (cuts.variables.contains(&plain) || (!cuts.is_full() && is_declared())).then_some(plain)
}

/// Where the text ends whose quote has `slashes` backslashes before it, which is how deep in other strings it stands.
fn quoted_end(text: &[u8], start: usize, quote: u8, slashes: usize) -> usize {
    let block = [quote; 3];
    if slashes == 0 && text.get(start - 1..start + 2) == Some(&block[..]) {
        let inside = start + 2;
        let found = text.get(inside..).and_then(|rest| rest.windows(3).position(|three| three == block));
        return found.map_or(text.len(), |found| inside + found);
    }
    let mut run = 0_usize;
    for (at, byte) in text.iter().enumerate().skip(start) {
        if *byte == quote && run >= slashes && (run - slashes).is_multiple_of(2 * (slashes + 1)) {
            return at - slashes;
        }
        run = if *byte == b'\\' { run + 1 } else { 0 };
    }
    text.len()
}

/// Past the brackets that open here, strings passed over.
fn bracket_end(rest: &[u8]) -> usize {
    let (mut depth, mut in_string, mut at) = (0_usize, false, 0);
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' if in_string => at += 1,
            b'"' => in_string = !in_string,
            b'{' | b'[' | b'(' if !in_string => depth += 1,
            b'}' | b']' | b')' if !in_string => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// Of `name=value`, which holds no blank.
fn bare_end(rest: &[u8]) -> usize {
    let is_end = |(at, byte): (usize, &u8)| {
        byte.is_ascii_whitespace()
            || *byte == b'&'
            || (b"\"'`".contains(byte) && closes(rest, at))
            || is_tag(rest, at)
    };
    rest.iter().enumerate().position(is_end).unwrap_or(rest.len())
}

/// Of `name: value`, which may hold blanks.
fn line_end(rest: &[u8]) -> usize {
    let is_end = |(at, byte): (usize, &u8)| match byte {
        b'\n' | b'\r' => true,
        b'"' | b'}' | b')' | b']' => closes(rest, at),
        b',' => rest.get(at + 1).is_none_or(|behind| behind.is_ascii_whitespace() || b"\"'".contains(behind)),
        _ => is_tag(rest, at),
    };
    rest.iter().enumerate().position(is_end).unwrap_or(rest.len())
}

/// Whether a quote or bracket ends what stands before it, and is no letter of it.
fn closes(rest: &[u8], at: usize) -> bool {
    rest.get(at + 1).is_none_or(|behind| behind.is_ascii_whitespace() || b",;:&})]>\"'".contains(behind))
}

fn is_tag(rest: &[u8], at: usize) -> bool {
    rest.get(at..at + 2) == Some(b"</")
}
