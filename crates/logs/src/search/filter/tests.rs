use model::line::Stream;
use proptest::prelude::*;

use super::*;

fn holds(source: &str, level: Option<Level>, text: &str) -> bool {
    let at = "2026-11-23T06:00:00.5Z".parse::<model::Timestamp>().unwrap();
    let filter = Where::parse(source).unwrap_or_else(|e| panic!("{source}: {e} at {}", e.at));
    let holds = filter.0.holds(&Row::new("orders", "shop-orders-1", Stream::Stderr, level, at.0, text));
    let needed = filter.hints().text.is_none_or(|needed| needed.is_in(text.as_bytes()));
    assert!(!holds || needed, "{source} would not be found in {text}");
    holds
}

/// The same, all of it by the interpreter.
fn interpreted(source: &str, level: Option<Level>, text: &str) -> bool {
    holds(&format!("true ? ({source}) : false"), level, text)
}

fn is_planned(plan: &Plan) -> bool {
    match plan {
        Plan::All(parts) | Plan::Any(parts) => parts.iter().all(is_planned),
        Plan::Not(part) => is_planned(part),
        Plan::Interpreted(_) => false,
        _ => true,
    }
}

/// What people ask for costs no interpreter a line.
#[test]
fn plans_what_people_ask_for() {
    for source in [
        "service == 'orders' && level >= 'warn' && text.contains('timeout')",
        "level in ['warn', 'error'] || stream == 'stderr' || instance != 'x'",
        "!(text.startsWith('a') || text.endsWith('b')) && text.matches('^x')",
        "ts >= '2026-11-23T08:00:00Z' && trace == '4bf92f3577b34da6a3ce929d0e0e4736'",
        "fields.user == 7 && fields['a.b'].c >= 1.5 && fields.ok && has(fields.err)",
        "500 <= fields.status && fields.path.startsWith('/orders') && fields.n == null",
    ] {
        assert!(is_planned(&Where::parse(source).unwrap().0.plan), "{source}");
    }
    assert!(!is_planned(&Where::parse("size(text) > 3").unwrap().0.plan));
}

#[test]
fn holds_for_the_lines_that_it_describes() {
    let json = r#"{"user":7,"tags":["a","b"],"took":1.5,"nested":{"x":true},"a.b":1,"n":null}"#;
    for (source, text) in [
        ("service == \"orders\"", ""),
        ("level >= \"warn\" && service == \"orders\" && text.contains(\"timeout\")", "a timeout"),
        ("level == 'ERROR' && level > 'warning' && 'fatal' > level", ""),
        ("level in ['warn', 'error']", ""),
        ("stream == 'stderr' && instance.startsWith('shop-')", ""),
        ("ts > '2026-11-23T08:00:00+02:00' && ts < '2026-11-24'", ""),
        ("fields.user == 7", json),
        ("fields.user == 7.0 && fields.took > 1", json),
        ("fields.tags.exists(t, t == 'b') && size(fields.tags) == 2", json),
        ("fields.nested.x && fields['a.b'] == 1 && fields.n == null", json),
        ("has(fields.user) && !has(fields.other)", json),
        ("fields.status >= 500", "GET path=/x status=502"),
        ("text.matches('^a.*[0-9]{2}$') || false", "abc 17"),
        ("matches(fields.path, 'x$')", "path=/x"),
        ("text.lowerAscii().contains('boom')", "BOOM"),
        ("fields.missing == 1 || true", ""),
    ] {
        assert!(holds(source, Some(Level::Error), text), "{source}");
    }
}

#[test]
fn does_not_hold_where_something_is_missing_or_of_another_kind() {
    for (source, text) in [
        ("fields.user == 7", "plain"),
        ("fields.user > 'a'", "user=7"),
        ("fields.user.name == 'x'", "user=7"),
        ("int(text) == 7", "x"),
        ("1 / size(text) == 0", ""),
        ("level >= 'trace'", ""),
        ("fields.user.matches('7')", "user=7"),
    ] {
        assert!(!holds(source, None, text), "{source}");
    }
    assert!(holds("level < 'warn'", None, "") && holds("level == 'unknown'", None, ""));
}

#[test]
fn errors_say_where_and_what() {
    for (source, at, message, hint) in [
        ("service == ", 11, "the expression cannot be read: mismatched input the end", None),
        ("lvl == 'x'", 0, "`lvl` is nothing that a line has", None),
        ("true && levl == 'warn'", 8, "`levl` is nothing that a line has", Some("did you mean `level`?")),
        ("level >= 'wrn'", 9, "`wrn` is no level", None),
        ("text.contain('x')", 12, "there is no function `contain`", Some("did you mean `contains`?")),
        ("text", 0, "the expression gives a string, not true or false", None),
        ("text.matches(text)", 12, "the pattern of `matches` must be written out", None),
        ("text.matches('(')", 12, "`(` is no pattern, or too large a one", None),
    ] {
        let error = Where::parse(source).unwrap_err();
        assert_eq!((error.at, error.to_string().as_str()), (at, message), "{source}");
        if hint.is_some() {
            assert_eq!(error.hint.as_deref(), hint, "{source}");
        }
    }
}

