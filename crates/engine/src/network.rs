//! Networks.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bollard::models::{Ipam, NetworkCreateRequest};
use bollard::query_parameters::{InspectNetworkOptions, ListNetworksOptionsBuilder};

use crate::facts::to_sorted;
use crate::{Engine, EngineError};

const BRIDGE_OPTION: &str = "com.docker.network.bridge.name";
/// Says the bridge's interface where the engine does not.
const BRIDGE_LABEL: &str = "dev.shoal.bridge";

/// One network of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkFacts {
    /// The engine's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The bridge's interface on the engine's machine.
    pub bridge: String,
    /// Subnets in CIDR notation.
    pub subnets: Vec<String>,
    /// The engine's own addresses on it.
    pub gateways: Vec<IpAddr>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    /// The network of this name, made as a bridge with these labels when it is not there.
    pub async fn ensure_network(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<NetworkFacts, EngineError> {
        if let Some(network) = self.network(name).await? {
            return Ok(network);
        }
        let mut labels: Strings = labels.clone().into_iter().collect();
        let mut options = Strings::new();
        if self.version().podman {
            // It names bridges by a number of its own and tells it to nobody who asks in Docker's words.
            let bridge = bridge_of(name);
            options.insert(BRIDGE_OPTION.to_owned(), bridge.clone());
            labels.insert(BRIDGE_LABEL.to_owned(), bridge);
        }
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            labels: Some(labels),
            options: Some(options),
            ..NetworkCreateRequest::default()
        };
        let made = self.docker().create_network(request).await;
        // A conflict means that somebody else made it meanwhile.
        match made.map_err(|error| self.failed(&format!("creating network `{name}`"), &error)) {
            Ok(_) | Err(EngineError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        self.network(name).await?.ok_or_else(|| EngineError::NotFound { what: format!("network `{name}`") })
    }

    /// The network of this name.
    pub async fn network(&self, name: &str) -> Result<Option<NetworkFacts>, EngineError> {
        let answer = self.docker().inspect_network(name, None::<InspectNetworkOptions>).await;
        match answer.map_err(|error| self.failed(&format!("looking at network `{name}`"), &error)) {
            // An id's beginning finds a network too; only the name counts here.
            Ok(found) if found.name.as_deref() == Some(name) => {
                Ok(Some(read(found.id, found.name, found.ipam, found.options, found.labels)))
            }
            Ok(_) | Err(EngineError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What `host-gateway` stands for in `extra_hosts`: the gateways of the engine's own network, which Docker calls
    /// `bridge` and Podman `podman`. None where the engine has no such network.
    pub async fn host_gateways(&self) -> Result<Vec<IpAddr>, EngineError> {
        for name in ["bridge", "podman"] {
            if let Some(found) = self.network(name).await? {
                return Ok(found.gateways);
            }
        }
        Ok(Vec::new())
    }

    /// The addresses that a container has in a network. They are told from the moment on that its start is begun,
    /// which is before its first process runs; a look at the container itself has to wait for the end of its start.
    pub async fn addresses_in(&self, network: &str, container: &str) -> Result<Vec<IpAddr>, EngineError> {
        let answer = self.docker().inspect_network(network, None::<InspectNetworkOptions>).await;
        let found =
            answer.map_err(|error| self.failed(&format!("looking at network `{network}`"), &error))?;
        let Some(member) = found.containers.and_then(|mut all| all.remove(container)) else {
            return Ok(Vec::new());
        };
        let told = [member.ipv4_address, member.ipv6_address].into_iter().flatten();
        Ok(told.filter_map(|address| address.split('/').next()?.parse().ok()).collect())
    }

    /// Removes a network; one that is not there is no error.
    pub async fn remove_network(&self, name: &str) -> Result<(), EngineError> {
        let answer = self.docker().remove_network(name).await;
        match answer.map_err(|error| self.failed(&format!("removing network `{name}`"), &error)) {
            Err(EngineError::NotFound { .. }) => Ok(()),
            other => other,
        }
    }

    /// Every network that has all these labels.
    pub async fn networks(&self, labels: &[(&str, &str)]) -> Result<Vec<NetworkFacts>, EngineError> {
        let options = ListNetworksOptionsBuilder::new().filters(&label_filter(labels)).build();
        let found = self.docker().list_networks(Some(options)).await;
        let found = found.map_err(|error| self.failed("listing networks", &error))?;
        Ok(found.into_iter().map(|n| read(n.id, n.name, n.ipam, n.options, n.labels)).collect())
    }
}

/// A name for a network's bridge; an interface's name has at most 15 bytes.
fn bridge_of(network: &str) -> String {
    format!("sh-{:012x}", model::hash::fnv1a(network.as_bytes()) & 0xffff_ffff_ffff)
}

type Strings = std::collections::HashMap<String, String>;

fn read(
    id: Option<String>,
    name: Option<String>,
    ipam: Option<Ipam>,
    options: Option<Strings>,
    labels: Option<Strings>,
) -> NetworkFacts {
    let id = id.unwrap_or_default();
    let bridge = options
        .and_then(|mut o| o.remove(BRIDGE_OPTION))
        .or_else(|| labels.as_ref()?.get(BRIDGE_LABEL).cloned())
        .unwrap_or_else(|| format!("br-{}", id.get(..12).unwrap_or(&id)));
    let parts = ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    NetworkFacts {
        bridge,
        subnets: parts.iter().filter_map(|part| part.subnet.clone()).collect(),
        gateways: parts
            .iter()
            // Some engines give the gateway with its prefix length.
            .filter_map(|part| part.gateway.as_deref()?.split('/').next()?.parse().ok())
            .collect(),
        labels: to_sorted(labels),
        name: name.unwrap_or_default(),
        id,
    }
}

/// The engine's filter for things that have all these labels.
pub(crate) fn label_filter(labels: &[(&str, &str)]) -> std::collections::HashMap<String, Vec<String>> {
    let pairs = labels.iter().map(|(k, v)| if v.is_empty() { (*k).to_owned() } else { format!("{k}={v}") });
    std::collections::HashMap::from([("label".to_owned(), pairs.collect())])
}
