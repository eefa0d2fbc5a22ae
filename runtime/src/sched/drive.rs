//! Driving generators (see `crate::generator`).

use std::ptr::null_mut;

use orion_abi::{
    Ctx, Frame, PointDesc, TypeDesc,
    frame::{FRAME_COMPLETED, FRAME_ENDED, FRAME_RUNNING},
    outcome::{OUTCOME_BLOCK, OUTCOME_CLOSED, OUTCOME_DONE, OUTCOME_UNWIND, STATUS_RETURNED},
    symbols::{GEN_ACTIVE, GEN_DONE, GEN_ENDED, GEN_NEW, GEN_YIELDED},
};
use orion_fast::{
    blocks::{block_free, orion_frame_free},
    task::{Task, complete},
};

use crate::{
    frames::{arms_of, drop_frame, drop_result, point_of, slot_at},
    generator::Generator,
    heap::drop::{drop_value, fields},
    panic::{Cause, Panic},
    sched::park::target_of,
    world::{extra_of, no_site, world_of},
};

/// Type argument `index` of a generator's type: 0 what it yields, 1 what it is sent, 2 what it returns.
unsafe fn argument(generator: *mut Generator, index: usize) -> *const TypeDesc {
    // SAFETY: the type is a `Gen` with its three fields.
    unsafe { fields((*(*generator).ty).fields, (*(*generator).ty).count)[index].ty }
}

/// Resumes a generator: `sent` goes to the yield where it stands.
///
/// # Safety
/// The generator is the caller's; `sent` holds a value of its `S`, which moves in, `destination` has room for a `Y`.
pub unsafe fn next(
    ctx: *mut Ctx,
    generator: *mut Generator,
    sent: *mut u8,
    destination: *mut u8,
) -> u32 {
    // SAFETY: the caller's promise; a leaf at a yield has the slot that its arm names.
    unsafe {
        let sent_type = argument(generator, 1);
        match (*generator).state {
            GEN_YIELDED => {
                let frame = (*generator).leaf;
                let arms = arms_of(point_of(frame));
                let slot = arms.first().map_or(orion_abi::desc::NO_SLOT, |arm| arm.value_offset);
                if slot == orion_abi::desc::NO_SLOT {
                    drop_value(ctx, sent, sent_type);
                } else {
                    let size = (*sent_type).size as usize;
                    std::ptr::copy_nonoverlapping(sent, slot_at(frame, slot), size);
                }
                (*frame).outcome = OUTCOME_DONE;
                (*frame).state = FRAME_COMPLETED;
            }
            state => {
                drop_value(ctx, sent, sent_type);
                if state != GEN_NEW {
                    return OUTCOME_CLOSED;
                }
            }
        }
        run(ctx, generator, destination)
    }
}

/// Runs the pending `defer`s of a generator.
///
/// # Safety
/// The generator is the caller's.
pub unsafe fn stop(ctx: *mut Ctx, generator: *mut Generator) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        match (*generator).state {
            GEN_NEW => {
                drop_frame(ctx, (*generator).leaf);
                end(generator);
                OUTCOME_DONE
            }
            GEN_YIELDED => {
                let task = (*ctx).task.cast::<Task>();
                let stop = Panic::new(Cause::Stopped, String::new(), no_site());
                (*generator).suspended_panic = extra_of(task).panic.replace(stop);
                (*generator).stopping = true;
                let frame = (*generator).leaf;
                (*frame).outcome = OUTCOME_UNWIND;
                (*frame).state = FRAME_COMPLETED;
                run(ctx, generator, null_mut())
            }
            _ => OUTCOME_DONE,
        }
    }
}

/// The generator is over and has no frames.
unsafe fn end(generator: *mut Generator) {
    // SAFETY: the generator is alive.
    unsafe {
        (*generator).state = GEN_ENDED;
        (*generator).leaf = null_mut();
        (*generator).root = null_mut();
    }
}

