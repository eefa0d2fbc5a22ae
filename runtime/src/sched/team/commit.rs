//! What a task that has suspended waits for is registered, once its worker has left its stack.
//!
//! Algorithm, for each kind of wait: take the locks of all that is waited for; try once more (it was tried without success before the frame was made, or,
//! for a join with a timeout and under `ORION_FORCE`, not at all); if it is still not possible link the nodes, make the task claimable, and give the
//! locks back. Before that it is seen whether it was interrupted meanwhile: whoever interrupts sets the flag first and looks for a claimable task then, so one of the two
//! sees the other. That is done before the locks are given back: from then on the task may run elsewhere, and is not touched any more.

use orion_abi::{
    Ctx, Frame, PointDesc,
    desc::{ARM_AFTER, ARM_JOIN, ARM_RECV, ARM_SEND, PointKind},
    outcome::{OUTCOME_BLOCK, OUTCOME_DONE, OUTCOME_UNWIND},
};
use orion_fast::{
    atomic::Ordering,
    chan::Chan,
    sync::{claim_of, lock, unlock},
    task::{TASK_INTERRUPTED, TASK_PARKING, TASK_WAITING, Task, complete},
    word,
};

use super::{chans, clock, queue, rest};
use crate::{
    frames::{arms_of, kind_of, point_of},
    generator, io,
    sched::{
        ATTEND_CHECKPOINT, ATTEND_PAUSE, attend, cancel, flags_of, join,
        park::{init_nodes, node_of, target_of},
        scopes, select, set_state,
    },
    scope::Scope,
    world::{worker_of, world_of},
};

/// A task parks: only notes where it stands. Its worker will [`commit`].
///
/// # Safety
/// `frame` is the running task's new leaf.
pub unsafe fn park(ctx: *mut Ctx, task: *mut Task, frame: *mut Frame) {
    // SAFETY: the running task is the worker's alone.
    unsafe {
        (*frame).task = task.cast();
        (*task).leaf = frame;
        if kind_of(point_of(frame)) == PointKind::GenYield && (*task).joiner.is_null() {
            // Its driver goes on right here.
            set_state(task, TASK_WAITING);
            generator::park_yield(ctx, task, frame);
            return;
        }
        set_state(task, TASK_PARKING);
    }
}

/// Registers a task that has parked.
///
/// # Safety
/// The worker has left the task's stack; nobody else knows it yet.
pub unsafe fn commit(ctx: *mut Ctx, task: *mut Task) {
    // SAFETY: the leaf stands at its point, complete.
    unsafe {
        if (*task).state != TASK_PARKING {
            return;
        }
        set_state(task, TASK_WAITING);
        let frame = (*task).leaf;
        let point = point_of(frame);
        match kind_of(point) {
            PointKind::Poll => {
                let worker = worker_of(ctx);
                let reified = (*worker).reifying;
                (*worker).reifying = false;
                go_on(frame, OUTCOME_DONE);
                if reified {
                    queue::ready_first(ctx, task);
                } else {
                    queue::orion_ready_shared(ctx, task);
                }
            }
            PointKind::Yield => complete(ctx, frame, OUTCOME_DONE),
            PointKind::Pause => {
                if (*world_of(ctx)).store.is_some() {
                    hold_back(ctx, task, frame, ATTEND_PAUSE);
                } else {
                    complete(ctx, frame, OUTCOME_DONE);
                }
            }
            PointKind::Checkpoint => hold_back(ctx, task, frame, ATTEND_CHECKPOINT),
            PointKind::Idle => {
                if !interrupted_before(ctx, task, frame, point)
                    && rest::add_idler(ctx, task, publish)
                {
                    cancel::deliver(ctx, task);
                }
            }
            PointKind::Io => {
                init_nodes(frame);
                io::shared::commit(ctx, task, frame);
            }
            PointKind::GenYield => generator::park_yield(ctx, task, frame),
            PointKind::GenNext => generator::park_next(ctx, task, frame, point),
            PointKind::GenStop => generator::park_stop(ctx, frame, point),
            PointKind::Send | PointKind::Recv | PointKind::Select => {
                commit_channels(ctx, task, frame, point);
            }
            PointKind::Join | PointKind::TryJoin | PointKind::JoinTimeout | PointKind::Cancel => {
                commit_join(ctx, task, frame, point);
            }
            PointKind::ScopeExit | PointKind::ScopeCancel => {
                commit_scope(ctx, task, frame, point);
            }
            PointKind::Sleep => commit_sleep(ctx, task, frame, point),
            PointKind::Start | PointKind::Call => unreachable!("nothing parks there"),
        }
    }
}

