//! Where a service's image comes from.

use model::plan::{Build, Source};

use super::{Draft, Need, check_path};
use crate::paths::resolve;
use crate::read::{Field, Map, Placed};
use crate::shape::{BuildTable, Service};
use crate::source::Findings;

pub(super) fn source(draft: &Draft, written: &Service, findings: &mut Findings) -> Option<Source> {
    match (&written.image, &written.build) {
        (Field::Good { value: image, .. }, Field::Absent) => Some(Source::Image(image.value.0.clone())),
        (Field::Absent, Field::Good { value: build, .. }) => {
            from_build(draft, &build.0, findings).map(Source::Build)
        }
        (Field::Good { .. }, Field::Good { key, value }) => {
            let message = format!("`{}` has both an `image` and a `build`", draft.name);
            findings.error(*key, "image-and-build", message).hint("leave one of them out");
            from_build(draft, &value.0, findings);
            None
        }
        (Field::Absent, Field::Absent) => {
            if !written.broken {
                let message = format!("`{}` has neither an `image` nor a `build`", draft.name);
                findings
                    .error(draft.key, "no-image", message)
                    .hint("add `image = \"postgres:15\"`, or `build = \"folder\"` with a Dockerfile in it");
            }
            None
        }
        (Field::Bad, _) | (_, Field::Bad) => None,
    }
}

fn from_build(draft: &Draft, written: &BuildTable, findings: &mut Findings) -> Option<Build> {
    let text = written.context.get().map_or(".", |context| context.value.as_str());
    let spot = written.context.get().map_or(written.spot(), |context| context.spot);
    // A key that was not understood may have been meant to say it.
    if matches!(written.context, Field::Bad) || (written.context.is_absent() && written.broken) {
        return None;
    }
    if text.contains("://") || text.starts_with("git@") {
        let message = format!("`{text}` is not on this machine, and building from afar is not supported yet");
        findings.error(spot, "not-supported-yet", message).hint("clone it, and name its folder");
        return None;
    }
    let context = resolve(text, draft.folder, draft.variables.shell);
    if !check_path(spot, text, &context, Need::Folder, findings) {
        return None;
    }
    let named = written.dockerfile.get();
    let name = named.map_or("Dockerfile", |dockerfile| dockerfile.value.as_str());
    let dockerfile = resolve(name, &context, draft.variables.shell);
    if !dockerfile.exists() && named.is_none() {
        let message = format!("there is no `Dockerfile` in `{text}`");
        let hint =
            format!("create it, or name another: `build = {{ context = \"{text}\", dockerfile = \"…\" }}`");
        findings.error(spot, "missing-path", message).hint(hint);
        return None;
    }
    if !check_path(named.map_or(spot, |named| named.spot), name, &dockerfile, Need::File, findings) {
        return None;
    }
    let args = written.args.get().into_iter().flat_map(Map::sound);
    let args = args.map(|(name, _, value)| (name.to_owned(), value.value.0.clone())).collect();
    Some(Build { context, dockerfile, target: written.target.value(), args })
}
