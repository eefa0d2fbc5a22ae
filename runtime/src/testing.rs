//! "Generated code" by hand, for the tests: functions with coroutine bodies written in Rust against the frame protocol.
//!
//! A body is a closure over [`Cx`] that is called at each resumption and says how it goes on ([`Flow`]). Its frame has sixteen slots of eight bytes behind
//! the result, then room for wait nodes. Descriptors are leaked: tests are short.

use std::{
    cell::RefCell,
    ptr::{null, null_mut},
};

use orion_abi::{
    ArmDesc, Ctx, FnDesc, Frame, PointDesc, ProgramDesc, Site, SlotDesc, StaticStr, TypeDesc,
    WaitNode,
    desc::{
        ARM_AFTER, ARM_JOIN, ARM_RECV, ARM_SCOPE, ARM_SEND, NO_SLOT, PointKind, SLOT_CONSUMED,
        SLOT_DEST, SLOT_LIVE, TYPE_NEEDS_DROP, TypeKind,
    },
    frame::{FRAME_ENDED, FRAME_RESULT_OFFSET, FRAME_WAITING, HANDLE_TO_PROMISE_BYTES},
    outcome::{OUTCOME_BLOCK, OUTCOME_UNWIND, STATUS_RETURNED, STATUS_UNWINDING},
};
use orion_fast::memory::orion_frame_alloc;

use crate::{
    config::{Config, Force, Sharing},
    heap::text,
    sched::{
        self, End,
        join::orion_try_join,
        ops::orion_try_sleep,
        park::orion_park,
        scopes::{orion_scope_enter, orion_spawn, orion_try_scope_cancel, orion_try_scope_exit},
    },
    world::{Worker, World, extra_if},
};

const SLOTS: usize = 16;
const SLOTS_OFFSET: usize = FRAME_RESULT_OFFSET + 8;
const NODES_OFFSET: usize = SLOTS_OFFSET + SLOTS * 8;
const NODES: usize = 4;
const FRAME_BYTES: usize = NODES_OFFSET + NODES * size_of::<WaitNode>();

/// How a body goes on.
pub enum Flow {
    /// It returns what `Cx::result` holds.
    Return,
    /// It unwinds.
    Unwind,
    /// It suspends at this point.
    Park(u32),
    /// It calls: the callee's frame, at this point.
    Call(u32, *mut Frame),
}

/// What a body sees.
pub struct Cx {
    /// The context.
    pub ctx: *mut Ctx,
    /// Its frame.
    pub frame: *mut Frame,
}

impl Cx {
    /// A slot, as a value of eight bytes.
    pub fn slot<T>(&self, index: usize) -> &mut T {
        assert!(size_of::<T>() <= 8);
        unsafe { &mut *self.frame.cast::<u8>().add(SLOTS_OFFSET + index * 8).cast::<T>() }
    }
    /// Its address.
    pub fn address(&self, index: usize) -> *mut u8 {
        self.slot::<u64>(index) as *mut u64 as *mut u8
    }
    /// The result.
    pub fn result<T>(&self) -> &mut T {
        unsafe { &mut *self.frame.cast::<u8>().add(FRAME_RESULT_OFFSET).cast::<T>() }
    }
    /// Where it stands.
    pub fn at(&self) -> u32 {
        unsafe { (*self.frame).at }
    }
    /// The outcome of the operation it waited for.
    pub fn outcome(&self) -> u32 {
        unsafe { (*self.frame).outcome }
    }
    /// Prints a line.
    pub fn println(&self, line: &str) {
        unsafe {
            let s = text::new(self.ctx, &format!("{line}\n"));
            crate::export::world::orion_print(self.ctx, s);
            text::drop_str(self.ctx, s);
        }
    }
    /// The ended callee: status and result; it is freed.
    pub fn callee(&self) -> (u32, u64) {
        unsafe {
            let child = (*self.ctx).child;
            let status = u32::from((*child).status);
            let result = *child.cast::<u8>().add(FRAME_RESULT_OFFSET).cast::<u64>();
            orion_fast::memory::orion_frame_free(self.ctx, child);
            (status, result)
        }
    }
}

type BodyFn = dyn Fn(&Cx) -> Flow;

/// A function. `desc` is first, so that a frame's `meta` leads here.
#[repr(C)]
pub struct Body {
    /// Its descriptor.
    pub desc: FnDesc,
    run: Box<BodyFn>,
}
// SAFETY: a body that is run by several workers touches what its frame holds only, or what is made to be shared.
unsafe impl Sync for Body {}

