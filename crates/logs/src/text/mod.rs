//! What a line's bytes are made of.

pub(crate) mod access;
pub(crate) mod ansi;
pub(crate) mod escapes;
pub(crate) mod skim;
pub(crate) mod stamp;
