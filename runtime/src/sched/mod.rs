//! The scheduler: one worker's loop, and the trampoline that runs a task's frames.
//!
//! Algorithm: FIFO over ready tasks; timers are looked at when nothing is ready, at each tick, and every [`ROUND`] dispatches. When nothing is ready: due
//! timers, then one idler, then wait for the next timer, and if there is none the program is in a deadlock.
//!
//! Invariants: while the loop stands between two dispatches every task is suspended, so that is where checkpoints are taken and reports are made.

pub mod cancel;
pub mod explore;
pub mod fail;
pub mod join;
pub mod nested;
pub mod ops;
pub mod park;
pub mod scopes;
pub mod select;
pub mod signals;
pub mod team;
pub mod teardown;
pub mod ticker;

#[cfg(test)]
#[expect(
    clippy::undocumented_unsafe_blocks,
    reason = "each test makes the worker that it calls into, and lives in it alone"
)]
mod tests;

use std::{
    ptr::null_mut,
    sync::atomic::compiler_fence,
    time::{Duration, Instant},
};

use orion_abi::{
    Ctx, Frame,
    ctx::{FORCE_EXPLORE, FORCE_RESTORE, FORCE_SUSPEND},
    desc::ARM_AFTER,
    frame::{FRAME_ENDED, FRAME_RUNNING},
    outcome::OUTCOME_DONE,
};
use orion_fast::{
    atomic::{AtomicU8, Ordering},
    sync::{FORCE_MASK, forced, is_parallel},
    task::{
        TASK_CANCEL_ASKED, TASK_GENERATOR, TASK_IDLING, TASK_INTERRUPTED, TASK_RUNNING, Task,
        complete,
    },
    wait::{NODE_HAS_SIBLINGS, arm_kind},
};

use crate::{
    config::Force,
    generator,
    sched::{ops::limit_of, park::orion_unlink_siblings_slow},
    world::{IdKind, Worker, World, world_of},
};

/// `Worker::attention`: half a slice has passed.
pub const ATTEND_TICK: u32 = 1;
/// `Worker::attention`: a signal asks to save and exit.
pub const ATTEND_STOP: u32 = 2;
/// `Worker::attention`: a signal asks for the report.
pub const ATTEND_REPORT: u32 = 4;
/// `Worker::attention`: `@pause()`.
pub const ATTEND_PAUSE: u32 = 8;
/// `Worker::attention`: `@checkpoint()`.
pub const ATTEND_CHECKPOINT: u32 = 16;

/// `Worker::attention`: another worker halts the world.
pub const ATTEND_HALT: u32 = 32;
/// `Worker::attention`: it is time to see whether several workers are better than one.
pub const ATTEND_BALANCE: u32 = 64;

/// Dispatches between two looks at the clock while tasks are ready.
pub(super) const ROUND: u64 = 64;

/// Rounds after which spawned tasks may no longer overtake what is ready (at a tick they may not either).
const BOUNDARY_ROUNDS: u32 = 64;

/// Exit status after `@pause()` or a signal.
pub const PAUSED_STATUS: i32 = 75;

/// How a run ended.
#[derive(Debug)]
pub enum End {
    /// The main task has ended; its root frame holds the result, or its panic is in its `extra`.
    Main,
    /// Saved; to be resumed.
    Paused,
    /// No task can ever run again.
    Deadlock,
    /// The state could not be saved.
    SaveFailed(crate::state::Refusal),
}

/// Sets bits of the worker's attention.
///
/// # Safety
/// `worker` is valid.
pub unsafe fn attend(worker: *mut Worker, bits: u32) {
    // SAFETY: the caller's promise.
    unsafe { (*worker).attention.fetch_or(bits, Ordering::Relaxed) };
}

/// The flags of a task: other tasks may set some of them at any time.
///
/// # Safety
/// `task` outlives the reference.
#[inline]
#[must_use]
pub unsafe fn flags_of<'a>(task: *mut Task) -> &'a AtomicU8 {
    // SAFETY: the caller's promise; flags change by atomic operations only once the task is known to others.
    unsafe { AtomicU8::from_ptr(&raw mut (*task).flags) }
}

/// Sets flags; what they were.
///
/// # Safety
/// `task` is alive.
pub unsafe fn set_flags(task: *mut Task, flags: u8) -> u8 {
    // SAFETY: the caller's promise.
    unsafe { flags_of(task).fetch_or(flags, Ordering::SeqCst) }
}

