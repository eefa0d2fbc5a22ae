//! From the emitted module to its final form: verification, the coroutine split, optimisation, output.
//!
//! Input: the module as emitted. Output: the module with every coroutine split, optimised; object bytes, assembly, LLVM text.
//!
//! Order: verify; `function(sroa)`, which turns every local into a register, also at `-O0`; `coro-early,cgscc(coro-split),coro-cleanup` (and `dce`, for what it leaves dead); the frame
//! check; the runtime's hot paths are linked in as bitcode; `default<On>`; on demand the instrumentation for ThreadSanitizer. The split comes *before* optimisation, so that no optimisation can carry a value across a suspension.
//!
//! Invariants checked, each a compiler error that names the function: LLVM's verifier accepts the module; LLVM keeps nothing in a frame but its
//! own two words, the promise and an index; no `llvm.coro.*` is left.

use inkwell::OptimizationLevel;
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::module::{Linkage, Module};
use inkwell::passes::PassBuilderOptions;
use inkwell::targets::{
    CodeModel, FileType, InitializationConfig, RelocMode, Target, TargetMachine,
    TargetMachineOptions, TargetTriple,
};
use inkwell::values::{BasicValue, FunctionValue, InstructionOpcode, Operand};
use orion_abi::frame::HANDLE_TO_PROMISE_BYTES;

use crate::layout::align_up;
use crate::{Error, OptLevel, Options, sanitize};

/// Name of a coroutine's promise: the one value that may live in its frame.
pub const PROMISE: &str = "promise";

/// A coroutine whose frame is to be checked.
pub struct Expected {
    /// Name of the ramp.
    pub ramp: String,
    /// Name of the function.
    pub function: String,
    /// Bytes of its promise.
    pub promise_bytes: u64,
    /// Its coroutine body runs rarely and not for long: it is not optimised.
    pub is_rare: bool,
}

/// The machine that programs are compiled for: any x86-64 with Linux.
pub fn target_machine(level: OptLevel) -> Result<TargetMachine, Error> {
    Target::initialize_x86(&InitializationConfig::default());
    let triple = TargetTriple::create("x86_64-unknown-linux-gnu");
    let target = Target::from_triple(&triple)
        .map_err(|error| Error::new(format!("LLVM lacks the target: {error}")))?;
    let level = match level {
        OptLevel::O0 => OptimizationLevel::None,
        OptLevel::O1 => OptimizationLevel::Less,
        OptLevel::O2 => OptimizationLevel::Default,
        OptLevel::O3 => OptimizationLevel::Aggressive,
    };
    let options = TargetMachineOptions::new()
        .set_cpu("x86-64")
        .set_level(level)
        .set_reloc_mode(RelocMode::PIC)
        .set_code_model(CodeModel::Default);
    target
        .create_target_machine_from_options(&triple, options)
        .ok_or_else(|| Error::new("LLVM makes no code generator for the target".into()))
}

/// Fails with the first function that LLVM's verifier does not accept.
pub fn verify(module: &Module<'_>, after: &str) -> Result<(), Error> {
    let Err(message) = module.verify() else { return Ok(()) };
    let broken = module.get_functions().find(|f| !f.verify(false));
    let broken = broken.map_or(String::new(), |f| format!(" in `{}`", name_of(f)));
    Err(Error::new(format!("LLVM rejects the module after {after}{broken}: {message}")))
}

fn name_of(function: FunctionValue<'_>) -> String {
    function.get_name().to_string_lossy().into_owned()
}

/// Runs LLVM's passes over the module.
pub fn run(module: &Module<'_>, machine: &TargetMachine, passes: &str) -> Result<(), Error> {
    module
        .run_passes(passes, machine, PassBuilderOptions::create())
        .map_err(|error| Error::new(format!("LLVM's passes `{passes}` failed: {error}")))
}

/// All the way from the verified module to its final form.
pub fn finish(
    module: &Module<'_>,
    machine: &TargetMachine,
    expected: &[Expected],
    options: Options,
) -> Result<(), Error> {
    split(module, machine, expected)?;
    if options.verify {
        verify(module, "the coroutine split")?;
    }
    if options.opt_level != OptLevel::O0 {
        link_fast(module)?;
    }
    optimise(module, machine, options.opt_level)?;
    if options.sanitize {
        sanitize::instrument(module, machine)?;
    }
    if options.verify {
        verify(module, "optimisation")?;
    }
    Ok(())
}

