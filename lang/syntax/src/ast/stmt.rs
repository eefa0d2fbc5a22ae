//! Blocks and statements.

use super::{Expr, Ident, Pattern, Type};
use crate::span::Span;

/// `{ … }`
#[derive(Clone, PartialEq, Debug)]
pub struct Block {
    /// The statements but a last expression.
    pub stmts: Vec<Stmt>,
    /// The last statement, where it is an expression: the block's value. Neither a newline nor
    /// a `;` after it changes that.
    pub value: Option<Box<Expr>>,
    /// Braces included.
    pub span: Span,
}

impl Block {
    /// The place just before the closing brace, for messages about a missing value.
    #[must_use]
    pub fn end_brace(&self) -> Span {
        Span::new(self.span.file, self.span.end.saturating_sub(1), self.span.end)
    }
}

/// A statement.
#[derive(Clone, PartialEq, Debug)]
pub struct Stmt {
    /// Which statement.
    pub kind: StmtKind,
    /// Where it stands, without what ends it.
    pub span: Span,
}

/// The statements.
#[derive(Clone, PartialEq, Debug)]
pub enum StmtKind {
    /// `let p: T = e` and `var p: T = e`
    Let {
        /// `var`.
        mutable: bool,
        /// What is bound.
        pattern: Pattern,
        /// The type, where written.
        ty: Option<Type>,
        /// The value.
        value: Expr,
    },
    /// `value, ok := <-ch`
    Receive {
        /// The new variable for the value; `None` is `_`.
        value: Option<Ident>,
        /// The new variable that says whether there was one; `None` is `_`.
        ok: Option<Ident>,
        /// The channel, without the `<-`.
        channel: Expr,
    },
    /// `defer { … }`
    Defer(Block),
    /// An expression; also assignments, sends, loops and jumps, which are [`ExprKind`](super::ExprKind)s
    /// that the grammar admits as statements and as bodies of arms.
    Expr(Expr),
    /// An error was reported here.
    Error,
}
