//! Whole files: read, written anew, written behind the end. What goes wrong is kept for `orion_file_error`, which the library asks at once;
//! no suspend point lies between, so the message is not part of the state.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
};

use orion_abi::{Ctx, ListObject, TypeDesc, desc::TypeKind};

use crate::{
    heap::{list, text},
    world::world_of,
};

/// `u8`, as the element type of the lists made here.
static BYTE_TYPE: TypeDesc = TypeDesc {
    kind: TypeKind::U8 as u8,
    flags: 0,
    pad: 0,
    size: 1,
    align: 1,
    count: 0,
    name: orion_abi::StaticStr::new("u8"),
    elem: std::ptr::null(),
    fields: std::ptr::null(),
    variants: std::ptr::null(),
};

/// What a person reads of an error of the system: without its number.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// The bytes of a file, none when it cannot be read.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_file_read(ctx: *mut Ctx, path: *mut u8) -> *mut u8 {
    // SAFETY: the caller's promise; the new list has room for all bytes.
    unsafe {
        let read = fs::read(text::as_str(path));
        (*world_of(ctx)).file_error = read.as_ref().err().map(words).unwrap_or_default();
        let bytes = read.unwrap_or_default();
        let object = list::with_capacity(ctx, bytes.len(), &raw const BYTE_TYPE);
        if !bytes.is_empty() {
            let first = list::element(object, 0, &raw const BYTE_TYPE);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), first, bytes.len());
            (*object.cast::<ListObject>()).len = bytes.len() as i64;
        }
        object
    }
}

/// Writes a file anew, or behind its end.
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_file_write(
    ctx: *mut Ctx,
    path: *mut u8,
    bytes: *mut u8,
    append: i32,
) {
    // SAFETY: the caller's promise; a list's elements are initialised up to its length.
    unsafe {
        let len = (*bytes.cast::<ListObject>()).len as usize;
        let first = list::element(bytes, 0, &raw const BYTE_TYPE);
        let content = std::slice::from_raw_parts(first, len);
        let mut options = OpenOptions::new();
        if append == 0 {
            options.write(true).create(true).truncate(true);
        } else {
            options.append(true).create(true);
        }
        let written = options.open(text::as_str(path)).and_then(|mut file| file.write_all(content));
        (*world_of(ctx)).file_error = written.as_ref().err().map(words).unwrap_or_default();
    }
}

/// What went wrong with the last file operation, or "".
///
/// # Safety
/// See the table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_file_error(ctx: *mut Ctx) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { text::new(ctx, &std::mem::take(&mut (*world_of(ctx)).file_error)) }
}
