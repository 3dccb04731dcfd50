//! A method's arguments, by name.

use super::fields::Fields;
use super::spec::{Arg, Spec};

/// Longer tables are not told, in bytes of JSON.
const TABLE_LIMIT: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Args {
    pub(super) target: String,
    named: Vec<(&'static str, String)>,
}

impl Args {
    /// Reads them as far as they are there.
    pub(super) fn read(spec: &Spec, mut fields: Fields<'_>) -> Self {
        let mut args = Self::default();
        for arg in spec.args {
            if args.take(*arg, &mut fields).is_none() {
                break;
            }
        }
        args
    }

    fn take(&mut self, arg: Arg, fields: &mut Fields<'_>) -> Option<()> {
        let (name, value) = match arg {
            Arg::Ticket => return fields.short().map(drop),
            Arg::Target => {
                self.target = fields.name()?;
                return Some(());
            }
            Arg::Bits(names) => {
                let octet = fields.octet()?;
                let set = names.iter().enumerate().filter(|(place, _)| octet >> place & 1 == 1);
                self.named.extend(set.map(|(_, name)| (*name, "true".to_owned())));
                return Some(());
            }
            Arg::Table => {
                let mut json = String::new();
                let table = fields.table()?;
                if !table.is_empty() {
                    table.object(&mut json, 8)?;
                }
                if json.len() > TABLE_LIMIT {
                    json.clear();
                }
                ("arguments", json)
            }
            Arg::Name(name) => (name, fields.name()?),
            Arg::Short(name) => (name, fields.short()?.to_string()),
            Arg::Long(name) => (name, fields.long()?.to_string()),
            Arg::LongLong(name) => (name, fields.longlong()?.to_string()),
        };
        if !value.is_empty() {
            self.named.push((name, value));
        }
        Some(())
    }

    /// The value of an argument; empty where it is not there, is empty, or is no set bit.
    pub(super) fn text(&self, name: &str) -> &str {
        self.named.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.text(name).parse().ok()
    }

    pub(super) fn has(&self, bit: &str) -> bool {
        !self.text(bit).is_empty()
    }

    /// What is worth a header.
    pub(super) fn facts(self) -> impl Iterator<Item = (String, String)> {
        self.named
            .into_iter()
            .filter(|(name, _)| *name != "nowait")
            .map(|(name, value)| (name.to_owned(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::method;
    use super::*;

    #[test]
    fn arguments_are_read_as_far_as_they_are_there() {
        let bytes = b"\0\0\x01q\x16\0\0\0\x07\x01aI\0\0\0\x07?";
        let read = |end: usize| Args::read(method(50, 10).unwrap(), Fields::new(&bytes[..end]));
        let args = read(16);
        assert_eq!((args.target.as_str(), args.has("durable"), args.has("passive")), ("q", true, false));
        assert!(args.has("nowait"));
        let facts: Vec<_> = args.facts().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(facts, ["durable=true", "exclusive=true", r#"arguments={"a":7}"#]);
        let args = read(5);
        assert_eq!((args.target.clone().as_str(), args.facts().count()), ("q", 2));
        assert_eq!(read(3).target, "");
    }
}
