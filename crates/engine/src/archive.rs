//! Files into a container.

use bollard::query_parameters::UploadToContainerOptionsBuilder;
use bytes::Bytes;

use crate::container::short;
use crate::{Engine, EngineError};

impl Engine {
    /// Unpacks a tar into a folder of a container, which need not run.
    pub async fn put_archive(&self, id: &str, path: &str, tar: Vec<u8>) -> Result<(), EngineError> {
        let options = UploadToContainerOptionsBuilder::new().path(path).build();
        let body = bollard::body_full(Bytes::from(tar));
        let answer = self.docker().upload_to_container(id, Some(options), body).await;
        answer.map_err(|error| {
            self.failed(&format!("copying to `{path}` in container `{}`", short(id)), &error)
        })
    }
}
