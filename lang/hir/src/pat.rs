//! Patterns, typed. Decision trees are built when MIR is made.
//!
//! Invariants: constants are already replaced by their values; every alternative of an `Or` binds
//! the same variables; a `let` or `for` pattern matches always; `match` is exhaustive.

use crate::ids::{LocalId, TyId};
use crate::item::Name;
use orion_syntax::Span;

/// A pattern.
#[derive(Clone, Debug)]
pub struct Pat {
    /// What it is.
    pub kind: PatKind,
    /// Type of what it matches.
    pub ty: TyId,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of patterns.
#[derive(Clone, Debug)]
pub enum PatKind {
    /// `_`: matches, and drops nothing it does not own.
    Wild,
    /// Binds the whole value.
    Bind(LocalId),
    /// `()`: always matches.
    Unit,
    /// `true false`
    Bool(bool),
    /// An integer.
    Int(i128),
    /// A character.
    Char(char),
    /// A float; compared with `==`.
    Float(f64),
    /// A string.
    Str(Name),
    /// A duration in nanoseconds.
    Duration(i64),
    /// Integers or characters (as code points) from `lo` to `hi`, both included.
    Range {
        /// First.
        lo: i128,
        /// Last.
        hi: i128,
    },
    /// A variant of a sum type, with a pattern per field.
    Variant(u32, Vec<Pat>),
    /// A struct: some of its fields, by index.
    Struct(Vec<(u32, Pat)>),
    /// A tuple: all its elements.
    Tuple(Vec<Pat>),
    /// A list: its first elements, and its last after a rest. Without `rest` the length is exact.
    List {
        /// From the front.
        prefix: Vec<Pat>,
        /// `..` or `..name`: the elements in between, as a list where bound.
        rest: Option<Rest>,
        /// From the back.
        suffix: Vec<Pat>,
    },
    /// `A | B`: the first that matches.
    Or(Vec<Pat>),
}

/// The rest of a list pattern.
#[derive(Clone, Debug)]
pub struct Rest {
    /// Variable for the elements in between.
    pub bind: Option<LocalId>,
    /// Where it stands.
    pub span: Span,
}
