//! Calls: of functions, class members and function values, with in-out arguments.
//!
//! Input: a HIR call. Output: a `Call` terminator. In-out arguments are taken out of their places when all arguments are evaluated and all
//! indices are checked, and written back on both edges, so that a defer of the caller finds them where the call unwound.

use orion_hir as hir;
use orion_hir::Arg;
use rustc_hash::FxHashSet;

use super::builder::Builder;
use super::channel::{NONE, SOME};
use super::expr::{Use, collect_changes, is_place};
use super::instance::Instance;
use crate::body::{BinOp, Callee, Const, Local, Operand, Place, Rvalue};
use crate::ty::{IntTy, TyKind};

/// An evaluated argument.
enum Ready<'h> {
    Value(Operand),
    /// In-out: the place and its evaluated indices.
    Mut(&'h hir::Place, Vec<Local>),
}

impl<'h> Builder<'_, '_, 'h> {
    pub(super) fn lower_call(
        &mut self,
        callee: &'h hir::Callee,
        args: &'h [Arg],
        ret: hir::TyId,
        dest: Option<Local>,
    ) {
        if let (hir::Callee::Fn(id, _), [Arg::Value(value)]) = (callee, args)
            && self.look_at_linear(*id, value, dest)
        {
            return;
        }
        let callee = match callee {
            hir::Callee::Fn(id, types) => {
                let types = types.iter().map(|&ty| self.concrete(ty)).collect();
                Callee::Body(self.cx.instance(Instance::Fn(*id, types)))
            }
            hir::Callee::Member { class, member, ty } => {
                let ty = self.concrete(*ty);
                let (id, types) = self.cx.member(*class, *member, ty);
                Callee::Body(self.cx.instance(Instance::Fn(id, types)))
            }
            hir::Callee::Value(value) => Callee::Value(self.borrow_local(value)),
        };
        let ready = self.arguments(args);
        let mut operands = Vec::new();
        let mut inout = Vec::new();
        let mut write_back = Vec::new();
        let places = self.checked_places(&ready);
        let mut places = places.into_iter();
        for arg in ready {
            match arg {
                Ready::Value(value) => operands.push(value),
                Ready::Mut(..) => {
                    let place: Place = places.next().expect("one for each in-out argument");
                    let value = self.take(&place);
                    operands.push(Operand::Move(value));
                    inout.push(value);
                    if !place.projection.is_empty() {
                        write_back.push((place, value));
                    }
                }
            }
        }
        let ret = self.ty(ret);
        let dest = match dest {
            // The destination may be a variable that goes in and out as well.
            Some(dest) if !inout.contains(&dest) => dest,
            _ => self.temp(ret),
        };
        self.emit_call(callee, operands, dest, inout, write_back);
    }

    /// The functions of the prelude that look at a value which cannot be copied are done in place: a call would take the value.
    fn look_at_linear(&mut self, id: hir::FnId, value: &'h hir::Expr, dest: Option<Local>) -> bool {
        let name = match &self.cx.hir_fn(id) {
            func if func.is_std => func.name.clone(),
            _ => return false,
        };
        let looks =
            matches!(&*name, "len" | "is_empty" | "is_some" | "is_none" | "is_ok" | "is_err");
        if !looks || !is_place(value) || value.ty == hir::TyTable::NEVER {
            return false;
        }
        let ty = self.ty(value.ty);
        if !self.cx.is_linear(ty) {
            return false;
        }
        let is_list = matches!(self.cx.types.kind(ty), TyKind::List(_));
        // `Some` and `Err` are the second variants.
        let variant = match &*name {
            "is_some" | "is_err" => Some(SOME),
            "is_none" | "is_ok" => Some(NONE),
            _ => None,
        };
        if !is_list && variant.is_none() {
            return false;
        }
        let place = self.place_of(value);
        let (i64, u32) = (self.i64(), self.int(IntTy::U32));
        let found = if let Some(wanted) = variant {
            let tag = self.temp_of(u32, Rvalue::Tag(place));
            let wanted = Operand::Const(Const::Int(wanted.into(), IntTy::U32));
            Rvalue::Binary(BinOp::Eq, Operand::Borrow(tag.into()), wanted)
        } else if &*name == "is_empty" {
            let len = self.temp_of(i64, Rvalue::Len(place));
            Rvalue::Binary(BinOp::Eq, Operand::Borrow(len.into()), self.const_i64(0))
        } else {
            Rvalue::Len(place)
        };
        self.give(found, dest);
        true
    }

    fn arguments(&mut self, args: &'h [Arg]) -> Vec<Ready<'h>> {
        let changed = self.changed_by_later_args(args);
        args.iter()
            .zip(changed)
            .map(|(arg, changed)| match arg {
                Arg::Value(expr) => {
                    let operand = self.operand(expr);
                    Ready::Value(if changed {
                        self.settle(expr, operand, Use::Own)
                    } else {
                        operand
                    })
                }
                Arg::Mut(place) => Ready::Mut(place, self.place_indices(place)),
            })
            .collect()
    }

    /// For each argument: whether it reads a variable that a later argument, or the call itself, changes.
    fn changed_by_later_args(&self, args: &[Arg]) -> Vec<bool> {
        let mut result = vec![false; args.len()];
        let root = |arg: &Arg| match arg {
            Arg::Value(expr) => self.mutable_root(expr),
            Arg::Mut(_) => None,
        };
        let Some(first) = args.iter().position(|arg| root(arg).is_some()) else { return result };
        let mut changed = FxHashSet::default();
        // In-out arguments are taken before the call reads the others, wherever they stand.
        for arg in args {
            if let Arg::Mut(place) = arg {
                changed.insert(place.local);
            }
        }
        for index in (first..args.len()).rev() {
            result[index] = root(&args[index]).is_some_and(|root| changed.contains(&root));
            match &args[index] {
                Arg::Value(expr) => collect_changes(expr, &mut changed),
                Arg::Mut(place) => {
                    for projection in &place.projections {
                        if let hir::ProjectionKind::Index(index) = &projection.kind {
                            collect_changes(index, &mut changed);
                        }
                    }
                }
            }
        }
        result
    }

    /// The places of the in-out arguments, all checked before the first is taken: a check may panic.
    fn checked_places(&mut self, args: &[Ready<'h>]) -> Vec<Place> {
        args.iter()
            .filter_map(|arg| match arg {
                Ready::Value(_) => None,
                Ready::Mut(place, indices) => Some(self.checked_place(place, indices)),
            })
            .collect()
    }
}
