//! Generators: frames of their own, run by the task that drives them.
//!
//! Algorithm: `next` runs the generator's frames on the driver's native stack, by a trampoline like the scheduler's, until one yields, the root ends, or one has to
//! wait. In the last case the driver suspends as well, at a `GenNext` point: from then on the scheduler runs the generator's frames as the task's, and goes on with
//! the driver when they yield or end. Stopping is the same with an unwinding outcome at the yield.
//!
//! Invariants: the generators that a task is driving hang from `Task::generator`, innermost first, linked by `outer`. A generator's root frame has no parent: what
//! lies below it on the logical stack is `driver` (null while the driver stands on the native stack). `leaf` is the frame that yields next, null
//! while it is active; the value yielded goes to `destination`, which belongs to the driver.

use std::ptr::null_mut;

use orion_abi::{Frame, Site, TypeDesc};

/// A generator.
#[repr(C)]
pub struct Generator {
    /// `GEN_*`.
    pub state: u32,
    /// It is being stopped: its `defer`s run.
    pub stopping: bool,
    /// Its type, `Gen[Y, S, R]`.
    pub ty: *const TypeDesc,
    /// Where it was made.
    pub site: *const Site,
    /// The frame to go on with, while it is new or has yielded.
    pub leaf: *mut Frame,
    /// Its root frame, until its result is dropped.
    pub root: *mut Frame,
    /// Where the yielded value goes.
    pub destination: *mut u8,
    /// The frame that waits for it at a `GenNext` or `GenStop` point.
    pub driver: *mut Frame,
    /// The generator in whose frames the driver runs.
    pub outer: *mut Generator,
    /// What the driver was unwinding with when it began to stop the generator.
    pub suspended_panic: Option<Box<crate::panic::Panic>>,
    /// Neighbours among all generators, in order of creation.
    pub all_prev: *mut Generator,
    /// As above.
    pub all_next: *mut Generator,
    /// Unique in the program's whole life, ascending.
    pub id: u64,
}

impl Generator {
    /// A generator that has not started.
    #[must_use]
    pub fn new(id: u64, frame: *mut Frame, ty: *const TypeDesc, site: *const Site) -> Self {
        Self {
            state: orion_abi::symbols::GEN_NEW,
            stopping: false,
            ty,
            site,
            leaf: frame,
            root: frame,
            destination: null_mut(),
            driver: null_mut(),
            outer: null_mut(),
            suspended_panic: None,
            all_prev: null_mut(),
            all_next: null_mut(),
            id,
        }
    }
}
