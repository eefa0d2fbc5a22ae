//! Large programs in several LLVM modules, so that the cores share the work.
//!
//! Input: the module of the whole program, as emitted. Output: objects that are linked together. Small programs stay one module, in which LLVM sees everything.
//!
//! Each function of the program belongs to one *unit*: runs of functions that follow one another in the program, of about equal size. The module is written as bitcode once; each unit
//! reads it into a context of its own, drops the bodies of the other units, and goes the way of `passes` alone. What two units refer to becomes a hidden symbol; the rest stays internal. Constants are
//! emitted by the first unit and known to all. Helpers made per type (`glue`) are internal copies wherever they are used. Bodies of other units that are small stay visible, to be inlined.
//!
//! Invariant: the number of units and what is in each is a function of the program alone, never of the machine.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use inkwell::GlobalVisibility;
use inkwell::context::Context;
use inkwell::memory_buffer::MemoryBuffer;
use inkwell::module::{Linkage, Module};
use inkwell::targets::{FileType, TargetMachine};
use inkwell::values::{FunctionValue, InstructionOpcode, InstructionValue, Operand};

use crate::body::step_count;
use crate::cx::Cx;
use crate::passes::Expected;
use crate::{Error, OptLevel, Options, passes};

/// MIR statements of a unit, about: at `-O2` some two seconds of LLVM's time.
const UNIT_STEPS: usize = 3_000;

/// More units than this are no gain on today's machines, and each reads the whole bitcode.
const UNITS_MAX: usize = 32;

/// LLVM instructions up to which a body is left visible in other units, to be inlined there.
const VISIBLE_INSTRUCTIONS_MAX: usize = 40;

/// Stack of a thread that compiles: as much as a main thread has.
const STACK_BYTES: usize = 8 << 20;

/// A function of the program in the module.
#[derive(Default)]
struct Owned {
    /// Its unit.
    unit: usize,
    /// Other units refer to it.
    is_shared: bool,
    /// A direct body that others may inline.
    is_small: bool,
}

/// Which function belongs where.
pub struct Plan {
    units: usize,
    /// By name.
    owned: BTreeMap<Vec<u8>, Owned>,
}

impl Plan {
    /// The units of a program, `None` where one is enough. `forced` is the number of units, for tests; 0 leaves it to the size.
    pub fn new(cx: &Cx<'_, '_>, forced: usize) -> Option<Self> {
        let steps: Vec<usize> = cx.program.bodies.iter().map(step_count).collect();
        let total: usize = steps.iter().sum();
        let units = if forced == 0 { (total / UNIT_STEPS).min(UNITS_MAX) } else { forced };
        if units <= 1 {
            return None;
        }
        let mut plan = Self { units, owned: BTreeMap::new() };
        let mut before = 0;
        for (info, steps) in cx.fns.iter().zip(steps) {
            let unit = (before * units / total.max(1)).min(units - 1);
            before += steps;
            let coroutine = info.coroutine.as_ref();
            let parts = [info.direct, coroutine.map(|c| c.ramp), coroutine.map(|c| c.enter)];
            for function in parts.into_iter().flatten() {
                let is_small = Some(function) == info.direct
                    && instruction_count(function) <= VISIBLE_INSTRUCTIONS_MAX;
                plan.owned.insert(name_of(function), Owned { unit, is_shared: false, is_small });
            }
        }
        plan.find_shared(cx);
        Some(plan)
    }

    /// Whatever a descriptor refers to is shared, since those are in the first unit; and what is called across units. A small body may be inlined anywhere, so that all that
    /// it calls is shared.
    fn find_shared(&mut self, cx: &Cx<'_, '_>) {
        for (info, body) in cx.fns.iter().zip(&cx.program.bodies) {
            let coroutine = info.coroutine.as_ref();
            let described = [coroutine.map(|c| c.ramp), coroutine.map(|c| c.enter)];
            let direct = info.direct.filter(|_| Cx::is_described(body));
            for function in described.into_iter().flatten().chain(direct) {
                self.share(&name_of(function));
            }
        }
        for user in cx.module.get_functions().filter(|f| f.count_basic_blocks() > 0) {
            // A helper per type is copied to every unit.
            let user_unit = self.owned.get(&name_of(user)).filter(|o| !o.is_small).map(|o| o.unit);
            for block in user.get_basic_block_iter() {
                for name in block.get_instructions().flat_map(named_operands) {
                    if let Some(used) = self.owned.get_mut(&name)
                        && Some(used.unit) != user_unit
                    {
                        used.is_shared = true;
                    }
                }
            }
        }
    }

