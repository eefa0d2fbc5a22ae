//! MIR to LLVM IR and objects.
//!
//! Input: a program in the final form of `orion_mir`'s pipeline. Output: an object file that exports `orion_program` and refers to the runtime's symbols,
//! its assembly, or its LLVM IR; or an error that names the function, which is always a bug of the compiler.
//!
//! Each function that may suspend gets two bodies from one MIR (`body`, `enter`): the *direct body*, an ordinary function that returns a status, and
//! the *coroutine body*, an LLVM coroutine in which a task lives once it has suspended. `suspend` emits the suspend points, `value`, `rvalue` and
//! `intrinsic` the rest, `glue` helpers per type, `desc` and `points` the descriptors for the runtime, `passes` the split and the optimisation, `units` the parts of a large program, `sanitize` the instrumentation for ThreadSanitizer.
//!
//! Architecture invariant: this crate knows LLVM and the ABI, and no rule of the language. It touches no file. Equal programs give equal bytes.

mod body;
mod coro;
mod cx;
mod desc;
mod enter;
mod frame;
mod generator;
mod glue;
mod intrinsic;
mod ir;
mod layout;
mod passes;
mod points;
mod rvalue;
mod sanitize;
mod storage;
mod suspend;
mod units;
mod value;

use inkwell::context::Context;
use inkwell::targets::{FileType, TargetMachine};
use orion_mir::loops;
use orion_mir::{BlockData, Body, BodyId, BodyKind, Program, SuspendOp, TerminatorKind};

use crate::body::Emitter;
use crate::cx::Cx;
use crate::passes::Expected;
use crate::units::Plan;

/// How much to optimise.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub enum OptLevel {
    O0,
    O1,
    #[default]
    O2,
    O3,
}

/// What to make.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Output {
    /// An object file.
    #[default]
    Object,
    /// Assembly text.
    Assembly,
    /// LLVM IR text of the optimised module.
    LlvmIr,
    /// LLVM IR text as emitted, before any pass.
    RawLlvmIr,
}

/// What to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Optimisation.
    pub opt_level: OptLevel,
    /// What to make.
    pub output: Output,
    /// Run LLVM's verifier between the stages, too (after emission it always runs).
    pub verify: bool,
    /// Instrument the code for ThreadSanitizer, whose runtime it is to be linked with then.
    pub sanitize: bool,
}

/// Why there is no output: the MIR is not what it should be, or LLVM refused. A bug of the compiler.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    message: String,
}

impl Error {
    fn new(message: String) -> Self {
        Self { message }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Compiles the program: the bytes of one object file, or text.
///
/// # Errors
/// See [`Error`].
pub fn compile(program: &Program, options: Options) -> Result<Vec<u8>, Error> {
    let machine = passes::target_machine(options.opt_level)?;
    let context = Context::create();
    let cx = emit(&context, program, &machine)?;
    let module = &cx.module;
    if options.output != Output::RawLlvmIr {
        passes::verify(module, "emission")?;
        passes::finish(module, &machine, &expected_frames(&cx), options)?;
    }
    match options.output {
        Output::Object => passes::emit(module, &machine, FileType::Object),
        Output::Assembly => passes::emit(module, &machine, FileType::Assembly),
        Output::LlvmIr | Output::RawLlvmIr => Ok(module.print_to_string().to_string().into_bytes()),
    }
}

/// Compiles the program to object files that belong together: one of a small program, several of a large one, made side by side. `units` is their number, 0 leaves it to
/// the program's size; the output of `options` does not matter.
///
/// # Errors
/// See [`Error`].
pub fn compile_objects(
    program: &Program,
    options: Options,
    units: usize,
) -> Result<Vec<Vec<u8>>, Error> {
    let machine = passes::target_machine(options.opt_level)?;
    let context = Context::create();
    let cx = emit(&context, program, &machine)?;
    let expected = expected_frames(&cx);
    passes::verify(&cx.module, "emission")?;
    if let Some(plan) = Plan::new(&cx, units) {
        return units::objects(&cx.module, &plan, &expected, options);
    }
    passes::finish(&cx.module, &machine, &expected, options)?;
    Ok(vec![passes::emit(&cx.module, &machine, FileType::Object)?])
}

/// MIR to LLVM IR.
fn emit<'c, 'p>(
    context: &'c Context,
    program: &'p Program,
    machine: &TargetMachine,
) -> Result<Cx<'c, 'p>, Error> {
    let module = context.create_module(&program.name);
    module.set_triple(&machine.get_triple());
    module.set_data_layout(&machine.get_target_data().get_data_layout());
    let mut cx = Cx::new(module, program);
    for index in 0..program.bodies.len() {
        let id = BodyId(index as u32);
        if !matches!(program.body(id).kind, BodyKind::Extern { .. }) {
            Emitter::direct(&mut cx, id)?;
            Emitter::coroutine(&mut cx, id)?;
        }
    }
    cx.emit_program();
    Ok(cx)
}

fn expected_frames(cx: &Cx<'_, '_>) -> Vec<Expected> {
    let infos = cx.program.bodies.iter().zip(&cx.fns);
    infos
        .filter_map(|(body, info)| {
            let coroutine = info.coroutine.as_ref()?;
            Some(Expected {
                ramp: coroutine.ramp.get_name().to_string_lossy().into_owned(),
                function: body.name.clone(),
                promise_bytes: coroutine.frame.size,
                is_rare: info.direct.is_some() && is_rare(body),
            })
        })
        .collect()
}

/// Whether a body gets into a frame only when a time slice or the native stack ends, or when what it calls waits, and then runs through once: there is no loop in it, and nothing
/// that waits by itself.
fn is_rare(body: &Body) -> bool {
    let waits = |block: &BlockData| matches!(&block.terminator.kind, TerminatorKind::Suspend { op, .. } if !matches!(op, SuspendOp::Poll { .. }));
    !body.blocks.iter().any(waits) && !loops::is_in_loop(body).contains(&true)
}
