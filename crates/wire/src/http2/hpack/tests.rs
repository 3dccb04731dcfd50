//! The examples of RFC 7541 appendix C, and what a listener adds to them.

use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// `name: value` of each field.
fn shown(block: &Block) -> Vec<String> {
    block.fields.iter().map(|field| format!("{}: {}", field.name, field.value)).collect()
}

fn table(hpack: &Hpack) -> Vec<String> {
    (62..)
        .map_while(|index| match hpack.table.get(index) {
            Some(Entry::Known(name, value)) => Some(format!("{name}: {value}")),
            _ => None,
        })
        .collect()
}

#[test]
fn integers_are_read_as_in_c_1() {
    for (bytes, prefix, value, left) in [
        (&b"\x0a"[..], 5, Some(10), 0),
        (b"\x1f\x9a\x0a", 5, Some(1337), 0),
        (b"\x2a\xff", 8, Some(42), 1),
        (b"\x1f", 5, None, 0),
        (b"\x1f\x80", 5, None, 0),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 5, None, 0),
    ] {
        let mut rest = bytes;
        let read = integer(&mut rest, prefix);
        assert_eq!(read, value, "{bytes:x?}");
        assert!(value.is_none() || rest.len() == left, "{bytes:x?}");
    }
}

#[test]
fn single_fields_are_read_as_in_c_2() {
    for (bytes, field, added) in [
        (
            "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
            "custom-key: custom-header",
            true,
        ),
        ("040c 2f73 616d 706c 652f 7061 7468", ":path: /sample/path", false),
        ("1008 7061 7373 776f 7264 0673 6563 7265 74", "password: secret", false),
        ("82", ":method: GET", false),
    ] {
        let mut hpack = Hpack::default();
        let block = hpack.decode(&hex(bytes));
        assert!(block.whole);
        assert_eq!(shown(&block), [field]);
        assert_eq!(table(&hpack), if added { vec![field] } else { vec![] });
    }
}

