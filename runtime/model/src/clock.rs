//! Time as a model has it: it stands still until a wait in the kernel ends by time, or until shuttle lets some of it pass at a look.
//!
//! The same functions as the runtime's own module. A clock is never "virtual": the scheduler is to do what it does in real time.

use std::sync::atomic::{AtomicI64, Ordering};

use shuttle::rand::Rng;

/// Nanoseconds that may pass at a look.
const STEP_NS: i64 = 100_000;
/// One look in so many takes time.
const LOOKS: u32 = 16;

/// One execution runs at a time on a thread, but several threads may run models.
struct Now(AtomicI64);

thread_local! {
    static NOW: Now = const { Now(AtomicI64::new(0)) };
}

/// The present moment, in nanoseconds; all clocks show the same.
#[must_use]
pub fn now() -> i64 {
    NOW.with(|now| now.0.load(Ordering::Relaxed))
}

/// Time passes.
pub fn advance(ns: i64) {
    NOW.with(|now| now.0.fetch_add(ns.max(0), Ordering::Relaxed));
}

/// Another execution begins.
pub fn reset() {
    NOW.with(|now| now.0.store(1, Ordering::Relaxed));
}

/// The clock.
pub struct Clock;

impl Clock {
    /// A clock.
    #[must_use]
    pub fn new(_: bool) -> Self {
        Self
    }

    /// The present moment.
    pub fn now_ns(&mut self) -> i64 {
        self.peek_ns()
    }

    /// Nothing.
    pub fn pass(&mut self) {}

    /// The present moment.
    #[must_use]
    pub fn peek_ns(&self) -> i64 {
        if shuttle::rand::thread_rng().gen_ratio(1, LOOKS) {
            advance(STEP_NS);
        }
        now()
    }

    /// It never is.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        false
    }

    /// Nothing: only virtual time jumps.
    pub fn advance_to(&mut self, _: i64) {}

    /// Nothing.
    pub fn set_virtual_now(&mut self, _: i64) {}
}

/// The present moment.
#[must_use]
pub fn wall_ns() -> i64 {
    now()
}
