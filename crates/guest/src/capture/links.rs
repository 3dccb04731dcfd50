//! Which interface is whose: the stack's bridges, their ports, and all others; or loopback alone.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;

use super::filter::Rules;

/// An interface that is no port may become one a moment after it was made: it is refused in the kernel only when it
/// was seen alone so often.
const SEEN_ALONE: u32 = 4;
/// How soon the list is read again for packets of an interface that it lacks.
const AGAIN_AFTER: Duration = Duration::from_millis(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bridge {
        wanted: bool,
    },
    Port {
        wanted: bool,
    },
    /// The loopback interface where it is to be heard.
    Loopback,
    /// None of these, and how often it was seen so.
    Alone(u32),
}

/// The interfaces of the engine's network namespace, as they were when last read.
#[derive(Debug)]
pub(super) struct Links {
    root: PathBuf,
    wanted: Vec<String>,
    loopback: bool,
    kinds: HashMap<u32, Kind, RandomState>,
    read_at: Option<Instant>,
}

impl Links {
    /// Reads them from `root`, which is `/sys/class/net` but in tests.
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, wanted: Vec::new(), loopback: false, kinds: HashMap::default(), read_at: None }
    }

    /// Hears loopback, and no bridge: whoever listens there has the bridges' packets from elsewhere.
    pub(super) fn want_loopback(&mut self) {
        self.loopback = true;
    }

    /// Names the stack's bridges; those that do not exist yet count once they do.
    pub(super) fn want(&mut self, bridges: Vec<String>) {
        self.wanted = bridges;
    }

    pub(super) fn refresh(&mut self, now: Instant) -> io::Result<()> {
        let mut kinds = HashMap::default();
        for entry in fs::read_dir(&self.root)? {
            let path = entry?.path();
            // An interface may go while it is read.
            if let Some((index, kind)) = self.read(&path) {
                kinds.insert(index, kind);
            }
        }
        self.kinds = kinds;
        self.read_at = Some(now);
        Ok(())
    }

    /// Whether a packet of this interface is the stack's, heard where it comes in.
    pub(super) fn wants(&mut self, interface: u32, outgoing: bool, now: Instant) -> bool {
        let known = self.kinds.get(&interface);
        let settled = matches!(known, Some(Kind::Bridge { .. } | Kind::Port { .. } | Kind::Loopback));
        let stale = self.read_at.is_none_or(|at| now.saturating_duration_since(at) >= AGAIN_AFTER);
        if !settled && stale && self.refresh(now).is_err() {
            return false;
        }
        match self.kinds.get(&interface) {
            Some(Kind::Bridge { wanted }) => *wanted && outgoing,
            // What goes over loopback is heard as it leaves and as it comes in.
            Some(Kind::Port { wanted }) => *wanted && !outgoing,
            Some(Kind::Loopback) => !outgoing,
            Some(Kind::Alone(_)) | None => false,
        }
    }

    /// What the kernel can tell apart by itself.
    pub(super) fn rules(&self) -> Rules {
        let mut rules = Rules::default();
        for (index, kind) in &self.kinds {
            match kind {
                Kind::Bridge { wanted: true } => rules.bridges.push(*index),
                Kind::Bridge { wanted: false } | Kind::Port { wanted: false } => rules.refused.push(*index),
                Kind::Alone(times) if *times >= SEEN_ALONE => rules.refused.push(*index),
                Kind::Loopback => rules.loopback = Some(*index),
                Kind::Port { wanted: true } | Kind::Alone(_) => {}
            }
        }
        rules.refused.sort_unstable();
        rules.bridges.sort_unstable();
        rules
    }

    fn read(&self, path: &Path) -> Option<(u32, Kind)> {
        let index: u32 = fs::read_to_string(path.join("ifindex")).ok()?.trim().parse().ok()?;
        let name = path.file_name()?.to_str()?;
        if self.loopback && name == "lo" {
            return Some((index, Kind::Loopback));
        }
        let wants = |name: &str| !self.loopback && self.wanted.iter().any(|wanted| wanted == name);
        if path.join("bridge").is_dir() {
            return Some((index, Kind::Bridge { wanted: wants(name) }));
        }
        if let Ok(master) = fs::read_link(path.join("master")) {
            let wanted = master.file_name().and_then(|name| name.to_str()).is_some_and(wants);
            return Some((index, Kind::Port { wanted }));
        }
        // Loopback and hardware never become ports of an engine's bridge.
        if name == "lo" || path.join("device").exists() {
            return Some((index, Kind::Alone(SEEN_ALONE)));
        }
        let before = match self.kinds.get(&index) {
            Some(Kind::Alone(times)) => *times,
            Some(Kind::Bridge { .. } | Kind::Port { .. } | Kind::Loopback) | None => 0,
        };
        Some((index, Kind::Alone(before.saturating_add(1))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    struct Net(TempDir);

    impl Net {
        fn add(&self, name: &str, index: u32) -> PathBuf {
            let path = self.0.path().join(name);
            fs::create_dir_all(&path).unwrap();
            fs::write(path.join("ifindex"), format!("{index}\n")).unwrap();
            path
        }

        fn bridge(&self, name: &str, index: u32) {
            fs::create_dir(self.add(name, index).join("bridge")).unwrap();
        }

        fn port(&self, name: &str, index: u32, of: &str) {
            let path = self.add(name, index);
            symlink(format!("../{of}"), path.join("master")).unwrap();
        }
    }

    fn net() -> (Net, Links) {
        let net = Net(TempDir::new().unwrap());
        let mut links = Links::new(net.0.path().to_owned());
        links.want(vec!["br-a".to_owned(), "br-later".to_owned()]);
        net.add("lo", 1);
        fs::create_dir(net.add("eth0", 2).join("device")).unwrap();
        net.bridge("br-a", 3);
        net.bridge("br-b", 4);
        net.port("veth-a", 5, "br-a");
        net.port("veth-b", 6, "br-b");
        links.refresh(Instant::now()).unwrap();
        (net, links)
    }

    #[test]
    fn only_the_stacks_bridges_and_ports_are_heard_where_packets_come_in() {
        let (_net, mut links) = net();
        for (index, outgoing, wanted) in [
            (1, false, false),
            (2, false, false),
            (3, true, true),
            (3, false, false),
            (4, true, false),
            (5, false, true),
            (5, true, false),
            (6, false, false),
            (99, false, false),
        ] {
            assert_eq!(links.wants(index, outgoing, Instant::now()), wanted, "{index} {outgoing}");
        }
        assert_eq!(links.rules(), Rules { refused: vec![1, 2, 4, 6], bridges: vec![3], loopback: None });
    }

    #[test]
    fn on_loopback_each_packet_is_heard_as_it_comes_in_and_nothing_of_other_interfaces() {
        let (_net, mut links) = net();
        links.want_loopback();
        links.refresh(Instant::now()).unwrap();
        let heard: Vec<_> = (0..10)
            .flat_map(|index| [(index, false), (index, true)])
            .filter(|(index, outgoing)| links.wants(*index, *outgoing, Instant::now()))
            .collect();
        assert_eq!(heard, [(1, false)]);
        assert_eq!((links.rules().loopback, links.rules().bridges), (Some(1), vec![]));
    }

    #[test]
    fn an_interface_is_known_from_its_first_packet() {
        let (net, mut links) = net();
        net.port("veth-new", 7, "br-a");
        assert!(links.wants(7, false, Instant::now() + AGAIN_AFTER));
        net.bridge("br-later", 8);
        assert!(links.wants(8, true, Instant::now() + 3 * AGAIN_AFTER));
        assert_eq!(links.rules().bridges, [3, 8]);
    }

    #[test]
    fn an_interface_without_a_bridge_may_get_one_before_the_kernel_refuses_it() {
        let (net, mut links) = net();
        net.add("veth-young", 7);
        for _ in 0..SEEN_ALONE - 1 {
            links.refresh(Instant::now()).unwrap();
            assert!(!links.rules().refused.contains(&7));
        }
        links.refresh(Instant::now()).unwrap();
        assert!(links.rules().refused.contains(&7));
        net.port("veth-young", 7, "br-a");
        links.refresh(Instant::now()).unwrap();
        assert!(!links.rules().refused.contains(&7) && links.wants(7, false, Instant::now()));
    }
}
