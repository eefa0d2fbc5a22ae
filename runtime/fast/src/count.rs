//! Reference counts of heap objects.
//!
//! Every counted object (`str`, lists, boxed data, closures, channels, scopes) begins with its count as an `i64`; a negative one marks an
//! immortal object that is never counted.

/// Counts `object` once more.
///
/// # Safety
/// `object` points to a live counted object.
#[inline(always)]
pub unsafe fn retain(object: *mut u8) {
    let count = object.cast::<i64>();
    // SAFETY: the first word of a counted object is its count.
    unsafe {
        if *count >= 0 {
            *count += 1;
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
    let count = object.cast::<i64>();
    // SAFETY: as above.
    unsafe {
        if *count < 0 {
            return false;
        }
        *count -= 1;
        *count == 0
    }
}
