//! The kernel's part of choosing packets: a classic BPF program on interface, direction and protocol. TCP passes, and
//! of UDP what asks for names.
//!
//! The socket hears every interface. A packet that crosses a bridge is heard several times: on the sender's port, on
//! the receiver's port, and on the bridge itself when one end is the host. Each is heard exactly once where it comes
//! in from a container (its port, not outgoing) or from the host (the bridge, outgoing). Interfaces that are known to
//! be none of the stack's are refused; one that nobody has seen yet is let through, since it may be the port of a
//! container that starts just now.

use libc::{
    BPF_ABS, BPF_B, BPF_H, BPF_JA, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, SKF_AD_IFINDEX,
    SKF_AD_OFF, SKF_AD_PKTTYPE, SKF_AD_PROTOCOL, SKF_NET_OFF, sock_filter,
};

/// The kernel takes 4,096 instructions; each interface needs two to five.
const INTERFACES_LIMIT: usize = 700;

const OUTGOING: u32 = 4;
const IPV4: u32 = 0x0800;
const IPV6: u32 = 0x86dd;
const TCP: u32 = 6;
const UDP: u32 = 17;
/// Queries for names. Other datagrams may be a bulk of media or QUIC, which nobody here reads.
const DNS: u32 = 53;

/// Interfaces by index.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    /// Nothing of these passes.
    pub(super) refused: Vec<u32>,
    /// The stack's bridges.
    pub(super) bridges: Vec<u32>,
}

/// The program for these rules; it copies so many bytes of each packet.
pub(super) fn program(rules: &Rules, snap: u32) -> Vec<sock_filter> {
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
    program.extend([
        load(BPF_H, SKF_AD_OFF + SKF_AD_PROTOCOL),
        if_equal(IPV4, 0, 7),
        load(BPF_B, SKF_NET_OFF + 9),
        if_equal(TCP, 15, 0),
        if_equal(UDP, 0, 13),
        // The ports of a datagram stand behind a header without options, as all are within a host.
        load(BPF_H, SKF_NET_OFF + 20),
        if_equal(DNS, 12, 0),
        load(BPF_H, SKF_NET_OFF + 22),
        if_equal(DNS, 10, 9),
        if_equal(IPV6, 0, 8),
        load(BPF_B, SKF_NET_OFF + 6),
        if_equal(TCP, 7, 0),
        // Hop-by-hop options may stand before TCP; other extensions do not within a host.
        if_equal(0, 6, 0),
        if_equal(UDP, 0, 4),
        load(BPF_H, SKF_NET_OFF + 40),
        if_equal(DNS, 3, 0),
        load(BPF_H, SKF_NET_OFF + 42),
        if_equal(DNS, 1, 0),
        verdict(0),
        verdict(snap),
    ]);
    program
}

/// Whether two programs are the same.
pub(super) fn same(a: &[sock_filter], b: &[sock_filter]) -> bool {
    let key = |i: &sock_filter| (i.code, i.jt, i.jf, i.k);
    a.len() == b.len() && a.iter().map(key).eq(b.iter().map(key))
}

fn load(size: u32, from: i32) -> sock_filter {
    sock_filter { code: (BPF_LD | size | BPF_ABS) as u16, jt: 0, jf: 0, k: from.cast_unsigned() }
}

fn if_equal(value: u32, then: u8, otherwise: u8) -> sock_filter {
    sock_filter { code: (BPF_JMP | BPF_JEQ | BPF_K) as u16, jt: then, jf: otherwise, k: value }
}

fn jump(over: u32) -> sock_filter {
    sock_filter { code: (BPF_JMP | BPF_JA) as u16, jt: 0, jf: 0, k: over }
}

