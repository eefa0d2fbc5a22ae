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
        let shared = (*(*worker).world).shared.as_ref();
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
        let saved = *libc::__errno_location();
        wake();
        *libc::__errno_location() = saved;
    }
}

/// Ends the wait of the worker that waits in the kernel, now or as soon as it begins. Async-signal-safe but for `errno`.
pub fn wake() {
    let one = 1u64;
    // SAFETY: a buffer of eight bytes; a descriptor that is not there is refused.
    unsafe { libc::write(EVENT.load(Ordering::Relaxed), (&raw const one).cast(), 8) };
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
    // SAFETY: no pointers.
    let event = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    EVENT.store(event, Ordering::Relaxed);
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
    let event = EVENT.load(Ordering::Relaxed);
    let entry = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut entries = [entry(event), entry(other.unwrap_or(-1))];
    let timeout =
        libc::timespec { tv_sec: ns.max(0) / 1_000_000_000, tv_nsec: ns.max(0) % 1_000_000_000 };
    // SAFETY: two valid entries (a negative descriptor is ignored), a valid timeout, a buffer of 8 bytes.
    unsafe {
        let limit = if ns < 0 { std::ptr::null() } else { &raw const timeout };
        libc::ppoll(entries.as_mut_ptr(), 2, limit, std::ptr::null());
        if entries[0].revents & libc::POLLIN != 0 {
            let mut count = 0u64;
            libc::read(event, (&raw mut count).cast(), 8);
        }
    }
}
