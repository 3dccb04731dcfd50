//! What happens when files change.

use std::time::Duration;

use model::plan::{Action, OnDelete, ReloadRule};

use super::{Draft, Need, check_path};
use crate::paths::resolve;
use crate::read::{At, Field, List, Placed};
use crate::shape::{Reload, Service};
use crate::source::Findings;

/// A batch is applied after this time even when changes go on, so a longer quiet time would never be waited for.
const DEBOUNCE_CAP: Duration = Duration::from_secs(1);

pub(super) fn lowered(
    draft: &Draft,
    written: &Service,
    rule: &Reload,
    findings: &mut Findings,
) -> Option<ReloadRule> {
    let then = action(draft, written, rule, findings);
    let on_delete = rule.on_delete.value();
    if on_delete == Some(OnDelete::Rebuild) && written.build.is_absent() {
        let spot = rule.on_delete.get().map_or(rule.spot(), |at| at.spot);
        no_build(draft, spot, "on_delete", findings);
    }
    if let Some(debounce) = rule.debounce.get().filter(|debounce| debounce.value > DEBOUNCE_CAP) {
        findings
            .error(debounce.spot, "invalid-value", "a batch is applied after `1s` in any case")
            .hint("write a `debounce` of at most `1s`, or `mode = \"manual\"`");
    }
    let text = rule.watch.get()?;
    let watch = resolve(&text.value, draft.folder, draft.variables.shell);
    if !check_path(text.spot, &text.value, &watch, Need::Anything, findings) {
        return None;
    }
    let user = super::user(&rule.user, findings);
    if let Some(key) = rule.user.key().filter(|_| rule.run.is_absent()) {
        findings
            .error(key, "no-effect", "`user` says who runs the command of `run`, and there is none")
            .hint("leave it out, or add `run`; a restarted process has the service's own `user`");
    }
    let plain = ReloadRule::new(watch, then?);
    Some(ReloadRule {
        to: rule.to.value().map(|to| to.0),
        run: rule.run.get().map(|run| run.words.clone()).unwrap_or_default(),
        user,
        ignore: patterns(&rule.ignore),
        include: patterns(&rule.include),
        debounce: rule.debounce.value().unwrap_or(plain.debounce),
        mode: rule.mode.value().unwrap_or(plain.mode),
        on_delete: on_delete.unwrap_or(plain.on_delete),
        in_place: rule.in_place.value().unwrap_or(plain.in_place),
        ..plain
    })
}

fn patterns(field: &Field<List<At<String>>>) -> Vec<String> {
    field.get().into_iter().flat_map(|list| &list.0).map(|at| at.value.clone()).collect()
}

/// What follows, with whatever it needs there and nothing there that it ignores.
fn action(draft: &Draft, written: &Service, rule: &Reload, findings: &mut Findings) -> Option<Action> {
    let runs = rule.run.get().is_some_and(|run| !run.words.is_empty());
    let (then, spot) = match &rule.then {
        Field::Good { value, .. } => (value.value.0.clone(), value.spot),
        Field::Absent if runs => (Action::Run, rule.spot()),
        Field::Absent => (Action::Nothing, rule.spot()),
        Field::Bad => return None,
    };
    match &then {
        Action::Run if !runs && !matches!(rule.run, Field::Bad) => {
            findings
                .error(spot, "missing-key", "`then = \"run\"` needs `run`")
                .hint("add the command, such as `run = [\"python\", \"migrate.py\"]`");
        }
        Action::Rebuild if written.build.is_absent() => no_build(draft, spot, "then", findings),
        Action::Nothing if rule.to.is_absent() && !rule.broken => {
            findings
                .error(rule.spot(), "no-effect", "the rule copies nothing and nothing follows")
                .hint("add `to = \"/path/in/container\"`, or `then`");
        }
        Action::Nothing | Action::Signal(_) | Action::Rebuild => {
            if let Some(key) = rule.run.key() {
                findings
                    .error(key, "no-effect", "`run` goes with `then = \"run\"` or `then = \"restart\"` only")
                    .hint("leave it out, or change `then`");
            }
        }
        Action::Run | Action::Restart => {}
    }
    Some(then)
}

fn no_build(draft: &Draft, spot: crate::source::Spot, key: &str, findings: &mut Findings) {
    let message = format!("`{}` has no `build`, so `{key} = \"rebuild\"` cannot be done", draft.name);
    findings.error(spot, "no-build", message).hint("write `restart`, or give the service a `build`");
}
