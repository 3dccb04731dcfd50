//! What a capture is to do, and the way to change it while it runs.

use std::net::SocketAddr;

use model::exchange::Protocol;
use model::frame::{CapturedNetwork, ToCapture};
use tokio::sync::watch;

/// What a capture is to do. A guest that is reached again, or started anew, is told all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Orders {
    /// The bridges to watch, by interface name in the engine's network.
    pub bridges: Vec<String>,
    /// Bytes of each body to keep.
    pub body_limit: u32,
    /// What servers speak, where somebody knows it.
    pub protocols: Vec<(SocketAddr, Protocol)>,
}

impl Orders {
    /// The commands that tell it to a guest that was told `before`. Networks come last: the guest answers to them.
    pub(crate) fn commands(&self, before: Option<&Self>) -> Vec<ToCapture> {
        let mut commands = Vec::new();
        if before.is_none_or(|before| before.body_limit != self.body_limit) {
            commands.push(ToCapture::BodyLimit(self.body_limit));
        }
        if before.is_none_or(|before| before.protocols != self.protocols) {
            commands.push(ToCapture::Protocols(self.protocols.clone()));
        }
        if before.is_none_or(|before| before.bridges != self.bridges) {
            let network = |bridge: &String| CapturedNetwork { bridge: bridge.clone() };
            commands.push(ToCapture::Networks(self.bridges.iter().map(network).collect()));
        }
        commands
    }
}

/// A way to a running capture, for whoever does not own it.
#[derive(Debug, Clone)]
pub struct Remote {
    pub(crate) orders: watch::Sender<Orders>,
}

impl Remote {
    /// Changes what the capture is to do. It is told so when it is reached, and not waited for.
    pub fn order(&self, change: impl FnOnce(&mut Orders)) {
        self.orders.send_if_modified(|orders| {
            let before = orders.clone();
            change(orders);
            *orders != before
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_told_what_it_does_not_know() {
        let first = Orders { bridges: vec!["br-a".to_owned()], body_limit: 7, protocols: Vec::new() };
        let network = ToCapture::Networks(vec![CapturedNetwork { bridge: "br-a".to_owned() }]);
        let all = [ToCapture::BodyLimit(7), ToCapture::Protocols(Vec::new()), network];
        assert_eq!(first.commands(None), all);
        assert_eq!(first.commands(Some(&first)), []);
        let told = vec![(([10, 0, 0, 1], 5433).into(), Protocol::Postgres)];
        let then = Orders { protocols: told.clone(), ..first.clone() };
        assert_eq!(then.commands(Some(&first)), [ToCapture::Protocols(told)]);
    }
}
