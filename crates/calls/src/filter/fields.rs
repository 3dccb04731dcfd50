//! A call's fields as CEL values, made when an expression asks for them.

use std::any::Any;

use cel::ExecutionError;
use cel::common::traits::{Container, Indexer, Sizer};
use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelString, MAP_TYPE, Type};
use cel::common::value::{CowVal, StaticVal, Val};
use cel::context::VariableResolver;
use model::call::{Background, Call};
use model::exchange::Protocol;
use regex::Regex;

use super::Whole;
use crate::body::body_text;

/// Every name that an expression may use.
pub(super) const NAMES: [&str; 31] = [
    "background",
    "body",
    "bytes",
    "conn",
    "decrypted",
    "failed",
    "forbidden",
    "from",
    "headers",
    "http",
    "id",
    "method",
    "ms",
    "note",
    "ok",
    "operation",
    "path",
    "pending",
    "protocol",
    "quality",
    "query",
    "route",
    "service",
    "services",
    "status",
    "target",
    "tcp",
    "to",
    "trace",
    "ts",
    "waits",
];
/// Beside [`NAMES`], for its underscore.
pub(super) const TTFB: &str = "ttfb_ms";
/// The `N`th pattern of an expression goes by this and its number: no name that can be typed.
pub(super) const PATTERN: &str = "@pattern";

pub(super) struct Fields<'a> {
    call: &'a Call,
    /// The call with its bodies.
    whole: &'a Whole<'a>,
    patterns: &'a [Pattern],
}

impl<'a> Fields<'a> {
    pub(super) fn new(call: &'a Call, whole: &'a Whole<'a>, patterns: &'a [Pattern]) -> Self {
        Self { call, whole, patterns }
    }
}

impl VariableResolver for Fields<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let call = self.call;
        let text = |text: &'b str| CowVal::owned(CelString::from(text));
        let number = |number: Option<f64>| CowVal::owned(CelDouble::from(number.unwrap_or(0.0)));
        let truth = |truth: bool| CowVal::owned(CelBool::from(truth));
        Some(match name {
            "protocol" => text(call.protocol.name()),
            "from" => text(&call.from.service),
            "to" | "service" => text(&call.to.service),
            "services" => {
                let ends: [Box<dyn Val + 'b>; 2] = [
                    Box::new(CelString::from(call.from.service.as_str())),
                    Box::new(CelString::from(call.to.service.as_str())),
                ];
                CowVal::owned(CelList::from(Vec::from(ends)))
            }
            "operation" => text(&call.operation),
            "route" => text(&call.route),
            "method" => text(&call.method),
            "path" => text(&call.path),
            "target" => text(&call.target),
            "query" => text(call.target.split_once('?').map_or("", |(_, query)| query)),
            "status" => match &call.status {
                Some(status) => match status.parse::<i64>() {
                    Ok(number) => CowVal::owned(CelInt::from(number)),
                    Err(_) => text(status),
                },
                None => CowVal::owned(CelInt::from(0)),
            },
            "ok" => truth(call.ok),
            "forbidden" => truth(call.forbidden),
            "failed" => truth(!call.ok),
            "pending" => truth(!call.done),
            "http" => truth(matches!(call.protocol, Protocol::Http1 | Protocol::Http2)),
            "tcp" => truth(call.protocol == Protocol::Tcp),
            "ms" => number(call.ms),
            TTFB => number(call.ttfb_ms),
            "bytes" => {
                let response = call.response.as_ref().map_or(0, |response| response.bytes);
                let bytes = call.request.bytes.saturating_add(response);
                CowVal::owned(CelInt::from(i64::try_from(bytes).unwrap_or(i64::MAX)))
            }
            "headers" => CowVal::owned(Headers(call)),
            "body" => CowVal::owned(CelString::from(bodies((self.whole)()))),
            "ts" => CowVal::owned(CelString::from(call.ts.to_string())),
            "id" => text(&call.id),
            "conn" => text(&call.conn),
            "quality" => text(call.quality.name()),
            "trace" => text(call.trace.as_deref().unwrap_or_default()),
            "background" => text(call.background.map_or("", Background::name)),
            "waits" => truth(call.waits),
            "decrypted" => truth(call.decrypted),
            "note" => text(call.note.as_deref().unwrap_or_default()),
            _ => {
                let index: usize = name.strip_prefix(PATTERN)?.parse().ok()?;
                CowVal::Borrowed(self.patterns.get(index)?)
            }
        })
    }
}

fn bodies(call: &Call) -> String {
    let request = body_text(&call.request).unwrap_or_default();
    let response = call.response.as_ref().and_then(body_text).unwrap_or_default();
    match (request.is_empty(), response.is_empty()) {
        (_, true) => request.into_owned(),
        (true, false) => response.into_owned(),
        (false, false) => format!("{request}\n{response}"),
    }
}

/// A compiled pattern. `text in pattern` is what `text.matches("...")` becomes, so that it is compiled once.
#[derive(Debug)]
pub(super) struct Pattern(pub(super) Regex);

static PATTERN_TYPE: Type = Type::new_unspecified_type("pattern");

impl Val for Pattern {
    fn get_type(&self) -> &Type {
        &PATTERN_TYPE
    }

    fn cel_type() -> &'static Type {
        &PATTERN_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(Self(self.0.clone()))
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Pattern {}

impl Container for Pattern {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(value.downcast_ref::<CelString>().is_some_and(|text| self.0.is_match(text.inner())))
    }
}

/// The headers of both directions, looked up by name without case. A header that is not there is the empty text.
#[derive(Debug)]
struct Headers<'a>(&'a Call);

impl<'a> Headers<'a> {
    fn all(&self) -> impl Iterator<Item = &'a (String, String)> {
        let call = self.0;
        call.request.headers.iter().chain(call.response.iter().flat_map(|response| &response.headers))
    }

    fn find(&self, key: &dyn Val) -> Option<&'a str> {
        let key = key.downcast_ref::<CelString>()?;
        self.all().find(|(name, _)| name.eq_ignore_ascii_case(key.inner())).map(|(_, value)| value.as_str())
    }
}

impl Val for Headers<'_> {
    fn get_type(&self) -> &Type {
        &MAP_TYPE
    }

    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(Headers(self.0))
    }
}

impl Container for Headers<'_> {
    fn contains(&self, key: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(self.find(key).is_some())
    }
}

impl Indexer for Headers<'_> {
    fn get<'b, 'v>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Ok(CowVal::owned(CelString::from(self.find(key).unwrap_or_default().to_owned())))
    }

    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        Ok(Box::new(CelString::from(self.find(key).unwrap_or_default().to_owned())))
    }
}

impl Sizer for Headers<'_> {
    fn size(&self) -> CelInt {
        CelInt::from(self.all().count() as i64)
    }
}
