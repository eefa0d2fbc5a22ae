//! Cancellation: cooperative, delivered at waits that would block and at preemptions, once.
//!
//! A request sets a flag. It is delivered when the task next stands at a point that may unwind — now, if it waits there — unless the task
//! unwinds already: then its `defer`s run in peace. The owner of a scope that has failed is interrupted in the same way, up to that
//! scope.

use std::ptr::null_mut;

use orion_abi::{
    Ctx, Frame, PointDesc,
    desc::PointKind,
    frame::FRAME_COMPLETED,
    outcome::{OUTCOME_BLOCK, OUTCOME_DONE, OUTCOME_UNWIND},
};
use orion_fast::{
    atomic::Ordering,
    sync::{claim_of, forced, hold, is_parallel},
    task::{
        TASK_CANCEL_ASKED, TASK_CANCELLED, TASK_ENDED, TASK_IDLING, TASK_INTERRUPTED, TASK_PARKING,
        TASK_READY, TASK_SCOPE_FAILED, TASK_WAITING, Task, complete,
    },
    word,
};

use crate::{
    frames::{arms_of, kind_of, point_of},
    generator, io,
    panic::{Cause, Panic},
    sched::{
        clear_flags, flags_of, join,
        park::{orion_unlink_siblings_slow, target_of},
        set_flags, state_of, team,
    },
    scope::Scope,
    world::{extra_if, extra_of, no_site, world_of},
};

/// Whether the next wait of the task that would block has to unwind.
///
/// # Safety
/// `task` is alive.
#[inline]
#[must_use]
pub unsafe fn must_unwind(task: *mut Task) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        flags_of(task).load(Ordering::Relaxed) & TASK_INTERRUPTED != 0
            && extra_if(task).is_none_or(|extra| extra.panic.is_none())
    }
}

/// As [`must_unwind`], for a wait at this point: the end of a scope that has failed waits for its tasks and then unwinds by itself.
///
/// # Safety
/// `frame` stands at `point`.
#[must_use]
pub unsafe fn must_unwind_at(task: *mut Task, frame: *mut Frame, point: &PointDesc) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        if !must_unwind(task) {
            return false;
        }
        match kind_of(point) {
            PointKind::ScopeCancel | PointKind::GenStop => false,
            PointKind::ScopeExit
                if flags_of(task).load(Ordering::Relaxed) & TASK_CANCEL_ASKED == 0 =>
            {
                let scope = target_of(frame, &arms_of(point)[0]).cast::<Scope>();
                !(*scope).failed.load(Ordering::Relaxed)
            }
            _ => true,
        }
    }
}

/// The task begins to unwind for what it was asked.
///
/// # Safety
/// [`must_unwind`] holds, or the task ends before it has begun.
pub unsafe fn record(task: *mut Task) {
    // SAFETY: the caller's promise.
    unsafe {
        let cause = if flags_of(task).load(Ordering::Relaxed) & TASK_CANCEL_ASKED != 0 {
            set_flags(task, TASK_CANCELLED);
            clear_flags(task, TASK_CANCEL_ASKED);
            Cause::Cancelled
        } else {
            clear_flags(task, TASK_SCOPE_FAILED);
            Cause::ScopeFailed
        };
        extra_of(task).panic = Some(Panic::new(cause, String::new(), no_site()));
    }
}

/// Asks a task to cancel.
///
/// # Safety
/// `task` is alive; no lock is held.
pub unsafe fn request(ctx: *mut Ctx, task: *mut Task) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut grabbed = Vec::new();
        ask(ctx, task, &mut grabbed);
        for task in grabbed {
            deliver(ctx, task);
        }
    }
}

/// Notes that a task is asked to cancel. Waiting tasks that are to be told now are claimed and added to `grabbed`; the caller delivers to
/// them when it holds no lock.
///
/// # Safety
/// `task` is alive.
pub unsafe fn ask(ctx: *mut Ctx, task: *mut Task, grabbed: &mut Vec<*mut Task>) {
    // SAFETY: the caller's promise.
    unsafe {
        if state_of(task) == TASK_ENDED {
            return;
        }
        // Once: one of the two flags is set from the first request on.
        let before = TASK_CANCEL_ASKED | TASK_CANCELLED;
        if word::ask(flags_of(task), TASK_CANCEL_ASKED, before) {
            poke(ctx, task, grabbed);
        }
    }
}

