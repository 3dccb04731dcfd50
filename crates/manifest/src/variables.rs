//! What `$A` and `${svc.NAME.port}` stand for in one manifest.

use std::cell::Cell;
use std::collections::BTreeMap;

use model::plan::EnvValue;

use crate::interpolate::{MAX_EXPANSION, Scope, Unresolved};
use crate::nearest::{listed, nearest};

/// The variables of one manifest: the process environment, which beats its `.env` files.
#[derive(Debug, Clone)]
pub(crate) struct Variables<'e> {
    pub(crate) shell: &'e BTreeMap<String, String>,
    pub(crate) files: BTreeMap<String, EnvValue>,
    /// How many bytes may still be put in for variables.
    left: Cell<usize>,
}

impl<'e> Variables<'e> {
    pub(crate) const fn new(shell: &'e BTreeMap<String, String>) -> Self {
        Self { shell, files: BTreeMap::new(), left: Cell::new(MAX_EXPANSION) }
    }

    fn get(&self, name: &str) -> Option<(&str, &str)> {
        let inherited = self.shell.get(name).map(|value| (value.as_str(), "environment"));
        inherited.or_else(|| self.files.get(name).map(|found| (found.value.as_str(), found.origin.as_str())))
    }
}

/// The container ports of every service of the stack, in the order of the manifest.
pub(crate) type Addresses = BTreeMap<String, Vec<u16>>;

/// All that a value may refer to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) variables: &'a Variables<'a>,
    pub(crate) addresses: &'a Addresses,
    /// Whether these are all the services, so that one that is not there is missing.
    pub(crate) complete: bool,
}

impl Scope for Known<'_> {
    fn left(&self) -> &Cell<usize> {
        &self.variables.left
    }

    fn variable(&self, name: &str) -> Option<(&str, &str)> {
        self.variables.get(name)
    }

    fn reference(&self, path: &str) -> Result<String, Unresolved> {
        let unresolved =
            |code, message: String, hint: Option<String>| Err(Unresolved { code, message, hint });
        let inner = path.strip_prefix("svc.").unwrap_or(path);
        let Some((name, what)) = inner.split_once('.') else {
            let hint = format!("write `${{svc.{inner}.port}}` or `${{svc.{inner}.host}}`");
            return unresolved(
                "invalid-reference",
                format!("`{path}` does not say what of `{inner}`"),
                Some(hint),
            );
        };
        let Some(ports) = self.addresses.get(name) else {
            if !self.complete {
                return Ok(String::new());
            }
            let names = || self.addresses.keys().map(String::as_str);
            let hint = nearest(name, names()).map_or_else(
                || format!("the services are {}", listed(names())),
                |near| format!("did you mean `${{svc.{near}.{what}}}`?"),
            );
            return unresolved("unknown-service", format!("there is no service `{name}`"), Some(hint));
        };
        match (what, ports.as_slice()) {
            ("host", _) => Ok(name.to_owned()),
            ("port", [port]) => Ok(port.to_string()),
            ("address", [port]) => Ok(format!("{name}:{port}")),
            ("port" | "address", []) => unresolved(
                "not-supported-yet",
                format!("`{name}` declares no port, so `{path}` stands for nothing"),
                Some(format!("write the number, or give `{name}` a `ports` entry")),
            ),
            ("port" | "address", _) => unresolved(
                "not-supported-yet",
                format!("`{name}` declares several ports, so `{path}` is ambiguous"),
                Some(format!("write `{name}:{}` or the like", ports.first().copied().unwrap_or_default())),
            ),
            _ => unresolved(
                "not-supported-yet",
                format!("`{what}` of a service cannot be referred to"),
                Some("`host`, `port` and `address` can be".to_owned()),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_resolve_when_there_is_one_answer() {
        let shell = BTreeMap::new();
        let variables = Variables::new(&shell);
        let addresses = BTreeMap::from([
            ("orders".to_owned(), vec![8080]),
            ("queue".to_owned(), vec![5672, 15672]),
            ("job".to_owned(), vec![]),
        ]);
        let known = Known { variables: &variables, addresses: &addresses, complete: true };
        for (path, expected) in [
            ("svc.orders.port", Ok("8080")),
            ("svc.orders.host", Ok("orders")),
            ("svc.orders.address", Ok("orders:8080")),
            ("svc.queue.host", Ok("queue")),
            ("svc.queue.port", Err("not-supported-yet")),
            ("svc.job.port", Err("not-supported-yet")),
            ("svc.orders.pid", Err("not-supported-yet")),
            ("svc.order.port", Err("unknown-service")),
            ("svc.orders", Err("invalid-reference")),
        ] {
            let found = known.reference(path).map_err(|unresolved| unresolved.code);
            assert_eq!(found.as_deref().map_err(|code| *code), expected, "{path}");
        }
    }
}
