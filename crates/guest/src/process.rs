//! What std does not offer about processes and signals, as safe functions.

use std::ffi::{CString, OsStr, c_char, c_int};
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::ptr;
use std::time::Duration;

unsafe extern "C" {
    static environ: *const *const c_char;
}

/// A set of signals, such as the mask a process had.
#[derive(Clone, Copy)]
pub(crate) struct SignalSet(libc::sigset_t);

/// A signal as it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) number: i32,
    /// Who sent it; 0 for a sender outside of the container.
    pub(crate) sender: i32,
}

/// Signals that wait in a descriptor instead of interrupting.
pub(crate) struct Signals(OwnedFd);

impl Signals {
    /// Blocks every signal and opens the descriptor in which they wait. Also returns the mask from before.
    pub(crate) fn take_all() -> io::Result<(Self, SignalSet)> {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: both sets are valid for writing, and sigfillset initialises `all` before it is read.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            check(libc::sigprocmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()))?;
            let fd = check(libc::signalfd(-1, all.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK))?;
            Ok((Self(OwnedFd::from_raw_fd(fd)), SignalSet(before.assume_init())))
        }
    }

    /// The next signal that waits, if any.
    pub(crate) fn next(&self) -> Option<Received> {
        let mut raw = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the kernel writes one whole record into `raw`, or nothing.
        unsafe {
            let read = libc::read(self.0.as_raw_fd(), raw.as_mut_ptr().cast(), size);
            if read != size as isize {
                return None;
            }
            let raw = raw.assume_init();
            Some(Received { number: raw.ssi_signo as i32, sender: raw.ssi_pid as i32 })
        }
    }
}

impl AsRawFd for Signals {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Waits until one of the descriptors can be read or was hung up. `None` waits without end.
pub(crate) fn wait_readable(fds: &[RawFd], timeout: Option<Duration>) -> io::Result<Vec<bool>> {
    let mut polls: Vec<_> =
        fds.iter().map(|&fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 }).collect();
    // Rounded up, so that a deadline has passed when the wait ends.
    let millis = timeout.map_or(-1, |t| t.as_micros().div_ceil(1000).min(60_000) as c_int);
    // SAFETY: `polls` is a valid array of the length given.
    match check(unsafe { libc::poll(polls.as_mut_ptr(), polls.len() as libc::nfds_t, millis) }) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(polls.iter().map(|p| p.revents != 0).collect()),
    }
}

/// Sends a signal to a process, or to a group when `pid` is negative.
pub(crate) fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// The exit code, as a shell counts it, of a child that ended; `None` when none has.
pub(crate) fn reap() -> Option<(i32, i32)> {
    let mut status = 0;
    // SAFETY: `status` is valid for writing.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    if pid <= 0 {
        return None;
    }
    let code = if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) };
    Some((pid, code))
}

/// Makes orphaned descendants children of this process, as PID 1 has it by itself.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    // SAFETY: takes no pointers.
    check(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }).map(drop)
}

/// Who is at the other end of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) pid: i32,
    pub(crate) uid: u32,
}

/// Who is at the other end of a socket, as the kernel noted it at the connect or listen.
pub(crate) fn peer(socket: &UnixStream) -> io::Result<Peer> {
    let mut raw = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: `raw` is valid for writing `length` bytes.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut raw).cast(),
            &raw mut length,
        )
    })?;
    Ok(Peer { pid: raw.pid, uid: raw.uid })
}

/// The user this process runs as.
pub(crate) fn own_uid() -> u32 {
    // SAFETY: takes no pointers and cannot fail.
    unsafe { libc::geteuid() }
}

/// The group this process runs as.
pub(crate) fn own_gid() -> u32 {
    // SAFETY: takes no pointers and cannot fail.
    unsafe { libc::getegid() }
}

/// Sets the permission bits that new files do not get.
pub(crate) fn set_umask(bits: u32) {
    // SAFETY: takes no pointers and cannot fail.
    unsafe { libc::umask(bits as libc::mode_t) };
}

/// Whether this process leads its session, as the first one of a container does.
pub(crate) fn leads_session() -> bool {
    // SAFETY: takes no pointers and cannot fail for the caller itself.
    unsafe { libc::getsid(0) == libc::getpid() }
}

/// In which surroundings a child runs.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) mask: SignalSet,
    pub(crate) terminal: Terminal,
    /// Orphans among its descendants become its children, as those of a container's first process do.
    pub(crate) adopts: bool,
}

