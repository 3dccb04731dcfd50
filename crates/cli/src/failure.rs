//! What goes wrong, how it is told, and the exit code it ends with.

use std::process::ExitCode;

use api::{ApiError, Code};

use crate::print;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The session, or what it asked, said no.
    Api(ApiError),
    /// Diagnostics of the manifest were printed already.
    Manifest,
    /// Ctrl-C.
    Interrupted,
    /// Whoever read our output went away.
    BrokenPipe,
    /// Anything else.
    Other(anyhow::Error),
}

impl Failure {
    /// A request that makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Api(ApiError::new(Code::BadRequest, message))
    }

    /// Tells it on standard error, and the exit code of the contract.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Api(error) => print::error(error),
            Self::Other(error) => {
                let mut shown = ApiError::new(Code::Failed, error.to_string());
                shown.causes = error.chain().skip(1).map(ToString::to_string).collect();
                print::error(&shown);
            }
            Self::Manifest | Self::Interrupted | Self::BrokenPipe => {}
        }
        ExitCode::from(self.code())
    }

    fn code(&self) -> u8 {
        match self {
            Self::Manifest => 2,
            Self::Interrupted => 130,
            Self::BrokenPipe => 0,
            Self::Other(_) => 1,
            Self::Api(error) => match error.code {
                Code::BadRequest | Code::Manifest => 2,
                Code::EngineUnreachable | Code::EngineDenied => 3,
                Code::TimedOut => 4,
                Code::Untrusted
                | Code::PortTaken
                | Code::ImageMissing
                | Code::BuildFailed
                | Code::DiskFull
                | Code::NotFound
                | Code::Conflict
                | Code::SessionGone
                | Code::Failed => 1,
            },
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Self::BrokenPipe
        } else {
            Self::Other(error.into())
        }
    }
}
