//! Tasks, scopes, channels, timers, cancellation.
//!
//! A waiting task has registered [`Waiter`]s; each carries the number of the wait, so that one that has been served elsewhere (another arm,
//! cancellation) is recognised as stale and skipped. Serving a task writes its destination and tells it which edge to take.
//!
//! Cancellation and failed scopes interrupt a task where it waits, or polls, or would wait, once; while it unwinds it is left in peace.

use std::collections::BTreeSet;

use crate::body::{Block, BodyId, Local, TerminatorKind};
use crate::cfg;
use crate::suspend::{SelectArmKind, SuspendOp};

use super::generators::Generator;
use super::value::{Chan, Fault, Object, Value};
use super::{DEADLOCK_STATUS, Flow, Frame, Machine, PANIC_STATUS};

/// A registered wait: stale unless the task still is in wait number `wait`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Waiter {
    pub task: u64,
    wait: u64,
    arm: usize,
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
    owner: u64,
    /// Those that have not ended.
    tasks: BTreeSet<u64>,
    failure: Option<Panic>,
    waiter: Option<Waiter>,
    cancelling: bool,
    ended: bool,
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
                self.now_ns = self.now_ns.max(deadline);
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
    fn wake(&mut self, id: u64, edge: usize) {
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
                if self.steps < self.task().slice_end || self.ready.is_empty() {
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
    fn give_way(&mut self) -> Result<Flow, Fault> {
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

    fn set_timer(&mut self, ns: i128, waiter: Waiter, edge: usize) {
        let deadline = self.now_ns.saturating_add(i64::try_from(ns).unwrap_or(i64::MAX));
        self.timers.insert((deadline, self.next_timer), (waiter, edge));
        self.next_timer += 1;
    }

    fn local_int(&mut self, local: Local) -> Result<i128, Fault> {
        match self.get_local(self.current, local) {
            Value::Int(value) => Ok(value),
            other => Err(format!("{other:?} is no duration")),
        }
    }

    // Channels.

    pub(super) fn chan(&mut self, value: &Value) -> Result<&mut Chan, Fault> {
        match value {
            Value::Ref(r) => match self.heap.get_mut(*r)? {
                Object::Chan(chan) => Ok(chan),
                other => Err(format!("{other:?} where a channel should be")),
            },
            other => Err(format!("{other:?} where a channel should be")),
        }
    }

    /// The first waiter in a queue that still waits; stale ones are removed.
    fn first_waiter(&mut self, chan: &Value, senders: bool) -> Result<Option<Waiter>, Fault> {
        loop {
            let queue = self.chan(chan)?;
            let queue = if senders { &mut queue.senders } else { &mut queue.receivers };
            let Some(waiter) = queue.front().copied() else { return Ok(None) };
            if self.is_waiting(waiter) {
                return Ok(Some(waiter));
            }
            let queue = self.chan(chan)?;
            if senders {
                queue.senders.pop_front()
            } else {
                queue.receivers.pop_front()
            };
        }
    }

    fn is_ready(&mut self, chan: &Value, kind: SelectArmKind) -> Result<bool, Fault> {
        let state = self.chan(chan)?;
        if state.closed {
            return Ok(true);
        }
        let room = match kind {
            SelectArmKind::Recv(_) => !state.buffer.is_empty(),
            SelectArmKind::Send(_) => state.buffer.len() < state.capacity,
        };
        let senders = matches!(kind, SelectArmKind::Recv(_));
        Ok(room || self.first_waiter(chan, senders)?.is_some())
    }

    /// Does a ready channel operation of the running task; the edge to take, counted from the arm's first.
    fn operate(&mut self, chan: &Value, kind: SelectArmKind) -> Result<usize, Fault> {
        let current = self.current;
        match kind {
            SelectArmKind::Send(local) => {
                if self.chan(chan)?.closed {
                    return Ok(1);
                }
                let value = self.get_local(current, local);
                match self.first_waiter(chan, false)? {
                    Some(receiver) => self.hand_over(receiver, value),
                    None => self.chan(chan)?.buffer.push_back(value),
                }
                Ok(0)
            }
            SelectArmKind::Recv(local) => {
                let buffered = self.chan(chan)?.buffer.pop_front();
                let sender = self.first_waiter(chan, true)?;
                let sent = sender.map(|sender| self.take_over(sender));
                let value = match (buffered, sent) {
                    (Some(value), sent) => {
                        self.chan(chan)?.buffer.extend(sent);
                        value
                    }
                    (None, Some(value)) => value,
                    (None, None) => return Ok(1),
                };
                self.set_local(current, local, value);
                Ok(0)
            }
        }
    }

    fn arm_local(&self, waiter: Waiter) -> Option<Local> {
        match self.operation(waiter.task)? {
            SuspendOp::Send { value, .. } => Some(*value),
            SuspendOp::Recv { dest, .. } => Some(*dest),
            SuspendOp::Select { arms, .. } => match arms.get(waiter.arm)?.kind {
                SelectArmKind::Recv(local) | SelectArmKind::Send(local) => Some(local),
            },
            _ => None,
        }
    }

    /// Gives a waiting receiver its value.
    fn hand_over(&mut self, receiver: Waiter, value: Value) {
        if let Some(local) = self.arm_local(receiver) {
            self.set_local(receiver.task, local, value);
        }
        self.wake(receiver.task, 2 * receiver.arm);
    }

    /// Takes the value of a waiting sender.
    fn take_over(&mut self, sender: Waiter) -> Value {
        let local = self.arm_local(sender);
        let value = local.map_or(Value::Dummy, |local| self.get_local(sender.task, local));
        self.wake(sender.task, 2 * sender.arm);
        value
    }

    /// A select; sends and receives are selects of one arm. Edges: done and closed of each arm, `after`, `default`.
    fn select(
        &mut self,
        arms: &[(Local, SelectArmKind)],
        after: Option<Local>,
        default: Option<Block>,
    ) -> Result<Flow, Fault> {
        let current = self.current;
        let mut chans = Vec::new();
        let mut ready = Vec::new();
        for (index, (local, kind)) in arms.iter().enumerate() {
            let chan = self.get_local(current, *local);
            // A dummy: the arm takes no part.
            let takes_part = matches!(chan, Value::Ref(_));
            if takes_part && self.is_ready(&chan, *kind)? {
                ready.push(index);
            }
            chans.push((index, takes_part, chan, *kind));
        }
        if !ready.is_empty() {
            let pick = ready[(self.next_random() >> 33) as usize % ready.len()];
            let (_, _, chan, kind) = &chans[pick];
            let edge = self.operate(chan, *kind)?;
            self.take_edge(2 * pick + edge)?;
            return Ok(Flow::Continue);
        }
        if default.is_some() {
            self.take_edge(2 * arms.len() + usize::from(after.is_some()))?;
            return Ok(Flow::Continue);
        }
        if self.must_unwind(current) {
            return self.unwind_now();
        }
        let timeout = match after {
            Some(duration) => Some(self.local_int(duration)?),
            None => None,
        };
        if timeout.is_some_and(|ns| ns <= 0) {
            self.take_edge(2 * arms.len())?;
            return Ok(Flow::Continue);
        }
        let waiter = self.begin_wait();
        for (arm, takes_part, chan, kind) in chans {
            if !takes_part {
                continue;
            }
            let waiter = Waiter { arm, ..waiter };
            let chan = self.chan(&chan)?;
            match kind {
                SelectArmKind::Send(_) => chan.senders.push_back(waiter),
                SelectArmKind::Recv(_) => chan.receivers.push_back(waiter),
            }
        }
        if let Some(ns) = timeout {
            self.set_timer(ns, waiter, 2 * arms.len());
        }
        Ok(Flow::Stop)
    }

    /// Closes a channel; false when it was closed.
    pub(super) fn close(&mut self, chan: &Value) -> Result<bool, Fault> {
        let state = self.chan(chan)?;
        if std::mem::replace(&mut state.closed, true) {
            return Ok(false);
        }
        let mut waiters = std::mem::take(&mut state.receivers);
        waiters.append(&mut state.senders);
        for waiter in waiters {
            if self.is_waiting(waiter) {
                self.wake(waiter.task, 2 * waiter.arm + 1);
            }
        }
        Ok(true)
    }

    // Cancellation.

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

    fn unwind_now(&mut self) -> Result<Flow, Fault> {
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
    fn poke(&mut self, id: u64) -> Result<(), Fault> {
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
    fn consume_handle(&mut self, id: u64, op: &SuspendOp) -> Result<(), Fault> {
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

    // Tasks.

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

    fn end_main(&mut self, end: Result<Value, Panic>) -> Result<(), Fault> {
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
    fn deliver(&mut self, joiner: u64, end: Result<Value, Panic>) -> Result<usize, Fault> {
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

    fn join(&mut self, handle: Local, timeout: Option<Local>) -> Result<Flow, Fault> {
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
    fn discard(&mut self, scope: &Value, end: Result<Value, Panic>) -> Result<(), Fault> {
        match end {
            Ok(value) => self.heap.release(value),
            Err(panic) if panic.cancelled || panic.scope_failed => Ok(()),
            Err(panic) => self.fail_scope(scope, panic),
        }
    }

    /// Removes an ended task that nobody refers to.
    fn reap(&mut self, id: u64) -> Result<(), Fault> {
        let scope = self.tasks.remove(&id).and_then(|task| task.scope);
        scope.map_or(Ok(()), |scope| self.heap.release(scope))
    }

    // Scopes.

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

    fn scope(&mut self, value: &Value) -> Result<&mut Scope, Fault> {
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
    fn fail_scope(&mut self, value: &Value, panic: Panic) -> Result<(), Fault> {
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
    fn leave_scope(&mut self, local: Local, cancel: bool) -> Result<Flow, Fault> {
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
    fn finish_scope(&mut self, owner: u64, value: &Value, cancel: bool) -> Result<usize, Fault> {
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
