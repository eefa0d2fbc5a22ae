//! The ways out of a body: what runs when it is left by `return`, at its end, or unwinding.
//!
//! State: the open `async` scopes and the variables that hold generators at the current point (innermost first), and the `defer` statements passed so far (last first). Leaving a body
//! cancels and awaits the scopes, then runs the defers, then returns or goes on unwinding. The code for a state is made when it
//! is first needed and shared by everything that leaves from that state.
//! Algorithm: states form a tree (each has one successor); missing ones are built from the root inwards, so that long lists of defers need no
//! recursion. A deferred block is lowered once per way out; it unwinds to the state behind it, so that the others still run.

use orion_hir as hir;

use super::builder::Builder;
use super::defer_plan::LoopDefer;
use crate::body::{
    BinOp, Block, Const, Local, Operand, Place, Proj, Rvalue, StatementKind, TerminatorKind,
};
use crate::intrinsic::Intrinsic;
use crate::suspend::SuspendOp;
use crate::ty::{IntTy, TyKind};

/// How a body is left.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Exit {
    /// With its value in the result local.
    Return,
    /// By a panic or cancellation.
    Unwind,
}

/// What is to be done where a block is left.
#[derive(Clone, Copy, Debug)]
pub(super) enum ScopeEntry {
    /// An `async` block: its tasks are cancelled and awaited.
    Async(Local),
    /// A variable: its generators are stopped.
    Stop(Local),
}

/// An entry of `Builder::scopes`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct ScopeNode(pub(super) u32);

/// A `defer` that was passed, by index into `Builder::defers`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct DeferNode(pub(super) u32);

