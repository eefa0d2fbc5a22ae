//! Types as written.

use super::{Path, Yields};
use crate::span::Span;

/// A type.
#[derive(Clone, PartialEq, Debug)]
pub struct Type {
    /// Which type.
    pub kind: TypeKind,
    /// Where it stands.
    pub span: Span,
}

impl Type {
    /// A type at a place.
    #[must_use]
    pub const fn new(kind: TypeKind, span: Span) -> Self {
        Self { kind, span }
    }
}

/// The forms of types.
#[derive(Clone, PartialEq, Debug)]
pub enum TypeKind {
    /// A name, with type arguments or without: `i64`, `Chan[i64]`, `sync.Mutex[T]`.
    Named {
        /// The name.
        path: Path,
        /// The arguments; empty where no brackets were written.
        args: Vec<Type>,
    },
    /// `()`, `(A, B)`; never one element, which is [`TypeKind::Paren`].
    Tuple(Vec<Type>),
    /// `[T]`
    List(Box<Type>),
    /// `fn(A, mut B) R yields Y <- S`
    Fn(Box<FnType>),
    /// `(T)`, which is `T`.
    Paren(Box<Type>),
    /// An error was reported here.
    Error,
}

/// `fn(A, mut B) R yields Y <- S`
#[derive(Clone, PartialEq, Debug)]
pub struct FnType {
    /// The parameters' types.
    pub params: Vec<FnTypeParam>,
    /// The result, where written; `()` where not.
    pub result: Option<Type>,
    /// What it yields, where written.
    pub yields: Option<Yields>,
}

/// A parameter of a function type.
#[derive(Clone, PartialEq, Debug)]
pub struct FnTypeParam {
    /// The word `mut`, where written: an in-out parameter.
    pub mutable: Option<Span>,
    /// Its type.
    pub ty: Type,
}
