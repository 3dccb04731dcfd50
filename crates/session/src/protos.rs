//! The repository's `.proto` files: read when somebody looks at a gRPC call, and again when they may have changed.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use calls::protobuf::{ProtoFile, Schemas};

use crate::shared::locked;

/// For so long what was read is taken for what is there.
const FRESH: Duration = Duration::from_secs(10);
/// A folder with more entries than this is not searched any further.
const ENTRIES: usize = 50_000;
const FILES: usize = 500;
const FILE_SIZE: u64 = 1024 * 1024;
/// Other people's code, and what is built.
const PASSED_OVER: [&str; 4] = ["node_modules", "target", "dist", "__pycache__"];

/// What is known of the repository's messages.
#[derive(Debug)]
pub(crate) struct Protos {
    folder: PathBuf,
    known: Mutex<(Option<Instant>, Arc<Schemas>)>,
    /// Somebody reads them at this moment.
    is_read: AtomicBool,
}

impl Protos {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, known: Mutex::new((None, Arc::default())), is_read: AtomicBool::new(false) }
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
        let folder = self.folder.clone();
        let read = tokio::task::spawn_blocking(move || {
            let (schemas, problems) = Schemas::read(find(&folder));
            for problem in problems {
                tracing::debug!(problem, "a .proto file is not used");
            }
            Arc::new(schemas)
        });
        let schemas = read.await.unwrap_or_default();
        *locked(&self.known) = (Some(Instant::now()), Arc::clone(&schemas));
        self.is_read.store(false, Ordering::Relaxed);
        schemas
    }
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
                && let Ok(place) = path.strip_prefix(folder)
            {
                let names: Vec<_> = place.iter().map(|part| part.to_string_lossy()).collect();
                files.push(ProtoFile { path: names.join("/"), source });
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
        let protos = Protos::new(folder.path().to_owned());
        assert!(protos.known().is_empty());
        assert_eq!(protos.read().await.len(), 1);
        put("services/d.proto", &service("D"));
        assert_eq!((protos.read().await.len(), protos.known().len()), (1, 1), "fresh enough");
    }
}
