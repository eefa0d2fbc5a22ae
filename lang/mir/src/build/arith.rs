//! Operators on primitive values, with their checks.
//!
//! Input: a HIR operator and its operands. Output: an rvalue, after the assertions that the reference asks for: overflow, division by zero, shift
//! counts. Strings go to runtime operations, durations and instants are computed as 64-bit integers.
//! Long chains of left-associative operators are a loop, not a recursion.

use orion_hir as hir;
use orion_hir::ExprKind;

use super::adt::{int_max, int_min};
use super::builder::Builder;
use super::expr::Use;
use crate::body::{BinOp, Const, Failure, Local, Operand, Rvalue, UnOp};
use crate::intrinsic::Intrinsic;
use crate::ty::{IntTy, Ty, TyKind};

impl<'h> Builder<'_, '_, 'h> {
    /// `a op b op …`: the operators on the left spine, innermost first.
    pub(super) fn binary_chain(&mut self, expr: &'h hir::Expr) -> Rvalue {
        if let Some((op, a, b)) = self.plain_class_comparison(expr) {
            let ty = self.ty(a.ty);
            let left = self.borrow(a);
            let left =
                if self.is_changed_by(a, b) { self.settle(a, left, Use::Borrow) } else { left };
            let right = self.borrow(b);
            return self.comparison(op, left, right, ty);
        }
        let mut spine = Vec::new();
        let mut leaf = expr;
        while let ExprKind::Binary(op, left, right) = &leaf.kind {
            if self.plain_class_comparison(leaf).is_some() {
                break;
            }
            if left.ty == hir::TyTable::NEVER || right.ty == hir::TyTable::NEVER {
                break;
            }
            spine.push((*op, leaf, &**left, &**right));
            leaf = left;
        }
        let mut value: Option<Rvalue> = None;
        while let Some((op, whole, left, right)) = spine.pop() {
            let outer = self.move_to(whole.span);
            let (left_ty, right_ty) = (self.ty(left.ty), self.ty(right.ty));
            let result = self.ty(whole.ty);
            let pushes =
                op == hir::BinOp::Add && matches!(self.cx.types.kind(left_ty), TyKind::Str);
            let how = if pushes { Use::Own } else { Use::Borrow };
            let a = match value.take() {
                None => {
                    let a = if pushes { self.operand(left) } else { self.borrow(left) };
                    if self.is_changed_by(left, right) { self.settle(left, a, how) } else { a }
                }
                Some(value) => {
                    let temp = self.temp_of(left_ty, value);
                    if pushes { self.own_local(temp) } else { Operand::Borrow(temp.into()) }
                }
            };
            let b = self.borrow(right);
            value = Some(self.arith(op, a, b, left_ty, right_ty, result));
            self.loc = outer;
        }
        value.expect("a binary expression has an operator")
    }

    /// `a < b` in generic code is an index of `compare(a, b)` against that of `Equal`. Where the type turns out to be one whose instance is the operator itself (floats order
    /// NaN differently), this gives the operator and its operands.
    fn plain_class_comparison(
        &mut self,
        expr: &'h hir::Expr,
    ) -> Option<(hir::BinOp, &'h hir::Expr, &'h hir::Expr)> {
        let ExprKind::Binary(op, index, one) = &expr.kind else { return None };
        let ExprKind::VariantIndex(call) = &index.kind else { return None };
        let ExprKind::Call(hir::Callee::Member { class, ty, .. }, args) = &call.kind else {
            return None;
        };
        let [hir::Arg::Value(a), hir::Arg::Value(b)] = &args[..] else { return None };
        let is_compare = *class == self.cx.hir.lang.ord && matches!(one.kind, ExprKind::Int(1));
        let ty = self.ty(*ty);
        let is_plain = matches!(
            self.cx.types.kind(ty),
            TyKind::Int(_)
                | TyKind::Bool
                | TyKind::Char
                | TyKind::Str
                | TyKind::Duration
                | TyKind::Instant
        );
        (is_compare && op.is_comparison() && is_plain).then_some((*op, a, b))
    }

