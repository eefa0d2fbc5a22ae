//! Rest and halt: what a worker does when nothing is ready, and how all of them are brought to stand.
//!
//! Rest: a worker without work looks around for a while, then rests. One of those who rest waits in the kernel, for the next timer, a signal, or what I/O
//! brings; the others sleep until they are woken. The last one to come to rest finds that no task is ready anywhere: it lets one idler go on, or the
//! program is in a deadlock.
//!
//! Halt: whoever needs the world to stand still says so, poisons the limits, and waits until every other worker rests or has come to its loop. It
//! keeps the lock meanwhile, so nobody leaves.

use std::{sync::PoisonError, time::Duration};

use orion_fast::{
    atomic::Ordering,
    sync::{CLAIM_NONE, CLAIM_OPEN},
    task::{
        END_OPEN, END_REACHED, TASK_ENDED, TASK_GENERATOR, TASK_IDLING, TASK_WAITING, Task,
        complete,
    },
    word,
};

use super::{Shared, clock, queue, shared_of};
use crate::{
    generator, io,
    os::{
        SEARCH_PAUSES, SEARCH_ROUNDS,
        sync::{Condvar, MutexGuard},
        thread,
    },
    sched::{
        ATTEND_BALANCE, ATTEND_CHECKPOINT, ATTEND_HALT, ATTEND_PAUSE, ATTEND_REPORT, ATTEND_STOP,
        End, checkpoint_is_due, ops::limit_of, save, signals, until_checkpoint_ns,
    },
    world::{Worker, World, world_of},
};
use orion_abi::{Ctx, outcome::OUTCOME_DONE};

/// How long to wait for halted workers before their limits are poisoned again.
const HALT_WAIT: Duration = Duration::from_micros(200);

/// Who rests and who is halted.
#[derive(Default)]
pub struct Rest {
    /// Workers that sleep, by number.
    sleeping: Vec<usize>,
    /// The worker that waits in the kernel.
    waiting: Option<usize>,
    /// That one was woken, and has not come back yet.
    is_called: bool,
    /// The world is being halted, or is.
    halting: bool,
    /// Workers that stand at their loop because of that.
    halted: usize,
    /// A task has asked the process to end.
    exiting: bool,
    /// The main task has ended; orphans still run.
    main_done: bool,
    /// How the run ended.
    pub(super) end: Option<End>,
}

type Guard<'a> = MutexGuard<'a, Rest>;

fn lock(shared: &Shared) -> Guard<'_> {
    // A thread that panicked has aborted the process.
    shared.rest.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<'a>(condition: &Condvar, guard: Guard<'a>) -> Guard<'a> {
    condition.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Wakes one worker that rests.
#[cold]
pub fn wake_one(shared: &Shared) {
    let mut rest = lock(shared);
    if let Some(index) = rest.sleeping.pop() {
        shared.searching.fetch_add(1, Ordering::Relaxed);
        wake(shared, index);
    } else if rest.waiting.is_some() && !rest.is_called {
        rest.is_called = true;
        shared.searching.fetch_add(1, Ordering::Relaxed);
        signals::wake();
    }
}

fn wake(shared: &Shared, index: usize) {
    // SAFETY: workers live as long as the run; the thread was set before the run began.
    let thread = unsafe { &(*shared.workers[index]).team.thread };
    if let Some(thread) = thread {
        thread.unpark();
    }
}

/// The team's work is over: the run has ended, or (none) goes on with the first worker alone.
fn finish(shared: &Shared, rest: &mut Rest, end: Option<End>) {
    if rest.end.is_none() {
        rest.end = end;
    }
    shared.over.store(true, Ordering::Release);
    for index in std::mem::take(&mut rest.sleeping) {
        wake(shared, index);
    }
    signals::wake();
    shared.resumed.notify_all();
    poison(shared, 0);
}

/// Sets bits of every worker's attention and ends their slices.
pub(super) fn poison(shared: &Shared, bits: u32) {
    for &worker in &shared.workers {
        // SAFETY: workers live as long as the run; only atomics are touched.
        unsafe {
            (*worker).attention.fetch_or(bits, Ordering::Relaxed);
            limit_of(Worker::ctx(worker)).store(usize::MAX, Ordering::Relaxed);
        }
    }
}

