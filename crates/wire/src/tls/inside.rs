//! What is said within TLS, where the connection's secrets are known: records are opened, and their contents are a
//! conversation as any other.
//!
//! Secrets come later than packets, since their writer is not waited for: so many records, for so long, are held until
//! then. A record that is not whole, or behind a loss, is passed over: the next one that opens tells by its number how
//! many are missing, and thereby how many bytes.

use std::collections::VecDeque;
use std::time::Duration;

use model::Timestamp;
use model::exchange::Ending;

use super::cipher::{Seal, Suite};
use super::hello::ServerHello;
use super::keys::{Keys, Label, Random};
use super::record::{self, CHANGE_CIPHER, DATA, PAYLOAD_LIMIT};
use super::way::{Found, Way};
use crate::conversation::Conversation;
use crate::decode::{Connection, Dir, Env, Loss};
use crate::framing::Head;

/// How long secrets are waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often they are looked for when nothing else happens.
const LOOK: Duration = Duration::from_millis(100);
/// How much may be held until then, in bytes.
const HELD_LIMIT: usize = 512 * 1024;
/// How many in a row may not open before all hope is given up: the secrets are another connection's, or too much is
/// missing. Each costs as much as opening many.
const FAILED_LIMIT: u32 = 32;

/// The seals of both directions, each as long as it is used; `None` while too few secrets are known.
fn seals(keys: &Keys, client: &Random, server: &Random, suite: Suite) -> Option<[VecDeque<Seal>; 2]> {
    let secrets = keys.of(client).filter(|secrets| secrets.suffice())?;
    if !suite.is_newest() {
        let both = Seal::of_master(suite, secrets.get(Label::Master)?, client, server)?;
        return Some(both.map(|seal| VecDeque::from([seal])));
    }
    let made = |labels: &[Label]| {
        let known = labels.iter().filter_map(|label| secrets.get(*label));
        known.filter_map(|secret| Seal::of_traffic(suite, secret)).collect()
    };
    Some([
        made(&[Label::ClientEarly, Label::ClientHandshake, Label::Client]),
        made(&[Label::ServerHandshake, Label::Server]),
    ])
}

/// What cannot be read yet.
#[derive(Debug)]
enum Held {
    Record(Dir, Timestamp, [u8; 5], Vec<u8>),
    Missing(Dir, u64, Loss),
    Closed(Dir, Timestamp),
}

/// The inside of one connection.
#[derive(Debug)]
pub(super) struct Inside {
    client: Random,
    server: Option<(Random, Suite)>,
    ways: [Way; 2],
    known: bool,
    held: VecDeque<Held>,
    holds: usize,
    since: Option<Timestamp>,
    look: Timestamp,
    talk: Conversation,
    /// Something was opened.
    pub(super) opened: bool,
    hopeless: bool,
}

impl Inside {
    /// Of a connection whose client began with this.
    pub(super) fn new(client: Random, at: Timestamp, connection: &Connection) -> Self {
        Self {
            client,
            server: None,
            ways: [Way::default(), Way::default()],
            known: false,
            held: VecDeque::new(),
            holds: 0,
            since: None,
            look: at,
            talk: Conversation::within(connection, at),
            opened: false,
            hopeless: false,
        }
    }

    /// What was agreed upon.
    pub(super) fn agreed(&mut self, hello: &ServerHello) {
        match Suite::numbered(hello.cipher) {
            Some(suite) => self.server = Some((hello.random, suite)),
            None => self.hopeless = true,
        }
    }

    /// Nothing of it will ever be read.
    pub(super) fn is_hopeless(&self) -> bool {
        self.hopeless
    }

    pub(super) fn data(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) {
        self.look(env.at, env);
        let behind;
        let mut rest = bytes;
        if self.ways[dir as usize].framer.is_lost() {
            let Some(found) = self.search(dir, bytes, env) else { return };
            behind = found;
            rest = &behind;
        }
        self.ways[dir as usize].begun += rest.len() as u64;
        let mut framer = std::mem::take(&mut self.ways[dir as usize].framer);
        while !self.hopeless {
            match framer.next(&mut rest, env.at, PAYLOAD_LIMIT as usize, record::measure) {
                Ok(Some(frame)) => {
                    let size = frame.on_wire();
                    self.ways[dir as usize].begun -= size;
                    match frame.head.first_chunk() {
                        Some(head) if frame.whole() => {
                            self.record(dir, *head, frame.payload, env);
                        }
                        _ => self.miss(dir, env.at, size, frame.loss.unwrap_or(Loss::Lost)),
                    }
                }
                Ok(None) => break,
                Err(_) => self.hopeless = true,
            }
        }
        self.ways[dir as usize].framer = framer;
    }

