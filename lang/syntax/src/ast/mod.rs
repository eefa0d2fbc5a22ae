//! The abstract syntax tree: what was written, complete enough to print it back.
//!
//! Built by the parser, read by the type checker, the formatter and `--emit ast`. One file per
//! concept: [`item`], [`stmt`], [`expr`], [`pattern`], [`ty`], [`literal`]; [`printer`] prints.
//!
//! Invariants: every node carries the span of exactly what it was written as (docs excluded);
//! the tree is at most a few thousand levels deep (the parser's limit), so recursion over it is
//! safe on a thread with a large stack. Nodes named `Error` stand where the parser reported an
//! error and skipped text: later stages treat them as already reported and stay silent.

pub mod expr;
pub mod item;
pub mod literal;
pub mod pattern;
pub mod printer;
pub mod stmt;
pub mod ty;

pub use expr::*;
pub use item::*;
pub use literal::*;
pub use pattern::*;
pub use stmt::*;
pub use ty::*;

use crate::span::Span;
use crate::symbol::Symbol;

/// A name where it was written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ident {
    /// The name.
    pub name: Symbol,
    /// Where it stands.
    pub span: Span,
}

impl Ident {
    /// A name at a place.
    #[must_use]
    pub const fn new(name: Symbol, span: Span) -> Self {
        Self { name, span }
    }

    /// Whether it begins with an upper-case letter: a type, variant, class or constant.
    #[must_use]
    pub fn is_upper(self) -> bool {
        self.name.is_upper()
    }

    /// The name's text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.name.as_str()
    }
}

/// A dotted name in a type or pattern: `Shape`, `Shape.Circle`, `shapes.Shape.Circle`, `i64`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    /// The names between the dots; at least one.
    pub segments: Vec<Ident>,
    /// From the first to the last.
    pub span: Span,
}

impl Path {
    /// The last name.
    ///
    /// # Panics
    /// Never on paths made by the parser: they have a segment.
    #[must_use]
    pub fn last(&self) -> Ident {
        *self.segments.last().expect("a path has at least one segment")
    }

    /// The only name, where no dot was written.
    #[must_use]
    pub fn as_ident(&self) -> Option<Ident> {
        if let [only] = self.segments[..] { Some(only) } else { None }
    }
}

/// The `///` lines before a declaration.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Docs {
    /// One entry per line.
    pub lines: Vec<DocLine>,
}

impl Docs {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The text, in Markdown.
    #[must_use]
    pub fn text(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(|line| line.text.as_str()).collect();
        lines.join("\n")
    }

    /// The first sentence, for lists: up to the first full stop that ends one, or empty line.
    #[must_use]
    pub fn summary(&self) -> String {
        let lines = self.lines.iter().map(|line| line.text.as_str());
        let paragraph: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
        let paragraph = paragraph.join(" ");
        let end = paragraph.find(". ").map_or(paragraph.len(), |at| at + 1);
        paragraph[..end].to_owned()
    }
}

/// One `///` line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DocLine {
    /// The text after `///`, without one leading blank and without trailing blanks.
    pub text: Symbol,
    /// The line's comment.
    pub span: Span,
}

/// A parsed source file.
#[derive(Clone, PartialEq, Debug)]
pub struct Module {
    /// The declarations in source order.
    pub items: Vec<Item>,
    /// The whole file.
    pub span: Span,
}
