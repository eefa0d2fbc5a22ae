//! Operations under way: when each begins, what becomes of it, and when it is over. What it does in between is in `steps`.
//!
//! A job belongs to one suspended task. It waits for its lane, hands one call after another to the kernel, and ends with an outcome. Invariants: a
//! job whose call the kernel has stays in the table until the result is there, also when its task is no longer interested; tokens are never used twice.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    os::fd::IntoRawFd,
    time::{Duration, Instant},
};

use orion_abi::Frame;

use super::{
    Io,
    call::Call,
    request::{CLOSE, CONNECT, Failure, Outcome, has_handle},
    steps::{Step, done},
};

/// Why a job has to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Its task is cancelled.
    Cancelled,
    /// Its time is over.
    TimedOut,
    /// Its handle is being closed.
    Closed,
}

impl Stop {
    /// What the operation ends with.
    pub fn failure(self) -> Failure {
        match self {
            Self::Cancelled => Failure::Cancelled,
            Self::TimedOut => Failure::words("timed out"),
            Self::Closed => Failure::words("it was closed meanwhile"),
        }
    }
}

/// An operation, as its operands say.
#[derive(Clone, Debug)]
pub struct Order {
    /// What to do.
    pub code: i64,
    /// Operand.
    pub a: i64,
    /// Operand.
    pub b: i64,
    /// A path or an address; empty for `WRITE`, whose bytes stay in the frame.
    pub text: Vec<u8>,
}

/// An operation under way.
pub struct Job {
    /// Names its call to the kernel.
    pub token: u64,
    /// Where the answer goes; null when nobody waits (any more, or for the moment).
    pub frame: *mut Frame,
    /// The task, by its number.
    pub task: u64,
    /// What to do.
    pub order: Order,
    /// What the kernel has.
    pub call: Option<Call>,
    /// It has to stop.
    pub stop: Option<Stop>,
    /// When its time is over.
    pub deadline: Option<Instant>,
    /// Bytes of a `WRITE` that are written.
    pub done: usize,
    /// Addresses of a `CONNECT` that were not tried yet.
    pub addresses: VecDeque<SocketAddr>,
    /// It has its lane, and waits for a connection to arrive.
    pub awaits: bool,
    /// Nobody waits for it: it ends when the kernel gives its call back.
    orphan: bool,
    /// It belongs to a listener and not to a task, see `accept`.
    pub accepts: bool,
}

impl Job {
    /// A job that has not begun.
    #[must_use]
    pub fn new(token: u64, frame: *mut Frame, task: u64, order: Order) -> Self {
        Self {
            token,
            frame,
            task,
            order,
            call: None,
            stop: None,
            deadline: None,
            done: 0,
            addresses: VecDeque::new(),
            awaits: false,
            orphan: false,
            accepts: false,
        }
    }
}

impl Io {
    /// Takes a job in: it begins, or waits for its lane. `bytes`: what a `WRITE` writes.
    pub fn start(&mut self, index: usize) {
        let Order { code, a, b, .. } = self.jobs[index].order;
        if code == CLOSE {
            return self.start_closing(index);
        }
        if code == CONNECT && b > 0 {
            self.set_deadline(index, Duration::from_nanos(b as u64));
        }
        if !has_handle(code) {
            self.to_begin.push_back(index);
            return;
        }
        match self.handles.get(a) {
            Ok(handle) => {
                let timeout = handle.timeout;
                let lane = handle.lane(code);
                if lane.current.is_none() {
                    lane.current = Some(index);
                    self.to_begin.push_back(index);
                } else {
                    lane.waiting.push_back(index);
                }
                if let Some(timeout) = timeout {
                    self.set_deadline(index, timeout);
                }
            }
            Err(failure) => self.end(index, Err(failure)),
        }
    }

    fn set_deadline(&mut self, index: usize, after: Duration) {
        let at = Instant::now() + after;
        self.jobs[index].deadline = Some(at);
        self.deadlines.insert((at, self.jobs[index].token));
    }

    /// Begins every job that has its lane.
    ///
    /// # Safety
    /// The frames of these jobs wait.
    pub unsafe fn begin_all(&mut self) {
        while let Some(index) = self.to_begin.pop_front() {
            // SAFETY: the caller's promise.
            let bytes = unsafe { self.rest_to_write(index) };
            let step = self.first_step(index, &bytes);
            self.take_step(index, step);
        }
    }

    fn take_step(&mut self, index: usize, step: Step) {
        match step {
            Step::Call(call) => self.hand_over(index, call),
            Step::Done(outcome) => self.end(index, outcome),
            Step::Await => self.jobs[index].awaits = true,
        }
    }

    /// The kernel gets a call of a job.
    pub fn hand_over(&mut self, index: usize, call: Call) {
        let job = &mut self.jobs[index];
        if let Some(stop) = job.stop {
            let failure = stop.failure();
            return self.end(index, Err(failure));
        }
        let (token, call) = (job.token, job.call.insert(call));
        match &mut self.kernel {
            // SAFETY: the job is a box, and keeps its call until the result is there.
            Some(kernel) => unsafe { kernel.push(token, call) },
            None => self.end(index, Err(Failure::words("there is no way to the kernel"))),
        }
    }