/// Names, types and kinds of a point, before they are leaked.
#[derive(Default)]
pub struct Point {
    kind: u32,
    text: &'static str,
    slots: Vec<SlotDesc>,
    arms: Vec<ArmDesc>,
}

/// A point of a kind.
pub fn point(kind: PointKind, text: &'static str) -> Point {
    Point { kind: kind as u32, text, ..Point::default() }
}

fn offset(index: usize) -> u32 {
    (SLOTS_OFFSET + index * 8) as u32
}

impl Point {
    fn slot(
        mut self,
        name: &'static str,
        ty: &'static TypeDesc,
        index: usize,
        role: u32,
        arm: u32,
    ) -> Self {
        self.slots.push(SlotDesc {
            name: StaticStr::new(name),
            ty,
            offset: offset(index),
            role,
            arm,
            ordinal: 0,
        });
        self
    }
    /// A variable that lives across it. (An arm may have said so of a slot already.)
    pub fn live(self, name: &'static str, ty: &'static TypeDesc, index: usize) -> Self {
        if self.slots.iter().any(|slot| slot.offset == offset(index)) {
            return self;
        }
        self.slot(name, ty, index, SLOT_LIVE, 0)
    }
    fn arm(
        mut self,
        kind: u32,
        target: Option<usize>,
        value: Option<usize>,
        ty: *const TypeDesc,
        text: &'static str,
    ) -> Self {
        self.arms.push(ArmDesc {
            kind,
            target_offset: target.map_or(NO_SLOT, offset),
            value_offset: value.map_or(NO_SLOT, offset),
            pad: 0,
            ty,
            text: StaticStr::new(text),
        });
        self
    }
    /// Sends slot `value` on the channel in slot `chan`.
    pub fn send(self, chan: usize, value: usize, ty: &'static TypeDesc) -> Self {
        let arm = self.arms.len() as u32;
        self.arm(ARM_SEND, Some(chan), Some(value), ty, "ch").slot(
            "_v",
            ty,
            value,
            SLOT_CONSUMED,
            arm,
        )
    }
    /// Receives from the channel in slot `chan` into slot `value`.
    pub fn recv(self, chan: usize, value: usize, ty: &'static TypeDesc) -> Self {
        let arm = self.arms.len() as u32;
        self.arm(ARM_RECV, Some(chan), Some(value), ty, "ch").slot("_d", ty, value, SLOT_DEST, arm)
    }
    /// Waits for as long as slot `value` says.
    pub fn after(self, value: usize) -> Self {
        self.arm(ARM_AFTER, None, Some(value), &DURATION, "").live("_after", &DURATION, value)
    }
    /// Joins the task in slot `task`, its value into slot `value`.
    pub fn join(self, task: usize, value: usize, ty: &'static TypeDesc) -> Self {
        let arm = self.arms.len() as u32;
        self.arm(ARM_JOIN, Some(task), Some(value), ty, "t")
            .slot("_t", &TASK_I64, task, SLOT_CONSUMED, arm)
            .slot("_r", ty, value, SLOT_DEST, arm)
    }
    /// Waits for the scope in slot `scope`.
    pub fn scope(self, scope: usize) -> Self {
        self.arm(ARM_SCOPE, Some(scope), None, null(), "").live("s", &SCOPE, scope)
    }
}

const fn primitive(
    kind: TypeKind,
    name: &'static str,
    drops: bool,
    elem: *const TypeDesc,
) -> TypeDesc {
    TypeDesc {
        kind: kind as u8,
        flags: if drops { TYPE_NEEDS_DROP } else { 0 },
        pad: 0,
        size: 8,
        align: 8,
        count: 0,
        name: StaticStr::new(name),
        elem,
        fields: null(),
        variants: null(),
    }
}

/// `i64`.
pub static I64: TypeDesc = primitive(TypeKind::I64, "i64", false, null());
/// `Duration`.
pub static DURATION: TypeDesc = primitive(TypeKind::Duration, "Duration", false, null());
/// `str`.
pub static STR: TypeDesc = primitive(TypeKind::Str, "str", true, null());
/// `[str]`.
pub static LIST_STR: TypeDesc = primitive(TypeKind::List, "[str]", true, &raw const STR);
/// `Chan[i64]`.
pub static CHAN_I64: TypeDesc = primitive(TypeKind::Chan, "Chan[i64]", true, &raw const I64);
/// `Chan[str]`.
pub static CHAN_STR: TypeDesc = primitive(TypeKind::Chan, "Chan[str]", true, &raw const STR);
/// `Task[i64]`.
pub static TASK_I64: TypeDesc = primitive(TypeKind::Task, "Task[i64]", true, &raw const I64);
/// `Scope`.
pub static SCOPE: TypeDesc = primitive(TypeKind::Scope, "Scope", true, null());

