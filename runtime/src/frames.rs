//! Frame maps: which slots of a suspended frame hold values.
//!
//! The rule (see `orion_abi::desc`): `SLOT_LIVE` always; `SLOT_CONSUMED` unless its arm completed the wait; `SLOT_DEST` only when it did, with a value.
//! The handle of a join is set to null when the join consumes it, whatever the outcome.

use orion_abi::{
    Ctx, Frame, PointDesc, SlotDesc,
    desc::{ArmDesc, PointKind, SLOT_DEST, SLOT_LIVE},
    frame::{FRAME_COMPLETED, FRAME_RESULT_OFFSET},
};
use orion_fast::memory::orion_frame_free;

use crate::heap::drop::drop_value;

/// The suspend point where a frame stands.
///
/// # Safety
/// `frame` is valid and suspended.
#[inline]
#[must_use]
pub unsafe fn point_of<'a>(frame: *const Frame) -> &'a PointDesc {
    // SAFETY: `at` is one of the function's points.
    unsafe {
        let meta = (*frame).meta;
        debug_assert!((*frame).at < (*meta).point_count, "the frame stands at a point");
        &*(*meta).points.add((*frame).at as usize)
    }
}

/// The kind of a point.
#[inline]
#[must_use]
pub fn kind_of(point: &PointDesc) -> PointKind {
    // SAFETY: codegen takes `kind` from `PointKind`; state files are checked before a frame is made.
    unsafe { std::mem::transmute::<u8, PointKind>(point.kind as u8) }
}

/// The frame map of a point.
///
/// # Safety
/// `point` belongs to the program's image.
#[must_use]
pub unsafe fn slots_of<'a>(point: &PointDesc) -> &'a [SlotDesc] {
    if point.slot_count == 0 {
        return &[];
    }
    // SAFETY: the descriptor says how many there are.
    unsafe { std::slice::from_raw_parts(point.slots, point.slot_count as usize) }
}

/// What a point waits for.
///
/// # Safety
/// `point` belongs to the program's image.
#[inline]
#[must_use]
pub unsafe fn arms_of<'a>(point: &PointDesc) -> &'a [ArmDesc] {
    if point.arm_count == 0 {
        return &[];
    }
    // SAFETY: the descriptor says how many there are.
    unsafe { std::slice::from_raw_parts(point.arms, point.arm_count as usize) }
}

/// Whether a slot of a suspended frame holds a value.
///
/// # Safety
/// `frame` is suspended at the point that the slot belongs to.
#[must_use]
pub unsafe fn slot_is_valid(frame: *const Frame, slot: &SlotDesc) -> bool {
    if slot.role == SLOT_LIVE {
        return true;
    }
    // SAFETY: the caller's promise.
    let by_arm = unsafe { (*frame).state == FRAME_COMPLETED && (*frame).outcome == slot.arm << 1 };
    if slot.role == SLOT_DEST { by_arm } else { !by_arm }
}

/// Address of a slot.
///
/// # Safety
/// `offset` is the offset of a slot of the frame.
#[inline]
#[must_use]
pub unsafe fn slot_at(frame: *mut Frame, offset: u32) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { frame.cast::<u8>().add(offset as usize) }
}

/// Address of a frame's result.
#[must_use]
pub fn result_at(frame: *mut Frame) -> *mut u8 {
    frame.cast::<u8>().wrapping_add(FRAME_RESULT_OFFSET)
}

/// Drops the values in a suspended frame and frees it.
///
/// # Safety
/// `frame` is suspended, none of its nodes is linked, and nobody refers to it any more.
pub unsafe fn drop_frame(ctx: *mut Ctx, frame: *mut Frame) {
    // SAFETY: the frame map says what is valid.
    unsafe {
        for slot in slots_of(point_of(frame)) {
            if slot_is_valid(frame, slot) {
                drop_value(ctx, slot_at(frame, slot.offset), slot.ty);
            }
        }
        orion_frame_free(ctx, frame);
    }
}

/// Drops the result in a frame that has returned.
///
/// # Safety
/// The frame has ended with `STATUS_RETURNED` and its result has not been moved out.
pub unsafe fn drop_result(ctx: *mut Ctx, frame: *mut Frame) {
    // SAFETY: the caller's promise.
    unsafe { drop_value(ctx, result_at(frame), (*(*frame).meta).result) }
}
