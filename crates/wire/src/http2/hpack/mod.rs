//! Header blocks (RFC 7541), read by a listener that may have come late.
//!
//! References into the part of the table that was not seen give placeholders, never guesses, and entries whose name is
//! not known keep their place, so that all later references stay right.

mod huffman;
mod table;

use model::exchange::Quality;

use crate::decode::Loss;
pub(crate) use table::Field;
use table::{Entry, Table};

/// How much of a block's fields is kept, in bytes: one byte of a block can stand for a whole entry.
const FIELDS_LIMIT: usize = 256 * 1024;

/// What a block says.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) fields: Vec<Field>,
    /// It was read to its end.
    pub(crate) whole: bool,
    /// Fields were left out for their size.
    pub(crate) cut: bool,
    size: usize,
}

impl Block {
    /// The value of a field that is known.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.known && field.name == name).map(|field| field.value.as_str())
    }

    fn push(&mut self, field: Field) {
        self.size += field.name.len() + field.value.len() + size_of::<Field>();
        if self.size > FIELDS_LIMIT {
            self.cut = true;
        } else {
            self.fields.push(field);
        }
    }
}

/// The decoder of one direction. Blocks must come in the order in which they were sent, whatever they belong to.
#[derive(Debug)]
pub(crate) struct Hpack {
    table: Table,
    /// Why older entries are not known.
    unseen: Quality,
}

impl Default for Hpack {
    fn default() -> Self {
        Self { table: Table::default(), unseen: Quality::MidStream }
    }
}

impl Hpack {
    pub(crate) fn decode(&mut self, bytes: &[u8]) -> Block {
        let mut block = Block::default();
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            if self.field(*first, &mut rest, &mut block).is_none() {
                return block;
            }
        }
        block.whole = true;
        block
    }

    /// What makes a field unknown.
    pub(crate) fn unseen(&self) -> Quality {
        self.unseen
    }

    /// The connection begins here.
    pub(crate) fn begin(&mut self) {
        self.table.begin();
    }

    /// The other side allows a table of this size.
    pub(crate) fn allow(&mut self, bytes: u32) {
        self.table.allow(u64::from(bytes));
    }

    /// Blocks, or parts of some, are missing here.
    pub(crate) fn lose(&mut self, loss: Loss) {
        self.unseen = loss.quality();
        self.table.forget();
    }

    /// A part of a block came whose beginning did not.
    pub(crate) fn miss(&mut self) {
        self.table.forget();
    }

    pub(crate) fn held(&self) -> usize {
        self.table.held()
    }

    /// Reads one representation (RFC 7541 section 6); `None` when it is broken, or not whole.
    fn field(&mut self, first: u8, rest: &mut &[u8], block: &mut Block) -> Option<()> {
        match first {
            0x80.. => {
                let field = self.indexed(integer(rest, 7)?)?;
                block.push(field);
            }
            0x40.. => {
                let field = self.literal(rest, 6)?;
                self.table.add(field.clone());
                block.push(field);
            }
            0x20.. => {
                let size = integer(rest, 5)?;
                self.table.resize(size);
            }
            _ => {
                let field = self.literal(rest, 4)?;
                block.push(field);
            }
        }
        Some(())
    }

    fn indexed(&self, index: u64) -> Option<Field> {
        Some(match self.table.get(index)? {
            Entry::Known(name, value) => known(name, value),
            Entry::Partly(field) => field.clone(),
            Entry::Older(index) => {
                Field { name: self.placeholder(index), value: String::new(), known: false }
            }
        })
    }

    fn literal(&self, rest: &mut &[u8], prefix: u32) -> Option<Field> {
        let index = integer(rest, prefix)?;
        let (name, known) = if index == 0 {
            (string(rest)?, true)
        } else {
            match self.table.get(index)? {
                Entry::Known(name, _) => (name.to_owned(), true),
                Entry::Partly(field) => (field.name.clone(), !is_placeholder(&field.name)),
                Entry::Older(index) => (self.placeholder(index), false),
            }
        };
        Some(Field { name, value: string(rest)?, known })
    }

    fn placeholder(&self, index: Option<u64>) -> String {
        match (index, self.unseen) {
            (Some(index), Quality::MidStream) => format!("‹indexed before capture #{index}›"),
            (Some(index), _) => format!("‹indexed before a loss #{index}›"),
            (None, _) => "‹indexed too long ago›".to_owned(),
        }
    }
}

/// Whether this stands in the place of a name that is not known.
pub(crate) fn is_placeholder(name: &str) -> bool {
    name.starts_with('‹')
}

fn known(name: &str, value: &str) -> Field {
    Field { name: name.to_owned(), value: value.to_owned(), known: true }
}

/// RFC 7541 section 5.1. No index, size or length is larger than 32 bits in practice.
fn integer(rest: &mut &[u8], prefix: u32) -> Option<u64> {
    let (first, mut tail) = rest.split_first()?;
    let most = (1_u64 << prefix) - 1;
    let mut value = u64::from(*first) & most;
    if value == most {
        for shift in (0..35).step_by(7) {
            let (byte, behind) = tail.split_first()?;
            tail = behind;
            value += u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                *rest = tail;
                return Some(value);
            }
        }
        return None;
    }
    *rest = tail;
    Some(value)
}

/// RFC 7541 section 5.2.
fn string(rest: &mut &[u8]) -> Option<String> {
    let shortened = rest.first()? & 0x80 != 0;
    let length = usize::try_from(integer(rest, 7)?).ok()?;
    let (bytes, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    if shortened {
        return huffman::decode(bytes).map(text);
    }
    Some(text(bytes.to_vec()))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests;
