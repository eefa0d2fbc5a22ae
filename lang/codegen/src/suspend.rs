//! Suspend points: the attempt in place, and what follows from its outcome.
//!
//! Input: a [`SuspendOp`] with its point. Output: a call of the operation's `orion_try_…`, a cold path that makes a frame when it must wait, and in a
//! coroutine body the block in which the task goes on.
//!
//! An operation's continuations are its *edges*: outcome, target, and the local that is defined on the way. They are the same after an attempt (the value
//! comes in a register) and after a suspension (it comes from the slot).

use std::mem::offset_of;

use inkwell::IntPredicate;
use inkwell::basic_block::BasicBlock;
use inkwell::types::BasicTypeEnum;
use inkwell::values::IntValue;
use orion_abi::desc::{ARM_RECV, ARM_SEND};
use orion_abi::outcome::{OUTCOME_BLOCK, OUTCOME_CLOSED, OUTCOME_DONE, OUTCOME_UNWIND};
use orion_abi::{Ctx, Frame};
use orion_mir::{Block, Loc, Local, Point, SelectArm, SelectArmKind, SuspendOp};

use crate::Error;
use crate::body::Emitter;
use crate::ir::{Class, Value};

/// A continuation.
struct Edge {
    outcome: u32,
    target: Block,
    /// Defined on the way.
    dest: Option<Local>,
}

fn edge(outcome: u32, target: Block, dest: Option<Local>) -> Edge {
    Edge { outcome, target, dest }
}

fn edges(op: &SuspendOp) -> Vec<Edge> {
    match op {
        SuspendOp::Poll { target }
        | SuspendOp::Yield { target }
        | SuspendOp::Idle { target }
        | SuspendOp::Pause { target }
        | SuspendOp::Checkpoint { target }
        | SuspendOp::Sleep { target, .. }
        | SuspendOp::Cancel { target, .. }
        | SuspendOp::ScopeExit { target, .. }
        | SuspendOp::ScopeCancel { target, .. }
        | SuspendOp::GenStop { target, .. } => vec![edge(OUTCOME_DONE, *target, None)],
        SuspendOp::Send { done, closed, .. } => {
            vec![edge(OUTCOME_DONE, *done, None), edge(OUTCOME_CLOSED, *closed, None)]
        }
        SuspendOp::Recv { dest, done, closed, .. } => {
            vec![edge(OUTCOME_DONE, *done, Some(*dest)), edge(OUTCOME_CLOSED, *closed, None)]
        }
        SuspendOp::GenNext { dest, done, ended, .. } => {
            vec![edge(OUTCOME_DONE, *done, Some(*dest)), edge(OUTCOME_CLOSED, *ended, None)]
        }
        SuspendOp::TryJoin { dest, done, failed, .. } => {
            vec![edge(OUTCOME_DONE, *done, Some(*dest)), edge(OUTCOME_CLOSED, *failed, None)]
        }
        SuspendOp::JoinTimeout { dest, done, timeout, .. } => {
            vec![edge(0, *done, Some(*dest)), edge(1 << 1, *timeout, None)]
        }
        SuspendOp::Select { arms, after, .. } => {
            let mut out = Vec::new();
            for (index, arm) in arms.iter().enumerate() {
                let dest = match arm.kind {
                    SelectArmKind::Recv(dest) => Some(dest),
                    SelectArmKind::Send(_) => None,
                };
                let number = (index as u32) << 1;
                out.push(edge(number, arm.done, dest));
                out.push(edge(number | OUTCOME_CLOSED, arm.closed, None));
            }
            if let Some((_, target)) = after {
                out.push(edge((arms.len() as u32) << 1, *target, None));
            }
            out
        }
        SuspendOp::Join { dest, target, .. }
        | SuspendOp::GenYield { dest, target, .. }
        | SuspendOp::Io { dest, target, .. } => {
            vec![edge(OUTCOME_DONE, *target, Some(*dest))]
        }
    }
}

/// Where an outcome that is no edge goes.
struct Rare<'c> {
    /// `OUTCOME_UNWIND`.
    unwind: BasicBlock<'c>,
    /// `OUTCOME_BLOCK`; none after a suspension.
    block: Option<BasicBlock<'c>>,
}

