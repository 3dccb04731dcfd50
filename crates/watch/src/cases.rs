//! Runs `cases/*.txt`: events on a disk and a clock of the test's own, and the batches they must give.
//!
//! One line each: `have NAME` is there from the start; `MS NAME...` is what happens at a millisecond; `=> MS: ...` is
//! a batch and when it ends; `quiet MS` is the rule's quiet time. A name is a file with new content, `name/` a folder,
//! `name@` a link, `-name` is gone, `?name` has other times or permissions maybe but is the same, `~name` is being
//! written while it is open, `!name` was written and closed. `+lock` is git that begins to change files, `-lock` that
//! it is done.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::Kind;
use crate::debounce::{Debounce, Seen, Touch};
use crate::snapshot::{Form, Snapshot, Stat};

struct Run {
    began: Instant,
    disk: BTreeMap<PathBuf, Stat>,
    known: Snapshot,
    debounce: Debounce,
    versions: u64,
    batches: Vec<String>,
    locked: bool,
}

impl Run {
    /// Writes an entry to the disk; returns its path.
    fn write(&mut self, name: &str) -> PathBuf {
        self.versions += 1;
        let modified = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(self.versions));
        let (name, stat) = match name.strip_suffix('/') {
            Some(name) => (name, Stat { form: Form::Folder, mode: 0, number: 0, length: 0, modified: None }),
            None => match name.strip_suffix('@') {
                Some(name) => (name, Stat { form: Form::Link, mode: 0, number: 0, length: 1, modified }),
                None => (name, Stat { form: Form::File, mode: 0o644, number: 0, length: 1, modified }),
            },
        };
        self.disk.insert(name.into(), stat);
        name.into()
    }

    fn happen(&mut self, ms: u64, name: &str, quiet: Duration) {
        let at = Duration::from_millis(ms);
        let seen = Seen { at: self.began + at, wall: SystemTime::UNIX_EPOCH + at };
        if let "+lock" | "-lock" = name {
            self.locked = name == "+lock";
            return;
        }
        let (path, touch) = if let Some(name) = name.strip_prefix('~') {
            self.debounce.prolong(None, 0, Path::new(name), seen);
            return;
        } else if let Some(name) = name.strip_prefix('-') {
            self.disk.retain(|path, _| !path.starts_with(name));
            (name.into(), Touch::Certain)
        } else if let Some(name) = name.strip_prefix('?') {
            (name.into(), Touch::Doubtful)
        } else if let Some(name) = name.strip_prefix('!') {
            (self.write(name), Touch::Closed)
        } else {
            (self.write(name), Touch::Certain)
        };
        self.debounce.touch(None, (0, path), touch, quiet, seen);
        self.debounce.look(seen.at, |_| self.locked);
    }

    fn end_batches(&mut self, until: Option<Instant>) {
        while let Some(deadline) =
            self.debounce.deadline().filter(|at| until.is_none_or(|until| *at <= until))
        {
            let Some((_, pending)) = self.debounce.take_due(deadline, |_| self.locked) else { continue };
            let mut words = Vec::new();
            for ((_, path), touch) in pending.paths {
                for kind in self.known.resolve(&path, self.disk.get(&path).copied(), touch) {
                    let kind = match kind {
                        Kind::Removed => "removed",
                        Kind::Folder => "folder",
                        Kind::Written => "written",
                        Kind::Link => "link",
                    };
                    words.push(format!("{kind} {}", path.display()));
                }
            }
            if !words.is_empty() {
                let ms = (deadline - self.began).as_millis();
                self.batches.push(format!("=> {ms}: {}", words.join(", ")));
            }
        }
    }
}

#[test]
fn cases() {
    let mut files: Vec<_> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 10, "cases are missing: {files:?}");
    for file in files {
        let mut run = Run {
            began: Instant::now(),
            disk: BTreeMap::new(),
            known: Snapshot::default(),
            debounce: Debounce::default(),
            versions: 0,
            batches: Vec::new(),
            locked: false,
        };
        let mut quiet = Duration::from_millis(10);
        let mut expected = Vec::new();
        let text = fs::read_to_string(&file).unwrap();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (first, rest) = line.split_once(' ').unwrap();
            match first {
                "=>" => expected.push(line.to_owned()),
                "quiet" => quiet = Duration::from_millis(rest.parse().unwrap()),
                "have" => {
                    let path = run.write(rest);
                    run.known.insert(path.clone(), run.disk[&path]);
                }
                ms => {
                    let ms = ms.parse().unwrap();
                    run.end_batches(Some(run.began + Duration::from_millis(ms)));
                    rest.split(' ').for_each(|name| run.happen(ms, name, quiet));
                }
            }
        }
        run.end_batches(None);
        assert_eq!(run.batches, expected, "{}", file.display());
    }
}
