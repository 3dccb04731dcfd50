//! Names: of stacks, images, platforms, capabilities, hosts, and paths inside containers.

use std::net::IpAddr;

use schemars::Schema;

use super::{Format, Problem, Scalar, string_schema};

/// The name of a stack: lower case letters, digits, `-`, `_`, beginning with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StackName(pub(crate) String);

impl StackName {
    /// The nearest name that is allowed; empty when nothing is left.
    pub(crate) fn nearest_to(text: &str) -> String {
        let lower = text.to_lowercase();
        let kept = lower.chars().map(|char| if char == ' ' || char == '.' { '-' } else { char });
        let kept: String = kept.filter(|char| is_name_part(*char)).collect();
        kept.trim_start_matches(['-', '_']).chars().take(63).collect()
    }
}

const fn is_name_part(char: char) -> bool {
    char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-' || char == '_'
}

impl Format for StackName {
    const EXPECTED: &'static str = "a name";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        let text = scalar.text()?;
        let good = Self::nearest_to(text);
        if good == text && !text.is_empty() {
            return Ok(Self(good));
        }
        let problem = Problem::new("invalid-name", format!("`{text}` cannot be the name of a stack"));
        let rule = "lower case letters, digits, `-` and `_`, at most 63, beginning with a letter or digit";
        Err(problem.with_hint(if good.is_empty() {
            rule.to_owned()
        } else {
            format!("`{good}` would do: {rule}")
        }))
    }

    fn schema() -> Schema {
        string_schema("name", "[a-z0-9][a-z0-9_-]{0,62}", &["shop"])
    }
}

/// Why a service cannot have this name, which is its host name too; `None`: it can. Source: RFC 1123, 2.1.
pub(crate) fn refuse_service_name(name: &str) -> Option<(String, String)> {
    let part = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
    let good = !name.is_empty() && name.len() <= 63 && name.chars().all(part);
    if good && !name.starts_with('-') && !name.ends_with('-') {
        return None;
    }
    let lower = name.to_lowercase();
    let kept: String = lower.chars().map(|char| if part(char) { char } else { '-' }).take(63).collect();
    let kept = kept.trim_matches('-');
    let rule = "it is the service's host name: lower case letters, digits and `-`, at most 63";
    let hint = if kept.is_empty() { rule.to_owned() } else { format!("`{kept}` would do; {rule}") };
    Some((format!("`{name}` cannot be the name of a service"), hint))
}

/// A reference to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image(pub(crate) String);

impl Format for Image {
    const EXPECTED: &'static str = "an image such as \"postgres:15\"";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        let text = scalar.text()?;
        let wrong =
            |why: &str| Err(Problem::new("invalid-image", format!("`{text}` is no image reference: {why}")));
        if text.is_empty() {
            return wrong("it is empty");
        }
        if let Some(char) =
            text.chars().find(|char| !(char.is_ascii_alphanumeric() || "._-/:@+".contains(*char)))
        {
            return wrong(&format!("`{}` is not allowed", char.escape_default()));
        }
        let (named, digest) =
            text.split_once('@').map_or((text, None), |(named, digest)| (named, Some(digest)));
        if digest.is_some_and(|digest| !digest.contains(':') || digest.ends_with(':')) {
            return wrong("a digest is written `sha256:…`");
        }
        let (path, tag) = match named.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (named, None),
        };
        if tag.is_some_and(|tag| tag.is_empty() || tag.len() > 128 || tag.starts_with(['.', '-'])) {
            return wrong("the tag is empty, too long, or begins with `.` or `-`");
        }
        // The first part may be a host, whose letters may be capital ones.
        let (host, repository) = path.split_once('/').map_or((None, path), |(first, rest)| {
            if first.contains(['.', ':']) || first == "localhost" {
                (Some(first), rest)
            } else {
                (None, path)
            }
        });
        if host == Some("") || repository.split('/').any(str::is_empty) {
            return wrong("a part of its path is empty");
        }
        if repository.chars().any(|char| char.is_ascii_uppercase()) {
            let lower = text.replace(repository, &repository.to_ascii_lowercase());
            let problem = Problem::new(
                "invalid-image",
                format!("`{text}` is no image reference: it has capital letters"),
            );
            return Err(problem.with_hint(format!("did you mean `{lower}`?")));
        }
        Ok(Self(text.to_owned()))
    }

    fn schema() -> Schema {
        string_schema("image", r"[\w./:@+-]+", &["postgres:15", "redis:7-alpine"])
    }
}

