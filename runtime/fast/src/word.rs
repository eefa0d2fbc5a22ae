//! The protocols by which workers agree, each as functions over its words.
//!
//! Nothing else decides who may do what: locks, claims, ends of tasks, interruptions, deadlines and counts are these functions, and the rest of the runtime is
//! plain code between them. The file names its words by [`crate::atomic`] only, so that `runtime/model/tests/orderings.rs` includes it with loom's words
//! and tries every execution that the memory model allows; each ordering says why it is needed.

use crate::atomic::{AtomicI64, AtomicU8, AtomicU32, Ordering};

/// A task's claim: running, ready, ended, or claimed by somebody.
pub const CLAIM_NONE: u8 = 0;
/// A task's claim: waiting; its leaf frame is complete.
pub const CLAIM_OPEN: u8 = 1;
/// A task's claim: waiting; somebody looks whether the wait can be interrupted.
pub const CLAIM_HELD: u8 = 2;

/// A task's end: running, or on its way to its end.
pub const END_OPEN: u8 = 0;
/// A task's end: locked.
pub const END_LOCKED: u8 = 1;
/// A task's end: it has ended, and belongs to its handle.
pub const END_REACHED: u8 = 2;

/// Takes a lock; `relax` is told how often it has been called.
#[inline(always)]
pub fn acquire(lock: &AtomicU32, relax: impl Fn(u32)) {
    let mut spins = 0;
    // Acquire: what the last holder did is seen.
    while lock.swap(1, Ordering::Acquire) != 0 {
        // Relaxed: only the swap decides.
        while lock.load(Ordering::Relaxed) != 0 {
            spins += 1;
            relax(spins);
        }
    }
}

/// Gives a lock back.
#[inline(always)]
pub fn release(lock: &AtomicU32) {
    // Release: the next holder sees what this one did.
    lock.store(0, Ordering::Release);
}

/// Takes an open claim, for good ([`CLAIM_NONE`]) or for a look ([`CLAIM_HELD`]); false when somebody has taken it for good. Who finds it held waits.
#[inline(always)]
pub fn claim(claim: &AtomicU8, to: u8, relax: impl Fn(u32)) -> bool {
    let mut spins = 0;
    loop {
        // SeqCst, also of the failure: who has set a flag before looks here, see `publish`.
        match claim.compare_exchange_weak(CLAIM_OPEN, to, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => return true,
            Err(CLAIM_NONE) => return false,
            Err(_) => {
                spins += 1;
                relax(spins);
            }
        }
    }
}

/// Gives a claim that was held back, or keeps it for good.
#[inline(always)]
pub fn let_go(claim: &AtomicU8, keep: bool) {
    // SeqCst includes Release: who claims next sees what was done to the task meanwhile.
    claim.store(if keep { CLAIM_NONE } else { CLAIM_OPEN }, Ordering::SeqCst);
}

/// Makes a task that begins to wait claimable; whether one of the `interrupted` flags was set meanwhile.
///
/// Dekker's pattern with [`ask`] or `fetch_or` and then [`claim`] on the other side: either this one sees the flag, or the other one the open claim. With
/// less than SeqCst both could miss it, and the task would sleep on.
#[inline(always)]
pub fn publish(claim: &AtomicU8, flags: &AtomicU8, interrupted: u8) -> bool {
    claim.store(CLAIM_OPEN, Ordering::SeqCst);
    flags.load(Ordering::SeqCst) & interrupted != 0
}

/// Sets a flag unless it, or another one of `unless`, is set already; whether it did.
#[inline(always)]
pub fn ask(flags: &AtomicU8, flag: u8, unless: u8) -> bool {
    let mut now = flags.load(Ordering::Relaxed);
    while now & unless == 0 {
        // SeqCst: see `publish`.
        match flags.compare_exchange_weak(now, now | flag, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => return true,
            Err(other) => now = other,
        }
    }
    false
}

