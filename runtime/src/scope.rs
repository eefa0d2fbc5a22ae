//! Scopes: what an `async` block is at run time.
//!
//! Invariants: a scope is counted by the owner's local, by every `Scope` value and by each task spawned in it; its tasks are linked in order of
//! creation from `first`, ended ones too while their handles are alive; `live` counts those that have not ended. A scope that has
//! `ended` has no live task and takes no new one. Scopes are linked in order of creation in the world.

use std::ptr::null_mut;

use orion_abi::{Site, WaitNode};
use orion_fast::{atomic::AtomicBool, task::Task};

use crate::panic::Panic;

/// A scope.
#[repr(C)]
pub struct Scope {
    /// Reference count (first word of every counted object).
    pub rc: i64,
    /// Unique in the program's whole life, ascending.
    pub id: u64,
    /// The task whose `async` block it is; null once that block is left.
    pub owner: *mut Task,
    /// The `async` block.
    pub site: *const Site,
    /// Its tasks, in order of creation.
    pub first: *mut Task,
    /// Last of them.
    pub last: *mut Task,
    /// How many have not ended.
    pub live: u64,
    /// The owner, waiting at `ScopeExit` or `ScopeCancel`.
    pub waiter: *mut WaitNode,
    /// Guards all of it but the count, where several workers run.
    pub lock: u32,
    /// In whose list it stands, where several workers run.
    pub home: u16,
    /// `failure` was set and not taken yet: for those who do not hold the lock.
    pub failed: AtomicBool,
    /// The block has been left.
    pub ended: bool,
    /// Its tasks have been asked to cancel because the scope failed or was left early.
    pub cancelling: bool,
    /// The panic of a task that nobody joins; the first wins, others stand in `Panic::others`.
    pub failure: Option<Box<Panic>>,
    /// Neighbours among all scopes, in order of creation.
    pub all_prev: *mut Scope,
    /// As above.
    pub all_next: *mut Scope,
}

impl Scope {
    /// A scope without tasks, not yet linked.
    #[must_use]
    pub fn new(id: u64, owner: *mut Task, site: *const Site) -> Self {
        Self {
            rc: 1,
            id,
            owner,
            site,
            first: null_mut(),
            last: null_mut(),
            live: 0,
            waiter: null_mut(),
            lock: 0,
            home: 0,
            failed: AtomicBool::new(false),
            ended: false,
            cancelling: false,
            failure: None,
            all_prev: null_mut(),
            all_next: null_mut(),
        }
    }

    /// Appends a task to the scope's list; `live` is the caller's affair.
    ///
    /// # Safety
    /// `task` is alive and in no scope's list.
    pub unsafe fn link(&mut self, task: *mut Task) {
        // SAFETY: linked tasks are alive.
        unsafe {
            (*task).scope_prev = self.last;
            (*task).scope_next = null_mut();
            if self.last.is_null() {
                self.first = task;
            } else {
                (*self.last).scope_next = task;
            }
            self.last = task;
        }
    }

    /// Takes a task out of the scope's list.
    ///
    /// # Safety
    /// `task` is in this scope's list.
    pub unsafe fn unlink(&mut self, task: *mut Task) {
        // SAFETY: linked tasks are alive.
        unsafe {
            let (prev, next) = ((*task).scope_prev, (*task).scope_next);
            if prev.is_null() {
                self.first = next;
            } else {
                (*prev).scope_next = next;
            }
            if next.is_null() {
                self.last = prev;
            } else {
                (*next).scope_prev = prev;
            }
        }
    }
}
