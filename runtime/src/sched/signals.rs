//! Signals: `SIGTERM` and `SIGINT` save and exit under `--state`, `SIGQUIT` asks for the report.
//!
//! Handlers only set bits of the worker's attention, poison the limit, and write to an event descriptor on which the idle worker waits; all of that is
//! async-signal-safe. A second `SIGTERM` or `SIGINT` acts as the signal does by default.

use std::{
    ptr::null_mut,
    sync::atomic::{AtomicI32, AtomicPtr, Ordering},
};

use crate::{
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
        let before = (*worker).attention.fetch_or(bit, Ordering::Relaxed);
        if before & bit & ATTEND_STOP != 0 {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
            return;
        }
        limit_of(Worker::ctx(worker)).store(usize::MAX, Ordering::Relaxed);
        let one = 1u64;
        let saved = *libc::__errno_location();
        libc::write(EVENT.load(Ordering::Relaxed), (&raw const one).cast(), 8);
        *libc::__errno_location() = saved;
    }
}

/// Installs the handlers; `durable`: those of `--state` too.
///
/// # Safety
/// `worker` lives as long as the process.
pub unsafe fn install(worker: *mut Worker, durable: bool) {
    WORKER.store(worker, Ordering::Relaxed);
    // SAFETY: `sigaction` with a valid, zero-initialised action.
    unsafe {
        EVENT.store(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK), Ordering::Relaxed);
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

/// The event descriptor that wakes the worker; negative before there is one.
pub fn event() -> i32 {
    EVENT.load(Ordering::Relaxed)
}

/// Hands what the program has written to the kernel, on a way out that has no world at hand.
pub fn release_output() {
    let worker = WORKER.load(Ordering::Relaxed);
    if !worker.is_null() {
        // SAFETY: the worker and its world live as long as the process; releasing allocates nothing.
        unsafe { (*(*worker).world).output.release() };
    }
}

/// Waits until a signal comes or `ns` have passed (negative: for ever).
pub fn wait(ns: i64) {
    let event = EVENT.load(Ordering::Relaxed);
    let mut poll = libc::pollfd { fd: event, events: libc::POLLIN, revents: 0 };
    let timeout =
        libc::timespec { tv_sec: ns.max(0) / 1_000_000_000, tv_nsec: ns.max(0) % 1_000_000_000 };
    // SAFETY: one valid entry (a negative descriptor is ignored), a valid timeout, a buffer of 8 bytes.
    unsafe {
        let limit = if ns < 0 { std::ptr::null() } else { &raw const timeout };
        libc::ppoll(&raw mut poll, 1, limit, std::ptr::null());
        if poll.revents & libc::POLLIN != 0 {
            let mut count = 0u64;
            libc::read(event, (&raw mut count).cast(), 8);
        }
    }
}
