//! A call made again: what to send (`draft`, pure), and the sending of it (`send`).

mod draft;
mod send;

pub(crate) use draft::Draft;
pub(crate) use send::{Read, Sent, send};