/// The main task has ended.
///
/// # Safety
/// `worker` is the caller's own.
pub unsafe fn main_ended(worker: *mut Worker) {
    // SAFETY: several workers run.
    unsafe {
        let world = (*worker).world;
        let shared = shared_of(world);
        let mut rest = lock(shared);
        rest.main_done = true;
        if (*world).orphans.load(Ordering::Relaxed) == 0 {
            finish(shared, &mut rest, Some(End::Main));
        }
    }
}

/// The last orphan has ended.
///
/// # Safety
/// Several workers run.
pub unsafe fn orphans_ended(world: *mut World) {
    // SAFETY: the caller's promise.
    let shared = unsafe { shared_of(world) };
    let mut rest = lock(shared);
    if rest.main_done {
        finish(shared, &mut rest, Some(End::Main));
    }
}

/// Nothing is ready on this worker: looks elsewhere, and rests when there is nothing either.
///
/// # Safety
/// `worker` is the caller's own, and stands at its loop.
#[cold]
pub unsafe fn find_work(worker: *mut Worker) {
    // SAFETY: several workers run.
    unsafe {
        let shared = shared_of((*worker).world);
        let costs = &(*worker).team.costs;
        costs.hungry(shared.made);
        shared.hungry.fetch_add(1, Ordering::Relaxed);
        look_around(worker, shared);
        shared.hungry.fetch_sub(1, Ordering::Relaxed);
        costs.fed(shared.made);
    }
}

unsafe fn look_around(worker: *mut Worker, shared: &Shared) {
    // SAFETY: as for `find_work`.
    unsafe {
        let world = (*worker).world;
        let ctx = Worker::ctx(worker);
        let is_wanted = || {
            shared.over.load(Ordering::Relaxed) || (*worker).attention.load(Ordering::Relaxed) != 0
        };
        for _ in 0..SEARCH_ROUNDS {
            if queue::steal(worker, shared) || is_wanted() {
                return;
            }
            // Nobody works: only the kernel and the clock can make a task ready.
            if shared.hungry.load(Ordering::Relaxed) == shared.workers.len() {
                break;
            }
            for _ in 0..SEARCH_PAUSES {
                thread::spin_loop();
            }
        }
        clock::fire_timers(ctx);
        io::shared::round(ctx);
        if queue::has_ready(worker) {
            return;
        }
        (*world).output.release();
        let rest = lock(shared);
        if rest.halting || is_wanted() || queue::can_steal(worker, shared) {
            return;
        }
        let idle = shared.idle.fetch_add(1, Ordering::Relaxed) + 1;
        let rest = settle_down(worker, shared, rest, idle);
        drop(rest);
    }
}

/// Rests until there is a reason not to.
unsafe fn settle_down<'a>(
    worker: *mut Worker,
    shared: &'a Shared,
    mut rest: Guard<'a>,
    idle: usize,
) -> Guard<'a> {
    // SAFETY: as for `find_work`.
    unsafe {
        let world = (*worker).world;
        let ctx = Worker::ctx(worker);
        let index = (*worker).team.index;
        if idle == shared.workers.len() {
            let idler = (*world).idlers.pop();
            if !idler.is_null() {
                let woken = claim_idler(idler);
                rest = leave(shared, rest);
                if woken {
                    complete(ctx, (*idler).leaf, OUTCOME_DONE);
                }
                return rest;
            }
            let has_io = shared.io_jobs.load(Ordering::Relaxed) > 0;
            if !has_io && shared.next_deadline.load(Ordering::Relaxed) == i64::MAX {
                let end = if rest.main_done { End::Main } else { End::Deadlock };
                finish(shared, &mut rest, Some(end));
                return leave(shared, rest);
            }
        }
        if rest.waiting.is_none() {
            rest.waiting = Some(index);
            let all = idle == shared.workers.len();
            let now = (*world).clock.peek_ns();
            let deadline = shared.next_deadline.load(Ordering::Relaxed);
            let mut until = if deadline == i64::MAX { -1 } else { (deadline - now).max(0) };
            if all && let Some(ns) = until_checkpoint_ns(world) {
                until = if until < 0 { ns } else { until.min(ns) };
            }
            let earlier =
                word::waits_too_long(&shared.next_deadline, &shared.waits_until, deadline);
            drop(rest);
            let (fd, io_until) = io::shared::what_to_wait_for(world);
            if let Some(ns) = io_until {
                until = if until < 0 { ns } else { until.min(ns) };
            }
            if !earlier {
                signals::wait_with(fd, until);
            }
            shared.waits_until.store(i64::MIN, Ordering::Relaxed);
            rest = lock(shared);
            rest.waiting = None;
            if std::mem::take(&mut rest.is_called) {
                shared.searching.fetch_sub(1, Ordering::Relaxed);
            }
            // Nobody waits in its stead until that pays, see `clock::tick`.
            drop(leave(shared, rest));
            clock::fire_timers(ctx);
            io::shared::round(ctx);
            if (*world).config.state.is_some() {
                clock::checkpoint_if_due(worker);
            }
            return lock(shared);
        }
        rest.sleeping.push(index);
        loop {
            drop(rest);
            thread::park();
            rest = lock(shared);
            if !rest.sleeping.contains(&index) {
                break;
            }
        }
        let rest = leave(shared, rest);
        // Whoever took it out of the list has counted it, unless the run is over.
        if !shared.over.load(Ordering::Relaxed) {
            shared.searching.fetch_sub(1, Ordering::Relaxed);
        }
        rest
    }
}

