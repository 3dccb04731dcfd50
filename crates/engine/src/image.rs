//! Images.

use std::collections::BTreeMap;

use bollard::models::ImageInspect;
use bollard::query_parameters::{
    CreateImageOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptionsBuilder,
};
use bytes::Bytes;
use futures_util::StreamExt as _;

use crate::facts::to_sorted;
use crate::network::label_filter;
use crate::{Engine, EngineError};

/// What an image brings along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    /// The engine's id, `sha256:…`.
    pub id: String,
    /// Its references; none once another image has taken them.
    pub tags: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its entrypoint.
    pub entrypoint: Vec<String>,
    /// Its command.
    pub cmd: Vec<String>,
    /// Its environment, `NAME=value`.
    pub env: Vec<String>,
    /// The user it runs as; empty: root.
    pub user: String,
    /// Its working folder; empty: `/`.
    pub working_dir: String,
    /// TCP ports that it says it listens on, ascending.
    pub exposed: Vec<u16>,
    /// Whether it has a health check.
    pub healthcheck: bool,
    /// The signal that asks it to end; `None`: `SIGTERM`.
    pub stop_signal: Option<String>,
}

/// One image in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageTag {
    /// The engine's id, `sha256:…`.
    pub id: String,
    /// Its references, such as `shop-web:latest`.
    pub tags: Vec<String>,
}

impl Engine {
    /// The image of this reference or id; `None`: the engine does not have it.
    pub async fn image(&self, reference: &str) -> Result<Option<ImageFacts>, EngineError> {
        let answer = self.docker().inspect_image(reference).await;
        match answer.map_err(|error| self.failed(&format!("looking at image `{reference}`"), &error)) {
            Ok(image) => Ok(Some(read(image))),
            Err(EngineError::NotFound { .. } | EngineError::ImageMissing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes an image of one layer from a root file system, with Dockerfile instructions such as `USER 0`;
    /// returns its id.
    pub async fn import_image(
        &self,
        tag: &str,
        tar: Vec<u8>,
        changes: &[&str],
    ) -> Result<String, EngineError> {
        let what = format!("importing image `{tag}`");
        // The version stands with the name, as Podman does not look at the parameter `tag`.
        let options = CreateImageOptionsBuilder::new()
            .from_src("-")
            .repo(tag)
            .changes(changes.iter().map(|line| (*line).to_owned()).collect())
            .build();
        let body = bollard::body_full(Bytes::from(tar));
        let mut steps = Box::pin(self.docker().create_image(Some(options), Some(body), None));
        while let Some(step) = steps.next().await {
            step.map_err(|error| self.failed(&what, &error))?;
        }
        let made = self.image(tag).await?;
        made.map(|image| image.id).ok_or_else(|| EngineError::ImageMissing { image: tag.to_owned() })
    }

    /// Takes a reference away, and the image with its last one; one that is not there is no error.
    pub async fn remove_image(&self, reference: &str) -> Result<(), EngineError> {
        let options = RemoveImageOptionsBuilder::new().build();
        let answer = self.docker().remove_image(reference, Some(options), None).await;
        match answer.map_err(|error| self.failed(&format!("removing image `{reference}`"), &error)) {
            Ok(_) | Err(EngineError::NotFound { .. } | EngineError::ImageMissing { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Every image that has all these labels.
    pub async fn images(&self, labels: &[(&str, &str)]) -> Result<Vec<ImageTag>, EngineError> {
        let options = ListImagesOptionsBuilder::new().filters(&label_filter(labels)).build();
        let found = self.docker().list_images(Some(options)).await;
        let found = found.map_err(|error| self.failed("listing images", &error))?;
        Ok(found.into_iter().map(|image| ImageTag { id: image.id, tags: image.repo_tags }).collect())
    }
}

fn read(image: ImageInspect) -> ImageFacts {
    let config = image.config.unwrap_or_default();
    let ports = config.exposed_ports.unwrap_or_default();
    let mut exposed: Vec<u16> = ports
        .iter()
        .filter_map(|port| match port.split_once('/') {
            Some((number, "tcp")) => number.parse().ok(),
            Some(_) => None,
            None => port.parse().ok(),
        })
        .collect();
    exposed.sort_unstable();
    let test = config.healthcheck.and_then(|check| check.test).unwrap_or_default();
    ImageFacts {
        id: image.id.unwrap_or_default(),
        tags: image.repo_tags.unwrap_or_default(),
        labels: to_sorted(config.labels),
        entrypoint: config.entrypoint.unwrap_or_default(),
        cmd: config.cmd.unwrap_or_default(),
        env: config.env.unwrap_or_default(),
        user: config.user.unwrap_or_default(),
        working_dir: config.working_dir.unwrap_or_default(),
        exposed,
        healthcheck: test.first().is_some_and(|kind| !kind.is_empty() && kind != "NONE"),
        stop_signal: config.stop_signal.filter(|signal| !signal.is_empty()),
    }
}

/// `host:5000/a/b:1` as `host:5000/a/b` and `1`.
pub(crate) fn split_tag(reference: &str) -> (&str, Option<&str>) {
    match reference.rsplit_once(':') {
        Some((repo, tag)) if !tag.contains('/') && !repo.contains('@') && !repo.ends_with("@sha256") => {
            (repo, Some(tag))
        }
        _ => (reference, None),
    }
}

#[cfg(test)]
mod tests {
    use super::split_tag;

    #[test]
    fn tags_are_told_from_ports_and_digests() {
        for (reference, repo, tag) in [
            ("redis", "redis", None),
            ("redis:7", "redis", Some("7")),
            ("host:5000/redis", "host:5000/redis", None),
            ("host:5000/redis:7", "host:5000/redis", Some("7")),
            ("redis@sha256:00ff", "redis@sha256:00ff", None),
        ] {
            assert_eq!(split_tag(reference), (repo, tag), "{reference}");
        }
    }
}
