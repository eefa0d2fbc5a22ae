//! What runs: tasks with their frames, channels, scopes, shared objects, as records keyed by id.
//!
//! Ids are unique in the life of a state and never used again, so that a delta can replace single items. Times are
//! nanoseconds since the Unix epoch. Every wait queue is written out, first come first.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of the value language, borrowed from the file and encoded in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob<'a>(pub &'a [u8]);

impl Serialize for Blob<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Blob<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(deserializer).map(Blob)
    }
}

/// A keyed part of the world. The order of variants is the format: only append.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Item<'a> {
    /// A place in the source that a task or panic refers to.
    #[serde(borrow)]
    Site(SiteItem<'a>),
    /// A task.
    Task(TaskItem<'a>),
    /// A channel.
    Channel(ChannelItem<'a>),
    /// A scope.
    Scope(ScopeItem<'a>),
    /// A heap object that several places share.
    Object(SharedItem<'a>),
    /// An item that exists no longer (deltas only).
    Gone(Key),
}

/// Names an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Key {
    /// A [`SiteItem`].
    Site(u64),
    /// A [`TaskItem`].
    Task(u64),
    /// A [`ChannelItem`].
    Channel(u64),
    /// A [`ScopeItem`].
    Scope(u64),
    /// A [`SharedItem`].
    Object(u64),
}

impl Item<'_> {
    /// Its key.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Site(item) => Key::Site(item.id),
            Self::Task(item) => Key::Task(item.id),
            Self::Channel(item) => Key::Channel(item.id),
            Self::Scope(item) => Key::Scope(item.id),
            Self::Object(item) => Key::Object(item.id),
            Self::Gone(key) => *key,
        }
    }
}

/// A place in the source, with its own strings: the program may change and the place still be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteItem<'a> {
    /// Id, from 1.
    pub id: u64,
    /// Function.
    pub function: &'a str,
    /// File.
    pub file: &'a str,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// A heap object of a record's own table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object<'a> {
    /// Type, by index in the schema.
    pub ty: u32,
    /// Elements, for a list.
    pub count: u64,
    /// Contents.
    #[serde(borrow)]
    pub bytes: Blob<'a>,
}

/// A heap object with several references to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedItem<'a> {
    /// Id, from 1.
    pub id: u64,
    /// The object.
    #[serde(borrow)]
    pub object: Object<'a>,
    /// Objects that only it refers to.
    pub locals: Vec<Object<'a>>,
}

/// `FrameItem::state`: its operation (or its callee) is under way.
pub const FRAME_WAITING: u8 = 0;
/// `FrameItem::state`: its operation is complete.
pub const FRAME_COMPLETED: u8 = 1;
/// `FrameItem::state`: it has ended; its result waits for whoever joins the task.
pub const FRAME_ENDED: u8 = 3;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameItem<'a> {
    /// Function, by index in the schema.
    pub function: u32,
    /// Suspend point where it stands.
    pub point: u32,
    /// `FRAME_*`.
    pub state: u8,
    /// How it ended (0 returned, 2 unwinding).
    pub status: u8,
    /// Outcome of a complete operation.
    pub outcome: u32,
    /// The valid slots in the order of the frame map, each a varint length and a value. For an ended frame: its result, in the same form, if
    /// it returned.
    #[serde(borrow)]
    pub slots: Blob<'a>,
}

/// One line of a logical stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TraceItem<'a> {
    /// A call, or the failing operation: its place.
    Call(u64),
    /// The boundary of a task.
    Spawn {
        /// The task.
        task: u64,
        /// Its name, if it was given one.
        name: Option<&'a str>,
        /// Where it was spawned, or 0.
        site: u64,
    },
    /// So many equal lines were left out.
    Repeated(u64),
}

/// `PanicItem::cause`: a panic.
pub const CAUSE_PANIC: u8 = 0;
/// `PanicItem::cause`: a cancellation.
pub const CAUSE_CANCELLED: u8 = 1;
/// `PanicItem::cause`: a scope of the task has failed.
pub const CAUSE_SCOPE_FAILED: u8 = 2;

/// A panic or cancellation on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PanicItem<'a> {
    /// `CAUSE_*`.
    pub cause: u8,
    /// Message.
    pub message: &'a str,
    /// Where it was raised, or 0.
    pub site: u64,
    /// The logical stack so far, innermost first.
    #[serde(borrow)]
    pub trace: Vec<TraceItem<'a>>,
    /// Messages of later panics of the same scope.
    pub others: Vec<&'a str>,
}

/// `TaskItem::state`: it will run without anything else happening (its place in line is in [`Globals::ready`]).
pub const TASK_READY: u8 = 0;
/// `TaskItem::state`: suspended.
pub const TASK_WAITING: u8 = 2;
/// `TaskItem::state`: ended; its handle is still held.
pub const TASK_ENDED: u8 = 3;

/// A pending timer of a waiting task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimerItem {
    /// The arm of the task's suspend point.
    pub arm: u32,
    /// When it is due.
    pub deadline_ns: i64,
    /// Breaks ties between equal deadlines.
    pub sequence: u64,
}

