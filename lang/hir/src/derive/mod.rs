//! Derived instances: `Eq Ord Hash Show Default` of data types, as HIR functions.
//!
//! Input: a built-in class and a concrete type. Output: a function without generics, made once per
//! (class, type) and added to the program. Components are reached through class members, so that
//! an explicit instance of a part is honoured; recursion through a type is a call.
//! Order of evaluation and results follow the reference: lists and tuples lexicographically,
//! variants in order of declaration, `Default` the first variant without fields.
//! Floats order as IEEE does, with `NaN` equal to itself and above all others, so that `compare`
//! is a total order and sorting ends.

mod builder;
mod members;

use crate::TyId;
use crate::expr::Body;
use crate::ids::{FnId, IndexVec, LocalId};
use crate::intrinsic::Intrinsic;
use crate::item::{BuiltinClass, Fn, FnKind, Name, Param, Program};
use crate::ty::TyTable;
use builder::Builder;

/// Index of the hidden second member of `Show`: as `show`, but quoting a string, as inside of
/// compounds.
pub const SHOW_NESTED: u32 = 1;

/// Index of the hidden third member of `Show`, of compounds that derive it: `fn(value, text)` gives the text with that of the value behind it.
/// It grows one string in place, so that a deep value is shown in linear time.
pub(crate) const SHOW_AFTER: u32 = 2;

/// The derived member of a class at a concrete type; `None` where the type is no data type.
pub fn derive_member(program: &mut Program, class: BuiltinClass, ty: TyId) -> Option<FnId> {
    derive(program, class, 0, ty)
}

/// The function that shows a compound behind a text.
pub(crate) fn derive_show_after(program: &mut Program, ty: TyId) -> Option<FnId> {
    derive(program, BuiltinClass::Show, SHOW_AFTER, ty)
}

fn derive(program: &mut Program, class: BuiltinClass, member: u32, ty: TyId) -> Option<FnId> {
    let key = (class, member, ty);
    if let Some(&func) = program.derived.get(&key) {
        return Some(func);
    }
    let func = build(program, class, member, ty)?;
    program.derived.insert(key, func);
    Some(func)
}

/// `show` of a string as it appears inside a compound: quoted and escaped.
pub(crate) fn derive_show_str(program: &mut Program) -> FnId {
    derive(program, BuiltinClass::Show, SHOW_NESTED, TyTable::STR).expect("`str` has `Show`")
}

fn build(program: &mut Program, class: BuiltinClass, member: u32, ty: TyId) -> Option<FnId> {
    let one: &[(&str, TyId)] = &[("a", ty)];
    let two: &[(&str, TyId)] = &[("a", ty), ("b", ty)];
    let behind: &[(&str, TyId)] = &[("a", ty), ("text", TyTable::STR)];
    let (name, params, ret) = match class {
        BuiltinClass::Eq => ("eq", two, TyTable::BOOL),
        BuiltinClass::Ord => ("compare", two, program.types.adt(program.lang.ordering, &[])),
        BuiltinClass::Hash => ("hash", one, TyTable::U64),
        BuiltinClass::Show if member == SHOW_AFTER => ("show_after", behind, TyTable::STR),
        BuiltinClass::Show if member == SHOW_NESTED => ("show_nested", one, TyTable::STR),
        BuiltinClass::Show => ("show", one, TyTable::STR),
        BuiltinClass::Default => ("default", &[][..], ty),
    };
    let span = program.classes[program.builtin_class(class)].span;
    let mut builder = Builder { program, locals: IndexVec::new(), loop_count: 0, span, ret };
    let locals: Vec<LocalId> =
        params.iter().map(|(name, ty)| builder.local(name, *ty, false)).collect();
    let value = match class {
        BuiltinClass::Eq => builder.eq(ty, locals[0], locals[1]),
        BuiltinClass::Ord => builder.compare(ty, locals[0], locals[1]),
        BuiltinClass::Hash => builder.hash(ty, locals[0]),
        BuiltinClass::Show if member == SHOW_AFTER => builder.show_after(ty, locals[1], locals[0]),
        BuiltinClass::Show if member == SHOW_NESTED => {
            let value = builder.get(locals[0]);
            Some(builder.intrinsic(Intrinsic::ShowStr, vec![], vec![value], TyTable::STR))
        }
        BuiltinClass::Show => builder.show(ty, locals[0]),
        BuiltinClass::Default => builder.default(ty),
    }?;
    let Builder { locals: all, loop_count, .. } = builder;
    let text = program.show_ty(ty);
    let path: Name = format!("std.prelude::{class:?}[{text}]::{name}").into();
    Some(
        program.fns.push(Fn {
            name: if member == SHOW_NESTED { "show" } else { name }.into(),
            path,
            kind: FnKind::Derived,
            generics: Vec::new(),
            params: locals
                .iter()
                .map(|&local| Param {
                    name: all[local].name.clone(),
                    ty: all[local].ty,
                    mutable: false,
                    default: None,
                    span,
                })
                .collect(),
            ret,
            yields: None,
            captures: Vec::new(),
            body: Some(Body { locals: all, params: locals, loop_count, value }),
            span,
            is_std: true,
        }),
    )
}
