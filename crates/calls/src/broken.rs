//! Answers that broke off: they had begun, and their connection ended before they did.

use std::borrow::Cow;

use model::exchange::{Ending, Exchange, Protocol, Quality};

use crate::judge::header;

/// How far an answer came that broke off, in words. `None` when it came to its end, when the capture may have missed the
/// rest, and for what goes on until its listener leaves.
pub(crate) fn off(exchange: &Exchange) -> Option<Cow<'static, str>> {
    let over = exchange.done && matches!(exchange.ending, Ending::Closed | Ending::Reset);
    let response = exchange.response.as_ref().filter(|response| over && !response.complete)?;
    if exchange.waits || exchange.quality != Quality::Complete {
        return None;
    }
    match exchange.protocol {
        Protocol::Http1 | Protocol::Http2 if exchange.status.is_some() => {
            let seen = response.bytes;
            let length = header(response, "content-length").and_then(|length| length.trim().parse().ok());
            Some(match length {
                Some(whole) if seen < whole => {
                    format!("the response broke off after {seen} of {whole} bytes").into()
                }
                Some(_) | None if seen == 1 => "the response broke off after 1 byte".into(),
                Some(_) | None => format!("the response broke off after {seen} bytes").into(),
            })
        }
        Protocol::Grpc if exchange.status.is_none() => {
            Some("the response broke off before its status".into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge;
    use crate::tests::fixture::{exchange, header};

    fn broken(change: impl FnOnce(&mut Exchange)) -> Option<String> {
        let mut x = exchange(1, 0, "GET", "/");
        x.ending = Ending::Closed;
        let response = x.response.as_mut().unwrap();
        (response.complete, response.bytes) = (false, 5);
        change(&mut x);
        let words = judge::failure(&x).map(Cow::into_owned);
        assert_eq!(judge::ok(&x), words.is_none(), "{x:?}");
        words
    }

    fn header_of(x: &mut Exchange, name: &str, value: &str) {
        header(x.response.as_mut().unwrap(), name, value);
    }

    #[test]
    fn an_answer_that_breaks_off_is_a_failure_that_says_how_far_it_came() {
        let of = |words: &str| Some(words.to_owned());
        let length = |x: &mut Exchange| header_of(x, "Content-Length", "100");
        assert_eq!(broken(length), of("the response broke off after 5 of 100 bytes"));
        let chunked = |x: &mut Exchange| {
            header_of(x, "Transfer-Encoding", "chunked");
            x.ending = Ending::Reset;
        };
        assert_eq!(broken(chunked), of("the response broke off after 5 bytes"));
        let one = |x: &mut Exchange| x.response.as_mut().unwrap().bytes = 1;
        assert_eq!(broken(one), of("the response broke off after 1 byte"));
        let grpc = |x: &mut Exchange| (x.protocol, x.status) = (Protocol::Grpc, None);
        assert_eq!(broken(grpc), of("the response broke off before its status"));
    }

    #[test]
    fn what_goes_on_what_ends_when_its_listener_leaves_and_what_was_missed_is_no_failure() {
        assert_eq!(broken(|x| x.response.as_mut().unwrap().complete = true), None);
        for ending in [Ending::Open, Ending::Idle] {
            assert_eq!(broken(|x| x.ending = ending), None, "{ending:?}");
        }
        assert_eq!(broken(|x| (x.ending, x.done) = (Ending::Open, false)), None);
        for ending in [Ending::Closed, Ending::Reset] {
            assert_eq!(broken(|x| (x.ending, x.waits) = (ending, true)), None, "a stream, {ending:?}");
        }
        for quality in [Quality::Gap, Quality::Truncated, Quality::MidStream] {
            assert_eq!(broken(|x| x.quality = quality), None, "{quality:?}");
        }
    }
}