fn verdict(bytes: u32) -> sock_filter {
    sock_filter { code: (BPF_RET | BPF_K) as u16, jt: 0, jf: 0, k: bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::snap::WHOLE;

    struct Packet {
        interface: u32,
        outgoing: bool,
        protocol: u32,
        transport: u32,
        ports: [u32; 2],
    }

    /// Runs a program as the kernel does.
    fn run(program: &[sock_filter], packet: &Packet) -> u32 {
        let mut register = None;
        let mut at = 0;
        for _ in 0..program.len() {
            let step = &program[at];
            at += 1;
            match u32::from(step.code) & 0x07 {
                BPF_LD => {
                    let from = step.k.cast_signed();
                    register = Some(match from {
                        _ if from == SKF_AD_OFF + SKF_AD_IFINDEX => packet.interface,
                        _ if from == SKF_AD_OFF + SKF_AD_PKTTYPE => u32::from(packet.outgoing) * OUTGOING,
                        _ if from == SKF_AD_OFF + SKF_AD_PROTOCOL => packet.protocol,
                        _ if from == SKF_NET_OFF + if packet.protocol == IPV4 { 9 } else { 6 } => {
                            packet.transport
                        }
                        _ if from == SKF_NET_OFF + if packet.protocol == IPV4 { 20 } else { 40 } => {
                            packet.ports[0]
                        }
                        _ if from == SKF_NET_OFF + if packet.protocol == IPV4 { 22 } else { 42 } => {
                            packet.ports[1]
                        }
                        _ => panic!("loads from {from:#x}"),
                    });
                }
                BPF_JMP if u32::from(step.code) & 0xf0 == BPF_JA => at += step.k as usize,
                BPF_JMP => at += usize::from(if register.unwrap() == step.k { step.jt } else { step.jf }),
                BPF_RET => return step.k,
                _ => panic!("unknown instruction {:#x}", step.code),
            }
        }
        panic!("no end");
    }

    #[test]
    fn every_packet_passes_exactly_where_it_comes_in() {
        let rules = Rules { refused: vec![1, 2, 7], bridges: vec![10, 11, 12] };
        let program = program(&rules, WHOLE);
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
        for (interface, outgoing, passes) in cases {
            for (protocol, transport, ports, read) in [
                (IPV4, 6, [4000, 80], true),
                (IPV4, 17, [4000, 53], true),
                (IPV4, 17, [53, 4000], true),
                (IPV4, 17, [4000, 443], false),
                (IPV4, 1, [53, 53], false),
                (IPV6, 6, [4000, 80], true),
                (IPV6, 0, [4000, 80], true),
                (IPV6, 17, [4000, 53], true),
                (IPV6, 17, [53, 4000], true),
                (IPV6, 17, [443, 4000], false),
                (IPV6, 58, [53, 53], false),
                (0x806, 6, [53, 53], false),
            ] {
                let packet = Packet { interface, outgoing, protocol, transport, ports };
                let expected = if passes && read { WHOLE } else { 0 };
                assert_eq!(
                    run(&program, &packet),
                    expected,
                    "{interface} {outgoing} {protocol:x} {transport} {ports:?}"
                );
            }
        }
    }

    #[test]
    fn without_a_network_nothing_passes() {
        let program = program(&Rules { refused: vec![1], bridges: vec![] }, WHOLE);
        let packet =
            Packet { interface: 5, outgoing: false, protocol: IPV4, transport: 6, ports: [4000, 80] };
        assert_eq!(run(&program, &packet), 0);
    }

    #[test]
    fn any_number_of_interfaces_gives_a_program_that_the_kernel_takes() {
        let many: Vec<u32> = (100..5000).collect();
        let program = program(&Rules { refused: many.clone(), bridges: many }, WHOLE);
        assert!(program.len() <= libc::BPF_MAXINSNS as usize, "{}", program.len());
    }

    #[test]
    fn the_kernel_takes_the_program() {
        let socket = super::super::socket::Socket::unprivileged().unwrap();
        for bridges in [0, 1, 50, 1000] {
            let rules = Rules { refused: (1..1000).collect(), bridges: (2000..2000 + bridges).collect() };
            socket.attach(&program(&rules, WHOLE)).unwrap();
        }
    }
}