/// An absolute path inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inside(pub(crate) String);

impl Inside {
    pub(crate) fn from_text(text: &str) -> Result<Self, Problem> {
        if text.starts_with('/') && !text.contains('\0') {
            return Ok(Self(text.to_owned()));
        }
        let problem = Problem::new("relative-path", format!("`{text}` is not absolute inside the container"));
        Err(problem.with_hint(format!("write `/{}` or the like", text.trim_start_matches("./"))))
    }
}

impl Format for Inside {
    const EXPECTED: &'static str = "a path inside the container";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        Self::from_text(scalar.text()?)
    }

    fn schema() -> Schema {
        string_schema("path inside the container", "/.*", &["/app"])
    }
}

/// `os/architecture[/variant]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Platform(pub(crate) String);

impl Format for Platform {
    const EXPECTED: &'static str = "a platform such as \"linux/amd64\"";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        let text = scalar.text()?;
        let parts: Vec<&str> = text.split('/').collect();
        let good = |part: &&str| {
            !part.is_empty() && part.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
        };
        if (2..=3).contains(&parts.len()) && parts.iter().all(good) {
            return Ok(Self(text.to_owned()));
        }
        Err(Problem::new("invalid-value", format!("`{text}` is no platform"))
            .with_hint("platforms are written like `linux/amd64`, `linux/arm64`, `linux/arm/v7`"))
    }

    fn schema() -> Schema {
        string_schema("platform", r"\w+/\w+(?:/\w+)?", &["linux/amd64", "linux/arm64"])
    }
}

/// A capability of Linux such as `NET_ADMIN`, without `CAP_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Capability(pub(crate) String);

impl Format for Capability {
    const EXPECTED: &'static str = "a capability such as \"NET_ADMIN\"";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        let text = scalar.text()?;
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
        if !name.is_empty() && name.chars().all(|char| char.is_ascii_uppercase() || char == '_') {
            return Ok(Self(name.to_owned()));
        }
        Err(Problem::new("invalid-value", format!("`{text}` is no capability"))
            .with_hint("capabilities are written like `NET_ADMIN`, `SYS_PTRACE`, `ALL`"))
    }

    fn schema() -> Schema {
        string_schema("capability", "[A-Za-z_]+", &["NET_ADMIN", "SYS_PTRACE"])
    }
}

/// `name:address` of `/etc/hosts`; the address may be `host-gateway`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostLine(pub(crate) String);

