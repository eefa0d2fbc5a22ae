//! Suspending: registering a frame for what its point waits for.
//!
//! Input: a frame that stands at a point, its operands in its slots. Algorithm: interpret the point's arms — the very same code serves a first
//! suspension and, through [`init_nodes`], a restored one. Output: the task waits, or (under `ORION_FORCE`, where nothing was tried before)
//! is ready again at once.

use std::ptr::null_mut;

use orion_abi::{
    Ctx, Frame, WaitNode,
    desc::{
        ARM_AFTER, ARM_GEN, ARM_JOIN, ARM_RECV, ARM_SCOPE, ARM_SEND, NO_SLOT, PointDesc, PointKind,
    },
    outcome::{OUTCOME_BLOCK, OUTCOME_DONE, OUTCOME_UNWIND},
};
use orion_fast::{
    chan::Chan,
    sync::is_parallel,
    task::{TASK_IDLING, TASK_WAITING, Task, complete},
    wait::{NODE_HAS_SIBLINGS, arm_kind},
};

use crate::{
    frames::{arms_of, kind_of, point_of, slot_at},
    generator,
    sched::{
        ATTEND_CHECKPOINT, ATTEND_PAUSE, attend, cancel, join, scopes, select, set_flags, team,
        ticker,
    },
    scope::Scope,
    world::{worker_of, world_of},
};

/// Wait node of arm `index`.
///
/// # Safety
/// `frame` stands at `point`, which has that arm.
#[inline]
#[must_use]
pub unsafe fn node_of(frame: *mut Frame, point: &PointDesc, index: usize) -> *mut WaitNode {
    // SAFETY: generated code reserves `arm_count` nodes at `wait_offset`.
    unsafe { slot_at(frame, point.wait_offset).cast::<WaitNode>().add(index) }
}

/// The pointer in an arm's target slot (channel, task, scope), null when the arm takes no part.
///
/// # Safety
/// `frame` stands at the point of the arm.
#[inline]
#[must_use]
pub unsafe fn target_of(frame: *mut Frame, arm: &orion_abi::ArmDesc) -> *mut u8 {
    if arm.target_offset == NO_SLOT {
        return null_mut();
    }
    // SAFETY: the slot holds a pointer.
    unsafe { *slot_at(frame, arm.target_offset).cast::<*mut u8>() }
}

/// Fills the wait nodes of a frame, all unlinked.
///
/// # Safety
/// `frame` stands at a point and is the leaf of a task.
pub unsafe fn init_nodes(frame: *mut Frame) {
    // SAFETY: the nodes lie in the frame.
    unsafe {
        let point = point_of(frame);
        let siblings = if point.arm_count > 1 { NODE_HAS_SIBLINGS } else { 0 };
        for (index, arm) in arms_of(point).iter().enumerate() {
            let value = if arm.value_offset == NO_SLOT {
                null_mut()
            } else {
                slot_at(frame, arm.value_offset)
            };
            node_of(frame, point, index).write(WaitNode {
                next: null_mut(),
                prev: null_mut(),
                frame,
                target: null_mut(),
                value,
                arm: index as u32,
                kind: arm.kind | siblings,
            });
        }
    }
}

/// Registers the frame for what its point waits for and makes it the leaf of the running task.
///
/// # Safety
/// Called by generated code that is about to suspend at the frame's point.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_park(ctx: *mut Ctx, frame: *mut Frame) {
    // SAFETY: the running task is the worker's alone; the frame is complete.
    unsafe {
        let task = (*ctx).task.cast::<Task>();
        if is_parallel(ctx) {
            return team::commit::park(ctx, task, frame);
        }
        (*frame).task = task.cast();
        (*task).leaf = frame;
        (*task).state = TASK_WAITING;
        let point = point_of(frame);
        match kind_of(point) {
            PointKind::Recv | PointKind::Send if (*ctx).force == 0 => {
                // The common case, without the interpreter's generality.
                init_nodes(frame);
                let node = node_of(frame, point, 0);
                let chan = target_of(frame, arms_of(point).get_unchecked(0)).cast::<Chan>();
                if kind_of(point) == PointKind::Recv {
                    (*chan).receivers.push(node, chan.cast());
                } else {
                    (*chan).senders.push(node, chan.cast());
                }
            }
            PointKind::Poll => {
                let worker = worker_of(ctx);
                if (*worker).reifying {
                    // The native stack ran out: go on at once, on an empty one.
                    (*worker).reifying = false;
                    (*frame).outcome = OUTCOME_DONE;
                    (*frame).state = orion_abi::frame::FRAME_COMPLETED;
                    (*task).state = orion_fast::task::TASK_READY;
                    (*worker).head.ready.push_front(task);
                } else {
                    give_way(ctx, task, frame);
                }
            }
            PointKind::Io => {
                init_nodes(frame);
                crate::io::park(ctx, task, frame);
            }
            PointKind::GenYield => generator::park_yield(ctx, task, frame),
            PointKind::GenNext => generator::park_next(ctx, task, frame, point),
            PointKind::GenStop => generator::park_stop(ctx, frame, point),
            PointKind::Yield => give_way(ctx, task, frame),
            PointKind::Pause => {
                if (*world_of(ctx)).store.is_some() {
                    attend(worker_of(ctx), ATTEND_PAUSE);
                }
                complete(ctx, frame, OUTCOME_DONE);
            }
            PointKind::Checkpoint => {
                attend(worker_of(ctx), ATTEND_CHECKPOINT);
                complete(ctx, frame, OUTCOME_DONE);
            }
            PointKind::Idle => {
                if cancel::must_unwind(task) {
                    cancel::record(task);
                    complete(ctx, frame, OUTCOME_UNWIND);
                } else {
                    set_flags(task, TASK_IDLING);
                    (*world_of(ctx)).idlers.push(task);
                }
            }
            _ => park_arms(ctx, task, frame, point),
        }
    }
}

