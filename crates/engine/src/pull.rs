//! Pulling an image.

use std::collections::BTreeMap;

use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use crate::image::split_tag;
use crate::reason::{is_image_unknown, is_registry_down};
use crate::{Engine, EngineError, Progress};

impl Engine {
    /// Pulls an image from its registry. A receiver that is gone stops nothing.
    pub async fn pull(
        &self,
        reference: &str,
        platform: Option<&str>,
        progress: mpsc::Sender<Progress>,
    ) -> Result<(), EngineError> {
        let mut options = CreateImageOptionsBuilder::new().from_image(reference);
        // Without a tag the engine would pull every tag of the repository.
        if split_tag(reference).1.is_none() && !reference.contains('@') {
            options = options.tag("latest");
        }
        if let Some(platform) = platform {
            options = options.platform(platform);
        }
        let mut steps = Box::pin(self.docker().create_image(Some(options.build()), None, None));
        let mut layers = Layers::default();
        while let Some(step) = steps.next().await {
            let step = step.map_err(|error| self.not_pulled(reference, &error))?;
            if let Some(message) = step.error_detail.as_ref().and_then(|detail| detail.message.clone()) {
                return Err(
                    self.not_pulled(reference, &bollard::errors::Error::DockerStreamError { error: message })
                );
            }
            if let Some(news) = layers.take(step) {
                progress.send(news).await.ok();
            }
        }
        Ok(())
    }

    fn not_pulled(&self, reference: &str, error: &bollard::errors::Error) -> EngineError {
        let read = self.failed(&format!("pulling image `{reference}`"), error);
        let message = match &read {
            EngineError::Other { message, .. } => message.clone(),
            EngineError::NotFound { .. } => "not found".to_owned(),
            _ => return read,
        };
        let image = reference.to_owned();
        if is_registry_down(&message) {
            EngineError::RegistryUnreachable { image, message }
        } else if is_image_unknown(&message) {
            EngineError::ImageMissing { image }
        } else {
            read
        }
    }
}

/// The layers of a pull by id, and whether each is here.
#[derive(Default)]
struct Layers(BTreeMap<String, bool>);

impl Layers {
    fn take(&mut self, step: CreateImageInfo) -> Option<Progress> {
        let status = step.status?;
        let cached = status == "Already exists";
        let ended = cached || status == "Pull complete";
        let step = match step.id {
            // The first line has the tag in the layer's place.
            Some(id) if !status.starts_with("Pulling from") => {
                let was = self.0.insert(id.clone(), ended);
                if was == Some(true) && !ended {
                    self.0.insert(id.clone(), true);
                }
                format!("{status} {id}")
            }
            _ => status,
        };
        let done = self.0.values().filter(|ended| **ended).count() as u32;
        Some(Progress { step, done, total: self.0.len() as u32, cached, output: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_counted() {
        let mut layers = Layers::default();
        let mut say = |id: &str, status: &str| {
            let info = CreateImageInfo {
                id: Some(id.to_owned()),
                status: Some(status.to_owned()),
                ..CreateImageInfo::default()
            };
            layers.take(info).map(|p| (p.done, p.total, p.cached)).unwrap()
        };
        assert_eq!(say("7", "Pulling from library/redis"), (0, 0, false));
        assert_eq!(say("a", "Pulling fs layer"), (0, 1, false));
        assert_eq!(say("b", "Already exists"), (1, 2, true));
        assert_eq!(say("a", "Downloading"), (1, 2, false));
        assert_eq!(say("a", "Pull complete"), (2, 2, false));
    }
}
