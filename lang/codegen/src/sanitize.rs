//! Instrumentation for ThreadSanitizer: what the compiler's developers look for data races with in whole programs.
//!
//! Input: a module in its final form, after the coroutine split and all optimisation. Output: the same with every access to memory told to the sanitizer's
//! runtime. Coroutines need no care then: what is left of them are ordinary functions, and frames are memory like any other.
//!
//! One thing is said more strongly than in the emitted code: loads of reference counts are *acquire* here. Elsewhere they are unordered, since x86-64 orders loads
//! by itself; the sanitizer knows the rules of the language-level memory model only.

use inkwell::AtomicOrdering;
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::module::Module;
use inkwell::targets::TargetMachine;
use inkwell::values::InstructionOpcode;

use crate::{Error, passes};

/// The sanitizer's passes; the first makes the module tell its runtime that it is there.
const PASSES: &str = "tsan-module,function(tsan)";

/// Instruments every function that is defined in the module.
pub fn instrument(module: &Module<'_>, machine: &TargetMachine) -> Result<(), Error> {
    let kind = Attribute::get_named_enum_kind_id("sanitize_thread");
    let attribute = module.get_context().create_enum_attribute(kind, 0);
    for function in module.get_functions().filter(|f| f.count_basic_blocks() > 0) {
        function.add_attribute(AttributeLoc::Function, attribute);
        for block in function.get_basic_block_iter() {
            for instruction in block.get_instructions() {
                let is_load = instruction.get_opcode() == InstructionOpcode::Load;
                if is_load && instruction.get_atomic_ordering() == Ok(AtomicOrdering::Unordered) {
                    let set = instruction.set_atomic_ordering(AtomicOrdering::Acquire);
                    set.map_err(|error| Error::new(format!("a load of a count: {error}")))?;
                }
            }
        }
    }
    passes::run(module, machine, PASSES)
}
