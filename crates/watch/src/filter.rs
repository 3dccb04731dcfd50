//! Which paths of a watched folder count.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use model::plan::ReloadRule;

use crate::WatchError;
use crate::git::{common_folder, folder_of_git};
use crate::patterns::{Opinion, Patterns};

/// What nobody means when saying "the source changed", in `.gitignore` syntax: what tools make beside the sources, and
/// what editors write while saving. A rule's `ignore` can take any of it back: `!target`.
const DEFAULTS: &str = "
.git
.hg
.svn
.jj
node_modules/
__pycache__/
*.pyc
target/
.venv/
.tox/
.mypy_cache/
.pytest_cache/
.ruff_cache/
.gradle/
.idea/
.vscode/
.DS_Store
*___jb_old___
*___jb_tmp___
.#*
\\#*#
4913
*~
.*.swp
.*.swx
.*.swo
.*.swn
*.kate-swp
.goutputstream-*
*-go-tmp-umask
.shoal-put-*
";

/// What becomes of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It counts.
    Counts,
    /// It does not count, but what is below may.
    Passed,
    /// Neither it nor anything below counts: no watch is spent on it.
    Pruned,
}

#[derive(Debug)]
pub(crate) struct Filter {
    root: PathBuf,
    defaults: Gitignore,
    git: Option<GitRules>,
    docker: Option<Patterns>,
    own: Patterns,
    include: Option<Gitignore>,
    /// Folders that were judged already.
    folders: HashMap<PathBuf, Standing>,
}

/// How things stand for what is in a folder.
#[derive(Debug, Clone, Copy)]
struct Standing {
    ignored: bool,
    pruned: bool,
}

impl Filter {
    /// The filter of a rule whose watched path is really at `root`.
    pub(crate) fn new(root: &Path, rule: &ReloadRule, context: Option<&Path>) -> Result<Self, WatchError> {
        let include = Some(&rule.include).filter(|list| !list.is_empty());
        let include = include.map(|list| gitignore(root, list.iter().map(String::as_str))).transpose()?;
        // What the user names as watched is watched, whoever ignores it.
        let names_root = |patterns: &Patterns| patterns.opinion(root, true) == Some(Opinion::Ignored);
        let docker = context.map(read_dockerignore).transpose()?.filter(|patterns| !names_root(patterns));
        Ok(Self {
            root: root.to_owned(),
            defaults: gitignore(root, DEFAULTS.lines())?,
            git: GitRules::around(root),
            docker,
            own: Patterns::new(root, rule.ignore.iter())?,
            include,
            folders: HashMap::new(),
        })
    }

    /// The verdict on a path at or below the root.
    pub(crate) fn verdict(&mut self, path: &Path, is_folder: bool) -> Verdict {
        if path == self.root {
            return Verdict::Counts;
        }
        let Some(parent) = path.parent().filter(|parent| parent.starts_with(&self.root)) else {
            return Verdict::Pruned;
        };
        let above = self.standing(parent);
        if above.pruned {
            return Verdict::Pruned;
        }
        let here = if is_folder { self.standing(path) } else { self.judge(path, false, above) };
        let included = |include: &Gitignore| include.matched_path_or_any_parents(path, false).is_ignore();
        match here {
            Standing { pruned: true, .. } => Verdict::Pruned,
            Standing { ignored: true, .. } => Verdict::Passed,
            _ if is_folder || self.include.as_ref().is_none_or(included) => Verdict::Counts,
            _ => Verdict::Passed,
        }
    }

    fn standing(&mut self, folder: &Path) -> Standing {
        if let Some(&known) = self.folders.get(folder) {
            return known;
        }
        let found = match folder.parent() {
            Some(parent) if folder != self.root => {
                let above = self.standing(parent);
                self.judge(folder, true, above)
            }
            _ => Standing { ignored: false, pruned: false },
        };
        self.folders.insert(folder.to_owned(), found);
        found
    }

    fn judge(&mut self, path: &Path, is_folder: bool, above: Standing) -> Standing {
        let ignored = self.ignores(path, is_folder, above.ignored);
        Standing { ignored, pruned: above.pruned || ignored && !(is_folder && self.may_want_beneath(path)) }
    }

