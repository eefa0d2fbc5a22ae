//! The state of a run: what a checkpoint holds, and the worker that executes it.
//!
//! `Worker` begins with the context that generated code passes around, so a `*mut Ctx` *is* a `*mut Worker`. Everything of the run hangs from
//! it; nothing is global. Access goes through raw pointers with short borrows: any function here may run generated code or be called by it,
//! so no `&mut World` may live across a call that can reach the world again.
//!
//! Enumeration: tasks hang from their scopes, scopes and channels from the world, all in order of creation; values hang from frames,
//! channels and results. That is all there is to save.

use std::{
    ptr::{null, null_mut},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Instant,
};

use orion_abi::{Ctx, Frame, ProgramDesc, Site, ctx::FRAME_CLASS_COUNT};
use orion_fast::{
    atomic::AtomicU32,
    chan::Chan,
    sync::is_parallel,
    task::{Task, TaskQueue, WorkerHead},
};

use crate::{
    clock::Clock,
    config::Config,
    generator::Generator,
    heap::arena::Arena,
    io::Io,
    output::Output,
    panic::TaskExtra,
    rng::Rng,
    sched::team::{Team, lists},
    scope::Scope,
    sites::SiteTable,
    state::Store,
    timer::TimerHeap,
};

/// Appends an object to the list between two ends.
macro_rules! list_push {
    ($ends:expr, $object:expr) => {{
        let (first, last) = $ends;
        (*$object).all_prev = *last;
        (*$object).all_next = null_mut();
        if (*last).is_null() {
            *first = $object;
        } else {
            (**last).all_next = $object;
        }
        *last = $object;
    }};
}
pub(crate) use list_push;

/// Takes an object out of the list between two ends.
macro_rules! list_remove {
    ($ends:expr, $object:expr) => {{
        let (first, last) = $ends;
        let (prev, next) = ((*$object).all_prev, (*$object).all_next);
        if prev.is_null() {
            *first = next;
        } else {
            (*prev).all_next = next;
        }
        if next.is_null() {
            *last = prev;
        } else {
            (*next).all_prev = prev;
        }
    }};
}
pub(crate) use list_remove;

/// How often the world is still rebuilt under `ORION_FORCE=restore`.
#[derive(Default)]
pub struct RoundTrips {
    /// Time that it has taken all workers so far; counted by the first.
    pub spent: std::time::Duration,
    /// Suspensions of this worker until the next one that it asks for.
    pub skip: u64,
}

/// What ids are given to.
#[derive(Clone, Copy)]
pub enum IdKind {
    /// Tasks and generators.
    Task = 0,
    /// Channels.
    Chan = 1,
    /// Scopes.
    Scope = 2,
}

/// Ids that a worker takes at a time where several run.
const ID_BLOCK: u64 = 64;

/// A worker: executes tasks.
#[repr(C)]
pub struct Worker {
    /// Context and run queue.
    pub head: WorkerHead,
    /// The run it works on.
    pub world: *mut World,
    /// Memory behind the free lists.
    pub arena: Arena,
    /// Dead objects whose parts are still to be dropped (see `heap::drop`).
    pub dead: Vec<crate::heap::drop::Dead>,
    /// A drop is under way: nested ones only add to `dead`.
    pub dropping: bool,
    /// Counts dispatches: the ticker sees whether one task runs on and on, a checkpoint whether anything has happened. Written by the worker only.
    pub dispatches: AtomicU64,
    /// What the scheduler has to look at before it runs the next task (`sched::ATTEND_*`); set by the ticker and by signal handlers too.
    pub attention: AtomicU32,
    /// The worker waits in the kernel.
    pub sleeping: AtomicBool,
    /// The thread that ends time slices, once it is needed.
    pub ticker: Option<crate::sched::ticker::Ticker>,
    /// `ctx.limit` stays poisoned: every check counts (`--seed`, `ORION_FORCE`).
    pub always_poll: bool,
    /// The native stack ran out: the frame that parks next goes on at once.
    pub reifying: bool,
    /// Lowest address that generated code may use; what `ctx.limit` is when it is not poisoned.
    pub stack_limit: usize,
    /// Preemptions under `ORION_FORCE` so far.
    pub forced_polls: u64,
    /// Round trips under `ORION_FORCE=restore`.
    pub round_trips: RoundTrips,
    /// Polls until the next preemption, under `--seed` and `ORION_FORCE`.
    pub countdown: u64,
    /// Tasks that run on the stack of another one at the moment.
    pub nested: u32,
    /// Everything is being dropped: handles are not followed.
    pub tearing_down: bool,
    /// Why the last `@load` failed, until the program asks.
    pub load_error: Option<String>,
    /// What it needs where several workers run.
    pub team: Team,
}

