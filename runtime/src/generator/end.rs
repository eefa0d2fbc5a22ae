//! Ends of generators: by themselves, stopped with their `defer`s run, and dropped; orphans are those whose `defer`s still run when nobody holds them.

use std::{ptr::null_mut, sync::atomic::Ordering};

use orion_abi::{
    Ctx, Frame, PointDesc, TypeDesc,
    desc::{PointKind, TypeKind},
    frame::FRAME_COMPLETED,
    object::{BOXED_TAG_BIT, BoxedObject, ListObject},
    outcome::{OUTCOME_CLOSED, OUTCOME_DONE, OUTCOME_UNWIND, STATUS_RETURNED},
};
use orion_fast::{
    memory::orion_frame_free,
    sync::is_parallel,
    task::{
        TASK_CANCEL_ASKED, TASK_CANCELLED, TASK_ENDED, TASK_ORPHAN, TASK_READY, TASK_STOPPING, Task,
    },
};

use super::{
    Generator,
    drive::{claim_driver, complete_first, make_ready, publish_driver},
    has_ended, is_at_yield, is_unstarted,
};
use crate::{
    frames::{arms_of, drop_frame, drop_result, kind_of, point_of, slot_at},
    heap::drop::{HEAD_BYTES, fields, kind_of as type_kind, variant},
    panic::{Cause, Panic},
    sched::{
        cancel, clear_flags, flags_of,
        park::{init_nodes, node_of},
        set_flags, team,
    },
    world::{extra_if, extra_of, free_task, no_site, worker_of, world_of},
};

/// Its pending `defer`s will run when it is run.
///
/// # Safety
/// The generator stands at a yield.
pub unsafe fn begin_stop(generator: *mut Generator) {
    // SAFETY: it stands at a yield.
    unsafe {
        let task = &raw mut (*generator).task;
        set_flags(task, TASK_STOPPING | TASK_CANCELLED);
        clear_flags(task, TASK_CANCEL_ASKED);
        extra_of(task).panic = Some(Panic::new(Cause::Cancelled, String::new(), no_site()));
        (*(*task).leaf).outcome = OUTCOME_UNWIND;
        (*(*task).leaf).state = FRAME_COMPLETED;
    }
}

/// Its root has ended.
pub(super) unsafe fn over(ctx: *mut Ctx, generator: *mut Generator, root: *mut Frame) {
    // SAFETY: the root is its only frame.
    unsafe {
        (*generator).task.state = TASK_ENDED;
        (*generator).task.leaf = root;
        if u32::from((*root).status) != STATUS_RETURNED {
            (*generator).task.leaf = null_mut();
            orion_frame_free(ctx, root);
        }
    }
}

/// What the end of a generator is to its driver: `CLOSED`, or `UNWIND` with what it unwound with.
///
/// # Safety
/// The generator has ended; `driver` drove it.
pub unsafe fn hand_over_end(generator: *mut Generator, driver: *mut Task) -> u32 {
    // SAFETY: both are alive.
    unsafe {
        let task = &raw mut (*generator).task;
        let stopped = flags_of(task).load(Ordering::Relaxed) & TASK_STOPPING != 0;
        clear_flags(task, TASK_STOPPING | TASK_CANCEL_ASKED);
        (*generator).driver = null_mut();
        match extra_if(task).and_then(|extra| extra.panic.take()) {
            Some(panic) if panic.cause == Cause::Panic => {
                extra_of(driver).panic = Some(panic);
                OUTCOME_UNWIND
            }
            Some(_) if !stopped && cancel::must_unwind(driver) => {
                cancel::record(driver);
                OUTCOME_UNWIND
            }
            _ => OUTCOME_CLOSED,
        }
    }
}

/// In the scheduler: the root of a generator has ended.
///
/// # Safety
/// `task` is a generator that has just run to the end of `root`.
pub unsafe fn root_ended(ctx: *mut Ctx, task: *mut Task, root: *mut Frame) {
    // SAFETY: the caller's promise.
    unsafe {
        let generator = task.cast::<Generator>();
        over(ctx, generator, root);
        settle(ctx, generator);
    }
}

