//! Which files of the container are not as they are on the developer's machine.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use model::frame::{Entry, Look};
use model::hash::fnv1a_of;

/// The places of those entries that are not there, or not as they are said to be.
pub(super) fn differing(entries: &[Entry]) -> Vec<u32> {
    let differs = |entry: &Entry| !is_so(Path::new(&entry.path), &entry.look).unwrap_or(false);
    (0..).zip(entries).filter(|(_, entry)| differs(entry)).map(|(place, _)| place).collect()
}

/// An image may have a link where the developer has a file: what it leads to counts.
fn is_so(path: &Path, look: &Look) -> io::Result<bool> {
    match look {
        Look::Folder => Ok(fs::metadata(path)?.is_dir()),
        Look::Link { target } => Ok(fs::read_link(path)? == Path::new(target)),
        Look::File { length, hash, executable } => {
            let found = fs::metadata(path)?;
            let alike = found.is_file()
                && found.len() == *length
                && (found.permissions().mode() & 0o111 != 0) == *executable;
            Ok(alike && fnv1a_of(File::open(path)?)?.0 == *hash)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_as_it_should_be_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("folder")).unwrap();
        fs::write(at("file"), "content").unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        let entry = |name: &str, look| Entry { path: at(name).display().to_string(), look };
        let file = |text: &str, executable| Look::File {
            length: text.len() as u64,
            hash: model::hash::fnv1a(text.as_bytes()),
            executable,
        };
        let link = |target: &str| Look::Link { target: target.to_owned() };
        let entries = [
            entry("folder", Look::Folder),
            entry("file", file("content", false)),
            entry("link", link("file")),
            entry("link", file("content", false)),
            entry("nothing", Look::Folder),
            entry("file", Look::Folder),
            entry("file", file("CONTENT", false)),
            entry("file", file("longer content", false)),
            entry("file", file("content", true)),
            entry("link", link("other")),
            entry("folder", file("", false)),
        ];
        assert_eq!(differing(&entries), [4, 5, 6, 7, 8, 9, 10]);
    }
}
