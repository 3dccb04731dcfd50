//! Logs: every line of every instance once, found again by what it says.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::{World, docker, script, until, web};

/// How many numbered lines the writer says, every tenth of them to standard error.
const COUNT: usize = 11_999;

/// Says one line of each kind, and then rests.
const KINDS: &str = r#"
echo "2026-01-02 03:04:05 INFO starting"
echo "WARN  disk is at 91 %"
echo "ERROR: cannot reach db"
echo "{\"level\":\"error\",\"msg\":\"no such order\",\"order\":7}"
printf "\033[31mred\033[0m and plain\n"
echo "a line for standard error" >&2
head -c 150000 /dev/zero | tr "\000" x; echo
printf "no end of line"
trap "exit 0" TERM; sleep 3600 & wait"#;

fn texts(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|l| l["text"].as_str()).collect()
}

fn lines(world: &World, args: &[&str]) -> Vec<Value> {
    world.shoal(&[&["logs", "--json"], args].concat()).ok().rows()
}

#[test]
fn every_line_is_stored_once_and_found_by_what_it_says() {
    let world = World::with_engine("logs");
    let rest = web("gone", "");
    let stays =
        [script("kinds", KINDS, ""), script("writer", &format!("exec perl /lines.pl {COUNT} 4000"), "")]
            .concat();
    world.manifest(&[stays.clone(), rest].concat());
    let follow = {
        world.shoal(&["up", "-d"]).ok();
        world.start(&["logs", "-f", "-n", "0", "writer", "--grep", "done"])
    };
    follow.says("run 1 done");
    follow.signal("INT");
    assert_eq!(follow.wait().code, 130);

    all_numbers(&world);
    kinds(&world);
    selections(&world);

    // What is gone from the manifest, and its container with it, is still found.
    world.manifest(&stays);
    until("`gone` to go", || (!world.ps().iter().any(|s| s["service"] == "gone")).then_some(()));
    assert_eq!(docker(&["ps", "-aq", "--filter", &format!("name={}", world.instance("gone"))]), "");
    let found = lines(&world, &["--grep", "listening on 8\\d+"]);
    let shown: Vec<Value> =
        found.iter().map(|l| json!([l["service"], l["instance"], l["stream"], l["text"]])).collect();
    assert_eq!(Value::from(shown), json!([["gone", world.instance("gone"), "stdout", "listening on 8000"]]));
    world.shoal(&["down"]).ok();
    let done = lines(&world, &["writer", "--grep", "done$"]);
    assert_eq!(texts(&done), ["run 1 done"], "and after `down` too");
}

fn all_numbers(world: &World) {
    let all = until("standard error to follow", || {
        let all = lines(world, &["writer"]);
        (all.len() > COUNT).then_some(all)
    });
    let numbers: Vec<usize> =
        texts(&all).iter().filter_map(|t| t.strip_prefix("run 1 line ")?.parse().ok()).collect();
    let mut seen = BTreeMap::<usize, usize>::new();
    for n in numbers {
        *seen.entry(n).or_default() += 1;
    }
    let lost: Vec<usize> = (1..=COUNT).filter(|n| !seen.contains_key(n)).collect();
    let twice: Vec<usize> = seen.iter().filter(|(_, times)| **times > 1).map(|(n, _)| *n).collect();
    assert!(lost.is_empty() && twice.is_empty(), "lost {lost:?}, twice {twice:?}");
    assert_eq!(all.len(), COUNT + 1);
    assert!(all.iter().all(|l| l["instance"] == json!(world.instance("writer"))));
    assert!(
        all.iter().filter_map(|l| l["ts"].as_str()).is_sorted(),
        "lines come in the order of their times"
    );
    let errors = all.iter().filter(|l| l["stream"] == "stderr").count();
    assert_eq!(errors, COUNT / 10);
    let ts = all[0]["ts"].as_str().expect("a time");
    assert!(ts.len() == "2026-01-02T03:04:05.123456789Z".len() && ts.ends_with('Z'), "{ts}");
}

fn kinds(world: &World) {
    let all = until("the last line without an end", || {
        let all = lines(world, &["kinds"]);
        texts(&all).contains(&"a line for standard error").then_some(all)
    });
    let by = |part: &str| {
        all.iter()
            .find(|l| l["text"].as_str().is_some_and(|t| t.contains(part)))
            .unwrap_or_else(|| panic!("no `{part}`"))
    };
    assert_eq!(by("starting")["level"], "info");
    assert_eq!(by("disk is at")["level"], "warn");
    assert_eq!(by("cannot reach")["level"], "error");
    assert_eq!(by("no such order")["level"], "error");
    assert_eq!(by("no such order")["fields"]["order"], 7);
    let coloured = texts(&lines(world, &["kinds", "--grep", "^red and plain$"])).len();
    assert_eq!(coloured, 1, "words are found across colours");
    assert_eq!(by("for standard error")["stream"], "stderr");
    let long: usize =
        all.iter().filter_map(|l| l["text"].as_str()).filter(|t| t.starts_with("xxx")).map(str::len).sum();
    assert!(long >= 64 * 1024, "a long line is kept up to 64 KiB at least, not {long}");
    assert!(all.iter().all(|l| l.as_object().is_some_and(|o| o.values().all(|v| !v.is_null()))));
    // Each kind is there once, and the terminal sees no escapes of Shoal's own.
    assert_eq!(texts(&all).iter().filter(|t| t.contains("cannot reach db")).count(), 1);
    assert!(!world.shoal(&["logs", "kinds", "--grep", "cannot reach"]).ok().stdout.contains('\u{1b}'));
}

fn selections(world: &World) {
    let of = |args: &[&str]| texts(&lines(world, args)).iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
    let all = of(&["writer"]);
    assert_eq!(of(&["writer", "-n", "2"]), all[all.len() - 2..]);
    assert_eq!(of(&["writer", "--grep", "line 4[12]$"]), ["run 1 line 41", "run 1 line 42"]);
    assert_eq!(of(&["kinds", "--level", "error"]).len(), 2);
    assert_eq!(of(&["--where", "fields.order == 7"]).len(), 1);
    assert_eq!(of(&["--where", "level == 'warn' && text.contains('disk')"]), ["WARN  disk is at 91 %"]);
    let count = |args: &[&str]| world.shoal(&[&["logs", "--count"], args].concat()).ok().stdout;
    assert_eq!(count(&["writer"]), format!("{}\n", COUNT + 1));
    assert_eq!(count(&["writer", "--grep", "line 1$"]), "1\n");
    assert_eq!(count(&["writer", "--since", "1h"]), format!("{}\n", COUNT + 1));
    assert_eq!(count(&["writer", "--until", "1h"]), "0\n");
    let plain = world.shoal(&["logs", "-n", "1", "writer", "--grep", "done"]).ok().stdout;
    assert!(plain.contains("writer") && plain.trim_end().ends_with("run 1 done"), "{plain}");
    assert_eq!(lines(world, &["nobody"]).len(), 0);
}