    /// `a op b` with operands at hand: borrowed, but the left one of a string's `+`, which is owned.
    pub(super) fn arith(
        &mut self,
        op: hir::BinOp,
        a: Operand,
        b: Operand,
        a_ty: Ty,
        b_ty: Ty,
        result: Ty,
    ) -> Rvalue {
        use hir::BinOp as H;
        if op.is_comparison() {
            return self.comparison(op, a, b, a_ty);
        }
        match *self.cx.types.kind(a_ty) {
            TyKind::Int(int) => match op {
                H::Add => self.checked(BinOp::Add, a, b, a_ty),
                H::Sub => self.checked(BinOp::Sub, a, b, a_ty),
                H::Mul => self.checked(BinOp::Mul, a, b, a_ty),
                H::Div => self.divide(BinOp::Div, a, b, int),
                H::Rem => self.divide(BinOp::Rem, a, b, int),
                H::AddWrap => Rvalue::Binary(BinOp::Add, a, b),
                H::SubWrap => Rvalue::Binary(BinOp::Sub, a, b),
                H::MulWrap => Rvalue::Binary(BinOp::Mul, a, b),
                H::Shl => self.shift(BinOp::Shl, a, b, int, b_ty),
                H::Shr => self.shift(BinOp::Shr, a, b, int, b_ty),
                _ => Rvalue::Binary(plain(op), a, b),
            },
            TyKind::Str => Rvalue::Intrinsic(Intrinsic::StrPush, vec![a, b]),
            TyKind::Duration | TyKind::Instant => self.time(op, a, b, b_ty, result),
            _ => Rvalue::Binary(plain(op), a, b),
        }
    }

    /// Wraps, and panics if it did.
    fn checked(&mut self, op: BinOp, a: Operand, b: Operand, ty: Ty) -> Rvalue {
        let bool = self.bool();
        let pair_ty = self.intern(TyKind::Tuple(vec![ty, bool]));
        let pair = self.temp_of(pair_ty, Rvalue::Checked(op, a, b));
        self.assert(Operand::Borrow(field(pair, 1)), false, Failure::Overflow(Some(op)));
        Rvalue::Use(Operand::Copy(field(pair, 0)))
    }

    fn divide(&mut self, op: BinOp, a: Operand, b: Operand, int: IntTy) -> Rvalue {
        let known = match b {
            Operand::Const(Const::Int(value, _)) => Some(value),
            _ => None,
        };
        if known.is_none_or(|value| value == 0) {
            let zero = Operand::Const(Const::Int(0, int));
            let is_zero = self.compare(BinOp::Eq, b.clone(), zero);
            let failure = match op {
                BinOp::Rem => Failure::RemainderByZero,
                _ => Failure::DivideByZero,
            };
            self.assert(is_zero, false, failure);
        }
        if int.signed() && known.is_none_or(|value| value == -1) {
            let bool = self.bool();
            let least = Operand::Const(Const::Int(int_min(int), int));
            let minus_one = Operand::Const(Const::Int(-1, int));
            let is_least = self.compare(BinOp::Eq, a.clone(), least);
            let is_minus_one = self.compare(BinOp::Eq, b.clone(), minus_one);
            let overflows = self.binary(BinOp::And, is_least, is_minus_one, bool);
            self.assert(overflows, false, Failure::Overflow(Some(op)));
        }
        Rvalue::Binary(op, a, b)
    }

    fn shift(&mut self, op: BinOp, a: Operand, b: Operand, int: IntTy, count_ty: Ty) -> Rvalue {
        let width = int.bits();
        let is_known = matches!(b, Operand::Const(Const::Int(count, _)) if (0..i128::from(width)).contains(&count));
        if !is_known {
            // Negative counts become huge ones.
            let u64 = self.int(IntTy::U64);
            let i64 = self.i64();
            let count = self.int_kind(count_ty);
            let wide = if count.signed() { self.cast(b.clone(), i64) } else { b.clone() };
            let unsigned = self.cast(wide, u64);
            let limit = self.const_u64(i128::from(width));
            let fits = self.compare(BinOp::Lt, unsigned, limit);
            self.assert(fits, true, Failure::Shift(b.clone(), width));
        }
        Rvalue::Binary(op, a, b)
    }

    fn comparison(&mut self, op: hir::BinOp, a: Operand, b: Operand, ty: Ty) -> Rvalue {
        let op = plain(op);
        match self.cx.types.kind(ty) {
            TyKind::Unit => {
                let is_true = matches!(op, BinOp::Eq | BinOp::Le | BinOp::Ge);
                Rvalue::Use(Operand::Const(Const::Bool(is_true)))
            }
            TyKind::Str if op == BinOp::Eq => Rvalue::Intrinsic(Intrinsic::StrEqual, vec![a, b]),
            TyKind::Str if op == BinOp::Ne => {
                let bool = self.bool();
                let equal = self.temp_of(bool, Rvalue::Intrinsic(Intrinsic::StrEqual, vec![a, b]));
                Rvalue::Unary(UnOp::Not, Operand::Borrow(equal.into()))
            }
            TyKind::Str => {
                let i32 = self.int(IntTy::I32);
                let order = self.temp_of(i32, Rvalue::Intrinsic(Intrinsic::StrCompare, vec![a, b]));
                let zero = Operand::Const(Const::Int(0, IntTy::I32));
                Rvalue::Binary(op, Operand::Borrow(order.into()), zero)
            }
            _ => Rvalue::Binary(op, a, b),
        }
    }

