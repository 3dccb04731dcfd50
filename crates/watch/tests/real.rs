//! The watcher on real folders. Nothing sleeps: each test waits for the batch it expects, and a file of its own that
//! is written last tells when nothing else came.
#![expect(clippy::unwrap_used, reason = "a test may panic, also outside of a test function")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::plan::{Action, ReloadRule};
use tokio::sync::mpsc;
use watch::{Batch, Kind, Rule, Tidings, Watcher};

fn rule(service: &str, index: usize, watch: &Path) -> Rule {
    let rule = ReloadRule::new(watch.to_owned(), Action::Restart);
    Rule { service: service.to_owned(), index, rule, context: None }
}

struct Watched {
    folder: tempfile::TempDir,
    tidings: mpsc::Receiver<Tidings>,
    _watcher: Watcher,
}

impl Watched {
    /// Watches `src` in a folder with these entries, and as a manifest `services.toml`.
    fn start(entries: &[&str]) -> Self {
        Self::with(entries, |folder| vec![rule("orders", 0, &folder.join("src"))])
    }

    fn with(entries: &[&str], rules: impl FnOnce(&Path) -> Vec<Rule>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for entry in entries {
            write(&folder.path().join(entry));
        }
        let (sender, tidings) = mpsc::channel(16);
        let watcher =
            Watcher::start(rules(folder.path()), vec![folder.path().join("services.toml")], sender).unwrap();
        Self { folder, tidings, _watcher: watcher }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn next(&mut self) -> Batch {
        batch(&mut self.tidings).await
    }

    /// All changes up to that of `src/last`, which is written now, as `orders written src/a`; sorted.
    async fn changes(&mut self) -> Vec<String> {
        let last = self.at("src/last");
        write(&last);
        let mut seen = Vec::new();
        while !seen.iter().any(|(path, _)| *path == last) {
            let batch = self.next().await;
            assert!(batch.first_event <= batch.closed);
            let service = batch.service.unwrap_or_else(|| "manifest".to_owned());
            seen.extend(batch.changes.into_iter().map(|change| {
                let shown = change.path.strip_prefix(self.folder.path()).unwrap().display();
                (change.path.clone(), format!("{service} {:?} {shown}", change.kind).to_lowercase())
            }));
        }
        let mut words: Vec<_> =
            seen.into_iter().filter(|(path, _)| *path != last).map(|(_, words)| words).collect();
        words.sort();
        words.dedup();
        words
    }
}

async fn batch(tidings: &mut mpsc::Receiver<Tidings>) -> Batch {
    match tokio::time::timeout(Duration::from_mins(1), tidings.recv()).await.unwrap().unwrap() {
        Tidings::Batch(batch) => batch,
        other => panic!("{other:?}"),
    }
}

fn write(path: &Path) {
    if path.to_string_lossy().ends_with('/') {
        fs::create_dir_all(path).unwrap();
    } else {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "content").unwrap();
    }
}

#[tokio::test]
async fn a_save_is_a_batch_and_reading_is_none() {
    let mut watched = Watched::start(&["src/app.py", "src/other.py", "services.toml"]);
    fs::read(watched.at("src/other.py")).unwrap();
    fs::read_dir(watched.at("src")).unwrap().for_each(drop);
    assert_eq!(watched.changes().await, Vec::<String>::new());
    write(&watched.at("src/app.py"));
    let batch = watched.next().await;
    assert_eq!(batch.service.as_deref(), Some("orders"));
    assert_eq!(batch.changes.len(), 1);
    assert_eq!(batch.changes[0].path, watched.at("src/app.py"));
    assert_eq!(batch.changes[0].kind, Kind::Written);
    let quiet = batch.closed - batch.first_event;
    assert!((Duration::from_millis(5)..Duration::from_secs(1)).contains(&quiet), "{quiet:?}");
}

#[tokio::test]
async fn new_folders_are_watched_and_old_ones_forgotten() {
    let mut watched = Watched::start(&["src/old/deep/a", "src/stays"]);
    // Made in one go: what was in it before the watch was set counts as well.
    write(&watched.at("src/new/deep/er/b"));
    assert_eq!(
        watched.changes().await,
        [
            "orders folder src/new",
            "orders folder src/new/deep",
            "orders folder src/new/deep/er",
            "orders written src/new/deep/er/b"
        ]
    );
    write(&watched.at("src/new/deep/er/c"));
    assert_eq!(watched.changes().await, ["orders written src/new/deep/er/c"]);
    fs::remove_dir_all(watched.at("src/old")).unwrap();
    let removed = watched.changes().await;
    assert!(removed.contains(&"orders removed src/old".to_owned()), "{removed:?}");
    // The same name again is a new folder with a new watch.
    write(&watched.at("src/old/deep/z"));
    assert!(watched.changes().await.contains(&"orders written src/old/deep/z".to_owned()));
    write(&watched.at("src/old/deep/z"));
    assert_eq!(watched.changes().await, ["orders written src/old/deep/z"]);
}

