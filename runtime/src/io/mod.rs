//! Input and output: operations of the kernel as suspend points.
//!
//! A task asks by `@io` (`request`). What can be answered at once is (`instant`); else the task suspends and the operation becomes a job (`job`) on a handle
//! (`handles`), which goes step by step (`steps`; `accept` for listeners). Its system calls (`call`) are collected while tasks run, and when none is ready the scheduler hands all of them to the kernel
//! together, waits, and takes all results (`kernel`: `ring` for io_uring, `poll` for epoll, `helpers` for what blocks). So a run goes in rounds: CPU
//! phase, I/O phase, resume phase.
//!
//! Saving: a job is not saved. Its task stands at its point with the request in a slot, the table of handles is saved, and a resumed program asks again:
//! of a file that was reopened at its position, or of a connection that is gone, which gives an error. Within one process (`ORION_FORCE=restore`)
//! descriptors stay open and jobs under way find the rebuilt frames by their tasks' numbers.
//!
//! Invariants: everything here hangs from [`Io`], and nothing in it is touched by generated code, so one lock around it makes it fit for several
//! workers; tasks are made ready outside its methods, by [`settle`]. Buffers belong to jobs, never to frames.

pub mod accept;
pub mod call;
pub mod handles;
pub mod helpers;
pub mod instant;
pub mod job;
pub mod kernel;
pub mod poll;
pub mod request;
pub mod ring;
pub mod saved;
pub mod shared;
pub mod socket;
pub mod steps;

use std::{
    collections::{BTreeSet, VecDeque},
    ptr::null_mut,
    time::{Duration, Instant},
};

use orion_abi::{
    Ctx, Frame, ListObject, TypeDesc,
    desc::{IoAnswer, IoRequest, TypeKind},
    outcome::{OUTCOME_DONE, OUTCOME_UNWIND},
};
use orion_fast::{
    sync::{forced, is_parallel},
    task::{Task, complete},
};
use rustc_hash::FxHashMap;
use slab::Slab;

use crate::{
    frames::{arms_of, point_of, slot_at},
    heap::{list, text},
    sched::{cancel, park::node_of, signals},
    world::{World, world_of},
};
use handles::Handles;
use job::{Job, Order, Stop};
use kernel::{Kernel, Wish};
use request::{Answer, CLOSE, CONNECT, Failure, Outcome, READ, READ_LINE, STDIN, WRITE};

/// While tasks are ready, the kernel is looked at this often.
const BUSY_ROUND: Duration = Duration::from_micros(200);
/// The longest wait in the kernel: whoever waits for ever looks around now and then.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// `u8`, as the element type of the lists made here.
static BYTE_TYPE: TypeDesc = TypeDesc {
    kind: TypeKind::U8 as u8,
    flags: 0,
    pad: 0,
    size: 1,
    align: 1,
    count: 0,
    name: orion_abi::StaticStr::new("u8"),
    elem: std::ptr::null(),
    fields: std::ptr::null(),
    variants: std::ptr::null(),
};

/// All input and output of a run.
pub struct Io {
    /// What is open.
    pub handles: Handles,
    /// Who carries calls out; none until the first job.
    kernel: Option<Kernel>,
    /// What to open; from the environment.
    wish: Wish,
    /// Sockets are made so that they never block.
    nonblocking: bool,
    /// Boxes: the kernel knows addresses inside of a job.
    jobs: Slab<Box<Job>>,
    tokens: FxHashMap<u64, usize>,
    /// Jobs of tasks that wait for them, by the tasks' numbers.
    by_task: FxHashMap<u64, usize>,
    next_token: u64,
    /// Jobs of listeners.
    accepting: usize,
    deadlines: BTreeSet<(Instant, u64)>,
    /// Jobs that have their lane and have not begun.
    to_begin: VecDeque<usize>,
    /// Frames whose operation is over, and how.
    ended: Vec<(*mut Frame, Outcome)>,
    /// Frames of a restored world whose operations begin again.
    restored: Vec<*mut Frame>,
    /// Several workers use it: whoever waits in the kernel watches the event descriptor himself.
    is_shared: bool,
    /// Handles of a restored world are to be reopened.
    reopen: bool,
    /// The run has begun: handles are what they say.
    running: bool,
    results: Vec<(u64, i32)>,
    last_round: Instant,
}

