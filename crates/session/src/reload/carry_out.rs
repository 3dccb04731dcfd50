//! What was decided, done: through the agent in the container, or by another image or start.

use std::time::{Duration, Instant};

use ::watch::plan::{Decision, Step};
use model::line::{Line, Stream};
use model::plan::{Service, Source};

use super::Live;
use super::catch_up::is_in_memory;
use super::worker::{Told, Worker, crash_text, millis};
use crate::agent::{AgentError, AgentLink, Applied};
use crate::jobs::now;
use crate::probe::{Asking, Timing, question};
use crate::run::Event;
use crate::shared::Probing;
use crate::spec;
use crate::state::Input;

/// How often a service is asked whether it answers after its process was started anew.
const ASK: Duration = Duration::from_millis(5);
/// When a worker that listens on nothing counts as started anew: nobody waits long for what follows a save.
const WORKER_AFTER: Duration = Duration::from_secs(2);

/// What was sent.
struct Sent {
    applied: Applied,
    /// The service's process was started anew, if that was wanted.
    restarted: bool,
}

impl Worker {
    pub(super) async fn carry_out(
        &mut self,
        live: &Live,
        decision: &Decision,
        told: &mut Told,
    ) -> Result<(), String> {
        let container = match &live.container {
            Some(container) if !decision.then.contains(&Step::Rebuild) => container.clone(),
            _ => {
                self.down = false;
                return self.until(Input::Rebuild(vec![self.service.clone()])).await;
            }
        };
        let restarts = decision.then.contains(&Step::Restart);
        if restarts {
            self.note(Input::Reloading { container: container.clone() }).await;
        }
        let sent = match self.send(&container, decision, live.service.stop_grace).await {
            Ok(sent) => sent,
            Err(error) => {
                if restarts {
                    self.note(Input::Reloaded { container, ready: live.ready }).await;
                }
                return self.not_sent(error, live, told).await;
            }
        };
        told.bytes = sent.applied.bytes;
        told.ms.send = millis(sent.applied.send);
        told.ms.apply = millis(sent.applied.apply);
        told.ms.run = sent.applied.run.map(millis);
        told.ms.restart = sent.applied.restart.map(millis);
        if !restarts {
            return Ok(());
        }
        self.down = false;
        let begun = Instant::now();
        if !sent.restarted {
            self.note(Input::Reloaded { container, ready: live.ready }).await;
            // A container that comes up anew with nothing in its memory would lack the same again.
            if told.catching_up && decision.writes.iter().any(|w| is_in_memory(&live.service.volumes, &w.to))
            {
                return Ok(());
            }
            let outcome = self.until(Input::Restart(vec![self.service.clone()])).await;
            told.ms.ready = Some(millis(begun.elapsed()));
            return outcome;
        }
        let mut link = self.link.take();
        let answer = tokio::select! {
            (_, Some(code)) = end(&mut link) => {
                self.down = true;
                Err(crash_text(code))
            }
            answer = self.until_answers(&container, &live.service) => answer,
        };
        self.link = link;
        if self.link.is_none() {
            self.greeted.lost();
        }
        told.ms.ready = Some(millis(begun.elapsed()));
        self.note(Input::Reloaded { container, ready: answer.is_ok() }).await;
        answer
    }

    /// Sends it to the container; once more when the agent there has gone, unless a command would run twice.
    async fn send(
        &mut self,
        container: &str,
        decision: &Decision,
        grace: Duration,
    ) -> Result<Sent, AgentError> {
        let runs = decision.then.iter().any(|step| matches!(step, Step::Run { .. }));
        match self.try_send(container, decision, grace).await {
            Err(error) if !runs && !matches!(error, AgentError::Step { .. } | AgentError::Missing) => {
                tracing::debug!("{} is sent its files once more: {error}", self.service);
                self.link = None;
                self.try_send(container, decision, grace).await
            }
            sent => sent,
        }
    }

