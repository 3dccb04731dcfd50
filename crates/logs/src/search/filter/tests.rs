use model::line::Stream;
use proptest::prelude::*;

use super::*;

fn holds(source: &str, level: Option<Level>, text: &str) -> bool {
    let at = "2026-11-23T06:00:00.5Z".parse::<model::Timestamp>().unwrap();
    let filter = Where::parse(source).unwrap_or_else(|e| panic!("{source}: {e} at {}", e.at));
    filter.0.holds(&Row::new("orders", "shop-orders-1", Stream::Stderr, level, at.0, text))
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
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn never_panics(source in "[a-z0-9 .&|=<>!()'\"\\[\\]{}?:+*/,ä\n-]{0,24}") {
        if let Err(error) = Where::parse(&source) {
            prop_assert!(error.at <= source.chars().count().max(1));
        }
    }
}
