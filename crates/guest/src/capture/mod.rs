//! `capture`: packets of the stack's networks in, or of one service's loopback; exchanges out.
//!
//! One thread drains the kernel's ring and decodes, one writes frames to standard output, one reads commands from
//! standard input. The first waits for neither: what cannot be written is dropped and counted. It runs until it is
//! told to end by a signal; a host that goes away and comes back finds it at work.

mod args;
mod budget;
mod filter;
mod links;
mod outbox;
mod polite;
mod recent;
mod ring;
mod snap;
mod socket;
mod stop;

use std::ffi::OsString;
use std::io::{self, Read};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use model::Timestamp;
use model::exchange::{CaptureCounts, Exchange};
use model::frame::{Frames, FromCapture, ToCapture};
use wire::{Limits, Link, Wire};

use args::Args;
use budget::Budget;
use links::Links;
use outbox::Outbox;
use recent::Recent;
use ring::Ring;
use snap::{Snap, WHOLE};
use socket::Socket;

/// How long the ring is waited for when it is empty.
const WAIT: Duration = Duration::from_millis(25);
/// The kernel may hold back packets for the ring's retire time: time has not passed for what may still come.
const HELD_BACK: Duration = Duration::from_millis(50);
const FILTER_EVERY: Duration = Duration::from_millis(250);
const COUNTS_EVERY: Duration = Duration::from_secs(1);
/// A call whose end was lost on the way is told to have ended after so long.
const OPEN_EVERY: Duration = Duration::from_secs(5);

/// How much may be held, in bytes but for the flows. A loopback's guest is one of many.
struct Room {
    outbox: usize,
    buffers: usize,
    flows: usize,
    packets: usize,
}

const MEGABYTE: usize = 1024 * 1024;
const OF_NETWORKS: Room =
    Room { outbox: 24 * MEGABYTE, buffers: 48 * MEGABYTE, flows: 16 * 1024, packets: 32 * MEGABYTE };
const OF_LOOPBACK: Room =
    Room { outbox: 6 * MEGABYTE, buffers: 10 * MEGABYTE, flows: 2 * 1024, packets: 8 * MEGABYTE };

/// Runs until a signal ends it.
pub(crate) fn run(args: &[OsString]) -> ExitCode {
    let args = match args::parse(args) {
        Ok(args) => args,
        Err(what) => return crate::complain(&what),
    };
    polite::never_interrupt();
    let room = if args.loopback { &OF_LOOPBACK } else { &OF_NETWORKS };
    let outbox = Outbox::start(io::stdout(), room.outbox);
    match start(&args, room) {
        Ok(watch) => watch.run(&outbox),
        Err(why) => {
            outbox.put(FromCapture::Failed(why.to_string()));
            outbox.finish();
            return ExitCode::FAILURE;
        }
    }
    outbox.finish();
    ExitCode::SUCCESS
}

fn start(args: &Args, room: &'static Room) -> io::Result<Watch> {
    stop::on_signals()?;
    let mut links = Links::new("/sys/class/net".into());
    links.want(args.bridges.clone());
    if args.loopback {
        links.want_loopback();
    }
    links.refresh(Instant::now())?;
    // Nothing unfiltered enters the ring: the filter is there before the socket hears anything.
    let socket = Socket::open()?;
    let program = filter::program(&links.rules(), WHOLE);
    socket.attach(&program)?;
    let ring = Ring::open(&socket, args.ring)?;
    socket.listen()?;
    let (commands, received) = sync_channel(64);
    thread::Builder::new().name("commands".into()).spawn(move || read_commands(io::stdin(), &commands))?;
    // A guest that is started again must not give its connections the numbers of the last one's: there are four
    // thousand for each millisecond, and a number still fits the 53 bits that a browser can count.
    let epoch = Timestamp::from_system(SystemTime::now()).millis() as u64;
    let limits = Limits { total_buffer: room.buffers, max_flows: room.flows, ..Limits::new(args.body_limit) };
    let wire = Wire::new(limits).with_first_conn(epoch << 12);
    let snap = Snap::new(Instant::now());
    Ok(Watch {
        ring,
        socket,
        links,
        snap,
        program,
        wire,
        commands: received,
        recent: Recent::default(),
        room,
        epoch,
        lost_kernel: 0,
    })
}

struct Watch {
    // The ring goes before its socket.
    ring: Ring,
    socket: Socket,
    links: Links,
    snap: Snap,
    program: Vec<libc::sock_filter>,
    wire: Wire,
    commands: Receiver<ToCapture>,
    recent: Recent,
    room: &'static Room,
    /// When it began, in milliseconds since 1970.
    epoch: u64,
    lost_kernel: u64,
}

