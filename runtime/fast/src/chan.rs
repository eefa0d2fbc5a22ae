//! Channels: a ring buffer, two FIFO wait queues, and the operations that need not wait.
//!
//! Algorithm: direct hand-over. A sender that finds a waiting receiver writes the value into the receiver's frame; a receiver that takes
//! from a full buffer moves the first waiting sender's value in, and one that finds a sender on an unbuffered channel takes it out
//! of the sender's frame. So a woken task never tries again.
//!
//! Invariants: receivers wait only while the buffer is empty and no sender waits; senders wait only while the buffer is full (or has no room at all) and
//! no receiver waits — but for two arms of one `select`, which never match each other; on a closed channel nobody waits. `buf` has room
//! for `cap` elements of `elem_bytes`, of which `len` from `head` on (wrapping) are valid.

use orion_abi::{
    Ctx, Frame, Site, TypeDesc, WaitNode,
    ctx::FORCE_EXPLORE,
    desc::{ARM_RECV, ARM_SEND},
    outcome::{OUTCOME_BLOCK, OUTCOME_CLOSED, OUTCOME_DONE},
};

use crate::{
    atomic::{AtomicUsize, Ordering},
    sync::{Alone, Policy, is_parallel},
    task::{TASK_INTERRUPTED, TASK_WAITING, Task, WorkerHead, complete},
    wait::{NODE_HAS_SIBLINGS, NODE_NATIVE, WaitQueue, native_node},
};

/// A channel. Counted; freed with the last count.
#[repr(C)]
pub struct Chan {
    /// Reference count.
    pub rc: i64,
    /// Capacity in elements; 0 is a rendezvous.
    pub cap: usize,
    /// Elements in the buffer.
    pub len: usize,
    /// Index of the first element.
    pub head: usize,
    /// The buffer (null when it would have no bytes).
    pub buf: *mut u8,
    /// Size of an element.
    pub elem_bytes: u32,
    /// 1 once closed.
    pub closed: u32,
    /// Tasks that wait to receive.
    pub receivers: WaitQueue,
    /// Tasks that wait to send.
    pub senders: WaitQueue,
    /// Type of the elements.
    pub elem: *const TypeDesc,
    /// Where it was made.
    pub site: *const Site,
    /// Unique in the program's whole life, ascending.
    pub id: u64,
    /// Neighbours among all channels, in order of creation.
    pub all_prev: *mut Chan,
    /// As above.
    pub all_next: *mut Chan,
    /// Guards everything but the count and the neighbours, where several workers run.
    pub lock: u32,
    /// In whose list it stands, where several workers run.
    pub home: u16,
    /// The number, from 1, of the worker that used it last, where several run.
    pub user: u16,
}

unsafe extern "C" {
    /// Unlinks the other nodes of a waiting frame but `won`.
    fn orion_unlink_siblings_slow(ctx: *mut Ctx, frame: *mut Frame, won: *mut WaitNode);
    /// What an operation that would block answers: `OUTCOME_BLOCK`, or `OUTCOME_UNWIND` when a cancellation is due.
    fn orion_would_block_slow(ctx: *mut Ctx) -> u32;
    /// Suspending at any point.
    fn orion_park(ctx: *mut Ctx, frame: *mut Frame);
    /// Runs the next ready task on this stack, if the running one has spawned it in its present slice: 1 when it did.
    fn orion_run_spawned(ctx: *mut Ctx) -> u32;
    /// While schedules are explored: 1 when a ready operation suspends all the same.
    fn orion_explore_suspends(ctx: *mut Ctx) -> u32;
    /// `orion_try_send` where several workers run.
    fn orion_send_shared(ctx: *mut Ctx, chan: *mut u8, value: *mut u8) -> u32;
    /// `orion_try_recv` where several workers run.
    fn orion_recv_shared(ctx: *mut Ctx, chan: *mut u8, destination: *mut u8) -> u32;
}

/// Takes the first waiter that is the caller's to complete out of a queue, or null.
#[inline(always)]
unsafe fn next_waiter<P: Policy>(queue: *mut WaitQueue) -> *mut WaitNode {
    // SAFETY: linked nodes are valid.
    unsafe {
        loop {
            let node = (*queue).head;
            if node.is_null() {
                return node;
            }
            (*queue).unlink(node);
            if P::claims(node) {
                return node;
            }
        }
    }
}

