//! Type-directed counting and dropping of values.
//!
//! Input: the address of a value and its type. Algorithm: what lies in place is visited by recursion over the *type* (whose nesting is finite);
//! an object whose count reaches zero goes on the worker's list of the dead and is taken apart from there, so the native stack
//! does not grow with the depth of the data.
//!
//! Invariants: an object on the list has count zero and belongs to the list alone. Dropping runs no code of the program.

use orion_abi::{
    ClosureObject, Ctx, FieldDesc, ListObject, StrObject, TypeDesc, VariantDesc,
    desc::{TYPE_NEEDS_DROP, TypeKind},
    object::{BOXED_TAG_BIT, BoxedObject},
};
use orion_fast::{
    blocks::block_free,
    chan::{Chan, place},
    count::{release, retain},
    task::Task,
};

use crate::{
    scope::Scope,
    world::{free_chan, free_scope, worker_of},
};

/// Size of the head of a string or list.
pub const HEAD_BYTES: usize = size_of::<ListObject>();

/// An object with count zero, and its type.
#[derive(Clone, Copy)]
pub struct Dead {
    object: *mut u8,
    ty: *const TypeDesc,
}

/// The kind of a type.
///
/// # Safety
/// `ty` points to a type descriptor, whose `kind` codegen took from `TypeKind`.
#[inline]
#[must_use]
pub unsafe fn kind_of(ty: *const TypeDesc) -> TypeKind {
    // SAFETY: the caller's promise.
    unsafe { std::mem::transmute::<u8, TypeKind>((*ty).kind) }
}

/// Whether values of the type hold counted or owned pointers.
///
/// # Safety
/// `ty` is null or points to a type descriptor.
#[inline]
#[must_use]
pub unsafe fn needs_drop(ty: *const TypeDesc) -> bool {
    // SAFETY: the caller's promise.
    !ty.is_null() && unsafe { (*ty).flags & TYPE_NEEDS_DROP != 0 }
}

/// The fields of a tuple or struct, or of a variant.
///
/// # Safety
/// `fields` points to `count` descriptors, or `count` is 0.
#[must_use]
pub unsafe fn fields<'a>(fields: *const FieldDesc, count: u32) -> &'a [FieldDesc] {
    if count == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(fields, count as usize) }
}

/// The variant that a boxed object or an in-place sum with `tag` is.
///
/// # Safety
/// `ty` is a sum or boxed type and `tag` one of its variants.
#[must_use]
pub unsafe fn variant<'a>(ty: *const TypeDesc, tag: usize) -> &'a VariantDesc {
    // SAFETY: the caller's promise.
    unsafe {
        debug_assert!(tag < (*ty).count as usize, "the tag is one of the type's variants");
        &*(*ty).variants.add(tag)
    }
}

/// Drops the value at `value`.
///
/// # Safety
/// `value` holds a valid value of type `ty`, which is dead afterwards.
pub unsafe fn drop_value(ctx: *mut Ctx, value: *mut u8, ty: *const TypeDesc) {
    // SAFETY: the caller's promise.
    unsafe {
        release_at(ctx, value, ty);
        drain(ctx);
    }
}

/// Drops everything on the list of the dead, unless that is already being done further up.
///
/// # Safety
/// `ctx` heads a worker.
unsafe fn drain(ctx: *mut Ctx) {
    let worker = worker_of(ctx);
    // SAFETY: the list's invariant; no borrow of it lives across `destroy`.
    unsafe {
        if (*worker).dropping || (*worker).dead.is_empty() {
            return;
        }
        (*worker).dropping = true;
        while let Some(dead) = { (*worker).dead.pop() } {
            destroy(ctx, dead);
        }
        (*worker).dropping = false;
    }
}

