//! Constant descriptors: types, closures, functions with their suspend points and frame maps, the program.
//!
//! Input: the program and the frames' layouts. Output: `orion_program` and what it points to.
//!
//! Invariants: each field is put at its offset in the `#[repr(C)]` struct of `orion_abi`, so that a layout is written once; tables are sorted by
//! name; every type of the program has a descriptor.

use std::mem::offset_of;

use inkwell::module::Linkage;
use inkwell::types::StructType;
use inkwell::values::{GlobalValue, PointerValue, StructValue};
use orion_abi::desc::TYPE_NEEDS_DROP;
use orion_abi::desc::TypeKind;
use orion_abi::object::{ClosureObject, IMMORTAL};
use orion_abi::{ClosureDesc, FieldDesc, ProgramDesc, Site, StaticStr, TypeDesc};
use orion_abi::{VariantDesc, desc};
use orion_mir::{BodyId, BodyKind, IntTy, Loc, Local, Program, RETURN, Ty, TyKind};

use crate::cx::Cx;
use crate::ir::Value;
use crate::layout::Field;

/// A `#[repr(C)]` struct being filled in; what is not put is zero.
pub struct Record<'c> {
    size: usize,
    fields: Vec<(usize, Value<'c>)>,
}

impl<'c> Record<'c> {
    /// An empty one of `size` bytes.
    pub fn new(size: usize) -> Self {
        Self { size, fields: Vec::new() }
    }

    /// Puts a value at an offset.
    pub fn put(&mut self, offset: usize, value: impl Into<Value<'c>>) -> &mut Self {
        self.fields.push((offset, value.into()));
        self
    }

    /// Puts a [`StaticStr`].
    pub fn text(&mut self, cx: &mut Cx<'c, '_>, offset: usize, text: &str) -> &mut Self {
        let bytes = cx.bytes(text);
        let len = cx.t.i64.const_int(text.len() as u64, false);
        self.put(offset + offset_of!(StaticStr, ptr), bytes);
        self.put(offset + offset_of!(StaticStr, len), len)
    }

    /// Puts all fields of another record.
    fn embed(&mut self, offset: usize, inner: Record<'c>) -> &mut Self {
        self.fields.extend(inner.fields.into_iter().map(|(at, value)| (offset + at, value)));
        self
    }

    /// The constant, with explicit padding.
    pub fn build(mut self, cx: &Cx<'c, '_>) -> StructValue<'c> {
        self.fields.sort_by_key(|&(offset, _)| offset);
        let mut values: Vec<Value<'c>> = Vec::new();
        let mut end = 0;
        let pad = |values: &mut Vec<Value<'c>>, bytes: usize| {
            if bytes > 0 {
                values.push(cx.t.i8.array_type(bytes as u32).const_zero().into());
            }
        };
        for (offset, value) in self.fields {
            pad(&mut values, offset - end);
            end = offset
                + match value {
                    Value::IntValue(int) => int.get_type().get_bit_width() as usize / 8,
                    _ => size_of::<*const u8>(),
                };
            values.push(value);
        }
        pad(&mut values, self.size - end);
        cx.t.context.const_struct(&values, true)
    }
}

