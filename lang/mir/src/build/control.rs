//! Blocks, statements, `if`, `&&` and `||`.
//!
//! Input: structured control flow. Output: blocks and jumps. Long `else if` chains and long chains of one logical operator are loops, not
//! recursions.

use orion_hir as hir;
use orion_hir::{ExprKind, PatKind, Stmt};

use super::builder::Builder;
use crate::body::{Block, Const, Local, Operand, Rvalue};

impl<'h> Builder<'_, '_, 'h> {
    pub(super) fn lower_block(
        &mut self,
        stmts: &'h [Stmt],
        tail: Option<&'h hir::Expr>,
        dest: Option<Local>,
    ) {
        let outer = self.scope;
        for stmt in stmts {
            match stmt {
                Stmt::Let { pat, init, span } => {
                    let outer = self.move_to(*span);
                    self.lower_let(pat, init);
                    self.loc = outer;
                }
                Stmt::Expr(expr) => self.lower(expr, None),
                Stmt::Defer { body, .. } => self.lower_defer(body),
            }
        }
        match (tail, dest) {
            (Some(tail), dest) => self.lower(tail, dest),
            (None, Some(dest)) if self.body.ty(dest) == self.unit() => {
                self.assign(dest, Rvalue::Use(Operand::Const(Const::Unit)));
            }
            (None, _) => {}
        }
        self.end_generators(outer);
    }

    fn lower_let(&mut self, pat: &'h hir::Pat, init: &'h hir::Expr) {
        match &pat.kind {
            PatKind::Bind(id) => {
                if init.ty == hir::TyTable::NEVER {
                    self.lower(init, None);
                } else if let Some(local) = self.var_local(*id) {
                    self.lower(init, Some(local));
                } else {
                    let value = self.operand(init);
                    self.bind(*id, value);
                }
                if init.ty != hir::TyTable::NEVER {
                    self.stop_variable_at_end(*id);
                }
            }
            _ => {
                let value = self.value_temp(init);
                if init.ty != hir::TyTable::NEVER {
                    let outer = self.scope;
                    self.stop_at_end(value);
                    self.destructure(pat, value.into());
                    // What the pattern leaves out ends at once.
                    self.end_generators(outer);
                    self.stop_pattern_at_end(pat);
                }
            }
        }
    }

    pub(super) fn lower_if(&mut self, expr: &'h hir::Expr, dest: Option<Local>) {
        let end = self.new_block();
        let mut next = Some(expr);
        while let Some(expr) = next.take() {
            let ExprKind::If { cond, then, otherwise } = &expr.kind else {
                self.lower(expr, dest);
                break;
            };
            let (yes, no) = (self.new_block(), self.new_block());
            self.branch(cond, yes, no);
            self.block = yes;
            self.lower(then, dest);
            self.goto(end);
            self.block = no;
            next = otherwise.as_deref();
            if next.is_none() {
                self.give_unit(expr, dest);
            }
        }
        self.enter(end);
    }

    /// Jumps by a condition.
    pub(super) fn branch(&mut self, cond: &'h hir::Expr, yes: Block, no: Block) {
        let outer = self.move_to(cond.span);
        let mut rights = Vec::new();
        let mut left = cond;
        // All operators of one kind on the left spine share their early target.
        let is_and = matches!(cond.kind, ExprKind::And(..));
        loop {
            match &left.kind {
                ExprKind::And(a, b) if is_and => {
                    rights.push(&**b);
                    left = a;
                }
                ExprKind::Or(a, b) if !is_and => {
                    rights.push(&**b);
                    left = a;
                }
                _ => break,
            }
        }
        loop {
            let right = rights.pop();
            let more = right.map(|_| self.new_block());
            let (on_yes, on_no) = match (more, is_and) {
                (None, _) => (yes, no),
                (Some(more), true) => (more, no),
                (Some(more), false) => (yes, more),
            };
            match &left.kind {
                ExprKind::And(..) | ExprKind::Or(..) => self.branch(left, on_yes, on_no),
                ExprKind::Unary(hir::UnOp::Not, inner) => self.branch(inner, on_no, on_yes),
                _ => {
                    let value = self.borrow(left);
                    self.branch_on(value, on_yes, on_no);
                }
            }
            match (right, more) {
                (Some(right), Some(more)) => {
                    self.block = more;
                    left = right;
                }
                _ => break,
            }
        }
        self.loc = outer;
    }

    /// `a && b` as a value.
    pub(super) fn lower_logic(&mut self, expr: &'h hir::Expr, dest: Option<Local>) {
        let (yes, no, end) = (self.new_block(), self.new_block(), self.new_block());
        self.branch(expr, yes, no);
        for (block, value) in [(yes, true), (no, false)] {
            self.block = block;
            self.give(Rvalue::Use(Operand::Const(Const::Bool(value))), dest);
            self.goto(end);
        }
        self.block = end;
    }
}
