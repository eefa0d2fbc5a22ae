//! Tasks, the queue of ready ones, and how a waiting task is made ready.
//!
//! A task is a chain of frames, leaf to root. `Task::state` says who may touch it: a `READY` task is in the worker's run queue, a `RUNNING` one
//! is what the worker executes (its `leaf` is not valid until it parks), a `WAITING` one belongs to whatever its leaf frame's point
//! waits for (or stands in the world's line of idlers), an `ENDED` one waits for its handle to be consumed, its result still in
//! its root frame (`leaf`) or its panic in `extra`.

use orion_abi::{
    Ctx, Frame, Site, WaitNode,
    frame::FRAME_COMPLETED,
    outcome::{OUTCOME_BLOCK, OUTCOME_DONE},
};

use crate::{sync::is_parallel, word::CLAIM_NONE};

unsafe extern "C" {
    /// Makes a task ready whose leaf is complete, where several workers run.
    fn orion_ready_shared(ctx: *mut Ctx, task: *mut Task);
    /// `orion_try_yield` where several workers run.
    fn orion_yield_shared(ctx: *mut Ctx) -> u32;
    /// Suspending at any point.
    fn orion_park(ctx: *mut Ctx, frame: *mut Frame);
    /// What an operation that would block answers: `OUTCOME_BLOCK`, or `OUTCOME_UNWIND` when a cancellation is due.
    fn orion_would_block_slow(ctx: *mut Ctx) -> u32;
}

/// `Task::state`: in the run queue.
pub const TASK_READY: u8 = 0;
/// `Task::state`: being executed.
pub const TASK_RUNNING: u8 = 1;
/// `Task::state`: suspended.
pub const TASK_WAITING: u8 = 2;
/// `Task::state`: over; the task lives on for its handle.
pub const TASK_ENDED: u8 = 3;
/// `Task::state`, where several workers run: its body has suspended, and what it waits for is registered once the worker has left its stack.
pub const TASK_PARKING: u8 = 4;

pub use crate::word::{END_LOCKED, END_OPEN, END_REACHED};

/// `Task::flags`: a handle on it exists, which will be joined, cancelled or detached.
pub const TASK_HANDLE: u8 = 1;
/// `Task::flags`: asked to cancel, and not yet told so: the next wait that would block unwinds.
pub const TASK_CANCEL_ASKED: u8 = 2;
/// `Task::flags`: cancellation was delivered; it is not delivered again.
pub const TASK_CANCELLED: u8 = 4;
/// `Task::flags`: a scope that the task owns has failed: the next wait that would block unwinds, up to that scope.
pub const TASK_SCOPE_FAILED: u8 = 8;
/// `Task::flags`: either reason to unwind at the next wait that would block.
pub const TASK_INTERRUPTED: u8 = TASK_CANCEL_ASKED | TASK_SCOPE_FAILED;
/// `Task::flags`: stands in the world's line of idlers.
pub const TASK_IDLING: u8 = 16;
/// `Task::flags`: it is a generator: runs for whoever drives it, and belongs to no scope.
pub const TASK_GENERATOR: u8 = 32;
/// `Task::flags`: a generator that is being stopped: its `defer`s run.
pub const TASK_STOPPING: u8 = 64;
/// `Task::flags`: a generator that nobody holds any more, and that runs its `defer`s.
pub const TASK_ORPHAN: u8 = 128;

