//! The formatter: Orion source to Orion source in the one layout.
//!
//! `source → tokens and comments (lexer), tree (parser) → document → text`.
//!
//! Input: one file. Output: its text as it should look, or why there is none. Invariants: the
//! result parses to the same tree, up to spans, and has the same comments ([`format`] looks at
//! its own work); formatting it again changes nothing; a file with syntax errors is left alone.
//!
//! The layout: 100 columns, 4 blanks a level. What does not fit on a line is broken at its
//! outermost brackets, one element a line, with a comma behind each; the last argument may keep
//! its own lines (`f(fn() { … })`); operators end a line, but for `&&` and `||`, which begin one.
//! The author decides about the rest: a block, `match` or `select` on one line stays there if it
//! fits, one on several lines stays apart; a list, struct or chain of methods that begins a line
//! after its bracket stays spread; single empty lines and rows of short elements stay. A string is never
//! broken.
//!
//! | file | what |
//! | --- | --- |
//! | `cursor` | tokens and comments in source order |
//! | `item`, `stmt`, `expr`, `pattern`, `ty`, `list` | tree to document |
//! | `doc`, `render` | document to text |
//!
//! ```
//! use orion_syntax::SourceMap;
//!
//! let mut map = SourceMap::new();
//! let id = map.add("a.or", "fn main(){println( \"hello\" ) ;}");
//! let text = orion_fmt::format(map.file(id)).unwrap_or_default();
//! assert_eq!(text, "fn main() { println(\"hello\") }\n");
//! ```

mod cursor;
mod doc;
mod expr;
mod item;
mod list;
mod pattern;
mod postfix;
mod render;
mod stmt;
mod ty;

pub use render::{INDENT_COLUMNS, WIDTH_COLUMNS};

use cursor::Cursor;
use orion_diagnostics::{Diagnostic, has_errors};
use orion_parser::lexer;
use orion_syntax::SourceFile;
use orion_syntax::ast::{Module, printer};

/// Why a file has no formatted text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// It has syntax errors.
    Syntax(Vec<Diagnostic>),
    /// The result would not have been the same program: a bug of the formatter. The message says
    /// where.
    Internal(String),
}

/// The text of a file as it should look.
///
/// # Errors
/// When the file has syntax errors.
pub fn format(file: &SourceFile) -> Result<String, Failure> {
    let (module, diagnostics) = orion_parser::parse_file(file);
    if has_errors(&diagnostics) {
        return Err(Failure::Syntax(diagnostics));
    }
    let mut text = lay_out(file, &module)?;
    // A comment inside of an expression may move to a place where the line is broken otherwise:
    // then the second layout is the one that stays.
    for _ in 0..ROUNDS_MAX {
        let result = SourceFile::new(file.id, &file.path, &text);
        let next = lay_out(&result, &check_same(file, &module, &result)?)?;
        if next == text {
            break;
        }
        text = next;
    }
    Ok(text)
}

/// Layouts after which a file is taken as it is; two are enough but for comments in odd places.
const ROUNDS_MAX: usize = 4;

/// The text of a tree.
fn lay_out(file: &SourceFile, module: &Module) -> Result<String, Failure> {
    let lexed = lexer::lex(file);
    let mut builder = Builder { cursor: Cursor::new(&file.text, &lexed) };
    let doc = builder.module(module);
    if let Some(offset) = builder.cursor.lost {
        let place = file.line_column(u32::try_from(offset).unwrap_or(u32::MAX));
        return Err(Failure::Internal(format!("line {}, column {}", place.line, place.column)));
    }
    Ok(render::render(&doc))
}

/// Turns a tree into a document.
struct Builder<'a> {
    cursor: Cursor<'a>,
}

/// The tree of a result, which must be the same program with the same comments.
fn check_same(file: &SourceFile, module: &Module, result: &SourceFile) -> Result<Module, Failure> {
    let (again, diagnostics) = orion_parser::parse_file(result);
    if let Some(error) = diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
        let at = result.line_column(error.primary.span.start).line;
        return Err(Failure::Internal(format!("{}, in line {at} of the result", error.message)));
    }
    let (before, after) = (printer::print_module(module), printer::print_module(&again));
    if before != after {
        let different = before.lines().zip(after.lines()).find(|(before, after)| before != after);
        let line = different.map_or("the end", |(before, _)| before.trim());
        return Err(Failure::Internal(format!("the tree would change at {line}")));
    }
    if comments(file) != comments(result) {
        return Err(Failure::Internal("a comment would change".to_owned()));
    }
    Ok(again)
}

/// The texts of all comments, sorted: one may overtake another that goes to its line's end.
fn comments(file: &SourceFile) -> Vec<&str> {
    let spans = lexer::lex(file).comments;
    let mut texts: Vec<&str> = spans.iter().map(|span| &file.text[span.range()]).collect();
    texts.sort_unstable();
    texts
}
