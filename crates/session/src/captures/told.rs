//! What captures are told: the same to all of them, and what depends on where each listens.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, MutexGuard};

use capture::{Orders, Remote, Secrets};
use engine::NetworkFacts;
use model::plan::Plan;

use super::Post;
use crate::jobs::now;
use crate::shared::{Shared, locked};

/// What is to be heard and kept, and the ways to those who hear.
#[derive(Default)]
pub(crate) struct Hearing {
    /// All but what servers speak, which depends on their addresses.
    orders: Orders,
    secrets: Secrets,
    remotes: BTreeMap<Post, Remote>,
    /// The bridge of the stack's own network.
    own: Option<String>,
    /// Other networks that containers are on, by name; `None` while one is looked for.
    others: BTreeMap<String, Option<NetworkFacts>>,
    /// The networks that containers are on.
    on: HashMap<String, Vec<String>>,
}

impl Hearing {
    fn follow(&mut self, plan: &Plan) {
        self.orders.body_limit = u32::try_from(plan.calls.body_limit).unwrap_or(u32::MAX);
        self.orders.packets = u32::try_from(plan.calls.packets).unwrap_or(u32::MAX);
        self.expect_secrets(!plan.calls.tls_keys.is_empty());
    }

    fn expect_secrets(&mut self, expected: bool) {
        self.orders.secrets = expected.then(|| Arc::new(self.secrets.clone()));
    }

    fn find_bridges(&mut self) {
        let on: BTreeSet<&String> = self.on.values().flatten().collect();
        self.others.retain(|network, _| on.contains(network));
        let others = self.others.values().flatten().map(|network| &network.bridge);
        let bridges: BTreeSet<&String> = others.chain(&self.own).collect();
        self.orders.bridges = bridges.into_iter().cloned().collect();
    }
}

impl Shared {
    /// There is a capture at this post now, or none any more.
    pub(crate) fn set_remote(&self, post: &Post, remote: Option<Remote>) {
        let mut hearing = locked(&self.hearing);
        match remote {
            Some(remote) => drop(hearing.remotes.insert(post.clone(), remote)),
            None => drop(hearing.remotes.remove(post)),
        }
        drop(hearing);
        self.tell_captures();
    }

    /// The way to the capture at this post, if there is one.
    pub(crate) fn remote(&self, post: &Post) -> Option<Remote> {
        locked(&self.hearing).remotes.get(post).cloned()
    }

    /// What the capture at this post is to do now.
    pub(crate) fn orders_of(&self, post: &Post) -> Orders {
        self.orders(&locked(&self.hearing), post)
    }

    /// The captures are to go by this manifest from now on.
    pub(crate) fn order_captures(&self, plan: &Plan) {
        self.key_logs.send_replace(plan.calls.tls_keys.clone());
        locked(&self.hearing).follow(plan);
        self.tell_captures();
    }

    /// What a key log says goes on to the captures, now or when there are some.
    pub(crate) fn tell_secrets(&self, text: &[u8]) {
        let mut hearing = locked(&self.hearing);
        hearing.secrets.add(text);
        let expected = hearing.orders.secrets.is_some();
        hearing.expect_secrets(expected);
        drop(hearing);
        self.tell_captures();
    }

    /// The stack's own network has this bridge.
    pub(crate) fn stands_on(&self, bridge: String) {
        let mut hearing = locked(&self.hearing);
        hearing.own = Some(bridge);
        self.find_bridges(hearing);
    }

    /// A container runs on these networks, or none any more. Whoever is told of one must look for its bridge, and
    /// [tell it](Self::found_network).
    pub(crate) fn is_on(&self, container: &str, networks: Vec<String>) -> Vec<String> {
        let own = &self.whose.stack;
        let mut hearing = locked(&self.hearing);
        let others: Vec<String> = networks.into_iter().filter(|network| network != own).collect();
        let unknown: Vec<String> =
            others.iter().filter(|network| !hearing.others.contains_key(*network)).cloned().collect();
        hearing.others.extend(unknown.iter().map(|network| (network.clone(), None)));
        if others.is_empty() {
            hearing.on.remove(container);
        } else {
            hearing.on.insert(container.to_owned(), others);
        }
        self.find_bridges(hearing);
        unknown
    }

    /// A network was looked at; one that was not found is asked for again when a container is next looked at.
    pub(crate) fn found_network(&self, name: &str, found: Option<NetworkFacts>) {
        let mut hearing = locked(&self.hearing);
        match found {
            Some(found) => {
                if let Some(known) = hearing.others.get_mut(name) {
                    *known = Some(found);
                }
            }
            None => drop(hearing.others.remove(name)),
        }
        self.find_bridges(hearing);
    }

    /// Hears what there is to be heard now.
    fn find_bridges(&self, mut hearing: MutexGuard<'_, Hearing>) {
        hearing.find_bridges();
        let others = hearing.others.values().flatten().flat_map(|network| &network.subnets);
        self.calls().names_mut().shared_subnets(others.map(String::as_str));
        drop(hearing);
        self.tell_captures();
    }

    /// Tells captures what they do not know yet, such as what servers speak at the addresses that they have now.
    pub(crate) fn tell_captures(&self) {
        // Held until all are told, so that nobody is told what was so before.
        let hearing = locked(&self.hearing);
        for (post, remote) in &hearing.remotes {
            let orders = self.orders(&hearing, post);
            remote.order(|told| *told = orders);
        }
    }

    fn orders(&self, hearing: &Hearing, post: &Post) -> Orders {
        let calls = self.calls();
        let mut protocols = calls.protocols(now());
        let bridges = match post {
            Post::Networks => hearing.orders.bridges.clone(),
            Post::Loopback(service) => {
                protocols.extend(calls.loopback_protocols(service));
                Vec::new()
            }
        };
        Orders { protocols, bridges, ..hearing.orders.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bridges(hearing: &mut Hearing) -> Vec<String> {
        hearing.find_bridges();
        hearing.orders.bridges.clone()
    }

    #[test]
    fn a_network_is_heard_as_long_as_somebody_is_on_it() {
        let mut hearing = Hearing { own: Some("br-own".to_owned()), ..Hearing::default() };
        assert_eq!(bridges(&mut hearing), ["br-own"]);
        hearing.on = HashMap::from([("c1".to_owned(), vec!["second".to_owned()])]);
        hearing.others.insert("second".to_owned(), None);
        assert_eq!(bridges(&mut hearing), ["br-own"], "its bridge is looked for");
        let second = NetworkFacts {
            id: "n2".to_owned(),
            name: "second".to_owned(),
            bridge: "br-2".to_owned(),
            subnets: Vec::new(),
            gateways: Vec::new(),
            labels: BTreeMap::new(),
        };
        hearing.others.insert("second".to_owned(), Some(second));
        assert_eq!(bridges(&mut hearing), ["br-2", "br-own"]);
        hearing.on.clear();
        assert_eq!(bridges(&mut hearing), ["br-own"]);
        assert!(hearing.others.is_empty(), "one of the same name may have another bridge");
    }
}
