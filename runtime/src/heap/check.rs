//! The leak check (`ORION_CHECK=leaks`): at a normal exit no block may be alive but those of what the runtime still holds on purpose.
//!
//! Algorithm: blocks made minus blocks on the free lists are alive. Nothing is counted while the program runs.

use std::fmt::Write;

use orion_abi::ctx::{FRAME_CLASS_BYTES, FRAME_CLASS_COUNT};

use crate::world::{Worker, World};

/// Exit status when something leaked.
pub const LEAK_STATUS: i32 = 70;

/// Blocks alive in each class.
///
/// # Safety
/// `worker` is valid; its free lists are intact.
unsafe fn live_blocks(worker: *mut Worker) -> [u64; FRAME_CLASS_COUNT] {
    // SAFETY: a free block's first word links to the next.
    unsafe {
        let mut live = [0; FRAME_CLASS_COUNT];
        for worker in World::workers((*worker).world) {
            for (class, count) in live.iter_mut().enumerate() {
                *count += (*worker).arena.carved[class];
            }
        }
        let uncount = |count: &mut u64, mut block: *mut u8| {
            while !block.is_null() {
                *count = count.wrapping_sub(1);
                block = *block.cast::<*mut u8>();
            }
        };
        for (class, count) in live.iter_mut().enumerate() {
            for worker in World::workers((*worker).world) {
                uncount(count, (*worker).head.ctx.free[class]);
            }
            for block in World::spare_blocks((*worker).world, class) {
                uncount(count, block);
            }
        }
        live
    }
}

/// What is alive though the program has ended; `None` when nothing is.
///
/// # Safety
/// `worker` and its world are valid, and the program has ended.
#[must_use]
pub unsafe fn leaks(worker: *mut Worker) -> Option<String> {
    // SAFETY: the caller's promise.
    unsafe {
        let world = (*worker).world;
        let mut text = String::new();
        for task in World::tasks(world) {
            let _ = writeln!(text, "  task {} is alive", (*task).id);
        }
        let mut chan = (*world).first_chan;
        while !chan.is_null() {
            let place = crate::report::place((*chan).site);
            let _ = writeln!(text, "  channel {} made at {place} is alive", (*chan).id);
            chan = (*chan).all_next;
        }
        let mut scope = (*world).first_scope;
        while !scope.is_null() {
            let _ = writeln!(text, "  scope {} is alive", (*scope).id);
            scope = (*scope).all_next;
        }
        for (class, count) in live_blocks(worker).into_iter().enumerate() {
            if count > 0 {
                let bytes = (class + 1) * FRAME_CLASS_BYTES;
                let _ = writeln!(text, "  {count} blocks of up to {bytes} bytes are alive");
            }
        }
        let large: i64 =
            World::workers(world).into_iter().map(|worker| (*worker).arena.large_live).sum();
        if large > 0 {
            let _ = writeln!(text, "  {large} large blocks are alive");
        }
        (!text.is_empty()).then_some(text)
    }
}
