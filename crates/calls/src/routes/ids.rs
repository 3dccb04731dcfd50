//! What in a path, key or topic names one thing of many.

/// Segments that are longer are no words of anybody's interface.
const LONGEST_WORD: usize = 64;

/// The segment with what is an id in it replaced; `None` when nothing is.
pub(super) fn template(segment: &str) -> Option<String> {
    if segment.is_empty() || segment.starts_with('{') {
        return None;
    }
    // `order-1042`, `cus_NffrFeUfNV2Hib`: a word that says what it is an id of.
    if let Some((word, separator, id)) = split_last(segment) {
        let of_word = word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b == b'_');
        if of_word && word.len() <= 24 && (is_number(id) || is_token(id)) {
            return Some(format!("{word}{separator}{{id}}"));
        }
    }
    if let Some(whole) = whole(segment) {
        return Some(whole.to_owned());
    }
    if let Some((before, after)) = segment.split_once('.')
        && !before.is_empty()
    {
        return of_file(before, after);
    }
    None
}

/// What a whole segment is.
fn whole(segment: &str) -> Option<&'static str> {
    if segment.len() > 2048 {
        return Some("{id}");
    }
    if is_number(segment) || is_uuid(segment) || is_token(segment) || is_list_of_numbers(segment) {
        Some("{id}")
    } else if is_date(segment) {
        Some("{date}")
    } else if is_email(segment) {
        Some("{email}")
    } else if segment.len() > LONGEST_WORD {
        Some("{id}")
    } else {
        None
    }
}

/// `12.json`, `main.3f2a1b9c.js`: ids are looked for before each dot, numbers only before the first one, since
/// `jquery-3.6.0.js` is a name.
fn of_file(before: &str, after: &str) -> Option<String> {
    let letter_follows = after.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    let numbered = (is_number(before) && letter_follows) || is_uuid(before);
    let mut found = false;
    let pieces = std::iter::once(before).chain(after.split('.')).enumerate();
    let replaced: Vec<&str> = pieces
        .map(|(at, piece)| {
            let id = is_token(piece) || (at == 0 && numbered);
            found |= id;
            if id { "{id}" } else { piece }
        })
        .collect();
    found.then(|| replaced.join("."))
}

fn split_last(segment: &str) -> Option<(&str, char, &str)> {
    let at = segment.rfind(['-', '_'])?;
    let (word, rest) = segment.split_at(at);
    let separator = rest.chars().next()?;
    let id = rest.strip_prefix(separator)?;
    (!word.is_empty() && !id.is_empty()).then_some((word, separator, id))
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn is_list_of_numbers(text: &str) -> bool {
    text.contains([',', ';']) && text.split([',', ';']).all(is_number)
}

/// Five groups of hexadecimal digits (RFC 9562).
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `2026-11-24`, with or without a time behind it.
fn is_date(text: &str) -> bool {
    let Some((date, rest)) = text.split_at_checked(10) else { return false };
    let digits = date.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    digits && (rest.is_empty() || rest.starts_with(['T', 't', ' ', '_', '+', '%']))
}

fn is_email(text: &str) -> bool {
    let parts = text.split_once('@').or_else(|| text.split_once("%40"));
    parts.is_some_and(|(name, host)| {
        !name.is_empty() && !host.contains('@') && host.trim_matches('.').contains('.')
    })
}

/// Hexadecimal digits, base64 and its like as they come out of generators, not words: enough letters, and digits among
/// them.
fn is_token(text: &str) -> bool {
    let (mut digits, mut lower, mut upper, mut turns) = (0, 0, 0, 0);
    let mut hex = true;
    let mut before = 0;
    for byte in text.trim_end_matches('=').bytes() {
        let kind = match byte {
            b'0'..=b'9' => {
                digits += 1;
                1
            }
            b'a'..=b'z' => {
                lower += 1;
                2
            }
            b'A'..=b'Z' => {
                upper += 1;
                3
            }
            b'-' | b'_' | b'+' | b'~' => 4,
            _ => return false,
        };
        turns += usize::from(before != 0 && before != kind);
        before = kind;
        hex &= byte.is_ascii_hexdigit();
    }
    let len = text.len();
    if hex {
        return (len >= 8 && digits > 0 && lower + upper > 0) || len >= 16;
    }
    match len {
        0..12 => false,
        // One case and digits: base 32, base 36, ULIDs.
        _ if lower == 0 || upper == 0 => len >= 16 && digits >= 4 && turns >= 5,
        // Camel case turns once or twice a word, chance more often.
        _ => (digits > 0 || len >= 20) && turns * 5 >= len * 2,
    }
}

#[cfg(test)]
mod tests {
    use super::template;

    #[test]
    fn ids_are_found() {
        for (segment, expected) in [
            ("7", "{id}"),
            ("-1", "{id}"),
            ("1,2,3", "{id}"),
            ("0f8fad5b-d9cb-469f-a165-70867728950e", "{id}"),
            ("0f8fad5bd9cb469fa16570867728950e", "{id}"),
            ("507f1f77bcf86cd799439011", "{id}"),
            ("3f2a1b9c", "{id}"),
            ("V1StGXR8_Z5jdHi6B-myT", "{id}"),
            ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "{id}"),
            ("dGhpcyBpcyBhbiBpZCA0Mg==", "{id}"),
            ("2026-11-24", "{date}"),
            ("2026-11-24T06:00:00Z", "{date}"),
            ("ann@example.com", "{email}"),
            ("ann%40example.com", "{email}"),
            ("12.json", "{id}.json"),
            ("main.3f2a1b9c.js", "main.{id}.js"),
            ("order-1042", "order-{id}"),
            ("cus_NffrFeUfNV2Hib", "cus_{id}"),
            ("gen-JzTY2xcKz9Rb1hVqW3LQ", "gen-{id}"),
        ] {
            assert_eq!(template(segment).as_deref(), Some(expected), "{segment}");
        }
    }

    #[test]
    fn words_stay() {
        for segment in [
            "",
            "orders",
            "v1",
            "v2.1",
            "api",
            "healthz",
            "well-known",
            ".well-known",
            "feedback",
            "deadbeef",
            "jquery-3.6.0.min.js",
            "index.html",
            "@scope",
            "a@b",
            "{id}",
            "{}",
            "CamelCaseOrderService",
            "facade",
            "shop.Orders",
            "snake_case_name",
            "UPPER_CASE",
            "getUserById",
            "oauth2",
            "s3",
            "sha256",
            "x-y-z",
            "internationalization",
            "2026-11",
            "OrderServiceV2",
        ] {
            assert_eq!(template(segment), None, "{segment}");
        }
    }

    #[test]
    fn very_long_segments_are_no_words() {
        assert_eq!(template(&"word".repeat(20)).as_deref(), Some("{id}"));
        assert_eq!(template(&"grüße".repeat(1000)).as_deref(), Some("{id}"));
    }
}
