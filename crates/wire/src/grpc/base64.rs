//! Base64 as gRPC-Web sends it: one text or several after the other, each with its padding.

#[derive(Debug, Default)]
pub(super) struct Base64 {
    bits: u32,
    digits: u32,
}

impl Base64 {
    /// The bytes that these characters complete. What is no digit is passed over; padding ends a text.
    pub(super) fn decode(&mut self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
        for character in text {
            let Some(digit) = digit(*character) else {
                if *character == b'=' {
                    self.digits = 0;
                }
                continue;
            };
            self.bits = self.bits << 6 | digit;
            self.digits += 1;
            // The first digit of four completes no byte, each other one does.
            if self.digits > 1 {
                let spare = 8 - 2 * self.digits;
                out.push((self.bits >> spare) as u8);
            }
            self.digits %= 4;
        }
        out
    }
}

fn digit(character: u8) -> Option<u32> {
    Some(u32::from(match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_however_they_are_cut() {
        for (text, expected) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYmFy", "foobar"),
            ("Zg==Zm8=Zm9v", "ffofoo"),
            ("Zm9v\r\nYmFy", "foobar"),
        ] {
            for size in 1..=text.len().max(1) {
                let mut base64 = Base64::default();
                let bytes: Vec<u8> =
                    text.as_bytes().chunks(size).flat_map(|chunk| base64.decode(chunk)).collect();
                assert_eq!(bytes, expected.as_bytes(), "{text} by {size}");
            }
        }
    }
}
