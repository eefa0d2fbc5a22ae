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
use orion_fast::task::{
    TASK_CANCEL_ASKED, TASK_CANCELLED, TASK_ENDED, TASK_IDLING, TASK_READY, TASK_SCOPE_FAILED,
    TASK_WAITING, Task, complete,
};

use crate::{
    frames::{arms_of, kind_of, point_of},
    generator,
    panic::{Cause, Panic},
    sched::{
        join,
        park::{orion_unlink_siblings_slow, target_of},
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
        (*task).flags & (TASK_CANCEL_ASKED | TASK_SCOPE_FAILED) != 0
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
            PointKind::ScopeExit if (*task).flags & TASK_CANCEL_ASKED == 0 => {
                let scope = target_of(frame, &arms_of(point)[0]).cast::<Scope>();
                (*scope).failure.is_none()
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
        let cause = if (*task).flags & TASK_CANCEL_ASKED != 0 {
            (*task).flags = ((*task).flags & !TASK_CANCEL_ASKED) | TASK_CANCELLED;
            Cause::Cancelled
        } else {
            (*task).flags &= !TASK_SCOPE_FAILED;
            Cause::ScopeFailed
        };
        extra_of(task).panic = Some(Panic::new(cause, String::new(), no_site()));
    }
}

/// Asks a task to cancel.
///
/// # Safety
/// `task` is alive.
pub unsafe fn request(ctx: *mut Ctx, task: *mut Task) {
    // SAFETY: the caller's promise.
    unsafe {
        if (*task).state == TASK_ENDED || (*task).flags & (TASK_CANCEL_ASKED | TASK_CANCELLED) != 0
        {
            return;
        }
        (*task).flags |= TASK_CANCEL_ASKED;
        poke(ctx, task);
    }
}

/// Delivers a pending request to a suspended task, if it stands where that is possible.
///
/// # Safety
/// `task` is alive.
pub unsafe fn poke(ctx: *mut Ctx, task: *mut Task) {
    // SAFETY: a suspended task's leaf stands at a point.
    unsafe {
        let frame = (*task).leaf;
        if (*task).state == TASK_WAITING {
            let point = point_of(frame);
            if !must_unwind_at(task, frame, point) {
                return;
            }
            if generator::interrupt(ctx, frame, point) {
                return;
            }
            if kind_of(point) == PointKind::Io {
                return crate::io::interrupt(ctx, frame);
            }
            orion_unlink_siblings_slow(ctx, frame, null_mut());
            if (*task).flags & TASK_IDLING != 0 {
                (*task).flags &= !TASK_IDLING;
                (*world_of(ctx)).idlers.remove(task);
            }
            join::consume_handle(ctx, frame, point);
            record(task);
            complete(ctx, frame, OUTCOME_UNWIND);
        } else if (*task).state == TASK_READY && must_unwind(task) {
            // A preempted or yielding task unwinds when it runs again; one that has its message keeps it.
            if (*frame).state == FRAME_COMPLETED
                && (*frame).outcome == OUTCOME_DONE
                && matches!(kind_of(point_of(frame)), PointKind::Poll | PointKind::Yield)
            {
                record(task);
                (*frame).outcome = OUTCOME_UNWIND;
            }
        }
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
        if (*ctx).force == 0 && must_unwind(task) {
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
