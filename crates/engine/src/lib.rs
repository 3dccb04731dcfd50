//! The container engine: the only crate that speaks the Docker API, and the only one that knows `bollard`.
//!
//! Everything comes in and goes out as Shoal's own plain types, errors as [`EngineError`] by what the user can do.
//! No field of an answer is taken for granted, because no schema version is pinned on the wire.
//!
//! Deliberately absent: what should run and when (that is `session`), any retry (an error only says whether
//! trying again can help), reading the process's environment (it is passed in).
//!
//! Tested on a real engine in `tests/`; pure parts (addresses, error texts, `.dockerignore`, frames) beside the code.

mod address;
mod answer;
mod archive;
mod build;
mod connect;
mod container;
mod context;
mod dockerignore;
mod error;
mod event;
mod exec;
mod facts;
mod image;
mod log;
mod network;
mod progress;
mod pull;
mod reason;
mod spec;
mod stat;
mod steps;
mod upgrade;
mod volume;

pub use address::Address;
pub use build::BuildSpec;
pub use connect::{Engine, EngineVersion};
pub use error::EngineError;
pub use event::{EngineEvent, EventKind, Events, Moves};
pub use exec::{Exec, ExecInput, ExecOutput, ExecSpec};
pub use facts::{ContainerFacts, ContainerState, Health, PublishedPort};
pub use image::{ImageFacts, ImageTag};
pub use log::{LogPart, LogRequest, Logs};
pub use network::NetworkFacts;
pub use progress::Progress;
pub use spec::{ContainerSpec, MountFrom, MountSpec, Network};
pub use stat::{Stats, StatsStream};
pub use volume::VolumeFacts;
