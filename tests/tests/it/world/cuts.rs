//! A way to the engine that can be cut.

use std::io::{Read, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Passes everything on to the engine, and knows which connections carry logs, and which what the captures tell.
pub(crate) struct Cuts {
    logs: Connections,
    captures: Connections,
}

type Connections = Arc<Mutex<Vec<UnixStream>>>;

impl Cuts {
    /// Listens at `socket` for what is meant for the engine at `engine`.
    pub(super) fn between(socket: &Path, engine: PathBuf) -> Self {
        let listener = UnixListener::bind(socket).expect("a socket");
        let (logs, captures) = (Connections::default(), Connections::default());
        let carrying = [("/logs?", logs.clone()), ("/attach?", captures.clone())];
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let (engine, carrying) = (engine.clone(), carrying.clone());
                thread::spawn(move || pass_on(&near, &engine, &carrying));
            }
        });
        Self { logs, captures }
    }

    /// Cuts every connection that carries logs at this moment; tells how many there were.
    pub(crate) fn cut(&self) -> usize {
        cut(&self.logs)
    }

    /// The same for those that carry what captures tell.
    pub(crate) fn cut_captures(&self) -> usize {
        cut(&self.captures)
    }
}

fn cut(connections: &Connections) -> usize {
    let mut connections = connections.lock().unwrap_or_else(PoisonError::into_inner);
    for connection in connections.iter() {
        // It may have ended by itself.
        drop(connection.shutdown(Shutdown::Both));
    }
    connections.drain(..).count()
}

fn pass_on(near: &UnixStream, engine: &Path, carrying: &[(&str, Connections)]) {
    let Ok(far) = UnixStream::connect(engine) else { return };
    let both = || Some((near.try_clone().ok()?, far.try_clone().ok()?));
    let (Some((mut to_near, mut from_far)), Some((mut from_near, mut to_far))) = (both(), both()) else {
        return;
    };
    let answers = thread::spawn(move || {
        drop(std::io::copy(&mut from_far, &mut to_near));
        drop(to_near.shutdown(Shutdown::Both));
    });
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from_near.read(&mut buffer) {
        let asked = String::from_utf8_lossy(&buffer[..read.min(400)]);
        for (_, connections) in carrying.iter().filter(|(path, _)| asked.contains(path)) {
            connections.lock().unwrap_or_else(PoisonError::into_inner).extend(near.try_clone());
        }
        if to_far.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    drop(to_far.shutdown(Shutdown::Write));
    drop(answers.join());
    drop(to_far.shutdown(Shutdown::Both));
}
