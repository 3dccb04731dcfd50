//! Which names are those of secrets.

use model::plan::CallsConfig;
use model::secret::names_secret;

/// Which values are hidden: those whose names say that they are secrets ([`names_secret`]), those of the named headers,
/// and those of the named keys in JSON bodies, forms, queries and the like.
///
/// `$.password` hides the key at any depth, `$.card.number` the key `number` directly within `card`; lists between
/// them do not count. Names are compared without case. A body that cannot be read for a content coding is not kept,
/// for nobody can say what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    pub(super) headers: Vec<String>,
    pub(super) paths: Vec<Vec<String>>,
    /// Names that say that they are secrets.
    by_name: bool,
}

impl Redaction {
    /// The rules of the `[calls]` table.
    pub fn new(config: &CallsConfig) -> Self {
        let mut rules = Self { headers: Vec::new(), paths: Vec::new(), by_name: true };
        for rule in &config.redact {
            if let Some(path) = rule.trim().strip_prefix('$') {
                let keys = path.split('.').map(|key| key.split('[').next().unwrap_or_default().trim());
                let keys: Vec<String> = keys.filter(|key| !key.is_empty()).map(str::to_owned).collect();
                if !keys.is_empty() {
                    rules.paths.push(keys);
                }
            } else if !rule.trim().is_empty() {
                rules.headers.push(rule.trim().to_owned());
            }
        }
        rules
    }

    /// Hides nothing: for who asked to see what is hidden.
    pub fn nothing() -> Self {
        Self { headers: Vec::new(), paths: Vec::new(), by_name: false }
    }

    /// Whether there is no rule at all.
    pub(super) fn is_nothing(&self) -> bool {
        !self.by_name && self.headers.is_empty() && self.paths.is_empty()
    }

    /// Whether the value at this path of keys, the innermost first, is hidden.
    pub(super) fn hides<'k>(&self, innermost_first: &(impl Iterator<Item = &'k str> + Clone)) -> bool {
        let by_name = || self.by_name && innermost_first.clone().next().is_some_and(names_secret);
        let by_path = |path: &Vec<String>| {
            let mut keys = innermost_first.clone();
            path.iter().rev().all(|wanted| keys.next().is_some_and(|key| key.eq_ignore_ascii_case(wanted)))
        };
        self.paths.iter().any(by_path) || by_name()
    }

    /// Whether a value with this key is hidden somewhere.
    pub(crate) fn may_hide(&self, key: &str) -> bool {
        let by_path = |path: &Vec<String>| path.last().is_some_and(|last| last.eq_ignore_ascii_case(key));
        self.paths.iter().any(by_path) || (self.by_name && names_secret(key))
    }

    /// Whether a header's value is hidden.
    pub(super) fn hides_header(&self, name: &str) -> bool {
        self.headers.iter().any(|hidden| hidden.eq_ignore_ascii_case(name))
            || (self.by_name && names_secret(name))
    }

    /// Whether the field of a form or query with this name is hidden. `user[pin]` and `user.pin` are paths.
    pub(super) fn hides_field(&self, name: &str) -> bool {
        let is_border = |letter: char| matches!(letter, '[' | ']' | '.');
        let keys = name.rsplit(is_border).filter(|key| !key.is_empty());
        self.hides(&keys) || self.headers.iter().any(|hidden| hidden.eq_ignore_ascii_case(name))
    }
}
