//! The trace that a request says it belongs to, and its place there.

use model::exchange::Message;

/// Whose word it is. The first counts most: it has spans, and a request id may be anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// `traceparent` (W3C Trace Context, section 3.2).
    W3c,
    /// `b3`, or `x-b3-traceid` and its siblings (B3 Propagation).
    B3,
    /// `x-datadog-trace-id` and `x-datadog-parent-id`.
    Datadog,
    /// `x-amzn-trace-id`.
    Amazon,
    /// `x-request-id`.
    RequestId,
}

/// A place in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Context<'a> {
    pub(crate) kind: Kind,
    pub(crate) trace: &'a str,
    /// The span that made the request.
    pub(crate) span: Option<&'a str>,
    /// The span within which it was made, where the header tells it.
    pub(crate) parent: Option<&'a str>,
}

impl Context<'_> {
    /// Whether both are of the same trace; `None` when they cannot be compared.
    pub(crate) fn same_trace(&self, other: &Context<'_>) -> Option<bool> {
        (self.kind == other.kind).then(|| self.trace.eq_ignore_ascii_case(other.trace))
    }

    /// Whether the spans say that this request was made while `outer` was served: its parent is the outer span, or the
    /// headers were passed on as they came.
    pub(crate) fn is_within(&self, outer: &Context<'_>) -> bool {
        let same = |a: Option<&str>, b: Option<&str>| a.is_some_and(|a| b.is_some_and(|b| a == b));
        self.same_trace(outer) == Some(true) && (same(self.parent, outer.span) || same(self.span, outer.span))
    }
}

/// The trace id alone.
pub(crate) fn trace_id(request: &Message) -> Option<String> {
    context(request).map(|context| context.trace.to_owned())
}

/// What the headers say, the most telling of them.
pub(crate) fn context(request: &Message) -> Option<Context<'_>> {
    contexts(request).0.into_iter().next()
}

/// What each kind of header says, the most telling first.
#[derive(Debug, Default)]
pub(crate) struct Contexts<'a>(pub(crate) Vec<Context<'a>>);

impl Contexts<'_> {
    /// Whether both are of the same trace, by the most telling header that both carry; `None` when they carry none.
    pub(crate) fn same_trace(&self, other: &Self) -> Option<bool> {
        self.0.iter().find_map(|own| other.0.iter().find_map(|other| own.same_trace(other)))
    }

    /// The same as [`Context::is_within`], by any header that both carry.
    pub(crate) fn is_within(&self, outer: &Self) -> bool {
        self.same_trace(outer) == Some(true)
            && self.0.iter().any(|own| outer.0.iter().any(|outer| own.is_within(outer)))
    }
}

/// What the headers say: who gets several kinds may pass on only one of them.
pub(crate) fn contexts(request: &Message) -> Contexts<'_> {
    let mut all: Vec<Context<'_>> = Vec::new();
    // The parts of these come in headers of their own.
    let (mut b3, mut datadog) = ([None; 2], None);
    for (name, value) in &request.headers {
        let value = value.trim();
        let found = match Header::named(name) {
            Some(Header::Traceparent) => w3c(value),
            Some(Header::B3) => b3_single(value),
            Some(Header::B3Trace) => is_id(value).then(|| plain(Kind::B3, value)),
            Some(Header::DatadogTrace) => is_decimal(value).then(|| plain(Kind::Datadog, value)),
            Some(Header::Amazon) => amazon(value),
            Some(Header::RequestId) => {
                let usable = !value.is_empty() && value.len() <= 128 && value != crate::REDACTED;
                usable.then(|| plain(Kind::RequestId, value))
            }
            Some(Header::B3Span) => {
                b3[0] = Some(value).filter(|value| is_hex(value, 16));
                None
            }
            Some(Header::B3Parent) => {
                b3[1] = Some(value).filter(|value| is_hex(value, 16));
                None
            }
            Some(Header::DatadogParent) => {
                datadog = Some(value).filter(|value| is_decimal(value));
                None
            }
            None => None,
        };
        if let Some(found) = found
            && all.iter().all(|known| known.kind != found.kind)
        {
            all.push(found);
        }
    }
    for context in &mut all {
        match context.kind {
            Kind::B3 => {
                context.span = context.span.or(b3[0]);
                context.parent = context.parent.or(b3[1]);
            }
            Kind::Datadog => context.span = datadog,
            Kind::W3c | Kind::Amazon | Kind::RequestId => {}
        }
    }
    all.sort_by_key(|context| context.kind);
    Contexts(all)
}

enum Header {
    Traceparent,
    B3,
    B3Trace,
    B3Span,
    B3Parent,
    DatadogTrace,
    DatadogParent,
    Amazon,
    RequestId,
}

impl Header {
    fn named(name: &str) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        // Most headers are none of these: their length tells without comparing letters.
        match name.len() {
            2 if is("b3") => Some(Self::B3),
            11 if is("traceparent") => Some(Self::Traceparent),
            11 if is("x-b3-spanid") => Some(Self::B3Span),
            12 if is("x-b3-traceid") => Some(Self::B3Trace),
            12 if is("x-request-id") => Some(Self::RequestId),
            15 if is("x-amzn-trace-id") => Some(Self::Amazon),
            17 if is("x-b3-parentspanid") => Some(Self::B3Parent),
            18 if is("x-datadog-trace-id") => Some(Self::DatadogTrace),
            19 if is("x-datadog-parent-id") => Some(Self::DatadogParent),
            _ => None,
        }
    }
}

