//! What is mounted into a service.

use model::plan::{Mount, MountSource};

use super::{Draft, Need, check_path};
use crate::format::{MountType, MountedFrom, Problem};
use crate::paths::resolve;
use crate::read::{At, Field, Placed};
use crate::shape::{Service, Volume, VolumeTable};
use crate::source::{Findings, Spot};

/// The mounts; a later manifest on the command line replaces what an earlier one mounts in the same place.
pub(super) fn lowered(draft: &Draft, written: &Service, findings: &mut Findings) -> Vec<Mount> {
    let mut mounts: Vec<(Spot, Mount)> = Vec::new();
    for volume in written.volumes.get().into_iter().flat_map(|volumes| &volumes.0) {
        let (spot, mount) = match volume {
            Volume::Short(at) => {
                let source = source(draft, &at.value.from, at.spot, findings);
                let (target, read_only) = (at.value.target.clone(), at.value.read_only);
                (at.spot, source.map(|source| Mount { source, target, read_only }))
            }
            Volume::Full(table) => (table.spot(), full(draft, table, findings)),
        };
        let Some(mount) = mount else { continue };
        let same = |other: &Mount| other.target.trim_end_matches('/') == mount.target.trim_end_matches('/');
        match mounts.iter_mut().find(|(_, other)| same(other)) {
            Some((first, other)) if first.file != spot.file => *other = mount,
            Some(_) => {
                let message = format!("something is mounted at `{}` already", mount.target);
                findings.error(spot, "duplicate-mount", message).hint("leave one of them out");
            }
            None => mounts.push((spot, mount)),
        }
    }
    mounts.into_iter().map(|(_, mount)| mount).collect()
}

fn source(draft: &Draft, from: &MountedFrom, spot: Spot, findings: &mut Findings) -> Option<MountSource> {
    match from {
        MountedFrom::Volume(name) => Some(MountSource::Volume(name.clone())),
        MountedFrom::Path(text) => {
            let path = resolve(text, draft.folder, draft.variables.shell);
            check_path(spot, text, &path, Need::Anything, findings).then_some(MountSource::Bind(path))
        }
    }
}

fn full(draft: &Draft, table: &VolumeTable, findings: &mut Findings) -> Option<Mount> {
    let kind = match (&table.r#type, table.source.get()) {
        (Field::Bad, _) => return None,
        (Field::Good { value, .. }, _) => value.value,
        (Field::Absent, None) => MountType::Tmpfs,
        (Field::Absent, Some(source)) => match read(source, findings, MountedFrom::from_text)? {
            MountedFrom::Path(_) => MountType::Bind,
            MountedFrom::Volume(_) => MountType::Volume,
        },
    };
    if let (Some(key), MountType::Bind | MountType::Volume) = (table.size.key(), kind) {
        findings.error(key, "invalid-volume", "only a tmpfs has a `size`").hint("leave it out");
    }
    let source = match (kind, table.source.get()) {
        (MountType::Tmpfs, None) => MountSource::Tmpfs(table.size.value().map(|bytes| bytes.0)),
        (MountType::Tmpfs, Some(source)) => {
            findings.error(source.spot, "invalid-volume", "a tmpfs has no `source`").hint("leave it out");
            return None;
        }
        (MountType::Bind | MountType::Volume, None) => {
            if table.source.is_absent() && !table.broken {
                findings.error(table.spot(), "missing-key", "the volume needs `source`");
            }
            return None;
        }
        (MountType::Bind, Some(text)) => {
            source(draft, &MountedFrom::Path(text.value.clone()), text.spot, findings)?
        }
        (MountType::Volume, Some(text)) => {
            source(draft, &read(text, findings, MountedFrom::volume)?, text.spot, findings)?
        }
    };
    let target = table.target.value()?.0;
    Some(Mount { source, target, read_only: table.read_only.value().unwrap_or(false) })
}

fn read(
    text: &At<String>,
    findings: &mut Findings,
    parse: fn(&str) -> Result<MountedFrom, Problem>,
) -> Option<MountedFrom> {
    match parse(&text.value) {
        Ok(from) => Some(from),
        Err(Problem::Invalid { code, message, hint }) => {
            findings.error(text.spot, code, message).hint(hint.unwrap_or_default());
            None
        }
        Err(Problem::Mistyped) => None,
    }
}
