//! Expressions: dispatch by kind, operands, and the order of evaluation.
//!
//! Input: a HIR expression. Output: steps in the current block, and an operand, a local, or nothing where the value is dropped.
//! Invariants: operands are evaluated left to right, each once. An operand that names a place is read only when the whole list of operands has
//! been evaluated; where a later operand changes the variable, it is read into a temporary first ([`Builder::operands`]). An expression of type
//! `Never` leaves the builder in an unreachable block.

use orion_hir as hir;
use orion_hir::{ExprKind, ForIter};
use rustc_hash::FxHashSet;

use super::builder::Builder;
use super::instance::Instance;
use crate::body::{Const, Local, Operand, RETURN, Rvalue};
use crate::ty::{IntTy, Ty, TyKind};

/// How an operand is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    /// The user gets an owner.
    Own,
    /// The user looks at it.
    Borrow,
}

impl<'h> Builder<'_, '_, 'h> {
    /// Lowers an expression into a local, or for its effects only.
    pub(super) fn lower(&mut self, expr: &'h hir::Expr, dest: Option<Local>) {
        let outer = self.move_to(expr.span);
        self.lower_kind(expr, dest);
        self.loc = outer;
    }

    fn lower_kind(&mut self, expr: &'h hir::Expr, dest: Option<Local>) {
        if self.lower_diverging(expr) {
            return;
        }
        match &expr.kind {
            ExprKind::Call(..) | ExprKind::Intrinsic(..)
                if dest.is_none() && expr.ty != hir::TyTable::NEVER && {
                    let ty = self.ty(expr.ty);
                    self.holds_generator(ty)
                } =>
            {
                let value = self.value_temp(expr);
                self.stop_now(value);
            }
            ExprKind::Block(stmts, tail) => self.lower_block(stmts, tail.as_deref(), dest),
            ExprKind::If { .. } => self.lower_if(expr, dest),
            ExprKind::Match { scrutinee, arms } => self.lower_match(scrutinee, arms, dest),
            ExprKind::Select(arms) => self.lower_select(arms, dest),
            ExprKind::Async { scope, body } => self.lower_async(*scope, body, dest),
            ExprKind::And(..) | ExprKind::Or(..) => self.lower_logic(expr, dest),
            ExprKind::Call(callee, args) => self.lower_call(callee, args, expr.ty, dest),
            ExprKind::Intrinsic(which, types, args) => {
                self.lower_intrinsic(*which, types, args, expr, dest);
            }
            ExprKind::Spawn { func, scope, name, detached } => {
                self.lower_spawn(*func, scope, name.as_deref(), *detached, expr.ty, dest);
            }
            ExprKind::While { id, cond, body } => {
                self.lower_while(*id, cond, body);
                self.give_unit(expr, dest);
            }
            ExprKind::For { id, pat, iter, body } => {
                self.lower_for(*id, pat, iter, body);
                self.give_unit(expr, dest);
            }
            ExprKind::Break(id) => {
                let target = self.loops[id];
                self.jump(target.break_to, target.scope);
            }
            ExprKind::Continue(id) => {
                let target = self.loops[id];
                self.jump(target.continue_to, target.scope);
            }
            ExprKind::Return(value) => {
                match value {
                    Some(value) => self.lower(value, Some(RETURN)),
                    None => self.assign(RETURN, Rvalue::Use(Operand::Const(Const::Unit))),
                }
                self.leave(super::exits::Exit::Return);
            }
            ExprKind::Assign(place, value) => {
                self.lower_assign(place, value);
                self.give_unit(expr, dest);
            }
            ExprKind::AssignOp(op, place, value) => {
                self.lower_assign_op(*op, place, value);
                self.give_unit(expr, dest);
            }
            _ => match dest {
                None => self.lower_effects(expr),
                Some(dest) => {
                    let value = self.rvalue(expr);
                    if expr.ty != hir::TyTable::NEVER {
                        self.assign(dest, value);
                    }
                }
            },
        }
    }

