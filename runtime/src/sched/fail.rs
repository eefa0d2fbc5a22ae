//! Panics: recording them in the running task, and the lines of the logical stack.

use std::fmt::Write;

use orion_abi::{
    Ctx, Site,
    symbols::{
        FAIL_ASSERT, FAIL_CAST, FAIL_DIVIDE_BY_ZERO, FAIL_INDEX, FAIL_LENGTH, FAIL_OVERFLOW,
        FAIL_RECV_CLOSED, FAIL_REMAINDER_BY_ZERO, FAIL_SEND_CLOSED, FAIL_SHIFT,
    },
};
use orion_fast::task::Task;

use crate::{
    heap::text,
    panic::{Cause, Panic, TraceLine},
    world::{extra_if, extra_of},
};

/// Records a panic in the running task; one that is pending is replaced (the last panic of a task's `defer`s wins).
///
/// # Safety
/// A task is running.
pub unsafe fn panic(ctx: *mut Ctx, message: String, site: *const Site) {
    // SAFETY: the running task is alive.
    unsafe {
        let task = (*ctx).task.cast::<Task>();
        extra_of(task).panic = Some(Panic::new(Cause::Panic, message, site));
    }
}

/// The message of a failed check.
#[must_use]
pub fn message(code: u32, a: i64, b: i64) -> String {
    let mut text = String::new();
    match code {
        FAIL_OVERFLOW => {
            let operator = ["+", "-", "*", "/", "%", "negation"].get(a as usize).unwrap_or(&"?");
            if *operator == "negation" {
                text.push_str("integer overflow in negation");
            } else {
                let _ = write!(text, "integer overflow in `{operator}`");
            }
        }
        FAIL_DIVIDE_BY_ZERO => text.push_str("division by zero"),
        FAIL_REMAINDER_BY_ZERO => text.push_str("remainder by zero"),
        FAIL_SHIFT => {
            let _ = write!(text, "shift by {a} is out of range for {b} bits");
        }
        FAIL_INDEX => {
            let _ = write!(text, "index {a} is out of range for length {b}");
        }
        FAIL_CAST => text.push_str("value does not fit the type it is converted to"),
        FAIL_RECV_CLOSED => text.push_str("receive on a closed channel"),
        FAIL_SEND_CLOSED => text.push_str("send on a closed channel"),
        FAIL_LENGTH => {
            let _ = write!(text, "negative length {a}");
        }
        FAIL_ASSERT => text.push_str("assertion failed"),
        _ => text.push_str("internal error: unreachable code was reached"),
    }
    text
}

/// A failed check panics.
///
/// # Safety
/// Called by generated code of the running task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_fail(ctx: *mut Ctx, code: u32, a: i64, b: i64, site: *const Site) {
    // SAFETY: the caller's promise.
    unsafe { panic(ctx, message(code, a, b), site) }
}

/// `@panic(message)`.
///
/// # Safety
/// As for [`orion_fail`]; the message is owned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_panic(ctx: *mut Ctx, message: *mut u8, site: *const Site) {
    // SAFETY: the caller's promise.
    unsafe {
        panic(ctx, text::as_str(message).to_owned(), site);
        text::drop_str(ctx, message);
    }
}

/// One line of the logical stack.
///
/// # Safety
/// As for [`orion_fail`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_trace(ctx: *mut Ctx, site: *const Site) {
    // SAFETY: the caller's promise.
    unsafe {
        let task = (*ctx).task.cast::<Task>();
        if let Some(panic) = extra_if(task).and_then(|extra| extra.panic.as_mut()) {
            panic.push(TraceLine::Call(site));
        }
    }
}
