//! Expressions over lines, in CEL.

mod bind;
mod check;
mod needs;
mod parse;
mod plan;
mod row;

use std::fmt;
use std::sync::Arc;

use cel::common::types::CelBool;
use cel::parser::Expression;
use cel::{Context, Env, Value, extensions};
use model::line::Level;

use self::needs::Needs;
use self::plan::Plan;
use self::row::Row;
use crate::error::FilterError;
use crate::search::matcher::Text;
use crate::store::record::Record;
use crate::store::track::TrackView;

/// An expression over `service`, `instance`, `level`, `text`, `stream`, `ts`, `fields` and `trace`. Cheap to clone.
///
/// `level` is ordered by urgency, `ts` by time; a line whose field is missing, or is of another kind than the
/// expression asks for, does not match. Most expressions are never interpreted: what compares a line's values with what
/// is written out is asked of the line's bytes.
#[derive(Clone)]
pub struct Where(Arc<Compiled>);

struct Compiled {
    source: String,
    plan: Plan,
    context: Context<'static, 'static>,
    needs: Needs,
}

/// What any line must have for which the expression holds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hints<'w> {
    pub(crate) service: Option<&'w str>,
    pub(crate) min_level: Option<Level>,
    pub(crate) text: Option<&'w Text>,
}

impl fmt::Debug for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Where({})", self.0.source)
    }
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.source)
    }
}

impl Where {
    /// Reads an expression; an error says where it is wrong.
    pub fn parse(source: &str) -> Result<Self, FilterError> {
        let (mut expression, places) = parse::parse(source)?;
        let mut env = Env::stdlib();
        // Both can only fail for names that are taken, which the names here are not.
        let failed = |e| FilterError::new(0, format!("expressions do not work here: {e}"));
        env.add_extension(extensions::strings).map_err(failed)?;
        let bound = bind::bind(&mut expression, &places)?;
        let mut context = Context::with_env(Arc::new(env));
        for (name, regex) in &bound.patterns {
            context.add_function(name, bind::is_match(regex.clone())).map_err(failed)?;
        }
        gives_bool(&expression, &context)?;
        let plan = plan::plan(expression, &bound.patterns);
        let needs = needs::needs(&plan);
        Ok(Self(Arc::new(Compiled { source: source.to_owned(), plan, context, needs })))
    }

    pub(crate) fn hints(&self) -> Hints<'_> {
        let needs = &self.0.needs;
        Hints { service: needs.service.as_deref(), min_level: needs.min_level, text: needs.text.as_ref() }
    }

    /// Whether the expression holds for a line.
    pub(crate) fn holds(&self, track: &TrackView, record: Record, text: &[u8]) -> bool {
        let text = String::from_utf8_lossy(text);
        let instance = track.instance(record.instance);
        self.0.holds(&Row::new(&track.name, &instance, record.stream(), record.level(), record.ts, &text))
    }
}

impl Compiled {
    fn holds(&self, row: &Row<'_>) -> bool {
        self.plan.ask(row, &|expression| interpret(expression, &self.context, row)) == Some(true)
    }
}

fn interpret(expression: &Expression, context: &Context<'static, 'static>, row: &Row<'_>) -> Option<bool> {
    let mut context = context.new_inner_scope();
    context.set_variable_resolver(row);
    let value = Value::resolve_val(expression, &context).ok()?;
    value.downcast_ref::<CelBool>().map(|held| *held.inner())
}

/// Refuses an expression that can be told to give something else than true or false.
fn gives_bool(expression: &Expression, context: &Context<'static, 'static>) -> Result<(), FilterError> {
    let row = Row::new("", "", model::line::Stream::Stdout, None, 0, "");
    let mut context = context.new_inner_scope();
    context.set_variable_resolver(&row);
    match Value::resolve_val(expression, &context) {
        Ok(value) if value.downcast_ref::<CelBool>().is_none() => {
            let kind = value.get_type().name().to_owned();
            Err(FilterError::new(0, format!("the expression gives a {kind}, not true or false"))
                .with_hint("compare it with something, as in `service == \"orders\"`"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