/// Claims a task that was taken out of the line of idlers.
unsafe fn claim_idler(idler: *mut Task) -> bool {
    // SAFETY: it was in the line, so it is alive; who claims it first takes it out under the lock that the caller holds.
    unsafe {
        let claimed = orion_fast::sync::claim(idler);
        if claimed {
            crate::sched::clear_flags(idler, TASK_IDLING);
        }
        claimed
    }
}

/// A worker stops resting; not while the world is halted.
fn leave<'a>(shared: &'a Shared, mut rest: Guard<'a>) -> Guard<'a> {
    while rest.halting {
        rest = wait(&shared.resumed, rest);
    }
    let before = shared.idle.fetch_sub(1, Ordering::Relaxed);
    if before == shared.workers.len() {
        clock::wake_ticker(shared);
    }
    rest
}

/// Takes a task out of the line of idlers.
///
/// # Safety
/// The caller has claimed it.
pub unsafe fn remove_idler(world: *mut World, task: *mut Task) {
    // SAFETY: several workers run; the line is touched under the lock.
    unsafe {
        let rest = lock(shared_of(world));
        (*world).idlers.remove(task);
        drop(rest);
    }
}

/// Puts a task into the line of idlers and publishes it; the answer is `publish`'s.
///
/// # Safety
/// The task has just been left by its worker and stands at an `Idle` point.
pub unsafe fn add_idler(
    ctx: *mut Ctx,
    task: *mut Task,
    publish: unsafe fn(*mut Ctx, *mut Task) -> bool,
) -> bool {
    // SAFETY: as above.
    unsafe {
        let world = world_of(ctx);
        let rest = lock(shared_of(world));
        crate::sched::set_flags(task, TASK_IDLING);
        (*world).idlers.push(task);
        let answer = publish(ctx, task);
        drop(rest);
        answer
    }
}

/// The world is being halted by somebody else: stands still until it goes on.
///
/// # Safety
/// `worker` is the caller's own, and stands at its loop.
pub unsafe fn stand_still(worker: *mut Worker) {
    // SAFETY: several workers run.
    unsafe {
        let shared = shared_of((*worker).world);
        drop(stand_by(shared, lock(shared)));
    }
}

fn stand_by<'a>(shared: &'a Shared, mut rest: Guard<'a>) -> Guard<'a> {
    while rest.halting {
        rest.halted += 1;
        shared.halted.notify_all();
        rest = wait(&shared.resumed, rest);
        rest.halted -= 1;
    }
    rest
}

