//! Tasks and timers: starting, waiting, waking, ending, joining.
//!
//! A waiting task has registered [`Waiter`]s; each carries the number of the wait, so that one that has been served elsewhere (another arm,
//! cancellation) is recognised as stale and skipped. Serving a task writes its destination and tells it which edge to take.

use std::collections::BTreeSet;

use crate::body::{Block, BodyId, Local, TerminatorKind};
use crate::suspend::{SelectArmKind, SuspendOp};

use super::generators::Generator;
use super::value::{Fault, Value};
use super::{DEADLOCK_STATUS, EPOCH_NS, Flow, Frame, Machine, PANIC_STATUS, STEP_NS};

/// A registered wait: stale unless the task still is in wait number `wait`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Waiter {
    pub task: u64,
    pub wait: u64,
    pub arm: usize,
}

/// What a task unwinds with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Panic {
    pub message: String,
    /// It was asked to end; not a panic.
    pub cancelled: bool,
    /// A scope of the task failed: the failure is taken up where the scope is left.
    pub scope_failed: bool,
}

impl Panic {
    pub fn new(message: String) -> Self {
        Self { message, cancelled: false, scope_failed: false }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TaskState {
    Ready,
    Running,
    Waiting,
    Ended,
}

#[derive(Debug)]
pub(super) struct Task {
    pub frames: Vec<Frame>,
    pub state: TaskState,
    pub started: bool,
    pub name: Option<String>,
    /// What it is unwinding with.
    pub pending: Option<Panic>,
    pub cancel_asked: bool,
    pub cancelled: bool,
    pub scope_failed: bool,
    /// Somebody holds its handle.
    pub has_handle: bool,
    pub end: Option<Result<Value, Panic>>,
    pub joiner: Option<Waiter>,
    pub join_error: Option<Panic>,
    /// A counted reference; none for the main task.
    pub scope: Option<Value>,
    /// Number of the current or last wait.
    pub wait: u64,
    /// The edge to take when it runs again.
    pub resume: Option<usize>,
    pub slice_end: u64,
    /// It is a generator.
    pub generator: Option<Generator>,
}

#[derive(Debug)]
pub(super) struct Scope {
    pub owner: u64,
    /// Those that have not ended.
    pub tasks: BTreeSet<u64>,
    pub failure: Option<Panic>,
    pub waiter: Option<Waiter>,
    pub cancelling: bool,
    pub ended: bool,
}

impl Machine<'_> {
    pub(super) fn add_task(&mut self, frame: Frame, scope: Option<Value>) -> u64 {
        let id = self.next_task;
        self.next_task += 1;
        let task = Task {
            frames: vec![frame],
            state: TaskState::Ready,
            started: false,
            name: None,
            pending: None,
            cancel_asked: false,
            cancelled: false,
            scope_failed: false,
            has_handle: false,
            end: None,
            joiner: None,
            join_error: None,
            scope,
            wait: 0,
            resume: None,
            slice_end: 0,
            generator: None,
        };
        self.tasks.insert(id, task);
        id
    }

    /// The next task to run: a ready one, an idler, one whose timer is next. None at the end, with the status of a deadlock unless there is one already.
    pub(super) fn next_ready(&mut self) -> Option<u64> {
        loop {
            self.fire_due_timers();
            while let Some(id) = self.ready.pop_front() {
                if self.tasks.get(&id).is_some_and(|task| task.state == TaskState::Ready) {
                    return Some(id);
                }
            }
            if let Some((id, wait)) = self.idlers.pop_front() {
                let waiter = Waiter { task: id, wait, arm: 0 };
                if self.is_waiting(waiter) {
                    self.wake(id, 0);
                }
                continue;
            }
            let Some(((deadline, _), (waiter, edge))) = self.timers.pop_first() else { break };
            if self.is_waiting(waiter) {
                // Nothing else can happen before: time jumps.
                self.skipped_ns += (deadline - self.clock()).max(0);
                self.wake(waiter.task, edge);
            }
        }
        if self.exited.is_none() {
            self.stderr.push_str("deadlock: every task waits for something that cannot happen\n");
            self.exited = Some(DEADLOCK_STATUS);
        }
        None
    }

    pub(super) fn is_waiting(&self, waiter: Waiter) -> bool {
        self.tasks
            .get(&waiter.task)
            .is_some_and(|task| task.state == TaskState::Waiting && task.wait == waiter.wait)
    }

    /// A waiting task will go on by this edge.
    pub(super) fn wake(&mut self, id: u64, edge: usize) {
        if let Some(task) = self.tasks.get_mut(&id) {
            task.resume = Some(edge);
            task.state = TaskState::Ready;
            self.ready.push_back(id);
        }
    }

    /// As `wake`, ahead of all others; without an edge the operation is looked at again.
    pub(super) fn wake_first(&mut self, id: u64, edge: Option<usize>) {
        if let Some(task) = self.tasks.get_mut(&id) {
            task.resume = edge;
            task.state = TaskState::Ready;
            self.ready.push_front(id);
        }
    }

    pub(super) fn set_local(&mut self, task: u64, local: Local, value: Value) {
        if let Some(frame) = self.tasks.get_mut(&task).and_then(|task| task.frames.last_mut()) {
            frame.locals[local.index()] = Some(value);
        }
    }

    pub(super) fn get_local(&mut self, task: u64, local: Local) -> Value {
        let frame = self.tasks.get_mut(&task).and_then(|task| task.frames.last_mut());
        frame.and_then(|frame| frame.locals[local.index()].clone()).unwrap_or(Value::Dummy)
    }

    /// The operation at which a suspended task stands.
    pub(super) fn operation(&self, id: u64) -> Option<&SuspendOp> {
        let frame = self.tasks.get(&id)?.frames.last()?;
        match &self.program.body(frame.body).block(frame.block).terminator.kind {
            TerminatorKind::Suspend { op, .. } => Some(op),
            _ => None,
        }
    }

    // Suspending.

    pub(super) fn suspend(&mut self, op: &SuspendOp) -> Result<Flow, Fault> {
        match op {
            SuspendOp::Poll { .. } => {
                if self.must_unwind(self.current) {
                    return self.unwind_now();
                }
                let others = !self.ready.is_empty() || self.timer_is_due();
                if self.steps < self.task().slice_end || !others {
                    self.take_edge(0)?;
                    return Ok(Flow::Continue);
                }
                self.give_way()
            }
            SuspendOp::Yield { .. } => {
                if self.must_unwind(self.current) {
                    return self.unwind_now();
                }
                self.give_way()
            }
            SuspendOp::Pause { .. } | SuspendOp::Checkpoint { .. } => {
                self.take_edge(0)?;
                Ok(Flow::Continue)
            }
            SuspendOp::Idle { .. } => {
                if self.must_unwind(self.current) {
                    return self.unwind_now();
                }
                let waiter = self.begin_wait();
                self.idlers.push_back((waiter.task, waiter.wait));
                Ok(Flow::Stop)
            }
            SuspendOp::Sleep { duration, .. } => {
                if self.must_unwind(self.current) {
                    return self.unwind_now();
                }
                let ns = self.local_int(*duration)?;
                if ns <= 0 {
                    return self.give_way();
                }
                let waiter = self.begin_wait();
                self.set_timer(ns, waiter, 0);
                Ok(Flow::Stop)
            }
            SuspendOp::Io { request, dest, .. } => self.io(*request, *dest),
            SuspendOp::Send { chan, value, .. } => {
                self.select(&[(*chan, SelectArmKind::Send(*value))], None, None)
            }
            SuspendOp::Recv { chan, dest, .. } => {
                self.select(&[(*chan, SelectArmKind::Recv(*dest))], None, None)
            }
            SuspendOp::Select { arms, after, default } => {
                let arms: Vec<_> = arms.iter().map(|arm| (arm.chan, arm.kind)).collect();
                self.select(&arms, after.map(|(duration, _)| duration), *default)
            }
            SuspendOp::Join { task, .. } | SuspendOp::TryJoin { task, .. } => {
                self.join(*task, None)
            }
            SuspendOp::JoinTimeout { task, duration, .. } => self.join(*task, Some(*duration)),
            SuspendOp::Cancel { task, .. } => {
                if let Value::Task(id) = self.get_local(self.current, *task) {
                    self.request_cancel(id)?;
                }
                self.join(*task, None)
            }
            SuspendOp::ScopeExit { scope, .. } => self.leave_scope(*scope, false),
            SuspendOp::ScopeCancel { scope, .. } => {
                let current = self.current;
                let value = self.get_local(current, *scope);
                self.scope(&value)?.cancelling = true;
                self.cancel_scope(&value, Some(current))?;
                self.leave_scope(*scope, true)
            }
            SuspendOp::GenNext { generator, .. } => self.drive(*generator),
            SuspendOp::GenStop { value, .. } => self.stop_generators(*value),
            SuspendOp::GenYield { .. } => self.stand_at_yield(),
        }
    }

    /// Lets others run; goes on by edge 0.
    pub(super) fn give_way(&mut self) -> Result<Flow, Fault> {
        let current = self.current;
        self.begin_wait();
        self.wake(current, 0);
        Ok(Flow::Stop)
    }

    /// The running task waits from now on.
    pub(super) fn begin_wait(&mut self) -> Waiter {
        let id = self.current;
        let task = self.task();
        task.wait += 1;
        task.state = TaskState::Waiting;
        Waiter { task: id, wait: task.wait, arm: 0 }
    }

    /// Virtual time: it passes with every step, and jumps where all tasks wait.
    pub(super) fn clock(&self) -> i64 {
        EPOCH_NS + self.skipped_ns + self.steps as i64 * STEP_NS
    }

    fn timer_is_due(&self) -> bool {
        self.timers.first_key_value().is_some_and(|((deadline, _), _)| *deadline <= self.clock())
    }

    fn fire_due_timers(&mut self) {
        while self.timer_is_due()
            && let Some((_, (waiter, edge))) = self.timers.pop_first()
        {
            if self.is_waiting(waiter) {
                self.wake(waiter.task, edge);
            }
        }
    }

    pub(super) fn set_timer(&mut self, ns: i128, waiter: Waiter, edge: usize) {
        let deadline = self.clock().saturating_add(i64::try_from(ns).unwrap_or(i64::MAX));
        self.timers.insert((deadline, self.next_timer), (waiter, edge));
        self.next_timer += 1;
    }

    pub(super) fn local_int(&mut self, local: Local) -> Result<i128, Fault> {
        match self.get_local(self.current, local) {
            Value::Int(value) => Ok(value),
            other => Err(format!("{other:?} is no duration")),
        }
    }

    pub(super) fn spawn(
        &mut self,
        body: BodyId,
        args: Vec<Value>,
        scope: Local,
        name: Option<Value>,
        dest: Option<Local>,
        target: Block,
    ) -> Result<Flow, Fault> {
        let current = self.current;
        let value = self.get_local(current, scope);
        if self.scope(&value)?.ended {
            for value in args.into_iter().chain(name) {
                self.heap.release(value)?;
            }
            return self.fail("spawn in a scope that has ended".into());
        }
        self.heap.retain(&value)?;
        let frame = self.new_frame(body, args)?;
        let id = self.add_task(frame, Some(value.clone()));
        let text = match name {
            Some(name) => {
                let text = self.heap.str(&name)?.to_owned();
                self.heap.release(name)?;
                Some(text)
            }
            None => None,
        };
        let scope = self.scope(&value)?;
        scope.tasks.insert(id);
        let cancelling = scope.cancelling;
        if let Some(task) = self.tasks.get_mut(&id) {
            task.name = text;
            task.has_handle = dest.is_some();
            task.cancel_asked = cancelling;
        }
        if let Some(dest) = dest {
            self.set_local(current, dest, Value::Task(id));
        }
        self.ready.push_back(id);
        self.jump(target);
        Ok(Flow::Continue)
    }

    /// The running task has left its last function.
    pub(super) fn end_task(&mut self, result: Value, unwinding: bool) -> Result<(), Fault> {
        let id = self.current;
        let task = self.task();
        task.state = TaskState::Ended;
        let end = if unwinding {
            Err(task.pending.take().unwrap_or_else(|| Panic::new("unknown panic".into())))
        } else {
            Ok(result)
        };
        let (joiner, has_handle, scope) = (task.joiner, task.has_handle, task.scope.clone());
        if self.is_generator(id) {
            return self.end_generator(id, end);
        }
        let Some(scope) = scope else { return self.end_main(end) };
        let keep = match joiner.filter(|joiner| self.is_waiting(*joiner)) {
            Some(joiner) => {
                let edge = self.deliver(joiner.task, end)?;
                self.wake(joiner.task, edge);
                false
            }
            None if has_handle => {
                self.task().end = Some(end);
                true
            }
            None => {
                self.discard(&scope, end)?;
                false
            }
        };
        let state = self.scope(&scope)?;
        state.tasks.remove(&id);
        if state.tasks.is_empty()
            && let Some(waiter) = state.waiter.take()
            && self.is_waiting(waiter)
        {
            let owner = waiter.task;
            let cancel = matches!(self.operation(owner), Some(SuspendOp::ScopeCancel { .. }));
            let edge = self.finish_scope(owner, &scope, cancel)?;
            self.wake(owner, edge);
        }
        if keep { Ok(()) } else { self.reap(id) }
    }

    pub(super) fn end_main(&mut self, end: Result<Value, Panic>) -> Result<(), Fault> {
        match end {
            Ok(value) => {
                let status = match &value {
                    Value::Int(status) => *status as i32,
                    Value::Data(1, fields) => {
                        let message = self.heap.str(&fields[0])?;
                        self.stderr.push_str(&format!("error: {message}\n"));
                        1
                    }
                    _ => 0,
                };
                self.heap.release(value)?;
                self.main_status = Some(status);
                self.end_when_alone();
            }
            Err(panic) => {
                self.stderr.push_str(&format!("panic: {}\n", panic.message));
                self.exited = Some(PANIC_STATUS);
            }
        }
        Ok(())
    }

    /// Main has returned: the program ends, unless dropped generators still unwind.
    pub(super) fn end_when_alone(&mut self) {
        if let Some(status) = self.main_status
            && !self.has_orphans()
        {
            self.exited = Some(status);
            self.ended_normally = true;
        }
    }

    /// Gives the end of a task to one that joins it; the edge that that takes.
    pub(super) fn deliver(
        &mut self,
        joiner: u64,
        end: Result<Value, Panic>,
    ) -> Result<usize, Fault> {
        let op = self.operation(joiner).cloned().ok_or("a joiner that does not join")?;
        let dest = match op {
            SuspendOp::Join { dest, .. }
            | SuspendOp::TryJoin { dest, .. }
            | SuspendOp::JoinTimeout { dest, .. } => Some(dest),
            _ => None,
        };
        match (end, dest) {
            (Ok(value), Some(dest)) => self.set_local(joiner, dest, value),
            (Ok(value), None) => self.heap.release(value)?,
            (Err(_), None) => {}
            (Err(mut panic), Some(_)) => {
                let task = self.tasks.get_mut(&joiner).ok_or("no joiner")?;
                if let SuspendOp::TryJoin { .. } = op {
                    task.join_error = Some(panic);
                    return Ok(1);
                }
                if panic.cancelled || panic.scope_failed {
                    panic = Panic::new("the joined task was cancelled".into());
                }
                task.pending = Some(panic);
                // The unwind edge: the last one.
                return Ok(if matches!(op, SuspendOp::JoinTimeout { .. }) { 2 } else { 1 });
            }
        }
        Ok(0)
    }

    pub(super) fn join(&mut self, handle: Local, timeout: Option<Local>) -> Result<Flow, Fault> {
        let current = self.current;
        let Value::Task(id) = self.get_local(current, handle) else {
            return Err(format!("{handle} holds no handle"));
        };
        let task = self.tasks.get_mut(&id).ok_or("a handle is used twice")?;
        if let Some(end) = task.end.take() {
            let edge = self.deliver(current, end)?;
            self.reap(id)?;
            self.take_edge(edge)?;
            return Ok(Flow::Continue);
        }
        if self.must_unwind(current) {
            self.detach(id)?;
            return self.unwind_now();
        }
        let timeout = match timeout {
            Some(duration) => Some(self.local_int(duration)?),
            None => None,
        };
        let waiter = self.begin_wait();
        if let Some(task) = self.tasks.get_mut(&id) {
            task.joiner = Some(waiter);
        }
        if let Some(ns) = timeout {
            self.set_timer(ns.max(0), waiter, 1);
        }
        Ok(Flow::Stop)
    }

    /// A handle is dropped.
    pub(super) fn detach(&mut self, id: u64) -> Result<(), Fault> {
        if self.is_generator(id) {
            return self.drop_generator(id);
        }
        let Some(task) = self.tasks.get_mut(&id) else {
            return Err(format!("the handle of task {id} is dropped twice"));
        };
        task.has_handle = false;
        task.joiner = None;
        if let (Some(end), Some(scope)) = (task.end.take(), task.scope.clone()) {
            self.discard(&scope, end)?;
            return self.reap(id);
        }
        Ok(())
    }

    /// Nobody takes the end of a task.
    pub(super) fn discard(
        &mut self,
        scope: &Value,
        end: Result<Value, Panic>,
    ) -> Result<(), Fault> {
        match end {
            Ok(value) => self.heap.release(value),
            Err(panic) if panic.cancelled || panic.scope_failed => Ok(()),
            Err(panic) => self.fail_scope(scope, panic),
        }
    }

    /// Removes an ended task that nobody refers to.
    pub(super) fn reap(&mut self, id: u64) -> Result<(), Fault> {
        let scope = self.tasks.remove(&id).and_then(|task| task.scope);
        scope.map_or(Ok(()), |scope| self.heap.release(scope))
    }
}
