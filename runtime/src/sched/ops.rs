//! First halves of the operations that are no channel's: yield, idle, sleep, pause, checkpoint, and the check that ends a time slice.

use std::sync::atomic::{AtomicUsize, Ordering};

use orion_abi::{
    Ctx,
    outcome::{OUTCOME_BLOCK, OUTCOME_DONE, OUTCOME_UNWIND},
};
use orion_fast::{
    sync::{forced, is_parallel},
    task::{Task, WorkerHead, orion_try_yield},
};

use crate::{
    config::Force,
    generator,
    sched::{
        ATTEND_BALANCE, ATTEND_TICK,
        cancel::{self, orion_would_block_slow},
        explore, team,
    },
    world::{worker_of, world_of},
};

/// Lone yields that go by before the scheduler looks around again.
const LONE_YIELDS: u64 = 64;

/// `@yield()`, first half, where several workers run: with nobody else ready here it goes on, but for a look around now and then.
///
/// # Safety
/// As for `orion_try_yield`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_yield_shared(ctx: *mut Ctx) -> u32 {
    // SAFETY: the context heads a worker.
    unsafe {
        let head = ctx.cast::<WorkerHead>();
        if forced(ctx) == 0 && !team::queue::has_ready(worker_of(ctx)) {
            (*head).lone_yields += 1;
            if !(*head).lone_yields.is_multiple_of(LONE_YIELDS) {
                return OUTCOME_DONE;
            }
        }
        orion_would_block_slow(ctx)
    }
}

/// `@idle()`.
///
/// # Safety
/// Called by generated code of the running task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_idle(ctx: *mut Ctx) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { orion_would_block_slow(ctx) }
}

/// `@pause()`: goes on without `--state`.
///
/// # Safety
/// As for [`orion_try_idle`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_pause(ctx: *mut Ctx) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        if forced(ctx) == 0 && (*world_of(ctx)).config.state.is_none() {
            OUTCOME_DONE
        } else {
            OUTCOME_BLOCK
        }
    }
}

/// `@checkpoint()`: does nothing without `--state`.
///
/// # Safety
/// As for [`orion_try_idle`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_checkpoint(ctx: *mut Ctx) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { orion_try_pause(ctx) }
}

/// `@sleep(d)`.
///
/// # Safety
/// As for [`orion_try_idle`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_sleep(ctx: *mut Ctx, ns: i64) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { if ns <= 0 { orion_try_yield(ctx) } else { orion_would_block_slow(ctx) } }
}

/// The limit as other threads and signal handlers see it.
///
/// # Safety
/// `ctx` outlives the reference.
#[must_use]
pub unsafe fn limit_of<'a>(ctx: *mut Ctx) -> &'a AtomicUsize {
    // SAFETY: the caller's promise; the field is accessed as an atomic by the runtime.
    unsafe { AtomicUsize::from_ptr(&raw mut (*ctx).limit) }
}

/// The check at function entries and back-edges, when the stack pointer is below the limit.
///
/// # Safety
/// As for [`orion_try_idle`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_poll(ctx: *mut Ctx, stack_pointer: i64) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        let worker = worker_of(ctx);
        if (stack_pointer as usize) < (*worker).stack_limit {
            (*worker).reifying = true;
            return OUTCOME_BLOCK;
        }
        let task = (*ctx).task.cast::<Task>();
        if forced(ctx) == 0 && cancel::must_unwind(task) {
            cancel::record(task);
            return OUTCOME_UNWIND;
        }
        if (*worker).attention.load(Ordering::Relaxed) & !(ATTEND_TICK | ATTEND_BALANCE) != 0 {
            return OUTCOME_BLOCK;
        }
        if (*worker).always_poll {
            (*worker).countdown = (*worker).countdown.saturating_sub(1);
            if (*worker).countdown > 0 {
                return OUTCOME_DONE;
            }
            (*worker).countdown = next_countdown(ctx);
            return OUTCOME_BLOCK;
        }
        limit_of(ctx).store((*worker).stack_limit, Ordering::Relaxed);
        let world = world_of(ctx);
        (*world).output.release();
        // Whoever waits below on this stack may have got what it waits for.
        if (*worker).nested > 0 {
            return OUTCOME_BLOCK;
        }
        if is_parallel(ctx) {
            // Who drives the running generator may have been asked to cancel: the generator is told when both have parked.
            let driver = generator::running_task(ctx);
            if driver != task && cancel::must_unwind(driver) {
                return OUTCOME_BLOCK;
            }
            let config = &(*world).config;
            let saves = config.state.is_some() && config.every_ns != 0;
            team::clock::fire_timers(ctx);
            let blocks = saves || team::queue::has_ready(worker) || team::has_io(world);
            return if blocks { OUTCOME_BLOCK } else { OUTCOME_DONE };
        }
        // Who is due now runs before the one that is preempted runs again.
        crate::sched::fire_timers(world);
        let wanted = !(*worker).head.ready.is_empty() || (*world).io.is_active();
        if wanted || crate::sched::checkpoint_is_due(world) { OUTCOME_BLOCK } else { OUTCOME_DONE }
    }
}

/// Checks until the next preemption: random under `--seed`; under `ORION_FORCE` at first each, then ever fewer.
///
/// # Safety
/// `ctx` heads a worker with a world.
pub unsafe fn next_countdown(ctx: *mut Ctx) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        let worker = worker_of(ctx);
        if (*world_of(ctx)).config.force != Force::None {
            (*worker).forced_polls += 1;
            let step = (*worker).forced_polls / 32;
            return 1 + step * step;
        }
        explore::slice(ctx)
    }
}
