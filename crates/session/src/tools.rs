//! The guest's binary on the engine: an image to run it alone, and a volume to mount it into services.
//!
//! Both bear the hash of the binary, so that a new build never meets an old one; both are shared by all stacks of an
//! engine and go with the last of them.

use std::collections::BTreeMap;
use std::path::Path;

use engine::{ContainerSpec, Engine, EngineError, MountFrom, MountSpec, Network};

/// Where the volume is mounted in a service's container.
pub(crate) const FOLDER: &str = "/.shoal";
/// The binary's name, in the image's root and in the volume.
pub(crate) const BINARY: &str = "shoal-guest";
const LABEL: &str = "dev.shoal.guest";
/// On a stack's network: the volume of the guest that the stack uses.
pub(crate) const USES: &str = "dev.shoal.guest.volume";
const REPOSITORY: &str = "shoal/guest";

/// The guest on an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tools {
    /// Its image.
    pub image: String,
    /// The volume that holds it.
    pub volume: String,
}

/// The guest as this machine has it.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    bytes: Vec<u8>,
    /// What it is called on an engine.
    pub tools: Tools,
}

/// Reads the guest.
pub(crate) async fn read(guest: &Path) -> Result<Binary, EngineError> {
    let bytes = tokio::fs::read(guest).await.map_err(|e| EngineError::Other {
        what: format!("reading the guest `{}`", guest.display()),
        status: None,
        message: e.to_string(),
    })?;
    let hash = fingerprint(&bytes);
    let tools = Tools { image: format!("{REPOSITORY}:{hash}"), volume: volume_of(&hash) };
    Ok(Binary { bytes, tools })
}

/// Puts the guest on the engine; nothing when it is there already.
pub(crate) async fn ensure_tools(engine: &Engine, binary: &Binary) -> Result<(), EngineError> {
    let tools = &binary.tools;
    let volumes = engine.volumes(&[(LABEL, "volume")]).await?;
    let image = engine.image(&tools.image).await?;
    let filled = volumes.iter().any(|v| v.name == tools.volume);
    let packed = archive(&binary.bytes);
    if image.is_none() {
        let changes = ["ENTRYPOINT [\"/shoal-guest\"]", "LABEL dev.shoal.guest=image"];
        engine.import_image(&tools.image, packed.clone(), &changes).await?;
    }
    if filled { Ok(()) } else { fill(engine, tools, packed).await }
}

/// A volume can only be written through a container; this one is never started.
async fn fill(engine: &Engine, tools: &Tools, packed: Vec<u8>) -> Result<(), EngineError> {
    engine.ensure_volume(&tools.volume, &BTreeMap::from([(LABEL.to_owned(), "volume".to_owned())])).await?;
    let spec = ContainerSpec {
        image: tools.image.clone(),
        labels: BTreeMap::from([(LABEL.to_owned(), "filler".to_owned())]),
        network: Network::None,
        mounts: vec![MountSpec {
            source: MountFrom::Volume(tools.volume.clone()),
            target: "/volume".to_owned(),
            read_only: false,
        }],
        ..ContainerSpec::default()
    };
    let filler = engine.create(&spec).await?;
    let filled = engine.put_archive(&filler, "/volume", packed).await;
    engine.remove(&filler, true).await?;
    filled
}

/// Removes every build of the guest that no stack uses any more. A stack's network bears the name of the build that
/// its containers will use, as they come later; a container keeps what it uses by itself.
pub(crate) async fn remove_tools(engine: &Engine) -> Result<(), EngineError> {
    let networks = engine.networks(&[(USES, "")]).await?;
    let used = |volume: &str| networks.iter().any(|n| n.labels.get(USES).is_some_and(|v| v == volume));
    for volume in engine.volumes(&[(LABEL, "volume")]).await?.iter().filter(|v| !used(&v.name)) {
        in_use_is_fine(engine.remove_volume(&volume.name).await)?;
    }
    for image in engine.images(&[(LABEL, "image")]).await? {
        // One that was imported anew while a container used it has lost its name to the new one.
        let tags: Vec<&String> = image.tags.iter().filter(|t| !t.starts_with("<none>")).collect();
        if tags.iter().filter_map(|tag| tag.rsplit_once(':')).any(|(_, hash)| used(&volume_of(hash))) {
            continue;
        }
        let named = if tags.is_empty() { vec![&image.id] } else { tags };
        for name in named {
            in_use_is_fine(engine.remove_image(name).await)?;
        }
    }
    Ok(())
}

fn in_use_is_fine(outcome: Result<(), EngineError>) -> Result<(), EngineError> {
    match outcome {
        Err(EngineError::Conflict { .. } | EngineError::NotFound { .. }) => Ok(()),
        other => other,
    }
}

fn volume_of(hash: &str) -> String {
    format!("shoal-guest-{hash}")
}

/// Entrypoint and command that run a service under the guest's supervisor.
pub(crate) fn wrap(entrypoint: &[String], cmd: &[String]) -> (Vec<String>, Vec<String>) {
    let supervisor = vec![format!("{FOLDER}/{BINARY}"), "supervise".to_owned(), "--".to_owned()];
    (supervisor, entrypoint.iter().chain(cmd).cloned().collect())
}

fn archive(binary: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_size(binary.len() as u64);
    header.set_mode(0o755);
    let mut tar = tar::Builder::new(Vec::with_capacity(binary.len() + 2048));
    // Writing to memory cannot fail; what did would be an empty archive, which the engine refuses.
    match tar.append_data(&mut header, BINARY, binary).and_then(|()| tar.into_inner()) {
        Ok(packed) => packed,
        Err(_) => Vec::new(),
    }
}

/// FNV-1a over the binary, as twelve hexadecimal digits.
fn fingerprint(binary: &[u8]) -> String {
    let hash = binary
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    format!("{:012x}", hash & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_supervisor_runs_what_the_image_would() {
        let text = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let (entrypoint, cmd) = wrap(&text(&["docker-entrypoint.sh"]), &text(&["postgres", "-c", "x=1"]));
        assert_eq!(entrypoint, ["/.shoal/shoal-guest", "supervise", "--"]);
        assert_eq!(cmd, ["docker-entrypoint.sh", "postgres", "-c", "x=1"]);
    }

    #[test]
    fn another_binary_has_another_name() {
        assert_ne!(fingerprint(b"a"), fingerprint(b"b"));
        assert_eq!(fingerprint(b"a").len(), 12);
        assert!(archive(b"binary").len() > 512);
    }
}