#[tokio::test]
async fn a_folder_that_moves_goes_and_comes() {
    let mut watched = Watched::start(&["src/a/x", "src/a/deep/y", "elsewhere/z"]);
    fs::rename(watched.at("src/a"), watched.at("src/b")).unwrap();
    assert_eq!(
        watched.changes().await,
        [
            "orders folder src/b",
            "orders folder src/b/deep",
            "orders removed src/a",
            "orders written src/b/deep/y",
            "orders written src/b/x"
        ]
    );
    // Events of the moved folder bear its new name.
    write(&watched.at("src/b/deep/y"));
    assert_eq!(watched.changes().await, ["orders written src/b/deep/y"]);
    fs::rename(watched.at("src/b"), watched.at("elsewhere/b")).unwrap();
    assert_eq!(watched.changes().await, ["orders removed src/b"]);
    write(&watched.at("elsewhere/b/deep/y"));
    assert_eq!(watched.changes().await, Vec::<String>::new());
    fs::rename(watched.at("elsewhere/b"), watched.at("src/c")).unwrap();
    assert!(watched.changes().await.contains(&"orders written src/c/deep/y".to_owned()));
}

#[tokio::test]
async fn what_is_ignored_is_not_watched() {
    let mut watched = Watched::start(&["src/node_modules/a/b.js", "src/.git/HEAD", "src/app.py"]);
    write(&watched.at("src/node_modules/a/b.js"));
    write(&watched.at("src/node_modules/new/c.js"));
    write(&watched.at("src/.git/index.lock"));
    write(&watched.at("src/__pycache__/app.pyc"));
    write(&watched.at("src/.app.py.swp"));
    assert_eq!(watched.changes().await, Vec::<String>::new());
    let inotify = inotify_watches();
    assert!(inotify.len() >= 2, "no watches are found in /proc: {inotify:?}");
    for (path, expected) in
        [("src", true), ("src/node_modules", false), ("src/.git", false), ("src/__pycache__", false)]
    {
        assert_eq!(inotify.contains(&inode(&watched.at(path))), expected, "{path}");
    }
}

fn inode(path: &Path) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap())
}

/// The inodes of all folders that this process watches.
fn inotify_watches() -> Vec<u64> {
    let infos = fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
    let texts = infos.filter_map(|entry| fs::read_to_string(entry.path()).ok());
    texts
        .flat_map(|text| {
            let inodes = text
                .lines()
                .filter_map(|line| line.strip_prefix("inotify ")?.split("ino:").nth(1)?.split(' ').next());
            inodes.map(|inode| u64::from_str_radix(inode, 16).unwrap()).collect::<Vec<_>>()
        })
        .collect()
}

#[tokio::test]
async fn a_changed_gitignore_counts_at_once() {
    let mut watched = Watched::start(&[".git/HEAD", "src/app.py", "src/out/a"]);
    fs::write(watched.at("src/.gitignore"), "out/\n").unwrap();
    let changes = watched.changes().await;
    assert!(changes.contains(&"orders written src/.gitignore".to_owned()), "{changes:?}");
    write(&watched.at("src/out/a"));
    assert_eq!(watched.changes().await, Vec::<String>::new());
    fs::write(watched.at("src/.gitignore"), "").unwrap();
    watched.changes().await;
    write(&watched.at("src/out/a"));
    assert_eq!(watched.changes().await, ["orders written src/out/a"]);
}

#[tokio::test]
async fn a_file_by_itself_survives_every_way_of_saving() {
    let mut watched = Watched::with(&["src/x", "nginx.conf", "services.toml"], |folder| {
        vec![rule("orders", 0, &folder.join("src")), rule("gateway", 0, &folder.join("nginx.conf"))]
    });
    for _ in 0..3 {
        write(&watched.at("nginx.conf.new"));
        fs::rename(watched.at("nginx.conf.new"), watched.at("nginx.conf")).unwrap();
        assert_eq!(watched.next().await.service.as_deref(), Some("gateway"));
        fs::remove_file(watched.at("nginx.conf")).unwrap();
        write(&watched.at("nginx.conf"));
        // A pause between the two may be longer than the quiet time.
        while watched.next().await.changes[0].kind != Kind::Written {}
        write(&watched.at("services.toml"));
        let batch = watched.next().await;
        assert_eq!((batch.service, batch.changes[0].path.clone()), (None, watched.at("services.toml")));
    }
}

