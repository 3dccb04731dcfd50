//! The kernel's part of choosing packets: a classic BPF program on interface, direction and protocol. TCP passes, of
//! UDP what asks for names, and of ICMP that something did not arrive.
//!
//! The socket hears every interface. A packet that crosses a bridge is heard several times: on the sender's port, on
//! the receiver's port, and on the bridge itself when one end is the host. Each is heard exactly once where it comes
//! in from a container (its port, not outgoing) or from the host (the bridge, outgoing). Interfaces that are known to
//! be none of the stack's are refused; one that nobody has seen yet is let through, since it may be the port of a
//! container that starts just now.
//!
//! On loopback each packet is heard twice, as it leaves and as it comes in; the second time counts.

use libc::{
    BPF_ABS, BPF_ADD, BPF_ALU, BPF_AND, BPF_B, BPF_H, BPF_JA, BPF_JEQ, BPF_JGT, BPF_JMP, BPF_JSET, BPF_K,
    BPF_LD, BPF_LEN, BPF_MISC, BPF_RET, BPF_RSH, BPF_TAX, BPF_W, BPF_X, SKF_AD_IFINDEX, SKF_AD_OFF,
    SKF_AD_PKTTYPE, SKF_AD_PROTOCOL, SKF_NET_OFF, sock_filter,
};

use super::snap::Copied;

/// The kernel takes 4,096 instructions; each interface needs two to five.
const INTERFACES_LIMIT: usize = 700;

const OUTGOING: u32 = 4;
const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;
const TCP: u32 = 6;
const UDP: u32 = 17;
const ICMP: u32 = 1;
const ICMP_V6: u32 = 58;
const FIN_SYN_RST: u32 = 7;
/// Whole packets: segments that the kernel has not split yet are up to 64 KB long.
const ALL: u32 = 256 * 1024;
/// A larger packet is a piece of a bulk transfer where only the beginnings of such are copied. Most calls fit into it.
const LARGE: u32 = 8 * 1024;
const BEGINNING: u32 = 2 * 1024;
/// Docker's own resolver, 127.0.0.11: its answers bear whatever port it has within the container.
const RESOLVER: u32 = 0x7f00_000b;
const V4_SOURCE: i32 = 12;
const V4_DESTINATION: i32 = 16;
/// Queries for names. Other datagrams may be a bulk of media or QUIC, which nobody here reads.
const DNS: u32 = 53;

/// Interfaces by index.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    /// Nothing of these passes.
    pub(super) refused: Vec<u32>,
    /// The stack's bridges.
    pub(super) bridges: Vec<u32>,
    /// Where loopback is to be heard: that interface, and no other.
    pub(super) loopback: Option<u32>,
}

/// The program for these rules.
pub(super) fn program(rules: &Rules, copied: Copied) -> Vec<sock_filter> {
    if let Some(loopback) = rules.loopback {
        return on_loopback(loopback, copied);
    }
    if rules.bridges.is_empty() {
        return vec![verdict(0)];
    }
    let mut program = vec![load(BPF_W, SKF_AD_OFF + SKF_AD_IFINDEX)];
    for refused in rules.refused.iter().take(INTERFACES_LIMIT) {
        program.extend([if_equal(*refused, 0, 1), verdict(0)]);
    }
    let bridges = &rules.bridges[..rules.bridges.len().min(INTERFACES_LIMIT / 4)];
    for (n, bridge) in bridges.iter().enumerate() {
        // Past the other bridges, and past the four instructions for ports.
        let to_protocol = 5 * (bridges.len() - n - 1) + 3;
        program.extend([
            if_equal(*bridge, 0, 4),
            load(BPF_W, SKF_AD_OFF + SKF_AD_PKTTYPE),
            if_equal(OUTGOING, 1, 0),
            verdict(0),
            jump(to_protocol as u32),
        ]);
    }
    program.extend([load(BPF_W, SKF_AD_OFF + SKF_AD_PKTTYPE), if_equal(OUTGOING, 0, 1), verdict(0)]);
    program.extend(by_version(inside(&V4, copied), inside(&V6, copied)));
    program
}

/// The program for loopback: all that comes in there but the engine's own resolver, which every container has.
fn on_loopback(interface: u32, copied: Copied) -> Vec<sock_filter> {
    let mut program = vec![
        load(BPF_W, SKF_AD_OFF + SKF_AD_IFINDEX),
        if_equal(interface, 1, 0),
        verdict(0),
        load(BPF_W, SKF_AD_OFF + SKF_AD_PKTTYPE),
        if_equal(OUTGOING, 0, 1),
        verdict(0),
    ];
    let mut v4 = vec![
        load(BPF_W, SKF_NET_OFF + V4_SOURCE),
        if_equal(RESOLVER, 2, 0),
        load(BPF_W, SKF_NET_OFF + V4_DESTINATION),
        if_equal(RESOLVER, 0, 1),
        verdict(0),
    ];
    v4.extend(inside(&V4, copied));
    program.extend(by_version(v4, inside(&V6, copied)));
    program
}

