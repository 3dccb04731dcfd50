//! What the tests of this crate share: connections made of packets, and classic capture files.

use etherparse::PacketBuilder;
use model::Timestamp;
use model::exchange::Exchange;
use wire::{Limits, Link, Wire};

/// One captured packet.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    pub(crate) at: Timestamp,
    pub(crate) bytes: Vec<u8>,
    pub(crate) wire_len: usize,
}

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Client,
    Server,
}
pub(crate) use By::{Client, Server};

/// A TCP connection that is written down packet by packet, a millisecond apart.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) packets: Vec<Packet>,
    pub(crate) ports: (u16, u16),
    seqs: [u32; 2],
    now: i64,
    step: i64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    syn: bool,
    fin: bool,
    rst: bool,
    no_ack: bool,
}

impl Talk {
    pub(crate) fn new(port: u16) -> Self {
        Self::starting_at(port, 1000, u32::MAX - 200)
    }

    pub(crate) fn starting_at(port: u16, client: u32, server: u32) -> Self {
        Self {
            packets: Vec::new(),
            ports: (port, 80),
            seqs: [client, server],
            now: 1_000_000_000,
            step: 1_000_000,
        }
    }

    /// A connection with its handshake.
    pub(crate) fn open(port: u16) -> Self {
        let mut talk = Self::new(port);
        talk.handshake();
        talk
    }

    pub(crate) fn handshake(&mut self) {
        self.syn();
        self.syn_ack();
        self.ack(Client);
    }

    pub(crate) fn syn(&mut self) {
        self.put(Client, Flags { syn: true, no_ack: true, ..Flags::default() }, b"");
        self.seqs[0] = self.seqs[0].wrapping_add(1);
    }

    /// The same SYN once more.
    pub(crate) fn syn_again(&mut self) {
        self.seqs[0] = self.seqs[0].wrapping_sub(1);
        self.syn();
    }

    pub(crate) fn syn_ack(&mut self) {
        self.put(Server, Flags { syn: true, ..Flags::default() }, b"");
        self.seqs[1] = self.seqs[1].wrapping_add(1);
    }

    pub(crate) fn ack(&mut self, by: By) {
        self.put(by, Flags::default(), b"");
    }

    /// Bytes in one segment.
    pub(crate) fn send(&mut self, by: By, bytes: &[u8]) {
        self.put(by, Flags::default(), bytes);
        self.seqs[by as usize] = self.seqs[by as usize].wrapping_add(bytes.len() as u32);
    }

    /// Bytes in one segment, of which the capture keeps the first `kept`.
    pub(crate) fn send_short(&mut self, by: By, bytes: &[u8], kept: usize) {
        self.send(by, bytes);
        if let Some(packet) = self.packets.last_mut() {
            packet.bytes.truncate(packet.wire_len - bytes.len() + kept);
        }
    }

    /// Bytes in segments of at most `size`, and the other side's acknowledgement.
    pub(crate) fn send_cut(&mut self, by: By, bytes: &[u8], size: usize) {
        for part in bytes.chunks(size.max(1)) {
            self.send(by, part);
        }
        self.ack(if by == Client { Server } else { Client });
    }

    pub(crate) fn fin(&mut self, by: By) {
        self.put(by, Flags { fin: true, ..Flags::default() }, b"");
        self.seqs[by as usize] = self.seqs[by as usize].wrapping_add(1);
    }

    pub(crate) fn rst(&mut self, by: By) {
        self.put(by, Flags { rst: true, ..Flags::default() }, b"");
    }

    pub(crate) fn close(&mut self) {
        self.fin(Client);
        self.fin(Server);
        self.ack(Client);
    }

    /// Lets time pass, in milliseconds.
    pub(crate) fn wait(&mut self, millis: i64) {
        self.now += millis * 1_000_000;
    }

    fn put(&mut self, by: By, flags: Flags, bytes: &[u8]) {
        let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        let (from, to, ports) = match by {
            Client => (client, server, self.ports),
            Server => (server, client, (self.ports.1, self.ports.0)),
        };
        let [seq, ack] = match by {
            Client => self.seqs,
            Server => [self.seqs[1], self.seqs[0]],
        };
        let mut tcp = PacketBuilder::ipv4(from, to, 64).tcp(ports.0, ports.1, seq, 65535);
        if flags.syn {
            tcp = tcp.syn();
        }
        if flags.fin {
            tcp = tcp.fin();
        }
        if flags.rst {
            tcp = tcp.rst();
        }
        if !flags.no_ack {
            tcp = tcp.ack(ack);
        }
        let mut packet = Vec::with_capacity(tcp.size(bytes.len()));
        tcp.write(&mut packet, bytes).unwrap();
        self.now += self.step;
        self.packets.push(Packet { at: Timestamp(self.now), wire_len: packet.len(), bytes: packet });
    }
}

