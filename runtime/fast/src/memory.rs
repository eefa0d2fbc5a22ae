//! Memory of objects and frames, as generated code asks for it: blocks, and for frames a note of which class they are.

use orion_abi::{
    Ctx, Frame,
    ctx::{FRAME_CLASS_BYTES, FRAME_CLASS_COUNT},
    frame::HANDLE_TO_PROMISE_BYTES,
};

use crate::blocks::{block_alloc, block_free, class_of};

/// `Frame::scratch` of a frame whose block comes from the C allocator.
const SCRATCH_LARGE: u16 = u16::MAX;

/// Offset of `Frame::scratch` from the start of a frame's block.
const SCRATCH_OFFSET: usize = HANDLE_TO_PROMISE_BYTES + core::mem::offset_of!(Frame, scratch);

unsafe extern "C" {
    /// Gives back a block larger than any class.
    fn orion_block_free_slow(ctx: *mut Ctx, block: *mut u8);
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
