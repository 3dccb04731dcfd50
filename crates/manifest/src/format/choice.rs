//! Values out of a closed list.

use model::exchange::Protocol;
use model::plan::{Action, Condition, Lifetime, OnDelete, PullPolicy, ReloadMode, RestartPolicy};
use schemars::{Schema, json_schema};

use super::{Format, Problem, Scalar, string_schema};
use crate::nearest::{listed, nearest};

/// The list as text, and how a value that is not in it is refused.
fn pick<T: Copy>(scalar: &Scalar, choices: &[(&str, T)], also: &[(&str, &str)]) -> Result<T, Problem> {
    let text = scalar.text()?;
    if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
        return Ok(*value);
    }
    let names = || choices.iter().map(|(name, _)| *name);
    let hint = also.iter().find(|(name, _)| *name == text).map(|(_, hint)| (*hint).to_owned());
    let hint = hint.or_else(|| nearest(text, names()).map(|near| format!("did you mean `{near}`?")));
    Err(Problem::new("invalid-value", format!("`{text}` is none of {}", listed(names())))
        .with_hint(hint.unwrap_or_else(|| format!("write one of {}", listed(names())))))
}

fn choice_schema<T>(title: &str, choices: &[(&str, T)]) -> Schema {
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    json_schema!({ "title": title, "type": "string", "anyOf": [{ "enum": names }, { "pattern": r"\$" }] })
}

/// Implements [`Format`] from one list of names and values.
macro_rules! choice {
    ($type:ty, $title:literal, [$($name:literal => $value:expr),* $(,)?], also [$($other:literal => $hint:literal),* $(,)?]) => {
        impl Format for $type {
            const EXPECTED: &'static str = concat!("one of" $(, " \"", $name, "\"")*);

            fn parse(scalar: &Scalar) -> Result<Self, Problem> {
                pick(scalar, &[$(($name, $value)),*], &[$(($other, $hint)),*])
            }

            fn schema() -> Schema {
                choice_schema($title, &[$(($name, $value)),*])
            }
        }
    };
}

choice!(Lifetime, "lifetime", ["session" => Self::Session, "persistent" => Self::Persistent], also []);
choice!(
    PullPolicy,
    "pull",
    ["always" => Self::Always, "missing" => Self::Missing, "never" => Self::Never],
    also ["if_not_present" => "write `missing`", "build" => "a service with `build` is never pulled"]
);
choice!(
    Condition,
    "condition",
    ["started" => Self::Started, "ready" => Self::Ready, "completed" => Self::Completed],
    also [
        "service_started" => "write `started`",
        "service_healthy" => "write `ready`",
        "healthy" => "write `ready`",
        "service_completed_successfully" => "write `completed`",
    ]
);
choice!(ReloadMode, "mode", ["auto" => Self::Auto, "manual" => Self::Manual], also []);
choice!(
    OnDelete,
    "on_delete",
    ["remove" => Self::Remove, "keep" => Self::Keep, "rebuild" => Self::Rebuild],
    also ["delete" => "write `remove`", "ignore" => "write `keep`"]
);

/// `format` of an env file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raw;

choice!(Raw, "format", ["raw" => Self], also []);

/// `type` of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MountType {
    Bind,
    Volume,
    Tmpfs,
}

choice!(MountType, "type", ["bind" => Self::Bind, "volume" => Self::Volume, "tmpfs" => Self::Tmpfs], also []);

