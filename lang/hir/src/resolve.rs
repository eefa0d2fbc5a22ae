//! Instance resolution: which function is the member of a class at a type.
//!
//! Input: a class, a member, and a type (concrete at monomorphisation; with parameters in the type
//! checker). Output: a function with its type arguments. Algorithm: one-way matching of the
//! instance heads, which do not overlap; then the derived instances, made on demand.
//! Invariant: at most one explicit instance matches (coherence is checked by the type checker).

use crate::TyId;
use crate::derive::{SHOW_AFTER, SHOW_NESTED, derive_member, derive_show_after, derive_show_str};
use crate::ids::{ClassId, FnId, InstanceId};
use crate::item::{BuiltinClass, Program};
use crate::ty::{Ty, TyTable, for_each_part};

/// Binds the parameters of `pattern` so that it becomes `ty`. `bound` has one entry per parameter.
#[must_use]
pub fn match_ty(types: &TyTable, pattern: TyId, ty: TyId, bound: &mut [Option<TyId>]) -> bool {
    if let Ty::Param(n) = *types.kind(pattern) {
        let Some(slot) = bound.get_mut(n as usize) else { return pattern == ty };
        return match *slot {
            Some(known) => known == ty,
            None => {
                *slot = Some(ty);
                true
            }
        };
    }
    if pattern == ty {
        return !types.has_param(pattern) || {
            // The same open type on both sides: its parameters stand for themselves.
            let mut parts = Vec::new();
            for_each_part(types.kind(pattern), |part| parts.push(part));
            parts.into_iter().all(|part| match_ty(types, part, part, bound))
        };
    }
    let (pattern_kind, kind) = (types.kind(pattern), types.kind(ty));
    let same_head = match (pattern_kind, kind) {
        (Ty::Tuple(a), Ty::Tuple(b)) => a.len() == b.len(),
        (Ty::Adt(a, _), Ty::Adt(b, _)) => a == b,
        (Ty::List(_), Ty::List(_))
        | (Ty::Chan(_), Ty::Chan(_))
        | (Ty::Send(_), Ty::Send(_))
        | (Ty::Recv(_), Ty::Recv(_))
        | (Ty::Task(_), Ty::Task(_))
        | (Ty::Gen { .. }, Ty::Gen { .. }) => true,
        (Ty::Fn(a), Ty::Fn(b)) => {
            a.params.len() == b.params.len()
                && a.params.iter().zip(&b.params).all(|(a, b)| a.mutable == b.mutable)
                && a.yields.is_some() == b.yields.is_some()
        }
        _ => false,
    };
    if !same_head {
        return false;
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for_each_part(pattern_kind, |part| left.push(part));
    for_each_part(kind, |part| right.push(part));
    left.into_iter().zip(right).all(|(a, b)| match_ty(types, a, b, bound))
}

impl Program {
    /// The explicit instance of a class at a type, with the arguments for its generics.
    #[must_use]
    pub fn find_instance(&self, class: ClassId, ty: TyId) -> Option<(InstanceId, Vec<TyId>)> {
        // Instances of a class are few; those of the five built-in classes are sought by head.
        self.instances.iter_enumerated().find_map(|(id, instance)| {
            if instance.class != class {
                return None;
            }
            let mut bound = vec![None; instance.generics.len()];
            if !match_ty(&self.types, instance.ty, ty, &mut bound) {
                return None;
            }
            Some((id, bound.into_iter().map(|arg| arg.unwrap_or(TyTable::ERROR)).collect()))
        })
    }

    /// The function that is a class's member at a concrete type, with its type arguments. Derived
    /// members are added to the program when first asked for. `None` where the type does not have
    /// the class; the type checker has ruled that out for every call in a program.
    pub fn resolve_member(
        &mut self,
        class: ClassId,
        member: u32,
        ty: TyId,
    ) -> Option<(FnId, Vec<TyId>)> {
        if class == self.lang.show && member == SHOW_AFTER {
            return derive_show_after(self, ty).map(|func| (func, Vec::new()));
        }
        let mut member = member;
        if class == self.lang.show && member == SHOW_NESTED {
            if ty == TyTable::STR {
                return Some((derive_show_str(self), Vec::new()));
            }
            member = 0;
        }
        if let Some((instance, args)) = self.find_instance(class, ty) {
            return Some((self.instances[instance].members[member as usize], args));
        }
        let builtin = self.classes[class].builtin?;
        derive_member(self, builtin, ty).map(|func| (func, Vec::new()))
    }

    /// The class that a built-in stands for.
    #[must_use]
    pub fn builtin_class(&self, builtin: BuiltinClass) -> ClassId {
        match builtin {
            BuiltinClass::Eq => self.lang.eq,
            BuiltinClass::Ord => self.lang.ord,
            BuiltinClass::Hash => self.lang.hash,
            BuiltinClass::Show => self.lang.show,
            BuiltinClass::Default => self.lang.default,
        }
    }

    /// Whether a sum type with these variants is used for its tag only.
    #[must_use]
    pub fn is_plain_enum(&self, ty: TyId) -> bool {
        match self.types.kind(ty) {
            Ty::Adt(adt, _) => {
                let adt = &self.adts[*adt];
                !adt.variants().is_empty()
                    && adt.variants().iter().all(|variant| variant.fields.is_empty())
            }
            _ => false,
        }
    }
}
