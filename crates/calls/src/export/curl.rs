//! A call as a command line that sends its request again.

use model::call::Call;
use model::exchange::Protocol;

use super::shell::{is_header_name, put, quote, quote_all};
use super::{Url, address, kept};
use crate::body::body_text;
use crate::judge::header;

/// Headers that curl makes itself, or that belong to the connection.
const LEFT_OUT: [&str; 6] =
    ["host", "content-length", "transfer-encoding", "connection", "expect", "accept-encoding"];

/// The command for a POSIX shell, every part of it quoted; `None` for a protocol that curl does not speak, and for a
/// request that was not seen. It goes to the address that was called, whatever the host name means here. What was
/// redacted or cut stays so, and a comment says it.
pub fn curl(call: &Call) -> Option<String> {
    let http = matches!(call.protocol, Protocol::Http1 | Protocol::Http2);
    if !http || call.method.is_empty() || call.method == "CONNECT" {
        return None;
    }
    // It was seen, so it was not encrypted, or was decrypted, whatever a proxy in front of it said.
    let url = Url { scheme: if call.decrypted { "https" } else { "http" }, ..Url::of(call) };
    let request = &call.request;
    let has_body = request.bytes > 0 || !request.body.is_empty();
    let text = body_text(request);
    let mut command = String::new();
    if has_body && text.is_none() && !request.body.is_empty() {
        // No argument can carry any byte; printf's can, in octal.
        command.push_str("printf '");
        for byte in &request.body {
            put(&mut command, format_args!("\\{byte:03o}"));
        }
        command.push_str("' | ");
    }
    command.push_str("curl");
    match (call.protocol, call.decrypted) {
        (Protocol::Http2, true) => command.push_str(" --http2"),
        (Protocol::Http2, false) => command.push_str(" --http2-prior-knowledge"),
        _ => {}
    }
    if call.decrypted {
        // Who signs a stack's certificates is seldom known outside of it.
        command.push_str(" --insecure");
    }
    match (call.method.as_str(), has_body) {
        // What curl does unasked.
        ("GET", false) | ("POST", true) => {}
        ("HEAD", false) => command.push_str(" --head"),
        (method, _) => put(&mut command, format_args!(" -X {}", quote(method))),
    }
    let target = url.text();
    if target.contains(['[', ']', '{', '}']) {
        command.push_str(" --globoff");
    }
    if target.contains("/.") {
        command.push_str(" --path-as-is");
    }
    put(&mut command, format_args!(" {}", quote(&target)));
    let ip = address(call);
    if url.host != ip {
        put(&mut command, format_args!(" --resolve {}", quote(&format!("{}:{}:{ip}", url.host, url.port))));
    }
    if header(request, "accept-encoding").is_some_and(|codings| codings != "identity") {
        command.push_str(" --compressed");
    }
    let made = if url.port == 80 { url.host.clone() } else { format!("{}:{}", url.host, url.port) };
    for (name, value) in &request.headers {
        let lower = name.to_ascii_lowercase();
        let other_host = lower == "host" && *value != made;
        // The body goes out as it is shown, so it has no coding any more.
        if request.decoded && lower == "content-encoding" {
            continue;
        }
        if is_header_name(name) && (other_host || !LEFT_OUT.contains(&lower.as_str())) {
            // An empty value needs the semicolon: with a colon curl drops the header.
            let header = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
            put(&mut command, format_args!(" \\\n  -H {}", quote(&header)));
        }
    }
    let posts = matches!(call.method.as_str(), "POST" | "PUT" | "PATCH");
    if request.body.is_empty() {
        if posts {
            command.push_str(" \\\n  -H 'content-length: 0'");
        }
    } else {
        if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            // curl would call it a form.
            command.push_str(" \\\n  -H 'content-type:'");
        }
        match text {
            Some(text) => put(&mut command, format_args!(" \\\n  --data-raw {}", quote_all(&text))),
            None => command.push_str(" \\\n  --data-binary @-"),
        }
    }
    if request.cut {
        put(&mut command, format_args!("\n# {} of the body were kept", kept(request)));
    }
    Some(command)
}
