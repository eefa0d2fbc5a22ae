//! Small internal functions per type: counting, dropping, unsharing, appending, tags, and operations whose operands the runtime takes by address.
//!
//! Input: types. Output: functions, made on first use, that the optimiser inlines where it pays.
//!
//! Invariants: an address of a local is taken in these functions only, never in a body: in a coroutine it would have to live in the frame. An object
//! whose count is negative is immortal; it is neither counted nor freed.
//!
//! Counts: retain adds one unless the count is negative; release takes one off when more than one is left. What is inlined does just that, where one worker runs; the last owner, immortal
//! objects, and several workers, who count atomically, go to helpers. The test is of a word of the context, which never changes.

use std::mem::offset_of;

use inkwell::IntPredicate;
use inkwell::basic_block::BasicBlock;
use inkwell::module::Linkage;
use inkwell::types::{BasicTypeEnum, FunctionType};
use inkwell::values::{FunctionValue, IntValue, PointerValue};
use orion_abi::Ctx;
use orion_abi::desc::{ARM_RECV, ARM_SEND};
use orion_abi::frame::SelectArm;
use orion_abi::object::{BoxedObject, ListObject};
use orion_mir::{AdtId, Ty, TyKind};

use crate::cx::Cx;
use crate::ir::{Class, Ir, Value, fn_type, poison};
use crate::layout::Field;

/// What a pointer may be besides an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Odd {
    /// Always an object.
    Never,
    /// Null.
    Null,
    /// An odd word.
    Word,
}