/// Runs a generator's frames on this stack until it yields, ends or waits.
unsafe fn run(ctx: *mut Ctx, generator: *mut Generator, destination: *mut u8) -> u32 {
    // SAFETY: the leaf can be resumed; the task is the running one.
    unsafe {
        let task = (*ctx).task.cast::<Task>();
        (*generator).outer = (*task).generator.cast();
        (*task).generator = generator.cast();
        (*generator).destination = destination;
        (*generator).driver = null_mut();
        (*generator).state = GEN_ACTIVE;
        let mut frame = (*generator).leaf;
        (*generator).leaf = null_mut();
        let mut child: *mut Frame = null_mut();
        loop {
            (*ctx).child = child;
            (*frame).state = FRAME_RUNNING;
            ((*(*frame).meta).resume)(ctx, frame);
            if (*frame).state != FRAME_ENDED {
                if (*generator).state == GEN_YIELDED {
                    return OUTCOME_DONE;
                }
                return OUTCOME_BLOCK;
            }
            let parent = (*frame).parent;
            if parent.is_null() {
                return root_ended(ctx, task, generator, frame);
            }
            child = frame;
            frame = parent;
        }
    }
}

/// The root of the innermost generator has ended: what its driver gets.
unsafe fn root_ended(
    ctx: *mut Ctx,
    task: *mut Task,
    generator: *mut Generator,
    root: *mut Frame,
) -> u32 {
    // SAFETY: the generator is the task's innermost.
    unsafe {
        (*task).generator = (*generator).outer.cast();
        (*generator).outer = null_mut();
        if u32::from((*root).status) == STATUS_RETURNED {
            (*generator).state = GEN_DONE;
            (*generator).root = root;
            return OUTCOME_CLOSED;
        }
        orion_frame_free(ctx, root);
        end(generator);
        if !(*generator).stopping {
            return OUTCOME_UNWIND;
        }
        (*generator).stopping = false;
        let before = (*generator).suspended_panic.take();
        let extra = extra_of(task);
        if extra.panic.as_ref().is_some_and(|panic| panic.cause == Cause::Stopped) {
            extra.panic = before;
            return OUTCOME_DONE;
        }
        // A `defer` has panicked: the last panic wins.
        OUTCOME_UNWIND
    }
}

/// `@yield(v)`: the value goes to the driver.
///
/// # Safety
/// The running task's innermost generator runs; `value` moves out.
pub unsafe fn yield_value(ctx: *mut Ctx, value: *mut u8) {
    // SAFETY: the caller's promise; the destination has room for a `Y`.
    unsafe {
        let generator = (*(*ctx).task.cast::<Task>()).generator.cast::<Generator>();
        let ty = argument(generator, 0);
        if (*generator).destination.is_null() {
            // A `defer` of a generator that is being stopped yields: nobody takes it.
            drop_value(ctx, value, ty);
        } else {
            let size = (*ty).size as usize;
            std::ptr::copy_nonoverlapping(value, (*generator).destination, size);
        }
    }
}

/// A frame suspends at its `GenYield` point.
///
/// # Safety
/// As for [`yield_value`], which was called before.
pub unsafe fn park_yield(ctx: *mut Ctx, frame: *mut Frame) {
    // SAFETY: the caller's promise.
    unsafe {
        let task = (*ctx).task.cast::<Task>();
        let generator = (*task).generator.cast::<Generator>();
        if (*generator).stopping {
            // A `defer` yields though nobody takes anything any more: it unwinds there.
            (*frame).task = task.cast();
            (*task).leaf = frame;
            complete(ctx, frame, OUTCOME_UNWIND);
            return;
        }
        (*generator).leaf = frame;
        (*generator).state = GEN_YIELDED;
        (*task).generator = (*generator).outer.cast();
        (*generator).outer = null_mut();
        (*frame).task = null_mut();
        let driver = (*generator).driver;
        if !driver.is_null() {
            // The scheduler runs the generator's frames: it goes on with the driver.
            (*ctx.cast::<crate::world::Worker>()).resumed_driver = generator;
        }
    }
}

/// The driver suspends because its generator waits for something.
///
/// # Safety
/// `frame` stands at a `GenNext` or `GenStop` point whose operation answered BLOCK.
pub unsafe fn park_driver(ctx: *mut Ctx, frame: *mut Frame, point: &PointDesc) {
    // SAFETY: the target slot holds the generator; the task's leaf is the generator's.
    unsafe {
        let arm = &arms_of(point)[0];
        let generator = target_of(frame, arm).cast::<Generator>();
        (*frame).task = (*ctx).task;
        (*generator).driver = frame;
        if arm.value_offset != orion_abi::desc::NO_SLOT {
            (*generator).destination = slot_at(frame, arm.value_offset);
        }
    }
}