static TYPES: [&TypeDesc; 8] =
    [&CHAN_I64, &CHAN_STR, &DURATION, &SCOPE, &TASK_I64, &LIST_STR, &I64, &STR];

/// Functions of the test at hand, by the number of their ramp.
const RAMPS: usize = 8;
thread_local! {
    static BODIES: RefCell<Vec<&'static Body>> = const { RefCell::new(Vec::new()) };
}

/// The functions declared on this thread, for another one.
pub fn bodies() -> Vec<&'static Body> {
    BODIES.with_borrow(Clone::clone)
}

/// Declares functions of another thread on this one.
pub fn set_bodies(bodies: Vec<&'static Body>) {
    BODIES.set(bodies);
}

unsafe extern "C" fn ramp<const N: usize>(ctx: *mut Ctx, at: u32) -> *mut Frame {
    let body = BODIES.with_borrow(|bodies| bodies[N]);
    unsafe {
        let block = orion_frame_alloc(ctx, (HANDLE_TO_PROMISE_BYTES + FRAME_BYTES + 8) as i64);
        let frame = block.add(HANDLE_TO_PROMISE_BYTES).cast::<Frame>();
        (*frame).meta = &raw const body.desc;
        (*frame).at = at;
        frame
    }
}

unsafe extern "C" fn resume(ctx: *mut Ctx, frame: *mut Frame) {
    unsafe {
        let body = &*(*frame).meta.cast::<Body>();
        match (body.run)(&Cx { ctx, frame }) {
            Flow::Return => {
                (*frame).status = STATUS_RETURNED as u8;
                (*frame).state = FRAME_ENDED;
            }
            Flow::Unwind => {
                (*frame).status = STATUS_UNWINDING as u8;
                (*frame).state = FRAME_ENDED;
            }
            Flow::Park(at) => {
                (*frame).at = at;
                (*frame).state = FRAME_WAITING;
                orion_park(ctx, frame);
            }
            Flow::Call(at, callee) => {
                (*frame).at = at;
                (*frame).state = FRAME_WAITING;
                (*callee).parent = frame;
                (*callee).task = (*ctx).task;
                // A direct body would run first; here the callee starts suspended at its first point.
                orion_park_callee(ctx, callee);
            }
        }
    }
}

/// The callee is made ready at once: as if it had suspended at its start.
unsafe fn orion_park_callee(ctx: *mut Ctx, callee: *mut Frame) {
    unsafe {
        let task = (*ctx).task.cast::<orion_fast::task::Task>();
        (*task).leaf = callee;
        (*task).state = orion_fast::task::TASK_READY;
        (*ctx.cast::<orion_fast::task::WorkerHead>()).ready.push(task);
    }
}

/// A place in a made-up file.
pub const fn site(function: &'static str, line: u32) -> Site {
    Site { function: StaticStr::new(function), file: StaticStr::new("test.or"), line, column: 1 }
}

/// Declares a function of the test; the first one is `main`.
pub fn function(
    name: &'static str,
    result: &'static TypeDesc,
    points: Vec<Point>,
    run: impl Fn(&Cx) -> Flow + 'static,
) -> &'static Body {
    let points: Vec<PointDesc> = points
        .into_iter()
        .enumerate()
        .map(|(index, point)| PointDesc {
            kind: point.kind,
            ordinal: index as u32,
            text: StaticStr::new(point.text),
            site: site(name, index as u32 + 1),
            slot_count: point.slots.len() as u32,
            arm_count: point.arms.len() as u32,
            slots: point.slots.leak().as_ptr(),
            arms: point.arms.leak().as_ptr(),
            wait_offset: NODES_OFFSET as u32,
            pad: 0,
            callee_result: if point.kind == PointKind::Call as u32 {
                &raw const I64
            } else {
                null()
            },
        })
        .collect();
    let ramps: [unsafe extern "C" fn(*mut Ctx, u32) -> *mut Frame; RAMPS] =
        [ramp::<0>, ramp::<1>, ramp::<2>, ramp::<3>, ramp::<4>, ramp::<5>, ramp::<6>, ramp::<7>];
    BODIES.with_borrow_mut(|bodies| {
        let point_count = points.len() as u32;
        let body: &'static Body = Box::leak(Box::new(Body {
            desc: FnDesc {
                name: StaticStr::new(name),
                site: site(name, 0),
                mir_hash: 1,
                ramp: ramps[bodies.len()],
                resume,
                result,
                points: points.leak().as_ptr(),
                point_count,
                frame_size: FRAME_BYTES as u32,
                generator: null(),
            },
            run: Box::new(run),
        }));
        bodies.push(body);
        body
    })
}

