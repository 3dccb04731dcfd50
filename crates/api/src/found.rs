//! How a program that reads no manifest gets at a stack: `shoal place` tells which one is meant.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::{Deserialize, Serialize};

use crate::place::Place;
use crate::{ApiError, Client, Code, Start, connect_or_start};

/// A stack as `shoal place` tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Its first manifest, absolute.
    pub manifest: PathBuf,
    /// What tells `shoal` that this stack is meant, from any folder: `-f FILE -p NAME …`.
    pub arguments: Vec<String>,
    /// Where its things lie.
    pub place: Place,
}

impl Found {
    /// Asks the program `shoal` which stack `arguments` mean: its own, or the path of a manifest or of a folder.
    pub async fn by(shoal: &Path, arguments: &[impl AsRef<OsStr>]) -> Result<Self, ApiError> {
        let mut command = tokio::process::Command::new(shoal);
        command.arg("place").args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        let said = command.output().await.map_err(|e| {
            ApiError::new(Code::NotFound, format!("`{}` cannot be run: {e}", shoal.display()))
                .hint("install or build it again: `shoal` and the window belong into one folder")
        })?;
        if let Ok(found) = serde_json::from_slice(&said.stdout) {
            return Ok(found);
        }
        let why = String::from_utf8_lossy(&said.stderr);
        let mut lines = why.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or("`shoal` did not say which stack is meant");
        let mut error = ApiError::new(Code::BadRequest, first.trim_start_matches("error: "));
        for line in lines {
            match line.strip_prefix("hint: ") {
                Some(hint) => error.hint = Some(hint.to_owned()),
                None => error.causes.push(line.to_owned()),
            }
        }
        Err(error)
    }

    /// Its session; a new one is started by `shoal` when none answers.
    pub async fn session(&self, shoal: &Path) -> Result<Client, ApiError> {
        let start = Start {
            shoal: shoal.to_owned(),
            arguments: self.arguments.clone(),
            folder: self.manifest.parent().unwrap_or(Path::new("/")).to_owned(),
        };
        connect_or_start(&self.place, &start).await
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    async fn told_by(script: &str) -> Result<Found, ApiError> {
        let folder = tempfile::tempdir().unwrap();
        let shoal = folder.path().join("shoal");
        std::fs::write(&shoal, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&shoal, std::fs::Permissions::from_mode(0o755)).unwrap();
        Found::by(&shoal, &["-f", "x y.toml"]).await
    }

    #[tokio::test]
    async fn a_stack_is_what_shoal_says_it_is() {
        let found = told_by(
            r#"echo '{"name":"'$1'","manifest":"'$3'","arguments":["'$2'","'$3'"],"place":{"folder":"/s"}}'"#,
        );
        let wanted = Found {
            name: "place".into(),
            manifest: "x y.toml".into(),
            arguments: vec!["-f".into(), "x y.toml".into()],
            place: Place { folder: "/s".into() },
        };
        assert_eq!(found.await, Ok(wanted));
    }

    #[tokio::test]
    async fn a_refusal_keeps_its_words() {
        let error = told_by("echo 'error: no manifest here' >&2; echo '  hint: go there' >&2; exit 2")
            .await
            .unwrap_err();
        let wanted = ApiError::new(Code::BadRequest, "no manifest here").hint("go there");
        assert_eq!(error, wanted);
        let missing = Found::by(Path::new("/nowhere/shoal"), &["x"]).await.unwrap_err();
        assert_eq!(missing.code, Code::NotFound);
    }
}
