//! Captures of real traffic: the rows of Zeek's `mysql.log`, and a session of a MariaDB server.

use std::collections::BTreeMap;

use model::exchange::{Exchange, Message, Protocol, Quality};
use wire::{Limits, Link, Wire};

use crate::packets::{Packet, last, line, read_pcap};

fn exchanges(file: &[u8]) -> Vec<Exchange> {
    let (link, packets) = read_pcap(file);
    assert_eq!(link, 1, "Ethernet");
    decode(&packets)
}

fn decode(packets: &[Packet]) -> Vec<Exchange> {
    let mut wire = Wire::new(Limits::new(64 * 1024));
    let mut out = Vec::new();
    for packet in packets {
        wire.packet(packet.at, Link::Ethernet, &packet.bytes, packet.wire_len, &mut out);
    }
    wire.finish(&mut out);
    last(out)
}

fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    message.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Client's port, command, argument, success, rows and response, as Zeek writes them.
fn row(exchange: &Exchange) -> String {
    let request = &exchange.request;
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let user = header(request, "user").unwrap_or_default().to_owned();
    let target = exchange.target.clone();
    let (command, argument) = match exchange.method.as_str() {
        "CONNECT" => ("login", user),
        "CHANGE USER" => ("change_user", user),
        "FIELD LIST" => ("field_list", target),
        "USE" if body.is_empty() => ("init_db", target),
        "PING" => ("ping", String::new()),
        "QUIT" => ("quit", String::new()),
        "STATISTICS" => ("statistics", String::new()),
        _ => ("query", body),
    };
    let argument = if argument.is_empty() { "(empty)".to_owned() } else { argument };
    // Zeek knows no answer to STATISTICS.
    let told = exchange.status.is_some() && command != "statistics";
    let success = match (&exchange.failure, told) {
        (Some(_), _) => "F",
        (None, true) => "T",
        (None, false) => "-",
    };
    // What Zeek calls rows are those that were changed.
    let changed = exchange.response.as_ref().and_then(|response| header(response, "affected"));
    let rows = if success == "T" { changed.unwrap_or("0") } else { "-" };
    let response = exchange.failure.as_deref().unwrap_or("-");
    [&exchange.client.port().to_string(), command, &argument, success, rows, response].join("\t")
}

/// The rows of a log in the same form, by connection.
fn logged(log: &str) -> Vec<String> {
    let rows = log.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        [&fields[3..4], &fields[6..]].concat().join("\t")
    })
    .collect()
}

/// Rows by connection, connections by port: Zeek writes them in the order in which they end.
fn by_connection(rows: Vec<String>) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for row in rows {
        found.entry(row.split('\t').next().unwrap().to_owned()).or_default().push(row);
    }
    found
}

macro_rules! agrees {
    ($($test:ident $name:literal)*) => {$(
        #[test]
        fn $test() {
            let calls = exchanges(include_bytes!(concat!("../../data/mysql/", $name, ".pcap")));
            let log = include_str!(concat!("../../data/mysql/", $name, ".txt"));
            assert!(calls.iter().all(|call| call.protocol == Protocol::Mysql));
            let rows = calls.iter().map(row).collect();
            assert_eq!(by_connection(rows), by_connection(logged(log)));
            assert!(!logged(log).is_empty());
        }
    )*};
}

agrees! {
    zeek_agrees_on_a_change_of_user "change-user-success"
    zeek_agrees_on_a_change_of_user_that_is_denied "change-user-error"
    zeek_agrees_on_full_and_fast_authentication "caching_sha2_password"
    zeek_agrees_on_authentication_by_a_public_key "mysql8-navicat-login-failed"
    zeek_agrees_on_a_switch_of_authentication "caching_sha2_password-after-auth-switch"
    zeek_agrees_on_attributes_of_queries "query-attr"
    zeek_agrees_on_attributes_of_other_types "mysql-9.0.0-query-attributes"
    zeek_agrees_on_many_attributes_and_lists_of_fields "many-query-attrs"
    zeek_agrees_on_results_without_eof "selects_with_new_proto"
    zeek_agrees_on_a_server_in_the_cloud "plain-amazon-rds"
    zeek_agrees_on_a_long_row "mysql-show-engine-innodb-status-no-password"
    zeek_agrees_on_an_old_server "mysql"
}

#[test]
fn a_server_that_takes_no_client_has_said_so() {
    let calls = exchanges(include_bytes!("../../data/mysql/auth.pcap"));
    let rows: Vec<String> = calls.iter().map(row).collect();
    // Zeek logs nothing of the three connections on which the server speaks once, and no client does.
    let (refused, known) = rows.split_at(3);
    assert_eq!(known, logged(include_str!("../../data/mysql/auth.txt")));
    for row in refused {
        let expected =
            "login\t(empty)\tF\t-\tHost 'lumberjack.home' is not allowed to connect to this MySQL server";
        assert!(row.ends_with(expected), "{row}");
    }
    assert!(calls[0].status.as_deref() == Some("1130") && calls[0].request.bytes == 0);
}