#[tokio::test]
async fn a_watched_folder_may_come_later_go_and_come_back() {
    let mut watched = Watched::with(&["src/x"], |folder| {
        vec![rule("orders", 0, &folder.join("src")), rule("web", 3, &folder.join("a/b/c"))]
    });
    write(&watched.at("a/b/c/first"));
    let batch = watched.next().await;
    assert_eq!(batch.service.as_deref(), Some("web"));
    let last = batch.changes.last().unwrap();
    assert_eq!((last.rule, last.path.clone(), last.kind), (3, watched.at("a/b/c/first"), Kind::Written));
    fs::rename(watched.at("a"), watched.at("away")).unwrap();
    let batch = watched.next().await;
    let kinds: Vec<_> = batch.changes.iter().map(|change| (change.path.clone(), change.kind)).collect();
    // What came from here goes, the root's counterpart itself stays.
    assert_eq!(kinds, [(watched.at("a/b/c/first"), Kind::Removed)]);
    fs::rename(watched.at("away"), watched.at("a")).unwrap();
    assert_eq!(watched.next().await.changes.last().unwrap().kind, Kind::Written);
    write(&watched.at("a/b/c/second"));
    assert_eq!(watched.next().await.changes[0].path, watched.at("a/b/c/second"));
}

#[tokio::test]
async fn services_get_batches_of_their_own() {
    let mut watched = Watched::with(&["src/x", "shared/y"], |folder| {
        vec![
            rule("orders", 0, &folder.join("src")),
            rule("orders", 1, &folder.join("shared")),
            rule("web", 0, &folder.join("shared")),
        ]
    });
    write(&watched.at("shared/y"));
    write(&watched.at("src/x"));
    let mut seen = BTreeSet::new();
    while seen.len() < 3 {
        let batch = watched.next().await;
        seen.extend(batch.changes.iter().map(|change| (batch.service.clone().unwrap(), change.rule)));
    }
    let expected =
        [("orders", 0), ("orders", 1), ("web", 0)].map(|(service, rule)| (service.to_owned(), rule));
    assert_eq!(seen, BTreeSet::from(expected));
}

#[tokio::test]
async fn permissions_links_and_links_to_folders() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let mut watched = Watched::start(&["src/tool", "outside/a"]);
    fs::set_permissions(watched.at("src/tool"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink(watched.at("outside"), watched.at("src/link")).unwrap();
    assert_eq!(watched.changes().await, ["orders link src/link", "orders written src/tool"]);
    // What lies behind a link is not of this tree.
    write(&watched.at("outside/a"));
    assert_eq!(watched.changes().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_name_that_differs_only_in_case_is_another_one() {
    let mut watched = Watched::start(&["src/App.py", "src/Part/x"]);
    fs::rename(watched.at("src/App.py"), watched.at("src/app.py")).unwrap();
    fs::rename(watched.at("src/Part"), watched.at("src/part")).unwrap();
    let expected = [
        "folder src/part",
        "removed src/app.py",
        "removed src/part",
        "written src/app.py",
        "written src/part/x",
    ];
    assert_eq!(watched.changes().await, expected.map(|words| format!("orders {words}")));
}

#[tokio::test]
async fn many_files_at_once_are_all_told() {
    let mut watched = Watched::start(&["src/x"]);
    for n in 0..2000 {
        write(&watched.at(&format!("src/d{}/f{n}", n % 40)));
    }
    assert_eq!(
        watched.changes().await.iter().filter(|words| words.starts_with("orders written")).count(),
        2000
    );
}

#[tokio::test]
async fn changes_wait_for_who_is_busy() {
    let (sender, mut tidings) = mpsc::channel(1);
    let folder = tempfile::tempdir().unwrap();
    let watcher =
        Watcher::start(vec![rule("a", 0, folder.path()), rule("b", 0, folder.path())], vec![], sender)
            .unwrap();
    for n in 0..20 {
        write(&folder.path().join(format!("f{n}")));
    }
    // Both services' changes arrive, though there is room for one batch only.
    let mut seen = BTreeMap::<String, usize>::new();
    while seen.values().sum::<usize>() < 40 {
        let batch = batch(&mut tidings).await;
        *seen.entry(batch.service.unwrap()).or_default() += batch.changes.len();
    }
    assert_eq!(seen.values().copied().collect::<Vec<_>>(), [20, 20]);
    drop(watcher);
    // The thread ends and lets go of its side.
    assert!(tokio::time::timeout(Duration::from_secs(20), tidings.recv()).await.unwrap().is_none());
}