/// Copies a value; the sizes that occur most are single moves.
///
/// # Safety
/// `from` is valid for reads and `to` for writes of `bytes`, and they do not overlap.
#[inline(always)]
pub unsafe fn copy_value(from: *const u8, to: *mut u8, bytes: u32) {
    // SAFETY: the caller's promise; values are aligned to at most 8, unaligned access is used throughout.
    unsafe {
        match bytes {
            8 => to.cast::<u64>().write_unaligned(from.cast::<u64>().read_unaligned()),
            0 => {}
            bytes => core::ptr::copy_nonoverlapping(from, to, bytes as usize),
        }
    }
}

/// Address of buffer place `at` places behind the first element (`at <= len < = cap`).
///
/// # Safety
/// `chan` is alive and `at < cap`.
#[inline(always)]
#[must_use]
pub unsafe fn place(chan: *mut Chan, at: usize) -> *mut u8 {
    // SAFETY: the index is wrapped into the buffer.
    unsafe {
        let mut index = (*chan).head + at;
        if index >= (*chan).cap {
            index -= (*chan).cap;
        }
        (*chan).buf.wrapping_add(index * (*chan).elem_bytes as usize)
    }
}

/// Wakes a waiter that has just been taken out of its queue.
///
/// # Safety
/// `node` belongs to a parked frame.
#[inline(always)]
pub unsafe fn wake(ctx: *mut Ctx, node: *mut WaitNode, closed: u32) {
    // SAFETY: the node's frame is parked, so its nodes are valid.
    unsafe {
        let frame = (*node).frame;
        if (*node).kind & (NODE_HAS_SIBLINGS | NODE_NATIVE) != 0 {
            if frame.is_null() {
                (*node).arm = closed;
                return;
            }
            orion_unlink_siblings_slow(ctx, frame, node);
        }
        complete(ctx, frame, ((*node).arm << 1) | closed);
    }
}

/// Sets the length; others may look at it without the lock.
#[inline(always)]
unsafe fn set_len(chan: *mut Chan, len: usize) {
    // SAFETY: the caller's channel is alive.
    unsafe { AtomicUsize::from_ptr(&raw mut (*chan).len).store(len, Ordering::Relaxed) };
}

/// Sends if that is possible at once: `OUTCOME_DONE`, `OUTCOME_CLOSED` or `OUTCOME_BLOCK`, and the waiter that is to be woken, or null. The value is
/// moved out on DONE.
///
/// # Safety
/// `chan` is alive, and locked where several workers run; `value` holds a value of its element type.
#[inline(always)]
pub unsafe fn send_now<P: Policy>(chan: *mut Chan, value: *const u8) -> (u32, *mut WaitNode) {
    let nobody = core::ptr::null_mut();
    // SAFETY: the invariants at the top of the file.
    unsafe {
        if (*chan).closed != 0 {
            return (OUTCOME_CLOSED, nobody);
        }
        let receiver = next_waiter::<P>(&raw mut (*chan).receivers);
        if !receiver.is_null() {
            copy_value(value, (*receiver).value, (*chan).elem_bytes);
            return (OUTCOME_DONE, P::served(receiver, 0));
        }
        if (*chan).len < (*chan).cap {
            copy_value(value, place(chan, (*chan).len), (*chan).elem_bytes);
            set_len(chan, (*chan).len + 1);
            return (OUTCOME_DONE, nobody);
        }
        (OUTCOME_BLOCK, nobody)
    }
}

