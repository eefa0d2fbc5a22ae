//! Several workers (`--threads N`): what they share, and how a run on them begins and ends.
//!
//! Map: `balance` says whether the run goes on with all workers or with the first one alone, and `run` changes between the two; `queue` holds ready tasks and shares them out, `lists` what there is; `run` also is a worker's loop; `rest` is what a worker does without work, and how all of them are halted;
//! `commit` registers what a parked task waits for; `chans` the operations on channels; `clock` timers and time slices.
//!
//! The algorithms are those of one worker, with locks where several may meet (see `orion_fast::sync`). What differs:
//!
//! - A task that suspends is registered for what it waits for only when its worker has left its stack (`TASK_PARKING`, then `commit`), so that nobody can wake
//!   and run a task whose frames are still being made.
//! - What was tried in vain before the task parked is tried again under the lock, since it may have become possible meanwhile.
//! - A worker keeps ready tasks to itself, and offers some of them when another one has none. A single task is not offered: its worker is about to
//!   run it, and has its values in the cache.
//!
//! Invariants: only the worker itself adds to its queue and its offer. When every worker is idle no task is ready, and none can become so but by time,
//! by a signal, or by the kernel. While the world is halted every worker stands at its loop, with all ready tasks in the queue of the first.

pub mod balance;
pub mod chans;
pub mod clock;
pub mod commit;
pub mod lists;
pub mod queue;
pub mod rest;
pub mod run;

use std::{collections::VecDeque, ops::Range, ptr::null_mut, sync::PoisonError, time::Instant};

use orion_abi::{
    Ctx, Frame, PointDesc, WaitNode,
    ctx::FRAME_CLASS_COUNT,
    desc::{ARM_AFTER, ARM_JOIN, ARM_RECV, ARM_SCOPE, ARM_SEND},
};
use orion_fast::{
    atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicUsize},
    chan::Chan,
    sync::{lock, unlock},
    task::Task,
};

use crate::{
    frames::arms_of,
    os::{
        sync::{Condvar, Mutex, MutexGuard},
        thread::{self, Thread},
    },
    rng::Rng,
    sched::{
        join,
        park::{node_of, target_of},
    },
    scope::Scope,
    world::{Worker, World, world_of},
};
use queue::Offer;

/// What a worker needs where several run.
pub struct Team {
    /// Its number, from 0.
    pub index: usize,
    /// Its ready tasks.
    pub own: VecDeque<*mut Task>,
    /// Those of them that anybody may take.
    pub offer: Offer,
    /// How many tasks at the front of the queue were spawned by the running task in its present slice, at most.
    pub fresh: usize,
    /// Ticks that it has seen.
    pub ticks: u32,
    /// While it is not 0, spawned tasks go to the end of the queue: what was ready before them is not overtaken for ever.
    pub behind: usize,
    /// Tasks that may go on when what they asked for (a checkpoint) has been done.
    pub held: Vec<*mut Task>,
    /// Channels and scopes that it has made.
    pub lists: lists::Lists,
    /// Ids that it may give out.
    pub ids: [Range<u64>; 3],
    /// Choices of its scheduler.
    pub rng: Rng,
    /// What sharing costs it.
    pub costs: balance::Costs,
    /// Its thread, to wake it by.
    pub thread: Option<Thread>,
}

impl Default for Team {
    fn default() -> Self {
        Self {
            index: 0,
            own: VecDeque::new(),
            offer: Offer::default(),
            fresh: 0,
            ticks: 0,
            behind: 0,
            held: Vec::new(),
            lists: lists::Lists::default(),
            ids: [0..0, 0..0, 0..0],
            rng: Rng::new(0),
            costs: balance::Costs::default(),
            thread: None,
        }
    }
}

/// What workers share.
pub struct Shared {
    /// All workers; the first is the world's.
    pub workers: Vec<*mut Worker>,
    /// What somebody has to look at for all (`sched::ATTEND_*`).
    pub attention: AtomicU32,
    /// Who rests, who is halted, and whether the run is over.
    pub rest: Mutex<rest::Rest>,
    /// A worker has come to a halt.
    pub halted: Condvar,
    /// The world goes on.
    pub resumed: Condvar,
    /// Workers that rest. Changed under `rest`.
    pub idle: AtomicUsize,
    /// Workers that look for work or rest.
    pub hungry: AtomicUsize,
    /// Workers that were woken and look for work.
    pub searching: AtomicUsize,
    /// Operations of the kernel that are under way. Changed under their lock.
    pub io_jobs: AtomicUsize,
    /// The team's work is over: the run has ended, or the first worker goes on alone.
    pub over: AtomicBool,
    /// All workers work; else the first one does, alone.
    pub is_working: AtomicBool,
    /// Which part of the run it is for the workers that are not the first.
    pub phase: Mutex<run::Phase>,
    /// The phase has changed.
    pub phase_changed: Condvar,
    /// Whether the run changes to the other way.
    pub balance: Mutex<balance::Balance>,
    /// When the team was made: times of `balance` count from here.
    pub made: Instant,
    /// Deadline of the first timer; `i64::MAX`: there is none. Changed under the timers' lock.
    pub next_deadline: AtomicI64,
    /// Until when the worker that waits in the kernel waits; `i64::MIN`: none does.
    pub waits_until: AtomicI64,
    /// The ticker's thread, set before the run begins.
    pub ticker: std::sync::OnceLock<Thread>,
    /// The ticker sleeps.
    pub ticker_asleep: AtomicBool,
    /// How many lists there are in `spare`, for those that do not hold the lock.
    pub spare_lists: AtomicUsize,
    /// Free blocks that no worker needs, as lists per class.
    pub spare: Mutex<Spare>,
}

