//! What rules cover on this machine at this moment, for whoever has not watched all the time.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use model::hash::{FNV1A_EMPTY, fnv1a_on};

use crate::snapshot::{Form, Stat};
use crate::tree::{Tree, look};
use crate::{Kind, Rule, WatchError};

/// A path that a rule covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The rule's place among the service's rules.
    pub rule: usize,
    /// Absolute, at or beneath the rule's `watch`.
    pub path: PathBuf,
    /// What it is; never [`Kind::Removed`].
    pub kind: Kind,
    /// See [`mark`].
    pub mark: u64,
}

/// All that these rules cover, in the order of rules and paths. Takes as long as a walk through the watched folders.
pub fn covered(rules: &[Rule]) -> Result<Vec<Covered>, WatchError> {
    let mut all = Vec::new();
    for rule in rules {
        let mut tree = Tree::of_rule(rule.clone())?;
        let root = tree.real.clone();
        let found = tree.walk(&root, &mut |_| Ok(()))?;
        let of = |(path, stat): (&PathBuf, &Stat)| Covered {
            rule: rule.index,
            path: tree.show(path),
            kind: kind(stat.form),
            mark: number(*stat),
        };
        all.extend(found.entries().map(of));
    }
    Ok(all)
}

/// A number that is another one when a file or link is changed, by its time, length and permissions. A folder's is
/// always the same. `None`: what is there is not of this kind, or not any more.
pub fn mark(path: &Path, of: Kind) -> Option<u64> {
    look(path).filter(|stat| kind(stat.form) == of).map(number)
}

fn kind(form: Form) -> Kind {
    match form {
        Form::File => Kind::Written,
        Form::Folder => Kind::Folder,
        Form::Link => Kind::Link,
    }
}

fn number(stat: Stat) -> u64 {
    let modified = stat.modified.unwrap_or(SystemTime::UNIX_EPOCH);
    let time = modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let form = match stat.form {
        Form::File => 1_u64,
        Form::Folder => 2,
        Form::Link => 3,
    };
    let facts = [form, u64::from(stat.mode), stat.length, time as u64];
    facts.iter().fold(FNV1A_EMPTY, |hash, fact| fnv1a_on(hash, &fact.to_le_bytes()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use model::plan::{Action, ReloadRule};

    use super::*;

    #[test]
    fn what_counts_is_listed_and_a_change_changes_its_mark() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("deep")).unwrap();
        fs::write(at("deep/a.py"), "1").unwrap();
        fs::write(at("b.tmp"), "1").unwrap();
        std::os::unix::fs::symlink("deep", at("link")).unwrap();
        let rule = ReloadRule {
            ignore: vec!["*.tmp".to_owned()],
            ..ReloadRule::new(folder.path().to_owned(), Action::Restart)
        };
        let rules = [Rule { service: "orders".to_owned(), index: 3, rule, context: None }];
        let names = |all: &[Covered]| {
            let short = |c: &Covered| format!("{}", c.path.strip_prefix(folder.path()).unwrap().display());
            all.iter().map(|c| (short(c), c.kind)).filter(|(name, _)| !name.is_empty()).collect::<Vec<_>>()
        };
        let before = covered(&rules).unwrap();
        let expected = [("deep", Kind::Folder), ("deep/a.py", Kind::Written), ("link", Kind::Link)]
            .map(|(n, k)| (n.to_owned(), k));
        assert_eq!(names(&before), expected);
        assert!(before.iter().all(|c| c.rule == 3 && mark(&c.path, c.kind) == Some(c.mark)));
        assert_eq!(covered(&rules).unwrap(), before);
        fs::write(at("deep/a.py"), "22").unwrap();
        let changed =
            covered(&rules).unwrap().into_iter().filter(|c| !before.contains(c)).collect::<Vec<_>>();
        assert_eq!(names(&changed), [("deep/a.py".to_owned(), Kind::Written)]);
        assert_eq!(mark(&at("nothing"), Kind::Written), None);
        assert_eq!(mark(&at("deep"), Kind::Written), None);
    }
}
