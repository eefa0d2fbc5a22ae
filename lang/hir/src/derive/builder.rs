//! What the derived members are built from: locals, expressions, and taking compounds apart.

use crate::TyId;
use crate::expr::{Arg, BinOp, Callee, Expr, ExprKind, ForIter, Local, Place, Stmt};
use crate::ids::{IndexVec, LocalId, LoopId};
use crate::intrinsic::Intrinsic;
use crate::item::{AdtKind, BuiltinClass, Program};
use crate::pat::{Pat, PatKind};
use crate::ty::{Ty, TyTable};
use orion_syntax::Span;

pub(super) struct Builder<'a> {
    pub(super) program: &'a mut Program,
    pub(super) locals: IndexVec<LocalId, Local>,
    pub(super) loop_count: u32,
    pub(super) span: Span,
    pub(super) ret: TyId,
}

/// A part of a compound: its type and how to read it from each operand.
pub(super) type Part = (TyId, Vec<Expr>);

impl Builder<'_> {
    pub(super) fn local(&mut self, name: &str, ty: TyId, mutable: bool) -> LocalId {
        self.locals.push(Local { name: name.into(), ty, mutable, span: self.span })
    }

    pub(super) fn expr(&self, kind: ExprKind, ty: TyId) -> Expr {
        Expr { kind, ty, span: self.span }
    }

    pub(super) fn get(&self, local: LocalId) -> Expr {
        self.expr(ExprKind::Local(local), self.locals[local].ty)
    }

    pub(super) fn bool(&self, value: bool) -> Expr {
        self.expr(ExprKind::Bool(value), TyTable::BOOL)
    }

    pub(super) fn int(&self, value: i128) -> Expr {
        self.expr(ExprKind::Int(value), TyTable::I64)
    }

    pub(super) fn str(&self, text: &str) -> Expr {
        self.expr(ExprKind::Str(text.into()), TyTable::STR)
    }

    pub(super) fn binary(&self, op: BinOp, a: Expr, b: Expr) -> Expr {
        let ty = if op.is_comparison() { TyTable::BOOL } else { a.ty };
        self.expr(ExprKind::Binary(op, Box::new(a), Box::new(b)), ty)
    }

    pub(super) fn if_else(&self, cond: Expr, then: Expr, otherwise: Expr) -> Expr {
        let ty = if then.ty == TyTable::NEVER { otherwise.ty } else { then.ty };
        self.expr(
            ExprKind::If {
                cond: Box::new(cond),
                then: Box::new(then),
                otherwise: Some(Box::new(otherwise)),
            },
            ty,
        )
    }

    pub(super) fn if_then(&self, cond: Expr, then: Expr) -> Stmt {
        Stmt::Expr(self.expr(
            ExprKind::If { cond: Box::new(cond), then: Box::new(then), otherwise: None },
            TyTable::UNIT,
        ))
    }

    pub(super) fn give_back(&self, value: Expr) -> Expr {
        self.expr(ExprKind::Return(Some(Box::new(value))), TyTable::NEVER)
    }

    pub(super) fn block(&self, stmts: Vec<Stmt>, tail: Expr) -> Expr {
        let ty = tail.ty;
        self.expr(ExprKind::Block(stmts, Some(Box::new(tail))), ty)
    }

    pub(super) fn bind(&self, local: LocalId, init: Expr) -> Stmt {
        let pat = Pat { kind: PatKind::Bind(local), ty: init.ty, span: self.span };
        Stmt::Let { pat, init, span: self.span }
    }

    pub(super) fn intrinsic(
        &self,
        which: Intrinsic,
        types: Vec<TyId>,
        args: Vec<Expr>,
        ty: TyId,
    ) -> Expr {
        let args = args.into_iter().map(Arg::Value).collect();
        self.expr(ExprKind::Intrinsic(which, types, args), ty)
    }

    pub(super) fn member(
        &self,
        class: BuiltinClass,
        member: u32,
        at: TyId,
        args: Vec<Expr>,
    ) -> Expr {
        let ty = match class {
            BuiltinClass::Eq => TyTable::BOOL,
            BuiltinClass::Ord => self.ret,
            BuiltinClass::Hash => TyTable::U64,
            BuiltinClass::Show => TyTable::STR,
            BuiltinClass::Default => at,
        };
        let class = self.program.builtin_class(class);
        let args = args.into_iter().map(Arg::Value).collect();
        self.expr(ExprKind::Call(Callee::Member { class, member, ty: at }, args), ty)
    }

    pub(super) fn variant_index(&self, value: Expr) -> Expr {
        self.expr(ExprKind::VariantIndex(Box::new(value)), TyTable::I64)
    }

    pub(super) fn place(&self, local: LocalId) -> Place {
        Place { local, projections: Vec::new(), ty: self.locals[local].ty, span: self.span }
    }

    /// Types of the fields of each variant; a struct or tuple has one. `None`: no compound.
    pub(super) fn shapes(&mut self, ty: TyId) -> Option<Vec<Vec<TyId>>> {
        match self.program.types.kind(ty).clone() {
            Ty::Tuple(parts) => Some(vec![parts.to_vec()]),
            Ty::Adt(adt, args) => {
                let shapes: Vec<Vec<TyId>> = match &self.program.adts[adt].kind {
                    AdtKind::Struct(fields) => vec![fields.iter().map(|field| field.ty).collect()],
                    AdtKind::Sum(variants) => {
                        variants.iter().map(|variant| variant.fields.clone()).collect()
                    }
                };
                let types = &mut self.program.types;
                Some(
                    shapes
                        .into_iter()
                        .map(|shape| shape.into_iter().map(|ty| types.subst(ty, &args)).collect())
                        .collect(),
                )
            }
            _ => None,
        }
    }

    pub(super) fn is_sum(&self, ty: TyId) -> bool {
        matches!(self.program.types.kind(ty), Ty::Adt(adt, _)
            if matches!(self.program.adts[*adt].kind, AdtKind::Sum(_)))
    }

    /// Takes `values`, all of the compound type and (sum types) of one variant, apart: gives
    /// `finish(variant, parts)` for the variant they have. `differ` is the value where the
    /// variants differ.
    pub(super) fn take_apart(
        &mut self,
        ty: TyId,
        values: &[LocalId],
        differ: Option<&Expr>,
        finish: &mut dyn FnMut(&mut Self, usize, Vec<Part>) -> Expr,
    ) -> Option<Expr> {
        let shapes = self.shapes(ty)?;
        if !self.is_sum(ty) {
            let parts = shapes[0]
                .iter()
                .enumerate()
                .map(|(index, &part)| {
                    let reads = values
                        .iter()
                        .map(|&value| {
                            let base = Box::new(self.get(value));
                            self.expr(ExprKind::Field(base, index as u32), part)
                        })
                        .collect();
                    (part, reads)
                })
                .collect();
            return Some(finish(self, 0, parts));
        }
        let mut arms = Vec::new();
        let mut result = TyTable::NEVER;
        for (index, shape) in shapes.iter().enumerate() {
            let mut parts: Vec<Part> = shape.iter().map(|&part| (part, Vec::new())).collect();
            let mut pats = Vec::new();
            for (operand, _) in values.iter().enumerate() {
                let mut fields = Vec::new();
                for (field, &part) in shape.iter().enumerate() {
                    let local = self.local(&format!("${operand}.{field}"), part, false);
                    parts[field].1.push(self.get(local));
                    fields.push(Pat { kind: PatKind::Bind(local), ty: part, span: self.span });
                }
                pats.push(Pat {
                    kind: PatKind::Variant(index as u32, fields),
                    ty,
                    span: self.span,
                });
            }
            let mut body = finish(self, index, parts);
            result = body.ty;
            let outer = pats.remove(0);
            if let (Some(second), Some(pat)) = (values.get(1), pats.pop()) {
                let otherwise = differ.cloned().unwrap_or_else(|| body.clone());
                let mut inner = vec![crate::expr::Arm { pat, guard: None, body }];
                if shapes.len() > 1 {
                    let wild = Pat { kind: PatKind::Wild, ty, span: self.span };
                    inner.push(crate::expr::Arm { pat: wild, guard: None, body: otherwise });
                }
                let scrutinee = Box::new(self.get(*second));
                body = self.expr(ExprKind::Match { scrutinee, arms: inner }, result);
            }
            arms.push(crate::expr::Arm { pat: outer, guard: None, body });
        }
        let scrutinee = Box::new(self.get(values[0]));
        Some(self.expr(ExprKind::Match { scrutinee, arms }, result))
    }

    pub(super) fn list_len(&self, list: LocalId, element: TyId) -> Expr {
        let list = self.get(list);
        self.intrinsic(Intrinsic::ListLen, vec![element], vec![list], TyTable::I64)
    }

    pub(super) fn element(&self, list: LocalId, index: LocalId, ty: TyId) -> Expr {
        let (list, index) = (Box::new(self.get(list)), Box::new(self.get(index)));
        self.expr(ExprKind::Index(list, index), ty)
    }

    /// `for i in 0..end { body }`
    pub(super) fn count(&mut self, index: LocalId, end: Expr, body: Expr) -> Stmt {
        let id = LoopId::from_u32(self.loop_count);
        self.loop_count += 1;
        let pat = Pat { kind: PatKind::Bind(index), ty: TyTable::I64, span: self.span };
        let iter = Box::new(ForIter::Range { start: self.int(0), end, inclusive: false });
        Stmt::Expr(self.expr(ExprKind::For { id, pat, iter, body: Box::new(body) }, TyTable::UNIT))
    }

    pub(super) fn unit_block(&self, stmts: Vec<Stmt>) -> Expr {
        self.expr(ExprKind::Block(stmts, None), TyTable::UNIT)
    }

    pub(super) fn is_primitive(&self, ty: TyId) -> bool {
        self.program.types.kind(ty).is_primitive()
    }
}
