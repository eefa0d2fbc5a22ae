//! What all parts of the module share: its functions' signatures, the runtime's declarations, constants made once.
//!
//! Input: a program in final form. Output: declarations and constants in one LLVM module, each made on first use, in the order of the program, so that
//! equal programs give equal modules.
//!
//! Names: `or.F` is the direct body of `F`, `or.F.frame` its ramp, `or.F.enter` the shim through which the runtime resumes it. No name of a C
//! function or of the runtime begins so.

use std::collections::BTreeMap;
use std::rc::Rc;

use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::module::{Linkage, Module};
use inkwell::types::{BasicTypeEnum, FunctionType};
use inkwell::values::{BasicValue, FunctionValue, GlobalValue, PointerValue, UnnamedAddress};
use orion_abi::object::{IMMORTAL, StrObject};
use orion_abi::symbols::{AbiType, FUNCTIONS};
use orion_mir::{Body, BodyId, BodyKind, Loc, Program, Ty, TyKind};

use crate::body::step_count;
use crate::frame::{self, FrameLayout};
use crate::ir::{Ir, Marks, Types, Value, fn_type, poison};
use crate::layout::Layouts;

/// Where a result is in what a direct body returns.
#[derive(Clone, Copy, Debug)]
pub enum At {
    /// It is the whole return value.
    Whole,
    /// A field of it.
    Field(u32),
}

/// A direct body's LLVM signature: `(ctx, params…) -> {result, in-out values…, status}`, without what has no bytes; no struct where one value is left.
#[derive(Clone, Debug)]
pub struct Signature<'c> {
    /// The LLVM type.
    pub ty: FunctionType<'c>,
    /// Return type.
    pub ret: Option<BasicTypeEnum<'c>>,
    /// Where the result and the in-out values are; none for those without bytes.
    pub values: Vec<Option<At>>,
    /// Where the status is; none for functions that neither suspend nor unwind.
    pub status: Option<At>,
}

impl<'c> Signature<'c> {
    /// The return value made of its parts; parts that are none are poison.
    pub fn pack(
        &self,
        ir: &Ir<'c>,
        values: &[Option<Value<'c>>],
        status: Option<u32>,
    ) -> Option<Value<'c>> {
        let status = status.map(|s| ir.int32(s).into());
        let ret = self.ret?;
        let mut fields = Vec::new();
        let parts = self.values.iter().zip(values).chain([(&self.status, &status)]);
        for (at, value) in parts {
            match (at, value) {
                (Some(At::Whole), Some(value)) => return Some(*value),
                (Some(At::Field(index)), Some(value)) => fields.push((*index, *value)),
                _ => {}
            }
        }
        match ret {
            BasicTypeEnum::StructType(ty) => Some(ir.aggregate(poison(ty), &fields).into()),
            _ => None,
        }
    }

    /// A part of the return value.
    pub fn unpack(
        &self,
        ir: &Ir<'c>,
        returned: Option<Value<'c>>,
        at: Option<At>,
        name: &str,
    ) -> Option<Value<'c>> {
        match at? {
            At::Whole => returned,
            At::Field(index) => Some(ir.extract(returned?, index, name)),
        }
    }
}

/// What a function of the program has in the module.
pub struct FnInfo<'c> {
    /// Its signature.
    pub signature: Signature<'c>,
    /// The direct body; none for tasks and for `main`.
    pub direct: Option<FunctionValue<'c>>,
    /// The coroutine body.
    pub coroutine: Option<Coroutine<'c>>,
}

/// The parts of a coroutine body.
#[derive(Clone)]
pub struct Coroutine<'c> {
    /// `(ctx, at) -> frame`; becomes the coroutine.
    pub ramp: FunctionValue<'c>,
    /// `(ctx, frame)`.
    pub enter: FunctionValue<'c>,
    /// The descriptor.
    pub desc: GlobalValue<'c>,
    /// The frame.
    pub frame: Rc<FrameLayout<'c>>,
}