choice!(
    Protocol,
    "protocol",
    [
        "http/1" => Self::Http1,
        "http/2" => Self::Http2,
        "grpc" => Self::Grpc,
        "redis" => Self::Redis,
        "postgres" => Self::Postgres,
        "mysql" => Self::Mysql,
        "mongodb" => Self::Mongodb,
        "kafka" => Self::Kafka,
        "amqp" => Self::Amqp,
        "nats" => Self::Nats,
        "mqtt" => Self::Mqtt,
        "dns" => Self::Dns,
        "tls" => Self::Tls,
        "tcp" => Self::Tcp,
    ],
    also [
        "http" => "write `http/1` or `http/2`",
        "http1" => "write `http/1`",
        "h2c" => "write `http/2`",
        "h2" => "write `http/2`",
        "http2" => "write `http/2`",
        "https" => "write `tls`",
        "websocket" => "write `http/1`: a WebSocket begins as HTTP",
        "postgresql" => "write `postgres`",
        "mariadb" => "write `mysql`",
        "mongo" => "write `mongodb`",
        "valkey" => "write `redis`",
        "rabbitmq" => "write `amqp`",
        "none" => "write `tcp`: the port is then not decoded",
    ]
);

/// `no`, `always`, `on-failure`, `on-failure:3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Restart(pub(crate) RestartPolicy);

impl Format for Restart {
    const EXPECTED: &'static str = "\"no\", \"on-failure\", \"on-failure:3\" or \"always\"";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        let text = scalar.text()?;
        if let Some(count) = text.strip_prefix("on-failure:") {
            let count = count.parse::<u32>().ok().filter(|count| *count > 0);
            let wrong = || Problem::new("invalid-value", format!("`{text}` does not say how often"));
            return Ok(Self(RestartPolicy::OnFailure(Some(count.ok_or_else(wrong)?))));
        }
        let choices = [
            ("no", RestartPolicy::No),
            ("on-failure", RestartPolicy::OnFailure(None)),
            ("always", RestartPolicy::Always),
        ];
        pick(scalar, &choices, &[("unless-stopped", "write `always`"), ("on_failure", "write `on-failure`")])
            .map(Self)
    }

    fn schema() -> Schema {
        string_schema("restart", r"no|always|on-failure(?::[1-9]\d*)?", &["no", "on-failure:3", "always"])
    }
}

/// A signal's name without `SIG`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signal(pub(crate) String);

/// The names that every Linux has; real-time signals are written `RTMIN+1`.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

impl Signal {
    fn from_text(text: &str) -> Result<Self, Problem> {
        let upper = text.trim().to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let real_time = name.strip_prefix("RTMIN").or_else(|| name.strip_prefix("RTMAX"));
        let known = SIGNALS.contains(&name)
            || name.parse::<u8>().is_ok_and(|number| (1..=64).contains(&number))
            || real_time.is_some_and(|tail| tail.is_empty() || tail.parse::<i8>().is_ok());
        if known {
            return Ok(Self(name.to_owned()));
        }
        let near = nearest(name, SIGNALS).map(|near| format!("did you mean `{near}`?"));
        Err(Problem::new("unknown-signal", format!("`{text}` is no signal"))
            .with_hint(near.unwrap_or_else(|| "signals are written like `HUP`, `USR1`, `TERM`".to_owned())))
    }
}

impl Format for Signal {
    const EXPECTED: &'static str = "a signal such as \"SIGTERM\"";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        match scalar {
            Scalar::Integer(number) => Self::from_text(&number.to_string()),
            Scalar::Text { text, .. } => Self::from_text(text),
            Scalar::Float(_) | Scalar::Flag(_) | Scalar::Other => Err(Problem::Mistyped),
        }
    }

    fn schema() -> Schema {
        json_schema!({ "title": "signal", "type": ["string", "integer"], "examples": ["SIGTERM", "SIGINT", "SIGQUIT"] })
    }
}

/// What follows once changed files are in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Then(pub(crate) Action);

impl Format for Then {
    const EXPECTED: &'static str = "\"nothing\", \"restart\", \"signal:HUP\", \"run\" or \"rebuild\"";

