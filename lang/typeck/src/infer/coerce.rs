//! Implicit conversions, and what is said where a type does not fit.
//!
//! Conversions: a narrower integer to a wider one of the same signedness; a channel to one of its
//! views; `Never` to anything. Everything else must be the same type.

use super::{ErrorBuilder, Expect, Infer, error_expr, expr};
use orion_diagnostics::ErrorCode;
use orion_hir::{CastKind, Expr, ExprKind, IntKind, Name, Ty, TyId, TyTable};
use orion_syntax::{Span, ast};

/// Why a value must be of a type: the construct, for the wording.
#[derive(Clone, Debug)]
pub enum Why {
    /// `let x: T = v`; where the type is written.
    Let(Span),
    /// An argument.
    Arg {
        /// Whom it is passed to.
        callee: Name,
        /// Name of the parameter, where it has one.
        param: Option<Name>,
        /// Where it is declared.
        declared: Option<Span>,
    },
    /// Result of a function, by `return` or as its last value.
    Return(Name, Span),
    /// The body's value as the result.
    Body(Name, Span),
    /// `place = v`
    Assign,
    /// `ch <- v`
    Send,
    /// An element of a list.
    Element,
    /// A key or value of a map.
    Entry(&'static str),
    /// A field of a struct.
    Field(Name, Span),
    /// A condition of this construct.
    Condition(&'static str),
    /// An index.
    Index,
    /// An operand of an operator.
    Operand(&'static str),
    /// A branch of this construct; the first branch with a type.
    Branch(&'static str, Option<Span>),
    /// What a generator yields.
    Yield,
    /// A constant.
    Const(Span),
    /// What this construct takes.
    Construct(&'static str),
}

impl Infer<'_, '_> {
    /// Evaluates for a type that is wanted.
    pub(super) fn check(&mut self, e: &ast::Expr, wanted: TyId, why: &Why) -> Expr {
        let value = self.expr(e, Expect::Ty(wanted));
        self.coerce(value, wanted, why)
    }

    /// Converts implicitly where that is allowed; reports where it is not.
    pub(super) fn coerce(&mut self, value: Expr, wanted: TyId, why: &Why) -> Expr {
        match self.try_coerce(value, wanted) {
            Ok(value) => value,
            Err(value) => {
                self.report_mismatch(&value, wanted, why);
                error_expr(value.span)
            }
        }
    }

    /// Converts implicitly where that is allowed; gives the value back where it is not.
    #[expect(clippy::result_large_err, reason = "the error is the value itself")]
    pub(super) fn try_coerce(&mut self, value: Expr, wanted: TyId) -> Result<Expr, Expr> {
        let from = self.shallow(value.ty);
        let to = self.shallow(wanted);
        if from == to {
            return Ok(value);
        }
        match (self.kind(from).clone(), self.kind(to).clone()) {
            (Ty::Never, _) => Ok(value),
            (Ty::Int(a), Ty::Int(b)) if widens(a, b) => {
                let span = value.span;
                Ok(expr(ExprKind::Cast(CastKind::Widen, Box::new(value)), to, span))
            }
            (Ty::Chan(a), Ty::Send(b) | Ty::Recv(b)) if self.unify(a, b) => {
                let span = value.span;
                Ok(expr(ExprKind::Cast(CastKind::ChanView, Box::new(value)), to, span))
            }
            _ if self.unify(from, to) => Ok(value),
            _ => Err(value),
        }
    }

    fn report_mismatch(&mut self, value: &Expr, wanted: TyId, why: &Why) {
        if self.has_error(value.ty) || self.has_error(wanted) {
            self.failed = true;
            return;
        }
        let (found, want) = self.show_both(value.ty, wanted);
        let span = value.span;
        let is_empty_body = matches!(why, Why::Body(..))
            && self.shallow(value.ty) == TyTable::UNIT
            && !matches!(value.kind, ExprKind::Unit);
        let mut error = match why {
            Why::Let(ty) => self
                .error(
                    ErrorCode::E0201,
                    span,
                    format!("the variable is a `{want}`, its value a `{found}`"),
                )
                .label(format!("a `{found}`"))
                .secondary(*ty, "its type is written here"),
            Why::Arg { callee, param, declared } => {
                let name = match param {
                    Some(param) => format!(" for `{param}`"),
                    None => String::new(),
                };
                let error = self
                    .error(
                        ErrorCode::E0201,
                        span,
                        format!("`{callee}` takes a `{want}`{name}, not a `{found}`"),
                    )
                    .label(format!("a `{found}`"));
                match declared {
                    Some(span) if !span.is_builtin() && !self.is_std_span(*span) => {
                        error.secondary(*span, "the parameter")
                    }
                    _ => error,
                }
            }
            Why::Body(name, declared) if is_empty_body => {
                let error = self
                    .error(
                        ErrorCode::E0207,
                        span,
                        format!("{name} gives a `{want}`, but its body ends without a value"),
                    )
                    .label("no value at its end")
                    .secondary(*declared, format!("a `{want}` is promised here"));
                error.help("the last expression is the value; or write `return`")
            }
            Why::Return(name, declared) | Why::Body(name, declared) => self
                .error(ErrorCode::E0201, span, format!("{name} gives a `{want}`, not a `{found}`"))
                .label(format!("a `{found}`"))
                .secondary(*declared, format!("a `{want}` is promised here")),
            Why::Assign => self
                .error(
                    ErrorCode::E0201,
                    span,
                    format!("cannot assign a `{found}` to a place of type `{want}`"),
                )
                .label(format!("a `{found}`")),
            Why::Send => self
                .error(
                    ErrorCode::E0201,
                    span,
                    format!("cannot send `{found}` on a channel of `{want}`"),
                )
                .label(format!("a `{found}`")),
            Why::Element => self
                .error(
                    ErrorCode::E0201,
                    span,
                    format!("a list of `{want}` cannot hold a `{found}`"),
                )
                .label(format!("a `{found}`")),
            Why::Entry(what) => self
                .error(
                    ErrorCode::E0201,
                    span,
                    format!("the map's {what}s are `{want}`, this one is a `{found}`"),
                )
                .label(format!("a `{found}`")),
            Why::Field(name, declared) => {
                let error = self
                    .error(
                        ErrorCode::E0201,
                        span,
                        format!("the field `{name}` is a `{want}`, not a `{found}`"),
                    )
                    .label(format!("a `{found}`"));
                error.secondary(*declared, "declared here")
            }
            Why::Condition(what) => self
                .error(
                    ErrorCode::E0201,
                    span,
                    format!("the condition of {what} must be a `bool`, not a `{found}`"),
                )
                .label(format!("a `{found}`")),
            Why::Index => self
                .error(ErrorCode::E0201, span, format!("an index is an `{want}`, not a `{found}`"))
                .label(format!("a `{found}`")),
            Why::Operand(op) => self
                .error(
                    ErrorCode::E0204,
                    span,
                    format!("`{op}` takes a `{want}` here, not a `{found}`"),
                )
                .label(format!("a `{found}`")),
            Why::Branch(what, first) => {
                let error = self
                    .error(
                        ErrorCode::E0216,
                        span,
                        format!(
                            "the branches of {what} have different types: `{want}` and `{found}`"
                        ),
                    )
                    .label(format!("a `{found}`"));
                match first {
                    Some(first) => error.secondary(*first, format!("a `{want}`")),
                    None => error,
                }
            }
            Why::Yield => self
                .error(
                    ErrorCode::E0504,
                    span,
                    format!("the generator yields `{want}`, not `{found}`"),
                )
                .label(format!("a `{found}`")),
            Why::Const(ty) => self
                .error(
                    ErrorCode::E0201,
                    span,
                    format!("the constant is a `{want}`, its value a `{found}`"),
                )
                .label(format!("a `{found}`"))
                .secondary(*ty, "its type is written here"),
            Why::Construct(what) => self
                .error(ErrorCode::E0201, span, format!("{what} takes a `{want}`, not a `{found}`"))
                .label(format!("a `{found}`")),
        };
        error = self.mismatch_help(error, value, wanted);
        self.emit(error);
    }

    /// Whether a place lies in the standard library: showing it helps nobody.
    pub(super) fn is_std_span(&self, span: Span) -> bool {
        self.g.modules.iter().any(|module| module.is_std && module.ast.span.file == span.file)
    }

    /// The fix, where the two types suggest one.
    fn mismatch_help(&mut self, error: ErrorBuilder, value: &Expr, wanted: TyId) -> ErrorBuilder {
        let (from, to) = (self.known(value.ty), self.known(wanted));
        let option = self.g.program.lang.option;
        let result = self.g.program.lang.result;
        match (&from, &to) {
            (Ty::Int(_), Ty::Int(to)) => error.help(format!(
                "`as {name}` converts and panics where it does not fit; `as% {name}` wraps",
                name = to.name()
            )),
            (Ty::Infer(_), Ty::Float(_)) => match value.kind {
                ExprKind::Int(number) => {
                    error.help(format!("write `{number}.0`")).fix(value.span, format!("{number}.0"))
                }
                _ => error,
            },
            (Ty::Int(_), Ty::Float(kind)) | (Ty::Float(_), Ty::Float(kind)) => {
                error.help(format!("convert it: `as {}`", kind.name()))
            }
            (Ty::Float(_), Ty::Int(kind)) => {
                error.help(format!("convert it: `as {}` truncates towards zero", kind.name()))
            }
            (Ty::Infer(_), Ty::Int(kind)) if self.is_float_var(value.ty) => {
                error.help(format!("convert it: `as {}` truncates towards zero", kind.name()))
            }
            (Ty::Adt(adt, _), _) if *adt == option || *adt == result => {
                error.help("take the value out with `?`, `match`, `unwrap_or(…)` or `unwrap()`")
            }
            (_, Ty::Adt(adt, _)) if *adt == option => error.help("wrap it: `Some(…)`"),
            (_, Ty::Adt(adt, _)) if *adt == result => error.help("wrap it: `Ok(…)` or `Err(…)`"),
            (Ty::Str, Ty::Char) => error.help("a character is written with `'`"),
            (Ty::Char, Ty::Str) => error.help("a string is written with `\"`"),
            (Ty::Task(_), _) => error.help("`@join(…)` waits for the task and gives its value"),
            (Ty::Chan(_) | Ty::Recv(_), Ty::Chan(_) | Ty::Send(_) | Ty::Recv(_)) => error,
            (Ty::Chan(_) | Ty::Recv(_), _) => error.help("`<-` receives from a channel"),
            (_, Ty::Str) => error.help("`\"{…}\"` makes a string of any value that has `Show`"),
            _ => error,
        }
    }

    /// Brings several branches to one type: that of the first, or the widest integer among them.
    pub(super) fn join(
        &mut self,
        branches: Vec<Expr>,
        expect: Expect,
        what: &'static str,
    ) -> (Vec<Expr>, TyId) {
        if let Expect::Ty(wanted) = expect
            && !self.is_unknown(wanted)
        {
            let all_never = branches.iter().all(|branch| branch.ty == TyTable::NEVER);
            let branches: Vec<Expr> = branches
                .into_iter()
                .map(|branch| match self.try_coerce(branch, wanted) {
                    // What does not fit is left: the branches may agree among themselves, and the
                    // construct around them says what it wants.
                    Ok(branch) | Err(branch) => branch,
                })
                .collect();
            let fits = branches.iter().all(|branch| {
                branch.ty == TyTable::NEVER || self.shallow(branch.ty) == self.shallow(wanted)
            });
            if all_never {
                return (branches, TyTable::NEVER);
            }
            if fits {
                return (branches, wanted);
            }
            return self.join_freely(branches, what);
        }
        self.join_freely(branches, what)
    }

    fn join_freely(&mut self, branches: Vec<Expr>, what: &'static str) -> (Vec<Expr>, TyId) {
        let mut joined: Option<(TyId, Span)> = None;
        for branch in &branches {
            let ty = self.shallow(branch.ty);
            if ty == TyTable::NEVER {
                continue;
            }
            joined = Some(match joined {
                None => (ty, branch.span),
                Some((old, span)) => match (self.known(old), self.known(ty)) {
                    (Ty::Int(a), Ty::Int(b)) if widens(a, b) => (ty, branch.span),
                    (Ty::Error, _) => (ty, branch.span),
                    _ => (old, span),
                },
            });
        }
        let Some((ty, first)) = joined else { return (branches, TyTable::NEVER) };
        let why = Why::Branch(what, Some(first));
        let branches = branches.into_iter().map(|branch| self.coerce(branch, ty, &why)).collect();
        (branches, ty)
    }
}

/// Whether every value of `a` is one of `b`, of the same signedness, and they differ.
pub(super) fn widens(a: IntKind, b: IntKind) -> bool {
    a.is_signed() == b.is_signed() && a.bits() < b.bits()
}
