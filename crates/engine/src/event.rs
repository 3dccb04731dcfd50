//! What happens to containers.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;

use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::{Stream, StreamExt as _};
use model::Timestamp;

use crate::network::label_filter;
use crate::{Engine, EngineError, Health};

/// Something happened to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEvent {
    /// When, by the engine's clock.
    pub ts: Timestamp,
    /// The container's id.
    pub id: String,
    /// The container's name.
    pub name: String,
    /// The container's labels.
    pub labels: BTreeMap<String, String>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// It was made.
    Created,
    /// It was started.
    Started,
    /// Its first process ended.
    Died {
        /// With this code; 128 + the number of a signal.
        exit_code: i32,
    },
    /// A process in it was killed for want of memory.
    Oom,
    /// It was removed.
    Removed,
    /// Its health check changed its mind.
    Health(Health),
    /// Anything else, in the engine's word without what follows a colon.
    Other(String),
}

/// Events in the order in which the engine saw them; ends with the connection.
pub type Events = Pin<Box<dyn Stream<Item = Result<EngineEvent, EngineError>> + Send>>;

/// Containers whose networks changed, by id; ends with the connection.
pub type Moves = Pin<Box<dyn Stream<Item = Result<String, EngineError>> + Send>>;

impl Engine {
    /// Events of every container that has all these labels, from the moment when the stream is first polled.
    pub fn events(&self, labels: &[(&str, &str)]) -> Events {
        self.listen(labels, None)
    }

    /// The same from a moment in the past on, that moment included: so a broken stream goes on without a gap, and
    /// nothing is missed between asking and polling. The engine remembers its last 256 events.
    pub fn events_since(&self, labels: &[(&str, &str)], since: Timestamp) -> Events {
        self.listen(labels, Some(since))
    }

    /// Containers of anybody's, by id, as they are connected to networks and disconnected from them.
    pub fn moves(&self) -> Moves {
        let of = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let filters: HashMap<String, Vec<String>> = HashMap::from([
            ("type".to_owned(), of(&["network"])),
            ("event".to_owned(), of(&["connect", "disconnect"])),
        ]);
        let engine = self.clone();
        let events = self.docker().events(Some(EventsOptionsBuilder::new().filters(&filters).build()));
        Box::pin(events.filter_map(move |item| {
            let moved = match item {
                Ok(message) => moved(message).map(Ok),
                Err(error) => Some(Err(engine.failed("listening to the engine's networks", &error))),
            };
            std::future::ready(moved)
        }))
    }

    fn listen(&self, labels: &[(&str, &str)], since: Option<Timestamp>) -> Events {
        let mut filters: HashMap<String, Vec<String>> = label_filter(labels);
        filters.insert("type".to_owned(), vec!["container".to_owned()]);
        let mut options = EventsOptionsBuilder::new().filters(&filters);
        if let Some(since) = since {
            options = options.since(&format!("{}.{:09}", since.seconds(), since.subsec_nanos()));
        }
        let engine = self.clone();
        let events = self.docker().events(Some(options.build()));
        Box::pin(events.map(move |item| match item {
            Ok(message) => Ok(read(message)),
            Err(error) => Err(engine.failed("listening to the engine's events", &error)),
        }))
    }
}

/// Whose networks changed.
fn moved(message: EventMessage) -> Option<String> {
    message.actor?.attributes?.remove("container")
}

fn read(message: EventMessage) -> EngineEvent {
    let nanos = message.time_nano.or_else(|| message.time.map(|seconds| seconds * 1_000_000_000));
    let actor = message.actor.unwrap_or_default();
    let mut labels: BTreeMap<String, String> = actor.attributes.unwrap_or_default().into_iter().collect();
    let exit_code = labels.remove("exitCode").or_else(|| labels.remove("containerExitCode"));
    let name = labels.remove("name").unwrap_or_default();
    for own in ["image", "signal", "execID", "execDuration"] {
        labels.remove(own);
    }
    let action = message.action.unwrap_or_default();
    let (word, rest) =
        action.split_once(':').map_or((action.as_str(), ""), |(word, rest)| (word, rest.trim()));
    let kind = match word {
        "create" => EventKind::Created,
        "start" => EventKind::Started,
        "die" | "died" => {
            EventKind::Died { exit_code: exit_code.and_then(|code| code.parse().ok()).unwrap_or(-1) }
        }
        "oom" => EventKind::Oom,
        "destroy" | "remove" => EventKind::Removed,
        "health_status" => match rest {
            "healthy" => EventKind::Health(Health::Healthy),
            "unhealthy" => EventKind::Health(Health::Unhealthy),
            _ => EventKind::Health(Health::Starting),
        },
        other => EventKind::Other(other.to_owned()),
    };
    EngineEvent { ts: Timestamp(nanos.unwrap_or(0)), id: actor.id.unwrap_or_default(), name, labels, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(action: &str, attributes: &str, kind: &EventKind) {
        let text = format!(
            r#"{{"Action":"{action}","Actor":{{"ID":"c1","Attributes":{{"name":"shop-db-1","a":"b"{attributes}}}}},"timeNano":5}}"#
        );
        let event = read(serde_json::from_str(&text).unwrap());
        assert_eq!(&event.kind, kind, "{action}");
        assert_eq!((event.id.as_str(), event.name.as_str(), event.ts), ("c1", "shop-db-1", Timestamp(5)));
        assert_eq!(event.labels, BTreeMap::from([("a".to_owned(), "b".to_owned())]));
    }

    #[test]
    fn of_a_networks_event_the_container_counts() {
        let text = r#"{"Type":"network","Action":"connect","Actor":{"ID":"n1","Attributes":{"container":"c7","name":"net","type":"bridge"}}}"#;
        assert_eq!(moved(serde_json::from_str(text).unwrap()).as_deref(), Some("c7"));
        assert_eq!(moved(serde_json::from_str(r#"{"Action":"connect"}"#).unwrap()), None);
    }

    #[test]
    fn reads_the_words_of_docker_and_podman() {
        check("create", r#","image":"x""#, &EventKind::Created);
        check("start", "", &EventKind::Started);
        check("die", r#","exitCode":"137""#, &EventKind::Died { exit_code: 137 });
        check("died", r#","containerExitCode":"1""#, &EventKind::Died { exit_code: 1 });
        check("destroy", "", &EventKind::Removed);
        check("remove", "", &EventKind::Removed);
        check("oom", "", &EventKind::Oom);
        check("health_status: unhealthy", "", &EventKind::Health(Health::Unhealthy));
        check("exec_create: sh -c true", r#","execID":"1""#, &EventKind::Other("exec_create".to_owned()));
    }
}
