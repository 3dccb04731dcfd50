//! A connection out of any bytes: what fuzzing feeds, and what the corpus that it left is replayed by.

use etherparse::PacketBuilder;
use model::Timestamp;
use wire::{Limits, Link, Wire};

/// The most that one connection may hold, in bytes: its own bound and what an open call adds.
const HELD: usize = 16 * 1024 * 1024;

/// Secrets of the connection whose client's hello has no random but zeros.
const KEYS: &[u8] = b"CLIENT_RANDOM 0000000000000000000000000000000000000000000000000000000000000000 \
000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
CLIENT_TRAFFIC_SECRET_0 0000000000000000000000000000000000000000000000000000000000000000 \
0000000000000000000000000000000000000000000000000000000000000000
SERVER_TRAFFIC_SECRET_0 0000000000000000000000000000000000000000000000000000000000000000 \
0000000000000000000000000000000000000000000000000000000000000000
";

/// Plays a script of `control length payload` steps. Of `control`, bit 0 is the direction, bit 1 loses the payload, bit 2
/// cuts the packet in half, bit 3 lets it come after the next one, the rest is the length's high part.
///
/// # Panics
/// When a decoder does, when a call is reported after its end or never ends, or when too much is held.
pub(crate) fn play(script: &[u8]) {
    let mut wire = Wire::new(Limits::new(4096));
    wire.add_keys(KEYS);
    let mut out = Vec::new();
    let mut seqs = [1000_u32, u32::MAX - 2000];
    let mut now = 1_000_000_000;
    let mut late: Option<(Vec<u8>, usize)> = None;
    let mut put = |wire: &mut Wire, out: &mut Vec<_>, bytes: &[u8], size: usize| {
        now += 1_000_000;
        wire.packet(Timestamp(now), Link::RawIp, bytes, size, out);
        assert!(wire.held() < HELD, "{} bytes are held", wire.held());
    };
    for (server, flags) in [(false, "S"), (true, "SA"), (false, "A")] {
        put(&mut wire, &mut out, &packet(server, &mut seqs, flags, b""), 1500);
    }
    let mut rest = script;
    while let [control, length, behind @ ..] = rest {
        let length = usize::from(*length) | usize::from(control >> 4) << 8;
        let (payload, behind) = behind.split_at(length.min(behind.len()));
        rest = behind;
        let server = control & 1 != 0;
        let whole = packet(server, &mut seqs, "A", payload);
        if control & 2 != 0 {
            continue;
        }
        let kept = if control & 4 != 0 { whole.len() - payload.len() / 2 } else { whole.len() };
        if control & 8 != 0 && late.is_none() {
            late = Some((whole[..kept].to_vec(), whole.len()));
            continue;
        }
        put(&mut wire, &mut out, &whole[..kept], whole.len());
        if let Some((bytes, size)) = late.take() {
            put(&mut wire, &mut out, &bytes, size);
        }
    }
    for server in [false, true] {
        put(&mut wire, &mut out, &packet(server, &mut seqs, "FA", b""), 1500);
    }
    wire.finish(&mut out);
    let mut done = std::collections::BTreeMap::new();
    for exchange in &out {
        let before = done.insert((exchange.conn, exchange.serial), exchange.done);
        assert!(before != Some(true), "reported after its end: {exchange:?}");
        assert!(exchange.status.as_ref().is_none_or(|status| !status.is_empty()), "{exchange:?}");
    }
    assert!(done.values().all(|done| *done), "a call without an end");
}

fn packet(server: bool, seqs: &mut [u32; 2], flags: &str, payload: &[u8]) -> Vec<u8> {
    let ends = [([10, 0, 0, 1], 40_000), ([10, 0, 0, 2], 8000)];
    let (from, to) = if server { (ends[1], ends[0]) } else { (ends[0], ends[1]) };
    let (own, other) = (usize::from(server), usize::from(!server));
    let mut tcp = PacketBuilder::ipv4(from.0, to.0, 64).tcp(from.1, to.1, seqs[own], 65535);
    if flags.contains('S') {
        tcp = tcp.syn();
    }
    if flags.contains('F') {
        tcp = tcp.fin();
    }
    if flags.contains('A') {
        tcp = tcp.ack(seqs[other]);
    }
    let takes = payload.len() as u32 + u32::from(flags.contains(['S', 'F']));
    seqs[own] = seqs[own].wrapping_add(takes);
    let mut bytes = Vec::with_capacity(tcp.size(payload.len()));
    tcp.write(&mut bytes, payload).expect("a vector takes all");
    bytes
}
