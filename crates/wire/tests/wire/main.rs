//! The crate as its users see it: packets in, exchanges out.

mod http1;
mod packets;
mod properties;
mod tcp;
