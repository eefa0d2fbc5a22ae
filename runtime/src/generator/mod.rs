//! Generators: tasks that run for whoever drives them.
//!
//! Map: this file holds the object; `drive` runs a generator for its driver, on its stack or by the scheduler; `end` ends one, by itself, when it is stopped, or
//! when it is dropped.
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

mod drive;
mod end;

pub use drive::{Ran, driven, park_next, park_yield, run, running_task};
pub use end::{
    abandon, begin_stop, end_unstarted, first_open, hand_over_end, park_stop, release, root_ended,
};

use std::ptr::null_mut;

use orion_abi::{
    Ctx, Site, TypeDesc,
    desc::{PointKind, TypeKind},
    frame::FRAME_WAITING,
};
use orion_fast::{
    blocks::{block_alloc, block_free},
    sync::{lock_if, unlock_if},
    task::{TASK_ENDED, TASK_GENERATOR, TASK_WAITING, Task},
};

use crate::{
    frames::{kind_of, point_of},
    heap::drop::{fields, kind_of as type_kind, variant},
    world::{World, worker_of, world_of},
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
            task: Task::new(id, null_mut(), TASK_GENERATOR, site),
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
