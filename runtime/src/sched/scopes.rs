//! Scopes at work: entering, the two ways of leaving, failing fast.
//!
//! A scope is left when its last task has ended. `ScopeExit` is the normal way and unwinds with the scope's failure; `ScopeCancel` is taken by early exits
//! and by unwinding: it asks all tasks to cancel, waits, and lets a pending "scope has failed" become the failure itself.

use std::ptr::{null, null_mut};

use orion_abi::{
    Ctx, Frame, Site,
    desc::PointKind,
    outcome::{OUTCOME_BLOCK, OUTCOME_DONE, OUTCOME_UNWIND, STATUS_RETURNED, STATUS_UNWINDING},
};
use orion_fast::{
    atomic::{AtomicU32, Ordering},
    count::{self, retain},
    sync::{claim, forced, is_parallel, lock_if, unlock_if},
    task::{TASK_CANCEL_ASKED, TASK_HANDLE, TASK_READY, TASK_SCOPE_FAILED, Task, complete},
    word,
};

use crate::{
    frames::{drop_frame, kind_of, point_of},
    heap::text,
    panic::{Cause, Panic},
    sched::{cancel, flags_of, nested, set_flags, team, ticker},
    scope::Scope,
    world::{
        IdKind, World, extra_if, extra_of, free_scope, new_scope, new_task, worker_of, world_of,
    },
};

/// Takes one count of a scope away.
///
/// # Safety
/// One count is the caller's.
pub unsafe fn release(ctx: *mut Ctx, scope: *mut Scope) {
    // SAFETY: the caller's promise.
    unsafe {
        if count::release(scope.cast()) {
            free_scope(ctx, scope);
        }
    }
}

/// A task of the scope has ended.
///
/// # Safety
/// `scope` is alive; the task has been settled.
pub unsafe fn task_ended(ctx: *mut Ctx, scope: *mut Scope) {
    // SAFETY: the caller's promise.
    unsafe { task_left(ctx, scope, null_mut()) }
}

/// A task of the scope has ended, and leaves its list unless it is null.
///
/// # Safety
/// `scope` is alive; the task has been settled.
pub unsafe fn task_left(ctx: *mut Ctx, scope: *mut Scope, task: *mut Task) {
    // SAFETY: the waiter is the scope's owner, parked at one of the scope's ends; it is claimed while its node is linked.
    unsafe {
        lock_if(ctx, &raw mut (*scope).lock);
        if !task.is_null() {
            (*scope).unlink(task);
        }
        (*scope).live -= 1;
        let node = (*scope).waiter;
        if (*scope).live > 0 || node.is_null() {
            unlock_if(ctx, &raw mut (*scope).lock);
            return;
        }
        (*scope).waiter = null_mut();
        (*node).target = null_mut();
        let frame: *mut Frame = (*node).frame;
        let owner = (*frame).task.cast::<Task>();
        if is_parallel(ctx) && !claim(owner) {
            // It was interrupted, and will come to the other end of the scope.
            unlock_if(ctx, &raw mut (*scope).lock);
            return;
        }
        let failure = close(scope);
        unlock_if(ctx, &raw mut (*scope).lock);
        let outcome = if kind_of(point_of(frame)) == PointKind::ScopeExit {
            finish_exit(owner, failure)
        } else {
            finish_cancel(ctx, owner, failure)
        };
        complete(ctx, frame, outcome);
    }
}

/// A scope without live tasks ends; its failure.
///
/// # Safety
/// The scope is alive, and locked where several workers run.
pub unsafe fn close(scope: *mut Scope) -> Option<Box<Panic>> {
    // SAFETY: the caller's promise.
    unsafe {
        (*scope).ended = true;
        (*scope).owner = null_mut();
        (*scope).failed.store(false, Ordering::Relaxed);
        (*scope).failure.take()
    }
}

/// The normal end of a scope, for its owner.
///
/// # Safety
/// The owner is the caller's, or was claimed.
pub unsafe fn finish_exit(owner: *mut Task, failure: Option<Box<Panic>>) -> u32 {
    // SAFETY: the owner is alive: it stands at the scope's end.
    unsafe {
        let Some(failure) = failure else { return OUTCOME_DONE };
        failure_taken(owner);
        extra_of(owner).panic = Some(failure);
        OUTCOME_UNWIND
    }
}