/// Lists of free blocks, per class.
pub struct Spare {
    /// Heads of lists; a free block's first word links to the next.
    pub lists: [Vec<*mut u8>; FRAME_CLASS_COUNT],
}

impl Default for Spare {
    fn default() -> Self {
        Self { lists: std::array::from_fn(|_| Vec::new()) }
    }
}

// SAFETY: the pointers are to workers and blocks, which live as long as the run; what is behind them is guarded as `orion_fast::sync` says.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}
// SAFETY: a spare block belongs to whoever takes it out.
unsafe impl Send for Spare {}

/// What the workers of a world share.
///
/// # Safety
/// Several workers run, or have run.
#[must_use]
pub unsafe fn shared_of<'a>(world: *mut World) -> &'a Shared {
    // SAFETY: it lives as long as the world.
    unsafe { &*(*world).shared }
}

/// Makes workers for the threads that were asked for; the world's own is the first, and goes on alone.
///
/// # Safety
/// `worker` is the only one of its world.
pub unsafe fn assemble(worker: *mut Worker, threads: usize) -> *mut Shared {
    // SAFETY: workers and what they share live as long as the run.
    unsafe {
        let world = (*worker).world;
        let mut workers = vec![worker];
        for _ in 1..threads {
            let other = Box::into_raw(Worker::new());
            (*other).world = world;
            workers.push(other);
        }
        for (index, &each) in workers.iter().enumerate() {
            (*each).head.ctx.force = (*worker).head.ctx.force;
            (*each).team.index = index;
            (*each).team.rng = Rng::new((*world).rng.next_u64());
        }
        let shared = Box::into_raw(Box::new(Shared {
            workers,
            attention: AtomicU32::new(0),
            rest: Mutex::new(rest::Rest::default()),
            halted: Condvar::new(),
            resumed: Condvar::new(),
            idle: AtomicUsize::new(0),
            hungry: AtomicUsize::new(0),
            searching: AtomicUsize::new(0),
            io_jobs: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            is_working: AtomicBool::new(false),
            phase: Mutex::new(run::Phase::default()),
            phase_changed: Condvar::new(),
            balance: Mutex::new(balance::Balance::new((*world).config.sharing)),
            made: Instant::now(),
            next_deadline: AtomicI64::new(i64::MAX),
            waits_until: AtomicI64::new(i64::MIN),
            ticker: std::sync::OnceLock::new(),
            ticker_asleep: AtomicBool::new(false),
            spare_lists: AtomicUsize::new(0),
            spare: Mutex::new(Spare::default()),
        }));
        // Release: a signal handler looks there at any time.
        std::sync::atomic::AtomicPtr::from_ptr(&raw mut (*world).shared)
            .store(shared, std::sync::atomic::Ordering::Release);
        shared
    }
}

/// Whether operations of the kernel are under way.
///
/// # Safety
/// Several workers run.
#[must_use]
pub unsafe fn has_io(world: *mut World) -> bool {
    // SAFETY: the caller's promise.
    unsafe { shared_of(world).io_jobs.load(orion_fast::atomic::Ordering::Relaxed) > 0 }
}

impl Shared {
    /// The free blocks of nobody.
    pub fn spare(&self) -> MutexGuard<'_, Spare> {
        // A thread that panicked has aborted the process.
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `orion_unlink_siblings_slow` where several workers run: each node under the lock of what it waits for.
///
/// # Safety
/// The caller has claimed the frame's task, and holds no lock.
pub unsafe fn unlink_siblings(
    ctx: *mut Ctx,
    frame: *mut Frame,
    point: &PointDesc,
    won: *mut WaitNode,
) {
    // SAFETY: what the frame's slots refer to is alive; a node with a target is linked there, which is sure under the lock.
    unsafe {
        for (index, arm) in arms_of(point).iter().enumerate() {
            let node = node_of(frame, point, index);
            if node == won {
                continue;
            }
            let target = target_of(frame, arm);
            match arm.kind {
                ARM_AFTER => clock::remove(world_of(ctx), node),
                _ if target.is_null() => {}
                ARM_SEND | ARM_RECV => {
                    let chan = target.cast::<Chan>();
                    lock(&raw mut (*chan).lock);
                    if !(*node).target.is_null() {
                        if arm.kind == ARM_SEND {
                            (*chan).senders.unlink(node);
                        } else {
                            (*chan).receivers.unlink(node);
                        }
                    }
                    unlock(&raw mut (*chan).lock);
                }
                ARM_JOIN => {
                    let joined = target.cast::<Task>();
                    if !join::lock_end(ctx, joined) {
                        if !(*node).target.is_null() {
                            (*joined).joiner = null_mut();
                            (*node).target = null_mut();
                        }
                        join::unlock_end(ctx, joined);
                    }
                }
                ARM_SCOPE => {
                    let scope = target.cast::<Scope>();
                    lock(&raw mut (*scope).lock);
                    if !(*node).target.is_null() {
                        (*scope).waiter = null_mut();
                        (*node).target = null_mut();
                    }
                    unlock(&raw mut (*scope).lock);
                }
                // A generator and its driver are told by each other only.
                _ => {}
            }
        }
    }
}

/// Spins of a lock before it lets other threads run.
const SPINS: u32 = 100;

/// A lock is held for longer than it should be: perhaps by a thread that does not run.
#[unsafe(no_mangle)]
pub extern "C" fn orion_relax_slow(spins: u32) {
    if spins.is_multiple_of(SPINS) {
        thread::yield_now();
    } else {
        thread::spin_loop();
    }
}

/// No task.
pub(super) const NOBODY: *mut Task = null_mut();
