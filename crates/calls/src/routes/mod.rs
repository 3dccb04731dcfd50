//! Calls that ask the same thing of different things have one route: `GET /orders/{id}`.
//!
//! Ids are known by how they look ([`ids`]). What does not look like one is learnt: a segment that took many values
//! behind the same beginning is `{}` from then on, and the routes that were told apart by it become one.

mod ids;
mod tallies;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use model::exchange::Protocol;

use crate::inside;
use crate::names::ServiceId;

pub(crate) use tallies::{OTHER, Tallies};

/// So many values of a segment are words of an interface; with one more they are values.
const VALUES: usize = 12;
/// The first segment tells the parts of an interface apart, of which there may be more.
const FIRST_VALUES: usize = 40;
/// So many beginnings are remembered, and then no more are learnt.
const BEGINNINGS: usize = 4096;
/// Segments behind so many are not looked at.
const DEEPEST: usize = 24;
/// What stands for a segment that took many values.
const ANY: &str = "{}";

/// What was learnt about the segments of each callee's paths, keys and topics.
#[derive(Debug, Default)]
pub(crate) struct Learnt {
    beginnings: HashMap<(ServiceId, String), Values>,
}

#[derive(Debug)]
enum Values {
    Words(HashSet<Box<str>>),
    Many,
}

/// A call's route, and whether earlier routes to the same callee are no longer what they were.
#[derive(Debug)]
pub(crate) struct Learning {
    pub(crate) route: String,
    pub(crate) news: bool,
}

impl Learnt {
    /// The route of a call to `to`; what its segments say is remembered.
    pub(crate) fn learn(&mut self, to: ServiceId, protocol: Protocol, operation: &str) -> Learning {
        let mut news = false;
        let route = each_segment(protocol, operation, |beginning, first, segment| {
            self.remember(to, beginning, first, segment, &mut news)
        });
        Learning { route, news }
    }

    /// The route as it is called now.
    pub(crate) fn again(&self, to: ServiceId, protocol: Protocol, route: &str) -> String {
        each_segment(protocol, route, |beginning, _, segment| {
            let key = (to, beginning.to_owned());
            let many = matches!(self.beginnings.get(&key), Some(Values::Many));
            if many { ANY.into() } else { segment.into() }
        })
    }

    fn remember<'s>(
        &mut self,
        to: ServiceId,
        beginning: &str,
        first: bool,
        segment: &'s str,
        news: &mut bool,
    ) -> Cow<'s, str> {
        let key = (to, beginning.to_owned());
        let room = self.beginnings.len() < BEGINNINGS;
        let words = match self.beginnings.get_mut(&key) {
            Some(Values::Many) => return ANY.into(),
            Some(Values::Words(words)) => words,
            None if !room => return segment.into(),
            None => match self.beginnings.entry(key.clone()).or_insert(Values::Words(HashSet::new())) {
                Values::Many => return ANY.into(),
                Values::Words(words) => words,
            },
        };
        if words.contains(segment) {
            return segment.into();
        }
        if words.len() < if first { FIRST_VALUES } else { VALUES } {
            words.insert(segment.into());
            return segment.into();
        }
        // What was learnt behind each of the values is learnt anew behind all of them.
        self.beginnings.retain(|(service, known), _| {
            *service != to || known.len() <= beginning.len() || !known.starts_with(beginning)
        });
        self.beginnings.insert(key, Values::Many);
        *news = true;
        ANY.into()
    }
}

/// The template of a broker's place.
pub(crate) fn place(protocol: Protocol, name: &str) -> String {
    let operation = format!("- {name}");
    let template = each_segment(protocol, &operation, |_, _, segment| segment.into());
    template.get(2..).unwrap_or(name).to_owned()
}

/// The template of an operation, without anything learnt.
#[cfg(test)]
pub(crate) fn template(protocol: Protocol, operation: &str) -> String {
    each_segment(protocol, operation, |_, _, segment| segment.into())
}

/// Hands every segment that is no id to `word`, with what stands before it (templated, its separator last) and whether
/// it is the first one; puts everything together again.
fn each_segment<'o>(
    protocol: Protocol,
    operation: &'o str,
    mut word: impl FnMut(&str, bool, &'o str) -> Cow<'o, str>,
) -> String {
    let separators: &[char] = match protocol {
        Protocol::Http1 | Protocol::Http2 if inside::is_name(operation) => return operation.to_owned(),
        Protocol::Http1 | Protocol::Http2 | Protocol::WebSocket => &['/'],
        Protocol::Redis => &[':', '/', '|', ' '],
        Protocol::Kafka | Protocol::Amqp | Protocol::Nats => &['.', '/', ':', ' '],
        Protocol::Mqtt => &['/', ' '],
        // Names of methods, tables and hosts are words already.
        Protocol::Grpc
        | Protocol::Postgres
        | Protocol::Mysql
        | Protocol::Mongodb
        | Protocol::Dns
        | Protocol::Tls
        | Protocol::Tcp => return operation.to_owned(),
    };
    let Some((verb, object)) = operation.split_once(' ') else { return operation.to_owned() };
    let mut route = format!("{verb} ");
    // What is learnt does not depend on the verb.
    let object_at = route.len();
    let (mut rest, mut seen) = (object, 0);
    loop {
        let end = rest.find(separators).unwrap_or(rest.len());
        let (segment, behind) = rest.split_at(end);
        if seen > DEEPEST {
            route.push('…');
            return route;
        }
        if !segment.is_empty() {
            let beginning = route.get(object_at..).unwrap_or_default();
            match ids::template(segment) {
                Some(template) => route.push_str(&template),
                None if segment.starts_with('{') => route.push_str(segment),
                None => {
                    let known = word(beginning, seen == 0, segment);
                    route.push_str(&known);
                }
            }
            seen += 1;
        }
        let mut letters = behind.chars();
        let Some(separator) = letters.next() else { return route };
        route.push(separator);
        rest = letters.as_str();
    }
}
