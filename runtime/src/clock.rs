//! Time: moments of the wall clock, measured by the monotonic one while the process runs.
//!
//! Under `--seed` time is virtual, so that a run depends neither on the machine's speed nor on the day: it begins at a fixed moment, passes by a
//! microsecond with each dispatch of a task and each look at it, so that a loop that waits for a moment ends, and jumps to the next deadline when
//! no task can run.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a look at the virtual clock costs in virtual time.
const VIRTUAL_STEP_NS: i64 = 1_000;

/// When virtual time begins: 2000-01-01T00:00:00Z.
const VIRTUAL_START_NS: i64 = 946_684_800_000_000_000;

/// The clock.
pub struct Clock {
    /// Wall clock at the start (virtual time begins at a fixed moment), in ns since the epoch.
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
        let start_ns = if virtual_time { VIRTUAL_START_NS } else { wall_ns() };
        Self { start_ns, start: Instant::now(), virtual_ns: virtual_time.then_some(0) }
    }

    /// The moment that the program sees.
    pub fn now_ns(&mut self) -> i64 {
        self.pass();
        self.peek_ns()
    }

    /// A little virtual time passes.
    pub fn pass(&mut self) {
        if let Some(passed) = &mut self.virtual_ns {
            *passed += VIRTUAL_STEP_NS;
        }
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
