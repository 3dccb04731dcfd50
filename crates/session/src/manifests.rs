//! The manifest as its readers see it: diagnostics, and what running it asks of this machine.

use std::collections::BTreeMap;
use std::path::Path;

use api::shape::{DiagnosticShape, Severity, StackView};
use manifest::{Diagnostic, Loaded, Request};
use model::plan::{MountSource, Plan, Source};

use crate::Config;

/// What was asked for since the session began; it counts until the session ends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// Services by name, which then run without their profiles, too.
    pub services: Vec<String>,
    /// Profiles, beside those that the session was started with.
    pub profiles: Vec<String>,
    /// The variables of the shell that asked last; else those that the session was started with.
    pub env: Option<BTreeMap<String, String>>,
}

impl Asked {
    /// The same with more.
    pub(crate) fn and(&self, more: &Self) -> Self {
        let joined = |old: &[String], new: &[String]| {
            let more = new.iter().filter(|name| !old.contains(name));
            old.iter().chain(more).cloned().collect()
        };
        Self {
            services: joined(&self.services, &more.services),
            profiles: joined(&self.profiles, &more.profiles),
            env: more.env.clone().or_else(|| self.env.clone()),
        }
    }
}

/// Reads the manifest that the session is for. A service that was asked for and has left the manifest since is no
/// mistake in it.
pub(crate) fn load(config: &Config, asked: &Asked) -> Loaded {
    let loaded = read(config, asked);
    let from_outside = loaded.diagnostics.iter().filter(|d| d.file == Path::new(COMMAND_LINE));
    let unknown: Vec<&str> = from_outside.map(|d| d.source.as_str()).collect();
    let known = |name: &&String| !unknown.contains(&name.as_str());
    let services: Vec<String> = asked.services.iter().filter(known).cloned().collect();
    if services.len() == asked.services.len() {
        return loaded;
    }
    read(config, &Asked { services, ..asked.clone() })
}

/// What `manifest` calls the place of names that come from no file.
const COMMAND_LINE: &str = "command line";

fn read(config: &Config, asked: &Asked) -> Loaded {
    let profiles: Vec<String> = config.profiles.iter().chain(&asked.profiles).cloned().collect();
    manifest::load(&Request {
        files: &config.files,
        name: config.name.as_deref(),
        profiles: &profiles,
        services: &asked.services,
        env: asked.env.as_ref().unwrap_or(&config.env),
    })
}

/// The stack for its viewers.
pub(crate) fn view(config: &Config, loaded: &Loaded, trusted: bool) -> StackView {
    StackView {
        name: loaded.name.clone(),
        folder: loaded.folder.display().to_string(),
        manifest: config.files.first().map(|f| f.display().to_string()).unwrap_or_default(),
        trusted,
        diagnostics: loaded.diagnostics.iter().map(diagnostic).collect(),
        asks: loaded.plan.as_ref().map(asks).unwrap_or_default(),
    }
}

fn diagnostic(of: &Diagnostic) -> DiagnosticShape {
    DiagnosticShape {
        severity: match of.severity {
            manifest::Severity::Error => Severity::Error,
            manifest::Severity::Warning => Severity::Warning,
        },
        code: of.code.to_owned(),
        file: of.file.display().to_string(),
        line: of.line,
        column: of.column,
        length: of.length,
        source: of.source.clone(),
        message: of.message.clone(),
        hint: of.hint.clone(),
    }
}

/// What running a plan does to this machine, in the order of how much it asks.
pub(crate) fn asks(plan: &Plan) -> Vec<String> {
    let mut asks = Vec::new();
    for (name, service) in &plan.services {
        if service.container.privileged {
            asks.push(format!("`{name}` runs with all rights of this machine (privileged)"));
        }
        if !service.container.cap_add.is_empty() {
            asks.push(format!("`{name}` gets the capabilities {}", service.container.cap_add.join(", ")));
        }
        for mount in &service.volumes {
            if let MountSource::Bind(path) = &mount.source {
                let how = if mount.read_only { "reads" } else { "reads and writes" };
                asks.push(format!("`{name}` {how} {}", path.display()));
            }
        }
        for port in service.ports.iter().filter(|p| p.address != "127.0.0.1" && p.address != "::1") {
            asks.push(format!(
                "port {} of `{name}` is open to the network on {}",
                port.container, port.address
            ));
        }
    }
    for keys in &plan.calls.tls_keys {
        asks.push(format!("decrypts TLS by the secrets in {}", keys.display()));
    }
    let built = plan.services.values().filter(|s| matches!(s.source, Source::Build(_))).count();
    if built > 0 {
        asks.push(format!("builds {built} images from Dockerfiles in {}", plan.folder.display()));
    }
    let images: Vec<&str> = plan
        .services
        .values()
        .filter_map(|s| match &s.source {
            Source::Image(reference) => Some(reference.as_str()),
            Source::Build(_) => None,
        })
        .collect();
    if !images.is_empty() {
        asks.push(format!("runs the images {}", images.join(", ")));
    }
    asks
}