#[test]
fn the_port_says_nothing() {
    let calls = exchanges(include_bytes!("../../data/mysql/mysql-on-port-5432.pcap"));
    let names: Vec<String> = calls.iter().map(|call| call.method.clone()).collect();
    assert_eq!(names, ["CONNECT", "PING", "CHANGE USER", "SET", "SET", "PING", "QUIT"]);
}

#[test]
fn what_is_encrypted_is_no_call_of_this_protocol() {
    let files: [&[u8]; 3] = [
        include_bytes!("../../data/mysql/encrypted.pcap"),
        include_bytes!("../../data/mysql/tls-12-amazon-rds.pcap"),
        include_bytes!("../../data/mysql/tls-13-amazon-rds.pcap"),
    ];
    for file in files {
        let calls = exchanges(file);
        assert_eq!(calls.len(), 1);
        assert_ne!(calls[0].protocol, Protocol::Mysql);
    }
}

#[test]
fn bodies_are_what_zeek_sees_in_its_events() {
    let calls = exchanges(include_bytes!("../../data/mysql/mysql.pcap"));
    let body = |at: usize| String::from_utf8(calls[at].response.clone().unwrap().body).unwrap();
    assert_eq!(body(1), r#"[{"@@version_comment":"Gentoo Linux mysql-5.0.54"}]"#);
    assert_eq!(body(2), r#"[{"DATABASE()":null}]"#);
    let foo = r#"[{"id":1,"animal":"dog","name":"Goofy"},{"id":2,"animal":"cat","name":"Garfield"}]"#;
    assert_eq!(body(10), foo);
    let attributes = exchanges(include_bytes!("../../data/mysql/mysql-9.0.0-query-attributes.pcap"));
    let names: Vec<_> = attributes[2].request.headers.iter().map(|(n, v)| format!("{n}={v}")).collect();
    assert_eq!(
        names,
        ["number1=42", "string1=a string", "date1=1987-10-18", "datetime1=1990-09-26 12:13:14"]
    );
}

#[test]
fn no_secret_is_told() {
    let calls = exchanges(include_bytes!("../../data/mysql/mariadb.pcap"));
    assert!(calls.len() > 10);
    let told = format!("{calls:?}");
    // The password, and how its scrambled form would look among other things.
    assert!(!told.contains("secret"), "{told}");
}

/// A call in words: its line, then what it asked and what it got.
fn words(call: &Exchange) -> String {
    let shown = |message: &Message| {
        // The client's own number differs each time it is recorded.
        let fields = message.headers.iter().filter(|(name, _)| !name.starts_with('_'));
        let fields: Vec<_> = fields.map(|(name, value)| format!("{name}={value}")).collect();
        let body: String = String::from_utf8(message.body.clone()).unwrap().chars().take(400).collect();
        [&fields.join(" "), " ", body.trim()].concat().trim().to_owned()
    };
    let response = call.response.as_ref().map(shown).unwrap_or_default();
    let failure = call.failure.as_deref().unwrap_or_default();
    let answer = format!("{response} {failure}");
    [line(call), format!("  > {}", shown(&call.request)), format!("  < {}", answer.trim())]
        .map(|line| line.trim_end().to_owned())
        .join("\n")
}

/// All kinds of commands against MariaDB 10.11, by clients that know its extensions, and compressed.
#[test]
fn a_session_of_mariadb() {
    let calls = exchanges(include_bytes!("../../data/mysql/mariadb.pcap"));
    let seen = calls.iter().map(words).collect::<Vec<_>>().join("\n");
    let expected = include_str!("../../data/mysql/mariadb.txt");
    assert_eq!(seen.trim_end(), expected.trim_end(), "{seen}");
}

#[test]
fn whatever_packet_is_lost_no_call_is_made_up() {
    let (_, packets) = read_pcap(include_bytes!("../../data/mysql/mariadb.pcap"));
    let whole: Vec<String> = decode(&packets).iter().map(words).collect();
    for lost in 0..packets.len() {
        let kept = [&packets[..lost], &packets[lost + 1..]].concat();
        let seen = decode(&kept);
        let complete =
            |call: &&Exchange| call.protocol == Protocol::Mysql && call.quality == Quality::Complete;
        for call in seen.iter().filter(complete) {
            // What was prepared, or sent before, may not be known; what was answered is.
            let (seen, asked) = (words(call), line(call));
            let answer = seen.rsplit('\n').next().unwrap();
            let same = whole.iter().any(|known| known.starts_with(&asked) && known.ends_with(answer));
            assert!(same, "without packet {lost}: {seen}");
        }
        // A packet holds one command or answer; what was prepared by it is not known any more.
        let missing = whole.iter().filter(|call| !seen.iter().any(|seen| words(seen) == **call)).count();
        assert!(missing <= 6, "{missing} calls are missing without packet {lost}");
    }
}
