//! Constant descriptors that codegen emits beside the code: types, functions, suspend points. The runtime drops, shows in reports,
//! saves and restores values with them; nothing in them refers to addresses that a state file would need.

use crate::{Ctx, StaticStr, frame::Frame};

/// Kind of a type (`TypeDesc::kind`). The numbers are stored in state files: only append.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TypeKind {
    /// `()`, size 0.
    Unit = 0,
    /// `bool`, one byte 0 or 1.
    Bool = 1,
    /// `char`, a Unicode scalar value in 4 bytes.
    Char = 2,
    /// `i8`.
    I8 = 3,
    /// `i16`.
    I16 = 4,
    /// `i32`.
    I32 = 5,
    /// `i64`.
    I64 = 6,
    /// `u8`.
    U8 = 7,
    /// `u16`.
    U16 = 8,
    /// `u32`.
    U32 = 9,
    /// `u64`.
    U64 = 10,
    /// `f32`.
    F32 = 11,
    /// `f64`.
    F64 = 12,
    /// `Duration`: nanoseconds in an i64.
    Duration = 13,
    /// `Instant`: nanoseconds since the Unix epoch in an i64.
    Instant = 14,
    /// `str`: pointer to a `StrObject`, never null.
    Str = 15,
    /// `[T]`: pointer to a `ListObject`, never null; `elem` is T.
    List = 16,
    /// Tuple: `fields` in order.
    Tuple = 17,
    /// Struct held in place: `fields`.
    Struct = 18,
    /// Sum held in place: tag as u32 at offset 0, then cells; `variants` have offsets from the start of the value.
    Sum = 19,
    /// Recursive struct: pointer to a `BoxedObject` with tag 0; `variants[0]` has offsets from the start of the object. May be the odd word 1 (a placeholder).
    BoxedStruct = 20,
    /// Recursive sum: pointer to a `BoxedObject`, or an odd word for a variant without fields.
    BoxedSum = 21,
    /// Function value: pointer to a `ClosureObject`, or null (placeholder).
    Fn = 22,
    /// `Chan[T]`, `Send[T]` or `Recv[T]`: pointer to a channel of the runtime, counted by `orion_retain`/`orion_release`, or null; `elem` is T.
    Chan = 23,
    /// `Task[T]`: pointer to a task, owned (linear), or null; `elem` is T.
    Task = 24,
    /// `Scope`: pointer to a scope of the runtime, counted, or null.
    Scope = 25,
    /// `Gen[Y, S, R]`: pointer to a generator of the runtime, owned, or null; three `fields` of which only the types mean something: Y, S, R.
    Gen = 26,
    /// `ptr`: never alive across a suspend point.
    Ptr = 27,
}

/// `TypeDesc::flags`: holds a counted or owned pointer somewhere.
pub const TYPE_NEEDS_DROP: u8 = 1;

/// A type.
#[repr(C)]
pub struct TypeDesc {
    /// [`TypeKind`].
    pub kind: u8,
    /// `TYPE_*`.
    pub flags: u8,
    /// Zero.
    pub pad: u16,
    /// Size of a value in bytes, a multiple of its alignment; also the stride of list elements.
    pub size: u32,
    /// Alignment in bytes: 1, 2, 4 or 8.
    pub align: u32,
    /// Number of `fields` (tuples and structs in place) or of `variants` (sums, boxed types).
    pub count: u32,
    /// The type as a person writes it, with its module path and arguments: its identity in state files.
    pub name: StaticStr,
    /// Element type, or null.
    pub elem: *const TypeDesc,
    /// Fields, or null.
    pub fields: *const FieldDesc,
    /// Variants, or null.
    pub variants: *const VariantDesc,
}
// SAFETY: constant data of the image.
unsafe impl Sync for TypeDesc {}

