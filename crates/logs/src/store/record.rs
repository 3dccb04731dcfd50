//! The index: sixteen bytes a line, and a summary of every couple of thousand lines.

use model::line::{Level, Stream};

/// Bytes of one record on disk.
pub(crate) const RECORD: usize = 16;
/// A zone is closed at so many lines or bytes, so that it is scanned within a fraction of a millisecond.
const ZONE_LINES: u32 = 2048;
const ZONE_BYTES: u32 = 1 << 20;

const STREAM_BITS: u8 = 0b0000_0011;
const CONTINUES: u8 = 0b0000_0100;
const ASIDE: u8 = 0b0000_1000;

/// What the index knows of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    /// What lines are ordered by: the engine's time, moved forward where the stream's clock stepped back a little.
    pub(crate) ts: i64,
    /// Where the line ends in the segment's text, its line feed included; it begins where the one before ends.
    pub(crate) end: u32,
    /// Number in the service's table of instances.
    pub(crate) instance: u16,
    /// 0 for none, else 1 for trace to 6 for fatal.
    pub(crate) level: u8,
    pub(crate) flags: u8,
}

impl Record {
    pub(crate) fn flags(stream: Stream, continues: bool, aside: bool) -> u8 {
        let stream = stream_number(stream);
        stream | if continues { CONTINUES } else { 0 } | if aside { ASIDE } else { 0 }
    }

    pub(crate) fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.ts.to_le_bytes());
        out.extend_from_slice(&self.end.to_le_bytes());
        out.extend_from_slice(&self.instance.to_le_bytes());
        out.extend_from_slice(&[self.level, self.flags]);
    }

    /// The record number `at` of an index.
    pub(crate) fn read(index: &[u8], at: u32) -> Option<Self> {
        let start = at as usize * RECORD;
        let bytes: &[u8; RECORD] = index.get(start..start + RECORD)?.try_into().ok()?;
        let [t0, t1, t2, t3, t4, t5, t6, t7, e0, e1, e2, e3, i0, i1, level, flags] = *bytes;
        Some(Self {
            ts: i64::from_le_bytes([t0, t1, t2, t3, t4, t5, t6, t7]),
            end: u32::from_le_bytes([e0, e1, e2, e3]),
            instance: u16::from_le_bytes([i0, i1]),
            level: level.min(6),
            flags,
        })
    }

    pub(crate) fn stream(self) -> Stream {
        match self.flags & STREAM_BITS {
            0 => Stream::Stdout,
            1 => Stream::Stderr,
            2 => Stream::Build,
            _ => Stream::Reload,
        }
    }

    pub(crate) fn continues(self) -> bool {
        self.flags & CONTINUES != 0
    }

    /// Whether both lines are of one stream of one instance.
    pub(crate) fn is_beside(self, other: Self) -> bool {
        self.instance == other.instance && (self.flags ^ other.flags) & STREAM_BITS == 0
    }

    /// Whether the line has something beside its text.
    pub(crate) fn has_aside(self) -> bool {
        self.flags & ASIDE != 0
    }

    pub(crate) fn level(self) -> Option<Level> {
        Level::ALL.get(usize::from(self.level).checked_sub(1)?).copied()
    }

    pub(crate) fn level_bit(self) -> u8 {
        1 << self.level
    }

    pub(crate) fn stream_bit(self) -> u8 {
        1 << (self.flags & STREAM_BITS)
    }
}

/// The number of a stream in the index, and of its bit in a mask.
pub(crate) fn stream_number(stream: Stream) -> u8 {
    match stream {
        Stream::Stdout => 0,
        Stream::Stderr => 1,
        Stream::Build => 2,
        Stream::Reload => 3,
    }
}

/// The number of a level in the index, and of its bit in a mask.
pub(crate) fn level_number(level: Option<Level>) -> u8 {
    level.and_then(|level| Level::ALL.iter().position(|l| *l == level)).map_or(0, |at| at as u8 + 1)
}

/// What neighbouring lines of a segment have in common: what a search skips or scans as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) first: u32,
    pub(crate) count: u32,
    /// Where the text of the first line begins.
    pub(crate) start: u32,
    pub(crate) min: i64,
    pub(crate) max: i64,
    pub(crate) levels: u8,
    pub(crate) streams: u8,
}

/// The zones of a segment, grown line by line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Zones {
    pub(crate) all: Vec<Zone>,
    pub(crate) lines: u32,
    /// Where the text of the next line begins.
    pub(crate) end: u32,
    /// Lines by level number.
    pub(crate) levels: [u64; 7],
}

impl Zones {
    pub(crate) fn push(&mut self, record: Record) {
        let start = self.end;
        let open =
            self.all.last().copied().filter(|z| z.count < ZONE_LINES && record.end - z.start <= ZONE_BYTES);
        let fresh = Zone {
            first: self.lines,
            count: 0,
            start,
            min: record.ts,
            max: record.ts,
            levels: 0,
            streams: 0,
        };
        let zone = open.unwrap_or(fresh);
        let grown = Zone {
            count: zone.count + 1,
            min: zone.min.min(record.ts),
            max: zone.max.max(record.ts),
            levels: zone.levels | record.level_bit(),
            streams: zone.streams | record.stream_bit(),
            ..zone
        };
        match self.all.last_mut() {
            Some(last) if open.is_some() => *last = grown,
            _ => self.all.push(grown),
        }
        self.lines += 1;
        self.end = record.end;
        self.levels[usize::from(record.level)] += 1;
    }

    /// The latest time in the segment.
    pub(crate) fn latest(&self) -> Option<i64> {
        self.all.iter().map(|zone| zone.max).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_record_survives_the_disk(ts: i64, end: u32, instance: u16, level in 0_u8..7, cont: bool, aside: bool) {
            for stream in [Stream::Stdout, Stream::Stderr, Stream::Build, Stream::Reload] {
                let flags = Record::flags(stream, cont, aside);
                let record = Record { ts, end, instance, level, flags };
                let mut bytes = vec![0; RECORD];
                record.write(&mut bytes);
                prop_assert_eq!(Record::read(&bytes, 1), Some(record));
                prop_assert_eq!(Record::read(&bytes, 2), None);
                prop_assert_eq!((record.stream(), record.continues(), record.has_aside()), (stream, cont, aside));
                prop_assert_eq!(level_number(record.level()), level);
            }
        }

        #[test]
        fn zones_cover_every_line_once(ends in proptest::collection::vec(1_u32..2000, 0..6000)) {
            let mut zones = Zones::default();
            let mut end = 0;
            for (at, length) in ends.iter().enumerate() {
                end += length;
                zones.push(Record { ts: at as i64, end, instance: 0, level: (at % 7) as u8, flags: 0 });
            }
            let mut next = 0;
            for zone in &zones.all {
                prop_assert_eq!(zone.first, next);
                prop_assert!(zone.count <= ZONE_LINES && zone.count > 0);
                prop_assert_eq!((zone.min, zone.max), (i64::from(next), i64::from(next + zone.count - 1)));
                next += zone.count;
            }
            prop_assert_eq!(next as usize, ends.len());
            prop_assert_eq!(zones.levels.iter().sum::<u64>(), ends.len() as u64);
        }
    }
}
