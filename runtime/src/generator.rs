//! Generators: tasks that run for whoever drives them.
//!
//! A generator is a [`Task`] with frames, panic and flags of its own, but in no scope; its id is of the tasks' kind, and it is saved as one. `next`
//! runs its frames on the driver's native stack, by a trampoline like the scheduler's, until one yields, the root ends, or one has to wait. In the
//! last case the driver parks at its `GenNext` point as the generator's `joiner`; the generator is then run by the scheduler like any task, and
//! wakes its driver when it yields or ends. Stopping is the same with an unwinding outcome at the yield.
//!
//! Invariants: a generator that stands still (not started, or at a `GenYield`) is `TASK_WAITING`, without joiner or driver. A driven one has a
//! `driver`; it is `RUNNING` on the driver's stack, or has a joiner. One that has ended keeps its result in its root frame until it is dropped.
//! Cancellation of the driver goes to the generator first, and reaches the driver when that has unwound.
//!
//! A generator that is dropped by its type while `defer`s of it are pending (see the compiler's `generator`) becomes an orphan: a task that nobody
//! holds. The program does not end before its orphans have.

use std::{ptr::null_mut, sync::atomic::Ordering};

use orion_abi::{
    Ctx, Frame, PointDesc, Site, TypeDesc, WaitNode,
    desc::{PointKind, TypeKind},
    frame::{FRAME_COMPLETED, FRAME_ENDED, FRAME_RUNNING, FRAME_WAITING},
    object::{BOXED_TAG_BIT, BoxedObject, ListObject},
    outcome::{OUTCOME_CLOSED, OUTCOME_DONE, OUTCOME_UNWIND, STATUS_RETURNED},
};
use orion_fast::{
    blocks::{block_alloc, block_free, orion_frame_free},
    sync::{CLAIM_OPEN, claim, claim_of, is_parallel, lock_if, unlock_if},
    task::{
        TASK_CANCEL_ASKED, TASK_CANCELLED, TASK_ENDED, TASK_GENERATOR, TASK_INTERRUPTED,
        TASK_ORPHAN, TASK_READY, TASK_RUNNING, TASK_STOPPING, TASK_WAITING, Task, complete,
    },
};

use crate::{
    frames::{arms_of, drop_frame, drop_result, kind_of, point_of, slot_at},
    heap::drop::{HEAD_BYTES, fields, kind_of as type_kind, variant},
    panic::{Cause, Panic},
    sched::{
        cancel, clear_flags, flags_of,
        park::{init_nodes, node_of, target_of},
        set_flags, team,
    },
    world::{World, extra_if, extra_of, free_task, no_site, worker_of, world_of},
};

/// A generator. The task comes first: a `Gen` value points to either.
#[repr(C)]
pub struct Generator {
    /// Its frames and its state.
    pub task: Task,
    /// Its type; null only for one that came from a state file without frames.
    pub ty: *const TypeDesc,
    /// Where a yielded value goes while it runs on its driver's stack; else null.
    pub destination: *mut u8,
    /// The task that drives it, or null.
    pub driver: *mut Task,
    /// Neighbours among all generators, in order of creation.
    pub all_prev: *mut Generator,
    /// As above.
    pub all_next: *mut Generator,
}

/// How a run on the driver's stack went.
pub enum Ran {
    /// It stands at a yield; the value is where it belongs.
    Yielded,
    /// Its root has ended.
    Ended,
    /// It waits, or is ready to go on: the driver must park.
    Blocked,
}

/// A new generator with the id, without frames.
///
/// # Safety
/// `ctx` heads a worker with a world.
pub unsafe fn new(
    ctx: *mut Ctx,
    id: u64,
    ty: *const TypeDesc,
    site: *const Site,
) -> *mut Generator {
    // SAFETY: the block has room for a generator.
    unsafe {
        let generator = block_alloc(ctx, size_of::<Generator>()).cast::<Generator>();
        generator.write(Generator {
            task: Task {
                next: null_mut(),
                leaf: null_mut(),
                state: TASK_WAITING,
                flags: TASK_GENERATOR,
                end: orion_fast::task::END_OPEN,
                claim: orion_fast::sync::CLAIM_NONE,
                failed_scopes: 0,
                joiner: null_mut(),
                scope: null_mut(),
                scope_prev: null_mut(),
                scope_next: null_mut(),
                site,
                id,
                extra: null_mut(),
            },
            ty,
            destination: null_mut(),
            driver: null_mut(),
            all_prev: null_mut(),
            all_next: null_mut(),
        });
        let world = world_of(ctx);
        lock_if(ctx, &raw mut (*world).lists_lock);
        link(world, generator);
        unlock_if(ctx, &raw mut (*world).lists_lock);
        generator
    }
}

unsafe fn link(world: *mut World, generator: *mut Generator) {
    // SAFETY: linked generators are alive.
    unsafe {
        (*generator).all_prev = (*world).last_generator;
        if (*world).last_generator.is_null() {
            (*world).first_generator = generator;
        } else {
            (*(*world).last_generator).all_next = generator;
        }
        (*world).last_generator = generator;
    }
}

/// Frees a generator without frames.
///
/// # Safety
/// Nobody refers to it any more.
pub unsafe fn free(ctx: *mut Ctx, generator: *mut Generator) {
    // SAFETY: linked generators are alive.
    unsafe {
        let world = world_of(ctx);
        lock_if(ctx, &raw mut (*world).lists_lock);
        unlink(world, generator);
        unlock_if(ctx, &raw mut (*world).lists_lock);
        block_free(ctx, generator.cast(), size_of::<Generator>());
    }
}

