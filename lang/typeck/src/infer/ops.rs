//! Operators and conversions.
//!
//! Arithmetic is decided as soon as both types are known; comparisons are emitted as primitive
//! ones, and become calls of class members in [`super::finish`] where the type is no primitive.

use super::coerce::widens;
use super::unify::VarKind;
use super::{Expect, Infer, LateCheck, Why, error_expr, expr};
use crate::classes::Reason;
use orion_diagnostics::ErrorCode;
use orion_hir::{BinOp, CastKind, Expr, ExprKind, Intrinsic, Ty, TyId, TyTable, UnOp};
use orion_syntax::{Span, ast};

fn bin_op(op: ast::BinaryOp) -> Option<BinOp> {
    Some(match op {
        ast::BinaryOp::Add => BinOp::Add,
        ast::BinaryOp::Sub => BinOp::Sub,
        ast::BinaryOp::Mul => BinOp::Mul,
        ast::BinaryOp::Div => BinOp::Div,
        ast::BinaryOp::Rem => BinOp::Rem,
        ast::BinaryOp::WrappingAdd => BinOp::AddWrap,
        ast::BinaryOp::WrappingSub => BinOp::SubWrap,
        ast::BinaryOp::WrappingMul => BinOp::MulWrap,
        ast::BinaryOp::BitAnd => BinOp::BitAnd,
        ast::BinaryOp::BitOr => BinOp::BitOr,
        ast::BinaryOp::BitXor => BinOp::BitXor,
        ast::BinaryOp::Shl => BinOp::Shl,
        ast::BinaryOp::Shr => BinOp::Shr,
        ast::BinaryOp::Eq => BinOp::Eq,
        ast::BinaryOp::Ne => BinOp::Ne,
        ast::BinaryOp::Lt => BinOp::Lt,
        ast::BinaryOp::Le => BinOp::Le,
        ast::BinaryOp::Gt => BinOp::Gt,
        ast::BinaryOp::Ge => BinOp::Ge,
        ast::BinaryOp::And | ast::BinaryOp::Or => return None,
    })
}

impl Infer<'_, '_> {
    pub(super) fn binary(
        &mut self,
        op: ast::BinaryOp,
        op_span: Span,
        left: &ast::Expr,
        right: &ast::Expr,
        span: Span,
    ) -> Expr {
        if op.is_logical() {
            let why = Why::Operand(op.as_str());
            let left = Box::new(self.check(left, TyTable::BOOL, &why));
            let right = Box::new(self.check(right, TyTable::BOOL, &why));
            let never = left.ty == TyTable::NEVER;
            let kind = if op == ast::BinaryOp::And {
                ExprKind::And(left, right)
            } else {
                ExprKind::Or(left, right)
            };
            return expr(kind, if never { TyTable::NEVER } else { TyTable::BOOL }, span);
        }
        let left = self.expr(left, Expect::Any);
        // In comparisons the left side says which variant or list the right one is.
        let hint = if op.is_comparison() { Expect::Ty(left.ty) } else { Expect::Any };
        let right = self.expr(right, hint);
        self.operate(op, op_span, left, right, span)
    }

