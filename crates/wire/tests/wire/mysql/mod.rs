//! MySQL over whole connections.

mod captures;
mod properties;
mod scenarios;
mod talk;