/// Goes on by the version of IP; anything else is refused.
fn by_version(v4: Vec<sock_filter>, v6: Vec<sock_filter>) -> Vec<sock_filter> {
    let mut program = vec![load(BPF_H, SKF_AD_OFF + SKF_AD_PROTOCOL), if_equal(IPV4, 0, v4.len() as u8)];
    program.extend(v4);
    program.push(if_equal(IPV6, 0, v6.len() as u8));
    program.extend(v6);
    program.push(verdict(0));
    program
}

/// Where things stand in a packet of one version of IP, from its header on.
struct Ip {
    next: i32,
    length: i32,
    /// How much of `length` is this header's.
    own: u32,
    /// What the packet begins with when its header is as long as `size`, if that is not always so.
    plain: Option<u32>,
    size: i32,
    /// Its ICMP, and the type by which that says that a packet did not arrive.
    unreachable: (u32, u32),
}

const V4: Ip = Ip { next: 9, length: 2, own: 20, plain: Some(0x45), size: 20, unreachable: (ICMP, 3) };
const V6: Ip = Ip { next: 6, length: 4, own: 0, plain: None, size: 40, unreachable: (ICMP_V6, 1) };

/// What is copied of packets of this version. It always ends in a verdict.
fn inside(ip: &Ip, copied: Copied) -> Vec<sock_filter> {
    let transport = SKF_NET_OFF + ip.size;
    let mut segments = Vec::new();
    if !copied.confirmations {
        if let Some(plain) = ip.plain {
            segments.extend([load(BPF_B, SKF_NET_OFF), if_equal(plain, 0, 10)]);
        }
        segments.extend([
            load(BPF_B, transport + 13),
            step(BPF_JMP | BPF_JSET | BPF_K, FIN_SYN_RST, 8, 0),
            // The header's length in words is in the upper half of its byte.
            load(BPF_B, transport + 12),
            step(BPF_ALU | BPF_AND | BPF_K, 0xf0, 0, 0),
            step(BPF_ALU | BPF_RSH | BPF_K, 2, 0, 0),
            step(BPF_ALU | BPF_ADD | BPF_K, ip.own, 0, 0),
            step(BPF_MISC | BPF_TAX, 0, 0, 0),
            load(BPF_H, SKF_NET_OFF + ip.length),
            step(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 1),
            verdict(0),
        ]);
    }
    let over = segments.len() as u8;
    let (icmp, unreachable) = ip.unreachable;
    let mut program = vec![load(BPF_B, SKF_NET_OFF + ip.next)];
    match ip.plain {
        Some(_) => program.push(if_equal(TCP, 9, 0)),
        // Hop-by-hop options may stand before TCP; other extensions do not within a host.
        None => program.extend([if_equal(TCP, 10, 0), if_equal(0, 9 + over, 0)]),
    }
    // The ports of a datagram stand behind a header without options, as all are within a host.
    program.extend([
        if_equal(UDP, 0, 4),
        load(BPF_H, transport),
        if_equal(DNS, 6 + over, 0),
        load(BPF_H, transport + 2),
        if_equal(DNS, 4 + over, 3),
        if_equal(icmp, 0, 2),
        load(BPF_B, transport),
        if_equal(unreachable, 1 + over, 0),
        verdict(0),
    ]);
    program.extend(segments);
    if copied.beginnings {
        program.extend([
            step(BPF_LD | BPF_W | BPF_LEN, 0, 0, 0),
            step(BPF_JMP | BPF_JGT | BPF_K, LARGE, 0, 1),
            verdict(BEGINNING),
        ]);
    }
    program.push(verdict(ALL));
    program
}

/// Whether two programs are the same.
pub(super) fn same(a: &[sock_filter], b: &[sock_filter]) -> bool {
    let key = |i: &sock_filter| (i.code, i.jt, i.jf, i.k);
    a.len() == b.len() && a.iter().map(key).eq(b.iter().map(key))
}

fn step(code: u32, value: u32, then: u8, otherwise: u8) -> sock_filter {
    sock_filter { code: code as u16, jt: then, jf: otherwise, k: value }
}

fn load(size: u32, from: i32) -> sock_filter {
    step(BPF_LD | size | BPF_ABS, from.cast_unsigned(), 0, 0)
}

fn if_equal(value: u32, then: u8, otherwise: u8) -> sock_filter {
    step(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise)
}

fn jump(over: u32) -> sock_filter {
    step(BPF_JMP | BPF_JA, over, 0, 0)
}

