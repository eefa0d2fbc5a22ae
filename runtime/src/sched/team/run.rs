//! A worker's loop, and the run of all of them.

use std::{ptr::null_mut, sync::atomic::compiler_fence};

use orion_abi::Ctx;
use orion_fast::{atomic::Ordering, sync::forced};

use super::{Shared, assemble, clock, disband, queue, rest, shared_of};
use crate::{
    io,
    os::{sync::Barrier, thread},
    sched::{
        ATTEND_CHECKPOINT, ATTEND_HALT, ATTEND_PAUSE, ATTEND_REPORT, ATTEND_STOP, ATTEND_TICK, End,
        ROUND, dispatch, ops::limit_of, prepare, round_trip,
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

/// Runs tasks on so many threads, this one among them, until the run ends.
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
        let world = (*worker).world;
        (*world).io.leave_event_alone();
        io::resume(Worker::ctx(worker));
        let shared = assemble(worker, threads);
        crate::heap::arena::orion_parallel.fetch_add(1, Ordering::Relaxed);
        (*worker).team.thread = Some(thread::current());
        rest::adopt(world);
        rest::scatter(&*shared, worker);
        let mut handles = Vec::new();
        // No worker may come to rest as the last one before all are there.
        let begin = std::sync::Arc::new(Barrier::new(threads));
        for index in 1..threads {
            let address = WorkerAddress((&(*shared).workers)[index]);
            let barrier = std::sync::Arc::clone(&begin);
            let builder = thread::Builder::new()
                .name(format!("worker {index}"))
                .stack_size(stack_bytes + reserve_bytes);
            #[cfg(test)]
            let bodies = crate::testing::bodies();
            let spawned = builder.spawn(move || {
                let WorkerAddress(worker) = { address };
                #[cfg(test)]
                crate::testing::set_bodies(bodies);
                run_other(worker, &barrier, stack_bytes);
            });
            match spawned {
                Ok(handle) => handles.push(handle),
                Err(error) => {
                    crate::output::emergency(format!("error: cannot start a thread: {error}\n"));
                    crate::start::exit_now(crate::start::PANIC_STATUS);
                }
            }
        }
        let ticker = clock::start_ticker(shared);
        if let Some(handle) = &ticker {
            let _ = (*shared).ticker.set(handle.thread().clone());
        }
        begin.wait();
        work(worker);
        for handle in handles.into_iter().chain(ticker) {
            // A worker that panicked has aborted the process.
            let _ = handle.join();
        }
        disband(world);
        crate::heap::arena::orion_parallel.fetch_sub(1, Ordering::Relaxed);
        rest::take_end(world)
    }
}

/// The thread of a worker that is not the first.
fn run_other(worker: *mut Worker, begin: &Barrier, stack_bytes: usize) {
    // SAFETY: the worker is this thread's.
    unsafe {
        (*worker).team.thread = Some(thread::current());
        prepare(worker, stack_bytes, true);
        begin.wait();
        work(worker);
    }
}

/// Runs tasks until the run is over.
unsafe fn work(worker: *mut Worker) {
    // SAFETY: as for `run`.
    unsafe {
        let ctx = Worker::ctx(worker);
        let shared = shared_of((*worker).world);
        let limit = if (*worker).always_poll { usize::MAX } else { (*worker).stack_limit };
        loop {
            clock::fire_timers(ctx);
            io::shared::busy_round(ctx);
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
                } else if forced(ctx) == 2 {
                    rest::halt(
                        worker,
                        || true,
                        || {
                            round_trip((*(*worker).world).worker);
                            rest::adopt((*worker).world);
                            None
                        },
                    );
                }
            }
        }
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
        let team = &raw mut (*worker).team;
        for task in std::mem::take(&mut (*team).held) {
            queue::orion_ready_shared(Worker::ctx(worker), task);
        }
        if bits & ATTEND_TICK != 0 {
            (*team).ticks = (*team).ticks.wrapping_add(1);
            if (*team).ticks.is_multiple_of(BOUNDARY_TICKS) {
                (*team).behind = (*team).own.len();
            }
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
