//! What a task carries while it unwinds: a panic or a cancellation, with the logical stack collected so far.
//!
//! The record moves: from the panicking task to whoever joins it (or to its scope), gaining a `Spawn` line at each task boundary, so that
//! the report shows one stack from the failure down to `main`.

use orion_abi::Site;

/// Why a task unwinds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// A panic.
    Panic,
    /// Cancellation was asked for.
    Cancelled,
    /// A scope of the task has failed; the failure is taken up where the scope is left.
    ScopeFailed,
}

/// One line of the logical stack, innermost first.
#[derive(Clone, Debug)]
pub enum TraceLine {
    /// A call (or the failing operation) in a function.
    Call(*const Site),
    /// The boundary of a task: below it stands who joined it.
    Spawn {
        /// The task's id.
        id: u64,
        /// Its name, if it has one.
        name: Option<String>,
        /// Where it was spawned (null: the main task).
        site: *const Site,
    },
    /// So many equal lines were left out.
    Repeated(u64),
}

/// A pending panic or cancellation.
#[derive(Clone, Debug)]
pub struct Panic {
    /// Which of the two.
    pub cause: Cause,
    /// Exactly the panic's message; empty for a cancellation.
    pub message: String,
    /// Where it was raised (null: unknown).
    pub site: *const Site,
    /// The stack from `site` outwards.
    pub trace: Vec<TraceLine>,
    /// Messages of later panics of the same scope, which lost against this one.
    pub others: Vec<String>,
}

/// Most lines of a trace that are kept; a deep recursion repeats itself.
pub const TRACE_LINES_MAX: usize = 400;

impl Panic {
    /// A fresh record.
    #[must_use]
    pub fn new(cause: Cause, message: String, site: *const Site) -> Box<Self> {
        Box::new(Self { cause, message, site, trace: Vec::new(), others: Vec::new() })
    }

    /// Appends a line; runs of equal calls and what exceeds the limit are counted instead of kept.
    pub fn push(&mut self, line: TraceLine) {
        if let TraceLine::Call(site) = line {
            let length = self.trace.len();
            let repeats = match self.trace.last() {
                Some(TraceLine::Call(last)) if length >= 2 => {
                    *last == site
                        && matches!(self.trace[length - 2], TraceLine::Call(other) if other == site)
                }
                Some(TraceLine::Repeated(_)) => {
                    matches!(self.trace[length - 2], TraceLine::Call(last) if last == site)
                        || length > TRACE_LINES_MAX
                }
                _ => false,
            };
            if repeats || length >= TRACE_LINES_MAX {
                if let Some(TraceLine::Repeated(count)) = self.trace.last_mut() {
                    *count += 1;
                } else {
                    self.trace.push(TraceLine::Repeated(1));
                }
                return;
            }
        }
        self.trace.push(line);
    }
}

/// The rare parts of a task (`Task::extra`).
#[derive(Default)]
pub struct TaskExtra {
    /// Its name: an owned `str` object, or null.
    pub name: Option<String>,
    /// What it unwinds with, or ended with.
    pub panic: Option<Box<Panic>>,
    /// The failure of the task it has tried to join, until the program asks for it.
    pub join_error: Option<Box<Panic>>,
}