/// A task. Allocated as a block, freed when it has ended and no handle is left.
#[repr(C)]
pub struct Task {
    /// Next in the run queue or in the line of idlers.
    pub next: *mut Task,
    /// The frame that runs next; of an ended task, its root (null when it has no result any more).
    pub leaf: *mut Frame,
    /// `TASK_*`, the state.
    pub state: u8,
    /// `TASK_*`, the flags.
    pub flags: u8,
    /// `END_*` of [`crate::word`], where several workers run: guards `joiner` and `TASK_HANDLE`.
    pub end: u8,
    /// `CLAIM_*` of [`crate::word`], where several workers run.
    pub claim: u8,
    /// Scopes that it owns, that have failed, and whose failure it has not taken up.
    pub failed_scopes: u32,
    /// Who waits for its end (a node of kind `ARM_JOIN`), or null.
    pub joiner: *mut WaitNode,
    /// The scope it was spawned in; counted. Never null but for the main task.
    pub scope: *mut u8,
    /// Neighbours among the tasks of the scope, in order of creation.
    pub scope_prev: *mut Task,
    /// As above.
    pub scope_next: *mut Task,
    /// Where it was spawned.
    pub site: *const Site,
    /// Unique in the program's whole life, ascending from 1 (the main task).
    pub id: u64,
    /// The runtime's `TaskExtra` (name, pending panic), or null.
    pub extra: *mut u8,
}

impl Task {
    /// A task that stands still, known to nobody yet.
    #[must_use]
    pub const fn new(id: u64, leaf: *mut Frame, flags: u8, site: *const Site) -> Self {
        Self {
            next: core::ptr::null_mut(),
            leaf,
            state: TASK_WAITING,
            flags,
            end: END_OPEN,
            claim: CLAIM_NONE,
            failed_scopes: 0,
            joiner: core::ptr::null_mut(),
            scope: core::ptr::null_mut(),
            scope_prev: core::ptr::null_mut(),
            scope_next: core::ptr::null_mut(),
            site,
            id,
            extra: core::ptr::null_mut(),
        }
    }
}

/// FIFO of tasks, linked through `Task::next`.
#[repr(C)]
pub struct TaskQueue {
    /// First, or null.
    pub head: *mut Task,
    /// Last; meaningless when `head` is null.
    pub tail: *mut Task,
}

impl Default for TaskQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl TaskQueue {
    /// Empty.
    #[must_use]
    pub const fn new() -> Self {
        Self { head: core::ptr::null_mut(), tail: core::ptr::null_mut() }
    }

    /// Whether it is empty.
    #[inline(always)]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Appends a task.
    ///
    /// # Safety
    /// `task` is alive and in no queue.
    #[inline(always)]
    pub unsafe fn push(&mut self, task: *mut Task) {
        // SAFETY: queued tasks are alive.
        unsafe {
            (*task).next = core::ptr::null_mut();
            if self.head.is_null() {
                self.head = task;
            } else {
                (*self.tail).next = task;
            }
            self.tail = task;
        }
    }

    /// Puts a task first.
    ///
    /// # Safety
    /// `task` is alive and in no queue.
    #[inline(always)]
    pub unsafe fn push_front(&mut self, task: *mut Task) {
        // SAFETY: as above.
        unsafe {
            (*task).next = self.head;
            if self.head.is_null() {
                self.tail = task;
            }
            self.head = task;
        }
    }

    /// Takes the first task, or null.
    ///
    /// # Safety
    /// Queued tasks are alive.
    #[inline(always)]
    pub unsafe fn pop(&mut self) -> *mut Task {
        let task = self.head;
        if !task.is_null() {
            // SAFETY: as above.
            self.head = unsafe { (*task).next };
        }
        task
    }

    /// Takes a task out of the middle (walks the queue; for rare uses).
    ///
    /// # Safety
    /// Queued tasks are alive.
    pub unsafe fn remove(&mut self, task: *mut Task) -> bool {
        // SAFETY: as above.
        unsafe {
            let mut before: *mut Task = core::ptr::null_mut();
            let mut at = self.head;
            while !at.is_null() {
                if at == task {
                    if before.is_null() {
                        self.head = (*at).next;
                    } else {
                        (*before).next = (*at).next;
                    }
                    if self.tail == at {
                        self.tail = before;
                    }
                    return true;
                }
                before = at;
                at = (*at).next;
            }
            false
        }
    }
}

