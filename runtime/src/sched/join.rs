//! Ends of tasks, and how they reach whoever waits for them.
//!
//! Invariants: a handle is consumed exactly once, by a completed join or cancel, or by [`detach`]; then the ended task is freed. At most one frame waits
//! for a task (`Task::joiner`). A join that unwinds has consumed its handle, whatever it unwinds for.

use std::ptr::null_mut;

use orion_abi::{
    Ctx, Frame, PointDesc, WaitNode,
    desc::{ARM_JOIN, PointKind},
    outcome::{OUTCOME_BLOCK, OUTCOME_CLOSED, OUTCOME_DONE, OUTCOME_UNWIND, STATUS_RETURNED},
};
use orion_fast::{
    atomic::{AtomicU8, Ordering},
    count::retain,
    memory::orion_frame_free,
    sync::{claim, forced, is_parallel, lock_if, relax, unlock_if},
    task::{TASK_ENDED, TASK_HANDLE, TASK_READY, Task, complete},
    wait::NODE_HAS_SIBLINGS,
    word,
};

use crate::{
    frames::{arms_of, drop_result, kind_of, point_of, result_at, slot_at},
    panic::{Cause, Panic, TraceLine},
    sched::{
        cancel::{self, orion_would_block_slow},
        clear_flags, flags_of, nested,
        park::{node_of, orion_unlink_siblings_slow, target_of},
        scopes, set_state, state_of,
    },
    scope::Scope,
    world::{extra_if, extra_of, free_task, no_site, worker_of},
};

/// The root frame of a task has ended: hands its result or its panic on.
///
/// # Safety
/// `task` has just run to the end of `root`, its only frame.
pub unsafe fn task_ended(ctx: *mut Ctx, task: *mut Task, root: *mut Frame) {
    // SAFETY: the task and its root are the worker's alone.
    unsafe {
        set_state(task, TASK_ENDED);
        (*task).leaf = root;
        if u32::from((*root).status) != STATUS_RETURNED {
            (*task).leaf = null_mut();
            orion_frame_free(ctx, root);
            add_boundary(task);
        }
        settle(ctx, task);
    }
}

/// A task that was cancelled before it ran ends.
///
/// # Safety
/// `task` stands at its start and is in no queue.
pub unsafe fn end_unstarted(ctx: *mut Ctx, task: *mut Task) {
    // SAFETY: its one frame holds its parameters.
    unsafe {
        crate::frames::drop_frame(ctx, (*task).leaf);
        (*task).leaf = null_mut();
        set_state(task, TASK_ENDED);
        cancel::record(task);
        add_boundary(task);
        settle(ctx, task);
    }
}

/// Notes in the panic of an ended task that the stack crosses its spawn there.
unsafe fn add_boundary(task: *mut Task) {
    // SAFETY: the task is alive.
    unsafe {
        let extra = extra_of(task);
        let name = extra.name.clone();
        let panic = extra
            .panic
            .get_or_insert_with(|| Panic::new(Cause::Cancelled, String::new(), no_site()));
        panic.push(TraceLine::Spawn { id: (*task).id, name, site: (*task).site });
    }
}

/// Locks the end of a task, against its joiner or its ender; true when it has ended: then nothing is locked, and it belongs to its handle.
///
/// # Safety
/// `task` is alive, and a handle on it, or its end, is the caller's.
#[inline]
#[must_use]
pub unsafe fn lock_end(ctx: *mut Ctx, task: *mut Task) -> bool {
    // SAFETY: the caller's promise; with several workers the word is accessed as an atomic only.
    unsafe {
        if !is_parallel(ctx) {
            return (*task).state == TASK_ENDED;
        }
        word::lock_end(end_of(task), relax)
    }
}

