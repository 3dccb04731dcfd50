//! What watching costs: the rate and the latency of calls while the capture is on, beside the same while it is off.
//!
//! Under a constant load the capture is switched every 0.6 s, and each window with it is compared with the two around
//! it without it; a null control switches nothing. Then the same calls through proxies, which is how others look at
//! them. Needs root (to start callers in a container's network) and the engine. `./dev bench overhead [CASE]`.

#![expect(clippy::print_stdout, reason = "a benchmark's result is what it prints")]

mod load;
#[path = "../../tests/engine/stage.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "it is the tests', which use all of it")]
mod stage;

use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use capture::Capture;
use engine::{ContainerSpec, Network, NetworkFacts};
use load::{Load, Window, read_windows};
use model::exchange::CaptureCounts;
use model::frame::FromCapture;
use stage::Stage;
use tokio::sync::watch;
use tokio::time::sleep;

const IMAGE: &str = "shoal/bench:overhead";
const WINDOW: Duration = Duration::from_millis(600);
const WINDOWS: usize = 41;

/// What is asked for: a name, a path, connections, requests a second (0: as fast as can be), and what must hold.
const CASES: [(&str, &str, usize, u64, &str); 5] = [
    ("2,000 calls/s", "/small", 1, 2_000, "at most +3 us"),
    ("10,000 calls/s", "/small", 4, 10_000, "at most +3 us"),
    ("1 connection", "/small", 1, 0, "at least 0.95"),
    ("32 connections", "/small", 32, 0, "at least 0.93"),
    ("1 MB bodies", "/big", 4, 0, "at least 0.93"),
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("load", rest)) = args.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        Load::from_args(rest).expect("the arguments that this program gives itself").run();
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    // Cargo adds a flag of its own.
    runtime.block_on(bench(args.iter().find(|arg| !arg.starts_with("--")).map(String::as_str)));
}

/// All cases, or those whose names contain a text.
async fn bench(only: Option<&str>) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/overhead");
    // The plain builder: a client without BuildKit's plugin builds it too.
    let built = Command::new("docker")
        .args(["build", "-q", "-t", IMAGE, folder])
        .env("DOCKER_BUILDKIT", "0")
        .status();
    assert!(built.expect("docker").success(), "`{IMAGE}` was not built");
    let stage = Stage::set("bench").await;
    let network = stage.network("net").await;
    let server = serve(&stage, &network, "server", &["nginx", "-c", "/bench/server.conf"]).await;
    let caller = stage.caller("caller", &network).await;
    let pid = pid_of(&caller);
    let (capture, counts) = watched(&stage, &network).await;

    println!("{:<16} {:>10} {:>10} {:>10} {:>10}   wanted", "", "rate", "null", "p50", "null");
    let cases = CASES.iter().filter(|(name, ..)| only.is_none_or(|only| name.contains(only)));
    for &(name, path, connections, rate, wanted) in cases {
        let load = |start| Load {
            server,
            path: path.to_owned(),
            connections,
            rate,
            window: WINDOW,
            windows: WINDOWS,
            start,
        };
        let on = run(pid, &load, Some((&capture, &network))).await;
        let null = run(pid, &load, None).await;
        let (with, without) = (compare(&on), compare(&null));
        println!(
            "{name:<16} {:>9.3}x {:>9.3}x {:>+7.2} us {:>+7.2} us   {wanted}",
            with.0, without.0, with.1, without.1
        );
    }
    if only.is_some() {
        return capture.stop().await;
    }
    lossless(&network, &capture, &counts, pid, server).await;
    capture.stop().await;
    proxies(&stage, &network, pid, server).await;
}

/// At 30,000 requests a second, watched all the time: nothing may be lost.
async fn lossless(
    network: &NetworkFacts,
    capture: &Capture,
    counts: &watch::Receiver<CaptureCounts>,
    pid: u32,
    server: SocketAddr,
) {
    capture.set_networks(vec![network.bridge.clone()]).await;
    sleep(Duration::from_millis(1200)).await;
    let before = *counts.borrow();
    let load = |start| Load {
        server,
        path: "/small".to_owned(),
        connections: 16,
        rate: 30_000,
        window: WINDOW,
        windows: 10,
        start,
    };
    let windows = run(pid, &load, None).await;
    sleep(Duration::from_millis(1500)).await;
    let after = *counts.borrow();
    let calls: usize = windows.iter().map(|window| window.calls).sum();
    println!(
        "{:<16} {calls} calls, {} packets, lost: {} by the kernel, {} bytes in gaps, {} reports",
        "30,000 calls/s",
        after.packets - before.packets,
        after.lost_kernel - before.lost_kernel,
        after.lost_gaps - before.lost_gaps,
        after.lost_transport - before.lost_transport,
    );
}