impl<'c, 'p> Emitter<'_, 'c, 'p> {
    /// Emits the operation at the end of a block.
    pub fn emit_suspend(
        &mut self,
        op: &'p SuspendOp,
        unwind: Block,
        point: Option<Point>,
        loc: Loc,
    ) -> Result<(), Error> {
        let unwind = self.unwind_block(op, unwind, loc);
        let here = self.ir.b.get_insert_block().expect("set");
        let block = match (op, point) {
            (SuspendOp::Select { default: Some(default), .. }, _) => self.target(*default),
            (_, Some(point)) => {
                let block = self.ir.block("block");
                self.ir.at(block);
                self.emit_park(point);
                block
            }
            (_, None) => return Err(self.error("a suspension has no point")),
        };
        if let Some(point) = point
            && let Some(promise) = self.at_resumption(point)
        {
            let outcome = self.head(promise, offset_of!(Frame, outcome));
            let outcome = self.ir.load(self.cx.t.i32, outcome, Class::Any, "outcome");
            // Destinations were reloaded with the rest.
            let mut edges = edges(op);
            edges.iter_mut().for_each(|edge| edge.dest = None);
            let rare = Rare { unwind, block: None };
            self.emit_outcome(outcome.into_int_value(), &edges, &[], &rare, op);
        }
        self.ir.at(here);
        let rare = Rare { unwind, block: Some(block) };
        self.emit_attempt(op, &rare)
    }

    /// The block that an unwinding operation goes to; joining lines are part of the stack.
    fn unwind_block(&mut self, op: &SuspendOp, unwind: Block, loc: Loc) -> BasicBlock<'c> {
        if !matches!(
            op,
            SuspendOp::Join { .. }
                | SuspendOp::ScopeExit { .. }
                | SuspendOp::GenNext { .. }
                | SuspendOp::GenStop { .. }
        ) {
            return self.target(unwind);
        }
        let here = self.ir.b.get_insert_block().expect("set");
        let block = self.ir.block("unwind");
        self.ir.at(block);
        let site = self.site(loc);
        self.runtime("orion_trace", &[site]);
        self.ir.br(self.target(unwind));
        self.ir.at(here);
        block
    }

    fn emit_attempt(&mut self, op: &'p SuspendOp, rare: &Rare<'c>) -> Result<(), Error> {
        let edges = edges(op);
        let mut values: Vec<(u32, Value<'c>)> = Vec::new();
        let outcome = match op {
            SuspendOp::Poll { target } => {
                self.emit_poll(*target, rare, op);
                return Ok(());
            }
            SuspendOp::Yield { .. } => self.runtime_status("orion_try_yield", &[]),
            SuspendOp::Idle { .. } => self.runtime_status("orion_try_idle", &[]),
            SuspendOp::Pause { .. } => self.runtime_status("orion_try_pause", &[]),
            SuspendOp::Checkpoint { .. } => self.runtime_status("orion_try_checkpoint", &[]),
            SuspendOp::Sleep { duration, .. } => {
                let duration = self.get(*duration).expect("a duration");
                self.runtime_status("orion_try_sleep", &[duration])
            }
            SuspendOp::Io { request, dest, .. } => self.emit_try_io(*request, *dest, &mut values),
            SuspendOp::Send { chan, value, .. } => self.emit_try_send(*chan, *value),
            SuspendOp::Recv { chan, dest, .. } => {
                self.emit_try_out("orion_try_recv", *chan, *dest, &mut values)
            }
            SuspendOp::Join { task, dest, .. } => {
                self.emit_try_out("orion_try_join", *task, *dest, &mut values)
            }
            SuspendOp::TryJoin { task, dest, .. } => {
                self.emit_try_out("orion_try_try_join", *task, *dest, &mut values)
            }
            SuspendOp::JoinTimeout { .. } => {
                // Parking does it all: it completes at once where the task has ended.
                self.ir.br(rare.block.expect("an attempt"));
                return Ok(());
            }
            SuspendOp::Cancel { task, .. } => {
                let task = self.get_ptr(*task).into();
                let nowhere = self.cx.t.ptr.const_null().into();
                self.runtime_status("orion_try_cancel", &[task, nowhere])
            }
            SuspendOp::ScopeExit { scope, .. } => {
                let scope = self.get_ptr(*scope).into();
                self.runtime_status("orion_try_scope_exit", &[scope])
            }
            SuspendOp::ScopeCancel { scope, .. } => {
                let scope = self.get_ptr(*scope).into();
                self.runtime_status("orion_try_scope_cancel", &[scope])
            }
            SuspendOp::Select { arms, default, .. } => {
                self.emit_try_select(arms, default.is_some(), &mut values)
            }
            SuspendOp::GenNext { generator, dest, .. } => {
                self.emit_try_out("orion_try_gen_next", *generator, *dest, &mut values)
            }
            SuspendOp::GenStop { value, .. } => self.emit_try_gen_stop(*value),
            SuspendOp::GenYield { .. } => {
                // Who drives it goes on.
                self.ir.br(rare.block.expect("an attempt"));
                return Ok(());
            }
        };
        self.emit_outcome(outcome, &edges, &values, rare, op);
        Ok(())
    }

    /// Branches by an outcome. `values` are what the attempt received, by the outcome that says so.
    fn emit_outcome(
        &mut self,
        outcome: IntValue<'c>,
        edges: &[Edge],
        values: &[(u32, Value<'c>)],
        rare: &Rare<'c>,
        op: &SuspendOp,
    ) {
        let (common, seldom) = (self.ir.block("done"), self.ir.block("rare"));
        let limit = self.ir.int32(OUTCOME_UNWIND);
        let is_common = self.ir.icmp(IntPredicate::ULT, outcome, limit, "");
        self.ir.likely(is_common, common, seldom);
        self.ir.at(seldom);
        match rare.block {
            None => self.ir.br(rare.unwind),
            Some(block) if matches!(op, SuspendOp::ScopeCancel { .. }) => self.ir.br(block),
            Some(block) => {
                let must_block = self.ir.int32(OUTCOME_BLOCK);
                let blocks = self.ir.icmp(IntPredicate::EQ, outcome, must_block, "");
                self.ir.cond(blocks, block, rare.unwind);
            }
        }
        let mut cases = Vec::new();
        for edge in edges {
            let mut to = self.target(edge.target);
            let value = values.iter().find(|v| v.0 == edge.outcome);
            if let (Some(dest), Some(&(_, value))) = (edge.dest, value) {
                to = self.ir.block("define");
                self.ir.at(to);
                self.set(dest, Some(value));
                self.ir.br(self.target(edge.target));
            }
            cases.push((self.ir.int32(edge.outcome), to));
        }
        self.ir.at(common);
        match &cases[..] {
            [] => self.ir.trap(&self.cx.module),
            [(_, only)] => self.ir.br(*only),
            [(first, to), (_, other)] => {
                let is_first = self.ir.icmp(IntPredicate::EQ, outcome, *first, "");
                self.ir.cond(is_first, *to, *other);
            }
            _ => {
                let nowhere = self.ir.block("nowhere");
                self.ir.switch(outcome, nowhere, &cases);
                self.ir.at(nowhere);
                self.ir.trap(&self.cx.module);
            }
        }
    }

    /// One compare of the stack pointer with the limit; the rest is cold.
    fn emit_poll(&mut self, target: Block, rare: &Rare<'c>, op: &SuspendOp) {
        let ctx = self.ctx();
        let sp = self.ir.stack_pointer(&self.cx.module);
        let limit = self.ir.offset(ctx, offset_of!(Ctx, limit) as u64, "");
        let limit = self.ir.load_shared(limit, "limit");
        let fine = self.ir.icmp(IntPredicate::UGE, sp, limit, "");
        let poll = self.ir.block("poll");
        self.ir.likely(fine, self.target(target), poll);
        self.ir.at(poll);
        let outcome = self.runtime_status("orion_poll", &[sp.into()]);
        self.emit_outcome(outcome, &edges(op), &[], rare, op);
    }

    fn emit_try_send(&mut self, chan: Local, value: Local) -> IntValue<'c> {
        let chan = self.get_ptr(chan).into();
        let ptr = self.cx.t.ptr;
        let Some(llvm) = self.llvm(value) else {
            let nothing = ptr.const_null().into();
            return self.runtime_status("orion_try_send", &[chan, nothing]);
        };
        let name = self.cx.program.types.display(self.ty(value));
        let inputs = [ptr.into(), ptr.into(), llvm];
        let i32 = self.cx.t.i32.into();
        let send = self.cx.by_address_fn("orion_try_send", &name, 2, &inputs, i32);
        let value = self.get(value).expect("it has bytes");
        let args = [self.ctx().into(), chan, value];
        self.ir.call(send, &args, "outcome").expect("an outcome").into_int_value()
    }

    /// An attempt that gives a value by address.
    fn emit_try_out(
        &mut self,
        symbol: &'static str,
        target: Local,
        dest: Local,
        values: &mut Vec<(u32, Value<'c>)>,
    ) -> IntValue<'c> {
        let target = self.get_ptr(target).into();
        let ptr = self.cx.t.ptr;
        let Some(llvm) = self.llvm(dest) else {
            let nothing = ptr.const_null().into();
            return self.runtime_status(symbol, &[target, nothing]);
        };
        let name = self.cx.program.types.display(self.ty(dest));
        let attempt = self.cx.out_fn(symbol, &name, llvm, &[ptr.into(), ptr.into()]);
        let both = self.ir.call(attempt, &[self.ctx().into(), target], "").expect("a struct");
        values.push((OUTCOME_DONE, self.ir.extract(both, 0, "value")));
        self.ir.extract(both, 1, "outcome").into_int_value()
    }

    /// The attempt of an operation of the kernel: its operands are passed one by one.
    fn emit_try_io(
        &mut self,
        request: Local,
        dest: Local,
        values: &mut Vec<(u32, Value<'c>)>,
    ) -> IntValue<'c> {
        let (ptr, word) = (self.cx.t.ptr, self.cx.t.i64);
        let request = self.get(request).expect("a tuple");
        let operands = (0..4).map(|index| self.ir.extract(request, index, "operand"));
        let args: Vec<Value<'c>> = std::iter::once(self.ctx().into()).chain(operands).collect();
        let llvm = self.llvm(dest).expect("a tuple");
        let inputs = [ptr.into(), word.into(), word.into(), word.into(), ptr.into()];
        let attempt = self.cx.out_fn("orion_try_io", "io", llvm, &inputs);
        let both = self.ir.call(attempt, &args, "").expect("a struct");
        values.push((OUTCOME_DONE, self.ir.extract(both, 0, "value")));
        self.ir.extract(both, 1, "outcome").into_int_value()
    }

    /// The attempt of a `select`: a helper of its own makes the array of arms on its stack.
    fn emit_try_select(
        &mut self,
        arms: &[SelectArm],
        has_default: bool,
        values: &mut Vec<(u32, Value<'c>)>,
    ) -> IntValue<'c> {
        let t = self.cx.t;
        let mut inputs: Vec<BasicTypeEnum<'c>> = vec![t.ptr.into()];
        let mut args: Vec<Value<'c>> = vec![self.ctx().into()];
        let mut outputs: Vec<BasicTypeEnum<'c>> = vec![t.i32.into()];
        let mut received: Vec<u32> = Vec::new();
        let mut shapes: Vec<(u32, Option<BasicTypeEnum<'c>>)> = Vec::new();
        let mut name = String::from("select");
        for (index, arm) in arms.iter().enumerate() {
            inputs.push(t.ptr.into());
            args.push(self.get_ptr(arm.chan).into());
            let (kind, local) = match arm.kind {
                SelectArmKind::Recv(dest) => (ARM_RECV, dest),
                SelectArmKind::Send(value) => (ARM_SEND, value),
            };
            let llvm = self.llvm(local);
            if let Some(llvm) = llvm {
                if kind == ARM_SEND {
                    inputs.push(llvm);
                    args.push(self.get(local).expect("it has bytes"));
                } else {
                    outputs.push(llvm);
                    received.push((index as u32) << 1);
                }
            }
            shapes.push((kind, llvm));
            let direction = if kind == ARM_SEND { "send" } else { "recv" };
            name += &format!(".{direction} {}", self.cx.program.types.display(self.ty(local)));
        }
        if has_default {
            name += ".default";
        }
        let helper = self.cx.select_fn(name, &inputs, &outputs, &shapes, has_default);
        let all = self.ir.call(helper, &args, "").expect("a struct");
        if outputs.len() == 1 {
            return all.into_int_value();
        }
        for (index, outcome) in received.into_iter().enumerate() {
            values.push((outcome, self.ir.extract(all, index as u32 + 1, "value")));
        }
        self.ir.extract(all, 0, "outcome").into_int_value()
    }
}
