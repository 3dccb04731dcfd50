//! What is done to an expression before it is asked of lines: names are checked, levels become numbers, times are
//! brought to one form, patterns are compiled once.

use std::sync::Arc;

use cel::ExecutionError;
use cel::common::ast::{CallExpr, EntryExpr, Expr, LiteralValue, SourceInfo, operators};
use cel::common::types::{CelInt, CelString};
use cel::extractors::This;
use cel::parser::Expression;
use model::Timestamp;
use model::line::Level;
use regex::{Regex, RegexBuilder};

use super::check;
use super::row::{LEVEL, NAMES};
use crate::error::FilterError;
use crate::store::record::level_number;

const COMPARISONS: [&str; 6] = [
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER,
    operators::GREATER_EQUALS,
    operators::LESS,
    operators::LESS_EQUALS,
];

/// What binding found.
#[derive(Default)]
pub(super) struct Bound {
    /// The patterns, and the functions that stand for them.
    pub(super) patterns: Vec<(String, Regex)>,
}

/// Checks and rewrites `expression` in place.
pub(super) fn bind(expression: &mut Expression, places: &SourceInfo) -> Result<Bound, FilterError> {
    let mut binder = Binder { places, bound: Bound::default(), locals: Vec::new() };
    binder.walk(expression)?;
    Ok(binder.bound)
}

/// The function that stands for a pattern.
pub(super) fn is_match(
    regex: Regex,
) -> impl Fn(This<Arc<String>>) -> Result<bool, ExecutionError> + Send + Sync {
    move |This(text): This<Arc<String>>| Ok(regex.is_match(&text))
}

struct Binder<'p> {
    places: &'p SourceInfo,
    bound: Bound,
    /// The variables of the loop that is walked.
    locals: Vec<String>,
}

impl Binder<'_> {
    fn walk(&mut self, node: &mut Expression) -> Result<(), FilterError> {
        let at = check::place(self.places, node.id);
        match &mut node.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => {
                let known =
                    NAMES.contains(&name.as_str()) || name.starts_with('@') || self.locals.contains(name);
                if known { Ok(()) } else { Err(check::unknown_name(at, name)) }
            }
            Expr::Call(call) => self.call(call, at),
            Expr::Select(select) => self.walk(&mut select.operand),
            Expr::List(list) => list.elements.iter_mut().try_for_each(|element| self.walk(element)),
            Expr::Map(map) => map.entries.iter_mut().try_for_each(|entry| match &mut entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.walk(&mut entry.key)?;
                    self.walk(&mut entry.value)
                }
                EntryExpr::StructField(field) => self.walk(&mut field.value),
            }),
            Expr::Struct(_) => Err(FilterError::new(at, "a line has no messages to compare with")),
            Expr::Comprehension(each) => {
                self.walk(&mut each.iter_range)?;
                if !self.locals.is_empty() {
                    return Err(FilterError::new(at, "a loop within a loop is too slow for every line"));
                }
                self.locals.extend([each.iter_var.clone(), each.accu_var.clone()]);
                self.locals.extend(each.iter_var2.clone());
                for part in [&mut each.accu_init, &mut each.loop_cond, &mut each.loop_step, &mut each.result]
                {
                    self.walk(part)?;
                }
                self.locals.clear();
                Ok(())
            }
        }
    }

    fn call(&mut self, call: &mut CallExpr, at: usize) -> Result<(), FilterError> {
        check::function(at, &call.func_name)?;
        if COMPARISONS.contains(&call.func_name.as_str()) {
            self.comparison(call)?;
        }
        for part in call.target.as_deref_mut().into_iter().chain(&mut call.args) {
            self.walk(part)?;
        }
        if call.func_name == "matches" { self.pattern(call, at) } else { Ok(()) }
    }

    /// `level >= "warn"`: by urgency; `ts >= "2026-11-23T08:00:00+02:00"`: by time.
    fn comparison(&mut self, call: &mut CallExpr) -> Result<(), FilterError> {
        let [left, right] = call.args.as_mut_slice() else { return Ok(()) };
        let (name, literal) = match (&left.expr, &right.expr) {
            (Expr::Ident(_), Expr::Literal(_)) => (left, right),
            (Expr::Literal(_), Expr::Ident(_)) => (right, left),
            _ => return Ok(()),
        };
        let (Expr::Ident(ident), Expr::Literal(LiteralValue::String(text))) =
            (&mut name.expr, &mut literal.expr)
        else {
            return Ok(());
        };
        if self.locals.contains(ident) {
            return Ok(());
        }
        match ident.as_str() {
            "level" => {
                let number = rank(text.inner()).ok_or_else(|| {
                    let at = check::place(self.places, literal.id);
                    FilterError::new(at, format!("`{}` is no level", text.inner())).with_hint(
                        "levels are `trace`, `debug`, `info`, `warn`, `error`, `fatal` and `unknown`",
                    )
                })?;
                LEVEL.clone_into(ident);
                literal.expr = Expr::Literal(LiteralValue::Int(CelInt::from(i64::from(number))));
            }
            "ts" => {
                if let Ok(moment) = text.inner().parse::<Timestamp>() {
                    literal.expr = Expr::Literal(LiteralValue::String(CelString::from(moment.to_string())));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// `text.matches("…")` and `matches(text, "…")` with the pattern compiled.
    fn pattern(&mut self, call: &mut CallExpr, at: usize) -> Result<(), FilterError> {
        let pattern = match call.args.last().map(|arg| &arg.expr) {
            Some(Expr::Literal(LiteralValue::String(pattern))) => pattern.inner().to_owned(),
            _ => return Err(FilterError::new(at, "the pattern of `matches` must be written out")),
        };
        call.args.pop();
        if call.target.is_none() {
            call.target = call.args.pop().map(Box::new);
        }
        let regex = RegexBuilder::new(&pattern).size_limit(1 << 20).build();
        let regex = regex
            .map_err(|_| FilterError::new(at, format!("`{pattern}` is no pattern, or too large a one")))?;
        let name = format!("@matches{}", self.bound.patterns.len());
        call.func_name.clone_from(&name);
        self.bound.patterns.push((name, regex));
        Ok(())
    }
}

/// The number of a level by its name; 0 for lines that state none.
fn rank(name: &str) -> Option<u8> {
    match name {
        "" | "unknown" => Some(0),
        "warning" | "WARNING" => Some(level_number(Some(Level::Warn))),
        _ => name.parse::<Level>().ok().map(|level| level_number(Some(level))),
    }
}
