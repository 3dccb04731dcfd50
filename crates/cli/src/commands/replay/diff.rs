//! Two texts line by line.

/// Lines around a difference that are shown.
const AROUND: usize = 2;
/// Longer bodies are compared as wholes: pairs of lines.
const PAIRS: usize = 4_000_000;

/// The lines that are gone (`-`) and that are new (`+`), with those around them; `…` stands for what is left out.
pub(super) fn diff(old: &[String], new: &[String]) -> Vec<(char, String)> {
    let all = align(old, new);
    let near = |place: usize| {
        let (from, to) = (place.saturating_sub(AROUND), (place + AROUND + 1).min(all.len()));
        all.get(from..to).unwrap_or_default().iter().any(|(mark, _)| *mark != ' ')
    };
    let mut shown: Vec<(char, String)> = Vec::new();
    for (place, (mark, line)) in all.iter().enumerate() {
        if near(place) {
            shown.push((*mark, (*line).to_owned()));
        } else if shown.last().is_none_or(|(_, last)| last != "…") {
            shown.push((' ', "…".to_owned()));
        }
    }
    shown
}

/// Every line of both, by the longest list of lines that they share.
pub(super) fn align<'l>(old: &'l [String], new: &'l [String]) -> Vec<(char, &'l str)> {
    let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (head, old, new) = (&old[..same], &old[same..], &new[same..]);
    let same = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old, tail) = old.split_at(old.len() - same);
    let new = &new[..new.len() - same];
    let mut all: Vec<(char, &str)> = head.iter().map(|line| (' ', line.as_str())).collect();
    let width = new.len() + 1;
    // How many lines the rests share, from each place on.
    let mut shared = Vec::new();
    if old.len().saturating_mul(new.len()) <= PAIRS {
        shared = vec![0u32; (old.len() + 1) * width];
        for i in (0..old.len()).rev() {
            for j in (0..new.len()).rev() {
                shared[i * width + j] = if old[i] == new[j] {
                    shared[(i + 1) * width + j + 1] + 1
                } else {
                    shared[(i + 1) * width + j].max(shared[i * width + j + 1])
                };
            }
        }
    }
    let at = |i: usize, j: usize| shared.get(i * width + j).copied().unwrap_or_default();
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && !shared.is_empty() && old[i] == new[j] {
            all.push((' ', &old[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || at(i + 1, j) >= at(i, j + 1)) {
            all.push(('-', &old[i]));
            i += 1;
        } else {
            all.push(('+', &new[j]));
            j += 1;
        }
    }
    all.extend(tail.iter().map(|line| (' ', line.as_str())));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn differences_are_shown_with_what_is_around_them() {
        for (old, new, expected) in [
            ("a b c", "a x c", " a -b +x  c"),
            ("", "a", "+a"),
            ("a b", "", "-a -b"),
            ("a b c d", "b c d e", "-a  b  c  d +e"),
            ("1 2 3 4 5 6 7 8", "1 2 3 4 x 6 7 8", " …  3  4 -5 +x  6  7  …"),
        ] {
            let shown: Vec<String> = diff(&lines(old), &lines(new))
                .into_iter()
                .map(|(mark, line)| format!("{mark}{line}"))
                .collect();
            assert_eq!(shown.join(" "), expected, "{old} / {new}");
        }
    }
}
