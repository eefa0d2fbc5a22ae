//! What makes the same algorithms safe on several workers: locks, claims, and the policy that leaves both out on one.
//!
//! One worker: [`Alone`]; nothing is locked and nothing claimed, and no atomic operation is emitted. Several: [`Shared`]; `Ctx::force` has the bit
//! [`PARALLEL`], so that every hot path, which tests that word anyway, goes out of line.
//!
//! Locks are words in the objects that they guard, taken for a few dozen instructions. Order, outermost first: scope, task end,
//! channels by address, timers, lists. While one is held nothing else is waited for but a claim that is being looked at, whose holder takes no lock.
//!
//! A waiting task is *claimed* once, by whoever completes its wait: its word goes from [`CLAIM_OPEN`] to [`CLAIM_NONE`]. A wait node is linked only
//! while its queue's lock is held, and claims are made under that lock; whoever has claimed unlinks the other nodes before the frame goes on. So a
//! linked node's frame is alive.

use orion_abi::{Ctx, WaitNode};

use crate::{
    atomic::{AtomicU8, AtomicU32},
    task::Task,
    word,
};

/// Bit of `Ctx::force`: several workers run.
pub const PARALLEL: u64 = 1 << 8;
/// Bits of `Ctx::force` that say how suspensions are forced.
pub const FORCE_MASK: u64 = PARALLEL - 1;

pub use crate::word::{CLAIM_HELD, CLAIM_NONE, CLAIM_OPEN};

unsafe extern "C" {
    /// A lock is taken for longer than it should be: lets other threads run.
    fn orion_relax_slow(spins: u32);
}

/// Lets time pass while somebody else has what is wanted.
#[inline(always)]
pub fn relax(spins: u32) {
    // SAFETY: the runtime defines it.
    unsafe { orion_relax_slow(spins) };
}

/// Whether several workers run.
///
/// # Safety
/// `ctx` heads a worker.
#[inline(always)]
#[must_use]
pub unsafe fn is_parallel(ctx: *mut Ctx) -> bool {
    // SAFETY: the caller's promise.
    unsafe { (*ctx).force & PARALLEL != 0 }
}

/// How suspensions are forced; 0: they are not.
///
/// # Safety
/// `ctx` heads a worker.
#[inline(always)]
#[must_use]
pub unsafe fn forced(ctx: *mut Ctx) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { (*ctx).force & FORCE_MASK }
}

/// Takes a lock.
///
/// # Safety
/// `word` is a lock that outlives the call; the caller does not hold it.
#[inline]
pub unsafe fn lock(word: *mut u32) {
    // SAFETY: the caller's promise; a lock is accessed as an atomic only.
    word::acquire(unsafe { AtomicU32::from_ptr(word) }, relax);
}

/// Gives a lock back.
///
/// # Safety
/// The caller holds it.
#[inline]
pub unsafe fn unlock(word: *mut u32) {
    // SAFETY: as above.
    word::release(unsafe { AtomicU32::from_ptr(word) });
}

/// Takes a lock where several workers run.
///
/// # Safety
/// As for [`lock`].
#[inline(always)]
pub unsafe fn lock_if(ctx: *mut Ctx, word: *mut u32) {
    // SAFETY: the caller's promise.
    unsafe {
        if is_parallel(ctx) {
            lock(word);
        }
    }
}

/// Gives back what [`lock_if`] took.
///
/// # Safety
/// As for [`unlock`].
#[inline(always)]
pub unsafe fn unlock_if(ctx: *mut Ctx, word: *mut u32) {
    // SAFETY: the caller's promise.
    unsafe {
        if is_parallel(ctx) {
            unlock(word);
        }
    }
}

/// The claim of a task.
///
/// # Safety
/// `task` outlives the reference.
#[inline(always)]
#[must_use]
pub unsafe fn claim_of<'a>(task: *mut Task) -> &'a AtomicU8 {
    // SAFETY: the caller's promise; the field is accessed as an atomic while several workers run.
    unsafe { AtomicU8::from_ptr(&raw mut (*task).claim) }
}

/// Claims a waiting task; false when somebody else has.
///
/// # Safety
/// `task` is alive (a node of it is linked and the queue's lock is held).
#[inline]
#[must_use]
pub unsafe fn claim(task: *mut Task) -> bool {
    // SAFETY: the caller's promise.
    unsafe { take_claim(task, CLAIM_NONE) }
}

/// Holds a waiting task to look at it; false when it does not wait (any more).
///
/// # Safety
/// `task` is alive.
#[inline]
#[must_use]
pub unsafe fn hold(task: *mut Task) -> bool {
    // SAFETY: the caller's promise.
    unsafe { take_claim(task, CLAIM_HELD) }
}

unsafe fn take_claim(task: *mut Task, to: u8) -> bool {
    // SAFETY: the caller's promise.
    word::claim(unsafe { claim_of(task) }, to, relax)
}

/// One worker or several.
pub trait Policy {
    /// Whether the waiter of a node that was just taken out of its queue is the caller's to complete.
    ///
    /// # Safety
    /// The node was linked and, where it matters, its queue's lock is held.
    unsafe fn claims(node: *mut WaitNode) -> bool;

    /// The waiter has its value: the node that is to be woken once the lock is given back, or null.
    ///
    /// # Safety
    /// As for [`Policy::claims`], which was true.
    unsafe fn served(node: *mut WaitNode, closed: u32) -> *mut WaitNode;
}

/// One worker.
pub struct Alone;

/// Several workers.
pub struct Shared;

impl Policy for Alone {
    #[inline(always)]
    unsafe fn claims(_node: *mut WaitNode) -> bool {
        true
    }

    #[inline(always)]
    unsafe fn served(node: *mut WaitNode, _closed: u32) -> *mut WaitNode {
        node
    }
}

impl Policy for Shared {
    #[inline]
    unsafe fn claims(node: *mut WaitNode) -> bool {
        // SAFETY: the caller's promise; a node without frame stands on a native stack and waits for nothing else.
        unsafe {
            let frame = (*node).frame;
            frame.is_null() || claim((*frame).task.cast())
        }
    }

    #[inline]
    unsafe fn served(node: *mut WaitNode, closed: u32) -> *mut WaitNode {
        // SAFETY: the caller's promise. Once the lock is given back a native waiter may be gone.
        unsafe {
            if (*node).frame.is_null() {
                (*node).arm = closed;
                return core::ptr::null_mut();
            }
            node
        }
    }
}