    /// Whether a changed file changes this filter.
    pub(crate) fn is_made_of(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default();
        (name == ".gitignore" && self.git.is_some())
            || (name == ".dockerignore"
                && self.docker.as_ref().is_some_and(|d| path.parent() == Some(d.folder())))
    }

    fn ignores(&mut self, path: &Path, is_folder: bool, parent_ignored: bool) -> bool {
        let opinions = [
            opinion(&self.defaults.matched(path, is_folder)),
            self.git.as_mut().and_then(|git| git.opinion(path, is_folder)),
            self.docker.as_ref().and_then(|docker| docker.opinion(path, is_folder)),
            self.own.opinion(path, is_folder),
        ];
        // The most particular list has the last word.
        opinions.into_iter().rev().flatten().next().map_or(parent_ignored, |word| word == Opinion::Ignored)
    }

    fn may_want_beneath(&self, folder: &Path) -> bool {
        self.own.may_want_beneath(folder) || self.docker.as_ref().is_some_and(|d| d.may_want_beneath(folder))
    }
}

fn read_dockerignore(context: &Path) -> Result<Patterns, WatchError> {
    let text = fs::read_to_string(context.join(".dockerignore")).unwrap_or_default();
    Patterns::new(context, text.lines())
}

fn gitignore<'a>(root: &Path, lines: impl Iterator<Item = &'a str>) -> Result<Gitignore, WatchError> {
    let mut builder = GitignoreBuilder::new(root);
    for line in lines {
        builder
            .add_line(None, line)
            .map_err(|error| WatchError::Pattern { pattern: line.to_owned(), reason: error.to_string() })?;
    }
    builder.build().map_err(|error| WatchError::Backend(error.to_string()))
}

fn opinion<T>(found: &Match<T>) -> Option<Opinion> {
    match found {
        Match::None => None,
        Match::Ignore(_) => Some(Opinion::Ignored),
        Match::Whitelist(_) => Some(Opinion::Wanted),
    }
}

/// The `.gitignore` files of a repository, read when first needed.
#[derive(Debug)]
struct GitRules {
    top: PathBuf,
    exclude: Gitignore,
    by_folder: HashMap<PathBuf, Option<Gitignore>>,
}

impl GitRules {
    /// Those of the repository that a watched path lies in, unless they ignore that path as a whole.
    fn around(path: &Path) -> Option<Self> {
        let top = path.ancestors().find(|folder| folder.join(".git").exists())?.to_owned();
        let mut builder = GitignoreBuilder::new(&top);
        // A line that is no pattern is git's to complain about.
        let git = folder_of_git(&top).map(|git| common_folder(&git)).unwrap_or_default();
        drop(builder.add(git.join("info/exclude")));
        let exclude = builder.build().unwrap_or_else(|_| Gitignore::empty());
        let mut rules = Self { top, exclude, by_folder: HashMap::new() };
        (!rules.ignores_all_of(path)).then_some(rules)
    }

