//! The supervisor's end of [`crate::control`]: a few agents, none of which may make it wait.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use crate::control::{Lines, Notice, Request};
use crate::process;

/// More agents than this at once are turned away.
const MOST: usize = 16;

pub(super) struct Server {
    listener: UnixListener,
    clients: Vec<Client>,
    next: u32,
}

struct Client {
    number: u32,
    socket: UnixStream,
    lines: Lines,
}

impl Server {
    pub(super) fn listen(at: &SocketAddr) -> io::Result<Self> {
        let listener = UnixListener::bind_addr(at)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, clients: Vec::new(), next: 0 })
    }

    /// What to wait for: the listener, then each agent.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        let clients = self.clients.iter().map(|client| client.socket.as_raw_fd());
        [self.listener.as_raw_fd()].into_iter().chain(clients)
    }

    /// Reads what came, in the order of [`Self::descriptors`], and welcomes new agents with `greeting`.
    pub(super) fn serve(&mut self, ready: &[bool], greeting: &[Notice]) -> Vec<(u32, Request)> {
        let mut requests = Vec::new();
        let mut ready = ready.iter().copied();
        let welcome = ready.next().unwrap_or(false);
        self.clients.retain_mut(|client| !ready.next().unwrap_or(false) || client.read(&mut requests));
        if welcome {
            self.welcome(greeting);
        }
        requests
    }

    fn welcome(&mut self, greeting: &[Notice]) {
        while let Ok((socket, _)) = self.listener.accept() {
            // Whoever may send signals to the service may use this as well, and nobody else.
            let trusted = process::peer(&socket).is_ok_and(|p| p.uid == 0 || p.uid == process::own_uid());
            if !trusted || self.clients.len() >= MOST || socket.set_nonblocking(true).is_err() {
                continue;
            }
            let client = Client { number: self.next, socket, lines: Lines::default() };
            self.next = self.next.wrapping_add(1);
            for notice in greeting {
                client.tell(notice);
            }
            self.clients.push(client);
        }
    }

    pub(super) fn tell(&self, number: u32, notice: &Notice) {
        for client in self.clients.iter().filter(|client| client.number == number) {
            client.tell(notice);
        }
    }

    pub(super) fn tell_all(&self, notice: &Notice) {
        for client in &self.clients {
            client.tell(notice);
        }
    }
}

impl Client {
    /// Takes what the agent said; `false` when it is gone.
    fn read(&mut self, requests: &mut Vec<(u32, Request)>) -> bool {
        let mut bytes = [0; 4096];
        loop {
            match self.socket.read(&mut bytes) {
                Ok(0) => return false,
                Ok(length) => {
                    self.lines.push(&bytes[..length]);
                    while let Some(line) = self.lines.next_line() {
                        requests.extend(Request::parse(&line).map(|request| (self.number, request)));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    /// An agent that is gone, or that let its buffer fill up, does not hear it.
    fn tell(&self, notice: &Notice) {
        drop((&self.socket).write_all(format!("{notice}\n").as_bytes()));
    }
}
