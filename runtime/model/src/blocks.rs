//! The functions of `orion_fast::blocks` over memory that is watched.
//!
//! A block that is freed is filled with poison and kept until the execution ends. So a second use of it reads poison, a second free is seen at once, and a write
//! after the free at the end ([`finish`]), where a block that was never freed is seen too. Blocks larger than any class go where the runtime's go.

use std::{
    alloc::{Layout, alloc, dealloc},
    cell::RefCell,
    collections::BTreeMap,
};

use orion_abi::{
    Ctx,
    ctx::{FRAME_CLASS_BYTES, FRAME_CLASS_COUNT},
};

use crate::heap::arena::{orion_block_free_slow, orion_block_slow};

/// Largest block that comes from a free list.
pub const CLASS_MAX_BYTES: usize = FRAME_CLASS_COUNT * FRAME_CLASS_BYTES;

/// What a freed block is filled with: as an address it is none, as a count it is immortal.
const POISON: u8 = 0xdd;

/// Blocks by address, with their sizes.
type Blocks = BTreeMap<usize, usize>;

thread_local! {
    static LIVE: RefCell<Blocks> = const { RefCell::new(Blocks::new()) };
    static DEAD: RefCell<Blocks> = const { RefCell::new(Blocks::new()) };
}

/// Size class of a block.
#[must_use]
pub const fn class_of(bytes: usize) -> usize {
    (bytes - 1) / FRAME_CLASS_BYTES
}

/// Bytes that a block asked for with `bytes` really has.
#[must_use]
pub const fn usable_bytes(bytes: usize) -> usize {
    if bytes <= CLASS_MAX_BYTES { (class_of(bytes) + 1) * FRAME_CLASS_BYTES } else { bytes }
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, 16).expect("classes are small")
}

/// A block.
///
/// # Safety
/// As in `orion_fast`.
pub unsafe fn block_alloc(ctx: *mut Ctx, bytes: usize) -> *mut u8 {
    // SAFETY: the layout is not empty.
    unsafe {
        if bytes > CLASS_MAX_BYTES {
            return orion_block_slow(ctx, bytes);
        }
        let block = alloc(layout(usable_bytes(bytes)));
        LIVE.with_borrow_mut(|live| live.insert(block as usize, usable_bytes(bytes)));
        block
    }
}

/// Gives a block back.
///
/// # Safety
/// As in `orion_fast`.
pub unsafe fn block_free(ctx: *mut Ctx, block: *mut u8, bytes: usize) {
    // SAFETY: the block is alive, and has so many bytes.
    unsafe {
        if bytes > CLASS_MAX_BYTES {
            return orion_block_free_slow(ctx, block);
        }
        let had = LIVE.with_borrow_mut(|live| live.remove(&(block as usize)));
        assert_eq!(had, Some(usable_bytes(bytes)), "freed: what is alive, once");
        std::ptr::write_bytes(block, POISON, usable_bytes(bytes));
        DEAD.with_borrow_mut(|dead| dead.insert(block as usize, usable_bytes(bytes)));
    }
}

/// The execution is over: nothing may be alive, and nobody may have written where nothing was.
pub fn finish() {
    let live = LIVE.take();
    assert!(live.is_empty(), "{} blocks are alive at the end", live.len());
    for (block, bytes) in DEAD.take() {
        // SAFETY: a dead block is this module's.
        unsafe {
            let content = std::slice::from_raw_parts(block as *const u8, bytes);
            if let Some(at) = content.iter().position(|&byte| byte != POISON) {
                panic!("a freed block of {bytes} bytes was written to at {at}");
            }
            dealloc(block as *mut u8, layout(bytes));
        }
    }
}