    async fn try_send(
        &mut self,
        container: &str,
        decision: &Decision,
        grace: Duration,
    ) -> Result<Sent, AgentError> {
        self.batches += 1;
        let batch = self.batches;
        let sink = self.shared.sink.clone();
        let instance = spec::instance_name(&self.shared.whose.stack, &self.service);
        let mut joiner = logs::Joiner::new(&self.service, &instance);
        let mut lines: Vec<Line> = Vec::new();
        let link = self.link(container).await?;
        let restarted = link.is_supervised();
        let mut decision = decision.clone();
        // Where an init that must be the first process starts the service, only the container can be started anew.
        decision.then.retain(|step| restarted || *step != Step::Restart);
        let output = |bytes: &[u8]| {
            joiner.push(now(), Stream::Reload, bytes, false, &mut lines);
            sink.append(&std::mem::take(&mut lines));
        };
        let applied = link.apply(&decision, batch, grace, output).await;
        joiner.finish(&mut lines);
        self.shared.sink.append(&lines);
        Ok(Sent { applied: applied?, restarted })
    }

    /// A step that failed is the user's to mend. What did not reach the container is in its image with the next build.
    async fn not_sent(&mut self, error: AgentError, live: &Live, told: &mut Told) -> Result<(), String> {
        if let AgentError::Step { what } = error {
            return Err(what);
        }
        self.link = None;
        self.greeted.lost();
        tracing::warn!("{} could not be reloaded in place: {error}", self.service);
        if matches!(live.service.source, Source::Image(_)) {
            return Err(format!("{error}; it is tried again with the next save"));
        }
        told.action = "rebuild";
        let rebuilt = self.until(Input::Rebuild(vec![self.service.clone()])).await;
        rebuilt.map_err(|why| format!("{error}; {why}"))
    }

    pub(super) async fn note(&mut self, input: Input) {
        self.shared.send(Event::Reloaded(input)).await;
    }

    pub(super) async fn link(&mut self, container: &str) -> Result<&mut AgentLink, AgentError> {
        if self.link.as_ref().is_none_or(|(of, _)| of != container) {
            let engine = self.shared.engine.borrow().clone().ok_or(AgentError::Gone)?;
            self.link = Some((container.to_owned(), AgentLink::connect(&engine, container).await?));
        }
        self.link.as_mut().map(|(_, link)| link).ok_or(AgentError::Gone)
    }

    async fn until_answers(&mut self, container: &str, service: &Service) -> Result<(), String> {
        let engine = self.shared.engine.borrow().clone().ok_or("the engine went away")?;
        let image = match engine.inspect(container).await {
            Ok(facts) => engine.image(&facts.image_id).await.ok().flatten(),
            Err(error) => return Err(error.to_string()),
        };
        let (question, timing) = question(service, image.as_ref());
        let instance = spec::instance_name(&self.shared.whose.stack, &self.service);
        let _probing = Probing::begin(self.shared.clone(), &self.service);
        let asking = Asking {
            engine: &engine,
            logs: &self.shared.sink.store,
            container,
            instance: &instance,
            question,
            timing: Timing {
                every: timing.every.min(ASK),
                worker_after: timing.worker_after.map(|_| WORKER_AFTER),
                ..timing
            },
        };
        asking.until_yes().await
    }

    /// Asks for another image or another start, and waits until the service answers or that failed.
    async fn until(&mut self, asked: Input) -> Result<(), String> {
        if self.shared.engine.borrow().is_none() {
            return Err("the engine does not answer".into());
        }
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.shared.send(Event::Ask(asked, reply)).await;
        if let Ok(Err(error)) = answer.await {
            return Err(error.message);
        }
        loop {
            let Some(live) = self.live() else { return Err("it was stopped".into()) };
            if let Some(outcome) = live.outcome() {
                return outcome;
            }
            if self.lives.changed().await.is_err() {
                return Err("the session ended".into());
            }
        }
    }
}

/// Waits until what a reload started has ended by itself, or the way to the container broke: in which container, and
/// the exit code.
pub(super) async fn end(link: &mut Option<(String, AgentLink)>) -> (String, Option<i32>) {
    let Some((container, agent)) = link else { return std::future::pending().await };
    let (container, ended) = (container.clone(), agent.ended().await.ok());
    if ended.is_none() {
        *link = None;
    }
    (container, ended)
}
