//! An exchange and the names of its ends make a call.

use std::borrow::Cow;

use model::call::{Background, Call, Party};
use model::exchange::Exchange;

use crate::{judge, trace};

/// What the exchange itself does not know.
pub(crate) struct Identity {
    pub(crate) id: String,
    pub(crate) conn: String,
    pub(crate) from: String,
    pub(crate) to: String,
    /// Their names in the world, the caller's and the callee's.
    pub(crate) hosts: [Option<String>; 2],
    pub(crate) note: Option<String>,
    pub(crate) route: String,
    pub(crate) background: Option<Background>,
    pub(crate) redacted: bool,
    pub(crate) forbidden: bool,
}

/// The call as it stands now. The exchange has been redacted.
pub(crate) fn call(exchange: Exchange, identity: Identity) -> Call {
    let [from_host, to_host] = identity.hosts;
    let failure = judge::failure(&exchange).map(Cow::into_owned);
    Call {
        id: identity.id,
        ts: judge::start(&exchange),
        operation: judge::operation(&exchange),
        route: identity.route,
        path: judge::path(&exchange).into_owned(),
        ok: judge::ok(&exchange),
        ms: judge::ms(&exchange),
        ttfb_ms: judge::ttfb_ms(&exchange),
        trace: trace::trace_id(&exchange.request),
        waits: exchange.waits,
        background: identity.background,
        forbidden: identity.forbidden,
        topic: exchange.topic,
        from: Party { service: identity.from, addr: exchange.client, host: from_host },
        to: Party { service: identity.to, addr: exchange.server, host: to_host },
        protocol: exchange.protocol,
        method: exchange.method,
        target: exchange.target,
        status: exchange.status,
        conn: identity.conn,
        request: exchange.request,
        response: exchange.response,
        decrypted: exchange.decrypted,
        quality: exchange.quality,
        ending: exchange.ending,
        note: identity.note.or(failure),
        redacted: identity.redacted,
        done: exchange.done,
    }
}

/// A number as short as it can be typed: digits and lower case letters.
pub(crate) fn base36(mut number: u64) -> String {
    let mut digits = Vec::with_capacity(13);
    loop {
        digits.push(char::from_digit((number % 36) as u32, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

/// The number that [`base36`] wrote; `None` for anything else.
pub(crate) fn from_base36(text: &str) -> Option<u64> {
    let number = u64::from_str_radix(text, 36).ok()?;
    (base36(number) == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_numbers_come_back() {
        for (number, text) in [(0, "0"), (35, "z"), (36, "10"), (50_000, "12kw"), (u64::MAX, "3w5e11264sgsf")]
        {
            assert_eq!(base36(number), text);
            assert_eq!(from_base36(text), Some(number));
        }
        for text in ["", "00", "Z", "+1", "-1", "3w5e11264sgsg"] {
            assert_eq!(from_base36(text), None, "{text}");
        }
    }
}
