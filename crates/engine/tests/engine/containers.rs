use std::net::TcpListener;
use std::time::{Duration, Instant};

use engine::{
    Address, ContainerSpec, ContainerState, Engine, EngineError, ExecSpec, LogRequest, MountFrom, MountSpec,
    Network, PublishedPort,
};
use futures_util::StreamExt as _;
use model::plan::{Port, Resources, RestartPolicy, Transport};
use testkit::EngineGuard;
use tokio::io::AsyncWriteExt as _;

fn published(host: Option<u16>) -> Port {
    Port { address: "127.0.0.1".to_owned(), host, container: 8080, protocol: Transport::Tcp }
}

#[tokio::test]
async fn an_engine_tells_what_it_is() {
    let guard = EngineGuard::connect("version").await;
    let version = guard.version();
    assert_eq!(version.os, "linux");
    assert!(!version.version.is_empty() && !version.arch.is_empty());
    assert!(version.podman || version.buildkit);
    guard.ping().await.unwrap();
}

#[tokio::test]
async fn no_engine_is_told_with_its_address() {
    let nowhere = Address::Unix("/nowhere/docker.sock".into());
    let error = Engine::connect(&nowhere).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::NotReachable { address, .. } if address == "unix:///nowhere/docker.sock")
    );
    assert!(error.is_transient() && error.hint().is_some());
    let refused = Engine::connect(&Address::Tcp("127.0.0.1:1".to_owned())).await.unwrap_err();
    assert!(matches!(refused, EngineError::NotReachable { .. }), "{refused:?}");
}

/// Hands every connection on to the engine's socket.
async fn relay(socket: std::path::PathBuf) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut engine = tokio::net::UnixStream::connect(&socket).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut engine).await });
        }
    });
    host
}

#[tokio::test]
async fn an_engine_behind_tcp_does_the_same() {
    let guard = EngineGuard::connect("tcp").await;
    let Address::Unix(socket) = guard.address().clone() else { return };
    let engine = Engine::connect(&Address::Tcp(relay(socket).await)).await.unwrap();
    assert_eq!(engine.version(), guard.version());
    assert!(!engine.address().is_local() && guard.address().is_local());
    let id = guard.run(&guard.shell("a", "echo up; sleep 60")).await;
    let spec = ExecSpec { cmd: vec!["cat".to_owned()], stdin: true, ..ExecSpec::default() };
    let mut exec = engine.exec(&id, &spec).await.unwrap();
    exec.input.write_all(b"there and back").await.unwrap();
    exec.input.shutdown().await.unwrap();
    let (_, bytes) = exec.output.next().await.unwrap().unwrap();
    assert_eq!(&bytes[..], b"there and back");
    let mut log = engine.logs(&id, LogRequest { follow: true, ..LogRequest::default() });
    assert_eq!(log.next().await.unwrap().unwrap()[0].bytes, "up");
}

