//! The thread that ends time slices: started with the first task or timer that could be kept waiting, asleep while the worker is.
//!
//! Algorithm: twice per slice it compares the worker's count of dispatches with the one it saw before; a task that was running both times has had its
//! slice, and the limit is poisoned. Each tick also tells the scheduler to look at the clock. Where there are more workers that could help, it asks more often
//! whether they should.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use orion_fast::sync::is_parallel;

use crate::{
    os::thread::{self, Thread},
    sched::{ATTEND_BALANCE, ATTEND_TICK, ops::limit_of},
    world::Worker,
};

/// Half a time slice: a task that runs through two ticks has had between 5 and 10 ms.
const TICK: Duration = Duration::from_millis(5);

/// How often in a tick it is asked whether other workers should help.
const QUESTIONS: u32 = 4;

/// A running ticker.
pub struct Ticker {
    thread: Thread,
    asleep: Arc<AtomicBool>,
}

/// The worker's address, for the ticker's thread.
struct WorkerAddress(*mut Worker);
// SAFETY: the worker lives as long as the process; the ticker touches atomics only.
unsafe impl Send for WorkerAddress {}

/// Starts the ticker if it is wanted and not there yet.
///
/// # Safety
/// `worker` is valid.
#[inline]
pub unsafe fn ensure(worker: *mut Worker) {
    // SAFETY: the caller's promise.
    unsafe {
        if (*worker).ticker.is_none() && !(*worker).always_poll && !is_parallel(Worker::ctx(worker))
        {
            start(worker);
        }
    }
}

#[cold]
unsafe fn start(worker: *mut Worker) {
    let asleep = Arc::new(AtomicBool::new(false));
    let address = WorkerAddress(worker);
    let flag = Arc::clone(&asleep);
    // SAFETY: the caller's promise.
    let has_others = unsafe { (*(*worker).world).config.threads > 1 };
    let questions = if has_others { QUESTIONS } else { 0 };
    let builder = thread::Builder::new().name(String::from("ticker")).stack_size(64 << 10);
    let spawned = builder.spawn(move || {
        let WorkerAddress(worker) = { address };
        let mut last = 0;
        loop {
            // SAFETY: the worker lives as long as the process; only atomics are touched.
            unsafe {
                for _ in 0..questions {
                    thread::sleep(TICK / (questions + 1));
                    (*worker).attention.fetch_or(ATTEND_BALANCE, Ordering::Relaxed);
                }
                thread::sleep(TICK / (questions + 1));
                let seen = (*worker).dispatches.load(Ordering::Relaxed);
                (*worker).attention.fetch_or(ATTEND_TICK, Ordering::Relaxed);
                if seen == last {
                    limit_of(Worker::ctx(worker)).store(usize::MAX, Ordering::Relaxed);
                }
                last = seen;
                if (*worker).sleeping.load(Ordering::Acquire) {
                    flag.store(true, Ordering::Release);
                    while flag.load(Ordering::Acquire) {
                        thread::park();
                    }
                    last = 0;
                }
            }
        }
    });
    // Without the thread there is no preemption, and everything else works.
    if let Ok(handle) = spawned {
        // SAFETY: the caller's promise.
        unsafe { (*worker).ticker = Some(Ticker { thread: handle.thread().clone(), asleep }) };
    }
}

/// The worker goes on after having waited in the kernel.
///
/// # Safety
/// `worker` is valid.
pub unsafe fn wake(worker: *mut Worker) {
    // SAFETY: the caller's promise.
    unsafe {
        (*worker).sleeping.store(false, Ordering::Release);
        if let Some(ticker) = &(*worker).ticker
            && ticker.asleep.swap(false, Ordering::AcqRel)
        {
            ticker.thread.unpark();
        }
    }
}
