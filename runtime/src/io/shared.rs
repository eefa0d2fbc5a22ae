//! Input and output where several workers run: everything under one lock, and waits outside of it.
//!
//! A worker that waits in the kernel does so for the event descriptor and for the ring or epoll descriptor together, and makes a round when one of them is
//! readable; so it holds no lock meanwhile. Calls are handed to io_uring outside the lock too (the kernel does much of its work then, such as sending), by one
//! worker at a time, who comes back for what the others have collected meanwhile. Frames are completed outside the lock: who completes one claims its task, which only an interruption
//! may hold back for a moment, to have the job stopped.

use std::{os::fd::RawFd, sync::atomic::Ordering, time::Instant};

use orion_abi::{Ctx, Frame, desc::IoRequest};
use orion_fast::{
    sync::{claim, claim_of, forced, lock, unlock},
    task::{TASK_INTERRUPTED, Task},
    word,
};

use super::{
    BUSY_ROUND, Io, KERNEL_STATUS, finish,
    job::Stop,
    kernel::{Kernel, Submission},
    request,
    request::{Outcome, READ, READ_LINE, STDIN},
    request_of,
};
use crate::{
    frames::point_of,
    sched::{cancel, flags_of, park::node_of, signals, team::shared_of},
    world::{World, world_of},
};

/// Does something with all of it under the lock.
unsafe fn with<R>(world: *mut World, action: impl FnOnce(&mut Io) -> R) -> R {
    // SAFETY: several workers run; it is touched under the lock only.
    unsafe {
        lock(&raw mut (*world).io_lock);
        let io = &mut (*world).io;
        let result = action(io);
        shared_of(world).io_jobs.store(io.job_count(), Ordering::Relaxed);
        unlock(&raw mut (*world).io_lock);
        result
    }
}

/// What needs no waiting, if the operation is such.
///
/// # Safety
/// Several workers run; the request's bytes are valid.
pub unsafe fn instant(ctx: *mut Ctx, request: &IoRequest) -> Option<Outcome> {
    // SAFETY: the caller's promise.
    unsafe {
        let text = request::bytes_of(request);
        with(world_of(ctx), |io| io.instant(request.code, request.a, request.b, text))
    }
}

/// Registers a frame that has parked at an `Io` point; its nodes are filled.
///
/// # Safety
/// Its worker has left its stack, and nobody else knows it yet.
pub unsafe fn commit(ctx: *mut Ctx, task: *mut Task, frame: *mut Frame) {
    // SAFETY: until its job is begun nobody can complete the frame.
    unsafe {
        let world = world_of(ctx);
        let request = request_of(frame);
        if forced(ctx) != 0
            && let Some(outcome) = instant(ctx, &request)
        {
            return finish(ctx, frame, outcome);
        }
        if cancel::must_unwind(task) {
            cancel::record(task);
            return orion_fast::task::complete(ctx, frame, orion_abi::outcome::OUTCOME_UNWIND);
        }
        if request.a == STDIN && matches!(request.code, READ | READ_LINE) {
            // Whoever waits for an answer wants to see the question.
            (*world).output.release();
        }
        let (is_earlier, ended) = with(world, |io| {
            let before = io.deadlines.first().copied();
            io.open_kernel();
            (*node_of(frame, point_of(frame), 0)).target = frame.cast();
            let index = io.add(frame);
            let asked = word::publish(claim_of(task), flags_of(task), TASK_INTERRUPTED);
            io.start(index);
            if asked {
                io.stop(index, Stop::Cancelled);
            }
            let is_earlier = match (before, io.deadlines.first()) {
                (Some(before), Some(&now)) => now < before,
                (None, now) => now.is_some(),
                (Some(_), None) => false,
            };
            (is_earlier, begin_all(io))
        });
        if is_earlier && shared_of(world).waits_until.load(Ordering::SeqCst) != i64::MIN {
            // Who waits in the kernel does not know of that deadline.
            signals::wake();
        }
        complete_all(ctx, ended);
    }
}

/// Begins jobs that have got their lane, and gives the frames whose operations are over.
///
/// # Safety
/// Frames with jobs wait until they are completed; those that are given are the caller's to complete.
unsafe fn begin_all(io: &mut Io) -> Vec<(*mut Frame, Outcome)> {
    // SAFETY: the caller's promise.
    unsafe { io.begin_all() };
    std::mem::take(&mut io.ended)
}