/// Clears flags.
///
/// # Safety
/// `task` is alive.
pub unsafe fn clear_flags(task: *mut Task, flags: u8) {
    // SAFETY: the caller's promise.
    unsafe { flags_of(task).fetch_and(!flags, Ordering::SeqCst) };
}

/// Sets the state of a task; others may look at it.
///
/// # Safety
/// `task` is alive, and the caller's.
#[inline(always)]
pub unsafe fn set_state(task: *mut Task, state: u8) {
    // SAFETY: the caller's promise.
    unsafe { AtomicU8::from_ptr(&raw mut (*task).state).store(state, Ordering::Relaxed) };
}

/// The state of a task that another worker may be running: a hint.
///
/// # Safety
/// `task` is alive.
#[inline]
#[must_use]
pub unsafe fn state_of(task: *mut Task) -> u8 {
    // SAFETY: the caller's promise.
    unsafe { AtomicU8::from_ptr(&raw mut (*task).state).load(Ordering::Relaxed) }
}

/// Runs tasks on this worker alone until the run ends; none: until the other workers are wanted.
///
/// # Safety
/// `worker` has a world with a main task; this thread's stack extends to `stack_limit` and beyond.
pub unsafe fn run(worker: *mut Worker) -> Option<End> {
    // SAFETY: everything below upholds the invariants of the modules it uses.
    unsafe {
        let ctx = Worker::ctx(worker);
        let limit = if (*worker).always_poll { usize::MAX } else { (*worker).stack_limit };
        let mut rounds = 0u32;
        crate::io::resume(ctx);
        loop {
            rounds = rounds.wrapping_add(1);
            if rounds.is_multiple_of(BOUNDARY_ROUNDS) {
                set_boundary(worker);
            }
            if let Some(end) = look_at_clock(worker) {
                return Some(end);
            }
            for _ in 0..ROUND {
                limit_of(ctx).store(limit, Ordering::Relaxed);
                // A signal that came before the store is seen below, a later one poisons again.
                compiler_fence(Ordering::SeqCst);
                if (*worker).attention.load(Ordering::Relaxed) != 0 {
                    let asks = (*worker).attention.load(Ordering::Relaxed) & ATTEND_BALANCE != 0;
                    if let Some(end) = attend_now(worker) {
                        return Some(end);
                    }
                    if asks && team::run::is_wanted(worker) {
                        return None;
                    }
                }
                let task = next_task(worker);
                if task.is_null() {
                    match wait_for_work(worker) {
                        Some(end) => return Some(end),
                        None => continue,
                    }
                }
                let dispatches = (*worker).dispatches.load(Ordering::Relaxed);
                (*worker).dispatches.store(dispatches + 1, Ordering::Relaxed);
                if dispatch(ctx, task) {
                    finish_orphans(worker);
                    return Some(End::Main);
                }
                if (*ctx).force == FORCE_RESTORE && !skips_round_trip(worker) {
                    round_trip(worker, Instant::now());
                }
            }
        }
    }
}

/// After main has ended: generators that were dropped with pending `defer`s end as well.
#[cold]
pub(super) unsafe fn finish_orphans(worker: *mut Worker) {
    // SAFETY: as for `run`.
    unsafe {
        let world = (*worker).world;
        while (*world).orphans.load(Ordering::Relaxed) > 0 {
            let task = next_task(worker);
            if task.is_null() {
                fire_timers(world);
                if !(*worker).head.ready.is_empty() {
                    continue;
                }
                if (*world).io.is_active() {
                    let until = (*world).timers.first().map(|timer| timer.deadline_ns);
                    let now_ns = (*world).clock.peek_ns();
                    let wait = until.map_or(-1, |at| at.saturating_sub(now_ns).max(0));
                    crate::io::round(Worker::ctx(worker), Some(wait));
                    continue;
                }
                // What waits for nothing that can happen is left.
                let Some(timer) = (*world).timers.first() else { return };
                let until = timer.deadline_ns.saturating_sub((*world).clock.peek_ns()).max(0);
                signals::wait(until);
                (*world).clock.advance_to(timer.deadline_ns);
                continue;
            }
            dispatch(Worker::ctx(worker), task);
        }
    }
}

/// The next task to run, or null.
#[inline(always)]
unsafe fn next_task(worker: *mut Worker) -> *mut Task {
    // SAFETY: queued tasks are alive.
    unsafe {
        if (*worker).head.ctx.force == FORCE_EXPLORE {
            explore::pop(worker)
        } else {
            (*worker).head.pop()
        }
    }
}

