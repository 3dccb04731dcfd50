//! The crate as its users see it: packets in, exchanges out.

mod captures;
mod http1;
#[cfg(test)]
mod packets;
mod properties;
mod tcp;