/// The same calls through a proxy, each beside the direct way in turns.
async fn proxies(stage: &Stage, network: &NetworkFacts, pid: u32, direct: SocketAddr) {
    println!("\n{:<16} {:>12} {:>12} {:>12}   one connection", "through", "direct p50", "p50", "added");
    let commands: [(&str, &[&str], u64); 3] = [
        ("nginx", &["nginx", "-c", "/bench/proxy.conf"], 2_000),
        ("haproxy", &["haproxy", "-f", "/bench/haproxy.cfg"], 2_000),
        (
            "mitmproxy",
            &["mitmdump", "-q", "--listen-port", "8080", "--mode", "reverse:http://server:8080"],
            200,
        ),
    ];
    for (name, command, rate) in commands {
        let proxy = serve(stage, network, name, command).await;
        let mut seen = [Vec::new(), Vec::new()];
        for turn in 0..6 {
            let server = [direct, proxy][turn % 2];
            let load = |start| Load {
                server,
                path: "/small".to_owned(),
                connections: 1,
                rate,
                window: WINDOW,
                windows: 3,
                start,
            };
            seen[turn % 2].extend(run(pid, &load, None).await.iter().map(|window| window.p50));
        }
        let [direct, through] = seen.map(median);
        println!(
            "{name:<16} {direct:>9.1} us {through:>9.1} us {:>+9.1} us   {rate} calls/s",
            through - direct
        );
    }
}

/// A container that runs a command of the image; its address when it answers.
async fn serve(stage: &Stage, network: &NetworkFacts, name: &str, command: &[&str]) -> SocketAddr {
    let spec = ContainerSpec {
        name: stage.guard.name(name),
        image: IMAGE.to_owned(),
        cmd: Some(command.iter().map(|&word| word.to_owned()).collect()),
        labels: stage.guard.labels(),
        network: Network::Named { name: network.name.clone(), aliases: vec![name.to_owned()] },
        ..ContainerSpec::default()
    };
    let id = stage.guard.run(&spec).await;
    let address: IpAddr = stage.address(&id).await;
    let server = SocketAddr::new(address, 8080);
    for _ in 0..400 {
        if std::net::TcpStream::connect(server).is_ok() {
            return server;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("`{name}` does not answer at {server}");
}

fn pid_of(container: &str) -> u32 {
    let told = Command::new("docker").args(["inspect", "-f", "{{.State.Pid}}", container]).output();
    let told = String::from_utf8_lossy(&told.expect("docker").stdout).trim().to_owned();
    told.parse().expect("a process id")
}

/// A capture whose reports are read and counted.
async fn watched(stage: &Stage, network: &NetworkFacts) -> (Capture, watch::Receiver<CaptureCounts>) {
    let (capture, mut frames) = stage.start(&[network]).await;
    let (tell, counts) = watch::channel(CaptureCounts::default());
    tokio::spawn(async move {
        while let Some(frame) = frames.recv().await {
            if let FromCapture::Counts(now) = frame {
                tell.send_replace(now);
            }
        }
    });
    (capture, counts)
}

/// Loads the server; with `switch`, the capture is on in every second window.
async fn run(
    pid: u32,
    load: &dyn Fn(u128) -> Load,
    switch: Option<(&Capture, &NetworkFacts)>,
) -> Vec<Window> {
    if let Some((capture, _)) = switch {
        capture.set_networks(Vec::new()).await;
    }
    let start = SystemTime::now() + Duration::from_millis(400);
    let load = load(start.duration_since(UNIX_EPOCH).expect("a clock after 1970").as_nanos());
    let this = std::env::current_exe().expect("this program");
    let child = tokio::process::Command::new("nsenter")
        .arg(format!("--net=/proc/{pid}/ns/net"))
        .arg(this)
        .args(load.to_args())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("nsenter");
    let switching = async {
        let Some((capture, network)) = switch else { return };
        for window in 1..load.windows {
            let at = start + load.window * window as u32;
            sleep(at.duration_since(SystemTime::now()).unwrap_or_default()).await;
            let bridges = if window % 2 == 1 { vec![network.bridge.clone()] } else { Vec::new() };
            capture.set_networks(bridges).await;
        }
    };
    let (output, ()) = tokio::join!(child.wait_with_output(), switching);
    let output = output.expect("the callers' result");
    assert!(output.status.success(), "the callers failed");
    read_windows(&String::from_utf8_lossy(&output.stdout))
}

/// Medians over the odd windows of: the rate as a share of that around it, and what p50 is above that around it, in
/// microseconds.
fn compare(windows: &[Window]) -> (f64, f64) {
    let odd = windows.windows(3).step_by(2);
    let of = |value: &dyn Fn(&[Window]) -> f64| median(odd.clone().map(value).collect());
    let share = |three: &[Window]| 2.0 * three[1].calls as f64 / (three[0].calls + three[2].calls) as f64;
    let added = |three: &[Window]| three[1].p50 - f64::midpoint(three[0].p50, three[2].p50);
    (of(&share), of(&added))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