/// Takes one count from what the value at `value` points to.
unsafe fn release_at(ctx: *mut Ctx, value: *mut u8, ty: *const TypeDesc) {
    // SAFETY: the value is valid, so its pointers are.
    unsafe {
        if !needs_drop(ty) {
            return;
        }
        match kind_of(ty) {
            TypeKind::Tuple | TypeKind::Struct => {
                for field in fields((*ty).fields, (*ty).count) {
                    release_at(ctx, value.add(field.offset as usize), field.ty);
                }
            }
            TypeKind::Sum => {
                let variant = variant(ty, *value.cast::<u32>() as usize);
                for field in fields(variant.fields, variant.count) {
                    release_at(ctx, value.add(field.offset as usize), field.ty);
                }
            }
            TypeKind::Str => {
                let object = *value.cast::<*mut u8>();
                if !object.is_null() && release(object) {
                    let bytes = HEAD_BYTES + (*object.cast::<StrObject>()).cap as usize;
                    block_free(ctx, object, bytes);
                }
            }
            TypeKind::List | TypeKind::Chan => {
                let object = *value.cast::<*mut u8>();
                if !object.is_null() && release(object) {
                    if needs_drop((*ty).elem) {
                        (*worker_of(ctx)).dead.push(Dead { object, ty });
                    } else {
                        // Without parts that could nest there is nothing to put off.
                        destroy(ctx, Dead { object, ty });
                    }
                }
            }
            TypeKind::Scope => {
                let object = *value.cast::<*mut u8>();
                if !object.is_null() && release(object) {
                    free_scope(ctx, object.cast::<Scope>());
                }
            }
            TypeKind::Fn => {
                let object = *value.cast::<*mut u8>();
                if !object.is_null() && release(object) {
                    (*worker_of(ctx)).dead.push(Dead { object, ty });
                }
            }
            TypeKind::BoxedStruct | TypeKind::BoxedSum => {
                let object = *value.cast::<*mut u8>();
                if !object.is_null() && object as usize & BOXED_TAG_BIT == 0 && release(object) {
                    (*worker_of(ctx)).dead.push(Dead { object, ty });
                }
            }
            TypeKind::Task => {
                let task = *value.cast::<*mut Task>();
                if !task.is_null() {
                    crate::sched::join::detach(ctx, task);
                }
            }
            TypeKind::Gen => {
                let object = *value.cast::<*mut u8>();
                if !object.is_null() {
                    (*worker_of(ctx)).dead.push(Dead { object, ty });
                }
            }
            _ => {}
        }
    }
}

/// Takes an object apart: its parts lose a count, its memory goes.
unsafe fn destroy(ctx: *mut Ctx, dead: Dead) {
    let Dead { object, ty } = dead;
    // SAFETY: the object is the list's alone, and valid.
    unsafe {
        match kind_of(ty) {
            TypeKind::List => {
                let list = object.cast::<ListObject>();
                let elem = (*ty).elem;
                let size = (*elem).size as usize;
                if needs_drop(elem) {
                    for index in 0..(*list).len as usize {
                        release_at(ctx, object.add(HEAD_BYTES + index * size), elem);
                    }
                }
                block_free(ctx, object, HEAD_BYTES + (*list).cap as usize * size);
            }
            TypeKind::BoxedStruct | TypeKind::BoxedSum => {
                let variant = variant(ty, (*object.cast::<BoxedObject>()).tag as usize);
                for field in fields(variant.fields, variant.count) {
                    release_at(ctx, object.add(field.offset as usize), field.ty);
                }
                block_free(ctx, object, variant.object_size as usize);
            }
            TypeKind::Fn => {
                let desc = (*object.cast::<ClosureObject>()).desc;
                for field in fields((*desc).captures, (*desc).capture_count) {
                    release_at(ctx, object.add(field.offset as usize), field.ty);
                }
                block_free(ctx, object, (*desc).object_size as usize);
            }
            TypeKind::Chan => {
                let chan = object.cast::<Chan>();
                if needs_drop((*chan).elem) {
                    for index in 0..(*chan).len {
                        release_at(ctx, place(chan, index), (*chan).elem);
                    }
                }
                (*chan).len = 0;
                free_chan(ctx, chan);
            }
            TypeKind::Gen => crate::generator::release(ctx, object.cast()),
            _ => unreachable!("only these kinds are put on the list"),
        }
    }
}

/// Counts what the value at `value` points to once more.
///
/// # Safety
/// `value` holds a valid value of type `ty`, which holds no linear value (task, generator).
pub unsafe fn retain_value(value: *const u8, ty: *const TypeDesc) {
    // SAFETY: the value is valid, so its pointers are.
    unsafe {
        if !needs_drop(ty) {
            return;
        }
        match kind_of(ty) {
            TypeKind::Tuple | TypeKind::Struct => {
                for field in fields((*ty).fields, (*ty).count) {
                    retain_value(value.add(field.offset as usize), field.ty);
                }
            }
            TypeKind::Sum => {
                let variant = variant(ty, *value.cast::<u32>() as usize);
                for field in fields(variant.fields, variant.count) {
                    retain_value(value.add(field.offset as usize), field.ty);
                }
            }
            TypeKind::Str
            | TypeKind::List
            | TypeKind::Fn
            | TypeKind::Chan
            | TypeKind::Scope
            | TypeKind::BoxedStruct
            | TypeKind::BoxedSum => {
                let object = *value.cast::<*mut u8>();
                if !object.is_null() && object as usize & BOXED_TAG_BIT == 0 {
                    retain(object);
                }
            }
            _ => {}
        }
    }
}