/// The wait is over before it has begun.
unsafe fn go_on(frame: *mut Frame, outcome: u32) {
    // SAFETY: the frame is the caller's.
    unsafe {
        (*frame).outcome = outcome;
        (*frame).state = orion_abi::frame::FRAME_COMPLETED;
    }
}

/// The task goes on when the world has been saved.
unsafe fn hold_back(ctx: *mut Ctx, task: *mut Task, frame: *mut Frame, what: u32) {
    // SAFETY: as for `commit`.
    unsafe {
        go_on(frame, OUTCOME_DONE);
        set_state(task, orion_fast::task::TASK_READY);
        let worker = worker_of(ctx);
        (*worker).team.held.push(task);
        super::shared_of((*worker).world).attention.fetch_or(what, Ordering::Relaxed);
        attend(worker, what);
    }
}

/// A task that was interrupted before it waits unwinds at once; whether it does.
unsafe fn interrupted_before(
    ctx: *mut Ctx,
    task: *mut Task,
    frame: *mut Frame,
    point: &PointDesc,
) -> bool {
    // SAFETY: nobody else touches the task yet.
    unsafe {
        if !cancel::must_unwind_at(task, frame, point) {
            return false;
        }
        join::consume_handle(ctx, frame, point);
        cancel::record(task);
        complete(ctx, frame, OUTCOME_UNWIND);
        true
    }
}

/// Makes a registered task claimable. When it was interrupted meanwhile, and nobody has claimed it, it is the caller's: true. The locks of all that it
/// waits for are held, so that it stays alive meanwhile.
unsafe fn publish(ctx: *mut Ctx, task: *mut Task) -> bool {
    // SAFETY: nobody can complete the task before the locks are given back.
    unsafe {
        word::publish(claim_of(task), flags_of(task), TASK_INTERRUPTED)
            && cancel::grab(ctx, task, &mut Vec::new())
    }
}

/// Most channels of a `select` that are sorted in place.
const CHANS_IN_PLACE: usize = 8;

/// A wait for channels, perhaps with a time.
unsafe fn commit_channels(ctx: *mut Ctx, task: *mut Task, frame: *mut Frame, point: &PointDesc) {
    // SAFETY: operands are in the frame's slots; channels are alive, since slots count them.
    unsafe {
        init_nodes(frame);
        let arms = arms_of(point);
        let (mut few, mut many) = ([std::ptr::null_mut(); CHANS_IN_PLACE], Vec::new());
        let room: &mut [*mut Chan] = if arms.len() <= CHANS_IN_PLACE {
            &mut few
        } else {
            many.resize(arms.len(), std::ptr::null_mut());
            &mut many
        };
        let mut count = 0;
        let mut after = None;
        for (index, arm) in arms.iter().enumerate() {
            let target = target_of(frame, arm).cast::<Chan>();
            if arm.kind == ARM_AFTER {
                after = Some(index);
            } else if !target.is_null() {
                room[count] = target;
                count += 1;
            }
        }
        (*worker_of(ctx)).team.costs.wait();
        let locked = chans::lock_all(ctx, &mut room[..count]);
        let (outcome, woken) = select::try_frame_locked(ctx, frame, point);
        if outcome != OUTCOME_BLOCK {
            chans::unlock_all(locked);
            chans::finish(ctx, woken, 0);
            complete(ctx, frame, outcome);
            return;
        }
        if cancel::must_unwind_at(task, frame, point) {
            chans::unlock_all(locked);
            cancel::record(task);
            complete(ctx, frame, OUTCOME_UNWIND);
            return;
        }
        for (index, arm) in arms.iter().enumerate() {
            let node = node_of(frame, point, index);
            let target = target_of(frame, arm);
            match arm.kind {
                _ if target.is_null() => {}
                ARM_SEND => (*target.cast::<Chan>()).senders.push(node, target),
                ARM_RECV => (*target.cast::<Chan>()).receivers.push(node, target),
                _ => {}
            }
        }
        let world = world_of(ctx);
        let interrupted = if let Some(index) = after {
            let node = node_of(frame, point, index);
            let deadline = deadline_of(ctx, *(*node).value.cast::<i64>());
            lock(&raw mut (*world).timers_lock);
            clock::insert_locked(world, node, deadline);
            let interrupted = publish(ctx, task);
            unlock(&raw mut (*world).timers_lock);
            interrupted
        } else {
            publish(ctx, task)
        };
        chans::unlock_all(locked);
        if interrupted {
            cancel::deliver(ctx, task);
        }
    }
}