    pub(super) fn gap(&mut self, dir: Dir, at: Timestamp, bytes: u64, loss: Loss) {
        let way = &mut self.ways[dir as usize];
        way.framer.lose(bytes, loss);
        way.begun += bytes + std::mem::take(&mut way.searched).len() as u64;
        // A record whose end is still known is counted when it is over.
        if way.framer.is_lost() {
            let begun = std::mem::take(&mut way.begun);
            self.miss(dir, at, begun, loss);
        }
    }

    /// One direction ended in order.
    pub(super) fn close(&mut self, dir: Dir, env: &mut Env<'_, '_>) {
        self.look(env.at, env);
        if self.waits() {
            self.hold(env.at, 0, Held::Closed(dir, env.at));
        } else {
            self.closed(dir, env.at, env);
        }
    }

    fn closed(&mut self, dir: Dir, at: Timestamp, env: &mut Env<'_, '_>) {
        self.ways[dir as usize].end();
        self.tell_missing(at, env);
        self.speak(env.connection, |talk| talk.close(dir, at, env.cx));
    }

    pub(super) fn end(&mut self, ending: Ending, at: Timestamp, env: &mut Env<'_, '_>) {
        self.look(at, env);
        self.ways.iter_mut().for_each(Way::end);
        self.tell_missing(at, env);
        self.speak(env.connection, |talk| talk.end(ending, at, env.cx));
    }

    /// Looks whether the secrets are known by now, and gives up after a while.
    pub(super) fn look(&mut self, now: Timestamp, env: &mut Env<'_, '_>) {
        self.look = now.plus(LOOK);
        if self.known || self.hopeless {
            return;
        }
        let Some((server, suite)) = self.server else { return };
        if let Some(seals) = seals(env.cx.keys, &self.client, &server, suite) {
            let [to_server, to_client] = seals;
            (self.ways[0].seals, self.ways[1].seals) = (to_server, to_client);
            self.known = true;
            self.holds = 0;
            for held in std::mem::take(&mut self.held) {
                match held {
                    Held::Record(dir, at, head, payload) => {
                        self.open(dir, at, head, &payload, env);
                    }
                    Held::Missing(dir, bytes, loss) => self.ways[dir as usize].miss(bytes, loss),
                    Held::Closed(dir, at) => self.closed(dir, at, env),
                }
            }
        } else if self.since.is_some_and(|since| now.since(since) >= PATIENCE) {
            self.hopeless = true;
        }
    }

    /// Whether there is something that secrets would open.
    pub(super) fn waits(&self) -> bool {
        !self.known && !self.hopeless && self.since.is_some()
    }

    pub(super) fn report(&mut self, env: &mut Env<'_, '_>) {
        self.talk.report(env.at, env.cx);
    }

    pub(super) fn due(&self) -> Option<Timestamp> {
        let waits = self.waits().then_some(self.look);
        waits.into_iter().chain(self.talk.due()).min()
    }

    pub(super) fn held(&self) -> usize {
        let way = |way: &Way| way.framer.held() + way.searched.capacity();
        self.holds + self.ways.iter().map(way).sum::<usize>() + self.talk.held()
    }

    /// A whole record.
    fn record(&mut self, dir: Dir, head: [u8; 5], payload: &[u8], env: &mut Env<'_, '_>) {
        let newest = self.server.is_some_and(|(_, suite)| suite.is_newest());
        let way = &mut self.ways[dir as usize];
        if head[0] == CHANGE_CIPHER {
            way.sealed = true;
            return;
        }
        // Since TLS 1.3 all that is sealed looks like data.
        let sealed = if newest || self.server.is_none() { head[0] == DATA } else { way.sealed };
        if !sealed {
            return;
        }
        if self.known {
            self.open(dir, env.at, head, payload, env);
        } else {
            self.hold(env.at, payload.len(), Held::Record(dir, env.at, head, payload.to_vec()));
        }
    }