    fn parse(scalar: &Scalar) -> Result<Self, Problem> {
        if let Some(name) = scalar.text()?.strip_prefix("signal:") {
            return Signal::from_text(name).map(|signal| Self(Action::Signal(signal.0)));
        }
        let choices = [("nothing", 0), ("restart", 1), ("signal:HUP", 2), ("run", 3), ("rebuild", 4)];
        let also = [
            ("signal", "say which, such as `signal:HUP`"),
            ("sync", "write `nothing`"),
            ("sync+restart", "write `restart`"),
            ("sync+exec", "write `run`"),
        ];
        Ok(Self(match pick(scalar, &choices, &also)? {
            0 => Action::Nothing,
            1 => Action::Restart,
            3 => Action::Run,
            _ => Action::Rebuild,
        }))
    }

    fn schema() -> Schema {
        string_schema(
            "action",
            r"nothing|restart|signal:\w+|run|rebuild",
            &["restart", "signal:HUP", "rebuild"],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{explain, parse};
    use super::*;

    #[test]
    fn choices() {
        assert_eq!(parse("persistent"), Ok(Lifetime::Persistent));
        assert_eq!(parse("missing"), Ok(PullPolicy::Missing));
        assert_eq!(parse("completed"), Ok(Condition::Completed));
        assert_eq!(parse("manual"), Ok(ReloadMode::Manual));
        assert_eq!(parse("keep"), Ok(OnDelete::Keep));
        assert_eq!(parse("on-failure:3"), Ok(Restart(RestartPolicy::OnFailure(Some(3)))));
        assert_eq!(parse("no"), Ok(Restart(RestartPolicy::No)));
        let wrong = [
            explain::<Lifetime>("persistant"),
            explain::<Lifetime>("x"),
            explain::<Condition>("service_healthy"),
            explain::<Restart>("unless-stopped"),
            explain::<Restart>("on-failure:0"),
        ];
        insta::assert_snapshot!(wrong.join("\n"), @r"
        persistant: [invalid-value] `persistant` is none of `session`, `persistent` (did you mean `persistent`?)
        x: [invalid-value] `x` is none of `session`, `persistent` (write one of `session`, `persistent`)
        service_healthy: [invalid-value] `service_healthy` is none of `started`, `ready`, `completed` (write `ready`)
        unless-stopped: [invalid-value] `unless-stopped` is none of `no`, `on-failure`, `always` (write `always`)
        on-failure:0: [invalid-value] `on-failure:0` does not say how often
        ");
    }

    #[test]
    fn signals_and_actions() {
        for (text, expected) in [("SIGTERM", "TERM"), ("hup", "HUP"), ("9", "9"), ("RTMIN+3", "RTMIN+3")] {
            assert_eq!(parse(text), Ok(Signal(expected.to_owned())), "{text}");
        }
        for (text, expected) in [
            ("nothing", Action::Nothing),
            ("restart", Action::Restart),
            ("signal:sigusr1", Action::Signal("USR1".to_owned())),
            ("run", Action::Run),
            ("rebuild", Action::Rebuild),
        ] {
            assert_eq!(parse(text), Ok(Then(expected)), "{text}");
        }
        let wrong = [
            explain::<Signal>("TREM"),
            explain::<Signal>("99"),
            explain::<Then>("signal"),
            explain::<Then>("signal:HPU"),
            explain::<Then>("sync+restart"),
            explain::<Then>("rebuid"),
        ];
        insta::assert_snapshot!(wrong.join("\n"), @r"
        TREM: [unknown-signal] `TREM` is no signal (did you mean `TERM`?)
        99: [unknown-signal] `99` is no signal (signals are written like `HUP`, `USR1`, `TERM`)
        signal: [invalid-value] `signal` is none of `nothing`, `restart`, `signal:HUP`, `run`, `rebuild` (say which, such as `signal:HUP`)
        signal:HPU: [unknown-signal] `HPU` is no signal (did you mean `HUP`?)
        sync+restart: [invalid-value] `sync+restart` is none of `nothing`, `restart`, `signal:HUP`, `run`, `rebuild` (write `restart`)
        rebuid: [invalid-value] `rebuid` is none of `nothing`, `restart`, `signal:HUP`, `run`, `rebuild` (did you mean `rebuild`?)
        ");
    }
}
