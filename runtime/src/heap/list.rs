//! List objects: making, growing, unsharing, cutting.
//!
//! Invariants: only an unshared list (count 1) is changed; its memory is `HEAD_BYTES + cap * size` bytes; elements `0..len` are valid.

use orion_abi::{Ctx, ListObject, TypeDesc};
use orion_fast::{
    blocks::{block_alloc, block_free, usable_bytes},
    count::{is_unshared, release},
};

use crate::heap::{
    arena::{exhausted, large_zeroed, regrow},
    drop::{HEAD_BYTES, drop_value, needs_drop, retain_value},
    text::empty,
};

/// Room of a list that begins to grow, in bytes.
const GROW_BYTES_MIN: usize = 64 - HEAD_BYTES;

/// Address of element `index`.
///
/// # Safety
/// `list` is a list whose memory holds that element.
#[inline]
#[must_use]
pub unsafe fn element(list: *mut u8, index: usize, elem: *const TypeDesc) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { list.add(HEAD_BYTES + index * (*elem).size as usize) }
}

/// A new, unshared, empty list with room for at least `cap` elements.
///
/// # Safety
/// `ctx` heads a worker.
#[must_use]
pub unsafe fn with_capacity(ctx: *mut Ctx, cap: usize, elem: *const TypeDesc) -> *mut u8 {
    // SAFETY: the block has room for the head and `cap` elements.
    unsafe {
        let (cap, bytes) = room_for(cap, elem);
        let list = block_alloc(ctx, bytes);
        list.cast::<ListObject>().write(ListObject { rc: 1, len: 0, cap: cap as i64 });
        list
    }
}

/// The capacity that a list gets which asks for one, and the size of its block: as it will be given back, from the capacity.
unsafe fn room_for(cap: usize, elem: *const TypeDesc) -> (usize, usize) {
    // SAFETY: the descriptor is constant data.
    let size = unsafe { (*elem).size as usize };
    let wanted = size.checked_mul(cap).and_then(|bytes| bytes.checked_add(HEAD_BYTES));
    let Some(wanted) = wanted else { exhausted(usize::MAX) };
    let bytes = usable_bytes(wanted);
    let cap = (bytes - HEAD_BYTES).checked_div(size).unwrap_or(cap);
    (cap, HEAD_BYTES + cap * size)
}

/// The same elements, unshared, with room for `room` more. Consumes the list.
///
/// # Safety
/// One count of `list` is the caller's.
#[must_use]
pub unsafe fn reserve(ctx: *mut Ctx, list: *mut u8, room: usize, elem: *const TypeDesc) -> *mut u8 {
    // SAFETY: only an unshared list is taken over.
    unsafe {
        let head = list.cast::<ListObject>();
        let (len, cap) = ((*head).len as usize, (*head).cap as usize);
        let unshared = is_unshared(list);
        if unshared && cap - len >= room {
            return list;
        }
        if !unshared && len == 0 && room == 0 {
            return list;
        }
        let size = (*elem).size as usize;
        let grow = if room == 0 || size == 0 { 0 } else { (len * 2).max(GROW_BYTES_MIN / size) };
        let wanted = len.saturating_add(room).max(grow);
        if unshared {
            let (fresh_cap, bytes) = room_for(wanted, elem);
            if let Some(list) = regrow(list, HEAD_BYTES + cap * size, bytes) {
                (*list.cast::<ListObject>()).cap = fresh_cap as i64;
                return list;
            }
        }
        let fresh = with_capacity(ctx, wanted, elem);
        std::ptr::copy_nonoverlapping(list.add(HEAD_BYTES), fresh.add(HEAD_BYTES), len * size);
        (*fresh.cast::<ListObject>()).len = len as i64;
        if unshared {
            block_free(ctx, list, HEAD_BYTES + cap * size);
        } else {
            if needs_drop(elem) {
                for index in 0..len {
                    retain_value(element(fresh, index, elem), elem);
                }
            }
            let_go(ctx, list, elem);
        }
        fresh
    }
}

/// Takes one count of a list away that was shared a moment ago: on another worker its other owner may have gone meanwhile.
unsafe fn let_go(ctx: *mut Ctx, list: *mut u8, elem: *const TypeDesc) {
    // SAFETY: the caller's count; with the last one the elements and the memory are the caller's.
    unsafe {
        if !release(list) {
            return;
        }
        let head = list.cast::<ListObject>();
        if needs_drop(elem) {
            for index in 0..(*head).len as usize {
                drop_value(ctx, element(list, index, elem), elem);
            }
        }
        block_free(ctx, list, HEAD_BYTES + (*head).cap as usize * (*elem).size as usize);
    }
}

