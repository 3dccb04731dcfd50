//! Being asked to end. As PID 1 a process gets no signal that it has no handler for.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

extern "C" fn ask(_signal: libc::c_int) {
    ASKED.store(true, Ordering::Relaxed);
}

/// Takes `TERM` and `INT` as the wish to end.
pub(super) fn on_signals() -> io::Result<()> {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        // SAFETY: the handler stores to an atomic and does nothing else, which is safe at any moment.
        let before = unsafe { libc::signal(signal, ask as *const () as libc::sighandler_t) };
        if before == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Whether somebody wishes an end.
pub(super) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}
