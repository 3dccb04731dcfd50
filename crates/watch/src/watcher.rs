//! The thread that turns the system's notifications into batches.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RenameMode};
use notify::{Event, RecommendedWatcher, Watcher as _};
use tokio::sync::mpsc::Sender;

use crate::debounce::{Debounce, Pending, Seen, Touch};
use crate::filter::Verdict;
use crate::git::Repositories;
use crate::limits;
use crate::snapshot::{Form, Snapshot};
use crate::tree::{Tree, look};
use crate::watches::Watches;
use crate::{Batch, Rule, Tidings, WatchError};

/// Where each folder has a watch of its own, so that ignored ones need none. Elsewhere the system watches whole trees
/// at no cost for each folder.
const FOLDER_BY_FOLDER: bool = cfg!(target_os = "linux");
/// Events that wait for the thread; more lead to a look at the whole tree.
const QUEUE: usize = 32 * 1024;
/// Time from one look to the next at trees that the system does not watch for us.
const POLL: Duration = Duration::from_secs(1);
/// A look takes at most one part in so many of the time.
const POLL_SHARE: u32 = 20;
/// Time to the next try when nobody takes the batches.
const BUSY: Duration = Duration::from_millis(5);

/// Watches files for as long as it lives.
#[derive(Debug)]
pub struct Watcher {
    stop: Arc<AtomicBool>,
    wake: SyncSender<Message>,
}

#[derive(Debug)]
enum Message {
    Event(Event, Seen),
    /// Events were lost: look at everything.
    Rescan(Seen),
    /// Something else has changed, such as the wish to stop.
    Wake,
}

impl Watcher {
    /// Watches what `rules` name and, as one group of their own, `extra_files`. What is there now is where changes
    /// count from. Takes as long as a walk through the watched folders.
    ///
    /// While nobody takes anything from `tidings`, further changes join those that wait. Where the system's limits do
    /// not allow what is asked for, that is told and the files are looked at now and then.
    pub fn start(
        rules: Vec<Rule>,
        extra_files: Vec<PathBuf>,
        tidings: Sender<Tidings>,
    ) -> Result<Self, WatchError> {
        let (wake, messages) = mpsc::sync_channel(QUEUE);
        let (stop, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (events, overrun) = (wake.clone(), lost.clone());
        let open = Box::new(move || {
            RecommendedWatcher::new(handler(events.clone(), overrun.clone()), notify::Config::default())
        });
        let trees: Result<Vec<_>, _> = rules.into_iter().map(Tree::of_rule).collect();
        let trees: Vec<_> = trees?.into_iter().chain(extra_files.into_iter().map(Tree::of_file)).collect();
        let mut watching = Watching {
            watches: Watches::new(open),
            polled: trees.iter().map(|_| None).collect(),
            trees,
            debounce: Debounce::default(),
            repositories: Repositories::default(),
            waiting: VecDeque::new(),
            tidings,
            stop: stop.clone(),
            lost,
        };
        watching.begin()?;
        thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || watching.run(&messages))
            .map_err(|error| WatchError::Backend(error.to_string()))?;
        Ok(Self { stop, wake })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // A full queue keeps the thread awake anyway.
        drop(self.wake.try_send(Message::Wake));
    }
}

/// Runs on the library's thread and must not wait: the thread that it feeds waits for this one to set watches.
fn handler(
    messages: SyncSender<Message>,
    lost: Arc<AtomicBool>,
) -> impl Fn(notify::Result<Event>) + Send + 'static {
    move |event| {
        let seen = Seen { at: Instant::now(), wall: SystemTime::now() };
        let message = match event {
            Ok(event) if event.need_rescan() => Message::Rescan(seen),
            Ok(event) if is_noise(event.kind) => return,
            Ok(event) => Message::Event(event, seen),
            Err(_) => Message::Rescan(seen),
        };
        if messages.try_send(message).is_err() {
            lost.store(true, Ordering::Release);
        }
    }
}

/// Reading is no change, and both ends of a renaming were told by themselves.
fn is_noise(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access != AccessKind::Close(AccessMode::Write),
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => FOLDER_BY_FOLDER,
        _ => false,
    }
}

