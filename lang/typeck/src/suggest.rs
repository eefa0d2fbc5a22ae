//! Did-you-mean: the known name nearest to an unknown one.
//!
//! Algorithm: optimal string alignment distance (Damerau-Levenshtein with adjacent swaps), at most
//! a third of the name's length; ties go to the first candidate in alphabetical order, so that the
//! answer does not depend on hash order.

/// Modules of the standard library, for those who forget the import.
pub const STD_MODULES: [&str; 10] =
    ["batch", "fmt", "io", "json", "math", "os", "random", "runner", "sync", "time"];

/// What a value written in other languages is called here.
#[must_use]
pub fn foreign_value(name: &str) -> Option<&'static str> {
    Some(match name {
        "null" | "nil" | "undefined" | "Null" | "Nil" | "nullptr" => "None",
        "True" | "TRUE" => "true",
        "False" | "FALSE" => "false",
        "this" => "self",
        "printf" | "echo" | "puts" => "println",
        _ => return None,
    })
}

/// The candidate nearest to `name`, if one is near.
#[must_use]
pub fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let length = name.chars().count();
    if length < 3 {
        // Everything is near to a name of one or two letters.
        return None;
    }
    let limit = (length / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate == name || candidate.starts_with('$') || candidate == "_" {
            continue;
        }
        let distance = distance(name, candidate, limit);
        if distance <= limit && best.is_none_or(|best| (distance, candidate) < best) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn distance(a: &str, b: &str, limit: usize) -> usize {
    let a: Vec<char> = a.chars().flat_map(char::to_lowercase).collect();
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    if a.len().abs_diff(b.len()) > limit {
        return limit + 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_the_nearest() {
        let names = ["println", "print", "push"];
        assert_eq!(nearest("pritnln", names.into_iter()), Some("println"));
        assert_eq!(nearest("banana", names.into_iter()), None);
    }
}
