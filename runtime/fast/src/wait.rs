//! Wait queues: FIFO, doubly linked through the `WaitNode`s inside the waiting frames.
//!
//! Invariants: a node is linked in at most one queue; `WaitNode::target` is non-null exactly while it is linked (or, for a timer,
//! while the heap holds it). A frame's nodes lie side by side at its point's `wait_offset`; all of them are unlinked before the frame is made
//! ready, so a waiter is claimed exactly once.

use core::ptr::null_mut;
use orion_abi::WaitNode;

use crate::atomic::{AtomicPtr, Ordering};

/// Bit in `WaitNode::kind`, beside `ARM_*`: the frame waits by other nodes too, which whoever completes it must unlink.
pub const NODE_HAS_SIBLINGS: u32 = 1 << 31;

/// Bit in `WaitNode::kind`: the waiter has not suspended; it stands on the native stack below the running task (`frame` is null), and
/// learns from the node what happened: `target` is null once it was served, `arm` is then the outcome.
pub const NODE_NATIVE: u32 = 1 << 30;

/// The node of a waiter on the native stack, for the time that it stands in one queue.
#[inline(always)]
#[must_use]
pub const fn native_node(value: *mut u8, kind: u32) -> WaitNode {
    WaitNode {
        next: null_mut(),
        prev: null_mut(),
        frame: null_mut(),
        target: null_mut(),
        value,
        arm: 0,
        kind: kind | NODE_NATIVE,
    }
}

/// The arm kind of a node.
#[inline(always)]
#[must_use]
pub const fn arm_kind(kind: u32) -> u32 {
    kind & !(NODE_HAS_SIBLINGS | NODE_NATIVE)
}

/// Waiters in the order they came.
#[repr(C)]
pub struct WaitQueue {
    /// First in line, or null.
    pub head: *mut WaitNode,
    /// Last in line, or null.
    pub tail: *mut WaitNode,
}

impl Default for WaitQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl WaitQueue {
    /// Nobody waits.
    #[must_use]
    pub const fn new() -> Self {
        Self { head: null_mut(), tail: null_mut() }
    }

    /// Whether nobody waits.
    #[inline(always)]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Sets the first; others may look whether there is one without the lock.
    #[inline(always)]
    fn set_head(&mut self, node: *mut WaitNode) {
        // SAFETY: the field is this queue's.
        unsafe { AtomicPtr::from_ptr(&raw mut self.head).store(node, Ordering::Relaxed) };
    }

    /// Puts a node at the end of the line.
    ///
    /// # Safety
    /// `node` is valid, unlinked, and stays where it is until it is unlinked.
    #[inline]
    pub unsafe fn push(&mut self, node: *mut WaitNode, target: *mut u8) {
        // SAFETY: the nodes of the queue are alive: a frame unlinks its nodes before it goes.
        unsafe {
            (*node).next = null_mut();
            (*node).prev = self.tail;
            (*node).target = target;
            if self.tail.is_null() {
                self.set_head(node);
            } else {
                (*self.tail).next = node;
            }
            self.tail = node;
        }
    }

    /// Takes a node out of the line.
    ///
    /// # Safety
    /// `node` is linked in this queue.
    #[inline]
    pub unsafe fn unlink(&mut self, node: *mut WaitNode) {
        // SAFETY: as for `push`.
        unsafe {
            let (next, prev) = ((*node).next, (*node).prev);
            if prev.is_null() {
                self.set_head(next);
            } else {
                (*prev).next = next;
            }
            if next.is_null() {
                self.tail = prev;
            } else {
                (*next).prev = prev;
            }
            (*node).target = null_mut();
        }
    }

    /// Takes the first of the line, or null.
    ///
    /// # Safety
    /// The queue's nodes are alive.
    #[inline]
    pub unsafe fn pop(&mut self) -> *mut WaitNode {
        let node = self.head;
        if !node.is_null() {
            // SAFETY: it is linked here.
            unsafe { self.unlink(node) };
        }
        node
    }

    /// How many wait (walks the line).
    #[must_use]
    pub fn len(&self) -> usize {
        let mut count = 0;
        let mut node = self.head;
        while !node.is_null() {
            count += 1;
            // SAFETY: nodes of the queue are alive.
            node = unsafe { (*node).next };
        }
        count
    }
}
