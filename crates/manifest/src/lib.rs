//! From `services.toml` to a [`Plan`] and everything that is wrong with it: [`load`] reads the files, replaces
//! variables, checks each value and what the services must agree on, and reports all of it at once, each finding with
//! its place. [`schema`] and [`reference`] describe the same keys to editors and people.
//!
//! One declaration of every table (`shape`) makes the type, its reader and its schema. The way is `collect` (files,
//! `.env`, `include`) → `read` (types, variables) → `lower` (defaults, paths) → `check` (between services).
//!
//! Deliberately absent: any engine, any clock, any read of the process environment (it is passed in), any write. The
//! files that the manifest names are the only ones that are read, and paths are only looked at for existence. Compose
//! files are found but not read.
//!
//! Tested by tables and snapshots beside the code, by whole manifests in `tests/`, and by arbitrary text, which never
//! panics.

mod check;
mod collect;
mod diagnostic;
mod dotenv;
mod files;
mod find;
mod format;
mod interpolate;
mod lower;
mod nearest;
mod paths;
mod read;
mod reference;
mod schema;
mod shape;
mod source;
mod table;
mod variables;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;

use model::plan::Plan;

pub use diagnostic::{Diagnostic, Severity};
pub use find::{NAMES, find};
pub use reference::reference;
pub use schema::schema;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The manifests; the first is the main one, later ones are laid over it.
    pub files: &'a [PathBuf],
    /// The stack's name; beats the manifest's.
    pub name: Option<&'a str>,
    /// Active profiles; `*` is all of them.
    pub profiles: &'a [String],
    /// Services asked for by name, which makes their profiles active.
    pub services: &'a [String],
    /// The process environment.
    pub env: &'a BTreeMap<String, String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The plan; `None` when there is any error.
    pub plan: Option<Plan>,
    /// The stack's name, as well as it can be told in spite of errors.
    pub name: String,
    /// The folder of the main manifest, absolute.
    pub folder: PathBuf,
    /// Every file that was read, absolute, the main manifest first: a change in one may change the plan.
    pub files: Vec<PathBuf>,
    /// Everything found, by file and place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads the manifests. Never fails otherwise than by diagnostics.
pub fn load(request: &Request) -> Loaded {
    let mut findings = source::Findings::default();
    let Some(main) = request.files.first() else {
        let spot = findings.add_argument("shoal".to_owned(), 0);
        findings
            .error(spot, "no-manifest", "there is no manifest")
            .hint("write a `services.toml`, or name one with `-f FILE`");
        return Loaded {
            plan: None,
            name: request.name.unwrap_or("stack").to_owned(),
            folder: paths::absolute(".".as_ref()),
            files: Vec::new(),
            diagnostics: findings.diagnostics(),
        };
    };
    let stack = collect::stack(request, main, &mut findings);
    let name = lower::name(&stack, request, &mut findings);
    let plan = lower::plan(&stack, &name, request, &mut findings);
    Loaded {
        plan,
        name,
        folder: stack.folder.clone(),
        files: findings.paths(),
        diagnostics: findings.diagnostics(),
    }
}
