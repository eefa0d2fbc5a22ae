//! Scopes at work: entering, the two ways of leaving, failing fast.
//!
//! A scope is left when its last task has ended. `ScopeExit` is the normal way and unwinds with the scope's failure; `ScopeCancel` is taken by early exits
//! and by unwinding: it asks all tasks to cancel, waits, and lets a pending "scope has failed" become the failure itself.

use std::ptr::null;

use orion_abi::{
    Ctx, Frame, Site,
    desc::PointKind,
    outcome::{OUTCOME_BLOCK, OUTCOME_DONE, OUTCOME_UNWIND, STATUS_RETURNED, STATUS_UNWINDING},
};
use orion_fast::{
    count::{self, retain},
    task::{TASK_CANCEL_ASKED, TASK_HANDLE, TASK_READY, TASK_SCOPE_FAILED, Task, complete},
};

use crate::{
    frames::{drop_frame, kind_of, point_of},
    heap::text,
    panic::{Cause, Panic},
    sched::{cancel, join, nested, ticker},
    scope::Scope,
    world::{extra_if, extra_of, free_scope, new_scope, new_task, worker_of, world_of},
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
    // SAFETY: the waiter is the scope's owner, parked at one of the scope's ends.
    unsafe {
        (*scope).live -= 1;
        if (*scope).live > 0 || (*scope).waiter.is_null() {
            return;
        }
        let node = (*scope).waiter;
        (*scope).waiter = std::ptr::null_mut();
        (*node).target = std::ptr::null_mut();
        let frame: *mut Frame = (*node).frame;
        let owner = (*frame).task.cast::<Task>();
        let outcome = if kind_of(point_of(frame)) == PointKind::ScopeExit {
            finish_exit(ctx, owner, scope)
        } else {
            finish_cancel(ctx, owner, scope)
        };
        complete(ctx, frame, outcome);
    }
}

/// The normal end of a scope without live tasks.
unsafe fn finish_exit(ctx: *mut Ctx, owner: *mut Task, scope: *mut Scope) -> u32 {
    // SAFETY: the owner is alive: it stands at the scope's end.
    unsafe {
        (*scope).ended = true;
        (*scope).owner = std::ptr::null_mut();
        let Some(failure) = (*scope).failure.take() else { return OUTCOME_DONE };
        refresh_failed_flag(ctx, owner);
        extra_of(owner).panic = Some(failure);
        OUTCOME_UNWIND
    }
}

