//! The machine's engine, asked by its own client: what Shoal says of it is what is tested.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use ::engine::Address;
use testkit::BASE_IMAGE;

/// Where the engine is. A machine without one fails the test.
pub(super) fn address() -> String {
    let base = client(&["image", "inspect", BASE_IMAGE]).output().expect("`docker` runs");
    let why = String::from_utf8_lossy(&base.stderr);
    assert!(
        base.status.success(),
        "{why}\nhint: run `./dev setup`, which starts an engine and makes `{BASE_IMAGE}`"
    );
    found()
}

fn found() -> String {
    let env: BTreeMap<String, String> = std::env::vars().collect();
    Address::find(&env).unwrap_or_else(|e| panic!("{e}\nhint: run `./dev setup`")).to_string()
}

pub(super) fn client(args: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.args(["--host", &found()]).args(args);
    command
}

/// Runs `docker ARGS` and returns what it printed.
#[track_caller]
pub(crate) fn docker(args: &[&str]) -> String {
    let ran = client(args).output().expect("`docker` runs");
    assert!(ran.status.success(), "docker {}: {}", args.join(" "), String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).trim().to_owned()
}

/// Runs `docker ARGS` and returns what it printed on each stream, however it ended.
pub(crate) fn docker_output(args: &[&str]) -> (String, String) {
    let ran = client(args).output().expect("`docker` runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&ran.stdout), text(&ran.stderr))
}

/// The same by lines.
#[track_caller]
pub(crate) fn docker_lines(args: &[&str]) -> Vec<String> {
    docker(args).lines().map(str::to_owned).collect()
}

/// Removes all that stacks of this folder made.
pub(super) fn clean(folder: &Path) {
    let label = format!("label=dev.shoal.folder={}", folder.display());
    let kinds: [(&[&str], &[&str]); 4] = [
        (&["ps", "-aq", "--no-trunc"], &["rm", "-fv"]),
        (&["network", "ls", "-q"], &["network", "rm"]),
        (&["volume", "ls", "-q"], &["volume", "rm"]),
        (&["images", "-q"], &["rmi", "-f"]),
    ];
    for (list, remove) in kinds {
        let listed = client(list).args(["--filter", &label]).output();
        let found = listed.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
        for id in found.split_whitespace() {
            // Whatever cannot be removed stays: the test itself has already said what went wrong.
            client(remove).arg(id).output().ok();
        }
    }
}
