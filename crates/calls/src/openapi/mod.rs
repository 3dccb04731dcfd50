//! What a service offers, by what it was asked: an OpenAPI 3.1 document.
//!
//! Paths are the routes that calls have, parameters and bodies what was seen in them; a field is required when every
//! object had it. Nothing that was sent is in the document: no examples, no values. What was hidden may be anything.

mod formats;
mod multipart;
mod operation;
mod params;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use model::call::{Call, OUTSIDE};
use model::exchange::Protocol;
use serde_json::{Map, Value, json};

use crate::inside;
use operation::Operation;
use params::Names;

/// Methods that a document has a place for.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// What is known of services' interfaces. It grows by [`add`](Self::add), a call at a time, in any order.
#[derive(Debug, Default)]
pub struct Interfaces {
    services: BTreeMap<String, Interface>,
}

#[derive(Debug, Default)]
struct Interface {
    ports: BTreeSet<u16>,
    /// By path, its parameters nameless.
    paths: BTreeMap<String, Path>,
}

#[derive(Debug, Default)]
struct Path {
    /// What routes call each of its parameters.
    names: Vec<Names>,
    operations: BTreeMap<&'static str, Operation>,
}

impl Interfaces {
    /// Learns from a call, if it is HTTP to a service and no background.
    pub fn add(&mut self, call: &Call) {
        let http = matches!(call.protocol, Protocol::Http1 | Protocol::Http2);
        if !http || call.background.is_some() || call.to.service == OUTSIDE {
            return;
        }
        // What is named by its body is asked of one path all the same.
        let named = inside::is_name(&call.route);
        let asked = if named { Some((&*call.method, &*call.path)) } else { call.route.split_once(' ') };
        let Some((method, template)) = asked else { return };
        let method = METHODS.into_iter().find(|known| known.eq_ignore_ascii_case(method));
        let (Some(method), true) = (method, template.starts_with('/')) else { return };
        if !self.services.contains_key(&call.to.service) {
            self.services.insert(call.to.service.clone(), Interface::default());
        }
        let Some(interface) = self.services.get_mut(&call.to.service) else { return };
        interface.ports.insert(call.to.addr.port());
        let (path, names) = params::nameless(template);
        let path = interface.paths.entry(path).or_default();
        path.names.resize_with(names.len(), Names::default);
        for (given, name) in path.names.iter_mut().zip(names) {
            *given.entry(name.to_owned()).or_default() += 1;
        }
        path.operations.entry(method).or_default().add(call, template);
    }

    /// The services of which something is known, each with its document.
    pub fn documents(&self) -> impl Iterator<Item = (&str, Value)> {
        self.services.iter().map(|(name, interface)| (name.as_str(), interface.document(name)))
    }
}

impl Interface {
    fn document(&self, name: &str) -> Value {
        let mut paths = Map::new();
        for (path, Path { names, operations }) in &self.paths {
            let names = params::choose(names);
            // What answers only that it is not there is no part of an interface.
            let offered = operations.iter().filter(|(_, operation)| operation.is_offered());
            let item: Map<String, Value> = offered
                .map(|(method, operation)| ((*method).to_owned(), operation.describe(&names)))
                .collect();
            if !item.is_empty() {
                paths.insert(params::named(path, &names), Value::Object(item));
            }
        }
        let servers: Vec<Value> =
            self.ports.iter().map(|port| json!({ "url": format!("http://{name}:{port}") })).collect();
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": name,
                "version": "0",
                "description": "Inferred by Shoal from the calls that it saw. What nobody asked for is not here.",
            },
            "servers": servers,
            "paths": paths,
        })
    }
}
