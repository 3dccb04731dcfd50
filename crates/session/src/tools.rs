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
/// On whatever runs or holds the guest.
pub(crate) const LABEL: &str = "dev.shoal.guest";
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
    let bytes = tokio::fs::read(guest)
        .await
        .map_err(|e| EngineError::Unreadable { path: guest.display().to_string(), cause: e.to_string() })?;
    let hash = fingerprint(&bytes);
    let tools = Tools { image: format!("{REPOSITORY}:{hash}"), volume: volume_of(&hash) };
    Ok(Binary { bytes, tools })
}

/// Puts the guest on the engine; nothing when it is there already.
///
/// The image gets its name last, so that a volume without it is one that was not filled to the end.
pub(crate) async fn ensure_tools(engine: &Engine, binary: &Binary) -> Result<(), EngineError> {
    let tools = &binary.tools;
    let volumes = engine.volumes(&[(LABEL, "volume")]).await?;
    let has_volume = volumes.iter().any(|v| v.name == tools.volume);
    if has_volume && engine.image(&tools.image).await?.is_some() {
        return Ok(());
    }
    let packed = archive(&binary.bytes);
    let changes = ["ENTRYPOINT [\"/shoal-guest\"]", "LABEL dev.shoal.guest=image"];
    let filling = format!("{}-filling", tools.image);
    engine.import_image(&filling, packed.clone(), &changes).await?;
    fill(engine, &filling, &tools.volume, packed.clone()).await?;
    engine.import_image(&tools.image, packed, &changes).await?;
    // Another session that does the same at this moment may still use it.
    in_use_is_fine(engine.remove_image(&filling).await)
}

