//! `.dockerignore`: which files of a build's context are sent.
//!
//! Patterns count from the context's root, match a path or any folder above it, and the last one that matches wins.

use std::fs;
use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::EngineError;

/// The patterns of one `.dockerignore`.
pub(crate) struct Ignored {
    /// Each pattern on its own, and whether it takes files back in. One matcher for all would not do: there a file's
    /// own match beats that of a folder above whatever their order.
    rules: Vec<(Gitignore, bool)>,
}

impl Ignored {
    /// `<Dockerfile>.dockerignore` beside the Dockerfile, else `.dockerignore` of the context, else nothing.
    pub(crate) fn of(context: &Path, dockerfile: &Path) -> Result<Self, EngineError> {
        let mut own = dockerfile.as_os_str().to_owned();
        own.push(".dockerignore");
        for path in [PathBuf::from(own), context.join(".dockerignore")] {
            match fs::read_to_string(&path) {
                Ok(text) => return Self::parse(&text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(EngineError::Unreadable {
                        path: path.display().to_string(),
                        cause: error.to_string(),
                    });
                }
            }
        }
        Ok(Self { rules: Vec::new() })
    }

    pub(crate) fn parse(text: &str) -> Result<Self, EngineError> {
        let mut rules = Vec::new();
        for line in text.trim_start_matches('\u{feff}').lines().filter(|line| !line.starts_with('#')) {
            let line = line.trim();
            let (line, back) = match line.strip_prefix('!') {
                Some(rest) => (rest.trim(), true),
                None => (line, false),
            };
            let pattern = line.trim_start_matches("./").trim_matches('/');
            if pattern.is_empty() || pattern == "." {
                continue;
            }
            let mut builder = GitignoreBuilder::new("");
            // A leading slash ties a Git pattern to the root, where every Docker pattern is.
            let built = builder.add_line(None, &format!("/{pattern}")).and_then(|b| b.build());
            let rule = built.map_err(|error| EngineError::Unreadable {
                path: ".dockerignore".to_owned(),
                cause: format!("pattern `{line}`: {error}"),
            })?;
            rules.push((rule, back));
        }
        Ok(Self { rules })
    }

    /// Whether a path, relative to the context, is left out.
    pub(crate) fn is_ignored(&self, path: &Path) -> bool {
        let hits = |rule: &Gitignore| {
            path.ancestors()
                .filter(|at| !at.as_os_str().is_empty())
                .any(|at| rule.matched(at, true).is_ignore())
        };
        self.rules.iter().rev().find(|(rule, _)| hits(rule)).is_some_and(|(_, back)| !back)
    }

    /// Whether nothing below an ignored folder can come back in, so that it need not be walked.
    pub(crate) fn is_final(&self) -> bool {
        !self.rules.iter().any(|(_, back)| *back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, path: &str, ignored: bool) {
        assert_eq!(Ignored::parse(text).unwrap().is_ignored(Path::new(path)), ignored, "{text:?} on {path}");
    }

    #[test]
    fn patterns_count_from_the_root() {
        check("node_modules", "node_modules/a/b.js", true);
        check("node_modules", "web/node_modules/a", false);
        check("**/node_modules", "web/node_modules/a", true);
        check("/dist/", "dist/x", true);
        check("*.log", "a.log", true);
        check("*.log", "sub/a.log", false);
        check("**/*.log", "sub/deep/a.log", true);
        check("# note\n\n./tmp", "tmp", true);
        check("a?c", "abc", true);
    }

    #[test]
    fn the_last_match_wins() {
        check("*\n!src", "src/main.py", false);
        check("*\n!src", "README.md", true);
        check("docs\n!docs/keep.md", "docs/keep.md", false);
        check("!docs/keep.md\ndocs", "docs/keep.md", true);
        check("src\n!src/a\nsrc/a/b", "src/a/b", true);
    }
}
