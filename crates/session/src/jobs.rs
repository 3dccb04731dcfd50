//! What the state asks for, done: one function a kind of job, each ending in an [`Outcome`].

use std::time::SystemTime;

use api::shape::Build as Progressed;
use api::{ApiError, Code};
use engine::{Engine, EngineError, ImageFacts, Progress};
use model::Timestamp;
use model::line::{Line, Stream};
use model::plan::{Plan, PullPolicy, Service, Source};
use tokio::sync::mpsc;

use crate::follow::Sink;
use crate::holder;
use crate::probe::{Asking, question};
use crate::spec;
use crate::state::view::image_name;
use crate::state::{Container, Doing, Outcome};
use crate::tools::Tools;
use crate::translate;

/// What a job works with.
#[derive(Clone)]
pub(crate) struct Bench {
    pub engine: Engine,
    pub plan: std::sync::Arc<Plan>,
    pub service: Service,
    pub session: String,
    /// Whether the engine's ports are this machine's.
    pub local: bool,
    pub sink: Sink,
}

/// The time by this machine's clock.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_system(SystemTime::now())
}

impl Bench {
    fn failed(&self, error: EngineError) -> Outcome {
        Outcome::Failed(translate::engine(error).about(&self.service.name))
    }

    /// Builds or pulls the image; steps go to `progress`, output to the log store.
    pub(crate) async fn image(&self, progress: mpsc::Sender<(String, Progressed)>) -> Outcome {
        let made = match &self.service.source {
            Source::Build(build) => {
                let spec = spec::build_spec(&self.plan, &self.service, build, &self.session);
                let (steps, told) = mpsc::channel(256);
                let (built, ()) = tokio::join!(
                    self.engine.build(&spec, steps),
                    self.tell_steps(told, progress, Stream::Build)
                );
                built
            }
            Source::Image(reference) => self.fetch(reference, progress).await,
        };
        match made {
            Ok(id) => Outcome::Image(id),
            Err(error) => self.failed(error),
        }
    }

    async fn fetch(
        &self,
        reference: &str,
        progress: mpsc::Sender<(String, Progressed)>,
    ) -> Result<String, EngineError> {
        let present = self.engine.image(reference).await?;
        match (self.service.pull, present) {
            (PullPolicy::Missing | PullPolicy::Never, Some(image)) => return Ok(image.id),
            (PullPolicy::Never, None) => {
                return Err(EngineError::ImageMissing { image: reference.to_owned() });
            }
            (PullPolicy::Always, _) | (PullPolicy::Missing, None) => {}
        }
        let (steps, told) = mpsc::channel(256);
        let pull = self.engine.pull(reference, self.service.platform.as_deref(), steps);
        let (pulled, ()) = tokio::join!(pull, self.tell_steps(told, progress, Stream::Build));
        pulled?;
        let image = self.engine.image(reference).await?;
        image.map(|i| i.id).ok_or_else(|| EngineError::ImageMissing { image: reference.to_owned() })
    }

    async fn tell_steps(
        &self,
        mut steps: mpsc::Receiver<Progress>,
        progress: mpsc::Sender<(String, Progressed)>,
        stream: Stream,
    ) {
        let instance = spec::instance_name(&self.plan.name, &self.service.name);
        let mut joiner = logs::Joiner::new(&self.service.name, &instance);
        let mut shown = String::new();
        let mut lines = Vec::new();
        while let Some(step) = steps.recv().await {
            if shown != step.step && !step.step.is_empty() {
                shown.clone_from(&step.step);
                let cached = if step.cached { " (cached)" } else { "" };
                lines.push(self.line(&instance, stream, format!("{shown}{cached}").into_bytes()));
            }
            joiner.push(now(), stream, &step.output, false, &mut lines);
            self.sink.append(&std::mem::take(&mut lines));
            let view = Progressed { step: shown.clone(), done: step.done, total: step.total };
            // Progress that nobody has read yet is as good as newer progress.
            drop(progress.try_send((self.service.name.clone(), view)));
        }
        joiner.finish(&mut lines);
        self.sink.append(&lines);
    }

    fn line(&self, instance: &str, stream: Stream, bytes: Vec<u8>) -> Line {
        Line { ts: now(), service: self.service.name.clone(), instance: instance.to_owned(), stream, bytes }
    }

    /// Makes the container, its named volumes first.
    pub(crate) async fn create(&self, image: &str, tools: &Tools) -> Outcome {
        match self.try_create(image, tools).await {
            Ok(container) => Outcome::Created(container),
            Err(error) => Outcome::Failed(error.about(&self.service.name)),
        }
    }

