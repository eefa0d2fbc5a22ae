//! Making and closing channels.

use orion_abi::{
    Ctx, Site, TypeDesc,
    outcome::{STATUS_RETURNED, STATUS_UNWINDING},
};
use orion_fast::{
    chan::{Chan, wake},
    sync::is_parallel,
};

use crate::{
    sched::{fail, team},
    world::{IdKind, World, new_chan},
};

/// Largest buffer of a channel, in bytes.
const BUFFER_BYTES_MAX: usize = 1 << 40;

/// `@channel(capacity)`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_chan_new(
    ctx: *mut Ctx,
    capacity: i64,
    elem: *const TypeDesc,
    site: *const Site,
    out: *mut *mut u8,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        let size = ((*elem).size as usize).max(1);
        let fits = usize::try_from(capacity).ok().filter(|cap| *cap <= BUFFER_BYTES_MAX / size);
        let Some(cap) = fits else {
            let what = if capacity < 0 { "negative" } else { "too large" };
            fail::panic(ctx, format!("the capacity {capacity} of a channel is {what}"), site);
            return STATUS_UNWINDING;
        };
        let id = World::next_id(ctx, IdKind::Chan);
        *out = new_chan(ctx, id, cap, elem, site).cast();
        STATUS_RETURNED
    }
}

/// `@close(ch)`: receivers that wait get "closed", senders panic.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_chan_close(
    ctx: *mut Ctx,
    chan: *mut u8,
    site: *const Site,
    _out: *mut u8,
) -> u32 {
    let chan = chan.cast::<Chan>();
    // SAFETY: the caller's promise; waiters' nodes are valid.
    unsafe {
        if is_parallel(ctx) {
            if team::chans::close(ctx, chan) {
                return STATUS_RETURNED;
            }
            fail::panic(ctx, String::from("close of a closed channel"), site);
            return STATUS_UNWINDING;
        }
        if (*chan).closed != 0 {
            fail::panic(ctx, String::from("close of a closed channel"), site);
            return STATUS_UNWINDING;
        }
        (*chan).closed = 1;
        loop {
            let node = (*chan).receivers.pop();
            if node.is_null() {
                break;
            }
            wake(ctx, node, 1);
        }
        loop {
            let node = (*chan).senders.pop();
            if node.is_null() {
                break;
            }
            wake(ctx, node, 1);
        }
        STATUS_RETURNED
    }
}

/// `ch.len()`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_chan_len(_ctx: *mut Ctx, chan: *mut u8) -> i64 {
    // SAFETY: the caller's promise.
    unsafe {
        let len = &raw mut (*chan.cast::<Chan>()).len;
        std::sync::atomic::AtomicUsize::from_ptr(len).load(std::sync::atomic::Ordering::Relaxed)
            as i64
    }
}

/// `ch.cap()`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_chan_cap(_ctx: *mut Ctx, chan: *mut u8) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { (*chan.cast::<Chan>()).cap as i64 }
}
