//! What a client knows before there is a session: the stacks that were opened, the manifests that were approved,
//! and what lies in a folder that somebody wants to open.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A stack that was opened on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RecentStack {
    /// Its name.
    pub name: String,
    /// Its manifest.
    pub manifest: String,
    /// Whether the user approved of the manifest on this machine.
    pub trusted: bool,
}

/// What lies in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FolderContents {
    /// The folder.
    pub folder: String,
    /// The manifest that would be opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub manifest: Option<String>,
    /// Compose files, which `shoal import` can translate.
    pub compose: Vec<String>,
    /// Dockerfiles in it and in its folders, at most 50.
    pub dockerfiles: Vec<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Book {
    stacks: Vec<RecentStack>,
}

const KEPT: usize = 20;
const MANIFESTS: [&str; 2] = ["services.toml", "shoal.toml"];
const COMPOSE: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

/// The stacks opened before, newest first. A file that cannot be read counts as empty: nothing depends on it.
pub fn recent(state: &Path) -> Vec<RecentStack> {
    read(state).stacks
}

/// Puts a stack at the top of the list; `trusted` only ever adds approval.
pub fn remember(state: &Path, name: &str, manifest: &Path, trusted: bool) -> std::io::Result<()> {
    let manifest = manifest.display().to_string();
    let mut book = read(state);
    let trusted = trusted || book.stacks.iter().any(|s| s.manifest == manifest && s.trusted);
    book.stacks.retain(|s| s.manifest != manifest);
    book.stacks.insert(0, RecentStack { name: name.to_owned(), manifest, trusted });
    book.stacks.truncate(KEPT);
    std::fs::create_dir_all(state)?;
    let text = serde_json::to_vec_pretty(&book).map_err(std::io::Error::other)?;
    let fresh = path(state).with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&fresh, text)?;
    std::fs::rename(fresh, path(state))
}

/// Whether the user approved of this manifest on this machine.
pub fn is_trusted(state: &Path, manifest: &Path) -> bool {
    let manifest = manifest.display().to_string();
    read(state).stacks.iter().any(|s| s.manifest == manifest && s.trusted)
}

/// What lies in `folder`, three levels deep, without reading any file.
pub fn look_into(folder: &Path) -> std::io::Result<FolderContents> {
    let present = |name: &&str| folder.join(name).is_file();
    let text = |path: PathBuf| path.display().to_string();
    std::fs::read_dir(folder)?;
    let mut dockerfiles = Vec::new();
    find_dockerfiles(folder, 3, &mut dockerfiles);
    dockerfiles.sort();
    Ok(FolderContents {
        folder: text(folder.to_owned()),
        manifest: MANIFESTS.iter().find(|n| present(n)).map(|n| text(folder.join(n))),
        compose: COMPOSE.iter().filter(|n| present(n)).map(|n| (*n).to_owned()).collect(),
        dockerfiles: dockerfiles
            .iter()
            .filter_map(|p| p.strip_prefix(folder).ok())
            .map(|p| text(p.to_owned()))
            .collect(),
    })
}

fn find_dockerfiles(folder: &Path, depth: u32, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let Ok(kind) = entry.file_type() else { continue };
        if found.len() >= 50 {
            return;
        }
        if kind.is_file() && (name == "Dockerfile" || name.ends_with(".Dockerfile")) {
            found.push(entry.path());
        } else if kind.is_dir()
            && depth > 1
            && !name.starts_with('.')
            && name != "node_modules"
            && name != "target"
        {
            find_dockerfiles(&entry.path(), depth - 1, found);
        }
    }
}

fn path(state: &Path) -> PathBuf {
    state.join("stacks.json")
}

fn read(state: &Path) -> Book {
    std::fs::read(path(state)).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approval_stays_when_a_stack_is_opened_again() {
        let state = tempfile::tempdir().unwrap();
        let manifest = Path::new("/work/services.toml");
        assert!(!is_trusted(state.path(), manifest));
        remember(state.path(), "shop", manifest, true).unwrap();
        remember(state.path(), "other", Path::new("/other/services.toml"), false).unwrap();
        remember(state.path(), "shop", manifest, false).unwrap();
        assert!(is_trusted(state.path(), manifest));
        assert!(!is_trusted(state.path(), Path::new("/other/services.toml")));
        assert_eq!(
            recent(state.path()).iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
            ["shop", "other"]
        );
    }

    #[test]
    fn a_folder_tells_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("orders")).unwrap();
        std::fs::create_dir_all(folder.path().join("node_modules/x")).unwrap();
        for name in ["compose.yaml", "orders/Dockerfile", "node_modules/x/Dockerfile"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found = look_into(folder.path()).unwrap();
        assert_eq!(
            (found.manifest, found.compose, found.dockerfiles),
            (None, vec!["compose.yaml".into()], vec!["orders/Dockerfile".into()])
        );
    }
}