impl Watch {
    fn run(mut self, outbox: &Outbox) {
        outbox.put(FromCapture::Ready { epoch: self.epoch });
        let mut out = Vec::new();
        let mut filter_at = Instant::now();
        let mut counts_at = Instant::now();
        let mut open_at = Instant::now();
        let mut budget = Budget::new(Instant::now());
        while !stop::asked() {
            if !self.read_block(&mut out) {
                self.socket.wait(WAIT);
                self.wire.tick(Timestamp::from_system(SystemTime::now()).minus(HELD_BACK), &mut out);
            }
            let now = Instant::now();
            let told = out.drain(..).filter_map(|exchange| budget.spend(exchange, now));
            outbox.put_all(told.map(|exchange| FromCapture::Exchange(Box::new(exchange))));
            outbox.put_all(budget.tell(now, false).into_iter().map(|t| FromCapture::Tally(Box::new(t))));
            let told = self.obey(outbox, &mut out);
            if told || filter_at.elapsed() >= FILTER_EVERY {
                filter_at = Instant::now();
                self.renew_filter(outbox);
            }
            if told {
                outbox.put(FromCapture::Ready { epoch: self.epoch });
            }
            if told || open_at.elapsed() >= OPEN_EVERY {
                open_at = Instant::now();
                outbox.put(FromCapture::Open(budget.open()));
            }
            if counts_at.elapsed() >= COUNTS_EVERY {
                counts_at = Instant::now();
                outbox.put(FromCapture::Counts(self.counts(outbox, &budget)));
            }
        }
        self.wire.finish(&mut out);
        outbox.put_all(out.into_iter().map(|exchange| FromCapture::Exchange(Box::new(exchange))));
        let last = budget.tell(Instant::now(), true).into_iter();
        outbox.put_all(last.map(|tally| FromCapture::Tally(Box::new(tally))));
        outbox.put(FromCapture::Counts(self.counts(outbox, &budget)));
    }

    /// Decodes the next block of packets; false when there is none.
    fn read_block(&mut self, out: &mut Vec<Exchange>) -> bool {
        let Some(block) = self.ring.next_block() else { return false };
        let now = Instant::now();
        for packet in block.packets() {
            if self.links.wants(packet.interface, packet.outgoing, now) {
                self.recent.keep(packet.at, packet.bytes, packet.wire_len);
                self.wire.packet(packet.at, Link::Ethernet, packet.bytes, packet.wire_len, out);
            }
        }
        true
    }

    /// Does what the host asked for; true when the networks are others now.
    fn obey(&mut self, outbox: &Outbox, out: &mut Vec<Exchange>) -> bool {
        let mut networks = false;
        while let Ok(command) = self.commands.try_recv() {
            match command {
                ToCapture::Networks(wanted) => {
                    self.links.want(wanted.into_iter().map(|network| network.bridge).collect());
                    networks = true;
                }
                ToCapture::BodyLimit(bytes) => self.wire.set_body_limit(bytes as usize),
                ToCapture::Protocols(servers) => self.wire.set_protocols(servers, out),
                ToCapture::TlsKeys(text) => self.wire.add_keys(&text),
                ToCapture::KeepPackets(bytes) => self.recent.resize((bytes as usize).min(self.room.packets)),
                ToCapture::Packets(ask) => outbox.put(FromCapture::Packets(self.recent.page(&ask))),
            }
        }
        networks
    }

    /// Brings the filter up to date with the interfaces that there are, and with the load.
    fn renew_filter(&mut self, outbox: &Outbox) {
        let now = Instant::now();
        let drops = self.socket.take_drops();
        self.lost_kernel += drops;
        let counts = self.wire.counts();
        let copied = self.snap.decide(now, counts.packets, counts.bytes, drops);
        let program = match self.links.refresh(now) {
            Ok(()) => filter::program(&self.links.rules(), copied),
            Err(why) => {
                return outbox.put(FromCapture::Failed(format!("interfaces cannot be listed: {why}")));
            }
        };
        if !filter::same(&program, &self.program) {
            match self.socket.attach(&program) {
                Ok(()) => self.program = program,
                Err(why) => outbox.put(FromCapture::Failed(why.to_string())),
            }
        }
    }

    fn counts(&mut self, outbox: &Outbox, budget: &Budget) -> CaptureCounts {
        self.lost_kernel += self.socket.take_drops();
        CaptureCounts {
            lost_kernel: self.lost_kernel,
            lost_transport: outbox.lost(),
            // Whoever writes it knows what was written before it.
            written: 0,
            tallied: budget.total(),
            ..self.wire.counts()
        }
    }
}

/// Reads the host's commands until their stream ends, which ends nothing else.
fn read_commands(mut from: impl Read, to: &SyncSender<ToCapture>) {
    let mut frames = Frames::default();
    let mut buffer = [0; 4096];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(bytes) => frames.push(&buffer[..bytes]),
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
        while let Some(command) = frames.next_frame() {
            if to.send(command).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_come_through_whatever_surrounds_them() {
        let mut stream = b"noise".to_vec();
        let limit = ToCapture::BodyLimit(7);
        let none = ToCapture::Networks(Vec::new());
        for command in [&limit, &none] {
            stream.extend(model::frame::encode(command).unwrap());
        }
        let (to, received) = sync_channel(8);
        read_commands(&stream[..], &to);
        drop(to);
        assert_eq!(received.iter().collect::<Vec<_>>(), [limit, none]);
    }
}
