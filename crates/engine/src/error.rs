//! What can go wrong, by what the user can do about it.

use thiserror::Error;

/// Why the engine did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EngineError {
    /// Nothing answers at the engine's address.
    #[error("No container engine answers at `{address}`: {cause}")]
    NotReachable {
        /// Where it was looked for.
        address: String,
        /// What the operating system said.
        cause: String,
    },
    /// The socket is there, but this user may not open it.
    #[error("This user may not open the engine's socket `{address}`")]
    NoRights {
        /// The socket.
        address: String,
    },
    /// The address is of a kind that Shoal cannot dial.
    #[error("The engine address `{address}` cannot be used: {cause}")]
    BadAddress {
        /// The address as it was given.
        address: String,
        /// Why not.
        cause: String,
    },
    /// A port of this machine is in use.
    #[error("Port `{port}` is taken by {}", holder.as_ref().map_or("another program".to_owned(), |h| format!("container `{h}`")))]
    PortTaken {
        /// The port on this machine.
        port: u16,
        /// The container that publishes it; `None`: a program outside the engine.
        holder: Option<String>,
    },
    /// The engine does not have the image, and no registry has it or gives it.
    #[error("There is no image `{image}`")]
    ImageMissing {
        /// The reference.
        image: String,
    },
    /// A step of a build failed.
    #[error("The build failed at `{step}`")]
    BuildFailed {
        /// The step's name, such as `[3/7] RUN apt-get update`.
        step: String,
        /// The last lines that the step printed.
        output: Vec<String>,
    },
    /// The engine's disk is full.
    #[error("The engine's disk is full, so {what} did not work")]
    DiskFull {
        /// What was attempted.
        what: String,
    },
    /// Another container, network or volume has the name.
    #[error("The name `{name}` is taken by another container")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The thing is not there (any more).
    #[error("There is no {what}")]
    NotFound {
        /// What, such as ``container `abc` ``.
        what: String,
    },
    /// The thing is in a state that does not allow it.
    #[error("{what} is not possible now: {message}")]
    Conflict {
        /// What was attempted.
        what: String,
        /// The engine's words.
        message: String,
    },
    /// The image's registry does not answer.
    #[error("The registry of `{image}` does not answer: {message}")]
    RegistryUnreachable {
        /// The reference.
        image: String,
        /// The engine's words.
        message: String,
    },
    /// This engine cannot do it.
    #[error("This engine cannot do it: {what}")]
    Unsupported {
        /// What.
        what: String,
    },
    /// The program of an `exec` is not in the container.
    #[error("`{program}` cannot be run in the container: {message}")]
    NoProgram {
        /// The program.
        program: String,
        /// The engine's words.
        message: String,
    },
    /// A file of this machine that was needed could not be read.
    #[error("`{path}` could not be read: {cause}")]
    Unreadable {
        /// The file or folder.
        path: String,
        /// What the operating system said.
        cause: String,
    },
    /// Anything else the engine said.
    #[error("{what} did not work: {message}")]
    Other {
        /// What was attempted.
        what: String,
        /// The HTTP status; `None` when the connection broke.
        status: Option<u16>,
        /// The engine's words.
        message: String,
    },
}

impl EngineError {
    /// What the user can do about it, as one sentence.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotReachable { address, .. } if address.starts_with("unix:") => {
                "start the Docker engine, or set `DOCKER_HOST` to where it listens".to_owned()
            }
            Self::NotReachable { .. } => "check `DOCKER_HOST` and `docker context ls`".to_owned(),
            Self::NoRights { .. } => {
                "add yourself to the group `docker` (`sudo usermod -aG docker $USER`) and log in again"
                    .to_owned()
            }
            Self::BadAddress { .. } => {
                "use an address such as `unix:///var/run/docker.sock` or `tcp://127.0.0.1:2375`".to_owned()
            }
            Self::PortTaken { holder: Some(holder), .. } => {
                format!("stop container `{holder}`, or publish another port")
            }
            Self::PortTaken { port, holder: None } => {
                format!("find it with `ss -ltnp 'sport = :{port}'`, or publish another port")
            }
            Self::ImageMissing { .. } => "check the name, log in to its registry, or build it".to_owned(),
            Self::DiskFull { .. } => "free space, for instance with `docker system prune`".to_owned(),
            Self::NameTaken { name } => {
                format!("remove it with `docker rm -f {name}`, or name the stack differently")
            }
            Self::RegistryUnreachable { .. } => {
                "check the network and the engine's proxy, or use an image that is already here".to_owned()
            }
            Self::BuildFailed { .. }
            | Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::Unsupported { .. }
            | Self::NoProgram { .. }
            | Self::Unreadable { .. }
            | Self::Other { .. } => return None,
        };
        Some(hint)
    }

    /// Whether the same call may succeed a moment later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotReachable { .. } | Self::RegistryUnreachable { .. } | Self::Conflict { .. } => true,
            Self::Other { status, .. } => status.is_none_or(|s| s >= 500),
            Self::NoRights { .. }
            | Self::BadAddress { .. }
            | Self::PortTaken { .. }
            | Self::ImageMissing { .. }
            | Self::BuildFailed { .. }
            | Self::DiskFull { .. }
            | Self::NameTaken { .. }
            | Self::NotFound { .. }
            | Self::Unsupported { .. }
            | Self::NoProgram { .. }
            | Self::Unreadable { .. } => false,
        }
    }
}
