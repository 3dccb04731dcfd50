//! How far an exchange has come.

use model::Timestamp;
use model::call::Call;
use model::exchange::{Exchange, Message};

/// Reports of one exchange only ever go up, so a report that is not above what is known is stale.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Progress {
    done: bool,
    answered: bool,
    response: Timestamp,
    request: Timestamp,
    bytes: (u64, u64),
}

impl Progress {
    pub(crate) fn of(exchange: &Exchange) -> Self {
        Self::new(exchange.done, &exchange.request, exchange.response.as_ref(), exchange.status.is_some())
    }

    pub(crate) fn of_call(call: &Call) -> Self {
        Self::new(call.done, &call.request, call.response.as_ref(), call.status.is_some())
    }

    fn new(done: bool, request: &Message, response: Option<&Message>, status: bool) -> Self {
        Self {
            done,
            answered: status || response.is_some(),
            response: response.map_or(Timestamp::default(), |response| response.last),
            request: request.last,
            bytes: (response.map_or(0, |response| response.bytes), request.bytes),
        }
    }
}
