//! Conversions: `as`, `as%`, implicit widening, channel views.
//!
//! Input: a value and the type it becomes. Output: an rvalue, after the test that the value fits. A `char` counts as a `u32`; `f32` is tested as
//! `f64`, which holds every bound that matters exactly.

use orion_hir as hir;
use orion_hir::CastKind;

use super::adt::{int_max, int_min};
use super::builder::Builder;
use crate::body::{BinOp, Const, Failure, Operand, Rvalue};
use crate::ty::{IntTy, Ty, TyKind};

/// Largest code point.
const CHAR_MAX: i128 = 0x10_FFFF;

impl<'h> Builder<'_, '_, 'h> {
    pub(super) fn convert(
        &mut self,
        kind: CastKind,
        operand: &'h hir::Expr,
        to: hir::TyId,
    ) -> Rvalue {
        if kind == CastKind::ChanView {
            return Rvalue::Use(self.operand(operand));
        }
        let (from, to) = (self.ty(operand.ty), self.ty(to));
        let value = self.borrow(operand);
        if from == to {
            return Rvalue::Use(copied(value));
        }
        if kind != CastKind::Checked {
            return Rvalue::Cast(value, to);
        }
        let u32 = self.int(IntTy::U32);
        match (self.cx.types.kind(from).clone(), self.cx.types.kind(to).clone()) {
            (TyKind::Int(int), TyKind::Int(target)) => self.int_to_int(value, int, target, to),
            (TyKind::Char, TyKind::Int(target)) => {
                let code = self.cast(value, u32);
                self.int_to_int(code, IntTy::U32, target, to)
            }
            (TyKind::Int(int), TyKind::Char) => self.int_to_char(value, int, to),
            (TyKind::F32 | TyKind::F64, TyKind::Int(target)) => {
                self.float_to_int(value, from, target, to)
            }
            (TyKind::F32 | TyKind::F64, TyKind::Char) => {
                let i64 = self.i64();
                let code = self.float_to_int(value, from, IntTy::I64, i64);
                let code = Operand::Borrow(self.temp_of(i64, code).into());
                self.int_to_char(code, IntTy::I64, to)
            }
            (TyKind::Char, TyKind::F32 | TyKind::F64) => {
                let code = self.cast(value, u32);
                Rvalue::Cast(code, to)
            }
            _ => Rvalue::Cast(value, to),
        }
    }

    fn int_to_int(&mut self, value: Operand, from: IntTy, target: IntTy, to: Ty) -> Rvalue {
        if let Some(fits) = self.in_range(&value, from, int_min(target), int_max(target)) {
            self.assert(fits, true, Failure::Cast(value.clone()));
        }
        Rvalue::Cast(value, to)
    }

    fn int_to_char(&mut self, value: Operand, from: IntTy, to: Ty) -> Rvalue {
        if let Some(fits) = self.in_range(&value, from, 0, CHAR_MAX) {
            self.assert(fits, true, Failure::Cast(value.clone()));
        }
        let u32 = self.int(IntTy::U32);
        let code = if from == IntTy::U32 { value.clone() } else { self.cast(value.clone(), u32) };
        if from.bits() > 8 {
            let surrogate = self
                .in_range(&code, IntTy::U32, 0xD800, 0xDFFF)
                .expect("surrogates are a part of all code points");
            self.assert(surrogate, false, Failure::Cast(value));
        }
        Rvalue::Cast(code, to)
    }

    fn float_to_int(&mut self, value: Operand, from: Ty, target: IntTy, to: Ty) -> Rvalue {
        let (f64, bool) = (self.intern(TyKind::F64), self.bool());
        let wide = if from == f64 { value } else { self.cast(value, f64) };
        // Truncation fits exactly when `min - 1 < value < max + 1`; for 64 bits `min - 1` is not a float, but there is none in between either.
        // Comparisons with NaN are false.
        let below = Operand::Const(Const::F64(int_max(target) as f64 + 1.0));
        let below = match target {
            IntTy::I64 => Operand::Const(Const::F64(9_223_372_036_854_775_808.0)),
            IntTy::U64 => Operand::Const(Const::F64(18_446_744_073_709_551_616.0)),
            _ => below,
        };
        let (op, least) = match target {
            IntTy::I64 => (BinOp::Ge, int_min(target) as f64),
            _ => (BinOp::Gt, int_min(target) as f64 - 1.0),
        };
        let above = self.compare(op, wide.clone(), Operand::Const(Const::F64(least)));
        let below = self.compare(BinOp::Lt, wide.clone(), below);
        let fits = self.binary(BinOp::And, above, below, bool);
        self.assert(fits, true, Failure::Cast(Operand::Const(Const::Unit)));
        Rvalue::Cast(wide, to)
    }
}

/// A scalar that was looked at, as an owned operand.
fn copied(value: Operand) -> Operand {
    match value {
        Operand::Borrow(place) => Operand::Copy(place),
        other => other,
    }
}