    /// Applies an operator other than `&&` and `||`.
    pub(super) fn operate(
        &mut self,
        ast_op: ast::BinaryOp,
        op_span: Span,
        left: Expr,
        right: Expr,
        span: Span,
    ) -> Expr {
        let Some(op) = bin_op(ast_op) else { return error_expr(span) };
        let (l, r) = (self.known(left.ty), self.known(right.ty));
        if matches!(l, Ty::Error) || matches!(r, Ty::Error) {
            self.failed = true;
            let ty = if op.is_comparison() { TyTable::BOOL } else { TyTable::ERROR };
            return expr(ExprKind::Unit, ty, span);
        }
        if matches!(l, Ty::Never) || matches!(r, Ty::Never) {
            return expr(
                ExprKind::Binary(op, Box::new(left), Box::new(right)),
                TyTable::NEVER,
                span,
            );
        }
        if matches!(op, BinOp::Shl | BinOp::Shr) {
            return self.shift(op, op_span, left, right, span);
        }
        if let Some(ty) = time_result(op, &l, &r) {
            return self.time(op, left, right, ty, span);
        }
        let Some((left, right, ty)) = self.operands(op, op_span, left, right) else {
            let ty = if op.is_comparison() { TyTable::BOOL } else { TyTable::ERROR };
            return expr(ExprKind::Unit, ty, span);
        };
        if op.is_comparison() {
            let class = if matches!(op, BinOp::Eq | BinOp::Ne) {
                self.g.program.lang.eq
            } else {
                self.g.program.lang.ord
            };
            self.require(class, ty, span, Reason::Operator(op.symbol(), op_span));
            return expr(
                ExprKind::Binary(op, Box::new(left), Box::new(right)),
                TyTable::BOOL,
                span,
            );
        }
        if !self.check_operand(op, op_span, ty) {
            return error_expr(span);
        }
        expr(ExprKind::Binary(op, Box::new(left), Box::new(right)), ty, span)
    }

    /// Brings both operands to one type: the wider of two integers.
    fn operands(
        &mut self,
        op: BinOp,
        op_span: Span,
        left: Expr,
        right: Expr,
    ) -> Option<(Expr, Expr, TyId)> {
        if let (Ty::Int(a), Ty::Int(b)) = (self.known(left.ty), self.known(right.ty)) {
            let (lt, rt) = (self.shallow(left.ty), self.shallow(right.ty));
            if widens(a, b) {
                let span = left.span;
                let left = expr(ExprKind::Cast(CastKind::Widen, Box::new(left)), rt, span);
                return Some((left, right, rt));
            }
            if widens(b, a) {
                let span = right.span;
                let right = expr(ExprKind::Cast(CastKind::Widen, Box::new(right)), lt, span);
                return Some((left, right, lt));
            }
        }
        if self.unify(left.ty, right.ty) {
            let ty = self.shallow(left.ty);
            return Some((left, right, ty));
        }
        self.report_operands(op, op_span, &left, &right);
        None
    }

    fn report_operands(&mut self, op: BinOp, op_span: Span, left: &Expr, right: &Expr) {
        if self.has_error(left.ty) || self.has_error(right.ty) {
            self.failed = true;
            return;
        }
        let (l, r) = (self.show(left.ty), self.show(right.ty));
        let verb = match op {
            BinOp::Add | BinOp::AddWrap => format!("cannot add a `{r}` to a `{l}`"),
            BinOp::Sub | BinOp::SubWrap => format!("cannot subtract a `{r}` from a `{l}`"),
            BinOp::Mul | BinOp::MulWrap => format!("cannot multiply a `{l}` by a `{r}`"),
            BinOp::Div | BinOp::Rem => format!("cannot divide a `{l}` by a `{r}`"),
            op if op.is_comparison() => format!("cannot compare a `{l}` with a `{r}`"),
            op => format!("`{}` does not take a `{l}` and a `{r}`", op.symbol()),
        };
        let mut error = self
            .error(ErrorCode::E0204, op_span, verb)
            .label("operands of different types")
            .secondary(left.span, format!("a `{l}`"))
            .secondary(right.span, format!("a `{r}`"));
        let (lk, rk) = (self.known(left.ty), self.known(right.ty));
        error = match (&lk, &rk) {
            (Ty::Int(_) | Ty::Infer(_), Ty::Duration) if op == BinOp::Mul => {
                error.help("the duration stands first: `10ms * n`")
            }
            (Ty::Int(a), Ty::Int(_)) => error
                .note("integers of different signedness do not mix")
                .help(format!("convert one: `as {}`", a.name())),
            (Ty::Infer(_), Ty::Float(_)) if self.is_int_var(left.ty) => match left.kind {
                ExprKind::Int(n) => {
                    error.help(format!("write `{n}.0`")).fix(left.span, format!("{n}.0"))
                }
                _ => error.help("convert it: `as f64`"),
            },
            (Ty::Float(_) | Ty::Infer(_), Ty::Infer(_)) if self.is_int_var(right.ty) => {
                match right.kind {
                    ExprKind::Int(n) => {
                        error.help(format!("write `{n}.0`")).fix(right.span, format!("{n}.0"))
                    }
                    _ => error.help("convert it: `as f64`"),
                }
            }
            (Ty::Int(_), Ty::Float(k)) | (Ty::Float(k), Ty::Int(_) | Ty::Float(_)) => {
                error.help(format!("convert one: `as {}`", k.name()))
            }
            (Ty::Char, Ty::Int(_) | Ty::Infer(_)) | (Ty::Int(_) | Ty::Infer(_), Ty::Char) => {
                error.help("characters have numbers: `(c as u32 + 1) as char`")
            }
            (Ty::Str, _) | (_, Ty::Str) if op == BinOp::Add => {
                error.help("`\"{a}{b}\"` makes a string of any values that have `Show`")
            }
            _ => error,
        };
        self.emit(error);
    }

