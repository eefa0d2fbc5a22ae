//! Ready tasks of one worker among several: a deque of its own, of which it offers a part to those who have nothing to do.
//!
//! The owner takes from the front; what it spawns goes there, behind what the same task has spawned before (a tree of tasks is walked depth first), what it
//! wakes to the back. Nobody else touches the deque, so that as long as all workers are busy a task is made ready and run without an atomic operation.
//! When somebody is hungry, the owner moves half of its tasks, from the back (of spawned tasks these are the oldest, with the most work below them), to
//! its offer, which is under a lock and from which anybody takes; what is still there at the next tick it takes back. It looks whether somebody is hungry whenever a task becomes ready, and at ticks.

use std::collections::VecDeque;

use orion_abi::Ctx;
use orion_fast::{
    atomic::{AtomicUsize, Ordering},
    sync::{lock, unlock},
    task::{TASK_READY, Task},
};

use super::{NOBODY, Shared, Team, rest, shared_of};
use crate::{
    os::KEPT,
    sched::set_state,
    world::{Worker, worker_of, world_of},
};

/// Most tasks that are offered or taken at a time.
const OFFER_MAX: usize = 64;

/// Ready tasks that anybody may take.
#[derive(Default)]
pub struct Offer {
    lock: u32,
    tasks: VecDeque<*mut Task>,
    /// How many there are, for those that do not hold the lock. Changed under it.
    len: AtomicUsize,
}

impl Offer {
    /// How many tasks there are, or were a moment ago.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Whether there is none, or was none a moment ago.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Does something with the tasks under the lock.
    unsafe fn with<R>(offer: *mut Self, action: impl FnOnce(&mut VecDeque<*mut Task>) -> R) -> R {
        // SAFETY: the offer is valid; its tasks are touched under the lock only.
        unsafe {
            lock(&raw mut (*offer).lock);
            let tasks = &mut (*offer).tasks;
            let result = action(tasks);
            let len = tasks.len();
            (*offer).len.store(len, Ordering::Relaxed);
            unlock(&raw mut (*offer).lock);
            result
        }
    }
}

/// The team's part of a worker.
///
/// # Safety
/// `ctx` is the caller's own.
unsafe fn team_of(ctx: *mut Ctx) -> *mut Team {
    // SAFETY: the caller's promise.
    unsafe { &raw mut (*worker_of(ctx)).team }
}

/// Makes a task ready whose leaf is complete: it goes to the end of this worker's queue.
///
/// # Safety
/// The task is the caller's to wake: it has claimed it, or it has just left it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_ready_shared(ctx: *mut Ctx, task: *mut Task) {
    // SAFETY: the caller's promise; the queue is this worker's.
    unsafe {
        set_state(task, TASK_READY);
        (*team_of(ctx)).own.push_back(task);
        share(ctx);
    }
}

/// As [`orion_ready_shared`], before all others.
///
/// # Safety
/// As there.
pub unsafe fn ready_first(ctx: *mut Ctx, task: *mut Task) {
    // SAFETY: as above.
    unsafe {
        set_state(task, TASK_READY);
        (*team_of(ctx)).own.push_front(task);
        share(ctx);
    }
}

/// Queues a task that the running one has spawned.
///
/// # Safety
/// The task is new, complete, and in no queue.
pub unsafe fn push_spawned(ctx: *mut Ctx, task: *mut Task) {
    // SAFETY: as above.
    unsafe {
        set_state(task, TASK_READY);
        let team = team_of(ctx);
        if (*team).behind > 0 {
            (*team).own.push_back(task);
        } else {
            // Behind those that were spawned before it: siblings run in order.
            let at = (*team).fresh.min((*team).own.len());
            (*team).own.insert(at, task);
            (*team).fresh = at + 1;
        }
        share(ctx);
    }
}

/// The next task of this worker, or null.
///
/// # Safety
/// `worker` is the caller's own.
pub unsafe fn next(worker: *mut Worker) -> *mut Task {
    // SAFETY: the caller's promise.
    unsafe {
        let team = &raw mut (*worker).team;
        (*team).fresh = 0;
        (*team).behind = (*team).behind.saturating_sub(1);
        if let Some(task) = (*team).own.pop_front() {
            return task;
        }
        // Only the owner offers, so that nothing is overlooked.
        take_back(worker);
        (*team).own.pop_front().unwrap_or(NOBODY)
    }
}

