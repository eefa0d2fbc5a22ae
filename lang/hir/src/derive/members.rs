//! The members themselves: `eq`, `compare`, `hash`, `show`, `default`.
//!
//! Each gives the body's value for a type, or `None` where the type is no data type.

use super::builder::{Builder, Part};
use super::{SHOW_AFTER, SHOW_NESTED};
use crate::TyId;
use crate::expr::{BinOp, CastKind, Expr, ExprKind, Stmt};
use crate::ids::LocalId;
use crate::intrinsic::Intrinsic;
use crate::item::{AdtKind, BuiltinClass};
use crate::ty::{IntKind, Ty, TyTable};

impl Builder<'_> {
    pub(super) fn eq(&mut self, ty: TyId, a: LocalId, b: LocalId) -> Option<Expr> {
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
    pub(super) fn ordering(&self, index: u32) -> Expr {
        self.expr(ExprKind::Variant(index, Vec::new()), self.ret)
    }

    /// `if a < b { Less } else if a == b { Equal } else { last }`
    pub(super) fn three_way(&self, a: Expr, b: Expr, last: Expr) -> Expr {
        let less = self.binary(BinOp::Lt, a.clone(), b.clone());
        let equal = self.binary(BinOp::Eq, a, b);
        let rest = self.if_else(equal, self.ordering(1), last);
        self.if_else(less, self.ordering(0), rest)
    }

    pub(super) fn compare(&mut self, ty: TyId, a: LocalId, b: LocalId) -> Option<Expr> {
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
    pub(super) fn return_unless_equal(&mut self, part: TyId, reads: Vec<Expr>) -> Vec<Stmt> {
        let order = self.local("$c", self.ret, false);
        let call = self.member(BuiltinClass::Ord, 0, part, reads);
        let differs = self.binary(BinOp::Ne, self.variant_index(self.get(order)), self.int(1));
        let leave = self.give_back(self.get(order));
        vec![self.bind(order, call), self.if_then(differs, leave)]
    }

    pub(super) fn word(&self, value: i128) -> Expr {
        self.expr(ExprKind::Int(value), TyTable::U64)
    }

    pub(super) fn mix(&self, hash: Expr, word: Expr) -> Expr {
        self.intrinsic(Intrinsic::HashMix, vec![], vec![hash, word], TyTable::U64)
    }

    pub(super) fn cast(&self, kind: CastKind, value: Expr, ty: TyId) -> Expr {
        self.expr(ExprKind::Cast(kind, Box::new(value)), ty)
    }

    pub(super) fn hash(&mut self, ty: TyId, a: LocalId) -> Option<Expr> {
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

    pub(super) fn show(&mut self, ty: TyId, a: LocalId) -> Option<Expr> {
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
            Ty::Adt(..) if self.program.is_plain_enum(ty) => {
                let adt = self.program.types.kind(ty).clone();
                let Ty::Adt(adt, _) = adt else { return None };
                let adt = self.program.adts[adt].clone();
                return self.take_apart(ty, &[a], None, &mut |this, index, _| {
                    this.str(&adt.variants()[index].name)
                });
            }
            Ty::List(_) | Ty::Tuple(_) | Ty::Adt(..) => {
                let empty = self.str("");
                return Some(self.member(BuiltinClass::Show, SHOW_AFTER, ty, vec![value, empty]));
            }
            _ => return None,
        };
        Some(self.intrinsic(which, vec![], vec![value], TyTable::STR))
    }

    /// `text`, and the text of a compound behind it.
    pub(super) fn show_after(&mut self, ty: TyId, text: LocalId, a: LocalId) -> Option<Expr> {
        match self.program.types.kind(ty).clone() {
            Ty::List(element) => Some(self.show_list_after(text, a, element)),
            Ty::Tuple(_) => self.take_apart(ty, &[a], None, &mut |this, _, parts| {
                this.show_parts_after(text, "(", parts, &[], ")")
            }),
            Ty::Adt(adt, _) => {
                let adt = self.program.adts[adt].clone();
                self.take_apart(ty, &[a], None, &mut |this, index, parts| match &adt.kind {
                    AdtKind::Struct(fields) if fields.is_empty() => {
                        this.show_parts_after(text, &format!("{} {{", adt.name), parts, &[], "}")
                    }
                    AdtKind::Struct(fields) => {
                        let names: Vec<&str> = fields.iter().map(|field| &*field.name).collect();
                        let open = format!("{} {{ ", adt.name);
                        this.show_parts_after(text, &open, parts, &names, " }")
                    }
                    AdtKind::Sum(variants) if parts.is_empty() => {
                        this.show_parts_after(text, &variants[index].name, parts, &[], "")
                    }
                    AdtKind::Sum(variants) => {
                        let open = format!("{}(", variants[index].name);
                        this.show_parts_after(text, &open, parts, &[], ")")
                    }
                })
            }
            _ => None,
        }
    }

    /// Whether the type's text is made by its own [`SHOW_AFTER`].
    fn has_show_after(&self, ty: TyId) -> bool {
        matches!(self.program.types.kind(ty), Ty::List(_) | Ty::Tuple(_) | Ty::Adt(..))
            && !self.program.is_plain_enum(ty)
            && self.program.find_instance(self.program.lang.show, ty).is_none()
    }

    /// The pieces as one string, with the text of a part behind them.
    fn with_part(&self, mut pieces: Vec<Expr>, part: TyId, reads: Vec<Expr>) -> Vec<Expr> {
        if self.has_show_after(part) {
            let mut args = reads;
            args.push(self.expr(ExprKind::Concat(pieces), TyTable::STR));
            return vec![self.member(BuiltinClass::Show, SHOW_AFTER, part, args)];
        }
        pieces.push(self.member(BuiltinClass::Show, SHOW_NESTED, part, reads));
        pieces
    }

    fn show_parts_after(
        &mut self,
        text: LocalId,
        open: &str,
        parts: Vec<Part>,
        names: &[&str],
        close: &str,
    ) -> Expr {
        let mut pieces = vec![self.get(text)];
        let mut literal = open.to_owned();
        for (index, (part, reads)) in parts.into_iter().enumerate() {
            if index > 0 {
                literal.push_str(", ");
            }
            if let Some(name) = names.get(index) {
                literal.push_str(name);
                literal.push_str(": ");
            }
            pieces.push(self.str(&literal));
            literal.clear();
            pieces = self.with_part(pieces, part, reads);
        }
        literal.push_str(close);
        pieces.push(self.str(&literal));
        self.expr(ExprKind::Concat(pieces), TyTable::STR)
    }

    fn show_list_after(&mut self, text: LocalId, a: LocalId, element: TyId) -> Expr {
        let shown = self.local("$s", TyTable::STR, true);
        let index = self.local("$i", TyTable::I64, false);
        let concat =
            |this: &Self, pieces: Vec<Expr>| this.expr(ExprKind::Concat(pieces), TyTable::STR);
        let assign = |this: &Self, value: Expr| {
            let place = Box::new(this.place(shown));
            this.expr(ExprKind::Assign(place, Box::new(value)), TyTable::UNIT)
        };
        let start = concat(self, vec![self.get(text), self.str("[")]);
        let item = self.element(a, index, element);
        let is_later = self.binary(BinOp::Gt, self.get(index), self.int(0));
        let comma = assign(self, concat(self, vec![self.get(shown), self.str(", ")]));
        let pieces = self.with_part(vec![self.get(shown)], element, vec![item]);
        let next = assign(self, concat(self, pieces));
        let body = self.unit_block(vec![self.if_then(is_later, comma), Stmt::Expr(next)]);
        let end = self.list_len(a, element);
        let stmts = vec![self.bind(shown, start), self.count(index, end, body)];
        let tail = concat(self, vec![self.get(shown), self.str("]")]);
        self.block(stmts, tail)
    }

    pub(super) fn default(&mut self, ty: TyId) -> Option<Expr> {
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
