//! Reference counts of heap objects.
//!
//! Every counted object (`str`, lists, boxed data, closures, channels, scopes) begins with its count as an `i64`; a negative one marks an
//! immortal object that is never counted. Counts are plain on one worker and atomic on several: one predicted test of a global.
//! Whoever takes the last count away, or finds an object unshared, sees everything that other owners did to it before.

use crate::{
    atomic::{AtomicI64, AtomicU8, Ordering},
    word,
};

unsafe extern "C" {
    /// Not 0 where several workers run; set before the first of them starts.
    static orion_parallel: AtomicU8;
}

/// Whether counts are atomic.
#[inline(always)]
fn is_shared() -> bool {
    // SAFETY: the runtime defines it.
    unsafe { orion_parallel.load(Ordering::Relaxed) != 0 }
}

/// The count of an object.
#[inline(always)]
unsafe fn count_of<'a>(object: *mut u8) -> &'a AtomicI64 {
    // SAFETY: the first word of a counted object is its count, and the object outlives the borrow.
    unsafe { AtomicI64::from_ptr(object.cast()) }
}

/// Counts `object` once more.
///
/// # Safety
/// `object` points to a live counted object.
#[inline(always)]
pub unsafe fn retain(object: *mut u8) {
    // SAFETY: the caller's promise.
    let count = unsafe { count_of(object) };
    let now = count.load(Ordering::Relaxed);
    if now >= 0 {
        if is_shared() {
            count.fetch_add(1, Ordering::Relaxed);
        } else {
            count.store(now + 1, Ordering::Relaxed);
        }
    }
}

/// Takes one count away; true when it was the last, and the caller must destroy the object.
///
/// # Safety
/// `object` points to a live counted object, one count of which is the caller's.
#[inline(always)]
#[must_use]
pub unsafe fn release(object: *mut u8) -> bool {
    // SAFETY: the caller's promise.
    let count = unsafe { count_of(object) };
    word::take_count(count, is_shared)
}

/// Whether the caller's count is the only one.
///
/// # Safety
/// As for [`release`].
#[inline(always)]
#[must_use]
pub unsafe fn is_unshared(object: *mut u8) -> bool {
    // SAFETY: the caller's promise.
    unsafe { count_of(object) }.load(Ordering::Acquire) == 1
}
