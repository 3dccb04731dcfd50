//! Protobuf messages as text: by the `.proto` files of the repository where they describe the call, else field by field.

mod hide;
mod media;
mod raw;
mod rules;
mod schemas;
mod unknown;

pub use media::{is_body, is_in, is_within};
pub use raw::raw;
pub use rules::Rules;
pub use schemas::{ProtoFile, ProtoSource, Schemas};

/// A message as something to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// JSON with the names of a schema; what it does not know stands under its number.
    Named(String),
    /// Field numbers and values.
    Raw(String),
}
