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

/// The derived member of a class at a concrete type; `None` where the type is no data type.
pub fn derive_member(program: &mut Program, class: BuiltinClass, ty: TyId) -> Option<FnId> {
    if let Some(&func) = program.derived.get(&(class, ty)) {
        return Some(func);
    }
    let func = build(program, class, ty, false)?;
    program.derived.insert((class, ty), func);
    Some(func)
}

/// `show` of a string as it appears inside a compound: quoted and escaped.
pub(crate) fn derive_show_str(program: &mut Program) -> FnId {
    // `Never` has no `Show`, so its slot keeps the one function without a class of its own.
    let key = (BuiltinClass::Show, TyTable::NEVER);
    if let Some(&func) = program.derived.get(&key) {
        return func;
    }
    let func = build(program, BuiltinClass::Show, TyTable::STR, true).expect("`str` has `Show`");
    program.derived.insert(key, func);
    func
}

fn build(program: &mut Program, class: BuiltinClass, ty: TyId, nested: bool) -> Option<FnId> {
    let (member, params, ret) = match class {
        BuiltinClass::Eq => ("eq", 2, TyTable::BOOL),
        BuiltinClass::Ord => ("compare", 2, program.types.adt(program.lang.ordering, &[])),
        BuiltinClass::Hash => ("hash", 1, TyTable::U64),
        BuiltinClass::Show => ("show", 1, TyTable::STR),
        BuiltinClass::Default => ("default", 0, ty),
    };
    let span = program.classes[program.builtin_class(class)].span;
    let mut builder = Builder { program, locals: IndexVec::new(), loop_count: 0, span, ret };
    let locals: Vec<LocalId> =
        ["a", "b"][..params].iter().map(|name| builder.local(name, ty, false)).collect();
    let value = match class {
        BuiltinClass::Eq => builder.eq(ty, locals[0], locals[1]),
        BuiltinClass::Ord => builder.compare(ty, locals[0], locals[1]),
        BuiltinClass::Hash => builder.hash(ty, locals[0]),
        BuiltinClass::Show if nested => {
            let value = builder.get(locals[0]);
            Some(builder.intrinsic(Intrinsic::ShowStr, vec![], vec![value], TyTable::STR))
        }
        BuiltinClass::Show => builder.show(ty, locals[0]),
        BuiltinClass::Default => builder.default(ty),
    }?;
    let Builder { locals: all, loop_count, .. } = builder;
    let text = program.show_ty(ty);
    let path: Name = if nested {
        format!("std.prelude::Show[{text}]::show_nested").into()
    } else {
        format!("std.prelude::{class:?}[{text}]::{member}").into()
    };
    Some(
        program.fns.push(Fn {
            name: member.into(),
            path,
            kind: FnKind::Derived,
            generics: Vec::new(),
            params: locals
                .iter()
                .map(|&local| Param {
                    name: all[local].name.clone(),
                    ty,
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