/// The early end of a scope, for its owner.
///
/// # Safety
/// As for [`finish_exit`].
pub unsafe fn finish_cancel(ctx: *mut Ctx, owner: *mut Task, failure: Option<Box<Panic>>) -> u32 {
    // SAFETY: as above.
    unsafe {
        let Some(failure) = failure else { return OUTCOME_DONE };
        failure_taken(owner);
        match extra_if(owner).and_then(|extra| extra.panic.as_mut()) {
            Some(pending) if pending.cause == Cause::ScopeFailed => *pending = failure,
            Some(pending) if pending.cause == Cause::Panic => {
                pending.others.push(failure.message);
                pending.others.extend(failure.others);
            }
            // Left early or cancelled: nobody is there to panic; it is not lost in silence.
            _ => crate::report::lost_panic(world_of(ctx), &failure),
        }
        OUTCOME_DONE
    }
}

unsafe fn failed_scopes<'a>(owner: *mut Task) -> &'a AtomicU32 {
    // SAFETY: the caller's owner is alive.
    unsafe { AtomicU32::from_ptr(&raw mut (*owner).failed_scopes) }
}

/// A failure of the owner's scope was taken up: the flag stays only if another of its scopes has failed.
unsafe fn failure_taken(owner: *mut Task) {
    // SAFETY: the owner is alive.
    unsafe { word::take_failure(failed_scopes(owner), flags_of(owner), TASK_SCOPE_FAILED) }
}

/// A task whose handle nobody holds has panicked: the first failure cancels the rest of the scope and interrupts its owner.
///
/// # Safety
/// `scope` is alive; no lock is held.
pub unsafe fn fail(ctx: *mut Ctx, scope: *mut Scope, panic: Box<Panic>) {
    // SAFETY: the caller's promise. Tasks of the scope and its owner are alive while it is locked and has not ended, and those that were grabbed
    // until they are told.
    unsafe {
        lock_if(ctx, &raw mut (*scope).lock);
        if (*scope).ended {
            unlock_if(ctx, &raw mut (*scope).lock);
            crate::report::lost_panic(world_of(ctx), &panic);
            return;
        }
        if let Some(first) = &mut (*scope).failure {
            first.others.push(panic.message);
            first.others.extend(panic.others);
            unlock_if(ctx, &raw mut (*scope).lock);
            return;
        }
        (*scope).failure = Some(panic);
        (*scope).failed.store(true, Ordering::Relaxed);
        (*scope).cancelling = true;
        let mut grabbed = Vec::new();
        ask_tasks(ctx, scope, null_mut(), &mut grabbed);
        let owner = (*scope).owner;
        if !owner.is_null() {
            word::add_failure(failed_scopes(owner), flags_of(owner), TASK_SCOPE_FAILED);
            cancel::poke(ctx, owner, &mut grabbed);
        }
        unlock_if(ctx, &raw mut (*scope).lock);
        for task in grabbed {
            cancel::deliver(ctx, task);
        }
    }
}

/// Asks every task of a locked scope but one to cancel.
unsafe fn ask_tasks(
    ctx: *mut Ctx,
    scope: *mut Scope,
    except: *mut Task,
    grabbed: &mut Vec<*mut Task>,
) {
    // SAFETY: linked tasks are alive.
    unsafe {
        let mut task = (*scope).first;
        while !task.is_null() {
            if task != except {
                cancel::ask(ctx, task, grabbed);
            }
            task = (*task).scope_next;
        }
    }
}

/// Asks every task of the scope but one to cancel; `leaving`: tasks that are still spawned in it, too.
///
/// # Safety
/// `scope` is alive; no lock is held.
pub unsafe fn cancel_tasks(ctx: *mut Ctx, scope: *mut Scope, except: *mut Task, leaving: bool) {
    // SAFETY: as for `fail`.
    unsafe {
        let mut grabbed = Vec::new();
        lock_if(ctx, &raw mut (*scope).lock);
        (*scope).cancelling |= leaving;
        ask_tasks(ctx, scope, except, &mut grabbed);
        unlock_if(ctx, &raw mut (*scope).lock);
        for task in grabbed {
            cancel::deliver(ctx, task);
        }
    }
}

/// Ends the scope if no task is left.
unsafe fn close_now(ctx: *mut Ctx, scope: *mut Scope) -> Option<Option<Box<Panic>>> {
    // SAFETY: the running task owns the scope.
    unsafe {
        lock_if(ctx, &raw mut (*scope).lock);
        let failure = if (*scope).live > 0 { None } else { Some(close(scope)) };
        unlock_if(ctx, &raw mut (*scope).lock);
        failure
    }
}

