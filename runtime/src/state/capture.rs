//! The world to bytes: one whole checkpoint as a new file.
//!
//! Input: a world in which no task runs. Output: the bytes of a state file. Tasks, channels and scopes are walked in order of their ids, values
//! by their types; equal worlds give equal bytes.

use super::encode::{Encoder, Locals, Unsavable};
use super::program::Program;
use crate::frames::{arms_of, point_of, result_at, slot_at, slot_is_valid, slots_of};
use crate::generator::Generator;
use crate::panic::{Cause, Panic, TraceLine};
use crate::sched::park::node_of;
use crate::scope::Scope;
use crate::world::{World, extra_if};
use orion_abi::desc::ARM_AFTER;
use orion_abi::{Frame, Site};
use orion_fast::chan::{Chan, place};
use orion_fast::task::{TASK_ENDED, TASK_GENERATOR, TASK_RUNNING, Task, TaskQueue};
use orion_fast::wait::WaitQueue;
use orion_format::bytes::write_varint;
use orion_format::frame::Commit;
use orion_format::image::ImageWriter;
use orion_format::world::{
    Blob, CAUSE_CANCELLED, CAUSE_PANIC, CAUSE_SCOPE_FAILED, ChannelItem, FRAME_ENDED, FrameItem,
    GeneratorItem, Globals, Item, Object, PanicItem, Progress, ScopeItem, SharedItem, SiteItem,
    TaskItem, TimerItem, TraceItem, Waiter,
};
use rustc_hash::FxHashMap;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is written beside the world.
pub struct Header {
    /// Number of the checkpoint.
    pub number: u64,
    /// The file is closed: nothing will be appended.
    pub sealed: bool,
    /// The moment.
    pub now_ns: i64,
}

/// Places in the source, by content: two programs' images, or an image and a restored state, may hold one place twice.
#[derive(Default)]
struct Sites {
    by_address: FxHashMap<*const Site, u64>,
    by_content: HashMap<(&'static str, &'static str, u32, u32), u64>,
    list: Vec<SiteItem<'static>>,
}

impl Sites {
    fn id(&mut self, site: *const Site) -> u64 {
        if site.is_null() {
            return 0;
        }
        if let Some(&id) = self.by_address.get(&site) {
            return id;
        }
        // SAFETY: sites are constants of the image or of the table of restored ones, which is never freed.
        let (function, file, line, column) = unsafe {
            let site = &*site;
            (site.function.as_str(), site.file.as_str(), site.line, site.column)
        };
        let next = self.list.len() as u64 + 1;
        let id = *self.by_content.entry((function, file, line, column)).or_insert(next);
        if id == next {
            self.list.push(SiteItem { id, function, file, line, column });
        }
        self.by_address.insert(site, id);
        id
    }

    fn panic<'p>(&mut self, panic: &'p Panic) -> PanicItem<'p> {
        PanicItem {
            cause: match panic.cause {
                Cause::Panic => CAUSE_PANIC,
                Cause::Cancelled => CAUSE_CANCELLED,
                Cause::ScopeFailed => CAUSE_SCOPE_FAILED,
            },
            message: &panic.message,
            site: self.id(panic.site),
            trace: panic
                .trace
                .iter()
                .map(|line| match line {
                    TraceLine::Call(site) => TraceItem::Call(self.id(*site)),
                    TraceLine::Spawn { id, name, site } => {
                        TraceItem::Spawn { task: *id, name: name.as_deref(), site: self.id(*site) }
                    }
                    TraceLine::Repeated(count) => TraceItem::Repeated(*count),
                })
                .collect(),
            others: panic.others.iter().map(String::as_str).collect(),
        }
    }
}

/// A frame whose slots lie in a buffer.
struct FrameHead {
    function: u32,
    point: u32,
    state: u8,
    status: u8,
    outcome: u32,
    slots: Range<usize>,
}

/// A checkpoint that is being written.
pub(super) struct Capture<'p> {
    program: &'p Program,
    pub(super) encoder: Encoder<'p>,
    writer: ImageWriter,
    sites: Sites,
    locals: Locals,
    slots: Vec<u8>,
    value: Vec<u8>,
}

/// The file of a program that has ended with a status.
///
/// # Errors
/// When the schema is too large for the format.
pub fn finished(
    program: &Program,
    number: u64,
    status: i32,
    now_ns: i64,
) -> Result<Vec<u8>, String> {
    let globals = nothing(Progress::Finished(status), now_ns);
    ImageWriter::base(number, &program.encoded).commit(&Commit {
        durable: 0,
        sealed: true,
        globals,
    })
}

