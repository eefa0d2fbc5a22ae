//! The run: on the first worker alone, or on all of them; and a worker's loop as one of them.
//!
//! Between the two nobody is in any loop but the first worker, and no task is on any stack, so what is known of them is what one worker knows: the plain queue of ready
//! tasks, no claims. The threads of the others start with the first work that is shared, and wait while there is none.

use std::{
    ptr::null_mut,
    sync::{Arc, PoisonError, atomic::compiler_fence},
    time::{Duration, Instant},
};

use orion_abi::Ctx;
use orion_fast::{
    atomic::Ordering,
    sync::{FORCE_MASK, PARALLEL, forced},
};

use super::{
    Shared, assemble,
    balance::{self, Balance},
    clock, lists, queue, rest, shared_of,
};
use crate::{
    io,
    os::{
        sync::{Barrier, MutexGuard},
        thread::{self, JoinHandle},
    },
    sched::{
        self, ATTEND_BALANCE, ATTEND_CHECKPOINT, ATTEND_HALT, ATTEND_PAUSE, ATTEND_REPORT,
        ATTEND_STOP, ATTEND_TICK, End, ROUND, attend, dispatch, ops::limit_of, prepare, round_trip,
        skips_round_trip,
    },
    world::Worker,
};

/// Free blocks of a class that a worker keeps when it gives others what it does not need.
const SPARE_KEEP: usize = 256;

/// Ticks after which spawned tasks may not overtake what is ready. (Often would be bad for stealing: small tasks would come to stand last.)
const BOUNDARY_TICKS: u32 = 4;

/// A worker, on its way to its thread.
struct WorkerAddress(*mut Worker);
// SAFETY: the worker is the thread's alone to run.
unsafe impl Send for WorkerAddress {}

/// Which part of the run it is.
#[derive(Default)]
pub struct Phase {
    /// How often the team has begun to work.
    number: u64,
    /// Workers that work. The others stand outside their loops.
    working: usize,
    /// The run has ended: threads go home.
    over: bool,
}

/// How long to wait for workers that are to leave before their limits are poisoned again.
const LEAVE_WAIT: Duration = Duration::from_micros(200);

/// The threads of a team.
struct Crew {
    handles: Vec<JoinHandle<()>>,
    stack_bytes: usize,
    reserve_bytes: usize,
}

fn phase(shared: &Shared) -> MutexGuard<'_, Phase> {
    // A thread that panicked has aborted the process.
    shared.phase.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the run has ended.
#[must_use]
pub fn is_over(shared: &Shared) -> bool {
    phase(shared).over
}

/// Runs tasks on so many threads, this one among them, until the run ends: on this one alone, or on all of them, whichever is better.
///
/// # Safety
/// As for `sched::run`; each of the other threads gets a stack of `stack_bytes` and `reserve` more.
pub unsafe fn run(
    worker: *mut Worker,
    threads: usize,
    stack_bytes: usize,
    reserve_bytes: usize,
) -> End {
    // SAFETY: everything below upholds the invariants of the modules it uses.
    unsafe {
        if threads == 1 {
            // Nobody asks for others.
            return sched::run(worker).unwrap_or(End::Main);
        }
        let world = (*worker).world;
        let shared = &*assemble(worker, threads);
        (*worker).team.thread = Some(thread::current());
        (*worker).team.costs.adopt_thread();
        let mut crew = Crew { handles: Vec::new(), stack_bytes, reserve_bytes };
        let mut is_alone = balance::begins_alone(world);
        if balance(shared).is_changing() {
            attend(worker, ATTEND_BALANCE);
        }
        let end = loop {
            let end = if is_alone { sched::run(worker) } else { work_together(worker, &mut crew) };
            if let Some(end) = end {
                break end;
            }
            is_alone = !is_alone;
        };
        phase(shared).over = true;
        shared.phase_changed.notify_all();
        rest::wake_ticker_thread(shared);
        for handle in crew.handles {
            // A worker that panicked has aborted the process.
            let _ = handle.join();
        }
        lists::gather(world);
        end
    }
}

/// Whether the first worker, which is alone, wants the others.
///
/// # Safety
/// `worker` is the caller's own, stands at its loop, and is alone.
pub unsafe fn is_wanted(worker: *mut Worker) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(shared) = (*(*worker).world).shared.as_ref() else { return false };
        let mut balance = balance(shared);
        if balance.is_changing() {
            attend(worker, ATTEND_BALANCE);
        }
        balance.wants_team(worker)
    }
}

fn balance(shared: &Shared) -> MutexGuard<'_, Balance> {
    shared.balance.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The run goes on with all workers, until it ends or (none) goes on with the first one alone.
