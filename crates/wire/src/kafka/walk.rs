//! Messages that are too large to be kept: of records that are produced or fetched, all topics, codes and counts are read
//! as the bytes come, and the records themselves are passed over. Their batches say how many there are.

use super::fields::Fields;
use super::known::Known;
use super::records;
use super::request::Asked;
use super::response::Answered;
use super::{apis, response};

/// A structure between records that is longer is not read, in bytes: a partition that lists what was aborted in it.
const UNIT_LIMIT: usize = 64 * 1024;
/// How many bytes are looked at first for the end of a structure.
const PIECE: usize = 256;
/// How many topics, and how many codes of partitions that are not `OK`, are remembered.
const NAMES_LIMIT: usize = 1024;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Beginning,
    Topic,
    Partition,
    /// Records, of which so many bytes are to come.
    Records(u64),
    PartitionEnd,
    TopicEnd,
    End,
    /// It is not what it seemed to be.
    Lost,
}

/// Reads the body of one message.
#[derive(Debug)]
pub(super) struct Walk {
    /// Of the two that have records.
    key: i16,
    version: i16,
    flexible: bool,
    place: Place,
    /// The beginning of what comes next.
    unit: Vec<u8>,
    /// Bytes to be passed over.
    skip: u64,
    topics_left: usize,
    partitions_left: usize,
    /// Each topic's name or id as it is in the message, and how many records there are of it.
    topics: Vec<(Vec<u8>, u64)>,
    /// Codes that are not `OK`, each with its topic's place and its partition; the message's own comes without.
    codes: Vec<(Option<(usize, i32)>, i16)>,
    count: u64,
    codec: Option<&'static str>,
    /// How many records there are is not known of all.
    more: bool,
}

impl Walk {
    /// Of a request or a response that may have records: what is produced, what is fetched.
    pub(super) fn of(key: i16, version: i16, flexible: bool) -> Self {
        Self {
            key,
            version,
            flexible,
            place: Place::Beginning,
            unit: Vec::new(),
            skip: 0,
            topics_left: 0,
            partitions_left: 0,
            topics: Vec::new(),
            codes: Vec::new(),
            count: 0,
            codec: None,
            more: false,
        }
    }

