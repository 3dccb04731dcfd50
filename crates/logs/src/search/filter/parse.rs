//! From text to expression, within bounds: the parser and the interpreter call themselves, and a stack that
//! overflows ends the process.

use cel::common::ast::{EntryExpr, Expr, SourceInfo};
use cel::parser::{Expression, Parser};

use super::check;
use crate::error::FilterError;

/// The longest expression, in bytes: with it, and with no loop in a loop, a line cannot cost more than a moment.
pub(super) const MAX_LENGTH: usize = 2048;
/// So many brackets may be open at once. The parser takes up to 100 kB of stack for each in a debug build.
const MAX_BRACKETS: usize = 32;
/// How deep an expression may be for the interpreter, which runs on any thread's stack.
const MAX_DEPTH: usize = 40;
/// The stack that parsing has, in bytes; only what is used is ever taken.
const STACK: usize = 64 << 20;

/// Parses on a stack of its own.
pub(super) fn parse(source: &str) -> Result<(Expression, SourceInfo), FilterError> {
    if source.len() > MAX_LENGTH {
        return Err(FilterError::new(MAX_LENGTH, "the expression is too long"));
    }
    brackets(source)?;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("expression".to_owned()).stack_size(STACK);
        let parsing = thread.spawn_scoped(scope, || {
            let parsed = Parser::new().max_recursion_depth(96).parse_with_source_info(source);
            let (expression, places) = parsed.map_err(|errors| check::syntax(source, &errors))?;
            shallow(&expression, 0).then_some((expression, places)).ok_or_else(|| FilterError::new(0, DEEP))
        });
        let refused = |_| FilterError::new(0, "the expression cannot be read at this moment");
        parsing
            .map_err(refused)?
            .join()
            .unwrap_or_else(|_| Err(FilterError::new(0, "the expression cannot be read")))
    })
}

const DEEP: &str = "the expression is nested too deeply";

fn brackets(source: &str) -> Result<(), FilterError> {
    let (mut open, mut quote, mut escaped) = (0_usize, None, false);
    for (at, c) in source.chars().enumerate() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(q) if c == q => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if matches!(c, '(' | '[' | '{') => open += 1,
            None if matches!(c, ')' | ']' | '}') => open = open.saturating_sub(1),
            Some(_) | None => {}
        }
        if open > MAX_BRACKETS {
            return Err(FilterError::new(at, DEEP));
        }
    }
    Ok(())
}

/// Whether the expression is no deeper than the interpreter can bear.
fn shallow(node: &Expression, depth: usize) -> bool {
    let below = |child: &Expression| shallow(child, depth + 1);
    if depth > MAX_DEPTH {
        return false;
    }
    match &node.expr {
        Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) => true,
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).all(below),
        Expr::Select(select) => below(&select.operand),
        Expr::List(list) => list.elements.iter().all(below),
        Expr::Map(map) => map.entries.iter().all(|entry| entry_is_shallow(&entry.expr, below)),
        Expr::Struct(message) => message.entries.iter().all(|entry| entry_is_shallow(&entry.expr, below)),
        Expr::Comprehension(each) => {
            [&each.iter_range, &each.accu_init, &each.loop_cond, &each.loop_step, &each.result]
                .into_iter()
                .all(below)
        }
    }
}

fn entry_is_shallow(entry: &EntryExpr, below: impl Fn(&Expression) -> bool) -> bool {
    match entry {
        EntryExpr::MapEntry(entry) => below(&entry.key) && below(&entry.value),
        EntryExpr::StructField(field) => below(&field.value),
    }
}
