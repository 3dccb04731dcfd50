//! The crate as its users see it: packets in, exchanges out.

mod captures;
mod corpus;
mod http1;
#[cfg(test)]
mod packets;
mod play;
mod properties;
#[cfg(test)]
mod reference;
mod tcp;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod websocket;
