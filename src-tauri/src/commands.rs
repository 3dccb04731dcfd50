//! What the page may ask. `ui/src/api/tauri.ts` is the other side.
#![expect(clippy::let_underscore_must_use, clippy::needless_pass_by_value, reason = "Tauri's macro wants so")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use api::host::{self, FolderContents, RecentStack};
use api::{ApiError, Client, Code, Incoming, paced};
use futures_util::{SinkExt, StreamExt};
use tauri::ipc::{Channel, Invoke, InvokeResponseBody};
use tauri::{State, WebviewWindow, Wry};
use tauri_plugin_dialog::DialogExt;
use tokio::sync::{mpsc, oneshot};

use crate::shell::Shell;

type Shared<'a> = State<'a, Arc<Shell>>;
type Answer<T> = Result<T, ApiError>;

/// A message costs the page's thread whatever its size, and the page cannot say stop: 64 KB a picture are about
/// what a terminal can draw.
const FRAME: Duration = Duration::from_millis(16);
const FRAME_BYTES: usize = 64 * 1024;

/// All of them.
#[rustfmt::skip]
pub(crate) fn all() -> impl Fn(Invoke<Wry>) -> bool {
    tauri::generate_handler![
        rpc, stream_open, stream_send, stream_close, recent_stacks, look_into, pick_folder, open_stack, current_stack,
        example_stack
    ]
}

#[tauri::command]
async fn rpc(shell: Shared<'_>, command: String, body: String) -> Answer<String> {
    let answer = Client::new(&shell.found().await?.place).call_raw(&command, body.into_bytes()).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Opens a stream, to a new session where the one before is gone. The page's last message from it is the empty text.
#[tauri::command]
async fn stream_open(shell: Shared<'_>, path: String, channel: Channel) -> Answer<u32> {
    let (mut to_session, from_session) =
        shell.found().await?.session(&shell.shoal).await?.stream(&path).await?;
    let (sender, mut from_page) = mpsc::channel(256);
    let (id, shell) = (channel.id(), Arc::clone(&shell));
    shell.streams().insert(id, sender);
    tauri::async_runtime::spawn(async move {
        let up = async {
            while let Some(message) = from_page.recv().await {
                if to_session.send(message).await.is_err() {
                    return;
                }
            }
            drop(to_session.close().await);
        };
        let text = |said: String| InvokeResponseBody::Json(serde_json::Value::String(said).to_string());
        let down = paced(from_session, FRAME, FRAME_BYTES).for_each(async |message| {
            // A page that is gone has ended its streams, so a message that finds none is of no consequence.
            drop(channel.send(match message {
                Incoming::Text(said) => text(said),
                Incoming::Binary(bytes) => InvokeResponseBody::Raw(bytes),
            }));
        });
        tokio::select! { () = up => {}, () = down => {} }
        shell.streams().remove(&id);
        drop(channel.send(text(String::new())));
    });
    Ok(id)
}

#[tauri::command]
async fn stream_send(shell: Shared<'_>, id: u32, text: Option<String>, bytes: Option<Vec<u8>>) -> Answer<()> {
    let closed = || ApiError::new(Code::NotFound, "the stream is closed");
    let sender = shell.streams().get(&id).cloned().ok_or_else(closed)?;
    for message in text.map(Incoming::Text).into_iter().chain(bytes.map(Incoming::Binary)) {
        sender.send(message).await.map_err(|_| closed())?;
    }
    Ok(())
}

#[tauri::command]
fn stream_close(shell: Shared<'_>, id: u32) {
    shell.streams().remove(&id);
}

#[tauri::command]
fn recent_stacks(shell: Shared<'_>) -> Vec<RecentStack> {
    host::recent(&shell.state)
}

#[tauri::command(async)]
fn look_into(folder: PathBuf) -> Answer<FolderContents> {
    let unreadable = |e| ApiError::new(Code::NotFound, format!("`{}` cannot be read: {e}", folder.display()));
    host::look_into(&folder).map_err(unreadable)
}

#[tauri::command]
async fn pick_folder(window: WebviewWindow) -> Option<String> {
    let (tell, told) = oneshot::channel();
    window.dialog().file().set_parent(&window).pick_folder(|folder| drop(tell.send(folder)));
    told.await.ok().flatten().map(|folder| folder.to_string())
}

#[tauri::command]
async fn open_stack(shell: Shared<'_>, manifest: String) -> Answer<()> {
    shell.open(&manifest).await
}

#[tauri::command]
async fn current_stack(shell: Shared<'_>) -> Answer<Option<PathBuf>> {
    Ok(shell.opened().await?.map(|found| found.manifest))
}

/// The example's manifest, which a checkout has and an installed Shoal has not.
#[tauri::command]
fn example_stack(shell: Shared<'_>) -> Option<PathBuf> {
    Some(shell.shoal.ancestors().nth(3)?.join("services.example.toml")).filter(|file| file.is_file())
}
