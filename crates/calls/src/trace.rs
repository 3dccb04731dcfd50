//! The trace id that a request carries.

use model::exchange::Message;

/// Out of `traceparent` (W3C Trace Context, section 3.2), `b3` or `x-b3-traceid` (B3 Propagation), else `x-request-id`.
pub(crate) fn trace_id(request: &Message) -> Option<String> {
    let mut best: Option<(u8, &str)> = None;
    for (name, value) in &request.headers {
        let Some(found) = read(name, value.trim()) else { continue };
        if best.is_none_or(|(rank, _)| found.0 < rank) {
            best = Some(found);
        }
    }
    best.map(|(_, id)| id.to_owned())
}

/// How much the header's word counts (least first), and the id in it.
fn read<'a>(name: &str, value: &'a str) -> Option<(u8, &'a str)> {
    // Most headers are none of these: their length tells without comparing letters.
    match name.len() {
        11 if name.eq_ignore_ascii_case("traceparent") => {
            let id = value.split('-').nth(1)?;
            (is_hex(id, 32) && id.bytes().any(|b| b != b'0')).then_some((0, id))
        }
        2 if name.eq_ignore_ascii_case("b3") => {
            let id = value.split('-').next()?;
            (is_hex(id, 16) || is_hex(id, 32)).then_some((1, id))
        }
        12 if name.eq_ignore_ascii_case("x-b3-traceid") => {
            (is_hex(value, 16) || is_hex(value, 32)).then_some((2, value))
        }
        12 if name.eq_ignore_ascii_case("x-request-id") => {
            (!value.is_empty() && value.len() <= 128 && value != crate::REDACTED).then_some((3, value))
        }
        _ => None,
    }
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(headers: &[(&str, &str)]) -> Option<String> {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        trace_id(&Message { headers, ..Message::default() })
    }

    #[test]
    fn reads_each_header_and_ranks_them() {
        let w3c = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for (headers, expected) in [
            (&[("TraceParent", w3c)][..], Some("4bf92f3577b34da6a3ce929d0e0e4736")),
            (&[("traceparent", "00-zz-1-01")], None),
            (&[("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01")], None),
            (
                &[("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1")],
                Some("80f198ee56343ba864fe8b2a57d3eff7"),
            ),
            (&[("b3", "0")], None),
            (&[("X-B3-TraceId", "463ac35c9f6413ad")], Some("463ac35c9f6413ad")),
            (&[("x-request-id", "r-1")], Some("r-1")),
            (&[("x-request-id", "[redacted]")], None),
            (&[("x-request-id", "r-1"), ("traceparent", w3c)], Some("4bf92f3577b34da6a3ce929d0e0e4736")),
            (&[("accept", "*/*")], None),
        ] {
            assert_eq!(id(headers).as_deref(), expected, "{headers:?}");
        }
    }
}
