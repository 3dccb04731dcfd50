//! What of an expression can be asked of a line without interpreting it: comparisons of a line's own values and of its
//! fields with what is written out, and their combinations. The rest stays an expression.

use std::cmp::Ordering;

use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};
use cel::parser::Expression;
use model::Timestamp;
use regex::Regex;
use serde_json::Value;

use super::row::{LEVEL, Row, Subject};

/// A part of an expression. It is true, false, or, as in CEL, neither: `None`, an error.
pub(super) enum Plan {
    Fixed(bool),
    /// The level's number.
    Level(Relation, i64),
    Time(Relation, Timestamp),
    /// A text against one that is written out.
    Compared(Subject, Relation, String),
    OneOf(Subject, Vec<String>),
    Found(Subject, Part, String),
    Matches(Subject, Regex),
    /// A field against what is written out.
    Field(Vec<String>, Relation, Value),
    Flag(Vec<String>),
    Has(Vec<String>),
    All(Vec<Plan>),
    Any(Vec<Plan>),
    Not(Box<Plan>),
    Interpreted(Expression),
}

/// Where in a text another one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Anywhere,
    Start,
    End,
}

/// How two values may stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    Unequal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Relation {
    fn named(operator: &str) -> Option<Self> {
        Some(match operator {
            operators::EQUALS => Self::Equal,
            operators::NOT_EQUALS => Self::Unequal,
            operators::GREATER => Self::Greater,
            operators::GREATER_EQUALS => Self::GreaterOrEqual,
            operators::LESS => Self::Less,
            operators::LESS_EQUALS => Self::LessOrEqual,
            _ => return None,
        })
    }

    /// The same with its sides changed.
    fn turned(self) -> Self {
        match self {
            Self::Equal | Self::Unequal => self,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
        }
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
        }
    }
}

/// Plans a bound expression; `patterns` are those that its functions `@matchesN` stand for.
pub(super) fn plan(node: Expression, patterns: &[(String, Regex)]) -> Plan {
    let known = match &node.expr {
        Expr::Literal(LiteralValue::Boolean(flag)) => Some(Plan::Fixed(*flag.inner())),
        Expr::Select(select) if select.test => below(&select.operand, &select.field).map(Plan::Has),
        Expr::Select(_) => path(&node).map(Plan::Flag),
        Expr::Call(call) => leaf(call, patterns),
        _ => None,
    };
    if let Some(known) = known {
        return known;
    }
    match node.expr {
        Expr::Call(call) if call.func_name == operators::LOGICAL_AND => {
            let mut parts = Vec::new();
            for part in call.args {
                match plan(part, patterns) {
                    Plan::All(inner) => parts.extend(inner),
                    other => parts.push(other),
                }
            }
            // A part that is false spares those behind it, so the cheap ones come first.
            parts.sort_by_key(Plan::cost);
            Plan::All(parts)
        }
        Expr::Call(call) if call.func_name == operators::LOGICAL_OR => {
            let mut parts: Vec<_> = call.args.into_iter().map(|part| plan(part, patterns)).collect();
            parts.sort_by_key(Plan::cost);
            Plan::Any(parts)
        }
        Expr::Call(mut call) if call.func_name == operators::LOGICAL_NOT && call.args.len() == 1 => {
            Plan::Not(Box::new(plan(call.args.remove(0), patterns)))
        }
        expr => Plan::Interpreted(Expression { expr, ..node }),
    }
}

fn leaf(call: &CallExpr, patterns: &[(String, Regex)]) -> Option<Plan> {
    if let Some(relation) = Relation::named(&call.func_name) {
        let [left, right] = call.args.as_slice() else { return None };
        return compared(left, relation, right).or_else(|| compared(right, relation.turned(), left));
    }
    if call.func_name == operators::IN {
        let [item, Expression { expr: Expr::List(list), .. }] = call.args.as_slice() else { return None };
        let texts = list.elements.iter().map(|element| match &element.expr {
            Expr::Literal(LiteralValue::String(text)) => Some(text.inner().to_owned()),
            _ => None,
        });
        return Some(Plan::OneOf(subject(item)?, texts.collect::<Option<_>>()?));
    }
    let target = subject(call.target.as_deref()?)?;
    if let Some((_, regex)) = patterns.iter().find(|(name, _)| *name == call.func_name) {
        return Some(Plan::Matches(target, regex.clone()));
    }
    let part = match call.func_name.as_str() {
        "contains" => Part::Anywhere,
        "startsWith" => Part::Start,
        "endsWith" => Part::End,
        _ => return None,
    };
    let [Expression { expr: Expr::Literal(LiteralValue::String(text)), .. }] = call.args.as_slice() else {
        return None;
    };
    Some(Plan::Found(target, part, text.inner().to_owned()))
}

