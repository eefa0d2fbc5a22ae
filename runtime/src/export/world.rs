//! What a program asks of the world: output, time, arguments, environment, randomness, its own task.

use orion_abi::{Ctx, ListObject, TypeDesc, desc::TypeKind};
use orion_fast::sync::{is_parallel, lock_if, unlock_if};

use crate::{
    heap::{drop::HEAD_BYTES, list, text},
    output::Stream,
    panic::Cause,
    sched::team,
    start,
    world::{extra_if, extra_of, world_of},
};

/// `str`, as the element type of the lists made here.
static STR_TYPE: TypeDesc = TypeDesc {
    kind: TypeKind::Str as u8,
    flags: orion_abi::desc::TYPE_NEEDS_DROP,
    pad: 0,
    size: 8,
    align: 8,
    count: 0,
    name: orion_abi::StaticStr::new("str"),
    elem: std::ptr::null(),
    fields: std::ptr::null(),
    variants: std::ptr::null(),
};

/// Writes to standard output.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_print(ctx: *mut Ctx, s: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { (*world_of(ctx)).output.write(Stream::Out, text::as_str(s).as_bytes()) }
}

/// Writes to standard error.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_eprint(ctx: *mut Ctx, s: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { (*world_of(ctx)).output.write(Stream::Err, text::as_str(s).as_bytes()) }
}

/// `@now()`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_now(ctx: *mut Ctx) -> i64 {
    // SAFETY: the caller's promise.
    unsafe {
        let clock = &raw mut (*world_of(ctx)).clock;
        if is_parallel(ctx) { (*clock).peek_ns() } else { (*clock).now_ns() }
    }
}

/// `@args()`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_args(ctx: *mut Ctx) -> *mut u8 {
    // SAFETY: the list has room for all arguments.
    unsafe {
        let args = &(*world_of(ctx)).args;
        if args.is_empty() {
            return text::empty();
        }
        let object = list::with_capacity(ctx, args.len(), &raw const STR_TYPE);
        for (index, argument) in args.iter().enumerate() {
            let element = object.add(HEAD_BYTES).cast::<*mut u8>().add(index);
            element.write(text::new(ctx, argument));
        }
        (*object.cast::<ListObject>()).len = args.len() as i64;
        object
    }
}

/// Whether an environment variable is set (to UTF-8).
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_env_has(_ctx: *mut Ctx, name: *mut u8) -> i32 {
    // SAFETY: the caller's promise.
    i32::from(variable(unsafe { text::as_str(name) }).is_some())
}

/// The value of an environment variable, or `""`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_env_get(ctx: *mut Ctx, name: *mut u8) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { text::new(ctx, &variable(text::as_str(name)).unwrap_or_default()) }
}

/// An environment variable; names that the system cannot have are not set.
fn variable(name: &str) -> Option<String> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return None;
    }
    std::env::var(name).ok()
}

/// `@exit(status)`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_exit(ctx: *mut Ctx, status: i32) {
    // SAFETY: the caller's promise.
    unsafe {
        let world = world_of(ctx);
        if is_parallel(ctx) {
            team::rest::keep_locked(world);
        }
        start::exit_now(start::end_program(world, status))
    }
}

/// 64 random bits.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_random(ctx: *mut Ctx) -> u64 {
    // SAFETY: the caller's promise.
    unsafe {
        let world = world_of(ctx);
        lock_if(ctx, &raw mut (*world).rare_lock);
        let bits = (*world).program_rng.next_u64();
        unlock_if(ctx, &raw mut (*world).rare_lock);
        bits
    }
}

/// The seed of the hash of map keys.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_hash_seed(ctx: *mut Ctx) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { (*world_of(ctx)).hash_seed }
}

/// `@task_name()`: `main` for the main task, `task N` for one without a name.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_task_name(ctx: *mut Ctx) -> *mut u8 {
    // SAFETY: the running task is alive.
    unsafe {
        let task = crate::generator::running_task(ctx);
        if let Some(name) = extra_if(task).and_then(|extra| extra.name.clone()) {
            return text::new(ctx, &name);
        }
        if (*task).scope.is_null() {
            return text::new(ctx, "main");
        }
        text::new(ctx, &format!("task {}", (*task).id))
    }
}

/// `@task_id()`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_task_id(ctx: *mut Ctx) -> i64 {
    // SAFETY: the running task is alive.
    unsafe { (*crate::generator::running_task(ctx)).id as i64 }
}

/// After a `@try_join` that failed: whether the task was cancelled.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_join_cancelled(ctx: *mut Ctx) -> i32 {
    // SAFETY: the running task is alive.
    unsafe {
        let error = &mut extra_of((*ctx).task.cast()).join_error;
        let cancelled = error.as_ref().is_some_and(|panic| panic.cause != Cause::Panic);
        if cancelled {
            *error = None;
        }
        i32::from(cancelled)
    }
}

/// The message of the panic of the task that could not be joined.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_join_message(ctx: *mut Ctx) -> *mut u8 {
    // SAFETY: the running task is alive.
    unsafe {
        let error = extra_of((*ctx).task.cast()).join_error.take();
        text::new(ctx, &error.map(|panic| panic.message).unwrap_or_default())
    }
}
