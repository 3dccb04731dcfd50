//! The environment of a service, each value with where it came from.

use std::collections::BTreeMap;

use model::plan::EnvValue;

use super::Draft;
use crate::dotenv::Style;
use crate::files::{self, EnvFileRules};
use crate::paths::resolve;
use crate::read::Map;
use crate::shape::Service;
use crate::source::Findings;

/// `env` beats `env_file`, even when empty; a later file beats an earlier one.
pub(super) fn lowered(
    draft: &Draft,
    written: &Service,
    findings: &mut Findings,
) -> BTreeMap<String, EnvValue> {
    let mut env: BTreeMap<String, EnvValue> = BTreeMap::new();
    for file in written.env_file.get().into_iter().flat_map(|files| &files.0) {
        let path = resolve(&file.path.value, draft.folder, draft.variables.shell);
        let shown = files::shown_beside(draft.shown, &file.path.value, &path);
        let style = if file.raw { Style::Raw } else { Style::Compose };
        let rules = EnvFileRules { required: file.required, style };
        env.extend(files::assignments(
            &path,
            &shown,
            file.path.spot,
            rules,
            draft.variables,
            draft.base,
            findings,
        ));
    }
    for (name, key, value) in written.env.get().into_iter().flat_map(Map::sound) {
        if name.is_empty() || name.contains(['=', '\0']) {
            let message = format!("`{}` is no variable name", name.escape_debug());
            findings.error(key, "invalid-name", message);
        }
        if value.value.0.contains('\0') {
            findings.error(value.spot, "invalid-value", "a variable cannot contain the character 0");
        }
        let origin = value.origin.clone().unwrap_or_else(|| findings.origin(key, draft.base));
        env.insert(name.to_owned(), EnvValue { value: value.value.0.clone(), origin });
    }
    env
}