/// A volume can only be written through a container; this one is never started.
async fn fill(engine: &Engine, image: &str, volume: &str, packed: Vec<u8>) -> Result<(), EngineError> {
    engine.ensure_volume(volume, &BTreeMap::from([(LABEL.to_owned(), "volume".to_owned())])).await?;
    let spec = ContainerSpec {
        image: image.to_owned(),
        labels: BTreeMap::from([
            (LABEL.to_owned(), "filler".to_owned()),
            (USES.to_owned(), volume.to_owned()),
        ]),
        network: Network::None,
        mounts: vec![MountSpec {
            source: MountFrom::Volume(volume.to_owned()),
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
    // Of a session that was killed while it filled the volume.
    for filler in engine.list(&[(LABEL, "filler")]).await? {
        if !filler.labels.get(USES).is_some_and(|volume| used(volume)) {
            in_use_is_fine(engine.remove(&filler.id, true).await)?;
        }
    }
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

/// Entrypoint and command that run a service under the guest's supervisor, which asks it by `stop_signal` to make
/// room for its successor.
///
/// An init that is part of the image goes on being PID 1, as it insists on it or complains otherwise: the supervisor
/// runs under it. An init that is a whole system ([`SYSTEMS`]) is left as it is: there is no one process to restart.
pub(crate) fn wrap(
    entrypoint: &[String],
    cmd: &[String],
    stop_signal: Option<&str>,
) -> (Vec<String>, Vec<String>) {
    let all: Vec<String> = entrypoint.iter().chain(cmd).cloned().collect();
    let Some(at) = all.first().and_then(|program| place(file_name(program), &all[1..])) else {
        return (entrypoint.to_vec(), cmd.to_vec());
    };
    let (init, service) = all.split_at(at);
    let mut supervisor = vec![format!("{FOLDER}/{BINARY}"), "supervise".to_owned()];
    if let Some(signal) = stop_signal {
        supervisor.extend(["--stop-signal".to_owned(), signal.to_owned()]);
    }
    if signals_groups(init) {
        supervisor.push("--group".to_owned());
    }
    supervisor.push("--".to_owned());
    (init.iter().cloned().chain(supervisor).collect(), service.to_vec())
}

/// Whether an init passes signals on to its child's whole group.
fn signals_groups(init: &[String]) -> bool {
    let Some((program, options)) = init.split_first() else { return false };
    let has = |long: &str, letter: char| {
        options.iter().any(|word| {
            word == long || word.starts_with('-') && !word.starts_with("--") && word.contains(letter)
        })
    };
    match file_name(program) {
        "tini" | "tini-static" | "docker-init" => has("-g", 'g'),
        "dumb-init" | "yelp-dumb-init" => !has("--single-child", 'c'),
        _ => false,
    }
}

/// Small inits, with those of their options that have a value of their own.
const INITS: [(&str, &[&str]); 6] = [
    ("tini", &["-p", "-e"]),
    ("tini-static", &["-p", "-e"]),
    ("docker-init", &["-p", "-e"]),
    ("catatonit", &[]),
    ("dumb-init", &["-r", "--rewrite"]),
    ("yelp-dumb-init", &["-r", "--rewrite"]),
];
/// Inits that run services of their own and must be PID 1: s6-overlay's `/init` and systemd.
const SYSTEMS: [&str; 4] = ["init", "systemd", "s6-svscan", "runsvdir"];

/// Before which word of the command the supervisor goes; `None`: nowhere.
fn place(program: &str, arguments: &[String]) -> Option<usize> {
    if SYSTEMS.contains(&program) {
        return None;
    }
    let Some((_, valued)) = INITS.iter().find(|(name, _)| *name == program) else { return Some(0) };
    let mut words = arguments.iter().enumerate();
    while let Some((at, word)) = words.next() {
        if word == "--" {
            return Some(at + 2);
        }
        if !word.starts_with('-') {
            return Some(at + 1);
        }
        if valued.contains(&word.as_str()) {
            words.next();
        }
    }
    // An init without a command, whose complaint the user should see as it is.
    None
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn archive(binary: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_size(binary.len() as u64);
    header.set_mode(0o755);
    let mut tar = tar::Builder::new(Vec::with_capacity(binary.len() + 2048));
    // Writing to memory cannot fail; what did would be an empty archive, which the engine refuses.
    tar.append_data(&mut header, BINARY, binary).and_then(|()| tar.into_inner()).unwrap_or_default()
}

/// Twelve hexadecimal digits.
fn fingerprint(binary: &[u8]) -> String {
    format!("{:012x}", model::hash::fnv1a(binary) & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_supervisor_runs_what_the_image_would() {
        let words =
            |text: &str| text.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let sup = "/.shoal/shoal-guest supervise --";
        let group = "/.shoal/shoal-guest supervise --group --";
        for (entrypoint, cmd, wrapped, rest) in [
            (
                "docker-entrypoint.sh",
                "postgres -c x=1",
                sup.to_owned(),
                "docker-entrypoint.sh postgres -c x=1",
            ),
            ("", "python app.py", sup.to_owned(), "python app.py"),
            // An init stays PID 1.
            (
                "/usr/bin/tini -- docker-entrypoint.sh",
                "app",
                format!("/usr/bin/tini -- {sup}"),
                "docker-entrypoint.sh app",
            ),
            ("tini -g -e 143 -p SIGTERM", "app -x", format!("tini -g -e 143 -p SIGTERM {group}"), "app -x"),
            (
                "dumb-init",
                "--rewrite 15:3 -- node .",
                format!("dumb-init --rewrite 15:3 -- {group}"),
                "node .",
            ),
            ("dumb-init", "node -- .", format!("dumb-init {group}"), "node -- ."),
            ("dumb-init -vc", "node -- .", format!("dumb-init -vc {sup}"), "node -- ."),
            // These would not work under it.
            ("/init", "", "/init".to_owned(), ""),
            ("", "/lib/systemd/systemd --x", String::new(), "/lib/systemd/systemd --x"),
            ("tini", "", "tini".to_owned(), ""),
            ("", "", String::new(), ""),
        ] {
            assert_eq!(
                wrap(&words(entrypoint), &words(cmd), None),
                (words(&wrapped), words(rest)),
                "{entrypoint} {cmd}"
            );
        }
        let (wrapped, _) = wrap(&[], &words("nginx"), Some("QUIT"));
        assert_eq!(wrapped, words("/.shoal/shoal-guest supervise --stop-signal QUIT --"));
    }

    #[test]
    fn another_binary_has_another_name() {
        assert_ne!(fingerprint(b"a"), fingerprint(b"b"));
        assert_eq!(fingerprint(b"a").len(), 12);
        assert!(archive(b"binary").len() > 512);
    }
}
