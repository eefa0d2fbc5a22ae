//! Checks a program given as text: the prelude and the imported modules of the standard library
//! come from `stdlib/`.

#![allow(dead_code, reason = "each test file uses its part")]

use orion_diagnostics::Diagnostic;
use orion_hir::Program;
use orion_syntax::SourceMap;
use orion_typeck::{SourceModule, check_program};
use std::path::Path;

/// A checked text.
pub struct Outcome {
    pub program: Program,
    pub diagnostics: Vec<Diagnostic>,
    pub sources: SourceMap,
}

impl Outcome {
    /// The diagnostics as `E0201:3`: code and line.
    pub fn codes(&self) -> Vec<String> {
        self.diagnostics
            .iter()
            .map(|diagnostic| {
                let span = diagnostic.primary.span;
                let line = self.sources.file(span.file).line_column(span.start).line;
                format!("{}:{line}", diagnostic.code)
            })
            .collect()
    }

    /// What a person would read.
    pub fn text(&self) -> String {
        orion_diagnostics::human::render(&self.diagnostics, &self.sources, false)
    }
}

/// Checks a program of one main module.
pub fn check(text: &str) -> Outcome {
    check_modules(&[("main", text)])
}

/// Checks a program of several modules, the main one first.
pub fn check_modules(texts: &[(&str, &str)]) -> Outcome {
    let mut sources = SourceMap::new();
    let mut diagnostics = Vec::new();
    let mut modules = Vec::new();
    let mut wanted = vec!["std.prelude".to_owned()];
    for (path, text) in texts {
        add(path, text, &mut sources, &mut diagnostics, &mut modules, &mut wanted);
    }
    let stdlib = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../stdlib");
    while let Some(path) = wanted.pop() {
        if modules.iter().any(|module: &SourceModule| module.path == path) {
            continue;
        }
        let Some(name) = path.strip_prefix("std.") else { continue };
        let Ok(text) = std::fs::read_to_string(stdlib.join(format!("{name}.or"))) else { continue };
        add(&path, &text, &mut sources, &mut diagnostics, &mut modules, &mut wanted);
    }
    let checked = check_program(&modules);
    diagnostics.extend(checked.diagnostics);
    Outcome { program: checked.program, diagnostics, sources }
}

fn add(
    path: &str,
    text: &str,
    sources: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
    modules: &mut Vec<SourceModule>,
    wanted: &mut Vec<String>,
) {
    let id = sources.add(&format!("{path}.or"), text);
    let (ast, found) = orion_parser::parse_file(sources.file(id));
    diagnostics.extend(found);
    wanted.extend(orion_typeck::imports(&ast).into_iter().map(|(path, _)| path));
    let is_std = path.starts_with("std.");
    modules.push(SourceModule { path: path.to_owned(), is_std, ast });
}

/// Asserts that a program has neither errors nor warnings.
pub fn accept(text: &str) -> Outcome {
    let outcome = check(text);
    assert!(outcome.diagnostics.is_empty(), "{}\n{}", text, outcome.text());
    outcome
}

/// Asserts what is found in a program: `E0201:3` for each, in order.
pub fn reject(text: &str, expected: &[&str]) {
    let outcome = check(text);
    assert_eq!(outcome.codes(), expected, "{}\n{}", text, outcome.text());
}