/// What a task was asked is delivered, if it stands where that is possible: a waiting one is claimed and added to `grabbed`.
///
/// # Safety
/// `task` is alive.
pub unsafe fn poke(ctx: *mut Ctx, task: *mut Task, grabbed: &mut Vec<*mut Task>) {
    // SAFETY: the caller's promise.
    unsafe {
        if is_parallel(ctx) {
            // One that is ready looks for it when it goes on.
            if grab(ctx, task, grabbed) {
                grabbed.push(task);
            }
            return;
        }
        let frame = (*task).leaf;
        if (*task).state == TASK_WAITING {
            let point = point_of(frame);
            if must_unwind_at(task, frame, point) && !interrupt(ctx, frame, point, grabbed) {
                // Whoever comes upon it before it is told leaves it alone.
                (*task).state = TASK_PARKING;
                grabbed.push(task);
            }
        } else if (*task).state == TASK_READY {
            interrupt_ready(task, frame);
        }
    }
}

/// Claims a waiting task that has to unwind now. (A generator's driver is not claimed: the generator is, and added to `grabbed`.)
///
/// # Safety
/// Several workers run, and `task` is alive.
pub unsafe fn grab(ctx: *mut Ctx, task: *mut Task, grabbed: &mut Vec<*mut Task>) -> bool {
    // SAFETY: the leaf of a task that is held stands at its point; nobody can complete it meanwhile.
    unsafe {
        if !hold(task) {
            return false;
        }
        let frame = (*task).leaf;
        let point = point_of(frame);
        let unwinds = must_unwind_at(task, frame, point) && !interrupt(ctx, frame, point, grabbed);
        let stopped = !unwinds && kind_of(point) == PointKind::Io;
        word::let_go(claim_of(task), unwinds);
        if stopped {
            io::shared::settle(ctx);
        }
        unwinds
    }
}

/// A driver that waits for a generator is interrupted: the generator is, and the driver when that has ended. An operation of the kernel is stopped, and the task
/// goes on when that has an outcome. Whether the frame is one of these.
unsafe fn interrupt(
    ctx: *mut Ctx,
    frame: *mut Frame,
    point: &PointDesc,
    grabbed: &mut Vec<*mut Task>,
) -> bool {
    // SAFETY: while it waits, the node's target is the generator.
    unsafe {
        if kind_of(point) == PointKind::Io {
            if is_parallel(ctx) {
                io::shared::interrupt(ctx, frame);
            } else {
                io::interrupt(ctx, frame);
            }
            return true;
        }
        let driven = generator::driven(frame, point);
        if let Some(generator) = driven
            && !generator.is_null()
        {
            ask(ctx, generator, grabbed);
        }
        driven.is_some()
    }
}

/// A preempted or yielding task unwinds when it runs again; one that has its message keeps it.
///
/// # Safety
/// `task` is ready, `frame` is its leaf, and nobody else touches them.
pub unsafe fn interrupt_ready(task: *mut Task, frame: *mut Frame) {
    // SAFETY: a ready task's leaf is suspended.
    unsafe {
        if must_unwind(task)
            && (*frame).state == FRAME_COMPLETED
            && (*frame).outcome == OUTCOME_DONE
            && matches!(kind_of(point_of(frame)), PointKind::Poll | PointKind::Yield)
        {
            record(task);
            (*frame).outcome = OUTCOME_UNWIND;
        }
    }
}

/// A waiting task unwinds for what it was asked.
///
/// # Safety
/// The task is the caller's to complete ([`poke`] has found it, or [`grab`]); no lock is held.
pub unsafe fn deliver(ctx: *mut Ctx, task: *mut Task) {
    // SAFETY: the leaf of a waiting task stands at its point.
    unsafe {
        let frame = (*task).leaf;
        let point = point_of(frame);
        orion_unlink_siblings_slow(ctx, frame, null_mut());
        if flags_of(task).load(Ordering::Relaxed) & TASK_IDLING != 0 {
            clear_flags(task, TASK_IDLING);
            if is_parallel(ctx) {
                team::rest::remove_idler(world_of(ctx), task);
            } else {
                (*world_of(ctx)).idlers.remove(task);
            }
        }
        join::consume_handle(ctx, frame, point);
        record(task);
        complete(ctx, frame, OUTCOME_UNWIND);
    }
}

/// What an operation that would block answers.
///
/// # Safety
/// Called on behalf of the running task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_would_block_slow(ctx: *mut Ctx) -> u32 {
    // SAFETY: the running task is alive.
    unsafe {
        let task = (*ctx).task.cast::<Task>();
        // Under `ORION_FORCE` the operation has not been tried yet: parking decides.
        if forced(ctx) == 0 && must_unwind(task) {
            record(task);
            return OUTCOME_UNWIND;
        }
        OUTCOME_BLOCK
    }
}

/// `@request_cancel(t)`.
///
/// # Safety
/// Called by generated code: the handle is borrowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_request_cancel(ctx: *mut Ctx, task: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { request(ctx, task.cast()) }
}
