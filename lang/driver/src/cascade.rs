//! Which findings of the type checker stand beside syntax errors.
//!
//! Input: the syntax errors, which cost a statement or a declaration each, and what the type checker
//! found in the rest. Output: what it would have found anyway. One cause gives one error: a name
//! that the lost text mentions may have been declared there, a handle may have been consumed there.

use orion_diagnostics::Diagnostic;
use orion_syntax::{SourceMap, Span};
use std::collections::BTreeSet;

/// Keeps of `found` what does not follow from the errors in `syntax`.
pub fn independent(
    found: Vec<Diagnostic>,
    syntax: &[Diagnostic],
    sources: &SourceMap,
) -> Vec<Diagnostic> {
    let lost: BTreeSet<&str> = syntax.iter().flat_map(|error| words(error, sources)).collect();
    found
        .into_iter()
        .filter(|finding| {
            let group = &finding.code.as_str()[..3];
            let span = finding.primary.span;
            if syntax.iter().any(|error| touch(error.primary.span, span)) {
                return false;
            }
            let named = sources.text(span);
            match group {
                "E01" => !named.is_empty() && !lost.contains(named),
                "E04" => false,
                _ => finding.is_error(),
            }
        })
        .collect()
}

fn touch(a: Span, b: Span) -> bool {
    a.file == b.file && a.start <= b.end && b.start <= a.end
}

/// The words on the lines where a syntax error stands.
fn words<'a>(error: &Diagnostic, sources: &'a SourceMap) -> Vec<&'a str> {
    let span = error.primary.span;
    let Some(file) = sources.get(span.file) else { return Vec::new() };
    let first = file.line_range(file.line_column(span.start).line);
    let last = file.line_range(file.line_column(span.end).line);
    let text = file.text.get(first.start..last.end.max(first.end)).unwrap_or("");
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect()
}