/// Halts the world for `action`, unless `is_due` (asked when nobody else halts it) says that there is nothing to do. A result ends the run.
///
/// # Safety
/// `worker` is the caller's own, and stands at its loop.
pub unsafe fn halt(
    worker: *mut Worker,
    is_due: impl Fn() -> bool,
    action: impl FnOnce() -> Option<End>,
) {
    // SAFETY: several workers run.
    unsafe {
        let shared = shared_of((*worker).world);
        let mut rest = stand_by(shared, lock(shared));
        // After main's end orphans run to theirs, as on one worker: main stands nowhere any more, and cannot be saved.
        if rest.exiting || rest.main_done || shared.over.load(Ordering::Relaxed) || !is_due() {
            return;
        }
        rest.halting = true;
        let others = shared.workers.len() - 1;
        poison(shared, ATTEND_HALT);
        while rest.halted + shared.idle.load(Ordering::Relaxed) < others {
            // Who has ended the run meanwhile has left its loop, and does not come to stand.
            if rest.exiting || rest.main_done || shared.over.load(Ordering::Relaxed) {
                rest.halting = false;
                shared.resumed.notify_all();
                return;
            }
            let waited = shared.halted.wait_timeout(rest, HALT_WAIT);
            rest = waited.unwrap_or_else(PoisonError::into_inner).0;
            poison(shared, ATTEND_HALT);
        }
        (*worker).attention.fetch_and(!ATTEND_HALT, Ordering::Relaxed);
        gather(shared);
        let end = action();
        scatter(shared, worker);
        rest.halting = false;
        if end.is_some() {
            finish(shared, &mut rest, end);
        }
        shared.resumed.notify_all();
        // Halted workers leave before this one halts the world again. Another one may have halted it already, who waits for this one as well.
        while rest.halted > 0 && !rest.halting {
            drop(rest);
            thread::yield_now();
            rest = lock(shared);
        }
    }
}

/// Puts every ready task into the first worker's plain queue, where the rest of the runtime looks for them.
///
/// # Safety
/// No other worker runs.
pub unsafe fn gather(shared: &Shared) {
    // SAFETY: the caller's promise.
    unsafe {
        let first = shared.workers[0];
        super::lists::gather((*first).world);
        for &worker in &shared.workers {
            for task in std::mem::take(&mut (*worker).team.held) {
                (*first).head.ready.push(task);
            }
            for task in queue::take_all(worker) {
                (*first).head.ready.push(task);
            }
        }
    }
}

/// Puts what [`gather`] gathered into the queue of a worker that does not rest.
///
/// # Safety
/// As for [`gather`].
pub unsafe fn scatter(shared: &Shared, to: *mut Worker) {
    // SAFETY: the caller's promise.
    unsafe {
        let first = shared.workers[0];
        loop {
            let task = (*first).head.ready.pop();
            if task.is_null() {
                break;
            }
            (*to).team.own.push_back(task);
        }
        let timers = &(*(*first).world).timers;
        let deadline = timers.first().map_or(i64::MAX, |timer| timer.deadline_ns);
        shared.next_deadline.store(deadline, Ordering::SeqCst);
    }
}

/// Tasks that one worker made or restored get what several need.
///
/// # Safety
/// No task runs.
pub unsafe fn adopt(world: *mut World) {
    // SAFETY: all tasks are alive and suspended, or have ended.
    unsafe {
        World::for_each_task(world, |task| {
            let ended = (*task).state == TASK_ENDED;
            (*task).end = if ended { END_REACHED } else { END_OPEN };
            let stands_still = (*task).flags & TASK_GENERATOR != 0
                && (generator::is_unstarted(task.cast()) || generator::is_at_yield(task.cast()));
            let waits = (*task).state == TASK_WAITING && !stands_still;
            (*task).claim = if waits { CLAIM_OPEN } else { CLAIM_NONE };
        });
    }
}

/// Does what was asked of all workers together.
///
/// # Safety
/// `worker` is the caller's own, and stands at its loop.
pub unsafe fn attend_shared(worker: *mut Worker) {
    // SAFETY: as for `halt`.
    unsafe {
        let world = (*worker).world;
        let shared = shared_of(world);
        let is_due = || shared.attention.load(Ordering::Relaxed) != 0;
        halt(worker, is_due, || {
            // A stop stays asked for: the second signal of that kind kills.
            let bits = shared.attention.fetch_and(ATTEND_STOP, Ordering::Relaxed);
            if bits & ATTEND_REPORT != 0 {
                (*world).output.release();
                crate::output::emergency(crate::report::live(world));
            }
            let ends = bits & (ATTEND_PAUSE | ATTEND_STOP) != 0 && (*world).store.is_some();
            if !ends && bits & ATTEND_CHECKPOINT == 0 {
                return None;
            }
            match save(world) {
                Err(refusal) => Some(End::SaveFailed(refusal)),
                Ok(()) if ends => Some(End::Paused),
                Ok(()) => None,
            }
        });
    }
}