#[test]
fn refuses_what_could_take_long() {
    let nested = "[1].all(a, [1].all(b, a == b))";
    assert!(Where::parse(nested).unwrap_err().to_string().contains("loop"));
    assert!(Where::parse(&format!("text == '{}'", "x".repeat(parse::MAX_LENGTH))).is_err());
}

/// Each of these took down the process, as the parser and the interpreter call themselves.
#[test]
fn bears_any_depth() {
    for (open, middle, close) in [
        ("(", "true", ")"),
        ("(", "", ""),
        ("[", "1", "] == 1"),
        ("{1:", "1", "}"),
        ("!", "true", ""),
        ("-", "1", " == 1"),
        ("1+", "1", ""),
        ("false||", "true", ""),
        ("true?true:", "true", ""),
        ("fields", ".a", ".a"),
        ("f(", "", ")"),
        ("[1].all(x,", "true", ")"),
        ("", "fields[0]", "[0]"),
        ("", "text", ".trim()"),
        ("'('+", "text", ""),
    ] {
        for times in [20, 33, 90, 500, 1000] {
            let source = [open.repeat(times), middle.to_owned(), close.repeat(times)].concat();
            drop(Where::parse(&source));
        }
    }
}

#[test]
fn knows_what_a_line_must_have() {
    let filter =
        Where::parse("service == 'a' && (level >= 'warn' && text.contains('x')) && fields.y == 1").unwrap();
    let hints = filter.hints();
    assert_eq!((hints.service, hints.min_level), (Some("a"), Some(Level::Warn)));
    assert!(hints.text.unwrap().is_in(b"x"));
    for source in
        ["service == 'a' || level >= 'warn'", "!(service == 'a')", "service != 'a'", "level <= 'warn'"]
    {
        let filter = Where::parse(source).unwrap();
        assert!(filter.hints().service.is_none() && filter.hints().min_level.is_none(), "{source}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn never_panics(source in "[a-z0-9 .&|=<>!()'\"\\[\\]{}?:+*/,ä\n-]{0,24}") {
        if let Err(error) = Where::parse(&source) {
            prop_assert!(error.at <= source.chars().count().max(1));
        }
    }

    /// Planning changes what an expression costs and never what it says.
    #[test]
    fn says_what_the_interpreter_says(
        source in expression(),
        level in proptest::option::of((0..6_usize).prop_map(|at| Level::ALL[at])),
        text in line(),
    ) {
        prop_assert_eq!(holds(&source, level, text), interpreted(&source, level, text), "{} of {}", source, text);
    }
}

fn line() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "",
        "plain timeout",
        r#"{"user":7,"n":{"a":"x","b":null},"ok":true,"f":1.5,"t":"timeout"}"#,
        r#"{"user":"7","n":3,"ok":"true","f":-2,"big":18446744073709551615}"#,
        "user=7 ok=false f=1.50 t=x",
        r#"10.0.0.7 - - [24/Nov/2026:10:26:43 +0000] "GET /x HTTP/1.1" 404 153 "-" "curl""#,
        r#"{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","user":null,"n":[1]}"#,
    ])
}

fn expression() -> impl Strategy<Value = String> {
    let path = proptest::sample::select(vec![
        "fields.user",
        "fields.n",
        "fields.n.a",
        "fields['n'].b",
        "fields.ok",
        "fields.f",
        "fields.big",
        "fields.status",
        "fields.missing",
    ]);
    let relation = proptest::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let literal =
        proptest::sample::select(vec!["7", "7.0", "1.5", "-2", "'7'", "'x'", "true", "null", "404"]);
    let compared = (path.clone(), relation.clone(), literal.clone(), any::<bool>()).prop_map(
        |(path, relation, literal, turned)| {
            if turned {
                format!("{literal} {relation} {path}")
            } else {
                format!("{path} {relation} {literal}")
            }
        },
    );
    let level = (relation, proptest::sample::select(vec!["trace", "warn", "fatal", "unknown"]))
        .prop_map(|(relation, level)| format!("level {relation} '{level}'"));
    let of_path =
        (path, proptest::sample::select(vec!["", ".contains('x')", ".matches('^7')", " in ['7', 'x']"]))
            .prop_map(|(path, what)| format!("{path}{what}"));
    let leaf = prop_oneof![
        3 => compared,
        2 => level,
        2 => of_path,
        2 => proptest::sample::select(vec![
            "text.contains('timeout')",
            "text.startsWith('plain')",
            "text.endsWith('x')",
            "text.matches('t.*t')",
            "service == 'orders'",
            "instance < 'x'",
            "level in ['warn', '']",
            "stream != 'stderr'",
            "ts >= '2026-11-23T07:00:00+02:00'",
            "trace == '4bf92f3577b34da6a3ce929d0e0e4736'",
            "trace == ''",
            "has(fields.user)",
            "has(fields.n.a)",
            "size(text) > 3",
            "true",
        ]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
}