/// The run.
pub struct World {
    /// The program.
    pub program: *const ProgramDesc,
    /// The worker.
    pub worker: *mut Worker,
    /// The main task; null before the start and once it has ended.
    pub main: *mut Task,
    /// Scopes, in order of creation.
    pub first_scope: *mut Scope,
    /// Last of them.
    pub last_scope: *mut Scope,
    /// Channels, in order of creation.
    pub first_chan: *mut Chan,
    /// Last of them.
    pub last_chan: *mut Chan,
    /// Generators, in order of creation.
    pub first_generator: *mut Generator,
    /// Last of them.
    pub last_generator: *mut Generator,
    /// Guards the lists of scopes, channels and generators where several workers run.
    pub lists_lock: u32,
    /// Guards `timers` where several workers run.
    pub timers_lock: u32,
    /// Guards `program_rng` and `sites` where several workers run.
    pub rare_lock: u32,
    /// What the workers share where several run, or null.
    pub shared: *mut crate::sched::team::Shared,
    /// Dropped generators whose `defer`s still run.
    pub orphans: AtomicU64,
    /// Tasks at `@idle()`, first come first.
    pub idlers: TaskQueue,
    /// Pending timers.
    pub timers: TimerHeap,
    /// Input and output.
    pub io: Io,
    /// Guards `io` where several workers run.
    pub io_lock: u32,
    /// Choices of the scheduler.
    pub rng: Rng,
    /// The program's random numbers.
    pub program_rng: Rng,
    /// Seed of the hash of map keys.
    pub hash_seed: u64,
    /// The seed that the run was started with.
    pub seed: u64,
    /// Ids given out so far.
    pub next_task_id: u64,
    /// As above.
    pub next_scope_id: u64,
    /// As above.
    pub next_chan_id: u64,
    /// `@args()`.
    pub args: Vec<String>,
    /// Places in the source that came from a state file.
    pub sites: SiteTable,
    /// When the last checkpoint was written, and at which dispatch. Not saved.
    pub last_save: (Instant, u64),
    /// Flags of the run. Not saved (but for seed and arguments, which are copied above).
    pub config: Config,
    /// Time.
    pub clock: Clock,
    /// Output.
    pub output: Output,
    /// The state file, with `--state`.
    pub store: Option<Store>,
}

impl Worker {
    /// A worker without a world.
    #[must_use]
    pub fn new() -> Box<Self> {
        Box::new(Self {
            head: WorkerHead {
                ctx: Ctx {
                    limit: 0,
                    child: null_mut(),
                    task: null_mut(),
                    free: [null_mut(); FRAME_CLASS_COUNT],
                    force: 0,
                },
                ready: TaskQueue::new(),
                lone_yields: 0,
                spawned: null_mut(),
                boundary: null_mut(),
            },
            world: null_mut(),
            arena: Arena::default(),
            dead: Vec::new(),
            dropping: false,
            dispatches: AtomicU64::new(0),
            attention: AtomicU32::new(0),
            sleeping: AtomicBool::new(false),
            ticker: None,
            always_poll: false,
            reifying: false,
            stack_limit: 0,
            forced_polls: 0,
            round_trips: RoundTrips::default(),
            countdown: u64::MAX,
            nested: 0,
            tearing_down: false,
            load_error: None,
            team: Team::default(),
        })
    }

    /// The context.
    #[must_use]
    pub fn ctx(worker: *mut Self) -> *mut Ctx {
        worker.cast()
    }
}

