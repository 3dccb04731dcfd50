//! A call as a command line that sends its request again.

use model::call::Call;
use model::exchange::Protocol;

use super::shell::{is_header_name, put, quote, quote_all};
use super::{Url, address, hidden, kept};
use crate::REDACTED;
use crate::body::body_text;
use crate::judge::header;

/// Headers that curl makes itself, or that belong to the connection.
const LEFT_OUT: [&str; 6] =
    ["host", "content-length", "transfer-encoding", "connection", "expect", "accept-encoding"];

/// The command for a POSIX shell, every part of it quoted; `None` for a protocol that curl does not speak, and for a
/// request that was not seen. It goes to the address that was called, whatever the host name means here. What was
/// redacted, cut or not kept stays so, and comments say it.
pub fn curl(call: &Call) -> Option<String> {
    let http = matches!(call.protocol, Protocol::Http1 | Protocol::Http2);
    if !http || call.method.is_empty() || call.method == "CONNECT" {
        return None;
    }
    // It was seen, so it was not encrypted, or was decrypted, whatever a proxy in front of it said.
    let url = Url { scheme: if call.decrypted { "https" } else { "http" }, ..Url::of(call) };
    let request = &call.request;
    // A body that was seen but not kept is none that could be sent.
    let has_body = !request.body.is_empty();
    let text = body_text(request);
    let mut command = String::new();
    if has_body && text.is_none() {
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
        ("GET", false) => {}
        // With `-X` it would wait for a body that never comes.
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
    let usual = if call.decrypted { 443 } else { 80 };
    let made = if url.port == usual { url.host.clone() } else { format!("{}:{}", url.host, url.port) };
    let mut hides = Vec::new();
    for (name, value) in &request.headers {
        let lower = name.to_ascii_lowercase();
        let other_host = lower == "host" && *value != made;
        // The body goes out as it is shown, so it has no coding any more, or not at all.
        if (request.decoded || !has_body) && lower == "content-encoding" {
            continue;
        }
        if is_header_name(name) && (other_host || !LEFT_OUT.contains(&lower.as_str())) {
            // An empty value needs the semicolon: with a colon curl drops the header.
            let header = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
            put(&mut command, format_args!(" \\\n  -H {}", quote(&header)));
            hides.extend(value.contains(REDACTED).then(|| format!("`{lower}`")));
        }
    }
    let posts = matches!(call.method.as_str(), "POST" | "PUT" | "PATCH");
    if has_body {
        if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            // curl would call it a form.
            command.push_str(" \\\n  -H 'content-type:'");
        }
        match text {
            Some(text) => put(&mut command, format_args!(" \\\n  --data-raw {}", quote_all(&text))),
            None => command.push_str(" \\\n  --data-binary @-"),
        }
    } else if posts {
        command.push_str(" \\\n  -H 'content-length: 0'");
    }
    if !has_body && request.bytes > 0 {
        let bytes = request.bytes;
        put(&mut command, format_args!("\n# without its body: nothing of its {bytes} bytes was kept"));
    } else if request.cut {
        put(&mut command, format_args!("\n# {} of the body were kept", kept(request)));
    }
    hides.extend(target.contains(REDACTED).then(|| "the query".to_owned()));
    hides.extend(holds(&request.body, REDACTED).then(|| "the body".to_owned()));
    put(&mut command, format_args!("{}", hidden(&hides)));
    Some(command)
}

fn holds(body: &[u8], wanted: &str) -> bool {
    body.windows(wanted.len()).any(|part| part == wanted.as_bytes())
}
