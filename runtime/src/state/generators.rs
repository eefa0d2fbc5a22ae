//! `@save` and `@load`: one generator, with all that only it can reach, as bytes.

use orion_abi::{Ctx, Site, TypeDesc, outcome::STATUS_UNWINDING};

use crate::{generator, sched::fail, world::world_of};

/// `@save(g)`.
///
/// # Safety
/// Called by generated code: the generator is given up, `out` has room for a list.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_gen_save(
    ctx: *mut Ctx,
    generator: *mut u8,
    site: *const Site,
    _out: *mut u8,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        generator::release(ctx, generator.cast());
        fail::panic(ctx, String::from("`@save`: not supported yet"), site);
        STATUS_UNWINDING
    }
}

/// `@load[Gen[…]](bytes)`: the generator, or null.
///
/// # Safety
/// Called by generated code: the bytes are borrowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_gen_load(
    ctx: *mut Ctx,
    _bytes: *mut u8,
    _ty: *const TypeDesc,
) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { (*world_of(ctx)).load_error = Some(String::from("`@load`: not supported yet")) };
    std::ptr::null_mut()
}

/// Whether the last `@load` failed.
///
/// # Safety
/// Called by generated code.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_gen_load_failed(ctx: *mut Ctx) -> u32 {
    // SAFETY: the context heads a worker with a world.
    unsafe { u32::from((*world_of(ctx)).load_error.is_some()) }
}

/// Why the last `@load` failed.
///
/// # Safety
/// Called by generated code.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_gen_load_message(ctx: *mut Ctx) -> *mut u8 {
    // SAFETY: the context heads a worker with a world.
    unsafe {
        let message = (*world_of(ctx)).load_error.take().unwrap_or_default();
        crate::heap::text::new(ctx, &message)
    }
}