/// Receives if that is possible at once: `OUTCOME_DONE` (the value is at `destination`), `OUTCOME_CLOSED` or `OUTCOME_BLOCK`, and the waiter that is
/// to be woken, or null.
///
/// # Safety
/// `chan` is alive, and locked where several workers run; `destination` has room for an element.
#[inline(always)]
pub unsafe fn recv_now<P: Policy>(chan: *mut Chan, destination: *mut u8) -> (u32, *mut WaitNode) {
    let nobody = core::ptr::null_mut();
    // SAFETY: the invariants at the top of the file.
    unsafe {
        if (*chan).len > 0 {
            copy_value(place(chan, 0), destination, (*chan).elem_bytes);
            (*chan).head += 1;
            if (*chan).head == (*chan).cap {
                (*chan).head = 0;
            }
            set_len(chan, (*chan).len - 1);
            let sender = next_waiter::<P>(&raw mut (*chan).senders);
            if sender.is_null() {
                return (OUTCOME_DONE, nobody);
            }
            copy_value((*sender).value, place(chan, (*chan).len), (*chan).elem_bytes);
            set_len(chan, (*chan).len + 1);
            return (OUTCOME_DONE, P::served(sender, 0));
        }
        let sender = next_waiter::<P>(&raw mut (*chan).senders);
        if !sender.is_null() {
            copy_value((*sender).value, destination, (*chan).elem_bytes);
            return (OUTCOME_DONE, P::served(sender, 0));
        }
        (if (*chan).closed != 0 { OUTCOME_CLOSED } else { OUTCOME_BLOCK }, nobody)
    }
}

/// [`send_now`] on the one worker.
///
/// # Safety
/// As there.
#[inline(always)]
unsafe fn send_alone(ctx: *mut Ctx, chan: *mut Chan, value: *const u8) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        let (outcome, woken) = send_now::<Alone>(chan, value);
        if !woken.is_null() {
            wake(ctx, woken, 0);
        }
        outcome
    }
}

/// [`recv_now`] on the one worker.
///
/// # Safety
/// As there.
#[inline(always)]
unsafe fn recv_alone(ctx: *mut Ctx, chan: *mut Chan, destination: *mut u8) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        let (outcome, woken) = recv_now::<Alone>(chan, destination);
        if !woken.is_null() {
            wake(ctx, woken, 0);
        }
        outcome
    }
}

/// Whether an operation is done at once where that is possible.
#[inline(always)]
unsafe fn tries_first(ctx: *mut Ctx) -> bool {
    // SAFETY: a task is running.
    unsafe {
        let force = (*ctx).force;
        force == 0 || force == FORCE_EXPLORE && orion_explore_suspends(ctx) == 0
    }
}

/// What an operation that would block answers.
#[inline(always)]
unsafe fn would_block(ctx: *mut Ctx) -> u32 {
    // SAFETY: a task is running.
    unsafe {
        if (*ctx).force == 0 && (*(*ctx).task.cast::<Task>()).flags & TASK_INTERRUPTED == 0 {
            return OUTCOME_BLOCK;
        }
        orion_would_block_slow(ctx)
    }
}

/// Common part of `orion_park_send` and `orion_park_recv`.
#[inline(always)]
unsafe fn park(
    ctx: *mut Ctx,
    frame: *mut Frame,
    node: *mut WaitNode,
    chan: *mut Chan,
    value: *mut u8,
    kind: u32,
) {
    // SAFETY: the running task is the worker's alone; the frame is complete, and its node unlinked.
    unsafe {
        if (*ctx).force != 0 {
            orion_park(ctx, frame);
            return;
        }
        let task = (*ctx).task.cast::<Task>();
        (*frame).task = task.cast();
        (*task).leaf = frame;
        (*task).state = TASK_WAITING;
        (*node).frame = frame;
        (*node).value = value;
        (*node).arm = 0;
        (*node).kind = kind;
        let queue = if kind == ARM_SEND { &mut (*chan).senders } else { &mut (*chan).receivers };
        queue.push(node, chan.cast());
    }
}

/// Suspends at a `Send` point: the channel takes the value out of the frame.
///
/// # Safety
/// Called by generated code that is about to suspend there, after `orion_try_send` answered BLOCK.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_park_send(
    ctx: *mut Ctx,
    frame: *mut Frame,
    node: *mut WaitNode,
    chan: *mut u8,
    value: *mut u8,
) {
    // SAFETY: the caller's promise.
    unsafe { park(ctx, frame, node, chan.cast(), value, ARM_SEND) }
}

/// Suspends at a `Recv` point: the sender puts the value into the frame.
///
/// # Safety
/// As for [`orion_park_send`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_park_recv(
    ctx: *mut Ctx,
    frame: *mut Frame,
    node: *mut WaitNode,
    chan: *mut u8,
    value: *mut u8,
) {
    // SAFETY: the caller's promise.
    unsafe { park(ctx, frame, node, chan.cast(), value, ARM_RECV) }
}

