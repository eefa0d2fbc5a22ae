//! Running a generator for its driver: on the driver's stack until it yields, ends or must wait, and from then on by the scheduler.

use std::{ptr::null_mut, sync::atomic::Ordering};

use orion_abi::{
    Ctx, Frame, PointDesc, WaitNode,
    desc::PointKind,
    frame::{FRAME_COMPLETED, FRAME_ENDED, FRAME_RUNNING, FRAME_WAITING},
    outcome::{OUTCOME_CLOSED, OUTCOME_DONE},
};
use orion_fast::{
    sync::{CLAIM_OPEN, claim, claim_of, is_parallel},
    task::{
        TASK_CANCEL_ASKED, TASK_CANCELLED, TASK_GENERATOR, TASK_INTERRUPTED, TASK_READY,
        TASK_RUNNING, Task, complete,
    },
};

use super::{Generator, end::over, has_ended, is_at_yield, is_unstarted};
use crate::{
    frames::{arms_of, kind_of},
    sched::{
        cancel, clear_flags, flags_of,
        park::{init_nodes, node_of, target_of},
        set_flags, team,
    },
    world::worker_of,
};

/// How a run on the driver's stack went.
pub enum Ran {
    /// It stands at a yield; the value is where it belongs.
    Yielded,
    /// Its root has ended.
    Ended,
    /// It waits, or is ready to go on: the driver must park.
    Blocked,
}

/// The task on whose behalf a generator runs: what a task is to the program.
///
/// # Safety
/// A task is running.
#[must_use]
pub unsafe fn running_task(ctx: *mut Ctx) -> *mut Task {
    // SAFETY: drivers are alive while they drive.
    unsafe {
        let mut task = (*ctx).task.cast::<Task>();
        while flags_of(task).load(Ordering::Relaxed) & TASK_GENERATOR != 0 {
            let driver = (*task.cast::<Generator>()).driver;
            if driver.is_null() {
                break;
            }
            task = driver;
        }
        task
    }
}

/// Lets the driver go on before any other task: it has waited for nobody else.
pub(super) unsafe fn complete_first(ctx: *mut Ctx, frame: *mut Frame, outcome: u32) {
    // SAFETY: the frame is the leaf of a waiting task, its nodes are unlinked.
    unsafe {
        (*frame).outcome = outcome;
        (*frame).state = FRAME_COMPLETED;
        make_ready(ctx, (*frame).task.cast());
    }
}

/// Where several workers run: takes the driver that waits for a generator, which may be looked at because it is asked to cancel.
pub(super) unsafe fn claim_driver(ctx: *mut Ctx, frame: *mut Frame) {
    // SAFETY: the driver waits for the running generator, and nobody else completes it.
    unsafe {
        if is_parallel(ctx) {
            let claimed = claim((*frame).task.cast());
            debug_assert!(claimed, "only its generator completes a driver");
        }
    }
}

/// Where several workers run: a driver waits from now on.
pub(super) unsafe fn publish_driver(ctx: *mut Ctx, frame: *mut Frame) {
    // SAFETY: the driver is the caller's.
    unsafe {
        if is_parallel(ctx) {
            claim_of((*frame).task.cast()).store(CLAIM_OPEN, Ordering::SeqCst);
        }
    }
}

pub(super) unsafe fn make_ready(ctx: *mut Ctx, task: *mut Task) {
    // SAFETY: the task is in no queue.
    unsafe {
        if is_parallel(ctx) {
            return team::queue::ready_first(ctx, task);
        }
        (*task).state = TASK_READY;
        (*worker_of(ctx)).head.ready.push_front(task);
    }
}

/// What stands still will go on when it is run.
pub(super) unsafe fn set_going(generator: *mut Generator) {
    // SAFETY: its leaf is suspended.
    unsafe {
        let leaf = (*generator).task.leaf;
        if is_at_yield(generator) && (*leaf).state == FRAME_WAITING {
            (*leaf).outcome = OUTCOME_DONE;
            (*leaf).state = FRAME_COMPLETED;
        }
    }
}

