//! Exploring schedules: what the seed decides under `--seed`.
//!
//! Algorithm: a random walk over the schedules, all of it drawn from the world's generator, which a state file holds. A ready task is picked
//! among the first [`WINDOW`] of the queue; an operation on a channel that is ready suspends all the same, with odds that depend on the seed;
//! checks at back-edges and entries end a time slice after a number whose logarithm is uniform. So one seed runs almost without interruption and
//! the next one switches at every operation: rare orders of both kinds come up early.
//!
//! Invariants: the same seed and program give the same run, whatever the machine's speed; no task waits in the queue for ever (it reaches the window,
//! and there it is picked with probability 1). Time is virtual and passes with dispatches, so that a loop that never ends does not stop it.

use orion_abi::Ctx;
use orion_fast::task::{TASK_RUNNING, Task, TaskQueue};

use crate::world::{Worker, world_of};

/// How many tasks at the head of the queue may be picked: enough for any order of a few tasks, and cheap where there are a million.
const WINDOW: u32 = 16;

/// A ready operation suspends once in so many times; 0: never. The seed picks one of them.
const SUSPEND_ODDS: [u32; 6] = [0, 1, 2, 4, 16, 128];

/// Logarithm of the longest time slice, in checks.
const SLICE_BITS: u32 = 14;

/// Whether an operation that may be ready suspends before the next one.
///
/// # Safety
/// Called on behalf of the running task, while schedules are explored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_explore_suspends(ctx: *mut Ctx) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        let world = world_of(ctx);
        // The seed is saved, so a resumed run keeps its odds.
        let kind = (*world).seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let odds = SUSPEND_ODDS[kind as usize % SUSPEND_ODDS.len()];
        u32::from(odds == 1 || odds > 1 && (*world).rng.below(odds) == 0)
    }
}

/// Takes a ready task, or null.
///
/// # Safety
/// `worker` has a world.
pub unsafe fn pop(worker: *mut Worker) -> *mut Task {
    // SAFETY: queued tasks are alive.
    unsafe {
        let world = (*worker).world;
        let head = &mut (*worker).head;
        let ready = length_up_to(&head.ready, WINDOW);
        if ready > 0 {
            (*world).clock.pass();
        }
        let now = (*world).clock.peek_ns();
        if (*world).timers.first().is_some_and(|timer| timer.deadline_ns <= now)
            && (ready == 0 || (*world).rng.below(2) == 0)
        {
            return pop_sleeper(worker);
        }
        let drawn = if ready > 1 { (*world).rng.below(ready) } else { 0 };
        if drawn == 0 {
            return head.pop();
        }
        let mut before = head.ready.head;
        for _ in 1..drawn {
            before = (*before).next;
        }
        let task = (*before).next;
        (*before).next = (*task).next;
        if head.ready.tail == task {
            head.ready.tail = before;
        }
        head.spawned = std::ptr::null_mut();
        if head.boundary == task {
            head.boundary = std::ptr::null_mut();
        }
        debug_assert!((*task).state != TASK_RUNNING, "a queued task does not run");
        task
    }
}

/// The task whose timer is due first runs at once: so sleepers wake in the order of their deadlines, however late.
unsafe fn pop_sleeper(worker: *mut Worker) -> *mut Task {
    // SAFETY: a timer is pending.
    unsafe {
        let others = std::mem::take(&mut (*worker).head.ready);
        super::fire_first(Worker::ctx(worker));
        let task = (*worker).head.pop();
        (*worker).head.ready = others;
        task
    }
}

/// The queue's length, counted up to a limit.
unsafe fn length_up_to(queue: &TaskQueue, limit: u32) -> u32 {
    let (mut count, mut at) = (0, queue.head);
    while count < limit && !at.is_null() {
        count += 1;
        // SAFETY: queued tasks are alive.
        at = unsafe { (*at).next };
    }
    count
}

/// Checks until the next preemption.
///
/// # Safety
/// `ctx` heads a worker with a world.
pub unsafe fn slice(ctx: *mut Ctx) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        let rng = &mut (*world_of(ctx)).rng;
        let bits = rng.below(SLICE_BITS + 1);
        u64::from(rng.below(1 << bits)) + 1
    }
}
