//! PostgreSQL over whole connections: what is executed, what comes of it, and how much of it was seen.

mod captures;
mod messages;
mod properties;

use model::exchange::{Ending, Exchange, TopicRole};
use wire::Limits;

use crate::packets::{By, Client, Server, Talk, exchanges, last, lines, reports, reports_within};
use messages::*;

/// Messages that one side sends in one segment.
type Part = (By, Vec<Vec<u8>>);

/// The packets of a connection that is ready for queries, then these parts.
fn talk(parts: &[Part]) -> Talk {
    let mut talk = Talk::open(4000);
    talk.send(Client, &startup(&[("user", "joe"), ("database", "shop")]));
    talk.send(Server, &[authentication(0, b""), ready()].concat());
    send(&mut talk, parts);
    talk
}

fn send(talk: &mut Talk, parts: &[Part]) {
    for (by, messages) in parts {
        talk.send(*by, &messages.concat());
    }
}

/// `method target status quality` of an exchange, and its failure.
fn brief(exchange: &Exchange) -> String {
    let status = exchange.status.as_deref().unwrap_or("-");
    let failure = exchange.failure.as_ref().map(|words| format!(": {words}")).unwrap_or_default();
    let (method, target, quality) = (&exchange.method, &exchange.target, exchange.quality.name());
    let words: Vec<_> =
        [method, target, status, quality].into_iter().filter(|word| !word.is_empty()).collect();
    words.join(" ") + &failure
}

/// What follows the connect.
fn briefs(parts: &[Part]) -> Vec<String> {
    let calls: Vec<_> = exchanges(&talk(parts).packets).iter().map(brief).collect();
    assert_eq!(calls[0], "CONNECT shop OK complete");
    calls[1..].to_vec()
}

/// The only call that follows the connect.
fn only(parts: &[Part]) -> Exchange {
    let mut calls = exchanges(&talk(parts).packets);
    assert_eq!(calls.len(), 2, "{calls:#?}");
    calls.remove(1)
}

fn body(message: &model::exchange::Message) -> String {
    String::from_utf8(message.body.clone()).expect("text")
}