/// Runs a task until it suspends or ends; true when it was the main task and has ended.
#[inline]
pub(super) unsafe fn dispatch(ctx: *mut Ctx, task: *mut Task) -> bool {
    // SAFETY: a ready task's leaf is suspended and can be resumed.
    unsafe {
        let mut frame = (*task).leaf;
        let flags = flags_of(task).load(Ordering::Relaxed);
        if flags & TASK_INTERRUPTED != 0 && is_parallel(ctx) {
            cancel::interrupt_ready(task, frame);
        }
        if flags & TASK_CANCEL_ASKED != 0 && is_unstarted(frame) {
            if flags & TASK_GENERATOR != 0 {
                generator::end_unstarted(ctx, task);
            } else {
                join::end_unstarted(ctx, task);
            }
            return false;
        }
        (*ctx).task = task.cast();
        set_state(task, TASK_RUNNING);
        let mut child: *mut Frame = null_mut();
        loop {
            (*ctx).child = child;
            (*frame).state = FRAME_RUNNING;
            ((*(*frame).meta).resume)(ctx, frame);
            if (*frame).state != FRAME_ENDED {
                if is_parallel(ctx) {
                    team::commit::commit(ctx, task);
                }
                return false;
            }
            let parent = (*frame).parent;
            if parent.is_null() {
                break;
            }
            child = frame;
            frame = parent;
        }
        // It is or is not from its birth on.
        if flags & TASK_GENERATOR != 0 {
            generator::root_ended(ctx, task, frame);
            return false;
        }
        let world = (*ctx.cast::<Worker>()).world;
        if task == (*world).main {
            (*task).leaf = frame;
            return true;
        }
        join::task_ended(ctx, task, frame);
        false
    }
}

/// Whether the frame stands at point 0, waiting to begin.
unsafe fn is_unstarted(frame: *mut Frame) -> bool {
    // SAFETY: the frame is a suspended leaf.
    unsafe {
        (*frame).at == 0
            && (*frame).parent.is_null()
            && (*frame).state == orion_abi::frame::FRAME_WAITING
    }
}

/// Looks at what signals, the ticker and operations asked for.
unsafe fn attend_now(worker: *mut Worker) -> Option<End> {
    // SAFETY: every task is suspended.
    unsafe {
        let world = (*worker).world;
        let bits = (*worker).attention.load(Ordering::Relaxed);
        let done = bits & !ATTEND_STOP;
        (*worker).attention.fetch_and(!done, Ordering::Relaxed);
        if bits & ATTEND_REPORT != 0 {
            team::lists::gather(world);
            (*world).output.release();
            crate::output::emergency(crate::report::live(world));
        }
        if bits & (ATTEND_PAUSE | ATTEND_STOP) != 0 && (*world).store.is_some() {
            return Some(match save(world) {
                Ok(()) => End::Paused,
                Err(refusal) => End::SaveFailed(refusal),
            });
        }
        if bits & ATTEND_CHECKPOINT != 0
            && let Err(refusal) = save(world)
        {
            return Some(End::SaveFailed(refusal));
        }
        if bits & ATTEND_TICK != 0 {
            set_boundary(worker);
            return look_at_clock(worker);
        }
        None
    }
}

/// From now on spawned tasks go to the end of the queue, until everything that is ready now has run.
unsafe fn set_boundary(worker: *mut Worker) {
    // SAFETY: the caller's promise.
    unsafe {
        let head = &mut (*worker).head;
        if head.boundary.is_null() && !head.ready.is_empty() {
            head.boundary = head.ready.tail;
        }
    }
}

/// Fires timers that are due and takes an automatic checkpoint that is.
unsafe fn look_at_clock(worker: *mut Worker) -> Option<End> {
    // SAFETY: every task is suspended.
    unsafe {
        let world = (*worker).world;
        fire_timers(world);
        crate::io::busy_round(Worker::ctx(worker));
        if checkpoint_is_due(world)
            && let Err(refusal) = save(world)
        {
            return Some(End::SaveFailed(refusal));
        }
        None
    }
}

/// Whether an automatic checkpoint should be taken now.
///
/// # Safety
/// `world` is valid.
#[must_use]
pub unsafe fn checkpoint_is_due(world: *mut World) -> bool {
    // SAFETY: the caller's promise.
    unsafe { until_checkpoint_ns(world) == Some(0) }
}