impl Io {
    /// Nothing is open. Handles are numbered from `first`.
    #[must_use]
    pub fn new(first: i64) -> Self {
        let wish = match std::env::var("ORION_IO").as_deref() {
            Ok("epoll") => Wish::Poll,
            Ok("io_uring") => Wish::Ring,
            _ => Wish::Any,
        };
        Self {
            handles: Handles::starting_at(first),
            kernel: None,
            wish,
            nonblocking: false,
            jobs: Slab::new(),
            tokens: FxHashMap::default(),
            by_task: FxHashMap::default(),
            next_token: 1,
            accepting: 0,
            deadlines: BTreeSet::new(),
            to_begin: VecDeque::new(),
            ended: Vec::new(),
            restored: Vec::new(),
            is_shared: false,
            reopen: false,
            running: false,
            results: Vec::new(),
            last_round: Instant::now(),
        }
    }

    /// Several workers use it from now on, or one does again.
    pub fn share(&mut self, is_shared: bool) {
        self.is_shared = is_shared;
        if let Some(kernel) = &mut self.kernel {
            kernel.share(is_shared);
        }
    }

    /// Whether an operation is under way: then the program is in no deadlock.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.job_count() > 0
    }

    /// How many operations are under way that somebody waits for. (What a listener accepts ahead makes no task ready.)
    #[must_use]
    pub fn job_count(&self) -> usize {
        self.jobs.len() - self.accepting
    }

    /// Whether the run has begun: then the table of handles is the truth, whatever a state says.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// A line for reports, once there is something to tell.
    #[must_use]
    pub fn report(&self) -> Option<String> {
        let kernel = self.kernel.as_ref()?;
        let stats = kernel.stats;
        Some(format!(
            "{}: {} rounds, {} submissions, {} calls; {} under way\n",
            kernel.name(),
            stats.rounds,
            stats.submissions,
            stats.calls,
            self.job_count()
        ))
    }

    /// Frames are about to be dropped: jobs under way stay, without them.
    pub fn detach(&mut self) {
        for (_, job) in &mut self.jobs {
            job.frame = null_mut();
        }
        self.restored.clear();
    }

    /// Opens the way to the kernel, if it is not open yet.
    fn open_kernel(&mut self) {
        if self.kernel.is_none() {
            let event = signals::event();
            match Kernel::open(self.wish, event) {
                Ok(mut kernel) => {
                    kernel.share(self.is_shared);
                    self.nonblocking = kernel.wants_nonblocking();
                    self.kernel = Some(kernel);
                    if self.is_shared {
                        // A worker that waits by now does not wait for this.
                        signals::wake();
                    }
                }
                Err(why) => {
                    crate::output::emergency(format!("error: no input or output: {why}\n"));
                    crate::start::exit_now(KERNEL_STATUS);
                }
            }
        }
    }

    /// A new job of a frame that waits.
    unsafe fn add(&mut self, frame: *mut Frame) -> usize {
        // SAFETY: a waiting frame's slots hold its request.
        unsafe {
            let request = request_of(frame);
            let text = if request.code == WRITE {
                Vec::new()
            } else {
                request::bytes_of(&request).to_vec()
            };
            let order = Order { code: request.code, a: request.a, b: request.b, text };
            let token = self.next_token;
            self.next_token += 1;
            let task = (*(*frame).task.cast::<Task>()).id;
            let index = self.jobs.insert(Box::new(Job::new(token, frame, task, order)));
            self.tokens.insert(token, index);
            self.by_task.insert(task, index);
            index
        }
    }
}

/// Exit status when the kernel cannot be asked for anything (`EX_OSERR`).
const KERNEL_STATUS: i32 = 71;

/// The request of a frame that stands at an `Io` point.
///
/// # Safety
/// It does.
#[must_use]
pub unsafe fn request_of(frame: *mut Frame) -> IoRequest {
    // SAFETY: the arm's target slot holds the request.
    unsafe {
        let arm = &arms_of(point_of(frame))[0];
        slot_at(frame, arm.target_offset).cast::<IoRequest>().read()
    }
}

/// Writes an answer where the program takes it.
unsafe fn write_answer(ctx: *mut Ctx, to: *mut u8, outcome: Outcome) {
    let Answer { number, bytes } = match outcome {
        Ok(answer) => answer,
        Err(Failure::Words(words)) => Answer { number: -1, bytes: words.into_bytes() },
        Err(Failure::Cancelled) => Answer::number(-1),
    };
    // SAFETY: the place has room for an answer; the new list for the bytes.
    unsafe {
        let object = if bytes.is_empty() {
            text::empty()
        } else {
            let object = list::with_capacity(ctx, bytes.len(), &raw const BYTE_TYPE);
            let first = list::element(object, 0, &raw const BYTE_TYPE);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), first, bytes.len());
            (*object.cast::<ListObject>()).len = bytes.len() as i64;
            object
        };
        to.cast::<IoAnswer>().write(IoAnswer { number, bytes: object });
    }
}

