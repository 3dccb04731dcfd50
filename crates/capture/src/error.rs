//! Why nothing can be captured.

use engine::EngineError;

/// Why nothing can be captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The engine said no.
    #[error("The capture's container could not be started: {0}")]
    Engine(#[from] EngineError),
    /// The guest runs and may not, or cannot, listen.
    #[error("The capture cannot listen: {why}")]
    Refused {
        /// The guest's words.
        why: String,
    },
    /// The guest ended before it listened.
    #[error("The capture does not listen: {why}")]
    Ended {
        /// How it ended.
        why: String,
    },
    /// The guest runs and says nothing.
    #[error("The capture's container says nothing")]
    Silent,
}

impl CaptureError {
    /// Whether another try may succeed without anybody's doing.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Engine(EngineError::NoRights { .. } | EngineError::BadAddress { .. })
            | Self::Refused { .. } => false,
            Self::Engine(_) | Self::Ended { .. } | Self::Silent => true,
        }
    }

    /// What the user can do about it, as one sentence.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Engine(error) => error.hint(),
            Self::Refused { .. } => Some(
                "the engine must allow host networking and `NET_RAW`; rootless engines do not".to_owned(),
            ),
            Self::Ended { .. } => Some("it is tried again by itself".to_owned()),
            Self::Silent => Some("look at the engine's own log".to_owned()),
        }
    }
}
