//! Calls go to disk when they are done, and come back when the next session begins.

use std::borrow::Cow;
use std::mem::take;
use std::path::Path;
use std::time::Duration;

use model::Timestamp;
use model::call::Call;
use model::exchange::{Message, Protocol};

use super::{Calls, add_note, rehide};
use crate::brokers::Known;
use crate::disk::{Batch, Disk, DiskError, Places, SMALL, Saved};
use crate::edges::{Book, Rest};
use crate::judge;
use crate::protobuf::{self, Schemas};
use crate::redact::each_part;
use crate::store::Entry;

/// A call that goes on for longer is written before it is done, once.
const PENDING: Duration = Duration::from_secs(10);
/// The source of calls that other sessions saw: none that is numbered.
const RESTORED: u32 = u32::MAX;

impl Calls {
    /// Keeps calls in a folder from now on, and takes up those that other sessions left there. Before the first call.
    ///
    /// # Errors
    /// When the folder cannot be used; calls are in memory alone then. `Ok` with an error: they are kept, but what was
    /// counted beside them before cannot be read, and is left alone until it is replaced.
    pub fn keep_in(&mut self, folder: &Path, limit: u64) -> Result<Option<DiskError>, DiskError> {
        if limit == 0 {
            return Ok(None);
        }
        let mut disk = Disk::open(folder, limit)?;
        let saved = disk.read(self.limits.calls);
        let (book, unread) = match disk.read_book() {
            Ok(book) => (book, None),
            Err(error) => (None, Some(error)),
        };
        self.disk = Some(disk);
        let is_book = self.restore(saved, book);
        Ok(unread.or_else(|| self.disk.as_ref().filter(|_| !is_book).map(Disk::no_book)))
    }

    /// `false`: the book is none, and counts nothing.
    fn restore(&mut self, all: Vec<Saved>, mut book: Option<Book>) -> bool {
        let mut counted = match &mut book {
            Some(book) => self.take_up(book).map(|rest| (&*book, rest)),
            None => None,
        };
        for saved in all {
            self.restore_one(saved, counted.as_mut());
        }
        let taken = counted.map(|(_, rest)| self.count_rest(rest));
        self.evict();
        book.is_none() || taken.is_some()
    }

    fn restore_one(&mut self, saved: Saved, counted: Option<&mut (&Book, Rest)>) {
        let Saved { mut call, bodies, latency, .. } = saved;
        // It was written by the rules of its session.
        let _ = rehide::hide(&mut call, &self.redaction);
        if !call.done {
            call.done = true;
            add_note(&mut call.note, "the session ended before this call did");
        }
        let (from, to) = (self.names.intern(&call.from.service), self.names.intern(&call.to.service));
        let heard = judge::heard(call.protocol, call.status.as_deref());
        call.route = self.learn_route(to, call.protocol, &call.operation, heard);
        let share = self.edges.share(from, to, &call, latency);
        if let Some((_, rest)) = counted.filter(|(book, _)| book.counts(&call)) {
            self.edges.add_known(&share, rest);
        } else {
            self.edges.add(&share);
            self.axis.add(call.ts, !call.ok);
        }
        self.head.total += 1;
        self.head.failed += u64::from(!call.ok);
        let ordinal = self.store.next();
        self.restored.insert(call.id.clone(), ordinal);
        let mut entry = Entry::new(call, (RESTORED, 0, 0), share);
        (entry.bodies, entry.saved) = (bodies, true);
        if entry.call.topic.is_some() || entry.call.protocol == Protocol::Dns {
            let whole = entry.whole(self.disk.as_ref());
            self.brokers.observe((from, to), &whole, Known::default());
            self.hosts.hear(&whole);
        }
        self.store.push(entry);
        self.store.is_saved(ordinal);
    }

    /// Writes what is new to disk; long bodies are no longer in memory then. What `schemas` says must be hidden is hidden
    /// before.
    ///
    /// # Errors
    /// When the disk refuses. What was not written stays in memory, and is tried again half a minute later.
    pub fn save(&mut self, now: Timestamp, schemas: &Schemas) -> Result<(), DiskError> {
        if self.disk.as_ref().is_none_or(|disk| disk.rests(now)) {
            return Ok(());
        }
        let Some(mut disk) = self.disk.take() else { return Ok(()) };
        let outcome = self.save_to(&mut disk, now, schemas);
        self.disk = Some(disk);
        outcome
    }

