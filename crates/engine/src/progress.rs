//! How far a pull or a build is.

/// One step's news, of a pull or of a build.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// The step's name, such as `[3/7] RUN apt-get update`.
    pub step: String,
    /// How many steps have ended.
    pub done: u32,
    /// How many steps are known so far.
    pub total: u32,
    /// Whether this step's result was already there.
    pub cached: bool,
    /// What the step printed, as it came; often empty.
    pub output: Vec<u8>,
}
