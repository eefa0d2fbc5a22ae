//! Blocks of memory: size-class free lists in the worker's context (segregated fit, LIFO).
//!
//! Input: a size in bytes. Output: a block, 16-aligned when it comes from a class. Frames, tasks, channels and heap objects up to
//! [`CLASS_MAX_BYTES`] share the classes; larger ones come from the C allocator.
//!
//! Invariants: a free block of class `i` has `(i + 1) * FRAME_CLASS_BYTES` bytes and its first word links to the next free block of the class.
//! Whoever frees a block names the size it was asked for with (objects know it from their capacity), or it is a frame,
//! whose class stands in `Frame::scratch` since its birth.

use orion_abi::{
    Ctx, Frame,
    ctx::{FRAME_CLASS_BYTES, FRAME_CLASS_COUNT},
    frame::HANDLE_TO_PROMISE_BYTES,
};

/// Largest block that comes from a free list.
pub const CLASS_MAX_BYTES: usize = FRAME_CLASS_COUNT * FRAME_CLASS_BYTES;

/// `Frame::scratch` of a frame whose block comes from the C allocator.
pub const SCRATCH_LARGE: u16 = u16::MAX;

/// Offset of `Frame::scratch` from the start of a frame's block.
const SCRATCH_OFFSET: usize = HANDLE_TO_PROMISE_BYTES + core::mem::offset_of!(Frame, scratch);

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

/// Memory for an object.
///
/// # Safety
/// Called by generated code with its context; `bytes` is not 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_alloc(ctx: *mut Ctx, bytes: i64) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { block_alloc(ctx, bytes as usize) }
}

/// Gives an object's memory back.
///
/// # Safety
/// `object` came from [`orion_alloc`] with the same size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_free(ctx: *mut Ctx, object: *mut u8, bytes: i64) {
    // SAFETY: the caller's promise.
    unsafe { block_free(ctx, object, bytes as usize) }
}

/// A zeroed block for a coroutine; its class is noted where the frame's `scratch` will be.
///
/// # Safety
/// Called by a ramp with its context; `bytes` holds at least the coroutine's head and a `Frame`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_frame_alloc(ctx: *mut Ctx, bytes: i64) -> *mut u8 {
    let bytes = bytes as usize;
    // SAFETY: the block has `bytes` bytes; `SCRATCH_OFFSET` lies inside them.
    unsafe {
        let block = block_alloc(ctx, bytes);
        core::ptr::write_bytes(block, 0, bytes);
        let class = class_of(bytes);
        let scratch = if class < FRAME_CLASS_COUNT { class as u16 } else { SCRATCH_LARGE };
        *block.add(SCRATCH_OFFSET).cast::<u16>() = scratch;
        block
    }
}

/// Frees the block of a frame.
///
/// # Safety
/// `frame` came from a ramp, its slots are dead, and nothing links to it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_frame_free(ctx: *mut Ctx, frame: *mut Frame) {
    // SAFETY: `scratch` holds the class since the block's birth; generated code leaves it alone.
    unsafe {
        let scratch = (*frame).scratch;
        let block = frame.cast::<u8>().sub(HANDLE_TO_PROMISE_BYTES);
        if scratch == SCRATCH_LARGE {
            orion_block_free_slow(ctx, block);
        } else {
            block_free(ctx, block, (scratch as usize + 1) * FRAME_CLASS_BYTES);
        }
    }
}
