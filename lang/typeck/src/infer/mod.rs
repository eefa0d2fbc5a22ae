//! Inference for one body: bidirectional, by unification.
//!
//! Input: a function's tree and its signature. Output: HIR bodies of the function and of every
//! closure in it, with final types. Algorithm: types flow down as hints and up as results;
//! unknown ones are variables ([`unify`]); what needs final types (class bounds, ranges of
//! literals, conversions) is recorded and settled in [`finish`].
//! Invariant: an expression with an error has type `Error`, which agrees with every type, so that
//! one mistake gives one message.

mod block;
mod call;
mod check;
mod coerce;
mod data;
mod early;
mod field;
mod finish;
mod frame;
mod intrinsics;
mod lambda;
mod loops;
mod method;
mod names;
mod ops;
mod pattern;
mod place;
mod root;
mod select;
mod tasks;
mod unify;
mod value;

pub use check::Expect;
pub use coerce::Why;
pub use frame::{Frame, FrameKind, LocalKind, YieldMode};

use crate::classes::Obligation;
use crate::globals::{Globals, ModuleId};
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::{Body, Expr, ExprKind, FnId, Generic, Ty, TyId, TyTable};
use orion_syntax::{Span, Symbol};
use unify::Vars;

/// Something that is checked when all types are known.
pub enum LateCheck {
    /// The type must be a number (or whatever the operator takes).
    Operand {
        /// Type of the operands.
        ty: TyId,
        /// The operator.
        op: &'static str,
        /// Where it stands.
        span: Span,
    },
}

/// The state of inference for one item: a function with the closures in it, or a constant.
pub struct Infer<'g, 'a> {
    /// The program.
    pub g: &'g mut Globals<'a>,
    /// Module of the item.
    pub module: ModuleId,
    /// Type parameters of the item.
    pub generics: Vec<Generic>,
    /// Their names.
    pub generic_names: Vec<Symbol>,
    vars: Vars,
    frames: Vec<Frame>,
    obligations: Vec<Obligation>,
    late: Vec<LateCheck>,
    /// Finished closure bodies, with types not yet final.
    closures: Vec<(FnId, Body)>,
    /// Names whose `let` is being evaluated: not yet to be used.
    pending: Vec<Symbol>,
    /// Whether an error was reported.
    pub failed: bool,
}

impl<'g, 'a> Infer<'g, 'a> {
    /// A fresh state.
    pub fn new(g: &'g mut Globals<'a>, module: ModuleId, generics: Vec<Generic>) -> Self {
        let generic_names = generics.iter().map(|generic| Symbol::intern(&generic.name)).collect();
        Self {
            g,
            module,
            generics,
            generic_names,
            vars: Vars::default(),
            frames: Vec::new(),
            obligations: Vec::new(),
            late: Vec::new(),
            closures: Vec::new(),
            pending: Vec::new(),
            failed: false,
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.failed |= diagnostic.is_error();
        self.g.report(diagnostic);
    }

    fn error(&mut self, code: ErrorCode, span: Span, message: impl Into<String>) -> ErrorBuilder {
        self.failed = true;
        ErrorBuilder(Diagnostic::new(code, span, message))
    }

    fn emit(&mut self, builder: ErrorBuilder) {
        self.failed = true;
        self.g.report(builder.0);
    }

    /// Requires that a type has a class; checked at the end.
    pub(crate) fn require(
        &mut self,
        class: orion_hir::ClassId,
        ty: TyId,
        span: Span,
        reason: crate::classes::Reason,
    ) {
        self.obligations.push(Obligation { class, ty, span, reason });
    }

    fn kind(&self, ty: TyId) -> &Ty {
        self.g.program.types.kind(ty)
    }

    fn types(&mut self) -> &mut TyTable {
        &mut self.g.program.types
    }

    /// The kind of a type as far as it is known.
    fn known(&self, ty: TyId) -> Ty {
        self.kind(self.shallow(ty)).clone()
    }

    /// The text of a type as far as it is known.
    fn show(&mut self, ty: TyId) -> String {
        let ty = self.deep_for_show(ty);
        self.g.show(ty, &self.generics)
    }

    /// Two types that are told apart: with their modules, where their texts are the same.
    fn show_both(&mut self, a: TyId, b: TyId) -> (String, String) {
        let texts = (self.show(a), self.show(b));
        if texts.0 != texts.1 {
            return texts;
        }
        let (a, b) = (self.deep_for_show(a), self.deep_for_show(b));
        let qualified = |ty| self.g.program.show_qualified_ty_in(ty, &self.generics);
        (qualified(a), qualified(b))
    }

    fn has_error(&mut self, ty: TyId) -> bool {
        let ty = self.deep(ty);
        self.g.program.types.has_error(ty)
    }

    fn option_of(&mut self, ty: TyId) -> TyId {
        let option = self.g.program.lang.option;
        self.types().adt(option, &[ty])
    }
}

/// A diagnostic being built.
pub struct ErrorBuilder(Diagnostic);

impl ErrorBuilder {
    fn label(self, text: impl Into<String>) -> Self {
        Self(self.0.label(text))
    }
    fn secondary(self, span: Span, text: impl Into<String>) -> Self {
        Self(self.0.secondary(span, text))
    }
    fn note(self, text: impl Into<String>) -> Self {
        Self(self.0.note(text))
    }
    fn help(self, text: impl Into<String>) -> Self {
        Self(self.0.help(text))
    }
    fn fix(self, span: Span, text: impl Into<String>) -> Self {
        Self(self.0.fix(span, text))
    }
}

/// `1 field`, `2 fields`
fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// An expression.
fn expr(kind: ExprKind, ty: TyId, span: Span) -> Expr {
    Expr { kind, ty, span }
}

/// What stands for an expression with an error.
fn error_expr(span: Span) -> Expr {
    Expr { kind: ExprKind::Unit, ty: TyTable::ERROR, span }
}