#[tokio::test]
async fn a_container_lives_and_dies() {
    let guard = EngineGuard::connect("life").await;
    let mut spec = guard.shell("a", "trap 'exit 3' TERM; while :; do sleep 0.05; done");
    spec.restart = RestartPolicy::No;
    spec.stop_grace = Some(Duration::from_millis(1500));
    let id = guard.create(&spec).await.unwrap();
    let made = guard.inspect(&id).await.unwrap();
    assert_eq!((made.state, made.started, made.exit_code), (ContainerState::Created, None, None));

    guard.start(&id).await.unwrap();
    guard.start(&id).await.unwrap();
    let runs = guard.inspect(&spec.name).await.unwrap();
    assert_eq!(
        (runs.id.as_str(), runs.name.as_str(), runs.state),
        (id.as_str(), spec.name.as_str(), ContainerState::Running)
    );
    assert!(runs.is_running() && runs.pid.is_some() && runs.started.is_some() && runs.exit_code.is_none());
    assert_eq!(runs.labels.get(testkit::LABEL).map(String::as_str), Some(guard.prefix()));

    guard.restart(&id, Duration::from_secs(5)).await.unwrap();
    let again = guard.inspect(&id).await.unwrap();
    assert!(again.started > runs.started && again.pid != runs.pid);

    let before = Instant::now();
    guard.stop(&id, Duration::from_secs(5)).await.unwrap();
    assert!(before.elapsed() < Duration::from_secs(4), "it ends by itself on SIGTERM");
    guard.stop(&id, Duration::from_secs(5)).await.unwrap();
    let ended = guard.inspect(&id).await.unwrap();
    assert_eq!((ended.state, ended.exit_code, ended.pid), (ContainerState::Exited, Some(3), None));
    assert!(ended.finished > ended.started);

    guard.remove(&id, false).await.unwrap();
    guard.remove(&id, true).await.unwrap();
    let gone = guard.inspect(&id).await.unwrap_err();
    assert!(matches!(gone, EngineError::NotFound { .. }), "{gone:?}");
    assert!(guard.list(&guard.filter()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_deaf_container_is_killed_after_its_grace() {
    let guard = EngineGuard::connect("deaf").await;
    let id = guard.run(&guard.shell("a", "trap '' TERM; while :; do sleep 0.05; done")).await;
    guard.stop(&id, Duration::from_secs(1)).await.unwrap();
    assert_eq!(guard.inspect(&id).await.unwrap().exit_code, Some(137));
}

#[tokio::test]
async fn a_signal_reaches_the_first_process() {
    let guard = EngineGuard::connect("signal").await;
    let id = guard.run(&guard.shell("a", "trap 'exit 42' HUP; echo up; while :; do sleep 0.05; done")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    guard.kill(&id, "HUP").await.unwrap();
    assert_eq!(guard.ended(&id).await, 42);
    let late = guard.kill(&id, "HUP").await.unwrap_err();
    assert!(matches!(late, EngineError::Conflict { .. }), "{late:?}");
}

#[tokio::test]
async fn everything_that_a_spec_says_arrives() {
    let guard = EngineGuard::connect("spec").await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("note"), "from outside").unwrap();
    let volume = guard.name("data");
    guard.ensure_volume(&volume, &guard.labels()).await.unwrap();
    let mount = |source, target: &str, read_only| MountSpec { source, target: target.to_owned(), read_only };
    let script = "cat /note; echo; echo $GREETING; id -u; pwd; hostname; touch /data/x /tmp/x && echo written; \
                  touch /note 2>/dev/null || echo bind read-only; touch /x 2>/dev/null || echo root read-only; \
                  ulimit -n; df -k /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2; grep -c far /etc/hosts; \
                  grep CapEff /proc/self/status";
    let spec = ContainerSpec {
        env: vec![("GREETING".to_owned(), "a=b c".to_owned())],
        hostname: Some("here".to_owned()),
        mounts: vec![
            mount(MountFrom::Bind(folder.path().join("note")), "/note", true),
            mount(MountFrom::Volume(volume), "/data", false),
            mount(MountFrom::Tmpfs(Some(1 << 20)), "/tmp", false),
        ],
        user: Some("0:0".to_owned()),
        working_dir: Some("/usr/share".to_owned()),
        resources: Resources { memory: Some(64 << 20), cpus: Some(0.5) },
        cap_drop: vec!["ALL".to_owned()],
        cap_add: vec!["NET_RAW".to_owned()],
        security_opt: vec!["no-new-privileges".to_owned()],
        pids_limit: Some(50),
        read_only: true,
        init: true,
        extra_hosts: vec!["far:10.1.2.3".to_owned()],
        shm_size: Some(8 << 20),
        ulimits: [("nofile".to_owned(), (100, 200))].into(),
        log_driver: Some("json-file".to_owned()),
        log_options: [("max-size".to_owned(), "1m".to_owned())].into(),
        network: Network::Default,
        ..guard.shell("a", script)
    };
    let id = guard.run(&spec).await;
    assert_eq!(guard.ended(&id).await, 0);
    let printed = crate::logs::all(&guard, &id, false).await.join("\n");
    let expected = "from outside\na=b c\n0\n/usr/share\nhere\nwritten\nbind read-only\nroot read-only\n100\n8192\n1\n\
                    CapEff:\t0000000000002000";
    assert_eq!(printed, expected);
}

#[tokio::test]
async fn ports_are_published_and_a_taken_one_is_told_with_its_holder() {
    let guard = EngineGuard::connect("port").await;
    let network = guard.ensure_network(&guard.name("net"), &guard.labels()).await.unwrap();
    let on = |what: &str, host: Option<u16>| ContainerSpec {
        network: Network::Named { name: network.name.clone(), aliases: vec![what.to_owned()] },
        ports: vec![published(host)],
        ..guard.shell(what, "sleep 60")
    };
    let first = guard.run(&on("first", None)).await;
    let facts = guard.inspect(&first).await.unwrap();
    let [PublishedPort { address, host, container: 8080, protocol: Transport::Tcp }] = facts.ports.as_slice()
    else {
        panic!("{:?}", facts.ports)
    };
    assert_eq!(address, "127.0.0.1");
    let second = guard.create(&on("second", Some(*host))).await.unwrap();
    let error = guard.start(&second).await.unwrap_err();
    assert_eq!(error, EngineError::PortTaken { port: *host, holder: Some(guard.name("first")) });
    assert_eq!(error.to_string(), format!("Port `{host}` is taken by container `{}`", guard.name("first")));

    let program = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = program.local_addr().unwrap().port();
    let third = guard.create(&on("third", Some(port))).await.unwrap();
    let error = guard.start(&third).await.unwrap_err();
    assert_eq!(error, EngineError::PortTaken { port, holder: None });
    assert_eq!(error.to_string(), format!("Port `{port}` is taken by another program"));
}

#[tokio::test]
async fn what_cannot_be_made_is_told_by_kind() {
    let guard = EngineGuard::connect("refused").await;
    let missing = ContainerSpec { image: "shoal-test/nosuch:1".to_owned(), ..guard.shell("a", "true") };
    let error = guard.create(&missing).await.unwrap_err();
    assert!(
        matches!(&error, EngineError::ImageMissing { image } if image == "shoal-test/nosuch:1"),
        "{error:?}"
    );

    let spec = guard.shell("twin", "true");
    guard.create(&spec).await.unwrap();
    let error = guard.create(&spec).await.unwrap_err();
    assert_eq!(error, EngineError::NameTaken { name: spec.name.clone() });
    assert!(!error.is_transient());

    let nowhere = MountSpec {
        source: MountFrom::Bind("/nowhere/at/all".into()),
        target: "/x".to_owned(),
        read_only: true,
    };
    let error =
        guard.create(&ContainerSpec { mounts: vec![nowhere], ..guard.shell("b", "true") }).await.unwrap_err();
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");

    let program = ContainerSpec { cmd: Some(vec!["nosuch".to_owned()]), ..guard.shell("c", "") };
    let id = guard.create(&program).await.unwrap();
    let error = guard.start(&id).await.unwrap_err();
    assert!(matches!(&error, EngineError::NoProgram { program, .. } if program == "nosuch"), "{error:?}");
}

#[tokio::test]
async fn files_are_put_into_a_container_that_does_not_run() {
    let guard = EngineGuard::connect("put").await;
    let id = guard.create(&guard.shell("a", "cat /srv/sub/hello")).await.unwrap();
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o644);
    tar.append_data(&mut header, "sub/hello", &b"hello"[..]).unwrap();
    guard.put_archive(&id, "/srv", tar.into_inner().unwrap()).await.unwrap();
    guard.start(&id).await.unwrap();
    assert_eq!(guard.ended(&id).await, 0);
    assert_eq!(crate::logs::all(&guard, &id, false).await, ["hello"]);
}

#[tokio::test]
async fn the_engine_starts_a_failing_container_again() {
    let guard = EngineGuard::connect("again").await;
    let spec = ContainerSpec { restart: RestartPolicy::OnFailure(Some(2)), ..guard.shell("a", "exit 7") };
    let id = guard.run(&spec).await;
    for _ in 0..100 {
        let facts = guard.inspect(&id).await.unwrap();
        if facts.state == ContainerState::Exited && facts.restart_count == 2 {
            assert_eq!(facts.exit_code, Some(7));
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{:?}", guard.inspect(&id).await);
}
