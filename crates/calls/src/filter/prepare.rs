//! From a parsed expression to one that is quick and safe to ask of every call: names are checked, patterns compiled,
//! times brought into the one spelling that compares as text.

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};
use cel::common::types::CelString;
use cel::parser::ParseErrors;
use model::Timestamp;
use regex::Regex;

use super::FilterError;
use super::fields::{NAMES, PATTERN, Pattern, TTFB};

/// How deep brackets and prefixes may nest before the parser is not asked at all.
const DEEPEST: usize = 48;
/// How deep a parsed expression may be; a chain of operators makes one level each.
const DEEPEST_TREE: usize = 256;

/// Refuses what would take the parser's stack.
pub(super) fn check_depth(source: &str) -> Result<(), FilterError> {
    let (mut depth, mut run) = (0usize, 0usize);
    for (position, letter) in source.chars().enumerate() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        run = if matches!(letter, '!' | '-' | '?') {
            run + 1
        } else if letter.is_whitespace() {
            run
        } else {
            0
        };
        if depth > DEEPEST || run > DEEPEST {
            return Err(too_deep(position));
        }
    }
    Ok(())
}

fn too_deep(position: usize) -> FilterError {
    FilterError { message: "The filter nests too deep".to_owned(), position }
}

/// The first thing that the parser did not like.
pub(super) fn syntax_error(source: &str, errors: &ParseErrors) -> FilterError {
    let Some(error) = errors.errors.first() else {
        return FilterError { message: "The filter cannot be read".to_owned(), position: 0 };
    };
    let line = usize::try_from(error.pos.0).unwrap_or_default().saturating_sub(1);
    let column = usize::try_from(error.pos.1).unwrap_or_default().saturating_sub(1);
    let before: usize = source.split_inclusive('\n').take(line).map(|line| line.chars().count()).sum();
    let position = (before + column).min(source.chars().count());
    let detail = error.msg.lines().next().unwrap_or_default().trim().trim_end_matches('.');
    let detail = detail.strip_prefix("Syntax error:").unwrap_or(detail).trim().replace("<EOF>", "the end");
    FilterError { message: format!("The filter cannot be read: {detail}"), position }
}

/// Checks and rewrites the expression; returns the patterns that it now refers to by number.
pub(super) fn prepare(expression: &mut IdedExpr, info: &SourceInfo) -> Result<Vec<Pattern>, FilterError> {
    let mut pass = Pass { info, patterns: Vec::new(), bound: Vec::new(), depth: 0 };
    pass.visit(expression)?;
    Ok(pass.patterns)
}

struct Pass<'a> {
    info: &'a SourceInfo,
    patterns: Vec<Pattern>,
    /// Names that a macro such as `exists` has bound.
    bound: Vec<String>,
    depth: usize,
}

