//! From the manifests as written to the plan: defaults are filled in, paths resolved, and what belongs to several
//! services is checked.

mod calls;
mod env;
mod image;
mod mounts;
mod ready;
mod reload;
mod service;

use std::collections::BTreeMap;
use std::path::Path;

use model::plan::{Plan, Service as Planned};

use crate::Request;
use crate::check;
use crate::collect::Stack;
use crate::format::{Format, Problem, Scalar, StackName, refuse_service_name};
use crate::read::{At, Field};
use crate::shape::Service;
use crate::source::{Findings, Spot};
use crate::variables::Variables;

/// A service as written, and the manifest around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draft<'a> {
    pub(crate) name: &'a str,
    /// Where its name is.
    pub(crate) key: Spot,
    /// `None` when it is no table.
    pub(crate) service: Option<&'a Service>,
    /// Where its relative paths begin.
    pub(crate) folder: &'a Path,
    /// The manifest, as its user would name it.
    pub(crate) shown: &'a Path,
    pub(crate) variables: &'a Variables<'a>,
    /// The folder of the main manifest, from which origins are seen.
    pub(crate) base: &'a Path,
}

/// The stack's name: the command line's, else the manifest's, else the folder's.
pub(crate) fn name(stack: &Stack, request: &Request, findings: &mut Findings) -> String {
    if let Some(name) = request.name {
        match StackName::parse(&Scalar::Text { text: name.to_owned(), origin: None }) {
            Ok(StackName(name)) => return name,
            Err(Problem::Invalid { code, message, hint }) => {
                let spot = findings.add_argument(format!("-p {name}"), 3);
                findings.error(spot, code, message).hint(hint.unwrap_or_default());
            }
            Err(Problem::Mistyped) => {}
        }
    }
    if let Some(name) = stack.parts.first().and_then(|part| part.manifest.name.value()) {
        return name.0;
    }
    let folder = stack.folder.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let name = StackName::nearest_to(&folder);
    if name.is_empty() { "stack".to_owned() } else { name }
}

/// Makes the plan, or reports why there is none.
pub(crate) fn plan(stack: &Stack, name: &str, request: &Request, findings: &mut Findings) -> Option<Plan> {
    let drafts = drafts(stack, findings);
    let mut services: BTreeMap<String, Planned> = BTreeMap::new();
    for draft in drafts.values() {
        if let Some(planned) = service::planned(draft, findings) {
            services.insert(draft.name.to_owned(), planned);
        }
    }
    let active = check::active(&drafts, request, findings);
    check::dependencies(&drafts, &active, stack.complete, findings);
    check::cycles(&drafts, findings);
    check::host_ports(&drafts, &active, findings);
    let (calls, allow) = calls::lowered(stack, &drafts, findings);
    if findings.any_error() {
        return None;
    }
    services.retain(|name, _| active.contains(name.as_str()));
    let files = findings.paths();
    Some(Plan { name: name.to_owned(), folder: stack.folder.clone(), files, services, calls, allow })
}

/// All services of all manifests by name.
fn drafts<'a>(stack: &'a Stack, findings: &mut Findings) -> BTreeMap<&'a str, Draft<'a>> {
    let mut drafts: BTreeMap<&str, Draft> = BTreeMap::new();
    for part in &stack.parts {
        let Some(services) = part.manifest.services.get() else { continue };
        for (name, entry) in &services.0 {
            if let Some((message, hint)) = refuse_service_name(name) {
                findings.error(entry.key, "invalid-name", message).hint(hint);
            }
            if let Some(first) = drafts.get(name.as_str()) {
                let message = format!("`{name}` is already a service of `{}`", first.shown.display());
                findings.error(entry.key, "duplicate-service", message).hint("give one of them another name");
                continue;
            }
            let draft = Draft {
                name,
                key: entry.key,
                service: entry.value.as_ref(),
                folder: &part.folder,
                shown: &part.shown,
                variables: &part.variables,
                base: &stack.folder,
            };
            drafts.insert(name, draft);
        }
    }
    drafts
}

/// A user as the engine takes it.
fn user(written: &Field<At<String>>, findings: &mut Findings) -> Option<String> {
    let user = written.get()?;
    if !user.value.is_empty() && !user.value.contains(char::is_whitespace) {
        return Some(user.value.clone());
    }
    findings
        .error(user.spot, "invalid-value", format!("`{}` is no user", user.value))
        .hint("write `1000:1000` or `app`");
    None
}

/// What a path of the manifest must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Anything,
    Folder,
    File,
}

/// Whether the path is there; if not, it is reported at `spot`, with the name that may be meant.
fn check_path(spot: Spot, text: &str, path: &Path, need: Need, findings: &mut Findings) -> bool {
    let Ok(found) = std::fs::metadata(path) else {
        let wanted = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let names = crate::paths::siblings(path);
        let near = crate::nearest::nearest(wanted, names.iter().map(String::as_str));
        let hint = near.filter(|near| *near != wanted).map_or_else(
            || format!("looked for `{}`", path.display()),
            |near| format!("did you mean `{near}`?"),
        );
        findings.error(spot, "missing-path", format!("`{text}` does not exist")).hint(hint);
        return false;
    };
    let wrong = match need {
        Need::Folder if !found.is_dir() => "is not a folder",
        Need::File if found.is_dir() => "is a folder",
        Need::Anything | Need::Folder | Need::File => return true,
    };
    findings.error(spot, "wrong-path", format!("`{text}` {wrong}"));
    false
}