    /// Durations and instants: as nanoseconds.
    fn time(&mut self, op: hir::BinOp, a: Operand, b: Operand, b_ty: Ty, result: Ty) -> Rvalue {
        let i64 = self.i64();
        let a = self.cast(a, i64);
        let b = if b_ty == i64 { b } else { self.cast(b, i64) };
        let ns = match op {
            hir::BinOp::Add => self.checked(BinOp::Add, a, b, i64),
            hir::BinOp::Sub => self.checked(BinOp::Sub, a, b, i64),
            hir::BinOp::Mul => self.checked(BinOp::Mul, a, b, i64),
            hir::BinOp::Div => self.divide(BinOp::Div, a, b, IntTy::I64),
            hir::BinOp::Rem => self.divide(BinOp::Rem, a, b, IntTy::I64),
            _ => Rvalue::Binary(plain(op), a, b),
        };
        if result == i64 {
            return ns;
        }
        let ns = self.temp_of(i64, ns);
        Rvalue::Cast(Operand::Borrow(ns.into()), result)
    }

    /// `-a`, `!a`, `~a`
    pub(super) fn unary(&mut self, op: hir::UnOp, operand: &'h hir::Expr) -> Rvalue {
        let ty = self.ty(operand.ty);
        let value = self.borrow(operand);
        if op != hir::UnOp::Neg {
            return Rvalue::Unary(UnOp::Not, value);
        }
        match *self.cx.types.kind(ty) {
            TyKind::Int(int) => self.negate(value, int),
            TyKind::Duration => {
                let i64 = self.i64();
                let ns = self.cast(value, i64);
                let negated = self.negate(ns, IntTy::I64);
                let negated = self.temp_of(i64, negated);
                Rvalue::Cast(Operand::Borrow(negated.into()), ty)
            }
            _ => Rvalue::Unary(UnOp::Neg, value),
        }
    }

    fn negate(&mut self, value: Operand, int: IntTy) -> Rvalue {
        // Of unsigned values only 0 has a negative.
        let (limit, expected) = if int.signed() { (int_min(int), false) } else { (0, true) };
        let limit = Operand::Const(Const::Int(limit, int));
        let at_limit = self.compare(BinOp::Eq, value.clone(), limit);
        self.assert(at_limit, expected, Failure::Overflow(None));
        Rvalue::Unary(UnOp::Neg, value)
    }

    /// Whether `lo <= value <= hi`, testing only what the value's type leaves open.
    pub(super) fn in_range(
        &mut self,
        value: &Operand,
        int: IntTy,
        lo: i128,
        hi: i128,
    ) -> Option<Operand> {
        let bool = self.bool();
        let above = (int_min(int) < lo).then(|| {
            let lo = Operand::Const(Const::Int(lo, int));
            self.compare(BinOp::Ge, value.clone(), lo)
        });
        let below = (int_max(int) > hi).then(|| {
            let hi = Operand::Const(Const::Int(hi, int));
            self.compare(BinOp::Le, value.clone(), hi)
        });
        match (above, below) {
            (Some(above), Some(below)) => Some(self.binary(BinOp::And, above, below, bool)),
            (one, other) => one.or(other),
        }
    }
}

fn field(tuple: Local, index: u32) -> crate::body::Place {
    crate::body::Place { local: tuple, projection: vec![crate::body::Proj::Field(index)] }
}

/// The MIR operator of one that needs no check.
fn plain(op: hir::BinOp) -> BinOp {
    use hir::BinOp as H;
    match op {
        H::Add | H::AddWrap => BinOp::Add,
        H::Sub | H::SubWrap => BinOp::Sub,
        H::Mul | H::MulWrap => BinOp::Mul,
        H::Div => BinOp::Div,
        H::Rem => BinOp::Rem,
        H::BitAnd => BinOp::And,
        H::BitOr => BinOp::Or,
        H::BitXor => BinOp::Xor,
        H::Shl => BinOp::Shl,
        H::Shr => BinOp::Shr,
        H::Eq => BinOp::Eq,
        H::Ne => BinOp::Ne,
        H::Lt => BinOp::Lt,
        H::Le => BinOp::Le,
        H::Gt => BinOp::Gt,
        H::Ge => BinOp::Ge,
    }
}
