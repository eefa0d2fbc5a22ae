//! Dropping a whole world: every value, frame, task, channel, scope and timer. What `ORION_FORCE=restore` does between saving and rebuilding, and
//! tests at their end.
//!
//! Algorithm: first all queues are cut, so that nothing refers to a frame; then buffers are emptied (which breaks cycles through channels), then
//! frames are dropped by their maps, then tasks. Counts do the rest; what is left then has leaked.

use std::ptr::null_mut;

use orion_fast::{
    chan::{Chan, place},
    memory::orion_frame_free,
    task::{TASK_ENDED, TaskQueue},
    wait::WaitQueue,
};

use crate::{
    frames::{drop_frame, drop_result},
    heap::drop::drop_value,
    sched::scopes::release,
    scope::Scope,
    world::{Worker, World, free_task},
};

/// Drops everything that tasks and channels hold, and them.
///
/// # Safety
/// Every task is suspended; nothing outside the world refers into it.
pub unsafe fn drop_all(worker: *mut Worker) {
    // SAFETY: after the queues are cut, frames are referred to by their tasks only.
    unsafe {
        let world = (*worker).world;
        let ctx = Worker::ctx(worker);
        let tasks = World::tasks(world);
        let mut chan = (*world).first_chan;
        while !chan.is_null() {
            (*chan).receivers = WaitQueue::new();
            (*chan).senders = WaitQueue::new();
            chan = (*chan).all_next;
        }
        let mut scope = (*world).first_scope;
        while !scope.is_null() {
            (*scope).waiter = null_mut();
            scope = (*scope).all_next;
        }
        (*world).timers.clear();
        (*world).io.detach();
        (*world).idlers = TaskQueue::new();
        (*worker).head.ready = TaskQueue::new();
        (*worker).head.spawned = null_mut();
        (*worker).head.boundary = null_mut();
        (*worker).tearing_down = true;
        empty_buffers(world);
        for &task in &tasks {
            let mut frame = (*task).leaf;
            (*task).leaf = null_mut();
            if (*task).state == TASK_ENDED {
                if !frame.is_null() {
                    drop_result(ctx, frame);
                    orion_frame_free(ctx, frame);
                }
                continue;
            }
            while !frame.is_null() {
                let parent = (*frame).parent;
                drop_frame(ctx, frame);
                frame = parent;
            }
        }
        for &task in &tasks {
            let scope = (*task).scope.cast::<Scope>();
            if !scope.is_null() {
                (*scope).unlink(task);
                release(ctx, scope);
            }
            free_task(ctx, task);
        }
        (*world).main = null_mut();
        (*world).orphans.store(0, std::sync::atomic::Ordering::Relaxed);
        (*worker).tearing_down = false;
    }
}

/// Drops the values in all channels' buffers. A value may hold the last count of another channel, so the walk starts again after each drop.
unsafe fn empty_buffers(world: *mut World) {
    // SAFETY: linked channels are alive; the one at hand is kept alive by a count of our own.
    unsafe {
        let ctx = Worker::ctx((*world).worker);
        let mut chans: Vec<*mut Chan> = Vec::new();
        let mut chan = (*world).first_chan;
        while !chan.is_null() {
            (*chan).rc += 1;
            chans.push(chan);
            chan = (*chan).all_next;
        }
        for &chan in &chans {
            while (*chan).len > 0 {
                let value = place(chan, 0);
                (*chan).len -= 1;
                (*chan).head += 1;
                if (*chan).head == (*chan).cap {
                    (*chan).head = 0;
                }
                drop_value(ctx, value, (*chan).elem);
            }
        }
        for &chan in &chans {
            if orion_fast::count::release(chan.cast()) {
                crate::world::free_chan(ctx, chan);
            }
        }
    }
}
