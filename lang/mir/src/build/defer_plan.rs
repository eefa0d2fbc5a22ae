//! What has to be known of a body's defers before it is lowered.
//!
//! Input: a HIR body. Output: a [`DeferPlan`]. One walk over the body.
//!
//! A `defer` that every run of the body passes at most once, outside of branches, needs nothing. One inside a branch gets a flag that says
//! whether it was armed, and what it looks at is a dummy until then. Those in loops are armed often: each outermost loop with defers gets a
//! stack of records (indices of variables, then the number of the defer), and the variables declared in the loop that its defers use
//! live in lists, one element per time they are bound, so that each record finds its own.

use std::collections::BTreeSet;

use orion_hir as hir;
use orion_hir::{ExprKind, ForIter, Pat, PatKind, SelectOp, Stmt};
use rustc_hash::FxHashMap;

/// A `defer` inside a loop.
#[derive(Clone, Debug)]
pub(super) struct LoopDefer<'h> {
    pub(super) body: &'h hir::Expr,
    /// Those variables it uses that live in cells.
    pub(super) cells: Vec<hir::LocalId>,
}

/// An outermost loop with defers in it.
#[derive(Clone, Debug)]
pub(super) struct LoopDefers<'h> {
    pub(super) id: hir::LoopId,
    pub(super) defers: Vec<LoopDefer<'h>>,
}

/// See the head of this file.
#[derive(Default, Debug)]
pub(super) struct DeferPlan<'h> {
    /// Conditional defers outside of loops, by their bodies.
    pub(super) flagged: Vec<*const hir::Expr>,
    /// Outermost loops with defers.
    pub(super) loops: Vec<LoopDefers<'h>>,
    /// Variables that live in lists.
    pub(super) cells: BTreeSet<hir::LocalId>,
    /// Variables that a defer may look at where they were never bound.
    pub(super) dummies: BTreeSet<hir::LocalId>,
    any: bool,
}

impl<'h> DeferPlan<'h> {
    pub(super) fn new(body: &'h hir::Body) -> Self {
        let mut plan = Self::default();
        let mut walk = Walk { plan: &mut plan, declared: FxHashMap::default() };
        for &param in &body.params {
            walk.declared.insert(param, At::default());
        }
        walk.expr(&body.value, At::default());
        plan
    }

    /// Without any defer.
    pub(super) fn is_empty(&self) -> bool {
        !self.any
    }

    /// The loop's defers, when it is an outermost loop with some.
    pub(super) fn of_loop(&self, id: hir::LoopId) -> Option<&LoopDefers<'h>> {
        self.loops.iter().find(|defers| defers.id == id)
    }
}

/// Where an expression stands.
#[derive(Clone, Copy, Default)]
struct At {
    conditional: bool,
    outer_loop: Option<hir::LoopId>,
}

struct Walk<'a, 'h> {
    plan: &'a mut DeferPlan<'h>,
    declared: FxHashMap<hir::LocalId, At>,
}

