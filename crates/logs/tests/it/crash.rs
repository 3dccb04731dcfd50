//! What was acknowledged is there after any end of the process; what is torn is cut; nothing panics.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::{SMALL, all, batches, content, filled, line, plain};
use logs::{LogError, Query, Store, Text};
use proptest::prelude::*;

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .filter(|path| fs::metadata(path).unwrap().len() > 0)
        .collect();
    found.sort();
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_store_that_was_closed_opens_as_it_was(batches in batches()) {
        let dir = tempfile::tempdir().unwrap();
        let store = filled(dir.path(), &batches);
        let (lines, head, tallies) = (all(&store, &Query::default()), store.head(), store.tallies());
        drop(store);
        let store = Store::open(dir.path(), SMALL).unwrap();
        prop_assert_eq!(all(&store, &Query::default()), lines);
        prop_assert_eq!((store.head(), store.tallies()), (head, tallies));
    }

    /// As a crash leaves it: the first batch is acknowledged and whole, the newest segment's files end anywhere.
    #[test]
    fn a_tail_that_is_torn_anywhere_is_cut(batches in batches(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 4)) {
        let dir = tempfile::tempdir().unwrap();
        let store = filled(dir.path(), &batches[..1]);
        let acknowledged = all(&store, &Query::default());
        let whole: Vec<(PathBuf, u64)> = files(dir.path()).into_iter().map(|p| (p.clone(), fs::metadata(&p).unwrap().len())).collect();
        for batch in &batches[1..] {
            store.append(batch).unwrap();
        }
        let complete: Vec<_> = all(&store, &Query::default()).iter().map(content).collect();
        drop(store);
        let mut cuts = cuts.into_iter().cycle();
        let mut newest = None;
        for path in files(dir.path()) {
            let is_newest = path.file_name().unwrap() == "instances" || newest_segment(&path) == path.file_stem().map(|s| s.to_string_lossy().into_owned());
            let kept = whole.iter().find(|(p, _)| *p == path).map_or(0, |(_, length)| *length);
            let length = fs::metadata(&path).unwrap().len();
            if is_newest && length > kept && path.file_name().unwrap() != "instances" {
                let cut = kept + cuts.next().unwrap().index((length - kept + 1) as usize) as u64;
                fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(cut).unwrap();
                newest = Some(path);
            }
        }
        let store = Store::open(dir.path(), SMALL).unwrap();
        let lines = all(&store, &Query::default());
        for line in &acknowledged {
            prop_assert!(lines.contains(line), "lost {line:?} by cutting {newest:?}");
        }
        // What is left may lack what was set aside, but is else something that came.
        for line in &lines {
            let (instance, stream, bytes) = content(line);
            let came = complete.iter().any(|(i, s, b)| *i == instance && *s == stream && (*b == bytes || plain(b) == bytes));
            prop_assert!(came, "{line:?} never came");
        }
        store.append(&[line(99, "orders", "goes on")]).unwrap();
        prop_assert_eq!(all(&store, &Query { text: Some(Text::literal("goes on")), ..Query::default() }).len(), 1);
    }

    #[test]
    fn rubbish_in_any_file_is_no_panic(batches in batches(), edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..6)) {
        let dir = tempfile::tempdir().unwrap();
        drop(filled(dir.path(), &batches));
        for (which, place, byte, cut) in edits {
            let all = files(dir.path());
            let path = which.get(&all);
            let mut bytes = fs::read(path).unwrap();
            let at = place.index(bytes.len());
            bytes[at] = byte;
            if cut { bytes.truncate(at); }
            fs::write(path, bytes).unwrap();
        }
        let store = Store::open(dir.path(), SMALL).unwrap();
        let lines = all(&store, &Query::default());
        let found = all(&store, &Query { text: Some(Text::regex("x|timeout").unwrap()), ..Query::default() });
        prop_assert!(found.len() <= lines.len());
        store.resume("shop-db-1", None).unwrap();
        store.append(&batches[0]).unwrap();
        prop_assert!(all(&store, &Query::default()).len() >= batches[0].len());
    }
}

fn newest_segment(path: &Path) -> Option<String> {
    let names = fs::read_dir(path.parent()?).ok()?.filter_map(|entry| {
        let path = entry.ok()?.path();
        (path.extension()? == "index").then(|| path.file_stem().map(|s| s.to_string_lossy().into_owned()))?
    });
    names.max()
}

#[test]
fn a_second_session_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), SMALL).unwrap();
    let error = Store::open(dir.path(), SMALL).unwrap_err();
    assert!(matches!(error, LogError::InUse { .. }), "{error}");
    assert!(error.to_string().ends_with("are being written by another session") && error.hint().is_some());
    drop(store);
    Store::open(dir.path(), SMALL).unwrap();
}

#[test]
fn a_folder_without_rights_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(&file.join("logs"), SMALL).unwrap_err();
    assert!(error.to_string().contains("file/logs"), "{error}");
}

const CHILD: &str = "LOGS_TEST_CHILD";

/// Not a test of its own: the process that the next test kills. It says how many lines were acknowledged.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let store = Store::open(Path::new(&dir), SMALL).unwrap();
    let mut number = store.head().lines as i64;
    loop {
        let batch: Vec<_> =
            (number..number + 7).map(|n| line(n, "orders", &format!("{n:05}-\u{1b}[1mx\u{1b}[0m"))).collect();
        store.append(&batch).unwrap();
        number += 7;
        println!("acknowledged {number}");
        assert!(number < 1_000_000, "nobody kills this process");
    }
}

#[test]
fn what_was_acknowledged_survives_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut stored = 0;
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_that_writes_until_it_is_killed", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let acknowledged =
            |line: String| line.rsplit_once("acknowledged ").and_then(|(_, n)| n.parse::<i64>().ok());
        let mut last = 0;
        for _ in 0..20 + round * 13 {
            last = lines.next().and_then(Result::ok).and_then(acknowledged).unwrap_or(last);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        last = lines.map_while(Result::ok).filter_map(acknowledged).last().unwrap_or(last);
        assert!(last > stored, "the child wrote nothing");
        let store = Store::open(dir.path(), SMALL).unwrap();
        let numbers: Vec<i64> =
            all(&store, &Query::default()).iter().map(|l| l.text[..5].parse().unwrap()).collect();
        let first = store.head().dropped as i64;
        assert_eq!(
            numbers,
            (first..first + numbers.len() as i64).collect::<Vec<_>>(),
            "a hole or a double line"
        );
        stored = first + numbers.len() as i64;
        assert!(stored >= last, "{last} were acknowledged, {stored} are there");
    }
}
