//! Blocks of memory: size-class free lists in the worker's context (segregated fit, LIFO).
//!
//! Input: a size in bytes. Output: a block, 16-aligned when it comes from a class. Frames, tasks, channels and heap objects up to
//! [`CLASS_MAX_BYTES`] share the classes; larger ones come from the C allocator.
//!
//! Invariants: a free block of class `i` has `(i + 1) * FRAME_CLASS_BYTES` bytes and its first word links to the next free block of the class.
//! Whoever frees a block names the size it was asked for with (objects know it from their capacity), or it is a frame,
//! whose class stands in `Frame::scratch` since its birth (see [`crate::memory`]).

use orion_abi::{
    Ctx,
    ctx::{FRAME_CLASS_BYTES, FRAME_CLASS_COUNT},
};

/// Largest block that comes from a free list.
pub const CLASS_MAX_BYTES: usize = FRAME_CLASS_COUNT * FRAME_CLASS_BYTES;

unsafe extern "C" {
    /// A block when the free list of its class is empty, or when it is larger than any class. Never null.
    fn orion_block_slow(ctx: *mut Ctx, bytes: usize) -> *mut u8;
    /// Gives back a block larger than any class.
    fn orion_block_free_slow(ctx: *mut Ctx, block: *mut u8);
}

/// Size class of a block of `bytes`, which must not be 0; `FRAME_CLASS_COUNT` or more when no class holds it.
#[inline(always)]
#[must_use]
pub const fn class_of(bytes: usize) -> usize {
    (bytes - 1) / FRAME_CLASS_BYTES
}

/// Bytes that a block asked for with `bytes` really has.
#[inline(always)]
#[must_use]
pub const fn usable_bytes(bytes: usize) -> usize {
    if bytes <= CLASS_MAX_BYTES { (class_of(bytes) + 1) * FRAME_CLASS_BYTES } else { bytes }
}

/// An uninitialised block of at least `bytes` bytes.
///
/// # Safety
/// `ctx` is the running worker's; `bytes` is not 0.
#[inline(always)]
pub unsafe fn block_alloc(ctx: *mut Ctx, bytes: usize) -> *mut u8 {
    let class = class_of(bytes);
    // SAFETY: the free list of a class holds blocks of that class whose first word links to the next.
    unsafe {
        if class < FRAME_CLASS_COUNT {
            let slot = (&raw mut (*ctx).free).cast::<*mut u8>().add(class);
            let head = *slot;
            if !head.is_null() {
                *slot = *head.cast::<*mut u8>();
                return head;
            }
        }
        orion_block_slow(ctx, bytes)
    }
}

/// Gives a block back.
///
/// # Safety
/// `block` came from [`block_alloc`] with a size of the same class, and nobody uses it any more.
#[inline(always)]
pub unsafe fn block_free(ctx: *mut Ctx, block: *mut u8, bytes: usize) {
    let class = class_of(bytes);
    // SAFETY: the block is the caller's to give, and large enough for a link.
    unsafe {
        if class < FRAME_CLASS_COUNT {
            let slot = (&raw mut (*ctx).free).cast::<*mut u8>().add(class);
            *block.cast::<*mut u8>() = *slot;
            *slot = block;
        } else {
            orion_block_free_slow(ctx, block);
        }
    }
}