/// Globals of a world in which nothing is.
fn nothing<'w>(progress: Progress, now_ns: i64) -> Globals<'w> {
    Globals {
        progress,
        now_ns,
        next_ids: [0; 6],
        main_task: 0,
        ready: Vec::new(),
        idlers: Vec::new(),
        random: [[0; 4]; 2],
        seed: 0,
        seeded: false,
        countdown: 0,
        hash_seed: 0,
        args: Vec::new(),
        wake_at_ns: None,
        handles: Vec::new(),
        next_handle: 1,
    }
}

/// Writes the whole world.
///
/// # Errors
/// When something in it cannot be saved; the text says what.
///
/// # Safety
/// `world` is valid, belongs to `program`, and none of its tasks runs.
pub unsafe fn capture(
    world: *mut World,
    program: &Program,
    header: &Header,
) -> Result<Vec<u8>, String> {
    let mut capture = Capture::new(program, header.number);
    // SAFETY: the caller's promise; nothing changes the world meanwhile.
    unsafe {
        for task in World::tasks(world) {
            capture.task(world, task)?;
        }
        let mut chan = (*world).first_chan;
        while !chan.is_null() {
            capture.channel(chan)?;
            chan = (*chan).all_next;
        }
        let mut scope = (*world).first_scope;
        while !scope.is_null() {
            capture.scope(scope)?;
            scope = (*scope).all_next;
        }
        let mut shared_count = 0;
        while shared_count < capture.encoder.shared_count() {
            capture.shared(shared_count)?;
            shared_count += 1;
        }
        capture.finish(world, header, Progress::Running)
    }
}

fn unsavable(error: Unsavable) -> String {
    error.0
}