    fn save_to(&mut self, disk: &mut Disk, now: Timestamp, schemas: &Schemas) -> Result<(), DiskError> {
        let is_old = |call: &Call| call.ts < now.minus(PENDING);
        let mut due = self.store.unsaved();
        due.retain(|ordinal| {
            let entry = self.store.get(*ordinal);
            entry.is_some_and(|entry| entry.call.done || (is_old(&entry.call) && !entry.saved))
        });
        let mut due = due.into_iter().peekable();
        while due.peek().is_some() || !self.retracted.is_empty() {
            let mut batch = disk.batch(now)?;
            let mut written = Vec::new();
            self.retracted.iter().for_each(|id| batch.gone(id.clone()));
            while let Some(ordinal) = due.next_if(|_| !batch.is_full()) {
                self.hide_named(ordinal, schemas);
                let bodies = self.add_to(&mut batch, ordinal);
                written.push((ordinal, bodies));
            }
            disk.write(&batch, now)?;
            self.retracted.clear();
            for (ordinal, bodies) in written {
                self.is_on_disk(ordinal, bodies);
            }
        }
        Ok(())
    }

    /// Hides what only the names in the repository's `.proto` files tell.
    fn hide_named(&mut self, ordinal: u64, schemas: &Schemas) {
        let Some(entry) = self.store.get(ordinal).filter(|entry| protobuf::is_in(&entry.call)) else {
            return;
        };
        let is_grpc = entry.call.protocol == Protocol::Grpc;
        let (path, redaction) = (entry.call.path.clone(), &self.redaction);
        let hide = |message: &mut Message, is_request: bool| {
            let may = is_grpc || protobuf::is_body(message);
            let hide = |_: &Message, own: &[u8]| schemas.hide(&path, is_request, own, redaction);
            may.then(|| each_part(message, hide)).flatten()
        };
        let mut hidden = [None, None];
        self.store.move_bodies(ordinal, |entry| {
            hidden[0] = hide(&mut entry.call.request, true);
            hidden[1] = entry.call.response.as_mut().and_then(|response| hide(response, false));
            entry.call.redacted |= hidden.iter().any(Option::is_some);
        });
        if hidden.iter().any(Option::is_some) {
            self.secrets.add(ordinal, |all| {
                let [request, response] = hidden;
                all.request.body = all.request.body.take().or(request);
                all.response.body = all.response.body.take().or(response);
            });
        }
    }

    /// Adds a call to what is written next, its long bodies apart.
    fn add_to(&mut self, batch: &mut Batch, ordinal: u64) -> Places {
        let mut bodies = [None; 2];
        self.store.move_bodies(ordinal, |entry| {
            bodies = entry.bodies;
            let mut apart: [Vec<u8>; 2] = Default::default();
            for ((message, place), apart) in messages(&mut entry.call).zip(&mut bodies).zip(&mut apart) {
                if message.body.len() > SMALL {
                    *place = Some(batch.body(&message.body));
                    *apart = take(&mut message.body);
                }
            }
            batch.call(&entry.call, bodies, entry.share.is_latency());
            // The disk may still refuse.
            for (message, apart) in
                messages(&mut entry.call).zip(apart).filter(|(_, apart)| !apart.is_empty())
            {
                message.body = apart;
            }
        });
        bodies
    }

    fn is_on_disk(&mut self, ordinal: u64, bodies: Places) {
        let mut done = false;
        self.store.move_bodies(ordinal, |entry| {
            (entry.saved, done) = (true, entry.call.done);
            // One that goes on may still need its bodies, for what it says next replaces them.
            if done {
                entry.bodies = bodies;
                for (message, _) in messages(&mut entry.call).zip(bodies).filter(|(_, place)| place.is_some())
                {
                    message.body = Vec::new();
                }
            }
        });
        if done {
            self.store.is_saved(ordinal);
        }
    }

    /// The call with its bodies, wherever they are.
    pub fn whole<'c>(&self, call: &'c Call) -> Cow<'c, Call> {
        let bodies =
            self.ordinal(&call.id).and_then(|ordinal| self.store.get(ordinal)).map(|entry| entry.bodies);
        match (&self.disk, bodies) {
            (Some(disk), Some(bodies)) if bodies.iter().any(Option::is_some) => {
                let mut call = disk.whole(call, bodies);
                // Its bodies were written by the rules of their day.
                let _ = rehide::hide(&mut call, &self.redaction);
                Cow::Owned(call)
            }
            _ => Cow::Borrowed(call),
        }
    }

    /// How many bytes the long bodies of a call have that are on disk.
    pub fn bytes_on_disk(&self, call: &Call) -> u64 {
        let entry = self.ordinal(&call.id).and_then(|ordinal| self.store.get(ordinal));
        entry.map_or(0, |entry| entry.bodies.iter().flatten().map(|place| u64::from(place.length)).sum())
    }

    /// A call left memory.
    pub(super) fn forget(&mut self, entry: &Entry, ordinal: u64) {
        if entry.key.0 == RESTORED {
            self.restored.remove(&entry.call.id);
        }
        self.secrets.remove(ordinal);
    }
}

fn messages(call: &mut Call) -> impl Iterator<Item = &mut Message> {
    std::iter::once(&mut call.request).chain(&mut call.response)
}
