//! Dropping and counting values by type.

use orion_abi::{Ctx, TypeDesc, object::BoxedObject};
use orion_fast::{blocks::block_alloc, count::is_unshared};

use crate::heap::drop::{drop_value, fields, retain_value, variant};

/// Drops the value at `value`.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_drop(ctx: *mut Ctx, value: *mut u8, ty: *const TypeDesc) {
    // SAFETY: the caller's promise.
    unsafe { drop_value(ctx, value, ty) }
}

/// Counts the value at `value` once more.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_retain(_ctx: *mut Ctx, value: *mut u8, ty: *const TypeDesc) {
    // SAFETY: the caller's promise.
    unsafe { retain_value(value, ty) }
}

/// The object itself when it is unshared, else a copy.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_boxed_unique(
    ctx: *mut Ctx,
    object: *mut u8,
    ty: *const TypeDesc,
) -> *mut u8 {
    // SAFETY: the caller's promise; the fields of the copy are counted for it.
    unsafe {
        let head = object.cast::<BoxedObject>();
        if is_unshared(object) {
            return object;
        }
        let variant = variant(ty, (*head).tag as usize);
        let bytes = variant.object_size as usize;
        let copy = block_alloc(ctx, bytes);
        std::ptr::copy_nonoverlapping(object, copy, bytes);
        (*copy.cast::<BoxedObject>()).rc = 1;
        for field in fields(variant.fields, variant.count) {
            retain_value(copy.add(field.offset as usize), field.ty);
        }
        let mut old = object;
        drop_value(ctx, (&raw mut old).cast(), ty);
        copy
    }
}
