//! What a suspend point may wait for.
//!
//! Operands are whole locals, so that they have slots in the frame and wait queues can point at them. Channels, scopes and durations are
//! borrowed; sent values and joined tasks are consumed on the edge of their arm only.

use crate::body::{Block, Local};

/// One arm of a `select`.
#[derive(Clone, PartialEq, Debug)]
pub struct SelectArm {
    /// Borrowed channel; a `Const::Dummy` in it takes the arm out of the choice (its guard was false).
    pub chan: Local,
    /// What it does.
    pub kind: SelectArmKind,
    /// Where it goes on when it was done.
    pub done: Block,
    /// Where it goes on when the channel is closed (and drained).
    pub closed: Block,
    /// The channel expression as written.
    pub text: String,
}

/// Direction of an arm.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum SelectArmKind {
    /// Receives into a local, defined on the `done` edge.
    Recv(Local),
    /// Sends a local's value, consumed on the `done` edge (still owned on every other edge).
    Send(Local),
}

/// The operation of a suspend point.
#[derive(Clone, PartialEq, Debug)]
pub enum SuspendOp {
    /// Preemption point: function entry or loop back-edge.
    Poll {
        /// Where it goes on.
        target: Block,
    },
    /// `@yield()`.
    Yield {
        /// Where it goes on.
        target: Block,
    },
    /// `@idle()`.
    Idle {
        /// Where it goes on.
        target: Block,
    },
    /// `@pause()`.
    Pause {
        /// Where it goes on.
        target: Block,
    },
    /// `@checkpoint()`.
    Checkpoint {
        /// Where it goes on.
        target: Block,
    },
    /// `@sleep(d)`.
    Sleep {
        /// Borrowed `Duration`.
        duration: Local,
        /// Where it goes on.
        target: Block,
    },
    /// `@io(code, a, b, bytes)`: an operation of the kernel.
    Io {
        /// Borrowed: the tuple of the four operands.
        request: Local,
        /// Defined on `target`: the answer's number and bytes.
        dest: Local,
        /// Where it goes on.
        target: Block,
    },
    /// `ch <- v`.
    Send {
        /// Borrowed channel.
        chan: Local,
        /// Consumed on `done`.
        value: Local,
        /// The channel expression.
        text: String,
        /// Sent.
        done: Block,
        /// The channel is closed; the value is still owned.
        closed: Block,
    },
    /// A receive in any form.
    Recv {
        /// Borrowed channel.
        chan: Local,
        /// Defined on `done`.
        dest: Local,
        /// The channel expression.
        text: String,
        /// Received.
        done: Block,
        /// Closed and drained.
        closed: Block,
    },
    /// `select`. Arms are numbered in order; `after`, when there, is the last one.
    Select {
        /// Channel arms.
        arms: Vec<SelectArm>,
        /// Borrowed `Duration`, and where a timeout goes on. Arm number `arms.len()`.
        after: Option<(Local, Block)>,
        /// Taken when nothing is ready: such a select never suspends.
        default: Option<Block>,
    },
    /// `@join(t)`.
    Join {
        /// Consumed on every edge.
        task: Local,
        /// Defined on `target`.
        dest: Local,
        /// Where it goes on.
        target: Block,
    },
    /// `@try_join(t)`.
    TryJoin {
        /// Consumed on every edge.
        task: Local,
        /// Defined on `done`.
        dest: Local,
        /// It returned.
        done: Block,
        /// It panicked or was cancelled: `Intrinsic::JoinError` tells.
        failed: Block,
    },
    /// `@join_timeout(t, d)`.
    JoinTimeout {
        /// Consumed on `done` (and on unwind, where it panicked).
        task: Local,
        /// Borrowed.
        duration: Local,
        /// Defined on `done`.
        dest: Local,
        /// It ended.
        done: Block,
        /// Too late: the handle is still owned.
        timeout: Block,
    },
    /// `@cancel(t)`.
    Cancel {
        /// Consumed.
        task: Local,
        /// Where it goes on.
        target: Block,
    },
    /// End of an `async` block: waits for its tasks.
    ScopeExit {
        /// Borrowed.
        scope: Local,
        /// Where it goes on.
        target: Block,
    },
    /// Early or unwinding end of an `async` block: cancels its tasks and waits. Never unwinds itself.
    ScopeCancel {
        /// Borrowed.
        scope: Local,
        /// Where it goes on.
        target: Block,
    },
    /// A generator runs to its next yield, or to its end.
    GenNext {
        /// Borrowed.
        generator: Local,
        /// What it yields, defined on `done`.
        dest: Local,
        /// It has yielded.
        done: Block,
        /// It has ended, or had before.
        ended: Block,
    },
    /// Every generator that a value holds is ended: their pending `defer`s run. Unwinds where one of these panics, and is then done for that
    /// generator only. Cancellation waits until it is over.
    GenStop {
        /// Borrowed.
        value: Local,
        /// Where it goes on.
        target: Block,
    },
    /// The second half of `@yield(v)` in a generator: it stands still until it is driven again. The value was handed over by
    /// `Intrinsic::GenGive` right before.
    GenYield {
        /// What was sent in.
        dest: Local,
        /// Where it goes on.
        target: Block,
    },
}
