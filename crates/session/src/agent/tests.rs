//! On the real engine, with the guest that `./dev build` made.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use engine::{ContainerSpec, MountFrom, MountSpec};
use testkit::EngineGuard;

use super::*;
use crate::tools::{self, Tools};

const GRACE: Duration = Duration::from_secs(10);

fn guest() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let guest = test.ancestors().nth(2).unwrap().join(BINARY);
    assert!(guest.is_file(), "no `{}`\nhint: run `./dev build`, which makes it", guest.display());
    guest
}

async fn ready(guard: &EngineGuard) -> Tools {
    let binary = tools::read(&guest()).await.unwrap();
    // As long as a network bears its name, nobody's `down` takes the guest away.
    let uses = BTreeMap::from([(tools::USES.to_owned(), binary.tools.volume.clone())]);
    let labels = guard.labels().into_iter().chain(uses).collect();
    guard.ensure_network(&guard.name("net"), &labels).await.unwrap();
    tools::ensure_tools(guard, &binary).await.unwrap();
    binary.tools
}

/// A container whose command runs under the supervisor.
async fn supervised(guard: &EngineGuard, tools: &Tools, spec: ContainerSpec) -> String {
    let (entrypoint, cmd) = tools::wrap(&[], &spec.cmd.clone().unwrap_or_default(), None);
    let mount = |source, target: &str, read_only| MountSpec { source, target: target.to_owned(), read_only };
    let mounts = vec![
        mount(MountFrom::Volume(tools.volume.clone()), FOLDER, true),
        mount(MountFrom::Tmpfs(None), "/app", false),
    ];
    guard.run(&ContainerSpec { entrypoint: Some(entrypoint), cmd: Some(cmd), mounts, ..spec }).await
}

fn write(from: PathBuf, to: &str) -> Write {
    let kind = match fs::symlink_metadata(&from) {
        Ok(found) if found.is_dir() => Kind::Folder,
        Ok(found) if found.is_symlink() => Kind::Link,
        Ok(_) | Err(_) => Kind::Written,
    };
    Write { from, kind, to: to.to_owned(), in_place: false }
}

fn shell(script: &str) -> Step {
    Step::Run { command: ["sh", "-c", script].map(str::to_owned).to_vec(), user: None }
}

/// Applies a decision; what its commands printed.
async fn apply(link: &mut AgentLink, decision: Decision) -> Result<String, AgentError> {
    let mut printed = Vec::new();
    link.apply(&decision, 1, GRACE, |bytes| printed.extend_from_slice(bytes)).await?;
    Ok(String::from_utf8(printed).unwrap())
}

async fn run(link: &mut AgentLink, script: &str) -> String {
    apply(link, Decision { then: vec![shell(script)], ..Decision::default() }).await.unwrap()
}

#[tokio::test]
async fn a_batch_reaches_a_container_that_allows_nothing() {
    let guard = EngineGuard::connect("agent-batch").await;
    let tools = ready(&guard).await;
    let spec = ContainerSpec {
        user: Some("1000:1000".to_owned()),
        read_only: true,
        ..guard.shell("app", "while :; do sleep 1; done")
    };
    let id = supervised(&guard, &tools, spec).await;
    let here = tempfile::tempdir().unwrap();
    let at = |name: &str| here.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    let large: Vec<u8> = (0..3 * CHUNK + 7).map(|n| n as u8).collect();
    fs::write(at("large"), &large).unwrap();
    fs::write(at("exact"), &large[..CHUNK]).unwrap();
    fs::write(at("empty"), "").unwrap();
    std::os::unix::fs::symlink("large", at("link")).unwrap();

    let mut link = AgentLink::connect(&guard, &id).await.unwrap();
    let names = ["empty", "exact", "folder", "large", "link"];
    let mut writes: Vec<_> = names.iter().map(|name| write(at(name), &format!("/app/deep/{name}"))).collect();
    // What went or is something else by now is another batch's.
    writes.push(write(at("gone-meanwhile"), "/app/gone"));
    writes.push(write(at("empty/was-a-folder"), "/app/gone/too"));
    writes.push(Write { kind: Kind::Folder, ..write(at("large"), "/app/another-kind") });
    let sent = link.apply(&Decision { writes, ..Decision::default() }, 7, GRACE, |_| ()).await.unwrap();
    assert_eq!(sent.bytes, (large.len() + CHUNK) as u64);
    let listed =
        run(&mut link, "cd /app && find . | sort && stat -c %s deep/large deep/exact && readlink deep/link")
            .await;
    let folder = "./deep/folder\n./deep/large\n./deep/link\n";
    assert_eq!(
        listed,
        format!(".\n./deep\n./deep/empty\n./deep/exact\n{folder}{}\n{CHUNK}\nlarge\n", large.len())
    );

    // Commands run as the service's user; a restart keeps the container.
    assert_eq!(run(&mut link, "id -u").await, "1000\n");
    for (user, said) in [("0", "0 0 /root\n"), ("daemon", "1 1 /usr/sbin\n"), ("77:88", "77 88 /\n")] {
        let command = ["sh", "-c", "echo $(id -u) $(id -g) $HOME"].map(str::to_owned).to_vec();
        let step = Step::Run { command, user: Some(user.to_owned()) };
        assert_eq!(
            apply(&mut link, Decision { then: vec![step], ..Decision::default() }).await.unwrap(),
            said
        );
    }
    let process = "ps=$(cat /proc/1/task/1/children); echo $ps";
    let before = run(&mut link, process).await;
    let deletes = vec!["/app/deep".to_owned()];
    apply(&mut link, Decision { deletes, then: vec![Step::Restart], ..Decision::default() }).await.unwrap();
    assert_ne!(run(&mut link, process).await, before);
    assert_eq!(run(&mut link, "ls /app").await, "");

    // What fails is the user's, and the next batch goes through.
    let failed = Decision { writes: vec![write(at("empty"), "/etc/x")], ..Decision::default() };
    let error = apply(&mut link, failed).await.unwrap_err();
    assert!(
        matches!(&error, AgentError::Step { what } if what == "write `/etc/x`: read-only file system"),
        "{error}"
    );
    assert_eq!(run(&mut link, "echo on").await, "on\n");
    guard.kill(&id, "KILL").await.unwrap();
    assert!(apply(&mut link, Decision::default()).await.is_err());
}