/// A field of a tuple, struct or variant, or a capture of a closure.
#[repr(C)]
pub struct FieldDesc {
    /// Its name; `0`, `1`, … where it has none.
    pub name: StaticStr,
    /// Its type.
    pub ty: *const TypeDesc,
    /// Offset in bytes from the start of the value (in place) or of the object (boxed, closures).
    pub offset: u32,
    /// Zero.
    pub pad: u32,
}
// SAFETY: constant data of the image.
unsafe impl Sync for FieldDesc {}

/// A variant of a sum, or the one of a boxed struct. Its tag is its index.
#[repr(C)]
pub struct VariantDesc {
    /// Its name.
    pub name: StaticStr,
    /// Its fields.
    pub fields: *const FieldDesc,
    /// How many.
    pub count: u32,
    /// Boxed types: size of the object in bytes, head included; else 0.
    pub object_size: u32,
}

/// A place in the source, for panics, reports and stacks.
#[repr(C)]
pub struct Site {
    /// The function's name as people read it (`main`, `geometry.shapes.area`, `worker::{spawn#1}`).
    pub function: StaticStr,
    /// Path of the file as given to the compiler, relative.
    pub file: StaticStr,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}
// SAFETY: constant data of the image.
unsafe impl Sync for Site {}

/// What stands at a suspend point (`PointDesc::kind`). The numbers are stored in state files: only append.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PointKind {
    /// Point 0: the body has not begun; the live slots are the parameters.
    Start = 0,
    /// A call; the callee's frame is the child. No arms.
    Call = 1,
    /// A preemption point (function entry or loop back-edge).
    Poll = 2,
    /// `@yield()`.
    Yield = 3,
    /// `@idle()`.
    Idle = 4,
    /// `@sleep(d)`: `arms[0]` is `ARM_AFTER`.
    Sleep = 5,
    /// `ch <- v`: `arms[0]` is `ARM_SEND`.
    Send = 6,
    /// A receive: `arms[0]` is `ARM_RECV`.
    Recv = 7,
    /// `select` without `default`: any arms; without arms it blocks for ever.
    Select = 8,
    /// `@join(t)`: `arms[0]` is `ARM_JOIN`; the outcome is DONE (value moved to the destination, handle consumed) or UNWIND (the panic of the task is
    /// recorded in the joiner, handle consumed).
    Join = 9,
    /// `@try_join(t)`: as `Join`, but a task that failed gives `OUTCOME_CLOSED` and its error is fetched by `orion_join_cancelled` and `orion_join_message`.
    TryJoin = 10,
    /// `@join_timeout(t, d)`: arms `ARM_JOIN`, `ARM_AFTER`; the outcome is `arm << 1`; on the second the handle stays with the frame.
    JoinTimeout = 11,
    /// `@cancel(t)`: asks, waits for the end, consumes the handle; `arms[0]` is `ARM_JOIN` with a destination.
    Cancel = 12,
    /// The normal end of an `async` block: waits for its tasks; UNWIND when one failed unnoticed. `arms[0]` is `ARM_SCOPE`.
    ScopeExit = 13,
    /// The early or unwinding end of an `async` block: cancels its tasks and waits; always DONE. `arms[0]` is `ARM_SCOPE`.
    ScopeCancel = 14,
    /// `@pause()`.
    Pause = 15,
    /// `@checkpoint()`.
    Checkpoint = 16,
    /// `@yield(v)` of a generator: `arms[0]` is `ARM_GEN` without target; the value sent in goes to its value slot (a `SLOT_DEST`). The yielded value was handed over.
    GenYield = 17,
    /// A generator's driver waiting for it: `arms[0]` is `ARM_GEN`, the target slot holds the generator, the yielded value goes to the value slot.
    GenNext = 18,
    /// The generators that a value holds are stopped: `arms[0]` is `ARM_GEN` without target, its value slot holds that value. UNWIND where one panicked.
    GenStop = 19,
    /// `@io(…)`: an operation of the kernel: `arms[0]` is `ARM_IO`; always DONE, with the answer in the value slot, or UNWIND.
    Io = 20,
}

