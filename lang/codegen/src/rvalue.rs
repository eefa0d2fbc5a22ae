//! Computing: arithmetic, conversions, construction.
//!
//! Input: an [`Rvalue`] and the type that it is to have. Output: the instructions, and the value.
//!
//! Integer arithmetic wraps (checks are MIR of their own); floats are strictly IEEE 754: no fast-math flag is ever set. Cells of a sum that its variant
//! does not use are zero.

use inkwell::types::BasicTypeEnum;
use inkwell::values::{FloatValue, IntValue, PointerValue};
use inkwell::{FloatPredicate, IntPredicate};
use orion_abi::ClosureObject;
use orion_abi::object::BoxedObject;
use orion_mir::{BinOp, BodyId, BodyKind, Operand, Rvalue, Ty, TyKind, UnOp};
use std::mem::offset_of;

use crate::Error;
use crate::body::Emitter;
use crate::glue::{elements_of, len_of};
use crate::ir::{Class, Value};
use crate::layout::Field;
use crate::value::is_signed;

impl<'c, 'p> Emitter<'_, 'c, 'p> {
    /// Computes; none without bytes.
    pub fn emit_rvalue(&mut self, rvalue: &'p Rvalue, ty: Ty) -> Result<Option<Value<'c>>, Error> {
        Ok(match rvalue {
            Rvalue::Use(operand) => self.operand(operand),
            Rvalue::Binary(op, a, b) => Some(self.binary(*op, a, b)?),
            Rvalue::Checked(op, a, b) => Some(self.checked(*op, a, b, ty)?),
            Rvalue::Unary(op, a) => Some(self.unary(*op, a)),
            Rvalue::Cast(a, to) => Some(self.cast(a, *to)),
            Rvalue::Tuple(operands) => {
                let values: Vec<_> = operands.iter().map(|o| self.operand(o)).collect();
                let layout = self.cx.layouts.of(ty);
                self.in_place(layout.llvm, layout.variants.first(), &values, None)
            }
            Rvalue::Variant(ty, variant, operands) => self.variant(*ty, *variant, operands),
            Rvalue::List(_, operands) => Some(self.list(ty, operands)),
            Rvalue::Closure(body, _, operands) => Some(self.closure(*body, operands)),
            Rvalue::Generator(body, _, operands) => Some(self.generator(*body, operands)?),
            Rvalue::Tag(place) => {
                let ty = self.place_ty(place);
                let TyKind::Adt(id) = self.cx.program.types.kind(ty) else {
                    return Err(self.error("a tag is read of what has none"));
                };
                let value = self.read(place).expect("sums have a tag");
                if self.cx.layouts.is_boxed(ty) {
                    let tag = self.cx.tag_fn(*id);
                    self.ir.call_inlinable(tag, &[value], "tag")
                } else {
                    Some(self.ir.extract(value, 0, "tag"))
                }
            }
            Rvalue::Len(place) => {
                let list = self.read(place).expect("lists have bytes").into_pointer_value();
                Some(self.ir.load_int(len_of(&self.ir, list), Class::Head, "len").into())
            }
            Rvalue::Take(place) => {
                let value = self.read(place);
                let dummy = self.cx.dummy(ty);
                if let (Some(dummy), Some((at, class))) = (dummy, self.address(place)) {
                    self.ir.store(dummy, at, class);
                }
                value
            }
            Rvalue::Intrinsic(op, operands) => self.intrinsic_value(*op, operands, ty)?,
        })
    }

    /// A first-class struct from its fields' values.
    fn in_place(
        &mut self,
        llvm: Option<BasicTypeEnum<'c>>,
        fields: Option<&Vec<Field>>,
        values: &[Option<Value<'c>>],
        tag: Option<u32>,
    ) -> Option<Value<'c>> {
        let BasicTypeEnum::StructType(llvm) = llvm? else { return None };
        let mut parts: Vec<(u32, Value<'c>)> = Vec::new();
        parts.extend(tag.map(|tag| (0, self.ir.int32(tag).into())));
        for (field, value) in fields.into_iter().flatten().zip(values) {
            parts.extend(field.index.zip(*value));
        }
        Some(self.ir.aggregate(llvm.const_zero(), &parts).into())
    }

    fn variant(&mut self, ty: Ty, variant: u32, operands: &'p [Operand]) -> Option<Value<'c>> {
        let program = self.cx.program;
        let TyKind::Adt(id) = program.types.kind(ty) else { return None };
        let def = program.types.adt(*id);
        let values: Vec<_> = operands.iter().map(|o| self.operand(o)).collect();
        if !def.boxed {
            let layout = self.cx.layouts.of(ty);
            let tag = (!def.is_struct).then_some(variant);
            return self.in_place(layout.llvm, layout.variants.get(variant as usize), &values, tag);
        }
        if operands.is_empty() && !def.is_struct {
            return Some(self.cx.odd_word(variant));
        }
        let objects = self.cx.layouts.objects(*id);
        let placed = &objects[variant as usize];
        let object = self.alloc(placed.size);
        let tag = self.ir.offset(object, offset_of!(BoxedObject, tag) as u64, "");
        self.ir.store(self.ir.int(variant.into()), tag, Class::Head);
        self.fill(object, &placed.fields, &values);
        Some(object.into())
    }

    /// A new object with a count of one.
    fn alloc(&mut self, bytes: u64) -> PointerValue<'c> {
        let size = self.ir.int(bytes).into();
        let object = self.runtime("orion_alloc", &[size]).expect("memory").into_pointer_value();
        self.ir.store(self.ir.int(1), object, Class::Head);
        object
    }

    fn fill(&mut self, object: PointerValue<'c>, fields: &[Field], values: &[Option<Value<'c>>]) {
        for (field, value) in fields.iter().zip(values) {
            if let Some(value) = value {
                let at = self.ir.offset(object, field.offset, "");
                self.ir.store(*value, at, Class::Payload);
            }
        }
    }

    fn list(&mut self, ty: Ty, operands: &'p [Operand]) -> Value<'c> {
        let values: Vec<_> = operands.iter().map(|o| self.operand(o)).collect();
        if operands.is_empty() {
            return self.cx.empty().into();
        }
        let TyKind::List(elem) = self.cx.program.types.kind(ty) else {
            unreachable!("the MIR's verifier: a list goes to a list")
        };
        let desc = self.cx.type_desc(*elem).into();
        let count = self.ir.int(operands.len() as u64);
        let list = self.runtime("orion_list_new", &[count.into(), desc]).expect("a list");
        let object = list.into_pointer_value();
        let elements = elements_of(&self.ir, object);
        if let Some((constant, bytes)) = self.constant_elements(operands, &values) {
            let copy = self.ir.b.build_memcpy(elements, 8, constant, 8, self.ir.int(bytes));
            copy.expect("alignments are powers of two");
            self.ir.store(count, len_of(&self.ir, object), Class::Head);
            return list;
        }
        for (index, value) in values.into_iter().enumerate() {
            if let Some(value) = value {
                let index = self.ir.int(index as u64);
                let at = self.ir.element(value.get_type(), elements, index, "");
                self.ir.store(value, at, Class::Payload);
            }
        }
        self.ir.store(count, len_of(&self.ir, object), Class::Head);
        list
    }

    /// Many constants, which are copied rather than stored one by one: their address in the image, and their bytes.
    fn constant_elements(
        &mut self,
        operands: &[Operand],
        values: &[Option<Value<'c>>],
    ) -> Option<(PointerValue<'c>, u64)> {
        let all_constant = operands.iter().all(|o| matches!(o, Operand::Const(_)));
        if !all_constant || values.len() < STORED_CONSTANTS_MAX {
            return None;
        }
        let values: Vec<Value<'c>> = values.iter().copied().collect::<Option<_>>()?;
        let (array, bytes) = match values.first()? {
            Value::IntValue(first) => {
                let ty = first.get_type();
                let ints: Vec<_> = values.iter().map(|v| v.into_int_value()).collect();
                (ty.const_array(&ints), ty.get_bit_width() / 8)
            }
            Value::FloatValue(first) => {
                let ty = first.get_type();
                let floats: Vec<_> = values.iter().map(|v| v.into_float_value()).collect();
                let bytes = if ty == self.cx.t.context.f32_type() { 4 } else { 8 };
                (ty.const_array(&floats), bytes)
            }
            Value::PointerValue(first) => {
                let pointers: Vec<_> = values.iter().map(|v| v.into_pointer_value()).collect();
                (first.get_type().const_array(&pointers), 8)
            }
            _ => return None,
        };
        let global = self.cx.constant("elements", array);
        Some((global.as_pointer_value(), u64::from(bytes) * values.len() as u64))
    }

    fn closure(&mut self, body: BodyId, operands: &'p [Operand]) -> Value<'c> {
        let program = self.cx.program;
        let captures = match &program.body(body).kind {
            BodyKind::Closure { captures } if !captures.is_empty() => captures,
            _ => return self.cx.function_object(body).into(),
        };
        let values: Vec<_> = operands.iter().map(|o| self.operand(o)).collect();
        let placed = self.cx.layouts.closure(captures);
        let desc = self.cx.closure_desc(body);
        let object = self.alloc(placed.size);
        let at = self.ir.offset(object, offset_of!(ClosureObject, desc) as u64, "");
        self.ir.store(desc, at, Class::Head);
        self.fill(object, &placed.fields, &values);
        object.into()
    }

    /// Direct body of the function value.
    pub fn closure_code(&mut self, closure: PointerValue<'c>) -> PointerValue<'c> {
        let at = self.ir.offset(closure, offset_of!(ClosureObject, desc) as u64, "");
        let desc = self.ir.load_ptr(at, Class::Head, "desc");
        let at = self.ir.offset(desc, offset_of!(orion_abi::ClosureDesc, code) as u64, "");
        self.ir.load_ptr(at, Class::Head, "code")
    }

    fn binary(&mut self, op: BinOp, a: &'p Operand, b: &'p Operand) -> Result<Value<'c>, Error> {
        let kind = self.operand_kind(a);
        let (left, right) = (self.operand(a), self.operand(b));
        let (Some(left), Some(right)) = (left, right) else {
            // Units are equal.
            let equal = matches!(op, BinOp::Eq | BinOp::Le | BinOp::Ge);
            return Ok(self.cx.t.i8.const_int(equal.into(), false).into());
        };
        match (left, right) {
            (Value::FloatValue(a), Value::FloatValue(b)) => Ok(self.float_binary(op, a, b)),
            (Value::PointerValue(a), Value::PointerValue(b)) => {
                let (a, b) = (self.ir.address(a), self.ir.address(b));
                Ok(self.int_binary(op, a, b, false))
            }
            (Value::IntValue(a), Value::IntValue(b)) => {
                Ok(self.int_binary(op, a, b, is_signed(&kind)))
            }
            _ => Err(self.error("an operator has operands of two kinds")),
        }
    }

    fn int_binary(
        &mut self,
        op: BinOp,
        a: IntValue<'c>,
        b: IntValue<'c>,
        signed: bool,
    ) -> Value<'c> {
        let builder = &self.ir.b;
        // Shift counts have a type of their own.
        let count = || self.ir.resize(b, a.get_type(), false);
        let value = match op {
            BinOp::Add => builder.build_int_add(a, b, ""),
            BinOp::Sub => builder.build_int_sub(a, b, ""),
            BinOp::Mul => builder.build_int_mul(a, b, ""),
            BinOp::Div if signed => builder.build_int_signed_div(a, b, ""),
            BinOp::Div => builder.build_int_unsigned_div(a, b, ""),
            BinOp::Rem if signed => builder.build_int_signed_rem(a, b, ""),
            BinOp::Rem => builder.build_int_unsigned_rem(a, b, ""),
            BinOp::And => builder.build_and(a, b, ""),
            BinOp::Or => builder.build_or(a, b, ""),
            BinOp::Xor => builder.build_xor(a, b, ""),
            BinOp::Shl => builder.build_left_shift(a, count(), ""),
            BinOp::Shr => builder.build_right_shift(a, count(), signed, ""),
            BinOp::Eq | BinOp::Ne | BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge => {
                let cond = self.ir.icmp(int_predicate(op, signed), a, b, "");
                return self.ir.bool_of(cond).into();
            }
        };
        value.expect("two integers of one type").into()
    }

    fn float_binary(&mut self, op: BinOp, a: FloatValue<'c>, b: FloatValue<'c>) -> Value<'c> {
        let builder = &self.ir.b;
        let value = match op {
            BinOp::Add => builder.build_float_add(a, b, ""),
            BinOp::Sub => builder.build_float_sub(a, b, ""),
            BinOp::Mul => builder.build_float_mul(a, b, ""),
            BinOp::Div => builder.build_float_div(a, b, ""),
            BinOp::Rem => builder.build_float_rem(a, b, ""),
            _ => {
                let predicate = match op {
                    BinOp::Eq => FloatPredicate::OEQ,
                    BinOp::Ne => FloatPredicate::UNE,
                    BinOp::Lt => FloatPredicate::OLT,
                    BinOp::Le => FloatPredicate::OLE,
                    BinOp::Gt => FloatPredicate::OGT,
                    _ => FloatPredicate::OGE,
                };
                let cond = builder.build_float_compare(predicate, a, b, "").expect("two floats");
                return self.ir.bool_of(cond).into();
            }
        };
        value.expect("two floats of one type").into()
    }

    fn checked(
        &mut self,
        op: BinOp,
        a: &'p Operand,
        b: &'p Operand,
        ty: Ty,
    ) -> Result<Value<'c>, Error> {
        let signed = is_signed(&self.operand_kind(a));
        let (a, b) = (self.operand_int(a), self.operand_int(b));
        let name = match (op, signed) {
            (BinOp::Add, true) => "llvm.sadd.with.overflow",
            (BinOp::Add, false) => "llvm.uadd.with.overflow",
            (BinOp::Sub, true) => "llvm.ssub.with.overflow",
            (BinOp::Sub, false) => "llvm.usub.with.overflow",
            (BinOp::Mul, true) => "llvm.smul.with.overflow",
            (BinOp::Mul, false) => "llvm.umul.with.overflow",
            _ => return Err(self.error("only `+ - *` are checked with their result")),
        };
        let int = a.get_type().into();
        let both = self
            .ir
            .intrinsic(&self.cx.module, name, &[int], &[a.into(), b.into()])
            .expect("a pair");
        let value = self.ir.extract(both, 0, "");
        let overflow = self.ir.extract(both, 1, "overflow").into_int_value();
        let overflow = self.ir.bool_of(overflow).into();
        let layout = self.cx.layouts.of(ty);
        let values = [Some(value), Some(overflow)];
        self.in_place(layout.llvm, layout.variants.first(), &values, None)
            .ok_or_else(|| self.error("a checked result is no pair"))
    }

    fn unary(&mut self, op: UnOp, a: &'p Operand) -> Value<'c> {
        let is_bool = self.operand_kind(a) == TyKind::Bool;
        let value = self.operand(a).expect("scalars have bytes");
        let builder = &self.ir.b;
        match (op, value) {
            (UnOp::Neg, Value::FloatValue(value)) => {
                builder.build_float_neg(value, "").expect("a float").into()
            }
            (UnOp::Neg, value) => {
                builder.build_int_neg(value.into_int_value(), "").expect("an integer").into()
            }
            (UnOp::Not, value) if is_bool => {
                let one = self.cx.t.i8.const_int(1, false);
                builder.build_xor(value.into_int_value(), one, "").expect("bytes").into()
            }
            (UnOp::Not, value) => {
                builder.build_not(value.into_int_value(), "").expect("an integer").into()
            }
        }
    }

    fn cast(&mut self, a: &'p Operand, to: Ty) -> Value<'c> {
        let from = self.operand_kind(a);
        let to_kind = self.cx.program.types.kind(to).clone();
        let llvm = self.cx.layouts.llvm(to).expect("scalars have bytes");
        let value = self.operand(a).expect("scalars have bytes");
        let builder = &self.ir.b;
        match (value, llvm) {
            (Value::IntValue(value), BasicTypeEnum::IntType(ty)) => {
                if to_kind == TyKind::Bool && from != TyKind::Bool {
                    let cond = self.ir.cond_of(value);
                    return self.ir.bool_of(cond).into();
                }
                self.ir.resize(value, ty, is_signed(&from)).into()
            }
            (Value::IntValue(value), BasicTypeEnum::FloatType(ty)) => {
                let result = if is_signed(&from) {
                    builder.build_signed_int_to_float(value, ty, "")
                } else {
                    builder.build_unsigned_int_to_float(value, ty, "")
                };
                result.expect("an integer").into()
            }
            (Value::FloatValue(value), BasicTypeEnum::IntType(ty)) => {
                let result = if is_signed(&to_kind) {
                    builder.build_float_to_signed_int(value, ty, "")
                } else {
                    builder.build_float_to_unsigned_int(value, ty, "")
                };
                result.expect("a float").into()
            }
            (Value::FloatValue(value), BasicTypeEnum::FloatType(ty)) => {
                builder.build_float_cast(value, ty, "").expect("a float").into()
            }
            (value, _) => value,
        }
    }
}

/// As many constant elements of a list are stored one by one; from there on a copy of all is smaller.
const STORED_CONSTANTS_MAX: usize = 8;

fn int_predicate(op: BinOp, signed: bool) -> IntPredicate {
    match (op, signed) {
        (BinOp::Eq, _) => IntPredicate::EQ,
        (BinOp::Ne, _) => IntPredicate::NE,
        (BinOp::Lt, true) => IntPredicate::SLT,
        (BinOp::Lt, false) => IntPredicate::ULT,
        (BinOp::Le, true) => IntPredicate::SLE,
        (BinOp::Le, false) => IntPredicate::ULE,
        (BinOp::Gt, true) => IntPredicate::SGT,
        (BinOp::Gt, false) => IntPredicate::UGT,
        (_, true) => IntPredicate::SGE,
        (_, false) => IntPredicate::UGE,
    }
}
