//! Types: from concrete HIR types to MIR types, and the properties of types that lowering asks for.
//!
//! Input: a HIR type without parameters. Output: an interned MIR type, its data types declared and defined.
//! Invariants: a data type's definition is complete when `lower_ty` returns; types of unlimited size (a data type that contains ever larger
//! instances of itself) end in one error instead of a hang.

use orion_hir as hir;

use super::Context;
use crate::ty::{AdtId, FieldDef, IntTy, Ty, TyKind, VariantDef};

/// Largest type as a tree of type constructors. Real programs stay below a hundred; doubling recursion passes it after a dozen steps.
const TYPE_SIZE_MAX: u32 = 2_000;

impl Context<'_> {
    /// The MIR type of a concrete type.
    pub(super) fn lower_ty(&mut self, ty: hir::TyId) -> Ty {
        if let Some(&known) = self.lowered.get(&ty) {
            return known;
        }
        let lowered = self.lower_kind(ty);
        while let Some((id, adt, args)) = self.pending.pop() {
            let variants = self.lower_variants(adt, &args);
            self.types.define_adt(id, variants);
        }
        lowered
    }

    fn lower_variants(&mut self, adt: hir::AdtId, args: &[hir::TyId]) -> Vec<VariantDef> {
        let shapes: Vec<(String, Vec<(String, hir::TyId)>)> = {
            let adt = &self.hir.adts[adt];
            match &adt.kind {
                hir::AdtKind::Struct(fields) => {
                    let fields = fields.iter().map(|f| (f.name.to_string(), f.ty)).collect();
                    vec![(adt.name.to_string(), fields)]
                }
                hir::AdtKind::Sum(variants) => variants
                    .iter()
                    .map(|variant| {
                        let fields = variant.fields.iter().enumerate();
                        let fields = fields.map(|(i, &ty)| (i.to_string(), ty)).collect();
                        (variant.name.to_string(), fields)
                    })
                    .collect(),
            }
        };
        shapes
            .into_iter()
            .map(|(name, fields)| VariantDef {
                name,
                fields: fields
                    .into_iter()
                    .map(|(name, ty)| {
                        let ty = self.hir.types.subst(ty, args);
                        FieldDef { name, ty: self.lower_kind(ty) }
                    })
                    .collect(),
            })
            .collect()
    }

    /// As [`Self::lower_ty`], also while data types are being defined: they may be declared only.
    pub(super) fn lower_kind(&mut self, ty: hir::TyId) -> Ty {
        if let Some(&known) = self.lowered.get(&ty) {
            return known;
        }
        if self.type_size(ty) > TYPE_SIZE_MAX {
            self.endless("a type that grows");
            return self.types.intern(TyKind::Unit);
        }
        let kind = match self.hir.types.kind(ty).clone() {
            hir::Ty::Unit | hir::Ty::Never => TyKind::Unit,
            hir::Ty::Bool => TyKind::Bool,
            hir::Ty::Char => TyKind::Char,
            hir::Ty::Int(kind) => TyKind::Int(int_ty(kind)),
            hir::Ty::Float(hir::FloatKind::F32) => TyKind::F32,
            hir::Ty::Float(hir::FloatKind::F64) => TyKind::F64,
            hir::Ty::Str => TyKind::Str,
            hir::Ty::Duration => TyKind::Duration,
            hir::Ty::Instant => TyKind::Instant,
            hir::Ty::Ptr => TyKind::Ptr,
            hir::Ty::Scope => TyKind::Scope,
            hir::Ty::Tuple(parts) => {
                TyKind::Tuple(parts.iter().map(|&part| self.lower_kind(part)).collect())
            }
            hir::Ty::Adt(adt, args) => TyKind::Adt(self.declare(ty, adt, &args)),
            hir::Ty::List(item) => TyKind::List(self.lower_kind(item)),
            hir::Ty::Fn(fn_ty) => TyKind::Fn {
                params: fn_ty
                    .params
                    .iter()
                    .map(|param| (self.lower_kind(param.ty), param.mutable))
                    .collect(),
                ret: self.lower_kind(fn_ty.ret),
                yields: fn_ty
                    .yields
                    .map(|yields| (self.lower_kind(yields.item), self.lower_kind(yields.sent))),
            },
            hir::Ty::Chan(item) | hir::Ty::Send(item) | hir::Ty::Recv(item) => {
                TyKind::Chan(self.lower_kind(item))
            }
            hir::Ty::Task(item) => TyKind::Task(self.lower_kind(item)),
            hir::Ty::Gen { item, sent, result } => {
                let (item, sent) = (self.lower_kind(item), self.lower_kind(sent));
                TyKind::Gen(item, sent, self.lower_kind(result))
            }
            hir::Ty::Param(_) | hir::Ty::Infer(_) | hir::Ty::Error => {
                unreachable!("an open type reached lowering: {}", self.hir.show_ty(ty))
            }
        };
        let lowered = self.types.intern(kind);
        self.lowered.insert(ty, lowered);
        lowered
    }

    fn declare(&mut self, ty: hir::TyId, adt: hir::AdtId, args: &[hir::TyId]) -> AdtId {
        let name = self.type_name(ty);
        let is_struct = matches!(self.hir.adts[adt].kind, hir::AdtKind::Struct(_));
        let (id, is_new) = self.types.declare_adt(&name, is_struct);
        if is_new {
            self.pending.push((id, adt, args.to_vec()));
        }
        id
    }

    /// Number of type constructors of a concrete type written out, saturating.
    pub(super) fn type_size(&mut self, ty: hir::TyId) -> u32 {
        if let Some(&known) = self.sizes.get(&ty) {
            return known;
        }
        let mut parts = Vec::new();
        hir::ty::for_each_part(self.hir.types.kind(ty), |part| parts.push(part));
        let size =
            parts.into_iter().fold(1u32, |size, part| size.saturating_add(self.type_size(part)));
        self.sizes.insert(ty, size);
        size
    }

    /// Whether type arguments are so large that only recursion without end explains them.
    pub(super) fn too_large(&mut self, args: &[hir::TyId]) -> bool {
        args.iter().any(|&arg| self.type_size(arg) > TYPE_SIZE_MAX / 4)
    }

    /// Whether the data type contains itself by value, so that a value is a pointer.
    pub(super) fn is_boxed(&mut self, id: AdtId) -> bool {
        if let Some(&known) = self.boxed.get(&id) {
            return known;
        }
        let mut seen = vec![id];
        let mut work = vec![id];
        let mut found = false;
        while let Some(adt) = work.pop() {
            let mut parts: Vec<Ty> =
                self.types.adt(adt).variants.iter().flat_map(|v| &v.fields).map(|f| f.ty).collect();
            while let Some(part) = parts.pop() {
                match self.types.kind(part) {
                    TyKind::Tuple(items) => parts.extend(items),
                    TyKind::Adt(next) if *next == id => found = true,
                    TyKind::Adt(next) if !seen.contains(next) => {
                        seen.push(*next);
                        work.push(*next);
                    }
                    _ => {}
                }
            }
        }
        self.boxed.insert(id, found);
        found
    }

    /// Whether writing below a value of the type needs it unshared first.
    pub(super) fn is_shared(&mut self, ty: Ty) -> bool {
        match *self.types.kind(ty) {
            TyKind::List(_) => true,
            TyKind::Adt(id) => self.is_boxed(id),
            _ => false,
        }
    }

    /// Whether a value of the type holds generators.
    pub(super) fn holds_generator(&mut self, ty: Ty) -> bool {
        if let Some(&known) = self.generators.get(&ty) {
            return known;
        }
        let found = self.is_linear(ty) && crate::typing::holds_generator(&self.types, ty);
        self.generators.insert(ty, found);
        found
    }

    /// The types of the source.
    pub(super) fn hir_types(&self) -> &hir::TyTable {
        &self.hir.types
    }

    /// A function of the source.
    pub(super) fn hir_fn(&self, id: hir::FnId) -> &hir::Fn {
        &self.hir.fns[id]
    }

    /// The function that makes the default value of a type.
    pub(super) fn default_of(&mut self, ty: hir::TyId) -> crate::body::BodyId {
        let class = self.hir.lang.default;
        let (id, args) = self.member(class, 0, ty);
        self.instance(super::instance::Instance::Fn(id, args))
    }

    /// Whether a value of the type is moved and never copied: a task, a generator, or what holds one.
    pub(super) fn is_linear(&mut self, ty: Ty) -> bool {
        if let Some(&known) = self.linear.get(&ty) {
            return known;
        }
        let mut seen = vec![ty];
        let mut work = vec![ty];
        let mut found = false;
        while let Some(next) = work.pop() {
            let mut parts = Vec::new();
            match self.types.kind(next) {
                TyKind::Task(_) | TyKind::Gen(..) => found = true,
                TyKind::List(item) => parts.push(*item),
                TyKind::Tuple(items) => parts.extend(items),
                TyKind::Adt(id) => {
                    let variants = &self.types.adt(*id).variants;
                    parts.extend(variants.iter().flat_map(|v| &v.fields).map(|f| f.ty));
                }
                _ => {}
            }
            for part in parts {
                if !seen.contains(&part) {
                    seen.push(part);
                    work.push(part);
                }
            }
        }
        self.linear.insert(ty, found);
        found
    }
}

/// The MIR integer type.
pub(super) fn int_ty(kind: hir::IntKind) -> IntTy {
    match kind {
        hir::IntKind::I8 => IntTy::I8,
        hir::IntKind::I16 => IntTy::I16,
        hir::IntKind::I32 => IntTy::I32,
        hir::IntKind::I64 => IntTy::I64,
        hir::IntKind::U8 => IntTy::U8,
        hir::IntKind::U16 => IntTy::U16,
        hir::IntKind::U32 => IntTy::U32,
        hir::IntKind::U64 => IntTy::U64,
    }
}

/// Smallest value.
pub(super) fn int_min(int: IntTy) -> i128 {
    if int.signed() { -(1 << (int.bits() - 1)) } else { 0 }
}

/// Largest value.
pub(super) fn int_max(int: IntTy) -> i128 {
    if int.signed() { (1 << (int.bits() - 1)) - 1 } else { (1 << int.bits()) - 1 }
}