    fn share(&mut self, name: &[u8]) {
        if let Some(owned) = self.owned.get_mut(name) {
            owned.is_shared = true;
        }
    }

    /// Leaves in `module`, a copy of the whole, what belongs to `unit`.
    fn carve(
        &self,
        module: &Module<'_>,
        unit: usize,
        machine: &TargetMachine,
        level: OptLevel,
    ) -> Result<(), Error> {
        let mut visible = Vec::new();
        for function in module.get_functions().filter(|f| f.count_basic_blocks() > 0) {
            let Some(owned) = self.owned.get(&name_of(function)) else { continue };
            if owned.unit == unit {
                if owned.is_shared {
                    function.set_linkage(Linkage::External);
                }
            } else if owned.is_small && level != OptLevel::O0 {
                visible.push(function);
            } else {
                function.set_linkage(Linkage::AvailableExternally);
            }
        }
        passes::run(module, machine, "elim-avail-extern")?;
        for global in module.get_globals().filter(|g| g.get_linkage() != Linkage::Private) {
            if global.get_initializer().is_some() {
                let is_first = unit == 0;
                global.set_linkage(if is_first {
                    Linkage::External
                } else {
                    Linkage::AvailableExternally
                });
                global.set_visibility(GlobalVisibility::Hidden);
            }
        }
        for function in visible {
            function.set_linkage(Linkage::AvailableExternally);
        }
        for name in self.owned.keys() {
            let function = module.get_function(&String::from_utf8_lossy(name));
            if let Some(function) = function.filter(|f| f.get_linkage() != Linkage::Internal) {
                function.as_global_value().set_visibility(GlobalVisibility::Hidden);
            }
        }
        passes::run(module, machine, "globaldce")
    }
}

/// What becomes of a unit.
type Made = Result<Vec<u8>, Error>;

/// The program's objects, one a unit, in order.
pub fn objects(
    module: &Module<'_>,
    plan: &Plan,
    expected: &[Expected],
    options: Options,
) -> Result<Vec<Vec<u8>>, Error> {
    let bitcode = module.write_bitcode_to_memory();
    let bitcode = bitcode.as_slice();
    let compile = |unit| -> Made {
        let context = Context::create();
        let buffer = MemoryBuffer::create_from_memory_range_copy(bitcode, "program");
        let module = Module::parse_bitcode_from_buffer(&buffer, &context)
            .map_err(|error| Error::new(format!("LLVM does not read its own bitcode: {error}")))?;
        let machine = passes::target_machine(options.opt_level)?;
        plan.carve(&module, unit, &machine, options.opt_level)?;
        passes::finish(&module, &machine, expected, options)?;
        passes::emit(&module, &machine, FileType::Object)
    };
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<Made>>> = Mutex::new((0..plan.units).map(|_| None).collect());
    let work = || {
        loop {
            let unit = next.fetch_add(1, Ordering::Relaxed);
            if unit >= plan.units {
                return;
            }
            let object = compile(unit);
            done.lock().unwrap_or_else(PoisonError::into_inner)[unit] = Some(object);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(plan.units);
    thread::scope(|scope| {
        for _ in 1..threads {
            // LLVM recurses: the main thread's room.
            let spawned = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, work);
            // Without another thread this one does it all.
            drop(spawned);
        }
        work();
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.into_iter().map(|object| object.expect("every unit was taken")).collect()
}

/// Names of the functions and constants that an instruction refers to, and of other pointers.
fn named_operands(instruction: InstructionValue<'_>) -> Vec<Vec<u8>> {
    let count = instruction.get_num_operands();
    let name = |index| {
        let value = instruction.get_operand(index).and_then(Operand::value)?;
        let pointer = value.is_pointer_value().then(|| value.into_pointer_value())?;
        Some(pointer.get_name().to_bytes().to_vec())
    };
    if instruction.get_opcode() == InstructionOpcode::Call {
        let callee = name(count - 1).unwrap_or_default();
        // They take metadata, which is no value to inkwell; and no function.
        if callee.starts_with(b"llvm.") {
            return Vec::new();
        }
    }
    (0..count).filter_map(name).collect()
}

fn name_of(function: FunctionValue<'_>) -> Vec<u8> {
    function.get_name().to_bytes().to_vec()
}

fn instruction_count(function: FunctionValue<'_>) -> usize {
    function.get_basic_block_iter().map(|block| block.get_instructions().count()).sum()
}
