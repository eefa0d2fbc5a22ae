//! `str` objects: making, appending, comparing, cutting.
//!
//! Invariants: the bytes are UTF-8; only an unshared object (count 1) is changed; the memory of an object is `HEAD_BYTES + cap` bytes.

use orion_abi::{
    Ctx, StrObject,
    object::{IMMORTAL, ListObject},
};
use orion_fast::{
    blocks::{block_alloc, block_free, usable_bytes},
    count::{is_unshared, release},
};

use crate::heap::{arena::regrow, drop::HEAD_BYTES};

/// Room of a string that is being built, at least.
const BUILD_BYTES_MIN: usize = 40;

/// The immortal empty string and list.
#[unsafe(no_mangle)]
pub static orion_empty: SharedEmpty = SharedEmpty(ListObject { rc: IMMORTAL, len: 0, cap: 0 });

/// Wrapper that makes the immortal object shareable.
#[repr(transparent)]
pub struct SharedEmpty(ListObject);
// SAFETY: nobody writes to an immortal object.
unsafe impl Sync for SharedEmpty {}

/// The empty string or list.
#[must_use]
pub fn empty() -> *mut u8 {
    (&raw const orion_empty).cast_mut().cast()
}

/// The text of a string object.
///
/// # Safety
/// `object` is a string that outlives the borrow and is not changed meanwhile.
#[must_use]
pub unsafe fn as_str<'a>(object: *const u8) -> &'a str {
    // SAFETY: the bytes behind the head are `len` bytes of UTF-8.
    unsafe {
        let len = (*object.cast::<StrObject>()).len as usize;
        std::str::from_utf8_unchecked(std::slice::from_raw_parts(object.add(HEAD_BYTES), len))
    }
}

/// A new, unshared string with room for at least `cap` bytes.
///
/// # Safety
/// `ctx` heads a worker.
#[must_use]
pub unsafe fn with_capacity(ctx: *mut Ctx, cap: usize) -> *mut u8 {
    // SAFETY: the block has room for the head and `cap` bytes.
    unsafe {
        let bytes = usable_bytes(HEAD_BYTES + cap);
        let object = block_alloc(ctx, bytes);
        object.cast::<StrObject>().write(StrObject {
            rc: 1,
            len: 0,
            cap: (bytes - HEAD_BYTES) as i64,
        });
        object
    }
}

/// A string with this text.
///
/// # Safety
/// `ctx` heads a worker.
#[must_use]
pub unsafe fn new(ctx: *mut Ctx, text: &str) -> *mut u8 {
    if text.is_empty() {
        return empty();
    }
    // SAFETY: the object is fresh and has room.
    unsafe {
        let object = with_capacity(ctx, text.len());
        std::ptr::copy_nonoverlapping(text.as_ptr(), object.add(HEAD_BYTES), text.len());
        (*object.cast::<StrObject>()).len = text.len() as i64;
        object
    }
}

/// Takes one count of a string away.
///
/// # Safety
/// One count of `object` is the caller's.
pub unsafe fn drop_str(ctx: *mut Ctx, object: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe {
        if release(object) {
            block_free(ctx, object, HEAD_BYTES + (*object.cast::<StrObject>()).cap as usize);
        }
    }
}

/// `object + text`, in place when the object is unshared and has room. Consumes the object.
///
/// # Safety
/// One count of `object` is the caller's; `text` does not lie in it unless it is shared.
#[must_use]
pub unsafe fn push(ctx: *mut Ctx, object: *mut u8, text: &str) -> *mut u8 {
    // SAFETY: only an unshared object is written to.
    unsafe {
        let head = object.cast::<StrObject>();
        let len = (*head).len as usize;
        if is_unshared(object) && (*head).cap as usize - len >= text.len() {
            std::ptr::copy_nonoverlapping(text.as_ptr(), object.add(HEAD_BYTES + len), text.len());
            (*head).len += text.len() as i64;
            return object;
        }
        if text.is_empty() {
            return object;
        }
        let needed = len + text.len();
        if (*head).rc == 1 {
            let bytes = usable_bytes(HEAD_BYTES + needed.max(len * 2));
            let old_bytes = HEAD_BYTES + (*head).cap as usize;
            if let Some(grown) = regrow(object, old_bytes, bytes) {
                (*grown.cast::<StrObject>()).cap = (bytes - HEAD_BYTES) as i64;
                return push(ctx, grown, text);
            }
        }
        let grown = with_capacity(ctx, needed.max(len * 2).max(BUILD_BYTES_MIN));
        std::ptr::copy_nonoverlapping(object.add(HEAD_BYTES), grown.add(HEAD_BYTES), len);
        std::ptr::copy_nonoverlapping(text.as_ptr(), grown.add(HEAD_BYTES + len), text.len());
        (*grown.cast::<StrObject>()).len = needed as i64;
        drop_str(ctx, object);
        grown
    }
}

/// A hash of bytes that depends on `seed`: FNV-like mixing of eight bytes at a time with a finaliser (map keys, not cryptography).
#[must_use]
pub fn hash_bytes(bytes: &[u8], seed: u64) -> u64 {
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
        hash = hash_mix(hash, word);
    }
    let mut tail = [0u8; 8];
    let rest = chunks.remainder();
    tail[..rest.len()].copy_from_slice(rest);
    hash_mix(hash, u64::from_le_bytes(tail))
}

/// Mixes a word into a hash (folded 128-bit multiplication).
#[must_use]
pub fn hash_mix(hash: u64, word: u64) -> u64 {
    let product =
        u128::from(hash ^ 0x2d35_8dcc_aa6c_78a5) * u128::from(word ^ 0x8bb8_4b93_962e_acc9);
    (product as u64) ^ ((product >> 64) as u64) ^ hash.rotate_left(29)
}

/// Whether the text is a float as `parse_float` takes it: sign, digits, point, exponent; `inf`, `NaN`.
#[must_use]
pub fn parse_float(text: &str) -> Option<f64> {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    if body == "inf" || body == "NaN" || body.starts_with(|c: char| c.is_ascii_digit() || c == '.')
    {
        text.parse().ok()
    } else {
        None
    }
}
