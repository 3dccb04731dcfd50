//! Building an image from a Dockerfile: through BuildKit where the engine has it, else by the classic builder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use bollard::models::{BuildInfo, BuildInfoAux};
use bollard::query_parameters::{BuildImageOptions, BuildImageOptionsBuilder, BuilderVersion};
use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;

use crate::context::Context;
use crate::steps::Steps;
use crate::{Engine, EngineError, Progress};

/// What to build.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BuildSpec {
    /// The folder that is sent; its `.dockerignore` counts.
    pub context: PathBuf,
    /// The Dockerfile, absolute; it may be outside the context.
    pub dockerfile: PathBuf,
    /// The stage to stop at; `None`: the last.
    pub target: Option<String>,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// The reference that the image gets.
    pub tag: String,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// `linux/amd64` and the like; `None`: the engine's.
    pub platform: Option<String>,
    /// Build every step anew.
    pub no_cache: bool,
}

impl Engine {
    /// Builds an image and returns its id. Dropping the future ends the build; a receiver that is gone does not.
    pub async fn build(
        &self,
        spec: &BuildSpec,
        progress: mpsc::Sender<Progress>,
    ) -> Result<String, EngineError> {
        let what = format!("building image `{}`", spec.tag);
        let (folder, dockerfile) = (spec.context.clone(), spec.dockerfile.clone());
        let context = tokio::task::spawn_blocking(move || Context::new(&folder, &dockerfile)).await;
        let context = context.map_err(|error| self.attempt(&what).io(&std::io::Error::other(error)))??;
        let options = self.options(spec, &context.dockerfile_name);
        let (pieces, taken) = mpsc::channel(4);
        tokio::task::spawn_blocking(move || context.send(&pieces));
        let body =
            stream::unfold(taken, |mut taken| async { taken.recv().await.map(|piece| (piece, taken)) });
        let mut news = self.docker().build_image(options, None, Some(bollard::body_try_stream(body)));
        let (mut steps, mut id) = (Steps::default(), None);
        while let Some(item) = news.next().await {
            let info = match item {
                Ok(info) => info,
                Err(bollard::errors::Error::DockerStreamError { error }) => return Err(steps.failure(&error)),
                Err(error) => return Err(self.not_built(&what, &mut steps, &error)),
            };
            if let Some(message) = info.error_detail.as_ref().and_then(|detail| detail.message.clone()) {
                return Err(steps.failure(&message));
            }
            for told in read(&mut steps, &mut id, info) {
                progress.send(told).await.ok();
            }
        }
        if let Some(id) = id {
            return Ok(id);
        }
        let made = self.image(&spec.tag).await?;
        made.map(|image| image.id).ok_or_else(|| steps.failure("the builder ended without an image"))
    }

    fn options(&self, spec: &BuildSpec, dockerfile: &str) -> BuildImageOptions {
        let mut options = BuildImageOptionsBuilder::new()
            .dockerfile(dockerfile)
            .t(&spec.tag)
            .nocache(spec.no_cache)
            .rm(true)
            // Else the container of a failed step stays.
            .forcerm(true)
            .buildargs(&spec.args.clone().into_iter().collect())
            .labels(&spec.labels.clone().into_iter().collect());
        if let Some(target) = &spec.target {
            options = options.target(target);
        }
        if let Some(platform) = &spec.platform {
            options = options.platform(platform);
        }
        if self.version().buildkit {
            options = options.version(BuilderVersion::BuilderBuildKit).session(&session());
        }
        options.build()
    }

    /// A Dockerfile with a syntax error is refused as a whole, before any step.
    fn not_built(&self, what: &str, steps: &mut Steps, error: &bollard::errors::Error) -> EngineError {
        match error {
            bollard::errors::Error::DockerResponseServerError { status_code: 400, message } => {
                steps.failure(message)
            }
            _ => self.failed(what, error),
        }
    }
}

fn read(steps: &mut Steps, id: &mut Option<String>, info: BuildInfo) -> Vec<Progress> {
    match info.aux {
        Some(BuildInfoAux::BuildKit(news)) => return steps.buildkit(news),
        Some(BuildInfoAux::Default(image)) => *id = image.id.or(id.take()),
        None => {}
    }
    match info.stream {
        Some(text) if !text.trim().is_empty() => vec![steps.classic(&text)],
        _ => Vec::new(),
    }
}

/// BuildKit tells builds apart by their session.
fn session() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let started = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("shoal-{}-{}-{}", std::process::id(), started.as_nanos(), NEXT.fetch_add(1, Ordering::Relaxed))
}