#[test]
fn requests_and_responses_are_read_as_in_c_3_to_c_6() {
    let get = ":method: GET";
    let request =
        |scheme: &'static str, path: &'static str| vec![get, scheme, path, ":authority: www.example.com"];
    let asked = [
        request(":scheme: http", ":path: /"),
        [request(":scheme: http", ":path: /"), vec!["cache-control: no-cache"]].concat(),
        [request(":scheme: https", ":path: /index.html"), vec!["custom-key: custom-value"]].concat(),
    ];
    let date = "date: Mon, 21 Oct 2013 20:13:21 GMT";
    let later = "date: Mon, 21 Oct 2013 20:13:22 GMT";
    let location = "location: https://www.example.com";
    let cookie = "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
    let answered = [
        vec![":status: 302", "cache-control: private", date, location],
        vec![":status: 307", "cache-control: private", date, location],
        vec![":status: 200", "cache-control: private", later, location, "content-encoding: gzip", cookie],
    ];
    let asked_table = [asked[2][4], "cache-control: no-cache", ":authority: www.example.com"];
    let answered_table = [cookie, "content-encoding: gzip", later];
    type Case<'a> = (&'a str, u64, &'a [Vec<&'a str>], [&'a str; 3], &'a [&'a str]);
    let cases: [Case<'_>; 4] = [
        (
            "C.3",
            4096,
            &asked,
            [
                "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
                "8286 84be 5808 6e6f 2d63 6163 6865",
                "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
            ],
            &asked_table,
        ),
        (
            "C.4",
            4096,
            &asked,
            [
                "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
                "8286 84be 5886 a8eb 1064 9cbf",
                "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
            ],
            &asked_table,
        ),
        (
            "C.5",
            256,
            &answered,
            [
                "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 \
                 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
                "4803 3330 37c1 c0bf",
                "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 \
                 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 \
                 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
            ],
            &answered_table,
        ),
        (
            "C.6",
            256,
            &answered,
            [
                "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad \
                 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
                "4883 640e ffc1 c0bf",
                "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 \
                 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
            ],
            &answered_table,
        ),
    ];
    for (name, size, fields, blocks, left) in cases {
        let mut hpack = Hpack::default();
        hpack.table.resize(size);
        for (bytes, expected) in blocks.iter().zip(fields) {
            let block = hpack.decode(&hex(bytes));
            assert!(block.whole, "{name}");
            assert_eq!(shown(&block), *expected, "{name}");
        }
        assert_eq!(table(&hpack), left, "{name}");
    }
}

#[test]
fn who_comes_late_knows_what_was_added_since() {
    let mut hpack = Hpack::default();
    // Two unknown entries, one that is added, the same two again, and the added one.
    let block = hpack.decode(&hex("bf be 4001 6101 62 c0 bf be"));
    let older = |n| format!("‹indexed before capture #{n}›: ");
    assert_eq!(
        shown(&block),
        [older(63), older(62), "a: b".to_owned(), older(63), older(62), "a: b".to_owned()]
    );
    let known: Vec<bool> = block.fields.iter().map(|field| field.known).collect();
    assert_eq!(known, [false, false, true, false, false, true]);
    // An entry is added under a name that is not known: it keeps its place, and the others theirs.
    let block = hpack.decode(&hex("7f00 0178 be bf c0 7e 0179 be"));
    let named = |value| format!("‹indexed before capture #62›: {value}");
    assert_eq!(shown(&block), [named("x"), named("x"), "a: b".to_owned(), older(62), named("y"), named("y")]);
    assert!(block.whole);
}

#[test]
fn after_a_loss_nothing_older_is_believed() {
    let mut hpack = Hpack::default();
    hpack.decode(&hex("4001 6101 62"));
    hpack.lose(Loss::Lost);
    let block = hpack.decode(&hex("be 4001 6301 64 be"));
    assert_eq!(shown(&block), ["‹indexed before a loss #62›: ", "c: d", "c: d"]);
    assert_eq!(hpack.unseen(), Quality::Gap);
}

#[test]
fn any_size_of_the_table_is_taken() {
    let mut hpack = Hpack::default();
    hpack.begin();
    // 12,288, which only a setting that was not seen allows.
    let block = hpack.decode(&hex("3fe15f 88"));
    assert_eq!((block.whole, shown(&block)), (true, vec![":status: 200".to_owned()]));
    // One entry of just that size.
    let large = [&b"\x40\x01a\x7f\xe0\x5e"[..], &[b'v'; 12_288 - 32 - 1]].concat();
    hpack.decode(&large);
    assert_eq!(table(&hpack).len(), 1);
    hpack.decode(&hex("20"));
    assert_eq!(table(&hpack).len(), 0);
    // As large as it can be said: memory stays bounded.
    hpack.decode(&hex("3fffffffff0f"));
    for _ in 0..100 {
        hpack.decode(&large);
    }
    assert!(hpack.held() < 2 * 256 * 1024, "{}", hpack.held());
    assert!(matches!(hpack.table.get(62 + 90), Some(Entry::Older(None))));
}

#[test]
fn a_small_block_cannot_stand_for_much() {
    let mut hpack = Hpack::default();
    hpack.decode(&[&b"\x40\x01a\x7f\x81\x1f"[..], &[b'v'; 4096]].concat());
    let block = hpack.decode(&vec![0xbe; 100_000]);
    assert!(block.cut && block.whole);
    assert!(block.fields.iter().map(|field| field.value.len()).sum::<usize>() <= FIELDS_LIMIT);
}

#[test]
fn what_is_no_block_is_told() {
    for bytes in ["80", "7f", "40", "4001", "4082ff", "4001 61 ff", "3fffffffffff7f", "ffffffffffffffff"] {
        assert!(!Hpack::default().decode(&hex(bytes)).whole, "{bytes}");
    }
}
