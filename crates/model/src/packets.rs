//! Packets as they were heard, in the form that capture files have.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Which packets are wanted of those that the guest still has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketsAsk {
    /// Comes back with the answer.
    pub ask: u32,
    /// The number of the first packet to look at; `None`: those that come from now on.
    pub from: Option<u64>,
    /// None that was heard before.
    pub since: Timestamp,
    /// Whose.
    pub of: PacketsOf,
}

/// Whose packets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PacketsOf {
    /// Everybody's.
    All,
    /// Of these machines, to and from whomever.
    Hosts(Vec<IpAddr>),
    /// Of one connection.
    Connection {
        /// Its ends, in any order.
        ends: [SocketAddr; 2],
        /// A time at which it was open: the same ends may have had others before and after.
        at: Timestamp,
    },
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Packets {
    /// Of the question.
    pub ask: u32,
    /// [`Record`]s, one after the other.
    #[serde(with = "serde_bytes")]
    pub records: Vec<u8>,
    /// How many they are.
    pub count: u32,
    /// Where to go on.
    pub next: u64,
    /// There are more already.
    pub more: bool,
    /// How many packets, of whomever, were forgotten before they were looked at.
    pub missed: u64,
    /// How many bytes of packets are kept in all; 0: none are.
    pub kept: u32,
}

/// One packet as it lies in a capture file with times in nanoseconds
/// (<https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html>, section 5).
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// When it was heard.
    pub at: Timestamp,
    /// As much of it as was kept.
    pub packet: &'a [u8],
    /// All of the record, its head included.
    pub bytes: &'a [u8],
}

/// The length of a [`Record`]'s head.
const HEAD: usize = 16;

impl<'a> Record<'a> {
    /// The length of a record's head.
    pub const HEAD: usize = HEAD;

    /// The head of a packet of which `kept` bytes were kept of `whole`.
    pub fn head(at: Timestamp, kept: usize, whole: usize) -> [u8; HEAD] {
        const SECOND: i64 = 1_000_000_000;
        let numbers =
            [at.0.div_euclid(SECOND) as u32, at.0.rem_euclid(SECOND) as u32, kept as u32, whole as u32];
        let mut head = [0; HEAD];
        for (place, number) in head.chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        head
    }

    /// The first record of some bytes.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (numbers, _) = bytes.split_at_checked(HEAD)?;
        let number = |n: usize| {
            let bytes = numbers.get(4 * n..4 * n + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?))
        };
        let at = Timestamp::from_parts(i64::from(number(0)?), number(1)?);
        let bytes = bytes.get(..HEAD + number(2)? as usize)?;
        Some(Self { at, packet: &bytes[HEAD..], bytes })
    }
}

/// What a capture file of [`Record`]s begins with: Ethernet frames, times in nanoseconds.
pub fn file_head() -> [u8; 24] {
    // No packet is longer than this; readers make room for it.
    const LONGEST: u32 = 262_144;
    const ETHERNET: u32 = 1;
    let mut head = [0; 24];
    let words = [0xa1b2_3c4d, 2 | 4 << 16, 0, 0, LONGEST, ETHERNET];
    for (place, word) in head.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&u32::to_le_bytes(word));
    }
    head
}