/// The module under construction.
pub struct Cx<'c, 'p> {
    /// The LLVM module.
    pub module: Module<'c>,
    /// Common types.
    pub t: Types<'c>,
    /// Common metadata.
    pub marks: Marks<'c>,
    /// The program.
    pub program: &'p Program,
    /// Layouts.
    pub layouts: Layouts<'c, 'p>,
    /// By body.
    pub fns: Vec<FnInfo<'c>>,
    /// Runtime functions in use.
    runtime: BTreeMap<&'static str, FunctionValue<'c>>,
    /// Helper functions by name.
    pub(crate) glue: BTreeMap<String, FunctionValue<'c>>,
    /// Named constants: bytes, literals, sites.
    constants: BTreeMap<(Pool, String), GlobalValue<'c>>,
    /// By type.
    pub(crate) type_descs: Vec<Option<GlobalValue<'c>>>,
    /// Tuples of a result and in-out values that are no type of the program, by name.
    pub(crate) result_descs: BTreeMap<String, GlobalValue<'c>>,
    /// By body.
    pub(crate) closure_descs: BTreeMap<BodyId, GlobalValue<'c>>,
}

/// Pools of constants that are made once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pool {
    Bytes,
    Literal,
    Site,
}

impl<'c, 'p> Cx<'c, 'p> {
    /// Declares every function of the program in `module`.
    pub fn new(module: Module<'c>, program: &'p Program) -> Self {
        let t = Types::new(&module);
        let mut cx = Self {
            t,
            marks: Marks::new(t),
            program,
            layouts: Layouts::new(program, t),
            fns: Vec::new(),
            runtime: BTreeMap::new(),
            glue: BTreeMap::new(),
            constants: BTreeMap::new(),
            type_descs: vec![None; program.types.iter().count()],
            result_descs: BTreeMap::new(),
            closure_descs: BTreeMap::new(),
            module,
        };
        for (index, body) in program.bodies.iter().enumerate() {
            let info = cx.declare(BodyId(index as u32), body);
            cx.fns.push(info);
        }
        cx
    }