fn plain(kind: Kind, trace: &str) -> Context<'_> {
    Context { kind, trace, span: None, parent: None }
}

fn w3c(value: &str) -> Option<Context<'_>> {
    let mut fields = value.split('-').skip(1);
    let trace = fields.next().filter(|id| is_hex(id, 32) && !is_zero(id))?;
    let span = fields.next().filter(|id| is_hex(id, 16) && !is_zero(id));
    Some(Context { span, ..plain(Kind::W3c, trace) })
}

/// `TRACE-SPAN-SAMPLED-PARENT`, the last two optional.
fn b3_single(value: &str) -> Option<Context<'_>> {
    let mut fields = value.split('-');
    let trace = fields.next().filter(|id| is_id(id))?;
    let span = fields.next().filter(|id| is_hex(id, 16));
    let parent = fields.nth(1).filter(|id| is_hex(id, 16));
    Some(Context { span, parent, ..plain(Kind::B3, trace) })
}

/// `Root=1-TIME-ID;Parent=SPAN;Sampled=1`
fn amazon(value: &str) -> Option<Context<'_>> {
    let field = |name: &str| {
        let mut fields = value.split(';').filter_map(|field| field.trim().split_once('='));
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let trace = field("root").filter(|root| !root.is_empty() && root.len() <= 64)?;
    Some(Context { span: field("parent").filter(|id| is_hex(id, 16)), ..plain(Kind::Amazon, trace) })
}

fn is_id(text: &str) -> bool {
    is_hex(text, 16) || is_hex(text, 32)
}

fn is_zero(text: &str) -> bool {
    text.bytes().all(|b| b == b'0')
}

fn is_decimal(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const W3C: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";

    fn message(headers: &[(&str, &str)]) -> Message {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Message { headers, ..Message::default() }
    }

    #[test]
    fn reads_each_header_and_ranks_them() {
        for (headers, expected) in [
            (&[("TraceParent", W3C)][..], Some("4bf92f3577b34da6a3ce929d0e0e4736")),
            (&[("traceparent", "00-zz-1-01")], None),
            (&[("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01")], None),
            (&[("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1")], Some(TRACE)),
            (&[("b3", "0")], None),
            (&[("X-B3-TraceId", "463ac35c9f6413ad")], Some("463ac35c9f6413ad")),
            (&[("x-request-id", "r-1")], Some("r-1")),
            (&[("x-request-id", "[redacted]")], None),
            (&[("x-request-id", "r-1"), ("traceparent", W3C)], Some("4bf92f3577b34da6a3ce929d0e0e4736")),
            (&[("x-datadog-trace-id", "1234567890"), ("x-request-id", "r-1")], Some("1234567890")),
            (&[("x-datadog-trace-id", "12ab")], None),
            (
                &[("X-Amzn-Trace-Id", "Root=1-67891233-abcdef012345678912345678")],
                Some("1-67891233-abcdef012345678912345678"),
            ),
            (&[("X-Amzn-Trace-Id", "Sampled=1")], None),
            (&[("accept", "*/*")], None),
        ] {
            assert_eq!(trace_id(&message(headers)).as_deref(), expected, "{headers:?}");
        }
    }

    #[test]
    fn spans_and_their_parents() {
        let single = "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90";
        for (headers, span, parent) in [
            (&[("traceparent", W3C)][..], Some("00f067aa0ba902b7"), None),
            (&[("b3", single)], Some("e457b5a2e4d86bd1"), Some("05e3ac9a4f6e3b90")),
            (&[("b3", "463ac35c9f6413ad-e457b5a2e4d86bd1")], Some("e457b5a2e4d86bd1"), None),
            (
                &[
                    ("x-b3-parentspanid", "05e3ac9a4f6e3b90"),
                    ("x-b3-spanid", "e457b5a2e4d86bd1"),
                    ("x-b3-traceid", TRACE),
                ],
                Some("e457b5a2e4d86bd1"),
                Some("05e3ac9a4f6e3b90"),
            ),
            (&[("x-datadog-trace-id", "1"), ("x-datadog-parent-id", "77")], Some("77"), None),
            (
                &[("x-amzn-trace-id", "Root=1-a-b; Parent=463ac35c9f6413ad;Sampled=0")],
                Some("463ac35c9f6413ad"),
                None,
            ),
            (&[("x-request-id", "r-1"), ("x-datadog-parent-id", "77")], None, None),
        ] {
            let message = message(headers);
            let found = context(&message).unwrap();
            assert_eq!((found.span, found.parent), (span, parent), "{headers:?}");
        }
    }

    #[test]
    fn spans_tell_what_is_within_what() {
        let of = |span, parent| Context { span, parent, ..plain(Kind::B3, TRACE) };
        let outer = of(Some("a"), None);
        assert!(of(Some("b"), Some("a")).is_within(&outer));
        assert!(of(Some("a"), None).is_within(&outer), "passed on as it came");
        assert!(!of(Some("b"), Some("c")).is_within(&outer));
        assert!(!of(None, None).is_within(&of(None, None)), "nothing is said");
        let elsewhere = Context { trace: "other", ..of(Some("b"), Some("a")) };
        assert!(!elsewhere.is_within(&outer));
        assert_eq!(elsewhere.same_trace(&outer), Some(false));
        assert_eq!(plain(Kind::W3c, TRACE).same_trace(&outer), None);
    }
}