/// Time until the next automatic checkpoint, if there is anything new to save.
pub(super) unsafe fn until_checkpoint_ns(world: *mut World) -> Option<i64> {
    // SAFETY: the caller's promise.
    unsafe {
        if (*world).store.is_none() || (*world).config.every_ns == 0 {
            return None;
        }
        let (when, at) = (*world).last_save;
        let dispatches = World::dispatches(world);
        if dispatches == at {
            return None;
        }
        let passed = i64::try_from(when.elapsed().as_nanos()).unwrap_or(i64::MAX);
        Some(((*world).config.every_ns - passed).max(0))
    }
}

/// Writes a checkpoint; then what the program wrote before it is released.
pub(super) unsafe fn save(world: *mut World) -> Result<(), crate::state::Refusal> {
    // SAFETY: every task is suspended; the store is out of the world while it works on it.
    unsafe {
        let Some(mut store) = (*world).store.take() else { return Ok(()) };
        team::lists::gather(world);
        (*world).io.handles.sync();
        let result = store.checkpoint(world);
        (*world).store = Some(store);
        result?;
        (*world).output.release();
        let dispatches = World::dispatches(world);
        (*world).last_save = (Instant::now(), dispatches);
        Ok(())
    }
}

/// `ORION_FORCE=restore`: the world becomes bytes and is rebuilt from them. Once that has taken a while (a large world costs time in proportion
/// to its size), only every so many suspensions of a worker, ever fewer. `worker` asks for it, and has done so since `start`: where several run, bringing
/// them to a halt counts as well.
pub(super) unsafe fn round_trip(worker: *mut Worker, start: Instant) {
    // SAFETY: every task is suspended.
    unsafe {
        team::lists::gather((*worker).world);
        if let Err(message) = crate::state::roundtrip((*worker).world) {
            crate::output::emergency(format!("error: ORION_FORCE=restore: {message}\n"));
            crate::start::exit_now(ROUND_TRIP_STATUS);
        }
        let spent = &mut (*(*(*worker).world).worker).round_trips.spent;
        *spent += start.elapsed();
        let excess_ms = spent.saturating_sub(ROUND_TRIPS_FREE).as_millis() as u64;
        (*worker).round_trips.skip = excess_ms * excess_ms / 100;
    }
}

/// Whether this suspension is one of those after which the world is not rebuilt.
///
/// # Safety
/// `worker` is the caller's own.
pub(super) unsafe fn skips_round_trip(worker: *mut Worker) -> bool {
    // SAFETY: the caller's promise.
    let trips = unsafe { &mut (*worker).round_trips };
    let skips = trips.skip > 0;
    trips.skip = trips.skip.saturating_sub(1);
    skips
}

/// Exit status when a world does not survive its round trip.
const ROUND_TRIP_STATUS: i32 = 70;
/// Time for round trips at every suspension.
const ROUND_TRIPS_FREE: Duration = Duration::from_secs(1);

/// Makes tasks ready whose timers are due.
///
/// # Safety
/// `world` is valid.
pub unsafe fn fire_timers(world: *mut World) {
    // SAFETY: the heap's nodes belong to waiting frames.
    unsafe {
        let ctx = Worker::ctx((*world).worker);
        // What is due comes up one by one then, see `explore::pop`.
        if (*world).timers.is_empty() || (*ctx).force == FORCE_EXPLORE {
            return;
        }
        let now = (*world).clock.peek_ns();
        while (*world).timers.first().is_some_and(|timer| timer.deadline_ns <= now) {
            fire_first(ctx);
        }
    }
}

/// The task of the first timer becomes ready.
unsafe fn fire_first(ctx: *mut Ctx) {
    // SAFETY: there is one, and its node belongs to a waiting frame.
    unsafe {
        let timers = &mut (*world_of(ctx)).timers;
        let Some(timer) = timers.first() else { return };
        let node = timer.node;
        timers.remove(node);
        debug_assert_eq!(arm_kind((*node).kind), ARM_AFTER);
        let frame = (*node).frame;
        if (*node).kind & NODE_HAS_SIBLINGS != 0 {
            orion_unlink_siblings_slow(ctx, frame, node);
        }
        complete(ctx, frame, (*node).arm << 1);
    }
}