/// Makes the tasks ready whose operations are over.
unsafe fn complete_all(ctx: *mut Ctx, ended: Vec<(*mut Frame, Outcome)>) {
    for (frame, outcome) in ended {
        // SAFETY: the frame waits, and only the caller completes it.
        unsafe {
            let claimed = claim((*frame).task.cast());
            debug_assert!(claimed, "only this completes a frame with a job");
            finish(ctx, frame, outcome);
        }
    }
}

/// Begins jobs that have got their lane, and makes the tasks ready whose operations are over.
///
/// # Safety
/// `ctx` is the caller's own, who holds neither this lock nor a task.
pub unsafe fn settle(ctx: *mut Ctx) {
    // SAFETY: frames with jobs wait until they are completed.
    unsafe {
        let world = world_of(ctx);
        complete_all(ctx, with(world, |io| begin_all(io)));
    }
}

/// The job of a task that is held is asked to stop. The caller settles when it holds the task no more.
///
/// # Safety
/// `frame` is the leaf of a task that is held, and stands at an `Io` point.
pub unsafe fn interrupt(ctx: *mut Ctx, frame: *mut Frame) {
    // SAFETY: the caller's promise.
    unsafe {
        let task = (*(*frame).task.cast::<Task>()).id;
        with(world_of(ctx), |io| {
            if let Some(&index) = io.by_task.get(&task) {
                io.stop(index, Stop::Cancelled);
            }
        });
    }
}

/// Hands what was collected to the kernel, takes what has come, and makes tasks ready; waits for nothing.
///
/// # Safety
/// As for [`settle`].
pub unsafe fn round(ctx: *mut Ctx) {
    // SAFETY: as for `settle`.
    unsafe {
        let world = world_of(ctx);
        if shared_of(world).io_jobs.load(Ordering::Relaxed) == 0 {
            return;
        }
        // What results let begin goes to the kernel now: whoever rests after this makes no round.
        loop {
            let (ended, order) = with(world, |io| {
                io.expire();
                (begin_all(io), io.kernel.as_mut().and_then(Kernel::prepare))
            });
            complete_all(ctx, ended);
            let entered = order.map(Submission::enter);
            let (ended, is_more) = with(world, |io| {
                take(io, entered);
                (begin_all(io), io.kernel.as_ref().is_some_and(Kernel::is_wanted))
            });
            complete_all(ctx, ended);
            if !is_more {
                return;
            }
        }
    }
}

/// Takes what has come; `entered`: how the submission went that is over, if there was one.
///
/// # Safety
/// Frames with jobs wait until they are completed.
unsafe fn take(io: &mut Io, entered: Option<std::io::Result<()>>) {
    let Some(kernel) = &mut io.kernel else { return };
    let mut results = std::mem::take(&mut io.results);
    if let Err(error) = kernel.take(entered, &mut results) {
        crate::output::emergency(format!("error: {} fails: {error}\n", kernel.name()));
        crate::start::exit_now(KERNEL_STATUS);
    }
    for (token, result) in results.drain(..) {
        // SAFETY: the caller's promise.
        unsafe { io.completed(token, result) };
    }
    io.results = results;
    io.expire();
    io.last_round = Instant::now();
}

/// A look at the kernel while tasks are ready, if the last one was a while ago.
///
/// # Safety
/// As for [`settle`].
pub unsafe fn busy_round(ctx: *mut Ctx) {
    // SAFETY: as for `settle`.
    unsafe {
        let world = world_of(ctx);
        if shared_of(world).io_jobs.load(Ordering::Relaxed) > 0
            && with(world, |io| io.last_round.elapsed() >= BUSY_ROUND)
        {
            round(ctx);
        }
    }
}

/// What whoever waits in the kernel waits for beside the event: a descriptor, if there is one, and a time in nanoseconds.
///
/// # Safety
/// Several workers run.
pub unsafe fn what_to_wait_for(world: *mut World) -> (Option<RawFd>, Option<i64>) {
    // SAFETY: the caller's promise.
    unsafe {
        with(world, |io| {
            let fd = io.kernel.as_ref().map(Kernel::fd);
            let until =
                io.deadlines.first().map(|(at, _)| at.saturating_duration_since(Instant::now()));
            let patience = io.kernel.as_ref().and_then(Kernel::patience);
            let until = until.into_iter().chain(patience).min();
            (fd, until.map(|left| i64::try_from(left.as_nanos()).unwrap_or(i64::MAX)))
        })
    }
}
