//! `shoal place`: which stack is meant, for programs that read no manifest, such as the window.

use std::path::PathBuf;

use api::Found;

use crate::args::StackArguments;
use crate::failure::Failure;
use crate::locate::Stack;
use crate::print;

pub(super) fn run(
    mut arguments: StackArguments,
    manifests: Vec<PathBuf>,
    path: Option<PathBuf>,
) -> Result<(), Failure> {
    arguments.files.extend(manifests);
    match path {
        Some(folder) if folder.is_dir() => {
            let found = manifest::find(&folder).ok_or_else(|| {
                Failure::usage(format!(
                    "there is no `services.toml` in `{}` or any folder above it",
                    folder.display()
                ))
            })?;
            arguments.files.push(found);
        }
        Some(file) => arguments.files.push(file),
        None => {}
    }
    let stack = Stack::find(&arguments, &[])?;
    if let Some(missing) = stack.files.iter().find(|file| !file.is_file()) {
        return Err(Failure::usage(format!("there is no file `{}`", missing.display())));
    }
    print::json(&Found {
        name: stack.loaded.name.clone(),
        manifest: stack.files.first().cloned().unwrap_or_default(),
        arguments: stack.session_arguments(),
        place: stack.place.clone(),
    })
}