/// What a `defer` comes down to at the end of the body.
#[derive(Clone, Debug)]
pub(super) enum DeferEntry<'h> {
    /// Armed on every way here.
    Armed(&'h hir::Expr),
    /// Armed where the flag is set.
    Flagged(&'h hir::Expr, Local),
    /// A stack of records of these defers.
    Stack(Local, Vec<LoopDefer<'h>>),
}

type State = (Option<ScopeNode>, Option<DeferNode>);

impl<'h> Builder<'_, '_, 'h> {
    /// Where a step here goes when it panics or is cancelled.
    pub(super) fn unwind(&mut self) -> Block {
        self.exit(Exit::Unwind, (self.scope, self.defer))
    }

    /// Leaves the body from here.
    pub(super) fn leave(&mut self, exit: Exit) {
        let block = self.exit(exit, (self.scope, self.defer));
        self.goto(block);
    }

    pub(super) fn exit(&mut self, exit: Exit, state: State) -> Block {
        if let Some(&block) = self.exits.get(&(exit, state.0, state.1)) {
            return block;
        }
        let mut missing = Vec::new();
        let mut state = Some(state);
        let mut next = None;
        while let Some(at) = state {
            if let Some(&block) = self.exits.get(&(exit, at.0, at.1)) {
                next = Some(block);
                break;
            }
            missing.push(at);
            state = self.behind(at);
        }
        let saved = self.save();
        while let Some(at) = missing.pop() {
            next = Some(self.build_exit(exit, at, next));
        }
        self.restore(saved);
        next.expect("at least the end of the body was missing")
    }

    /// The state after the first step out of this one.
    fn behind(&self, (scope, defer): State) -> Option<State> {
        if let Some(scope) = scope {
            return Some((self.scopes[scope.0 as usize].0, defer));
        }
        defer.map(|defer| (None, self.defers[defer.0 as usize].0))
    }

    fn save(&self) -> (Block, State, crate::body::Loc) {
        (self.block, (self.scope, self.defer), self.loc)
    }

    fn restore(&mut self, saved: (Block, State, crate::body::Loc)) {
        (self.block, (self.scope, self.defer), self.loc) = saved;
    }

    fn build_exit(&mut self, exit: Exit, state: State, next: Option<Block>) -> Block {
        let block = self.new_block();
        self.exits.insert((exit, state.0, state.1), block);
        self.block = block;
        let Some(next) = next else {
            self.terminate(match exit {
                Exit::Return => TerminatorKind::Return,
                Exit::Unwind => TerminatorKind::UnwindResume,
            });
            return block;
        };
        let behind = self.behind(state).expect("a state with a successor");
        (self.scope, self.defer) = behind;
        if let Some(scope) = state.0 {
            match self.scopes[scope.0 as usize].1 {
                ScopeEntry::Async(scope) => {
                    let unwind = if exit == Exit::Unwind { next } else { self.unwind() };
                    let op = SuspendOp::ScopeCancel { scope, target: next };
                    self.terminate(TerminatorKind::Suspend { op, unwind });
                }
                ScopeEntry::Stop(value) => self.exit_stopping(exit, state, value, next),
            }
        } else if let Some(defer) = state.1 {
            self.run_defer(defer, next);
        }
        block
    }

    /// In the current block: what the entry `defer` does, then on to `next`. The state is the one behind it.
    fn run_defer(&mut self, defer: DeferNode, next: Block) {
        match self.defers[defer.0 as usize].1.clone() {
            DeferEntry::Armed(body) => {
                self.run_body(body);
                self.goto(next);
            }
            DeferEntry::Flagged(body, flag) => {
                let armed = self.new_block();
                self.branch_on(Operand::Borrow(flag.into()), armed, next);
                self.block = armed;
                self.run_body(body);
                self.goto(next);
            }
            DeferEntry::Stack(stack, defers) => self.run_stack(defer, stack, &defers, next),
        }
    }

    /// A deferred block, and the defers registered inside of it.
    fn run_body(&mut self, body: &'h hir::Expr) {
        let outer = self.defer;
        self.lower(body, None);
        while self.defer != outer {
            let defer = self.defer.expect("only deeper defers were added");
            self.defer = self.defers[defer.0 as usize].0;
            let next = self.new_block();
            self.run_defer(defer, next);
            self.block = next;
        }
    }

    /// Pops records until none is left. The stack stays in the state while one of its blocks runs: it is popped already, and when it
    /// panics the rest still has to run.
    fn run_stack(&mut self, defer: DeferNode, stack: Local, defers: &[LoopDefer<'h>], next: Block) {
        let outer = self.defer.replace(defer);
        let header = self.new_block();
        let some = self.new_block();
        self.enter(header);
        let i64 = self.i64();
        let len = self.temp_of(i64, Rvalue::Len(stack.into()));
        let is_empty = self.compare(BinOp::Eq, Operand::Borrow(len.into()), self.const_i64(0));
        self.branch_on(is_empty, next, some);
        self.block = some;
        self.push(StatementKind::MakeUnique(stack.into()));
        let number = self.pop_record(stack);
        let bodies: Vec<Block> = defers.iter().map(|_| self.new_block()).collect();
        let impossible = self.new_block();
        let cases = bodies.iter().enumerate().map(|(i, &block)| (i as i128, block)).collect();
        self.terminate(TerminatorKind::Switch {
            value: Operand::Borrow(number.into()),
            cases,
            otherwise: impossible,
        });
        for (defer, block) in defers.iter().zip(bodies) {
            self.block = block;
            for &id in defer.cells.iter().rev() {
                let super::builder::Var::Cell { index, .. } = self.var(id) else { continue };
                let record = self.pop_record(stack);
                self.assign(index, Rvalue::Use(Operand::Copy(record.into())));
            }
            self.run_body(defer.body);
            self.poll(header);
        }
        self.defer = outer;
    }

    fn pop_record(&mut self, stack: Local) -> Local {
        let i64 = self.i64();
        let len = self.temp_of(i64, Rvalue::Len(stack.into()));
        let one = self.const_i64(1);
        let last = self.temp_of(i64, Rvalue::Binary(BinOp::Sub, Operand::Borrow(len.into()), one));
        let top = Place { local: stack, projection: vec![Proj::Index(last)] };
        let record = self.temp_of(i64, Rvalue::Use(Operand::Copy(top)));
        self.push(StatementKind::SetLen(stack.into(), Operand::Borrow(last.into())));
        record
    }

    /// `defer { … }`
    pub(super) fn lower_defer(&mut self, body: &'h hir::Expr) {
        let in_loop = self.plan.loops.iter().find_map(|defers| {
            let number = defers.defers.iter().position(|d| std::ptr::eq(d.body, body))?;
            Some((defers.id, number, defers.defers[number].cells.clone()))
        });
        if let Some((id, number, cells)) = in_loop {
            let stack = self.stacks[&id];
            for id in cells {
                let super::builder::Var::Cell { index, .. } = self.var(id) else { continue };
                self.push_record(stack, Operand::Copy(index.into()));
            }
            let number = self.const_i64(number as i128);
            self.push_record(stack, number);
            return;
        }
        let entry = match self.flags.get(&std::ptr::from_ref(body)) {
            Some(&flag) => {
                self.assign(flag, Rvalue::Use(Operand::Const(Const::Bool(true))));
                DeferEntry::Flagged(body, flag)
            }
            None => DeferEntry::Armed(body),
        };
        self.push_defer(entry);
    }

    fn push_record(&mut self, stack: Local, value: Operand) {
        let pushed = vec![Operand::Copy(stack.into()), value];
        self.assign(stack, Rvalue::Intrinsic(Intrinsic::ListPush, pushed));
    }

    fn push_defer(&mut self, entry: DeferEntry<'h>) {
        self.defers.push((self.defer, entry));
        self.defer = Some(DeferNode(self.defers.len() as u32 - 1));
    }

    /// Makes the defers of a loop part of the state, before its first step.
    pub(super) fn enter_loop(&mut self, id: hir::LoopId) {
        if let Some(defers) = self.plan.of_loop(id) {
            let defers = defers.defers.clone();
            let stack = self.stacks[&id];
            self.push_defer(DeferEntry::Stack(stack, defers));
        }
    }

    /// `async { … }`
    pub(super) fn lower_async(
        &mut self,
        variable: hir::LocalId,
        body: &'h hir::Expr,
        dest: Option<Local>,
    ) {
        let scope_ty = self.intern(TyKind::Scope);
        let scope = match self.var_local(variable) {
            Some(local) => local,
            None => self.temp(scope_ty),
        };
        self.assign(scope, Rvalue::Intrinsic(Intrinsic::ScopeEnter, Vec::new()));
        if self.var_local(variable).is_none() {
            self.bind(variable, Operand::Copy(scope.into()));
        }
        self.scopes.push((self.scope, ScopeEntry::Async(scope)));
        let outer = self.scope.replace(ScopeNode(self.scopes.len() as u32 - 1));
        self.lower(body, dest);
        let unwind = self.unwind();
        let target = self.new_block();
        let op = SuspendOp::ScopeExit { scope, target };
        self.terminate_to(TerminatorKind::Suspend { op, unwind }, target);
        self.scope = outer;
    }

    /// Leaves the scopes and blocks inside of `outer`, then jumps: `break` and `continue`.
    pub(super) fn jump(&mut self, target: Block, outer: Option<ScopeNode>) {
        let inner = self.scope;
        while self.scope != outer {
            let Some(ScopeNode(index)) = self.scope else { break };
            let (parent, entry) = self.scopes[index as usize];
            match entry {
                ScopeEntry::Async(scope) => {
                    self.scope = parent;
                    let unwind = self.unwind();
                    let next = self.new_block();
                    let op = SuspendOp::ScopeCancel { scope, target: next };
                    self.terminate_to(TerminatorKind::Suspend { op, unwind }, next);
                }
                ScopeEntry::Stop(value) => {
                    self.stop_now(value);
                    self.scope = parent;
                }
            }
        }
        self.scope = inner;
        self.goto(target);
    }

    /// Ends a loop iteration: a preemption point, then the header.
    pub(super) fn poll(&mut self, header: Block) {
        let unwind = self.unwind();
        let op = SuspendOp::Poll { target: header };
        self.terminate(TerminatorKind::Suspend { op, unwind });
    }

    /// A constant of type `u64`.
    pub(super) fn const_u64(&self, value: i128) -> Operand {
        Operand::Const(Const::Int(value, IntTy::U64))
    }
}
