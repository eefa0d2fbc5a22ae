//! Scopes and cancellation.
//!
//! Cancellation and failed scopes interrupt a task where it waits, or polls, or would wait, once; while it unwinds it is left in peace. The first failure of a
//! scope cancels its tasks and interrupts its owner, which takes the failure up where it leaves the scope.

use std::collections::BTreeSet;

use crate::body::Local;
use crate::cfg;
use crate::suspend::SuspendOp;

use super::sched::{Panic, Scope, TaskState};
use super::value::{Fault, Object, Value};
use super::{Flow, Machine};

impl Machine<'_> {
    pub(super) fn must_unwind(&self, id: u64) -> bool {
        self.tasks
            .get(&id)
            .is_some_and(|task| (task.cancel_asked || task.scope_failed) && task.pending.is_none())
    }

    /// The task begins to unwind for what it was asked.
    pub(super) fn record(&mut self, id: u64) {
        if let Some(task) = self.tasks.get_mut(&id) {
            let mut panic = Panic::new(String::new());
            if task.cancel_asked {
                task.cancel_asked = false;
                task.cancelled = true;
                panic.cancelled = true;
            } else {
                task.scope_failed = false;
                panic.scope_failed = true;
            }
            task.pending = Some(panic);
        }
    }

    pub(super) fn unwind_now(&mut self) -> Result<Flow, Fault> {
        self.record(self.current);
        self.take_unwind_edge()?;
        Ok(Flow::Continue)
    }

    pub(super) fn request_cancel(&mut self, id: u64) -> Result<(), Fault> {
        let Some(task) = self.tasks.get_mut(&id) else { return Ok(()) };
        if task.state == TaskState::Ended || task.cancel_asked || task.cancelled {
            return Ok(());
        }
        task.cancel_asked = true;
        self.poke(id)
    }

    /// Interrupts a task that waits, or that was preempted.
    pub(super) fn poke(&mut self, id: u64) -> Result<(), Fault> {
        if !self.must_unwind(id) {
            return Ok(());
        }
        let Some(task) = self.tasks.get(&id) else { return Ok(()) };
        let (state, resume, asked) = (task.state, task.resume, task.cancel_asked);
        let Some(op) = self.operation(id).cloned() else { return Ok(()) };
        match state {
            TaskState::Waiting => {
                if matches!(op, SuspendOp::ScopeCancel { .. } | SuspendOp::GenStop { .. }) {
                    return Ok(());
                }
                // A generator that stands still is asked when it runs again.
                if matches!(op, SuspendOp::GenYield { .. }) {
                    return Ok(());
                }
                if let SuspendOp::GenNext { generator, .. } = op {
                    return match self.get_local(id, generator) {
                        Value::Task(driven) => self.request_cancel(driven),
                        _ => Ok(()),
                    };
                }
                if let SuspendOp::ScopeExit { scope, .. } = op {
                    let value = self.get_local(id, scope);
                    let scope = self.scope(&value)?;
                    if !asked && scope.failure.is_some() {
                        return Ok(());
                    }
                    scope.waiter = None;
                }
                self.consume_handle(id, &op)?;
            }
            TaskState::Ready
                if resume == Some(0)
                    && matches!(op, SuspendOp::Poll { .. } | SuspendOp::Yield { .. }) => {}
            _ => return Ok(()),
        }
        self.record(id);
        let edges = {
            let frame = self.tasks[&id].frames.last().ok_or("no frame")?;
            cfg::edges(&self.program.body(frame.body).block(frame.block).terminator.kind)
        };
        let unwind = edges.iter().position(|edge| edge.unwind).ok_or("no edge to unwind on")?;
        if state == TaskState::Waiting {
            self.wake(id, unwind);
        } else if let Some(task) = self.tasks.get_mut(&id) {
            task.resume = Some(unwind);
        }
        Ok(())
    }

    /// A join is interrupted: its handle goes.
    pub(super) fn consume_handle(&mut self, id: u64, op: &SuspendOp) -> Result<(), Fault> {
        match op {
            SuspendOp::Join { task, .. }
            | SuspendOp::TryJoin { task, .. }
            | SuspendOp::JoinTimeout { task, .. }
            | SuspendOp::Cancel { task, .. } => match self.get_local(id, *task) {
                Value::Task(joined) => self.detach(joined),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// A task that was cancelled before it began never runs.
    pub(super) fn cancel_unstarted(&mut self, id: u64) -> Result<(), Fault> {
        self.record(id);
        let frame = self.task().frames.pop();
        for value in frame.into_iter().flat_map(|frame| frame.locals).flatten() {
            self.heap.release(value)?;
        }
        self.end_task(Value::Unit, true)
    }

    pub(super) fn enter_scope(&mut self) -> Value {
        self.heap.new_object(Object::Scope(Box::new(Scope {
            owner: self.current,
            tasks: BTreeSet::new(),
            failure: None,
            waiter: None,
            cancelling: false,
            ended: false,
        })))
    }

    pub(super) fn scope(&mut self, value: &Value) -> Result<&mut Scope, Fault> {
        match value {
            Value::Ref(r) => match self.heap.get_mut(*r)? {
                Object::Scope(scope) => Ok(scope),
                other => Err(format!("{other:?} where a scope should be")),
            },
            other => Err(format!("{other:?} where a scope should be")),
        }
    }

    pub(super) fn cancel_scope(&mut self, value: &Value, except: Option<u64>) -> Result<(), Fault> {
        let tasks = self.scope(value)?.tasks.clone();
        for id in tasks {
            if Some(id) != except {
                self.request_cancel(id)?;
            }
        }
        Ok(())
    }

    /// The first failure of a scope cancels its tasks and interrupts its owner.
    pub(super) fn fail_scope(&mut self, value: &Value, panic: Panic) -> Result<(), Fault> {
        let scope = self.scope(value)?;
        if scope.ended {
            self.lost_panic(&panic);
            return Ok(());
        }
        if scope.failure.is_some() {
            return Ok(());
        }
        scope.failure = Some(panic);
        scope.cancelling = true;
        let owner = scope.owner;
        self.cancel_scope(value, None)?;
        if let Some(task) = self.tasks.get_mut(&owner) {
            task.scope_failed = true;
        }
        self.poke(owner)
    }

    /// Both ends of a scope: waits for its tasks.
    pub(super) fn leave_scope(&mut self, local: Local, cancel: bool) -> Result<Flow, Fault> {
        let current = self.current;
        let value = self.get_local(current, local);
        let scope = self.scope(&value)?;
        if scope.tasks.is_empty() {
            let edge = self.finish_scope(current, &value, cancel)?;
            self.take_edge(edge)?;
            return Ok(Flow::Continue);
        }
        let failed = scope.failure.is_some();
        if !cancel && self.must_unwind(current) && (self.task().cancel_asked || !failed) {
            return self.unwind_now();
        }
        let waiter = self.begin_wait();
        self.scope(&value)?.waiter = Some(waiter);
        Ok(Flow::Stop)
    }

    /// The last task of a scope has ended, and its owner stands at the scope's end; the edge that it takes.
    pub(super) fn finish_scope(
        &mut self,
        owner: u64,
        value: &Value,
        cancel: bool,
    ) -> Result<usize, Fault> {
        let scope = self.scope(value)?;
        scope.ended = true;
        let Some(failure) = scope.failure.take() else { return Ok(0) };
        let task = self.tasks.get_mut(&owner).ok_or("a scope without its owner")?;
        task.scope_failed = false;
        if !cancel {
            task.pending = Some(failure);
            return Ok(1);
        }
        match &mut task.pending {
            Some(pending) if pending.scope_failed => *pending = failure,
            Some(pending) if !pending.cancelled => {}
            _ => self.lost_panic(&failure),
        }
        Ok(0)
    }

    pub(super) fn lost_panic(&mut self, panic: &Panic) {
        self.stderr.push_str("warning: a task panicked after its scope had been left\n");
        self.stderr.push_str(&format!("panic: {}\n", panic.message));
    }
}