impl<'c, 'p> Cx<'c, 'p> {
    /// The helper `name`, built on first use.
    pub fn helper(
        &mut self,
        name: String,
        ty: FunctionType<'c>,
        build: impl FnOnce(&mut Self, &Ir<'c>, FunctionValue<'c>),
    ) -> FunctionValue<'c> {
        if let Some(&known) = self.glue.get(&name) {
            return known;
        }
        let function = self.module.add_function(&name, ty, Some(Linkage::Internal));
        self.attributes(function);
        self.enum_attribute(function, "inlinehint");
        self.glue.insert(name, function);
        let ir = self.ir();
        ir.at(self.t.context.append_basic_block(function, "entry"));
        build(self, &ir, function);
        function
    }

    /// Type of helpers that look at a value: `(ctx, value)`.
    fn visitor_type(&mut self, ty: Ty) -> FunctionType<'c> {
        let value = self.layouts.llvm(ty).expect("what is counted has bytes");
        fn_type(&self.t, None, &[self.t.ptr.into(), value])
    }

    /// Counts the value once more.
    pub fn emit_retain(&mut self, ir: &Ir<'c>, ctx: PointerValue<'c>, ty: Ty, value: Value<'c>) {
        if !self.program.types.needs_drop(ty) {
            return;
        }
        let function = self.retain_fn(ty);
        if self.counted(ty).is_some() {
            ir.call(function, &[ctx.into(), value], "");
        } else {
            ir.call_outlined(function, &[ctx.into(), value]);
        }
    }

    /// Drops the value.
    pub fn emit_drop(&mut self, ir: &Ir<'c>, ctx: PointerValue<'c>, ty: Ty, value: Value<'c>) {
        if !self.program.types.needs_drop(ty) {
            return;
        }
        if self.counted(ty).is_none() {
            return self.emit_drop_outlined(ir, ctx, ty, value);
        }
        let function = self.drop_fn(ty);
        ir.call(function, &[ctx.into(), value], "");
    }

    /// Drops the value where it happens rarely: smaller, and slower by a call.
    pub fn emit_drop_outlined(
        &mut self,
        ir: &Ir<'c>,
        ctx: PointerValue<'c>,
        ty: Ty,
        value: Value<'c>,
    ) {
        if self.program.types.needs_drop(ty) {
            let function = self.drop_fn(ty);
            ir.call_outlined(function, &[ctx.into(), value]);
        }
    }

    /// `(ctx, site)`: fails in this way; many places fail alike.
    pub fn fail_fn(&mut self, kind: u32, a: IntValue<'c>, b: IntValue<'c>) -> FunctionValue<'c> {
        let ptr = self.t.ptr.into();
        let ty = fn_type(&self.t, None, &[ptr, ptr]);
        let number = |value: IntValue<'c>| value.get_sign_extended_constant().unwrap_or_default();
        let name = format!("fail.{kind}.{}.{}", number(a), number(b));
        self.helper(name, ty, |cx, ir, function| {
            cx.enum_attribute(function, "noinline");
            cx.enum_attribute(function, "cold");
            let [ctx, site] = params(function);
            cx.call(ir, "orion_fail", &[ctx, ir.int32(kind).into(), a.into(), b.into(), site]);
            ir.ret(None);
        })
    }

    /// How a counted pointer type's odd values look; none for types that are not counted inline.
    fn counted(&self, ty: Ty) -> Option<Odd> {
        match self.program.types.kind(ty) {
            TyKind::Str | TyKind::List(_) => Some(Odd::Never),
            TyKind::Fn { .. } => Some(Odd::Null),
            TyKind::Adt(id) if self.program.types.adt(*id).boxed => Some(Odd::Word),
            _ => None,
        }
    }

    fn retain_fn(&mut self, ty: Ty) -> FunctionValue<'c> {
        let fn_ty = self.visitor_type(ty);
        let name = match self.counted(ty) {
            Some(Odd::Never) => "retain.object".to_owned(),
            Some(Odd::Null) => "retain.closure".to_owned(),
            Some(Odd::Word) => "retain.boxed".to_owned(),
            None => format!("retain.{}", self.program.types.display(ty)),
        };
        self.helper(name, fn_ty, |cx, ir, function| {
            let value = function.get_nth_param(1).expect("(ctx, value)");
            match cx.counted(ty) {
                Some(odd) => cx.emit_increment(ir, function, value.into_pointer_value(), odd),
                None => cx.emit_visit(ir, function, ty, value, "orion_retain"),
            }
        })
    }

    fn drop_fn(&mut self, ty: Ty) -> FunctionValue<'c> {
        let fn_ty = self.visitor_type(ty);
        let name = format!("drop.{}", self.program.types.display(ty));
        self.helper(name, fn_ty, |cx, ir, function| {
            let value = function.get_nth_param(1).expect("(ctx, value)");
            match cx.counted(ty) {
                Some(odd) => cx.emit_decrement(ir, function, ty, value.into_pointer_value(), odd),
                None => cx.emit_visit(ir, function, ty, value, "orion_drop"),
            }
        })
    }

    /// Retain or drop of everything in a compound, or by the runtime for its own kinds.
    fn emit_visit(
        &mut self,
        ir: &Ir<'c>,
        function: FunctionValue<'c>,
        ty: Ty,
        value: Value<'c>,
        by: &'static str,
    ) {
        let ctx = function.get_nth_param(0).expect("(ctx, value)");
        let program = self.program;
        let is_sum = match program.types.kind(ty) {
            TyKind::Tuple(_) => false,
            TyKind::Adt(id) => !program.types.adt(*id).is_struct,
            _ => {
                let slot = ir.alloca(value.get_type(), "value");
                ir.store(value, slot, Class::Any);
                let desc = self.type_desc(ty);
                self.call(ir, by, &[ctx, slot.into(), desc.into()]);
                ir.ret(None);
                return;
            }
        };
        let layout = self.layouts.of(ty);
        let visit = |cx: &mut Self, fields: &[Field]| {
            for field in fields.iter().filter(|f| program.types.needs_drop(f.ty)) {
                let Some(index) = field.index else { continue };
                let part = ir.extract(value, index, "");
                let ctx = ctx.into_pointer_value();
                if by == "orion_retain" {
                    cx.emit_retain(ir, ctx, field.ty, part);
                } else {
                    cx.emit_drop(ir, ctx, field.ty, part);
                }
            }
        };
        if !is_sum {
            for fields in &layout.variants {
                visit(self, fields);
            }
            ir.ret(None);
            return;
        }
        let tag = ir.extract(value, 0, "tag").into_int_value();
        let done = ir.block("done");
        let switch = ir.b.get_insert_block().expect("set");
        let mut cases = Vec::new();
        for (v, fields) in layout.variants.iter().enumerate() {
            if fields.iter().any(|f| program.types.needs_drop(f.ty)) {
                let block = ir.block("variant");
                cases.push((ir.int32(v as u32), block));
                ir.at(block);
                visit(self, fields);
                ir.br(done);
            }
        }
        ir.at(switch);
        ir.switch(tag, done, &cases);
        ir.at(done);
        ir.ret(None);
    }

    fn emit_decrement(
        &mut self,
        ir: &Ir<'c>,
        function: FunctionValue<'c>,
        ty: Ty,
        object: PointerValue<'c>,
        odd: Odd,
    ) {
        let ctx = function.get_nth_param(0).expect("(ctx, value)");
        let (plain, rare, done) = (ir.block("plain"), ir.block("rare"), ir.block("done"));
        skip_odd(ir, object, odd, done);
        let count = ir.load_count(object);
        let more = ir.icmp(IntPredicate::SGT, count, ir.int(1), "more");
        let is_plain = ir.both(more, is_alone(ir, ctx.into_pointer_value()));
        ir.cond(is_plain, plain, rare);
        ir.at(plain);
        let less = ir.b.build_int_nsw_sub(count, ir.int(1), "").expect("integers");
        ir.store(less, object, Class::Head);
        ir.br(done);
        ir.at(rare);
        if let Some(bytes) = self.plain_element_bytes(ty) {
            let free = self.free_fn(bytes);
            ir.call(free, &[ctx, object.into()], "");
        } else {
            let slow = self.drop_slow();
            let desc = self.type_desc(ty);
            ir.call(slow, &[ctx, object.into(), desc.into()], "");
        }
        ir.br(done);
        ir.at(done);
        ir.ret(None);
    }

    /// `(object) -> 1` when it was the last count: the count is one again then, and nobody else's.
    fn less_fn(&mut self) -> FunctionValue<'c> {
        let ty = fn_type(&self.t, Some(self.t.i32.into()), &[self.t.ptr.into()]);
        self.helper("count.less.atomic".to_owned(), ty, |cx, ir, function| {
            cx.enum_attribute(function, "noinline");
            cx.enum_attribute(function, "cold");
            let [object] = params(function);
            let object = object.into_pointer_value();
            let (last, others) = (ir.block("last"), ir.block("others"));
            let before = ir.add_atomically(object, -1);
            let one = ir.icmp(IntPredicate::EQ, before, ir.int(1), "one");
            ir.cond(one, last, others);
            ir.at(last);
            ir.store(ir.int(1), object, Class::Head);
            ir.ret(Some(ir.int32(1).into()));
            ir.at(others);
            ir.ret(Some(ir.int32(0).into()));
        })
    }

    /// Takes one count off, and returns from the helper unless it was the last.
    fn return_unless_last(&mut self, ir: &Ir<'c>, object: PointerValue<'c>) {
        let [last, rest, shared, others] =
            ["last", "rest", "shared", "others"].map(|name| ir.block(name));
        let count = ir.load_count(object);
        let one = ir.icmp(IntPredicate::EQ, count, ir.int(1), "one");
        ir.cond(one, last, rest);
        ir.at(rest);
        let immortal = ir.icmp(IntPredicate::SLT, count, ir.int(0), "immortal");
        ir.cond(immortal, others, shared);
        ir.at(shared);
        let less = self.less_fn();
        let was_last = ir.call(less, &[object.into()], "last").expect("a condition");
        let none = self.t.i32.const_zero();
        let was_last = ir.icmp(IntPredicate::NE, was_last.into_int_value(), none, "");
        ir.cond(was_last, last, others);
        ir.at(others);
        ir.ret(None);
        ir.at(last);
    }

    /// `(object)`: one count more, whoever else counts meanwhile; immortal objects are left alone.
    fn more_fn(&mut self) -> FunctionValue<'c> {
        let ty = fn_type(&self.t, None, &[self.t.ptr.into()]);
        self.helper("count.more".to_owned(), ty, |cx, ir, function| {
            cx.enum_attribute(function, "noinline");
            let [object] = params(function);
            let object = object.into_pointer_value();
            let (mortal, done) = (ir.block("mortal"), ir.block("done"));
            let count = ir.load_count(object);
            let immortal = ir.icmp(IntPredicate::SLT, count, ir.int(0), "immortal");
            ir.cond(immortal, done, mortal);
            ir.at(mortal);
            ir.add_atomically(object, 1);
            ir.br(done);
            ir.at(done);
            ir.ret(None);
        })
    }

    fn emit_increment(
        &mut self,
        ir: &Ir<'c>,
        function: FunctionValue<'c>,
        object: PointerValue<'c>,
        odd: Odd,
    ) {
        let ctx = function.get_nth_param(0).expect("(ctx, value)").into_pointer_value();
        let (plain, rare, done) = (ir.block("plain"), ir.block("rare"), ir.block("done"));
        skip_odd(ir, object, odd, done);
        let count = ir.load_count(object);
        let mortal = ir.icmp(IntPredicate::SGE, count, ir.int(0), "mortal");
        let is_plain = ir.both(mortal, is_alone(ir, ctx));
        ir.cond(is_plain, plain, rare);
        ir.at(rare);
        let more = self.more_fn();
        ir.call(more, &[object.into()], "");
        ir.br(done);
        ir.at(plain);
        let more = ir.b.build_int_nsw_add(count, ir.int(1), "").expect("integers");
        ir.store(more, object, Class::Head);
        ir.br(done);
        ir.at(done);
        ir.ret(None);
    }

    /// Element size of strings and of lists whose elements own nothing.
    fn plain_element_bytes(&mut self, ty: Ty) -> Option<u64> {
        match self.program.types.kind(ty) {
            TyKind::Str => Some(1),
            TyKind::List(elem) if !self.program.types.needs_drop(*elem) => {
                Some(self.layouts.of(*elem).size)
            }
            _ => None,
        }
    }

    /// `(ctx, object)`: one owner less of a string or list of elements of so many bytes that own nothing; the last one frees it.
    fn free_fn(&mut self, element_bytes: u64) -> FunctionValue<'c> {
        let ptr = self.t.ptr.into();
        let ty = fn_type(&self.t, None, &[ptr, ptr]);
        self.helper(format!("free.{element_bytes}"), ty, |cx, ir, function| {
            cx.enum_attribute(function, "noinline");
            let [ctx, object] = params(function);
            cx.return_unless_last(ir, object.into_pointer_value());
            let cap =
                ir.offset(object.into_pointer_value(), offset_of!(ListObject, cap) as u64, "");
            let cap = ir.load_int(cap, Class::Head, "cap");
            let builder = &ir.b;
            let bytes = builder.build_int_nsw_mul(cap, ir.int(element_bytes), "");
            let bytes = bytes.expect("integers");
            let head = ir.int(size_of::<ListObject>() as u64);
            let bytes = builder.build_int_nsw_add(bytes, head, "").expect("integers");
            cx.call(ir, "orion_free", &[ctx, object, bytes.into()]);
            ir.ret(None);
        })
    }

    /// `(ctx, object, type)`: one owner less; the last one drops it. Never inlined: it hands out the address of a local.
    fn drop_slow(&mut self) -> FunctionValue<'c> {
        let ptr = self.t.ptr.into();
        let ty = fn_type(&self.t, None, &[ptr, ptr, ptr]);
        self.helper("drop.last".to_owned(), ty, |cx, ir, function| {
            cx.enum_attribute(function, "noinline");
            let [ctx, object, desc] = params(function);
            let slot = ir.alloca(cx.t.ptr, "value");
            cx.return_unless_last(ir, object.into_pointer_value());
            ir.store(object, slot, Class::Any);
            cx.call(ir, "orion_drop", &[ctx, slot.into(), desc]);
            ir.ret(None);
        })
    }

    /// `(ctx, list or boxed) -> the same, unshared`.
    pub fn unique_fn(&mut self, ty: Ty) -> FunctionValue<'c> {
        let ptr = self.t.ptr.into();
        let fn_ty = fn_type(&self.t, Some(ptr), &[ptr, ptr]);
        let name = format!("unique.{}", self.program.types.display(ty));
        self.helper(name, fn_ty, |cx, ir, function| {
            let [ctx, value] = params(function);
            let object = value.into_pointer_value();
            let (unshared, shared) = (ir.block("unshared"), ir.block("shared"));
            if cx.layouts.is_boxed(ty) {
                skip_odd(ir, object, Odd::Word, unshared);
            }
            let count = ir.load_count(object);
            let one = ir.icmp(IntPredicate::EQ, count, ir.int(1), "one");
            ir.likely(one, unshared, shared);
            ir.at(shared);
            let copy = match cx.program.types.kind(ty) {
                TyKind::List(elem) => {
                    let elem = cx.type_desc(*elem);
                    let none = ir.int(0).into();
                    cx.call(ir, "orion_list_reserve", &[ctx, value, none, elem.into()])
                }
                _ => {
                    let desc = cx.type_desc(ty);
                    cx.call(ir, "orion_boxed_unique", &[ctx, value, desc.into()])
                }
            };
            ir.ret(copy);
            ir.at(unshared);
            ir.ret(Some(value));
        })
    }

    /// `(ctx, list, element) -> list`; the list alone where elements have no bytes.
    pub fn push_fn(&mut self, list: Ty, elem: Ty) -> FunctionValue<'c> {
        let ptr = self.t.ptr.into();
        let mut inputs = vec![ptr, ptr];
        let llvm = self.layouts.llvm(elem);
        inputs.extend(llvm);
        let fn_ty = fn_type(&self.t, Some(ptr), &inputs);
        let name = format!("push.{}", self.program.types.display(list));
        self.helper(name, fn_ty, |cx, ir, function| {
            let [ctx, list] = params(function);
            let object = list.into_pointer_value();
            let (owned, full, append) = (ir.block("owned"), ir.block("full"), ir.block("append"));
            let count = ir.load_count(object);
            let one = ir.icmp(IntPredicate::EQ, count, ir.int(1), "one");
            ir.likely(one, owned, full);
            ir.at(owned);
            let len = ir.load_int(len_of(ir, object), Class::Head, "len");
            let cap_ptr = ir.offset(object, offset_of!(ListObject, cap) as u64, "");
            let cap = ir.load_int(cap_ptr, Class::Head, "cap");
            let room = ir.icmp(IntPredicate::SLT, len, cap, "room");
            ir.likely(room, append, full);
            ir.at(full);
            let desc = cx.type_desc(elem);
            let more = ir.int(1).into();
            let grown = cx
                .call(ir, "orion_list_reserve", &[ctx, list, more, desc.into()])
                .expect("it gives the list");
            ir.br(append);
            ir.at(append);
            let phi = ir.b.build_phi(cx.t.ptr, "list").expect("pointers");
            phi.add_incoming(&[(&list, owned), (&grown, full)]);
            let object = phi.as_basic_value().into_pointer_value();
            let len_ptr = len_of(ir, object);
            let len = ir.load_int(len_ptr, Class::Head, "len");
            if let Some(llvm) = llvm {
                let value = function.get_nth_param(2).expect("(ctx, list, element)");
                let at = ir.element(llvm, elements_of(ir, object), len, "at");
                ir.store(value, at, Class::Payload);
            }
            let longer = ir.b.build_int_nsw_add(len, ir.int(1), "").expect("integers");
            ir.store(longer, len_ptr, Class::Head);
            ir.ret(Some(object.into()));
        })
    }

    /// `(ctx, str, str) -> 0 or 1`: most differ in length, or are the same object.
    pub fn str_equal_fn(&mut self) -> FunctionValue<'c> {
        let (ptr, i32) = (self.t.ptr.into(), self.t.i32.into());
        let ty = fn_type(&self.t, Some(i32), &[ptr, ptr, ptr]);
        self.helper("str.equal".to_owned(), ty, |cx, ir, function| {
            let [ctx, a, b] = params(function);
            let (left, right) = (a.into_pointer_value(), b.into_pointer_value());
            let (differ, maybe) = (ir.block("differ"), ir.block("maybe"));
            let a_len = ir.load_int(len_of(ir, left), Class::Head, "len");
            let b_len = ir.load_int(len_of(ir, right), Class::Head, "len");
            let equal = ir.icmp(IntPredicate::EQ, a_len, b_len, "");
            ir.cond(equal, maybe, differ);
            ir.at(differ);
            ir.ret(Some(ir.int32(0).into()));
            ir.at(maybe);
            let result = cx.call(ir, "orion_str_equal", &[ctx, a, b]);
            ir.ret(result);
        })
    }

    /// `(boxed) -> tag`.
    pub fn tag_fn(&mut self, id: AdtId) -> FunctionValue<'c> {
        let def = self.program.types.adt(id);
        // Where no variant is an odd word, the object always has a tag.
        let all_objects = def.variants.iter().all(|v| !v.fields.is_empty());
        let name = if all_objects { "tag.object" } else { "tag.boxed" };
        let fn_ty = fn_type(&self.t, Some(self.t.i32.into()), &[self.t.ptr.into()]);
        self.helper(name.to_owned(), fn_ty, |cx, ir, function| {
            let [value] = params(function);
            let object = value.into_pointer_value();
            let word = ir.block("word");
            if !all_objects {
                skip_odd(ir, object, Odd::Word, word);
            }
            let at = ir.offset(object, offset_of!(BoxedObject, tag) as u64, "");
            let tag = ir.load_int(at, Class::Head, "tag");
            ir.ret(Some(ir.resize(tag, cx.t.i32, false).into()));
            ir.at(word);
            let bits = ir.address(object);
            let tag = ir.b.build_right_shift(bits, ir.int(1), false, "").expect("integers");
            ir.ret(Some(ir.resize(tag, cx.t.i32, false).into()));
        })
    }

    /// `(args…) -> {value, status}` around a function of the runtime that writes a value of `llvm` through its last parameter.
    /// With `by_address`, the parameter of that number and type is handed over by address, too.
    pub fn out_fn(
        &mut self,
        symbol: &'static str,
        name: &str,
        llvm: BasicTypeEnum<'c>,
        inputs: &[BasicTypeEnum<'c>],
    ) -> FunctionValue<'c> {
        let ret = self.t.context.struct_type(&[llvm, self.t.i32.into()], false);
        let fn_ty = fn_type(&self.t, Some(ret.into()), inputs);
        self.helper(format!("{symbol}.{name}"), fn_ty, |cx, ir, function| {
            let out = ir.alloca(llvm, "out");
            let mut args: Vec<Value<'c>> = function.get_params();
            args.push(out.into());
            let status = cx.call(ir, symbol, &args).expect("it gives a status");
            let value = ir.load(llvm, out, Class::Any, "value");
            let both = ir.aggregate(poison(ret), &[(0, value), (1, status)]);
            ir.ret(Some(both.into()));
        })
    }

    /// `(ctx, a, value, b…) -> result` around a function of the runtime that takes the value at position `at` by address.
    pub fn by_address_fn(
        &mut self,
        symbol: &'static str,
        name: &str,
        at: usize,
        inputs: &[BasicTypeEnum<'c>],
        ret: BasicTypeEnum<'c>,
    ) -> FunctionValue<'c> {
        let fn_ty = fn_type(&self.t, Some(ret), inputs);
        self.helper(format!("{symbol}.{name}"), fn_ty, |cx, ir, function| {
            let mut args: Vec<Value<'c>> = function.get_params();
            let slot = ir.alloca(args[at].get_type(), "value");
            ir.store(args[at], slot, Class::Any);
            args[at] = slot.into();
            let result = cx.call(ir, symbol, &args);
            ir.ret(result);
        })
    }
}