/// Gives back what [`lock_end`] has locked.
///
/// # Safety
/// The caller has locked it.
#[inline]
pub unsafe fn unlock_end(ctx: *mut Ctx, task: *mut Task) {
    // SAFETY: the caller's promise.
    unsafe {
        if is_parallel(ctx) {
            word::unlock_end(end_of(task), false);
        }
    }
}

unsafe fn end_of<'a>(task: *mut Task) -> &'a AtomicU8 {
    // SAFETY: the caller's task is alive.
    unsafe { AtomicU8::from_ptr(&raw mut (*task).end) }
}

/// Whether a task has ended, so that its handle may take what it ended with.
unsafe fn has_ended(ctx: *mut Ctx, task: *mut Task) -> bool {
    // SAFETY: the handle keeps the task alive.
    unsafe {
        if is_parallel(ctx) { word::has_ended(end_of(task)) } else { (*task).state == TASK_ENDED }
    }
}

/// An ended task: its joiner, its scope, or nobody takes what it ended with.
unsafe fn settle(ctx: *mut Ctx, task: *mut Task) {
    // SAFETY: the task is alive until `reap`; one with a handle and no joiner is its handle's from the moment when its end is reached.
    unsafe {
        let scope = (*task).scope.cast::<Scope>();
        if is_parallel(ctx) {
            return settle_shared(ctx, task, scope);
        }
        if (*task).joiner.is_null() && (*task).flags & TASK_HANDLE != 0 {
            // The commonest case: it will be joined, nobody waits yet.
            scopes::task_ended(ctx, scope);
            return;
        }
        // The task's own count may go with it before the scope has been told.
        retain(scope.cast());
        let node = (*task).joiner;
        if !node.is_null() {
            (*task).joiner = null_mut();
            (*node).target = null_mut();
            hand_over(ctx, task, node);
        } else if (*task).flags & TASK_HANDLE == 0 {
            discard(ctx, task);
        }
        scopes::task_ended(ctx, scope);
        scopes::release(ctx, scope);
    }
}

/// [`settle`] where several workers run.
unsafe fn settle_shared(ctx: *mut Ctx, task: *mut Task, scope: *mut Scope) {
    // SAFETY: as there. The joiner's node is linked while the end is locked, and so its frame alive.
    unsafe {
        // Acquire: who has given the handle up had locked the end before.
        if flags_of(task).load(Ordering::Acquire) & TASK_HANDLE == 0 {
            word::await_end(end_of(task), relax);
            // There is no handle, and none will come. The scope is there as long as one of its tasks has not ended.
            drop_end(ctx, task, scope);
            (*task).scope = null_mut();
            scopes::task_left(ctx, scope, task);
            free_task(ctx, task);
            scopes::release(ctx, scope);
            return;
        }
        let ended_before = lock_end(ctx, task);
        debug_assert!(!ended_before, "a task ends once");
        let node = (*task).joiner;
        (*task).joiner = null_mut();
        let mut joined = false;
        if !node.is_null() {
            (*node).target = null_mut();
            joined = claim((*(*node).frame).task.cast());
        }
        let is_held = flags_of(task).load(Ordering::Relaxed) & TASK_HANDLE != 0;
        // The task keeps its scope alive, and its scope waits for `task_ended`; but the task may go as soon as its end is reached.
        retain(scope.cast());
        word::unlock_end(end_of(task), true);
        if joined {
            hand_over(ctx, task, node);
        } else if !is_held {
            discard(ctx, task);
        }
        scopes::task_ended(ctx, scope);
        scopes::release(ctx, scope);
    }
}

/// The frame that waits with `node`, which is unlinked, gets the end of the task and goes on.
unsafe fn hand_over(ctx: *mut Ctx, task: *mut Task, node: *mut WaitNode) {
    // SAFETY: the joiner is the caller's to complete.
    unsafe {
        let frame = (*node).frame;
        if (*node).kind & NODE_HAS_SIBLINGS != 0 {
            orion_unlink_siblings_slow(ctx, frame, node);
        }
        let outcome = deliver(ctx, task, frame, node);
        complete(ctx, frame, outcome);
    }
}