/// Elements `from..to` as a new list; the bounds are tested.
///
/// # Safety
/// `list` is borrowed; `from <= to <= len`.
#[must_use]
pub unsafe fn slice(
    ctx: *mut Ctx,
    list: *mut u8,
    from: usize,
    to: usize,
    elem: *const TypeDesc,
) -> *mut u8 {
    if from == to {
        return empty();
    }
    // SAFETY: the caller's promise.
    unsafe {
        let fresh = with_capacity(ctx, to - from, elem);
        let bytes = (to - from) * (*elem).size as usize;
        std::ptr::copy_nonoverlapping(element(list, from, elem), fresh.add(HEAD_BYTES), bytes);
        (*fresh.cast::<ListObject>()).len = (to - from) as i64;
        if needs_drop(elem) {
            for index in 0..to - from {
                retain_value(element(fresh, index, elem), elem);
            }
        }
        fresh
    }
}

/// `n` times the value, which moves in.
///
/// # Safety
/// `value` holds a valid value of type `elem` that is the caller's.
#[must_use]
pub unsafe fn repeat(ctx: *mut Ctx, value: *mut u8, n: usize, elem: *const TypeDesc) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        if n == 0 {
            drop_value(ctx, value, elem);
            return empty();
        }
        let size = (*elem).size as usize;
        let bytes = std::slice::from_raw_parts(value, size);
        if !bytes.is_empty() && bytes.iter().all(|&byte| byte == 0) {
            let (cap, room) = room_for(n, elem);
            if let Some(list) = large_zeroed(ctx, room) {
                let (len, cap) = (n as i64, cap as i64);
                list.cast::<ListObject>().write(ListObject { rc: 1, len, cap });
                return list;
            }
        }
        let list = with_capacity(ctx, n, elem);
        let first = list.add(HEAD_BYTES);
        if bytes.iter().all(|&byte| byte == bytes[0]) && size > 0 {
            std::ptr::write_bytes(first, bytes[0], n * size);
        } else if size > 0 {
            std::ptr::copy_nonoverlapping(value, first, size);
            // Doubling copies: each reads what is already there.
            let mut filled = 1;
            while filled < n {
                let count = filled.min(n - filled);
                std::ptr::copy_nonoverlapping(first, first.add(filled * size), count * size);
                filled += count;
            }
        }
        if needs_drop(elem) {
            for _ in 1..n {
                retain_value(value, elem);
            }
        }
        (*list.cast::<ListObject>()).len = n as i64;
        list
    }
}

/// Moves the elements from `index` on up by one and zeroes the place. Consumes the list; the result is unshared.
///
/// # Safety
/// One count of `list` is the caller's; `index <= len`.
#[must_use]
pub unsafe fn open_gap(
    ctx: *mut Ctx,
    list: *mut u8,
    index: usize,
    elem: *const TypeDesc,
) -> *mut u8 {
    // SAFETY: `reserve` made room for one more.
    unsafe {
        let list = reserve(ctx, list, 1, elem);
        let head = list.cast::<ListObject>();
        let size = (*elem).size as usize;
        let at = element(list, index, elem);
        std::ptr::copy(at, at.add(size), ((*head).len as usize - index) * size);
        std::ptr::write_bytes(at, 0, size);
        (*head).len += 1;
        list
    }
}

/// Moves the elements behind `index` down over it; nothing is dropped.
///
/// # Safety
/// `list` is unshared and the caller's; `index < len`; the element there has been moved out.
#[must_use]
pub unsafe fn close_gap(list: *mut u8, index: usize, elem: *const TypeDesc) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        let head = list.cast::<ListObject>();
        let size = (*elem).size as usize;
        let at = element(list, index, elem);
        std::ptr::copy(at.add(size), at, ((*head).len as usize - index - 1) * size);
        (*head).len -= 1;
        list
    }
}

/// Drops the elements from `n` on. Consumes the list.
///
/// # Safety
/// One count of `list` is the caller's.
#[must_use]
pub unsafe fn truncate(ctx: *mut Ctx, list: *mut u8, n: usize, elem: *const TypeDesc) -> *mut u8 {
    // SAFETY: only an unshared list is changed.
    unsafe {
        let len = (*list.cast::<ListObject>()).len as usize;
        if n >= len {
            return list;
        }
        if !is_unshared(list) {
            let fresh = slice(ctx, list, 0, n, elem);
            let_go(ctx, list, elem);
            return fresh;
        }
        (*list.cast::<ListObject>()).len = n as i64;
        if needs_drop(elem) {
            for index in n..len {
                drop_value(ctx, element(list, index, elem), elem);
            }
        }
        list
    }
}
