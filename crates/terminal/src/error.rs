//! What can go wrong.

use engine::EngineError;
use thiserror::Error;

/// Why a terminal did not open or take input.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TerminalError {
    /// The image has neither `bash` nor `sh`.
    #[error("Container `{container}` has no shell")]
    NoShell {
        /// The container.
        container: String,
    },
    /// The program is not there or cannot be run.
    #[error("`{program}` cannot be run: {cause}")]
    NoProgram {
        /// The program.
        program: String,
        /// What the operating system said.
        cause: String,
    },
    /// The program has ended, so it takes no more input.
    #[error("The program has ended")]
    Ended,
    /// This machine gives no terminal.
    #[error("This machine gives no terminal: {cause}")]
    NoTerminal {
        /// What the operating system said.
        cause: String,
    },
    /// The engine did not do it.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl TerminalError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoShell { .. } => Some("name a program that the image has".to_owned()),
            Self::NoProgram { .. } | Self::Ended | Self::NoTerminal { .. } => None,
            Self::Engine(error) => error.hint(),
        }
    }
}
