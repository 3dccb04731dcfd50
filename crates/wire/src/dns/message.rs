//! One message (RFC 1035, section 4): its header, what it asks, its records.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;

use super::name::{self, Stop};
use super::words;

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Via {
    Udp,
    Tcp,
}

pub(super) const HEADER: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: u16,
    pub(super) flags: u16,
    /// Questions, answers, authority and additional records.
    pub(super) counts: [u16; 4],
}

impl Header {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| word(bytes, at);
        let counts = [word(4)?, word(6)?, word(8)?, word(10)?];
        Some(Self { id: word(0)?, flags: word(2)?, counts })
    }

    pub(super) fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    pub(super) fn opcode(&self) -> u8 {
        (self.flags >> 11) as u8 & 0xf
    }

    pub(super) fn rcode(&self) -> u16 {
        self.flags & 0xf
    }

    /// The bits that are set, by their usual short names.
    pub(super) fn flag_names(&self) -> String {
        const NAMES: [(u16, &str); 6] =
            [(0x400, "aa"), (0x200, "tc"), (0x100, "rd"), (0x80, "ra"), (0x20, "ad"), (0x10, "cd")];
        let set = NAMES.iter().filter(|(bit, _)| self.flags & bit != 0).map(|(_, name)| *name);
        set.collect::<Vec<_>>().join(" ")
    }
}

/// What is asked; in multicast DNS the highest bit of the class means something else, and is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) name: String,
    pub(super) kind: u16,
    pub(super) class: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Answer,
    Authority,
    Additional,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) section: Section,
    /// Where its name begins.
    pub(super) name: usize,
    pub(super) kind: u16,
    pub(super) class: u16,
    pub(super) ttl: u32,
    /// Where its data is.
    pub(super) data: Range<usize>,
}

/// A message, or its beginning: what is cut off has no records.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) header: Header,
    /// The first one; hardly ever is there another.
    pub(super) question: Option<Question>,
    records: Option<usize>,
}

impl<'a> Message<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let header = Header::read(bytes)?;
        let mut at = Ok(HEADER);
        let mut question = None;
        for n in 0..header.counts[0] {
            if n == 0
                && let Some((name, end)) = name::read(bytes, HEADER)
            {
                let class = word(bytes, end + 2).unwrap_or_default() & 0x7fff;
                question = word(bytes, end).map(|kind| Question { name, kind, class });
            }
            at = at.and_then(|at| name::skip(bytes, at)).map(|end| end + 4);
            if at.is_err() {
                break;
            }
        }
        Some(Self { bytes, header, question, records: at.ok() })
    }

    /// What tells this question from others with the same id; letters count the same in either case (RFC 4343), since
    /// some resolvers mix them at random.
    pub(super) fn key(&self) -> Option<u64> {
        let question = self.question.as_ref()?;
        let mut hasher = DefaultHasher::new();
        question.name.bytes().for_each(|b| hasher.write_u8(b.to_ascii_lowercase()));
        (question.kind, question.class).hash(&mut hasher);
        Some(hasher.finish())
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Record> + use<'a> {
        let [_, answers, authority, additional] = self.header.counts;
        let sections =
            [(Section::Answer, answers), (Section::Authority, authority), (Section::Additional, additional)];
        let bytes = self.bytes;
        let mut at = self.records;
        sections.into_iter().flat_map(|(section, count)| (0..count).map(move |_| section)).map_while(
            move |section| {
                let (record, end) = record(bytes, at?, section).ok()?;
                at = Some(end);
                Some(record)
            },
        )
    }

    pub(super) fn name(&self, record: &Record) -> Option<String> {
        Some(name::read(self.bytes, record.name)?.0)
    }

    pub(super) fn edns(&self) -> Option<Record> {
        self.records().find(|record| record.kind == words::OPT)
    }

    /// The response code with its upper bits (RFC 6891, section 6.1.3).
    pub(super) fn rcode(&self) -> u16 {
        let upper = self.edns().map_or(0, |opt| (opt.ttl >> 24) as u16);
        upper << 4 | self.header.rcode()
    }
}

/// The record at `at`, and where it ends.
pub(super) fn record(bytes: &[u8], at: usize, section: Section) -> Result<(Record, usize), Stop> {
    let fixed = name::skip(bytes, at)?;
    let field = |offset: usize| word(bytes, fixed + offset).ok_or(Stop::Short);
    let ttl = u32::from(field(4)?) << 16 | u32::from(field(6)?);
    let data = fixed + 10..fixed + 10 + usize::from(field(8)?);
    let end = data.end;
    let record = Record { section, name: at, kind: field(0)?, class: field(2)?, ttl, data };
    if end > bytes.len() { Err(Stop::Short) } else { Ok((record, end)) }
}

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes([two[0], two[1]]))
}
