//! The crate as its users see it: packets in, exchanges out.

mod captures;
mod corpus;
mod frames;
mod grpc;
mod http1;
mod http2;
mod http2_captures;
mod http2_properties;
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
