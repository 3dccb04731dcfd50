//! The `.proto` files of the stack's repositories: read when somebody looks at a gRPC call, and again when they may have changed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use calls::protobuf::{ProtoFile, Schemas};
use model::plan::Plan;

use crate::shared::locked;

/// For so long what was read is taken for what is there.
const FRESH: Duration = Duration::from_secs(10);
/// A folder with more entries than this is not searched any further.
const ENTRIES: usize = 50_000;
const FILES: usize = 500;
const FILE_SIZE: u64 = 1024 * 1024;
/// Other people's code, and what is built.
const PASSED_OVER: [&str; 4] = ["node_modules", "target", "dist", "__pycache__"];

/// What is known of the repositories' messages.
#[derive(Debug)]
pub(crate) struct Protos {
    folders: Mutex<Vec<PathBuf>>,
    known: Mutex<(Option<Instant>, Arc<Schemas>)>,
    /// Somebody reads them at this moment.
    is_read: AtomicBool,
}

impl Protos {
    pub(crate) fn new(folders: Vec<PathBuf>) -> Self {
        let folders = Mutex::new(folders);
        Self { folders, known: Mutex::new((None, Arc::default())), is_read: AtomicBool::new(false) }
    }

    /// Other folders are searched from now on. Until that was done, nobody knows what must be hidden.
    pub(crate) fn search(&self, folders: Vec<PathBuf>) {
        let mut known = locked(&self.folders);
        if *known != folders {
            *known = folders;
            locked(&self.known).0 = None;
        }
    }

    /// What was read last.
    pub(crate) fn known(&self) -> Arc<Schemas> {
        Arc::clone(&locked(&self.known).1)
    }

    /// Whether they were read once: before, nobody knows what must be hidden.
    pub(crate) fn were_read(&self) -> bool {
        locked(&self.known).0.is_some()
    }

    /// Whether what was read last may be no longer what is there, and nobody is reading it again.
    pub(crate) fn is_stale(&self) -> bool {
        let stale = locked(&self.known).0.is_none_or(|at| at.elapsed() >= FRESH);
        stale && !self.is_read.swap(true, Ordering::Relaxed)
    }

    /// What the files say now, or said a moment ago.
    pub(crate) async fn read(&self) -> Arc<Schemas> {
        if locked(&self.known).0.is_some_and(|at| at.elapsed() < FRESH) {
            self.is_read.store(false, Ordering::Relaxed);
            return self.known();
        }
        let folders = locked(&self.folders).clone();
        let searched = folders.clone();
        let read = tokio::task::spawn_blocking(move || {
            let files = folders.iter().flat_map(|folder| find(folder)).collect();
            let (schemas, problems) = Schemas::read(files);
            for problem in problems {
                tracing::debug!(problem, "a .proto file is not used");
            }
            Arc::new(schemas)
        });
        let schemas = read.await.unwrap_or_default();
        // Others may have been asked for meanwhile.
        let is_current = *locked(&self.folders) == searched;
        *locked(&self.known) = (is_current.then(Instant::now), Arc::clone(&schemas));
        self.is_read.store(false, Ordering::Relaxed);
        schemas
    }
}

/// The folders of all manifests of a stack, but those within another: each `include` brings a repository of its own.
pub(crate) fn folders(plan: &Plan) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = vec![plan.folder.clone()];
    folders.extend(plan.files.iter().filter_map(|file| file.parent()).map(Path::to_owned));
    let all = folders.clone();
    folders.retain(|folder| !all.iter().any(|other| other != folder && folder.starts_with(other)));
    let mut seen = std::collections::HashSet::new();
    folders.retain(|folder| seen.insert(folder.clone()));
    folders
}

/// All `.proto` files under a folder, those nearest to it first. What cannot be read is passed over: it is decoration.
pub(crate) fn find(folder: &Path) -> Vec<ProtoFile> {
    let mut files = Vec::new();
    let mut folders = std::collections::VecDeque::from([folder.to_owned()]);
    let mut entries = 0;
    while let Some(at) = folders.pop_front() {
        let Ok(listed) = std::fs::read_dir(&at) else { continue };
        for entry in listed.flatten() {
            entries += 1;
            if entries > ENTRIES || files.len() >= FILES {
                return files;
            }
            let (path, name) = (entry.path(), entry.file_name());
            let Some(name) = name.to_str() else { continue };
            // A link is not followed: it may lead round in a circle.
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                if !name.starts_with('.') && !PASSED_OVER.contains(&name) {
                    folders.push_back(path);
                }
            } else if kind.is_file()
                && path.extension().is_some_and(|extension| extension == "proto")
                && entry.metadata().is_ok_and(|about| about.len() <= FILE_SIZE)
                && let Ok(source) = std::fs::read_to_string(&path)
            {
                // Two repositories may have files of one name.
                let path = path.to_string_lossy().trim_start_matches('/').to_owned();
                files.push(ProtoFile { path, source });
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_repositorys_files_are_found_and_others_people_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let service = |name: &str| {
            format!("syntax = \"proto3\"; message M {{}} service {name} {{ rpc Do (M) returns (M); }}")
        };
        put("services/a/a.proto", &service("A"));
        put("node_modules/b/b.proto", &service("B"));
        put(".git/c.proto", &service("C"));
        put("services/a/readme.md", "no proto");
        let protos = Protos::new(vec![folder.path().to_owned()]);
        assert!(protos.known().is_empty());
        assert_eq!(protos.read().await.len(), 1);
        put("services/d.proto", &service("D"));
        assert_eq!((protos.read().await.len(), protos.known().len()), (1, 1), "fresh enough");
    }
    #[tokio::test]
    async fn every_manifest_of_the_stack_brings_its_repository() {
        let folder = tempfile::tempdir().unwrap();
        let file = |path: &str| folder.path().join(path);
        let put = |path: &str, service: &str, field: &str| {
            std::fs::create_dir_all(file(path).parent().unwrap()).unwrap();
            let text = format!(
                "syntax = \"proto3\"; message M {{ string {field} = 1; }} service {service} {{ rpc Do (M) returns (M); }}"
            );
            std::fs::write(file(path), text).unwrap();
        };
        put("shop/protos/api.proto", "Shop", "sku");
        put("accounts/protos/api.proto", "Accounts", "password");
        let mut plan = Plan::empty("shop", file("shop"));
        plan.files = ["shop/services.toml", "shop/orders/services.toml"].map(file).to_vec();
        assert_eq!(folders(&plan), [file("shop")]);
        let protos = Protos::new(folders(&plan));
        assert_eq!(protos.read().await.len(), 1);
        plan.files.push(file("accounts/services.toml"));
        assert_eq!(folders(&plan), [file("shop"), file("accounts")]);
        protos.search(folders(&plan));
        assert!(!protos.were_read(), "nothing is written before the new ones are known");
        assert_eq!(protos.read().await.len(), 2);
        protos.search(folders(&plan));
        assert!(protos.were_read(), "the same folders change nothing");
        let said = protos.known().decode("/Accounts/Do", true, b"\x0a\x01x", false);
        assert_eq!(said, Some(calls::protobuf::Decoded::Named(r#"{"password":"x"}"#.to_owned())));
    }
}