fn pairs(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

const SKIPPED: &str = "- no-response: not executed, since another statement failed";

#[test]
fn statements_are_paired_with_their_answers() {
    type Case = (&'static str, Vec<Part>, Vec<String>);
    let select = |sql| query(sql);
    let one = || vec![columns(&[("a", 23)]), row(&["1"]), complete("SELECT 1")];
    let some = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
    let batch = |sql| vec![parse("", sql, &[]), bind("", "", &[]), describe_portal(""), execute("", 0)];
    let prepared = || vec![done(b'1'), done(b'2'), done(b'n')];
    let cases: Vec<Case> = vec![
        (
            "a simple query",
            vec![(Client, vec![select("SELECT 1 FROM t")]), (Server, [one(), vec![ready()]].concat())],
            some(&["SELECT t OK complete"]),
        ),
        (
            "several statements in one",
            vec![
                (Client, vec![query("begin; insert into t values (1); ; select 1 from u")]),
                (Server, [vec![complete("BEGIN"), complete("INSERT 0 1")], one(), vec![ready()]].concat()),
            ],
            some(&["BEGIN OK complete", "INSERT t OK complete", "SELECT u OK complete"]),
        ),
        (
            "one of several fails",
            vec![
                (Client, vec![query("insert into t values (1); delete from t; select 1 from u")]),
                (Server, vec![complete("INSERT 0 1"), error("23503", "no"), ready()]),
                (Client, vec![query("begin")]),
                (Server, vec![complete("BEGIN"), ready()]),
            ],
            some(&[
                "INSERT t OK complete",
                "DELETE t 23503 complete: no",
                &format!("SELECT u {SKIPPED}"),
                "BEGIN OK complete",
            ]),
        ),
        (
            "a text that is no SQL fails where it says",
            vec![
                (Client, vec![query("insert into t values ('ä'); selec; select 1 from u")]),
                (Server, vec![error_at("42601", "syntax", Some(29)), ready()]),
            ],
            some(&[
                &format!("INSERT t {SKIPPED}"),
                "SELEC 42601 complete: syntax",
                &format!("SELECT u {SKIPPED}"),
            ]),
        ),
        (
            "an empty query",
            vec![(Client, vec![query(" ;")]), (Server, vec![done(b'I'), ready()])],
            some(&["QUERY OK complete"]),
        ),
        (
            "more answers than statements",
            vec![
                (Client, vec![query("delete from t")]),
                (Server, vec![complete("DELETE 1"), complete("INSERT 0 1"), ready()]),
            ],
            some(&["DELETE t OK complete", "INSERT OK complete"]),
        ),
        (
            "an extended query",
            vec![
                (Client, [batch("update t set a = 1"), vec![sync()]].concat()),
                (Server, [prepared(), vec![complete("UPDATE 3"), ready()]].concat()),
            ],
            some(&["UPDATE t OK complete"]),
        ),
        (
            "a pipeline in one batch, of which one fails",
            vec![
                (
                    Client,
                    [batch("delete from a"), batch("delete from b"), batch("delete from c"), vec![sync()]]
                        .concat(),
                ),
                (
                    Server,
                    [prepared(), vec![complete("DELETE 1")], prepared(), vec![error("42501", "denied")]]
                        .concat(),
                ),
                (Server, vec![ready()]),
                (Client, vec![query("rollback")]),
                (Server, vec![complete("ROLLBACK"), ready()]),
            ],
            some(&[
                "DELETE a OK complete",
                "DELETE b 42501 complete: denied",
                &format!("DELETE c {SKIPPED}"),
                "ROLLBACK OK complete",
            ]),
        ),
        (
            "a pipeline of batches",
            vec![
                (
                    Client,
                    [batch("delete from a"), vec![sync()], batch("delete from b"), vec![sync()]].concat(),
                ),
                (Client, vec![query("select 1 from c")]),
                (Server, [prepared(), vec![error("42P01", "no a"), ready()], prepared()].concat()),
                (Server, [vec![complete("DELETE 0"), ready()], one(), vec![ready()]].concat()),
            ],
            some(&["DELETE a 42P01 complete: no a", "DELETE b OK complete", "SELECT c OK complete"]),
        ),
        (
            "asked while the server passes over a failed batch",
            vec![
                (Client, [batch("delete from a"), vec![flush()]].concat()),
                (Server, vec![error("42P01", "no a")]),
                (Client, [batch("delete from b"), vec![query("select 1 from c"), sync()]].concat()),
                (Server, vec![ready()]),
                (Client, vec![query("begin")]),
                (Server, vec![complete("BEGIN"), ready()]),
            ],
            some(&[
                "DELETE a 42P01 complete: no a",
                &format!("DELETE b {SKIPPED}"),
                &format!("SELECT c {SKIPPED}"),
                "BEGIN OK complete",
            ]),
        ),
        (
            "what fails when it is prepared",
            vec![
                (Client, vec![parse("s", "select 1 from nowhere", &[]), describe_statement("s"), sync()]),
                (Server, vec![error("42P01", "no such table"), ready()]),
                // The server does not know it.
                (Client, vec![bind("", "s", &[]), execute("", 0), sync()]),
                (Server, vec![error("26000", "no such statement"), ready()]),
            ],
            some(&[
                "SELECT nowhere 42P01 complete: no such table",
                "EXECUTE s 26000 complete: no such statement",
            ]),
        ),
        (
            "preparing alone is no call",
            vec![
                (Client, vec![parse("s", "select 1 from t", &[]), describe_statement("s"), sync()]),
                (Server, vec![done(b'1'), types(&[]), columns(&[("a", 23)]), ready()]),
                (Client, vec![close_statement("s"), sync()]),
                (Server, vec![done(b'3'), ready()]),
                (Client, vec![terminate()]),
            ],
            some(&[]),
        ),
        (
            "the error of another statement than the one that is executed",
            vec![
                (
                    Client,
                    [vec![parse("bad", "select 1 from bad", &[])], batch("delete from t"), vec![sync()]]
                        .concat(),
                ),
                (Server, vec![error("42P01", "bad"), ready()]),
            ],
            // In the order in which they are told.
            some(&[&format!("DELETE t {SKIPPED}"), "SELECT bad 42P01 complete: bad"]),
        ),
        (
            "what the end of the transaction brings",
            vec![
                (Client, [batch("insert into t values (1)"), vec![sync()]].concat()),
                (
                    Server,
                    [prepared(), vec![complete("INSERT 0 1"), error("23505", "deferred"), ready()]].concat(),
                ),
            ],
            some(&["INSERT t 23505 complete: deferred"]),
        ),
        (
            "a statement that was prepared before the capture",
            vec![
                (
                    Client,
                    vec![bind("", "s1", &["x"]), execute("", 0), bind("", "", &[]), execute("", 0), sync()],
                ),
                (
                    Server,
                    [vec![done(b'2')], one()[1..].to_vec(), vec![done(b'2'), complete("CREATE TABLE")]]
                        .concat(),
                ),
                (Server, vec![ready()]),
            ],
            some(&["EXECUTE s1 OK complete", "CREATE TABLE OK complete"]),
        ),
        (
            "a function call",
            vec![
                (Client, vec![function_call(1598)]),
                (Server, vec![function_result(), ready()]),
                (Client, vec![function_call(1599)]),
                (Server, vec![error("42883", "no such function"), ready()]),
            ],
            some(&["FUNCTION 1598 OK complete", "FUNCTION 1599 42883 complete: no such function"]),
        ),
        (
            "the server goes",
            vec![(Client, vec![query("select 1 from t")]), (Server, vec![error("57P01", "shutting down")])],
            some(&["SELECT t 57P01 complete: shutting down"]),
        ),
        (
            "the server goes while nothing is asked",
            vec![(Server, vec![error("57P01", "shutting down")])],
            some(&["57P01 no-request: shutting down"]),
        ),
        ("no answer", vec![(Client, vec![query("select 1 from t")])], some(&["SELECT t - no-response"])),
    ];
    for (name, parts, expected) in cases {
        assert_eq!(briefs(&parts), expected, "{name}");
    }
}

#[test]
fn rows_and_parameters_come_through() {
    let call = only(&[
        (
            Client,
            vec![
                parse("s", "select * from t where id = $1 and name = $2", &[23, 0]),
                bind("", "s", &["7", "x"]),
                describe_portal(""),
                execute("", 0),
                sync(),
            ],
        ),
        (
            Server,
            vec![
                done(b'1'),
                done(b'2'),
                columns(&[("id", 23), ("name", 25), ("ok", 16)]),
                row(&["7", "x", "t"]),
                row_of(&[Some(b"8"), None, Some(b"f")]),
                notice("watch out"),
                complete("SELECT 2"),
                ready(),
            ],
        ),
    ]);
    let request = &call.request;
    assert_eq!(body(request), "select * from t where id = $1 and name = $2");
    assert_eq!(request.media.as_deref(), Some("application/sql"));
    assert_eq!(pairs(&request.headers), [("statement", "s"), ("$1", "7"), ("$2", "x")]);
    let response = call.response.as_ref().unwrap();
    assert_eq!(
        body(response),
        "[\n{\"id\":7,\"name\":\"x\",\"ok\":true},\n{\"id\":8,\"name\":null,\"ok\":false}\n]"
    );
    assert_eq!(response.media.as_deref(), Some("application/json"));
    assert_eq!(pairs(&response.headers), [("notice", "watch out"), ("rows", "2"), ("command", "SELECT 2")]);
    assert!(response.complete && request.complete && !response.cut);
}

#[test]
fn a_statement_described_once_names_the_columns_of_every_execution() {
    let prepare = vec![
        (Client, vec![parse("s", "select a, b from t where a > $1", &[]), describe_statement("s"), sync()]),
        (Server, vec![done(b'1'), types(&[20]), columns(&[("a", 23), ("b", 25)]), ready()]),
    ];
    let eight = 8_i64.to_be_bytes();
    let execution = |value: u8| {
        let row = row_of(&[Some(&[0, 0, 0, value]), Some(b"x")]);
        vec![
            (Client, vec![bind_binary("s", &[Some(&eight)]), execute("", 0), sync()]),
            (Server, vec![done(b'2'), row, complete("SELECT 1"), ready()]),
        ]
    };
    let parts: Vec<Part> = [prepare, execution(1), execution(2)].concat();
    let calls = exchanges(&talk(&parts).packets);
    for (call, value) in calls[1..].iter().zip([1, 2]) {
        assert_eq!(pairs(&call.request.headers), [("statement", "s"), ("$1", "8")]);
        assert_eq!(body(call.response.as_ref().unwrap()), format!("[\n{{\"a\":{value},\"b\":\"x\"}}\n]"));
    }
    // What was prepared in an earlier turn takes no part in the times and sizes of an execution.
    let bytes: Vec<_> = calls[1..].iter().map(|call| (call.request.bytes, call.request.first)).collect();
    assert_eq!(bytes[0].0, bytes[1].0);
    assert!(
        calls[1].request.first
            > calls[0].response.as_ref().unwrap().last.plus(std::time::Duration::from_millis(2))
    );
}

#[test]
fn times_and_sizes_are_those_of_the_messages() {
    let asked = [parse("", "delete from t", &[]), bind("", "", &[]), execute("", 0)];
    let answered = [done(b'1'), done(b'2'), complete("DELETE 1")];
    let talk = talk(&[
        (Client, asked[..1].to_vec()),
        (Client, [asked[1..].to_vec(), vec![sync()]].concat()),
        (Server, answered[..2].to_vec()),
        (Server, vec![answered[2].clone(), ready()]),
    ]);
    let call = exchanges(&talk.packets).remove(1);
    let response = call.response.unwrap();
    let at = |packet: usize| talk.packets[packet].at;
    assert_eq!((call.request.first, call.request.last), (at(5), at(6)));
    assert_eq!((response.first, response.last), (at(7), at(8)));
    assert_eq!(call.request.bytes, asked.concat().len() as u64);
    assert_eq!(response.bytes, answered.concat().len() as u64);
    assert!(!response.headers.is_empty() && call.request.complete && response.complete);
}

#[test]
fn the_bytes_of_a_query_are_shared_by_its_statements() {
    let sql = query("begin;\n delete from t; commit;");
    let talk = talk(&[
        (Client, vec![sql.clone()]),
        (Server, vec![complete("BEGIN"), complete("DELETE 1"), complete("COMMIT"), ready()]),
    ]);
    let calls = exchanges(&talk.packets);
    assert_eq!(calls[1..].iter().map(|call| call.request.bytes).sum::<u64>(), sql.len() as u64);
    assert!(calls[1..].iter().all(|call| call.request.first == calls[1].request.first));
}

#[test]
fn a_portal_is_executed_piece_by_piece() {
    let calls = exchanges(
        &talk(&[
            (
                Client,
                vec![
                    parse("", "select a from t", &[]),
                    bind("p", "", &[]),
                    describe_portal("p"),
                    execute("p", 1),
                    flush(),
                ],
            ),
            (Server, vec![done(b'1'), done(b'2'), columns(&[("a", 23)]), row(&["1"]), done(b's')]),
            (Client, vec![execute("p", 1), sync()]),
            (Server, vec![row(&["2"]), complete("SELECT 1"), ready()]),
        ])
        .packets,
    );
    let [_, first, second] = &calls[..] else { panic!("{calls:#?}") };
    assert_eq!([brief(first), brief(second)], ["SELECT t OK complete", "SELECT t OK complete"]);
    assert_eq!(pairs(&first.request.headers), [("portal", "p"), ("limit", "1")]);
    let (first, second) = (first.response.as_ref().unwrap(), second.response.as_ref().unwrap());
    assert_eq!(pairs(&first.headers), [("rows", "1"), ("suspended", "true")]);
    assert_eq!((body(first).as_str(), body(second).as_str()), ("[\n{\"a\":1}\n]", "[\n{\"a\":2}\n]"));
}

#[test]
fn copies_are_streams() {
    let into = only(&[
        (Client, vec![query("COPY t FROM STDIN")]),
        (Server, vec![copy_begins(b'G', 0)]),
        (Client, vec![copy_data(b"1\ta\n"), copy_data(b"2\tb\n"), copy_done()]),
        (Server, vec![complete("COPY 2"), ready()]),
    ]);
    assert_eq!(brief(&into), "COPY t OK complete");
    assert_eq!(body(&into.request), "COPY t FROM STDIN\n1\ta\n2\tb\n");
    let kept: Vec<_> = into.request.parts.iter().map(|part| (part.kind.as_str(), part.kept)).collect();
    assert_eq!(kept, [("query", 18), ("data", 4), ("data", 4)]);
    let sent = [query("COPY t FROM STDIN"), copy_data(b"1\ta\n"), copy_data(b"2\tb\n"), copy_done()];
    assert_eq!(into.request.bytes, sent.concat().len() as u64);
    let out = only(&[
        (Client, vec![query("COPY t TO STDOUT")]),
        (
            Server,
            vec![copy_begins(b'H', 0), copy_data(b"1\n"), copy_data(b"2\n"), copy_done(), complete("COPY 2")],
        ),
        (Server, vec![ready()]),
    ]);
    let response = out.response.as_ref().unwrap();
    assert_eq!((body(response).as_str(), response.parts.len()), ("1\n2\n", 2));
    assert_eq!(response.media.as_deref(), Some("text/plain"));
    let binary = only(&[
        (Client, vec![query("COPY t TO STDOUT (FORMAT binary)")]),
        (
            Server,
            vec![copy_begins(b'H', 1), copy_data(b"PGCOPY\n\xff"), copy_done(), complete("COPY 2"), ready()],
        ),
    ]);
    let response = binary.response.as_ref().unwrap();
    assert_eq!((response.body.len(), response.cut, response.parts[0].bytes), (0, true, 8));
}

#[test]
fn the_server_passes_over_a_sync_while_it_reads_a_copy() {
    let begin = || {
        vec![
            (Client, vec![parse("", "copy t from stdin", &[]), bind("", "", &[]), execute("", 0), sync()]),
            (Server, vec![done(b'1'), done(b'2'), copy_begins(b'G', 0)]),
        ]
    };
    let then =
        || vec![(Client, vec![query("select 1 from u")]), (Server, vec![complete("SELECT 0"), ready()])];
    let well = vec![
        (Client, vec![copy_data(b"1\n"), sync(), copy_done(), sync()]),
        (Server, vec![complete("COPY 1"), ready()]),
    ];
    let ill = vec![
        (Client, vec![copy_data(b"1\n"), copy_fail("enough"), sync()]),
        (Server, vec![error("57014", "enough"), ready()]),
    ];
    let late = vec![
        (Client, vec![copy_data(b"x\n")]),
        (Server, vec![error("22P02", "bad")]),
        (Client, vec![copy_data(b"y\n"), copy_done(), sync()]),
        (Server, vec![ready()]),
    ];
    for (parts, expected) in [
        (well, "COPY t OK complete"),
        (ill, "COPY t 57014 complete: enough"),
        (late, "COPY t 22P02 complete: bad"),
    ] {
        assert_eq!(briefs(&[begin(), parts, then()].concat()), [expected, "SELECT u OK complete"]);
    }
}

#[test]
fn a_listener_gets_notifications_until_it_ends() {
    let talk = talk(&[
        (Client, vec![query("LISTEN news")]),
        (Server, vec![complete("LISTEN"), ready()]),
        (Client, vec![query("select 1 from t")]),
        (Server, vec![notification("news", "one"), complete("SELECT 0"), ready()]),
        (Server, vec![notification("news", "two"), notification("older", "x")]),
        (Client, vec![query("NOTIFY news, 'three'")]),
        (Server, vec![complete("NOTIFY"), notification("news", "three"), ready()]),
        (Client, vec![query("UNLISTEN *")]),
        (Server, vec![complete("UNLISTEN"), ready()]),
    ]);
    let calls = exchanges(&talk.packets);
    let [_, listen, select, older, notify, unlisten] = &calls[..] else { panic!("{calls:#?}") };
    assert_eq!(
        [listen, select, older, notify, unlisten].map(brief),
        [
            "LISTEN news OK complete",
            "SELECT t OK complete",
            "LISTEN older - no-request",
            "NOTIFY news OK complete",
            "UNLISTEN * OK complete"
        ]
    );
    assert!(listen.waits && older.waits && !notify.waits);
    let topic = |call: &Exchange| call.topic.as_ref().map(|topic| (topic.role, topic.name.clone()));
    assert_eq!(topic(listen), Some((TopicRole::Receives, "news".to_owned())));
    assert_eq!(topic(notify), Some((TopicRole::Sends, "news".to_owned())));
    let response = listen.response.as_ref().unwrap();
    let parts: Vec<_> = response.parts.iter().map(|part| (part.kind.as_str(), part.bytes)).collect();
    assert_eq!(parts, [("notification", 3), ("notification", 3), ("notification", 5)]);
    assert_eq!(body(response), "onetwothree");
}

#[test]
fn replication_is_one_long_call() {
    let mut talk = talk(&[
        (Client, vec![query("START_REPLICATION SLOT s LOGICAL 0/0")]),
        (Server, vec![copy_begins(b'W', 0), copy_data(b"k12345678"), copy_data(b"w12345678")]),
        (Client, vec![copy_data(b"r12345678")]),
        (Server, vec![copy_data(b"w123456789")]),
    ]);
    talk.rst(Client);
    let calls = exchanges(&talk.packets);
    assert_eq!(brief(&calls[1]), "START_REPLICATION s - complete");
    assert!(calls[1].waits && calls[1].ending == Ending::Reset);
    let kinds: Vec<_> =
        calls[1].response.as_ref().unwrap().parts.iter().map(|part| part.kind.as_str()).collect();
    assert_eq!(kinds, ["keepalive", "wal", "wal"]);
    let kinds: Vec<_> = calls[1].request.parts.iter().map(|part| part.kind.as_str()).collect();
    assert_eq!(kinds, ["query", "data"]);
}

fn opening(parts: &[Part]) -> Vec<Exchange> {
    let mut talk = Talk::open(4000);
    send(&mut talk, parts);
    talk.close();
    exchanges(&talk.packets)
}

#[test]
fn a_connection_is_opened_in_many_ways() {
    let start = || startup(&[("user", "joe"), ("database", "shop"), ("application_name", "till")]);
    let welcome = || vec![authentication(0, b""), parameter("TimeZone", "UTC"), key(4242, b"1234"), ready()];
    type Case = (&'static str, Vec<Part>, Vec<&'static str>);
    let cases: Vec<Case> = vec![
        ("trusted", vec![(Client, vec![start()]), (Server, welcome())], vec!["CONNECT shop OK complete"]),
        (
            "after encryption was refused twice",
            vec![
                (Client, vec![gss_request()]),
                (Server, vec![b"N".to_vec()]),
                (Client, vec![ssl_request()]),
                (Server, vec![b"N".to_vec()]),
                (Client, vec![start()]),
                (Server, welcome()),
            ],
            vec!["CONNECT shop OK complete"],
        ),
        (
            "version 3.2, of which the server knows less",
            vec![
                (Client, vec![startup_of(0x0003_0002, &[("user", "joe"), ("_pq_.x", "1")])]),
                (Server, vec![negotiation("_pq_.x")]),
                (Server, vec![authentication(0, b""), key(1, &[7; 32]), ready()]),
            ],
            vec!["CONNECT joe OK complete"],
        ),
        (
            "with a wrong password",
            vec![
                (Client, vec![start()]),
                (Server, vec![authentication(3, b"")]),
                (Client, vec![password("geheim")]),
                (Server, vec![error("28P01", "password authentication failed")]),
            ],
            vec!["CONNECT shop 28P01 complete: password authentication failed"],
        ),
        (
            "the client left when asked for a password",
            vec![(Client, vec![start()]), (Server, vec![authentication(5, b"salt")])],
            vec!["CONNECT shop - complete"],
        ),
        (
            "the client left when encryption was refused",
            vec![(Client, vec![ssl_request()]), (Server, vec![b"N".to_vec()])],
            vec!["CONNECT - complete: encryption was refused"],
        ),
        (
            "the server is too busy for encryption",
            vec![(Client, vec![ssl_request()]), (Server, vec![error("53300", "too many clients")])],
            vec!["53300 no-request: too many clients"],
        ),
        (
            "encrypted",
            vec![
                (Client, vec![ssl_request()]),
                (Server, vec![b"S".to_vec()]),
                (Client, vec![b"\x16\x03\x01".to_vec()]),
            ],
            vec!["- complete"],
        ),
        ("cancelling", vec![(Client, vec![cancel_request()])], vec!["CANCEL - complete"]),
        (
            "no server of PostgreSQL",
            vec![(Client, vec![start()]), (Server, vec![b"220 ready\r\n".to_vec()])],
            vec!["CONNECT shop - no-response"],
        ),
    ];
    for (name, parts, expected) in cases {
        assert_eq!(opening(&parts).iter().map(brief).collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn secrets_are_not_told() {
    let mut talk = Talk::open(4000);
    let parts = vec![
        (Client, vec![startup(&[("user", "joe"), ("password", "geheim-0")])]),
        (Server, vec![authentication(10, b"SCRAM-SHA-256\0\0")]),
        (Client, vec![password("SCRAM-SHA-256\0geheim-1")]),
        (Server, vec![authentication(11, b"geheim-2")]),
        (Client, vec![password("geheim-3")]),
        (
            Server,
            vec![authentication(12, b"geheim-4"), authentication(0, b""), key(42, b"geheim-5"), ready()],
        ),
        (Client, vec![query("ALTER ROLE joe PASSWORD 'geheim-6'")]),
        (Server, vec![complete("ALTER ROLE"), ready()]),
        (
            Client,
            vec![
                parse("", "CREATE USER eve PASSWORD 'geheim-7'", &[]),
                bind("", "", &[]),
                execute("", 0),
                sync(),
            ],
        ),
        (Server, vec![done(b'1'), done(b'2'), complete("CREATE ROLE"), ready()]),
    ];
    send(&mut talk, &parts);
    let calls = exchanges(&talk.packets);
    assert_eq!(calls.len(), 3);
    assert_eq!(body(&calls[1].request), "ALTER ROLE joe PASSWORD '[redacted]'");
    let auth =
        |name: &str| calls[0].response.as_ref().unwrap().headers.iter().any(|(known, _)| known == name);
    assert!(auth("auth") && auth("pid"));
    let told: Vec<u8> = calls
        .iter()
        .flat_map(|call| [Some(&call.request), call.response.as_ref()].into_iter().flatten())
        .flat_map(|m| [m.body.clone(), format!("{:?}", m.headers).into_bytes()].concat())
        .collect();
    assert!(!String::from_utf8_lossy(&told).contains("geheim"));
}

#[test]
fn bodies_are_cut_at_the_limit_and_counted_to_the_end() {
    let sql = format!("select '{}' from t", "x".repeat(30_000));
    let rows: Vec<_> = (0..500).map(|n| row(&[&"y".repeat(100), &n.to_string()])).collect();
    let answer =
        [vec![columns(&[("a", 25), ("n", 23)])], rows, vec![complete("SELECT 500")]].concat().concat();
    let mut talk = Talk::open(4000);
    talk.send(Client, &startup(&[("user", "joe")]));
    talk.send(Server, &[authentication(0, b""), ready()].concat());
    talk.send_cut(Client, &query(&sql), 1400);
    talk.send_cut(Server, &answer, 1400);
    talk.send(Server, &ready());
    for limit in [0, 1, 1000, 1_000_000] {
        let call = last(reports_within(&talk.packets, Limits::new(limit))).remove(1);
        let response = call.response.as_ref().unwrap();
        assert_eq!((call.method.as_str(), call.status.as_deref()), ("SELECT", Some("OK")), "{limit}");
        assert_eq!((call.request.bytes, response.bytes), (query(&sql).len() as u64, answer.len() as u64));
        assert_eq!((call.request.body.len(), response.body.len() <= limit), (sql.len().min(limit), true));
        assert_eq!((call.request.cut, response.cut), (limit < 1_000_000, limit < 1_000_000));
        assert!(call.quality == model::exchange::Quality::Complete && response.complete);
        assert!(response.headers.contains(&("rows".to_owned(), "500".to_owned())));
    }
}

#[test]
fn a_connection_that_is_older_than_the_capture_is_followed_from_its_next_statement() {
    let mut talk = Talk::new(4000);
    talk.send(Server, b"end of a row that began before");
    talk.send(Server, &[row(&["2"]), complete("SELECT 2"), ready()].concat());
    talk.send(Client, &query("select 1 from t"));
    talk.send(Server, &[columns(&[("a", 23)]), row(&["1"]), complete("SELECT 1"), ready()].concat());
    talk.close();
    assert_eq!(
        lines(&talk.packets),
        ["tcp - mid-stream 0/30 Open", "SELECT  OK no-request 0/26 Open", "SELECT t OK complete 21/53 Open"]
    );
    // Where the server is known to speak PostgreSQL, and where a whole message tells.
    let mut talk = Talk::new(4001);
    talk.send(Server, &[row(&["2"]), complete("SELECT 2"), ready()].concat());
    talk.send(Client, &[bind("", "s", &[]), execute("", 0), sync()].concat());
    talk.send(Server, &[done(b'2'), complete("DELETE 1"), ready()].concat());
    talk.close();
    let calls: Vec<_> = exchanges(&talk.packets).iter().map(brief).collect();
    assert_eq!(calls, ["SELECT OK no-request", "EXECUTE s OK complete"]);
}

#[test]
fn what_lasts_is_reported_as_pending_and_what_is_short_once() {
    let mut talk = talk(&[
        (Client, vec![query("begin")]),
        (Server, vec![complete("BEGIN"), ready()]),
        (Client, vec![query("select pg_sleep(1)")]),
    ]);
    talk.wait(1000);
    talk.ack(Server);
    talk.send(Server, &[complete("SELECT 1"), ready()].concat());
    let told: Vec<_> = reports(&talk.packets).iter().map(|call| (brief(call), call.done)).collect();
    let expected = [
        ("CONNECT shop OK complete", true),
        ("BEGIN OK complete", true),
        ("SELECT pg_sleep - complete", false),
        ("SELECT pg_sleep OK complete", true),
    ];
    assert_eq!(told, expected.map(|(line, done)| (line.to_owned(), done)));
}

#[test]
fn endless_pipelines_and_names_stay_within_their_bounds() {
    let mut talk = Talk::open(4000);
    talk.send(Client, &startup(&[("user", "joe")]));
    talk.send(Server, &[authentication(0, b""), ready()].concat());
    for n in 0..300 {
        let name = format!("s{n}");
        let prepare =
            [parse(&name, &format!("select '{}'", "x".repeat(1000)), &[]), bind(&name, &name, &["y"])];
        let batch = [prepare.concat(), execute(&name, 0), execute(&name, 0)].concat();
        talk.send(Client, &batch.repeat(40));
    }
    let limits = Limits { pending_per_flow: 100, ..Limits::new(1000) };
    let mut wire = wire::Wire::new(limits);
    let mut out = Vec::new();
    for packet in &talk.packets {
        wire.packet(packet.at, wire::Link::RawIp, &packet.bytes, packet.wire_len, &mut out);
        assert!(wire.held() < 8 * 1024 * 1024, "{}", wire.held());
    }
}

#[test]
fn a_large_batch_is_answered_row_by_row() {
    let rows = 9000;
    let mut parts: Vec<Part> = vec![(Client, vec![parse("s", "insert into t values ($1)", &[25])])];
    let value = "v".repeat(400);
    for _ in 0..rows / 100 {
        let row = [bind("", "s", &[&value]), describe_portal(""), execute("", 0)].concat();
        parts.push((Client, vec![row.repeat(100)]));
    }
    parts.push((Client, vec![sync()]));
    parts.push((Server, vec![done(b'1')]));
    for _ in 0..rows / 100 {
        let row = [done(b'2'), done(b'n'), complete("INSERT 0 1")].concat();
        parts.push((Server, vec![row.repeat(100)]));
    }
    parts.push((Server, vec![ready()]));
    parts.push((Client, vec![query("select 1 from u")]));
    parts.push((Server, vec![complete("SELECT 1"), ready()]));
    for (bound, let_go) in [(10_000, 0), (1000, 8000)] {
        let limits = Limits { pending_per_flow: bound, flow_buffer: 2 * 1024 * 1024, ..Limits::new(1000) };
        let calls = last(reports_within(&talk(&parts).packets, limits));
        assert_eq!(calls.len(), 2 + rows, "{bound}");
        let of = |quality: &str| calls[1..].iter().filter(|call| call.quality.name() == quality).count();
        assert_eq!((of("truncated"), of("complete")), (let_go, rows + 1 - let_go), "{bound}");
        assert!(calls[1 + let_go..].iter().all(|call| call.status.as_deref() == Some("OK")), "{bound}");
    }
}