impl<'p> Capture<'p> {
    /// Nothing is written yet.
    pub(super) fn new(program: &'p Program, number: u64) -> Self {
        Self {
            program,
            encoder: Encoder::new(program),
            writer: ImageWriter::base(number, &program.encoded),
            sites: Sites::default(),
            locals: Locals::default(),
            slots: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Writes the places and the commit; all bytes.
    pub(super) unsafe fn finish(
        mut self,
        world: *mut World,
        header: &Header,
        progress: Progress,
    ) -> Result<Vec<u8>, String> {
        let site_count = self.sites.list.len() as u64;
        for site in std::mem::take(&mut self.sites.list) {
            self.writer.item(&Item::Site(site))?;
        }
        let shared_count = self.encoder.shared_count() as u64;
        // SAFETY: the world outlives the commit. Where other workers run, only what they may change by atomic operations is looked at.
        let mut globals = unsafe {
            if progress == Progress::Running {
                globals(world, header.now_ns, shared_count, site_count)
            } else {
                alone(world, header.now_ns, shared_count, site_count)
            }
        };
        globals.progress = progress;
        self.writer.commit(&Commit { durable: 0, sealed: header.sealed, globals })
    }

    pub(super) unsafe fn task(&mut self, world: *mut World, task: *mut Task) -> Result<(), String> {
        self.locals.clear();
        self.slots.clear();
        // SAFETY: the task is alive and suspended or ended, so its frames are valid.
        unsafe {
            if (*task).state == TASK_RUNNING {
                return Err(format!("task {} is running", (*task).id));
            }
            let mut chain = Vec::new();
            let mut frame = (*task).leaf;
            while !frame.is_null() {
                chain.push(frame);
                frame = (*frame).parent;
            }
            let ended = (*task).state == TASK_ENDED;
            let mut heads = Vec::with_capacity(chain.len());
            for frame in chain.iter().rev() {
                heads.push(self.frame(*frame, ended)?);
            }
            self.encoder.finish_locals(&mut self.locals).map_err(unsavable)?;
            let extra = extra_if(task);
            let (mut name, mut panic, mut join_error) = (None, None, None);
            if let Some(extra) = &extra {
                name = extra.name.as_deref();
                panic = extra.panic.as_ref().map(|panic| self.sites.panic(panic));
                join_error = extra.join_error.as_ref().map(|panic| self.sites.panic(panic));
            }
            let scope = (*task).scope.cast::<Scope>();
            let slots = &self.slots;
            let item = TaskItem {
                id: (*task).id,
                name,
                site: self.sites.id((*task).site),
                scope: if scope.is_null() { 0 } else { (*scope).id },
                state: (*task).state,
                flags: (*task).flags,
                generator: self.generator(task),
                panic,
                join_error,
                timers: if ended { Vec::new() } else { timers(world, (*task).leaf) },
                frames: heads
                    .into_iter()
                    .map(|head| FrameItem {
                        function: head.function,
                        point: head.point,
                        state: head.state,
                        status: head.status,
                        outcome: head.outcome,
                        slots: Blob(&slots[head.slots]),
                    })
                    .collect(),
                locals: self.locals.objects(),
            };
            self.writer.item(&Item::Task(item))
        }
    }

    /// What a generator is beside a task.
    unsafe fn generator(&self, task: *mut Task) -> Option<GeneratorItem> {
        // SAFETY: the flag says that the task heads a generator; a joiner lies in the leaf of the task that waits for it.
        unsafe {
            if (*task).flags & TASK_GENERATOR == 0 {
                return None;
            }
            let ty = (*task.cast::<Generator>()).ty;
            let node = (*task).joiner;
            let driver =
                if node.is_null() { 0 } else { (*(*(*node).frame).task.cast::<Task>()).id };
            Some(GeneratorItem { ty: (!ty.is_null()).then(|| self.program.type_index(ty)), driver })
        }
    }

    unsafe fn frame(&mut self, frame: *mut Frame, ended: bool) -> Result<FrameHead, String> {
        let start = self.slots.len();
        // SAFETY: the frame is suspended, or ended with a result; its map says which slots are valid.
        unsafe {
            let meta = (*frame).meta;
            let Some(function) = self.program.function_index(meta) else {
                let name = (*meta).name.as_str();
                return Err(format!("function `{name}` is not in the program's table"));
            };
            if ended {
                self.slot(result_at(frame), (*meta).result)?;
            } else {
                for slot in slots_of(point_of(frame)) {
                    if slot_is_valid(frame, slot) {
                        if let Some(reach) = &mut self.encoder.reach {
                            slot.name.as_str().clone_into(&mut reach.variable);
                        }
                        self.slot(slot_at(frame, slot.offset), slot.ty)?;
                    }
                }
            }
            // What an operation left behind is not state: equal worlds have equal bytes.
            let completed = (*frame).state == orion_abi::frame::FRAME_COMPLETED;
            Ok(FrameHead {
                function,
                point: if ended { 0 } else { (*frame).at },
                state: if ended { FRAME_ENDED } else { (*frame).state },
                status: if ended { (*frame).status } else { 0 },
                outcome: if completed { (*frame).outcome } else { 0 },
                slots: start..self.slots.len(),
            })
        }
    }

    /// Writes a slot: the length of its value, and the value.
    unsafe fn slot(&mut self, at: *const u8, ty: *const orion_abi::TypeDesc) -> Result<(), String> {
        self.value.clear();
        // SAFETY: the caller's slot holds a value of the type.
        unsafe {
            self.encoder.value(&mut self.value, at, ty, &mut self.locals).map_err(unsavable)?;
        }
        write_varint(&mut self.slots, self.value.len() as u64);
        self.slots.extend_from_slice(&self.value);
        if self.encoder.reach.is_some() {
            // At once, so that what they lead to is known by this variable.
            // SAFETY: as above.
            unsafe { self.encoder.finish_locals(&mut self.locals).map_err(unsavable)? };
        }
        Ok(())
    }

    pub(super) unsafe fn channel(&mut self, chan: *mut Chan) -> Result<(), String> {
        self.locals.clear();
        self.value.clear();
        // SAFETY: the channel is alive; its buffer holds `len` values.
        unsafe {
            for index in 0..(*chan).len {
                self.encoder
                    .value(&mut self.value, place(chan, index), (*chan).elem, &mut self.locals)
                    .map_err(unsavable)?;
            }
            self.encoder.finish_locals(&mut self.locals).map_err(unsavable)?;
            let item = ChannelItem {
                id: (*chan).id,
                elem: self.program.type_index((*chan).elem),
                site: self.sites.id((*chan).site),
                capacity: (*chan).cap as u64,
                closed: (*chan).closed != 0,
                count: (*chan).len as u64,
                values: Blob(&self.value),
                locals: self.locals.objects(),
                receivers: waiters(&(*chan).receivers),
                senders: waiters(&(*chan).senders),
            };
            self.writer.item(&Item::Channel(item))
        }
    }

    unsafe fn scope(&mut self, scope: *mut Scope) -> Result<(), String> {
        // SAFETY: the scope is alive, and its owner as long as it is set.
        unsafe {
            let owner = (*scope).owner;
            let failure = &(*scope).failure;
            let item = ScopeItem {
                id: (*scope).id,
                owner: if owner.is_null() { 0 } else { (*owner).id },
                site: self.sites.id((*scope).site),
                ended: (*scope).ended,
                cancelling: (*scope).cancelling,
                panic: failure.as_ref().map(|panic| self.sites.panic(panic)),
            };
            self.writer.item(&Item::Scope(item))
        }
    }

    /// Writes a shared object, which may lead to further ones.
    pub(super) unsafe fn shared(&mut self, index: usize) -> Result<(), String> {
        self.locals.clear();
        self.value.clear();
        // SAFETY: nothing was dropped since the object was found.
        let (ty, count) = unsafe {
            let found = self.encoder.shared_object(index, &mut self.value, &mut self.locals);
            let found = found.map_err(unsavable)?;
            self.encoder.finish_locals(&mut self.locals).map_err(unsavable)?;
            found
        };
        let item = SharedItem {
            id: index as u64 + 1,
            object: Object { ty, count, bytes: Blob(&self.value) },
            locals: self.locals.objects(),
        };
        self.writer.item(&Item::Object(item))
    }
}

/// The timers that a suspended leaf waits for.
unsafe fn timers(world: *mut World, leaf: *mut Frame) -> Vec<TimerItem> {
    let mut timers = Vec::new();
    // SAFETY: while a frame waits, its nodes are valid; a node of a timer has a target while the heap holds it.
    unsafe {
        if leaf.is_null() || (*leaf).state != orion_abi::frame::FRAME_WAITING {
            return timers;
        }
        let point = point_of(leaf);
        for (index, arm) in arms_of(point).iter().enumerate() {
            let node = node_of(leaf, point, index);
            if arm.kind == ARM_AFTER && !(*node).target.is_null() {
                let timer = (*world).timers.timer_of(node);
                timers.push(TimerItem {
                    arm: index as u32,
                    deadline_ns: timer.deadline_ns,
                    sequence: timer.sequence,
                });
            }
        }
    }
    timers
}

unsafe fn waiters(queue: &WaitQueue) -> Vec<Waiter> {
    let mut waiters = Vec::new();
    let mut node = queue.head;
    while !node.is_null() {
        // SAFETY: queued nodes lie in waiting frames, whose tasks are alive.
        unsafe {
            let task = (*(*node).frame).task.cast::<Task>();
            waiters.push(Waiter { task: (*task).id, arm: (*node).arm });
            node = (*node).next;
        }
    }
    waiters
}

unsafe fn queued(queue: &TaskQueue) -> Vec<u64> {
    let mut ids = Vec::new();
    let mut task = queue.head;
    while !task.is_null() {
        // SAFETY: queued tasks are alive.
        unsafe {
            ids.push((*task).id);
            task = (*task).next;
        }
    }
    ids
}

/// What a generator by itself has of a world: ids that were given out.
unsafe fn alone<'w>(
    world: *mut World,
    now_ns: i64,
    shared_count: u64,
    site_count: u64,
) -> Globals<'w> {
    // SAFETY: the counters may be changed by other workers, atomically.
    let next = |counter: *mut u64| unsafe { AtomicU64::from_ptr(counter).load(Ordering::Relaxed) };
    // SAFETY: the caller's world is valid.
    let (task, chan, scope) = unsafe {
        let (task, chan) = (&raw mut (*world).next_task_id, &raw mut (*world).next_chan_id);
        (next(task), next(chan), next(&raw mut (*world).next_scope_id))
    };
    Globals {
        next_ids: [task, chan, scope, shared_count + 1, site_count + 1, 0],
        ..nothing(Progress::Running, now_ns)
    }
}