    /// Takes the next bytes of the body.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while !matches!(self.place, Place::End | Place::Lost) {
            if self.skip > 0 {
                let wanted = usize::try_from(self.skip).unwrap_or(usize::MAX);
                let skipped = wanted.min(bytes.len());
                bytes = &bytes[skipped..];
                self.skip -= skipped as u64;
                if self.skip > 0 {
                    return;
                }
            }
            if self.step() {
                continue;
            }
            if bytes.is_empty() {
                return;
            }
            if self.unit.len() >= UNIT_LIMIT {
                self.place = Place::Lost;
                return;
            }
            let (piece, rest) = bytes.split_at(bytes.len().min(self.unit.len().max(PIECE)));
            self.unit.extend_from_slice(piece);
            bytes = rest;
        }
    }

    /// Whether all of the message was read.
    fn is_at_end(&self) -> bool {
        self.place == Place::End
    }

    pub(super) fn held(&self) -> usize {
        self.unit.capacity()
            + self.topics.iter().map(|(name, _)| name.len() + 32).sum::<usize>()
            + self.codes.len() * size_of::<(Option<(usize, i32)>, i16)>()
    }

    /// Puts what was found in place of what a request's beginning told.
    pub(super) fn tell_asked(&self, asked: &mut Asked, known: &Known<'_>) {
        if !self.is_at_end() {
            return;
        }
        for name in self.topics.iter().filter_map(|(name, _)| self.name(name, known)) {
            asked.add(name);
        }
        let counts = self.topics.iter().filter_map(|(name, count)| Some((self.name(name, known)?, *count)));
        asked.counts = counts.collect();
        self.tell_seen(&mut asked.records);
    }

    /// Puts what was found in place of what a response's beginning told.
    pub(super) fn tell_answered(&self, answered: &mut Answered, known: &Known<'_>) {
        if !self.is_at_end() {
            return;
        }
        let name = |place: usize| self.topics.get(place).and_then(|(name, _)| self.name(name, known));
        answered.code = None;
        answered.code(self.key, 0, String::new);
        for (of, code) in &self.codes {
            answered.code(self.key, *code, || {
                of.and_then(|(topic, partition)| Some(format!("{}/{partition}", name(topic)?)))
                    .unwrap_or_default()
            });
        }
        let counts = self.topics.iter().filter(|(_, count)| *count > 0);
        answered.counts =
            counts.filter_map(|(topic, count)| Some((self.name(topic, known)?, *count))).collect();
        self.tell_seen(&mut answered.records);
    }

    fn tell_seen(&self, seen: &mut Option<records::Seen>) {
        let seen = seen.get_or_insert_with(records::Seen::default);
        (seen.count, seen.more) = (self.count, self.more);
        seen.codec = seen.codec.or(self.codec);
    }

    fn name(&self, topic: &[u8], known: &Known<'_>) -> Option<String> {
        known.topic(&mut Fields::new(topic, self.flexible), self.by_id())
    }

    fn by_id(&self) -> bool {
        self.version >= 13
    }

    /// Reads what comes next, if it is whole.
    fn step(&mut self) -> bool {
        let unit = std::mem::take(&mut self.unit);
        let mut fields = Fields::new(&unit, self.flexible);
        let read = match self.place {
            Place::Beginning => self.beginning(&mut fields),
            Place::Topic => self.topic(&mut fields, &unit),
            Place::Partition => self.partition(&mut fields),
            Place::Records(left) => self.records(left, &mut fields),
            Place::PartitionEnd => fields.tags().map(|()| self.next_partition()),
            Place::TopicEnd => fields.tags().map(|()| self.next_topic()),
            Place::End | Place::Lost => None,
        };
        let rest = fields.rest().len();
        self.unit = unit;
        if read.is_some() {
            // What is to be passed over may be here already.
            let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(rest);
            self.skip -= skipped as u64;
            self.unit.drain(..self.unit.len() - rest + skipped);
        }
        read.is_some()
    }

    fn beginning(&mut self, fields: &mut Fields<'_>) -> Option<()> {
        let mut code = 0;
        if self.key == apis::PRODUCE {
            if self.version >= 3 {
                fields.string()?;
            }
            fields.skip(6)?;
        } else {
            fields.skip_if(self.version >= 1, response::TIME)?;
            if self.version >= 7 {
                code = fields.i16()?;
                fields.skip(4)?;
            }
        }
        self.topics_left = fields.count()?;
        if code != 0 {
            self.codes.push((None, code));
        }
        self.next_topic();
        Some(())
    }

    fn topic(&mut self, fields: &mut Fields<'_>, unit: &[u8]) -> Option<()> {
        if self.by_id() {
            fields.id()?;
        } else {
            fields.string()?;
        }
        let name = &unit[..unit.len() - fields.rest().len()];
        let partitions = fields.count()?;
        if self.topics.len() >= NAMES_LIMIT {
            // Its records are counted on the last one that has a name.
            self.more = true;
        } else {
            self.topics.push((name.to_vec(), 0));
        }
        self.topics_left -= 1;
        self.partitions_left = partitions;
        self.next_partition();
        Some(())
    }

    fn partition(&mut self, fields: &mut Fields<'_>) -> Option<()> {
        let partition = fields.i32()?;
        let mut code = 0;
        if self.key == apis::FETCH {
            code = fields.i16()?;
            response::before_records(self.version, fields)?;
        }
        let size = fields.count()?;
        if code != 0 && self.codes.len() < NAMES_LIMIT {
            let topic = self.topics.len().checked_sub(1);
            self.codes.push((topic.map(|topic| (topic, partition)), code));
        }
        self.partitions_left -= 1;
        self.place = if size == 0 { Place::PartitionEnd } else { Place::Records(size as u64) };
        Some(())
    }

    /// Reads the head of a batch, or of a message before there were batches.
    fn records(&mut self, left: u64, fields: &mut Fields<'_>) -> Option<()> {
        let size = if left < records::HEAD_AT_LEAST as u64 {
            None
        } else {
            let mut size = *fields;
            size.skip(8)?;
            Some(records::ENTRY_HEAD as u64 + u64::try_from(size.i32()?).unwrap_or(left))
        };
        // A broker sends as much as it may, and cuts off the last one, which is then asked for again.
        let Some(size) = size.filter(|size| *size <= left) else {
            self.skip = left;
            self.place = Place::PartitionEnd;
            return Some(());
        };
        let head = fields.take(records::BATCH_HEAD.min(size as usize))?;
        if let Some(entry) = records::Entry::read(head) {
            self.count += entry.count;
            self.codec = self.codec.or(entry.codec);
            self.more |= entry.holds_others;
            if let Some((_, count)) = self.topics.last_mut() {
                *count += entry.count;
            }
        }
        self.skip = size - head.len() as u64;
        self.place = if left > size { Place::Records(left - size) } else { Place::PartitionEnd };
        Some(())
    }

    fn next_partition(&mut self) {
        self.place = if self.partitions_left > 0 { Place::Partition } else { Place::TopicEnd };
    }

    fn next_topic(&mut self) {
        self.place = if self.topics_left > 0 { Place::Topic } else { Place::End };
    }
}

