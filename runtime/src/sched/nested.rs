//! Running a task on the stack of the one that has spawned it.
//!
//! A task that would block right after having spawned others gives the processor to the first of them. As long as that one has not started, it can
//! just as well run here and now, on top of the blocked one: if it ends, or sends what is waited for, nobody had to suspend. So a fork and its join cost
//! little more than a call.
//!
//! Invariants: the nested task is the head of the run queue and was spawned in the running task's present slice, so the order of tasks is what it would have been.
//! The running task stays `RUNNING`; to everybody else it looks like one that has not parked yet. Nothing nests near the end of the native
//! stack, nor when the scheduler is wanted.

use std::sync::atomic::Ordering;

use orion_abi::Ctx;
use orion_fast::{
    sync::is_parallel,
    task::{TASK_CANCEL_ASKED, TASK_READY, Task},
};

use crate::{
    sched::{dispatch, team},
    world::{Worker, worker_of},
};

/// Native stack that must be left for a nested task to begin.
const STACK_ROOM_BYTES: usize = 64 << 10;

/// Runs the next ready task on this stack, if the running one has spawned it in its present slice: 1 when it did.
///
/// # Safety
/// Called on behalf of the running task, which is about to block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_run_spawned(ctx: *mut Ctx) -> u32 {
    let here = 0u8;
    // SAFETY: the queue's head is a live, ready task; `dispatch` leaves the worker ready for the next.
    unsafe {
        let worker = worker_of(ctx);
        if is_parallel(ctx) {
            return run_fresh(ctx, worker);
        }
        let last = (*worker).head.spawned;
        let task = (*worker).head.ready.head;
        if last.is_null()
            || task.is_null()
            || (*task).state != TASK_READY
            || (*task).flags & TASK_CANCEL_ASKED != 0
            || (&raw const here as usize) < (*worker).stack_limit + STACK_ROOM_BYTES
            || (*worker).attention.load(Ordering::Relaxed) != 0
            || (*worker).always_poll
        {
            return 0;
        }
        (*worker).head.pop();
        run_here(ctx, worker, task);
        // What the running task has spawned before is still in front, unless something overtook it.
        let next: *mut Task = (*worker).head.ready.head;
        (*worker).head.spawned =
            if task == last || next.is_null() { std::ptr::null_mut() } else { last };
        1
    }
}

/// Runs a task on top of the running one.
#[inline]
unsafe fn run_here(ctx: *mut Ctx, worker: *mut Worker, task: *mut Task) {
    // SAFETY: the task is ready and in no queue; `dispatch` leaves the worker ready for the next.
    unsafe {
        let running = (*ctx).task;
        let dispatches = (*worker).dispatches.load(Ordering::Relaxed);
        (*worker).dispatches.store(dispatches + 1, Ordering::Relaxed);
        (*worker).nested += 1;
        dispatch(ctx, task);
        (*worker).nested -= 1;
        (*ctx).task = running;
    }
}

/// [`orion_run_spawned`] where several workers run: what was spawned last and has not been stolen.
unsafe fn run_fresh(ctx: *mut Ctx, worker: *mut Worker) -> u32 {
    let here = 0u8;
    // SAFETY: as above.
    unsafe {
        let fresh = (*worker).team.fresh;
        if fresh == 0
            || (&raw const here as usize) < (*worker).stack_limit + STACK_ROOM_BYTES
            || (*worker).attention.load(Ordering::Relaxed) != 0
            || (*worker).always_poll
        {
            return 0;
        }
        let task = team::queue::next(worker);
        if task.is_null() {
            return 0;
        }
        run_here(ctx, worker, task);
        (*worker).team.fresh = (fresh - 1).min((*worker).team.own.len());
        1
    }
}
