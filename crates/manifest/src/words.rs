//! A command line as one string, cut into words as a shell would, with no shell behind it.

/// What keeps a command line from being cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uncut {
    /// A quote without its other half.
    Quote(char),
    /// A backslash at the very end.
    Backslash,
}

/// Cuts at blanks; `'…'` is literal, in `"…"` a backslash escapes `"`, `\`, `$` and the backtick, elsewhere anything.
///
/// Source: POSIX.1-2017, Shell Command Language, 2.2 Quoting.
pub(crate) fn split(text: &str) -> Result<Vec<String>, Uncut> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(inner) => word.push(inner),
                        None => return Err(Uncut::Quote('\'')),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => match chars.next() {
                            Some('\n') => {}
                            Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                            Some(other) => word.extend(['\\', other]),
                            None => return Err(Uncut::Quote('"')),
                        },
                        Some(inner) => word.push(inner),
                        None => return Err(Uncut::Quote('"')),
                    }
                }
            }
            '\\' => match chars.next() {
                Some('\n') => {}
                Some(escaped) => word.get_or_insert_default().push(escaped),
                None => return Err(Uncut::Backslash),
            },
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_as_a_shell_does() {
        let cases: [(&str, Result<&[&str], Uncut>); 11] = [
            ("", Ok(&[])),
            ("  python  app.py\t-v ", Ok(&["python", "app.py", "-v"])),
            ("sh -c 'a && b'", Ok(&["sh", "-c", "a && b"])),
            (r#"echo "a \"b\" \n""#, Ok(&["echo", r#"a "b" \n"#])),
            (r"a\ b c", Ok(&["a b", "c"])),
            ("--name=''", Ok(&["--name="])),
            ("a '' b", Ok(&["a", "", "b"])),
            ("a\\\nb", Ok(&["ab"])),
            ("it's", Err(Uncut::Quote('\''))),
            ("\"open", Err(Uncut::Quote('"'))),
            ("end\\", Err(Uncut::Backslash)),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|words| words.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert_eq!(split(text), expected, "{text}");
        }
    }
}