/// Gives the end of a task to the frame that joins it; consumes the handle and frees the task.
///
/// # Safety
/// The task has ended; the frame stands at a join of it, and its node is filled and unlinked.
pub unsafe fn deliver(
    ctx: *mut Ctx,
    task: *mut Task,
    frame: *mut Frame,
    node: *mut WaitNode,
) -> u32 {
    // SAFETY: the frame waits with this node.
    unsafe {
        let point = point_of(frame);
        let arm = &arms_of(point)[(*node).arm as usize];
        slot_at(frame, arm.target_offset).cast::<*mut u8>().write(null_mut());
        let outcome = take_end(ctx, task, (*frame).task.cast(), (*node).value, kind_of(point));
        if outcome == OUTCOME_DONE { (*node).arm << 1 } else { outcome }
    }
}

/// Moves what an ended task ended with to `joiner`: its value to `destination` (dropped when null), or its panic. Frees the task.
unsafe fn take_end(
    ctx: *mut Ctx,
    task: *mut Task,
    joiner: *mut Task,
    destination: *mut u8,
    kind: PointKind,
) -> u32 {
    // SAFETY: the task has ended; its handle is the joiner's to consume.
    unsafe {
        let root = (*task).leaf;
        if root.is_null() {
            let panic = extra_of(task).panic.take();
            reap(ctx, task);
            let Some(panic) = panic else { return OUTCOME_DONE };
            return match kind {
                PointKind::Cancel => OUTCOME_DONE,
                PointKind::TryJoin => {
                    extra_of(joiner).join_error = Some(panic);
                    OUTCOME_CLOSED
                }
                _ => {
                    extra_of(joiner).panic = Some(as_panic(panic));
                    OUTCOME_UNWIND
                }
            };
        }
        if destination.is_null() || kind == PointKind::Cancel {
            drop_result(ctx, root);
        } else {
            let size = (*(*(*root).meta).result).size;
            orion_fast::chan::copy_value(result_at(root), destination, size);
        }
        (*task).leaf = null_mut();
        orion_frame_free(ctx, root);
        reap(ctx, task);
        OUTCOME_DONE
    }
}

/// What a joiner panics with: a cancellation becomes a panic of its own.
fn as_panic(mut panic: Box<Panic>) -> Box<Panic> {
    if panic.cause != Cause::Panic {
        panic.cause = Cause::Panic;
        panic.message = String::from("the joined task was cancelled");
    }
    panic
}

/// Nobody takes the end of a task: its value is dropped, its panic fails its scope. Frees the task.
unsafe fn discard(ctx: *mut Ctx, task: *mut Task) {
    // SAFETY: the task has ended and no handle is left.
    unsafe {
        drop_end(ctx, task, (*task).scope.cast());
        reap(ctx, task);
    }
}

/// The value of an ended task is dropped, its panic fails its scope.
unsafe fn drop_end(ctx: *mut Ctx, task: *mut Task, scope: *mut Scope) {
    // SAFETY: the end is the caller's.
    unsafe {
        let root = (*task).leaf;
        if !root.is_null() {
            drop_result(ctx, root);
            (*task).leaf = null_mut();
            orion_frame_free(ctx, root);
        }
        let panic = extra_if(task).and_then(|extra| extra.panic.take());
        if let Some(panic) = panic.filter(|panic| panic.cause == Cause::Panic) {
            scopes::fail(ctx, scope, panic);
        }
    }
}

/// Frees an ended task without frame, handle or joiner.
unsafe fn reap(ctx: *mut Ctx, task: *mut Task) {
    // SAFETY: nobody refers to the task but its scope's list.
    unsafe {
        let scope = (*task).scope.cast::<Scope>();
        lock_if(ctx, &raw mut (*scope).lock);
        (*scope).unlink(task);
        unlock_if(ctx, &raw mut (*scope).lock);
        (*task).scope = null_mut();
        free_task(ctx, task);
        scopes::release(ctx, scope);
    }
}

