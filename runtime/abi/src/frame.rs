//! Frames (the promise of an LLVM switched-resume coroutine) and the wait records inside them.

use crate::desc::FnDesc;

/// Bytes between the coroutine handle that LLVM uses and the promise, on x86-64: `{resume, destroy}`.
pub const HANDLE_TO_PROMISE_BYTES: usize = 16;

/// `Frame::state`: suspended, its operation is under way (or its callee is running).
pub const FRAME_WAITING: u8 = 0;
/// `Frame::state`: suspended, its operation is complete; `outcome` says how, and the destination slot of the outcome is valid.
pub const FRAME_COMPLETED: u8 = 1;
/// `Frame::state`: the body is running.
pub const FRAME_RUNNING: u8 = 2;
/// `Frame::state`: the body has ended; `status` is `STATUS_RETURNED` (result valid) or `STATUS_UNWINDING`.
pub const FRAME_ENDED: u8 = 3;

/// Head of every frame. The result of the function (see [`FnDesc::result`]) follows at [`FRAME_RESULT_OFFSET`], then the slots.
///
/// A new frame, as its ramp returns it, is all zero but for `meta` and `at`, and suspended at `at`.
#[repr(C)]
pub struct Frame {
    /// The function's descriptor.
    pub meta: *const FnDesc,
    /// The task that it belongs to; set by whoever links the frame into a task.
    pub task: *mut u8,
    /// The caller's frame, null in a task's root.
    pub parent: *mut Frame,
    /// Number of the suspend point where it stands.
    pub at: u32,
    /// `FRAME_*`.
    pub state: u8,
    /// `STATUS_*` once ended.
    pub status: u8,
    /// Bytes that the runtime may use as it likes (zero in a new frame, not saved).
    pub scratch: u16,
    /// Result of the operation the frame waited for (`OUTCOME_*`, or `arm << 1 | closed`), valid in `FRAME_COMPLETED`.
    pub outcome: u32,
    /// Keeps the head's size a multiple of 8; always zero.
    pub pad: u32,
}

/// Offset of a function's result in its frame.
pub const FRAME_RESULT_OFFSET: usize = size_of::<Frame>();

/// One entry of a wait queue, living in the frame's scratch area (`PointDesc::wait_offset`), one per arm.
///
/// Generated code only reserves its room; every field is the runtime's. Never saved: `orion_park` makes it anew from the slots.
#[repr(C)]
pub struct WaitNode {
    /// Next in the queue, or null.
    pub next: *mut WaitNode,
    /// Previous in the queue, or null.
    pub prev: *mut WaitNode,
    /// The waiting frame.
    pub frame: *mut Frame,
    /// What it waits on (channel, task, scope), null when unlinked.
    pub target: *mut u8,
    /// Where the value goes to or comes from: a slot of the frame (null: none).
    pub value: *mut u8,
    /// Index of the select arm.
    pub arm: u32,
    /// `ARM_*` of `desc`.
    pub kind: u32,
}

/// One arm of a `select` as handed to `orion_select_try`; built by generated code on its stack or in the frame.
#[repr(C)]
pub struct SelectArm {
    /// The channel; null when the arm's guard was false.
    pub chan: *mut u8,
    /// Sent value, or destination of a received one.
    pub value: *mut u8,
    /// `ARM_SEND`, `ARM_RECV`; `after` and `default` are not in the array.
    pub kind: u32,
    /// Always zero.
    pub pad: u32,
}
