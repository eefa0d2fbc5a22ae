//! Tasks: `spawn`, joining, cancelling, and the operations that only wait.

use orion_hir as hir;

use super::builder::Builder;
use super::instance::Instance;
use crate::body::{Block, Const, Local, Operand, Rvalue, TerminatorKind};
use crate::intrinsic::Intrinsic;
use crate::suspend::SuspendOp;
use crate::ty::{Ty, TyKind};

/// Variants of the prelude's types, by declaration.
const OK: u32 = 0;
const ERR: u32 = 1;
const CANCELLED: u32 = 0;
const PANICKED: u32 = 1;

impl<'h> Builder<'_, '_, 'h> {
    pub(super) fn lower_spawn(
        &mut self,
        func: hir::FnId,
        scope: &'h hir::Expr,
        name: Option<&'h hir::Expr>,
        detached: bool,
        ty: hir::TyId,
        dest: Option<Local>,
    ) {
        let scope = self.borrow_local(scope);
        let name = name.map(|name| self.operand(name));
        let args = self.captures(func);
        let body = self.cx.instance(Instance::Fn(func, self.args.to_vec()));
        let task_ty = self.ty(ty);
        let handle = match dest {
            _ if detached => None,
            Some(dest) => Some(dest),
            None => Some(self.temp(task_ty)),
        };
        let unwind = self.unwind();
        let target = self.new_block();
        self.terminate_to(
            TerminatorKind::Spawn { body, args, scope, name, dest: handle, target, unwind },
            target,
        );
        if let (true, Some(dest)) = (detached, dest) {
            self.assign(dest, Rvalue::Use(Operand::Const(Const::Dummy(task_ty))));
        }
    }

    /// Waits, going on in a new block.
    pub(super) fn suspend(&mut self, op: impl FnOnce(Block) -> SuspendOp) {
        let unwind = self.unwind();
        let target = self.new_block();
        self.terminate_to(TerminatorKind::Suspend { op: op(target), unwind }, target);
    }

    /// A task in a temporary of its own, to be consumed.
    fn task_local(&mut self, task: &'h hir::Expr) -> Local {
        self.value_temp(task)
    }

    fn task_result(&self, task: Local) -> Ty {
        match *self.cx.types.kind(self.body.ty(task)) {
            TyKind::Task(result) => result,
            _ => unreachable!("a task"),
        }
    }

    pub(super) fn lower_join(&mut self, task: &'h hir::Expr, dest: Option<Local>) {
        let task = self.task_local(task);
        let result = self.task_result(task);
        let dest = dest.unwrap_or_else(|| self.temp(result));
        self.suspend(|target| SuspendOp::Join { task, dest, target });
    }

    pub(super) fn lower_cancel(&mut self, task: &'h hir::Expr) {
        let task = self.task_local(task);
        self.suspend(|target| SuspendOp::Cancel { task, target });
    }

    /// `@try_join(t)`: `Result[T, TaskError]`
    pub(super) fn lower_try_join(&mut self, task: &'h hir::Expr, ty: Ty, dest: Option<Local>) {
        let task = self.task_local(task);
        let result = self.task_result(task);
        let value = self.temp(result);
        let (done, failed, end) = (self.new_block(), self.new_block(), self.new_block());
        let unwind = self.unwind();
        let op = SuspendOp::TryJoin { task, dest: value, done, failed };
        self.terminate_to(TerminatorKind::Suspend { op, unwind }, done);
        let value = self.own_local(value);
        self.give(Rvalue::Variant(ty, OK, vec![value]), dest);
        self.goto(end);

        self.block = failed;
        let (bool, str) = (self.bool(), self.str());
        let error_ty = self.variant_field_ty(ty, ERR);
        let is_cancelled =
            self.temp_of(bool, Rvalue::Intrinsic(Intrinsic::JoinCancelled, Vec::new()));
        let (cancelled, panicked, wrap) = (self.new_block(), self.new_block(), self.new_block());
        let error = self.temp(error_ty);
        self.branch_on(Operand::Borrow(is_cancelled.into()), cancelled, panicked);
        self.block = cancelled;
        self.assign(error, Rvalue::Variant(error_ty, CANCELLED, Vec::new()));
        self.goto(wrap);
        self.block = panicked;
        let message = self.temp_of(str, Rvalue::Intrinsic(Intrinsic::JoinMessage, Vec::new()));
        let message = self.own_local(message);
        self.assign(error, Rvalue::Variant(error_ty, PANICKED, vec![message]));
        self.goto(wrap);
        self.block = wrap;
        let error = self.own_local(error);
        self.give(Rvalue::Variant(ty, ERR, vec![error]), dest);
        self.enter(end);
    }

    /// `@join_timeout(t, d)`: `Result[T, Task[T]]`
    pub(super) fn lower_join_timeout(
        &mut self,
        task: &'h hir::Expr,
        duration: &'h hir::Expr,
        ty: Ty,
        dest: Option<Local>,
    ) {
        let task = self.task_local(task);
        let duration = self.borrow_local(duration);
        let result = self.task_result(task);
        let value = self.temp(result);
        let (done, timeout, end) = (self.new_block(), self.new_block(), self.new_block());
        let unwind = self.unwind();
        let op = SuspendOp::JoinTimeout { task, duration, dest: value, done, timeout };
        self.terminate_to(TerminatorKind::Suspend { op, unwind }, done);
        let value = self.own_local(value);
        self.give(Rvalue::Variant(ty, OK, vec![value]), dest);
        self.goto(end);
        self.block = timeout;
        let task = Operand::Move(task);
        self.give(Rvalue::Variant(ty, ERR, vec![task]), dest);
        self.enter(end);
    }

    /// Type of the first field of a variant.
    pub(super) fn variant_field_ty(&self, ty: Ty, variant: u32) -> Ty {
        match *self.cx.types.kind(ty) {
            TyKind::Adt(id) => self.cx.types.adt(id).variants[variant as usize].fields[0].ty,
            _ => unreachable!("a data type"),
        }
    }
}