/// How a child stands to its session and to the terminal on standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Terminal {
    /// There is none: the child leads a session of its own.
    None,
    /// There is none, and the session belongs to an init above: the child leads a group in it.
    Group,
    /// It is free: the child leads a session of its own and takes it.
    Take,
    /// It belongs to the session this process is in: the child's group becomes its foreground.
    Foreground,
}

impl Terminal {
    /// Looks at standard input. A session leader gives its terminal up, so that the child can have it as it would
    /// have had it without us.
    pub(crate) fn hand_over(signals: &Signals) -> Self {
        // SAFETY: none of the calls takes a pointer.
        unsafe {
            if libc::isatty(0) == 0 || libc::tcgetsid(0) != libc::getsid(0) {
                return if leads_session() { Self::None } else { Self::Group };
            }
            if !leads_session() || libc::ioctl(0, libc::TIOCNOTTY) != 0 {
                return Self::Foreground;
            }
        }
        // Giving it up hangs up on the foreground group, which is this process.
        while signals.next().is_some() {}
        Self::Take
    }
}

/// A program file with its arguments, ready to be executed.
pub(crate) struct Program {
    path: CString,
    arguments: Vec<CString>,
}

impl Program {
    /// `arguments` starts with the name the program is called by.
    pub(crate) fn new(path: &Path, arguments: &[impl AsRef<OsStr>]) -> io::Result<Self> {
        let arguments =
            arguments.iter().map(|a| CString::new(a.as_ref().as_bytes())).collect::<Result<_, _>>()?;
        Ok(Self { path: CString::new(path.as_os_str().as_bytes())?, arguments })
    }

    /// Starts it with this process's own environment, folder, user and descriptors 0 to 2, as leader of a process
    /// group whose number is the pid returned. The error is that of `execve`: a child that could not execute is gone
    /// when this returns.
    ///
    /// Only for a process with one thread.
    pub(crate) fn spawn(&self, place: &Place) -> io::Result<i32> {
        let pointers: Vec<_> = self.arguments.iter().map(|a| a.as_ptr()).chain([ptr::null()]).collect();
        let mut ends = [0; 2];
        // SAFETY: `ends` is valid for writing two descriptors.
        check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
        // SAFETY: the pipe was just made, so both descriptors are open and nobody else's.
        let (reader, writer) = unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) };
        // SAFETY: the process has one thread; the child calls only what is safe after fork, then executes or ends.
        let pid = unsafe {
            let pid = check(libc::fork())?;
            if pid == 0 {
                self.become_child(&pointers, place, writer.as_raw_fd())
            }
            pid
        };
        drop(writer);
        let mut errno = 0_i32;
        // SAFETY: `errno` is valid for writing four bytes. Nothing is read when the pipe closed by the execve.
        let read = unsafe { libc::read(reader.as_raw_fd(), (&raw mut errno).cast(), size_of::<i32>()) };
        if read <= 0 {
            return Ok(pid);
        }
        // SAFETY: waits for our own child, which ends at once; no status is asked for.
        unsafe { libc::waitpid(pid, ptr::null_mut(), 0) };
        Err(io::Error::from_raw_os_error(errno))
    }

    unsafe fn become_child(&self, arguments: &[*const c_char], place: &Place, failed: RawFd) -> ! {
        // SAFETY: the caller is a fresh child; all pointers outlive the calls and every call is async-signal-safe.
        unsafe {
            match place.terminal {
                Terminal::None => {
                    libc::setsid();
                }
                Terminal::Group => {
                    libc::setpgid(0, 0);
                }
                Terminal::Take => {
                    libc::setsid();
                    libc::ioctl(0, libc::TIOCSCTTY, 0);
                }
                Terminal::Foreground => {
                    libc::setpgid(0, 0);
                    // All signals are blocked here, so SIGTTOU does not stop us.
                    libc::tcsetpgrp(0, libc::getpid());
                }
            }
            if place.adopts {
                libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
            }
            // Rust's runtime ignores SIGPIPE; a child expects the default.
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const place.mask.0, ptr::null_mut());
            libc::execve(self.path.as_ptr(), arguments.as_ptr(), environ);
            let errno = *libc::__errno_location();
            libc::write(failed, (&raw const errno).cast(), size_of::<i32>());
            libc::_exit(127)
        }
    }
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
