//! What is wrong with this machine, and the command that mends it.

use std::net::TcpListener;

use api::shape::{Check, CheckState, DoctorReport};

use crate::shared::Shared;

/// inotify watches below which a large repository does not fit.
const FEW_WATCHES: u64 = 65_536;
/// Free space below which builds are likely to fail, in bytes.
const LITTLE_SPACE: u64 = 2_000_000_000;

/// Looks at everything once.
pub(crate) async fn examine(shared: &Shared) -> DoctorReport {
    let mut checks = engine(shared);
    checks.push(guest(shared));
    checks.push(watches());
    checks.extend(ports(shared));
    checks.push(space(shared).await);
    DoctorReport { checks }
}

fn check(name: &str, state: CheckState, text: impl Into<String>, hint: Option<&str>) -> Check {
    Check { name: name.to_owned(), state, text: text.into(), hint: hint.map(str::to_owned) }
}

fn engine(shared: &Shared) -> Vec<Check> {
    let connected = shared.engine.borrow().clone();
    let Some(engine) = connected else {
        let error = shared.board.snapshot().engine.error;
        let text = error.as_ref().map_or_else(|| "it does not answer".to_owned(), |e| e.message.clone());
        return vec![check("engine", CheckState::Failed, text, error.and_then(|e| e.hint).as_deref())];
    };
    let version = engine.version();
    let builder = if version.buildkit {
        check("builder", CheckState::Ok, "BuildKit", None)
    } else {
        let hint = "Dockerfiles with `RUN --mount` and the like need an engine with BuildKit";
        check("builder", CheckState::Warning, "the classic builder only", Some(hint))
    };
    let text = format!("{} at {}", version.version, shared.engine_address());
    vec![check("engine", CheckState::Ok, text, None), builder]
}

fn guest(shared: &Shared) -> Check {
    let path = shared.guest.display();
    if shared.guest.is_file() {
        return check("guest", CheckState::Ok, path.to_string(), None);
    }
    check(
        "guest",
        CheckState::Failed,
        format!("{path} is missing: no reload and no calls"),
        Some("./dev build"),
    )
}

fn watches() -> Check {
    let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_watches");
    match limit.ok().and_then(|t| t.trim().parse::<u64>().ok()) {
        None => check("file watching", CheckState::Ok, "no inotify here, the system's own way is used", None),
        Some(limit) if limit < FEW_WATCHES => check(
            "file watching",
            CheckState::Warning,
            format!("only {limit} folders can be watched at once"),
            Some("sudo sysctl fs.inotify.max_user_watches=524288"),
        ),
        Some(limit) => {
            check("file watching", CheckState::Ok, format!("{limit} folders can be watched"), None)
        }
    }
}

/// Ports that the manifest wants and somebody else has.
fn ports(shared: &Shared) -> Vec<Check> {
    let loaded = shared.read_manifest();
    let Some(plan) = loaded.plan else { return Vec::new() };
    let shown = shared.board.snapshot().services;
    let mut checks = Vec::new();
    for (name, service) in &plan.services {
        for port in &service.ports {
            let Some(host) = port.host else { continue };
            let ours = shown.iter().any(|s| s.ports.iter().any(|p| p.host == host));
            if ours || TcpListener::bind((port.address.as_str(), host)).is_ok() {
                continue;
            }
            let hint =
                format!("`ss -ltnp sport = :{host}` says who has it; or publish another in the manifest");
            let text = format!("port {host}, which `{name}` wants, is taken");
            checks.push(check("ports", CheckState::Failed, text, Some(&hint)));
        }
    }
    if checks.is_empty() {
        checks.push(check("ports", CheckState::Ok, "all that the manifest wants are free or ours", None));
    }
    checks
}

async fn space(shared: &Shared) -> Check {
    let folder = shared.config.place.folder.clone();
    // `df` knows every file system; POSIX fixes this output.
    let output = tokio::process::Command::new("df").arg("-Pk").arg(&folder).output().await;
    let free = output.ok().and_then(|o| {
        let text = String::from_utf8_lossy(&o.stdout).into_owned();
        text.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok().map(|kib| kib * 1024)
    });
    match free {
        Some(free) if free < LITTLE_SPACE => {
            let text = format!("{} MB free for logs", free / 1_000_000);
            check("disk", CheckState::Warning, text, Some("docker system prune"))
        }
        Some(free) => check("disk", CheckState::Ok, format!("{} GB free", free / 1_000_000_000), None),
        None => check("disk", CheckState::Warning, "free space is not known", None),
    }
}