/// The limit that a tree has no watches for, and its value then.
struct Polled(Option<(&'static str, Option<u64>)>);

impl Polled {
    fn is_lifted(&self) -> bool {
        self.0.is_some_and(|(sysctl, value)| limits::value(sysctl) > value)
    }
}

struct Watching {
    watches: Watches,
    trees: Vec<Tree>,
    /// Trees that are looked at now and then, for lack of watches.
    polled: Vec<Option<Polled>>,
    debounce: Debounce,
    repositories: Repositories,
    /// What is to be told beside batches.
    waiting: VecDeque<Tidings>,
    tidings: Sender<Tidings>,
    stop: Arc<AtomicBool>,
    lost: Arc<AtomicBool>,
}

impl Watching {
    fn begin(&mut self) -> Result<(), WatchError> {
        for number in 0..self.trees.len() {
            let root = self.trees[number].real.clone();
            let watched =
                self.watches.add_anchor(&self.trees[number]).and_then(|()| self.walk(number, &root));
            let found = match watched {
                Err(error @ WatchError::Limit { .. }) => {
                    self.degrade(number, error);
                    self.walk(number, &root)?
                }
                watched => watched?,
            };
            self.trees[number].remember(found);
        }
        Ok(())
    }

    fn run(mut self, messages: &Receiver<Message>) {
        let mut next_poll = Instant::now() + POLL;
        loop {
            let now = Instant::now();
            let mut wait =
                self.debounce.deadline().map(|at| at.saturating_duration_since(now).max(self.pause()));
            if self.polled.iter().any(Option::is_some) {
                let until = next_poll.saturating_duration_since(now);
                wait = Some(wait.map_or(until, |wait| wait.min(until)));
            }
            if !self.waiting.is_empty() {
                wait = Some(self.pause());
            }
            let mut message = match wait {
                Some(wait) => messages.recv_timeout(wait),
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            // All that waits is taken before a batch ends, so that a late look does not cut it in two.
            while let Ok(next) = message {
                if self.stop.load(Ordering::Acquire) {
                    return;
                }
                self.take(next);
                message = messages.try_recv().map_err(|_| RecvTimeoutError::Timeout);
            }
            let repositories = &mut self.repositories;
            self.debounce.look(Instant::now(), |pending| repositories.are_locked(pending.paths.keys()));
            if self.stop.load(Ordering::Acquire) || self.tidings.is_closed() {
                return;
            }
            let seen = Seen { at: Instant::now(), wall: SystemTime::now() };
            let lost = self.lost.swap(false, Ordering::AcqRel);
            let poll = next_poll <= seen.at;
            for number in 0..self.trees.len() {
                let polled = self.polled[number].as_ref().filter(|_| poll);
                match polled.map(Polled::is_lifted) {
                    Some(true) => self.watch_again(number, seen),
                    Some(false) => self.rescan(number, seen),
                    None if lost => self.rescan(number, seen),
                    None => {}
                }
            }
            if poll {
                next_poll = Instant::now() + POLL.max(seen.at.elapsed() * POLL_SHARE);
            }
            self.send_due(seen.at);
        }
    }

    fn pause(&self) -> Duration {
        if self.tidings.capacity() == 0 { BUSY } else { Duration::ZERO }
    }

    fn send_due(&mut self, now: Instant) {
        // Only this thread sends, so what has room now has room then.
        while self.tidings.capacity() > 0 {
            if let Some(tidings) = self.waiting.pop_front() {
                drop(self.tidings.try_send(tidings));
                continue;
            }
            let repositories = &mut self.repositories;
            let is_locked = |pending: &Pending| repositories.are_locked(pending.paths.keys());
            let Some((service, pending)) = self.debounce.take_due(now, is_locked) else { return };
            self.repositories.forget();
            let mut changes = Vec::new();
            for ((tree, path), touch) in &pending.paths {
                changes.extend(self.trees[*tree].resolve(path, *touch));
            }
            if changes.is_empty() {
                continue;
            }
            let batch = Batch {
                service,
                changes,
                first_event: pending.first.at,
                closed: now,
                first_event_at: pending.first.wall,
            };
            // A receiver that is gone is noticed by the loop.
            drop(self.tidings.try_send(Tidings::Batch(batch)));
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Wake => {}
            Message::Rescan(seen) => (0..self.trees.len()).for_each(|number| self.rescan(number, seen)),
            Message::Event(event, seen) => {
                for path in &event.paths {
                    self.take_path(event.kind, path, seen);
                }
            }
        }
    }

    fn take_path(&mut self, kind: EventKind, path: &Path, seen: Seen) {
        let now = look(path);
        let is_folder = now.is_some_and(|stat| stat.form == Form::Folder);
        if matches!(kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))) {
            self.watches.forget(path);
        }
        for number in 0..self.trees.len() {
            let tree = &mut self.trees[number];
            if tree.lies_beneath(path) {
                self.rescan(number, seen);
                continue;
            }
            if tree.is_ruled_by(path) {
                match tree.renew_filter() {
                    Ok(()) => self.rescan(number, seen),
                    Err(error) => tracing::warn!("{error}"),
                }
            }
            let tree = &mut self.trees[number];
            if !path.starts_with(&tree.real) {
                continue;
            }
            let verdict = tree.verdict(path, is_folder);
            let writes = matches!(kind, EventKind::Modify(ModifyKind::Data(_))) && FOLDER_BY_FOLDER;
            match verdict {
                Verdict::Pruned => {}
                _ if writes => self.debounce.prolong(tree.service(), number, path, seen),
                _ if is_folder => self.look_beneath(number, path, seen),
                Verdict::Counts => {
                    let touch = match kind {
                        EventKind::Modify(ModifyKind::Metadata(_)) => Touch::Doubtful,
                        EventKind::Access(AccessKind::Close(AccessMode::Write))
                        | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Touch::Closed,
                        _ => Touch::Certain,
                    };
                    self.touch(number, path.to_owned(), touch, seen);
                }
                Verdict::Passed => {}
            }
        }
    }

    fn touch(&mut self, number: usize, path: PathBuf, touch: Touch, seen: Seen) {
        let tree = &self.trees[number];
        self.debounce.touch(tree.service(), (number, path), touch, tree.quiet(), seen);
    }

    /// Compares a whole tree with what is known of it.
    fn rescan(&mut self, number: usize, seen: Seen) {
        if self.polled[number].is_none()
            && let Err(error) = self.watches.add_anchor(&self.trees[number])
        {
            self.degrade(number, error);
        }
        let root = self.trees[number].real.clone();
        self.look_beneath(number, &root, seen);
    }

    fn look_beneath(&mut self, number: usize, folder: &Path, seen: Seen) {
        match self.walk(number, folder) {
            Ok(found) => {
                for path in self.trees[number].differences(folder, &found) {
                    self.touch(number, path, Touch::Doubtful, seen);
                }
            }
            Err(error) => self.degrade(number, error),
        }
    }

    /// Walks and sets watches on the way.
    fn walk(&mut self, number: usize, from: &Path) -> Result<Snapshot, WatchError> {
        let (tree, watches, polled) =
            (&mut self.trees[number], &mut self.watches, self.polled[number].is_some());
        if !FOLDER_BY_FOLDER && !polled {
            watches.add_all_beneath(&tree.real)?;
        }
        tree.walk(from, &mut |folder| if FOLDER_BY_FOLDER && !polled { watches.add(folder) } else { Ok(()) })
    }

    /// Whoever raised the limit gets notifications again, if it is enough.
    fn watch_again(&mut self, number: usize, seen: Seen) {
        self.polled[number] = None;
        self.rescan(number, seen);
        if self.polled[number].is_none() {
            let tree = &self.trees[number];
            let (service, path) = (tree.service().map(str::to_owned), tree.shown.clone());
            self.waiting.push_back(Tidings::Watched { service, path });
        }
    }

    /// What cannot be watched any more is looked at now and then: slower, but no change is lost.
    fn degrade(&mut self, number: usize, error: WatchError) {
        if self.polled[number].is_some() {
            return;
        }
        let limit = match error {
            WatchError::Limit { sysctl, current, .. } => Some((sysctl, current)),
            _ => None,
        };
        self.polled[number] = Some(Polled(limit));
        let root = self.trees[number].real.clone();
        let others = self.trees.iter().zip(&self.polled).filter(|(_, polled)| polled.is_none());
        let is_shared = |tree: &Tree| tree.real.starts_with(&root) || root.starts_with(&tree.real);
        // Half of the watches are worth nothing, and another program may want them.
        if !others.into_iter().any(|(tree, _)| is_shared(tree)) {
            self.watches.forget(&root);
        }
        let service = self.trees[number].service().map(str::to_owned);
        self.waiting.push_back(Tidings::Polled { service, error });
    }
}
