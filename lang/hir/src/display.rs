//! Types as the source writes them.
//!
//! Input: a type. Output: text such as `Map[str, [i64]]`. Parameters print by name where the names
//! are given, else as `?0`.

use crate::TyId;
use crate::ids::{AdtId, IndexVec};
use crate::item::{Adt, Generic, Program};
use crate::ty::{Ty, TyTable};
use std::fmt::Write;

/// Longest text of a type in a message; what is deeper prints as `…`.
const DEPTH_MAX: u32 = 12;

/// The text of a type.
#[must_use]
pub fn show_ty(
    types: &TyTable,
    adts: &IndexVec<AdtId, Adt>,
    generics: &[Generic],
    ty: TyId,
) -> String {
    let mut out = String::new();
    Printer { types, adts, generics, qualified: false }.write(&mut out, ty, 0);
    out
}

struct Printer<'a> {
    types: &'a TyTable,
    adts: &'a IndexVec<AdtId, Adt>,
    generics: &'a [Generic],
    /// Data types with their modules.
    qualified: bool,
}

impl Printer<'_> {
    fn list(&self, out: &mut String, parts: &[TyId], depth: u32) {
        for (index, &part) in parts.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            self.write(out, part, depth + 1);
        }
    }

    fn wrapped(&self, out: &mut String, name: &str, parts: &[TyId], depth: u32) {
        out.push_str(name);
        if !parts.is_empty() {
            out.push('[');
            self.list(out, parts, depth);
            out.push(']');
        }
    }

    fn write(&self, out: &mut String, ty: TyId, depth: u32) {
        if depth > DEPTH_MAX {
            out.push('…');
            return;
        }
        match self.types.kind(ty) {
            Ty::Unit => out.push_str("()"),
            Ty::Bool => out.push_str("bool"),
            Ty::Char => out.push_str("char"),
            Ty::Int(kind) => out.push_str(kind.name()),
            Ty::Float(kind) => out.push_str(kind.name()),
            Ty::Str => out.push_str("str"),
            Ty::Duration => out.push_str("Duration"),
            Ty::Instant => out.push_str("Instant"),
            Ty::Ptr => out.push_str("ptr"),
            Ty::Scope => out.push_str("Scope"),
            Ty::Never => out.push_str("never"),
            Ty::Tuple(parts) => {
                out.push('(');
                self.list(out, parts, depth);
                out.push(')');
            }
            Ty::Adt(adt, args) if self.qualified => {
                self.wrapped(out, &self.adts[*adt].path.replace("::", "."), args, depth);
            }
            Ty::Adt(adt, args) => self.wrapped(out, &self.adts[*adt].name, args, depth),
            Ty::List(part) => self.wrapped(out, "", &[*part], depth),
            Ty::Chan(part) => self.wrapped(out, "Chan", &[*part], depth),
            Ty::Send(part) => self.wrapped(out, "Send", &[*part], depth),
            Ty::Recv(part) => self.wrapped(out, "Recv", &[*part], depth),
            Ty::Task(part) => self.wrapped(out, "Task", &[*part], depth),
            Ty::Gen { item, sent, result } => {
                if *sent == TyTable::UNIT && *result == TyTable::UNIT {
                    self.wrapped(out, "Gen", &[*item], depth);
                } else {
                    self.wrapped(out, "Gen", &[*item, *sent, *result], depth);
                }
            }
            Ty::Fn(fn_ty) => {
                out.push_str("fn(");
                for (index, param) in fn_ty.params.iter().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    if param.mutable {
                        out.push_str("mut ");
                    }
                    self.write(out, param.ty, depth + 1);
                }
                out.push(')');
                if fn_ty.ret != TyTable::UNIT {
                    out.push(' ');
                    self.write(out, fn_ty.ret, depth + 1);
                }
                if let Some(yields) = fn_ty.yields {
                    out.push_str(" yields ");
                    self.write(out, yields.item, depth + 1);
                    if yields.sent != TyTable::UNIT {
                        out.push_str(" <- ");
                        self.write(out, yields.sent, depth + 1);
                    }
                }
            }
            Ty::Param(n) => match self.generics.get(*n as usize) {
                Some(generic) => out.push_str(&generic.name),
                None => {
                    let _ = write!(out, "?{n}");
                }
            },
            Ty::Infer(_) | Ty::Error => out.push('_'),
        }
    }
}

impl Program {
    /// The text of a concrete type.
    #[must_use]
    pub fn show_ty(&self, ty: TyId) -> String {
        show_ty(&self.types, &self.adts, &[], ty)
    }

    /// The text of a type inside an item with these generics.
    #[must_use]
    pub fn show_ty_in(&self, ty: TyId, generics: &[Generic]) -> String {
        show_ty(&self.types, &self.adts, generics, ty)
    }

    /// As [`Self::show_ty_in`], with the modules of data types: `std.prelude.Option[i64]`.
    #[must_use]
    pub fn show_qualified_ty_in(&self, ty: TyId, generics: &[Generic]) -> String {
        let mut out = String::new();
        let (types, adts) = (&self.types, &self.adts);
        Printer { types, adts, generics, qualified: true }.write(&mut out, ty, 0);
        out
    }
}