/// A task that waits in a queue, by one arm of its suspend point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiter {
    /// The task.
    pub task: u64,
    /// The arm.
    pub arm: u32,
}

/// What a generator is beside a task. It belongs to no scope; values of its type refer to it by its id as a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GeneratorItem {
    /// Its type, by index in the schema; `None` when it has ended and nobody can tell.
    pub ty: Option<u32>,
    /// The task that waits for it, or 0.
    pub driver: u64,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskItem<'a> {
    /// Id.
    pub id: u64,
    /// Name, if it was given one.
    pub name: Option<&'a str>,
    /// Where it was spawned, or 0.
    pub site: u64,
    /// The scope that it belongs to, or 0 (the main task).
    pub scope: u64,
    /// `TASK_*`.
    pub state: u8,
    /// Bits that the runtime defines.
    pub flags: u8,
    /// It is a generator.
    pub generator: Option<GeneratorItem>,
    /// What it unwinds with, or ended with.
    #[serde(borrow)]
    pub panic: Option<PanicItem<'a>>,
    /// Failure of the task that it tried to join, until it asks for it.
    pub join_error: Option<PanicItem<'a>>,
    /// Timers that it waits for.
    pub timers: Vec<TimerItem>,
    /// Frames from the root to the leaf.
    pub frames: Vec<FrameItem<'a>>,
    /// Objects that only its frames refer to.
    pub locals: Vec<Object<'a>>,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelItem<'a> {
    /// Id.
    pub id: u64,
    /// Element type, by index in the schema.
    pub elem: u32,
    /// Where it was made, or 0.
    pub site: u64,
    /// Capacity.
    pub capacity: u64,
    /// It is closed.
    pub closed: bool,
    /// Values in it.
    pub count: u64,
    /// These values, first come first.
    #[serde(borrow)]
    pub values: Blob<'a>,
    /// Objects that only they refer to.
    pub locals: Vec<Object<'a>>,
    /// Who waits to receive, first come first.
    pub receivers: Vec<Waiter>,
    /// Who waits to send.
    pub senders: Vec<Waiter>,
}

/// A scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeItem<'a> {
    /// Id.
    pub id: u64,
    /// The task whose `async` block it is, or 0 once that is left.
    pub owner: u64,
    /// Where it was opened, or 0.
    pub site: u64,
    /// The block has been left.
    pub ended: bool,
    /// Its tasks have been asked to cancel.
    pub cancelling: bool,
    /// The panic that it ends with.
    #[serde(borrow)]
    pub panic: Option<PanicItem<'a>>,
}

/// How far the program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// It goes on from here.
    Running,
    /// It ended with this exit status; there is no world any more.
    Finished(i32),
    /// It is no program's state but what `@save` makes of this one generator.
    Generator(u64),
}

/// What holds for the world as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Globals<'a> {
    /// How far the program is.
    pub progress: Progress,
    /// When the checkpoint was taken.
    pub now_ns: i64,
    /// The next ids: tasks, channels, scopes, shared objects, places, timers' sequence.
    pub next_ids: [u64; 6],
    /// The task that runs `main`.
    pub main_task: u64,
    /// Tasks that are ready, in the order in which they will run.
    pub ready: Vec<u64>,
    /// Tasks that wait until no other is ready, first come first.
    pub idlers: Vec<u64>,
    /// State of the scheduler's and of the program's random generators.
    pub random: [[u64; 4]; 2],
    /// `--seed`, or the one that the system gave.
    pub seed: u64,
    /// The seed was given: time is virtual and preemption counted.
    pub seeded: bool,
    /// Counted checks until the next preemption.
    pub countdown: u64,
    /// Seed of hashes.
    pub hash_seed: u64,
    /// Arguments of the program.
    #[serde(borrow)]
    pub args: Vec<&'a str>,
    /// When the first sleeper wakes, if nothing else will happen before.
    pub wake_at_ns: Option<i64>,
    /// What the program has open.
    pub handles: Vec<HandleItem<'a>>,
    /// The number of the next handle.
    pub next_handle: i64,
}

/// `HandleItem::kind`: a file, known by its path.
pub const HANDLE_FILE: u8 = 0;
/// `HandleItem::kind`: a connection or listener, which does not outlive its process.
pub const HANDLE_SOCKET: u8 = 1;
/// `HandleItem::kind`: it was lost before.
pub const HANDLE_LOST: u8 = 2;

/// An open file or socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandleItem<'a> {
    /// The number that the program knows it by; 0 is standard input.
    pub id: i64,
    /// `HANDLE_*`.
    pub kind: u8,
    /// A file's absolute path; why one was lost.
    pub text: &'a str,
    /// How it was opened; bits that the runtime defines.
    pub flags: i64,
    /// Device and inode.
    pub identity: [u64; 2],
    /// Its length, as far as this state knows it.
    pub length: u64,
    /// The position.
    pub offset: u64,
    /// Most time that an operation may take; 0: any.
    pub timeout_ns: u64,
    /// What was read of a pipe and is not used yet.
    #[serde(borrow)]
    pub buffer: Blob<'a>,
}
