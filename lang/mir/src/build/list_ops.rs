//! Lists: literals with a count, slices, and the operations that change a list in place.
//!
//! Each operation checks its indices first; from there on nothing can fail, so that a value taken out of its place is always put back.

use orion_hir as hir;
use orion_hir::{Arg, Intrinsic as H};

use super::builder::Builder;
use crate::body::{BinOp, Const, Failure, Local, Operand, Place, Proj, Rvalue, StatementKind};
use crate::intrinsic::Intrinsic;
use crate::ty::TyKind;

impl<'h> Builder<'_, '_, 'h> {
    /// `[value; count]`
    pub(super) fn list_repeat(&mut self, value: &'h hir::Expr, count: &'h hir::Expr) -> Rvalue {
        let mut operand = self.operand(value);
        if self.is_changed_by(value, count) {
            operand = self.settle(value, operand, super::expr::Use::Own);
        }
        let count = self.borrow(count);
        self.check_length(count.clone());
        Rvalue::Intrinsic(Intrinsic::ListRepeat, vec![operand, count])
    }

    fn check_length(&mut self, count: Operand) {
        let zero = self.const_i64(0);
        let is_valid = self.compare(BinOp::Ge, count.clone(), zero);
        self.assert(is_valid, true, Failure::Length(count));
    }

    /// `base[start..end]`
    pub(super) fn slice(
        &mut self,
        base: &'h hir::Expr,
        start: Option<&'h hir::Expr>,
        end: Option<&'h hir::Expr>,
        inclusive: bool,
        ty: hir::TyId,
    ) -> Rvalue {
        let (ty, i64) = (self.ty(ty), self.i64());
        let mut whole = self.place_of(base);
        let is_changed =
            [start, end].into_iter().flatten().any(|later| self.is_changed_by(base, later));
        if is_changed {
            let whole_ty = self.place_ty(&whole);
            whole = self.temp_of(whole_ty, Rvalue::Use(Operand::Copy(whole))).into();
        }
        let mut from = match start {
            Some(start) => self.borrow(start),
            None => self.const_i64(0),
        };
        if let (Some(start), Some(end)) = (start, end)
            && self.is_changed_by(start, end)
        {
            from = self.settle(start, from, super::expr::Use::Borrow);
        }
        let is_list = matches!(self.cx.types.kind(ty), TyKind::List(_));
        let to = match end {
            None if is_list => {
                Operand::Borrow(self.temp_of(i64, Rvalue::Len(whole.clone())).into())
            }
            None => {
                let args = vec![Operand::Borrow(whole.clone())];
                Operand::Borrow(
                    self.temp_of(i64, Rvalue::Intrinsic(Intrinsic::StrLen, args)).into(),
                )
            }
            Some(end) => {
                let last = self.borrow(end);
                if inclusive {
                    let one = self.const_i64(1);
                    let sum = self.arith(hir::BinOp::Add, last, one, i64, i64, i64);
                    Operand::Borrow(self.temp_of(i64, sum).into())
                } else {
                    last
                }
            }
        };
        let which = if is_list { Intrinsic::ListSlice } else { Intrinsic::StrSlice };
        let part = self.call_intrinsic(which, vec![Operand::Borrow(whole), from, to], ty);
        Rvalue::Use(self.own_local(part))
    }

