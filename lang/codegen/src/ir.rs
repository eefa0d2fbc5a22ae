//! A thin layer over inkwell's builder: the few instructions that this back end emits, infallible and with alias classes.
//!
//! Input: values. Output: instructions at the end of the current block. inkwell reports errors of use only (no block, types that do not fit),
//! which are bugs of this crate: they panic here, once, with their text.
//!
//! Invariants: every load and store of heap memory says which [`Class`] it touches, so that LLVM may keep a list's length in a register while
//! elements are stored; memory of different classes never overlaps.

use std::cell::Cell;

use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::basic_block::BasicBlock;
use inkwell::builder::{Builder, BuilderError};
use inkwell::context::ContextRef;
use inkwell::intrinsics::Intrinsic;
use inkwell::module::Module;
use inkwell::types::{BasicType, BasicTypeEnum, FunctionType, IntType, PointerType, StructType};
use inkwell::values::{
    AggregateValueEnum, BasicMetadataValueEnum, BasicValue, BasicValueEnum, FunctionValue,
    InstructionOpcode, InstructionValue, IntValue, MetadataValue, Operand, PointerValue,
    StructValue,
};
use inkwell::{AddressSpace, AtomicOrdering, AtomicRMWBinOp, IntPredicate};

/// A value of any first-class type.
pub type Value<'c> = BasicValueEnum<'c>;

/// What memory an access touches (type-based alias analysis).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Locals, frames, and what the runtime is handed by address.
    Any,
    /// Counts, lengths, tags and descriptors at the head of heap objects.
    Head,
    /// Elements, fields and captures in heap objects.
    Payload,
}

/// Types that are needed everywhere.
#[derive(Clone, Copy)]
pub struct Types<'c> {
    /// The context.
    pub context: ContextRef<'c>,
    /// One byte; `bool` is a byte 0 or 1.
    pub i8: IntType<'c>,
    /// 32 bits.
    pub i32: IntType<'c>,
    /// 64 bits.
    pub i64: IntType<'c>,
    /// Any pointer.
    pub ptr: PointerType<'c>,
}

impl<'c> Types<'c> {
    /// The types of the module's context.
    pub fn new(module: &Module<'c>) -> Self {
        let context = module.get_context();
        Self {
            context,
            i8: context.i8_type(),
            i32: context.i32_type(),
            i64: context.i64_type(),
            ptr: context.ptr_type(AddressSpace::default()),
        }
    }
}

/// Metadata made once.
#[derive(Clone, Copy)]
pub struct Marks<'c> {
    tbaa_kind: u32,
    weights_kind: u32,
    head: MetadataValue<'c>,
    payload_int: MetadataValue<'c>,
    payload_float: MetadataValue<'c>,
    payload_ptr: MetadataValue<'c>,
    payload: MetadataValue<'c>,
    likely: MetadataValue<'c>,
    invariant_kind: u32,
    nothing: MetadataValue<'c>,
    sp: MetadataValue<'c>,
}

impl<'c> Marks<'c> {
    /// Makes them.
    pub fn new(types: Types<'c>) -> Self {
        let context = types.context;
        let zero = types.i64.const_zero().into();
        let root = context.metadata_node(&[context.metadata_string("orion").into()]);
        let class = |name: &str, parent: MetadataValue<'c>| {
            context.metadata_node(&[context.metadata_string(name).into(), parent.into(), zero])
        };
        let access = |ty: MetadataValue<'c>| context.metadata_node(&[ty.into(), ty.into(), zero]);
        let payload = class("payload", root);
        let likely = context.metadata_node(&[
            context.metadata_string("branch_weights").into(),
            types.i32.const_int(2000, false).into(),
            types.i32.const_int(1, false).into(),
        ]);
        Self {
            tbaa_kind: context.get_kind_id("tbaa"),
            weights_kind: context.get_kind_id("prof"),
            head: access(class("head", root)),
            payload_int: access(class("int", payload)),
            payload_float: access(class("float", payload)),
            payload_ptr: access(class("pointer", payload)),
            payload: access(payload),
            likely,
            invariant_kind: context.get_kind_id("invariant.load"),
            nothing: context.metadata_node(&[]),
            sp: context.metadata_node(&[context.metadata_string("rsp").into()]),
        }
    }

    fn of(&self, class: Class, ty: BasicTypeEnum<'c>) -> Option<MetadataValue<'c>> {
        match (class, ty) {
            (Class::Any, _) => None,
            (Class::Head, _) => Some(self.head),
            (Class::Payload, BasicTypeEnum::IntType(_)) => Some(self.payload_int),
            (Class::Payload, BasicTypeEnum::FloatType(_)) => Some(self.payload_float),
            (Class::Payload, BasicTypeEnum::PointerType(_)) => Some(self.payload_ptr),
            (Class::Payload, _) => Some(self.payload),
        }
    }
}

