//! The end of inference for an item: defaults for literals, class bounds, and final bodies.
//!
//! Postcondition: no variable is left in any body; comparisons of other than primitive values are
//! calls of class members; literals fit their types; conversions are possible.

use super::ops::takes;
use super::unify::VarKind;
use super::{Frame, Infer, LateCheck};
use orion_diagnostics::ErrorCode;
use orion_hir::derive::SHOW_NESTED;
use orion_hir::{
    Arg, BinOp, Body, Callee, CastKind, Expr, ExprKind, FnId, ForIter, LocalId, Pat, PatKind,
    Place, SelectOp, Stmt, Ty, TyId, TyTable, UnOp,
};
use orion_syntax::Span;
use std::collections::HashSet;

impl Infer<'_, '_> {
    /// Settles every body of the item and stores it.
    pub(super) fn finish(&mut self) {
        self.settle_types();
        let closures = std::mem::take(&mut self.closures);
        let mut seen = HashSet::new();
        let mut bodies = Vec::new();
        for (func, mut body) in closures {
            self.settle_signature(func);
            self.settle_body(&mut body, &mut seen);
            bodies.push((func, body));
        }
        for (func, body) in bodies {
            if self.failed {
                self.g.failed.insert(func);
            }
            self.g.program.fns[func].body = Some(body);
        }
    }

    /// As `finish`, for a value without a function.
    pub(super) fn finish_value(&mut self, frame: Frame, value: Expr) -> Expr {
        self.settle_types();
        let mut body =
            Body { locals: frame.locals, params: Vec::new(), loop_count: frame.loop_count, value };
        let mut seen = HashSet::new();
        self.settle_body(&mut body, &mut seen);
        let closures = std::mem::take(&mut self.closures);
        for (func, mut body) in closures {
            self.settle_signature(func);
            self.settle_body(&mut body, &mut seen);
            self.g.program.fns[func].body = Some(body);
        }
        body.value
    }

    fn settle_types(&mut self) {
        self.apply_defaults();
        let obligations = std::mem::take(&mut self.obligations);
        let mut reported: HashSet<(orion_hir::ClassId, TyId, Span)> = HashSet::new();
        // A key without `Eq` and `Hash` is one error.
        let mut bad_keys: HashSet<(TyId, Span)> = HashSet::new();
        for mut obligation in obligations {
            obligation.ty = self.deep(obligation.ty);
            let known = !self.g.program.types.has_infer(obligation.ty)
                && !self.g.program.types.has_error(obligation.ty);
            if known && reported.insert((obligation.class, obligation.ty, obligation.span)) {
                let generics = self.generics.clone();
                if let Some(diagnostic) = self.g.solve(&obligation, &generics) {
                    if matches!(obligation.reason, crate::classes::Reason::MapKey)
                        && !bad_keys.insert((obligation.ty, obligation.span))
                    {
                        continue;
                    }
                    self.report(diagnostic);
                }
            }
        }
        for check in std::mem::take(&mut self.late) {
            let LateCheck::Operand { ty, op, span } = check;
            let kind = self.known(ty);
            let ok = match kind {
                Ty::Infer(_) | Ty::Error | Ty::Never => true,
                _ => ALL_ARITHMETIC
                    .iter()
                    .find(|known| known.symbol() == op)
                    .is_none_or(|&known| takes(known, &kind)),
            };
            if !ok {
                self.report_operand(op, span, ty);
            }
        }
    }

    fn settle_signature(&mut self, func: FnId) {
        let mut params = std::mem::take(&mut self.g.program.fns[func].params);
        for param in &mut params {
            param.ty = self.deep(param.ty);
        }
        let ret = self.g.program.fns[func].ret;
        let ret = self.deep(ret);
        let yields = self.g.program.fns[func].yields;
        let yields = yields.map(|yields| orion_hir::Yields {
            item: self.deep(yields.item),
            sent: self.deep(yields.sent),
        });
        let item = &mut self.g.program.fns[func];
        item.params = params;
        item.ret = ret;
        item.yields = yields;
    }

    fn settle_body(&mut self, body: &mut Body, unknown: &mut HashSet<TyId>) {
        let mut taken = std::mem::replace(
            body,
            Body {
                locals: orion_hir::IndexVec::new(),
                params: Vec::new(),
                loop_count: 0,
                value: super::error_expr(Span::BUILTIN),
            },
        );
        orion_hir::visit::map_types(&mut taken, &mut |ty| self.final_type(ty, unknown));
        self.settle(&mut taken.value);
        *body = taken;
    }

