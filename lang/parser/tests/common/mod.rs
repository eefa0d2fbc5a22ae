//! What the parser's tests share.
#![allow(dead_code, reason = "each test uses a part")]

use orion_diagnostics::{Diagnostic, human};
use orion_syntax::ast::{Expr, ItemKind, Module};
use orion_syntax::{SourceMap, ast::printer};

/// Parses a program.
pub fn parse(text: &str) -> (Module, Vec<Diagnostic>, SourceMap) {
    let mut map = SourceMap::new();
    let id = map.add("test.or", text);
    let (module, diagnostics) = orion_parser::parse_file(map.file(id));
    (module, diagnostics, map)
}

/// Parses a program that has no errors.
pub fn parse_ok(text: &str) -> Module {
    let (module, diagnostics, map) = parse(text);
    assert!(diagnostics.is_empty(), "{}", human::render(&diagnostics, &map, false));
    module
}

/// Parses the body of a function; gives its last expression.
pub fn parse_value(text: &str) -> Expr {
    let module = parse_ok(&format!("fn main() {{\n{text}\n}}"));
    let Some(ItemKind::Fn(function)) = module.items.into_iter().next().map(|item| item.kind) else {
        panic!("a function")
    };
    *function.body.value.expect("a value")
}

/// The printed form of an expression, on one line.
pub fn shape(text: &str) -> String {
    let printed = printer::print_expr(&parse_value(text));
    printed.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The printed statements of a body, one a line where they are simple.
pub fn body_shape(text: &str) -> String {
    let module = parse_ok(&format!("fn main() {{\n{text}\n}}"));
    let printed = printer::print_module(&module);
    let lines = printed.lines().skip(1).map(|line| line.strip_prefix("  ").unwrap_or(line));
    let text = lines.collect::<Vec<_>>().join("\n");
    text.strip_suffix(')').unwrap_or(&text).to_owned()
}

/// Codes with lines and columns of all diagnostics: `E0010@2:13`.
pub fn codes(text: &str) -> Vec<String> {
    let (_, diagnostics, map) = parse(text);
    diagnostics
        .iter()
        .map(|d| {
            let location = map.location(d.primary.span);
            format!("{}@{}", d.code, location.trim_start_matches("test.or:"))
        })
        .collect()
}
