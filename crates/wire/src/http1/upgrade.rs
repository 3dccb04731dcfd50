//! What follows a switch of protocols (RFC 9110 section 7.8).

use model::exchange::Message;

use super::pairs::Pairs;
use crate::decode::{Decode, Env};
use crate::{http2, websocket};

/// The decoder of the protocol that a 101 switched to; `None` where its bytes must show what it is.
pub(super) fn next(pairs: &mut Pairs, env: &mut Env<'_, '_>) -> Option<Box<dyn Decode>> {
    let switched = pairs.answered()?;
    let response = switched.response.as_ref()?;
    let token = field(response, "upgrade").or_else(|| field(&switched.request, "upgrade"))?;
    match token.to_ascii_lowercase().as_str() {
        "websocket" => Some(websocket::switched(&switched.target, response, env)),
        // The request that asked for HTTP/2 is answered there (RFC 7540 section 3.2).
        "h2c" if switched.status.as_deref() == Some("101") => {
            Some(http2::upgraded(pairs.take_upgraded()?, env))
        }
        _ => None,
    }
}

fn field<'m>(message: &'m Message, name: &str) -> Option<&'m str> {
    let field = message.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    field.map(|(_, value)| value.trim())
}
