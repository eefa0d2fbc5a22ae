//! Time: moments of the wall clock, measured by the monotonic one while the process runs.
//!
//! Under `--seed` time is virtual, so that a run does not depend on the machine's speed: it stands still while tasks run, jumps to the next
//! deadline when none can run, and creeps by a microsecond at each look at it, so that a loop that waits for a moment ends.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a look at the virtual clock costs in virtual time.
const VIRTUAL_STEP_NS: i64 = 1_000;

/// The clock.
pub struct Clock {
    /// Wall clock at the start, in ns since the epoch.
    start_ns: i64,
    /// Monotonic clock at the start.
    start: Instant,
    /// Virtual time since the start, under `--seed`.
    virtual_ns: Option<i64>,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn new(virtual_time: bool) -> Self {
        Self { start_ns: wall_ns(), start: Instant::now(), virtual_ns: virtual_time.then_some(0) }
    }

    /// The moment that the program sees.
    pub fn now_ns(&mut self) -> i64 {
        if let Some(passed) = &mut self.virtual_ns {
            *passed += VIRTUAL_STEP_NS;
        }
        self.peek_ns()
    }

    /// The present moment, without making virtual time pass.
    #[must_use]
    pub fn peek_ns(&self) -> i64 {
        match self.virtual_ns {
            Some(passed) => self.start_ns.saturating_add(passed),
            None => self.start_ns.saturating_add(nanoseconds(self.start.elapsed())),
        }
    }

    /// Whether time is virtual.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.virtual_ns.is_some()
    }

    /// Nothing can run before `deadline_ns`: virtual time jumps there.
    pub fn advance_to(&mut self, deadline_ns: i64) {
        if let Some(passed) = &mut self.virtual_ns {
            *passed = (*passed).max(deadline_ns.saturating_sub(self.start_ns));
        }
    }

    /// Continues at a moment that a state holds, under virtual time.
    pub fn set_virtual_now(&mut self, now_ns: i64) {
        if let Some(passed) = &mut self.virtual_ns {
            self.start_ns = now_ns;
            *passed = 0;
        }
    }
}

/// The wall clock, in ns since the epoch.
#[must_use]
pub fn wall_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanoseconds)
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