/// `ch <- v`, first half: done, closed, or block. Inlined: room in the buffer and nobody waiting.
///
/// # Safety
/// Called by generated code: `chan` is borrowed, `value` holds an element.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_send(ctx: *mut Ctx, chan: *mut u8, value: *mut u8) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        let to = chan.cast::<Chan>();
        if (*ctx).force == 0
            && !chan.is_null()
            && (*to).len < (*to).cap
            && (*to).receivers.is_empty()
            && (*to).closed == 0
        {
            copy_value(value, place(to, (*to).len), (*to).elem_bytes);
            (*to).len += 1;
            return OUTCOME_DONE;
        }
        orion_try_send_slow(ctx, chan, value)
    }
}

/// An operation that would block lets the tasks that the running one has just spawned run on this stack, as they would do next anyway, for as
/// long as that may help: meanwhile it stands in the channel's queue. Its outcome, or BLOCK.
unsafe fn wait_natively(ctx: *mut Ctx, chan: *mut Chan, value: *mut u8, kind: u32) -> u32 {
    // SAFETY: the node leaves the queue before this function does; a nested task leaves the running one as it was.
    unsafe {
        while !(*ctx.cast::<WorkerHead>()).spawned.is_null() {
            let mut node = native_node(value, kind);
            let place = &raw mut node;
            let queue = if kind == ARM_SEND {
                &raw mut (*chan).senders
            } else {
                &raw mut (*chan).receivers
            };
            (*queue).push(place, chan.cast());
            let ran = orion_run_spawned(ctx);
            if (*place).target.is_null() {
                return (*place).arm;
            }
            (*queue).unlink(place);
            if ran == 0 {
                break;
            }
        }
        OUTCOME_BLOCK
    }
}

/// The rest of `orion_try_send`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn orion_try_send_slow(ctx: *mut Ctx, chan: *mut u8, value: *mut u8) -> u32 {
    // SAFETY: the caller's promise. Only a forged state file can hold a null channel where one is used.
    unsafe {
        if is_parallel(ctx) {
            return orion_send_shared(ctx, chan, value);
        }
        if chan.is_null() {
            return OUTCOME_CLOSED;
        }
        if tries_first(ctx) {
            let mut outcome = send_alone(ctx, chan.cast(), value);
            if outcome == OUTCOME_BLOCK {
                outcome = wait_natively(ctx, chan.cast(), value, ARM_SEND);
            }
            if outcome != OUTCOME_BLOCK {
                return outcome;
            }
        }
        would_block(ctx)
    }
}

/// A receive, first half: done, closed, or block. Inlined: an element in the buffer and no sender waiting.
///
/// # Safety
/// Called by generated code: `chan` is borrowed, `destination` has room for an element.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_recv(ctx: *mut Ctx, chan: *mut u8, destination: *mut u8) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        let from = chan.cast::<Chan>();
        if (*ctx).force == 0 && !chan.is_null() && (*from).len > 0 && (*from).senders.is_empty() {
            let head = (*from).head;
            let size = (*from).elem_bytes;
            copy_value((*from).buf.wrapping_add(head * size as usize), destination, size);
            (*from).head = if head + 1 == (*from).cap { 0 } else { head + 1 };
            (*from).len -= 1;
            return OUTCOME_DONE;
        }
        orion_try_recv_slow(ctx, chan, destination)
    }
}

/// The rest of `orion_try_recv`.
///
/// # Safety
/// As there.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn orion_try_recv_slow(
    ctx: *mut Ctx,
    chan: *mut u8,
    destination: *mut u8,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        if is_parallel(ctx) {
            return orion_recv_shared(ctx, chan, destination);
        }
        if chan.is_null() {
            return OUTCOME_CLOSED;
        }
        if tries_first(ctx) {
            let mut outcome = recv_alone(ctx, chan.cast(), destination);
            if outcome == OUTCOME_BLOCK {
                outcome = wait_natively(ctx, chan.cast(), destination, ARM_RECV);
            }
            if outcome != OUTCOME_BLOCK {
                return outcome;
            }
        }
        would_block(ctx)
    }
}
