//! Which stack is meant, and its session.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use api::place::{Place, STATE_VARIABLE, state_folder};
use api::{Client, Start, connect_or_start};
use manifest::Loaded;

use crate::args::StackArguments;
use crate::failure::Failure;
use crate::print;

/// The stack that the command line means.
pub(crate) struct Stack {
    /// The manifest as it is now.
    pub loaded: Loaded,
    /// Its files, absolute.
    pub files: Vec<PathBuf>,
    /// Where its things lie.
    pub place: Place,
    /// The state folder.
    pub state: PathBuf,
    arguments: StackArguments,
}

/// The environment as text; what is no text cannot be interpolated.
pub(crate) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect()
}

impl Stack {
    /// Finds and reads the manifest. Its mistakes are not judged here.
    pub(crate) fn find(arguments: &StackArguments, services: &[String]) -> Result<Self, Failure> {
        let here = std::env::current_dir()?;
        let files = if arguments.files.is_empty() {
            vec![manifest::find(&here).ok_or_else(|| nothing_found(&here))?]
        } else {
            arguments.files.iter().map(|f| absolute(&here, f)).collect()
        };
        let env = environment();
        let loaded = manifest::load(&manifest::Request {
            files: &files,
            name: arguments.name.as_deref(),
            profiles: &arguments.profiles,
            services,
            env: &env,
        });
        let state = state_folder(std::env::var_os(STATE_VARIABLE).map(PathBuf::from));
        let place = Place::of(&state, &loaded.name, &loaded.folder);
        Ok(Self { loaded, files, place, state, arguments: arguments.clone() })
    }

    /// Prints what is wrong with the manifest; errors end the command.
    pub(crate) fn require_plan(&self) -> Result<(), Failure> {
        print::diagnostics(&self.loaded.diagnostics)?;
        if self.loaded.plan.is_none() { Err(Failure::Manifest) } else { Ok(()) }
    }

    /// The stack's session, started when none runs.
    pub(crate) async fn session(&self) -> Result<Client, Failure> {
        let shoal = std::env::current_exe()?;
        let start = Start { shoal, arguments: self.session_arguments(), folder: self.loaded.folder.clone() };
        Ok(connect_or_start(&self.place, &start).await?)
    }

    /// `-f FILE -p NAME --profile P`, so that a session started elsewhere means the same stack.
    pub(crate) fn session_arguments(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut pair = |flag: &str, value: String| all.extend([flag.to_owned(), value]);
        for file in &self.files {
            pair("--file", file.display().to_string());
        }
        if let Some(name) = &self.arguments.name {
            pair("--project-name", name.clone());
        }
        for profile in &self.arguments.profiles {
            pair("--profile", profile.clone());
        }
        all
    }

    /// The profiles that were asked for.
    pub(crate) fn profiles(&self) -> &[String] {
        &self.arguments.profiles
    }

    /// The name that was asked for.
    pub(crate) fn name(&self) -> Option<&str> {
        self.arguments.name.as_deref()
    }
}

fn absolute(here: &Path, file: &Path) -> PathBuf {
    let path = here.join(file);
    // A file that is not there keeps its name: the manifest's diagnostic then says so.
    std::fs::canonicalize(&path).unwrap_or(path)
}

fn nothing_found(here: &Path) -> Failure {
    Failure::Api(
        api::ApiError::new(
            api::Code::BadRequest,
            format!("there is no `services.toml` in `{}` or any folder above it", here.display()),
        )
        .hint("go to your stack's folder, or name its manifest with `-f FILE`"),
    )
}