/// The early end of a scope without live tasks.
unsafe fn finish_cancel(ctx: *mut Ctx, owner: *mut Task, scope: *mut Scope) -> u32 {
    // SAFETY: as above.
    unsafe {
        (*scope).ended = true;
        (*scope).owner = std::ptr::null_mut();
        let Some(failure) = (*scope).failure.take() else { return OUTCOME_DONE };
        refresh_failed_flag(ctx, owner);
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

/// A failure of the owner's scope was taken up: the flag stays only if another of its scopes has failed.
unsafe fn refresh_failed_flag(ctx: *mut Ctx, owner: *mut Task) {
    // SAFETY: linked scopes are alive.
    unsafe {
        (*owner).flags &= !TASK_SCOPE_FAILED;
        let mut scope = (*world_of(ctx)).first_scope;
        while !scope.is_null() {
            if (*scope).owner == owner && (*scope).failure.is_some() {
                (*owner).flags |= TASK_SCOPE_FAILED;
            }
            scope = (*scope).all_next;
        }
    }
}

/// A task whose handle nobody holds has panicked: the first failure cancels the rest of the scope and interrupts its owner.
///
/// # Safety
/// `scope` is alive.
pub unsafe fn fail(ctx: *mut Ctx, scope: *mut Scope, panic: Box<Panic>) {
    // SAFETY: the caller's promise.
    unsafe {
        if (*scope).ended {
            crate::report::lost_panic(world_of(ctx), &panic);
            return;
        }
        if let Some(first) = &mut (*scope).failure {
            first.others.push(panic.message);
            first.others.extend(panic.others);
            return;
        }
        (*scope).failure = Some(panic);
        (*scope).cancelling = true;
        cancel_tasks(ctx, scope, std::ptr::null_mut());
        let owner = (*scope).owner;
        if !owner.is_null() {
            (*owner).flags |= TASK_SCOPE_FAILED;
            cancel::poke(ctx, owner);
        }
    }
}

/// Asks every task of the scope but one to cancel.
///
/// # Safety
/// `scope` is alive.
pub unsafe fn cancel_tasks(ctx: *mut Ctx, scope: *mut Scope, except: *mut Task) {
    // SAFETY: no task is freed while `walking_scopes` is not 0.
    unsafe {
        let world = world_of(ctx);
        (*world).walking_scopes += 1;
        let mut task = (*scope).first;
        while !task.is_null() {
            if task != except {
                cancel::request(ctx, task);
            }
            task = (*task).scope_next;
        }
        (*world).walking_scopes -= 1;
        if (*world).walking_scopes == 0 {
            while let Some(task) = { (*world).discarded.pop() } {
                join::discard(ctx, task);
            }
        }
    }
}

/// Does `ScopeExit` at once, if no task is left.
///
/// # Safety
/// The running task owns the scope.
pub unsafe fn exit_now(ctx: *mut Ctx, scope: *mut Scope) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        if (*scope).live > 0 { OUTCOME_BLOCK } else { finish_exit(ctx, (*ctx).task.cast(), scope) }
    }
}

/// Does `ScopeCancel` at once, if no task is left.
///
/// # Safety
/// The running task owns the scope.
pub unsafe fn cancel_now(ctx: *mut Ctx, scope: *mut Scope) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        if (*scope).live > 0 {
            OUTCOME_BLOCK
        } else {
            finish_cancel(ctx, (*ctx).task.cast(), scope)
        }
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
        let world = world_of(ctx);
        let id = (*world).next_scope_id;
        (*world).next_scope_id += 1;
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
        if (*ctx).force != 0 {
            return OUTCOME_BLOCK;
        }
        let mut outcome = exit_now(ctx, scope);
        while outcome == OUTCOME_BLOCK && nested::orion_run_spawned(ctx) != 0 {
            outcome = exit_now(ctx, scope);
        }
        let task = (*ctx).task.cast::<Task>();
        if outcome == OUTCOME_BLOCK
            && cancel::must_unwind(task)
            && ((*task).flags & TASK_CANCEL_ASKED != 0 || (*scope).failure.is_none())
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
        (*scope).cancelling = true;
        cancel_tasks(ctx, scope, (*ctx).task.cast());
        if (*ctx).force != 0 { OUTCOME_BLOCK } else { cancel_now(ctx, scope) }
    }
}

/// `@cancel_scope()`.
///
/// # Safety
/// Called by generated code: the scope is borrowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_cancel_scope(ctx: *mut Ctx, scope: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { cancel_tasks(ctx, scope.cast(), (*ctx).task.cast()) }
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
        let world = world_of(ctx);
        let id = (*world).next_task_id;
        (*world).next_task_id += 1;
        let task = new_task(ctx, id, frame, site);
        if !name.is_null() {
            extra_of(task).name = Some(text::as_str(name).to_owned());
            text::drop_str(ctx, name);
        }
        (*task).scope = scope.cast();
        retain(scope.cast());
        (*scope).link(task);
        (*scope).live += 1;
        if !out.is_null() {
            (*task).flags |= TASK_HANDLE;
            *out = task.cast();
        }
        if (*scope).cancelling {
            (*task).flags |= TASK_CANCEL_ASKED;
        }
        (*task).state = TASK_READY;
        let worker = worker_of(ctx);
        (*worker).head.push_spawned(task);
        ticker::ensure(worker);
        STATUS_RETURNED
    }
}
