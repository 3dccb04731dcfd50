//! Commands and answers, packet by packet.

use model::exchange::{Exchange, Quality};

use super::talk::{
    self, COMPRESS, DEPRECATE_EOF, SSL, ZSTD, column, compressed, eof, error, ok, packet, packets,
};
use crate::packets::{By, Client, Server, Talk, exchanges, line, lines};

const MORE: u16 = 8;

/// A connection that has logged in.
fn logged_in(flags: u32) -> Talk {
    let mut talk = Talk::open(4000);
    talk.send(Server, &talk::greeting());
    talk.send(Client, &talk::hello(flags));
    talk.send(Server, &packet(2, &ok(0, 2)));
    talk
}

fn query(sql: &str) -> Vec<u8> {
    packet(0, &[b"\x03", sql.as_bytes()].concat())
}

/// The calls behind the login.
fn calls(flags: u32, parts: &[(By, Vec<u8>)]) -> Vec<Exchange> {
    let mut talk = logged_in(flags);
    for (by, bytes) in parts {
        talk.send(*by, bytes);
    }
    talk.close();
    let mut calls = exchanges(&talk.packets);
    assert_eq!(line(&calls.remove(0)), "CONNECT shop OK complete 74/11 Open");
    calls
}

fn named(calls: &[Exchange]) -> Vec<String> {
    calls.iter().map(line).collect()
}

fn body(call: &Exchange) -> String {
    String::from_utf8(call.response.as_ref().unwrap().body.clone()).unwrap()
}