impl World {
    /// A world before its start: no task, no channel.
    #[must_use]
    pub fn new(program: *const ProgramDesc, worker: *mut Worker, config: Config) -> Box<Self> {
        let seed = config.seed.unwrap_or_else(random_seed);
        let mut seeds = Rng::new(seed ^ 0x6f72_696f_6e21);
        // Several threads cannot share a clock that they make pass.
        let clock = Clock::new(config.seed.is_some() && config.threads == 1);
        let args = config.args.clone();
        Box::new(Self {
            program,
            worker,
            main: null_mut(),
            first_scope: null_mut(),
            last_scope: null_mut(),
            first_chan: null_mut(),
            last_chan: null_mut(),
            first_generator: null_mut(),
            last_generator: null_mut(),
            lists_lock: 0,
            timers_lock: 0,
            rare_lock: 0,
            shared: null_mut(),
            orphans: AtomicU64::new(0),
            idlers: TaskQueue::new(),
            timers: TimerHeap::default(),
            rng: Rng::new(seed),
            program_rng: Rng::new(seeds.next_u64()),
            hash_seed: seeds.next_u64(),
            io_lock: 0,
            io: Io::new((seeds.next_u64() >> HANDLE_SHIFT) as i64),
            seed,
            next_task_id: 1,
            next_scope_id: 1,
            next_chan_id: 1,
            args,
            sites: SiteTable::default(),
            last_save: (Instant::now(), 0),
            config,
            clock,
            output: Output::new(),
            store: None,
        })
    }

    /// All tasks and generators alive, in order of creation (ids ascend).
    ///
    /// # Safety
    /// `world` is valid.
    #[must_use]
    pub unsafe fn tasks(world: *mut Self) -> Vec<*mut Task> {
        let mut tasks = Vec::new();
        // SAFETY: the caller's promise; listed tasks are alive.
        unsafe {
            Self::for_each_task(world, |task| tasks.push(task));
            tasks.sort_by_key(|&task| (*task).id);
        }
        tasks
    }

    /// Does something with all tasks and generators alive, in no order.
    ///
    /// # Safety
    /// `world` is valid; the action leaves the lists as they are.
    pub unsafe fn for_each_task(world: *mut Self, mut action: impl FnMut(*mut Task)) {
        // SAFETY: linked scopes and tasks are alive.
        unsafe {
            if !(*world).main.is_null() {
                action((*world).main);
            }
            let mut scope = (*world).first_scope;
            while !scope.is_null() {
                let mut task = (*scope).first;
                while !task.is_null() {
                    action(task);
                    task = (*task).scope_next;
                }
                scope = (*scope).all_next;
            }
            let mut generator = (*world).first_generator;
            while !generator.is_null() {
                action(generator.cast());
                generator = (*generator).all_next;
            }
        }
    }

    /// A fresh id. Where several workers run each takes them by the block.
    ///
    /// # Safety
    /// `ctx` heads a worker with a world.
    pub unsafe fn next_id(ctx: *mut Ctx, kind: IdKind) -> u64 {
        // SAFETY: the caller's promise; where several workers run the world's counters are accessed as atomics only.
        unsafe {
            let world = world_of(ctx);
            let next = match kind {
                IdKind::Task => &raw mut (*world).next_task_id,
                IdKind::Chan => &raw mut (*world).next_chan_id,
                IdKind::Scope => &raw mut (*world).next_scope_id,
            };
            if !is_parallel(ctx) {
                *next += 1;
                return *next - 1;
            }
            let own = &mut (*worker_of(ctx)).team.ids[kind as usize];
            if own.is_empty() {
                let first = AtomicU64::from_ptr(next).fetch_add(ID_BLOCK, Ordering::Relaxed);
                *own = first..first + ID_BLOCK;
            }
            own.start += 1;
            own.start - 1
        }
    }

    /// All workers.
    ///
    /// # Safety
    /// `world` is valid.
    #[must_use]
    pub unsafe fn workers(world: *mut Self) -> Vec<*mut Worker> {
        // SAFETY: what workers share lives as long as the world.
        unsafe {
            let shared = (*world).shared.as_ref();
            shared.map_or_else(|| vec![(*world).worker], |shared| shared.workers.clone())
        }
    }

    /// Heads of the lists of free blocks of a class that belong to no worker.
    ///
    /// # Safety
    /// As for [`Self::workers`]; no worker runs.
    #[must_use]
    pub unsafe fn spare_blocks(world: *mut Self, class: usize) -> Vec<*mut u8> {
        // SAFETY: the caller's promise.
        unsafe {
            let shared = (*world).shared.as_ref();
            shared.map_or_else(Vec::new, |shared| shared.spare().lists[class].clone())
        }
    }

