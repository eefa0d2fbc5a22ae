//! Threads for calls that may block: names that are looked up, and files where there is no io_uring.
//!
//! Calls go to whichever helper is free, at most [`HELPERS_MAX`] threads, started as they are needed. A helper writes the result into the list of results
//! and wakes the worker by the event descriptor.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use super::call::Call;

/// Files rarely gain by more at once, and a name that is slow to be found should not hold up the others.
const HELPERS_MAX: usize = 4;

/// A call on its way: its token and where it stands.
struct Errand {
    token: u64,
    call: *mut Call,
}
// SAFETY: the call stands still, and nobody else touches it until its result is there.
unsafe impl Send for Errand {}

/// What helpers and worker share.
struct Shared {
    results: Mutex<Vec<(u64, i32)>>,
    errands: Mutex<Receiver<Errand>>,
    idle: AtomicUsize,
    event: i32,
}

/// The helpers.
pub struct Helpers {
    sender: Sender<Errand>,
    shared: Arc<Shared>,
    started: usize,
}

impl Helpers {
    /// None are started yet. `event` is what they wake the worker by.
    #[must_use]
    pub fn new(event: i32) -> Self {
        let (sender, receiver) = channel();
        let shared = Shared {
            results: Mutex::default(),
            errands: Mutex::new(receiver),
            idle: AtomicUsize::new(0),
            event,
        };
        Self { sender, shared: Arc::new(shared), started: 0 }
    }

    /// Hands a call to a helper. Where no thread can be started it is made here and now.
    ///
    /// # Safety
    /// The call stands still, and nobody touches it, until its token is among the results.
    pub unsafe fn push(&mut self, token: u64, call: &mut Call) {
        // Relaxed: a stale count starts a thread too many, or lets a call wait for one that is busy.
        if self.shared.idle.load(Ordering::Relaxed) == 0 && self.started < HELPERS_MAX {
            let shared = Arc::clone(&self.shared);
            let builder = thread::Builder::new().name(String::from("helper")).stack_size(256 << 10);
            if builder.spawn(move || shared.serve()).is_ok() {
                self.started += 1;
            }
        }
        if self.started == 0 {
            let result = call.perform();
            self.shared.finish(token, result);
            return;
        }
        // The receiver lives as long as `shared`.
        let _ = self.sender.send(Errand { token, call });
    }

    /// Takes what has come back.
    pub fn take(&self, results: &mut Vec<(u64, i32)>) {
        results.append(&mut self.shared.results.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Shared {
    fn serve(&self) {
        loop {
            self.idle.fetch_add(1, Ordering::Relaxed);
            let next = self.errands.lock().unwrap_or_else(PoisonError::into_inner).recv();
            self.idle.fetch_sub(1, Ordering::Relaxed);
            let Ok(errand) = next else { return };
            // SAFETY: whoever sent it promised that it stands still and is ours.
            let result = unsafe { (*errand.call).perform() };
            self.finish(errand.token, result);
        }
    }

    fn finish(&self, token: u64, result: i32) {
        self.results.lock().unwrap_or_else(PoisonError::into_inner).push((token, result));
        super::ring_event(self.event);
    }
}