impl<'c> Cx<'c, '_> {
    fn u32(&self, value: u64) -> Value<'c> {
        self.t.i32.const_int(value, false).into()
    }

    fn u64(&self, value: u64) -> Value<'c> {
        self.t.i64.const_int(value, false).into()
    }

    fn null(&self) -> PointerValue<'c> {
        self.t.ptr.const_null()
    }

    /// A table of records; null when there are none.
    pub(crate) fn table(&self, name: &str, records: Vec<StructValue<'c>>) -> PointerValue<'c> {
        let Some(first) = records.first() else { return self.null() };
        let array = first.get_type().const_array(&records);
        self.constant(name, array).as_pointer_value()
    }

    fn pointers(&self, name: &str, pointers: &[PointerValue<'c>]) -> PointerValue<'c> {
        if pointers.is_empty() {
            return self.null();
        }
        self.constant(name, self.t.ptr.const_array(pointers)).as_pointer_value()
    }

    /// A [`Site`].
    pub(crate) fn site_record(&mut self, function: &str, loc: Loc) -> Record<'c> {
        let program = self.program;
        let file = program.files.get(loc.file as usize).map_or("", String::as_str);
        let mut record = Record::new(size_of::<Site>());
        record.text(self, offset_of!(Site, function), function);
        record.text(self, offset_of!(Site, file), file);
        record.put(offset_of!(Site, line), self.u32(loc.line.into()));
        record.put(offset_of!(Site, column), self.u32(loc.column.into()));
        record
    }

    /// [`Cx::site_record`] inside another record.
    pub(crate) fn embed_site(
        &mut self,
        into: &mut Record<'c>,
        offset: usize,
        function: &str,
        loc: Loc,
    ) {
        let site = self.site_record(function, loc);
        into.embed(offset, site);
    }

    /// The LLVM type of a [`TypeDesc`], so that types can refer to themselves.
    fn type_desc_shape(&self) -> StructType<'c> {
        let mut record = Record::new(size_of::<TypeDesc>());
        record.put(offset_of!(TypeDesc, kind), self.t.i8.const_zero());
        record.put(offset_of!(TypeDesc, flags), self.t.i8.const_zero());
        for offset in
            [offset_of!(TypeDesc, size), offset_of!(TypeDesc, align), offset_of!(TypeDesc, count)]
        {
            record.put(offset, self.u32(0));
        }
        for offset in [
            offset_of!(TypeDesc, elem),
            offset_of!(TypeDesc, fields),
            offset_of!(TypeDesc, variants),
        ] {
            record.put(offset, self.null());
        }
        record.put(offset_of!(TypeDesc, name) + offset_of!(StaticStr, ptr), self.null());
        record.put(offset_of!(TypeDesc, name) + offset_of!(StaticStr, len), self.u64(0));
        record.build(self).get_type()
    }

    /// Descriptor of a type.
    pub fn type_desc(&mut self, ty: Ty) -> PointerValue<'c> {
        if let Some(known) = self.type_descs[ty.0 as usize] {
            return known.as_pointer_value();
        }
        let name = format!("type.{}", self.program.types.display(ty));
        let global = self.declare_constant(&name, self.type_desc_shape());
        self.type_descs[ty.0 as usize] = Some(global);
        let record = self.type_record(ty).build(self);
        global.set_initializer(&record);
        global.as_pointer_value()
    }

    fn type_record(&mut self, ty: Ty) -> Record<'c> {
        let program = self.program;
        let layout = self.layouts.of(ty);
        let kind = program.types.kind(ty);
        let name = program.types.display(ty);
        let mut record = Record::new(size_of::<TypeDesc>());
        let flags = if program.types.needs_drop(ty) { TYPE_NEEDS_DROP } else { 0 };
        let i8 = self.t.i8;
        let code = kind_code(program, kind) as u8;
        record.put(offset_of!(TypeDesc, kind), i8.const_int(code.into(), false));
        record.put(offset_of!(TypeDesc, flags), i8.const_int(flags.into(), false));
        record.put(offset_of!(TypeDesc, size), self.u32(layout.size));
        record.put(offset_of!(TypeDesc, align), self.u32(layout.align));
        record.text(self, offset_of!(TypeDesc, name), &name);
        let mut elem = self.null();
        let mut fields = self.null();
        let mut variants = self.null();
        let mut count = 0;
        match kind {
            TyKind::List(inner) | TyKind::Chan(inner) | TyKind::Task(inner) => {
                elem = self.type_desc(*inner);
            }
            TyKind::Gen(item, sent, result) => {
                let names = ["yielded", "sent", "result"].map(str::to_owned);
                let field = |ty| Field { ty, offset: 0, index: None };
                let parts = [field(*item), field(*sent), field(*result)];
                fields = self.field_table(&name, &names, &parts);
                count = names.len();
            }
            TyKind::Tuple(items) => {
                let names: Vec<String> = (0..items.len()).map(|i| i.to_string()).collect();
                fields = self.field_table(&name, &names, &layout.variants[0]);
                count = items.len();
            }
            TyKind::Adt(id) => {
                let def = program.types.adt(*id);
                let objects = if def.boxed { Some(self.layouts.objects(*id)) } else { None };
                let names = |v: usize| -> Vec<String> {
                    def.variants[v].fields.iter().map(|f| f.name.clone()).collect()
                };
                if def.is_struct && !def.boxed {
                    if !def.variants.is_empty() {
                        fields = self.field_table(&name, &names(0), &layout.variants[0]);
                        count = def.variants[0].fields.len();
                    }
                } else {
                    let mut records = Vec::new();
                    for (v, variant) in def.variants.iter().enumerate() {
                        let (placed, size) = match &objects {
                            Some(objects) => (&objects[v].fields, objects[v].size),
                            None => (&layout.variants[v], 0),
                        };
                        let prefix = format!("{name}.{}", variant.name);
                        let table = self.field_table(&prefix, &names(v), placed);
                        let mut record = Record::new(size_of::<VariantDesc>());
                        record.text(self, offset_of!(VariantDesc, name), &variant.name);
                        record.put(offset_of!(VariantDesc, fields), table);
                        record.put(offset_of!(VariantDesc, count), self.u32(placed.len() as u64));
                        record.put(offset_of!(VariantDesc, object_size), self.u32(size));
                        records.push(record.build(self));
                    }
                    count = records.len();
                    variants = self.table(&format!("variants.{name}"), records);
                }
            }
            _ => {}
        }
        record.put(offset_of!(TypeDesc, count), self.u32(count as u64));
        record.put(offset_of!(TypeDesc, elem), elem);
        record.put(offset_of!(TypeDesc, fields), fields);
        record.put(offset_of!(TypeDesc, variants), variants);
        record
    }

    fn field_table(&mut self, owner: &str, names: &[String], placed: &[Field]) -> PointerValue<'c> {
        let mut records = Vec::new();
        for (name, field) in names.iter().zip(placed) {
            let ty = self.type_desc(field.ty);
            let mut record = Record::new(size_of::<FieldDesc>());
            record.text(self, offset_of!(FieldDesc, name), name);
            record.put(offset_of!(FieldDesc, ty), ty);
            record.put(offset_of!(FieldDesc, offset), self.u32(field.offset));
            records.push(record.build(self));
        }
        self.table(&format!("fields.{owner}"), records)
    }

    /// Descriptor of what a function hands back: its result, or a tuple of it and the in-out values, with offsets from the first.
    pub(crate) fn result_desc(&mut self, tys: &[Ty]) -> PointerValue<'c> {
        if let [only] = tys {
            return self.type_desc(*only);
        }
        let program = self.program;
        let kind = TyKind::Tuple(tys.to_vec());
        if let Some(known) = program.types.find(&kind) {
            return self.type_desc(known);
        }
        let name = {
            let names: Vec<_> = tys.iter().map(|&ty| program.types.display(ty)).collect();
            format!("({})", names.join(", "))
        };
        if let Some(known) = self.result_descs.get(&name) {
            return known.as_pointer_value();
        }
        let global_name = format!("result.{name}");
        let placed = self.layouts.record(tys, 0);
        let names: Vec<String> = (0..tys.len()).map(|i| i.to_string()).collect();
        let fields = self.field_table(&global_name, &names, &placed.fields);
        let drops = tys.iter().any(|&ty| program.types.needs_drop(ty));
        let i8 = self.t.i8;
        let mut record = Record::new(size_of::<TypeDesc>());
        record.put(offset_of!(TypeDesc, kind), i8.const_int(TypeKind::Tuple as u64, false));
        let flags = if drops { TYPE_NEEDS_DROP } else { 0 };
        record.put(offset_of!(TypeDesc, flags), i8.const_int(flags.into(), false));
        record.put(offset_of!(TypeDesc, size), self.u32(placed.size));
        record.put(offset_of!(TypeDesc, align), self.u32(placed.align));
        record.put(offset_of!(TypeDesc, count), self.u32(tys.len() as u64));
        record.text(self, offset_of!(TypeDesc, name), &name);
        record.put(offset_of!(TypeDesc, elem), self.null());
        record.put(offset_of!(TypeDesc, fields), fields);
        record.put(offset_of!(TypeDesc, variants), self.null());
        let record = record.build(self);
        let global = self.constant(&global_name, record);
        self.result_descs.insert(name, global);
        global.as_pointer_value()
    }

    /// Descriptor of a closure's body.
    pub fn closure_desc(&mut self, id: BodyId) -> PointerValue<'c> {
        if let Some(known) = self.closure_descs.get(&id) {
            return known.as_pointer_value();
        }
        let program = self.program;
        let body = program.body(id);
        let captures: &[(String, Ty)] = match &body.kind {
            BodyKind::Closure { captures } => captures,
            _ => &[],
        };
        let placed = self.layouts.closure(captures);
        let names: Vec<String> = captures.iter().map(|c| c.0.clone()).collect();
        let fields = self.field_table(&format!("captures.{}", body.name), &names, &placed.fields);
        let code = match self.info(id).direct {
            Some(function) => function.as_global_value().as_pointer_value(),
            None => self.null(),
        };
        // Its immortal object, where it captures nothing; the two refer to each other.
        let object = captures.is_empty().then(|| {
            let opaque = self.t.context.struct_type(&[self.t.i64.into(), self.t.ptr.into()], false);
            self.declare_constant(&format!("closure.{}.object", body.name), opaque)
        });
        let mut record = Record::new(size_of::<ClosureDesc>());
        record.text(self, offset_of!(ClosureDesc, name), &body.name);
        record.put(offset_of!(ClosureDesc, code), code);
        record.put(offset_of!(ClosureDesc, captures), fields);
        let ty = self.type_desc(body.ty(Local(1)));
        record.put(offset_of!(ClosureDesc, ty), ty);
        record.put(offset_of!(ClosureDesc, capture_count), self.u32(captures.len() as u64));
        record.put(offset_of!(ClosureDesc, object_size), self.u32(placed.size));
        let pointer = object.map_or(self.null(), GlobalValue::as_pointer_value);
        record.put(offset_of!(ClosureDesc, object), pointer);
        let record = record.build(self);
        let global = self.constant(&format!("closure.{}", body.name), record);
        if let Some(object) = object {
            const { assert!(size_of::<ClosureObject>() == 16) };
            let rc = self.t.i64.const_int(IMMORTAL as u64, true);
            let fields = [rc.into(), global.as_pointer_value().into()];
            object.set_initializer(&self.t.context.const_struct(&fields, false));
        }
        self.closure_descs.insert(id, global);
        global.as_pointer_value()
    }

    /// The immortal object of a function without captures.
    pub fn function_object(&mut self, id: BodyId) -> PointerValue<'c> {
        self.closure_desc(id);
        let name = format!("closure.{}.object", self.program.body(id).name);
        match self.module.get_global(&name) {
            Some(object) => object.as_pointer_value(),
            None => unreachable!("function constants capture nothing"),
        }
    }

    /// Fills in the descriptors of all functions and exports the program's.
    pub fn emit_program(&mut self) {
        let program = self.program;
        let mut functions: Vec<(&str, PointerValue<'c>)> = Vec::new();
        for (index, body) in program.bodies.iter().enumerate() {
            let id = BodyId(index as u32);
            if matches!(body.kind, BodyKind::Closure { .. }) {
                self.closure_desc(id);
            }
            if let Some(coroutine) = self.info(id).coroutine.clone() {
                let record = self.fn_record(body, &coroutine).build(self);
                coroutine.desc.set_initializer(&record);
                functions.push((&body.name, coroutine.desc.as_pointer_value()));
            }
        }
        functions.sort_by_key(|f| f.0);
        let functions: Vec<_> = functions.into_iter().map(|f| f.1).collect();

        let mut closures: Vec<(&str, PointerValue<'c>)> = self
            .closure_descs
            .iter()
            .map(|(id, global)| (program.body(*id).name.as_str(), global.as_pointer_value()))
            .collect();
        closures.sort_by_key(|c| c.0);
        let closures: Vec<_> = closures.into_iter().map(|c| c.1).collect();

        let mut types: Vec<(String, PointerValue<'c>)> = Vec::new();
        for (ty, _) in program.types.iter() {
            types.push((program.types.display(ty), self.type_desc(ty)));
        }
        let results = self.result_descs.iter();
        types.extend(results.map(|(name, desc)| (name.clone(), desc.as_pointer_value())));
        types.sort_by(|a, b| a.0.cmp(&b.0));
        let types: Vec<_> = types.into_iter().map(|t| t.1).collect();

        let main = self.info(program.main).coroutine.as_ref().expect("main has a frame");
        let main = main.desc.as_pointer_value();
        let mut record = Record::new(size_of::<ProgramDesc>());
        let version = orion_abi::ABI_VERSION.into();
        record.put(offset_of!(ProgramDesc, abi_version), self.u32(version));
        let kind = main_kind(program).into();
        record.put(offset_of!(ProgramDesc, main_kind), self.u32(kind));
        record.text(self, offset_of!(ProgramDesc, name), &program.name);
        record.put(offset_of!(ProgramDesc, main), main);
        let table = self.pointers("program.functions", &functions);
        record.put(offset_of!(ProgramDesc, functions), table);
        let count = self.u64(functions.len() as u64);
        record.put(offset_of!(ProgramDesc, function_count), count);
        let table = self.pointers("program.closures", &closures);
        record.put(offset_of!(ProgramDesc, closures), table);
        record.put(offset_of!(ProgramDesc, closure_count), self.u64(closures.len() as u64));
        let table = self.pointers("program.types", &types);
        record.put(offset_of!(ProgramDesc, types), table);
        record.put(offset_of!(ProgramDesc, type_count), self.u64(types.len() as u64));
        let entry = |id: &BodyId| {
            let coroutine = self.info(*id).coroutine.as_ref().expect("a test has a frame");
            coroutine.desc.as_pointer_value()
        };
        let tests: Vec<_> = program.tests.iter().map(entry).collect();
        let table = self.pointers("program.tests", &tests);
        record.put(offset_of!(ProgramDesc, tests), table);
        record.put(offset_of!(ProgramDesc, test_count), self.u64(tests.len() as u64));
        let record = record.build(self);
        let global = self.constant(orion_abi::symbols::PROGRAM_SYMBOL, record);
        global.set_linkage(Linkage::External);
    }
}

fn main_kind(program: &Program) -> u32 {
    match program.types.kind(program.body(program.main).ty(RETURN)) {
        TyKind::Int(IntTy::I32) => desc::MAIN_STATUS,
        TyKind::Adt(_) => desc::MAIN_RESULT,
        _ => desc::MAIN_UNIT,
    }
}

fn kind_code(program: &Program, kind: &TyKind) -> TypeKind {
    match kind {
        TyKind::Unit => TypeKind::Unit,
        TyKind::Bool => TypeKind::Bool,
        TyKind::Char => TypeKind::Char,
        TyKind::Int(IntTy::I8) => TypeKind::I8,
        TyKind::Int(IntTy::I16) => TypeKind::I16,
        TyKind::Int(IntTy::I32) => TypeKind::I32,
        TyKind::Int(IntTy::I64) => TypeKind::I64,
        TyKind::Int(IntTy::U8) => TypeKind::U8,
        TyKind::Int(IntTy::U16) => TypeKind::U16,
        TyKind::Int(IntTy::U32) => TypeKind::U32,
        TyKind::Int(IntTy::U64) => TypeKind::U64,
        TyKind::F32 => TypeKind::F32,
        TyKind::F64 => TypeKind::F64,
        TyKind::Duration => TypeKind::Duration,
        TyKind::Instant => TypeKind::Instant,
        TyKind::Str => TypeKind::Str,
        TyKind::List(_) => TypeKind::List,
        TyKind::Tuple(_) => TypeKind::Tuple,
        TyKind::Adt(id) => match (program.types.adt(*id).is_struct, program.types.adt(*id).boxed) {
            (true, false) => TypeKind::Struct,
            (false, false) => TypeKind::Sum,
            (true, true) => TypeKind::BoxedStruct,
            (false, true) => TypeKind::BoxedSum,
        },
        TyKind::Fn { .. } => TypeKind::Fn,
        TyKind::Chan(_) => TypeKind::Chan,
        TyKind::Task(_) => TypeKind::Task,
        TyKind::Scope => TypeKind::Scope,
        TyKind::Gen(..) => TypeKind::Gen,
        TyKind::Ptr => TypeKind::Ptr,
    }
}
