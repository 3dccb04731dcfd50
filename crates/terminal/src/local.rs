//! Programs on this machine.

use std::collections::BTreeMap;
use std::path::Path;

use tokio::sync::mpsc;

use crate::{Open, Output, Terminal, TerminalError, pipe, pty};

/// Opens a program in a folder of this machine with exactly these variables; without a command the shell that `SHELL`
/// names, else `sh`. Must be called within a Tokio runtime.
pub fn on_this_machine(
    dir: &Path,
    env: &BTreeMap<String, String>,
    open: &Open,
) -> Result<(Terminal, mpsc::Receiver<Output>), TerminalError> {
    let mut env = env.clone();
    if !open.plain {
        env.insert("TERM".to_owned(), "xterm-256color".to_owned());
    }
    let shell = env.get("SHELL").filter(|shell| !shell.is_empty()).map_or("sh", String::as_str).to_owned();
    let command = open.command.clone().filter(|command| !command.is_empty()).unwrap_or_else(|| vec![shell]);
    if open.plain { pipe::open(dir, &env, &command) } else { pty::open(dir, &env, &command, open) }
}
