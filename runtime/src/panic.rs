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
            let is_same = |line: Option<&TraceLine>| matches!(line, Some(TraceLine::Call(other)) if same_place(*other, site));
            let full = self.trace.len() >= TRACE_LINES_MAX;
            let before = self.trace.len().checked_sub(2).and_then(|index| self.trace.get(index));
            let repeats = is_same(before);
            match self.trace.last_mut() {
                Some(TraceLine::Repeated(count)) if repeats || full => {
                    *count += 1;
                    return;
                }
                last if full || (repeats && is_same(last.as_deref())) => {
                    self.trace.push(TraceLine::Repeated(1));
                    return;
                }
                _ => {}
            }
        }
        self.trace.push(line);
    }
}

/// Whether two sites are the same place: sites that came out of a state file have addresses of their own.
fn same_place(a: *const Site, b: *const Site) -> bool {
    if a == b || a.is_null() || b.is_null() {
        return a == b;
    }
    // SAFETY: sites are constant data of the image or interned for ever.
    unsafe {
        (*a).line == (*b).line
            && (*a).column == (*b).column
            && (*a).function.as_str() == (*b).function.as_str()
            && (*a).file.as_str() == (*b).file.as_str()
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