impl<'c> Cx<'c, '_> {
    /// `(ctx, channel and sent value of each arm…) -> {outcome, received values…}`: the attempt of a `select` of this shape. An arm is its kind and the
    /// type of its value.
    pub fn select_fn(
        &mut self,
        name: String,
        inputs: &[BasicTypeEnum<'c>],
        outputs: &[BasicTypeEnum<'c>],
        arms: &[(u32, Option<BasicTypeEnum<'c>>)],
        has_default: bool,
    ) -> FunctionValue<'c> {
        let ret = match outputs {
            [only] => *only,
            _ => self.t.context.struct_type(outputs, false).into(),
        };
        let fn_ty = fn_type(&self.t, Some(ret), inputs);
        self.helper(name, fn_ty, |cx, ir, function| {
            let mut args = function.get_params().into_iter();
            let ctx = args.next().expect("ctx");
            let words = (arms.len() * size_of::<SelectArm>() / 8) as u32;
            let array = ir.alloca(cx.t.i64.array_type(words), "arms");
            let slots: Vec<_> =
                arms.iter().map(|arm| arm.1.map(|llvm| ir.alloca(llvm, "value"))).collect();
            for (index, (&(kind, llvm), slot)) in arms.iter().zip(&slots).enumerate() {
                let chan = args.next().expect("a channel per arm");
                if let (ARM_SEND, Some(slot), true) = (kind, slot, llvm.is_some()) {
                    ir.store(args.next().expect("a sent value"), *slot, Class::Any);
                }
                let at = |offset: usize| {
                    ir.offset(array, (index * size_of::<SelectArm>() + offset) as u64, "")
                };
                let value = slot.unwrap_or(cx.t.ptr.const_null());
                ir.store(chan, at(offset_of!(SelectArm, chan)), Class::Any);
                ir.store(value, at(offset_of!(SelectArm, value)), Class::Any);
                ir.store(ir.int32(kind), at(offset_of!(SelectArm, kind)), Class::Any);
                ir.store(ir.int32(0), at(offset_of!(SelectArm, pad)), Class::Any);
            }
            let count = ir.int(arms.len() as u64).into();
            let default = ir.int32(has_default.into()).into();
            let args = [ctx, array.into(), count, default];
            let outcome = cx.call(ir, "orion_try_select", &args).expect("an outcome");
            let BasicTypeEnum::StructType(all) = ret else {
                ir.ret(Some(outcome));
                return;
            };
            let mut fields = vec![(0, outcome)];
            for (&(kind, llvm), slot) in arms.iter().zip(&slots) {
                if let (ARM_RECV, Some(llvm), Some(slot)) = (kind, llvm, slot) {
                    fields.push((fields.len() as u32, ir.load(llvm, *slot, Class::Any, "value")));
                }
            }
            ir.ret(Some(ir.aggregate(poison(all), &fields).into()));
        })
    }
}

/// The parameters of a helper.
pub fn params<'c, const N: usize>(function: FunctionValue<'c>) -> [Value<'c>; N] {
    std::array::from_fn(|i| function.get_nth_param(i as u32).expect("as declared"))
}

/// Address of a list's or string's length.
pub fn len_of<'c>(ir: &Ir<'c>, object: PointerValue<'c>) -> PointerValue<'c> {
    ir.offset(object, offset_of!(ListObject, len) as u64, "")
}

/// Address of a list's first element, or a string's first byte.
pub fn elements_of<'c>(ir: &Ir<'c>, object: PointerValue<'c>) -> PointerValue<'c> {
    ir.offset(object, size_of::<ListObject>() as u64, "")
}

/// Goes to `skip` when the pointer is none, and on in a new block when it is an object.
fn skip_odd<'c>(ir: &Ir<'c>, object: PointerValue<'c>, odd: Odd, skip: BasicBlock<'c>) {
    let none: IntValue<'c> = match odd {
        Odd::Never => return,
        Odd::Null => ir.b.build_is_null(object, "null").expect("a pointer"),
        Odd::Word => {
            let bits = ir.address(object);
            let bit = ir.b.build_and(bits, ir.int(1), "").expect("integers");
            ir.icmp(IntPredicate::NE, bit, ir.int(0), "word")
        }
    };
    let go_on = ir.block("object");
    ir.cond(none, skip, go_on);
    ir.at(go_on);
}

/// Whether one worker runs, and nothing is forced.
fn is_alone<'c>(ir: &Ir<'c>, ctx: PointerValue<'c>) -> IntValue<'c> {
    let at = ir.offset(ctx, offset_of!(Ctx, force) as u64, "");
    let force = ir.load_constant(at, "force");
    ir.icmp(IntPredicate::EQ, force, ir.int(0), "alone")
}