/// `@io`, first half: what needs no waiting.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_io(
    ctx: *mut Ctx,
    code: i64,
    a: i64,
    b: i64,
    bytes: *mut u8,
    answer: *mut u8,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        if forced(ctx) == 0 {
            let request = IoRequest { code, a, b, bytes };
            let outcome = if is_parallel(ctx) {
                shared::instant(ctx, &request)
            } else {
                let text = request::bytes_of(&request);
                (*world_of(ctx)).io.instant(code, a, b, text)
            };
            if let Some(outcome) = outcome {
                write_answer(ctx, answer, outcome);
                return OUTCOME_DONE;
            }
        }
        cancel::orion_would_block_slow(ctx)
    }
}

/// `@io`, second half: the operation begins, and the task waits for it.
///
/// # Safety
/// `frame` is the leaf of the running task and stands at an `Io` point; its nodes are filled.
pub unsafe fn park(ctx: *mut Ctx, task: *mut Task, frame: *mut Frame) {
    // SAFETY: the caller's promise.
    unsafe {
        let world = world_of(ctx);
        let request = request_of(frame);
        if forced(ctx) != 0 {
            let text = request::bytes_of(&request);
            if let Some(outcome) = (*world).io.instant(request.code, request.a, request.b, text) {
                return finish(ctx, frame, outcome);
            }
            if cancel::must_unwind(task) {
                cancel::record(task);
                return complete(ctx, frame, OUTCOME_UNWIND);
            }
        }
        if request.a == STDIN && matches!(request.code, READ | READ_LINE) {
            // Whoever waits for an answer wants to see the question.
            (*world).output.release();
        }
        begin(ctx, frame);
    }
}

/// Makes a job for a waiting frame.
unsafe fn begin(ctx: *mut Ctx, frame: *mut Frame) {
    // SAFETY: as for `park`.
    unsafe {
        let io = &mut (*world_of(ctx)).io;
        io.open_kernel();
        (*node_of(frame, point_of(frame), 0)).target = frame.cast();
        let index = io.add(frame);
        io.start(index);
        settle(ctx);
        crate::sched::ticker::ensure(crate::world::worker_of(ctx));
    }
}

/// Gives a frame the outcome of its operation and makes its task ready.
unsafe fn finish(ctx: *mut Ctx, frame: *mut Frame, outcome: Outcome) {
    // SAFETY: the frame waits at an `Io` point.
    unsafe {
        let node = node_of(frame, point_of(frame), 0);
        (*node).target = null_mut();
        if outcome == Err(Failure::Cancelled) {
            cancel::record((*frame).task.cast());
            complete(ctx, frame, OUTCOME_UNWIND);
        } else {
            write_answer(ctx, (*node).value, outcome);
            complete(ctx, frame, OUTCOME_DONE);
        }
    }
}

/// Begins jobs that have got their lane, and makes the tasks ready whose operations are over.
unsafe fn settle(ctx: *mut Ctx) {
    // SAFETY: frames with jobs wait.
    unsafe {
        let world = world_of(ctx);
        loop {
            (*world).io.begin_all();
            let ended = std::mem::take(&mut (*world).io.ended);
            if ended.is_empty() {
                return;
            }
            for (frame, outcome) in ended {
                finish(ctx, frame, outcome);
            }
        }
    }
}

/// The task that waits with this frame is cancelled: it unwinds once the kernel has given up what it has of it, or goes on with the result that came first.
///
/// # Safety
/// `frame` is the leaf of a waiting task and stands at an `Io` point.
pub unsafe fn interrupt(ctx: *mut Ctx, frame: *mut Frame) {
    // SAFETY: the caller's promise.
    unsafe {
        let io = &mut (*world_of(ctx)).io;
        let task = (*(*frame).task.cast::<Task>()).id;
        if let Some(&index) = io.by_task.get(&task) {
            io.stop(index, Stop::Cancelled);
            settle(ctx);
        } else if let Some(at) = io.restored.iter().position(|&waiting| waiting == frame) {
            io.restored.remove(at);
            finish(ctx, frame, Err(Failure::Cancelled));
        }
    }
}