    /// Where an operand never ends, so does the expression: only what comes before it, and it, is lowered. What would follow has no types
    /// to speak of.
    fn lower_diverging(&mut self, expr: &'h hir::Expr) -> bool {
        let mut operands = Vec::new();
        match &expr.kind {
            ExprKind::Block(..)
            | ExprKind::If { .. }
            | ExprKind::While { .. }
            | ExprKind::Async { .. }
            | ExprKind::And(..)
            | ExprKind::Or(..)
            | ExprKind::Return(_)
            | ExprKind::Select(_) => return false,
            ExprKind::Match { scrutinee, .. } => operands.push(&**scrutinee),
            ExprKind::For { iter, .. } => match &**iter {
                ForIter::Range { start, end, .. } => operands.extend([start, end]),
                ForIter::List(expr)
                | ForIter::Str(expr)
                | ForIter::Chan(expr)
                | ForIter::GenValue(expr) => operands.push(expr),
                ForIter::GenPlace(_) => {}
            },
            _ => expr.for_each_child(&mut |child| operands.push(child)),
        }
        let Some(end) = operands.iter().position(|operand| operand.ty == hir::TyTable::NEVER)
        else {
            return false;
        };
        for operand in &operands[..=end] {
            self.lower(operand, None);
        }
        true
    }

    /// An expression whose value nobody wants: only what it does.
    fn lower_effects(&mut self, expr: &'h hir::Expr) {
        match &expr.kind {
            ExprKind::Local(_)
            | ExprKind::Lambda(_)
            | ExprKind::FnRef(..)
            | ExprKind::MemberRef { .. } => {}
            ExprKind::Field(base, _) | ExprKind::VariantIndex(base) => self.lower(base, None),
            ExprKind::Index(..) => {
                self.place_of(expr);
            }
            ExprKind::Tuple(items) | ExprKind::Variant(_, items) | ExprKind::List(items) => {
                items.iter().for_each(|item| self.lower(item, None));
            }
            ExprKind::Struct(fields) => fields.iter().for_each(|(_, item)| self.lower(item, None)),
            _ => {
                let ty = self.ty(expr.ty);
                let value = self.rvalue(expr);
                if !matches!(value, Rvalue::Use(Operand::Const(_))) {
                    self.temp_of(ty, value);
                }
            }
        }
    }

    pub(super) fn give_unit(&mut self, expr: &hir::Expr, dest: Option<Local>) {
        if let (Some(dest), hir::TyTable::UNIT) = (dest, expr.ty) {
            self.assign(dest, Rvalue::Use(Operand::Const(Const::Unit)));
        }
    }

    pub(super) fn give(&mut self, value: Rvalue, dest: Option<Local>) {
        if let Some(dest) = dest {
            self.assign(dest, value);
        }
    }

    /// The value of an expression as an owned operand.
    pub(super) fn operand(&mut self, expr: &'h hir::Expr) -> Operand {
        if let Some(value) = self.constant(expr) {
            return Operand::Const(value);
        }
        if is_place(expr) {
            let place = self.place_of(expr);
            return self.own(place);
        }
        let temp = self.value_temp(expr);
        self.own_local(temp)
    }

    /// The value of an expression, to look at.
    pub(super) fn borrow(&mut self, expr: &'h hir::Expr) -> Operand {
        if let Some(value) = self.constant(expr) {
            return Operand::Const(value);
        }
        Operand::Borrow(self.place_of(expr))
    }

    /// The value of an expression in a new temporary.
    pub(super) fn value_temp(&mut self, expr: &'h hir::Expr) -> Local {
        let ty = self.ty(expr.ty);
        let temp = self.temp(ty);
        self.lower(expr, Some(temp));
        temp
    }

    /// The value of an expression in a local of its own or, where that is enough to look at, in its variable.
    pub(super) fn borrow_local(&mut self, expr: &'h hir::Expr) -> Local {
        let expr = through_views(expr);
        if let ExprKind::Local(id) = expr.kind
            && !self.hir.locals[id].mutable
            && let Some(local) = self.var_local(id)
        {
            return local;
        }
        self.value_temp(expr)
    }

