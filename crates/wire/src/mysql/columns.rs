//! What a result's columns are called and hold.

use super::read::{Reader, text};

/// The protocol's numbers for types.
pub(super) mod kind {
    pub(crate) const DECIMAL: u8 = 0;
    pub(crate) const TINY: u8 = 1;
    pub(crate) const SHORT: u8 = 2;
    pub(crate) const LONG: u8 = 3;
    pub(crate) const FLOAT: u8 = 4;
    pub(crate) const DOUBLE: u8 = 5;
    pub(crate) const NULL: u8 = 6;
    pub(crate) const TIMESTAMP: u8 = 7;
    pub(crate) const LONGLONG: u8 = 8;
    pub(crate) const INT24: u8 = 9;
    pub(crate) const DATE: u8 = 10;
    pub(crate) const TIME: u8 = 11;
    pub(crate) const DATETIME: u8 = 12;
    pub(crate) const YEAR: u8 = 13;
    pub(crate) const BIT: u8 = 16;
    /// From here on all are strings, JSON the first and geometry the last; so is VARCHAR (15).
    pub(crate) const STRINGS: u8 = 242;
    pub(crate) const VARCHAR: u8 = 15;
    pub(crate) const NEWDECIMAL: u8 = 246;
}

/// The character set of what is no text.
const BINARY: u16 = 63;
const UNSIGNED: u16 = 1 << 5;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: u8,
    pub(super) unsigned: bool,
    /// Its strings are bytes, not text.
    pub(super) binary: bool,
}

impl Column {
    pub(super) fn held(&self) -> usize {
        size_of::<Self>() + self.name.len()
    }
}

/// A column definition; a second one of the same name is called by its table as well.
pub(super) fn column(payload: &[u8], known: &[Column]) -> Option<Column> {
    let mut reader = Reader(payload);
    for _catalog_and_schema in 0..2 {
        reader.string()?;
    }
    let table = reader.string()?;
    reader.string()?;
    let name = reader.string()?;
    reader.string()?;
    // MariaDB may put more about the type before the block of twelve bytes.
    let mut block = reader.string()?;
    if block.len() != 12 {
        block = reader.string()?;
    }
    let mut block = Reader(block);
    let charset = block.u16()?;
    block.take(4)?;
    let kind = block.u8()?;
    let flags = block.u16()?;
    let name = name_among(known, &text(name), &text(table));
    Some(Column { name, kind, unsigned: flags & UNSIGNED != 0, binary: charset == BINARY })
}

fn name_among(known: &[Column], name: &str, table: &str) -> String {
    let taken = |name: &str| known.iter().any(|column| column.name == name);
    if !taken(name) {
        return name.to_owned();
    }
    let full = format!("{table}.{name}");
    if !table.is_empty() && !taken(&full) { full } else { format!("{name} {}", known.len() + 1) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A column definition's payload.
    pub(crate) fn definition(table: &str, name: &str, kind: u8, flags: u16, charset: u16) -> Vec<u8> {
        let mut out = Vec::new();
        for part in ["def", "shop", table, table, name, name] {
            out.push(part.len() as u8);
            out.extend_from_slice(part.as_bytes());
        }
        out.push(12);
        out.extend_from_slice(&charset.to_le_bytes());
        out.extend_from_slice(&[0, 1, 0, 0, kind]);
        out.extend_from_slice(&flags.to_le_bytes());
        out.extend_from_slice(&[0, 0, 0]);
        out
    }

    #[test]
    fn a_definition_tells_name_and_type_and_names_are_told_apart() {
        let mut columns = Vec::new();
        for table in ["a", "b", "b"] {
            columns.extend(column(&definition(table, "id", kind::LONG, UNSIGNED, BINARY), &columns));
        }
        let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["id", "b.id", "id 3"]);
        assert!(columns[0].unsigned && columns[0].binary && columns[0].kind == kind::LONG);
    }

    #[test]
    fn more_about_a_type_is_read_past() {
        let plain = definition("t", "doc", 252, 0, 33);
        let at = plain.len() - 13;
        let more = [&plain[..at], b"\x06\x01\x04json", &plain[at..]].concat();
        assert_eq!(column(&more, &[]), column(&plain, &[]));
        for end in 0..plain.len() {
            assert_eq!(column(&plain[..end], &[]), None);
        }
    }
}
