//! What the scheduler asks of the operating system: threads, locks, and the event descriptor.
//!
//! The team names these by this module only. The models of `runtime/model` put another one in its place, under whose control threads run one at a time.

/// Rounds of looking for work before a worker rests.
pub const SEARCH_ROUNDS: u32 = 200;
/// Pauses between two of them.
pub const SEARCH_PAUSES: u32 = 30;

/// Ready tasks that a worker does not offer to others: it is about to run them, and has their values in the cache.
pub const KEPT: usize = 1;
/// Where a run changes between one worker and all for a test: dispatches of a worker after which it does, at first.
pub const CHANGING_DISPATCHES: u64 = 8;

/// Locks that put threads to sleep.
pub mod sync {
    pub use std::sync::{Barrier, Condvar, Mutex, MutexGuard};
}

/// Threads.
pub mod thread {
    pub use std::{
        hint::spin_loop,
        thread::{Builder, JoinHandle, Thread, current, park, park_timeout, sleep, yield_now},
    };
}

/// A descriptor on which one thread waits until others, or signal handlers, wake it.
pub mod event {
    /// Makes one.
    pub fn open() -> i32 {
        // SAFETY: no pointers.
        unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) }
    }

    /// Ends the wait for it, now or as soon as it begins. Async-signal-safe but for `errno`.
    pub fn notify(event: i32) {
        let one = 1u64;
        // SAFETY: a buffer of eight bytes; a descriptor that is not there is refused.
        unsafe { libc::write(event, (&raw const one).cast(), 8) };
    }

    /// Waits until it was notified, until another descriptor is readable, or until `ns` have passed (negative: for ever).
    pub fn wait(event: i32, other: Option<i32>, ns: i64) {
        let entry = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut entries = [entry(event), entry(other.unwrap_or(-1))];
        let timeout = libc::timespec {
            tv_sec: ns.max(0) / 1_000_000_000,
            tv_nsec: ns.max(0) % 1_000_000_000,
        };
        // SAFETY: two valid entries (a negative descriptor is ignored), a valid timeout, a buffer of 8 bytes.
        unsafe {
            let limit = if ns < 0 { std::ptr::null() } else { &raw const timeout };
            libc::ppoll(entries.as_mut_ptr(), 2, limit, std::ptr::null());
            if entries[0].revents & libc::POLLIN != 0 {
                let mut count = 0u64;
                libc::read(event, (&raw mut count).cast(), 8);
            }
        }
    }
}
