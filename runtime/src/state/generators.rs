//! `@save` and `@load`: one generator, with all that only it can reach, as bytes.
//!
//! The bytes are a state file in small: the same framing, schema and checks, with the generator and those it holds as its only tasks. Saving
//! takes the generator: its frames are dropped without running their `defer`s, which go on in the copy. Loading tries the bytes in a
//! world of its own first, so that wrong ones cannot harm the running one.

use super::capture::{Capture, Header};
use super::encode::Reach;
use super::program::Program;
use super::restore::{RestoreError, restore_generator};
use super::{check_owner, explain, program_of};
use crate::generator::{self, Generator};
use crate::sched::fail;
use crate::world::{Worker, World, free_task, worker_of, world_of};
use orion_abi::outcome::{STATUS_RETURNED, STATUS_UNWINDING};
use orion_abi::{Ctx, ListObject, Site, TypeDesc};
use orion_fast::task::{TASK_ENDED, Task};
use orion_fast::{blocks::block_alloc, memory::orion_frame_free};
use orion_format::image::Image;
use orion_format::world::Progress;

/// `@save(g)`.
///
/// # Safety
/// Called by generated code: the generator is given up, `out` has room for a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_gen_save(
    ctx: *mut Ctx,
    generator: *mut u8,
    site: *const Site,
    out: *mut u8,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        let root = generator.cast::<Task>();
        match save(world_of(ctx), root) {
            Ok((bytes, generators)) => {
                forget(ctx, &generators);
                out.cast::<*mut u8>().write(new_bytes(ctx, &bytes));
                STATUS_RETURNED
            }
            Err(why) => {
                if !root.is_null() {
                    generator::release(ctx, generator.cast());
                }
                fail::panic(ctx, format!("cannot save the generator: {why}"), site);
                STATUS_UNWINDING
            }
        }
    }
}

/// A generator as bytes, and all generators that are in them.
unsafe fn save(world: *mut World, root: *mut Task) -> Result<(Vec<u8>, Vec<*mut Task>), String> {
    // SAFETY: the caller's generator is alive, and so is all that it leads to.
    unsafe {
        if root.is_null() {
            return Err("it is running".to_owned());
        }
        let program = program_of((*world).program)?;
        let header = Header { number: 1, sealed: true, now_ns: 0 };
        let mut capture = Capture::new(&program, header.number);
        let mut reach = Reach::default();
        reach.generators.push((root, String::new()));
        capture.encoder.reach = Some(reach);
        let (mut tasks, mut chans, mut shared) = (0, 0, 0);
        // What is written next, and the variable that led there.
        while let Some(reach) = &mut capture.encoder.reach {
            if let Some((task, variable)) = reach.generators.get(tasks) {
                let task = task.cast_mut();
                if !stands_still(task) {
                    return Err(format!("variable `{variable}` holds a generator that runs"));
                }
                tasks += 1;
                capture.task(world, task)?;
            } else if let Some((chan, _, variable)) = reach.chans.get(chans) {
                let chan = chan.cast_mut();
                reach.variable.clone_from(variable);
                chans += 1;
                capture.channel(chan)?;
            } else if let Some(variable) = reach.shared.get(shared) {
                reach.variable.clone_from(variable);
                capture.shared(shared)?;
                shared += 1;
            } else {
                break;
            }
        }
        let reach = capture.encoder.reach.take().unwrap_or_default();
        for (chan, found, variable) in &reach.chans {
            let waits = !(**chan).receivers.is_empty() || !(**chan).senders.is_empty();
            if (**chan).rc != *found || waits {
                return Err(format!("variable `{variable}` holds a channel that others hold"));
            }
        }
        let generators = reach.generators.iter().map(|(task, _)| task.cast_mut()).collect();
        let bytes = capture.finish(world, &header, Progress::Generator((*root).id))?;
        Ok((bytes, generators))
    }
}

/// Whether nobody drives a generator.
unsafe fn stands_still(task: *mut Task) -> bool {
    // SAFETY: the task heads a generator that is alive.
    unsafe {
        let generator = task.cast::<Generator>();
        (*task).state == TASK_ENDED
            || generator::is_unstarted(generator)
            || generator::is_at_yield(generator)
    }
}