/// In the scheduler: a generator that was cancelled before it ran ends.
///
/// # Safety
/// It stands at its start and is in no queue.
pub unsafe fn end_unstarted(ctx: *mut Ctx, task: *mut Task) {
    // SAFETY: the caller's promise.
    unsafe {
        let generator = task.cast::<Generator>();
        abandon(ctx, generator);
        cancel::record(task);
        settle(ctx, generator);
    }
}

/// One that has not started will not.
///
/// # Safety
/// The generator has not started.
pub unsafe fn abandon(ctx: *mut Ctx, generator: *mut Generator) {
    // SAFETY: its one frame holds its captures.
    unsafe {
        let leaf = (*generator).task.leaf;
        (*generator).task.leaf = null_mut();
        (*generator).task.state = TASK_ENDED;
        drop_frame(ctx, leaf);
    }
}

/// A generator that the scheduler ran has ended: its driver goes on.
unsafe fn settle(ctx: *mut Ctx, generator: *mut Generator) {
    // SAFETY: a joiner lies in the driver's leaf.
    unsafe {
        let task = &raw mut (*generator).task;
        if flags_of(task).load(Ordering::Relaxed) & TASK_ORPHAN != 0 {
            return orphan_ended(ctx, generator);
        }
        let node = (*task).joiner;
        if node.is_null() {
            return;
        }
        (*task).joiner = null_mut();
        (*node).target = null_mut();
        let frame = (*node).frame;
        claim_driver(ctx, frame);
        let outcome = hand_over_end(generator, (*frame).task.cast());
        let point = point_of(frame);
        if kind_of(point) == PointKind::GenStop && outcome != OUTCOME_UNWIND {
            continue_stop(ctx, frame, point);
        } else {
            complete_first(ctx, frame, outcome);
        }
    }
}

/// An orphan has run its `defer`s.
unsafe fn orphan_ended(ctx: *mut Ctx, generator: *mut Generator) {
    // SAFETY: nobody refers to it.
    unsafe {
        let world = world_of(ctx);
        let left = (*world).orphans.fetch_sub(1, Ordering::AcqRel) - 1;
        let panic = extra_if(&raw mut (*generator).task).and_then(|extra| extra.panic.take());
        destroy(ctx, generator);
        if let Some(panic) = panic
            && panic.cause == Cause::Panic
        {
            (*world).output.release();
            crate::output::emergency(crate::report::panic(&panic));
            crate::start::exit_now(crate::start::PANIC_STATUS);
        }
        if left == 0 && is_parallel(ctx) {
            team::rest::orphans_ended(world);
        }
    }
}

/// Frees one that has ended.
unsafe fn destroy(ctx: *mut Ctx, generator: *mut Generator) {
    // SAFETY: nobody refers to it; what is left is its result.
    unsafe {
        let root = (*generator).task.leaf;
        if !root.is_null() {
            (*generator).task.leaf = null_mut();
            drop_result(ctx, root);
            orion_frame_free(ctx, root);
        }
        free_task(ctx, &raw mut (*generator).task);
    }
}

/// Drops a generator by its type.
///
/// # Safety
/// It was the last reference.
pub unsafe fn release(ctx: *mut Ctx, generator: *mut Generator) {
    // SAFETY: the caller's promise.
    unsafe {
        let world = world_of(ctx);
        if (*worker_of(ctx)).tearing_down {
            return;
        }
        if has_ended(generator) {
            return destroy(ctx, generator);
        }
        if is_unstarted(generator) {
            abandon(ctx, generator);
            return destroy(ctx, generator);
        }
        let task = &raw mut (*generator).task;
        (*world).orphans.fetch_add(1, Ordering::AcqRel);
        set_flags(task, TASK_ORPHAN);
        (*generator).driver = null_mut();
        if is_at_yield(generator) {
            begin_stop(generator);
            if is_parallel(ctx) {
                team::queue::orion_ready_shared(ctx, task);
            } else {
                (*task).state = TASK_READY;
                (*worker_of(ctx)).head.ready.push(task);
            }
        } else {
            (*task).joiner = null_mut();
            cancel::request(ctx, task);
        }
    }
}