/// Saves the world if it is time to.
///
/// # Safety
/// As for [`attend_shared`].
pub unsafe fn checkpoint(worker: *mut Worker) {
    // SAFETY: as for `halt`.
    unsafe {
        let world = (*worker).world;
        let is_due = || checkpoint_is_due(world);
        halt(worker, is_due, || save(world).err().map(End::SaveFailed));
    }
}

/// The team's work ends here; the first worker goes on alone, unless the run is about to end anyway.
///
/// # Safety
/// Several workers run.
pub unsafe fn dismiss(world: *mut World) {
    // SAFETY: the caller's promise.
    let shared = unsafe { shared_of(world) };
    let mut rest = lock(shared);
    // Who halts the world relies on everybody's standing still, or on its going on.
    if !rest.main_done && !rest.exiting && !rest.halting {
        finish(shared, &mut rest, None);
    }
}

/// Prepares for the team to work (again).
///
/// # Safety
/// No worker but the first runs, and it stands at its loop.
pub unsafe fn begin(shared: &Shared) {
    // SAFETY: the caller's promise.
    unsafe {
        *lock(shared) = Rest::default();
        let first = shared.workers[0];
        for &worker in &shared.workers {
            ((*worker).team.fresh, (*worker).team.behind) = (0, 0);
            if worker != first {
                (*worker).attention.store(0, Ordering::Relaxed);
            }
        }
        (*first).attention.fetch_and(!(ATTEND_HALT | ATTEND_BALANCE), Ordering::Relaxed);
        shared.over.store(false, Ordering::Relaxed);
        for count in [&shared.idle, &shared.hungry, &shared.searching] {
            count.store(0, Ordering::Relaxed);
        }
        (*(*first).world).io.share(true);
        shared.io_jobs.store((*(*first).world).io.job_count(), Ordering::Relaxed);
        shared.waits_until.store(i64::MIN, Ordering::Relaxed);
        // From here on signals go to all; one that came before stays asked for.
        let asked = ATTEND_REPORT | ATTEND_STOP | ATTEND_PAUSE | ATTEND_CHECKPOINT;
        shared.is_working.store(true, Ordering::SeqCst);
        let bits = (*first).attention.load(Ordering::SeqCst) & asked;
        shared.attention.fetch_or(bits, Ordering::Relaxed);
    }
}

/// The team's work is over, and only the first worker is left: what was asked of all is asked of it. How the run has ended, if it has, and whether the main
/// task has.
///
/// # Safety
/// As for [`begin`].
pub unsafe fn end(shared: &Shared) -> (Option<End>, bool) {
    // SAFETY: the caller's promise.
    unsafe {
        let first = shared.workers[0];
        shared.is_working.store(false, Ordering::SeqCst);
        let asked = shared.attention.swap(0, Ordering::SeqCst);
        (*first).attention.fetch_and(!ATTEND_HALT, Ordering::Relaxed);
        (*first).attention.fetch_or(asked, Ordering::Relaxed);
        (*(*first).world).io.share(false);
        gather(shared);
        let mut rest = lock(shared);
        (rest.end.take(), rest.main_done)
    }
}

/// Wakes the ticker.
pub fn wake_ticker_thread(shared: &Shared) {
    if let Some(thread) = shared.ticker.get() {
        thread.unpark();
    }
}

/// Nobody halts the world, saves it or ends the run any more: the process is about to end.
///
/// # Safety
/// Several workers run.
pub unsafe fn keep_locked(world: *mut World) {
    // SAFETY: the caller's promise.
    let shared = unsafe { shared_of(world) };
    let mut rest = lock(shared);
    // Who is halting the world waits for this worker, in vain.
    rest.exiting = true;
    while rest.halting {
        rest = wait(&shared.resumed, rest);
    }
    std::mem::forget(rest);
}
