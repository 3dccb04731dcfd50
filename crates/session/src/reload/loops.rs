//! Services that cause their own reloads: one that writes, whenever it is started, into a folder that is watched for
//! it and mounted into its container. Pure: time is passed in.
//!
//! Nothing tells who wrote a file. What tells a service from somebody at an editor is the rhythm: the same file, each
//! time while the service is being reloaded or right after, several times in a row. Then changes of that file alone
//! lead to no more reloads, until one is made without the file being written, or it is written at another time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ::watch::{Batch, Change};

/// A change so soon after a reload is an answer to it.
const ANSWER: Duration = Duration::from_secs(2);
/// So many answers in a row, and it is no coincidence.
const ANSWERS: u32 = 5;

/// What is known of one service.
#[derive(Debug, Default)]
pub(super) struct Loop {
    /// Files that answered the latest reloads, and how many.
    answers: BTreeMap<PathBuf, u32>,
    /// Whether a reload goes on.
    going: bool,
    /// When the last one ended.
    ended: Option<Instant>,
    suspended: Option<Suspended>,
}

#[derive(Debug)]
struct Suspended {
    files: BTreeSet<PathBuf>,
    /// Changes that led to nothing, to be done with the next reload.
    held: Vec<Change>,
}

/// What becomes of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is handled, with what was held before.
    Goes(Batch),
    /// It is held. Whether it is the first of its kind.
    Held { first: bool },
}

impl Loop {
    /// Decides about a batch; `is_shared` tells the files that the service itself can write.
    pub(super) fn take(&mut self, mut batch: Batch, is_shared: impl Fn(&Change) -> bool) -> Fate {
        let answers = self.going || self.ended.is_some_and(|ended| batch.first_event < ended + ANSWER);
        let shared: BTreeSet<PathBuf> =
            batch.changes.iter().filter(|&c| is_shared(c)).map(|c| c.path.clone()).collect();
        if !answers && self.suspended.take_if(|s| !shared.is_disjoint(&s.files)).is_some() {
            // One more answer shows that it goes on.
            self.answers.values_mut().for_each(|count| *count = ANSWERS - 1);
        }
        if answers {
            self.answers.retain(|path, _| shared.contains(path));
            for path in shared {
                *self.answers.entry(path).or_default() += 1;
            }
        } else if !shared.iter().any(|path| self.answers.contains_key(path)) {
            self.answers.clear();
        }
        let looping =
            self.answers.iter().filter(|(_, count)| **count >= ANSWERS).map(|(path, _)| path.clone());
        let mut files: BTreeSet<_> = looping.collect();
        files.extend(self.suspended.iter().flat_map(|s| s.files.iter().cloned()));
        if files.is_empty() || batch.changes.iter().any(|c| !files.contains(&c.path)) {
            let held = self.suspended.as_mut().map(|s| std::mem::take(&mut s.held)).unwrap_or_default();
            let held = held.into_iter().filter(|old| batch.changes.iter().all(|new| new.path != old.path));
            batch.changes = held.chain(batch.changes.iter().cloned()).collect();
            self.going = true;
            return Fate::Goes(batch);
        }
        let first = self.suspended.is_none();
        let suspended = self.suspended.get_or_insert(Suspended { files: BTreeSet::new(), held: Vec::new() });
        suspended.files = files;
        suspended.held.retain(|old| batch.changes.iter().all(|new| new.path != old.path));
        suspended.held.extend(batch.changes);
        Fate::Held { first }
    }

    /// A reload ended. Returns how long to wait before asking [`Self::is_mended`].
    pub(super) fn ended(&mut self, now: Instant) -> Option<Duration> {
        self.going = false;
        self.ended = Some(now);
        self.suspended.is_some().then_some(ANSWER)
    }

    /// Whether a reload has been made that the service did not answer; then all is as at first.
    pub(super) fn is_mended(&mut self, now: Instant) -> bool {
        let quiet = !self.going && self.ended.is_some_and(|ended| now >= ended + ANSWER);
        let mended = quiet && self.suspended.as_ref().is_some_and(|s| s.held.is_empty());
        if mended {
            *self = Self::default();
        }
        mended
    }

    /// What was held, for somebody who wants it done. If it was no loop, this was the end of it.
    pub(super) fn release(&mut self) -> Vec<Change> {
        self.answers.clear();
        let held = self.suspended.take().map(|s| s.held).unwrap_or_default();
        self.going |= !held.is_empty();
        held
    }

