//! The pages of the error codes keep their word: the wrong example reports the code, the right one
//! nothing.

mod support;

use orion_diagnostics::ErrorCode;

/// Codes of this crate; E0110 takes several files, and is tested with modules; E0222 is found later.
fn is_ours(code: ErrorCode) -> bool {
    let name = code.as_str();
    ["E01", "E02", "E03", "E04", "E05", "E06", "E07", "W02", "W03"]
        .iter()
        .any(|group| name.starts_with(group))
        && name != "E0110"
        && name != "E0222"
}

#[test]
fn wrong_examples_report_their_code() {
    let mut failures = String::new();
    for &code in ErrorCode::ALL.iter().filter(|code| is_ours(**code)) {
        let Some(text) = code.wrong_example() else { continue };
        let outcome = support::check(text);
        let others: Vec<&str> = outcome
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.is_error() && diagnostic.code != code)
            .map(|diagnostic| diagnostic.code.as_str())
            .collect();
        let found = outcome.diagnostics.iter().any(|diagnostic| diagnostic.code == code);
        if !found || !others.is_empty() {
            failures.push_str(&format!("{code}:\n{}\n", outcome.text()));
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn right_examples_report_nothing() {
    let mut failures = String::new();
    for &code in ErrorCode::ALL.iter().filter(|code| is_ours(**code)) {
        let Some(text) = code.right_example() else { continue };
        let outcome = support::check(text);
        if !outcome.diagnostics.is_empty() {
            failures.push_str(&format!("{code}:\n{}\n", outcome.text()));
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
