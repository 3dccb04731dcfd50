//! The filter language: CEL over the fields of a call.

mod fields;
mod prepare;

use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::common::types::CelBool;
use cel::parser::{Expression, Parser};
use cel::{Context, Env, Value};
use model::call::Call;

use fields::{Fields, Pattern};

/// Longer expressions are refused; nobody types them.
const LONGEST: usize = 2048;

static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A condition on calls, written in CEL.
///
/// Names: `protocol from to service services operation route method path target query status ok failed pending ms ttfb_ms
/// bytes headers body ts id conn trace quality note background forbidden waits`, and `http`, `tcp` for the kind of
/// protocol. `status` is a number where it is one, else text. What a call does not have is `0`, `""` or empty; a
/// comparison that makes no sense, such as of a text with a number, is false. `headers` looks names up without case, in
/// the request and then the response; `body` is both bodies as far as they are text; `ts` compares with RFC 3339 times.
#[derive(Clone)]
pub struct Where {
    source: String,
    program: Arc<Program>,
}

struct Program {
    expression: Expression,
    patterns: Vec<Pattern>,
}

/// Gives a call with its bodies.
pub(crate) type Whole<'c> = dyn Fn() -> &'c Call + Sync + 'c;

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where, in characters from the beginning.
    pub position: usize,
}

impl FilterError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        "write conditions such as `status >= 500 && to == \"orders\"`, or words without quotes to search the text"
    }
}

impl Where {
    /// Reads an expression and checks every name, pattern and time in it.
    ///
    /// # Errors
    /// When it is no CEL, uses a name that calls do not have, or cannot be true or false.
    pub fn parse(source: &str) -> Result<Self, FilterError> {
        if source.len() > LONGEST {
            let message = format!("The filter is longer than {LONGEST} bytes");
            return Err(FilterError { message, position: source.chars().count() });
        }
        if source.trim().is_empty() {
            return Err(FilterError { message: "The filter is empty".to_owned(), position: 0 });
        }
        prepare::check_depth(source)?;
        let (mut expression, info) = Parser::default()
            .parse_with_source_info(source)
            .map_err(|errors| prepare::syntax_error(source, &errors))?;
        let patterns = prepare::prepare(&mut expression, &info)?;
        Ok(Self { source: source.to_owned(), program: Arc::new(Program { expression, patterns }) })
    }

    /// Whether the call meets the condition. An expression that fails on this call does not match it.
    pub fn matches(&self, call: &Call) -> bool {
        self.matches_with(call, &|| call)
    }

    /// The same for a call whose bodies are elsewhere; `whole` is asked when the expression comes to them.
    pub(crate) fn matches_with<'c>(&'c self, call: &'c Call, whole: &'c Whole<'c>) -> bool {
        let fields = Fields::new(call, whole, &self.program.patterns);
        let mut context = Context::with_env(Arc::clone(&ENV));
        context.set_variable_resolver(&fields);
        Value::resolve_val(&self.program.expression, &context)
            .is_ok_and(|value| value.downcast_ref::<CelBool>().is_some_and(|truth| *truth.inner()))
    }

    /// The expression as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl fmt::Debug for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Where").field(&self.source).finish()
    }
}

impl PartialEq for Where {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

#[cfg(test)]
mod tests;
