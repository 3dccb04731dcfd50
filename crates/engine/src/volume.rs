//! Named volumes.

use std::collections::BTreeMap;

use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{ListVolumesOptionsBuilder, RemoveVolumeOptions};

use crate::facts::to_sorted;
use crate::network::label_filter;
use crate::{Engine, EngineError};

/// One named volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeFacts {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    /// Makes the volume when it is not there; an existing one keeps its labels and its content.
    pub async fn ensure_volume(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), EngineError> {
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.clone().into_iter().collect()),
            ..VolumeCreateRequest::default()
        };
        let made = self.docker().create_volume(request).await;
        made.map_err(|error| self.failed(&format!("creating volume `{name}`"), &error))?;
        Ok(())
    }

    /// Removes a volume with its content; one that is not there is no error.
    pub async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        let answer = self.docker().remove_volume(name, None::<RemoveVolumeOptions>).await;
        match answer.map_err(|error| self.failed(&format!("removing volume `{name}`"), &error)) {
            Err(EngineError::NotFound { .. }) => Ok(()),
            other => other,
        }
    }

    /// Every volume that has all these labels.
    pub async fn volumes(&self, labels: &[(&str, &str)]) -> Result<Vec<VolumeFacts>, EngineError> {
        let options = ListVolumesOptionsBuilder::new().filters(&label_filter(labels)).build();
        let found = self.docker().list_volumes(Some(options)).await;
        let found = found.map_err(|error| self.failed("listing volumes", &error))?;
        let read =
            |v: bollard::models::Volume| VolumeFacts { name: v.name, labels: to_sorted(Some(v.labels)) };
        Ok(found.volumes.unwrap_or_default().into_iter().map(read).collect())
    }
}
