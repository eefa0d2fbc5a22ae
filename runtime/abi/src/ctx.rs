//! The per-worker context: the first argument of every generated function.

use crate::frame::Frame;

/// Size classes of the frame allocator: class `i` holds blocks of `(i + 1) * FRAME_CLASS_BYTES` bytes.
pub const FRAME_CLASS_COUNT: usize = 64;
/// Granularity of the frame allocator in bytes (frames need an alignment of 16).
pub const FRAME_CLASS_BYTES: usize = 16;

/// `Ctx::force`: `ORION_FORCE=suspend`.
pub const FORCE_SUSPEND: u64 = 1;
/// `Ctx::force`: `ORION_FORCE=restore`.
pub const FORCE_RESTORE: u64 = 2;
/// `Ctx::force`: schedules are explored (`--seed`); whether an operation suspends is drawn.
pub const FORCE_EXPLORE: u64 = 3;

/// The public head of a worker's state. The runtime keeps its private part behind it.
///
/// Generated code reads `limit`, reads and writes `child`; the rest is the runtime's.
#[repr(C)]
pub struct Ctx {
    /// Lowest stack address generated code may use; `usize::MAX` ("poisoned") makes the next check call `orion_poll`.
    /// Written by other threads and signal handlers: access it as a relaxed atomic.
    pub limit: usize,
    /// Hand-over of a frame: set by a body that returns `STATUS_SUSPENDED` to the frame it made, and by the scheduler to the
    /// finished callee before it resumes the caller.
    pub child: *mut Frame,
    /// The running task (opaque to generated code).
    pub task: *mut u8,
    /// Heads of the free lists of the frame allocator; a free block's first word links to the next.
    pub free: [*mut u8; FRAME_CLASS_COUNT],
    /// Not 0 when an operation that is ready may have to suspend all the same (`FORCE_*`). Read by the runtime's hot paths only.
    pub force: u64,
}