/// Offers a part of what is ready here, if somebody is hungry and has not been offered anything yet. One task stays ([`KEPT`]): this worker runs it next.
///
/// # Safety
/// `ctx` is the caller's own.
#[inline]
pub unsafe fn share(ctx: *mut Ctx) {
    // SAFETY: several workers run.
    unsafe {
        let shared = shared_of(world_of(ctx));
        if shared.hungry.load(Ordering::Relaxed) > 0 && (*team_of(ctx)).own.len() > KEPT {
            offer_half(ctx, shared);
        }
    }
}

#[cold]
unsafe fn offer_half(ctx: *mut Ctx, shared: &Shared) {
    // SAFETY: as above.
    unsafe {
        let team = team_of(ctx);
        if (*team).offer.is_empty() {
            let own = &mut (*team).own;
            let count = (own.len() - KEPT).div_ceil(2).min(OFFER_MAX);
            let from = own.len() - count;
            Offer::with(&raw mut (*team).offer, |tasks| tasks.extend(own.drain(from..)));
        }
        // Who looks for work finds it; who rests is woken.
        let resting = shared.idle.load(Ordering::Relaxed);
        if shared.searching.load(Ordering::Relaxed) == 0
            && shared.hungry.load(Ordering::Relaxed) <= resting
        {
            (*team).costs.wake();
            rest::wake_one(shared);
        }
    }
}

/// What this worker offers and nobody has taken becomes its own again: behind what is ready here, since the offer is looked at by those
/// only who have nothing else, and all may be busy for ever.
///
/// # Safety
/// `worker` is the caller's own.
pub unsafe fn take_back(worker: *mut Worker) {
    // SAFETY: the caller's promise.
    unsafe {
        let team = &raw mut (*worker).team;
        if !(*team).offer.is_empty() {
            let own = &mut (*team).own;
            Offer::with(&raw mut (*team).offer, |tasks| own.append(tasks));
        }
    }
}

/// Takes half of what another worker offers into the queue of this one; whether there was anything.
///
/// # Safety
/// `worker` is the caller's own, and its queue is empty.
pub unsafe fn steal(worker: *mut Worker, shared: &Shared) -> bool {
    // SAFETY: workers live as long as the run.
    unsafe {
        let team = &raw mut (*worker).team;
        let count = shared.workers.len();
        let first = (*team).rng.below(count as u32) as usize;
        for step in 0..count {
            let victim = shared.workers[(first + step) % count];
            if victim == worker || (*victim).team.offer.is_empty() {
                continue;
            }
            let own = &mut (*team).own;
            let got = Offer::with(&raw mut (*victim).team.offer, |tasks| {
                let half = tasks.len().div_ceil(2);
                own.extend(tasks.drain(tasks.len() - half..));
                half
            });
            if got > 0 {
                (*team).costs.steal();
                return true;
            }
        }
        false
    }
}

/// Whether another worker offers something.
///
/// # Safety
/// As for [`steal`].
pub unsafe fn can_steal(worker: *mut Worker, shared: &Shared) -> bool {
    // SAFETY: workers live as long as the run.
    unsafe {
        shared.workers.iter().any(|&victim| victim != worker && !(*victim).team.offer.is_empty())
    }
}

/// Whether a task is ready on this worker.
///
/// # Safety
/// `worker` is the caller's own.
#[must_use]
pub unsafe fn has_ready(worker: *mut Worker) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let team = &raw const (*worker).team;
        !(*team).own.is_empty() || !(*team).offer.is_empty()
    }
}

/// Takes all tasks of a worker.
///
/// # Safety
/// The world is halted.
pub unsafe fn take_all(worker: *mut Worker) -> VecDeque<*mut Task> {
    // SAFETY: the caller's promise.
    unsafe {
        let team = &raw mut (*worker).team;
        let mut all = std::mem::take(&mut (*team).own);
        Offer::with(&raw mut (*team).offer, |tasks| all.append(tasks));
        all
    }
}
