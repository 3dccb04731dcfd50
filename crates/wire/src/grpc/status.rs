//! How a call ended: `grpc-status` and `grpc-message`.

use model::exchange::Exchange;

const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Whether headers or trailers hold a status.
pub(crate) fn is_settled(headers: &[(String, String)]) -> bool {
    super::value(headers, "grpc-status").is_some()
}

/// Takes the status from the headers or trailers of a response; false when they hold none.
pub(crate) fn settle(exchange: &mut Exchange, headers: &[(String, String)]) -> bool {
    let Some(code) = super::value(headers, "grpc-status") else { return false };
    let code = code.trim();
    let name = code.parse().ok().and_then(|place: usize| NAMES.get(place));
    exchange.status = Some(name.map_or(code, |name| name).to_owned());
    exchange.failure =
        (name != Some(&"OK")).then(|| super::value(headers, "grpc-message").map(decoded).unwrap_or_default());
    true
}

/// Text without its percent-encoding; what is not encoded as it should be stays as it is.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.first_chunk::<2>().filter(|_| *first == b'%');
        let byte = digits
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use model::Timestamp;
    use model::exchange::Protocol;

    use super::*;

    #[test]
    fn a_status_is_named_and_its_message_decoded() {
        let anywhere = SocketAddr::from(([10, 0, 0, 1], 1));
        for (headers, status, failure) in [
            (&[("grpc-status", "0"), ("grpc-message", "fine")][..], Some("OK"), None),
            (&[("grpc-status", "14"), ("grpc-message", "no%20way%2")], Some("UNAVAILABLE"), Some("no way%2")),
            (
                &[("Grpc-Status", "5"), ("Grpc-Message", "%E2%82%AC%zz%ff")],
                Some("NOT_FOUND"),
                Some("€%zz\u{fffd}"),
            ),
            (&[("grpc-status", " 16")], Some("UNAUTHENTICATED"), Some("")),
            (&[("grpc-status", "77")], Some("77"), Some("")),
            (&[("grpc-message", "x")], None, None),
        ] {
            let headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            let mut exchange = Exchange::new((0, 0), anywhere, anywhere, Protocol::Grpc, Timestamp(0));
            assert_eq!(settle(&mut exchange, &headers), status.is_some());
            assert_eq!((exchange.status.as_deref(), exchange.failure.as_deref()), (status, failure));
        }
    }
}
