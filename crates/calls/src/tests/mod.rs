//! Stories of whole stacks, properties of any order of reports, and the ways out.

mod counted;
mod exports;
mod findings;
pub(crate) mod fixture;
mod kept;
mod lists;
mod properties;
mod sources;
mod stories;