    pub(super) fn constant(&mut self, expr: &hir::Expr) -> Option<Const> {
        Some(match &expr.kind {
            ExprKind::Unit => Const::Unit,
            ExprKind::Bool(value) => Const::Bool(*value),
            ExprKind::Char(value) => Const::Char(*value),
            ExprKind::Int(value) => {
                let ty = self.ty(expr.ty);
                Const::Int(*value, self.int_kind(ty))
            }
            ExprKind::Float(value) => {
                let ty = self.ty(expr.ty);
                match self.cx.types.kind(ty) {
                    TyKind::F32 => Const::F32(*value as f32),
                    _ => Const::F64(*value),
                }
            }
            ExprKind::Str(text) => Const::Str(text.to_string()),
            ExprKind::Duration(ns) => Const::Duration(*ns),
            ExprKind::FnRef(id, args) => {
                let args = args.iter().map(|&arg| self.concrete(arg)).collect();
                self.function_value(*id, args, expr.ty)
            }
            ExprKind::MemberRef { class, member, ty } => {
                let ty = self.concrete(*ty);
                let (id, args) = self.cx.member(*class, *member, ty);
                self.function_value(id, args, expr.ty)
            }
            ExprKind::Lambda(id) if self.cx.hir.fns[*id].captures.is_empty() => {
                let ty = self.ty(expr.ty);
                let body = self.cx.instance(Instance::Fn(*id, self.args.to_vec()));
                Const::Function(body, ty)
            }
            ExprKind::List(items) if items.is_empty() => Const::EmptyList(self.ty(expr.ty)),
            _ => return None,
        })
    }

    fn function_value(&mut self, id: hir::FnId, args: Vec<hir::TyId>, ty: hir::TyId) -> Const {
        let ty = self.ty(ty);
        Const::Function(self.cx.instance(Instance::Value(id, args)), ty)
    }

    pub(super) fn int_kind(&self, ty: Ty) -> IntTy {
        match self.cx.types.kind(ty) {
            TyKind::Int(int) => *int,
            kind => unreachable!("an integer of type {kind:?}"),
        }
    }

    /// The value of an expression without control flow of its own.
    fn rvalue(&mut self, expr: &'h hir::Expr) -> Rvalue {
        if let Some(value) = self.constant(expr) {
            return Rvalue::Use(Operand::Const(value));
        }
        match &expr.kind {
            ExprKind::Local(_) | ExprKind::Field(..) | ExprKind::Index(..) => {
                let place = self.place_of(expr);
                Rvalue::Use(self.own(place))
            }
            ExprKind::Tuple(items) => {
                let items: Vec<&hir::Expr> = items.iter().collect();
                Rvalue::Tuple(self.operands(&items, Use::Own))
            }
            ExprKind::List(items) => {
                let ty = self.ty(expr.ty);
                let items: Vec<&hir::Expr> = items.iter().collect();
                Rvalue::List(ty, self.operands(&items, Use::Own))
            }
            ExprKind::ListRepeat { value, count } => self.list_repeat(value, count),
            ExprKind::Struct(fields) => {
                let ty = self.ty(expr.ty);
                let values: Vec<&hir::Expr> = fields.iter().map(|(_, value)| value).collect();
                let values = self.operands(&values, Use::Own);
                // Evaluated as written, stored as declared.
                let mut ordered: Vec<(u32, Operand)> =
                    fields.iter().map(|(index, _)| *index).zip(values).collect();
                ordered.sort_by_key(|(index, _)| *index);
                Rvalue::Variant(ty, 0, ordered.into_iter().map(|(_, value)| value).collect())
            }
            ExprKind::Variant(variant, items) => {
                let ty = self.ty(expr.ty);
                let items: Vec<&hir::Expr> = items.iter().collect();
                Rvalue::Variant(ty, *variant, self.operands(&items, Use::Own))
            }
            ExprKind::Slice { base, start, end, inclusive } => {
                self.slice(base, start.as_deref(), end.as_deref(), *inclusive, expr.ty)
            }
            ExprKind::VariantIndex(base) => {
                let place = self.place_of(base);
                let u32 = self.int(IntTy::U32);
                let tag = self.temp_of(u32, Rvalue::Tag(place));
                let i64 = self.i64();
                Rvalue::Cast(Operand::Borrow(tag.into()), i64)
            }
            ExprKind::Unary(op, operand) => self.unary(*op, operand),
            ExprKind::Binary(..) => self.binary_chain(expr),
            ExprKind::Cast(kind, operand) => self.convert(*kind, operand, expr.ty),
            ExprKind::Concat(parts) => self.concat(parts),
            ExprKind::Lambda(id) => self.lambda(*id, expr.ty),
            ExprKind::Gen(id) => self.generator(*id, expr.ty),
            _ => Rvalue::Use(Operand::Copy(self.value_temp(expr).into())),
        }
    }

    /// `fn(…) { … }` with captures.
    fn lambda(&mut self, id: hir::FnId, ty: hir::TyId) -> Rvalue {
        let ty = self.ty(ty);
        let captures = self.captures(id);
        let body = self.cx.instance(Instance::Fn(id, self.args.to_vec()));
        Rvalue::Closure(body, ty, captures)
    }

