//! Generators, as generated code sees them.

use orion_abi::{
    Ctx, Frame, Site, TypeDesc,
    desc::NO_SLOT,
    frame::FRAME_COMPLETED,
    outcome::{
        OUTCOME_BLOCK, OUTCOME_CLOSED, OUTCOME_DONE, OUTCOME_UNWIND, STATUS_RETURNED,
        STATUS_UNWINDING,
    },
};
use orion_fast::{
    memory::orion_frame_free,
    sync::forced,
    task::{TASK_GENERATOR, TASK_STOPPING, Task},
};
use std::ptr::null_mut;

use crate::{
    frames::{arms_of, point_of, result_at, slot_at},
    generator::{
        Generator, Ran, abandon, argument, begin_stop, first_open, hand_over_end, has_ended,
        is_at_yield, is_linear, is_unstarted, new, run, stack_is_low,
    },
    heap::drop::{drop_value, retain_value},
    sched::fail,
    world::{IdKind, World, no_site},
};

/// `gen { … }`.
///
/// # Safety
/// Called by generated code: the frame is new and of a generator's body.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_gen_new(ctx: *mut Ctx, frame: *mut Frame) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        let id = World::next_id(ctx, IdKind::Task);
        let meta = (*frame).meta;
        let generator = new(ctx, id, (*meta).generator, &raw const (*meta).site);
        (*generator).task.leaf = frame;
        (*frame).task = generator.cast();
        generator.cast()
    }
}

/// First half of `@yield(v)`: the value goes to the driver.
///
/// # Safety
/// Called by generated code of the running task; the value is given up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_gen_give(
    ctx: *mut Ctx,
    value: *mut u8,
    ty: *const TypeDesc,
    site: *const Site,
) -> u32 {
    // SAFETY: the destination has room for a `Y`; types are the same where their descriptors are.
    unsafe {
        let task = (*ctx).task.cast::<Task>();
        let generator = task.cast::<Generator>();
        let misplaced =
            (*task).flags & TASK_GENERATOR == 0 || !std::ptr::eq(argument(generator, 0), ty);
        if misplaced || (*task).flags & TASK_STOPPING != 0 {
            drop_value(ctx, value, ty);
            let what = if misplaced {
                "`@yield` outside of its generator"
            } else {
                "`@yield` in a generator that is being stopped"
            };
            fail::panic(ctx, what.to_owned(), site);
            return STATUS_UNWINDING;
        }
        let node = (*task).joiner;
        let to = if node.is_null() { (*generator).destination } else { (*node).value };
        if to.is_null() {
            drop_value(ctx, value, ty);
        } else {
            std::ptr::copy_nonoverlapping(value, to, (*ty).size as usize);
        }
        STATUS_RETURNED
    }
}

/// What a generator's `@yield` will give.
///
/// # Safety
/// Called by generated code: the generator is borrowed, the value given up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_gen_send(
    ctx: *mut Ctx,
    generator: *mut u8,
    sent: *mut u8,
    is_next: u32,
    ty: *const TypeDesc,
    site: *const Site,
) -> u32 {
    // SAFETY: a leaf at a yield has the slot that its arm names.
    unsafe {
        let generator = generator.cast::<Generator>();
        if generator.is_null() || is_next == 0 && !has_ended(generator) && is_unstarted(generator) {
            drop_value(ctx, sent, ty);
            let what = if generator.is_null() {
                "the generator is running already"
            } else {
                "`send` to a generator before its first `next`"
            };
            fail::panic(ctx, what.to_owned(), site);
            return STATUS_UNWINDING;
        }
        let waits = !has_ended(generator) && is_at_yield(generator);
        let arm = if waits { arms_of(point_of((*generator).task.leaf)).first() } else { None };
        match arm {
            Some(arm) if arm.value_offset != NO_SLOT && std::ptr::eq(arm.ty, ty) => {
                let frame = (*generator).task.leaf;
                let slot = slot_at(frame, arm.value_offset);
                std::ptr::copy_nonoverlapping(sent, slot, (*ty).size as usize);
                (*frame).outcome = OUTCOME_DONE;
                (*frame).state = FRAME_COMPLETED;
            }
            _ => drop_value(ctx, sent, ty),
        }
        STATUS_RETURNED
    }
}

/// `g.next()`, and `g.send(v)` once the value is delivered.
///
/// # Safety
/// Called by generated code: the generator is borrowed, the destination has room for what it yields.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_gen_next(
    ctx: *mut Ctx,
    generator: *mut u8,
    destination: *mut u8,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        let generator = generator.cast::<Generator>();
        if generator.is_null() {
            fail::panic(ctx, String::from("the generator is running already"), no_site());
            return OUTCOME_UNWIND;
        }
        if forced(ctx) != 0 {
            return OUTCOME_BLOCK;
        }
        if has_ended(generator) {
            return OUTCOME_CLOSED;
        }
        if stack_is_low(ctx) || !is_unstarted(generator) && !is_at_yield(generator) {
            return OUTCOME_BLOCK;
        }
        match run(ctx, generator, destination) {
            Ran::Yielded => OUTCOME_DONE,
            Ran::Ended => hand_over_end(generator, (*ctx).task.cast()),
            Ran::Blocked => OUTCOME_BLOCK,
        }
    }
}

/// `g.stop()`, and the end of a variable that holds generators.
///
/// # Safety
/// Called by generated code: the value is borrowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_gen_stop(
    ctx: *mut Ctx,
    value: *mut u8,
    ty: *const TypeDesc,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        while let Some(generator) = first_open(value, ty) {
            if is_unstarted(generator) {
                abandon(ctx, generator);
                continue;
            }
            if forced(ctx) != 0 || stack_is_low(ctx) || !is_at_yield(generator) {
                return OUTCOME_BLOCK;
            }
            begin_stop(generator);
            match run(ctx, generator, null_mut()) {
                Ran::Blocked => return OUTCOME_BLOCK,
                Ran::Yielded => {}
                Ran::Ended => {
                    if hand_over_end(generator, (*ctx).task.cast()) == OUTCOME_UNWIND {
                        return OUTCOME_UNWIND;
                    }
                }
            }
        }
        OUTCOME_DONE
    }
}

/// `g.result()`.
///
/// # Safety
/// Called by generated code: the generator is borrowed, `out` has room for its result.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_gen_result(
    ctx: *mut Ctx,
    generator: *mut u8,
    site: *const Site,
    out: *mut u8,
) -> u32 {
    // SAFETY: a root that has returned holds its result.
    unsafe {
        let generator = generator.cast::<Generator>();
        let ended = !generator.is_null() && has_ended(generator);
        if !ended || (*generator).task.leaf.is_null() {
            let what = if ended {
                "`result` of a generator that did not return"
            } else {
                "`result` of a generator that is not done"
            };
            fail::panic(ctx, what.to_owned(), site);
            return STATUS_UNWINDING;
        }
        let root = (*generator).task.leaf;
        let ty = (*(*root).meta).result;
        if !out.is_null() {
            std::ptr::copy_nonoverlapping(result_at(root), out, (*ty).size as usize);
        }
        if is_linear(ty) {
            // There is one of it.
            (*generator).task.leaf = null_mut();
            orion_frame_free(ctx, root);
        } else {
            retain_value(result_at(root), ty);
        }
        STATUS_RETURNED
    }
}

/// `g.done()`.
///
/// # Safety
/// Called by generated code: the generator is borrowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_gen_done(_ctx: *mut Ctx, generator: *mut u8) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { u32::from(generator.is_null() || has_ended(generator.cast())) }
}
