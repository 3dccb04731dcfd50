//! What a capture is to do, and the way to change it while it runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use model::exchange::Protocol;
use model::frame::{CapturedNetwork, ToCapture};
use model::packets::{Packets, PacketsAsk, PacketsOf};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

/// How long the guest may take to answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// What a capture is to do. A guest that is reached again, or started anew, is told all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Orders {
    /// The bridges to watch, by interface name in the engine's network.
    pub bridges: Vec<String>,
    /// Bytes of each body to keep.
    pub body_limit: u32,
    /// What servers speak, where somebody knows it.
    pub protocols: Vec<(SocketAddr, Protocol)>,
    /// Secrets of TLS connections; `None` where none are expected.
    pub secrets: Option<Arc<Secrets>>,
    /// How many bytes of the newest packets to keep, for [`Remote::packets`].
    pub packets: u32,
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
        if let Some(secrets) = &self.secrets {
            let before = before.and_then(|before| before.secrets.as_ref());
            if before.is_none_or(|before| before != secrets) {
                commands.push(ToCapture::TlsKeys(secrets.since(before.map_or(0, |before| before.end()))));
            }
        }
        if before.is_none_or(|before| before.packets != self.packets) {
            commands.push(ToCapture::KeepPackets(self.packets));
        }
        if before.is_none_or(|before| before.bridges != self.bridges) {
            let network = |bridge: &String| CapturedNetwork { bridge: bridge.clone() };
            commands.push(ToCapture::Networks(self.bridges.iter().map(network).collect()));
        }
        commands
    }
}

/// The newest lines of key logs, one log after the other; the oldest go first.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secrets {
    text: Vec<u8>,
    /// How many bytes there were before.
    gone: u64,
}

impl Secrets {
    /// So much is told again to a guest that is started anew, in bytes: two thousand connections or so.
    const LIMIT: usize = 512 * 1024;

    /// Takes more.
    pub fn add(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
        let over = self.text.len().saturating_sub(Self::LIMIT);
        self.text.drain(..over);
        self.gone += over as u64;
    }

    fn end(&self) -> u64 {
        self.gone + self.text.len() as u64
    }

    /// What was added since there were so many bytes.
    fn since(&self, end: u64) -> Vec<u8> {
        let from = usize::try_from(end.saturating_sub(self.gone)).unwrap_or(usize::MAX);
        self.text.get(from..).unwrap_or_default().to_vec()
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}

/// A way to a running capture, for whoever does not own it.
#[derive(Debug, Clone)]
pub struct Remote {
    pub(crate) orders: watch::Sender<Orders>,
    pub(crate) asks: mpsc::Sender<Asked>,
}

/// A question, and who waits for its answer.
pub(crate) type Asked = (PacketsAsk, oneshot::Sender<Packets>);

impl Remote {
    /// Changes what the capture is to do. It is told so when it is reached, and not waited for.
    pub fn order(&self, change: impl FnOnce(&mut Orders)) {
        self.orders.send_if_modified(|orders| {
            let before = orders.clone();
            change(orders);
            *orders != before
        });
    }

    /// A page of the packets that the guest still has; `None` when it cannot be reached now.
    pub async fn packets(&self, from: Option<u64>, since: Timestamp, of: PacketsOf) -> Option<Packets> {
        let (answer, answered) = oneshot::channel();
        // Whoever sends it on gives it its number.
        let ask = PacketsAsk { ask: 0, from, since, of };
        self.asks.send((ask, answer)).await.ok()?;
        timeout(ANSWERED_WITHIN, answered).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_told_what_it_does_not_know() {
        let first =
            Orders { bridges: vec!["br-a".to_owned()], body_limit: 7, packets: 9, ..Orders::default() };
        let network = ToCapture::Networks(vec![CapturedNetwork { bridge: "br-a".to_owned() }]);
        let all =
            [ToCapture::BodyLimit(7), ToCapture::Protocols(Vec::new()), ToCapture::KeepPackets(9), network];
        assert_eq!(first.commands(None), all);
        assert_eq!(first.commands(Some(&first)), []);
        let told = vec![(([10, 0, 0, 1], 5433).into(), Protocol::Postgres)];
        let then = Orders { protocols: told.clone(), ..first.clone() };
        assert_eq!(then.commands(Some(&first)), [ToCapture::Protocols(told)]);
    }

    #[test]
    fn of_secrets_only_what_is_new_is_told() {
        let with = |text: &[u8], before: &Secrets| {
            let mut secrets = before.clone();
            secrets.add(text);
            (Orders { secrets: Some(Arc::new(secrets.clone())), ..Orders::default() }, secrets)
        };
        let none = Orders::default();
        let (expected, secrets) = with(b"", &Secrets::default());
        let (one, secrets) = with(b"one\n", &secrets);
        let (two, secrets) = with(b"two\n", &secrets);
        let (many, _) = with(&vec![b'x'; Secrets::LIMIT], &secrets);
        let told = |text: &[u8]| [ToCapture::TlsKeys(text.to_vec())];
        assert_eq!(expected.commands(Some(&none)), told(b""));
        assert_eq!(one.commands(Some(&expected)), told(b"one\n"));
        assert_eq!(two.commands(Some(&one)), told(b"two\n"));
        assert_eq!(two.commands(Some(&two)), []);
        assert_eq!(two.commands(Some(&none)), told(b"one\ntwo\n"));
        assert_eq!(many.commands(Some(&two)), told(&vec![b'x'; Secrets::LIMIT]));
        assert_eq!(none.commands(Some(&two)), []);
    }
}