unsafe fn work_together(worker: *mut Worker, crew: &mut Crew) -> Option<End> {
    // SAFETY: as for `run`; no task runs.
    unsafe {
        let started = Instant::now();
        let world = (*worker).world;
        let shared = shared_of(world);
        io::resume(Worker::ctx(worker));
        lists::gather(world);
        rest::adopt(world);
        // The one worker's own ticker has nothing to do meanwhile.
        (*worker).sleeping.store(true, Ordering::Release);
        ((*worker).head.spawned, (*worker).head.boundary) = (null_mut(), null_mut());
        for &each in &shared.workers {
            (*each).head.ctx.force |= PARALLEL;
        }
        crate::heap::arena::orion_parallel.fetch_add(1, Ordering::Relaxed);
        rest::begin(shared);
        rest::scatter(shared, worker);
        {
            let mut phase = phase(shared);
            phase.number += 1;
            phase.working = shared.workers.len();
        }
        shared.phase_changed.notify_all();
        if crew.handles.is_empty() {
            start_threads(shared, crew);
        }
        clock::wake_ticker(shared);
        balance(shared).team_begins(shared, started.elapsed());
        work(worker);
        leave(shared);
        wait_for_the_others(shared);
        let (end, main_has_ended) = rest::end(shared);
        crate::heap::arena::orion_parallel.fetch_sub(1, Ordering::Relaxed);
        for &each in &shared.workers {
            (*each).head.ctx.force &= FORCE_MASK;
        }
        if balance(shared).is_changing() {
            attend(worker, ATTEND_BALANCE);
        }
        balance(shared).team_ended((*worker).dispatches.load(Ordering::Relaxed));
        sched::ticker::wake(worker);
        if end.is_none() && main_has_ended {
            sched::finish_orphans(worker);
            return Some(End::Main);
        }
        end
    }
}

unsafe fn start_threads(shared: &'static Shared, crew: &mut Crew) {
    // SAFETY: as for `run`.
    unsafe {
        // No worker may come to rest as the last one before all are there.
        let begin = Arc::new(Barrier::new(shared.workers.len()));
        let (stack_bytes, reserve_bytes) = (crew.stack_bytes, crew.reserve_bytes);
        for (index, &other) in shared.workers.iter().enumerate().skip(1) {
            let address = WorkerAddress(other);
            let barrier = Arc::clone(&begin);
            let builder = thread::Builder::new()
                .name(format!("worker {index}"))
                .stack_size(stack_bytes + reserve_bytes);
            #[cfg(test)]
            let bodies = crate::testing::bodies();
            let spawned = builder.spawn(move || {
                let WorkerAddress(worker) = { address };
                #[cfg(test)]
                crate::testing::set_bodies(bodies);
                run_other(worker, shared, &barrier, stack_bytes);
            });
            match spawned {
                Ok(handle) => crew.handles.push(handle),
                Err(error) => {
                    crate::output::emergency(format!("error: cannot start a thread: {error}\n"));
                    crate::start::exit_now(crate::start::PANIC_STATUS);
                }
            }
        }
        let ticker = clock::start_ticker(shared);
        if let Some(handle) = ticker {
            let _ = shared.ticker.set(handle.thread().clone());
            crew.handles.push(handle);
        }
        begin.wait();
    }
}

