//! Paths as the manifest writes them.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// The path without `.` and with `..` taken back, as text: symbolic links are not followed, so that a folder keeps the
/// name by which its user knows it.
pub(crate) fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match out.components().next_back() {
                Some(Component::Normal(_)) => {
                    out.pop();
                }
                Some(Component::RootDir) => {}
                _ => out.push(".."),
            },
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => out.push(component),
        }
    }
    if out.as_os_str().is_empty() { PathBuf::from(".") } else { out }
}

/// An absolute form; a relative path counts from the current folder.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    tidy(&std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()))
}

/// `text` as seen from `folder`; `~` is the `HOME` of `env`.
pub(crate) fn resolve(text: &str, folder: &Path, env: &BTreeMap<String, String>) -> PathBuf {
    if let Some(tail) = text.strip_prefix('~').filter(|tail| tail.is_empty() || tail.starts_with('/'))
        && let Some(home) = env.get("HOME")
    {
        return tidy(&Path::new(home).join(tail.trim_start_matches('/')));
    }
    tidy(&folder.join(text))
}

/// The names beside a missing path, to find the one that was meant.
pub(crate) fn siblings(path: &Path) -> Vec<String> {
    let Some(Ok(entries)) = path.parent().map(std::fs::read_dir) else { return Vec::new() };
    // Enough to find a slip in any folder that people look into themselves.
    let names = entries.take(2000).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_tidied_as_text() {
        for (path, expected) in [
            ("/a/./b/../c", "/a/c"),
            ("/../a", "/a"),
            ("../x/y/..", "../x"),
            ("../../x", "../../x"),
            ("a/..", "."),
            (".", "."),
            ("./a", "a"),
        ] {
            assert_eq!(tidy(Path::new(path)), Path::new(expected), "{path}");
        }
    }

    #[test]
    fn home_and_relative_paths() {
        let env = BTreeMap::from([("HOME".to_owned(), "/home/ann".to_owned())]);
        for (text, expected) in [
            ("x", "/s/x"),
            ("../x", "/x"),
            ("/y", "/y"),
            ("~", "/home/ann"),
            ("~/.aws", "/home/ann/.aws"),
            ("~bob/x", "/s/~bob/x"),
        ] {
            assert_eq!(resolve(text, Path::new("/s"), &env), Path::new(expected), "{text}");
        }
    }
}
