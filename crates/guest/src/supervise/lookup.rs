//! Finding the program of a command as the engine's runtime does, and saying so as clearly when there is none.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::reason;

/// Why the service's process could not be started.
#[derive(Debug)]
pub(super) enum StartError {
    /// No such file in `PATH`, or at the path given.
    Missing(PathBuf),
    /// It is there but is no executable file.
    Denied(PathBuf),
    /// The kernel would not execute it.
    Execute(PathBuf, io::Error),
    /// The supervisor itself could not be set up.
    Prepare(io::Error),
}

impl StartError {
    /// The exit code that a container gets for it without us: Docker's for the first two, runc's for the third.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::Missing(_) => 127,
            Self::Denied(_) => 126,
            Self::Execute(..) | Self::Prepare(_) => 1,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) if name.as_os_str().as_bytes().contains(&b'/') => {
                write!(f, "exec: \"{}\": no such file or directory", name.display())
            }
            Self::Missing(name) => {
                write!(f, "exec: \"{}\": executable file not found in $PATH", name.display())
            }
            Self::Denied(name) => write!(f, "exec: \"{}\": permission denied", name.display()),
            Self::Execute(path, error) => write!(f, "exec {}: {}", path.display(), reason(error)),
            Self::Prepare(error) => write!(f, "shoal-guest cannot supervise here: {}", reason(error)),
        }
    }
}

/// The file that a command's first word names: as it is with a `/` in it, else the first executable in `PATH`.
pub(super) fn find(name: &OsStr, path: Option<&OsStr>) -> Result<PathBuf, StartError> {
    let wanted = Path::new(name);
    if name.as_bytes().contains(&b'/') {
        return executable(wanted).map(|()| wanted.to_owned());
    }
    let folders = path.unwrap_or_default().as_bytes();
    folders
        .split(|&b| b == b':')
        .filter(|_| !folders.is_empty())
        .map(|folder| if folder.is_empty() { Path::new(".") } else { Path::new(OsStr::from_bytes(folder)) })
        .map(|folder| folder.join(wanted))
        .find(|file| executable(file).is_ok())
        .ok_or_else(|| StartError::Missing(wanted.to_owned()))
}

fn executable(file: &Path) -> Result<(), StartError> {
    let found = file.metadata().map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => StartError::Denied(file.to_owned()),
        _ => StartError::Missing(file.to_owned()),
    })?;
    if found.is_file() && found.permissions().mode() & 0o111 != 0 {
        Ok(())
    } else {
        Err(StartError::Denied(file.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_program_is_found_where_the_runtime_would_find_it() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, mode) in [("plain/app", 0o644), ("bin/app", 0o755)] {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), "").unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let path = format!("/no/such:{}:{}", at("plain").display(), at("bin").display());
        let find = |name: &OsStr| find(name, Some(OsStr::new(&path)));
        // What cannot be executed is passed over, as runc passes over it.
        assert_eq!(find(OsStr::new("app")).unwrap(), at("bin/app"));
        assert_eq!(find(at("bin/app").as_os_str()).unwrap(), at("bin/app"));
        for (name, code) in [
            (OsStr::new("nosuch"), 127),
            (at("bin/nosuch").as_os_str(), 127),
            (at("plain/app").as_os_str(), 126),
            (at("bin").as_os_str(), 126),
        ] {
            assert_eq!(find(name).unwrap_err().code(), code, "{}", name.display());
        }
        assert_eq!(super::find(OsStr::new("app"), None).unwrap_err().code(), 127);
    }

    #[test]
    fn messages_are_those_of_the_runtime() {
        let text = |error: StartError| error.to_string();
        assert_eq!(text(StartError::Missing("x".into())), r#"exec: "x": executable file not found in $PATH"#);
        assert_eq!(
            text(StartError::Execute("/x".into(), io::Error::from_raw_os_error(libc::ENOEXEC))),
            "exec /x: exec format error"
        );
    }
}
