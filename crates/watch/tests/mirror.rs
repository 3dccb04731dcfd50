//! Whatever happens to a folder, carrying out the decisions one after the other makes a copy of it equal.
#![expect(clippy::unwrap_used, reason = "a test may panic, also outside of a test function")]

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::plan::{Action, ReloadRule};
use proptest::prelude::*;
use tokio::sync::mpsc::{self, Receiver};
use watch::plan::{Step, Write, decide};
use watch::{Batch, Kind, Rule, Tidings, Watcher};

/// Something done to the folder; paths are short, so that they meet often.
#[derive(Debug, Clone)]
enum Deed {
    Write(PathBuf),
    MakeFolder(PathBuf),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
    Link(PathBuf),
    Mode(PathBuf, u32),
    /// Lets the watcher end its batches up to here.
    Settle,
}

fn deed() -> impl Strategy<Value = Deed> {
    let path =
        || proptest::collection::vec("[abc]", 1..4).prop_map(|parts| parts.iter().collect::<PathBuf>());
    prop_oneof![
        6 => path().prop_map(Deed::Write),
        2 => path().prop_map(Deed::MakeFolder),
        3 => path().prop_map(Deed::Remove),
        4 => (path(), path()).prop_map(|(from, to)| Deed::Rename(from, to)),
        1 => path().prop_map(Deed::Link),
        1 => (path(), prop_oneof![Just(0o755), Just(0o600)]).prop_map(|(path, mode)| Deed::Mode(path, mode)),
        2 => Just(Deed::Settle),
    ]
}

/// Does it, or nothing where it cannot be done.
fn perform(root: &Path, deed: &Deed, count: usize) {
    let at = |path: &PathBuf| root.join(path);
    // Through a link it would be done to another path.
    let crosses_link =
        |path: &PathBuf| path.ancestors().skip(1).any(|above| at(&above.to_owned()).is_symlink());
    match deed {
        Deed::Write(path) if !crosses_link(path) && !at(path).is_symlink() => {
            drop(fs::create_dir_all(at(path).parent().unwrap()));
            drop(fs::write(at(path), format!("content {count}")));
        }
        Deed::MakeFolder(path) if !crosses_link(path) => drop(fs::create_dir_all(at(path))),
        Deed::Remove(path) if !crosses_link(path) => {
            drop(fs::remove_file(at(path)));
            drop(fs::remove_dir_all(at(path)));
        }
        Deed::Rename(from, to) if !crosses_link(from) && !crosses_link(to) => {
            drop(fs::rename(at(from), at(to)));
        }
        Deed::Link(path) if !crosses_link(path) => drop(symlink(format!("target{count}"), at(path))),
        Deed::Mode(path, mode) if at(path).is_file() => {
            fs::set_permissions(at(path), Permissions::from_mode(*mode)).unwrap();
        }
        _ => {}
    }
}

/// Carries out a decision as the guest's agent does: it does not replace a folder by something else, or the reverse.
fn apply(rules: &[ReloadRule], batch: &Batch) {
    let decision = decide(rules, batch);
    for path in decision.deletes {
        if Path::new(&path).is_dir() && !Path::new(&path).is_symlink() {
            fs::remove_dir_all(&path).unwrap();
        } else {
            drop(fs::remove_file(&path));
        }
    }
    for Write { from, kind, to, .. } in decision.writes {
        let Ok(found) = fs::symlink_metadata(&from) else { continue };
        let to = Path::new(&to);
        let there = fs::symlink_metadata(to).ok();
        if kind == Kind::Folder && found.is_dir() {
            fs::create_dir_all(to).unwrap();
        } else if kind == Kind::Link && found.is_symlink() {
            assert!(!there.is_some_and(|there| there.is_dir()), "a link over a folder: {}", to.display());
            drop(fs::remove_file(to));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            symlink(fs::read_link(&from).unwrap(), to).unwrap();
        } else if kind == Kind::Written && found.is_file() {
            assert!(!there.is_some_and(|there| there.is_dir()), "a file over a folder: {}", to.display());
            drop(fs::remove_file(to));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(&from, to).unwrap();
        }
    }
    assert_eq!(decision.then, [Step::Restart]);
}

/// Every path below a folder, with what it is.
fn tree(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let facts = fs::symlink_metadata(&path).unwrap();
            let what = if facts.is_symlink() {
                format!("link to {}", fs::read_link(&path).unwrap().display())
            } else if facts.is_dir() {
                folders.push(path.clone());
                "folder".to_owned()
            } else {
                format!("{:o} {}", facts.permissions().mode(), fs::read_to_string(&path).unwrap())
            };
            found.insert(path.strip_prefix(root).unwrap().to_owned(), what);
        }
    }
    found
}

/// Applies batches until the one that tells of a file written now.
async fn settle(source: &Path, rules: &[ReloadRule], batches: &mut Receiver<Tidings>, count: usize) {
    // A name of its own each time: one write may be told in two batches.
    let last = source.join(format!("last{count}"));
    fs::write(&last, "").unwrap();
    loop {
        let told = tokio::time::timeout(Duration::from_secs(30), batches.recv()).await.unwrap().unwrap();
        let Tidings::Batch(batch) = told else { panic!("{told:?}") };
        apply(rules, &batch);
        if batch.changes.iter().any(|change| change.path == last) {
            return;
        }
    }
}

async fn mirror(deeds: &[Deed]) {
    let (source, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let rule = ReloadRule {
        to: Some(copy.path().to_str().unwrap().to_owned()),
        debounce: Duration::from_millis(2),
        ..ReloadRule::new(source.path().to_owned(), Action::Restart)
    };
    let rules = [rule.clone()];
    let (sender, mut batches) = mpsc::channel(64);
    let rule = Rule { service: "app".to_owned(), index: 0, rule, context: None };
    let _watcher = Watcher::start(vec![rule], Vec::new(), sender).unwrap();
    for (count, deed) in deeds.iter().enumerate() {
        match deed {
            Deed::Settle => settle(source.path(), &rules, &mut batches, count).await,
            deed => perform(source.path(), deed, count),
        }
    }
    settle(source.path(), &rules, &mut batches, deeds.len()).await;
    assert_eq!(tree(copy.path()), tree(source.path()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_copy_is_equal_after_any_deeds(deeds in proptest::collection::vec(deed(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(mirror(&deeds));
    }
}
