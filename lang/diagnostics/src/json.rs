//! Renders diagnostics for tools: one JSON object a line, fields in a fixed order.
//!
//! ```json
//! {"code":"E0011","severity":"error","message":"…","spans":[{"file":"a.or","line":1,"column":3,
//!  "end_line":1,"end_column":4,"start":2,"end":3,"primary":true,"label":"…"}],"notes":[],
//!  "help":null,"fix":null}
//! ```
//!
//! Lines and columns count from 1, columns in characters; `start` and `end` are byte offsets.
//! The first span is the primary one; diagnostics without a source have none.

use crate::{Diagnostic, Label};
use orion_syntax::{SourceMap, Span};
use serde::Serialize;

#[derive(Serialize)]
struct JsonDiagnostic<'a> {
    code: &'static str,
    severity: &'static str,
    message: &'a str,
    spans: Vec<JsonSpan<'a>>,
    notes: &'a [String],
    help: Option<&'a str>,
    fix: Option<JsonFix<'a>>,
}

#[derive(Serialize)]
struct JsonSpan<'a> {
    #[serde(flatten)]
    place: JsonPlace<'a>,
    primary: bool,
    label: &'a str,
}

#[derive(Serialize)]
struct JsonPlace<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    start: u32,
    end: u32,
}

#[derive(Serialize)]
struct JsonFix<'a> {
    #[serde(flatten)]
    place: JsonPlace<'a>,
    replacement: &'a str,
}

fn place(span: Span, map: &SourceMap) -> Option<JsonPlace<'_>> {
    let file = map.get(span.file)?;
    let (from, to) = (file.line_column(span.start), file.line_column(span.end));
    Some(JsonPlace {
        file: &file.path,
        line: from.line,
        column: from.column,
        end_line: to.line,
        end_column: to.column,
        start: span.start,
        end: span.end,
    })
}

fn json_span<'a>(label: &'a Label, primary: bool, map: &'a SourceMap) -> Option<JsonSpan<'a>> {
    Some(JsonSpan { place: place(label.span, map)?, primary, label: &label.text })
}

/// Renders `diagnostics` in the order given, one line each.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], map: &SourceMap) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let secondary =
            diagnostic.secondary.iter().filter_map(|label| json_span(label, false, map));
        let object = JsonDiagnostic {
            code: diagnostic.code.as_str(),
            severity: diagnostic.severity.as_str(),
            message: &diagnostic.message,
            spans: json_span(&diagnostic.primary, true, map).into_iter().chain(secondary).collect(),
            notes: &diagnostic.notes,
            help: diagnostic.help.as_deref(),
            fix: diagnostic.fix.as_ref().and_then(|fix| {
                Some(JsonFix { place: place(fix.span, map)?, replacement: &fix.replacement })
            }),
        };
        // Only maps with keys that are no strings and failing writers make this fail.
        out.push_str(&serde_json::to_string(&object).unwrap_or_default());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    #[test]
    fn one_object_a_line() {
        let mut map = SourceMap::new();
        let file = map.add("a.or", "ä\nf(\n");
        let d = Diagnostic::new(ErrorCode::E0011, Span::new(file, 4, 5), "\"quoted\"")
            .label("here")
            .help("close it")
            .fix(Span::new(file, 5, 5), ")");
        let built_in = Diagnostic::new(ErrorCode::W0001, Span::BUILTIN, "no place");
        let text = render(&[d, built_in], &map);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            r#"{"code":"E0011","severity":"error","message":"\"quoted\"","spans":[{"file":"a.or","line":2,"column":2,"end_line":2,"end_column":3,"start":4,"end":5,"primary":true,"label":"here"}],"notes":[],"help":"close it","fix":{"file":"a.or","line":2,"column":3,"end_line":2,"end_column":3,"start":5,"end":5,"replacement":")"}}"#
        );
        assert!(lines[1].contains(r#""severity":"warning","message":"no place","spans":[]"#));
    }
}
