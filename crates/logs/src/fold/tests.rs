use super::*;

const BEFORE: &str = "2026-11-23 02:13:20 INFO before";
const AFTER: &str = "2026-11-23 02:13:20 INFO after";

/// What was told of each line of `record`, fed between two ordinary lines that must stay out of it.
fn feed(record: &[&str]) -> Vec<(bool, Option<Level>)> {
    let mut fold = Fold::new();
    assert_eq!(fold.admit(0, BEFORE), (false, Some(Level::Info)));
    let told = record.iter().map(|line| fold.admit(1, line)).collect();
    assert_eq!(fold.admit(999, AFTER), (false, Some(Level::Info)), "{record:#?}");
    assert_eq!(fold.admit(999, "an ordinary line"), (false, None));
    told
}

/// What programs printed when they broke, one record a file; the first line names the program and the levels of the
/// record's first and last line.
#[test]
fn keeps_together_what_programs_print_when_they_break() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/traces");
    let mut wrong = Vec::new();
    let mut records = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (head, record) = text.split_once('\n').unwrap();
        let (_, levels) = head.rsplit_once(": ").unwrap();
        let (first, last) = levels.split_once(", ").unwrap_or((levels, levels));
        let level = |name: &str| (name != "none").then(|| name.parse::<Level>().unwrap());
        let lines: Vec<&str> = record.lines().collect();
        let told = feed(&lines);
        let split = told.iter().enumerate().find(|(at, (continues, _))| *continues != (*at > 0));
        if let Some((at, _)) = split {
            wrong.push(format!("{}: line {}: {}", path.display(), at + 2, lines[at]));
        } else if told[0].1 != level(first) || told[told.len() - 1].1 != level(last) {
            wrong.push(format!("{}: {:?} to {:?}", path.display(), told[0].1, told[told.len() - 1].1));
        }
        records += 1;
    }
    assert!(records >= 30, "only {records} records");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn leaves_neighbours_alone() {
    let mut fold = Fold::new();
    for line in [
        "started",
        " INFO | ready",
        "GET /",
        "{\"level\":\"info\"}",
        "note taken",
        "ValueError: alone",
        "SELECT 1",
        " INFO | behind a statement",
        "listening (8080)",
        "/app/server.js:3",
    ] {
        assert!(!fold.admit(0, line).0, "{line}");
    }
}

/// A service that dies of a panic is started again at once: what it says then is no part of the trace.
#[test]
fn ends_a_trace_where_the_next_life_begins() {
    for trace in [
        &[
            "panic: boom",
            "",
            "goroutine 1 [running]:",
            "main.main()",
            "\t/app/main.go:9 +0x1d",
            "exit status 2",
        ][..],
        &["/app/index.js:3", "  throw new Error('x')", "  ^", "", "Error: x", "    at f (/app/index.js:3:9)"],
        &["Traceback (most recent call last):", "  File \"/a.py\", line 3, in f", "ValueError: x"],
        &["app.rb:3:in 'f': bad (NoMethodError)", "\tfrom app.rb:9:in '<main>'"],
    ] {
        let mut fold = Fold::new();
        let joined = trace.iter().filter(|line| fold.admit(0, line).0).count();
        assert_eq!(joined, trace.len() - 1, "{trace:?}");
        assert!(!fold.admit(0, "listening on :8080 (pid 7)").0, "{trace:?}");
    }
}

/// An error that is printed indented is still seen as one, unless it is the matter of the error before.
#[test]
fn an_indented_exception_is_no_part_of_what_is_well() {
    let mut fold = Fold::new();
    fold.admit(0, "INFO served");
    assert_eq!(fold.admit(0, "  Error: no stock"), (false, Some(Level::Error)));
    assert_eq!(fold.admit(0, "      at f (/app/i.js:3:5)"), (true, Some(Level::Error)));
    fold.admit(0, "ERROR checkout failed");
    assert_eq!(fold.admit(0, "  Error: no stock"), (true, Some(Level::Error)));
}

#[test]
fn ends_a_record_that_pauses_or_grows_without_end() {
    let mut fold = Fold::new();
    fold.admit(0, "ERROR boom");
    assert!(fold.admit(MAX_GAP, "  at x").0);
    assert!(!fold.admit(2 * MAX_GAP + 1, "  at y").0);
    let joined = (0..2 * MAX_LINES).filter(|_| fold.admit(2 * MAX_GAP + 1, "  at z").0).count();
    assert!(joined < 2 * MAX_LINES as usize, "the record must end at {MAX_LINES} lines");
    let long = format!("  at {}", "x".repeat(MAX_BYTES / 4));
    let joined = (0..8).filter(|_| fold.admit(2 * MAX_GAP + 1, &long).0).count();
    assert!(joined < 8, "the record must end at {MAX_BYTES} bytes");
}