    /// A result of the kernel.
    ///
    /// # Safety
    /// It is the result of the job's call; the job's frame waits, if it has one.
    pub unsafe fn completed(&mut self, token: u64, result: i32) {
        let Some(&index) = self.tokens.get(&token) else { return };
        let Some(mut call) = self.jobs[index].call.take() else { return };
        let job = &self.jobs[index];
        if job.accepts {
            return self.arrived(index, call, result);
        }
        if job.orphan {
            self.forget(index);
            return;
        }
        let stopped = matches!(-result, libc::ECANCELED | libc::EINTR | libc::EAGAIN);
        if stopped && !matches!(call, Call::Close { .. }) {
            let step = match job.stop {
                Some(stop) => Step::Done(Err(stop.failure())),
                None => Step::Call(call),
            };
            return self.take_step(index, step);
        }
        if result > 0 {
            // SAFETY: the kernel has written that much.
            unsafe { call.filled(result as usize) };
        }
        // SAFETY: the caller's promise.
        let step = unsafe { self.next_step(index, call, result) };
        self.take_step(index, step);
    }

    /// A job is over: its frame gets the outcome, its lane goes to the next.
    pub fn end(&mut self, index: usize, outcome: Outcome) {
        let job = &mut self.jobs[index];
        let frame = std::mem::replace(&mut job.frame, std::ptr::null_mut());
        if !frame.is_null() {
            self.ended.push((frame, outcome));
        }
        self.forget(index);
    }

    /// Takes a job out of the table and gives its lane to the next.
    fn forget(&mut self, index: usize) {
        let job = self.jobs.remove(index);
        self.tokens.remove(&job.token);
        if self.by_task.get(&job.task) == Some(&index) {
            self.by_task.remove(&job.task);
        }
        if let Some(at) = job.deadline {
            self.deadlines.remove(&(at, job.token));
        }
        let Order { code, a, .. } = job.order;
        if !has_handle(code) || code == CLOSE {
            return;
        }
        let Some(handle) = self.handles.any(a) else { return };
        let lane = handle.lane(code);
        if lane.current == Some(index) {
            lane.current = lane.waiting.pop_front();
            self.to_begin.extend(lane.current);
        } else {
            lane.waiting.retain(|&waiting| waiting != index);
        }
        self.close_if_quiet(a);
    }

    /// A handle that is being closed is closed once nothing is under way on it.
    pub fn close_if_quiet(&mut self, id: i64) {
        if let Some(handle) = self.handles.any(id)
            && handle.is_quiet()
            && let Some(closer) = handle.closing
        {
            self.close_now(closer, id);
        }
    }

    /// Asks a job to stop: at once where it waits for its lane, else when the kernel has given its call up.
    pub fn stop(&mut self, index: usize, why: Stop) {
        let job = &mut self.jobs[index];
        if job.stop.is_some() || job.order.code == CLOSE {
            return;
        }
        job.stop = Some(why);
        match &job.call {
            Some(Call::Resolve { .. }) => {
                // A helper looks a name up, for as long as that takes; nobody needs it.
                let frame = std::mem::replace(&mut job.frame, std::ptr::null_mut());
                job.orphan = true;
                self.by_task.remove(&job.task);
                if !frame.is_null() {
                    self.ended.push((frame, Err(why.failure())));
                }
            }
            Some(_) => {
                let token = job.token;
                if let Some(kernel) = &mut self.kernel {
                    kernel.cancel(token);
                }
            }
            None => {
                let failure = why.failure();
                self.to_begin.retain(|&other| other != index);
                self.end(index, Err(failure));
            }
        }
    }

    fn start_closing(&mut self, index: usize) {
        let id = self.jobs[index].order.a;
        let handle = match self.handles.get(id) {
            Ok(handle) => handle,
            Err(failure) => return self.end(index, Err(failure)),
        };
        handle.closing = Some(index);
        let mut jobs: Vec<usize> = Vec::new();
        for lane in [&handle.reads, &handle.writes] {
            // Those that wait go first, so that none of them begins.
            jobs.extend(lane.waiting.iter().rev());
            jobs.extend(lane.current);
        }
        let accepting = handle.arrivals.accepting.clone();
        if jobs.is_empty() && accepting.is_empty() {
            return self.close_now(index, id);
        }
        for job in jobs {
            self.stop(job, Stop::Closed);
        }
        for job in accepting {
            self.stop(job, Stop::Closed);
        }
    }

    /// The handle is quiet: its descriptor is closed.
    fn close_now(&mut self, closer: usize, id: i64) {
        let Some(handle) = self.handles.remove(id) else { return };
        let step = match handle.fd {
            Some(fd) => Step::Call(Call::Close { fd: fd.into_raw_fd() }),
            None => done(0),
        };
        self.take_step(closer, step);
    }

    /// Jobs whose time is over.
    pub fn expire(&mut self) {
        if self.deadlines.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some(&(at, token)) = self.deadlines.first() {
            if at > now {
                break;
            }
            self.deadlines.pop_first();
            if let Some(&index) = self.tokens.get(&token) {
                self.stop(index, Stop::TimedOut);
            }
        }
    }
}
