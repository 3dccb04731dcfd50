//! A folder with files in it, loaded as a user would from inside it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use manifest::{Loaded, Request, load};

/// A folder `shop` that goes when this does.
pub(crate) struct Folder {
    root: tempfile::TempDir,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) profiles: Vec<String>,
    pub(crate) services: Vec<String>,
    pub(crate) name: Option<String>,
    pub(crate) mains: Vec<&'static str>,
}

impl Folder {
    /// The folder with these files: name, text. A name that ends with `/` is a folder.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = Self {
            root,
            env: BTreeMap::new(),
            profiles: Vec::new(),
            services: Vec::new(),
            name: None,
            mains: vec!["services.toml"],
        };
        for (name, text) in files {
            folder.write(name, text.as_bytes());
        }
        folder
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("shop")
    }

    pub(crate) fn write(&self, name: &str, text: &[u8]) {
        let path = self.path().join(name);
        if name.ends_with('/') {
            std::fs::create_dir_all(path).unwrap();
            return;
        }
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn load(&self) -> Loaded {
        let files: Vec<PathBuf> = self.mains.iter().map(|name| self.path().join(name)).collect();
        load(&Request {
            files: &files,
            name: self.name.as_deref(),
            profiles: &self.profiles,
            services: &self.services,
            env: &self.env,
        })
    }

    /// All diagnostics as a terminal shows them, this folder left out of paths.
    pub(crate) fn rendered(&self) -> String {
        let root = format!("{}/", self.root.path().display());
        let all = self.load().diagnostics;
        all.iter().map(|one| one.render(false)).collect::<Vec<_>>().join("\n").replace(&root, "/")
    }

    /// The codes of all diagnostics with their lines.
    pub(crate) fn codes(&self) -> Vec<(&'static str, u32)> {
        self.load().diagnostics.iter().map(|one| (one.code, one.line)).collect()
    }
}

/// One manifest alone.
pub(crate) fn manifest(text: &str) -> Folder {
    Folder::with(&[("services.toml", text)])
}
