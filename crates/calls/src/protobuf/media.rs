//! Where protobuf is: in gRPC, and in HTTP whose content type says so (Connect, OTLP, and many an interface of its own).

use model::call::Call;
use model::exchange::{Exchange, Message, Protocol};

use crate::body::content_type;
use crate::coding::is_coded;

/// Whether a call's messages may be protobuf.
pub fn is_in(call: &Call) -> bool {
    let messages = || std::iter::once(&call.request).chain(&call.response);
    call.protocol == Protocol::Grpc || messages().any(is_body)
}

/// The same of what a call is made of.
pub fn is_within(exchange: &Exchange) -> bool {
    let http = matches!(exchange.protocol, Protocol::Http1 | Protocol::Http2);
    let messages = || std::iter::once(&exchange.request).chain(&exchange.response);
    exchange.protocol == Protocol::Grpc || (http && messages().any(is_body))
}

/// Whether the body of a message is one of protobuf, readable as it is.
pub fn is_body(message: &Message) -> bool {
    let named = |kind: String| {
        let name = kind.strip_prefix("application/").unwrap_or_default();
        let name = name.strip_prefix("x-").or_else(|| name.strip_prefix("vnd.google.")).unwrap_or(name);
        matches!(name, "protobuf" | "proto" | "google-protobuf")
    };
    message.parts.is_empty() && !is_coded(message) && content_type(message).is_some_and(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_tell_of_protobuf() {
        let of = |kind: &str| {
            let headers = vec![("Content-Type".to_owned(), kind.to_owned())];
            is_body(&Message { headers, ..Message::default() })
        };
        for kind in [
            "application/x-protobuf",
            "application/protobuf; proto=a.B",
            "application/proto",
            "application/vnd.google.protobuf",
            "Application/X-Google-Protobuf",
        ] {
            assert!(of(kind), "{kind}");
        }
        for kind in
            ["application/json", "application/x-protobuffer", "text/proto", "application/connect+proto"]
        {
            assert!(!of(kind), "{kind}");
        }
        let coded = vec![
            ("content-type".to_owned(), "application/proto".to_owned()),
            ("content-encoding".to_owned(), "snappy".to_owned()),
        ];
        assert!(!is_body(&Message { headers: coded, ..Message::default() }));
    }
}