fn fields(headers: &[(String, String)]) -> String {
    headers.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_login_tells_who_and_where_and_no_secret() {
    let mut talk = Talk::open(4000);
    talk.send(Server, &talk::greeting());
    talk.send(Client, &talk::hello(0));
    talk.send(Server, &packet(2, b"\xfesha256_password\0challenge\0"));
    talk.send(Client, &packet(3, b"SECRET"));
    talk.send(Server, &packet(4, b"\x01PUBLIC KEY"));
    talk.send(Client, &packet(5, b"SECRET"));
    talk.send(Server, &packet(6, &error(1045, "Access denied")));
    talk.fin(Server);
    let calls = exchanges(&talk.packets);
    assert_eq!(named(&calls), ["CONNECT shop 1045 complete 94/72 Open"]);
    assert_eq!(
        fields(&calls[0].request.headers),
        "user=ann auth-plugin=sha256_password server-version=8.0.30"
    );
    assert_eq!(calls[0].failure.as_deref(), Some("Access denied"));
    assert!(!format!("{calls:?}").contains("SECRET"));
}

#[test]
fn a_secret_in_a_statement_is_told_neither_by_it_nor_by_its_failure() {
    let sql = "CREATE USR ann IDENTIFIED BY 'SECRET'";
    let parts = [
        (Client, query(sql)),
        (Server, packet(1, &error(1064, "Error in SQL near 'USR ann IDENTIFIED BY 'SECRET'' at line 1"))),
    ];
    let calls = calls(0, &parts);
    assert_eq!(calls[0].request.body, b"CREATE USR ann IDENTIFIED BY '[redacted]'");
    assert_eq!(calls[0].failure.as_deref(), Some("Error in SQL"));
    assert!(!format!("{calls:?}").contains("SECRET"));
}

#[test]
fn who_only_looks_whether_the_port_is_open_makes_no_call() {
    let mut talk = Talk::open(4000);
    talk.send(Server, &talk::greeting());
    talk.close();
    assert_eq!(lines(&talk.packets), ["tcp - complete 0/78 Closed"]);
}

#[test]
fn what_is_encrypted_is_left_to_others() {
    let mut talk = Talk::open(4000);
    talk.send(Server, &talk::greeting());
    talk.send(Client, &packet(1, &[&(SSL | 1 << 9).to_le_bytes()[..], &[0; 28]].concat()));
    talk.send(Client, b"\x16\x03\x01\x00\x05\x01\0\0\x01\0");
    talk.send(Server, b"\x16\x03\x03\x00\x05\x02\0\0\x01\0");
    talk.close();
    let calls = exchanges(&talk.packets);
    assert!(
        calls.iter().all(|call| call.protocol != model::exchange::Protocol::Mysql),
        "{:?}",
        named(&calls)
    );
}

#[test]
fn results_are_the_same_with_and_without_eof() {
    let columns = [column("id", 3), column("name", 253)];
    let rows = [b"\x017\x03bob".to_vec(), b"\x018\xfb".to_vec()];
    for (flags, deprecate) in [(0, false), (DEPRECATE_EOF, true)] {
        let answer = packets(1, &talk::result(&columns, &rows, deprecate, 2));
        let calls = calls(flags, &[(Client, query("SELECT * FROM people")), (Server, answer)]);
        assert_eq!(calls.len(), 1);
        assert_eq!(body(&calls[0]), r#"[{"id":7,"name":"bob"},{"id":8,"name":null}]"#);
        assert_eq!(calls[0].request.body, b"SELECT * FROM people");
        assert_eq!(fields(&calls[0].response.as_ref().unwrap().headers), "rows=2");
        assert_eq!((calls[0].method.as_str(), calls[0].target.as_str()), ("SELECT", "people"));
        assert_eq!(calls[0].status.as_deref(), Some("OK"));
    }
}

#[test]
fn results_of_one_command_belong_together() {
    let mut answer = talk::result(&[column("a", 3)], &[b"\x011".to_vec()], false, 2 | MORE);
    answer.push(ok(3, 2 | MORE));
    answer.extend(talk::result(&[column("b", 3)], &[b"\x012".to_vec()], false, 2 | MORE));
    answer.push(error(1062, "Duplicate"));
    let parts = [
        (Client, query("SELECT 1; UPDATE t SET a = 1; SELECT 2; INSERT t VALUES (1)")),
        (Server, packets(1, &answer)),
        (Client, packet(0, b"\x0e")),
        (Server, packet(1, &ok(0, 2))),
    ];
    let calls = calls(0, &parts);
    assert_eq!(calls[0].status.as_deref(), Some("1062"));
    assert_eq!(body(&calls[0]), r#"[[{"a":1}],[{"b":2}]]"#);
    assert_eq!(fields(&calls[0].response.as_ref().unwrap().headers), "rows=2 affected=3 sqlstate=23000");
    assert_eq!(line(&calls[1]), "PING  OK complete 5/11 Open");
}

#[test]
fn other_commands_go_by_their_names() {
    let done = || packet(1, &ok(0, 2));
    let commands: [(&[u8], &str); 12] = [
        (b"\x02shop", "USE shop OK"),
        (b"\x0e", "PING  OK"),
        (b"\x1f", "RESET CONNECTION  OK"),
        (b"\x0c\x2a\0\0\0", "KILL 42 OK"),
        (b"\x1b\x01\0", "SET OPTION multi-statements off OK"),
        (b"\x05new", "CREATE DATABASE new OK"),
        (b"\x06new", "DROP DATABASE new OK"),
        (b"\x07\x01", "REFRESH  OK"),
        (b"\x0d", "DEBUG  OK"),
        (b"\x08", "SHUTDOWN  OK"),
        (b"\x1a\x07\0\0\0", "RESET #7 OK"),
        (b"\x17\x07\0\0\0\0\x01\0\0\0", "EXECUTE #7 OK"),
    ];
    let parts: Vec<_> =
        commands.iter().flat_map(|(command, _)| [(Client, packet(0, command)), (Server, done())]).collect();
    let calls = calls(0, &parts);
    for ((command, expected), call) in commands.iter().zip(&calls) {
        assert!(line(call).starts_with(expected), "{command:?}: {}", line(call));
    }
    assert_eq!(calls[11].quality, Quality::MidStream);
    assert_eq!(calls.len(), commands.len());
}

#[test]
fn what_is_never_answered_is_no_failure_and_keeps_no_answer_waiting() {
    let parts = [
        (Client, packet(0, b"\x19\x07\0\0\0")),
        (Client, packet(0, b"\x18\x07\0\0\0\x01\0data")),
        (Client, query("COMMIT")),
        (Server, packet(1, &ok(0, 2))),
        (Client, packet(0, b"\x01")),
    ];
    let calls = calls(0, &parts);
    let expected = [
        "CLOSE #7 - complete 9/- Open",
        "SEND LONG DATA #7 - complete 15/- Open",
        "COMMIT  OK complete 11/11 Open",
        "QUIT  - complete 5/- Open",
    ];
    assert_eq!(named(&calls), expected);
    assert!(calls[0].waits && calls[3].waits && !calls[2].waits);
}

#[test]
fn a_prepared_statement_is_executed_by_its_sql() {
    let prepared = [
        b"\0\x07\0\0\0\x01\0\x02\0\0\0\0".to_vec(),
        column("?", 253),
        column("?", 253),
        eof(2),
        column("id", 8),
        eof(2),
    ];
    let rows = [b"\0\0\x09\0\0\0\0\0\0\0".to_vec()];
    let parts = [
        (Client, packet(0, b"\x16SELECT id FROM t WHERE a = ? AND b = ?")),
        (Server, packets(1, &prepared)),
        (Client, packet(0, b"\x17\x07\0\0\0\0\x01\0\0\0\0\x01\x03\0\xfd\0\x05\0\0\0\x02xy")),
        (Server, packets(1, &talk::result(&[column("id", 8)], &rows, false, 2))),
        // The second time without types, and with a NULL.
        (Client, packet(0, b"\x17\x07\0\0\0\x01\x01\0\0\0\x02\0\x06\0\0\0")),
        (Server, packets(1, &[vec![1], column("id", 8), eof(2 | 64)])),
        (Client, packet(0, b"\x1c\x07\0\0\0\x0a\0\0\0")),
        (Server, packets(1, &[rows[0].clone(), eof(2 | 128)])),
        (Client, packet(0, b"\x19\x07\0\0\0")),
        (Client, packet(0, b"\x17\x07\0\0\0\0\x01\0\0\0")),
        (Server, packet(1, &error(1243, "Unknown statement"))),
    ];
    let calls = calls(0, &parts);
    let names: Vec<_> = calls.iter().map(|call| format!("{} {}", call.method, call.target)).collect();
    assert_eq!(names, ["PREPARE SELECT t", "SELECT t", "SELECT t", "FETCH #7", "CLOSE #7", "EXECUTE #7"]);
    assert_eq!(fields(&calls[1].request.headers), "statement=#7 $1=5 $2=xy");
    assert_eq!(fields(&calls[2].request.headers), "statement=#7 $1=6 $2=NULL");
    assert_eq!(calls[2].request.body, b"SELECT id FROM t WHERE a = ? AND b = ?");
    assert_eq!((body(&calls[1]), body(&calls[3])), (r#"[{"id":9}]"#.to_owned(), r#"[{"id":9}]"#.to_owned()));
    assert_eq!(body(&calls[2]), "");
    assert_eq!(calls[5].status.as_deref(), Some("1243"));
}

#[test]
fn a_file_that_the_server_asks_for_belongs_to_its_command() {
    let mut parts = vec![
        (Client, query("LOAD DATA LOCAL INFILE 'a.csv' INTO TABLE t")),
        (Server, packet(1, b"\xfba.csv")),
    ];
    // More packets than there are sequence numbers.
    for place in 0..300_u32 {
        parts.push((Client, packet((place + 2) as u8, b"\x01row\n")));
    }
    parts.push((Client, packet(46, b"")));
    parts.push((Server, packet(47, &ok(300, 2))));
    parts.push((Client, query("COMMIT")));
    parts.push((Server, packet(1, &ok(0, 2))));
    let calls = calls(0, &parts);
    assert_eq!(named(&calls), ["LOAD t OK complete 2752/23 Open", "COMMIT  OK complete 11/11 Open"]);
    assert_eq!(fields(&calls[0].request.headers), "file=a.csv");
}

#[test]
fn packets_of_more_than_16_mib_are_one() {
    let sql = format!("SELECT '{}'", "x".repeat(17 << 20));
    let row = talk::string(&vec![b'z'; 0xff_ffff - 4]);
    let answer = packets(2, &talk::result(&[column("a", 253)], &[row], false, 2));
    let size = answer.len();
    let mut talk = logged_in(0);
    talk.send_cut(Client, &query(&sql), 60_000);
    talk.send_cut(Server, &answer, 60_000);
    talk.send(Client, &packet(0, b"\x0e"));
    talk.send(Server, &packet(1, &ok(0, 2)));
    talk.close();
    let calls = exchanges(&talk.packets);
    let expected = format!("SELECT  OK complete {}/{size} Open", sql.len() + 1 + 8);
    assert_eq!(named(&calls)[1..], [expected, "PING  OK complete 5/11 Open".to_owned()]);
    assert!(calls[1].request.cut && calls[1].request.body.len() == 64 * 1024);
    assert!(calls[1].response.as_ref().unwrap().cut && body(&calls[1]).starts_with(r#"[{"a":"zzz"#));
}

#[test]
fn what_is_compressed_is_read_as_what_is_not() {
    let sql = format!("INSERT INTO t VALUES ('{}')", "x".repeat(500));
    let rows = vec![talk::string(&[b'y'; 9000]); 5];
    let answer = packets(1, &talk::result(&[column("a", 253)], &rows, false, 2));
    let parts = |wrap: fn(u8, &[u8]) -> Vec<u8>| {
        [
            (Client, wrap(0, &query(&sql))),
            (Server, wrap(1, &packet(1, &ok(1, 2)))),
            (Client, wrap(0, &query("SELECT a FROM t"))),
            (Server, wrap(1, &answer)),
        ]
    };
    let (plain, small) = (calls(0, &parts(|_, bytes| bytes.to_vec())), calls(COMPRESS, &parts(compressed)));
    assert_eq!(named(&plain), named(&small));
    assert_eq!(body(&plain[1]), body(&small[1]));
    assert_eq!(plain[0].request.body, small[0].request.body);
}

#[test]
fn what_is_compressed_by_zstd_is_counted() {
    let opaque = |seq: u8, size: u8| [&[4, 0, 0, seq, size, 0, 0][..], b"zstd"].concat();
    let parts = [
        (Client, opaque(0, 200)),
        (Server, compressed(1, &packet(1, &ok(3, 2)))),
        (Client, opaque(0, 200)),
        (Server, opaque(1, 100)),
        (Client, compressed(0, &query("COMMIT"))),
        (Server, compressed(1, &packet(1, &ok(0, 2)))),
    ];
    let calls = calls(ZSTD, &parts);
    let expected = [
        "COMMAND  OK truncated 200/11 Open",
        "COMMAND  - truncated 200/100 Open",
        "COMMIT  OK complete 11/11 Open",
    ];
    assert_eq!(named(&calls), expected);
    assert_eq!(fields(&calls[0].request.headers), "compression=zstd");
}

#[test]
fn a_replica_gets_events_until_it_goes() {
    let event = |kind: u8| [&[0, 1, 2, 3, 4, kind][..], &[0; 20]].concat();
    let parts = [
        (Client, packet(0, b"\x12\x04\0\0\0\0\0\x09\0\0\0bin.000001")),
        (Server, packets(1, &[event(4), event(2), event(30)])),
    ];
    let calls = calls(0, &parts);
    let response = calls[0].response.as_ref().unwrap();
    let kinds: Vec<_> = response.parts.iter().map(|part| part.kind.as_str()).collect();
    assert_eq!(kinds, ["rotate", "query", "write rows"]);
    assert_eq!(named(&calls), ["BINLOG DUMP bin.000001 - complete 25/90 Closed"]);
    assert!(calls[0].waits && !response.complete);
}

#[test]
fn commands_that_do_not_wait_get_their_answers_in_order() {
    let parts = [
        (Client, [query("SELECT 1"), query("UPDATE t SET a = 1"), packet(0, b"\x0e")].concat()),
        (Server, packets(1, &talk::result(&[column("a", 3)], &[], false, 2))),
        (Server, [packet(1, &error(1064, "No")), packet(1, &ok(0, 2))].concat()),
    ];
    let calls = calls(0, &parts);
    let seen: Vec<_> =
        calls.iter().map(|call| (call.method.as_str(), call.status.as_deref().unwrap())).collect();
    assert_eq!(seen, [("SELECT", "OK"), ("UPDATE", "1064"), ("PING", "OK")]);
}

#[test]
fn a_server_may_end_what_nobody_asked_for() {
    let calls = calls(0, &[(Server, packet(0, &error(4031, "Inactivity")))]);
    assert_eq!(named(&calls), [" 4031 no-request 0/23 Open".replacen(' ', "mysql ", 1)]);
    assert_eq!(calls[0].failure.as_deref(), Some("Inactivity"));
}

#[test]
fn a_connection_that_was_there_before_is_read_from_its_next_command() {
    let mut talk = Talk::new(4000);
    talk.send(Server, b"\x05\0\0\x09\xfe\0\0\x02\0");
    talk.send(Client, &query("SELECT 1 FROM t"));
    talk.send(Server, &packets(1, &talk::result(&[column("1", 3)], &[b"\x011".to_vec()], true, 2)));
    talk.send(Client, &packet(0, b"\x17\x07\0\0\0\0\x01\0\0\0"));
    talk.send(Server, &packet(1, &ok(1, 2)));
    let calls = exchanges(&talk.packets);
    let named = named(&calls);
    let expected = ["SELECT t OK complete 20/56 Open", "EXECUTE #7 OK mid-stream 14/11 Open"];
    assert_eq!(named[named.len() - 2..], expected, "{named:?}");
}

#[test]
fn a_connection_that_was_there_before_may_be_compressed() {
    let mut talk = Talk::new(4000);
    talk.send(Client, &compressed(0, &query("SELECT 1 FROM t")));
    let answer = packets(1, &talk::result(&[column("1", 3)], &[b"\x011".to_vec()], true, 2));
    talk.send(Server, &compressed(1, &answer));
    assert_eq!(lines(&talk.packets), [format!("SELECT t OK complete 20/{} Open", answer.len())]);
}

#[test]
fn an_answer_whose_command_was_lost_is_told_as_such() {
    let mut talk = logged_in(0);
    talk.send(Client, &query("SELECT a FROM t"));
    talk.packets.pop();
    let answer = packets(1, &talk::result(&[column("a", 3)], &[b"\x017".to_vec()], false, 2));
    talk.send(Server, &answer);
    talk.send(Client, &query("COMMIT"));
    talk.send(Server, &packet(1, &ok(0, 2)));
    talk.close();
    let calls = exchanges(&talk.packets);
    let expected = [
        "CONNECT shop OK complete 74/11 Open".to_owned(),
        format!("mysql OK no-request 0/{} Open", answer.len()),
        "COMMIT  OK complete 11/11 Open".to_owned(),
    ];
    assert_eq!(named(&calls), expected);
    assert_eq!(body(&calls[1]), r#"[{"a":7}]"#);
}

#[test]
fn bodies_keep_to_their_limit() {
    let rows = vec![b"\x0212".to_vec(); 1000];
    let answer = packets(1, &talk::result(&[column("a", 3)], &rows, false, 2));
    let mut talk = logged_in(0);
    talk.send(Client, &query("SELECT a FROM t"));
    talk.send_cut(Server, &answer, 1000);
    let limits = wire::Limits::new(100);
    let calls = crate::packets::last(crate::packets::reports_within(&talk.packets, limits));
    let response = calls[1].response.as_ref().unwrap();
    assert!(response.cut && response.complete && response.body.len() <= 100);
    assert_eq!(body(&calls[1]), format!("[{}]", [r#"{"a":12}"#; 11].join(",")));
    assert_eq!((response.bytes, fields(&response.headers).as_str()), (answer.len() as u64, "rows=1000"));
}