/// Drops a handle: the task goes on, and nobody will join it.
///
/// # Safety
/// The handle is the caller's; no lock is held.
pub unsafe fn detach(ctx: *mut Ctx, task: *mut Task) {
    // SAFETY: the caller's promise.
    unsafe {
        if (*worker_of(ctx)).tearing_down {
            return;
        }
        if lock_end(ctx, task) {
            discard(ctx, task);
        } else {
            clear_flags(task, TASK_HANDLE);
            unlock_end(ctx, task);
        }
    }
}

/// Consumes the handle of a join that will not be completed (its task is cancelled).
///
/// # Safety
/// `frame` stands at `point` and its nodes are unlinked.
pub unsafe fn consume_handle(ctx: *mut Ctx, frame: *mut Frame, point: &PointDesc) {
    // SAFETY: the target slot of a join holds the handle.
    unsafe {
        for arm in arms_of(point).iter().filter(|arm| arm.kind == ARM_JOIN) {
            let slot = slot_at(frame, arm.target_offset).cast::<*mut Task>();
            let task = *slot;
            if !task.is_null() {
                *slot = null_mut();
                detach(ctx, task);
            }
        }
    }
}

/// Completes a join of a frame at once, if its task has ended.
///
/// # Safety
/// `frame` stands at a join; its nodes are filled and unlinked.
pub unsafe fn try_frame(ctx: *mut Ctx, frame: *mut Frame, point: &PointDesc) -> u32 {
    // SAFETY: operands are in the frame's slots.
    unsafe {
        let task = target_of(frame, &arms_of(point)[0]).cast::<Task>();
        if kind_of(point) == PointKind::Cancel {
            cancel::request(ctx, task);
        }
        if (*task).state == TASK_ENDED {
            deliver(ctx, task, frame, node_of(frame, point, 0))
        } else {
            OUTCOME_BLOCK
        }
    }
}

/// Common part of the joins' first halves.
unsafe fn try_now(ctx: *mut Ctx, task: *mut Task, destination: *mut u8, kind: PointKind) -> u32 {
    // SAFETY: the handle is the caller's.
    unsafe {
        if forced(ctx) == 0 {
            while state_of(task) == TASK_READY && nested::orion_run_spawned(ctx) != 0 {}
            if has_ended(ctx, task) {
                return take_end(ctx, task, (*ctx).task.cast(), destination, kind);
            }
        }
        let outcome = orion_would_block_slow(ctx);
        if outcome == OUTCOME_UNWIND {
            detach(ctx, task);
        }
        outcome
    }
}

/// `@join(t)`, first half.
///
/// # Safety
/// Called by generated code, which gives the handle up unless the answer is BLOCK.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_join(ctx: *mut Ctx, task: *mut u8, to: *mut u8) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { try_now(ctx, task.cast(), to, PointKind::Join) }
}

/// `@try_join(t)`, first half.
///
/// # Safety
/// As for [`orion_try_join`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_try_join(ctx: *mut Ctx, task: *mut u8, to: *mut u8) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { try_now(ctx, task.cast(), to, PointKind::TryJoin) }
}

/// `@cancel(t)`, first half: asks, and is done when the task has ended.
///
/// # Safety
/// As for [`orion_try_join`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_cancel(ctx: *mut Ctx, task: *mut u8, to: *mut u8) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        cancel::request(ctx, task.cast());
        try_now(ctx, task.cast(), to, PointKind::Cancel)
    }
}

/// A handle is dropped on an early exit from its scope.
///
/// # Safety
/// The handle is the caller's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_task_detach(ctx: *mut Ctx, task: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe {
        if !task.is_null() {
            detach(ctx, task.cast());
        }
    }
}