/// Does `ScopeExit` at once, if no task is left.
///
/// # Safety
/// The running task owns the scope.
pub unsafe fn exit_now(ctx: *mut Ctx, scope: *mut Scope) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        close_now(ctx, scope)
            .map_or(OUTCOME_BLOCK, |failure| finish_exit((*ctx).task.cast(), failure))
    }
}

/// Does `ScopeCancel` at once, if no task is left.
///
/// # Safety
/// The running task owns the scope.
pub unsafe fn cancel_now(ctx: *mut Ctx, scope: *mut Scope) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        close_now(ctx, scope)
            .map_or(OUTCOME_BLOCK, |failure| finish_cancel(ctx, (*ctx).task.cast(), failure))
    }
}

/// Opens a scope of the running task.
///
/// # Safety
/// Called by generated code.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_scope_enter(ctx: *mut Ctx) -> *mut u8 {
    // SAFETY: the running task is alive.
    unsafe {
        let id = World::next_id(ctx, IdKind::Scope);
        new_scope(ctx, id, (*ctx).task.cast(), null()).cast()
    }
}

/// The normal end of an `async` block, first half.
///
/// # Safety
/// Called by generated code: the scope is the running task's innermost.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_scope_exit(ctx: *mut Ctx, scope: *mut u8) -> u32 {
    let scope = scope.cast::<Scope>();
    // SAFETY: the caller's promise.
    unsafe {
        if forced(ctx) != 0 {
            return OUTCOME_BLOCK;
        }
        let mut outcome = exit_now(ctx, scope);
        while outcome == OUTCOME_BLOCK && nested::orion_run_spawned(ctx) != 0 {
            outcome = exit_now(ctx, scope);
        }
        let task = (*ctx).task.cast::<Task>();
        if outcome == OUTCOME_BLOCK
            && cancel::must_unwind(task)
            && (flags_of(task).load(Ordering::Relaxed) & TASK_CANCEL_ASKED != 0
                || !(*scope).failed.load(Ordering::Relaxed))
        {
            cancel::record(task);
            return OUTCOME_UNWIND;
        }
        outcome
    }
}

/// The early end of an `async` block, first half.
///
/// # Safety
/// As for [`orion_try_scope_exit`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_scope_cancel(ctx: *mut Ctx, scope: *mut u8) -> u32 {
    let scope = scope.cast::<Scope>();
    // SAFETY: the caller's promise.
    unsafe {
        cancel_tasks(ctx, scope, (*ctx).task.cast(), true);
        if forced(ctx) != 0 { OUTCOME_BLOCK } else { cancel_now(ctx, scope) }
    }
}

/// `@cancel_scope()`.
///
/// # Safety
/// Called by generated code: the scope is borrowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_cancel_scope(ctx: *mut Ctx, scope: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { cancel_tasks(ctx, scope.cast(), (*ctx).task.cast(), false) }
}

/// Spawns a task.
///
/// # Safety
/// Called by generated code: `frame` stands at point 0 with its arguments, `scope` is borrowed, `name` is owned or null, `out` has room for a
/// handle or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_spawn(
    ctx: *mut Ctx,
    frame: *mut Frame,
    scope: *mut u8,
    name: *mut u8,
    site: *const Site,
    out: *mut *mut u8,
) -> u32 {
    let scope = scope.cast::<Scope>();
    // SAFETY: the caller's promise.
    unsafe {
        if (*scope).ended {
            drop_frame(ctx, frame);
            if !name.is_null() {
                text::drop_str(ctx, name);
            }
            super::fail::panic(ctx, String::from("spawn in a scope that has ended"), site);
            return STATUS_UNWINDING;
        }
        let id = World::next_id(ctx, IdKind::Task);
        let task = new_task(ctx, id, frame, site);
        if !name.is_null() {
            extra_of(task).name = Some(text::as_str(name).to_owned());
            text::drop_str(ctx, name);
        }
        (*task).scope = scope.cast();
        (*task).state = TASK_READY;
        retain(scope.cast());
        if !out.is_null() {
            (*task).flags |= TASK_HANDLE;
            *out = task.cast();
        }
        lock_if(ctx, &raw mut (*scope).lock);
        (*scope).link(task);
        (*scope).live += 1;
        if (*scope).cancelling {
            set_flags(task, TASK_CANCEL_ASKED);
        }
        unlock_if(ctx, &raw mut (*scope).lock);
        if is_parallel(ctx) {
            team::queue::push_spawned(ctx, task);
        } else {
            let worker = worker_of(ctx);
            (*worker).head.push_spawned(task);
            ticker::ensure(worker);
        }
        STATUS_RETURNED
    }
}
