//! The watcher beside the real git.
#![expect(clippy::unwrap_used, reason = "a test may panic, also outside of a test function")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use model::plan::{Action, ReloadRule};
use tokio::sync::mpsc;
use watch::{Batch, Rule, Tidings, Watcher};

fn git(folder: &Path, args: &[&str]) {
    let ran = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always"])
        .args(args)
        .current_dir(folder)
        .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null")])
        .output()
        .unwrap();
    assert!(ran.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// A repository whose branch `other` differs from `main` in `count` files of `src`.
fn repository(folder: &Path, count: usize) {
    let write = |text: &str| {
        for n in 0..count {
            let file = folder.join(format!("src/d{}/f{n}", n % 20));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, format!("{text} {n}")).unwrap();
        }
    };
    fs::create_dir_all(folder).unwrap();
    git(folder, &["init", "-q", "-b", "main"]);
    for branch in ["main", "other"] {
        if branch == "other" {
            git(folder, &["checkout", "-q", "-b", "other"]);
        }
        write(branch);
        git(folder, &["add", "."]);
        git(folder, &["commit", "-q", "-m", branch]);
    }
    git(folder, &["checkout", "-q", "main"]);
}

fn watch(folder: &Path) -> (Watcher, mpsc::Receiver<Tidings>) {
    let rule = ReloadRule::new(folder.to_owned(), Action::Restart);
    let rule = Rule { service: "app".to_owned(), index: 0, rule, context: None };
    let (sender, tidings) = mpsc::channel(16);
    (Watcher::start(vec![rule], Vec::new(), sender).unwrap(), tidings)
}

async fn next(tidings: &mut mpsc::Receiver<Tidings>) -> Batch {
    match tokio::time::timeout(Duration::from_mins(1), tidings.recv()).await.unwrap().unwrap() {
        Tidings::Batch(batch) => batch,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_switch_of_branches_is_one_batch() {
    let disk = tempfile::tempdir().unwrap();
    let top = disk.path().join("app");
    repository(&top, 500);
    let (_watcher, mut tidings) = watch(&top.join("src"));
    for branch in ["other", "main"] {
        git(&top, &["checkout", "-q", branch]);
        let changed: BTreeSet<PathBuf> =
            next(&mut tidings).await.changes.into_iter().map(|c| c.path).collect();
        assert_eq!(changed.iter().filter(|path| path.is_file()).count(), 500);
    }
}

/// What git does slowly, such as fetching large files on the way, is still one batch: the lock that it holds counts,
/// and not the pauses. Here a filter makes it slow.
#[tokio::test]
async fn slow_switches_in_work_trees_and_submodules_are_one_batch_each() {
    let disk = tempfile::tempdir().unwrap();
    let top = disk.path().join("app");
    repository(&top, 6);
    fs::write(top.join(".git/info/attributes"), "* filter=slow\n").unwrap();
    git(&top, &["config", "filter.slow.smudge", "sleep 0.1; cat"]);
    let side = disk.path().join("side");
    git(&top, &["worktree", "add", "-q", "--detach", side.to_str().unwrap(), "main"]);
    let outer = disk.path().join("outer");
    repository(&outer, 1);
    git(&outer, &["submodule", "--quiet", "add", top.to_str().unwrap(), "inner"]);
    let inner = outer.join("inner");
    git(&inner, &["config", "filter.slow.smudge", "sleep 0.1; cat"]);
    fs::write(outer.join(".git/modules/inner/info/attributes"), "* filter=slow\n").unwrap();
    for (tree, branch) in [(&top, "other"), (&side, "other~0"), (&inner, "origin/other")] {
        let (_watcher, mut tidings) = watch(if *tree == inner { &outer } else { tree });
        git(tree, &["checkout", "-q", branch]);
        let changes = next(&mut tidings).await.changes;
        assert_eq!(changes.iter().filter(|c| c.path.is_file()).count(), 6, "{}: {changes:?}", tree.display());
    }
}
