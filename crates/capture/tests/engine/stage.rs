//! A network, servers and callers on the real engine, and the capture of them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use capture::{Capture, Orders, Start, Vantage, start};
use engine::{ContainerSpec, ExecSpec, Network, NetworkFacts};
use futures_util::StreamExt;
use model::exchange::Exchange;
use model::frame::FromCapture;
use model::plan::{Port, Transport};
use testkit::EngineGuard;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// Answers every request with its path, without a line of the base image's that would have to be installed.
const SERVER: &str = r#"
    $SIG{PIPE} = "IGNORE";
    my $door = IO::Socket::INET->new(LocalPort => 8080, Listen => 64, ReuseAddr => 1) or die;
    while (my $caller = $door->accept) {
        my ($path) = (<$caller> // "") =~ / (\S+) /;
        while (my $line = <$caller>) { last if $line =~ /^\r?$/ }
        $path //= "?";
        printf $caller "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", length $path, $path;
        close $caller;
    }
"#;
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Stage {
    pub(crate) guard: EngineGuard,
    pub(crate) image: String,
}

impl Stage {
    pub(crate) async fn set(name: &str) -> Self {
        let mut guard = EngineGuard::connect(name).await;
        let image = guard.image_tag("guest");
        let binary = std::fs::read(guest()).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(binary.len() as u64);
        header.set_mode(0o755);
        let mut tar = tar::Builder::new(Vec::new());
        tar.append_data(&mut header, "shoal-guest", &binary[..]).unwrap();
        guard.import_image(&image, tar.into_inner().unwrap(), &[]).await.unwrap();
        Self { guard, image }
    }

    pub(crate) async fn network(&self, name: &str) -> NetworkFacts {
        self.guard.ensure_network(&self.guard.name(name), &self.guard.labels()).await.unwrap()
    }

    pub(crate) async fn capture(&self, bridges: &[&NetworkFacts]) -> (Capture, Seen) {
        let (capture, frames) = self.start(bridges).await;
        (capture, Seen { frames, failures: Vec::new() })
    }

    /// A capture, and all that it reports.
    pub(crate) async fn start(&self, bridges: &[&NetworkFacts]) -> (Capture, mpsc::Receiver<FromCapture>) {
        let bridges = bridges.iter().map(|network| network.bridge.clone()).collect();
        self.listen(Vantage::Bridges, bridges).await
    }

    /// A capture of what a container's processes say over loopback.
    pub(crate) async fn loopback(&self, service: &str, container: &str) -> (Capture, Seen) {
        let started = self.guard.inspect(container).await.unwrap().started.unwrap();
        let (capture, frames) =
            self.listen(Vantage::Loopback { service, container, started }, Vec::new()).await;
        (capture, Seen { frames, failures: Vec::new() })
    }

    async fn listen(
        &self,
        vantage: Vantage<'_>,
        bridges: Vec<String>,
    ) -> (Capture, mpsc::Receiver<FromCapture>) {
        start(Start {
            engine: self.guard.engine(),
            stack: self.guard.prefix(),
            image: &self.image,
            vantage,
            labels: self.guard.labels(),
            orders: Orders { bridges, body_limit: 1000, ..Orders::default() },
        })
        .await
        .unwrap()
    }

    fn member(&self, name: &str, network: &NetworkFacts, script: &str) -> ContainerSpec {
        let aliases = vec![name.to_owned()];
        ContainerSpec {
            network: Network::Named { name: network.name.clone(), aliases },
            ..self.guard.shell(name, script)
        }
    }

    /// A server that answers when this returns; its container's id.
    pub(crate) async fn server(&self, name: &str, network: &NetworkFacts, published: Option<u16>) -> String {
        let script = format!("exec perl -MIO::Socket::INET -e '{SERVER}'");
        let ports = published.map(|port| Port {
            address: "127.0.0.1".to_owned(),
            host: Some(port),
            container: 8080,
            protocol: Transport::Tcp,
        });
        let spec =
            ContainerSpec { ports: ports.into_iter().collect(), ..self.member(name, network, &script) };
        let id = self.guard.run(&spec).await;
        self.ready(&id).await;
        id
    }

    /// Waits until a server answers.
    pub(crate) async fn ready(&self, id: &str) {
        self.sh(id, "until (exec 3<>/dev/tcp/127.0.0.1/8080) 2>/dev/null; do sleep 0.02; done").await;
    }

    /// A container from which calls are made.
    pub(crate) async fn caller(&self, name: &str, network: &NetworkFacts) -> String {
        self.guard.run(&self.member(name, network, "exec sleep 600")).await
    }

    /// A container that runs a script of bash's at once.
    pub(crate) async fn bash(&self, name: &str, network: &NetworkFacts, script: &str) -> String {
        let cmd = Some(["bash", "-c", script].map(str::to_owned).to_vec());
        self.guard.run(&ContainerSpec { cmd, ..self.member(name, network, "") }).await
    }

    /// A container's address on its only network.
    pub(crate) async fn address(&self, id: &str) -> IpAddr {
        self.guard.inspect(id).await.unwrap().addresses[0].1
    }

    /// Asks a server for a path and returns what came back.
    pub(crate) async fn get(&self, caller: &str, server: &str, path: &str) -> String {
        self.sh(caller, &ask(server, 8080, path)).await
    }

    /// A capture's container may listen, and nothing else.
    pub(crate) async fn no_right_but_to_listen(&self, capture: &Capture) {
        let pid = self.guard.inspect(&capture.container_id()).await.unwrap().pid.unwrap();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field = |name: &str| status.lines().find_map(|l| l.strip_prefix(name)).unwrap().trim().to_owned();
        const NET_RAW: u64 = 1 << 13;
        for set in ["CapPrm:", "CapEff:", "CapBnd:"] {
            assert_eq!(u64::from_str_radix(&field(set), 16).unwrap(), NET_RAW, "{set}");
        }
        assert_eq!(field("NoNewPrivs:"), "1");
        let mounts = std::fs::read_to_string(format!("/proc/{pid}/mounts")).unwrap();
        let root = mounts.lines().find_map(|line| line.split_once(" / ")).unwrap().1;
        assert!(root.split(' ').nth(1).unwrap().starts_with("ro,"), "{root}");
    }

    /// Runs a script of bash's in a container.
    pub(crate) async fn sh(&self, container: &str, script: &str) -> String {
        let cmd = ["bash", "-c", script].map(str::to_owned).to_vec();
        let mut exec = self.guard.exec(container, &ExecSpec { cmd, ..ExecSpec::default() }).await.unwrap();
        let mut told = String::new();
        while let Some(part) = timeout(PATIENCE, exec.output.next()).await.expect("the script ends") {
            told += &String::from_utf8_lossy(&part.unwrap().1);
        }
        told
    }
}

/// A script that makes one call.
pub(crate) fn ask(server: &str, port: u16, path: &str) -> String {
    format!(
        "exec 3<>/dev/tcp/{server}/{port}; printf 'GET {path} HTTP/1.1\\r\\nHost: {server}\\r\\n\\r\\n' >&3; cat <&3"
    )
}

/// What the capture has told.
pub(crate) struct Seen {
    frames: mpsc::Receiver<FromCapture>,
    pub(crate) failures: Vec<String>,
}

impl Seen {
    /// The finished exchanges up to, and with, the one for this path.
    pub(crate) async fn until(&mut self, path: &str) -> Vec<Exchange> {
        let mut all = Vec::new();
        let end = Instant::now() + PATIENCE;
        loop {
            let frame = tokio::time::timeout_at(end, self.frames.recv()).await;
            match frame.unwrap_or_else(|_| panic!("`{path}` was not seen, but {all:#?}")) {
                Some(FromCapture::Exchange(exchange)) if exchange.done => {
                    let last = exchange.target == path;
                    all.push(*exchange);
                    if last {
                        return all;
                    }
                }
                Some(FromCapture::Failed(why)) => self.failures.push(why),
                Some(_) => {}
                None => panic!("the capture ended before `{path}`: {:?}", self.failures),
            }
        }
    }

    /// Waits until the capture has said that it does not listen any more.
    pub(crate) async fn until_failed(&mut self) {
        while self.failures.is_empty() {
            match timeout(PATIENCE, self.frames.recv()).await.expect("a failure is told") {
                Some(FromCapture::Failed(why)) => self.failures.push(why),
                Some(_) => {}
                None => panic!("the capture ended without a word"),
            }
        }
    }

    /// Waits until the capture says that it listens; since when it runs.
    pub(crate) async fn until_ready(&mut self) -> u64 {
        loop {
            if let Some(FromCapture::Ready { epoch }) =
                timeout(PATIENCE, self.frames.recv()).await.expect("it listens again")
            {
                return epoch;
            }
        }
    }
}

/// The static guest that `./dev build` puts beside the programs of this build.
fn guest() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let guest = test.ancestors().nth(2).unwrap().join("shoal-guest");
    assert!(guest.is_file(), "no `{}`\nhint: run `./dev build`, which makes it", guest.display());
    guest
}