    /// Whether an arithmetic operator takes the type; what is not known yet is checked later.
    fn check_operand(&mut self, op: BinOp, op_span: Span, ty: TyId) -> bool {
        let ok = match self.var_kind(ty) {
            Some(VarKind::General | VarKind::UnitByDefault | VarKind::Parameter) => {
                self.late.push(LateCheck::Operand { ty, op: op.symbol(), span: op_span });
                true
            }
            Some(VarKind::Int) => takes(op, &Ty::Int(orion_hir::IntKind::I64)),
            Some(VarKind::Float) => takes(op, &Ty::Float(orion_hir::FloatKind::F64)),
            None => takes(op, &self.known(ty)),
        };
        if !ok {
            self.report_operand(op.symbol(), op_span, ty);
        }
        ok
    }

    pub(super) fn report_operand(&mut self, op: &str, op_span: Span, ty: TyId) {
        if self.has_error(ty) {
            return;
        }
        let text = self.show(ty);
        let mut error = self
            .error(ErrorCode::E0204, op_span, format!("`{op}` does not take a `{text}`"))
            .label("not for this type");
        error = match self.known(ty) {
            Ty::Param(_) => error.note(
                "a value of a type parameter can be stored, passed and copied, and what its bounds give",
            ),
            Ty::List(_) if op == "+" => error.help("`xs.extend(ys)` appends a list"),
            Ty::Bool if op == "+" || op == "*" => error.help("`||` and `&&` combine booleans"),
            Ty::Float(_) => error.note("it is for integers"),
            _ => error,
        };
        self.emit(error);
    }

    fn shift(&mut self, op: BinOp, op_span: Span, left: Expr, right: Expr, span: Span) -> Expr {
        for side in [&left, &right] {
            let ty = side.ty;
            let ok = match self.var_kind(ty) {
                Some(VarKind::Int) => true,
                Some(VarKind::Float) => false,
                Some(_) => {
                    self.late.push(LateCheck::Operand { ty, op: op.symbol(), span: op_span });
                    true
                }
                None => matches!(self.known(ty), Ty::Int(_)),
            };
            if !ok {
                self.report_operand(op.symbol(), op_span, ty);
                return error_expr(span);
            }
        }
        let ty = left.ty;
        expr(ExprKind::Binary(op, Box::new(left), Box::new(right)), ty, span)
    }

    /// Durations and instants.
    fn time(&mut self, op: BinOp, left: Expr, right: Expr, ty: TyId, span: Span) -> Expr {
        let right = if matches!(op, BinOp::Mul | BinOp::Div)
            && !matches!(self.known(right.ty), Ty::Duration)
        {
            self.coerce(right, TyTable::I64, &Why::Operand(op.symbol()))
        } else {
            right
        };
        if right.ty == TyTable::ERROR {
            return error_expr(span);
        }
        expr(ExprKind::Binary(op, Box::new(left), Box::new(right)), ty, span)
    }