    /// An operation whose first argument is an in-out list.
    pub(super) fn change_list(&mut self, which: H, args: &'h [Arg], dest: Option<Local>) {
        let Some((Arg::Mut(list), rest)) = args.split_first() else {
            unreachable!("the list is in-out")
        };
        let indices = self.place_indices(list);
        let mut rest = rest.iter().map(|arg| match arg {
            Arg::Value(value) => value,
            Arg::Mut(_) => unreachable!("only the list is in-out"),
        });
        let mut next = || rest.next().expect("as many arguments as the signature says");
        match which {
            H::ListPush => {
                let value = self.value_temp(next());
                let place = self.checked_place(list, &indices);
                let value = self.own_local(value);
                self.update(&place, |list| {
                    Rvalue::Intrinsic(Intrinsic::ListPush, vec![list, value])
                });
            }
            H::ListPop => {
                let place = self.checked_place(list, &indices);
                let i64 = self.i64();
                let len = self.temp_of(i64, Rvalue::Len(place.clone()));
                let one = self.const_i64(1);
                let last = Rvalue::Binary(BinOp::Sub, Operand::Borrow(len.into()), one);
                let last = self.temp_of(i64, last);
                self.check_below(last, len);
                self.take_element(&place, last, dest);
                self.push(StatementKind::SetLen(place, Operand::Borrow(last.into())));
            }
            H::ListInsert => {
                let index = self.borrow_local(next());
                let value = self.value_temp(next());
                let place = self.checked_place(list, &indices);
                let i64 = self.i64();
                let len = self.temp_of(i64, Rvalue::Len(place.clone()));
                let one = self.const_i64(1);
                let limit = Rvalue::Binary(BinOp::Add, Operand::Borrow(len.into()), one);
                let limit = self.temp_of(i64, limit);
                self.check_insert(index, limit, len);
                let taken = self.take(&place);
                let list = self.own_local(taken);
                let args = vec![list, Operand::Borrow(index.into())];
                self.assign(taken, Rvalue::Intrinsic(Intrinsic::ListOpenGap, args));
                let value = self.own_local(value);
                let gap = Place { local: taken, projection: vec![Proj::Index(index)] };
                self.assign(gap, Rvalue::Use(value));
                self.put(&place, taken);
            }
            H::ListRemove => {
                let index = self.borrow_local(next());
                let place = self.checked_place(list, &indices);
                self.check_index(&place, index);
                self.take_element(&place, index, dest);
                self.update(&place, |list| {
                    let args = vec![list, Operand::Borrow(index.into())];
                    Rvalue::Intrinsic(Intrinsic::ListCloseGap, args)
                });
            }
            H::ListSwap => {
                let first = self.borrow_local(next());
                let second = self.borrow_local(next());
                let place = self.checked_place(list, &indices);
                self.check_index(&place, first);
                self.check_index(&place, second);
                let places = [element(&place, first), element(&place, second)];
                self.make_path_unique(&places[0]);
                let item = self.place_ty(&places[0]);
                let values = places.clone().map(|place| self.temp_of(item, Rvalue::Take(place)));
                for (place, value) in places.into_iter().zip(values.into_iter().rev()) {
                    let value = self.own_local(value);
                    self.assign(place, Rvalue::Use(value));
                }
            }
            _ => {
                // Truncate and reserve.
                let count = self.borrow_local(next());
                let place = self.checked_place(list, &indices);
                self.check_length(Operand::Borrow(count.into()));
                let which = match which {
                    H::ListTruncate => Intrinsic::ListTruncate,
                    _ => Intrinsic::ListReserve,
                };
                self.update(&place, |list| {
                    Rvalue::Intrinsic(which, vec![list, Operand::Borrow(count.into())])
                });
            }
        }
        if let Some(dest) = dest
            && !matches!(which, H::ListPop | H::ListRemove)
        {
            self.assign(dest, Rvalue::Use(Operand::Const(Const::Unit)));
        }
    }

    /// Replaces the list at a place by what an operation makes of it.
    fn update(&mut self, place: &Place, change: impl FnOnce(Operand) -> Rvalue) {
        let taken = self.take(place);
        let list = self.own_local(taken);
        self.assign(taken, change(list));
        self.put(place, taken);
    }

    /// Takes an element out of a list, leaving a dummy.
    fn take_element(&mut self, list: &Place, index: Local, dest: Option<Local>) {
        let place = element(list, index);
        self.make_path_unique(&place);
        let ty = self.place_ty(&place);
        let value = self.temp_of(ty, Rvalue::Take(place));
        if let Some(dest) = dest {
            let value = self.own_local(value);
            self.assign(dest, Rvalue::Use(value));
        }
    }

    fn check_insert(&mut self, index: Local, limit: Local, len: Local) {
        let u64 = self.int(crate::ty::IntTy::U64);
        let unsigned = self.cast(Operand::Borrow(index.into()), u64);
        let limit = self.cast(Operand::Borrow(limit.into()), u64);
        let in_range = self.compare(BinOp::Lt, unsigned, limit);
        let failure = Failure::Index(Operand::Borrow(index.into()), Operand::Borrow(len.into()));
        self.assert(in_range, true, failure);
    }
}

fn element(list: &Place, index: Local) -> Place {
    let mut place = list.clone();
    place.projection.push(Proj::Index(index));
    place
}
