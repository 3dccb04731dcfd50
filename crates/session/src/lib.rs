//! session
pub mod state;