/// Takes a generator out of the world's list.
///
/// # Safety
/// It is linked.
pub unsafe fn unlink(world: *mut World, generator: *mut Generator) {
    // SAFETY: linked generators are alive.
    unsafe {
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

/// Type argument `index`: 0 what it yields, 1 what it is sent, 2 what it returns.
///
/// # Safety
/// The generator is alive.
#[must_use]
pub unsafe fn argument(generator: *mut Generator, index: usize) -> *const TypeDesc {
    // SAFETY: the type, where there is one, is a `Gen` with its three fields.
    unsafe {
        let ty = (*generator).ty;
        if ty.is_null() {
            return std::ptr::null();
        }
        fields((*ty).fields, (*ty).count)[index].ty
    }
}

/// Whether it has returned, panicked or was stopped.
///
/// # Safety
/// The generator is alive.
#[must_use]
pub unsafe fn has_ended(generator: *mut Generator) -> bool {
    // SAFETY: the generator is alive.
    unsafe { (*generator).task.state == TASK_ENDED }
}

/// Whether it has not started.
///
/// # Safety
/// The generator is alive.
#[must_use]
pub unsafe fn is_unstarted(generator: *mut Generator) -> bool {
    // SAFETY: a suspended task's leaf is valid.
    unsafe {
        let leaf = (*generator).task.leaf;
        (*generator).task.state == TASK_WAITING
            && (*leaf).at == 0
            && (*leaf).parent.is_null()
            && (*leaf).state == FRAME_WAITING
    }
}

/// Whether it stands at a yield.
///
/// # Safety
/// The generator is alive.
#[must_use]
pub unsafe fn is_at_yield(generator: *mut Generator) -> bool {
    // SAFETY: as above.
    unsafe {
        (*generator).task.state == TASK_WAITING
            && (*generator).task.joiner.is_null()
            && kind_of(point_of((*generator).task.leaf)) == PointKind::GenYield
    }
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
unsafe fn complete_first(ctx: *mut Ctx, frame: *mut Frame, outcome: u32) {
    // SAFETY: the frame is the leaf of a waiting task, its nodes are unlinked.
    unsafe {
        (*frame).outcome = outcome;
        (*frame).state = FRAME_COMPLETED;
        make_ready(ctx, (*frame).task.cast());
    }
}

/// Where several workers run: takes the driver that waits for a generator, which may be looked at because it is asked to cancel.
unsafe fn claim_driver(ctx: *mut Ctx, frame: *mut Frame) {
    // SAFETY: the driver waits for the running generator, and nobody else completes it.
    unsafe {
        if is_parallel(ctx) {
            let claimed = claim((*frame).task.cast());
            debug_assert!(claimed, "only its generator completes a driver");
        }
    }
}

/// Where several workers run: a driver waits from now on.
unsafe fn publish_driver(ctx: *mut Ctx, frame: *mut Frame) {
    // SAFETY: the driver is the caller's.
    unsafe {
        if is_parallel(ctx) {
            claim_of((*frame).task.cast()).store(CLAIM_OPEN, Ordering::SeqCst);
        }
    }
}

unsafe fn make_ready(ctx: *mut Ctx, task: *mut Task) {
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
unsafe fn set_going(generator: *mut Generator) {
    // SAFETY: its leaf is suspended.
    unsafe {
        let leaf = (*generator).task.leaf;
        if is_at_yield(generator) && (*leaf).state == FRAME_WAITING {
            (*leaf).outcome = OUTCOME_DONE;
            (*leaf).state = FRAME_COMPLETED;
        }
    }
}

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

/// Its root has ended.
unsafe fn over(ctx: *mut Ctx, generator: *mut Generator, root: *mut Frame) {
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

/// Whether the native stack has no room for another generator.
///
/// # Safety
/// `ctx` heads a worker.
#[must_use]
pub unsafe fn stack_is_low(ctx: *mut Ctx) -> bool {
    let here = 0u8;
    // SAFETY: the context heads a worker.
    unsafe { (&raw const here as usize) < (*worker_of(ctx)).stack_limit }
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
unsafe fn start_driving(
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
            set_going(generator);
            make_ready(ctx, task);
        } else {
            team::commit::commit(ctx, task);
        }
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

/// Whether values of a type hold tasks or generators.
///
/// # Safety
/// `ty` is a type of the program.
#[must_use]
pub unsafe fn is_linear(ty: *const TypeDesc) -> bool {
    let (mut seen, mut work) = (Vec::new(), vec![ty]);
    // SAFETY: descriptors are constants of the image.
    unsafe {
        while let Some(ty) = work.pop() {
            if !crate::heap::drop::needs_drop(ty) || seen.contains(&ty) {
                continue;
            }
            seen.push(ty);
            match type_kind(ty) {
                TypeKind::Task | TypeKind::Gen => return true,
                TypeKind::List => work.push((*ty).elem),
                TypeKind::Tuple | TypeKind::Struct => {
                    work.extend(fields((*ty).fields, (*ty).count).iter().map(|f| f.ty));
                }
                TypeKind::Sum | TypeKind::BoxedStruct | TypeKind::BoxedSum => {
                    let count =
                        if type_kind(ty) == TypeKind::BoxedStruct { 1 } else { (*ty).count };
                    for tag in 0..count as usize {
                        let variant = variant(ty, tag);
                        work.extend(fields(variant.fields, variant.count).iter().map(|f| f.ty));
                    }
                }
                _ => {}
            }
        }
        false
    }
}
