//! What was in a file, besides its calls.

use std::collections::BTreeMap;

/// Kinds of packets that are told apart where there is nothing to decode.
const KINDS: usize = 6;

/// What was in a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Packets read.
    pub packets: u64,
    /// Packets passed over, by link types (tcpdump.org's list) that nothing here knows.
    pub unknown: BTreeMap<i32, u64>,
    /// Packets passed over, since the file does not describe the interface that they name.
    pub undescribed: u64,
    /// Bytes that the file lacks within its connections.
    pub lost: u64,
    /// The last packet is not whole: whoever wrote the file was stopped in the middle.
    pub cut_off: bool,
    /// What the packets carried, where none carried TCP and nothing was decoded.
    pub carried: BTreeMap<String, u64>,
}

impl Summary {
    /// What one should know who sees the calls of this file, or none.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (link, packets) in &self.unknown {
            notes.push(format!("{} of link type {link}, which is not known here", packets_were(*packets)));
        }
        if self.undescribed > 0 {
            let were = packets_were(self.undescribed);
            notes.push(format!("{were} of interfaces that the file does not describe"));
        }
        if !self.carried.is_empty() {
            let mut kinds: Vec<_> = self.carried.iter().collect();
            kinds.sort_by_key(|(_, packets)| std::cmp::Reverse(**packets));
            let (shown, rest) = kinds.split_at(kinds.len().min(KINDS));
            let mut words: Vec<String> =
                shown.iter().map(|(kind, packets)| format!("{kind} ({packets})")).collect();
            let more: u64 = rest.iter().map(|(_, packets)| **packets).sum();
            if more > 0 {
                words.push(format!("others ({more})"));
            }
            let words = words.join(", ");
            notes.push(format!("none of its {} packets carries TCP or DNS, but: {words}", self.packets));
        }
        if self.cut_off {
            notes.push("it breaks off within a packet; calls are shown as far as they go".to_owned());
        }
        if self.lost > 0 {
            let lost = self.lost;
            notes.push(format!(
                "{lost} bytes are missing in its connections; the calls that lack them say so"
            ));
        }
        notes
    }
}

fn packets_were(packets: u64) -> String {
    if packets == 1 {
        "1 packet was passed over: it is".to_owned()
    } else {
        format!("{packets} packets were passed over: they are")
    }
}
