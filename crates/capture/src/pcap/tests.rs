//! Files as tools write them, and as they should not be.

use model::Timestamp;
use model::exchange::Exchange;

use super::decoding::Resolution;
use super::*;

fn read(bytes: &[u8]) -> Result<(Summary, Vec<Exchange>), PcapError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let mut exchanges = Vec::new();
    read_file(file.path(), limits(1024), b"", &mut |exchange| exchanges.push(exchange))
        .map(|summary| (summary, exchanges))
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A TCP segment over IPv4 from port 4000 to 80, or back.
fn segment(back: bool, flags: u8, seq: u32, ack: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((40 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1 + u8::from(back), 10, 0, 0, 2 - u8::from(back)]);
    let (from, to) = if back { (80_u16, 4000_u16) } else { (4000, 80) };
    packet.extend(from.to_be_bytes());
    packet.extend(to.to_be_bytes());
    packet.extend(seq.to_be_bytes());
    packet.extend(ack.to_be_bytes());
    packet.extend([0x50, flags, 255, 255, 0, 0, 0, 0]);
    packet.extend(payload);
    packet
}

fn call() -> Vec<Vec<u8>> {
    let ask = b"GET /a HTTP/1.1\r\n\r\n";
    vec![
        segment(false, 2, 9, 0, b""),
        segment(true, 18, 99, 10, b""),
        segment(false, 16, 10, 100, ask),
        segment(true, 16, 100, 10 + ask.len() as u32, b"HTTP/1.1 204 No\r\n\r\n"),
    ]
}

/// A pcap file of raw IP packets.
fn classic(link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, link]);
    for (n, packet) in packets.iter().enumerate() {
        file.extend(words(&[10, n as u32, packet.len() as u32, packet.len() as u32]));
        file.extend(packet);
    }
    file
}

/// A pcapng file whose second interface has the packets, in nanoseconds.
fn next_generation(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file = words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28]);
    file.extend(words(&[1, 20, 199, 0, 20]));
    file.extend(words(&[1, 32, 101, 0, 0x0001_0009, 9, 0, 32]));
    for (n, packet) in packets.iter().enumerate() {
        let padded = packet.len().next_multiple_of(4);
        let block = 32 + padded as u32;
        let length = packet.len() as u32;
        let nanos = 10_000_000_000_u64 + n as u64;
        file.extend(words(&[6, block, 1, (nanos >> 32) as u32, nanos as u32, length, length]));
        file.extend(packet);
        file.resize(file.len() + padded - packet.len(), 0);
        file.extend(words(&[block]));
    }
    file
}

#[test]
fn both_formats_give_the_calls_and_their_times() {
    for (file, unit) in [(classic(101, &call()), 1000), (next_generation(&call()), 1)] {
        let (summary, exchanges) = read(&file).unwrap();
        assert_eq!(summary, Summary { packets: 4, ..Summary::default() });
        let [call] = &exchanges[..] else { panic!("{exchanges:?}") };
        assert_eq!((call.target.as_str(), call.status.as_deref()), ("/a", Some("204")));
        assert_eq!(call.request.first, Timestamp(10_000_000_000 + 2 * unit));
    }
}

#[test]
fn a_packed_file_is_read_like_a_plain_one() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &classic(101, &call())).unwrap();
    let packed = packed.finish().unwrap();
    let (summary, exchanges) = read(&packed).unwrap();
    assert_eq!((summary.packets, exchanges.len(), summary.cut_off), (4, 1, false));
    for missing in 1..packed.len() - 20 {
        let broken = read(&packed[..packed.len() - missing]);
        assert!(matches!(broken, Err(PcapError::Damaged { .. })), "{missing}: {broken:?}");
    }
}

#[test]
fn a_file_that_breaks_off_is_read_to_there() {
    for whole in [classic(101, &call()), next_generation(&call())] {
        for missing in [1, 7, 20] {
            let (summary, exchanges) = read(&whole[..whole.len() - missing]).unwrap();
            assert_eq!((summary.packets, summary.cut_off), (3, true));
            assert_eq!((exchanges.len(), exchanges[0].status.as_deref()), (1, None));
        }
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    assert!(matches!(read(b"not a capture"), Err(PcapError::NoCapture { .. })));
    assert!(matches!(read(&classic(199, &call())), Err(PcapError::Link { link: 199, .. })));
    let nowhere = Path::new("/nowhere/to/be/found.pcap");
    assert!(matches!(read_file(nowhere, limits(1), b"", &mut |_| {}), Err(PcapError::Read { .. })));
    let (summary, exchanges) = read(&classic(199, &[])).unwrap();
    assert_eq!((summary.packets, exchanges.len()), (0, 0));
}

/// A block of a pcapng file.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = 12 + body.len().next_multiple_of(4);
    let mut block = [&words(&[kind, length as u32]), body].concat();
    block.resize(length - 4, 0);
    block.extend(words(&[length as u32]));
    block
}

/// The section of a pcapng file with interfaces of these links, each with these options.
fn section(links: &[u32], options: &[u8]) -> Vec<u8> {
    let mut file = words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28]);
    for link in links {
        file.extend(block(1, &[&words(&[*link, 0]), options].concat()));
    }
    file
}

/// Packets as a pcapng file has them, in these units of time.
fn enhanced(interface: u32, units: u64, packets: &[Vec<u8>]) -> Vec<u8> {
    let one = |packet: &Vec<u8>| {
        let length = packet.len() as u32;
        block(
            6,
            &[&words(&[interface, (units >> 32) as u32, units as u32, length, length])[..], packet].concat(),
        )
    };
    packets.iter().flat_map(one).collect()
}