impl<'h> Walk<'_, 'h> {
    fn expr(&mut self, expr: &'h hir::Expr, at: At) {
        let inside = At { conditional: true, ..at };
        match &expr.kind {
            ExprKind::Block(stmts, tail) => {
                for stmt in stmts {
                    self.stmt(stmt, at);
                }
                if let Some(tail) = tail {
                    self.expr(tail, at);
                }
            }
            ExprKind::Async { scope, body } => {
                self.declared.insert(*scope, at);
                self.expr(body, at);
            }
            ExprKind::Match { scrutinee, arms } => {
                self.expr(scrutinee, inside);
                for arm in arms {
                    self.pat(&arm.pat, inside);
                    if let Some(guard) = &arm.guard {
                        self.expr(guard, inside);
                    }
                    self.expr(&arm.body, inside);
                }
            }
            ExprKind::While { id, cond, body } => {
                let inside = At { outer_loop: at.outer_loop.or(Some(*id)), ..inside };
                self.expr(cond, inside);
                self.expr(body, inside);
            }
            ExprKind::For { id, pat, iter, body } => {
                self.iter(iter, inside);
                let inside = At { outer_loop: at.outer_loop.or(Some(*id)), ..inside };
                self.pat(pat, inside);
                self.expr(body, inside);
            }
            ExprKind::Select(arms) => {
                for arm in arms {
                    if let SelectOp::Recv { bind: Some(bind), .. } = &arm.op {
                        self.declared.insert(*bind, inside);
                    }
                }
                self.children(expr, inside);
            }
            ExprKind::If { cond, then, otherwise } => {
                self.expr(cond, inside);
                self.expr(then, inside);
                // A long `else if` chain is a loop here, not a recursion.
                let mut next = otherwise.as_deref();
                while let Some(expr) = next {
                    if let ExprKind::If { cond, then, otherwise } = &expr.kind {
                        self.expr(cond, inside);
                        self.expr(then, inside);
                        next = otherwise.as_deref();
                    } else {
                        self.expr(expr, inside);
                        next = None;
                    }
                }
            }
            ExprKind::Binary(..) | ExprKind::And(..) | ExprKind::Or(..) => {
                let mut next = expr;
                while let ExprKind::Binary(_, left, right)
                | ExprKind::And(left, right)
                | ExprKind::Or(left, right) = &next.kind
                {
                    self.expr(right, inside);
                    next = left;
                }
                self.expr(next, inside);
            }
            _ => self.children(expr, inside),
        }
    }

    fn children(&mut self, expr: &'h hir::Expr, at: At) {
        expr.for_each_child(&mut |child| self.expr(child, at));
    }

    fn iter(&mut self, iter: &'h ForIter, at: At) {
        match iter {
            ForIter::Range { start, end, .. } => {
                self.expr(start, at);
                self.expr(end, at);
            }
            ForIter::List(expr)
            | ForIter::Str(expr)
            | ForIter::Chan(expr)
            | ForIter::GenValue(expr) => self.expr(expr, at),
            ForIter::GenPlace(_) => {}
        }
    }

    fn stmt(&mut self, stmt: &'h Stmt, at: At) {
        match stmt {
            Stmt::Let { pat, init, .. } => {
                self.expr(init, At { conditional: true, ..at });
                self.pat(pat, at);
            }
            Stmt::Expr(expr) => self.expr(expr, at),
            Stmt::Defer { body, uses, .. } => {
                self.plan.any = true;
                self.expr(body, at);
                self.defer(body, uses, at);
            }
        }
    }

    fn defer(&mut self, body: &'h hir::Expr, uses: &[hir::LocalId], at: At) {
        let mut cells = Vec::new();
        for &id in uses {
            let declared = self.declared.get(&id).copied().unwrap_or_default();
            if declared.outer_loop.is_some() && at.outer_loop == declared.outer_loop {
                cells.push(id);
                self.plan.cells.insert(id);
            } else if declared.conditional {
                self.plan.dummies.insert(id);
            }
        }
        if let Some(id) = at.outer_loop {
            let defer = LoopDefer { body, cells };
            match self.plan.loops.iter_mut().find(|defers| defers.id == id) {
                Some(defers) => defers.defers.push(defer),
                None => self.plan.loops.push(LoopDefers { id, defers: vec![defer] }),
            }
        } else if at.conditional {
            self.plan.flagged.push(body);
        }
    }

    fn pat(&mut self, pat: &Pat, at: At) {
        match &pat.kind {
            PatKind::Bind(id) => {
                self.declared.insert(*id, at);
            }
            PatKind::Variant(_, pats) | PatKind::Tuple(pats) | PatKind::Or(pats) => {
                pats.iter().for_each(|pat| self.pat(pat, at));
            }
            PatKind::Struct(fields) => fields.iter().for_each(|(_, pat)| self.pat(pat, at)),
            PatKind::List { prefix, rest, suffix } => {
                if let Some(id) = rest.as_ref().and_then(|rest| rest.bind) {
                    self.declared.insert(id, at);
                }
                prefix.iter().chain(suffix).for_each(|pat| self.pat(pat, at));
            }
            _ => {}
        }
    }
}