/// A preemption or `@yield()`: the task goes to the end of the queue, to unwind then if it was asked to.
unsafe fn give_way(ctx: *mut Ctx, task: *mut Task, frame: *mut Frame) {
    // SAFETY: as for `orion_park`.
    unsafe {
        if cancel::must_unwind(task) {
            cancel::record(task);
            complete(ctx, frame, OUTCOME_UNWIND);
        } else {
            complete(ctx, frame, OUTCOME_DONE);
        }
    }
}

/// Registers a frame on all its arms, unless it need not wait.
unsafe fn park_arms(ctx: *mut Ctx, task: *mut Task, frame: *mut Frame, point: &PointDesc) {
    // SAFETY: as for `orion_park`.
    unsafe {
        init_nodes(frame);
        // A join with a timeout has no first half; under `ORION_FORCE` nothing was tried either.
        if (*ctx).force != 0 || kind_of(point) == PointKind::JoinTimeout {
            let outcome = try_arms(ctx, frame, point);
            if outcome != OUTCOME_BLOCK {
                complete(ctx, frame, outcome);
                return;
            }
            if kind_of(point) != PointKind::ScopeCancel
                && cancel::must_unwind_at(task, frame, point)
            {
                join::consume_handle(ctx, frame, point);
                cancel::record(task);
                complete(ctx, frame, OUTCOME_UNWIND);
                return;
            }
        }
        for (index, arm) in arms_of(point).iter().enumerate() {
            let node = node_of(frame, point, index);
            let target = target_of(frame, arm);
            match arm.kind {
                ARM_AFTER => {
                    let duration = *(*node).value.cast::<i64>();
                    let world = world_of(ctx);
                    let deadline = (*world).clock.now_ns().saturating_add(duration.max(0));
                    (*world).timers.insert(node, deadline);
                    ticker::ensure(worker_of(ctx));
                }
                _ if target.is_null() => {}
                ARM_SEND => (*target.cast::<Chan>()).senders.push(node, target),
                ARM_RECV => (*target.cast::<Chan>()).receivers.push(node, target),
                ARM_JOIN => {
                    (*node).target = target;
                    (*target.cast::<Task>()).joiner = node;
                }
                ARM_SCOPE => {
                    (*node).target = target;
                    (*target.cast::<Scope>()).waiter = node;
                }
                ARM_GEN => {}
                kind => unreachable!("arm kind {kind}"),
            }
        }
    }
}

/// Does at once what the arms wait for, if that is possible; else `OUTCOME_BLOCK`.
unsafe fn try_arms(ctx: *mut Ctx, frame: *mut Frame, point: &PointDesc) -> u32 {
    // SAFETY: operands are in the frame's slots.
    unsafe {
        match kind_of(point) {
            PointKind::Send | PointKind::Recv | PointKind::Select => {
                select::try_frame(ctx, frame, point)
            }
            PointKind::Sleep => {
                if *(*node_of(frame, point, 0)).value.cast::<i64>() <= 0 {
                    OUTCOME_DONE
                } else {
                    OUTCOME_BLOCK
                }
            }
            PointKind::Join | PointKind::TryJoin | PointKind::JoinTimeout | PointKind::Cancel => {
                join::try_frame(ctx, frame, point)
            }
            PointKind::ScopeExit => {
                scopes::exit_now(ctx, target_of(frame, &arms_of(point)[0]).cast())
            }
            PointKind::ScopeCancel => {
                scopes::cancel_now(ctx, target_of(frame, &arms_of(point)[0]).cast())
            }
            _ => OUTCOME_BLOCK,
        }
    }
}

/// Unlinks the nodes of a waiting frame, but for `won`, which is unlinked already.
///
/// # Safety
/// `frame` is the leaf of a waiting task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_unlink_siblings_slow(
    ctx: *mut Ctx,
    frame: *mut Frame,
    won: *mut WaitNode,
) {
    // SAFETY: a node with a target is linked there.
    unsafe {
        let point = point_of(frame);
        if is_parallel(ctx) {
            return team::unlink_siblings(ctx, frame, point, won);
        }
        for index in 0..point.arm_count as usize {
            let node = node_of(frame, point, index);
            if node == won || (*node).target.is_null() {
                continue;
            }
            let target = (*node).target;
            match arm_kind((*node).kind) {
                ARM_SEND => (*target.cast::<Chan>()).senders.unlink(node),
                ARM_RECV => (*target.cast::<Chan>()).receivers.unlink(node),
                ARM_AFTER => (*world_of(ctx)).timers.remove(node),
                ARM_JOIN => {
                    (*target.cast::<Task>()).joiner = null_mut();
                    (*node).target = null_mut();
                }
                ARM_SCOPE => {
                    (*target.cast::<Scope>()).waiter = null_mut();
                    (*node).target = null_mut();
                }
                ARM_GEN => {
                    (*target.cast::<Task>()).joiner = null_mut();
                    (*node).target = null_mut();
                }
                _ => (*node).target = null_mut(),
            }
        }
    }
}