/// The next generator in a value that has not ended, in the order of fields and elements.
///
/// # Safety
/// The value is of the type.
#[must_use]
pub unsafe fn first_open(value: *mut u8, ty: *const TypeDesc) -> Option<*mut Generator> {
    let mut work = vec![(value, ty)];
    // SAFETY: the value is valid, so its parts are.
    unsafe {
        while let Some((at, ty)) = work.pop() {
            if !crate::heap::drop::needs_drop(ty) {
                continue;
            }
            let first = work.len();
            let mut push_fields = |base: *mut u8, list: &[orion_abi::FieldDesc]| {
                work.extend(list.iter().map(|f| (base.add(f.offset as usize), f.ty)));
            };
            match type_kind(ty) {
                TypeKind::Gen => {
                    let generator = *at.cast::<*mut Generator>();
                    if !generator.is_null() && !has_ended(generator) {
                        return Some(generator);
                    }
                }
                TypeKind::Tuple | TypeKind::Struct => {
                    push_fields(at, fields((*ty).fields, (*ty).count));
                }
                TypeKind::Sum => {
                    let variant = variant(ty, *at.cast::<u32>() as usize);
                    push_fields(at, fields(variant.fields, variant.count));
                }
                TypeKind::BoxedStruct | TypeKind::BoxedSum => {
                    let object = *at.cast::<*mut u8>();
                    if !object.is_null() && object as usize & BOXED_TAG_BIT == 0 {
                        let variant = variant(ty, (*object.cast::<BoxedObject>()).tag as usize);
                        push_fields(object, fields(variant.fields, variant.count));
                    }
                }
                TypeKind::List => {
                    let (list, elem) = (*at.cast::<*mut u8>(), (*ty).elem);
                    if !list.is_null() && crate::heap::drop::needs_drop(elem) {
                        let size = (*elem).size as usize;
                        let count = (*list.cast::<ListObject>()).len as usize;
                        work.extend((0..count).map(|i| (list.add(HEAD_BYTES + i * size), elem)));
                    }
                }
                _ => {}
            }
            work[first..].reverse();
        }
        None
    }
}

/// Stops what a frame at a `GenStop` point has in its slot: starts with the next one, or lets the frame go on.
unsafe fn continue_stop(ctx: *mut Ctx, frame: *mut Frame, point: &PointDesc) {
    // SAFETY: the value slot is valid, the node unlinked.
    unsafe {
        let arm = &arms_of(point)[0];
        let value = slot_at(frame, arm.value_offset);
        while let Some(generator) = first_open(value, arm.ty) {
            if is_unstarted(generator) {
                abandon(ctx, generator);
                continue;
            }
            let at_yield = is_at_yield(generator);
            let node = node_of(frame, point, 0);
            (*node).target = generator.cast();
            (*generator).task.joiner = node;
            (*generator).driver = (*frame).task.cast();
            publish_driver(ctx, frame);
            // From here on the generator may end and its driver go on, where several workers run.
            if at_yield {
                begin_stop(generator);
                make_ready(ctx, &raw mut (*generator).task);
            } else if is_parallel(ctx) {
                let task = &raw mut (*generator).task;
                if flags_of(task).load(Ordering::Relaxed) & (TASK_STOPPING | TASK_CANCELLED) == 0 {
                    set_flags(task, TASK_CANCEL_ASKED);
                }
                team::commit::commit(ctx, task);
            } else if flags_of(&raw mut (*generator).task).load(Ordering::Relaxed) & TASK_STOPPING
                == 0
            {
                cancel::request(ctx, &raw mut (*generator).task);
            }
            return;
        }
        complete_first(ctx, frame, OUTCOME_DONE);
    }
}

/// A driver suspends at its `GenStop` point.
///
/// # Safety
/// As for [`park_next`].
pub unsafe fn park_stop(ctx: *mut Ctx, frame: *mut Frame, point: &PointDesc) {
    // SAFETY: the caller's promise.
    unsafe {
        init_nodes(frame);
        continue_stop(ctx, frame, point);
    }
}