#[tokio::test]
async fn a_crash_after_a_restart_is_told_and_the_next_restart_mends_it() {
    let guard = EngineGuard::connect("agent-crash").await;
    let tools = ready(&guard).await;
    let id =
        supervised(&guard, &tools, guard.shell("app", "test -e /app/broken && exit 3; sleep 1000")).await;
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("x"), "").unwrap();
    let mut link = AgentLink::connect(&guard, &id).await.unwrap();
    let restart = |decision| Decision { then: vec![Step::Restart], ..decision };
    let broken =
        Decision { writes: vec![write(here.path().join("x"), "/app/broken")], ..Decision::default() };
    apply(&mut link, restart(broken)).await.unwrap();
    assert_eq!(link.ended().await.unwrap(), 3);
    assert_eq!(guard.inspect(&id).await.unwrap().state, engine::ContainerState::Running);
    let mended = Decision { deletes: vec!["/app/broken".to_owned()], ..Decision::default() };
    apply(&mut link, restart(mended)).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(300), link.ended()).await.is_err(), "it runs");
}

#[tokio::test]
async fn an_image_without_anything_is_reloaded_as_well() {
    let guard = EngineGuard::connect("agent-scratch").await;
    let tools = ready(&guard).await;
    // The guest's own image holds nothing but the guest, which waits for input here.
    let spec = ContainerSpec {
        image: tools.image.clone(),
        cmd: Some(["/shoal-guest", "agent", "--socket", "nobody"].map(str::to_owned).to_vec()),
        open_stdin: true,
        ..guard.shell("app", "")
    };
    let id = supervised(&guard, &tools, spec).await;
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("x"), "content").unwrap();
    let mut link = AgentLink::connect(&guard, &id).await.unwrap();
    let decision = Decision {
        writes: vec![write(here.path().join("x"), "/app/x"), write(here.path().join("x"), "/new/x")],
        then: vec![Step::Restart],
        ..Decision::default()
    };
    apply(&mut link, decision).await.unwrap();
    assert_eq!(guard.inspect(&id).await.unwrap().state, engine::ContainerState::Running);
}

#[tokio::test]
async fn a_large_batch_passes_a_command_that_prints_much() {
    let guard = EngineGuard::connect("agent-large").await;
    let tools = ready(&guard).await;
    let id = supervised(&guard, &tools, guard.shell("app", "sleep 1000")).await;
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("x"), vec![b'x'; 4 * CHUNK]).unwrap();
    let mut link = AgentLink::connect(&guard, &id).await.unwrap();
    // The agent cannot print more while nobody reads, and would not read more while it prints.
    let spill = ToAgent::Run {
        command: ["head", "-c", "8000000", "/dev/zero"].map(str::to_owned).to_vec(),
        user: None,
    };
    link.send(&spill).await.unwrap();
    let writes = (0..20).map(|n| write(here.path().join("x"), &format!("/app/{n}"))).collect();
    let printed =
        apply(&mut link, Decision { writes, then: vec![shell("ls /app | wc -l")], ..Decision::default() });
    let printed = printed.await.unwrap();
    assert_eq!((printed.len(), printed.trim_start_matches('\0')), (8_000_003, "20\n"));
}

#[tokio::test]
async fn a_container_without_the_guest_says_so() {
    let guard = EngineGuard::connect("agent-none").await;
    let id = guard.run(&guard.shell("app", "sleep 1000")).await;
    let error = AgentLink::connect(&guard, &id).await.unwrap_err();
    assert_eq!(error.to_string(), "the container has no `/.shoal/shoal-guest`");
}

#[tokio::test]
async fn what_a_container_lacks_is_told() {
    let guard = EngineGuard::connect("agent-lacks").await;
    let tools = ready(&guard).await;
    let id = supervised(&guard, &tools, guard.shell("app", "sleep 1000")).await;
    let here = tempfile::tempdir().unwrap();
    let mut link = AgentLink::connect(&guard, &id).await.unwrap();
    assert!(link.is_supervised());
    // More than go in one frame.
    let paths: Vec<PathBuf> = (0..COMPARED + 7).map(|n| here.path().join(format!("{n:04}"))).collect();
    for path in &paths {
        fs::write(path, path.display().to_string()).unwrap();
    }
    let to = |path: &Path| format!("/app/{}", path.file_name().unwrap().to_string_lossy());
    let writes = paths.iter().map(|path| write(path.clone(), &to(path))).collect();
    apply(&mut link, Decision { writes, ..Decision::default() }).await.unwrap();
    let entries: Vec<_> = paths.iter().map(|path| expected(path, Kind::Written, to(path)).unwrap()).collect();
    assert_eq!(link.compare(&entries).await.unwrap(), [0; 0]);
    run(&mut link, "cd /app; echo other > 0001; rm 0003; chmod +x 1003; touch 0005").await;
    assert_eq!(link.compare(&entries).await.unwrap(), [1, 3, 1003]);
}