fn verdict(bytes: u32) -> sock_filter {
    step(BPF_RET | BPF_K, bytes, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::snap::{Copied, WHOLE};

    struct Packet {
        interface: u32,
        outgoing: bool,
        protocol: u32,
        ip: Vec<u8>,
        length: u32,
    }

    impl Packet {
        fn new(protocol: u32, transport: u8, ports: [u16; 2], flags: u8, payload: usize) -> Self {
            let (head, next, length, own) = if protocol == IPV6 { (40, 6, 4, 0) } else { (20, 9, 2, 20) };
            let mut ip = vec![0; head];
            ip[0] = if protocol == IPV6 { 0x60 } else { 0x45 };
            ip[next] = transport;
            let said = (own + 32 + payload) as u16;
            ip[length..length + 2].copy_from_slice(&said.to_be_bytes());
            ip.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
            ip.extend([0; 8]);
            ip.extend([0x80, flags]);
            ip.resize(head + 32, 0);
            let length = (14 + ip.len() + payload) as u32;
            Self { interface: 20, outgoing: false, protocol, ip, length }
        }

        fn bytes(&self, from: usize, size: usize) -> u32 {
            self.ip[from..from + size].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
        }
    }

    /// Runs a program as the kernel does.
    fn run(program: &[sock_filter], packet: &Packet) -> u32 {
        let (mut register, mut index) = (0, 0);
        let mut at = 0;
        loop {
            let now = &program[at];
            at += 1;
            let code = u32::from(now.code);
            let holds = match code {
                _ if code == BPF_LD | BPF_W | BPF_LEN => {
                    register = packet.length;
                    continue;
                }
                _ if code & 0x07 == BPF_LD => {
                    let size = match code & 0x18 {
                        BPF_B => 1,
                        BPF_H => 2,
                        _ => 4,
                    };
                    let from = now.k.cast_signed();
                    register = match from - SKF_AD_OFF {
                        SKF_AD_IFINDEX => packet.interface,
                        SKF_AD_PKTTYPE => u32::from(packet.outgoing) * OUTGOING,
                        SKF_AD_PROTOCOL => packet.protocol,
                        _ => packet.bytes((from - SKF_NET_OFF) as usize, size),
                    };
                    continue;
                }
                _ if code == BPF_ALU | BPF_AND | BPF_K => {
                    register &= now.k;
                    continue;
                }
                _ if code == BPF_ALU | BPF_RSH | BPF_K => {
                    register >>= now.k;
                    continue;
                }
                _ if code == BPF_ALU | BPF_ADD | BPF_K => {
                    register += now.k;
                    continue;
                }
                _ if code == BPF_MISC | BPF_TAX => {
                    index = register;
                    continue;
                }
                _ if code & 0x07 == BPF_RET => return now.k,
                _ if code == BPF_JMP | BPF_JA => {
                    at += now.k as usize;
                    continue;
                }
                _ if code == BPF_JMP | BPF_JEQ | BPF_K => register == now.k,
                _ if code == BPF_JMP | BPF_JEQ | BPF_X => register == index,
                _ if code == BPF_JMP | BPF_JGT | BPF_K => register > now.k,
                _ if code == BPF_JMP | BPF_JSET | BPF_K => register & now.k != 0,
                _ => panic!("unknown instruction {code:#x}"),
            };
            at += usize::from(if holds { now.jt } else { now.jf });
        }
    }

    /// All ways to copy.
    fn ways() -> impl Iterator<Item = Copied> {
        [(false, false), (false, true), (true, false), (true, true)]
            .into_iter()
            .map(|(beginnings, confirmations)| Copied { beginnings, confirmations })
    }

    #[test]
    fn every_packet_passes_exactly_where_it_comes_in() {
        let rules = Rules { refused: vec![1, 2, 7], bridges: vec![10, 11, 12], loopback: None };
        let cases = [
            // Interface, outgoing, passes.
            (1, false, false),
            (2, true, false),
            (7, false, false),
            (10, true, true),
            (10, false, false),
            (11, true, true),
            (12, true, true),
            (12, false, false),
            (20, false, true),
            (20, true, false),
        ];
        for (way, (interface, outgoing, passes)) in
            ways().flat_map(|way| cases.into_iter().map(move |case| (way, case)))
        {
            let program = program(&rules, way);
            for (protocol, transport, ports, read) in [
                (IPV4, 6, [4000, 80], true),
                (IPV4, 17, [4000, 53], true),
                (IPV4, 17, [53, 4000], true),
                (IPV4, 17, [4000, 443], false),
                (IPV4, 1, [53, 53], false),
                // What did not arrive, and another ping.
                (IPV4, 1, [0x0303, 0], true),
                (IPV4, 1, [0x0800, 0], false),
                (IPV6, 6, [4000, 80], true),
                (IPV6, 0, [4000, 80], true),
                (IPV6, 17, [4000, 53], true),
                (IPV6, 17, [53, 4000], true),
                (IPV6, 17, [443, 4000], false),
                (IPV6, 58, [53, 53], false),
                (IPV6, 58, [0x0104, 0], true),
                (IPV6, 58, [0x0304, 0], false),
                (0x806, 6, [53, 53], false),
            ] {
                let packet =
                    Packet { interface, outgoing, ..Packet::new(protocol, transport, ports, 0x10, 5) };
                let expected = if passes && read { ALL } else { 0 };
                let told = format!("{way:?} {interface} {outgoing} {protocol:x} {transport} {ports:?}");
                assert_eq!(run(&program, &packet), expected, "{told}");
            }
        }
    }

    #[test]
    fn under_pressure_only_what_tells_something_is_copied() {
        let rules = Rules { bridges: vec![10], ..Rules::default() };
        for (way, protocol) in ways().flat_map(|way| [(way, IPV4), (way, IPV6)]) {
            let program = program(&rules, way);
            let copied =
                |flags, payload| run(&program, &Packet::new(protocol, 6, [80, 4000], flags, payload));
            let lone = if way.confirmations { ALL } else { 0 };
            assert_eq!(copied(0x10, 0), lone, "{way:?} a confirmation");
            for flags in [0x02, 0x12, 0x11, 0x14, 0x04] {
                assert_eq!(copied(flags, 0), ALL, "{way:?} {flags:#x}");
            }
            assert_eq!(copied(0x18, 1), ALL, "{way:?}");
            let large = if way.beginnings { BEGINNING } else { ALL };
            assert_eq!(copied(0x10, 60_000), large, "{way:?}");
            assert_eq!(copied(0x10, LARGE as usize / 2), ALL, "{way:?}");
            // Where options move the segment nobody looks into it.
            let mut odd = Packet::new(IPV4, 6, [80, 4000], 0x10, 0);
            odd.ip[0] = 0x46;
            assert_eq!(run(&program, &odd), ALL, "{way:?}");
        }
    }

    #[test]
    fn on_loopback_passes_what_comes_in_there_and_is_not_the_engines_resolver() {
        let from = |source: [u8; 4], to: [u8; 4], ports| {
            let mut packet = Packet { interface: 1, ..Packet::new(IPV4, 6, ports, 0x18, 5) };
            packet.ip[12..16].copy_from_slice(&source);
            packet.ip[16..20].copy_from_slice(&to);
            packet
        };
        let (own, resolver) = ([127, 0, 0, 1], [127, 0, 0, 11]);
        for way in ways() {
            let program = program(&Rules { loopback: Some(1), ..Rules::default() }, way);
            let passes = |packet: &Packet| run(&program, packet) == ALL;
            assert!(passes(&from(own, own, [4000, 80])), "{way:?}");
            assert!(passes(&from([10, 0, 0, 2], [10, 0, 0, 2], [4000, 80])), "{way:?}");
            assert!(passes(&Packet { interface: 1, ..Packet::new(IPV6, 6, [4000, 80], 0x18, 5) }), "{way:?}");
            assert!(!passes(&from(own, resolver, [4000, 41000])), "{way:?}");
            assert!(!passes(&from(resolver, own, [53, 4000])), "{way:?}");
            assert!(!passes(&Packet { outgoing: true, ..from(own, own, [4000, 80]) }), "{way:?}");
            assert!(!passes(&Packet { interface: 2, ..from(own, own, [4000, 80]) }), "{way:?}");
        }
    }

    #[test]
    fn without_a_network_nothing_passes() {
        let program = program(&Rules { refused: vec![1], ..Rules::default() }, WHOLE);
        assert_eq!(run(&program, &Packet::new(IPV4, 6, [4000, 80], 0x18, 5)), 0);
    }

    #[test]
    fn any_number_of_interfaces_gives_a_program_that_the_kernel_takes() {
        let many: Vec<u32> = (100..5000).collect();
        for way in ways() {
            let program =
                program(&Rules { refused: many.clone(), bridges: many.clone(), loopback: None }, way);
            assert!(program.len() <= libc::BPF_MAXINSNS as usize, "{}", program.len());
        }
    }

    #[test]
    fn the_kernel_takes_the_program() {
        let socket = super::super::socket::Socket::unprivileged().unwrap();
        for (way, bridges) in ways().flat_map(|way| [0, 1, 50, 1000].map(|bridges| (way, bridges))) {
            let (refused, bridges) = ((1..1000).collect(), (2000..2000 + bridges).collect());
            socket.attach(&program(&Rules { refused, bridges, loopback: None }, way)).unwrap();
            socket.attach(&on_loopback(1, way)).unwrap();
        }
    }
}