/// Every report, in order.
pub(crate) fn reports(packets: &[Packet]) -> Vec<Exchange> {
    reports_within(packets, Limits::new(64 * 1024))
}

pub(crate) fn reports_within(packets: &[Packet], limits: Limits) -> Vec<Exchange> {
    let mut wire = Wire::new(limits);
    let mut out = Vec::new();
    for packet in packets {
        wire.packet(packet.at, Link::RawIp, &packet.bytes, packet.wire_len, &mut out);
    }
    wire.finish(&mut out);
    out
}

/// The last report of each exchange, by connection and serial; panics when one is reported after it is done.
pub(crate) fn last(reports: Vec<Exchange>) -> Vec<Exchange> {
    let mut exchanges = std::collections::BTreeMap::new();
    for exchange in reports {
        let before = exchanges.insert((exchange.conn, exchange.serial), exchange);
        assert!(
            !before.as_ref().is_some_and(|b: &Exchange| b.done),
            "reported after it was done: {before:?}"
        );
    }
    assert!(exchanges.values().all(|e| e.done), "not done: {exchanges:?}");
    exchanges.into_values().collect()
}

pub(crate) fn exchanges(packets: &[Packet]) -> Vec<Exchange> {
    last(reports(packets))
}

/// `method target status quality request-bytes/response-bytes` of an exchange.
pub(crate) fn line(exchange: &Exchange) -> String {
    let status = exchange.status.as_deref().unwrap_or("-");
    let got = exchange.response.as_ref().map_or("-".to_owned(), |r| r.bytes.to_string());
    let name = match exchange.method.as_str() {
        "" => exchange.protocol.name().to_owned(),
        method => format!("{method} {}", exchange.target),
    };
    format!(
        "{name} {status} {} {}/{got} {:?}",
        exchange.quality.name(),
        exchange.request.bytes,
        exchange.ending
    )
}

pub(crate) fn lines(packets: &[Packet]) -> Vec<String> {
    exchanges(packets).iter().map(line).collect()
}

/// The packets of a classic capture file, and their link type's number.
pub(crate) fn read_pcap(file: &[u8]) -> (u32, Vec<Packet>) {
    let little = file[..4] == [0xd4, 0xc3, 0xb2, 0xa1];
    let word = |at: usize| {
        let bytes: [u8; 4] = file[at..at + 4].try_into().unwrap();
        if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    };
    let mut packets = Vec::new();
    let mut at = 24;
    while at + 16 <= file.len() {
        let kept = word(at + 8) as usize;
        packets.push(Packet {
            at: Timestamp::from_parts(i64::from(word(at)), word(at + 4).wrapping_mul(1000)),
            bytes: file[at + 16..at + 16 + kept].to_vec(),
            wire_len: word(at + 12) as usize,
        });
        at += 16 + kept;
    }
    (word(20), packets)
}

/// The exchanges of a classic capture file.
pub(crate) fn captured(file: &[u8], limits: Limits) -> Vec<Exchange> {
    let (link, packets) = read_pcap(file);
    let link = Link::numbered(link as i32).expect("a link type that is known");
    let mut wire = Wire::new(limits);
    let mut out = Vec::new();
    for packet in &packets {
        wire.packet(packet.at, link, &packet.bytes, packet.wire_len, &mut out);
    }
    wire.finish(&mut out);
    last(out)
}

/// The messages of a stream: who sent what, and how much of it, in the order in which they came.
pub(crate) fn parts(exchange: &Exchange) -> Vec<String> {
    let mut parts = Vec::new();
    for (arrow, message) in [(">", Some(&exchange.request)), ("<", exchange.response.as_ref())] {
        let mut rest = message.map_or(&[][..], |message| &message.body);
        for part in message.map_or(&[][..], |message| &message.parts) {
            let (bytes, behind) = rest.split_at(part.kept as usize);
            rest = behind;
            let text = match str::from_utf8(bytes) {
                Ok(text) if part.kept > 0 => format!(" {text}"),
                Ok(_) | Err(_) => String::new(),
            };
            parts.push((part.at, format!("{arrow} {} {}{text}", part.kind, part.bytes)));
        }
    }
    parts.sort_by_key(|(at, _)| *at);
    parts.into_iter().map(|(_, part)| part).collect()
}

/// A UDP datagram at so many milliseconds; a client's port is `ports.0`, its server's `ports.1`.
pub(crate) fn datagram(millis: i64, by: By, ports: (u16, u16), bytes: &[u8]) -> Packet {
    let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    let (from, to, ports) = match by {
        Client => (client, server, ports),
        Server => (server, client, (ports.1, ports.0)),
    };
    let mut packet = Vec::new();
    PacketBuilder::ipv4(from, to, 64).udp(ports.0, ports.1).write(&mut packet, bytes).unwrap();
    let at = Timestamp(1_000_000_000 + millis * 1_000_000);
    Packet { at, wire_len: packet.len(), bytes: packet }
}