    fn miss(&mut self, dir: Dir, at: Timestamp, bytes: u64, loss: Loss) {
        if self.known {
            self.ways[dir as usize].miss(bytes, loss);
        } else {
            self.hold(at, 0, Held::Missing(dir, bytes, loss));
        }
    }

    fn hold(&mut self, at: Timestamp, bytes: usize, held: Held) {
        self.since.get_or_insert(at);
        self.holds += bytes + size_of::<Held>();
        self.held.push_back(held);
        if self.holds > HELD_LIMIT {
            self.hopeless = true;
            self.holds = 0;
            self.held = VecDeque::new();
        }
    }

    fn open(&mut self, dir: Dir, at: Timestamp, head: [u8; 5], payload: &[u8], env: &mut Env<'_, '_>) {
        let way = &mut self.ways[dir as usize];
        let Some(found) = way.find(&head, payload) else {
            way.miss(payload.len() as u64 + 5, Loss::Lost);
            way.failed += 1;
            self.hopeless = way.failed > FAILED_LIMIT;
            return;
        };
        self.opened(dir, at, found, env);
    }

    fn opened(&mut self, dir: Dir, at: Timestamp, mut found: Found, env: &mut Env<'_, '_>) {
        self.opened = true;
        let missing = self.ways[dir as usize].accept(&mut found);
        self.missing(dir, at, missing, found.passed, env);
        self.speak(env.connection, |talk| {
            if found.kind == DATA && !found.content.is_empty() {
                talk.data(dir, at, &found.content, env.cx);
            }
        });
    }

    /// Tells what is missing by now: when one side ends, the calls may end that it is missing in.
    fn tell_missing(&mut self, at: Timestamp, env: &mut Env<'_, '_>) {
        for dir in [Dir::ToServer, Dir::ToClient] {
            let missing = self.ways[dir as usize].take_missing();
            self.missing(dir, at, missing, 1, env);
        }
    }

    /// Bytes on the wire are missing that were so many records.
    fn missing(
        &mut self,
        dir: Dir,
        at: Timestamp,
        missing: Option<(u64, Loss)>,
        records: u64,
        env: &mut Env<'_, '_>,
    ) {
        let Some((bytes, loss)) = missing else { return };
        let overhead = self.server.map_or(0, |(_, suite)| suite.overhead() as u64);
        let said = bytes.saturating_sub(records * overhead);
        if said > 0 {
            self.speak(env.connection, |talk| talk.gap(dir, at, said, loss, env.cx));
        }
    }

    /// Looks for a record behind a loss: one that opens is one, and is read. The bytes behind it, once it is found.
    fn search(&mut self, dir: Dir, bytes: &[u8], env: &mut Env<'_, '_>) -> Option<Vec<u8>> {
        if !self.known {
            // What cannot be opened cannot be told from noise.
            self.miss(dir, env.at, bytes.len() as u64, Loss::Lost);
            return None;
        }
        let way = &mut self.ways[dir as usize];
        let mut bytes = [&std::mem::take(&mut way.searched), bytes].concat();
        let mut from = 0;
        while let Some(start) = bytes[from..].iter().position(|byte| *byte == DATA).map(|at| from + at) {
            from = start;
            match record::measure(&bytes[start..]) {
                Head::Frame { head, payload } => {
                    let Some(record) = bytes.get(start..start + head + payload as usize) else { break };
                    let (head, payload) = record.split_at(head);
                    if let Some(found) = way.find(head, payload) {
                        let behind = bytes[start + record.len()..].to_vec();
                        way.miss(start as u64, Loss::Lost);
                        way.framer.found();
                        self.opened(dir, env.at, found, env);
                        return Some(behind);
                    }
                    way.failed += 1;
                    if way.failed > FAILED_LIMIT {
                        self.hopeless = true;
                        return None;
                    }
                    from = start + 1;
                }
                Head::More => break,
                Head::Bad => from = start + 1,
            }
        }
        // What is left may be the beginning of a record.
        let left = bytes.iter().skip(from).position(|byte| *byte == DATA).map_or(bytes.len(), |at| from + at);
        way.miss(left as u64, Loss::Lost);
        way.searched = bytes.split_off(left);
        None
    }

    /// Lets the inside speak; its exchanges are numbered as the connection's others are.
    fn speak(&mut self, connection: &mut Connection, work: impl FnOnce(&mut Conversation)) {
        self.talk.number_from(connection.serial);
        work(&mut self.talk);
        connection.serial = self.talk.next_number();
    }
}