    /// Dispatches of all workers so far.
    ///
    /// # Safety
    /// `world` is valid.
    #[must_use]
    pub unsafe fn dispatches(world: *mut Self) -> u64 {
        // SAFETY: workers live as long as the world.
        unsafe {
            let count = |worker: *mut Worker| (*worker).dispatches.load(Ordering::Relaxed);
            match (*world).shared.as_ref() {
                None => count((*world).worker),
                Some(shared) => shared.workers.iter().map(|&worker| count(worker)).sum(),
            }
        }
    }

    /// Appends a scope to the world's list.
    ///
    /// # Safety
    /// Both are valid; the scope is not linked.
    pub unsafe fn link_scope(world: *mut Self, scope: *mut Scope) {
        // SAFETY: linked ones are alive.
        unsafe {
            let ends = (&raw mut (*world).first_scope, &raw mut (*world).last_scope);
            list_push!(ends, scope);
        }
    }

    /// Takes a scope out of the world's list.
    ///
    /// # Safety
    /// The scope is linked.
    pub unsafe fn unlink_scope(world: *mut Self, scope: *mut Scope) {
        // SAFETY: linked ones are alive.
        unsafe {
            let ends = (&raw mut (*world).first_scope, &raw mut (*world).last_scope);
            list_remove!(ends, scope);
        }
    }

    /// Appends a channel to the world's list.
    ///
    /// # Safety
    /// Both are valid; the channel is not linked.
    pub unsafe fn link_chan(world: *mut Self, chan: *mut Chan) {
        // SAFETY: linked ones are alive.
        unsafe {
            let ends = (&raw mut (*world).first_chan, &raw mut (*world).last_chan);
            list_push!(ends, chan);
        }
    }

    /// Takes a channel out of the world's list.
    ///
    /// # Safety
    /// The channel is linked.
    pub unsafe fn unlink_chan(world: *mut Self, chan: *mut Chan) {
        // SAFETY: linked ones are alive.
        unsafe {
            let ends = (&raw mut (*world).first_chan, &raw mut (*world).last_chan);
            list_remove!(ends, chan);
        }
    }
}

/// The worker behind a context.
#[must_use]
pub fn worker_of(ctx: *mut Ctx) -> *mut Worker {
    ctx.cast()
}

/// The world behind a context.
///
/// # Safety
/// `ctx` heads a worker that has a world.
#[must_use]
pub unsafe fn world_of(ctx: *mut Ctx) -> *mut World {
    // SAFETY: the caller's promise.
    unsafe { (*worker_of(ctx)).world }
}

/// The rare parts of a task, made when there are none.
///
/// # Safety
/// `task` is alive; the reference ends before anything else touches the task.
pub unsafe fn extra_of<'a>(task: *mut Task) -> &'a mut TaskExtra {
    // SAFETY: `extra` is null or a box that the task owns.
    unsafe {
        if (*task).extra.is_null() {
            (*task).extra = Box::into_raw(Box::<TaskExtra>::default()).cast();
        }
        &mut *(*task).extra.cast::<TaskExtra>()
    }
}

/// The rare parts of a task, if it has any.
///
/// # Safety
/// As for [`extra_of`].
#[must_use]
pub unsafe fn extra_if<'a>(task: *mut Task) -> Option<&'a mut TaskExtra> {
    // SAFETY: as above.
    unsafe { (*task).extra.cast::<TaskExtra>().as_mut() }
}

/// A new task, in no scope and no queue, with one frame chain.
///
/// # Safety
/// `ctx` heads a worker; `leaf` is a frame (or null) whose `task` this function sets.
pub unsafe fn new_task(ctx: *mut Ctx, id: u64, leaf: *mut Frame, site: *const Site) -> *mut Task {
    // SAFETY: the block has room for a task.
    unsafe {
        let task = orion_fast::blocks::block_alloc(ctx, size_of::<Task>()).cast::<Task>();
        task.write(Task::new(id, leaf, 0, site));
        if !leaf.is_null() {
            (*leaf).task = task.cast();
        }
        task
    }
}

