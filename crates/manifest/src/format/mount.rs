//! The short way to write a volume.

use schemars::Schema;

use super::{Format, Inside, Problem, Scalar, string_schema};

/// What is mounted, before its path is resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MountedFrom {
    /// A path of this machine, as written.
    Path(String),
    /// A named volume.
    Volume(String),
}

/// `SOURCE:TARGET[:ro|rw]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mounted {
    pub(crate) from: MountedFrom,
    pub(crate) target: String,
    pub(crate) read_only: bool,
}

const CODE: &str = "invalid-volume";

/// Whether an engine takes it as the name of a volume.
fn is_volume_name(text: &str) -> bool {
    text.starts_with(|char: char| char.is_ascii_alphanumeric())
        && text.chars().all(|char| char.is_ascii_alphanumeric() || "_.-".contains(char))
}

impl MountedFrom {
    /// A path has a slash or begins with `.` or `~`; all else is a name.
    pub(crate) fn from_text(text: &str) -> Result<Self, Problem> {
        if text.is_empty() {
            return Err(Problem::new(CODE, "the volume has no source")
                .with_hint("write `NAME:/path` or `./folder:/path`"));
        }
        if text.contains('/') || text.starts_with(['.', '~']) {
            return Ok(Self::Path(text.to_owned()));
        }
        Self::volume(text)
    }

    pub(crate) fn volume(text: &str) -> Result<Self, Problem> {
        if is_volume_name(text) {
            return Ok(Self::Volume(text.to_owned()));
        }
        Err(Problem::new(CODE, format!("`{text}` cannot be the name of a volume"))
            .with_hint("letters, digits, `_`, `.` and `-`; a folder is written `./folder`"))
    }
}

impl Format for Mounted {
    const EXPECTED: &'static str = "a volume such as \"data:/var/lib/data\"";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        let text = scalar.text()?;
        let mut parts = text.split(':');
        let (source, target, options) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        if parts.next().is_some() {
            return Err(Problem::new(CODE, format!("`{text}` has too many parts"))
                .with_hint("write `SOURCE:TARGET` or `SOURCE:TARGET:ro`"));
        }
        let Some(target) = target else {
            return Err(Problem::new(CODE, format!("`{text}` does not say what is mounted where"))
                .with_hint(format!(
                    "write `NAME:{}`",
                    if source.starts_with('/') { source } else { "/path" }
                )));
        };
        let from = MountedFrom::from_text(source)?;
        let target = Inside::from_text(target)?.0;
        let mut read_only = false;
        for option in options.into_iter().flat_map(|options| options.split(',')) {
            match option {
                "ro" => read_only = true,
                // Hints for other file systems, without meaning on Linux.
                "rw" | "cached" | "delegated" | "consistent" => {}
                "z" | "Z" => {
                    return Err(Problem::new(
                        "not-supported-yet",
                        format!("`{option}` (SELinux labels) is not supported yet"),
                    )
                    .with_hint("leave it out"));
                }
                other => {
                    return Err(Problem::new(CODE, format!("`{other}` is no option of a volume"))
                        .with_hint("write `ro` or `rw`"));
                }
            }
        }
        Ok(Self { from, target, read_only })
    }

    fn schema() -> Schema {
        string_schema("volume", "[^:]+:/[^:]*(?::[^:]+)?", &["data:/var/lib/data", "./conf:/etc/app:ro"])
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{explain, parse};
    use super::*;

    #[test]
    fn volumes() {
        let path = |text: &str| MountedFrom::Path(text.to_owned());
        let volume = |text: &str| MountedFrom::Volume(text.to_owned());
        for (text, from, target, read_only) in [
            ("db:/data", volume("db"), "/data", false),
            ("./conf:/etc/app:ro", path("./conf"), "/etc/app", true),
            ("../x:/y:rw,cached", path("../x"), "/y", false),
            ("sub/dir:/y", path("sub/dir"), "/y", false),
            ("/abs:/y", path("/abs"), "/y", false),
            ("~/x:/y", path("~/x"), "/y", false),
        ] {
            assert_eq!(parse(text), Ok(Mounted { from, target: target.to_owned(), read_only }), "{text}");
        }
        let wrong = ["/data", "data", ":/x", "a:b", "-x:/y", "a:/b:rx", "a:/b:z", "a:/b:ro:c"]
            .map(explain::<Mounted>);
        insta::assert_snapshot!(wrong.join("\n"), @r"
        /data: [invalid-volume] `/data` does not say what is mounted where (write `NAME:/data`)
        data: [invalid-volume] `data` does not say what is mounted where (write `NAME:/path`)
        :/x: [invalid-volume] the volume has no source (write `NAME:/path` or `./folder:/path`)
        a:b: [relative-path] `b` is not absolute inside the container (write `/b` or the like)
        -x:/y: [invalid-volume] `-x` cannot be the name of a volume (letters, digits, `_`, `.` and `-`; a folder is written `./folder`)
        a:/b:rx: [invalid-volume] `rx` is no option of a volume (write `ro` or `rw`)
        a:/b:z: [not-supported-yet] `z` (SELinux labels) is not supported yet (leave it out)
        a:/b:ro:c: [invalid-volume] `a:/b:ro:c` has too many parts (write `SOURCE:TARGET` or `SOURCE:TARGET:ro`)
        ");
    }
}