#[test]
fn what_came_before_the_damage_is_handed_over() {
    let damaged = [classic(101, &call()), vec![0xff; 400]].concat();
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    std::io::Write::write_all(&mut packed, &classic(101, &call())).unwrap();
    let mut packed = packed.finish().unwrap();
    packed.truncate(packed.len() - 1);
    for bytes in [damaged, packed] {
        std::fs::write(file.path(), bytes).unwrap();
        let mut seen = Vec::new();
        let outcome = read_file(file.path(), limits(1024), b"", &mut |exchange| seen.push(exchange));
        let Err(PcapError::Damaged { packets: 4, what, .. }) = outcome else { panic!("{outcome:?}") };
        assert!(!what.contains("BufferTooSmall"), "{what}");
        assert_eq!(seen.last().and_then(|call| call.status.as_deref()), Some("204"));
    }
}

#[test]
fn large_blocks_are_read_or_passed_over() {
    let secrets = [&words(&[0x544c_534b, 1_100_000])[..], &vec![b'#'; 1_100_000]].concat();
    let custom = block(0xbad, &vec![0; 3_000_000]);
    let calls = call();
    let file = [
        section(&[101], &[]),
        block(10, &secrets),
        enhanced(0, 1, &calls[..2]),
        custom,
        enhanced(0, 1, &calls[2..]),
    ];
    let (summary, exchanges) = read(&file.concat()).unwrap();
    assert_eq!((summary.packets, exchanges.len()), (4, 1));
    assert_eq!(summary.notes(), [""; 0]);
}

#[test]
fn times_are_in_the_units_that_the_file_says() {
    for (option, units, nanos) in [
        (6, 1_500_000, 1_500_000_000),
        (9, 1_500_000_000, 1_500_000_000),
        (0, 3, 3_000_000_000),
        (0x80, 3, 3_000_000_000),
        (0x8a, 1536, 1_500_000_000),
        (0xbf, 1 << 62, 500_000_000),
        (0x7f, 1_500_000, 1_500_000_000),
    ] {
        assert_eq!(Resolution::of_option(option).nanos(units), nanos, "{option:#x}");
    }
    let option = [9, 0, 1, 0, 0x8a, 0, 0, 0, 0, 0, 0, 0];
    let file = [section(&[101], &option), enhanced(0, 1536, &call())].concat();
    let (_, exchanges) = read(&file).unwrap();
    assert_eq!(exchanges[0].request.first, Timestamp(1_500_000_000));
}

#[test]
fn packet_blocks_of_old_are_read_in_both_orders_of_bytes() {
    let one = |packet: &Vec<u8>| {
        let length = packet.len() as u32;
        let head = [&[0, 0, 0xff, 0xff][..], &words(&[0, 1_500_000, length, length])].concat();
        block(2, &[&head[..], packet].concat())
    };
    let little: Vec<u8> = call().iter().flat_map(one).collect();
    let (summary, exchanges) = read(&[section(&[101], &[]), little].concat()).unwrap();
    assert_eq!((summary.packets, exchanges[0].status.as_deref()), (4, Some("204")));
    assert_eq!(exchanges[0].request.first, Timestamp(1_500_000_000));
    let big = |numbers: &[u32]| -> Vec<u8> { numbers.iter().flat_map(|n| n.to_be_bytes()).collect() };
    let mut file = big(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 0x0001_0000, u32::MAX, u32::MAX, 28]);
    file.extend(big(&[1, 20, 101 << 16, 0, 20]));
    for packet in call() {
        let (length, padded) = (packet.len() as u32, packet.len().next_multiple_of(4));
        let whole = 32 + padded as u32;
        file.extend(big(&[2, whole, 0xffff, 0, 1_500_000, length, length]));
        file.extend(&packet);
        file.resize(file.len() + padded - packet.len(), 0);
        file.extend(big(&[whole]));
    }
    let (summary, exchanges) = read(&file).unwrap();
    assert_eq!((summary.packets, exchanges[0].request.first), (4, Timestamp(1_500_000_000)));
}

#[test]
fn what_was_passed_over_is_told() {
    let calls = call();
    let file = [
        section(&[189, 101], &[]),
        enhanced(0, 1, &calls),
        enhanced(1, 1, &calls),
        enhanced(3, 1, &calls[..1]),
    ];
    let (summary, exchanges) = read(&file.concat()).unwrap();
    assert_eq!((summary.packets, exchanges.len()), (4, 1));
    assert_eq!(
        summary.notes(),
        [
            "4 packets were passed over: they are of link type 189, which is not known here",
            "1 packet was passed over: it is of interfaces that the file does not describe",
        ]
    );
    let whole = classic(101, &calls);
    let (summary, _) = read(&whole[..whole.len() - 1]).unwrap();
    assert_eq!(summary.notes(), ["it breaks off within a packet; calls are shown as far as they go"]);
    let mut datagram = calls[0].clone();
    datagram[9] = 17;
    datagram[24..28].copy_from_slice(&[0, 20, 0, 0]);
    let mut ping = calls[0].clone();
    ping[9] = 1;
    let (summary, _) = read(&classic(101, &[datagram.clone(), datagram, ping])).unwrap();
    let [note] = &summary.notes()[..] else { panic!("{summary:?}") };
    assert_eq!(note, "none of its 3 packets carries TCP or DNS, but: UDP port 80 (2), ICMP (1)");
}

#[test]
fn the_length_of_check_sequences_is_no_part_of_the_link_type() {
    let frame = |packet: Vec<u8>| [&[0; 12][..], &[8, 0], &packet, &[1, 2, 3, 4]].concat();
    let frames: Vec<_> = call().into_iter().map(frame).collect();
    let (summary, exchanges) = read(&classic(0x5000_0001, &frames)).unwrap();
    assert_eq!((summary.packets, exchanges[0].status.as_deref()), (4, Some("204")));
}