/// Makes a frame of a function at its start.
pub fn frame_of(cx: &Cx, body: &Body) -> *mut Frame {
    unsafe { (body.desc.ramp)(cx.ctx, 0) }
}

/// Sets a parameter of a new frame.
pub fn set<T>(frame: *mut Frame, index: usize, value: T) {
    unsafe { frame.cast::<u8>().add(SLOTS_OFFSET + index * 8).cast::<T>().write(value) };
}

/// What a run gave.
pub struct Ran {
    /// How it ended.
    pub end: String,
    /// What it printed.
    pub output: String,
    /// Main's result.
    pub result: i64,
}

/// Runs the functions declared since the last run, in one mode.
pub fn run(force: Force, seed: u64, real_time: bool) -> Ran {
    run_on(1, Sharing::default(), force, seed, real_time)
}

/// Stack of a worker.
const STACK_BYTES: usize = 512 << 10;

/// As [`run`], on so many threads.
pub fn run_on(threads: u32, sharing: Sharing, force: Force, seed: u64, real_time: bool) -> Ran {
    unsafe {
        let worker = Box::into_raw(Worker::new());
        let seed = (!real_time).then_some(seed);
        let config = Config { force, seed, threads, sharing, ..Config::default() };
        let world = Box::into_raw(World::new(program(), worker, config));
        (*worker).world = world;
        run_world(world, STACK_BYTES)
    }
}

/// Runs a world that has just been made, on stacks of so many bytes.
///
/// # Safety
/// It has a worker, and nothing else.
pub unsafe fn run_world(world: *mut World, stack_bytes: usize) -> Ran {
    unsafe {
        let worker = (*world).worker;
        let threads = (*world).config.threads;
        (*world).output.capture();
        sched::spawn_main(worker);
        sched::prepare(worker, stack_bytes, true);
        if (*Worker::ctx(worker)).force == orion_abi::ctx::FORCE_EXPLORE {
            // Virtual time is wanted, not another order of tasks.
            (*Worker::ctx(worker)).force = 0;
        }
        if threads > 1 {
            sched::signals::open_event();
        }
        let end = sched::team::run::run(worker, threads as usize, stack_bytes, 256 << 10);
        let mut result = 0;
        let text = match end {
            End::Main => {
                let main = (*world).main;
                let root = (*main).leaf;
                let text = if u32::from((*root).status) == STATUS_RETURNED {
                    result = *root.cast::<u8>().add(FRAME_RESULT_OFFSET).cast::<i64>();
                    String::from("returned")
                } else {
                    let panic = extra_if(main).and_then(|extra| extra.panic.take());
                    crate::report::panic(&panic.expect("an unwinding task has a cause"))
                };
                orion_fast::memory::orion_frame_free(Worker::ctx(worker), root);
                (*world).main = null_mut();
                crate::world::free_task(Worker::ctx(worker), main);
                let leaks = crate::heap::check::leaks(worker);
                assert_eq!(leaks, None, "everything is dropped at the end");
                text
            }
            End::Deadlock => {
                let text = crate::report::deadlock(world);
                sched::teardown::drop_all(worker);
                assert_eq!(crate::heap::check::leaks(worker), None, "teardown drops everything");
                text
            }
            other => format!("{other:?}"),
        };
        (*world).output.release();
        let output = String::from_utf8_lossy(&(*world).output.captured()).into_owned();
        Ran { end: text, output, result }
    }
}

/// A program of the functions declared on this thread; the first is `main`.
pub fn program() -> *const ProgramDesc {
    BODIES.with_borrow(|bodies| {
        let mut functions: Vec<*const FnDesc> =
            bodies.iter().map(|body| &raw const body.desc).collect();
        functions.sort_by_key(|&desc| unsafe { (*desc).name.as_str() });
        let types: Vec<*const TypeDesc> = TYPES.iter().map(|&ty| &raw const *ty).collect();
        Box::leak(Box::new(ProgramDesc {
            abi_version: orion_abi::ABI_VERSION,
            main_kind: orion_abi::desc::MAIN_UNIT,
            name: StaticStr::new("test"),
            main: &raw const bodies[0].desc,
            function_count: functions.len() as u64,
            functions: functions.leak().as_ptr(),
            closures: null(),
            closure_count: 0,
            type_count: types.len() as u64,
            types: types.leak().as_ptr(),
            test_count: 0,
            tests: null(),
        }))
    })
}

