//! Interpolation: building strings piece by piece.
//!
//! Input: the parts of a concatenation. Output: a string that grows in place; primitive values are appended by the runtime without a string of
//! their own. Parts are evaluated in order, each once.

use orion_hir as hir;
use orion_hir::{Callee, ExprKind};

use super::builder::Builder;
use crate::body::{Const, Local, Operand, Rvalue};
use crate::intrinsic::Intrinsic;
use crate::ty::{IntTy, TyKind};

impl<'h> Builder<'_, '_, 'h> {
    pub(super) fn concat(&mut self, parts: &'h [hir::Expr]) -> Rvalue {
        let str = self.str();
        let mut rest = parts.iter();
        let mut result = match rest.next() {
            None => return Rvalue::Use(Operand::Const(Const::Str(String::new()))),
            Some(first) => match self.shown_primitive(first) {
                None => {
                    let value = self.value_temp(first);
                    Rvalue::Use(self.own_local(value))
                }
                Some((push, value)) => {
                    let empty = Operand::Const(Const::Str(String::new()));
                    self.push_primitive(push, empty, value)
                }
            },
        };
        let mut built: Option<Local> = None;
        for part in rest {
            let text = match built {
                None => *built.insert(self.temp_of(str, result)),
                Some(text) => {
                    self.assign(text, result);
                    text
                }
            };
            let outer = self.move_to(part.span);
            result = match self.shown_primitive(part) {
                Some((push, value)) => self.push_primitive(push, Operand::Copy(text.into()), value),
                None => {
                    let piece = self.borrow(part);
                    let pieces = vec![Operand::Copy(text.into()), piece];
                    Rvalue::Intrinsic(Intrinsic::StrPush, pieces)
                }
            };
            self.loc = outer;
        }
        result
    }

    fn push_primitive(&mut self, push: Intrinsic, text: Operand, value: &'h hir::Expr) -> Rvalue {
        let mut value_operand = self.borrow(value);
        let ty = self.ty(value.ty);
        if let TyKind::Int(int) = *self.cx.types.kind(ty)
            && int.bits() < 64
        {
            let wide = self.int(if int.signed() { IntTy::I64 } else { IntTy::U64 });
            value_operand = self.cast(value_operand, wide);
        }
        Rvalue::Intrinsic(push, vec![text, value_operand])
    }

    /// `show` of a primitive value: the operation that appends it, and the value.
    fn shown_primitive(&mut self, part: &'h hir::Expr) -> Option<(Intrinsic, &'h hir::Expr)> {
        let ExprKind::Call(Callee::Member { class, member, ty }, args) = &part.kind else {
            return None;
        };
        let [hir::Arg::Value(value)] = args.as_slice() else { return None };
        if *class != self.cx.hir.lang.show || value.ty == hir::TyTable::NEVER {
            return None;
        }
        let ty = self.concrete(*ty);
        let push = match self.cx.hir.types.kind(ty) {
            hir::Ty::Bool => Intrinsic::StrPushBool,
            hir::Ty::Char => Intrinsic::StrPushCharQuoted,
            hir::Ty::Int(kind) if kind.is_signed() => Intrinsic::StrPushI64,
            hir::Ty::Int(_) => Intrinsic::StrPushU64,
            hir::Ty::Float(hir::FloatKind::F32) => Intrinsic::StrPushF32,
            hir::Ty::Float(hir::FloatKind::F64) => Intrinsic::StrPushF64,
            hir::Ty::Duration => Intrinsic::StrPushDuration,
            hir::Ty::Instant => Intrinsic::StrPushInstant,
            hir::Ty::Str if *member == 0 => Intrinsic::StrPush,
            hir::Ty::Str => Intrinsic::StrPushQuoted,
            _ => return None,
        };
        // An explicit instance replaces the built-in form.
        let by_hand = self.cx.hir.find_instance(*class, ty).is_some();
        (!by_hand).then_some((push, value))
    }
}
