//! JSON-RPC 2.0 (<https://www.jsonrpc.org/specification>).

use super::is_word;
use super::json::Value;

/// The method that an object calls, as one of JSON-RPC does.
pub(super) fn method(request: Value<'_>) -> Option<String> {
    let version = request.member("jsonrpc").and_then(Value::text)?;
    let method = request.member("method").and_then(Value::text)?;
    (version == "2.0" && is_word(&method)).then(|| method.into_owned())
}

/// What went wrong, by one answer's `error`.
pub(super) fn failure(answer: Value<'_>) -> Option<String> {
    let error = answer.member("error").filter(|error| error.is_object())?;
    let code = error.member("code").and_then(Value::number);
    let message = error.member("message").and_then(Value::text).filter(|message| !message.is_empty());
    Some(match (code, message) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => format!("error {code}"),
        (None, Some(message)) => message.into_owned(),
        (None, None) => "an error without a message".to_owned(),
    })
}