/// One round: hands everything that was collected to the kernel, waits at most `wait_ns` for a result (none: not at all; negative: as long as it takes), and
/// makes tasks ready.
///
/// # Safety
/// Every task is suspended.
pub unsafe fn round(ctx: *mut Ctx, wait_ns: Option<i64>) {
    // SAFETY: frames with jobs wait.
    unsafe {
        let io = &mut (*world_of(ctx)).io;
        io.expire();
        settle(ctx);
        let io = &mut (*world_of(ctx)).io;
        let Some(kernel) = &mut io.kernel else { return };
        let wait = wait_ns.map(|ns| {
            let wait = u64::try_from(ns).map_or(WAIT_MAX, Duration::from_nanos);
            match io.deadlines.first() {
                Some((at, _)) => wait.min(at.saturating_duration_since(Instant::now())),
                None => wait.min(WAIT_MAX),
            }
        });
        let worker = crate::world::worker_of(ctx);
        // What has ended meanwhile has made tasks ready.
        let wait = wait.filter(|_| (*worker).head.ready.is_empty());
        let mut results = std::mem::take(&mut io.results);
        if let Err(error) = kernel.enter(wait, &mut results) {
            crate::output::emergency(format!("error: {} fails: {error}\n", kernel.name()));
            crate::start::exit_now(KERNEL_STATUS);
        }
        for (token, result) in results.drain(..) {
            io.completed(token, result);
        }
        io.results = results;
        io.expire();
        io.last_round = Instant::now();
        settle(ctx);
    }
}

/// A look at the kernel while tasks are ready, if the last one was a while ago.
///
/// # Safety
/// Every task is suspended.
pub unsafe fn busy_round(ctx: *mut Ctx) {
    // SAFETY: the caller's promise.
    unsafe {
        let io = &(*world_of(ctx)).io;
        if io.is_active() && io.last_round.elapsed() >= BUSY_ROUND {
            round(ctx, None);
        }
    }
}

/// A frame of a restored world waits at an `Io` point: the job that the process still has goes on with it, or its operation will begin again.
///
/// # Safety
/// `frame` is the leaf of a waiting task; its nodes are filled.
pub unsafe fn attach(world: *mut World, frame: *mut Frame) {
    // SAFETY: the caller's promise.
    unsafe {
        let io = &mut (*world).io;
        (*node_of(frame, point_of(frame), 0)).target = frame.cast();
        match io.by_task.get(&(*(*frame).task.cast::<Task>()).id) {
            Some(&index) => io.jobs[index].frame = frame,
            None => io.restored.push(frame),
        }
    }
}

/// Before the first dispatch of a resumed run: files are reopened, and what was under way begins again.
///
/// # Safety
/// Every task is suspended.
pub unsafe fn resume(ctx: *mut Ctx) {
    // SAFETY: restored frames wait.
    unsafe {
        let io = &mut (*world_of(ctx)).io;
        io.running = true;
        if std::mem::take(&mut io.reopen) {
            for (&id, handle) in io.handles.iter_mut() {
                handle.reopen(id);
            }
            if io.handles.iter().any(|(_, handle)| handle.fd.is_some() && !handle.seeks) {
                io.open_kernel();
                if io.nonblocking {
                    io.handles.iter().for_each(|(_, handle)| handle.do_not_block());
                }
            }
        }
        for frame in std::mem::take(&mut io.restored) {
            let request = request_of(frame);
            let io = &mut (*world_of(ctx)).io;
            if request.code == CONNECT {
                finish(ctx, frame, Err(Failure::words(handles::LOST)));
            } else if request.code == CLOSE && io.handles.any(request.a).is_none() {
                // It was closed, and only the answer was missing.
                finish(ctx, frame, Ok(Answer::default()));
            } else {
                begin(ctx, frame);
            }
        }
    }
}

/// What a frame waits for, for reports.
///
/// # Safety
/// `frame` waits at an `Io` point.
#[must_use]
pub unsafe fn describe(frame: *mut Frame) -> String {
    // SAFETY: the caller's promise.
    unsafe {
        let request = request_of(frame);
        let text = || String::from_utf8_lossy(request::bytes_of(&request)).into_owned();
        match request.code {
            request::OPEN => format!("for file `{}` to be opened", text()),
            request::REMOVE => format!("for file `{}` to be removed", text()),
            CONNECT => format!("for a connection to `{}`", text()),
            request::LISTEN => format!("to listen on `{}`", text()),
            request::ACCEPT => String::from("for a connection to accept"),
            CLOSE => String::from("for a file or connection to close"),
            READ | READ_LINE if request.a == STDIN => String::from("for standard input"),
            READ | READ_LINE => String::from("to read"),
            WRITE => String::from("to write"),
            _ => String::from("for input or output"),
        }
    }
}

/// Wakes whoever waits on the event descriptor.
pub(crate) fn ring_event(event: i32) {
    let one = 1u64;
    // SAFETY: eight valid bytes; a descriptor that is none does nothing.
    unsafe { libc::write(event, (&raw const one).cast(), 8) };
}

/// Empties the event descriptor.
pub(crate) fn drain_event(event: i32) {
    let mut count = 0u64;
    // SAFETY: room for eight bytes; the descriptor does not block.
    unsafe { libc::read(event, (&raw mut count).cast(), 8) };
}
