//! Domain names (RFC 1035, sections 3.1 and 4.1.4), with pointers that may lie.

/// A name's size with its length bytes, at most.
const NAME_LIMIT: usize = 255;

/// One step through a name.
enum Step {
    Label { at: usize, length: usize },
    Pointer { to: usize },
    End,
}

/// What stands in the way of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes end too early.
    Short,
    /// This is no name, or no record.
    Bad,
}

fn step(message: &[u8], at: usize) -> Result<Step, Stop> {
    let first = usize::from(*message.get(at).ok_or(Stop::Short)?);
    match first & 0xc0 {
        0 if first == 0 => Ok(Step::End),
        0 => Ok(Step::Label { at: at + 1, length: first }),
        0xc0 => {
            let second = usize::from(*message.get(at + 1).ok_or(Stop::Short)?);
            Ok(Step::Pointer { to: (first & 0x3f) << 8 | second })
        }
        _ => Err(Stop::Bad),
    }
}

/// Where the name at `at` ends. What it points to is not looked at, but that it points back.
pub(super) fn skip(message: &[u8], at: usize) -> Result<usize, Stop> {
    let mut end = at;
    loop {
        match step(message, end)? {
            Step::End if end + 1 - at > NAME_LIMIT => return Err(Stop::Bad),
            Step::End => return Ok(end + 1),
            Step::Pointer { to } if to >= at || to < 12 => return Err(Stop::Bad),
            Step::Pointer { .. } => return Ok(end + 2),
            Step::Label { at: label, length } if label + length - at > NAME_LIMIT => return Err(Stop::Bad),
            Step::Label { at: label, length } if label + length > message.len() => return Err(Stop::Short),
            Step::Label { at: label, length } => end = label + length,
        }
    }
}

/// The name at `at` as people write it, without the dot at its end, and where it ends. The root is a dot.
pub(super) fn read(message: &[u8], at: usize) -> Option<(String, usize)> {
    let end = skip(message, at).ok()?;
    let mut text = String::new();
    let (mut here, mut run, mut size) = (at, at, 0);
    loop {
        match step(message, here).ok()? {
            Step::End => break,
            // Each pointer leads to before the run of labels that it ends, so there is no loop.
            Step::Pointer { to } if to >= run => return None,
            Step::Pointer { to } => (here, run) = (to, to),
            Step::Label { at, length } => {
                size += length + 1;
                if size > NAME_LIMIT {
                    return None;
                }
                if !text.is_empty() {
                    text.push('.');
                }
                label(&mut text, message.get(at..at + length)?);
                here = at + length;
            }
        }
    }
    if text.is_empty() {
        text.push('.');
    }
    Some((text, end))
}

/// Text in any language stays text (multicast DNS has UTF-8 names); what would be misread is escaped (RFC 4343).
fn label(text: &mut String, label: &[u8]) {
    for chunk in label.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '.' | '\\' => text.extend(['\\', c]),
                c if c.is_control() => escape(text, c.encode_utf8(&mut [0; 4]).as_bytes()),
                c => text.push(c),
            }
        }
        escape(text, chunk.invalid());
    }
}

fn escape(text: &mut String, bytes: &[u8]) {
    text.extend(bytes.iter().map(|byte| format!("\\{byte:03}")));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message whose names begin behind its header.
    fn message(names: &[u8]) -> Vec<u8> {
        [&[0; 12], names].concat()
    }

    #[test]
    fn names_are_read_and_pointers_followed() {
        type Case = (&'static [u8], usize, Option<(&'static str, usize)>);
        let cases: [Case; 14] = [
            (b"\x06orders\x04shop\0", 12, Some(("orders.shop", 25))),
            (b"\0", 12, Some((".", 13))),
            (b"\x04shop\0\x06orders\xc0\x0c", 18, Some(("orders.shop", 27))),
            (b"\x04shop\0\xc0\x0c", 18, Some(("shop", 20))),
            (b"\x03a.b\x02\\\x07\x01\xff\0", 12, Some(("a\\.b.\\\\\\007.\\255", 22))),
            ("\x03ü1\0".as_bytes(), 12, Some(("ü1", 17))),
            // To itself, to a later place, into the header, around in a ring.
            (b"\xc0\x0c", 12, None),
            (b"\xc0\x0e\x01a\0", 12, None),
            (b"\xc0\x02", 12, None),
            (b"\x01a\xc0\x0c", 12, None),
            (b"\x01a\xc0\x10\x01b\xc0\x0c", 16, None),
            (b"\x40abc", 12, None),
            (b"\x05abc", 12, None),
            (b"", 12, None),
        ];
        for (bytes, at, expected) in cases {
            let found = read(&message(bytes), at);
            assert_eq!(
                found.as_ref().map(|(name, end)| (name.as_str(), *end)),
                expected,
                "{}",
                bytes.escape_ascii()
            );
        }
    }

    #[test]
    fn names_are_bounded_however_they_are_built() {
        // Each name is a label in front of the one before.
        let mut bytes = vec![0; 12];
        let mut last = 0;
        for n in 0..200 {
            let at = bytes.len();
            bytes.extend(b"\x03abc");
            bytes.extend(if n == 0 { vec![0] } else { vec![0xc0 | (last >> 8) as u8, last as u8] });
            last = at;
        }
        assert_eq!(read(&bytes, last), None);
        let sized = |labels: usize| [message(&b"\x03abc".repeat(labels)), vec![0]].concat();
        assert!(read(&sized(63), 12).is_some());
        assert_eq!(skip(&sized(64), 12), Err(Stop::Bad));
    }
}
