//! There is one session a stack: the one that holds the lock on its lease.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use api::place::Place;
use api::running::Running;
use api::{ApiError, Code};

/// How long a session that answers nobody any more may take to end.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// Takes the lease, as soon as a session that is just ending lets it go. One that answers keeps it.
pub(crate) async fn take(place: &Place, running: &Running) -> Result<File, ApiError> {
    let failed = |e: io::Error| {
        ApiError::new(
            Code::Failed,
            format!("the stack's folder {} cannot be used: {e}", place.folder.display()),
        )
    };
    place.create().map_err(failed)?;
    let begun = Instant::now();
    loop {
        if let Some(mut lease) = try_take(place).map_err(failed)? {
            lease.set_len(0).map_err(failed)?;
            writeln!(lease, "{}", std::process::id()).map_err(failed)?;
            running.write(place).map_err(failed)?;
            return Ok(lease);
        }
        let answers = UnixStream::connect(place.socket()).is_ok();
        if answers || begun.elapsed() > PATIENCE {
            let holder = std::fs::read_to_string(place.lease()).unwrap_or_default();
            let message = format!("a session of this stack runs already (process {})", holder.trim());
            return Err(ApiError::new(Code::Conflict, message));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The locked lease; `None` when somebody else has it.
fn try_take(place: &Place) -> io::Result<Option<File>> {
    let path = place.lease();
    let lease = OpenOptions::new().create(true).truncate(false).write(true).read(true).open(&path)?;
    match lease.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // A session that ends removes the file. A lock on what was removed meanwhile keeps nobody away.
    let ours = lease.metadata()?;
    Ok(std::fs::metadata(&path).is_ok_and(|there| there.ino() == ours.ino()).then_some(lease))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn place(state: &Path) -> (Place, Running) {
        let running = Running { build: "b".into(), background: true, arguments: Vec::new() };
        (Place::of(state, "shop", Path::new("/shop")), running)
    }

    #[tokio::test]
    async fn who_comes_while_a_session_ends_waits_for_it() {
        let state = tempfile::tempdir().unwrap();
        let (place, running) = place(state.path());
        let first = take(&place, &running).await.unwrap();
        let waiting = tokio::spawn({
            let (place, running) = (place.clone(), running.clone());
            async move { take(&place, &running).await }
        });
        tokio::time::sleep(PAUSE * 3).await;
        assert!(!waiting.is_finished());
        // As a session ends: the file goes first, then the lock.
        std::fs::remove_file(place.lease()).unwrap();
        drop(first);
        let second = waiting.await.unwrap().unwrap();
        assert_eq!(second.metadata().unwrap().ino(), std::fs::metadata(place.lease()).unwrap().ino());
        assert_eq!(Running::read(&place), Some(running));
    }

    #[tokio::test]
    async fn a_session_that_answers_keeps_its_stack() {
        let state = tempfile::tempdir().unwrap();
        let (place, running) = place(state.path());
        let _first = take(&place, &running).await.unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(place.socket()).unwrap();
        let refused = take(&place, &running).await.unwrap_err();
        assert_eq!(refused.code, Code::Conflict);
        assert!(refused.message.contains(&std::process::id().to_string()), "{refused}");
    }
}
