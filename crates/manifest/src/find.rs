//! Which file is meant when none is named.

use std::path::{Path, PathBuf};

use crate::paths::absolute;

/// The names of a manifest, the first one that is there wins.
pub const NAMES: [&str; 6] = [
    "services.toml",
    "shoal.toml",
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
];

/// The manifest in this folder or in its nearest parent that has one, absolute.
pub fn find(from: &Path) -> Option<PathBuf> {
    absolute(from)
        .ancestors()
        .find_map(|folder| NAMES.iter().map(|name| folder.join(name)).find(|path| path.is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_folder_wins_and_in_it_the_first_name() -> std::io::Result<()> {
        let root = tempfile::tempdir()?;
        let deep = root.path().join("a/b");
        std::fs::create_dir_all(&deep)?;
        let found = || find(&deep).and_then(|path| Some(path.strip_prefix(root.path()).ok()?.to_path_buf()));
        assert_eq!(found(), None);
        for (touched, expected) in [
            ("services.toml", "services.toml"),
            ("a/docker-compose.yml", "a/docker-compose.yml"),
            ("a/compose.yaml", "a/compose.yaml"),
            ("a/shoal.toml", "a/shoal.toml"),
            ("a/services.toml", "a/services.toml"),
        ] {
            std::fs::write(root.path().join(touched), "")?;
            assert_eq!(found().as_deref(), Some(Path::new(expected)), "{touched}");
        }
        std::fs::create_dir(deep.join("services.toml"))?;
        assert_eq!(found().as_deref(), Some(Path::new("a/services.toml")), "a folder is no manifest");
        Ok(())
    }
}