/// `left` against a literal.
fn compared(left: &Expression, relation: Relation, right: &Expression) -> Option<Plan> {
    let Expr::Literal(literal) = &right.expr else { return None };
    match (&left.expr, literal) {
        (Expr::Ident(name), LiteralValue::Int(number)) if name == LEVEL => {
            return Some(Plan::Level(relation, *number.inner()));
        }
        (Expr::Ident(name), LiteralValue::String(text)) if name == "ts" => {
            // Binding has brought whole times to the form in which their order is that of texts.
            let moment = text.inner().parse::<Timestamp>().ok()?;
            return (moment.to_string() == text.inner()).then_some(Plan::Time(relation, moment));
        }
        _ => {}
    }
    if let Some(path) = path(left) {
        let value = match literal {
            LiteralValue::Boolean(flag) => Value::Bool(*flag.inner()),
            LiteralValue::Int(number) => Value::from(*number.inner()),
            LiteralValue::Double(number) => Value::from(*number.inner()),
            LiteralValue::String(text) => Value::from(text.inner()),
            LiteralValue::Null => Value::Null,
            LiteralValue::Bytes(_) | LiteralValue::UInt(_) => return None,
        };
        return Some(Plan::Field(path, relation, value));
    }
    match literal {
        LiteralValue::String(text) => Some(Plan::Compared(subject(left)?, relation, text.inner().to_owned())),
        _ => None,
    }
}

/// The text that an expression stands for.
fn subject(node: &Expression) -> Option<Subject> {
    match &node.expr {
        Expr::Ident(name) => Subject::named(name),
        _ => path(node).map(Subject::Field),
    }
}

/// `fields.a.b`, `fields["a.b"]`.
fn path(node: &Expression) -> Option<Vec<String>> {
    let (operand, key) = match &node.expr {
        Expr::Select(select) if !select.test => (&*select.operand, &select.field),
        Expr::Call(call) if call.func_name == operators::INDEX => {
            let [operand, Expression { expr: Expr::Literal(LiteralValue::String(key)), .. }] =
                call.args.as_slice()
            else {
                return None;
            };
            return below(operand, key.inner());
        }
        _ => return None,
    };
    below(operand, key)
}

fn below(operand: &Expression, key: &str) -> Option<Vec<String>> {
    let mut path = match &operand.expr {
        Expr::Ident(name) if name == "fields" => Vec::new(),
        _ => path(operand)?,
    };
    path.push(key.to_owned());
    Some(path)
}

impl Plan {
    /// What asking costs, in steps of about ten times.
    fn cost(&self) -> u8 {
        match self {
            Self::Fixed(_) | Self::Level(..) | Self::Time(..) => 0,
            Self::Compared(subject, ..) | Self::OneOf(subject, _) | Self::Found(subject, ..) => {
                subject.cost()
            }
            Self::Matches(subject, _) => subject.cost().max(2),
            Self::Field(..) | Self::Flag(_) | Self::Has(_) => 3,
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::cost).max().unwrap_or(0),
            Self::Not(part) => part.cost(),
            Self::Interpreted(_) => 4,
        }
    }

    /// Asks it of a line.
    pub(super) fn ask(&self, row: &Row<'_>, interpret: &dyn Fn(&Expression) -> Option<bool>) -> Option<bool> {
        match self {
            Self::Fixed(flag) => Some(*flag),
            Self::Level(relation, number) => Some(relation.holds(row.level_number().cmp(number))),
            Self::Time(relation, moment) => Some(relation.holds(row.time().cmp(moment))),
            Self::Compared(subject, relation, text) => {
                row.text(subject).map(|found| relation.holds((*found).cmp(text)))
            }
            // A field of another kind is in no list of texts, which is no error.
            Self::OneOf(Subject::Field(path), texts) => {
                let found = row.field(path)?.as_str();
                Some(found.is_some_and(|found| texts.iter().any(|text| text == found)))
            }
            Self::OneOf(subject, texts) => {
                row.text(subject).map(|found| texts.iter().any(|text| *text == *found))
            }
            Self::Found(subject, part, text) => row.text(subject).map(|found| match part {
                Part::Anywhere => memchr::memmem::find(found.as_bytes(), text.as_bytes()).is_some(),
                Part::Start => found.starts_with(text.as_str()),
                Part::End => found.ends_with(text.as_str()),
            }),
            Self::Matches(subject, regex) => row.text(subject).map(|found| regex.is_match(&found)),
            Self::Field(path, relation, value) => relate(row.field(path)?, *relation, value),
            Self::Flag(path) => row.field(path)?.as_bool(),
            Self::Has(path) => {
                let (last, above) = path.split_last()?;
                Some(row.members(above)?.contains_key(last))
            }
            Self::All(parts) => {
                let mut all = Some(true);
                for part in parts {
                    match part.ask(row, interpret) {
                        Some(true) => {}
                        Some(false) => return Some(false),
                        None => all = None,
                    }
                }
                all
            }
            Self::Any(parts) => {
                let mut any = Some(false);
                for part in parts {
                    match part.ask(row, interpret) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => any = None,
                    }
                }
                any
            }
            Self::Not(part) => part.ask(row, interpret).map(|flag| !flag),
            Self::Interpreted(expression) => interpret(expression),
        }
    }
}

/// As CEL has it: numbers compare whatever their kind, values of different kinds are unequal and in no order.
fn relate(found: &Value, relation: Relation, value: &Value) -> Option<bool> {
    let order = match (found, value) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    };
    match (order, relation) {
        (Some(order), _) => Some(relation.holds(order)),
        (None, Relation::Equal) => Some(found == value),
        (None, Relation::Unequal) => Some(found != value),
        (None, _) => None,
    }
}
