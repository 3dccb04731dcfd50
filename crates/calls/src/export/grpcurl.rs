//! A gRPC call as a `grpcurl` command that makes it again.

use model::call::Call;
use model::exchange::Protocol;

use super::shell::{is_header_name, put, quote, quote_all};
use super::{Url, address};
use crate::protobuf::Rules;

/// Headers that grpcurl makes itself, or that belong to the connection.
const LEFT_OUT: [&str; 10] = [
    "host",
    "te",
    "content-type",
    "content-length",
    "user-agent",
    "connection",
    "transfer-encoding",
    "grpc-encoding",
    "grpc-accept-encoding",
    "grpc-timeout",
];

/// The command for a POSIX shell, every part of it quoted; `None` for a call of another protocol and for one whose
/// method was not seen. Its messages are JSON by the repository's `.proto` files; where these do not know them, a comment
/// says so. What was redacted stays so.
pub fn grpcurl(call: &Call, rules: Rules<'_>) -> Option<String> {
    let method = call.path.strip_prefix('/').filter(|path| path.contains('/'))?;
    if call.protocol != Protocol::Grpc {
        return None;
    }
    let mut command = "grpcurl -plaintext".to_owned();
    let url = Url::of(call);
    let ip = address(call);
    if url.host != ip {
        put(&mut command, format_args!(" -authority {}", quote(&format!("{}:{}", url.host, url.port))));
    }
    for (name, value) in &call.request.headers {
        let made = LEFT_OUT.iter().any(|known| name.eq_ignore_ascii_case(known));
        if is_header_name(name) && !made {
            put(&mut command, format_args!(" \\\n  -H {}", quote(&format!("{name}: {value}"))));
        }
    }
    let messages = rules.messages(call, &call.request);
    if let Ok(messages) = &messages
        && !messages.is_empty()
    {
        put(&mut command, format_args!(" \\\n  -d {}", quote_all(&messages.join("\n"))));
    }
    put(&mut command, format_args!(" \\\n  {} {}", quote(&format!("{ip}:{}", url.port)), quote(method)));
    if let Err(why) = messages {
        put(&mut command, format_args!("\n# without its messages: {why}"));
    }
    Some(command)
}
