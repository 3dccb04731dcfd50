//! Captures of real traffic: the rows that Zeek logs in its `postgresql.log`, and sessions recorded with clients.

use model::exchange::{Exchange, Message};
use wire::{Limits, Link, Wire};

use super::{body, brief};
use crate::packets::{last, line, read_pcap};

fn calls(file: &[u8]) -> Vec<Exchange> {
    let (link, packets) = read_pcap(file);
    assert_eq!(link, 1, "Ethernet");
    let mut wire = Wire::new(Limits::new(64 * 1024));
    let mut out = Vec::new();
    for packet in &packets {
        wire.packet(packet.at, Link::Ethernet, &packet.bytes, packet.wire_len, &mut out);
    }
    wire.finish(&mut out);
    assert_eq!(wire.counts().lost_gaps, 0);
    last(out)
}

fn header<'a>(message: &'a Message, name: &str) -> &'a str {
    message.headers.iter().find(|(known, _)| known == name).map_or("-", |(_, value)| value.as_str())
}

/// A call as the rows that Zeek would log: the client's port, user, database, what was asked, success, rows that came.
fn as_logged(call: &Exchange) -> Vec<String> {
    let port = call.client.port();
    let success = match (&call.status, &call.failure) {
        (_, Some(_)) => format!("F {}", call.status.as_deref().unwrap_or("-")),
        (Some(_), None) => "T".to_owned(),
        (None, None) => "-".to_owned(),
    };
    if call.method != "CONNECT" {
        let response = call.response.as_ref().map(body).unwrap_or_default();
        let rows = response.lines().filter(|line| line.starts_with('{')).count();
        let rows = if call.failure.is_some() { "-".to_owned() } else { rows.to_string() };
        return vec![format!("{port} simple_query {} {success} {rows}", body(&call.request))];
    }
    let request = &call.request;
    let mut rows = Vec::new();
    if header(request, "ssl") == "refused" {
        rows.push(format!("{port} ssl_request N"));
    }
    let (user, application) = (header(request, "user"), header(request, "application_name"));
    rows.push(format!("{port} startup {user} {} {application} {success}", call.target));
    rows
}

/// The rows of Zeek's log in the same form, without those that are no exchange here.
fn logged(log: &str) -> Vec<String> {
    let rows = log.lines().filter(|line| !line.starts_with("ts\t") && !line.starts_with('#'));
    rows.filter_map(|row| {
        let fields: Vec<&str> = row.split('\t').collect();
        let [port, user, database, application, asked, sql, answered, details, success, rows] =
            [3, 6, 7, 8, 9, 10, 11, 12, 13, 14].map(|place| fields[place]);
        let code = details.split(',').find_map(|field| field.strip_prefix("Code="));
        let success = match (success, code) {
            ("F", Some(code)) => format!("F {code}"),
            _ => success.to_owned(),
        };
        match asked {
            "ssl_request" => Some(format!("{port} ssl_request {details}")),
            "startup" => Some(format!("{port} startup {user} {database} {application} {success}")),
            "simple_query" => {
                let sql = sql.replace("\\x0a", "\n");
                // A statement ends before its semicolon, and Zeek's notices have a code as well.
                assert!(success.starts_with('T') || answered == "error");
                Some(format!("{port} simple_query {} {success} {rows}", sql.trim_end().trim_end_matches(';')))
            }
            // The end of a connection asks for nothing.
            "terminate" => None,
            _ => panic!("{row}"),
        }
    })
    .collect()
}

macro_rules! capture {
    ($name:literal) => {
        (
            &include_bytes!(concat!("../../data/postgresql/", $name, ".pcap"))[..],
            include_str!(concat!("../../data/postgresql/", $name, ".log.tsv")),
        )
    };
}

#[test]
fn statements_success_and_rows_are_those_of_the_log() {
    let captures = [
        capture!("greenhouse-app"),
        capture!("psql-create-insert-select-delete-drop"),
        capture!("psql-insert-fail-drop-fail"),
        capture!("psql-login-fail"),
        capture!("psql-login-no-role"),
        capture!("psql-login-no-sslrequest"),
        capture!("psql-select-now"),
        // On port 15432.
        capture!("psql-aws-ssl-disable-15432"),
    ];
    for (file, log) in captures {
        let mut ours: Vec<String> = calls(file).iter().flat_map(as_logged).collect();
        let mut theirs = logged(log);
        // Both list one connection in order; connections are interleaved by time there and not here.
        let port = |row: &String| row.split(' ').next().map(str::to_owned);
        ours.sort_by_key(port);
        theirs.sort_by_key(port);
        assert_eq!(ours, theirs);
    }
}

#[test]
fn what_is_encrypted_or_another_protocol_is_left_to_others() {
    let lines = |file: &[u8]| calls(file).iter().map(line).collect::<Vec<_>>();
    // Zeek logs the wish for encryption and what follows as TLS.
    let tls = include_bytes!("../../data/postgresql/psql-aws-ssl-require.pcap");
    let name = "database-1.cyx4x7yvdoay.us-east-1.rds.amazonaws.com";
    assert_eq!(lines(tls), [format!("TLS {name} TLS 1.2 complete 778/4541 Reset")]);
    let http = include_bytes!("../../data/postgresql/http-on-port-5432.pcap");
    assert_eq!(lines(http), ["GET /download/CHANGES.bro-aux.txt 200 complete 0/4705 Open"]);
    let mysql = include_bytes!("../../data/postgresql/mysql-on-port-5432.pcap");
    assert!(calls(mysql).iter().all(|call| call.protocol != model::exchange::Protocol::Postgres));
    let bad_client = include_bytes!("../../data/postgresql/bad-startup-message-1.pcap");
    assert_eq!(lines(bad_client), ["tcp - complete 19/24 Reset"]);
    // Zeek drops this connection without a row: the server's first message is broken. Its start-up packet is whole, and
    // who sent it got no answer.
    let bad_server = include_bytes!("../../data/postgresql/bad-backend-message-1.pcap");
    assert_eq!(lines(bad_server), ["CONNECT zeek - no-response 19/- Reset"]);
}

