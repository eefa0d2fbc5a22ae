//! Where blocks come from: chunks of mapped memory, carved by a bump pointer (the slow path behind `orion_fast::blocks`).
//!
//! Invariants: a chunk is never given back before the process ends, so a free list may point anywhere into it; chunks double in size up to
//! [`CHUNK_BYTES_MAX`], and large ones ask for huge pages (first touch of a small page costs eight times as much a byte). `carved` counts the blocks made
//! per class, from which `heap::check` finds leaks without a counter on the hot path.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    ptr::null_mut,
    sync::atomic::AtomicU8,
};

use orion_abi::{
    Ctx,
    ctx::{FRAME_CLASS_BYTES, FRAME_CLASS_COUNT},
};
use orion_fast::{blocks::class_of, sync::is_parallel};

use crate::{
    output::emergency,
    sched::{signals, team},
    world::worker_of,
};

/// Not 0 where several workers run: reference counts are atomic then. (Tests make several worlds.)
#[unsafe(no_mangle)]
pub static orion_parallel: AtomicU8 = AtomicU8::new(0);

/// First chunk: small programs touch a few pages only, whatever is mapped.
const CHUNK_BYTES_MIN: usize = 256 << 10;
/// Largest chunk.
const CHUNK_BYTES_MAX: usize = 32 << 20;
/// From this size on a chunk is aligned to, and asks for, huge pages.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// The chunks of a worker.
pub struct Arena {
    bump: *mut u8,
    end: *mut u8,
    next_chunk_bytes: usize,
    /// Every chunk: start and size.
    pub chunks: Vec<(*mut u8, usize)>,
    /// Blocks made so far, per class.
    pub carved: [u64; FRAME_CLASS_COUNT],
    /// Blocks larger than any class that are alive.
    pub large_live: i64,
}

impl Default for Arena {
    fn default() -> Self {
        Self {
            bump: null_mut(),
            end: null_mut(),
            next_chunk_bytes: CHUNK_BYTES_MIN,
            chunks: Vec::new(),
            carved: [0; FRAME_CLASS_COUNT],
            large_live: 0,
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        for &(start, bytes) in &self.chunks {
            // SAFETY: the chunk was mapped with this size; with the arena its worker goes.
            unsafe { libc::munmap(start.cast(), bytes) };
        }
    }
}

impl Arena {
    /// Maps another chunk; what is left of the present one is lost (less than one block).
    fn grow(&mut self) {
        let bytes = self.next_chunk_bytes;
        self.next_chunk_bytes = (bytes * 2).min(CHUNK_BYTES_MAX);
        // SAFETY: an anonymous private mapping touches nothing else.
        unsafe {
            let start = libc::mmap(
                null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            if start == libc::MAP_FAILED {
                exhausted(bytes);
            }
            if bytes >= HUGE_PAGE_BYTES {
                // Advice: a refusal costs speed only.
                libc::madvise(start, bytes, libc::MADV_HUGEPAGE);
            }
            self.bump = start.cast();
            self.end = self.bump.add(bytes);
            self.chunks.push((start.cast(), bytes));
        }
    }

    /// A fresh block of a class.
    fn carve(&mut self, class: usize) -> *mut u8 {
        let bytes = (class + 1) * FRAME_CLASS_BYTES;
        if (self.end as usize) - (self.bump as usize) < bytes {
            self.grow();
        }
        let block = self.bump;
        self.bump = block.wrapping_add(bytes);
        self.carved[class] += 1;
        block
    }
}

/// Memory is exhausted: says so and ends the program, since nothing that needs memory could still be done. Allocates nothing itself.
pub fn exhausted(bytes: usize) -> ! {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = bytes;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    signals::release_output();
    emergency(b"error: out of memory (asked for ");
    emergency(&digits[at..]);
    emergency(b" bytes)\n");
    crate::start::exit_now(MEMORY_STATUS)
}

/// Exit status when memory is exhausted: that of a panic.
const MEMORY_STATUS: i32 = 101;

/// The C allocator, ending the program cleanly where Rust's collections would abort it.
struct Checked;

#[global_allocator]
static CHECKED: Checked = Checked;

// SAFETY: everything is passed on to the system's allocator; a null never comes back.
unsafe impl GlobalAlloc for Checked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        checked(unsafe { System.alloc(layout) }, layout.size())
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        checked(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        checked(unsafe { System.realloc(block, layout, bytes) }, bytes)
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

#[inline]
fn checked(block: *mut u8, bytes: usize) -> *mut u8 {
    if block.is_null() {
        exhausted(bytes);
    }
    block
}

/// The slow path of `block_alloc`.
///
/// # Safety
/// `ctx` heads a worker.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_block_slow(ctx: *mut Ctx, bytes: usize) -> *mut u8 {
    let class = class_of(bytes);
    // SAFETY: one worker at a time touches its arena.
    unsafe {
        if class < FRAME_CLASS_COUNT {
            if is_parallel(ctx) {
                let spare = team::run::take_spare_blocks(ctx, class);
                if !spare.is_null() {
                    (*ctx).free[class] = *spare.cast::<*mut u8>();
                    return spare;
                }
            }
            return (*worker_of(ctx)).arena.carve(class);
        }
        let block = if bytes > isize::MAX as usize { null_mut() } else { libc::malloc(bytes) };
        if block.is_null() {
            exhausted(bytes);
        }
        (*worker_of(ctx)).arena.large_live += 1;
        block.cast()
    }
}

/// A block of at least `bytes` bytes with the content of `block`, which goes; `None` unless both are larger than any class. Pages of a very large
/// block move to their new addresses, and nothing is copied.
///
/// # Safety
/// `block` came from `block_alloc` with `old_bytes`, and nobody else knows it.
pub unsafe fn regrow(block: *mut u8, old_bytes: usize, bytes: usize) -> Option<*mut u8> {
    if class_of(old_bytes) < FRAME_CLASS_COUNT || class_of(bytes) < FRAME_CLASS_COUNT {
        return None;
    }
    // SAFETY: a block larger than any class comes from `malloc`.
    unsafe {
        let fits = bytes <= isize::MAX as usize;
        let grown = if fits { libc::realloc(block.cast(), bytes) } else { null_mut() };
        if grown.is_null() {
            exhausted(bytes);
        }
        Some(grown.cast())
    }
}

/// A block of zeros; `None` unless it is larger than any class. Its pages are zero before they are touched.
///
/// # Safety
/// `ctx` heads a worker.
pub unsafe fn large_zeroed(ctx: *mut Ctx, bytes: usize) -> Option<*mut u8> {
    if class_of(bytes) < FRAME_CLASS_COUNT {
        return None;
    }
    // SAFETY: as for `orion_block_slow`.
    unsafe {
        let fits = bytes <= isize::MAX as usize;
        let block = if fits { libc::calloc(bytes, 1) } else { null_mut() };
        if block.is_null() {
            exhausted(bytes);
        }
        (*worker_of(ctx)).arena.large_live += 1;
        Some(block.cast())
    }
}

/// The slow path of `block_free`.
///
/// # Safety
/// `block` came from [`orion_block_slow`] and is larger than any class.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_block_free_slow(ctx: *mut Ctx, block: *mut u8) {
    // SAFETY: it came from `malloc`.
    unsafe {
        (*worker_of(ctx)).arena.large_live -= 1;
        libc::free(block.cast());
    }
}
