//! What runs: tasks with their frames, channels, scopes, shared objects, as records keyed by id.
//!
//! Ids are unique in the life of a state and never used again, so that a delta can replace single items. Times are
//! nanoseconds since the Unix epoch. Everything that waits says when it began to (`park_sequence`, `parked_at_ns`): wait queues are
//! first come, first served, so these two restore every queue and every deadline, and nothing can contradict them.

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

/// A panic on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PanicItem<'a> {
    /// The task was cancelled: nothing went wrong.
    pub cancelled: bool,
    /// Message.
    pub message: &'a str,
    /// The logical stack so far: innermost first, lines of a report.
    pub trace: Vec<&'a str>,
    /// Where it began, or 0.
    pub site: u64,
    /// The task in which it began.
    pub task: u64,
    /// Lines about other panics of the same scope.
    pub others: Vec<&'a str>,
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
    /// The task that spawned it, or 0.
    pub spawner: u64,
    /// The scope that it belongs to, or 0.
    pub scope: u64,
    /// Bits that the runtime defines.
    pub flags: u32,
    /// Its scopes that are open, innermost last.
    pub open_scopes: Vec<u64>,
    /// Order in which waiting tasks began to wait.
    pub park_sequence: u64,
    /// When it began to wait.
    pub parked_at_ns: i64,
    /// What it unwinds with, or ended with.
    #[serde(borrow)]
    pub panic: Option<PanicItem<'a>>,
    /// Error of the last failed join, until it is fetched.
    pub join_error: Option<PanicItem<'a>>,
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
}

/// A scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeItem<'a> {
    /// Id.
    pub id: u64,
    /// The task whose `async` block it is, or 0.
    pub owner: u64,
    /// Where it was opened, or 0.
    pub site: u64,
    /// Bits that the runtime defines.
    pub flags: u32,
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
}

/// What holds for the world as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Globals<'a> {
    /// How far the program is.
    pub progress: Progress,
    /// When the checkpoint was taken.
    pub now_ns: i64,
    /// Ids given out so far: tasks, channels, scopes, shared objects, sites, park sequence.
    pub last_ids: [u64; 6],
    /// The task that runs `main`.
    pub main_task: u64,
    /// Tasks that are ready, in the order in which they will run.
    pub ready: Vec<u64>,
    /// State of the scheduler's and the program's random generators.
    pub random: Vec<u64>,
    /// `--seed`.
    pub seed: Option<u64>,
    /// Seed of hashes.
    pub hash_seed: u64,
    /// Arguments of the program.
    #[serde(borrow)]
    pub args: Vec<&'a str>,
    /// When the first sleeper wakes, if nothing else will happen before.
    pub wake_at_ns: Option<i64>,
}
