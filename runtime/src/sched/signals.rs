//! Signals: `SIGTERM` and `SIGINT` save and exit under `--state`, `SIGQUIT` asks for the report.
//!
//! Handlers only set bits of the worker's attention, poison the limit, and write to an event descriptor on which the idle worker waits; all of that is
//! async-signal-safe. A second `SIGTERM` or `SIGINT` acts as the signal does by default.

use std::{
    ptr::null_mut,
    sync::atomic::{AtomicI32, AtomicPtr, Ordering},
};

use crate::{
    os::event,
    sched::{ATTEND_REPORT, ATTEND_STOP, ops::limit_of},
    world::Worker,
};

/// The worker that handlers talk to.
static WORKER: AtomicPtr<Worker> = AtomicPtr::new(null_mut());
/// The event descriptor that wakes it.
static EVENT: AtomicI32 = AtomicI32::new(-1);

extern "C" fn on_signal(signal: libc::c_int) {
    let worker = WORKER.load(Ordering::Relaxed);
    if worker.is_null() {
        return;
    }
    let bit = if signal == libc::SIGQUIT { ATTEND_REPORT } else { ATTEND_STOP };
    // SAFETY: the worker lives as long as the process; only atomics and async-signal-safe calls are used.
    unsafe {
        let saved = *libc::__errno_location();
        // Acquire: it is made while signals come already, on another thread than the one that takes them.
        let shared = AtomicPtr::from_ptr(&raw mut (*(*worker).world).shared);
        let shared = shared.load(Ordering::Acquire).as_ref();
        let shared = shared.filter(|shared| shared.is_working.load(Ordering::Relaxed));
        let attention = shared.map_or(&(*worker).attention, |shared| &shared.attention);
        let before = attention.fetch_or(bit, Ordering::Relaxed);
        if before & bit & ATTEND_STOP != 0 {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
            return;
        }
        match shared {
            None => limit_of(Worker::ctx(worker)).store(usize::MAX, Ordering::Relaxed),
            Some(shared) => {
                for &worker in &shared.workers {
                    (*worker).attention.fetch_or(bit, Ordering::Relaxed);
                    limit_of(Worker::ctx(worker)).store(usize::MAX, Ordering::Relaxed);
                }
            }
        }
        wake();
        *libc::__errno_location() = saved;
    }
}

/// Ends the wait of the worker that waits in the kernel, now or as soon as it begins. Async-signal-safe but for `errno`.
pub fn wake() {
    event::notify(EVENT.load(Ordering::Relaxed));
}

/// Installs the handlers; `durable`: those of `--state` too.
///
/// # Safety
/// `worker` lives as long as the process.
pub unsafe fn install(worker: *mut Worker, durable: bool) {
    WORKER.store(worker, Ordering::Relaxed);
    // SAFETY: `sigaction` with a valid, zero-initialised action.
    unsafe {
        open_event();
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(libc::SIGQUIT, &raw const action, null_mut());
        if durable {
            libc::sigaction(libc::SIGTERM, &raw const action, null_mut());
            libc::sigaction(libc::SIGINT, &raw const action, null_mut());
        }
    }
}

/// Makes the event descriptor.
pub fn open_event() {
    EVENT.store(event::open(), Ordering::Relaxed);
}

/// The event descriptor that wakes the worker; negative before there is one.
pub fn event() -> i32 {
    EVENT.load(Ordering::Relaxed)
}

/// Hands what the program has written to the kernel, on a way out that has no world at hand.
pub fn release_output() {
    let worker = WORKER.load(Ordering::Relaxed);
    if !worker.is_null() {
        // SAFETY: the worker and its world live as long as the process; releasing allocates nothing.
        unsafe { (*(*worker).world).output.try_release() };
    }
}

/// Waits until a signal comes or `ns` have passed (negative: for ever).
pub fn wait(ns: i64) {
    wait_with(None, ns);
}

/// As [`wait`], or until another descriptor is readable.
pub fn wait_with(other: Option<i32>, ns: i64) {
    event::wait(EVENT.load(Ordering::Relaxed), other, ns);
}