/// No task is ready: makes one ready, waiting for time to pass if need be; `Some` when the run is over.
#[cold]
unsafe fn wait_for_work(worker: *mut Worker) -> Option<End> {
    // SAFETY: every task is suspended.
    unsafe {
        let world = (*worker).world;
        let ctx = Worker::ctx(worker);
        fire_timers(world);
        if !(*worker).head.ready.is_empty() {
            return None;
        }
        if !(*world).idlers.head.is_null() && (*world).io.is_active() {
            // Who waits for the kernel is ready before who waits for everybody.
            crate::io::round(ctx, None);
            if !(*worker).head.ready.is_empty() {
                return None;
            }
        }
        let idler = (*world).idlers.pop();
        if !idler.is_null() {
            clear_flags(idler, TASK_IDLING);
            complete(ctx, (*idler).leaf, OUTCOME_DONE);
            return None;
        }
        (*world).output.release();
        let deadline_ns = (*world).timers.first().map(|timer| timer.deadline_ns);
        let has_io = (*world).io.is_active();
        if deadline_ns.is_none() && !has_io {
            return Some(End::Deadlock);
        }
        let now_ns = (*world).clock.peek_ns();
        let until_timer = deadline_ns.map(|at| at.saturating_sub(now_ns).max(0));
        let wait = match (until_timer, until_checkpoint_ns(world)) {
            (Some(timer), Some(checkpoint)) => timer.min(checkpoint),
            (timer, checkpoint) => timer.or(checkpoint).unwrap_or(-1),
        };
        let begun = Instant::now();
        (*worker).sleeping.store(true, Ordering::Release);
        // A test under a seed does not wait for time to pass, it makes it pass; the kernel it has to wait for.
        let jumps = !has_io && (*world).config.test.is_some() && (*world).clock.is_virtual();
        let asked = |worker: *mut Worker| {
            (*worker).attention.load(Ordering::Relaxed) & !(ATTEND_TICK | ATTEND_BALANCE) != 0
        };
        if !jumps && !asked(worker) {
            if has_io {
                crate::io::round(ctx, Some(wait));
            } else {
                signals::wait(wait);
            }
        }
        ticker::wake(worker);
        if let Some(deadline_ns) = deadline_ns
            && Some(wait) == until_timer
            && !asked(worker)
        {
            // With input or output under way time is what it took, without it is what was waited for.
            let passed = i64::try_from(begun.elapsed().as_nanos()).unwrap_or(i64::MAX);
            let now_ns = now_ns.saturating_add(passed);
            (*world).clock.advance_to(if has_io { deadline_ns.min(now_ns) } else { deadline_ns });
        }
        look_at_clock(worker)
    }
}

/// The main task of a fresh run.
///
/// # Safety
/// `worker` has a world without tasks.
pub unsafe fn spawn_main(worker: *mut Worker) {
    // SAFETY: the program's descriptors are valid.
    unsafe {
        let world = (*worker).world;
        let ctx = Worker::ctx(worker);
        let program = &*(*world).program;
        let test = (*world).config.test.filter(|&test| (test as u64) < program.test_count);
        let main = test.map_or(program.main, |test| *program.tests.add(test));
        let frame = ((*main).ramp)(ctx, 0);
        let id = World::next_id(ctx, IdKind::Task);
        let task = crate::world::new_task(ctx, id, frame, crate::world::no_site());
        (*task).state = orion_fast::task::TASK_READY;
        (*world).main = task;
        (*worker).head.ready.push(task);
    }
}

/// Prepares a worker for running on this thread's stack, `stack_bytes` of which lie below the caller.
///
/// # Safety
/// `worker` has a world. `fresh`: it was not restored (a restored one goes on counting where it stood).
pub unsafe fn prepare(worker: *mut Worker, stack_bytes: usize, fresh: bool) {
    let here = 0u8;
    // SAFETY: the caller's promise.
    unsafe {
        let world = (*worker).world;
        let ctx = Worker::ctx(worker);
        (*worker).stack_limit = (&raw const here as usize).saturating_sub(stack_bytes);
        let force = match (*world).config.force {
            Force::None if (*world).clock.is_virtual() => FORCE_EXPLORE,
            Force::None => 0,
            Force::Suspend => FORCE_SUSPEND,
            Force::Restore => FORCE_RESTORE,
        };
        (*ctx).force = ((*ctx).force & !FORCE_MASK) | force;
        (*worker).always_poll = forced(ctx) != 0;
        if fresh && (*worker).always_poll {
            (*worker).countdown = ops::next_countdown(ctx);
        }
    }
}
