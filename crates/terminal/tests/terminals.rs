//! Terminals with real programs: on this machine, and in containers of the machine's real engine.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use engine::ContainerSpec;
use terminal::{Open, Output, Terminal, TerminalError, in_container, on_this_machine};
use testkit::EngineGuard;
use tokio::sync::mpsc::Receiver;

const PATIENCE: Duration = Duration::from_secs(20);

fn run(script: &str, plain: bool) -> Open {
    let command = Some(["sh", "-c", script].map(str::to_owned).to_vec());
    Open { command, plain, ..Open::default() }
}

/// Reads until the text shows.
async fn until(shown: &mut Receiver<Output>, wanted: &str) -> String {
    let mut text = String::new();
    let reading = async {
        while !text.contains(wanted) {
            match shown.recv().await {
                Some(Output::Bytes(bytes) | Output::Stdout(bytes)) => {
                    text.push_str(&String::from_utf8_lossy(&bytes));
                }
                other => panic!("{other:?} instead of {wanted:?} after {text:?}"),
            }
        }
    };
    assert!(tokio::time::timeout(PATIENCE, reading).await.is_ok(), "no {wanted:?} in {text:?}");
    text
}

/// Everything until the end: what a terminal or standard output showed, standard error, the exit code.
async fn rest(shown: &mut Receiver<Output>) -> (String, String, Option<i32>) {
    let (mut out, mut err, mut exit) = (Vec::new(), Vec::new(), None);
    let reading = async {
        while let Some(item) = shown.recv().await {
            assert_eq!(exit, None, "the exit comes last");
            match item {
                Output::Bytes(bytes) | Output::Stdout(bytes) => out.extend_from_slice(&bytes),
                Output::Stderr(bytes) => err.extend_from_slice(&bytes),
                Output::Exit(code) => exit = Some(code),
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("the program ends");
    (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap(), exit.expect("an exit"))
}

fn here(open: &Open) -> (Terminal, Receiver<Output>) {
    let env = BTreeMap::from([
        ("PATH".to_owned(), std::env::var("PATH").unwrap()),
        ("SHELL".to_owned(), "/bin/sh".to_owned()),
        ("PS1".to_owned(), "ready> ".to_owned()),
    ]);
    on_this_machine(Path::new("/usr/share"), &env, open).unwrap()
}

/// What every terminal does, wherever its program runs.
async fn is_a_terminal((terminal, mut shown): (Terminal, Receiver<Output>)) {
    until(&mut shown, "24 80").await;
    terminal.resize(132, 43).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    terminal.write(b"hello\r").await.unwrap();
    let (out, err, exit) = rest(&mut shown).await;
    assert!(out.contains("got hello xterm-256color") && out.contains("43 132"), "{out:?}");
    assert_eq!((err.as_str(), exit), ("", Some(6)));
}

const AS_TERMINAL: &str = "sleep 0.4; stty size; read word; echo got $word $TERM; stty size; exit 6";

async fn has_pipes((terminal, mut shown): (Terminal, Receiver<Output>)) {
    terminal.write(b"a\nb\n").await.unwrap();
    terminal.eof().await.unwrap();
    let (out, err, exit) = rest(&mut shown).await;
    assert_eq!((out.trim(), err.as_str(), exit), ("2", "wrong\n", Some(5)));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(terminal.write(b"late").await, Err(TerminalError::Ended));
}

const AS_PIPES: &str = "wc -l; echo wrong >&2; exit 5";

#[tokio::test]
async fn a_terminal_on_this_machine() {
    is_a_terminal(here(&run(AS_TERMINAL, false))).await;
}

#[tokio::test]
async fn pipes_on_this_machine() {
    has_pipes(here(&run(AS_PIPES, true))).await;
}

#[tokio::test]
async fn the_shell_of_this_machine() {
    let (terminal, mut shown) = here(&Open::default());
    until(&mut shown, "ready> ").await;
    terminal.write(b"pwd; echo $((6*7))\r").await.unwrap();
    let text = until(&mut shown, "42").await;
    assert!(text.contains("/usr/share"), "{text:?}");
    terminal.eof().await.unwrap();
    assert_eq!(rest(&mut shown).await.2, Some(0));
}

#[tokio::test]
async fn closing_ends_a_program_of_this_machine() {
    for plain in [false, true] {
        let (terminal, mut shown) = here(&run("echo up; sleep 600; true", plain));
        until(&mut shown, "up").await;
        drop(terminal);
        let (_, _, exit) = rest(&mut shown).await;
        assert_ne!(exit, Some(0), "plain: {plain}");
    }
}

#[tokio::test]
async fn what_stays_in_the_background_holds_nothing_up() {
    for plain in [false, true] {
        let (_terminal, mut shown) = here(&run("trap '' HUP; sleep 30 & seq 1 20000; exit 2", plain));
        let (out, _, exit) = rest(&mut shown).await;
        assert_eq!((out.lines().last(), exit), (Some("20000"), Some(2)), "plain: {plain}");
    }
}

#[tokio::test]
async fn a_missing_program_on_this_machine() {
    for plain in [false, true] {
        let open = Open { command: Some(vec!["no-such-program".to_owned()]), plain, ..Open::default() };
        let error = on_this_machine(Path::new("/"), &BTreeMap::new(), &open).unwrap_err();
        assert!(
            matches!(&error, TerminalError::NoProgram { program, .. } if program == "no-such-program"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_terminal_in_a_container() {
    let guard = EngineGuard::connect("term").await;
    let id = guard.run(&guard.shell("a", "sleep 600")).await;
    is_a_terminal(in_container(&guard, &id, &run(AS_TERMINAL, false)).await.unwrap()).await;
    has_pipes(in_container(&guard, &id, &run(AS_PIPES, true)).await.unwrap()).await;
}

#[tokio::test]
async fn much_goes_through_both_ways_at_once() {
    let guard = EngineGuard::connect("much").await;
    let id = guard.run(&guard.shell("a", "sleep 600")).await;
    let open = Open { command: Some(vec!["cat".to_owned()]), plain: true, ..Open::default() };
    let (inside, here) = (in_container(&guard, &id, &open).await.unwrap(), here(&open));
    for (terminal, mut shown) in [inside, here] {
        let piece = vec![b'x'; 32 * 1024];
        let typing = tokio::spawn(async move {
            for _ in 0..256 {
                terminal.write(&piece).await.unwrap();
            }
            terminal.eof().await.unwrap();
            terminal
        });
        let (out, _, exit) = rest(&mut shown).await;
        assert_eq!((out.len(), exit), (256 * 32 * 1024, Some(0)));
        typing.await.unwrap();
    }
}

#[tokio::test]
async fn the_shell_of_a_container_is_bash_where_there_is_one() {
    let guard = EngineGuard::connect("shell").await;
    let id = guard.run(&guard.shell("a", "sleep 600")).await;
    let (terminal, mut shown) = in_container(&guard, &id, &Open::default()).await.unwrap();
    terminal.write(b"echo is $0 $BASH_VERSION\r").await.unwrap();
    until(&mut shown, "is bash 5").await;
    // Not Ctrl-D: bash drops one that comes before its next prompt, on every terminal.
    terminal.write(b"exit 7\r").await.unwrap();
    assert_eq!(rest(&mut shown).await.2, Some(7));

    // Where bash cannot be run, sh takes its place.
    let plain = guard.run(&guard.shell("b", "rm -f /bin/bash /usr/bin/bash; echo gone; sleep 600")).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (terminal, mut shown) = in_container(&guard, &plain, &Open::default()).await.unwrap();
    terminal.write(b"echo is $0\r").await.unwrap();
    until(&mut shown, "is sh").await;
}

#[tokio::test]
async fn closing_ends_the_programs_of_a_container() {
    let guard = EngineGuard::connect("close").await;
    let id = guard.run(&guard.shell("a", "sleep 600")).await;
    let (terminal, mut shown) =
        in_container(&guard, &id, &run("echo up; sleep 611; true", false)).await.unwrap();
    until(&mut shown, "up").await;
    drop(terminal);
    let look = run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '", true);
    for _ in 0..50 {
        let (_looking, mut seen) = in_container(&guard, &id, &look).await.unwrap();
        let (running, _, _) = rest(&mut seen).await;
        assert!(running.contains("sleep 600"), "{running}");
        if !running.contains("sleep 611") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the program still runs");
}

#[tokio::test]
async fn a_missing_program_or_shell_in_a_container() {
    let mut guard = EngineGuard::connect("noshell").await;
    let id = guard.run(&guard.shell("a", "sleep 600")).await;
    for plain in [false, true] {
        let open = Open { command: Some(vec!["no-such-program".to_owned()]), plain, ..Open::default() };
        match in_container(&guard, &id, &open).await {
            Ok((_terminal, mut shown)) => {
                let (out, err, exit) = rest(&mut shown).await;
                assert_eq!((out.as_str(), exit), ("", Some(127)));
                assert_eq!(err, "`no-such-program` is not in the container or cannot be run\n");
            }
            Err(error) => assert!(matches!(error, TerminalError::NoProgram { .. }), "{error:?}"),
        }
    }

    // An image of one static program has no shell.
    let tag = guard.image_tag("bare");
    let sleeper = guard.shell("copy", "cat /lib64/ld-linux-x86-64.so.2 >/dev/null; sleep 600");
    let bare = bare_image(&guard, &tag).await;
    let spec = ContainerSpec { image: bare, cmd: None, ..sleeper };
    let id = guard.run(&spec).await;
    let error = in_container(&guard, &id, &Open::default()).await.unwrap_err();
    assert_eq!(error, TerminalError::NoShell { container: id.clone() });
    assert!(error.hint().is_some());
}

/// `sleep` with the libraries that it needs, and nothing else.
async fn bare_image(guard: &EngineGuard, tag: &str) -> String {
    let collect = "mkdir /bare && cp --parents /usr/bin/sleep $(ldd /usr/bin/sleep | grep -o '/[^ ]*') /bare && \
                   tar -C /bare -c . | base64 -w0";
    let spec = guard.shell("collect", "sleep 600");
    let id = guard.run(&spec).await;
    let (_terminal, mut shown) = in_container(guard, &id, &run(collect, true)).await.unwrap();
    let (text, err, exit) = rest(&mut shown).await;
    assert_eq!(exit, Some(0), "{err}");
    let changes = ["ENTRYPOINT [\"/usr/bin/sleep\", \"600\"]"];
    guard.import_image(tag, from_base64(text.trim()), &changes).await.unwrap()
}

fn from_base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        bits = bits << 6 | u32::from(digit(byte));
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}