impl Format for HostLine {
    const EXPECTED: &'static str = "a host such as \"db.test:10.0.0.5\"";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        let text = scalar.text()?;
        let wrong = || {
            Problem::new("invalid-value", format!("`{text}` is no `name:address`"))
                .with_hint("write `db.test:10.0.0.5` or `host.docker.internal:host-gateway`")
        };
        let (name, address) = text.split_once('=').or_else(|| text.split_once(':')).ok_or_else(wrong)?;
        let bare = address.trim_start_matches('[').trim_end_matches(']');
        let part = |char: char| char.is_ascii_alphanumeric() || char == '.' || char == '-' || char == '_';
        if name.is_empty()
            || !name.chars().all(part)
            || (bare != "host-gateway" && bare.parse::<IpAddr>().is_err())
        {
            return Err(wrong());
        }
        Ok(Self(format!("{name}:{bare}")))
    }

    fn schema() -> Schema {
        string_schema("name:address", r"[\w.-]+[:=].+", &["host.docker.internal:host-gateway"])
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{explain, parse};
    use super::*;

    #[test]
    fn names_of_stacks_and_services() {
        assert_eq!(parse("shop_2-b"), Ok(StackName("shop_2-b".to_owned())));
        for (text, expected) in
            [("My Shop", "my-shop"), ("_x", "x"), ("été", "t"), ("日本", ""), ("a.b", "a-b")]
        {
            assert_eq!(StackName::nearest_to(text), expected, "{text}");
        }
        for good in ["a", "orders-2", "0"] {
            assert_eq!(refuse_service_name(good), None, "{good}");
        }
        let mut wrong: Vec<String> = ["", "My Shop", "-", "日本"].map(explain::<StackName>).to_vec();
        for name in ["", "Order_Items", "-x", "日本"] {
            let (message, hint) = refuse_service_name(name).unwrap_or_default();
            wrong.push(format!("{message} ({hint})"));
        }
        insta::assert_snapshot!(wrong.join("\n"), @r"
        : [invalid-name] `` cannot be the name of a stack (lower case letters, digits, `-` and `_`, at most 63, beginning with a letter or digit)
        My Shop: [invalid-name] `My Shop` cannot be the name of a stack (`my-shop` would do: lower case letters, digits, `-` and `_`, at most 63, beginning with a letter or digit)
        -: [invalid-name] `-` cannot be the name of a stack (lower case letters, digits, `-` and `_`, at most 63, beginning with a letter or digit)
        日本: [invalid-name] `日本` cannot be the name of a stack (lower case letters, digits, `-` and `_`, at most 63, beginning with a letter or digit)
        `` cannot be the name of a service (it is the service's host name: lower case letters, digits and `-`, at most 63)
        `Order_Items` cannot be the name of a service (`order-items` would do; it is the service's host name: lower case letters, digits and `-`, at most 63)
        `-x` cannot be the name of a service (`x` would do; it is the service's host name: lower case letters, digits and `-`, at most 63)
        `日本` cannot be the name of a service (it is the service's host name: lower case letters, digits and `-`, at most 63)
        ");
    }

    #[test]
    fn images() {
        for good in [
            "redis",
            "postgres:15",
            "shoal/base:bookworm",
            "localhost/a/b:1.0",
            "Host.example:80/a",
            "a@sha256:0123",
            "a:1@sha256:0123",
            "a__b/c-d:V1",
        ] {
            assert_eq!(parse(good), Ok(Image(good.to_owned())), "{good}");
        }
        let wrong: Vec<String> = ["", "a b", "Redis:7", "a:", "a//b", "/a", "a:-x", "a@sha256", "a\u{1b}"]
            .map(explain::<Image>)
            .to_vec();
        insta::assert_snapshot!(wrong.join("\n"), @r"
        : [invalid-image] `` is no image reference: it is empty
        a b: [invalid-image] `a b` is no image reference: ` ` is not allowed
        Redis:7: [invalid-image] `Redis:7` is no image reference: it has capital letters (did you mean `redis:7`?)
        a:: [invalid-image] `a:` is no image reference: the tag is empty, too long, or begins with `.` or `-`
        a//b: [invalid-image] `a//b` is no image reference: a part of its path is empty
        /a: [invalid-image] `/a` is no image reference: a part of its path is empty
        a:-x: [invalid-image] `a:-x` is no image reference: the tag is empty, too long, or begins with `.` or `-`
        a@sha256: [invalid-image] `a@sha256` is no image reference: a digest is written `sha256:…`
        a: [invalid-image] `a` is no image reference: `\u{1b}` is not allowed
        ");
    }

    #[test]
    fn the_rest() {
        assert_eq!(parse("/app"), Ok(Inside("/app".to_owned())));
        assert_eq!(parse("linux/arm/v7"), Ok(Platform("linux/arm/v7".to_owned())));
        assert_eq!(parse("cap_net_admin"), Ok(Capability("NET_ADMIN".to_owned())));
        for (text, expected) in [
            ("db.test:10.0.0.5", "db.test:10.0.0.5"),
            ("h:host-gateway", "h:host-gateway"),
            ("six=[::1]", "six:::1"),
            ("six:::1", "six:::1"),
        ] {
            assert_eq!(parse(text), Ok(HostLine(expected.to_owned())), "{text}");
        }
        let wrong = [
            explain::<Inside>("./app"),
            explain::<Platform>("amd64"),
            explain::<Capability>("net admin"),
            explain::<HostLine>("db"),
            explain::<HostLine>("db:nowhere"),
        ];
        insta::assert_snapshot!(wrong.join("\n"), @r"
        ./app: [relative-path] `./app` is not absolute inside the container (write `/app` or the like)
        amd64: [invalid-value] `amd64` is no platform (platforms are written like `linux/amd64`, `linux/arm64`, `linux/arm/v7`)
        net admin: [invalid-value] `net admin` is no capability (capabilities are written like `NET_ADMIN`, `SYS_PTRACE`, `ALL`)
        db: [invalid-value] `db` is no `name:address` (write `db.test:10.0.0.5` or `host.docker.internal:host-gateway`)
        db:nowhere: [invalid-value] `db:nowhere` is no `name:address` (write `db.test:10.0.0.5` or `host.docker.internal:host-gateway`)
        ");
    }
}