/// Locks the end of a task; true when it has been reached: then nothing is locked, and all that the task did is seen.
#[inline(always)]
pub fn lock_end(end: &AtomicU8, relax: impl Fn(u32)) -> bool {
    let mut spins = 0;
    loop {
        // Acquire, also of the failure: what the task ended with is read next.
        match end.compare_exchange_weak(END_OPEN, END_LOCKED, Ordering::Acquire, Ordering::Acquire)
        {
            Ok(_) => return false,
            Err(END_REACHED) => return true,
            Err(_) => {
                spins += 1;
                relax(spins);
            }
        }
    }
}

/// Gives back what [`lock_end`] has locked; `reached`: for good.
#[inline(always)]
pub fn unlock_end(end: &AtomicU8, reached: bool) {
    // Release: who locks it next, or finds it reached, sees what was done before.
    end.store(if reached { END_REACHED } else { END_OPEN }, Ordering::Release);
}

/// Waits until nobody has locked the end of a task: of one that has just been detached, whoever did that still holds it, and the task may go only then.
#[inline(always)]
pub fn await_end(end: &AtomicU8, relax: impl Fn(u32)) {
    let mut spins = 0;
    // Acquire: what was done under the lock is over.
    while end.load(Ordering::Acquire) == END_LOCKED {
        spins += 1;
        relax(spins);
    }
}

/// Whether a task has ended, and all that it did is seen.
#[inline(always)]
pub fn has_ended(end: &AtomicU8) -> bool {
    end.load(Ordering::Acquire) == END_REACHED
}

/// There is a new timer; whether somebody waits in the kernel for longer than that. The timers' lock is held.
///
/// Dekker's pattern with [`waits_too_long`].
#[inline(always)]
pub fn add_deadline(next: &AtomicI64, waits_until: &AtomicI64, deadline: i64) -> bool {
    // Relaxed: it changes under the lock only.
    if deadline >= next.load(Ordering::Relaxed) {
        return false;
    }
    // SeqCst, both: either this one sees that somebody waits, or he sees the deadline.
    next.store(deadline, Ordering::SeqCst);
    deadline < waits_until.load(Ordering::SeqCst)
}

/// Somebody is about to wait in the kernel until `deadline`; whether there is an earlier one by now.
#[inline(always)]
pub fn waits_too_long(next: &AtomicI64, waits_until: &AtomicI64, deadline: i64) -> bool {
    // SeqCst, both: see `add_deadline`.
    waits_until.store(deadline, Ordering::SeqCst);
    next.load(Ordering::SeqCst) < deadline
}

/// Another scope of a task has failed: it is counted first, and the owner told then.
#[inline(always)]
pub fn add_failure(failures: &AtomicU32, flags: &AtomicU8, flag: u8) {
    // SeqCst: see `take_failure`.
    failures.fetch_add(1, Ordering::SeqCst);
    flags.fetch_or(flag, Ordering::SeqCst);
}

/// A failure was taken up: the flag stays only if another scope has failed.
#[inline(always)]
pub fn take_failure(failures: &AtomicU32, flags: &AtomicU8, flag: u8) {
    failures.fetch_sub(1, Ordering::SeqCst);
    flags.fetch_and(!flag, Ordering::SeqCst);
    // Acquire would do: whoever's flag was just cleared had counted before it.
    if failures.load(Ordering::SeqCst) > 0 {
        flags.fetch_or(flag, Ordering::SeqCst);
    }
}

/// Takes one of an object's counts away; true when it was the last: then all that others did to the object is seen. Negative counts stay.
#[inline(always)]
pub fn take_count(count: &AtomicI64, is_shared: impl Fn() -> bool) -> bool {
    // Acquire: if the caller's is the only one left, it sees what the others did.
    let now = count.load(Ordering::Acquire);
    if now < 0 {
        return false;
    }
    if now == 1 {
        // Relaxed: the caller's is the only one, nobody else can count it.
        count.store(0, Ordering::Relaxed);
        return true;
    }
    if is_shared() {
        // Release for those who come after, Acquire for what those did who came before.
        return count.fetch_sub(1, Ordering::AcqRel) == 1;
    }
    count.store(now - 1, Ordering::Relaxed);
    false
}
