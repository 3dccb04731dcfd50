//! Lists of patterns in the syntax of `.dockerignore`: relative to a folder, `**` for any depth, `!` for exceptions,
//! the last match wins, and what is in a matched folder is matched.

use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::WatchError;

/// What a list says about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opinion {
    Ignored,
    Wanted,
}

#[derive(Debug)]
pub(crate) struct Patterns {
    folder: PathBuf,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    matcher: Gitignore,
    opinion: Opinion,
    /// The pattern's parts before its first wildcard.
    plain: PathBuf,
}

impl Patterns {
    /// Patterns as they stand in a manifest or file; blank lines and comments are passed over.
    pub(crate) fn new(
        folder: &Path,
        lines: impl Iterator<Item = impl AsRef<str>>,
    ) -> Result<Self, WatchError> {
        let entries: Result<Vec<_>, _> = lines.filter_map(|line| Entry::new(folder, line.as_ref())).collect();
        Ok(Self { folder: folder.to_owned(), entries: entries? })
    }

    /// What the patterns are relative to.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The last word of the list on a path, if it has one.
    pub(crate) fn opinion(&self, path: &Path, is_folder: bool) -> Option<Opinion> {
        if self.entries.is_empty() || !path.starts_with(&self.folder) || path == self.folder {
            return None;
        }
        let matches = |entry: &&Entry| entry.matcher.matched_path_or_any_parents(path, is_folder).is_ignore();
        self.entries.iter().rev().find(matches).map(|entry| entry.opinion)
    }

    /// Whether an exception may want something below an ignored folder.
    pub(crate) fn may_want_beneath(&self, folder: &Path) -> bool {
        let Ok(folder) = folder.strip_prefix(&self.folder) else { return false };
        self.entries
            .iter()
            .filter(|entry| entry.opinion == Opinion::Wanted)
            .any(|entry| entry.plain.starts_with(folder) || folder.starts_with(&entry.plain))
    }
}

impl Entry {
    fn new(folder: &Path, line: &str) -> Option<Result<Self, WatchError>> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (opinion, text) = match line.strip_prefix('!') {
            Some(rest) => (Opinion::Wanted, rest.trim()),
            None => (Opinion::Ignored, line),
        };
        // `./a`, `/a` and `a/` are all `a`; there is no difference between files and folders.
        let parts: Vec<_> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.is_empty() {
            return None;
        }
        let wild = |part: &&&str| !part.contains(['*', '?', '[', '\\']);
        let plain = parts.iter().take_while(wild).collect();
        let mut builder = GitignoreBuilder::new(folder);
        let built =
            builder.add_line(None, &format!("/{}", parts.join("/"))).and_then(|builder| builder.build());
        let reason = |error: ignore::Error| WatchError::Pattern {
            pattern: line.to_owned(),
            reason: error.to_string(),
        };
        Some(built.map(|matcher| Self { matcher, opinion, plain }).map_err(reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &str, ignored: &[&str], kept: &[&str]) {
        let patterns = Patterns::new(Path::new("/ctx"), lines.lines()).unwrap();
        let says =
            |path: &&str| patterns.opinion(&Path::new("/ctx").join(path), false) == Some(Opinion::Ignored);
        assert_eq!(
            ignored.iter().filter(|path| !says(path)).collect::<Vec<_>>(),
            Vec::<&&str>::new(),
            "not ignored"
        );
        assert_eq!(kept.iter().filter(|path| says(path)).collect::<Vec<_>>(), Vec::<&&str>::new(), "ignored");
    }

    #[test]
    fn patterns_are_dockers() {
        check("temp", &["temp", "temp/deep/x"], &["sub/temp", "temper"]);
        check("/temp/", &["temp", "temp/x"], &["sub/temp"]);
        check("*/temp*", &["a/temporary.txt", "a/temp"], &["temp", "a/b/temp"]);
        check("**/*.pyc", &["a.pyc", "a/b/c.pyc"], &["a.py"]);
        check("temp?", &["tempa", "temp1/x"], &["temp", "tempab"]);
        check("# a comment\n\n  *.md  \n!README.md", &["x.md"], &["README.md", "sub/x.md"]);
        // The last match wins, and an exception reaches into an ignored folder.
        check("*\n!src\n!docs/*.md", &["a", "docs/a.txt", "docs"], &["src", "src/deep/x", "docs/a.md"]);
        check("*.md\n!README*.md\nREADME-secret.md", &["README-secret.md", "a.md"], &["README.md"]);
        check(".", &[], &["a"]);
    }

    #[test]
    fn a_folder_is_entered_only_where_an_exception_may_lie() {
        let patterns = Patterns::new(Path::new("/ctx"), ["*", "!a/b/c", "!d/*/e"].iter()).unwrap();
        for (folder, expected) in
            [("a", true), ("a/b", true), ("a/b/c/d", true), ("a/x", false), ("d/y", true), ("z", false)]
        {
            assert_eq!(patterns.may_want_beneath(&Path::new("/ctx").join(folder)), expected, "{folder}");
        }
        assert!(!patterns.may_want_beneath(Path::new("/elsewhere")));
    }

    #[test]
    fn what_is_no_pattern_is_named() {
        let error = Patterns::new(Path::new("/ctx"), ["[z-a]"].iter()).unwrap_err();
        assert!(matches!(error, WatchError::Pattern { ref pattern, .. } if pattern == "[z-a]"), "{error}");
    }
}