    /// A type without variables; one that nothing determines is reported once.
    fn final_type(&mut self, ty: TyId, unknown: &mut HashSet<TyId>) -> TyId {
        if !self.g.program.types.has_infer(ty) {
            return ty;
        }
        let ty = self.deep(ty);
        if !self.g.program.types.has_infer(ty) {
            return ty;
        }
        if unknown.insert(ty) && !self.failed {
            let mut variable = ty;
            while let Some(part) = self.first_part_with_infer(variable) {
                variable = part;
            }
            // Fields that are errors determine nothing; what they leave open is no error of its own.
            let span = self.var_span(variable).filter(|_| !self.g.has_broken_types);
            if let Some(span) = span {
                let help = if self.var_kind(variable) == Some(VarKind::Parameter) {
                    "write it: `fn(x: T) …`"
                } else {
                    "write it: `let x: T = …`, or `f::[T](…)`"
                };
                let error = self
                    .error(ErrorCode::E0205, span, "the type of this cannot be inferred")
                    .label("nothing says what it is")
                    .help(help);
                self.emit(error);
            }
            self.unify(variable, TyTable::ERROR);
        }
        TyTable::ERROR
    }

    fn first_part_with_infer(&self, ty: TyId) -> Option<TyId> {
        let mut found = None;
        orion_hir::ty::for_each_part(self.kind(ty), |part| {
            if found.is_none() && self.g.program.types.has_infer(part) {
                found = Some(part);
            }
        });
        found
    }

