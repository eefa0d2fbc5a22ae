//! Channels and `select`: sends and receives are selects of one arm.
//!
//! A value is handed over directly: whoever comes second writes the destination of the first, or takes the value out of its local, and wakes it. A closed
//! channel serves its receivers from the buffer first.

use crate::body::{Block, Local};
use crate::suspend::{SelectArmKind, SuspendOp};

use super::sched::Waiter;
use super::value::{Chan, Fault, Object, Value};
use super::{Flow, Machine};

impl Machine<'_> {
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
    pub(super) fn first_waiter(
        &mut self,
        chan: &Value,
        senders: bool,
    ) -> Result<Option<Waiter>, Fault> {
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

    pub(super) fn is_ready(&mut self, chan: &Value, kind: SelectArmKind) -> Result<bool, Fault> {
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
    pub(super) fn operate(&mut self, chan: &Value, kind: SelectArmKind) -> Result<usize, Fault> {
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

    pub(super) fn arm_local(&self, waiter: Waiter) -> Option<Local> {
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
    pub(super) fn hand_over(&mut self, receiver: Waiter, value: Value) {
        if let Some(local) = self.arm_local(receiver) {
            self.set_local(receiver.task, local, value);
        }
        self.wake(receiver.task, 2 * receiver.arm);
    }

    /// Takes the value of a waiting sender.
    pub(super) fn take_over(&mut self, sender: Waiter) -> Value {
        let local = self.arm_local(sender);
        let value = local.map_or(Value::Dummy, |local| self.get_local(sender.task, local));
        self.wake(sender.task, 2 * sender.arm);
        value
    }

    /// A select; sends and receives are selects of one arm. Edges: done and closed of each arm, `after`, `default`.
    pub(super) fn select(
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
}