/// In the scheduler's trampoline: a generator has yielded. Gives the driver's frame, ready to be resumed.
///
/// # Safety
/// The generator has a driver.
pub unsafe fn yielded(generator: *mut Generator) -> *mut Frame {
    // SAFETY: the caller's promise.
    unsafe {
        let driver = (*generator).driver;
        (*generator).driver = null_mut();
        (*driver).outcome = OUTCOME_DONE;
        (*driver).state = FRAME_COMPLETED;
        driver
    }
}

/// In the scheduler's trampoline: a frame without parent has ended. Gives the driver's frame when it was the root of a generator, else null.
///
/// # Safety
/// `task` is running, `root` has ended.
pub unsafe fn ended(ctx: *mut Ctx, task: *mut Task, root: *mut Frame) -> *mut Frame {
    // SAFETY: the caller's promise.
    unsafe {
        let generator = (*task).generator.cast::<Generator>();
        if generator.is_null() {
            return null_mut();
        }
        let driver = (*generator).driver;
        (*generator).driver = null_mut();
        let stopping = (*generator).stopping;
        let outcome = root_ended(ctx, task, generator, root);
        // A generator that returns while it is stopped (its `defer`s cannot, but its body's end may) is stopped all the same.
        (*driver).outcome =
            if stopping && outcome == OUTCOME_CLOSED { OUTCOME_DONE } else { outcome };
        (*driver).state = FRAME_COMPLETED;
        driver
    }
}

/// Drops a generator without running its `defer`s (`stop` has been called where they matter).
///
/// # Safety
/// Nobody refers to the generator any more; it is not active.
pub unsafe fn destroy(ctx: *mut Ctx, generator: *mut Generator) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut frame = (*generator).leaf;
        if !frame.is_null() {
            while !frame.is_null() {
                let parent = (*frame).parent;
                drop_frame(ctx, frame);
                frame = parent;
            }
        } else if (*generator).state == GEN_DONE {
            drop_result(ctx, (*generator).root);
            orion_frame_free(ctx, (*generator).root);
        }
        unlink(ctx, generator);
        drop((*generator).suspended_panic.take());
        block_free(ctx, generator.cast(), size_of::<Generator>());
    }
}

/// Appends a generator to the world's list.
///
/// # Safety
/// The generator is not linked.
pub unsafe fn link(ctx: *mut Ctx, generator: *mut Generator) {
    // SAFETY: linked generators are alive.
    unsafe {
        let world = world_of(ctx);
        (*generator).all_prev = (*world).last_generator;
        (*generator).all_next = null_mut();
        if (*world).last_generator.is_null() {
            (*world).first_generator = generator;
        } else {
            (*(*world).last_generator).all_next = generator;
        }
        (*world).last_generator = generator;
    }
}

/// Takes a generator out of the world's list.
unsafe fn unlink(ctx: *mut Ctx, generator: *mut Generator) {
    // SAFETY: linked generators are alive.
    unsafe {
        let world = world_of(ctx);
        let (prev, next) = ((*generator).all_prev, (*generator).all_next);
        if prev.is_null() {
            (*world).first_generator = next;
        } else {
            (*prev).all_next = next;
        }
        if next.is_null() {
            (*world).last_generator = prev;
        } else {
            (*next).all_prev = prev;
        }
    }
}

/// The frame below `frame` on the logical stack of `task`: its parent, or across the root of a generator its driver. `cursor` starts as the
/// task's innermost generator.
///
/// # Safety
/// The task is suspended.
#[must_use]
pub unsafe fn below(frame: *mut Frame, cursor: &mut *mut Generator) -> *mut Frame {
    // SAFETY: the caller's promise.
    unsafe {
        let parent = (*frame).parent;
        if !parent.is_null() || cursor.is_null() {
            return parent;
        }
        let driver = (**cursor).driver;
        *cursor = (**cursor).outer;
        driver
    }
}
