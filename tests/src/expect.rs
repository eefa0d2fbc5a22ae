//! Comparing what was seen with an expectation file.
//!
//! With `ORION_BLESS` set, a file that differs is rewritten instead, and one that would be empty is
//! removed: no file means "nothing is printed".

use std::fs;
use std::path::Path;

/// Whether expectation files are being rewritten.
#[must_use]
pub fn blessing() -> bool {
    std::env::var_os("ORION_BLESS").is_some()
}

/// Compares `seen` with the file at `path`; `what` names it in the message.
///
/// # Errors
/// When they differ: a message with both, line by line.
pub fn check(path: &Path, what: &str, seen: &str) -> Result<(), String> {
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected == seen {
        return Ok(());
    }
    if blessing() {
        let written = if seen.is_empty() { fs::remove_file(path) } else { fs::write(path, seen) };
        return written.map_err(|error| format!("cannot write {}: {error}", path.display()));
    }
    Err(format!("{what} differs from {}:\n{}", path.display(), difference(&expected, seen)))
}

/// A line-by-line picture: the common head and tail are cut to two lines, expected lines begin with
/// `-`, seen ones with `+`.
#[must_use]
pub fn difference(expected: &str, seen: &str) -> String {
    let old: Vec<&str> = expected.lines().collect();
    let new: Vec<&str> = seen.lines().collect();
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail =
        old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let mut text = String::new();
    for line in &old[head.saturating_sub(2)..head] {
        text += &format!("  {line}\n");
    }
    for line in &old[head..old.len() - tail] {
        text += &format!("- {line}\n");
    }
    for line in &new[head..new.len() - tail] {
        text += &format!("+ {line}\n");
    }
    for line in old[old.len() - tail..].iter().take(2) {
        text += &format!("  {line}\n");
    }
    if old == new {
        text += "(they differ in the newline at the end)\n";
    }
    text
}
