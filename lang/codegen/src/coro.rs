//! The LLVM coroutine intrinsics, some of which inkwell cannot say (it has no `token` type).
//!
//! Input: a builder inside a function that is to become a coroutine. Output: the calls that LLVM's coroutine passes look for.
//!
//! Invariants (LLVM 22): the promise is the first thing behind the handle's two words; `begin` comes before any use of the promise, nothing but `ret`
//! after `end`; there is no `coro.alloc`, no `coro.free` and no final suspend: frames stay where the runtime finds them, and it alone frees them.

use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::builder::Builder;
use inkwell::intrinsics::Intrinsic;
use inkwell::llvm_sys::core::{LLVMBuildCall2, LLVMConstNull, LLVMTokenTypeInContext};
use inkwell::llvm_sys::prelude::LLVMValueRef;
use inkwell::module::Module;
use inkwell::types::AsTypeRef;
use inkwell::values::{AsValueRef, FunctionValue, IntValue, PointerValue};

use crate::ir::{Ir, Value};

/// The token of `llvm.coro.id`.
#[derive(Clone, Copy)]
pub struct CoroId(LLVMValueRef);

/// Marks a function as a coroutine that is still whole.
pub fn mark(module: &Module<'_>, function: FunctionValue<'_>) {
    let kind = Attribute::get_named_enum_kind_id("presplitcoroutine");
    let attribute = module.get_context().create_enum_attribute(kind, 0);
    function.add_attribute(AttributeLoc::Function, attribute);
}

fn declaration<'c>(module: &Module<'c>, name: &str) -> FunctionValue<'c> {
    Intrinsic::find(name)
        .and_then(|intrinsic| intrinsic.get_declaration(module, &[]))
        .expect("LLVM 22 has the coroutine intrinsics")
}

fn call(
    builder: &Builder<'_>,
    function: FunctionValue<'_>,
    args: &mut [LLVMValueRef],
) -> LLVMValueRef {
    // SAFETY: a live builder with a position, a function of the module, and as many arguments of the right types as it takes.
    unsafe {
        LLVMBuildCall2(
            builder.as_mut_ptr(),
            function.get_type().as_type_ref(),
            function.as_value_ref(),
            args.as_mut_ptr(),
            args.len() as u32,
            c"".as_ptr(),
        )
    }
}

fn no_token(module: &Module<'_>) -> LLVMValueRef {
    // SAFETY: the context lives as long as its module; the null value of the token type is `token none`.
    unsafe { LLVMConstNull(LLVMTokenTypeInContext(module.get_context().raw())) }
}

/// `llvm.coro.id` with the promise and its alignment.
pub fn id<'c>(ir: &Ir<'c>, module: &Module<'c>, promise: PointerValue<'c>, align: u32) -> CoroId {
    let null = ir.t.ptr.const_null().as_value_ref();
    let align = ir.int32(align).as_value_ref();
    let id = declaration(module, "llvm.coro.id");
    CoroId(call(&ir.b, id, &mut [align, promise.as_value_ref(), null, null]))
}

/// `llvm.coro.size`: bytes of the frame, known after the split.
pub fn size<'c>(ir: &Ir<'c>, module: &Module<'c>) -> Value<'c> {
    ir.intrinsic(module, "llvm.coro.size", &[ir.t.i64.into()], &[]).expect("it gives a value")
}

/// `llvm.coro.begin`: the handle.
pub fn begin<'c>(
    ir: &Ir<'c>,
    module: &Module<'c>,
    id: CoroId,
    memory: PointerValue<'c>,
) -> PointerValue<'c> {
    let begin = declaration(module, "llvm.coro.begin");
    let handle = call(&ir.b, begin, &mut [id.0, memory.as_value_ref()]);
    // SAFETY: the intrinsic's result is a pointer of this context.
    unsafe { PointerValue::new(handle) }
}

/// `llvm.coro.suspend`, not final: -1 suspended, 0 resumed, 1 to be destroyed.
pub fn suspend<'c>(ir: &Ir<'c>, module: &Module<'c>) -> IntValue<'c> {
    let suspend = declaration(module, "llvm.coro.suspend");
    let not_final = ir.t.context.bool_type().const_zero().as_value_ref();
    let result = call(&ir.b, suspend, &mut [no_token(module), not_final]);
    // SAFETY: the intrinsic's result is an i8 of this context.
    unsafe { IntValue::new(result) }
}

/// `llvm.coro.end`.
pub fn end<'c>(ir: &Ir<'c>, module: &Module<'c>, handle: PointerValue<'c>) {
    let end = declaration(module, "llvm.coro.end");
    let no_unwind = ir.t.context.bool_type().const_zero().as_value_ref();
    call(&ir.b, end, &mut [handle.as_value_ref(), no_unwind, no_token(module)]);
}

/// `llvm.coro.resume`.
pub fn resume<'c>(ir: &Ir<'c>, module: &Module<'c>, handle: PointerValue<'c>) {
    ir.intrinsic(module, "llvm.coro.resume", &[], &[handle.into()]);
}
