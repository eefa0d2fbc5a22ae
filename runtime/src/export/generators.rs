//! Generators, as generated code sees them.

use orion_abi::{Ctx, Frame, Site, TypeDesc};
use orion_fast::blocks::block_alloc;

use crate::{frames::result_at, generator::Generator, sched::drive, world::world_of};

/// `gen { … }`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_gen_new(
    ctx: *mut Ctx,
    frame: *mut Frame,
    ty: *const TypeDesc,
    site: *const Site,
) -> *mut u8 {
    // SAFETY: the block has room for a generator.
    unsafe {
        let world = world_of(ctx);
        let id = (*world).next_generator_id;
        (*world).next_generator_id += 1;
        let generator = block_alloc(ctx, size_of::<Generator>()).cast::<Generator>();
        generator.write(Generator::new(id, frame, ty, site));
        drive::link(ctx, generator);
        generator.cast()
    }
}

/// `g.next()` and `g.send(v)`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_gen_next(
    ctx: *mut Ctx,
    generator: *mut u8,
    sent: *mut u8,
    destination: *mut u8,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { drive::next(ctx, generator.cast(), sent, destination) }
}

/// `g.stop()`, and the first half of dropping it.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_gen_stop(ctx: *mut Ctx, generator: *mut u8) -> u32 {
    if generator.is_null() {
        return orion_abi::outcome::OUTCOME_DONE;
    }
    // SAFETY: the caller's promise.
    unsafe { drive::stop(ctx, generator.cast()) }
}

/// `@yield(v)`, first half.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_gen_yield(ctx: *mut Ctx, value: *mut u8) {
    // SAFETY: the caller's promise.
    unsafe { drive::yield_value(ctx, value) }
}

/// Where a generator stands.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_gen_state(_ctx: *mut Ctx, generator: *mut u8) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { (*generator.cast::<Generator>()).state }
}

/// The result of a generator that has returned.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_gen_result(_ctx: *mut Ctx, generator: *mut u8) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { result_at((*generator.cast::<Generator>()).root) }
}
