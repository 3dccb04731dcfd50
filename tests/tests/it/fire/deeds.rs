//! What people and their tools do to files.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Numbers from a seed (splitmix64).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Less than `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    /// A short path, so that they meet often.
    fn path(&mut self) -> PathBuf {
        (0..=self.roll(3)).map(|_| ["a", "b", "c", "d"][self.roll(4) as usize]).collect()
    }

    fn text(&mut self) -> String {
        let text = format!("content {}", self.roll(1_000_000));
        if self.roll(12) == 0 { text.repeat(20_000) } else { text }
    }
}

/// The folder that is built from, a repository whose `files` are watched.
pub(super) struct Yard(PathBuf);

impl Yard {
    pub(super) fn new(folder: PathBuf) -> Self {
        let yard = Self(folder);
        fs::create_dir_all(yard.files()).expect("a folder");
        yard.git(&["init", "-q", "-b", "one"]);
        fs::write(yard.files().join("version"), "one\n").expect("a file");
        for branch in ["one", "two"] {
            if branch == "two" {
                yard.git(&["checkout", "-q", "-b", branch]);
                fs::remove_dir_all(yard.files().join("a")).expect("removed");
                // A folder of one branch is a file of the other.
                fs::write(yard.files().join("a"), "a file").expect("a file");
            }
            for n in 0..60 {
                let file = yard.files().join(format!(
                    "{}/{branch}{}/f{n}",
                    if branch == "one" { "a" } else { "b" },
                    n % 5
                ));
                fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
                fs::write(file, format!("{branch} {n}")).expect("a file");
            }
            yard.git(&["add", "-A"]);
            yard.git(&["commit", "-q", "-m", branch]);
        }
        yard.tidy();
        yard
    }

    pub(super) fn files(&self) -> PathBuf {
        self.0.join("files")
    }

    /// All is as it was at first.
    pub(super) fn tidy(&self) {
        self.git(&["checkout", "-q", "-f", "one"]);
        self.git(&["clean", "-fdqx", "files"]);
    }

    fn git(&self, args: &[&str]) {
        let ran = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "gc.auto=0"])
            .args(args)
            .current_dir(&self.0)
            .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null")])
            .output()
            .expect("`git` runs");
        assert!(ran.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    /// Does what the dice say, and tells what it did.
    pub(super) fn play(&self, dice: &mut Dice, shoal: &dyn Fn(&[&str])) -> Vec<String> {
        let mut done = Vec::new();
        for _ in 0..10 + dice.roll(30) {
            done.push(self.deed(dice, shoal));
            if dice.roll(3) == 0 {
                let pause = dice.roll(120);
                done.push(format!("pause {pause}"));
                std::thread::sleep(Duration::from_millis(pause));
            }
        }
        done
    }

    fn deed(&self, dice: &mut Dice, shoal: &dyn Fn(&[&str])) -> String {
        let (path, other, text) = (dice.path(), dice.path(), dice.text());
        let at = self.files().join(&path);
        let shown = path.display();
        match dice.roll(100) {
            0..=29 => self
                .write(&path, &text)
                .map_or_else(|| format!("no write {shown}"), |()| format!("write {shown}")),
            30..=44 => {
                self.remove(&path);
                format!("remove {shown}")
            }
            45..=57 => {
                if !self.crosses_link(&path) && !self.crosses_link(&other) {
                    drop(fs::rename(&at, self.files().join(&other)));
                }
                format!("rename {shown} to {}", other.display())
            }
            58..=63 => {
                drop(fs::create_dir_all(&at));
                format!("folder {shown}")
            }
            64..=69 => {
                let mode = [0o644, 0o755, 0o600, 0o777][dice.roll(4) as usize];
                if fs::symlink_metadata(&at).is_ok_and(|facts| facts.is_file()) {
                    fs::set_permissions(&at, Permissions::from_mode(mode)).expect("permissions");
                }
                format!("mode {mode:o} {shown}")
            }
            70..=75 => {
                if !self.crosses_link(&path) {
                    drop(symlink(["nowhere", "a", "../b", "/srv/c"][dice.roll(4) as usize], &at));
                }
                format!("link {shown}")
            }
            76..=87 => {
                let dance = dice.roll(4);
                self.dance(&path, &text, dance);
                format!("dance {dance} {shown}")
            }
            88..=92 => {
                let branch = ["one", "two"][dice.roll(2) as usize];
                self.git(&["checkout", "-q", "-f", branch]);
                format!("branch {branch}")
            }
            93 => {
                self.git(&["clean", "-fdq", "files"]);
                "clean".to_owned()
            }
            94..=97 => {
                let name = ["build/x", "x.tmp", "4913"][dice.roll(3) as usize];
                drop(fs::create_dir_all(self.files().join("build")));
                fs::write(self.files().join(name), text).expect("a file");
                format!("ignored {name}")
            }
            98 if dice.roll(2) == 0 => {
                shoal(&["restart", "app"]);
                "restart".to_owned()
            }
            99 if dice.roll(2) == 0 => {
                fs::write(self.0.join("needs"), text).expect("a file");
                "rebuild".to_owned()
            }
            _ => "nothing".to_owned(),
        }
    }

    /// Through a link it would be done to another path.
    fn crosses_link(&self, path: &Path) -> bool {
        path.ancestors()
            .skip(1)
            .any(|above| !above.as_os_str().is_empty() && self.files().join(above).is_symlink())
    }

    fn write(&self, path: &Path, text: &str) -> Option<()> {
        let at = self.files().join(path);
        if self.crosses_link(path) || at.is_symlink() {
            return None;
        }
        fs::create_dir_all(at.parent()?).ok()?;
        fs::write(at, text).ok()
    }

    fn remove(&self, path: &Path) {
        let at = self.files().join(path);
        if self.crosses_link(path) {
        } else if at.is_dir() && !at.is_symlink() {
            drop(fs::remove_dir_all(at));
        } else {
            drop(fs::remove_file(at));
        }
    }

    /// How editors save: vim, a new file renamed over the old, the old one moved away first, and two writes in place.
    fn dance(&self, path: &Path, text: &str, kind: u64) {
        let at = self.files().join(path);
        if self.write(path, "before").is_none() {
            return;
        }
        let beside = |suffix: &str| {
            let name = at.file_name().expect("a name").to_string_lossy().into_owned();
            at.with_file_name(format!("{name}{suffix}"))
        };
        let steps: Result<(), std::io::Error> = match kind {
            0 => (|| {
                fs::write(at.with_file_name("4913"), "")?;
                fs::remove_file(at.with_file_name("4913"))?;
                fs::rename(&at, beside("~"))?;
                fs::write(&at, text)?;
                fs::remove_file(beside("~"))
            })(),
            1 => fs::write(beside(".tmp"), text).and_then(|()| fs::rename(beside(".tmp"), &at)),
            2 => (|| {
                fs::write(beside("___jb_tmp___"), text)?;
                fs::rename(&at, beside("___jb_old___"))?;
                fs::rename(beside("___jb_tmp___"), &at)?;
                fs::remove_file(beside("___jb_old___"))
            })(),
            _ => fs::write(&at, "").and_then(|()| fs::write(&at, text)),
        };
        steps.expect("a dance");
    }
}
