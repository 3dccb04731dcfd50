//! Protobuf messages as text: by the `.proto` files of the repository where they describe the call, else field by field.

mod hide;
mod media;
mod raw;
mod rules;
mod schemas;

pub use media::is_in;
pub use raw::raw;
pub use rules::Rules;
pub use schemas::{ProtoFile, Schemas};

/// A message as something to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// JSON with the names of a schema.
    Named(String),
    /// Field numbers and values.
    Raw(String),
}