/// `ArmDesc::kind`: send the value in `value_offset` on the channel in `target_offset`.
pub const ARM_SEND: u32 = 0;
/// `ArmDesc::kind`: receive into `value_offset` from the channel in `target_offset`.
pub const ARM_RECV: u32 = 1;
/// `ArmDesc::kind`: time: the slot at `value_offset` holds a duration in ns (i64) counted from the moment of parking.
pub const ARM_AFTER: u32 = 2;
/// `ArmDesc::kind`: the end of the task in `target_offset`, its result into `value_offset`.
pub const ARM_JOIN: u32 = 3;
/// `ArmDesc::kind`: the end of all tasks of the scope in `target_offset`.
pub const ARM_SCOPE: u32 = 4;
/// `ArmDesc::kind`: a generator operation.
pub const ARM_GEN: u32 = 5;

/// `ArmDesc::kind`: an operation of the kernel: the target slot holds an [`IoRequest`], the [`IoAnswer`] goes to the value slot.
pub const ARM_IO: u32 = 6;

/// The operands of `@io`, as a tuple of `(i64, i64, i64, [u8])` lies in its slot.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IoRequest {
    /// What to do (`orion_runtime`'s `io::request`).
    pub code: i64,
    /// A handle, or flags.
    pub a: i64,
    /// A count, an offset or flags.
    pub b: i64,
    /// `[u8]`: what to write, a path, an address.
    pub bytes: *mut u8,
}

/// The answer, as a tuple of `(i64, [u8])` lies in its slot.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IoAnswer {
    /// The result; negative: it failed, and the bytes say why.
    pub number: i64,
    /// `[u8]`, owned.
    pub bytes: *mut u8,
}

/// Offset that means "no slot" (a received value that is dropped still has one).
pub const NO_SLOT: u32 = u32::MAX;

/// One thing that a suspend point waits for.
#[repr(C)]
pub struct ArmDesc {
    /// `ARM_*`.
    pub kind: u32,
    /// Frame offset of the slot that holds the channel, task or scope (null in it: the arm takes no part), or `NO_SLOT`.
    pub target_offset: u32,
    /// Frame offset of the value's slot, or `NO_SLOT`.
    pub value_offset: u32,
    /// Zero.
    pub pad: u32,
    /// Type of the value, or null.
    pub ty: *const TypeDesc,
    /// The channel or task expression as written (`out`, `workers[i]`), for reports and matching.
    pub text: StaticStr,
}

/// `SlotDesc::role`: valid for as long as the frame stands at the point.
pub const SLOT_LIVE: u32 = 0;
/// `SlotDesc::role`: the operand that arm `arm` consumes (sent value, joined task): valid unless the frame is `FRAME_COMPLETED` by that arm.
pub const SLOT_CONSUMED: u32 = 1;
/// `SlotDesc::role`: the destination of arm `arm`: valid only when the frame is `FRAME_COMPLETED` by that arm with a value (outcome without the closed bit).
pub const SLOT_DEST: u32 = 2;

/// A local variable or temporary in the frame map of a point.
#[repr(C)]
pub struct SlotDesc {
    /// Name in the source; `_3` for a temporary.
    pub name: StaticStr,
    /// Type.
    pub ty: *const TypeDesc,
    /// Offset from the start of the `Frame`.
    pub offset: u32,
    /// `SLOT_*`.
    pub role: u32,
    /// Arm of `SLOT_CONSUMED` and `SLOT_DEST`.
    pub arm: u32,
    /// Which of several variables of one name and type, in order of declaration.
    pub ordinal: u32,
}

/// A suspend point with its frame map.
#[repr(C)]
pub struct PointDesc {
    /// [`PointKind`].
    pub kind: u32,
    /// Ordinal among the points of the same kind and `text` of the function: with them its identity in state files.
    pub ordinal: u32,
    /// Callee's path for calls, the channel expression for channel operations, else empty.
    pub text: StaticStr,
    /// Where it is.
    pub site: Site,
    /// The frame map.
    pub slots: *const SlotDesc,
    /// What it waits for.
    pub arms: *const ArmDesc,
    /// Number of slots.
    pub slot_count: u32,
    /// Number of arms.
    pub arm_count: u32,
    /// Frame offset of `arm_count` `WaitNode`s.
    pub wait_offset: u32,
    /// Zero.
    pub pad: u32,
    /// `Call`: what the callee's frame holds as its result (its [`FnDesc::result`]), also for calls of function values; else null.
    /// A restored callee must fit.
    pub callee_result: *const TypeDesc,
}