/// Runs a generator that stands still on this stack.
///
/// # Safety
/// The generator stands still; a task runs; the destination has room for what is yielded, or is null.
pub unsafe fn run(ctx: *mut Ctx, generator: *mut Generator, destination: *mut u8) -> Ran {
    // SAFETY: the leaf can be resumed; frames belong to the task that `ctx.task` says.
    unsafe {
        let driver = (*ctx).task;
        let task = &raw mut (*generator).task;
        set_going(generator);
        (*generator).driver = driver.cast();
        (*generator).destination = destination;
        (*task).state = TASK_RUNNING;
        (*ctx).task = task.cast();
        let mut frame = (*task).leaf;
        let mut child: *mut Frame = null_mut();
        let ran = loop {
            (*ctx).child = child;
            (*frame).state = FRAME_RUNNING;
            ((*(*frame).meta).resume)(ctx, frame);
            if (*frame).state != FRAME_ENDED {
                break if is_at_yield(generator) { Ran::Yielded } else { Ran::Blocked };
            }
            let parent = (*frame).parent;
            if parent.is_null() {
                over(ctx, generator, frame);
                break Ran::Ended;
            }
            child = frame;
            frame = parent;
        };
        (*ctx).task = driver;
        (*ctx).child = null_mut();
        (*generator).destination = null_mut();
        if !matches!(ran, Ran::Blocked) {
            (*generator).driver = null_mut();
        }
        ran
    }
}

/// A frame suspends at its `GenYield` point: the driver goes on.
///
/// # Safety
/// `frame` is the leaf of the running task.
pub unsafe fn park_yield(ctx: *mut Ctx, task: *mut Task, frame: *mut Frame) {
    // SAFETY: a joiner lies in the driver's leaf.
    unsafe {
        init_nodes(frame);
        if flags_of(task).load(Ordering::Relaxed) & TASK_GENERATOR == 0 {
            return;
        }
        // What was asked on the driver's behalf is the driver's affair again.
        clear_flags(task, TASK_CANCEL_ASKED);
        let node = (*task).joiner;
        if !node.is_null() {
            (*task).joiner = null_mut();
            (*node).target = null_mut();
            (*task.cast::<Generator>()).driver = null_mut();
            claim_driver(ctx, (*node).frame);
            complete_first(ctx, (*node).frame, OUTCOME_DONE);
        }
    }
}

/// A driver suspends at its `GenNext` point.
///
/// # Safety
/// `frame` is the leaf of the running task and stands at `point`.
pub unsafe fn park_next(ctx: *mut Ctx, task: *mut Task, frame: *mut Frame, point: &PointDesc) {
    // SAFETY: the target slot holds the generator.
    unsafe {
        init_nodes(frame);
        let generator = target_of(frame, &arms_of(point)[0]).cast::<Generator>();
        if has_ended(generator) {
            return complete(ctx, frame, OUTCOME_CLOSED);
        }
        let stands_still = is_unstarted(generator) || is_at_yield(generator);
        let node = node_of(frame, point, 0);
        if is_parallel(ctx) {
            return start_driving(ctx, task, frame, node, generator, stands_still);
        }
        if stands_still {
            set_going(generator);
            make_ready(ctx, &raw mut (*generator).task);
        }
        (*node).target = generator.cast();
        (*generator).task.joiner = node;
        (*generator).driver = task;
        if cancel::must_unwind(task) {
            cancel::request(ctx, &raw mut (*generator).task);
        }
    }
}

/// The rest of [`park_next`] where several workers run. A generator that is not standing still has parked on its driver's stack, and nobody knows of it
/// yet: it is let go last.
pub(super) unsafe fn start_driving(
    ctx: *mut Ctx,
    driver: *mut Task,
    frame: *mut Frame,
    node: *mut WaitNode,
    generator: *mut Generator,
    stands_still: bool,
) {
    // SAFETY: as there. Before the generator is let go nobody completes the driver.
    unsafe {
        let task = &raw mut (*generator).task;
        if stands_still {
            // While nobody waits for it: else it does not stand still any more.
            set_going(generator);
        }
        (*node).target = generator.cast();
        (*task).joiner = node;
        (*generator).driver = driver;
        publish_driver(ctx, frame);
        // Who asks the driver from now on asks the generator, too.
        if flags_of(driver).load(Ordering::SeqCst) & TASK_INTERRUPTED != 0
            && cancel::must_unwind(driver)
            && flags_of(task).load(Ordering::Relaxed) & TASK_CANCELLED == 0
        {
            set_flags(task, TASK_CANCEL_ASKED);
        }
        if stands_still {
            make_ready(ctx, task);
        } else {
            team::commit::commit(ctx, task);
        }
    }
}

/// The generator that a suspended frame waits for (null: it has ended just now), if it is a driver that may be interrupted.
///
/// # Safety
/// `frame` is the leaf of a waiting task and stands at `point`.
#[must_use]
pub unsafe fn driven(frame: *mut Frame, point: &PointDesc) -> Option<*mut Task> {
    if kind_of(point) != PointKind::GenNext {
        return None;
    }
    // SAFETY: while it waits, the node's target is the generator.
    unsafe { Some((*node_of(frame, point, 0)).target.cast::<Task>()) }
}
