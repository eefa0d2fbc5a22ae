//! Derived instances: `Eq Ord Hash Show Default` of data types, as HIR functions.
//!
//! Input: a built-in class and a concrete type. Output: a function without generics, made once per
//! (class, type) and added to the program. Components are reached through class members, so that
//! an explicit instance of a part is honoured; recursion through a type is a call.
//! Order of evaluation and results follow the reference: lists and tuples lexicographically,
//! variants in order of declaration, `Default` the first variant without fields.
//! Floats order as IEEE does, with `NaN` equal to itself and above all others, so that `compare`
//! is a total order and sorting ends.

use crate::TyId;
use crate::expr::{
    Arg, BinOp, Body, Callee, CastKind, Expr, ExprKind, ForIter, Local, Place, Stmt,
};
use crate::ids::{FnId, IndexVec, LocalId, LoopId};
use crate::intrinsic::Intrinsic;
use crate::item::{AdtKind, BuiltinClass, Fn, FnKind, Name, Param, Program};
use crate::pat::{Pat, PatKind};
use crate::ty::{IntKind, Ty, TyTable};
use orion_syntax::Span;

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

struct Builder<'a> {
    program: &'a mut Program,
    locals: IndexVec<LocalId, Local>,
    loop_count: u32,
    span: Span,
    ret: TyId,
}

/// A part of a compound: its type and how to read it from each operand.
type Part = (TyId, Vec<Expr>);

