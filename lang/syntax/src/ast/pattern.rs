//! Patterns of `match`, `let`, `var` and `for`.

use super::{Ident, Literal, Path};
use crate::span::Span;

/// A pattern.
#[derive(Clone, PartialEq, Debug)]
pub struct Pattern {
    /// Which pattern.
    pub kind: PatternKind,
    /// Where it stands.
    pub span: Span,
}

impl Pattern {
    /// A pattern at a place.
    #[must_use]
    pub const fn new(kind: PatternKind, span: Span) -> Self {
        Self { kind, span }
    }
}

/// The forms of patterns.
#[derive(Clone, PartialEq, Debug)]
pub enum PatternKind {
    /// `_`
    Wildcard,
    /// A lower-case name: matches anything and binds it.
    Binding(Ident),
    /// `42 -1 'a' "text" true 5ms`
    Literal(Literal),
    /// `1..5`, `1..=5`, `'a'..='z'`, `0..LIMIT`
    Range {
        /// The first value.
        start: RangeEnd,
        /// The last value, or the one after it.
        end: RangeEnd,
        /// Whether it was written `..=`.
        inclusive: bool,
    },
    /// A constant or a variant without fields: `LIMIT`, `None`, `Shape.Empty`.
    Path(Path),
    /// A variant with fields: `Some(x)`, `Shape.Rect(w, h)`.
    Variant {
        /// The variant.
        path: Path,
        /// Its fields' patterns.
        fields: Vec<Pattern>,
    },
    /// `Point { x, y: 0, .. }`
    Struct {
        /// The struct type.
        path: Path,
        /// The fields named.
        fields: Vec<FieldPattern>,
        /// The `..`, where written: other fields are not looked at.
        rest: Option<Span>,
    },
    /// `()`, `(a, b)`; never one element, which is [`PatternKind::Paren`].
    Tuple(Vec<Pattern>),
    /// `[]`, `[a, b]`, `[first, ..rest]`; each element a pattern or one `..`.
    List(Vec<ListPatternElement>),
    /// `A | B`: at least two.
    Or(Vec<Pattern>),
    /// `(p)`, which is `p`.
    Paren(Box<Pattern>),
    /// An error was reported here.
    Error,
}

/// An end of a range pattern.
#[derive(Clone, PartialEq, Debug)]
pub enum RangeEnd {
    /// A number, character or duration.
    Literal(Literal),
    /// A constant.
    Const(Path),
}

/// A field of a struct pattern: `x` (binds `x`) or `x: p`.
#[derive(Clone, PartialEq, Debug)]
pub struct FieldPattern {
    /// The field.
    pub name: Ident,
    /// The pattern after the colon, where written.
    pub pattern: Option<Pattern>,
    /// The whole field.
    pub span: Span,
}

/// An element of a list pattern.
#[derive(Clone, PartialEq, Debug)]
pub enum ListPatternElement {
    /// One element.
    Element(Pattern),
    /// `..` or `..rest`: any number of elements.
    Rest {
        /// The name that binds them as a list, where written (`.._` is `..`).
        name: Option<Ident>,
        /// The whole of it.
        span: Span,
    },
}
