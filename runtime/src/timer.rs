//! Timers: a 4-ary min-heap of (deadline, sequence number) with the position kept in each wait node, so that cancelling costs a logarithm too.
//!
//! Input: wait nodes of kind `ARM_AFTER`. Invariants: while the heap holds a node, its `target` is its position plus 1 (as an address that
//! nobody follows) and 0 otherwise; equal deadlines come out in the order in which they went in. Deadlines are wall-clock moments in
//! nanoseconds since the epoch, as `Clock::now_ns` counts them.

use orion_abi::WaitNode;

/// One pending timer.
#[derive(Clone, Copy)]
pub struct Timer {
    /// When.
    pub deadline_ns: i64,
    /// Breaks ties: order of sleeping.
    pub sequence: u64,
    /// Who.
    pub node: *mut WaitNode,
}

impl Timer {
    fn before(&self, other: &Self) -> bool {
        (self.deadline_ns, self.sequence) < (other.deadline_ns, other.sequence)
    }
}

/// The heap.
#[derive(Default)]
pub struct TimerHeap {
    entries: Vec<Timer>,
    /// Number for the next timer; saved.
    pub next_sequence: u64,
}

impl TimerHeap {
    /// Adds a timer with the next sequence number.
    ///
    /// # Safety
    /// `node` is valid and stays where it is until it is removed.
    pub unsafe fn insert(&mut self, node: *mut WaitNode, deadline_ns: i64) {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        // SAFETY: the caller's promise.
        unsafe { self.insert_with(node, deadline_ns, sequence) };
    }

    /// Adds a timer with a sequence number that was given out before (when a state is restored).
    ///
    /// # Safety
    /// As for [`Self::insert`].
    pub unsafe fn insert_with(&mut self, node: *mut WaitNode, deadline_ns: i64, sequence: u64) {
        self.entries.push(Timer { deadline_ns, sequence, node });
        // SAFETY: nodes of the heap are valid.
        unsafe { self.sift_up(self.entries.len() - 1) };
    }

    /// Takes a node out.
    ///
    /// # Safety
    /// The heap holds `node`.
    pub unsafe fn remove(&mut self, node: *mut WaitNode) {
        // SAFETY: nodes of the heap are valid.
        unsafe {
            let at = (*node).target as usize - 1;
            (*node).target = std::ptr::null_mut();
            let last = self.entries.pop().expect("the heap holds the node");
            if at < self.entries.len() {
                self.entries[at] = last;
                self.sift_up(at);
                let at = (*last.node).target as usize - 1;
                self.sift_down(at);
            }
        }
    }

    /// The next timer.
    #[must_use]
    pub fn first(&self) -> Option<Timer> {
        self.entries.first().copied()
    }

    /// The timer of a node that the heap holds.
    ///
    /// # Safety
    /// The heap holds `node`.
    #[must_use]
    pub unsafe fn timer_of(&self, node: *mut WaitNode) -> Timer {
        // SAFETY: the caller's promise.
        self.entries[unsafe { (*node).target as usize } - 1]
    }

    /// How many are pending.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All timers, in no particular order.
    #[must_use]
    pub fn entries(&self) -> &[Timer] {
        &self.entries
    }

    /// Forgets all timers (their frames are gone).
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    unsafe fn place(&mut self, at: usize, timer: Timer) {
        self.entries[at] = timer;
        // SAFETY: nodes of the heap are valid.
        unsafe { (*timer.node).target = (at + 1) as *mut u8 };
    }

    unsafe fn sift_up(&mut self, mut at: usize) {
        let timer = self.entries[at];
        // SAFETY: nodes of the heap are valid.
        unsafe {
            while at > 0 {
                let parent = (at - 1) / 4;
                if !timer.before(&self.entries[parent]) {
                    break;
                }
                let above = self.entries[parent];
                self.place(at, above);
                at = parent;
            }
            self.place(at, timer);
        }
    }

    unsafe fn sift_down(&mut self, mut at: usize) {
        let timer = self.entries[at];
        // SAFETY: nodes of the heap are valid.
        unsafe {
            loop {
                let first = at * 4 + 1;
                if first >= self.entries.len() {
                    break;
                }
                let mut least = first;
                for child in first + 1..(first + 4).min(self.entries.len()) {
                    if self.entries[child].before(&self.entries[least]) {
                        least = child;
                    }
                }
                if !self.entries[least].before(&timer) {
                    break;
                }
                let below = self.entries[least];
                self.place(at, below);
                at = least;
            }
            self.place(at, timer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn timers_come_out_in_order_and_can_be_removed() {
        // SAFETY: a zeroed node is a valid unlinked node.
        let mut nodes: Vec<WaitNode> = (0..500).map(|_| unsafe { std::mem::zeroed() }).collect();
        let mut heap = TimerHeap::default();
        let mut rng = Rng::new(1);
        let base = nodes.as_mut_ptr();
        for i in 0..500 {
            // SAFETY: the nodes stay where they are.
            unsafe { heap.insert(base.add(i), i64::from(rng.below(50))) };
        }
        for i in (0..500).step_by(3) {
            // SAFETY: all nodes are in the heap.
            unsafe { heap.remove(base.add(i)) };
        }
        let mut last = (i64::MIN, 0);
        let mut count = 0;
        while let Some(timer) = heap.first() {
            assert!((timer.deadline_ns, timer.sequence) > last);
            last = (timer.deadline_ns, timer.sequence);
            // SAFETY: it is in the heap.
            unsafe { heap.remove(timer.node) };
            count += 1;
        }
        assert_eq!(count, 333);
    }
}