    pub(super) fn unary(
        &mut self,
        op: ast::UnaryOp,
        op_span: Span,
        operand: &ast::Expr,
        expect: Expect,
        span: Span,
    ) -> Expr {
        let op = match op {
            ast::UnaryOp::Receive => {
                return self.receive(operand, Intrinsic::ChanRecv, span);
            }
            ast::UnaryOp::Not => {
                let operand = self.check(operand, TyTable::BOOL, &Why::Operand("!"));
                let ty = operand.ty;
                let ty = if ty == TyTable::NEVER { ty } else { TyTable::BOOL };
                return expr(ExprKind::Unary(UnOp::Not, Box::new(operand)), ty, span);
            }
            ast::UnaryOp::Neg => UnOp::Neg,
            ast::UnaryOp::BitNot => UnOp::BitNot,
        };
        let operand = self.expr(operand, expect);
        let ty = self.shallow(operand.ty);
        let symbol = if op == UnOp::Neg { "-" } else { "~" };
        let ok = match self.var_kind(ty) {
            Some(VarKind::Int) => true,
            Some(VarKind::Float) => op == UnOp::Neg,
            Some(_) => {
                self.report_unknown_type(ty, operand.span);
                return error_expr(span);
            }
            None => match self.known(ty) {
                Ty::Error | Ty::Never => return expr(ExprKind::Unit, ty, span),
                Ty::Int(kind) => op == UnOp::BitNot || kind.is_signed(),
                Ty::Float(_) | Ty::Duration => op == UnOp::Neg,
                _ => false,
            },
        };
        if !ok {
            let text = self.show(ty);
            let mut error = self
                .error(ErrorCode::E0204, op_span, format!("`{symbol}` does not take a `{text}`"))
                .label("not for this type");
            if matches!(self.known(ty), Ty::Int(_)) {
                error = error.note("an unsigned integer has no negative values");
            }
            if matches!(self.known(ty), Ty::Bool) {
                error = error.help("`!` negates a `bool`");
            }
            self.emit(error);
            return error_expr(span);
        }
        expr(ExprKind::Unary(op, Box::new(operand)), ty, span)
    }

    pub(super) fn cast(
        &mut self,
        operand: &ast::Expr,
        wrapping: bool,
        ty: &ast::Type,
        span: Span,
    ) -> Expr {
        let target = self.written_type(ty);
        // A literal takes the target's type where that is of its kind: `255 as u8` is `255u8`.
        let value = self.expr(operand, Expect::Any);
        if matches!(self.known(value.ty), Ty::Never) {
            return value;
        }
        let kind = if wrapping { CastKind::Wrapping } else { CastKind::Checked };
        expr(ExprKind::Cast(kind, Box::new(value)), target, span)
    }
}

/// The result type of an operator on durations and instants.
fn time_result(op: BinOp, l: &Ty, r: &Ty) -> Option<TyId> {
    match (op, l, r) {
        (BinOp::Add | BinOp::Sub, Ty::Duration, Ty::Duration) => Some(TyTable::DURATION),
        (BinOp::Mul | BinOp::Div, Ty::Duration, Ty::Int(_) | Ty::Infer(_)) => {
            Some(TyTable::DURATION)
        }
        (BinOp::Sub, Ty::Instant, Ty::Instant) => Some(TyTable::DURATION),
        (BinOp::Add | BinOp::Sub, Ty::Instant, Ty::Duration) => Some(TyTable::INSTANT),
        _ => None,
    }
}

/// Whether an arithmetic operator takes two values of the type.
pub(super) fn takes(op: BinOp, ty: &Ty) -> bool {
    match op {
        BinOp::Add => matches!(ty, Ty::Int(_) | Ty::Float(_) | Ty::Str | Ty::Duration),
        BinOp::Sub => matches!(ty, Ty::Int(_) | Ty::Float(_) | Ty::Duration | Ty::Instant),
        BinOp::Mul | BinOp::Div | BinOp::Rem => matches!(ty, Ty::Int(_) | Ty::Float(_)),
        BinOp::AddWrap | BinOp::SubWrap | BinOp::MulWrap | BinOp::Shl | BinOp::Shr => {
            matches!(ty, Ty::Int(_))
        }
        BinOp::BitAnd | BinOp::BitOr | BinOp::BitXor => matches!(ty, Ty::Int(_) | Ty::Bool),
        BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge => true,
    }
}