/// Drops generators whose copies go on: their values, and nothing that would be seen.
unsafe fn forget(ctx: *mut Ctx, generators: &[*mut Task]) {
    // SAFETY: nothing refers to them but each other; while everything is torn down, references to generators are not followed.
    unsafe {
        let worker = worker_of(ctx);
        (*worker).tearing_down = true;
        for &task in generators {
            let mut frame = (*task).leaf;
            (*task).leaf = std::ptr::null_mut();
            if (*task).state == TASK_ENDED && !frame.is_null() {
                crate::frames::drop_result(ctx, frame);
                orion_frame_free(ctx, frame);
                continue;
            }
            while !frame.is_null() {
                let parent = (*frame).parent;
                crate::frames::drop_frame(ctx, frame);
                frame = parent;
            }
        }
        (*worker).tearing_down = false;
        for &task in generators {
            free_task(ctx, task);
        }
    }
}

/// A `[u8]`.
unsafe fn new_bytes(ctx: *mut Ctx, bytes: &[u8]) -> *mut u8 {
    let head = size_of::<ListObject>();
    // SAFETY: the block has room for head and bytes.
    unsafe {
        let object = block_alloc(ctx, head + bytes.len());
        let len = bytes.len() as i64;
        object.cast::<ListObject>().write(ListObject { rc: 1, len, cap: len });
        object.add(head).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        object
    }
}

/// `@load[Gen[…]](bytes)`: the generator, or null.
///
/// # Safety
/// Called by generated code: the bytes are borrowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_gen_load(
    ctx: *mut Ctx,
    bytes: *mut u8,
    ty: *const TypeDesc,
) -> *mut u8 {
    // SAFETY: the list holds `len` bytes behind its head.
    unsafe {
        let len = (*bytes.cast::<ListObject>()).len as usize;
        let bytes = std::slice::from_raw_parts(bytes.add(size_of::<ListObject>()), len);
        match load(ctx, bytes, ty) {
            Ok(task) => {
                (*worker_of(ctx)).load_error = None;
                task.cast()
            }
            Err(why) => {
                (*worker_of(ctx)).load_error = Some(why);
                std::ptr::null_mut()
            }
        }
    }
}

unsafe fn load(ctx: *mut Ctx, bytes: &[u8], ty: *const TypeDesc) -> Result<*mut Task, String> {
    // SAFETY: the caller's world is valid; the trial's is its own.
    unsafe {
        let world = world_of(ctx);
        let program = program_of((*world).program)?;
        let image = Image::read(bytes).map_err(|error| format!("the saved generator {error}"))?;
        check_owner(&image, &program).map_err(|why| format!("the saved generator {why}"))?;
        let told = |error: RestoreError| match error {
            RestoreError::Differences(list) => format!("the saved generator: {}", list.join("; ")),
            error => format!("the saved generator {}", explain(error, program.schema.program)),
        };
        try_out(world, &program, &image, ty).map_err(&told)?;
        restore_generator(ctx, &program, &image, ty).map_err(&told)
    }
}

/// Loads into a world that is thrown away.
unsafe fn try_out(
    world: *mut World,
    program: &Program,
    image: &Image<'_>,
    ty: *const TypeDesc,
) -> Result<(), RestoreError> {
    // SAFETY: the trial's worker and world are fresh; after an error only their memory is given back.
    unsafe {
        let worker = Box::into_raw(Worker::new());
        let config = crate::config::Config::default();
        let trial = Box::into_raw(World::new((*world).program, worker, config));
        (*worker).world = trial;
        let result = restore_generator(Worker::ctx(worker), program, image, ty).map(|_| ());
        if result.is_ok() {
            crate::sched::teardown::drop_all(worker);
        }
        drop(Box::from_raw(trial));
        drop(Box::from_raw(worker));
        result
    }
}

/// Whether the last `@load` failed.
///
/// # Safety
/// Called by generated code.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_gen_load_failed(ctx: *mut Ctx) -> u32 {
    // SAFETY: the context heads a worker with a world.
    unsafe { u32::from((*worker_of(ctx)).load_error.is_some()) }
}

/// Why the last `@load` failed.
///
/// # Safety
/// Called by generated code.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_gen_load_message(ctx: *mut Ctx) -> *mut u8 {
    // SAFETY: the context heads a worker with a world.
    unsafe {
        let message = (*worker_of(ctx)).load_error.take().unwrap_or_default();
        crate::heap::text::new(ctx, &message)
    }
}
