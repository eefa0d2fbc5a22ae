//! `select`.
//!
//! Guards, channels and sent values are evaluated once, in source order, into locals; an arm whose guard is false has a dummy for its channel and
//! takes no part. A false guard of `after` or `default` chooses among two forms of the same select, with and without it.

use orion_hir as hir;
use orion_hir::SelectOp;

use super::builder::Builder;
use super::channel::{NONE, SOME};
use crate::body::{Block, Const, Failure, Local, Operand, Rvalue, TerminatorKind};
use crate::suspend::{SelectArm, SelectArmKind, SuspendOp};

/// What is decided on entry of `after` or `default`: where it goes, and its guard's value if it has one.
struct Last {
    duration: Option<Local>,
    target: Block,
    guard: Option<Local>,
}

impl<'h> Builder<'_, '_, 'h> {
    pub(super) fn lower_select(&mut self, arms: &'h [hir::SelectArm], dest: Option<Local>) {
        let end = self.new_block();
        let bodies: Vec<Block> = arms.iter().map(|_| self.new_block()).collect();
        let mut waits = Vec::new();
        let mut last = None;
        // Blocks that set the arm's variable, or panic, on the way to its body.
        let mut ways = Vec::new();
        for (arm, &body) in arms.iter().zip(&bodies) {
            let outer = self.move_to(arm.span);
            match &arm.op {
                SelectOp::Recv { chan, bind } => {
                    let text = self.text(chan.span);
                    let (chan, _) = self.guarded(arm.guard.as_ref(), chan, None);
                    let item_ty = self.chan_item(chan);
                    let value = self.temp(item_ty);
                    let (done, closed) = match bind {
                        Some(_) => (self.new_block(), self.new_block()),
                        None => (body, body),
                    };
                    waits.push(SelectArm {
                        chan,
                        kind: SelectArmKind::Recv(value),
                        done,
                        closed,
                        text,
                    });
                    if let Some(bind) = bind {
                        ways.push((done, closed, Some((*bind, value)), body));
                    }
                }
                SelectOp::Send { chan, value } => {
                    let text = self.text(chan.span);
                    let (chan, value) = self.guarded(arm.guard.as_ref(), chan, Some(value));
                    let value = value.expect("a sent value was evaluated");
                    let closed = self.new_block();
                    let kind = SelectArmKind::Send(value);
                    waits.push(SelectArm { chan, kind, done: body, closed, text });
                    ways.push((body, closed, None, body));
                }
                SelectOp::After(duration) => {
                    let guard = arm.guard.as_ref().map(|guard| self.value_temp(guard));
                    let duration = self.guarded_duration(guard, duration);
                    last = Some(Last { duration: Some(duration), target: body, guard });
                }
                SelectOp::Default => {
                    let guard = arm.guard.as_ref().map(|guard| self.value_temp(guard));
                    last = Some(Last { duration: None, target: body, guard });
                }
            }
            self.loc = outer;
        }
        self.wait(waits, last);
        self.set_variables(ways);
        for (arm, body) in arms.iter().zip(bodies) {
            self.block = body;
            let outer = self.scope;
            if let SelectOp::Recv { bind: Some(bind), .. } = &arm.op {
                self.stop_variable_at_end(*bind);
            }
            self.lower(&arm.body, dest);
            self.end_generators(outer);
            self.goto(end);
        }
        self.block = end;
    }

    /// Channel and value of an arm, or dummies where its guard is false.
    fn guarded(
        &mut self,
        guard: Option<&'h hir::Expr>,
        chan: &'h hir::Expr,
        value: Option<&'h hir::Expr>,
    ) -> (Local, Option<Local>) {
        let Some(guard) = guard else {
            let chan = self.borrow_local(chan);
            return (chan, value.map(|value| self.value_temp(value)));
        };
        let chan_ty = self.ty(chan.ty);
        let chan_local = self.temp(chan_ty);
        let value_local = value.map(|value| {
            let ty = self.ty(value.ty);
            self.temp(ty)
        });
        let (yes, no, end) = (self.new_block(), self.new_block(), self.new_block());
        self.branch(guard, yes, no);
        self.block = yes;
        self.lower(chan, Some(chan_local));
        if let Some(value) = value {
            self.lower(value, value_local);
        }
        self.goto(end);
        self.block = no;
        for local in [Some(chan_local), value_local].into_iter().flatten() {
            let ty = self.body.ty(local);
            self.assign(local, Rvalue::Use(Operand::Const(Const::Dummy(ty))));
        }
        self.enter(end);
        (chan_local, value_local)
    }

    fn guarded_duration(&mut self, guard: Option<Local>, duration: &'h hir::Expr) -> Local {
        let Some(guard) = guard else { return self.borrow_local(duration) };
        let ty = self.ty(duration.ty);
        let result = self.temp(ty);
        let (yes, no, end) = (self.new_block(), self.new_block(), self.new_block());
        self.branch_on(Operand::Borrow(guard.into()), yes, no);
        self.block = yes;
        self.lower(duration, Some(result));
        self.goto(end);
        self.block = no;
        self.assign(result, Rvalue::Use(Operand::Const(Const::Duration(0))));
        self.enter(end);
        result
    }

    /// The suspend points themselves; goes on nowhere.
    fn wait(&mut self, arms: Vec<SelectArm>, last: Option<Last>) {
        let unwind = self.unwind();
        let (mut after, mut default, mut guard) = (None, None, None);
        if let Some(last) = last {
            match last.duration {
                Some(duration) => after = Some((duration, last.target)),
                None => default = Some(last.target),
            }
            guard = last.guard;
        }
        if let Some(guard) = guard {
            let (with, without) = (self.new_block(), self.new_block());
            self.branch_on(Operand::Borrow(guard.into()), with, without);
            self.block = without;
            let op = SuspendOp::Select { arms: arms.clone(), after: None, default: None };
            self.terminate_to(TerminatorKind::Suspend { op, unwind }, with);
        }
        let op = SuspendOp::Select { arms, after, default };
        self.terminate(TerminatorKind::Suspend { op, unwind });
    }

    #[expect(clippy::type_complexity, reason = "a list that lives for two loops")]
    fn set_variables(&mut self, ways: Vec<(Block, Block, Option<(hir::LocalId, Local)>, Block)>) {
        for (done, closed, bind, body) in ways {
            let Some((variable, value)) = bind else {
                self.block = closed;
                self.fail(Failure::SendClosed);
                continue;
            };
            let decl_ty = self.hir.locals[variable].ty;
            let ty = self.ty(decl_ty);
            for (block, variant) in [(done, SOME), (closed, NONE)] {
                self.block = block;
                let fields = if variant == SOME { vec![self.own_local(value)] } else { Vec::new() };
                let option = self.temp_of(ty, Rvalue::Variant(ty, variant, fields));
                let option = self.own_local(option);
                self.bind(variable, option);
                self.goto(body);
            }
        }
    }
}
