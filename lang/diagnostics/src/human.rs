//! Renders diagnostics for people, by codespan-reporting: the line of source with the place
//! underlined, `path:line:column` first in its location.
//!
//! Never fails: what codespan cannot show (a place without text, a line too long for a
//! terminal) is shown as header, location and labels only.

use crate::{Diagnostic, Label as OurLabel, Severity};
use codespan_reporting::diagnostic as cs;
use codespan_reporting::files::{Error, Files};
use codespan_reporting::term::termcolor::Buffer;
use codespan_reporting::term::{self, Chars, Config};
use orion_syntax::{FileId, SourceMap, Span};
use std::fmt::Write as _;
use std::ops::Range;

/// Lines longer than this are not shown: they fill the screen and show nothing.
const SNIPPET_LINE_BYTES_MAX: usize = 1000;

/// Renders `diagnostics` in the order given, each followed by an empty line.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], map: &SourceMap, colours: bool) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        match render_snippets(diagnostic, map, colours) {
            Some(text) => out.push_str(&text),
            None => render_plain(diagnostic, map, &mut out),
        }
    }
    out
}

fn labels(diagnostic: &Diagnostic) -> impl Iterator<Item = &OurLabel> {
    std::iter::once(&diagnostic.primary).chain(&diagnostic.secondary)
}

fn render_snippets(diagnostic: &Diagnostic, map: &SourceMap, colours: bool) -> Option<String> {
    if diagnostic.primary.span.is_builtin() {
        return None;
    }
    let mut shown = Vec::new();
    for (i, label) in labels(diagnostic).filter(|label| !label.span.is_builtin()).enumerate() {
        if !fits_a_terminal(label.span, map) {
            return None;
        }
        let range = label.span.range();
        let kind = if i == 0 { cs::LabelStyle::Primary } else { cs::LabelStyle::Secondary };
        shown.push(cs::Label::new(kind, label.span.file, range).with_message(&label.text));
    }
    let notes = diagnostic.notes.iter().map(|note| format!("note: {note}"));
    let notes = notes.chain(diagnostic.help.iter().map(|help| format!("help: {help}")));
    let severity = match diagnostic.severity {
        Severity::Error => cs::Severity::Error,
        Severity::Warning => cs::Severity::Warning,
    };
    let report = cs::Diagnostic::new(severity)
        .with_code(diagnostic.code.as_str())
        .with_message(&diagnostic.message)
        .with_labels(shown)
        .with_notes(notes.collect());
    let config = Config { chars: Chars::ascii(), ..Config::default() };
    let mut buffer = if colours { Buffer::ansi() } else { Buffer::no_color() };
    term::emit_to_write_style(&mut buffer, &config, &Adapter(map), &report).ok()?;
    String::from_utf8(buffer.into_inner()).ok()
}

fn fits_a_terminal(span: Span, map: &SourceMap) -> bool {
    let Some(file) = map.get(span.file) else { return false };
    if file.text.get(span.range()).is_none() {
        return false;
    }
    [span.start, span.end].into_iter().all(|offset| {
        file.line_range(file.line_column(offset).line).len() <= SNIPPET_LINE_BYTES_MAX
    })
}

fn render_plain(diagnostic: &Diagnostic, map: &SourceMap, out: &mut String) {
    // Writing to a String cannot fail.
    let severity = diagnostic.severity.as_str();
    let _ = writeln!(out, "{severity}[{}]: {}", diagnostic.code.as_str(), diagnostic.message);
    for label in labels(diagnostic) {
        if !label.span.is_builtin() {
            let _ = writeln!(out, " --> {}", map.location(label.span));
        }
        if !label.text.is_empty() {
            let _ = writeln!(out, "  | {}", label.text);
        }
    }
    for note in &diagnostic.notes {
        let _ = writeln!(out, "  = note: {note}");
    }
    if let Some(help) = &diagnostic.help {
        let _ = writeln!(out, "  = help: {help}");
    }
    out.push('\n');
}

/// Lets codespan read a [`SourceMap`].
struct Adapter<'a>(&'a SourceMap);

impl<'a> Files<'a> for Adapter<'_>
where
    Self: 'a,
{
    type FileId = FileId;
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, id: FileId) -> Result<&'a str, Error> {
        self.0.get(id).map(|file| &*file.path).ok_or(Error::FileMissing)
    }

    fn source(&'a self, id: FileId) -> Result<&'a str, Error> {
        self.0.get(id).map(|file| &*file.text).ok_or(Error::FileMissing)
    }

    fn line_index(&'a self, id: FileId, byte_index: usize) -> Result<usize, Error> {
        let file = self.0.get(id).ok_or(Error::FileMissing)?;
        Ok(file.line_column(u32::try_from(byte_index).unwrap_or(u32::MAX)).line as usize - 1)
    }

    fn line_range(&'a self, id: FileId, line_index: usize) -> Result<Range<usize>, Error> {
        let file = self.0.get(id).ok_or(Error::FileMissing)?;
        let max = file.line_count();
        if line_index >= max {
            return Err(Error::LineTooLarge { given: line_index, max });
        }
        let line = line_index as u32 + 1;
        let end =
            if line_index + 1 == max { file.text.len() } else { file.line_range(line + 1).start };
        Ok(file.line_range(line).start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    fn example(text: &str, start: u32, end: u32) -> String {
        let mut map = SourceMap::new();
        let file = map.add("dir/a.or", text);
        let diagnostic = Diagnostic::new(ErrorCode::E0011, Span::new(file, start, end), "cause")
            .label("here")
            .secondary(Span::new(file, 0, 1), "there")
            .note("a note")
            .help("a help");
        render(&[diagnostic], &map, false)
    }

    #[test]
    fn shows_source_and_location() {
        let expected = "\
error[E0011]: cause
  --> dir/a.or:2:3
  |
1 | ab
  | - there
2 | cd(
  |   ^ here
  |
  = note: a note
  = help: a help

";
        assert_eq!(example("ab\ncd(\n", 5, 6), expected);
    }

    #[test]
    fn copes_with_places_at_the_edges() {
        for (start, end) in [(0, 0), (7, 7), (6, 7), (3, 7), (500, 600)] {
            assert!(example("ab\ncd(\n", start, end).starts_with("error[E0011]: cause\n"));
        }
        let long = example(&"x".repeat(5000), 10, 20);
        assert!(long.len() < 200 && long.contains("--> dir/a.or:1:11"), "{long}");
    }

    #[test]
    fn colours_only_when_asked() {
        let mut map = SourceMap::new();
        let file = map.add("a.or", "x");
        let d = [Diagnostic::new(ErrorCode::E0011, Span::new(file, 0, 1), "cause")];
        assert!(render(&d, &map, true).contains("\x1b["));
        assert!(!render(&d, &map, false).contains("\x1b["));
    }
}
