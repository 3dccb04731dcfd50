//! Values that JSON has no notation for, as text.

/// RFC 4648, section 4; so many bytes are shown.
pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |n: usize| u32::from(three.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * n)) as usize & 63];
            text.push(if n > three.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    text.extend(bytes.iter().map(|byte| format!("{byte:02x}")));
    text
}

/// `2024-02-29T12:30:00.5Z`; `None` outside the years 1970 to 9999, which extended JSON writes as numbers.
pub(super) fn date(millis: i64) -> Option<String> {
    const DAY: i64 = 86_400_000;
    let year_10000 = 253_402_300_800_000;
    if !(0..year_10000).contains(&millis) {
        return None;
    }
    let (days, rest) = (millis / DAY, millis % DAY);
    // Years that begin in March end with the leap day; eras are 400 years long.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
    let fraction = match rest % 1000 {
        0 => String::new(),
        millis => format!(".{millis:03}"),
    };
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"))
}

/// IEEE 754 decimal128 with a binary coefficient, in the notation of its specification for BSON.
pub(super) fn decimal(bytes: [u8; 16]) -> String {
    const BIAS: i32 = 6176;
    let bits = u128::from_le_bytes(bytes);
    let sign = if bits >> 127 == 1 { "-" } else { "" };
    match (bits >> 122) as u8 & 0x1f {
        0x1f => return "NaN".to_owned(),
        0x1e => return format!("{sign}Infinity"),
        _ => {}
    }
    // A coefficient that begins with the bits 100 has more than 34 digits, and counts as zero.
    let large = (bits >> 125) as u8 & 3 == 3;
    let exponent = (bits >> if large { 111 } else { 113 }) as i32 & 0x3fff;
    let coefficient = if large { 0 } else { bits & ((1 << 113) - 1) };
    let coefficient = if coefficient >= 10_u128.pow(34) { 0 } else { coefficient };
    let digits = coefficient.to_string();
    let exponent = exponent - BIAS;
    let scientific = exponent + digits.len() as i32 - 1;
    if exponent > 0 || scientific < -6 {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        return format!("{sign}{first}{point}{rest}E{scientific:+}");
    }
    let behind = exponent.unsigned_abs() as usize;
    if behind == 0 {
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>width$}", width = behind + 1);
    let (before, behind) = padded.split_at(padded.len() - behind);
    format!("{sign}{before}.{behind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_letters() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xbf]), "+/+/");
        assert_eq!(hex(&[0, 0xaf]), "00af");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (millis, text) in [
            (0, Some("1970-01-01T00:00:00Z")),
            (1, Some("1970-01-01T00:00:00.001Z")),
            (951_782_400_000, Some("2000-02-29T00:00:00Z")),
            (1_709_210_096_789, Some("2024-02-29T12:34:56.789Z")),
            (1_735_689_599_999, Some("2024-12-31T23:59:59.999Z")),
            (4_107_542_400_000, Some("2100-03-01T00:00:00Z")),
            (253_402_300_799_999, Some("9999-12-31T23:59:59.999Z")),
            (253_402_300_800_000, None),
            (-1, None),
        ] {
            assert_eq!(date(millis).as_deref(), text, "{millis}");
        }
    }
}