/// The moment so many nanoseconds from now.
unsafe fn deadline_of(ctx: *mut Ctx, duration: i64) -> i64 {
    // SAFETY: the clock of several workers is not virtual.
    unsafe { (*world_of(ctx)).clock.peek_ns().saturating_add(duration.max(0)) }
}

unsafe fn commit_sleep(ctx: *mut Ctx, task: *mut Task, frame: *mut Frame, point: &PointDesc) {
    // SAFETY: as above.
    unsafe {
        init_nodes(frame);
        let node = node_of(frame, point, 0);
        let duration = *(*node).value.cast::<i64>();
        if duration <= 0 {
            complete(ctx, frame, OUTCOME_DONE);
            return;
        }
        if interrupted_before(ctx, task, frame, point) {
            return;
        }
        let world = world_of(ctx);
        let deadline = deadline_of(ctx, duration);
        lock(&raw mut (*world).timers_lock);
        clock::insert_locked(world, node, deadline);
        let interrupted = publish(ctx, task);
        unlock(&raw mut (*world).timers_lock);
        if interrupted {
            cancel::deliver(ctx, task);
        }
    }
}

/// A wait for the end of a task, perhaps with a time.
unsafe fn commit_join(ctx: *mut Ctx, task: *mut Task, frame: *mut Frame, point: &PointDesc) {
    // SAFETY: the handle in the frame keeps the joined task alive.
    unsafe {
        init_nodes(frame);
        let arms = arms_of(point);
        let joined = target_of(frame, &arms[0]).cast::<Task>();
        if kind_of(point) == PointKind::Cancel {
            cancel::request(ctx, joined);
        }
        if join::lock_end(ctx, joined) {
            let outcome = join::deliver(ctx, joined, frame, node_of(frame, point, 0));
            complete(ctx, frame, outcome);
            return;
        }
        if cancel::must_unwind_at(task, frame, point) {
            join::unlock_end(ctx, joined);
            let unwinds = interrupted_before(ctx, task, frame, point);
            debug_assert!(unwinds, "only the task itself takes an interruption back");
            return;
        }
        let world = world_of(ctx);
        lock(&raw mut (*world).timers_lock);
        for (index, arm) in arms.iter().enumerate() {
            let node = node_of(frame, point, index);
            if arm.kind == ARM_JOIN {
                (*node).target = joined.cast();
                (*joined).joiner = node;
            } else {
                let deadline = deadline_of(ctx, *(*node).value.cast::<i64>());
                clock::insert_locked(world, node, deadline);
            }
        }
        let interrupted = publish(ctx, task);
        unlock(&raw mut (*world).timers_lock);
        join::unlock_end(ctx, joined);
        if interrupted {
            cancel::deliver(ctx, task);
        }
    }
}

/// A wait for the tasks of a scope.
unsafe fn commit_scope(ctx: *mut Ctx, task: *mut Task, frame: *mut Frame, point: &PointDesc) {
    // SAFETY: the frame counts the scope.
    unsafe {
        init_nodes(frame);
        let scope = target_of(frame, &arms_of(point)[0]).cast::<Scope>();
        let is_exit = kind_of(point) == PointKind::ScopeExit;
        lock(&raw mut (*scope).lock);
        if (*scope).live == 0 {
            let failure = scopes::close(scope);
            unlock(&raw mut (*scope).lock);
            let outcome = if is_exit {
                scopes::finish_exit(task, failure)
            } else {
                scopes::finish_cancel(ctx, task, failure)
            };
            complete(ctx, frame, outcome);
            return;
        }
        if is_exit && cancel::must_unwind_at(task, frame, point) {
            unlock(&raw mut (*scope).lock);
            cancel::record(task);
            complete(ctx, frame, OUTCOME_UNWIND);
            return;
        }
        let node = node_of(frame, point, 0);
        (*node).target = scope.cast();
        (*scope).waiter = node;
        let interrupted = publish(ctx, task);
        unlock(&raw mut (*scope).lock);
        if interrupted {
            cancel::deliver(ctx, task);
        }
    }
}