/// The thread of a worker that is not the first.
fn run_other(worker: *mut Worker, shared: &Shared, begin: &Barrier, stack_bytes: usize) {
    // SAFETY: the worker is this thread's.
    unsafe {
        (*worker).team.thread = Some(thread::current());
        (*worker).team.costs.adopt_thread();
        prepare(worker, stack_bytes, true);
        begin.wait();
        let mut number = 1;
        loop {
            work(worker);
            leave(shared);
            let mut phase = phase(shared);
            while phase.number == number && !phase.over {
                // Who still works may have overlooked that it is over.
                if phase.working > 0 {
                    rest::poison(shared, ATTEND_HALT);
                    let waited = shared.phase_changed.wait_timeout(phase, LEAVE_WAIT);
                    phase = waited.unwrap_or_else(PoisonError::into_inner).0;
                } else {
                    let waited = shared.phase_changed.wait(phase);
                    phase = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
            if phase.over {
                return;
            }
            number = phase.number;
        }
    }
}

/// A worker has left its loop.
fn leave(shared: &Shared) {
    phase(shared).working -= 1;
    shared.phase_changed.notify_all();
}

/// Waits until only this worker is left.
fn wait_for_the_others(shared: &Shared) {
    let mut phase = phase(shared);
    while phase.working > 0 {
        rest::poison(shared, ATTEND_HALT);
        let waited = shared.phase_changed.wait_timeout(phase, LEAVE_WAIT);
        phase = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Runs tasks until the team's work is over.
unsafe fn work(worker: *mut Worker) {
    // SAFETY: as for `run`.
    unsafe {
        let ctx = Worker::ctx(worker);
        let shared = shared_of((*worker).world);
        let limit = if (*worker).always_poll { usize::MAX } else { (*worker).stack_limit };
        let share = balance(shared).share();
        let mut done = 0;
        let mut looked = Instant::now();
        loop {
            clock::fire_timers(ctx);
            io::shared::busy_round(ctx);
            // The ticker asks too, but where the processors are all taken it may come late.
            if looked.elapsed() >= balance::TRIAL {
                looked = Instant::now();
                judge(worker, shared);
            }
            for _ in 0..ROUND {
                if shared.over.load(Ordering::Relaxed) {
                    return;
                }
                limit_of(ctx).store(limit, Ordering::Relaxed);
                // What was asked before the store is seen below; who asks across it asks again.
                compiler_fence(Ordering::SeqCst);
                if (*worker).attention.load(Ordering::Relaxed) != 0 {
                    attend_now(worker, shared);
                    continue;
                }
                let task = queue::next(worker);
                if task.is_null() {
                    rest::find_work(worker);
                    continue;
                }
                let dispatches = (*worker).dispatches.load(Ordering::Relaxed);
                (*worker).dispatches.store(dispatches + 1, Ordering::Relaxed);
                if dispatch(ctx, task) {
                    rest::main_ended(worker);
                    continue;
                }
                done += 1;
                if done == share {
                    rest::dismiss((*worker).world);
                } else if forced(ctx) == 2 && !skips_round_trip(worker) {
                    let start = Instant::now();
                    rest::halt(
                        worker,
                        || true,
                        || {
                            let world = (*worker).world;
                            // The world is rebuilt by the code of one worker.
                            (*(*world).worker).head.ctx.force &= FORCE_MASK;
                            round_trip(worker, start);
                            (*(*world).worker).head.ctx.force |= PARALLEL;
                            rest::adopt(world);
                            None
                        },
                    );
                }
            }
        }
    }
}

/// Ends the team's work if it does no good.
unsafe fn judge(worker: *mut Worker, shared: &Shared) {
    // Who holds the lock does it already.
    if let Ok(mut balance) = shared.balance.try_lock()
        && !balance.keeps_team(shared)
    {
        // SAFETY: several workers run.
        unsafe { rest::dismiss((*worker).world) };
    }
}

/// Looks at what was asked.
unsafe fn attend_now(worker: *mut Worker, shared: &Shared) {
    // SAFETY: as for `run`.
    unsafe {
        let bits = (*worker).attention.swap(0, Ordering::Relaxed);
        if bits & ATTEND_HALT != 0 {
            rest::stand_still(worker);
        }
        let asked = ATTEND_REPORT | ATTEND_STOP | ATTEND_PAUSE | ATTEND_CHECKPOINT;
        if bits & asked != 0 {
            rest::attend_shared(worker);
        }
        if bits & ATTEND_BALANCE != 0 {
            judge(worker, shared);
        }
        let team = &raw mut (*worker).team;
        for task in std::mem::take(&mut (*team).held) {
            queue::orion_ready_shared(Worker::ctx(worker), task);
        }
        if bits & ATTEND_TICK != 0 {
            (*team).ticks = (*team).ticks.wrapping_add(1);
            if (*team).ticks.is_multiple_of(BOUNDARY_TICKS) {
                (*team).behind = (*team).own.len();
            }
            queue::take_back(worker);
            queue::share(Worker::ctx(worker));
            give_spare_blocks(worker, shared);
            clock::fire_timers(Worker::ctx(worker));
            io::shared::busy_round(Worker::ctx(worker));
            clock::checkpoint_if_due(worker);
        }
    }
}

/// A worker that frees what others make gives its free blocks to them.
unsafe fn give_spare_blocks(worker: *mut Worker, shared: &Shared) {
    // SAFETY: the free lists are the worker's own; a free block's first word links to the next.
    unsafe {
        for class in 0..orion_abi::ctx::FRAME_CLASS_COUNT {
            let mut block = (*worker).head.ctx.free[class];
            for _ in 1..SPARE_KEEP {
                if block.is_null() {
                    break;
                }
                block = *block.cast::<*mut u8>();
            }
            if block.is_null() {
                continue;
            }
            let rest = *block.cast::<*mut u8>();
            if !rest.is_null() {
                *block.cast::<*mut u8>() = null_mut();
                shared.spare().lists[class].push(rest);
                shared.spare_lists.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Blocks of a class that another worker did not need, as a list; null: there are none.
///
/// # Safety
/// `ctx` heads a worker.
pub unsafe fn take_spare_blocks(ctx: *mut Ctx, class: usize) -> *mut u8 {
    // SAFETY: several workers run, or have run.
    unsafe {
        let shared = shared_of(crate::world::world_of(ctx));
        if shared.spare_lists.load(Ordering::Relaxed) == 0 {
            return null_mut();
        }
        let Some(list) = shared.spare().lists[class].pop() else { return null_mut() };
        shared.spare_lists.fetch_sub(1, Ordering::Relaxed);
        list
    }
}