/// A function that has a coroutine body.
#[repr(C)]
pub struct FnDesc {
    /// Path with type arguments: its identity in state files.
    pub name: StaticStr,
    /// Where it is declared.
    pub site: Site,
    /// Hash of its MIR: equal hashes mean equal frame maps.
    pub mir_hash: u64,
    /// The one frame constructor: a zeroed frame suspended at point `at`. Null when memory is exhausted.
    pub ramp: unsafe extern "C" fn(ctx: *mut Ctx, at: u32) -> *mut Frame,
    /// Runs the frame until it suspends or ends (see `Frame::state`). At a `Call` point `ctx.child` is the ended callee, which it frees.
    pub resume: unsafe extern "C" fn(ctx: *mut Ctx, frame: *mut Frame),
    /// Type of the result; with in-out parameters a tuple of the result and their values.
    pub result: *const TypeDesc,
    /// Suspend points.
    pub points: *const PointDesc,
    /// How many.
    pub point_count: u32,
    /// Bytes from the `Frame` to the end of its slots (what has to be reserved behind the head is the ramp's affair).
    pub frame_size: u32,
    /// Body of a generator: the generator's type (kind `Gen`); else null.
    pub generator: *const TypeDesc,
}
// SAFETY: constant data of the image.
unsafe impl Sync for FnDesc {}

/// A lambda, or a named function used as a value.
#[repr(C)]
pub struct ClosureDesc {
    /// Its path: its identity in state files.
    pub name: StaticStr,
    /// Direct body `(ctx, closure, args…) -> {result, status}`, called by generated code only.
    pub code: *const u8,
    /// Captures with offsets from the start of the object.
    pub captures: *const FieldDesc,
    /// How many.
    pub capture_count: u32,
    /// Size of the object in bytes.
    pub object_size: u32,
    /// The immortal object of a function without captures, or null.
    pub object: *const u8,
    /// The function type of its values (kind `Fn`): a restored value must fit its slot.
    pub ty: *const TypeDesc,
}
// SAFETY: constant data of the image.
unsafe impl Sync for ClosureDesc {}

/// What `main` returns (`ProgramDesc::main_kind`): `()`.
pub const MAIN_UNIT: u32 = 0;
/// `i32`, the exit status.
pub const MAIN_STATUS: u32 = 1;
/// `Result[(), str]`: in place sum, tag 1 is `Err`; the message at `variants[1].fields[0]`.
pub const MAIN_RESULT: u32 = 2;

/// The program, exported by its object file as `orion_program`.
#[repr(C)]
pub struct ProgramDesc {
    /// [`crate::ABI_VERSION`].
    pub abi_version: u32,
    /// `MAIN_*`.
    pub main_kind: u32,
    /// Name of the program (main file, or `--name`): the state's owner.
    pub name: StaticStr,
    /// `main`, wrapped: no parameters; it opens main's scope itself.
    pub main: *const FnDesc,
    /// Every function with a coroutine body, sorted by name.
    pub functions: *const *const FnDesc,
    /// How many.
    pub function_count: u64,
    /// Every closure, sorted by name.
    pub closures: *const *const ClosureDesc,
    /// How many.
    pub closure_count: u64,
    /// Every type that a slot, list, channel, closure or field may hold, sorted by name.
    pub types: *const *const TypeDesc,
    /// How many.
    pub type_count: u64,
    /// The entries of a program of tests, of which one is run in place of `main`.
    pub tests: *const *const FnDesc,
    /// How many; 0 in every other program.
    pub test_count: u64,
}
// SAFETY: constant data of the image.
unsafe impl Sync for ProgramDesc {}
