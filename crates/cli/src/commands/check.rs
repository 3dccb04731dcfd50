//! What needs nothing but the manifest.

use manifest::Severity;

use crate::args::StackArguments;
use crate::failure::Failure;
use crate::locate::Stack;
use crate::print;

/// `shoal check`.
pub(super) fn check(arguments: &StackArguments, json: bool) -> Result<(), Failure> {
    let stack = Stack::find(arguments, &[])?;
    let diagnostics = &stack.loaded.diagnostics;
    if json {
        diagnostics.iter().try_for_each(print::json)?;
        return if stack.loaded.plan.is_some() { Ok(()) } else { Err(Failure::Manifest) };
    }
    stack.require_plan().inspect_err(|_| {
        let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        print::note(&format!("{errors} {} in {}", plural(errors, "error", "errors"), shown(&stack)));
    })?;
    let services = stack.loaded.plan.as_ref().map_or(0, |p| p.services.len());
    print::note(&format!(
        "{} is good: {services} {}",
        shown(&stack),
        plural(services, "service", "services")
    ));
    Ok(())
}

/// `shoal plan`.
pub(super) fn plan(arguments: &StackArguments) -> Result<(), Failure> {
    let stack = Stack::find(arguments, &[])?;
    stack.require_plan()?;
    print::line(&serde_json::to_string_pretty(&stack.loaded.plan).map_err(anyhow::Error::from)?)
}

fn shown(stack: &Stack) -> String {
    stack.files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(", ")
}

fn plural<'a>(count: usize, one: &'a str, more: &'a str) -> &'a str {
    if count == 1 { one } else { more }
}