/// The part of a worker that the hot paths know: its context, first, and its run queue.
#[repr(C)]
pub struct WorkerHead {
    /// What generated code sees.
    pub ctx: Ctx,
    /// Ready tasks.
    pub ready: TaskQueue,
    /// Yields with nobody else ready.
    pub lone_yields: u64,
    /// The last task that the running one has spawned in its present slice and that is still in the queue, or null.
    pub spawned: *mut Task,
    /// While this task is in the queue, spawned ones go to its end: what was ready before them is not overtaken for ever.
    pub boundary: *mut Task,
}

impl WorkerHead {
    /// Queues a task that the running one has spawned: in front of what was ready before, behind what it has spawned before. So a tree of
    /// tasks is walked depth first, in the space of a path.
    ///
    /// # Safety
    /// `task` is alive and in no queue.
    #[inline(always)]
    pub unsafe fn push_spawned(&mut self, task: *mut Task) {
        // SAFETY: `spawned` is in the queue, and queued tasks are alive.
        unsafe {
            if !self.boundary.is_null() {
                self.ready.push(task);
                return;
            }
            let before = self.spawned;
            if before.is_null() {
                self.ready.push_front(task);
            } else {
                (*task).next = (*before).next;
                (*before).next = task;
                if self.ready.tail == before {
                    self.ready.tail = task;
                }
            }
            self.spawned = task;
        }
    }

    /// Takes the first ready task, or null; the next one that is spawned goes in front again.
    ///
    /// # Safety
    /// Queued tasks are alive.
    #[inline(always)]
    pub unsafe fn pop(&mut self) -> *mut Task {
        // SAFETY: as above.
        unsafe {
            let task = self.ready.pop();
            self.spawned = core::ptr::null_mut();
            if task == self.boundary {
                self.boundary = core::ptr::null_mut();
            }
            task
        }
    }
}

/// Lone yields that go by before the scheduler looks at the clock again (a power of two).
const LONE_YIELDS: u64 = 64;

/// Makes the task of a parked frame ready, with the outcome of what it waited for. All nodes of the frame are unlinked.
///
/// # Safety
/// `ctx` heads a `WorkerHead`; `frame` is the leaf of a waiting task.
#[inline(always)]
pub unsafe fn complete(ctx: *mut Ctx, frame: *mut Frame, outcome: u32) {
    // SAFETY: the caller's promise.
    unsafe {
        (*frame).outcome = outcome;
        (*frame).state = FRAME_COMPLETED;
        let task = (*frame).task.cast::<Task>();
        if is_parallel(ctx) {
            orion_ready_shared(ctx, task);
            return;
        }
        (*task).state = TASK_READY;
        (*ctx.cast::<WorkerHead>()).ready.push(task);
    }
}

/// `@yield()`, first half: with nobody else ready it goes on, but for a look at timers now and then.
///
/// # Safety
/// Called by generated code of the running task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_yield(ctx: *mut Ctx) -> u32 {
    // SAFETY: the context heads a worker.
    unsafe {
        let head = ctx.cast::<WorkerHead>();
        if is_parallel(ctx) {
            return orion_yield_shared(ctx);
        }
        if (*head).ready.is_empty() && (*ctx).force == 0 {
            (*head).lone_yields += 1;
            if (*head).lone_yields % LONE_YIELDS != 0 {
                return OUTCOME_DONE;
            }
        }
        if (*ctx).force == 0 && (*(*ctx).task.cast::<Task>()).flags & TASK_INTERRUPTED == 0 {
            return OUTCOME_BLOCK;
        }
        orion_would_block_slow(ctx)
    }
}

/// Suspends at a `Yield` point: the task goes to the end of the run queue.
///
/// # Safety
/// Called by generated code that is about to suspend there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_park_yield(ctx: *mut Ctx, frame: *mut Frame) {
    // SAFETY: the running task is the worker's alone; the frame is complete.
    unsafe {
        // Under a force or a seed the first half has not looked whether the task was asked to cancel.
        if (*ctx).force != 0 {
            return orion_park(ctx, frame);
        }
        let task = (*ctx).task.cast::<Task>();
        (*frame).task = task.cast();
        (*task).leaf = frame;
        complete(ctx, frame, OUTCOME_DONE);
    }
}
