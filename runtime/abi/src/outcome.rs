//! Status words: what a body returns to its caller, and what an operation reports to the code that asked for it.

/// Status of a direct body: it returned, and its result is valid.
pub const STATUS_RETURNED: u32 = 0;
/// Status of a direct body: it suspended; its frame is in [`crate::Ctx::child`] and the caller must make its own.
pub const STATUS_SUSPENDED: u32 = 1;
/// Status of a direct body: it unwinds (panic or cancellation); only its in-out values are valid.
pub const STATUS_UNWINDING: u32 = 2;

/// Outcome of an operation: done. For a `select`, `arm << 1` is the arm that fired.
pub const OUTCOME_DONE: u32 = 0;
/// Outcome of a channel operation: the channel is closed (and drained, for a receive). In a `select` it is bit 0, beside the arm.
pub const OUTCOME_CLOSED: u32 = 1;
/// Outcome of an operation: the task must unwind (cancellation, or a panic that the runtime has recorded in the task).
pub const OUTCOME_UNWIND: u32 = 0xffff_fffe;
/// Outcome of a `try` function: nothing was done; make a frame, spill, and call `orion_park`.
pub const OUTCOME_BLOCK: u32 = 0xffff_ffff;