    fn opinion(&mut self, path: &Path, is_folder: bool) -> Option<Opinion> {
        let folders: Vec<_> =
            path.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.top)).collect();
        for folder in folders {
            let rules = self.by_folder.entry(folder.to_owned()).or_insert_with(|| {
                let file = folder.join(".gitignore");
                file.is_file().then(|| Gitignore::new(file).0)
            });
            if let Some(word) = rules.as_ref().and_then(|rules| opinion(&rules.matched(path, is_folder))) {
                return Some(word);
            }
        }
        opinion(&self.exclude.matched(path, is_folder))
    }

    /// Whether git ignores a folder or one it lies in.
    fn ignores_all_of(&mut self, folder: &Path) -> bool {
        let inside: Vec<_> = folder.ancestors().take_while(|at| *at != self.top).collect();
        inside.into_iter().any(|at| self.opinion(at, true) == Some(Opinion::Ignored))
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Counts, Passed, Pruned};
    use super::*;

    use model::plan::Action;

    pub(crate) fn rule(watch: &Path, ignore: &[&str], include: &[&str]) -> ReloadRule {
        let own = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
        ReloadRule {
            to: Some("/app".to_owned()),
            ignore: own(ignore),
            include: own(include),
            ..ReloadRule::new(watch.to_owned(), Action::Restart)
        }
    }

    /// Files as `name` or `name: content`, folders with a `/` at the end.
    fn disk(entries: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for entry in entries {
            let (name, content) = entry.split_once(": ").unwrap_or((entry, ""));
            let path = folder.path().join(name);
            if name.ends_with('/') {
                fs::create_dir_all(path).unwrap();
            } else {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, content).unwrap();
            }
        }
        folder
    }

    #[track_caller]
    fn check(
        disk: &tempfile::TempDir,
        root: &str,
        ignore: &[&str],
        include: &[&str],
        expected: &[(&str, Verdict)],
    ) {
        let root = if root.is_empty() { disk.path().to_owned() } else { disk.path().join(root) };
        let context = disk.path().join(".dockerignore").exists().then(|| disk.path());
        let mut filter = Filter::new(&root, &rule(&root, ignore, include), context).unwrap();
        for &(path, verdict) in expected {
            assert_eq!(
                filter.verdict(&disk.path().join(path.trim_end_matches('/')), path.ends_with('/')),
                verdict,
                "{path}"
            );
        }
    }

    #[test]
    fn by_default_what_tools_and_editors_make_does_not_count() {
        let disk = disk(&[]);
        check(
            &disk,
            "",
            &[],
            &[],
            &[
                ("app.py", Counts),
                ("deep/er/app.py", Counts),
                ("node_modules/", Pruned),
                ("node_modules/a/b.js", Pruned),
                ("deep/__pycache__/", Pruned),
                ("app.pyc", Pruned),
                (".git/", Pruned),
                (".git", Pruned),
                (".app.py.swp", Pruned),
                ("app.py~", Pruned),
                ("4913", Pruned),
                ("#app.py#", Pruned),
                (".#app.py", Pruned),
                // A file of that name is no build folder.
                ("target", Counts),
                ("target/", Pruned),
                ("/elsewhere", Pruned),
            ],
        );
        check(
            &disk,
            "",
            &["!target"],
            &[],
            &[("target/", Counts), ("target/x", Counts), ("a/target/", Pruned)],
        );
    }

    #[test]
    fn what_git_ignores_does_not_count_unless_it_is_what_is_watched() {
        let disk = disk(&[
            ".git/info/exclude: secret",
            ".gitignore: *.log\n/out\n",
            "app/.gitignore: !kept.log\ngenerated/\n",
            "out/artefact",
        ]);
        let expected = [
            ("app/a.log", Pruned),
            ("app/kept.log", Counts),
            ("app/generated/", Pruned),
            ("app/secret", Pruned),
            ("app/out", Counts),
        ];
        check(&disk, "app", &[], &[], &expected);
        check(&disk, "out", &[], &[], &[("out/artefact", Counts), ("out/a.log", Counts)]);
        check(&disk, "out/artefact", &[], &[], &[("out/artefact", Counts)]);
    }

    #[test]
    fn the_builds_and_the_rules_patterns_have_the_last_word() {
        let disk = disk(&[".dockerignore: *\n!src\nsrc/*.tmp\n", "src/", "docs/"]);
        let expected = [
            ("a.txt", Pruned),
            ("docs/", Pruned),
            ("src/", Counts),
            ("src/a.py", Counts),
            ("src/a.tmp", Pruned),
            ("src/mine.tmp", Counts),
            ("src/sub/", Passed),
            ("src/sub/x", Pruned),
            ("src/sub/keep/x", Counts),
        ];
        check(&disk, "", &["src/sub", "!src/sub/keep", "!src/mine.tmp"], &[], &expected);
        check(&disk, "docs", &[], &[], &[("docs/x", Counts)]);
    }

    #[test]
    fn only_included_files_count_but_all_folders_are_entered() {
        let disk = disk(&[]);
        let expected = [
            ("main.go", Counts),
            ("a/b.go", Counts),
            ("a/", Counts),
            ("a/b.txt", Passed),
            ("x/api/y", Counts),
        ];
        check(&disk, "", &[], &["*.go", "x/api"], &expected);
    }
}