    /// A builder.
    pub fn ir(&self) -> Ir<'c> {
        Ir::new(self.t, self.marks)
    }

    /// What `id` has in the module.
    pub fn info(&self, id: BodyId) -> &FnInfo<'c> {
        &self.fns[id.index()]
    }

    /// Whether calls of the body give a status.
    fn has_status(body: &Body) -> bool {
        body.may_suspend || body.may_unwind || Self::is_described(body)
    }

    /// Whether the direct body's address is taken by a descriptor.
    pub fn is_described(body: &Body) -> bool {
        body.address_taken || matches!(body.kind, BodyKind::Closure { .. })
    }

    fn declare(&mut self, id: BodyId, body: &'p Body) -> FnInfo<'c> {
        let params: Vec<Ty> = body.params().map(|p| body.ty(p)).collect();
        let results = frame::result_types(body);
        if let BodyKind::Extern { .. } = body.kind {
            let signature = self.signature(&params, &results, false);
            return FnInfo { signature, direct: None, coroutine: None };
        }
        let signature = self.signature(&params, &results, Self::has_status(body));
        let only_frames = body.kind.is_frame_only() || self.program.is_entry(id);
        let direct = (!only_frames).then(|| {
            let name = format!("or.{}", body.name);
            let function = self.module.add_function(&name, signature.ty, Some(Linkage::Internal));
            self.attributes(function);
            if step_count(body) > INLINED_STEPS_MAX {
                self.enum_attribute(function, "noinline");
            }
            function
        });
        let coroutine = (only_frames || body.may_suspend).then(|| self.declare_coroutine(body));
        FnInfo { signature, direct, coroutine }
    }

    fn declare_coroutine(&mut self, body: &'p Body) -> Coroutine<'c> {
        let t = self.t;
        let internal = Some(Linkage::Internal);
        let ty = fn_type(&t, Some(t.ptr.into()), &[t.ptr.into(), t.i32.into()]);
        let ramp = self.module.add_function(&format!("or.{}.frame", body.name), ty, internal);
        let ty = fn_type(&t, None, &[t.ptr.into(), t.ptr.into()]);
        let enter = self.module.add_function(&format!("or.{}.enter", body.name), ty, internal);
        self.attributes(ramp);
        // Called on cold paths, many of them.
        self.enum_attribute(ramp, "noinline");
        self.attributes(enter);
        let name = format!("fn.{}", body.name);
        let desc = self.declare_constant(&name, self.fn_desc_shape());
        let frame = Rc::new(frame::layout(&mut self.layouts, body));
        Coroutine { ramp, enter, desc, frame }
    }

    /// The signature of a function value's code.
    pub fn value_signature(&mut self, ty: Ty) -> Signature<'c> {
        let TyKind::Fn { params, ret, .. } = self.program.types.kind(ty) else {
            unreachable!("the MIR's verifier has seen to it that function values are called");
        };
        let inputs: Vec<Ty> = std::iter::once(ty).chain(params.iter().map(|p| p.0)).collect();
        let results: Vec<Ty> =
            std::iter::once(*ret).chain(params.iter().filter(|p| p.1).map(|p| p.0)).collect();
        self.signature(&inputs, &results, true)
    }

    /// The signature of direct bodies with these parameters and results.
    pub fn signature(&mut self, params: &[Ty], results: &[Ty], status: bool) -> Signature<'c> {
        let t = self.t;
        let mut inputs: Vec<BasicTypeEnum<'c>> = vec![t.ptr.into()];
        inputs.extend(params.iter().filter_map(|&ty| self.layouts.llvm(ty)));
        let mut fields: Vec<BasicTypeEnum<'c>> = Vec::new();
        let mut place = |llvm: Option<BasicTypeEnum<'c>>| {
            llvm.map(|llvm| {
                fields.push(llvm);
                At::Field(fields.len() as u32 - 1)
            })
        };
        let mut values: Vec<Option<At>> =
            results.iter().map(|&ty| place(self.layouts.llvm(ty))).collect();
        let mut status = place(status.then(|| t.i32.into()));
        let ret = match fields[..] {
            [] => None,
            [only] => {
                let all = values.iter_mut().chain([&mut status]);
                all.flatten().for_each(|at| *at = At::Whole);
                Some(only)
            }
            _ => Some(t.context.struct_type(&fields, false).into()),
        };
        Signature { ty: fn_type(&t, ret, &inputs), ret, values, status }
    }

    /// The attributes of every function of the module.
    pub fn attributes(&self, function: FunctionValue<'c>) {
        self.enum_attribute(function, "nounwind");
        for (key, value) in [("probe-stack", "inline-asm"), ("target-cpu", "x86-64")] {
            let attribute = self.t.context.create_string_attribute(key, value);
            function.add_attribute(AttributeLoc::Function, attribute);
        }
    }

    /// Adds an attribute without a value.
    pub fn enum_attribute(&self, function: FunctionValue<'c>, name: &str) {
        let kind = Attribute::get_named_enum_kind_id(name);
        let attribute = self.t.context.create_enum_attribute(kind, 0);
        function.add_attribute(AttributeLoc::Function, attribute);
    }

    /// LLVM type of a machine type of the runtime's interface.
    fn abi_type(&self, ty: AbiType) -> Option<BasicTypeEnum<'c>> {
        Some(match ty {
            AbiType::Void => return None,
            AbiType::Ptr => self.t.ptr.into(),
            AbiType::I32 => self.t.i32.into(),
            AbiType::I64 => self.t.i64.into(),
            AbiType::F64 => self.t.context.f64_type().into(),
        })
    }

    /// A function of the runtime.
    pub fn runtime(&mut self, name: &'static str) -> FunctionValue<'c> {
        if let Some(&known) = self.runtime.get(name) {
            return known;
        }
        let function = FUNCTIONS.iter().find(|f| f.name == name);
        let function = function.unwrap_or_else(|| panic!("the ABI has no function `{name}`"));
        let params: Vec<_> = function.params.iter().filter_map(|&p| self.abi_type(p)).collect();
        let ty = fn_type(&self.t, self.abi_type(function.result), &params);
        let declared = self.module.add_function(name, ty, None);
        self.enum_attribute(declared, "nounwind");
        if COLD.contains(&name) {
            self.enum_attribute(declared, "cold");
        }
        if matches!(name, "orion_alloc" | "orion_frame_alloc") {
            let noalias = Attribute::get_named_enum_kind_id("noalias");
            let noalias = self.t.context.create_enum_attribute(noalias, 0);
            declared.add_attribute(AttributeLoc::Return, noalias);
        }
        self.runtime.insert(name, declared);
        declared
    }

    /// Calls a function of the runtime.
    pub fn call(
        &mut self,
        ir: &Ir<'c>,
        name: &'static str,
        args: &[Value<'c>],
    ) -> Option<Value<'c>> {
        let function = self.runtime(name);
        ir.call(function, args, "")
    }

    /// The runtime's immortal empty list and string.
    pub fn empty(&mut self) -> PointerValue<'c> {
        let name = orion_abi::symbols::EMPTY_SYMBOL;
        let global = self
            .module
            .get_global(name)
            .unwrap_or_else(|| self.module.add_global(self.t.i8.array_type(24), None, name));
        global.as_pointer_value()
    }

    /// A constant whose contents come later.
    pub fn declare_constant(
        &self,
        name: &str,
        ty: impl inkwell::types::BasicType<'c>,
    ) -> GlobalValue<'c> {
        let global = self.module.add_global(ty, None, name);
        global.set_linkage(Linkage::Internal);
        global.set_constant(true);
        global.set_alignment(8);
        global
    }

    /// A constant.
    pub fn constant(&self, name: &str, value: impl BasicValue<'c>) -> GlobalValue<'c> {
        let value = value.as_basic_value_enum();
        let global = self.declare_constant(name, value.get_type());
        global.set_initializer(&value);
        global
    }

    /// Bytes of a text in the image (not terminated).
    pub fn bytes(&mut self, text: &str) -> PointerValue<'c> {
        let key = (Pool::Bytes, text.to_owned());
        if let Some(known) = self.constants.get(&key) {
            return known.as_pointer_value();
        }
        let global = self.constant("text", self.t.context.const_string(text.as_bytes(), false));
        global.set_linkage(Linkage::Private);
        global.set_unnamed_address(UnnamedAddress::Global);
        global.set_alignment(1);
        self.constants.insert(key, global);
        global.as_pointer_value()
    }

    /// A string literal: an immortal object.
    pub fn literal(&mut self, text: &str) -> PointerValue<'c> {
        if text.is_empty() {
            return self.empty();
        }
        let key = (Pool::Literal, text.to_owned());
        if let Some(known) = self.constants.get(&key) {
            return known.as_pointer_value();
        }
        let i64 = self.t.i64;
        const { assert!(size_of::<StrObject>() == 24) };
        let object = self.t.context.const_struct(
            &[
                i64.const_int(IMMORTAL as u64, true).into(),
                i64.const_int(text.len() as u64, false).into(),
                i64.const_zero().into(),
                self.t.context.const_string(text.as_bytes(), false).into(),
            ],
            false,
        );
        let global = self.constant("or.str", object);
        self.constants.insert(key, global);
        global.as_pointer_value()
    }

    /// A place in the source.
    pub fn site(&mut self, function: &str, loc: Loc) -> PointerValue<'c> {
        let key = (Pool::Site, format!("{function}\n{}:{}:{}", loc.file, loc.line, loc.column));
        if let Some(known) = self.constants.get(&key) {
            return known.as_pointer_value();
        }
        let record = self.site_record(function, loc);
        let global = self.constant("or.site", record.build(self));
        self.constants.insert(key, global);
        global.as_pointer_value()
    }
}

/// Direct bodies with more steps are never inlined. LLVM would inline those with a single caller whatever their size, and its passes take more than
/// linear time in the size of a function.
const INLINED_STEPS_MAX: usize = 80;

/// Functions of the runtime that are called on rare paths only.
const COLD: &[&str] = &[
    "orion_fail",
    "orion_panic",
    "orion_trace",
    "orion_poll",
    "orion_park",
    "orion_list_reserve",
    "orion_boxed_unique",
];
