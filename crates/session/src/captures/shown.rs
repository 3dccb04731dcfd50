//! What all captures have seen and missed, as one.

use std::collections::BTreeMap;

use api::shape::{CaptureState, CaptureView, Whole};
use model::exchange::CaptureCounts;

use super::{Heard, Post};

/// No capture.
pub(crate) fn nothing() -> CaptureView {
    view(CaptureState::Off, None, &CaptureCounts::default())
}

fn view(state: CaptureState, message: Option<String>, counts: &CaptureCounts) -> CaptureView {
    CaptureView {
        state,
        message,
        packets: counts.packets.into(),
        lost_kernel: counts.lost_kernel.into(),
        lost_gaps: counts.lost_gaps.into(),
        given_up: counts.given_up.into(),
        lost_transport: counts.lost_transport.into(),
        tallied: counts.tallied.into(),
        // The manifest says it.
        packets_kept: Whole::default(),
    }
}

#[derive(Debug)]
struct One {
    state: CaptureState,
    message: Option<String>,
    counts: CaptureCounts,
}

/// The captures as they were last heard, and what those counted that are gone: a loss stays in sight.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    all: BTreeMap<Post, One>,
    past: CaptureCounts,
}

impl Shown {
    /// Takes what one said. The failure, when it is news.
    pub(crate) fn take(&mut self, post: &Post, heard: Heard) -> Option<String> {
        let one = self.all.entry(post.clone()).or_insert_with(|| One {
            state: CaptureState::Starting,
            message: None,
            counts: CaptureCounts::default(),
        });
        match heard {
            Heard::Starting => (one.state, one.message) = (CaptureState::Starting, None),
            Heard::Ready => (one.state, one.message) = (CaptureState::On, None),
            Heard::Counts(counts) => {
                (one.state, one.message, one.counts) = (CaptureState::On, None, counts);
            }
            Heard::Failed(why) => {
                one.state = CaptureState::Failed;
                let news = one.message.as_ref() != Some(&why);
                one.message = Some(why.clone());
                return news.then_some(why);
            }
            Heard::Gone => {
                if let Some(gone) = self.all.remove(post) {
                    self.past = self.past.plus(&gone.counts);
                }
            }
        }
        None
    }

    /// Forgets all that was counted.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// How it is shown: the networks' state; a loopback that is not heard is told beside it.
    pub(crate) fn view(&self) -> CaptureView {
        let counts = self.all.values().fold(self.past, |sum, one| sum.plus(&one.counts));
        let state = self.all.get(&Post::Networks).map_or(CaptureState::Off, |one| one.state);
        let message = self.all.iter().find_map(|(post, one)| {
            let why = one.message.as_ref()?;
            Some(post.service().map_or_else(|| why.clone(), |of| format!("{}: {why}", unheard(of))))
        });
        view(state, message, &counts)
    }
}

/// What is missed of a service.
pub(crate) fn unheard(service: &str) -> String {
    format!("calls over the loopback of `{service}` cannot be observed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(packets: u64, lost_transport: u64) -> Heard {
        Heard::Counts(CaptureCounts { packets, lost_transport, ..CaptureCounts::default() })
    }

    #[test]
    fn counters_are_summed_and_outlive_their_captures() {
        let mut shown = Shown::default();
        let (networks, loopback) = (Post::Networks, Post::Loopback("db".to_owned()));
        let numbers = |shown: &Shown| {
            let view = shown.view();
            (view.state, view.packets.get(), view.lost_transport.get())
        };
        assert_eq!(numbers(&shown), (CaptureState::Off, 0, 0));
        shown.take(&networks, Heard::Starting);
        assert_eq!(numbers(&shown), (CaptureState::Starting, 0, 0));
        shown.take(&networks, counts(10, 1));
        shown.take(&loopback, counts(5, 2));
        assert_eq!(numbers(&shown), (CaptureState::On, 15, 3));
        // The service was started again, and so was the capture of its loopback.
        shown.take(&loopback, Heard::Gone);
        shown.take(&loopback, Heard::Starting);
        shown.take(&loopback, counts(1, 0));
        assert_eq!(numbers(&shown), (CaptureState::On, 16, 3));
        shown.take(&networks, Heard::Ready);
        assert_eq!(numbers(&shown), (CaptureState::On, 16, 3));
        shown.take(&networks, Heard::Gone);
        assert_eq!(numbers(&shown), (CaptureState::Off, 16, 3));
        shown.clear();
        assert_eq!(numbers(&shown), (CaptureState::Off, 0, 0));
    }

    #[test]
    fn a_failure_is_news_once_and_stays_in_sight_until_it_is_over() {
        let mut shown = Shown::default();
        let loopback = Post::Loopback("db".to_owned());
        let failed = || Heard::Failed("no".to_owned());
        shown.take(&Post::Networks, Heard::Ready);
        assert_eq!(shown.take(&loopback, failed()), Some("no".to_owned()));
        assert_eq!(shown.take(&loopback, failed()), None);
        let view = shown.view();
        let told = "calls over the loopback of `db` cannot be observed: no";
        assert_eq!((view.state, view.message.as_deref()), (CaptureState::On, Some(told)));
        shown.take(&loopback, Heard::Ready);
        assert_eq!(shown.view().message, None);
        shown.take(&Post::Networks, failed());
        assert_eq!((shown.view().state, shown.view().message.as_deref()), (CaptureState::Failed, Some("no")));
    }
}