unsafe fn globals<'w>(
    world: *mut World,
    now_ns: i64,
    shared_count: u64,
    site_count: u64,
) -> Globals<'w> {
    // SAFETY: the world outlives the commit that is written from these, and nothing changes it meanwhile.
    unsafe {
        let world: &'w World = &*world;
        let ready = queued(&(*world.worker).head.ready);
        let main = world.main;
        let wake_at_ns =
            world.timers.first().map(|timer| timer.deadline_ns).filter(|_| ready.is_empty());
        let args = &world.args;
        Globals {
            progress: Progress::Running,
            now_ns,
            next_ids: [
                world.next_task_id,
                world.next_chan_id,
                world.next_scope_id,
                shared_count + 1,
                site_count + 1,
                world.timers.next_sequence,
            ],
            main_task: if main.is_null() { 0 } else { (*main).id },
            ready,
            idlers: queued(&world.idlers),
            random: [world.rng.state, world.program_rng.state],
            seed: world.seed,
            seeded: world.config.seed.is_some(),
            countdown: (*world.worker).countdown,
            hash_seed: world.hash_seed,
            args: args.iter().map(String::as_str).collect(),
            wake_at_ns,
            handles: world.io.handles.items(),
            next_handle: world.io.handles.next,
        }
    }
}
