//! Time where several workers run: timers under a lock, and the thread that ends time slices of all of them.
//!
//! Any worker fires what is due: each looks every so many dispatches and at every tick, the one that waits in the kernel when it wakes. The first deadline stands in
//! `Shared::next_deadline`, so that a look costs a load.

use std::{ptr::null_mut, time::Duration};

use orion_abi::{Ctx, WaitNode};
use orion_fast::{
    atomic::Ordering,
    sync::{claim, lock, unlock},
    task::complete,
    word,
};

use super::{Shared, rest, run, shared_of};
use crate::{
    os::thread::{self, JoinHandle},
    sched::{
        ATTEND_BALANCE, ATTEND_TICK, ops::limit_of, park::orion_unlink_siblings_slow, signals,
    },
    world::{Worker, World, world_of},
};

/// Half a time slice, as on one worker.
const TICK: Duration = Duration::from_millis(5);

/// How often in a tick it is asked whether the team does any good.
const QUESTIONS: u32 = 4;

/// Inserts a timer. The timers' lock is held.
///
/// # Safety
/// `node` is valid until it is removed.
pub unsafe fn insert_locked(world: *mut World, node: *mut WaitNode, deadline_ns: i64) {
    // SAFETY: the caller holds the lock.
    unsafe {
        (*world).timers.insert(node, deadline_ns);
        let shared = shared_of(world);
        if word::add_deadline(&shared.next_deadline, &shared.waits_until, deadline_ns) {
            // Who waits in the kernel would wait too long.
            signals::wake();
        }
    }
}

/// Takes a timer out, if the heap holds it.
///
/// # Safety
/// `node` is a timer's node, and the caller has claimed its task.
pub unsafe fn remove(world: *mut World, node: *mut WaitNode) {
    // SAFETY: the node is touched under the lock.
    unsafe {
        lock(&raw mut (*world).timers_lock);
        if !(*node).target.is_null() {
            (*world).timers.remove(node);
            note_first(world);
        }
        unlock(&raw mut (*world).timers_lock);
    }
}

unsafe fn note_first(world: *mut World) {
    // SAFETY: the caller holds the lock.
    unsafe {
        let first = (*world).timers.first().map_or(i64::MAX, |timer| timer.deadline_ns);
        shared_of(world).next_deadline.store(first, Ordering::Relaxed);
    }
}

/// Whether a timer is due.
///
/// # Safety
/// Several workers run.
#[must_use]
pub unsafe fn is_due(world: *mut World) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let first = shared_of(world).next_deadline.load(Ordering::Relaxed);
        first != i64::MAX && first <= (*world).clock.peek_ns()
    }
}

/// Makes tasks ready whose timers are due.
///
/// # Safety
/// `ctx` is the caller's own.
pub unsafe fn fire_timers(ctx: *mut Ctx) {
    // SAFETY: nodes of the heap are valid under its lock, and those of claimed tasks after it.
    unsafe {
        let world = world_of(ctx);
        if !is_due(world) {
            return;
        }
        let now = (*world).clock.peek_ns();
        loop {
            let mut won: *mut WaitNode = null_mut();
            lock(&raw mut (*world).timers_lock);
            while let Some(timer) = (*world).timers.first() {
                if timer.deadline_ns > now {
                    break;
                }
                (*world).timers.remove(timer.node);
                if claim((*(*timer.node).frame).task.cast()) {
                    won = timer.node;
                    break;
                }
            }
            note_first(world);
            unlock(&raw mut (*world).timers_lock);
            if won.is_null() {
                return;
            }
            let frame = (*won).frame;
            orion_unlink_siblings_slow(ctx, frame, won);
            complete(ctx, frame, (*won).arm << 1);
        }
    }
}

/// Takes an automatic checkpoint that is due.
///
/// # Safety
/// `worker` is the caller's own, and stands at its loop.
pub unsafe fn checkpoint_if_due(worker: *mut Worker) {
    // SAFETY: the caller's promise. What `checkpoint_is_due` reads is looked at when the world stands still.
    unsafe {
        let world = (*worker).world;
        if (*world).config.state.is_some() && (*world).config.every_ns != 0 {
            rest::checkpoint(worker);
        }
    }
}

/// What [`Shared`] is to another thread.
struct SharedAddress(*const Shared);
// SAFETY: what is shared is made for it.
unsafe impl Send for SharedAddress {}

/// Starts the ticker of all workers. It ends with the run.
///
/// # Safety
/// What is shared outlives the thread.
pub unsafe fn start_ticker(shared: *const Shared) -> Option<JoinHandle<()>> {
    let address = SharedAddress(shared);
    let builder = thread::Builder::new().name(String::from("ticker")).stack_size(64 << 10);
    // Without the thread there is no preemption, and everything else works.
    builder
        .spawn(move || {
            let SharedAddress(shared) = { address };
            // SAFETY: the caller's promise.
            let shared = unsafe { &*shared };
            let mut seen = vec![0; shared.workers.len()];
            let has_time = |shared: &Shared| {
                !shared.is_working.load(Ordering::SeqCst)
                    || shared.idle.load(Ordering::SeqCst) == shared.workers.len()
            };
            while !run::is_over(shared) {
                if has_time(shared) {
                    shared.ticker_asleep.store(true, Ordering::SeqCst);
                    if has_time(shared) {
                        // Bounded, in case the wake comes before the sleep.
                        thread::park_timeout(Duration::from_millis(100));
                    }
                    shared.ticker_asleep.store(false, Ordering::Relaxed);
                    continue;
                }
                for _ in 0..QUESTIONS {
                    thread::park_timeout(TICK / (QUESTIONS + 1));
                    ask(shared);
                }
                thread::park_timeout(TICK / (QUESTIONS + 1));
                tick(shared, &mut seen);
            }
        })
        .ok()
}

/// Asks whether the team does any good.
fn ask(shared: &Shared) {
    for &worker in &shared.workers {
        // SAFETY: workers live as long as the run; only an atomic is touched.
        unsafe { (*worker).attention.fetch_or(ATTEND_BALANCE, Ordering::Relaxed) };
    }
}

fn tick(shared: &Shared, seen: &mut [u64]) {
    let mut waiting = false;
    for (&worker, last) in shared.workers.iter().zip(seen) {
        // SAFETY: workers live as long as the run; only atomics are touched.
        unsafe {
            let dispatches = (*worker).dispatches.load(Ordering::Relaxed);
            (*worker).attention.fetch_or(ATTEND_TICK, Ordering::Relaxed);
            if dispatches == *last {
                limit_of(Worker::ctx(worker)).store(usize::MAX, Ordering::Relaxed);
            }
            waiting |= !(*worker).team.offer.is_empty();
            *last = dispatches;
        }
    }
    // Who has come back from the kernel has been at work for a tick: somebody else waits there in its stead.
    let waits = shared.waits_until.load(Ordering::Relaxed) != i64::MIN;
    let is_awaited = shared.io_jobs.load(Ordering::Relaxed) > 0
        || shared.next_deadline.load(Ordering::Relaxed) != i64::MAX;
    if (waiting || !waits && is_awaited) && shared.idle.load(Ordering::Relaxed) > 0 {
        rest::wake_one(shared);
    }
}

/// Somebody works again.
pub fn wake_ticker(shared: &Shared) {
    if shared.ticker_asleep.load(Ordering::SeqCst) {
        rest::wake_ticker_thread(shared);
    }
}
