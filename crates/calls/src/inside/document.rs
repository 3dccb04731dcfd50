//! GraphQL documents (GraphQL specification, October 2021, section 2), as far as it takes to name their operations.

/// One operation of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operation<'d> {
    /// `query`, `mutation`, `subscription`.
    pub(super) kind: &'static str,
    pub(super) name: Option<&'d str>,
    /// The first field that it selects, unless it begins with a fragment.
    pub(super) field: Option<&'d str>,
}

const KINDS: [&str; 3] = ["query", "mutation", "subscription"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'d> {
    Name(&'d str),
    /// A mark, the `.` of a spread once, or `"` for a whole string.
    Mark(u8),
    Number,
}

/// The operations of a document, whose end may be cut off; `None` for a text that is none.
pub(super) fn operations(document: &str) -> Option<Vec<Operation<'_>>> {
    let mut tokens = Tokens { text: document, at: 0 }.peekable();
    let mut all = Vec::new();
    let mut open = false;
    while let Some(token) = tokens.next() {
        let kind = match token {
            Token::Mark(b'{') => {
                all.push(Operation { kind: "query", name: None, field: selection(&mut tokens).ok()? });
                open = true;
                continue;
            }
            Token::Name("fragment") => None,
            Token::Name(name) => Some(*KINDS.iter().find(|kind| **kind == name)?),
            Token::Mark(_) | Token::Number => return None,
        };
        let mut name = None;
        if let (Some(_), Some(Token::Name(given))) = (kind, tokens.peek()) {
            name = Some(*given);
            tokens.next();
        }
        if !head(&mut tokens, kind.is_none())? {
            break;
        }
        let field = selection(&mut tokens).ok()?;
        open = true;
        all.extend(kind.map(|kind| Operation { kind, name, field }));
    }
    (open && !all.is_empty()).then_some(all)
}

/// Reads variables and directives up to the `{` of a selection, and tells whether it is there. `None` when something else
/// stands there.
fn head<'d>(tokens: &mut impl Iterator<Item = Token<'d>>, is_fragment: bool) -> Option<bool> {
    let (mut parens, mut directive) = (0usize, false);
    for token in tokens {
        match token {
            Token::Mark(b'(') => parens += 1,
            Token::Mark(b')') => parens = parens.checked_sub(1)?,
            _ if parens > 0 => {}
            Token::Mark(b'{') => return Some(true),
            Token::Mark(b'@') => {}
            Token::Name(_) if is_fragment || directive => {}
            _ => return None,
        }
        directive = token == Token::Mark(b'@');
    }
    Some(false)
}

/// A selection begins with nothing that can be selected.
struct NoSelection;

/// Reads a selection up to its `}`, and gives its first field, unless it begins with a fragment.
fn selection<'d>(
    tokens: &mut std::iter::Peekable<impl Iterator<Item = Token<'d>>>,
) -> Result<Option<&'d str>, NoSelection> {
    let mut field = None;
    match tokens.next() {
        Some(Token::Name(name)) => {
            field = Some(name);
            if tokens.next_if_eq(&Token::Mark(b':')).is_some() {
                let Some(Token::Name(name)) = tokens.next() else { return Err(NoSelection) };
                field = Some(name);
            }
        }
        Some(Token::Mark(b'.')) => {}
        None => return Ok(None),
        Some(Token::Mark(_) | Token::Number) => return Err(NoSelection),
    }
    let mut depth = 1usize;
    for token in tokens {
        match token {
            Token::Mark(b'{') => depth += 1,
            Token::Mark(b'}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    Ok(field)
}

struct Tokens<'d> {
    text: &'d str,
    at: usize,
}

impl<'d> Iterator for Tokens<'d> {
    type Item = Token<'d>;

    fn next(&mut self) -> Option<Token<'d>> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at)? {
                // Blanks, and the mark of UTF-8 at the beginning of a text.
                b' ' | b'\t' | b'\r' | b'\n' | b',' | 0xef | 0xbb | 0xbf => self.at += 1,
                b'#' => self.at += bytes.get(self.at..)?.iter().take_while(|byte| **byte != b'\n').count(),
                b'"' => {
                    self.string();
                    return Some(Token::Mark(b'"'));
                }
                b'.' => {
                    self.at += self.run(|byte| byte == b'.');
                    return Some(Token::Mark(b'.'));
                }
                byte if byte.is_ascii_alphabetic() || *byte == b'_' => {
                    let length = self.run(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                    let name = self.text.get(self.at..self.at + length)?;
                    self.at += length;
                    return Some(Token::Name(name));
                }
                byte if byte.is_ascii_digit() || *byte == b'-' => {
                    self.at +=
                        self.run(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.'));
                    return Some(Token::Number);
                }
                mark => {
                    self.at += 1;
                    return Some(Token::Mark(*mark));
                }
            }
        }
    }
}

impl Tokens<'_> {
    fn run(&self, belongs: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        rest.iter().take_while(|byte| belongs(**byte)).count()
    }

    /// Passes over a string, or over one of many lines within three quotes.
    fn string(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let (quotes, inner) = match rest.strip_prefix("\"\"\"") {
            Some(inner) => ("\"\"\"", inner),
            None => ("\"", rest.get(1..).unwrap_or_default()),
        };
        let mut at = 0;
        while let Some(byte) = inner.as_bytes().get(at) {
            if inner.as_bytes().get(at..).is_some_and(|rest| rest.starts_with(quotes.as_bytes())) {
                break;
            }
            at += if *byte == b'\\' { 2 } else { 1 };
        }
        self.at += (2 * quotes.len() + at).min(rest.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(document: &str) -> Option<String> {
        let all = operations(document)?;
        let one =
            |o: &Operation<'_>| format!("{} {} {}", o.kind, o.name.unwrap_or("-"), o.field.unwrap_or("-"));
        Some(all.iter().map(one).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn operations_have_a_kind_a_name_and_a_first_field() {
        for (document, expected) in [
            ("query Cart { cart { id } }", "query Cart cart"),
            ("{ cart { id } }", "query - cart"),
            ("\u{feff}# who\n  { mine: cart(id: 1) { id } other }", "query - cart"),
            ("mutation { add(id:1, o:{a:\"}\"}) { id } }", "mutation - add"),
            (
                "subscription S($a: [Int!]! = [1, -2.5e3], $b: In = {x: 1}) @live(if: true) { s }",
                "subscription S s",
            ),
            ("query A{a} query B{b}", "query A a; query B b"),
            ("fragment F on Cart @d { id { x } } query { ...F }", "query - -"),
            ("query Q { ... on Cart { id } }", "query Q -"),
            ("query Q($s: String = \"\"\"a } \\\"\"\" \"\"\") { q }", "query Q q"),
            ("query Q { q(", "query Q q"),
            ("query Q {", "query Q -"),
        ] {
            assert_eq!(shown(document).as_deref(), Some(expected), "{document}");
        }
    }

    #[test]
    fn other_texts_are_no_documents() {
        for text in [
            "",
            "shoes",
            "query optimization",
            "query the best {x}",
            "mutation of genes",
            "SELECT 1",
            "{}",
            "{{name}}",
            "{\"match\": {}}",
            "fragment F on T { a }",
            "query Q($a: Int",
            "grüße",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn no_prefix_breaks_anything() {
        let whole =
            "query Q($s: String = \"\"\"ü\"\"\") { a: b(x: \"\\\"ü\") ...F } # ü\nfragment F on T {x}";
        for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
            drop(operations(&whole[..end]));
        }
    }
}
