//! Reading files: the only place that does, besides looks at whether a path exists.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use model::plan::EnvValue;

use crate::dotenv::{self, Style};
use crate::nearest::nearest;
use crate::paths::siblings;
use crate::source::{Findings, Spot};
use crate::variables::Variables;

/// Nobody writes more by hand; a device or a log file named by mistake would fill the memory.
const MAX_BYTES: u64 = 1 << 20;

/// Why a file could not be read: code, sentence, hint.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    /// What can be shown of it, and the first byte that is wrong.
    pub(crate) shown: Option<(String, usize)>,
}

/// The text of a file.
pub(crate) fn text(path: &Path, shown: &Path) -> Result<String, Unread> {
    let name = shown.display();
    let unread = |code, message, hint| Unread { code, message, hint, shown: None };
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => {
            let wanted = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let near = nearest(wanted, siblings(path).iter().map(String::as_str))
                .map(|near| format!("did you mean `{near}`?"));
            unread("missing-file", format!("`{name}` does not exist"), near)
        }
        ErrorKind::IsADirectory => unread("not-a-file", format!("`{name}` is a folder"), None),
        _ => unread("unreadable-file", format!("`{name}` cannot be read: {error}"), None),
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(unread("too-large", format!("`{name}` is larger than {} MiB", MAX_BYTES >> 20), None));
    }
    match String::from_utf8(bytes) {
        // The mark that some editors put before UTF-8 is no part of the text.
        Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(error) => {
            let shown = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let hint = Some("save it as UTF-8".to_owned());
            let fault = unread("not-utf8", format!("`{name}` is not UTF-8"), hint);
            Err(Unread { shown: Some((shown, error.utf8_error().valid_up_to())), ..fault })
        }
    }
}

/// Whether a file of variables must be there, and how it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EnvFileRules {
    pub(crate) required: bool,
    pub(crate) style: Style,
}

/// The variables that a file assigns; what is wrong with it is reported, in it or at `named`, where it is named.
pub(crate) fn assignments(
    path: &Path,
    shown: &Path,
    named: Spot,
    rules: EnvFileRules,
    variables: &Variables,
    base: &Path,
    findings: &mut Findings,
) -> BTreeMap<String, EnvValue> {
    let file = match findings.number_of(path) {
        Some(file) => file,
        None => match text(path, shown) {
            Ok(text) => findings.add(shown.to_path_buf(), Some(path.to_path_buf()), text),
            Err(unread) => {
                if rules.required || unread.code != "missing-file" {
                    let hint = unread.hint.unwrap_or_else(|| {
                        format!(
                            "create it, or write `{{ path = \"{}\", required = false }}`",
                            shown.display()
                        )
                    });
                    findings.error(named, unread.code, unread.message).hint(hint);
                }
                return BTreeMap::new();
            }
        },
    };
    let (assigned, complaints) =
        dotenv::parse(findings.text(file), rules.style, variables.shell, &variables.files);
    for complaint in complaints {
        let spot = Spot::new(file, complaint.range.start, complaint.range.end);
        if complaint.fatal {
            findings.error(spot, "invalid-env-file", complaint.message);
        } else {
            findings.warning(spot, "unset-variable", complaint.message);
        }
    }
    let value = |one: dotenv::Assignment| {
        let origin = findings.origin(Spot::new(file, one.at, one.at), base);
        (one.key, EnvValue { value: one.value, origin })
    };
    assigned.into_iter().map(value).collect()
}

/// How a file beside `from` is called: as its user would from where `from` is named.
pub(crate) fn shown_beside(from: &Path, text: &str, path: &Path) -> PathBuf {
    if Path::new(text).is_absolute() || text.starts_with('~') {
        return path.to_path_buf();
    }
    crate::paths::tidy(&from.parent().unwrap_or(Path::new("")).join(text))
}
