//! A gRPC call as a `grpcurl` command that makes it again.

use model::call::Call;
use model::exchange::Protocol;

use super::shell::{is_header_name, put, quote, quote_all};
use super::{Url, address, hidden};
use crate::REDACTED;
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
/// method was not seen. Its messages are JSON by the repository's `.proto` files, which the command names from the
/// repository's folder; where these do not know them, a comment says so. What was redacted stays so, and a comment says
/// where.
pub fn grpcurl(call: &Call, rules: Rules<'_>) -> Option<String> {
    let method = call.path.strip_prefix('/').filter(|path| path.contains('/'))?;
    if call.protocol != Protocol::Grpc {
        return None;
    }
    // Who signs a stack's certificates is seldom known outside of it.
    let mut command = format!("grpcurl {}", if call.decrypted { "-insecure" } else { "-plaintext" });
    let source = rules.schemas.source(&call.path);
    if let Some(source) = source {
        for folder in source.import_paths() {
            put(&mut command, format_args!(" -import-path {}", quote(folder)));
        }
        put(&mut command, format_args!(" -proto {}", quote(source.file())));
    }
    let url = Url::of(call);
    let ip = address(call);
    if url.host != ip {
        put(&mut command, format_args!(" -authority {}", quote(&format!("{}:{}", url.host, url.port))));
    }
    let mut hides = Vec::new();
    for (name, value) in &call.request.headers {
        let made = LEFT_OUT.iter().any(|known| name.eq_ignore_ascii_case(known));
        if is_header_name(name) && !made {
            put(&mut command, format_args!(" \\\n  -H {}", quote(&format!("{name}: {value}"))));
            hides.extend(value.contains(REDACTED).then(|| format!("`{}`", name.to_ascii_lowercase())));
        }
    }
    let messages = rules.messages(call, &call.request);
    if let Ok(messages) = &messages
        && !messages.is_empty()
    {
        put(&mut command, format_args!(" \\\n  -d {}", quote_all(&messages.join("\n"))));
        let hidden = messages.iter().any(|message| message.contains(REDACTED));
        hides.extend(hidden.then(|| "the messages".to_owned()));
    }
    put(&mut command, format_args!(" \\\n  {} {}", quote(&format!("{ip}:{}", url.port)), quote(method)));
    if let Err(why) = messages {
        put(&mut command, format_args!("\n# without its messages: {why}"));
    }
    if source.is_some() {
        command
            .push_str("\n# to be run in the folder of the manifest, from which its .proto files are named");
    }
    put(&mut command, format_args!("{}", hidden(&hides)));
    Some(command)
}
