//! What the window knows: which stack is open, and the page's streams.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::{ApiError, Code, Found, Outgoing, host};
use tokio::sync::mpsc::Sender;

/// All that the window knows.
pub(crate) struct Shell {
    /// The program that reads manifests and runs sessions.
    pub shoal: PathBuf,
    /// The state folder.
    pub state: PathBuf,
    /// The open stack, none before one is chosen, or why the one of the command line could not be opened.
    open: Arc<tokio::sync::Mutex<Result<Option<Found>, ApiError>>>,
    streams: Mutex<HashMap<u32, Sender<Outgoing>>>,
}

impl Shell {
    /// A shell with no stack open.
    pub(crate) fn new(shoal: PathBuf, state: PathBuf) -> Self {
        Self { shoal, state, open: Arc::new(Ok(None).into()), streams: Mutex::default() }
    }

    /// Opens the stack of the command line, if it names one. Whoever asks what is open waits for it.
    pub(crate) fn open_in_background(self: &Arc<Self>, arguments: Vec<OsString>) {
        if !arguments.is_empty() {
            let mut open = tauri::async_runtime::block_on(Arc::clone(&self.open).lock_owned());
            let shell = Arc::clone(self);
            tauri::async_runtime::spawn(async move { *open = shell.find(&arguments).await.map(Some) });
        }
    }

    /// Opens another stack; the one before stays open when that fails.
    pub(crate) async fn open(&self, manifest: &str) -> Result<(), ApiError> {
        let mut open = self.open.lock().await;
        *open = Ok(Some(self.find(&["--file", manifest]).await?));
        Ok(())
    }

    /// The open stack, if there is one.
    pub(crate) async fn opened(&self) -> Result<Option<Found>, ApiError> {
        self.open.lock().await.clone()
    }

    /// The open stack.
    pub(crate) async fn found(&self) -> Result<Found, ApiError> {
        let none = || ApiError::new(Code::Conflict, "no stack is open in this window");
        self.opened().await?.ok_or_else(none)
    }

    async fn find(&self, arguments: &[impl AsRef<OsStr>]) -> Result<Found, ApiError> {
        let found = Found::by(&self.shoal, arguments).await?;
        found.session(&self.shoal).await?;
        // A list of recent stacks that cannot be written must not keep this one from being shown.
        drop(host::remember(&self.state, &found.name, &found.manifest, false));
        Ok(found)
    }

    /// Where the page sends to, by the number of the stream's channel. Removing one ends it.
    pub(crate) fn streams(&self) -> MutexGuard<'_, HashMap<u32, Sender<Outgoing>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
