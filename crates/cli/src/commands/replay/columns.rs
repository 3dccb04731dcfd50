//! Both answers whole, side by side, for a terminal that is wide enough.

use api::shape::ReplayResult;

use super::diff::align;
use super::{ALWAYS, headers, nothing, text};
use crate::print::{self, Paint};

/// A narrower terminal, in columns, has no room for two texts.
pub(super) const LEAST: usize = 100;
/// Between both sides.
const GAP: &str = " │ ";

/// What stands side by side.
struct Row {
    sides: [Option<String>; 2],
    differs: bool,
}

/// The lines to print on a terminal of so many columns.
pub(super) fn columns(result: &ReplayResult, width: usize, paint: Paint) -> Vec<String> {
    let (was, now) = (&result.was, &result.now);
    let row = &was.row;
    let then = row.status.as_deref().unwrap_or("-");
    let took = |word: &str, status: &str, ms: Option<f64>| {
        format!("{word} {status}  {}", ms.map(print::span).unwrap_or_default()).trim_end().to_owned()
    };
    let mut rows = vec![Row {
        sides: [Some(took("was", then, row.ms)), Some(took("now", &now.status, Some(now.ms)))],
        differs: then != now.status,
    }];
    let empty = nothing();
    let before = was.response.as_ref().unwrap_or(&empty);
    for (name, old, new) in headers(before, &now.message) {
        let side = |value: Option<&str>| value.map(|value| format!("{name}: {value}"));
        rows.push(Row { sides: [side(old), side(new)], differs: old != new && !ALWAYS.contains(&name) });
    }
    rows.push(Row { sides: [None, None], differs: false });
    rows.extend(pairs(&text(before), &text(&now.message)));

    let side = width.saturating_sub(GAP.chars().count()) / 2;
    let mut lines =
        vec![format!("{} {}", paint.bold(&row.operation), paint.dim(&format!("sent to {}", result.addr)))];
    lines.extend(rows.iter().flat_map(|row| row.lines(side, paint)));
    if before.truncated || now.message.truncated {
        lines.push(paint.amber("[not all of the bodies is here]"));
    }
    lines
}

/// Lines that differ stand beside each other as far as there are others in that place.
fn pairs(old: &[String], new: &[String]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut apart: [Vec<String>; 2] = [Vec::new(), Vec::new()];
    let close = |apart: &mut [Vec<String>; 2], rows: &mut Vec<Row>| {
        let [mut left, mut right] = std::mem::take(apart).map(Vec::into_iter);
        loop {
            match [left.next(), right.next()] {
                [None, None] => break,
                sides => rows.push(Row { sides, differs: true }),
            }
        }
    };
    for (mark, line) in align(old, new) {
        match mark {
            '-' => apart[0].push(line.to_owned()),
            '+' => apart[1].push(line.to_owned()),
            _ => {
                close(&mut apart, &mut rows);
                rows.push(Row { sides: [Some(line.to_owned()), Some(line.to_owned())], differs: false });
            }
        }
    }
    close(&mut apart, &mut rows);
    rows
}

impl Row {
    /// In as many lines as its longer side needs at so many columns each.
    fn lines(&self, side: usize, paint: Paint) -> Vec<String> {
        let marks = if self.differs { ["- ", "+ "] } else { ["  ", "  "] };
        let [left, right] = [0, 1].map(|at| wrapped(self.sides[at].as_deref(), marks[at], side));
        // A row with nothing on either side parts those around it.
        let lines = (0..left.len().max(right.len()).max(1)).map(|at| {
            let text = |side: &[String]| side.get(at).cloned().unwrap_or_default();
            let padded = format!("{:<side$}", text(&left));
            let (padded, right) = if self.differs {
                (paint.red(&padded), paint.green(&text(&right)))
            } else {
                (padded, text(&right))
            };
            format!("{padded}{}{right}", paint.dim(GAP)).trim_end().to_owned()
        });
        lines.collect()
    }
}

/// A text in lines of so many columns, each after its mark. What would move the cursor is shown as a blank.
fn wrapped(text: Option<&str>, mark: &str, side: usize) -> Vec<String> {
    let Some(text) = text else { return Vec::new() };
    let text = text.replace('\t', "    ");
    let letters: Vec<char> = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let room = side.saturating_sub(mark.len()).max(1);
    if letters.is_empty() {
        return vec![String::new()];
    }
    letters.chunks(room).map(|part| format!("{mark}{}", part.iter().collect::<String>())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn what_differs_stands_side_by_side_and_nothing_is_left_out() {
        let rows = pairs(&lines("a b c d e f g"), &lines("a x y c d e f g"));
        let shown: Vec<String> = rows.iter().flat_map(|row| row.lines(6, Paint::none())).collect();
        let both = |line: &str| format!("  {line}    │   {line}");
        let mut expected = vec![both("a"), "- b    │ + x".to_owned(), "       │ + y".to_owned()];
        expected.extend(["c", "d", "e", "f", "g"].map(both));
        assert_eq!(shown, expected);
    }

    #[test]
    fn rows_are_parted_by_one_that_is_empty() {
        let row = Row { sides: [None, None], differs: false };
        assert_eq!(row.lines(4, Paint::none()), ["     │"]);
    }

    #[test]
    fn long_lines_go_on_below_and_no_letter_moves_the_cursor() {
        let row = Row { sides: [Some("abcdefg".to_owned()), Some("\u{1b}[2J".to_owned())], differs: true };
        assert_eq!(row.lines(6, Paint::none()), ["- abcd │ +  [2J", "- efg  │"]);
    }
}
