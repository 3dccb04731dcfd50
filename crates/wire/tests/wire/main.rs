//! The crate as its users see it: packets in, exchanges out.

mod amqp;
mod captures;
mod corpus;
#[cfg(test)]
mod dns;
mod frames;
mod grpc;
mod http1;
mod http2;
mod http2_captures;
mod http2_properties;
mod kafka;
#[cfg(test)]
mod mongodb;
#[cfg(test)]
mod mqtt;
#[cfg(test)]
mod mysql;
#[cfg(test)]
mod nats;
#[cfg(test)]
mod nats_properties;
#[cfg(test)]
mod packets;
mod play;
mod postgres;
mod properties;
#[cfg(test)]
mod redis;
#[cfg(test)]
mod redis_captures;
#[cfg(test)]
mod redis_properties;
mod reference;
mod tcp;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tls_keys;
#[cfg(test)]
mod told;
#[cfg(test)]
mod websocket;