impl Builder<'_> {
    fn local(&mut self, name: &str, ty: TyId, mutable: bool) -> LocalId {
        self.locals.push(Local { name: name.into(), ty, mutable, span: self.span })
    }

    fn expr(&self, kind: ExprKind, ty: TyId) -> Expr {
        Expr { kind, ty, span: self.span }
    }

    fn get(&self, local: LocalId) -> Expr {
        self.expr(ExprKind::Local(local), self.locals[local].ty)
    }

    fn bool(&self, value: bool) -> Expr {
        self.expr(ExprKind::Bool(value), TyTable::BOOL)
    }

    fn int(&self, value: i128) -> Expr {
        self.expr(ExprKind::Int(value), TyTable::I64)
    }

    fn str(&self, text: &str) -> Expr {
        self.expr(ExprKind::Str(text.into()), TyTable::STR)
    }

    fn binary(&self, op: BinOp, a: Expr, b: Expr) -> Expr {
        let ty = if op.is_comparison() { TyTable::BOOL } else { a.ty };
        self.expr(ExprKind::Binary(op, Box::new(a), Box::new(b)), ty)
    }

    fn if_else(&self, cond: Expr, then: Expr, otherwise: Expr) -> Expr {
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

    fn if_then(&self, cond: Expr, then: Expr) -> Stmt {
        Stmt::Expr(self.expr(
            ExprKind::If { cond: Box::new(cond), then: Box::new(then), otherwise: None },
            TyTable::UNIT,
        ))
    }

    fn give_back(&self, value: Expr) -> Expr {
        self.expr(ExprKind::Return(Some(Box::new(value))), TyTable::NEVER)
    }

    fn block(&self, stmts: Vec<Stmt>, tail: Expr) -> Expr {
        let ty = tail.ty;
        self.expr(ExprKind::Block(stmts, Some(Box::new(tail))), ty)
    }

    fn bind(&self, local: LocalId, init: Expr) -> Stmt {
        let pat = Pat { kind: PatKind::Bind(local), ty: init.ty, span: self.span };
        Stmt::Let { pat, init, span: self.span }
    }

    fn intrinsic(&self, which: Intrinsic, types: Vec<TyId>, args: Vec<Expr>, ty: TyId) -> Expr {
        let args = args.into_iter().map(Arg::Value).collect();
        self.expr(ExprKind::Intrinsic(which, types, args), ty)
    }

    fn member(&self, class: BuiltinClass, member: u32, at: TyId, args: Vec<Expr>) -> Expr {
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

    fn variant_index(&self, value: Expr) -> Expr {
        self.expr(ExprKind::VariantIndex(Box::new(value)), TyTable::I64)
    }

    fn place(&self, local: LocalId) -> Place {
        Place { local, projections: Vec::new(), ty: self.locals[local].ty, span: self.span }
    }

    /// Types of the fields of each variant; a struct or tuple has one. `None`: no compound.
    fn shapes(&mut self, ty: TyId) -> Option<Vec<Vec<TyId>>> {
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

    fn is_sum(&self, ty: TyId) -> bool {
        matches!(self.program.types.kind(ty), Ty::Adt(adt, _)
            if matches!(self.program.adts[*adt].kind, AdtKind::Sum(_)))
    }

    /// Takes `values`, all of the compound type and (sum types) of one variant, apart: gives
    /// `finish(variant, parts)` for the variant they have. `differ` is the value where the
    /// variants differ.
    fn take_apart(
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

    fn list_len(&self, list: LocalId, element: TyId) -> Expr {
        let list = self.get(list);
        self.intrinsic(Intrinsic::ListLen, vec![element], vec![list], TyTable::I64)
    }

    fn element(&self, list: LocalId, index: LocalId, ty: TyId) -> Expr {
        let (list, index) = (Box::new(self.get(list)), Box::new(self.get(index)));
        self.expr(ExprKind::Index(list, index), ty)
    }

    /// `for i in 0..end { body }`
    fn count(&mut self, index: LocalId, end: Expr, body: Expr) -> Stmt {
        let id = LoopId::from_u32(self.loop_count);
        self.loop_count += 1;
        let pat = Pat { kind: PatKind::Bind(index), ty: TyTable::I64, span: self.span };
        let iter = Box::new(ForIter::Range { start: self.int(0), end, inclusive: false });
        Stmt::Expr(self.expr(ExprKind::For { id, pat, iter, body: Box::new(body) }, TyTable::UNIT))
    }

    fn unit_block(&self, stmts: Vec<Stmt>) -> Expr {
        self.expr(ExprKind::Block(stmts, None), TyTable::UNIT)
    }

    fn is_primitive(&self, ty: TyId) -> bool {
        matches!(
            self.program.types.kind(ty),
            Ty::Unit
                | Ty::Bool
                | Ty::Char
                | Ty::Int(_)
                | Ty::Float(_)
                | Ty::Str
                | Ty::Duration
                | Ty::Instant
        )
    }

    fn eq(&mut self, ty: TyId, a: LocalId, b: LocalId) -> Option<Expr> {
        if self.is_primitive(ty) {
            return Some(self.binary(BinOp::Eq, self.get(a), self.get(b)));
        }
        let ord = self.program.lang.ord;
        if self.program.find_instance(ord, ty).is_some() {
            // An explicit order also decides `==`.
            let ordering = self.program.types.adt(self.program.lang.ordering, &[]);
            let mut call = self.member(BuiltinClass::Ord, 0, ty, vec![self.get(a), self.get(b)]);
            call.ty = ordering;
            return Some(self.binary(BinOp::Eq, self.variant_index(call), self.int(1)));
        }
        if self.program.is_plain_enum(ty) {
            let (a, b) = (self.variant_index(self.get(a)), self.variant_index(self.get(b)));
            return Some(self.binary(BinOp::Eq, a, b));
        }
        if let Ty::List(element) = *self.program.types.kind(ty) {
            let differ =
                self.binary(BinOp::Ne, self.list_len(a, element), self.list_len(b, element));
            let no = self.give_back(self.bool(false));
            let first = self.if_then(differ, no.clone());
            let index = self.local("$i", TyTable::I64, false);
            let same = self.member(
                BuiltinClass::Eq,
                0,
                element,
                vec![self.element(a, index, element), self.element(b, index, element)],
            );
            let not =
                self.expr(ExprKind::Unary(crate::expr::UnOp::Not, Box::new(same)), TyTable::BOOL);
            let body = self.unit_block(vec![self.if_then(not, no)]);
            let end = self.list_len(a, element);
            let each = self.count(index, end, body);
            return Some(self.block(vec![first, each], self.bool(true)));
        }
        let differ = self.bool(false);
        self.take_apart(ty, &[a, b], Some(&differ), &mut |this, _, parts| {
            let mut all: Option<Expr> = None;
            for (part, reads) in parts {
                let same = this.member(BuiltinClass::Eq, 0, part, reads);
                all = Some(match all {
                    Some(all) => {
                        this.expr(ExprKind::And(Box::new(all), Box::new(same)), TyTable::BOOL)
                    }
                    None => same,
                });
            }
            all.unwrap_or_else(|| this.bool(true))
        })
    }

    /// `Less`, `Equal` or `Greater`, by index.
    fn ordering(&self, index: u32) -> Expr {
        self.expr(ExprKind::Variant(index, Vec::new()), self.ret)
    }

    /// `if a < b { Less } else if a == b { Equal } else { last }`
    fn three_way(&self, a: Expr, b: Expr, last: Expr) -> Expr {
        let less = self.binary(BinOp::Lt, a.clone(), b.clone());
        let equal = self.binary(BinOp::Eq, a, b);
        let rest = self.if_else(equal, self.ordering(1), last);
        self.if_else(less, self.ordering(0), rest)
    }

    fn compare(&mut self, ty: TyId, a: LocalId, b: LocalId) -> Option<Expr> {
        if matches!(self.program.types.kind(ty), Ty::Float(_)) {
            let (x, y) = (self.get(a), self.get(b));
            let a_is_nan = self.binary(BinOp::Ne, x.clone(), x.clone());
            let b_is_nan = self.binary(BinOp::Ne, y.clone(), y.clone());
            let both = self.if_else(b_is_nan, self.ordering(1), self.ordering(2));
            let unordered = self.if_else(a_is_nan, both, self.ordering(0));
            let greater = self.binary(BinOp::Gt, x.clone(), y.clone());
            let last = self.if_else(greater, self.ordering(2), unordered);
            return Some(self.three_way(x, y, last));
        }
        if self.is_primitive(ty) {
            return Some(self.three_way(self.get(a), self.get(b), self.ordering(2)));
        }
        if let Ty::List(element) = *self.program.types.kind(ty) {
            let (a_len, b_len) = (self.list_len(a, element), self.list_len(b, element));
            let shorter = self.binary(BinOp::Lt, a_len.clone(), b_len.clone());
            let end = self.if_else(shorter, a_len.clone(), b_len.clone());
            let index = self.local("$i", TyTable::I64, false);
            let reads = vec![self.element(a, index, element), self.element(b, index, element)];
            let body = self.return_unless_equal(element, reads);
            let body = self.unit_block(body);
            let each = self.count(index, end, body);
            let tail = self.three_way(a_len, b_len, self.ordering(2));
            return Some(self.block(vec![each], tail));
        }
        let is_sum = self.is_sum(ty);
        let indices = (self.variant_index(self.get(a)), self.variant_index(self.get(b)));
        let by_index = self.three_way(indices.0, indices.1, self.ordering(2));
        if self.program.is_plain_enum(ty) {
            return Some(by_index);
        }
        let differ = is_sum.then_some(by_index);
        self.take_apart(ty, &[a, b], differ.as_ref(), &mut |this, _, parts| {
            let mut stmts = Vec::new();
            for (part, reads) in parts {
                stmts.extend(this.return_unless_equal(part, reads));
            }
            let equal = this.ordering(1);
            if stmts.is_empty() { equal } else { this.block(stmts, equal) }
        })
    }

    /// `let c = compare(reads…); if c != Equal { return c }`
    fn return_unless_equal(&mut self, part: TyId, reads: Vec<Expr>) -> Vec<Stmt> {
        let order = self.local("$c", self.ret, false);
        let call = self.member(BuiltinClass::Ord, 0, part, reads);
        let differs = self.binary(BinOp::Ne, self.variant_index(self.get(order)), self.int(1));
        let leave = self.give_back(self.get(order));
        vec![self.bind(order, call), self.if_then(differs, leave)]
    }

    fn word(&self, value: i128) -> Expr {
        self.expr(ExprKind::Int(value), TyTable::U64)
    }

    fn mix(&self, hash: Expr, word: Expr) -> Expr {
        self.intrinsic(Intrinsic::HashMix, vec![], vec![hash, word], TyTable::U64)
    }

    fn cast(&self, kind: CastKind, value: Expr, ty: TyId) -> Expr {
        self.expr(ExprKind::Cast(kind, Box::new(value)), ty)
    }

    fn hash(&mut self, ty: TyId, a: LocalId) -> Option<Expr> {
        let value = self.get(a);
        let word = match self.program.types.kind(ty).clone() {
            Ty::Unit => self.word(0),
            Ty::Bool => self.if_else(value, self.word(1), self.word(0)),
            Ty::Char => self.cast(CastKind::Checked, value, TyTable::U64),
            Ty::Int(IntKind::U64) => value,
            Ty::Int(_) => self.cast(CastKind::Wrapping, value, TyTable::U64),
            Ty::Float(kind) => {
                // Equal values hash alike: 0.0 and -0.0.
                let wide = match kind {
                    crate::ty::FloatKind::F32 => self.cast(CastKind::Checked, value, TyTable::F64),
                    crate::ty::FloatKind::F64 => value,
                };
                let zero = self.expr(ExprKind::Float(0.0), TyTable::F64);
                let is_zero = self.binary(BinOp::Eq, wide.clone(), zero);
                let bits = self.intrinsic(Intrinsic::F64Bits, vec![], vec![wide], TyTable::U64);
                self.if_else(is_zero, self.word(0), bits)
            }
            Ty::Str => {
                return Some(self.intrinsic(Intrinsic::HashStr, vec![], vec![value], TyTable::U64));
            }
            Ty::Duration | Ty::Instant => {
                let which = if ty == TyTable::DURATION {
                    Intrinsic::DurationNs
                } else {
                    Intrinsic::InstantNs
                };
                let ns = self.intrinsic(which, vec![], vec![value], TyTable::I64);
                self.cast(CastKind::Wrapping, ns, TyTable::U64)
            }
            Ty::List(element) => {
                let hash = self.local("$h", TyTable::U64, true);
                let index = self.local("$i", TyTable::I64, false);
                let len = self.list_len(a, element);
                let start = self.cast(CastKind::Wrapping, len.clone(), TyTable::U64);
                let item = self.element(a, index, element);
                let item = self.member(BuiltinClass::Hash, 0, element, vec![item]);
                let next = self.mix(self.get(hash), item);
                let assign = self.expr(
                    ExprKind::Assign(Box::new(self.place(hash)), Box::new(next)),
                    TyTable::UNIT,
                );
                let body = self.unit_block(vec![Stmt::Expr(assign)]);
                let stmts = vec![self.bind(hash, start), self.count(index, len, body)];
                return Some(self.block(stmts, self.get(hash)));
            }
            _ => {
                return self.take_apart(ty, &[a], None, &mut |this, variant, parts| {
                    let mut hash = this.word(variant as i128 + 1);
                    for (part, reads) in parts {
                        let item = this.member(BuiltinClass::Hash, 0, part, reads);
                        hash = this.mix(hash, item);
                    }
                    hash
                });
            }
        };
        Some(self.mix(self.word(0), word))
    }

    fn show(&mut self, ty: TyId, a: LocalId) -> Option<Expr> {
        let value = self.get(a);
        let (which, value) = match self.program.types.kind(ty).clone() {
            Ty::Unit => return Some(self.str("()")),
            Ty::Bool => return Some(self.if_else(value, self.str("true"), self.str("false"))),
            Ty::Str => return Some(value),
            Ty::Char => (Intrinsic::ShowChar, value),
            Ty::Int(IntKind::I64) => (Intrinsic::ShowI64, value),
            Ty::Int(IntKind::U64) => (Intrinsic::ShowU64, value),
            Ty::Int(kind) if kind.is_signed() => {
                (Intrinsic::ShowI64, self.cast(CastKind::Widen, value, TyTable::I64))
            }
            Ty::Int(_) => (Intrinsic::ShowU64, self.cast(CastKind::Widen, value, TyTable::U64)),
            Ty::Float(crate::ty::FloatKind::F64) => (Intrinsic::ShowF64, value),
            Ty::Float(crate::ty::FloatKind::F32) => (Intrinsic::ShowF32, value),
            Ty::Duration => (Intrinsic::ShowDuration, value),
            Ty::Instant => (Intrinsic::ShowInstant, value),
            Ty::List(element) => return Some(self.show_list(a, element)),
            Ty::Tuple(_) => {
                return self.take_apart(ty, &[a], None, &mut |this, _, parts| {
                    this.show_parts("(", parts, &[], ")")
                });
            }
            Ty::Adt(adt, _) => {
                let adt = self.program.adts[adt].clone();
                return self.take_apart(
                    ty,
                    &[a],
                    None,
                    &mut |this, index, parts| match &adt.kind {
                        AdtKind::Struct(fields) if fields.is_empty() => {
                            this.str(&format!("{} {{}}", adt.name))
                        }
                        AdtKind::Struct(fields) => {
                            let names: Vec<&str> =
                                fields.iter().map(|field| &*field.name).collect();
                            this.show_parts(&format!("{} {{ ", adt.name), parts, &names, " }")
                        }
                        AdtKind::Sum(variants) if parts.is_empty() => {
                            this.str(&variants[index].name)
                        }
                        AdtKind::Sum(variants) => {
                            this.show_parts(&format!("{}(", variants[index].name), parts, &[], ")")
                        }
                    },
                );
            }
            _ => return None,
        };
        Some(self.intrinsic(which, vec![], vec![value], TyTable::STR))
    }

    fn show_parts(&mut self, open: &str, parts: Vec<Part>, names: &[&str], close: &str) -> Expr {
        let mut pieces = Vec::new();
        let mut text = open.to_owned();
        for (index, (part, reads)) in parts.into_iter().enumerate() {
            if index > 0 {
                text.push_str(", ");
            }
            if let Some(name) = names.get(index) {
                text.push_str(name);
                text.push_str(": ");
            }
            pieces.push(self.str(&text));
            text.clear();
            pieces.push(self.member(BuiltinClass::Show, SHOW_NESTED, part, reads));
        }
        pieces.push(self.str(close));
        self.expr(ExprKind::Concat(pieces), TyTable::STR)
    }

    fn show_list(&mut self, a: LocalId, element: TyId) -> Expr {
        let pieces_ty = self.program.types.list(TyTable::STR);
        let pieces = self.local("$s", pieces_ty, true);
        let index = self.local("$i", TyTable::I64, false);
        let start = self.expr(ExprKind::List(vec![self.str("[")]), pieces_ty);
        let item = self.element(a, index, element);
        let item = self.member(BuiltinClass::Show, SHOW_NESTED, element, vec![item]);
        let is_later = self.binary(BinOp::Gt, self.get(index), self.int(0));
        let comma = self.push(pieces, self.str(", "));
        let stmts = vec![self.if_then(is_later, comma), Stmt::Expr(self.push(pieces, item))];
        let body = self.unit_block(stmts);
        let end = self.list_len(a, element);
        let stmts = vec![
            self.bind(pieces, start),
            self.count(index, end, body),
            Stmt::Expr(self.push(pieces, self.str("]"))),
        ];
        let all = self.get(pieces);
        let tail = self.intrinsic(Intrinsic::StrConcat, vec![], vec![all], TyTable::STR);
        self.block(stmts, tail)
    }

    fn push(&self, list: LocalId, value: Expr) -> Expr {
        let args = vec![Arg::Mut(self.place(list)), Arg::Value(value)];
        self.expr(ExprKind::Intrinsic(Intrinsic::ListPush, vec![TyTable::STR], args), TyTable::UNIT)
    }

    fn default(&mut self, ty: TyId) -> Option<Expr> {
        let kind = match self.program.types.kind(ty).clone() {
            Ty::Unit => ExprKind::Unit,
            Ty::Bool => ExprKind::Bool(false),
            Ty::Char => ExprKind::Char('\0'),
            Ty::Int(_) => ExprKind::Int(0),
            Ty::Float(_) => ExprKind::Float(0.0),
            Ty::Str => ExprKind::Str("".into()),
            Ty::Duration => ExprKind::Duration(0),
            Ty::Instant => {
                let zero = self.int(0);
                return Some(self.intrinsic(Intrinsic::InstantFromNs, vec![], vec![zero], ty));
            }
            Ty::List(_) => ExprKind::List(Vec::new()),
            Ty::Tuple(_) | Ty::Adt(..) => {
                let shapes = self.shapes(ty)?;
                if self.is_sum(ty) {
                    let first = shapes.iter().position(Vec::is_empty)?;
                    ExprKind::Variant(first as u32, Vec::new())
                } else {
                    let fields: Vec<Expr> = shapes[0]
                        .iter()
                        .map(|&part| self.member(BuiltinClass::Default, 0, part, vec![]))
                        .collect();
                    if matches!(self.program.types.kind(ty), Ty::Tuple(_)) {
                        ExprKind::Tuple(fields)
                    } else {
                        let fields = fields.into_iter().enumerate();
                        ExprKind::Struct(fields.map(|(i, value)| (i as u32, value)).collect())
                    }
                }
            }
            _ => return None,
        };
        Some(self.expr(kind, ty))
    }
}
