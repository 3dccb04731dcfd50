//! The code that strings are shortened with (RFC 7541 section 5.2 and appendix B).
//!
//! It is a canonical one: symbols of one length follow each other in order, so that the lengths alone tell the code.

use std::sync::LazyLock;

/// How many bits each byte takes, and last the end of a string, which is never sent.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];
const LONGEST: usize = 30;
const END: u16 = 256;

/// The codes of one length.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    first: u32,
    count: u32,
    /// Where their symbols begin in [`Code::symbols`].
    at: u32,
}

struct Code {
    rows: [Row; LONGEST + 1],
    symbols: Vec<u16>,
    /// The symbol that eight bits begin with, and its length; 0 where that is longer. Texts are made of the short ones.
    short: [(u8, u8); 256],
}

static CODE: LazyLock<Code> = LazyLock::new(|| {
    let mut rows = [Row::default(); LONGEST + 1];
    let mut symbols = Vec::with_capacity(LENGTHS.len());
    let mut next = 0;
    for (length, row) in rows.iter_mut().enumerate() {
        next <<= 1;
        let of_length = (0..=END).filter(|s| usize::from(LENGTHS[usize::from(*s)]) == length);
        row.at = symbols.len() as u32;
        symbols.extend(of_length);
        row.first = next;
        row.count = symbols.len() as u32 - row.at;
        next += row.count;
    }
    let mut code = Code { rows, symbols, short: [(0, 0); 256] };
    for bits in 0..=u8::MAX {
        if let Some((symbol, length)) = search(&code, bits.into(), 8) {
            code.short[usize::from(bits)] = (symbol as u8, length as u8);
        }
    }
    code
});

/// The bytes that a string of this code stands for; `None` when it is no such string.
pub(super) fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    let code = &*CODE;
    let mut text = Vec::with_capacity(coded.len() * 8 / 5);
    let (mut bits, mut known) = (0_u64, 0);
    let mut rest = coded.iter();
    loop {
        while known <= 56
            && let Some(byte) = rest.next()
        {
            bits = bits << 8 | u64::from(*byte);
            known += 8;
        }
        let Some((symbol, length)) = next(code, bits, known) else { break };
        if symbol == END {
            return None;
        }
        text.push(symbol as u8);
        known -= length;
    }
    // What is left fills the last byte with ones.
    let padding = (1_u64 << known) - 1;
    (known < 8 && bits & padding == padding).then_some(text)
}

/// The symbol that the first of the last `known` bits are, and how many of them.
fn next(code: &Code, bits: u64, known: usize) -> Option<(u16, usize)> {
    if let Some(behind) = known.checked_sub(8)
        && let (symbol, length @ 1..) = code.short[usize::from((bits >> behind) as u8)]
    {
        return Some((symbol.into(), length.into()));
    }
    search(code, bits, known)
}

fn search(code: &Code, bits: u64, known: usize) -> Option<(u16, usize)> {
    for (length, row) in code.rows.iter().enumerate().skip(5) {
        if length > known {
            return None;
        }
        let word = (bits >> (known - length)) as u32 & ((1 << length) - 1);
        if let Some(place) = word.checked_sub(row.first).filter(|place| *place < row.count) {
            return Some((code.symbols[(row.at + place) as usize], length));
        }
    }
    None
}

#[cfg(test)]
pub(crate) fn encode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut bits, mut known) = (0_u64, 0);
    for byte in text {
        let length = usize::from(LENGTHS[usize::from(*byte)]);
        let row = CODE.rows[length];
        let place =
            CODE.symbols[row.at as usize..].iter().position(|s| *s == u16::from(*byte)).unwrap() as u32;
        bits = bits << length | u64::from(row.first + place);
        known += length;
        while known >= 8 {
            known -= 8;
            out.push((bits >> known) as u8);
        }
    }
    if known > 0 {
        out.push((bits << (8 - known)) as u8 | ((1_u16 << (8 - known)) - 1) as u8);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_of_the_appendix() {
        let cases: [(u8, u32, usize); 8] = [
            (0, 0x1ff8, 13),
            (b' ', 0x14, 6),
            (b'0', 0x0, 5),
            (b't', 0x9, 5),
            (b'&', 0xf8, 8),
            (b'\\', 0x7fff0, 19),
            (10, 0x3fff_fffc, 30),
            (255, 0x3ff_ffee, 26),
        ];
        for (symbol, code, length) in cases {
            let row = CODE.rows[length];
            let place = CODE.symbols[row.at as usize..].iter().position(|s| *s == u16::from(symbol)).unwrap();
            assert_eq!(row.first + place as u32, code, "{symbol}");
        }
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
        assert_eq!(decode(&encode(&all)).unwrap(), all);
        for byte in 0..=255 {
            assert_eq!(decode(&encode(&[byte])), Some(vec![byte]));
        }
        assert_eq!(decode(b""), Some(Vec::new()));
    }

    #[test]
    fn what_is_no_string_is_refused() {
        let cases: [&[u8]; 4] = [b"\xff", b"\x00", b"\x1f\xff", b"\xff\xff\xff\xff"];
        for coded in cases {
            assert_eq!(decode(coded), None, "{coded:x?}");
        }
    }
}
