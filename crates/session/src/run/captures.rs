//! Which captures there should be: the networks' while calls are observed, and one for each running service whose
//! loopback the manifest wants heard.

use api::shape::{CaptureState, CaptureView, Change};
use engine::ContainerFacts;
use tokio::sync::oneshot;

use super::{Event, Run};
use crate::captures::{Heard, Home, Post, Wanted, unheard};
use crate::link;
use crate::state::Doing;

impl Run {
    /// `up` says whether calls are to be observed; where that failed it is tried again.
    pub(super) fn on_observe(&mut self, calls: bool) {
        self.observe_calls = calls;
        self.captures.try_again();
        self.bring_captures(None);
    }

    /// Brings the captures in line with what is wanted now.
    pub(super) fn bring_captures(&mut self, first: Option<oneshot::Sender<()>>) {
        let wanted = self.wanted();
        self.captures.bring(&self.shared, self.engine.as_ref(), self.tools.as_ref(), &wanted, first);
    }

    fn wanted(&self) -> Wanted {
        // Without the ground there is nothing to be heard, nor anything to hear it with.
        if !self.observe_calls || self.tools.is_none() {
            return Wanted::new();
        }
        let opted = |service: &str| self.state.plan.services.get(service).is_some_and(|s| s.loopback);
        let loopbacks = self.homes.iter().filter(|(service, _)| opted(service));
        let loopbacks =
            loopbacks.map(|(service, home)| (Post::Loopback(service.clone()), Some(home.clone())));
        loopbacks.chain([(Post::Networks, None)]).collect()
    }

    /// The container was looked at: each start gives it a loopback of its own.
    pub(super) fn at_home(&mut self, service: &str, facts: &ContainerFacts) {
        // It may have ended since.
        let runs = self.state.members.get(service).is_some_and(|member| {
            member.runs() && member.container.as_ref().is_some_and(|container| container.id == facts.id)
        });
        match link::container(facts).doing {
            Doing::Running(started) if runs => {
                let home = Home { container: facts.id.clone(), started };
                self.homes.insert(service.to_owned(), home);
            }
            Doing::Running(_) | Doing::Created | Doing::Exited(_) => self.not_at_home(&facts.id),
        }
        self.bring_captures(None);
    }

    /// The container does not run any more.
    pub(super) fn not_at_home(&mut self, container: &str) {
        self.homes.retain(|_, home| home.container != container);
        self.bring_captures(None);
    }

    pub(super) fn on_heard(&mut self, post: &Post, heard: Heard) {
        if let Some(why) = self.shown.take(post, heard) {
            let what = post.service().map_or_else(|| "calls cannot be observed".to_owned(), unheard);
            self.tell("capture", post.service().map(str::to_owned), format!("{what}: {why}"));
        }
        self.shared.board.post(Change::Capture(self.capture_view()));
    }

    fn capture_view(&self) -> CaptureView {
        CaptureView { packets_kept: self.state.plan.calls.packets.into(), ..self.shown.view() }
    }

    /// The ground is laid: containers may be made once the capture listens, so that it misses no connection.
    pub(super) fn listen_first(&mut self) {
        let (first, tried) = oneshot::channel();
        self.bring_captures(Some(first));
        let shared = self.shared.clone();
        self.shared.spawn(async move {
            // Where nothing is to be heard nobody tells.
            drop(tried.await);
            shared.send(Event::Listening).await;
        });
    }

    /// Shows that the capture is about to come, if it is.
    pub(super) fn show_starting(&self) {
        if self.observe_calls {
            let view = CaptureView { state: CaptureState::Starting, ..self.capture_view() };
            self.shared.board.post(Change::Capture(view));
        }
    }
}