#[cfg(test)]
mod tests {
    use super::super::apis::api_of;
    use super::super::header;
    use super::super::known::Session;
    use super::super::request;
    use super::*;
    use crate::servers::Servers;

    fn hex(text: &str) -> Vec<u8> {
        let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
        text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
    }

    fn walked(key: i16, version: i16, body: &[u8], size: usize) -> Walk {
        let mut walk = Walk::of(key, version, api_of(key).unwrap().is_flexible(version));
        body.chunks(size).for_each(|piece| walk.feed(piece));
        walk
    }

    #[test]
    fn as_much_is_known_of_what_is_not_kept_as_of_what_is() {
        let (mut servers, mut session) = (Servers::default(), Session::default());
        let mut versions = 0;
        for line in include_str!("../../tests/data/kafka-versions.txt").lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let (asked, answered) = (hex(words[2]), hex(words[3]));
            let header = header::request(&asked[header::SIZE..], u64::MAX).unwrap();
            let (api, version) = (header.api, header.version);
            let flexible = api.is_flexible(version);
            let mut known = Known { servers: &mut servers, session: &mut session };
            if api.key == apis::PRODUCE {
                let whole = request::read(api, version, Fields::new(header.body, flexible), &mut known, 100);
                let seen = whole.records.unwrap();
                for size in 1..header.body.len() {
                    let walk = walked(api.key, version, header.body, size);
                    let mut told = Asked::default();
                    walk.tell_asked(&mut told, &known);
                    let records = told.records.unwrap();
                    assert_eq!(told.about, whole.about, "{} by {size}", words[1]);
                    assert_eq!(
                        (records.count, records.more),
                        (seen.count, seen.more),
                        "{} by {size}",
                        words[1]
                    );
                }
                versions += 1;
            }
            if api.key == apis::FETCH {
                let mut body = Fields::new(&answered[header::SIZE + 4..], flexible);
                body.tags().unwrap();
                let whole = response::read(api, version, body, &mut known, 100);
                let seen = whole.records.unwrap();
                for size in 1..body.rest().len() {
                    let walk = walked(api.key, version, body.rest(), size);
                    let mut told = Answered::default();
                    walk.tell_answered(&mut told, &known);
                    let records = told.records.take().unwrap();
                    assert_eq!((told.code, &told.what), (whole.code, &whole.what), "{} by {size}", words[1]);
                    assert_eq!(told.counts, whole.counts, "{} by {size}", words[1]);
                    assert_eq!(
                        (records.count, records.more),
                        (seen.count, seen.more),
                        "{} by {size}",
                        words[1]
                    );
                }
                versions += 1;
            }
        }
        assert!(versions > 20, "{versions}");
    }

    #[test]
    fn of_what_does_not_come_to_its_end_nothing_is_told() {
        let (mut servers, mut session) = (Servers::default(), Session::default());
        let known = Known { servers: &mut servers, session: &mut session };
        // A topic without a name that ends, and a partition that lists without end what was aborted.
        let beginning = b"\0\0\0\0\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\0\0\0";
        let endless = [&beginning[..], &[0; 16], b"\x7f\xff\xff\xff", &vec![1; 100_000]].concat();
        for body in [&endless[..], &beginning[..], b""] {
            let walk = walked(apis::FETCH, 4, body, 1000);
            let mut answered = Answered::default();
            walk.tell_answered(&mut answered, &known);
            assert!(answered.code.is_none() && answered.records.is_none());
            assert!(walk.held() < 4 * UNIT_LIMIT, "{}", walk.held());
        }
    }
}