    async fn try_create(&self, image: &str, tools: &Tools) -> Result<Container, ApiError> {
        let facts = self.facts(image).await?;
        let labels = spec::stack_labels(&self.plan, &self.session);
        for volume in spec::volumes(&self.plan, &self.service) {
            self.engine.ensure_volume(&volume, &labels).await.map_err(translate::engine)?;
        }
        let wanted = spec::container_spec(&self.plan, &self.service, &facts, tools, &self.session);
        let made = match self.engine.create(&wanted).await {
            Err(EngineError::NameTaken { .. }) => {
                self.clear_name(&wanted.name).await?;
                self.engine.create(&wanted).await
            }
            made => made,
        };
        Ok(Container {
            id: made.map_err(translate::engine)?,
            name: wanted.name,
            hash: spec::hash(&self.service),
            image: facts.id,
            doing: Doing::Created,
            ready: false,
            ports: Vec::new(),
        })
    }

    async fn facts(&self, image: &str) -> Result<ImageFacts, ApiError> {
        let name = image_name(&self.plan.name, &self.service);
        for reference in [image, &name] {
            if let Some(facts) = self.engine.image(reference).await.map_err(translate::engine)? {
                return Ok(facts);
            }
        }
        Err(translate::engine(EngineError::ImageMissing { image: name }))
    }

    /// Removes a container that has our name, but only one of this very stack.
    async fn clear_name(&self, name: &str) -> Result<(), ApiError> {
        let facts = self.engine.inspect(name).await.map_err(translate::engine)?;
        let ours = facts.labels.get(spec::STACK) == Some(&self.plan.name)
            && facts.labels.get(spec::FOLDER) == Some(&self.plan.folder.display().to_string());
        if !ours {
            return Err(ApiError::new(Code::Conflict, format!("another container has the name `{name}`"))
                .hint(format!(
                    "remove it with `docker rm -f {name}`, or run this stack under another name with `-p`"
                )));
        }
        self.engine.remove(&facts.id, true).await.map_err(translate::engine)
    }

    /// Starts the container.
    pub(crate) async fn start(&self, container: &str) -> Outcome {
        if let Err(error) = self.engine.start(container).await {
            return match error {
                EngineError::PortTaken { port, holder: None } if self.local => self.taken(port).await,
                error => self.failed(error),
            };
        }
        match self.engine.inspect(container).await {
            Ok(facts) => Outcome::Started(facts.started.unwrap_or_else(now), translate::ports(&facts)),
            Err(error) => self.failed(error),
        }
    }

    /// The port is not a container's, so it is a program's of this machine.
    async fn taken(&self, port: u16) -> Outcome {
        let found = tokio::task::spawn_blocking(move || holder::listener(port)).await;
        let mut error = translate::engine(EngineError::PortTaken { port, holder: None });
        if let Ok(Some(program)) = found {
            error.message = format!("Port `{port}` is taken by {program}");
            error.hint = Some("end that program, or publish another port".to_owned());
        }
        Outcome::Failed(error.about(&self.service.name))
    }

    /// Asks until the service answers.
    pub(crate) async fn probe(&self, container: &str) -> Outcome {
        let image = self.engine.image(&image_name(&self.plan.name, &self.service)).await.ok().flatten();
        let (question, timing) = question(&self.service, image.as_ref());
        let instance = spec::instance_name(&self.plan.name, &self.service.name);
        let asking = Asking {
            engine: &self.engine,
            logs: &self.sink.store,
            container,
            instance: &instance,
            question,
            timing,
        };
        match asking.until_yes().await {
            Ok(()) => Outcome::Ready,
            Err(no) => {
                let span = timing.within.as_secs_f64();
                let message = format!("`{}` is not ready after {span} s: {no}", self.service.name);
                let hint = format!(
                    "`shoal logs {}` shows what it says; `ready` in the manifest says what is asked",
                    self.service.name
                );
                Outcome::Failed(ApiError::new(Code::TimedOut, message).hint(hint).about(&self.service.name))
            }
        }
    }

    /// Stops the container.
    pub(crate) async fn stop(&self, container: &str) -> Outcome {
        match self.engine.stop(container, self.service.stop_grace).await {
            Ok(()) | Err(EngineError::NotFound { .. }) => {}
            Err(error) => return self.failed(error),
        }
        let code = self.engine.inspect(container).await.ok().and_then(|f| f.exit_code);
        Outcome::Stopped(code)
    }

    /// Removes the container, and its image when a newer build has taken its name: else every save would leave one.
    pub(crate) async fn remove(&self, container: &str) -> Outcome {
        let image = self.engine.inspect(container).await.ok().map(|facts| facts.image_id);
        match self.engine.remove(container, true).await {
            Ok(()) | Err(EngineError::NotFound { .. }) => {}
            Err(error) => return self.failed(error),
        }
        if let Some(image) = image
            && let Ok(Some(facts)) = self.engine.image(&image).await
            && self.is_outdated(&facts)
            && let Err(error) = self.engine.remove_image(&image).await
        {
            tracing::debug!("the outdated image of {} stays: {error}", self.service.name);
        }
        Outcome::Removed
    }

    /// Whether a later build of this stack's has taken the name of an earlier one.
    fn is_outdated(&self, image: &ImageFacts) -> bool {
        let folder = self.plan.folder.display().to_string();
        image.tags.is_empty()
            && image.labels.get(spec::STACK) == Some(&self.plan.name)
            && image.labels.get(spec::FOLDER) == Some(&folder)
    }
}
