//! Places: reading parts of values, and assignment.
//!
//! Input: place expressions, and the HIR's assignable places. Output: MIR places whose indices are temporaries that were checked against the
//! bounds. Invariants: before a write below a list or a boxed value each such value on the path is made unshared, outermost
//! first; the old value is dropped only when the new one is at hand.

use orion_hir as hir;
use orion_hir::{ExprKind, ProjectionKind};

use super::builder::Builder;
use super::expr::{is_place, through_views};
use crate::body::{BinOp, Failure, Local, Operand, Place, Proj, Rvalue, StatementKind};
use crate::ty::{IntTy, TyKind};

impl<'h> Builder<'_, '_, 'h> {
    /// The place of an expression's value: of its variable where it names one, else a temporary.
    pub(super) fn place_of(&mut self, expr: &'h hir::Expr) -> Place {
        let outer = self.move_to(expr.span);
        let place = self.place_of_kind(expr);
        self.loc = outer;
        place
    }

    fn place_of_kind(&mut self, expr: &'h hir::Expr) -> Place {
        let expr = through_views(expr);
        match &expr.kind {
            ExprKind::Local(id) => self.var_place(*id),
            ExprKind::Field(base, index) => {
                let mut place = self.place_of(base);
                let step = self.field_step(&place, *index);
                place.projection.push(step);
                place
            }
            ExprKind::Index(base, index) => {
                let mut place = self.place_of(base);
                if is_place(base) && self.is_changed_by(base, index) {
                    let ty = self.place_ty(&place);
                    place = self.temp_of(ty, Rvalue::Use(Operand::Copy(place))).into();
                }
                let index = self.index_local(index);
                self.check_index(&place, index);
                place.projection.push(Proj::Index(index));
                place
            }
            _ => self.value_temp(expr).into(),
        }
    }

    pub(super) fn field_step(&self, base: &Place, index: u32) -> Proj {
        match self.cx.types.kind(self.place_ty(base)) {
            TyKind::Tuple(_) => Proj::Field(index),
            _ => Proj::Variant(0, index),
        }
    }

    /// An index in a temporary that nothing changes.
    pub(super) fn index_local(&mut self, expr: &'h hir::Expr) -> Local {
        self.borrow_local(expr)
    }

    /// Panics unless the index is in range of the list at the place.
    pub(super) fn check_index(&mut self, list: &Place, index: Local) {
        let i64 = self.i64();
        let len = self.temp_of(i64, Rvalue::Len(list.clone()));
        self.check_below(index, len);
    }

    /// Panics unless `0 <= index < len`.
    pub(super) fn check_below(&mut self, index: Local, len: Local) {
        let u64 = self.int(IntTy::U64);
        let unsigned = self.cast(Operand::Borrow(index.into()), u64);
        let limit = self.cast(Operand::Borrow(len.into()), u64);
        let in_range = self.compare(BinOp::Lt, unsigned, limit);
        let failure = Failure::Index(Operand::Borrow(index.into()), Operand::Borrow(len.into()));
        self.assert(in_range, true, failure);
    }

    /// Evaluates the indices of an assignable place, in order.
    pub(super) fn place_indices(&mut self, place: &'h hir::Place) -> Vec<Local> {
        let mut indices = Vec::new();
        for projection in &place.projections {
            if let ProjectionKind::Index(index) = &projection.kind {
                indices.push(self.index_local(index));
            }
        }
        indices
    }

    /// The place with its evaluated indices, checked against the bounds now.
    pub(super) fn checked_place(&mut self, place: &hir::Place, indices: &[Local]) -> Place {
        let mut result = self.var_place(place.local);
        let mut indices = indices.iter();
        for projection in &place.projections {
            let step = match &projection.kind {
                ProjectionKind::Field(index) => self.field_step(&result, *index),
                ProjectionKind::VariantField { variant, field } => Proj::Variant(*variant, *field),
                ProjectionKind::Index(_) => {
                    let index = *indices.next().expect("an index was evaluated for each");
                    let outer = self.move_to(projection.span);
                    self.check_index(&result, index);
                    self.loc = outer;
                    Proj::Index(index)
                }
            };
            result.projection.push(step);
        }
        result
    }