    /// The values of a closure's captures.
    pub(super) fn captures(&mut self, id: hir::FnId) -> Vec<Operand> {
        let captures = self.cx.hir.fns[id].captures.clone();
        captures
            .iter()
            .map(|capture| {
                let place = self.var_place(capture.outer);
                self.own(place)
            })
            .collect()
    }

    /// Operands of one step, evaluated in order.
    pub(super) fn operands(&mut self, exprs: &[&'h hir::Expr], how: Use) -> Vec<Operand> {
        let changed = self.changed_later(exprs);
        exprs
            .iter()
            .zip(changed)
            .map(|(expr, changed)| {
                let operand = match how {
                    Use::Own => self.operand(expr),
                    Use::Borrow => self.borrow(expr),
                };
                if changed { self.settle(expr, operand, how) } else { operand }
            })
            .collect()
    }

    /// Reads an operand now.
    pub(super) fn settle(&mut self, expr: &hir::Expr, operand: Operand, how: Use) -> Operand {
        if matches!(operand, Operand::Const(_)) {
            return operand;
        }
        let ty = self.ty(expr.ty);
        let value = match operand {
            Operand::Borrow(place) => Operand::Copy(place),
            other => other,
        };
        let temp = self.temp_of(ty, Rvalue::Use(value));
        match how {
            Use::Own => self.own_local(temp),
            Use::Borrow => Operand::Borrow(temp.into()),
        }
    }

    /// For each expression: whether it reads a variable that a later one changes.
    fn changed_later(&self, exprs: &[&hir::Expr]) -> Vec<bool> {
        let mut result = vec![false; exprs.len()];
        let is_risky = |expr: &&hir::Expr| self.mutable_root(expr).is_some();
        let Some(first) = exprs.iter().position(is_risky) else { return result };
        let mut changed = FxHashSet::default();
        for index in (first..exprs.len()).rev() {
            if let Some(root) = self.mutable_root(exprs[index]) {
                result[index] = changed.contains(&root);
            }
            if index > first {
                collect_changes(exprs[index], &mut changed);
            }
        }
        result
    }

    /// The mutable variable whose value, or a part of it, the expression is.
    pub(super) fn mutable_root(&self, expr: &hir::Expr) -> Option<hir::LocalId> {
        match &through_views(expr).kind {
            ExprKind::Local(id) => self.hir.locals[*id].mutable.then_some(*id),
            ExprKind::Field(base, _) | ExprKind::Index(base, _) => self.mutable_root(base),
            _ => None,
        }
    }

    /// Whether evaluating `later` may change what `expr` names.
    pub(super) fn is_changed_by(&self, expr: &hir::Expr, later: &hir::Expr) -> bool {
        let Some(root) = self.mutable_root(expr) else { return false };
        let mut changed = FxHashSet::default();
        collect_changes(later, &mut changed);
        changed.contains(&root)
    }
}

/// The channel that an expression is a view of: the same value.
pub(super) fn through_views(mut expr: &hir::Expr) -> &hir::Expr {
    while let ExprKind::Cast(hir::CastKind::ChanView, inner) = &expr.kind {
        expr = inner;
    }
    expr
}

/// Whether the expression names a variable or a part of one.
pub(super) fn is_place(expr: &hir::Expr) -> bool {
    match &through_views(expr).kind {
        ExprKind::Local(_) => true,
        ExprKind::Field(base, _) | ExprKind::Index(base, _) => is_place(base),
        _ => false,
    }
}

/// The variables that evaluating an expression may assign to.
pub(super) fn collect_changes(expr: &hir::Expr, out: &mut FxHashSet<hir::LocalId>) {
    match &expr.kind {
        ExprKind::Assign(place, _) | ExprKind::AssignOp(_, place, _) => {
            out.insert(place.local);
        }
        ExprKind::Call(_, args) | ExprKind::Intrinsic(_, _, args) => {
            for arg in args {
                if let hir::Arg::Mut(place) = arg {
                    out.insert(place.local);
                }
            }
        }
        ExprKind::For { iter, .. } => {
            if let ForIter::GenPlace(place) = &**iter {
                out.insert(place.local);
            }
        }
        _ => {}
    }
    expr.for_each_child(&mut |child| collect_changes(child, out));
}
