//! The window: the page of `ui/`, and what it needs from a desktop.
//!
//! It forwards the contract between page and session, picks folders and opens links, and nothing else: nothing of a
//! stack lives here, so closing or killing it stops nothing. Its command line is that of `shoal`, or the path of a
//! manifest or a folder: the `shoal` beside it says which stack is meant.
//!
//! Deliberately absent: capabilities, as the page calls the commands below and nothing of Tauri's own; and the login
//! shell's environment. A session that was started from a desktop's menu has the desktop's environment, as any
//! program there: reading shell profiles would run code that nobody asked for, and `docker context use` or a start
//! from a terminal (`shoal open`) chooses the engine as well.
//!
//! Tested in `tests/smoke` by driving the real window.

mod commands;
mod shell;
mod window;

use std::sync::Arc;

use api::place::{STATE_VARIABLE, state_folder};
use tauri::webview::PageLoadEvent;

#[expect(clippy::exit, reason = "Tauri's macro writes it")]
fn main() -> anyhow::Result<()> {
    window::pick_renderer();
    let state = state_folder(std::env::var_os(STATE_VARIABLE).map(Into::into));
    let shell = Arc::new(shell::Shell::new(std::env::current_exe()?.with_file_name("shoal"), state));
    let on_load = Arc::clone(&shell);
    tauri::Builder::default()
        .plugin(tauri_plugin_dialog::init())
        .manage(Arc::clone(&shell))
        .invoke_handler(commands::all())
        .on_page_load(move |_, load| {
            if load.event() == PageLoadEvent::Started {
                on_load.streams().clear(); // they were the page's before
            }
        })
        .setup(move |app| {
            shell.open_in_background(std::env::args_os().skip(1).collect());
            Ok(window::build(app, |name| std::env::var(name).ok())?)
        })
        .run(tauri::generate_context!())?;
    Ok(())
}
