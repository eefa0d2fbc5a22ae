//! Functions on lists.

use orion_abi::{
    Ctx, ListObject, Site, TypeDesc,
    outcome::{STATUS_RETURNED, STATUS_UNWINDING},
};

use crate::{heap::list, sched::fail};

/// An empty list with room.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_list_new(
    ctx: *mut Ctx,
    room: i64,
    elem: *const TypeDesc,
) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        if room <= 0 {
            return crate::heap::text::empty();
        }
        list::with_capacity(ctx, room as usize, elem)
    }
}

/// The same elements, unshared, with room for more.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_list_reserve(
    ctx: *mut Ctx,
    object: *mut u8,
    room: i64,
    elem: *const TypeDesc,
) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { list::reserve(ctx, object, room.max(0) as usize, elem) }
}

/// `xs[from..to]`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_list_slice(
    ctx: *mut Ctx,
    object: *mut u8,
    from: i64,
    to: i64,
    elem: *const TypeDesc,
    site: *const Site,
    out: *mut *mut u8,
) -> u32 {
    // SAFETY: the caller's promise; the bounds are tested here.
    unsafe {
        let len = (*object.cast::<ListObject>()).len;
        if from < 0 || from > to || to > len {
            fail::panic(ctx, format!("range {from}..{to} is out of range for length {len}"), site);
            return STATUS_UNWINDING;
        }
        *out = list::slice(ctx, object, from as usize, to as usize, elem);
        STATUS_RETURNED
    }
}

/// `[value; n]`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_list_repeat(
    ctx: *mut Ctx,
    value: *mut u8,
    n: i64,
    elem: *const TypeDesc,
) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { list::repeat(ctx, value, n.max(0) as usize, elem) }
}

/// Makes a place at `index`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_list_open_gap(
    ctx: *mut Ctx,
    object: *mut u8,
    index: i64,
    elem: *const TypeDesc,
) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { list::open_gap(ctx, object, index as usize, elem) }
}

/// Closes the place at `index`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_list_close_gap(
    _ctx: *mut Ctx,
    object: *mut u8,
    index: i64,
    elem: *const TypeDesc,
) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { list::close_gap(object, index as usize, elem) }
}

/// Keeps the first `n` elements.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_list_truncate(
    ctx: *mut Ctx,
    object: *mut u8,
    n: i64,
    elem: *const TypeDesc,
) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { list::truncate(ctx, object, n.max(0) as usize, elem) }
}
