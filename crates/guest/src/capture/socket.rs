//! The packet socket: hears every interface, through a filter.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use libc::{c_int, c_void, sock_filter, socklen_t};

/// A packet socket. It hears nothing before [`Self::listen`].
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
}

impl Socket {
    /// Opens one; that needs `CAP_NET_RAW` and nothing else.
    pub(super) fn open() -> io::Result<Self> {
        // Protocol 0: nothing is heard until it is bound, when the filter is in place.
        Self::new(libc::AF_PACKET).map_err(|why| match why.raw_os_error() {
            Some(libc::EPERM) => io::Error::new(
                io::ErrorKind::PermissionDenied,
                "a packet socket was refused: the capture container lacks `NET_RAW`, or does not run as root",
            ),
            _ => why,
        })
    }

    /// One that anybody may open and filter, to try filters on.
    #[cfg(test)]
    pub(super) fn unprivileged() -> io::Result<Self> {
        Self::new(libc::AF_UNIX)
    }

    fn new(family: c_int) -> io::Result<Self> {
        let kind = if family == libc::AF_PACKET { libc::SOCK_RAW } else { libc::SOCK_DGRAM };
        // SAFETY: takes three numbers.
        let fd = check(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, 0) })?;
        // SAFETY: the descriptor was just made and nobody else owns it.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// Puts a filter in place of the one before, at once and with no packet in between unfiltered.
    pub(super) fn attach(&self, program: &[sock_filter]) -> io::Result<()> {
        let len = u16::try_from(program.len()).map_err(io::Error::other)?;
        let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
        self.set(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
    }

    /// Hears every interface from now on.
    pub(super) fn listen(&self) -> io::Result<()> {
        // SAFETY: all zeros is a valid address; 0 as interface means any.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        let size = size_of_val(&address) as socklen_t;
        // SAFETY: the address lives through the call and is as long as said.
        check(unsafe { libc::bind(self.raw(), (&raw const address).cast(), size) }).map(drop)
    }

    /// Waits until the ring has something, or for so long, or for a signal.
    pub(super) fn wait(&self, most: Duration) {
        let mut poll = libc::pollfd { fd: self.raw(), events: libc::POLLIN | libc::POLLERR, revents: 0 };
        // SAFETY: one `pollfd` that lives through the call. Whatever it returns, the ring is looked at next.
        unsafe { libc::poll(&raw mut poll, 1, most.as_millis() as c_int) };
    }

    /// Packets that the kernel dropped since this was asked last, for want of room in the ring.
    pub(super) fn take_drops(&self) -> u64 {
        let mut counts = libc::tpacket_stats_v3 { tp_packets: 0, tp_drops: 0, tp_freeze_q_cnt: 0 };
        let mut size = size_of_val(&counts) as socklen_t;
        // SAFETY: the kernel writes at most `size` bytes, which is what there is.
        let result = unsafe {
            let to: *mut c_void = (&raw mut counts).cast();
            libc::getsockopt(self.raw(), libc::SOL_PACKET, libc::PACKET_STATISTICS, to, &raw mut size)
        };
        if result == 0 { u64::from(counts.tp_drops) } else { 0 }
    }

    pub(super) fn set<T>(&self, level: c_int, name: c_int, value: &T) -> io::Result<()> {
        let size = size_of::<T>() as socklen_t;
        let from: *const c_void = std::ptr::from_ref(value).cast();
        // SAFETY: the value lives through the call and is as long as said.
        check(unsafe { libc::setsockopt(self.raw(), level, name, from, size) }).map(drop)
    }

    pub(super) fn raw(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