    fn settle(&mut self, e: &mut Expr) {
        e.for_each_child_mut(&mut |child| self.settle(child));
        self.check_holds_scope(e.ty, e.span);
        if matches!(e.kind, ExprKind::Async { .. }) && e.ty == TyTable::SCOPE && !self.failed {
            let error = self
                .error(
                    ErrorCode::E0502,
                    e.span,
                    "the value of an `async` block cannot be a `Scope`",
                )
                .label("would outlive its scope")
                .help("what needs the scope belongs inside of the block");
            self.emit(error);
        }
        let span = e.span;
        match &mut e.kind {
            ExprKind::Int(value) => self.check_literal(*value, e.ty, span),
            ExprKind::Binary(op, left, _)
                if op.is_comparison() && !self.kind(left.ty).is_primitive() =>
            {
                self.compare_by_class(e);
            }
            ExprKind::Cast(kind, inner)
                if matches!(kind, CastKind::Checked | CastKind::Wrapping) =>
            {
                let (kind, from) = (*kind, inner.ty);
                self.check_cast(kind, from, e.ty, span);
            }
            ExprKind::Call(Callee::Member { class, member: 0, ty }, args)
                if *class == self.g.program.lang.show && *ty == TyTable::STR =>
            {
                // A string shows as itself.
                if let Some(Arg::Value(value)) = args.pop() {
                    *e = value;
                }
            }
            ExprKind::Call(Callee::Member { class, member: SHOW_NESTED, ty }, _)
                if *class == self.g.program.lang.show =>
            {
                // An assertion shows what can be shown.
                let (class, ty) = (*class, *ty);
                let generics = self.generics.clone();
                if self.g.has_class(class, ty, &generics).is_err() {
                    e.kind = ExprKind::Str("_".into());
                }
            }
            ExprKind::Match { arms, .. } => {
                for arm in arms {
                    self.settle_pat(&arm.pat);
                }
            }
            ExprKind::For { pat, .. } => self.settle_pat(pat),
            ExprKind::Block(stmts, _) => {
                for stmt in stmts {
                    match stmt {
                        Stmt::Let { pat, .. } => self.settle_pat(pat),
                        Stmt::Defer { body, uses, .. } => {
                            *uses = outer_locals(body, &self.g.program);
                        }
                        Stmt::Expr(_) => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn settle_pat(&mut self, pat: &Pat) {
        match &pat.kind {
            PatKind::Int(value) => self.check_literal(*value, pat.ty, pat.span),
            PatKind::Range { lo, hi } => {
                self.check_literal(*lo, pat.ty, pat.span);
                self.check_literal(*hi, pat.ty, pat.span);
            }
            PatKind::Variant(_, pats) | PatKind::Tuple(pats) | PatKind::Or(pats) => {
                pats.iter().for_each(|pat| self.settle_pat(pat));
            }
            PatKind::Struct(fields) => fields.iter().for_each(|(_, pat)| self.settle_pat(pat)),
            PatKind::List { prefix, suffix, .. } => {
                prefix.iter().chain(suffix).for_each(|pat| self.settle_pat(pat));
            }
            _ => {}
        }
    }

    fn check_literal(&mut self, value: i128, ty: TyId, span: Span) {
        let Ty::Int(kind) = *self.kind(ty) else { return };
        if value >= kind.min() && value <= kind.max() {
            return;
        }
        let mut error = self
            .error(
                ErrorCode::E0601,
                span,
                format!("the number {value} does not fit in `{}`", kind.name()),
            )
            .label(format!("`{}` goes from {} to {}", kind.name(), kind.min(), kind.max()));
        let fitting = orion_hir::IntKind::ALL
            .into_iter()
            .find(|&other| value >= other.min() && value <= other.max());
        if let Some(other) = fitting {
            error = error.help(format!("`{}` has it", other.name()));
        }
        self.emit(error);
    }

    fn check_cast(&mut self, kind: CastKind, from: TyId, to: TyId, span: Span) {
        let (a, b) = (self.kind(from).clone(), self.kind(to).clone());
        if matches!(a, Ty::Error | Ty::Never) || matches!(b, Ty::Error) {
            return;
        }
        let ok = match (&a, &b) {
            (Ty::Int(_), Ty::Int(_)) => true,
            _ if kind == CastKind::Wrapping => false,
            (Ty::Int(_) | Ty::Float(_), Ty::Int(_) | Ty::Float(_))
            | (Ty::Int(_), Ty::Char)
            | (Ty::Char, Ty::Int(_) | Ty::Char) => true,
            _ => false,
        };
        if ok {
            return;
        }
        let (from_text, to_text) = (self.show(from), self.show(to));
        let word = if kind == CastKind::Wrapping { "as%" } else { "as" };
        let mut error = self
            .error(
                ErrorCode::E0214,
                span,
                format!("`{word}` cannot convert a `{from_text}` to a `{to_text}`"),
            )
            .label("no such conversion");
        error = match (&a, &b) {
            (Ty::Bool, Ty::Int(_)) => error.help("write `if b { 1 } else { 0 }`"),
            (Ty::Str, Ty::Int(_)) => error.help("`s.parse_int()` gives an `Option[i64]`"),
            (Ty::Str, Ty::Float(_)) => error.help("`s.parse_float()` gives an `Option[f64]`"),
            (_, Ty::Str) => error.help("`\"{x}\"` makes a string"),
            _ if kind == CastKind::Wrapping => error.note("`as%` is between integers"),
            _ => error.note("`as` is between numbers, and between integers and `char`"),
        };
        self.emit(error);
    }

    /// A `Scope` inside of anything else would be stored.
    fn check_holds_scope(&mut self, ty: TyId, span: Span) {
        let holds = match self.kind(ty) {
            Ty::Tuple(parts) | Ty::Adt(_, parts) => parts.contains(&TyTable::SCOPE),
            Ty::List(part) | Ty::Chan(part) | Ty::Send(part) | Ty::Recv(part) | Ty::Task(part) => {
                *part == TyTable::SCOPE
            }
            Ty::Fn(function) => function.ret == TyTable::SCOPE,
            _ => false,
        };
        if holds && !self.failed {
            let error = self
                .error(ErrorCode::E0502, span, "a `Scope` cannot be stored, sent or returned")
                .label("holds a scope, which it would outlive")
                .help("pass the scope as a parameter, or capture it");
            self.emit(error);
        }
    }

    /// `a == b` is `eq(a, b)`; `a < b` compares the index of `compare(a, b)` with that of `Equal`.
    fn compare_by_class(&mut self, e: &mut Expr) {
        let span = e.span;
        let kind = std::mem::replace(&mut e.kind, ExprKind::Unit);
        let ExprKind::Binary(op, left, right) = kind else { return };
        let at = left.ty;
        if matches!(self.kind(at), Ty::Error | Ty::Never) {
            return;
        }
        let args = vec![Arg::Value(*left), Arg::Value(*right)];
        let lang = self.g.program.lang;
        let member = |class| Callee::Member { class, member: 0, ty: at };
        e.kind = match op {
            BinOp::Eq => ExprKind::Call(member(lang.eq), args),
            BinOp::Ne => {
                let equal = super::expr(ExprKind::Call(member(lang.eq), args), TyTable::BOOL, span);
                ExprKind::Unary(UnOp::Not, Box::new(equal))
            }
            op => {
                let ordering = self.types().adt(lang.ordering, &[]);
                let call = super::expr(ExprKind::Call(member(lang.ord), args), ordering, span);
                let index = super::expr(ExprKind::VariantIndex(Box::new(call)), TyTable::I64, span);
                let equal = super::expr(ExprKind::Int(1), TyTable::I64, span);
                ExprKind::Binary(op, Box::new(index), Box::new(equal))
            }
        };
    }
}

const ALL_ARITHMETIC: [BinOp; 13] = [
    BinOp::Add,
    BinOp::Sub,
    BinOp::Mul,
    BinOp::Div,
    BinOp::Rem,
    BinOp::AddWrap,
    BinOp::SubWrap,
    BinOp::MulWrap,
    BinOp::BitAnd,
    BinOp::BitOr,
    BinOp::BitXor,
    BinOp::Shl,
    BinOp::Shr,
];

/// Variables that an expression names and does not declare, in order of first use.
fn outer_locals(e: &Expr, program: &orion_hir::Program) -> Vec<LocalId> {
    let mut walk = Walk { program, declared: HashSet::new(), used: Vec::new() };
    walk.expr(e);
    let declared = walk.declared;
    let mut seen = HashSet::new();
    walk.used.retain(|local| !declared.contains(local) && seen.insert(*local));
    walk.used
}

struct Walk<'p> {
    program: &'p orion_hir::Program,
    declared: HashSet<LocalId>,
    used: Vec<LocalId>,
}

impl Walk<'_> {
    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Local(local) => self.used.push(*local),
            ExprKind::Lambda(func) | ExprKind::Gen(func) | ExprKind::Spawn { func, .. } => {
                let captures = &self.program.fns[*func].captures;
                self.used.extend(captures.iter().map(|capture| capture.outer));
            }
            ExprKind::Async { scope, .. } => {
                self.declared.insert(*scope);
            }
            ExprKind::Call(_, args) | ExprKind::Intrinsic(_, _, args) => {
                for arg in args {
                    if let Arg::Mut(place) = arg {
                        self.place(place);
                    }
                }
            }
            ExprKind::Assign(place, _) | ExprKind::AssignOp(_, place, _) => self.place(place),
            ExprKind::Match { arms, .. } => arms.iter().for_each(|arm| self.pat(&arm.pat)),
            ExprKind::For { pat, iter, .. } => {
                self.pat(pat);
                if let ForIter::GenPlace(place) = &**iter {
                    self.place(place);
                }
            }
            ExprKind::Block(stmts, _) => {
                for stmt in stmts {
                    if let Stmt::Let { pat, .. } = stmt {
                        self.pat(pat);
                    }
                }
            }
            ExprKind::Select(arms) => {
                for arm in arms {
                    if let SelectOp::Recv { bind: Some(local), .. } = arm.op {
                        self.declared.insert(local);
                    }
                }
            }
            _ => {}
        }
        e.for_each_child(&mut |child| self.expr(child));
    }

    fn place(&mut self, place: &Place) {
        self.used.push(place.local);
    }

    fn pat(&mut self, pat: &Pat) {
        match &pat.kind {
            PatKind::Bind(local) => {
                self.declared.insert(*local);
            }
            PatKind::Variant(_, pats) | PatKind::Tuple(pats) | PatKind::Or(pats) => {
                pats.iter().for_each(|pat| self.pat(pat));
            }
            PatKind::Struct(fields) => fields.iter().for_each(|(_, pat)| self.pat(pat)),
            PatKind::List { prefix, suffix, rest } => {
                prefix.iter().chain(suffix).for_each(|pat| self.pat(pat));
                if let Some(rest) = rest {
                    self.declared.extend(rest.bind);
                }
            }
            _ => {}
        }
    }
}