fn find<'a>(calls: &'a [Exchange], sql: &str) -> &'a Exchange {
    calls.iter().find(|call| body(&call.request).contains(sql)).expect("a call with this text")
}

#[test]
fn psycopg_with_pipelines_copies_and_notifications() {
    let calls = calls(include_bytes!("../../data/postgresql/psycopg-session.pcap"));
    let lines: Vec<_> = calls.iter().map(brief).collect();
    let duplicate = |name| format!("duplicate key value violates unique constraint \"{name}\"");
    let expected = [
        "CONNECT postgres OK complete",
        "BEGIN OK complete",
        "SELECT shop OK complete",
        "SELECT shop OK complete",
        // One statement that is prepared and executed seven times.
        "SELECT shop OK complete",
        "SELECT shop OK complete",
        "SELECT shop OK complete",
        "SELECT shop OK complete",
        "SELECT shop OK complete",
        "SELECT shop OK complete",
        "SELECT shop OK complete",
        // A pipeline, and one that fails.
        "INSERT shop OK complete",
        "SELECT shop OK complete",
        "UPDATE shop OK complete",
        "COMMIT OK complete",
        "BEGIN OK complete",
        "SELECT OK complete",
        &format!("INSERT shop 23505 complete: {}", duplicate("shop_name_key")),
        "SELECT - no-response: not executed, since another statement failed",
        "ROLLBACK OK complete",
        "DEALLOCATE all OK complete",
        "BEGIN OK complete",
        "COPY shop OK complete",
        "COPY shop OK complete",
        &format!("COPY shop 23505 complete: {}", duplicate("shop_name_key")),
        "ROLLBACK OK complete",
        "BEGIN OK complete",
        "CREATE TABLE def OK complete",
        "COMMIT OK complete",
        // A deferred constraint, which fails at the end of the transaction.
        &format!("INSERT def 23505 complete: {}", duplicate("def_a_key")),
        "SELECT 22012 complete: division by zero",
        "LISTEN news OK complete",
        "SELECT OK complete",
        "UNLISTEN news OK complete",
        "CONNECT postgres OK complete",
        "NOTIFY news OK complete",
        "SELECT pg_notify OK complete",
        "CONNECT postgres 28P01 complete: password authentication failed for user \"postgres\"",
    ];
    assert_eq!(lines, expected);
    let binary = find(&calls, "$1::uuid as u");
    assert_eq!(header(&binary.request, "$1"), "00000000-0000-0000-0000-000000000005");
    assert_eq!(header(&binary.request, "$2"), "[1,2,3]");
    let row = "{\"id\":1,\"name\":\"apple\",\"price\":1.25,\"at\":\"2026-11-24 07:44:24.501896+00\",\"ok\":false,\
               \"u\":\"00000000-0000-0000-0000-000000000005\",\"l\":[1,2,3]}";
    assert_eq!(body(binary.response.as_ref().unwrap()).lines().nth(1), Some(format!("{row},").as_str()));
    assert_eq!(body(find(&calls, "LISTEN").response.as_ref().unwrap()), "helloagain");
    assert_eq!(body(&find(&calls, "COPY shop(name)").request), "COPY shop(name) FROM STDIN\nkiwi\nlime\n");
}

#[test]
fn asyncpg_with_prepared_statements_cursors_and_a_cancelled_query() {
    let calls = calls(include_bytes!("../../data/postgresql/asyncpg-session.pcap"));
    let lines: Vec<_> = calls.iter().map(brief).collect();
    for expected in [
        "SELECT shop 42703 complete: column \"nope\" does not exist",
        "SELECT 22012 complete: division by zero",
        "SELECT pg_sleep 57014 complete: canceling statement due to user request",
        "CREATE ROLE r1 OK complete",
    ] {
        assert_eq!(lines.iter().filter(|line| *line == expected).count(), 1, "{expected}");
    }
    assert_eq!(lines.last().map(String::as_str), Some("CANCEL - complete"));
    let inserts: Vec<_> =
        calls.iter().filter(|call| call.method == "INSERT").map(|call| header(&call.request, "$1")).collect();
    assert_eq!(inserts, ["date", "m0", "m1", "m2", "m3"]);
    let pieces: Vec<_> = calls
        .iter()
        .filter(|call| call.target == "generate_series")
        .map(|call| body(call.response.as_ref().unwrap()))
        .collect();
    assert_eq!(pieces, ["[\n{\"g\":1},\n{\"g\":2}\n]", "[\n{\"g\":3},\n{\"g\":4}\n]", "[\n{\"g\":5}\n]"]);
    let types = find(&calls, "select array[1.5");
    let expected = "[\n{\"a\":[1.5,2.25],\"b\":[],\"j\":\"{\\\"a\\\": 1}\",\"n\":null,\"d\":\"2024-01-02\",\
                    \"t\":\"01:02:03.5\",\"y\":\"\\\\x78\",\"f\":1.5,\"i\":\"1 day\",\"ip\":\"10.0.0.1\"}\n]";
    assert_eq!(body(types.response.as_ref().unwrap()), expected);
    assert!(calls.iter().all(|call| !body(&call.request).contains("topsecret")));
}
