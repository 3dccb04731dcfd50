//! What is known of servers, found out or told: which protocol their bytes are read as.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use model::exchange::Protocol;

use crate::detect::Spoken;

/// How many servers are remembered.
const SERVERS_LIMIT: usize = 4096;
/// How many names are remembered for all servers, and of what length.
const NAMES_LIMIT: usize = 8192;
const NAME_LIMIT: usize = 256;

/// What a server's bytes are read as.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    /// As what they prove to be.
    Anything,
    /// Other connections spoke this: half a proof is enough where the beginning was not seen.
    Perhaps(Protocol),
    /// Somebody who knows has said so.
    Surely(&'static Spoken),
    /// Somebody who knows does not want them read.
    Unread,
}

impl Expected {
    /// Whether a server of whom this is expected may speak it.
    pub(crate) fn allows(self, spoken: &Spoken) -> bool {
        match self {
            Self::Anything | Self::Perhaps(_) => true,
            Self::Surely(told) => told.protocol == spoken.protocol,
            Self::Unread => false,
        }
    }

    /// What is expected within TLS: what is told, which is not found out on other connections' outsides.
    pub(crate) fn within_tls(self) -> Self {
        match self {
            Self::Surely(told) if told.protocol != Protocol::Tls => self,
            Self::Unread => self,
            Self::Surely(_) | Self::Perhaps(_) | Self::Anything => Self::Anything,
        }
    }

    /// Whether half a proof is enough in the middle of a connection.
    pub(crate) fn favours(self, spoken: &Spoken) -> bool {
        match self {
            Self::Perhaps(protocol) => protocol == spoken.protocol,
            Self::Surely(told) => told.protocol == spoken.protocol,
            Self::Anything | Self::Unread => false,
        }
    }
}

/// What servers were found to speak: what makes a connection that is older than the capture readable at once. And what
/// they call things that other connections name by a number that is unique in the world.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    protocols: HashMap<SocketAddr, Protocol>,
    told: HashMap<SocketAddr, Protocol>,
    names: HashMap<[u8; 16], String>,
}

impl Servers {
    pub(crate) fn learn(&mut self, server: SocketAddr, spoken: &Spoken) {
        if self.protocols.len() >= SERVERS_LIMIT {
            self.protocols.clear();
        }
        self.protocols.insert(server, spoken.protocol);
    }

    /// Takes what somebody knows of servers, in place of what was said before. Returns those of whom something else
    /// was said before, or nothing.
    pub(crate) fn tell(&mut self, told: HashMap<SocketAddr, Protocol>) -> HashSet<SocketAddr> {
        let before = std::mem::replace(&mut self.told, told);
        let both = before.keys().chain(self.told.keys()).copied();
        both.filter(|server| before.get(server) != self.told.get(server)).collect()
    }

    pub(crate) fn is_known(&self, server: &SocketAddr) -> bool {
        self.told.contains_key(server) || self.protocols.contains_key(server)
    }

    pub(crate) fn expected(&self, server: &SocketAddr) -> Expected {
        if let Some(told) = self.told.get(server) {
            return Spoken::of(*told).map_or(Expected::Unread, Expected::Surely);
        }
        self.protocols.get(server).map_or(Expected::Anything, |found| Expected::Perhaps(*found))
    }

    pub(crate) fn learn_name(&mut self, id: [u8; 16], name: &str) {
        if self.names.len() >= NAMES_LIMIT && !self.names.contains_key(&id) {
            self.names.clear();
        }
        if name.len() <= NAME_LIMIT {
            self.names.insert(id, name.to_owned());
        }
    }

    pub(crate) fn name(&self, id: &[u8; 16]) -> Option<&str> {
        self.names.get(id).map(String::as_str)
    }
}
