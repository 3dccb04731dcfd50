//! The real engine in a test.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::thread;
use std::time::Duration;

use engine::{Address, ContainerSpec, Engine, EngineError, Network};

use crate::label::{BASE_IMAGE, LABEL, unique};

/// The machine's engine, and everything that a test labelled in it: removed when the guard is dropped, after a panic too.
pub struct EngineGuard {
    engine: Engine,
    prefix: String,
    images: Vec<String>,
}

impl EngineGuard {
    /// Connects; `name` is a word that shows in names, such as the test's.
    ///
    /// # Panics
    /// When no engine answers or the base image is missing: the message says what mends it.
    pub async fn connect(name: &str) -> Self {
        let env: BTreeMap<String, String> = std::env::vars().collect();
        let engine = match Address::find(&env) {
            Ok(address) => Engine::connect(&address).await,
            Err(error) => Err(error),
        };
        let engine =
            engine.unwrap_or_else(|error| panic!("{error}\nhint: run `./dev setup`, which starts one"));
        let base = engine.image(BASE_IMAGE).await;
        assert!(
            base.is_ok_and(|image| image.is_some()),
            "there is no image `{BASE_IMAGE}`\nhint: run `./dev setup`, which makes it"
        );
        Self { engine, prefix: unique(name), images: Vec::new() }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What every name of this test begins with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A name of this test's own.
    pub fn name(&self, what: &str) -> String {
        format!("{}-{what}", self.prefix)
    }

    /// The labels by which everything of this test is found again: put them on what a test makes.
    pub fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([(LABEL.to_owned(), self.prefix.clone())])
    }

    /// The same as a filter.
    pub fn filter(&self) -> [(&str, &str); 1] {
        [(LABEL, &self.prefix)]
    }

    /// A reference for an image that the test makes; removed at the end.
    pub fn image_tag(&mut self, what: &str) -> String {
        let tag = format!("{}-{what}:latest", self.prefix);
        self.images.push(tag.clone());
        tag
    }

    /// A container of the base image that runs a shell script, without network.
    pub fn shell(&self, what: &str, script: &str) -> ContainerSpec {
        ContainerSpec {
            name: self.name(what),
            image: BASE_IMAGE.to_owned(),
            cmd: Some(["sh", "-c", script].map(str::to_owned).to_vec()),
            labels: self.labels(),
            network: Network::None,
            ..ContainerSpec::default()
        }
    }

    /// Makes and starts a container; returns its id.
    ///
    /// # Panics
    /// When the engine does not do it.
    pub async fn run(&self, spec: &ContainerSpec) -> String {
        let started = async {
            let id = self.engine.create(spec).await?;
            self.engine.start(&id).await?;
            Ok::<_, EngineError>(id)
        };
        started.await.unwrap_or_else(|error| panic!("container `{}`: {error}", spec.name))
    }

    /// Waits until a container has ended; returns its exit code.
    ///
    /// # Panics
    /// After half a minute.
    pub async fn ended(&self, id: &str) -> i32 {
        for _ in 0..600 {
            if let Ok(facts) = self.engine.inspect(id).await
                && let Some(code) = facts.exit_code
            {
                return code;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("container `{id}` did not end within half a minute");
    }
}

impl Deref for EngineGuard {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl Drop for EngineGuard {
    /// On a thread and a runtime of its own: the test's may be gone or unwinding.
    fn drop(&mut self) {
        let (engine, prefix, images) =
            (self.engine.clone(), self.prefix.clone(), std::mem::take(&mut self.images));
        let cleaning = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            if let Ok(runtime) = runtime {
                runtime.block_on(clean(&engine, &prefix, &images));
            }
        });
        cleaning.join().ok();
    }
}

/// Whatever cannot be removed stays: the test itself has already said what went wrong.
async fn clean(engine: &Engine, prefix: &str, images: &[String]) {
    let own = [(LABEL, prefix)];
    for container in engine.list(&own).await.unwrap_or_default() {
        engine.remove(&container.id, true).await.ok();
    }
    for network in engine.networks(&own).await.unwrap_or_default() {
        engine.remove_network(&network.name).await.ok();
    }
    for volume in engine.volumes(&own).await.unwrap_or_default() {
        engine.remove_volume(&volume.name).await.ok();
    }
    for image in images {
        engine.remove_image(image).await.ok();
    }
    for image in engine.images(&own).await.unwrap_or_default() {
        engine.remove_image(&image.id).await.ok();
    }
}