/// Splits all coroutines and checks their frames.
fn split(module: &Module<'_>, machine: &TargetMachine, expected: &[Expected]) -> Result<(), Error> {
    run(module, machine, "function(sroa)")?;
    run(module, machine, "coro-early,cgscc(coro-split),coro-cleanup,function(dce)")?;
    check_frames(module, expected)?;
    for coroutine in expected.iter().filter(|coroutine| coroutine.is_rare) {
        let resume = module.get_function(&format!("{}.resume", coroutine.ramp));
        for (function, name) in resume.iter().flat_map(|f| [(f, "optnone"), (f, "noinline")]) {
            let kind = Attribute::get_named_enum_kind_id(name);
            let attribute = module.get_context().create_enum_attribute(kind, 0);
            function.add_attribute(AttributeLoc::Function, attribute);
        }
    }
    let left = module.get_functions().find(|f| {
        f.get_name().to_bytes().starts_with(b"llvm.coro.")
            && f.as_global_value().get_first_use().is_some()
    });
    match left {
        Some(function) => {
            Err(Error::new(format!("`{}` is left after the split", name_of(function))))
        }
        None => Ok(()),
    }
}

/// The runtime's hot paths, as bitcode.
static FAST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/orion_fast.bc"));

/// Adds the definitions of the runtime's hot paths, so that they can be inlined. They are not emitted: the static library has them, too.
fn link_fast(module: &Module<'_>) -> Result<(), Error> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(format!("LLVM does not take the runtime's bitcode: {error}"))
    };
    let buffer = MemoryBuffer::create_from_memory_range_copy(FAST, "orion_fast");
    let fast = Module::parse_bitcode_from_buffer(&buffer, module.get_context())
        .map_err(|error| failed(&error))?;
    for function in fast.get_functions().filter(|f| f.count_basic_blocks() > 0) {
        function.set_linkage(Linkage::AvailableExternally);
    }
    module.link_in_module(fast).map_err(|error| failed(&error))
}

/// Optimises the split module.
fn optimise(module: &Module<'_>, machine: &TargetMachine, level: OptLevel) -> Result<(), Error> {
    let passes = match level {
        OptLevel::O0 => "default<O0>",
        OptLevel::O1 => "default<O1>",
        OptLevel::O2 => "default<O2>",
        OptLevel::O3 => "default<O3>",
    };
    run(module, machine, passes)
}

/// Machine code or assembly.
pub fn emit(
    module: &Module<'_>,
    machine: &TargetMachine,
    file_type: FileType,
) -> Result<Vec<u8>, Error> {
    let buffer = machine
        .write_to_memory_buffer(module, file_type)
        .map_err(|error| Error::new(format!("LLVM cannot write the code: {error}")))?;
    Ok(buffer.as_slice().to_vec())
}

/// What LLVM asks of the frame allocator must be what was laid out, and no value may have been spilled by LLVM itself.
fn check_frames(module: &Module<'_>, expected: &[Expected]) -> Result<(), Error> {
    for coroutine in expected {
        let ramp = module.get_function(&coroutine.ramp);
        let Some(ramp) = ramp.filter(|ramp| ramp.count_basic_blocks() > 0) else { continue };
        let resume = module.get_function(&format!("{}.resume", coroutine.ramp));
        for function in [Some(ramp), resume].into_iter().flatten() {
            if let Some(spilled) = spilled_value(function) {
                return Err(Error::new(format!(
                    "in `{}`: something else lives across a suspend point: `{spilled}`",
                    coroutine.function
                )));
            }
        }
        // The index takes at most four bytes, the frame's alignment is 8.
        let most = align_up(HANDLE_TO_PROMISE_BYTES as u64 + coroutine.promise_bytes + 4, 8);
        match asked_bytes(ramp) {
            Some(bytes) if bytes <= most => {}
            Some(bytes) => {
                return Err(Error::new(format!(
                    "in `{}`: something else lives across a suspend point: LLVM wants {bytes} bytes, the frame has {most}",
                    coroutine.function
                )));
            }
            None => {
                return Err(Error::new(format!(
                    "in `{}`: the split left no frame size",
                    coroutine.function
                )));
            }
        }
    }
    Ok(())
}

/// Name of a value that LLVM keeps in the frame by itself.
fn spilled_value(function: FunctionValue<'_>) -> Option<String> {
    for block in function.get_basic_block_iter() {
        for instruction in block.get_instructions() {
            let name = instruction.get_name().map(|n| n.to_string_lossy().into_owned());
            let name = name.unwrap_or_default();
            for mark in [".spill.addr", ".reload.addr"] {
                if let Some((value, _)) = name.split_once(mark)
                    && value != PROMISE
                {
                    return Some(value.to_owned());
                }
            }
        }
    }
    None
}

/// The size with which the ramp calls the frame allocator.
fn asked_bytes(ramp: FunctionValue<'_>) -> Option<u64> {
    for block in ramp.get_basic_block_iter() {
        for instruction in block.get_instructions() {
            if instruction.get_opcode() != InstructionOpcode::Call {
                continue;
            }
            let callee = instruction.get_operand(instruction.get_num_operands() - 1);
            let callee = callee.and_then(Operand::value)?;
            if callee.is_pointer_value()
                && callee.into_pointer_value().get_name().to_bytes() == b"orion_frame_alloc"
            {
                let bytes = instruction.get_operand(1).and_then(Operand::value)?;
                return bytes.into_int_value().get_zero_extended_constant();
            }
        }
    }
    None
}
