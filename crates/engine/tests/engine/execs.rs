use std::time::Duration;

use engine::{ContainerSpec, Engine, EngineError, Exec, ExecSpec};
use futures_util::StreamExt as _;
use model::line::Stream;
use testkit::EngineGuard;
use tokio::io::AsyncWriteExt as _;

fn sh(script: &str) -> ExecSpec {
    ExecSpec { cmd: ["sh", "-c", script].map(str::to_owned).to_vec(), ..ExecSpec::default() }
}

async fn printed(exec: &mut Exec) -> (String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while let Some(item) = exec.output.next().await {
        let (stream, bytes) = item.unwrap();
        if stream == Stream::Stderr { &mut err } else { &mut out }.extend_from_slice(&bytes);
    }
    (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

async fn code(engine: &Engine, id: &str) -> i32 {
    for _ in 0..100 {
        if let Some(code) = engine.exec_exit(id).await.unwrap() {
            return code;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no exit code");
}

#[tokio::test]
async fn a_program_prints_and_ends() {
    let guard = EngineGuard::connect("exec").await;
    let id = guard.run(&guard.shell("a", "sleep 60")).await;
    let spec = ExecSpec {
        env: vec![("A".to_owned(), "b c".to_owned())],
        working_dir: Some("/usr".to_owned()),
        user: Some("nobody".to_owned()),
        ..sh("echo $A; pwd; id -un; echo wrong >&2; exit 9")
    };
    let mut exec = guard.exec(&id, &spec).await.unwrap();
    let (out, err) = printed(&mut exec).await;
    assert_eq!((out.as_str(), err.as_str()), ("b c\n/usr\nnobody\n", "wrong\n"));
    assert_eq!(code(&guard, &exec.id).await, 9);
}

#[tokio::test]
async fn input_arrives_and_ends() {
    let guard = EngineGuard::connect("stdin").await;
    let id = guard.run(&guard.shell("a", "sleep 60")).await;
    let spec = ExecSpec { stdin: true, ..sh("wc -c; echo done") };
    let mut exec = guard.exec(&id, &spec).await.unwrap();
    exec.input.write_all(&vec![b'x'; 300_000]).await.unwrap();
    exec.input.shutdown().await.unwrap();
    let (out, _) = tokio::time::timeout(Duration::from_secs(20), printed(&mut exec)).await.unwrap();
    assert_eq!(out, "300000\ndone\n");
    assert_eq!(code(&guard, &exec.id).await, 0);
}

#[tokio::test]
async fn a_terminal_has_its_size_and_any_byte() {
    let guard = EngineGuard::connect("tty").await;
    let id = guard.run(&guard.shell("a", "sleep 60")).await;
    let script = "sleep 0.4; stty size; read x; stty size; printf '\\001\\002\\000end'; exit 4";
    let spec = ExecSpec { tty: true, stdin: true, size: Some((132, 43)), ..sh(script) };
    let mut exec = guard.exec(&id, &spec).await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("43 132") {
        let (_, bytes) = exec.output.next().await.unwrap().unwrap();
        seen.extend_from_slice(&bytes);
    }
    guard.exec_resize(&exec.id, 100, 30).await.unwrap();
    exec.input.write_all(b"\n").await.unwrap();
    let (out, _) = printed(&mut exec).await;
    assert!(out.contains("30 100") && out.ends_with("\u{1}\u{2}\0end"), "{out:?}");
    assert_eq!(code(&guard, &exec.id).await, 4);
}

#[tokio::test]
async fn a_missing_program_shows() {
    let guard = EngineGuard::connect("missing").await;
    let id = guard.run(&guard.shell("a", "sleep 60")).await;
    let spec = ExecSpec { cmd: vec!["nosuch".to_owned()], ..ExecSpec::default() };
    match guard.exec(&id, &spec).await {
        Ok(mut exec) => {
            let (out, err) = printed(&mut exec).await;
            assert!(format!("{out}{err}").contains("nosuch"), "{out:?} {err:?}");
            assert!([126, 127].contains(&code(&guard, &exec.id).await));
        }
        Err(error) => assert!(
            matches!(&error, EngineError::NoProgram { program, .. } if program == "nosuch"),
            "{error:?}"
        ),
    }
    guard.stop(&id, Duration::ZERO).await.unwrap();
    let error = guard.exec(&id, &sh("true")).await.unwrap_err();
    assert!(matches!(error, EngineError::Conflict { .. }), "{error:?}");
    let error = guard.exec("nosuch", &sh("true")).await.unwrap_err();
    assert!(matches!(error, EngineError::NotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn a_containers_own_streams_can_be_taken() {
    let guard = EngineGuard::connect("attach").await;
    let spec = ContainerSpec { open_stdin: true, stdin_once: true, ..guard.shell("a", "cat; echo end >&2") };
    let id = guard.create(&spec).await.unwrap();
    let mut exec = guard.attach(&id).await.unwrap();
    guard.start(&id).await.unwrap();
    exec.input.write_all(b"one\ntwo\n").await.unwrap();
    exec.input.shutdown().await.unwrap();
    let (out, err) = tokio::time::timeout(Duration::from_secs(20), printed(&mut exec)).await.unwrap();
    assert_eq!((out.as_str(), err.as_str()), ("one\ntwo\n", "end\n"));
    assert_eq!(guard.ended(&id).await, 0);
}
