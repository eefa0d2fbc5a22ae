//! Generators: tasks of their own that run only while somebody drives them.
//!
//! A generator stands still (not started, or at a `GenYield`) with state `Waiting`. Driving it makes it ready, ahead of all others, and its driver waits at
//! `GenNext`, to be woken by the next yield or the end. Stopping makes it unwind where it stands; who stops it waits at `GenStop` and looks
//! again when it has ended. Cancellation of a driver goes to the generator, and reaches the driver when that has ended. One that is dropped
//! while it has begun unwinds as an orphan: the program does not end before.

use crate::body::{BodyId, Local};
use crate::suspend::SuspendOp;

use super::sched::{Panic, TaskState, Waiter};
use super::value::{Fault, Object, Value};
use super::{Flow, Machine};

/// What a task has that is a generator.
#[derive(Default, Debug)]
pub(super) struct Generator {
    /// Whoever waits for its next yield, or for its end.
    driver: Option<Waiter>,
    /// The value that the next yield gives.
    given: Option<Value>,
    /// The value that its yield will give to it.
    sent: Option<Value>,
    result: Option<Value>,
    ended: bool,
    /// It stands at a yield.
    yielding: bool,
    stopping: bool,
    orphan: bool,
}

impl Machine<'_> {
    /// Whether the task is a generator.
    pub(super) fn is_generator(&self, id: u64) -> bool {
        self.tasks.get(&id).is_some_and(|task| task.generator.is_some())
    }

    fn generator(&mut self, id: u64) -> Result<&mut Generator, Fault> {
        let task = self.tasks.get_mut(&id);
        let generator = task.and_then(|task| task.generator.as_mut());
        generator.ok_or_else(|| format!("{id} is no generator"))
    }

    fn generator_of(&self, value: &Value) -> Result<u64, Fault> {
        match value {
            Value::Task(id) => Ok(*id),
            other => Err(format!("{other:?} where a generator should be")),
        }
    }

    /// A generator that has not started.
    pub(super) fn new_generator(
        &mut self,
        body: BodyId,
        captures: Vec<Value>,
    ) -> Result<Value, Fault> {
        let frame = self.new_frame(body, captures)?;
        let id = self.add_task(frame, None);
        if let Some(task) = self.tasks.get_mut(&id) {
            task.state = TaskState::Waiting;
            task.generator = Some(Generator::default());
        }
        Ok(Value::Task(id))
    }

    /// `GenGive`: false where the generator is being stopped.
    pub(super) fn give_yield(&mut self, value: Value) -> Result<bool, Fault> {
        let generator = self.generator(self.current)?;
        if generator.stopping {
            self.heap.release(value)?;
            return Ok(false);
        }
        generator.given = Some(value);
        Ok(true)
    }

    /// `GenSend`: false where the generator has not started and should have.
    pub(super) fn send_to_generator(
        &mut self,
        generator: &Value,
        value: Value,
        is_next: bool,
    ) -> Result<bool, Fault> {
        let id = self.generator_of(generator)?;
        let started = self.tasks.get(&id).is_some_and(|task| task.started);
        let state = self.generator(id)?;
        if state.ended || !started {
            let fits = state.ended || is_next;
            self.heap.release(value)?;
            return Ok(fits);
        }
        if let Some(old) = state.sent.replace(value) {
            self.heap.release(old)?;
        }
        Ok(true)
    }

    pub(super) fn generator_is_done(&mut self, generator: &Value) -> Result<bool, Fault> {
        let id = self.generator_of(generator)?;
        Ok(self.generator(id)?.ended)
    }

    /// A copy of what it returned.
    pub(super) fn generator_result(&mut self, generator: &Value) -> Result<Option<Value>, Fault> {
        let id = self.generator_of(generator)?;
        let result = self.generator(id)?.result.clone();
        if let Some(result) = &result {
            self.heap.retain(result)?;
        }
        Ok(result)
    }

    /// `GenNext`.
    pub(super) fn drive(&mut self, local: Local) -> Result<Flow, Fault> {
        let current = self.current;
        let value = self.get_local(current, local);
        let id = self.generator_of(&value)?;
        let state = self.generator(id)?;
        if state.ended {
            self.take_edge(1)?;
            return Ok(Flow::Continue);
        }
        if state.driver.is_some_and(|driver| self.is_waiting(driver)) {
            return self.fail("the generator is running already".into());
        }
        let driver = self.begin_wait();
        self.generator(id)?.driver = Some(driver);
        self.run_generator(id)?;
        Ok(Flow::Stop)
    }

    /// Lets a generator go on where it stands, before all other tasks.
    fn run_generator(&mut self, id: u64) -> Result<(), Fault> {
        let state = self.generator(id)?;
        if std::mem::replace(&mut state.yielding, false) {
            let sent = state.sent.take().unwrap_or(Value::Unit);
            if let Some(SuspendOp::GenYield { dest, .. }) = self.operation(id).cloned() {
                self.set_local(id, dest, sent);
            }
            self.wake_first(id, Some(0));
        } else if self.tasks.get(&id).is_some_and(|task| !task.started) {
            self.wake_first(id, None);
        }
        Ok(())
    }

    /// `GenYield`: hands the value over and stands still.
    pub(super) fn stand_at_yield(&mut self) -> Result<Flow, Fault> {
        let id = self.current;
        self.begin_wait();
        let state = self.generator(id)?;
        state.yielding = true;
        let given = state.given.take().unwrap_or(Value::Dummy);
        let driver = state.driver.take().filter(|driver| self.is_waiting(*driver));
        let Some(driver) = driver else { return Err("a yield without a driver".into()) };
        if let Some(SuspendOp::GenNext { dest, .. }) = self.operation(driver.task).cloned() {
            self.set_local(driver.task, dest, given);
        }
        self.wake_first(driver.task, Some(0));
        Ok(Flow::Stop)
    }

    /// The generator that ran has left its last function.
    pub(super) fn end_generator(
        &mut self,
        id: u64,
        end: Result<Value, Panic>,
    ) -> Result<(), Fault> {
        let state = self.generator(id)?;
        state.ended = true;
        let orphan = state.orphan;
        let driver = state.driver.take();
        let mut failure = None;
        match end {
            Ok(value) => state.result = Some(value),
            Err(panic) if !panic.cancelled => failure = Some(panic),
            Err(_) => {}
        }
        match driver.filter(|driver| self.is_waiting(*driver)) {
            Some(driver) => {
                let stops = matches!(self.operation(driver.task), Some(SuspendOp::GenStop { .. }));
                if let Some(panic) = failure {
                    if let Some(task) = self.tasks.get_mut(&driver.task) {
                        task.pending = Some(panic);
                    }
                    self.wake_first(driver.task, Some(if stops { 1 } else { 2 }));
                } else if stops {
                    // It looks for the next one to stop.
                    self.wake_first(driver.task, None);
                } else if self.must_unwind(driver.task) {
                    self.record(driver.task);
                    self.wake_first(driver.task, Some(2));
                } else {
                    self.wake_first(driver.task, Some(1));
                }
            }
            None => {
                if let Some(panic) = failure {
                    self.lost_panic(&panic);
                }
            }
        }
        if orphan { self.reap_generator(id) } else { Ok(()) }
    }

    fn reap_generator(&mut self, id: u64) -> Result<(), Fault> {
        let task = self.tasks.remove(&id);
        if let Some(generator) = task.and_then(|task| task.generator) {
            for value in [generator.given, generator.sent, generator.result].into_iter().flatten() {
                self.heap.release(value)?;
            }
        }
        self.end_when_alone();
        Ok(())
    }

    /// Whether generators that nobody holds still unwind.
    pub(super) fn has_orphans(&self) -> bool {
        self.tasks.values().any(|task| task.generator.as_ref().is_some_and(|state| state.orphan))
    }

    /// Makes a generator unwind where it stands; true when it has ended already (or does at once).
    fn stop_generator(&mut self, id: u64) -> Result<bool, Fault> {
        let started = self.tasks.get(&id).is_some_and(|task| task.started);
        let state = self.generator(id)?;
        if state.ended {
            return Ok(true);
        }
        if !started {
            state.ended = true;
            let sent = state.sent.take();
            let frames = self.tasks.get_mut(&id).map(|task| std::mem::take(&mut task.frames));
            let locals = frames.into_iter().flatten().flat_map(|frame| frame.locals).flatten();
            for value in locals.chain(sent).collect::<Vec<_>>() {
                self.heap.release(value)?;
            }
            return Ok(true);
        }
        state.stopping = true;
        if std::mem::replace(&mut state.yielding, false) {
            let mut panic = Panic::new(String::new());
            panic.cancelled = true;
            if let Some(task) = self.tasks.get_mut(&id) {
                task.pending = Some(panic);
                task.cancelled = true;
            }
            // The edges of a yield: go on, unwind.
            self.wake_first(id, Some(1));
        } else {
            self.request_cancel(id)?;
        }
        Ok(false)
    }

    /// `GenStop`: stops the first generator of the value that has not ended, and looks again when it has.
    pub(super) fn stop_generators(&mut self, local: Local) -> Result<Flow, Fault> {
        let value = self.get_local(self.current, local);
        let mut ids = Vec::new();
        self.generators_in(&value, &mut ids)?;
        for id in ids {
            if self.stop_generator(id)? {
                continue;
            }
            let driver = self.begin_wait();
            self.generator(id)?.driver = Some(driver);
            return Ok(Flow::Stop);
        }
        self.take_edge(0)?;
        Ok(Flow::Continue)
    }

    fn generators_in(&self, value: &Value, out: &mut Vec<u64>) -> Result<(), Fault> {
        match value {
            Value::Task(id) if self.is_generator(*id) => out.push(*id),
            Value::Tuple(items) | Value::Data(_, items) => {
                items.iter().try_for_each(|item| self.generators_in(item, out))?;
            }
            Value::Ref(r) => {
                if let Object::List(items) | Object::Boxed(_, items) = self.heap.get(*r)? {
                    items.iter().try_for_each(|item| self.generators_in(item, out))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A generator was dropped by its type.
    pub(super) fn drop_generator(&mut self, id: u64) -> Result<(), Fault> {
        if self.stop_generator(id)? {
            return self.reap_generator(id);
        }
        let state = self.generator(id)?;
        state.orphan = true;
        state.driver = None;
        Ok(())
    }
}