/// Frees a task that is in no scope's list and no queue, and has no frame.
///
/// # Safety
/// Nobody refers to the task any more.
pub unsafe fn free_task(ctx: *mut Ctx, task: *mut Task) {
    // SAFETY: the task is the caller's to free.
    unsafe {
        if !(*task).extra.is_null() {
            drop(Box::from_raw((*task).extra.cast::<TaskExtra>()));
        }
        if (*task).flags & orion_fast::task::TASK_GENERATOR != 0 {
            crate::generator::free(ctx, task.cast());
            return;
        }
        orion_fast::blocks::block_free(ctx, task.cast(), size_of::<Task>());
    }
}

/// A new channel with one count, linked into the world.
///
/// # Safety
/// `ctx` heads a worker; `elem` is a type of the program; `cap` times its size fits in memory. Null when memory is exhausted.
pub unsafe fn new_chan(
    ctx: *mut Ctx,
    id: u64,
    cap: usize,
    elem: *const orion_abi::TypeDesc,
    site: *const Site,
) -> *mut Chan {
    // SAFETY: the block has room for a channel.
    unsafe {
        let bytes = cap * (*elem).size as usize;
        let buf = if bytes == 0 { null_mut() } else { orion_fast::blocks::block_alloc(ctx, bytes) };
        let chan = orion_fast::blocks::block_alloc(ctx, size_of::<Chan>()).cast::<Chan>();
        chan.write(Chan {
            rc: 1,
            cap,
            len: 0,
            head: 0,
            buf,
            elem_bytes: (*elem).size,
            closed: 0,
            receivers: orion_fast::wait::WaitQueue::new(),
            senders: orion_fast::wait::WaitQueue::new(),
            elem,
            site,
            id,
            all_prev: null_mut(),
            all_next: null_mut(),
            lock: 0,
            home: 0,
            user: 0,
        });
        lists::add_chan(ctx, chan);
        chan
    }
}

/// Frees a channel whose buffer holds no value and on which nobody waits.
///
/// # Safety
/// Nobody refers to the channel any more.
pub unsafe fn free_chan(ctx: *mut Ctx, chan: *mut Chan) {
    // SAFETY: the channel is the caller's to free.
    unsafe {
        lists::remove_chan(ctx, chan);
        let bytes = (*chan).cap * (*chan).elem_bytes as usize;
        if bytes != 0 {
            orion_fast::blocks::block_free(ctx, (*chan).buf, bytes);
        }
        orion_fast::blocks::block_free(ctx, chan.cast(), size_of::<Chan>());
    }
}

/// A new scope with one count, linked into the world.
///
/// # Safety
/// `ctx` heads a worker.
pub unsafe fn new_scope(ctx: *mut Ctx, id: u64, owner: *mut Task, site: *const Site) -> *mut Scope {
    // SAFETY: the block has room for a scope.
    unsafe {
        let scope = orion_fast::blocks::block_alloc(ctx, size_of::<Scope>()).cast::<Scope>();
        scope.write(Scope::new(id, owner, site));
        lists::add_scope(ctx, scope);
        scope
    }
}

/// Frees a scope without tasks.
///
/// # Safety
/// Nobody refers to the scope any more.
pub unsafe fn free_scope(ctx: *mut Ctx, scope: *mut Scope) {
    // SAFETY: the scope is the caller's to free.
    unsafe {
        lists::remove_scope(ctx, scope);
        drop((*scope).failure.take());
        orion_fast::blocks::block_free(ctx, scope.cast(), size_of::<Scope>());
    }
}

/// A null site, for what the runtime makes itself.
#[must_use]
pub const fn no_site() -> *const Site {
    null()
}

/// Numbers of handles begin anywhere below 2 to the power of 40, so that one of another process means nothing here.
const HANDLE_SHIFT: u32 = 24;

/// A seed from the system.
fn random_seed() -> u64 {
    let mut seed = [0u8; 8];
    // SAFETY: the buffer has 8 bytes.
    let got = unsafe { libc::getrandom(seed.as_mut_ptr().cast(), 8, 0) };
    if got == 8 {
        u64::from_le_bytes(seed)
    } else {
        crate::clock::wall_ns() as u64 ^ (u64::from(std::process::id()) << 40)
    }
}