    /// Makes everything above the place unshared, outermost first.
    pub(super) fn make_path_unique(&mut self, place: &Place) {
        let mut prefix = Place::from(place.local);
        let mut ty = self.body.ty(place.local);
        for step in &place.projection {
            if self.cx.is_shared(ty) {
                self.push(StatementKind::MakeUnique(prefix.clone()));
            }
            ty = self.step_ty(ty, step);
            prefix.projection.push(step.clone());
        }
    }

    /// Overwrites a place.
    pub(super) fn store(&mut self, place: Place, value: Rvalue) {
        if place.projection.is_empty() {
            self.assign(place, value);
            return;
        }
        let ty = self.place_ty(&place);
        self.make_path_unique(&place);
        if !self.cx.types.needs_drop(ty) && !self.cx.is_shared(ty) {
            self.assign(place, value);
            return;
        }
        // The value may read what is about to be dropped.
        let value = match value {
            Rvalue::Use(Operand::Move(local)) => Operand::Move(local),
            Rvalue::Use(Operand::Const(value)) => Operand::Const(value),
            value => {
                let temp = self.temp_of(ty, value);
                self.own_local(temp)
            }
        };
        self.push(StatementKind::Drop(place.clone()));
        self.assign(place, Rvalue::Use(value));
    }

    /// `place = value`
    pub(super) fn lower_assign(&mut self, place: &'h hir::Place, value: &'h hir::Expr) {
        let indices = self.place_indices(place);
        let place_ty = self.ty(place.ty);
        if self.holds_generator(place_ty) {
            // The old value's generators end when the new one is at hand.
            let value = self.value_temp(value);
            let target = self.checked_place(place, &indices);
            if target.projection.is_empty() {
                self.stop_now(target.local);
                self.assign(target, Rvalue::Use(Operand::Move(value)));
            } else {
                let old = self.take(&target);
                self.stop_now(old);
                self.assign(target, Rvalue::Use(Operand::Move(value)));
            }
            return;
        }
        if place.projections.is_empty() && self.var_local(place.local).is_some() {
            let value = self.operand(value);
            let target = self.var_place(place.local);
            self.assign(target, Rvalue::Use(value));
            return;
        }
        let value = self.operand(value);
        let target = self.checked_place(place, &indices);
        self.store(target, Rvalue::Use(value));
    }

    /// `place op= value`
    pub(super) fn lower_assign_op(
        &mut self,
        op: hir::BinOp,
        place: &'h hir::Place,
        value: &'h hir::Expr,
    ) {
        let indices = self.place_indices(place);
        let operand = self.borrow(value);
        let target = self.checked_place(place, &indices);
        let ty = self.place_ty(&target);
        if matches!(self.cx.types.kind(ty), TyKind::Str) {
            let operand = match operand {
                // The place is empty while the string grows.
                Operand::Borrow(place) if place.local == target.local => {
                    Operand::Borrow(self.temp_of(ty, Rvalue::Use(Operand::Copy(place))).into())
                }
                operand => operand,
            };
            let old = self.take(&target);
            let joined = vec![self.own_local(old), operand];
            let joined = Rvalue::Intrinsic(crate::intrinsic::Intrinsic::StrPush, joined);
            if target.projection.is_empty() {
                self.assign(target, joined);
            } else {
                self.assign(old, joined);
                let value = self.own_local(old);
                self.assign(target, Rvalue::Use(value));
            }
            return;
        }
        let value_ty = self.ty(value.ty);
        let result = self.arith(op, Operand::Borrow(target.clone()), operand, ty, value_ty, ty);
        self.store(target, result);
    }

    /// The value at a place, taken out of it: the local itself, or a temporary while a dummy stands in the place.
    pub(super) fn take(&mut self, place: &Place) -> Local {
        if place.projection.is_empty() {
            return place.local;
        }
        let ty = self.place_ty(place);
        self.make_path_unique(place);
        self.temp_of(ty, Rvalue::Take(place.clone()))
    }

    /// Puts a taken value back.
    pub(super) fn put(&mut self, place: &Place, value: Local) {
        if place.local == value && place.projection.is_empty() {
            return;
        }
        let value = self.own_local(value);
        self.assign(place.clone(), Rvalue::Use(value));
    }
}