    /// The file that the service writes itself, while that suspends its reloads, and how many changes are held.
    pub(super) fn suspended(&self) -> Option<(&PathBuf, usize)> {
        self.suspended.as_ref().and_then(|s| Some((s.files.first()?, s.held.len())))
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use ::watch::Kind;

    use super::*;

    struct Play {
        begun: Instant,
        found: Loop,
    }

    impl Play {
        fn new() -> Self {
            Self { begun: Instant::now(), found: Loop::default() }
        }

        /// What becomes of a change of these files at a time: the files that are reloaded, if they are.
        fn change(&mut self, seconds: f64, files: &[&str]) -> Option<Vec<String>> {
            let at = self.at(seconds);
            let change = |file: &&str| Change { rule: 0, path: PathBuf::from(file), kind: Kind::Written };
            let batch = Batch {
                service: Some("web".into()),
                changes: files.iter().map(change).collect(),
                first_event: at,
                closed: at,
                first_event_at: SystemTime::UNIX_EPOCH,
            };
            match self.found.take(batch, |c| c.path.starts_with("shared")) {
                Fate::Goes(batch) => {
                    Some(batch.changes.iter().map(|c| c.path.display().to_string()).collect())
                }
                Fate::Held { .. } => None,
            }
        }

        fn ended(&mut self, seconds: f64) -> bool {
            let at = self.at(seconds);
            self.found.ended(at).is_some()
        }

        fn at(&self, seconds: f64) -> Instant {
            self.begun + Duration::from_secs_f64(seconds)
        }

        /// A save, and a service that answers each reload by writing a file.
        fn goes_round(&mut self, file: &str) -> usize {
            let mut reloads = 0;
            let mut now = 0.0;
            let mut next = "src/app.py";
            while reloads < 50 && self.change(now, &[next]).is_some() {
                reloads += 1;
                self.ended(now + 0.1);
                now += 0.3;
                next = file;
            }
            reloads
        }
    }

    #[test]
    fn a_service_that_answers_reloads_with_the_same_file_is_suspended_until_it_does_not() {
        let mut play = Play::new();
        assert_eq!(play.goes_round("shared/state"), 5);
        assert_eq!(play.found.suspended(), Some((&PathBuf::from("shared/state"), 1)));
        // Another file goes, and what was held with it; the service answers as before.
        assert_eq!(play.change(60.0, &["src/app.py"]).unwrap(), ["shared/state", "src/app.py"]);
        assert!(play.ended(60.1));
        assert_eq!(play.change(60.2, &["shared/state"]), None);
        assert!(!play.found.is_mended(play.at(62.2)));
        // The program was mended: it is reloaded and writes nothing.
        assert!(play.change(70.0, &["src/app.py"]).is_some());
        assert!(play.ended(70.1));
        assert!(play.found.is_mended(play.at(72.2)));
        assert_eq!(play.found.suspended(), None);
        assert_eq!(play.goes_round("shared/state"), 5);
    }

    #[test]
    fn who_saves_is_no_loop() {
        let mut play = Play::new();
        for n in 0..40 {
            // Every three seconds, as soon as the last reload has been looked at.
            let now = f64::from(n) * 3.0;
            assert!(play.change(now, &["shared/app.py"]).is_some(), "{n}");
            play.ended(now + 0.2);
        }
        for n in 0..40 {
            // Hastily, but not always the same file.
            let now = 1000.0 + f64::from(n) * 0.5;
            assert!(play.change(now, &[if n % 3 == 0 { "shared/a" } else { "shared/b" }]).is_some(), "{n}");
            play.ended(now + 0.2);
        }
        assert_eq!(Play::new().goes_round("src/not-mounted"), 50);
    }

    #[test]
    fn a_hasty_writer_is_believed_after_a_pause_and_when_asking() {
        let mut play = Play::new();
        play.goes_round("shared/app.py");
        assert_eq!(play.change(30.0, &["shared/app.py"]).unwrap(), ["shared/app.py"]);
        play.ended(30.1);
        // A loop, after all, needs one more turn only.
        assert_eq!(play.change(30.2, &["shared/app.py"]), None);
        assert_eq!(play.found.release().len(), 1);
        assert_eq!(play.found.suspended(), None);
    }
}
