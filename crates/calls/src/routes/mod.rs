//! Calls that ask the same thing of different things have one route: `GET /orders/{id}`.
//!
//! Ids are known by how they look ([`ids`]). What does not look like one is learnt from calls that were answered: of a
//! segment that took many values behind the same beginning, those that are hardly asked for and all that come are `{}`
//! from then on, and the routes that were told apart by them become one ([`learnt`]).

mod ids;
mod learnt;
mod tallies;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use model::exchange::Protocol;

use crate::inside;
pub(crate) use learnt::Learnt;
use learnt::is_placeholder;
pub(crate) use tallies::{OTHER, Tallies};

/// Segments behind so many are not looked at.
const DEEPEST: usize = 24;
/// What stands for all segments that follow.
const REST: &str = "…";

/// A segment that is no id.
#[derive(Debug, Clone, Copy)]
struct Segment<'b, 'o> {
    /// What stands before it, templated, its separator last.
    beginning: &'b str,
    /// Nothing stands before it.
    first: bool,
    text: &'o str,
    /// Something stands behind it.
    deeper: bool,
}

/// The template of a broker's place.
pub(crate) fn place(protocol: Protocol, name: &str) -> String {
    let operation = format!("- {name}");
    let template = each_segment(protocol, &operation, |segment| Some(segment.text.into()));
    template.get(2..).unwrap_or(name).to_owned()
}

/// The template of an operation, without anything learnt.
#[cfg(test)]
pub(crate) fn template(protocol: Protocol, operation: &str) -> String {
    each_segment(protocol, operation, |segment| Some(segment.text.into()))
}

/// Hands every segment that is no id to `word`, and puts what it says together again, up to where it says nothing.
fn each_segment<'o>(
    protocol: Protocol,
    operation: &'o str,
    mut word: impl FnMut(Segment<'_, 'o>) -> Option<Cow<'o, str>>,
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
            route.push_str(REST);
            return route;
        }
        if !segment.is_empty() {
            let beginning = route.get(object_at..).unwrap_or_default();
            match ids::template(segment) {
                Some(template) => route.push_str(&template),
                None if is_placeholder(segment) => route.push_str(segment),
                None => {
                    let deeper = behind.chars().count() > 1;
                    let asked = Segment { beginning, first: seen == 0, text: segment, deeper };
                    let known = word(asked);
                    route.push_str(known.as_deref().unwrap_or(REST));
                    if known.is_none() {
                        return route;
                    }
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
