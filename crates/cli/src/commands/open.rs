//! `shoal open`: the window, which is a program of its own beside this one.

use std::process::Stdio;

use api::{ApiError, Code};

use crate::args::StackArguments;
use crate::failure::Failure;
use crate::locate::Stack;

pub(super) fn run(arguments: &StackArguments) -> Result<(), Failure> {
    let stack = Stack::find(arguments, &[])?;
    let window = std::env::current_exe()?.with_file_name("shoal-desktop");
    tokio::process::Command::new(&window)
        .args(stack.session_arguments())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|e| {
            ApiError::new(Code::NotFound, format!("the window cannot be opened: {}: {e}", window.display()))
                .hint("build it with `./dev build`, or look at the stack in a browser: `shoal serve --listen 127.0.0.1:0`")
        })?;
    Ok(())
}