/// The function declared as number `index` on this thread.
pub fn nth(index: usize) -> &'static Body {
    BODIES.with_borrow(|bodies| bodies[index])
}

/// Opens a scope into slot `index`.
pub fn enter(cx: &Cx, index: usize) {
    *cx.slot::<*mut u8>(index) = unsafe { orion_scope_enter(cx.ctx) };
}

/// Drops the counted value in slot `index`.
pub fn drop_slot(cx: &Cx, index: usize, ty: &'static TypeDesc) {
    unsafe { crate::heap::drop::drop_value(cx.ctx, cx.address(index), ty) };
}

/// A channel into slot `index`.
pub fn make_chan(cx: &Cx, index: usize, cap: i64, elem: &'static TypeDesc) {
    let site = Box::leak(Box::new(site("main", 1)));
    let status = unsafe {
        crate::export::chans::orion_chan_new(cx.ctx, cap, elem, site, cx.address(index).cast())
    };
    assert_eq!(status, 0);
}

/// Counts the object in slot `index` once more.
pub fn share(cx: &Cx, index: usize) -> *mut u8 {
    let object = *cx.slot::<*mut u8>(index);
    unsafe { orion_fast::count::retain(object) };
    object
}

/// Spawns a function into the scope in slot `scope` with arguments in its first slots; the handle into slot `handle`.
pub fn spawn(cx: &Cx, body: &Body, scope: usize, handle: Option<usize>, name: &str, args: &[u64]) {
    let frame = frame_of(cx, body);
    for (index, &argument) in args.iter().enumerate() {
        set(frame, index, argument);
    }
    let site = Box::leak(Box::new(site("main", 100)));
    unsafe {
        let name = if name.is_empty() { null_mut() } else { text::new(cx.ctx, name) };
        let out = handle.map_or(null_mut(), |index| cx.address(index).cast());
        let scope = *cx.slot::<*mut u8>(scope);
        assert_eq!(orion_spawn(cx.ctx, frame, scope, name, site, out), 0);
    }
}

/// A point that waits for a scope's end, the normal way.
pub fn exit_point(scope: usize) -> Point {
    point(PointKind::ScopeExit, "").scope(scope)
}

/// The early way.
pub fn cancel_point(scope: usize) -> Point {
    point(PointKind::ScopeCancel, "").scope(scope)
}

/// Waits for the end of the scope in a slot, the normal way: first half.
pub fn try_exit(cx: &Cx, scope: usize) -> u32 {
    unsafe { orion_try_scope_exit(cx.ctx, *cx.slot::<*mut u8>(scope)) }
}

/// The early way: first half.
pub fn try_cancel_scope(cx: &Cx, scope: usize) -> u32 {
    unsafe { orion_try_scope_cancel(cx.ctx, *cx.slot::<*mut u8>(scope)) }
}

/// Joins the task in slot `task`, its value into slot `to`: first half.
pub fn try_join(cx: &Cx, task: usize, to: usize) -> u32 {
    let outcome = unsafe { orion_try_join(cx.ctx, *cx.slot::<*mut u8>(task), cx.address(to)) };
    if outcome != OUTCOME_BLOCK {
        *cx.slot::<*mut u8>(task) = null_mut();
    }
    outcome
}

/// A body that only sleeps and then returns a number; slot 0: how long, slot 1: the number.
pub fn sleeper() -> &'static Body {
    function(
        "sleeper",
        &I64,
        vec![
            point(PointKind::Start, "").live("d", &DURATION, 0).live("n", &I64, 1),
            point(PointKind::Sleep, "").after(0).live("n", &I64, 1),
        ],
        |cx| {
            let outcome = match cx.at() {
                0 => unsafe { orion_try_sleep(cx.ctx, *cx.slot::<i64>(0)) },
                _ => cx.outcome(),
            };
            match outcome {
                OUTCOME_BLOCK => Flow::Park(1),
                OUTCOME_UNWIND => {
                    cx.println(&format!("sleeper {} cancelled", cx.slot::<i64>(1)));
                    Flow::Unwind
                }
                _ => {
                    cx.println(&format!("sleeper {} woke", cx.slot::<i64>(1)));
                    *cx.result::<i64>() = *cx.slot::<i64>(1);
                    Flow::Return
                }
            }
        },
    )
}