fn ok<T>(result: Result<T, BuilderError>) -> T {
    result.expect("the builder is used as LLVM demands")
}

/// A builder of one function.
pub struct Ir<'c> {
    /// inkwell's builder, for the arithmetic that needs no help.
    pub b: Builder<'c>,
    /// Common types.
    pub t: Types<'c>,
    /// What is emitted runs rarely, or once: calls of helpers and of the runtime are not to be inlined.
    pub outlines: Cell<bool>,
    marks: Marks<'c>,
}

impl<'c> Ir<'c> {
    /// A builder without a block.
    pub fn new(t: Types<'c>, marks: Marks<'c>) -> Self {
        Self { b: t.context.create_builder(), t, outlines: Cell::new(false), marks }
    }

    /// Goes on at the end of `block`.
    pub fn at(&self, block: BasicBlock<'c>) {
        self.b.position_at_end(block);
    }

    /// A new block at the end of the current function.
    pub fn block(&self, name: &str) -> BasicBlock<'c> {
        let function = self.function();
        self.t.context.append_basic_block(function, name)
    }

    /// The function of the current block.
    pub fn function(&self) -> FunctionValue<'c> {
        self.b.get_insert_block().and_then(BasicBlock::get_parent).expect("a block is set")
    }

    /// An i64 constant.
    pub fn int(&self, value: u64) -> IntValue<'c> {
        self.t.i64.const_int(value, false)
    }

    /// An i32 constant.
    pub fn int32(&self, value: u32) -> IntValue<'c> {
        self.t.i32.const_int(value.into(), false)
    }

    /// A stack slot.
    pub fn alloca(&self, ty: impl BasicType<'c>, name: &str) -> PointerValue<'c> {
        ok(self.b.build_alloca(ty, name))
    }

    /// A load.
    pub fn load(
        &self,
        ty: impl BasicType<'c>,
        ptr: PointerValue<'c>,
        class: Class,
        name: &str,
    ) -> Value<'c> {
        let ty = ty.as_basic_type_enum();
        let value = ok(self.b.build_load(ty, ptr, name));
        if let Some(instruction) = value.as_instruction_value() {
            self.mark(instruction, class, ty);
        }
        value
    }

    /// A load of an i64.
    pub fn load_int(&self, ptr: PointerValue<'c>, class: Class, name: &str) -> IntValue<'c> {
        self.load(self.t.i64, ptr, class, name).into_int_value()
    }

    /// A load of a pointer.
    pub fn load_ptr(&self, ptr: PointerValue<'c>, class: Class, name: &str) -> PointerValue<'c> {
        self.load(self.t.ptr, ptr, class, name).into_pointer_value()
    }

    /// A load of an i64 that others write meanwhile (relaxed).
    pub fn load_shared(&self, ptr: PointerValue<'c>, name: &str) -> IntValue<'c> {
        let value = self.load_int(ptr, Class::Any, name);
        let load = value.as_instruction_value().expect("a load is an instruction");
        load.set_atomic_ordering(AtomicOrdering::Monotonic).expect("loads may be atomic");
        load.set_alignment(8).expect("eight is a power of two");
        value
    }

    /// A load of an i64 that never changes while a program runs.
    pub fn load_constant(&self, ptr: PointerValue<'c>, name: &str) -> IntValue<'c> {
        let value = self.load_int(ptr, Class::Any, name);
        let load = value.as_instruction_value().expect("a load is an instruction");
        load.set_metadata(self.marks.nothing, self.marks.invariant_kind)
            .expect("loads take metadata");
        value
    }

    /// A load of an object's count, which other owners may change meanwhile. (On x86-64 it needs no fence to be ordered as the counts' rules demand.)
    pub fn load_count(&self, object: PointerValue<'c>) -> IntValue<'c> {
        let value = self.load_int(object, Class::Head, "count");
        let load = value.as_instruction_value().expect("a load is an instruction");
        load.set_atomic_ordering(AtomicOrdering::Unordered).expect("loads may be atomic");
        load.set_alignment(8).expect("eight is a power of two");
        value
    }

    /// Whether both hold, without a branch.
    pub fn both(&self, a: IntValue<'c>, b: IntValue<'c>) -> IntValue<'c> {
        ok(self.b.build_and(a, b, "both"))
    }

    /// Adds to an object's count, atomically; what it was.
    pub fn add_atomically(&self, object: PointerValue<'c>, change: i64) -> IntValue<'c> {
        let change = self.t.i64.const_int(change.cast_unsigned(), true);
        let order = AtomicOrdering::AcquireRelease;
        ok(self.b.build_atomicrmw(AtomicRMWBinOp::Add, object, change, order))
    }

    /// A store.
    pub fn store(&self, value: impl BasicValue<'c>, ptr: PointerValue<'c>, class: Class) {
        let value = value.as_basic_value_enum();
        let store = ok(self.b.build_store(ptr, value));
        self.mark(store, class, value.get_type());
    }

    fn mark(&self, instruction: InstructionValue<'c>, class: Class, ty: BasicTypeEnum<'c>) {
        if let Some(tag) = self.marks.of(class, ty) {
            instruction.set_metadata(tag, self.marks.tbaa_kind).expect("a node is a node");
        }
    }

    /// `ptr + bytes`.
    pub fn offset(&self, ptr: PointerValue<'c>, bytes: u64, name: &str) -> PointerValue<'c> {
        if bytes == 0 {
            return ptr;
        }
        let index = self.int(bytes);
        // SAFETY: builds an instruction; that the offset stays inside the object is what the layouts are for.
        ok(unsafe { self.b.build_in_bounds_gep(self.t.i8, ptr, &[index], name) })
    }

    /// `ptr - bytes`.
    pub fn offset_back(&self, ptr: PointerValue<'c>, bytes: u64, name: &str) -> PointerValue<'c> {
        let index = self.t.i64.const_int(bytes, false).const_neg();
        // SAFETY: as in `offset`.
        ok(unsafe { self.b.build_in_bounds_gep(self.t.i8, ptr, &[index], name) })
    }

    /// Element `index` of an array of `ty` at `ptr`.
    pub fn element(
        &self,
        ty: BasicTypeEnum<'c>,
        ptr: PointerValue<'c>,
        index: IntValue<'c>,
        name: &str,
    ) -> PointerValue<'c> {
        // SAFETY: as in `offset`.
        ok(unsafe { self.b.build_in_bounds_gep(ty, ptr, &[index], name) })
    }

    /// Field `index` of a struct at `ptr`.
    pub fn field(
        &self,
        ty: BasicTypeEnum<'c>,
        ptr: PointerValue<'c>,
        index: u32,
        name: &str,
    ) -> PointerValue<'c> {
        ok(self.b.build_struct_gep(ty, ptr, index, name))
    }

    /// A call of a helper or of the runtime.
    pub fn call(
        &self,
        function: FunctionValue<'c>,
        args: &[Value<'c>],
        name: &str,
    ) -> Option<Value<'c>> {
        if self.outlines.get() {
            self.call_never_inlined(function, args, name)
        } else {
            self.call_inlinable(function, args, name)
        }
    }

    /// A call that LLVM may inline in any case.
    pub fn call_inlinable(
        &self,
        function: FunctionValue<'c>,
        args: &[Value<'c>],
        name: &str,
    ) -> Option<Value<'c>> {
        let args: Vec<BasicMetadataValueEnum<'c>> = args.iter().map(|&a| a.into()).collect();
        ok(self.b.build_call(function, &args, name)).try_as_basic_value().basic()
    }

    /// A call without a result that is not to be inlined.
    pub fn call_outlined(&self, function: FunctionValue<'c>, args: &[Value<'c>]) {
        self.call_never_inlined(function, args, "");
    }

    /// A call that is not to be inlined.
    pub fn call_never_inlined(
        &self,
        function: FunctionValue<'c>,
        args: &[Value<'c>],
        name: &str,
    ) -> Option<Value<'c>> {
        let args: Vec<BasicMetadataValueEnum<'c>> = args.iter().map(|&a| a.into()).collect();
        let call = ok(self.b.build_call(function, &args, name));
        let kind = Attribute::get_named_enum_kind_id("noinline");
        let noinline = self.t.context.create_enum_attribute(kind, 0);
        call.add_attribute(AttributeLoc::Function, noinline);
        call.try_as_basic_value().basic()
    }

    /// A call through a pointer.
    pub fn call_indirect(
        &self,
        ty: FunctionType<'c>,
        code: PointerValue<'c>,
        args: &[Value<'c>],
        name: &str,
    ) -> Option<Value<'c>> {
        let args: Vec<BasicMetadataValueEnum<'c>> = args.iter().map(|&a| a.into()).collect();
        ok(self.b.build_indirect_call(ty, code, &args, name)).try_as_basic_value().basic()
    }

    /// A call of an LLVM intrinsic, overloaded for `overload`.
    pub fn intrinsic(
        &self,
        module: &Module<'c>,
        name: &str,
        overload: &[BasicTypeEnum<'c>],
        args: &[BasicMetadataValueEnum<'c>],
    ) -> Option<Value<'c>> {
        let intrinsic = Intrinsic::find(name).expect("LLVM 22 has the intrinsic");
        let function = intrinsic.get_declaration(module, overload).expect("the overload exists");
        ok(self.b.build_call(function, args, "")).try_as_basic_value().basic()
    }

    /// The stack pointer, read without pinning a frame pointer.
    pub fn stack_pointer(&self, module: &Module<'c>) -> IntValue<'c> {
        self.intrinsic(module, "llvm.read_register", &[self.t.i64.into()], &[self.marks.sp.into()])
            .expect("it gives a value")
            .into_int_value()
    }

    /// Ends the block: never reached; a trap, should that be wrong.
    pub fn trap(&self, module: &Module<'c>) {
        self.intrinsic(module, "llvm.trap", &[], &[]);
        ok(self.b.build_unreachable());
    }

    /// Jump.
    pub fn br(&self, target: BasicBlock<'c>) {
        ok(self.b.build_unconditional_branch(target));
    }

    /// Branch.
    pub fn cond(&self, cond: IntValue<'c>, yes: BasicBlock<'c>, no: BasicBlock<'c>) {
        ok(self.b.build_conditional_branch(cond, yes, no));
    }

    /// Branch that nearly always goes to `yes`.
    pub fn likely(&self, cond: IntValue<'c>, yes: BasicBlock<'c>, no: BasicBlock<'c>) {
        let branch = ok(self.b.build_conditional_branch(cond, yes, no));
        branch
            .set_metadata(self.marks.likely, self.marks.weights_kind)
            .expect("branches take weights");
    }

    /// Multi-way branch.
    pub fn switch(
        &self,
        value: IntValue<'c>,
        otherwise: BasicBlock<'c>,
        cases: &[(IntValue<'c>, BasicBlock<'c>)],
    ) {
        ok(self.b.build_switch(value, otherwise, cases));
    }

    /// Return.
    pub fn ret(&self, value: Option<Value<'c>>) {
        match value {
            Some(value) => ok(self.b.build_return(Some(&value))),
            None => ok(self.b.build_return(None)),
        };
    }

    /// Integer comparison.
    pub fn icmp(
        &self,
        predicate: IntPredicate,
        a: IntValue<'c>,
        b: IntValue<'c>,
        name: &str,
    ) -> IntValue<'c> {
        ok(self.b.build_int_compare(predicate, a, b, name))
    }

    /// `bool` (a byte) from a condition.
    pub fn bool_of(&self, cond: IntValue<'c>) -> IntValue<'c> {
        ok(self.b.build_int_z_extend(cond, self.t.i8, ""))
    }

    /// Condition from a `bool` (a byte); the one that it was made of, where that is in sight.
    pub fn cond_of(&self, value: IntValue<'c>) -> IntValue<'c> {
        if let Some(extension) = value.as_instruction()
            && extension.get_opcode() == InstructionOpcode::ZExt
            && let Some(Value::IntValue(cond)) = extension.get_operand(0).and_then(Operand::value)
            && cond.get_type().get_bit_width() == 1
        {
            return cond;
        }
        self.icmp(IntPredicate::NE, value, value.get_type().const_zero(), "")
    }

    /// An integer brought to another width.
    pub fn resize(&self, value: IntValue<'c>, ty: IntType<'c>, signed: bool) -> IntValue<'c> {
        ok(self.b.build_int_cast_sign_flag(value, ty, signed, ""))
    }

    /// The address as an integer.
    pub fn address(&self, ptr: PointerValue<'c>) -> IntValue<'c> {
        ok(self.b.build_ptr_to_int(ptr, self.t.i64, ""))
    }

    /// Field of a first-class struct; what was put there, where that is in sight.
    pub fn extract(&self, value: Value<'c>, index: u32, name: &str) -> Value<'c> {
        let mut whole = value;
        while let Some(insertion) = whole.as_instruction_value()
            && insertion.get_opcode() == InstructionOpcode::InsertValue
            && let (Some(inner), Some(part)) = (
                insertion.get_operand(0).and_then(Operand::value),
                insertion.get_operand(1).and_then(Operand::value),
            )
        {
            if insertion.get_indices() == [index] {
                return part;
            }
            whole = inner;
        }
        ok(self.b.build_extract_value(whole.into_struct_value(), index, name))
    }

    /// A first-class struct with one field replaced.
    pub fn insert(&self, into: StructValue<'c>, index: u32, value: Value<'c>) -> StructValue<'c> {
        match ok(self.b.build_insert_value(into, value, index, "")) {
            AggregateValueEnum::StructValue(value) => value,
            _ => unreachable!("a struct stays a struct"),
        }
    }

    /// A first-class struct of these fields; those left out are `base`'s.
    pub fn aggregate(&self, base: StructValue<'c>, fields: &[(u32, Value<'c>)]) -> StructValue<'c> {
        fields.iter().fold(base, |value, &(index, field)| self.insert(value, index, field))
    }
}

/// The zero of a type (dead cells are zero, so that nothing of the past leaks into a state file).
pub fn zero(ty: BasicTypeEnum<'_>) -> BasicValueEnum<'_> {
    ty.const_zero()
}

/// Names the instruction that made a value, unless it has a name.
pub fn name(value: BasicValueEnum<'_>, name: &str) {
    if let Some(instruction) = value.as_instruction_value()
        && instruction.get_name().is_none_or(std::ffi::CStr::is_empty)
    {
        value.set_name(name);
    }
}

/// Poison of a struct type: fields that nobody may read.
pub fn poison(ty: StructType<'_>) -> StructValue<'_> {
    ty.get_poison()
}

/// The signature's parameter list as inkwell wants it.
pub fn fn_type<'c>(
    t: &Types<'c>,
    ret: Option<BasicTypeEnum<'c>>,
    params: &[BasicTypeEnum<'c>],
) -> FunctionType<'c> {
    let params: Vec<_> = params.iter().map(|&p| p.into()).collect();
    match ret {
        Some(ret) => ret.fn_type(&params, false),
        None => t.context.void_type().fn_type(&params, false),
    }
}