impl Pass<'_> {
    fn visit(&mut self, node: &mut IdedExpr) -> Result<(), FilterError> {
        self.depth += 1;
        if self.depth > DEEPEST_TREE {
            return Err(too_deep(self.position(node.id)));
        }
        let position = self.position(node.id);
        match &mut node.expr {
            Expr::Unspecified | Expr::Literal(_) => {}
            Expr::Ident(name) => self.check_name(name, position)?,
            Expr::Call(call) => {
                self.check_times(call)?;
                if let Some(target) = &mut call.target {
                    self.visit(target)?;
                }
                for argument in &mut call.args {
                    self.visit(argument)?;
                }
                self.compile_pattern(call, node.id)?;
            }
            Expr::Select(select) => {
                self.visit(&mut select.operand)?;
                let is_headers = matches!(&select.operand.expr, Expr::Ident(name) if name == "headers");
                if select.test && is_headers {
                    // `has(headers.x)`: looking it up would always find at least an empty text.
                    let field = LiteralValue::String(CelString::from(select.field.clone()));
                    let field = IdedExpr { id: node.id, expr: Expr::Literal(field) };
                    let headers = std::mem::take(&mut *select.operand);
                    node.expr = Expr::Call(CallExpr {
                        func_name: operators::IN.to_owned(),
                        target: None,
                        args: vec![field, headers],
                    });
                }
            }
            Expr::List(list) => {
                for element in &mut list.elements {
                    self.visit(element)?;
                }
            }
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    match &mut entry.expr {
                        EntryExpr::StructField(field) => self.visit(&mut field.value)?,
                        EntryExpr::MapEntry(entry) => {
                            self.visit(&mut entry.key)?;
                            self.visit(&mut entry.value)?;
                        }
                    }
                }
            }
            Expr::Struct(made) => {
                return Err(FilterError {
                    message: format!("There is no type `{}`", made.type_name),
                    position,
                });
            }
            Expr::Comprehension(comprehension) => {
                self.visit(&mut comprehension.iter_range)?;
                let bound = self.bound.len();
                self.bound.push(comprehension.iter_var.clone());
                self.bound.extend(comprehension.iter_var2.clone());
                self.visit(&mut comprehension.accu_init)?;
                self.visit(&mut comprehension.loop_cond)?;
                self.visit(&mut comprehension.loop_step)?;
                self.visit(&mut comprehension.result)?;
                self.bound.truncate(bound);
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn check_name(&self, name: &str, position: usize) -> Result<(), FilterError> {
        let known = name.starts_with('@')
            || name == TTFB
            || NAMES.binary_search(&name).is_ok()
            || self.bound.iter().any(|bound| bound == name);
        if known {
            return Ok(());
        }
        let near = NAMES.iter().copied().chain([TTFB]).filter(|known| is_near(known, name)).min();
        let message = match near {
            Some(near) => format!("Calls have no `{name}`, but they have `{near}`"),
            None => format!("Calls have no `{name}`"),
        };
        Err(FilterError { message, position })
    }

    /// `x.matches("...")` and `matches(x, "...")` become `x in @patternN`.
    fn compile_pattern(&mut self, call: &mut CallExpr, id: u64) -> Result<(), FilterError> {
        if call.func_name != "matches" {
            return Ok(());
        }
        let Some(IdedExpr { id: literal, expr: Expr::Literal(LiteralValue::String(pattern)) }) =
            call.args.last()
        else {
            return Ok(());
        };
        let regex = Regex::new(pattern.inner()).map_err(|error| {
            let error = error.to_string();
            let detail = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("`{}` is no regular expression: {detail}", pattern.inner());
            FilterError { message, position: self.position(*literal) }
        })?;
        let text = match call.target.take() {
            Some(target) => *target,
            None if call.args.len() == 2 => call.args.remove(0),
            None => return Ok(()),
        };
        let name = format!("{PATTERN}{}", self.patterns.len());
        self.patterns.push(Pattern(regex));
        operators::IN.clone_into(&mut call.func_name);
        call.args = vec![text, IdedExpr { id, expr: Expr::Ident(name) }];
        Ok(())
    }

    /// A time that `ts` is compared with is written as `ts` is, so that they compare as text.
    fn check_times(&self, call: &mut CallExpr) -> Result<(), FilterError> {
        let compares = [
            operators::EQUALS,
            operators::NOT_EQUALS,
            operators::LESS,
            operators::LESS_EQUALS,
            operators::GREATER,
            operators::GREATER_EQUALS,
        ];
        let is_ts = |node: &IdedExpr| matches!(&node.expr, Expr::Ident(name) if name == "ts");
        if !compares.contains(&call.func_name.as_str()) || !call.args.iter().any(is_ts) {
            return Ok(());
        }
        for argument in &mut call.args {
            if let Expr::Literal(LiteralValue::String(time)) = &mut argument.expr {
                let at: Timestamp = time.inner().parse().map_err(|error: model::time::BadTimestamp| {
                    FilterError { message: error.to_string(), position: self.position(argument.id) }
                })?;
                *time = CelString::from(at.to_string());
            }
        }
        Ok(())
    }

    /// In characters; the parser counts them too.
    fn position(&self, id: u64) -> usize {
        self.info.offset_for(id).map_or(0, |(start, _)| start as usize)
    }
}

/// Whether a typed name is likely to mean a known one: one begins with the other, or one letter differs.
fn is_near(known: &str, typed: &str) -> bool {
    let typed = typed.to_ascii_lowercase();
    if typed.len() >= 2 && (known.starts_with(&typed) || typed.starts_with(known)) {
        return true;
    }
    let differing = known.bytes().zip(typed.bytes()).filter(|(a, b)| a != b).count();
    typed.len() > 2 && known.len() == typed.len() && differing == 1
}
