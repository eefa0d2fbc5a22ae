//! Runtime operations, C functions and what is computed inline.
//!
//! Input: an [`Intrinsic`] with its operands. Output: by the general rule of `orion_mir::intrinsic`, the call
//! `(ctx, operands…[, element type][, site, out]) -> result`, each operand brought to the machine type of the ABI's table; or instructions.

use inkwell::IntPredicate;
use inkwell::attributes::{Attribute, AttributeLoc};
use inkwell::basic_block::BasicBlock;
use inkwell::types::BasicTypeEnum;
use inkwell::values::IntValue;
use orion_abi::symbols::{AbiType, FUNCTIONS};
use orion_mir::{Body, Intrinsic, Loc, Local, Operand, Ty, TyKind};

use crate::Error;
use crate::body::Emitter;
use crate::glue::{elements_of, len_of};
use crate::ir::{Class, Value, fn_type};
use crate::value::is_signed;

impl<'c, 'p> Emitter<'_, 'c, 'p> {
    /// An operation that cannot fail, with a result of type `ty`; none without bytes.
    pub fn intrinsic_value(
        &mut self,
        op: Intrinsic,
        operands: &'p [Operand],
        ty: Ty,
    ) -> Result<Option<Value<'c>>, Error> {
        let info = op.info();
        if op == Intrinsic::ListRepeat {
            return Ok(Some(self.list_repeat(operands, ty)));
        }
        if info.symbol.is_empty() {
            return self.inline(op, operands, ty).map(Some);
        }
        let mut args = self.abi_args(info.symbol, operands)?;
        if info.element {
            let elem = self.element_ty(operands, ty)?;
            args.push(self.cx.type_desc(elem).into());
        }
        if op == Intrinsic::GenLoad {
            args.push(self.cx.type_desc(ty).into());
        }
        let result = if op == Intrinsic::StrEqual {
            let equal = self.cx.str_equal_fn();
            args.insert(0, self.ctx().into());
            self.ir.call(equal, &args, "equal")
        } else {
            self.runtime(info.symbol, &args)
        };
        Ok(self.abi_result(result, ty))
    }

    /// An operation that may panic: its result goes to `dest`. Gives the status; none when it cannot fail after all.
    pub fn intrinsic_call(
        &mut self,
        op: Intrinsic,
        operands: &'p [Operand],
        dest: Local,
        loc: Loc,
    ) -> Result<Option<IntValue<'c>>, Error> {
        let info = op.info();
        let ty = self.ty(dest);
        if matches!(op, Intrinsic::GenGive | Intrinsic::GenSend) {
            return Ok(Some(self.generator_hand_over(op, operands, loc)));
        }
        if !info.panics {
            let value = self.intrinsic_value(op, operands, ty)?;
            self.set(dest, value);
            return Ok(None);
        }
        let mut args = self.abi_args(info.symbol, operands)?;
        if info.element {
            let elem = self.element_ty(operands, ty)?;
            args.push(self.cx.type_desc(elem).into());
        }
        args.push(self.site(loc));
        let Some(llvm) = self.cx.layouts.llvm(ty) else {
            args.push(self.cx.t.ptr.const_null().into());
            return Ok(Some(self.runtime_status(info.symbol, &args)));
        };
        args.insert(0, self.ctx().into());
        let inputs: Vec<BasicTypeEnum<'c>> = args.iter().map(Value::get_type).collect();
        let name = self.cx.program.types.display(ty);
        let helper = self.cx.out_fn(info.symbol, &name, llvm, &inputs);
        let both = self.ir.call(helper, &args, "").expect("a struct");
        let value = self.ir.extract(both, 0, "");
        self.set(dest, Some(value));
        Ok(Some(self.ir.extract(both, 1, "status").into_int_value()))
    }

    /// Operands as the ABI's table wants them, without `ctx`.
    fn abi_args(
        &mut self,
        symbol: &'static str,
        operands: &'p [Operand],
    ) -> Result<Vec<Value<'c>>, Error> {
        let Some(function) = FUNCTIONS.iter().find(|f| f.name == symbol) else {
            return Err(self.error(&format!("the runtime has no `{symbol}`")));
        };
        let mut args = Vec::new();
        for (operand, machine) in operands.iter().zip(&function.params[1..]) {
            let signed = is_signed(&self.operand_kind(operand));
            let Some(value) = self.operand(operand) else { continue };
            args.push(match (value, machine) {
                (Value::IntValue(value), AbiType::I32) => {
                    self.ir.resize(value, self.cx.t.i32, signed).into()
                }
                (Value::IntValue(value), AbiType::I64) => {
                    self.ir.resize(value, self.cx.t.i64, signed).into()
                }
                (Value::FloatValue(value), AbiType::F64) => {
                    let f64 = self.cx.t.context.f64_type();
                    self.ir.b.build_float_cast(value, f64, "").expect("a float").into()
                }
                (value, _) => value,
            });
        }
        Ok(args)
    }

    /// A result of the ABI as a value of `ty`.
    fn abi_result(&mut self, result: Option<Value<'c>>, ty: Ty) -> Option<Value<'c>> {
        let llvm = self.cx.layouts.llvm(ty)?;
        Some(match (result?, llvm) {
            (Value::IntValue(value), BasicTypeEnum::IntType(to)) => {
                self.ir.resize(value, to, self.signed(ty)).into()
            }
            (Value::FloatValue(value), BasicTypeEnum::FloatType(to)) => {
                self.ir.b.build_float_cast(value, to, "").expect("a float").into()
            }
            (value, _) => value,
        })
    }

    /// Element type of the first operand's or the result's list or channel type.
    fn element_ty(&self, operands: &[Operand], result: Ty) -> Result<Ty, Error> {
        let first = operands.first().map(|o| self.operand_ty(o));
        [first, Some(result)]
            .into_iter()
            .flatten()
            .find_map(|ty| match self.cx.program.types.kind(ty) {
                TyKind::List(elem) | TyKind::Chan(elem) => Some(*elem),
                _ => None,
            })
            .ok_or_else(|| self.error("an operation of a list has no list"))
    }

    fn list_repeat(&mut self, operands: &'p [Operand], ty: Ty) -> Value<'c> {
        let TyKind::List(elem) = self.cx.program.types.kind(ty) else {
            unreachable!("the MIR's verifier: it gives a list")
        };
        let elem = *elem;
        let ptr = self.cx.t.ptr;
        let value = self.operand(&operands[0]);
        let count: Value<'c> = self.operand_int(&operands[1]).into();
        let desc: Value<'c> = self.cx.type_desc(elem).into();
        let list = match value {
            None => {
                let nothing = ptr.const_null().into();
                self.runtime("orion_list_repeat", &[nothing, count, desc])
            }
            Some(value) => {
                let name = self.cx.program.types.display(ty);
                let inputs = [ptr.into(), value.get_type(), self.cx.t.i64.into(), ptr.into()];
                let symbol = "orion_list_repeat";
                let repeat = self.cx.by_address_fn(symbol, &name, 1, &inputs, ptr.into());
                let ctx = self.ctx().into();
                self.ir.call(repeat, &[ctx, value, count, desc], "list")
            }
        };
        list.expect("a list")
    }

    fn inline(
        &mut self,
        op: Intrinsic,
        operands: &'p [Operand],
        ty: Ty,
    ) -> Result<Value<'c>, Error> {
        let t = self.cx.t;
        let llvm = self.cx.layouts.llvm(ty);
        Ok(match op {
            Intrinsic::StrLen => {
                let text = self.operand(&operands[0]).expect("a string").into_pointer_value();
                self.ir.load_int(len_of(&self.ir, text), Class::Head, "len").into()
            }
            Intrinsic::StrByte => {
                let text = self.operand(&operands[0]).expect("a string").into_pointer_value();
                let index = self.operand_int(&operands[1]);
                let bytes = elements_of(&self.ir, text);
                let at = self.ir.element(t.i8.into(), bytes, index, "");
                self.ir.load(t.i8, at, Class::Payload, "byte")
            }
            Intrinsic::CharUtf8Len => {
                let char = self.operand_int(&operands[0]);
                let mut len = self.ir.int(4);
                for (limit, bytes) in [(0x1_0000, 3), (0x800, 2), (0x80, 1)] {
                    let below = self.ir.icmp(IntPredicate::ULT, char, self.ir.int32(limit), "");
                    let shorter = self.ir.int(bytes);
                    let select = self.ir.b.build_select(below, shorter, len, "");
                    len = select.expect("integers").into_int_value();
                }
                len.into()
            }
            Intrinsic::ListPush => {
                let list_ty = self.operand_ty(&operands[0]);
                let elem = self.element_ty(operands, ty)?;
                let list = self.operand(&operands[0]).expect("a list");
                let mut args = vec![self.ctx().into(), list];
                args.extend(self.operand(&operands[1]));
                let push = self.cx.push_fn(list_ty, elem);
                self.ir.call(push, &args, "list").expect("a list")
            }
            Intrinsic::F64Bits | Intrinsic::F64FromBits => {
                let value = self.operand(&operands[0]).expect("a number");
                let to = llvm.expect("a number");
                self.ir.b.build_bit_cast(value, to, "").expect("equal widths")
            }
            _ => {
                let name = match op {
                    Intrinsic::Sqrt => "llvm.sqrt",
                    Intrinsic::Sin => "llvm.sin",
                    Intrinsic::Cos => "llvm.cos",
                    Intrinsic::Tan => "llvm.tan",
                    Intrinsic::Asin => "llvm.asin",
                    Intrinsic::Acos => "llvm.acos",
                    Intrinsic::Atan => "llvm.atan",
                    Intrinsic::Atan2 => "llvm.atan2",
                    Intrinsic::Exp => "llvm.exp",
                    Intrinsic::Ln => "llvm.log",
                    Intrinsic::Log2 => "llvm.log2",
                    Intrinsic::Log10 => "llvm.log10",
                    Intrinsic::Pow => "llvm.pow",
                    Intrinsic::Floor => "llvm.floor",
                    Intrinsic::Ceil => "llvm.ceil",
                    Intrinsic::Round => "llvm.round",
                    Intrinsic::Trunc => "llvm.trunc",
                    _ => {
                        let name = op.info().name;
                        return Err(self
                            .error(&format!("`{name}` has neither a symbol nor an inline form")));
                    }
                };
                let args: Vec<_> =
                    operands.iter().map(|o| self.operand(o).expect("a number").into()).collect();
                let to = llvm.expect("a number");
                self.ir.intrinsic(&self.cx.module, name, &[to], &args).expect("a number")
            }
        })
    }

    /// Calls a C function: narrow integers are extended as the C convention wants.
    pub fn emit_extern(
        &mut self,
        callee: &Body,
        symbol: &str,
        operands: &[Value<'c>],
    ) -> Option<Value<'c>> {
        let t = self.cx.t;
        let result = callee.ty(orion_mir::RETURN);
        let ret = self.cx.layouts.llvm(result);
        let inputs: Vec<BasicTypeEnum<'c>> = operands.iter().map(Value::get_type).collect();
        let ty = fn_type(&t, ret, &inputs);
        let function = self
            .cx
            .module
            .get_function(symbol)
            .unwrap_or_else(|| self.cx.module.add_function(symbol, ty, None));
        let code = function.as_global_value().as_pointer_value();
        let returned = self.ir.call_indirect(ty, code, operands, "");
        let call = self.ir.b.get_insert_block().and_then(BasicBlock::get_last_instruction);
        if let Some(call) = call.and_then(|c| inkwell::values::CallSiteValue::try_from(c).ok()) {
            let mut index = 0;
            for param in callee.params() {
                let ty = callee.ty(param);
                if self.cx.layouts.llvm(ty).is_none() {
                    continue;
                }
                if let BasicTypeEnum::IntType(int) = inputs[index as usize]
                    && int.get_bit_width() < 32
                {
                    let name = if self.signed(ty) { "signext" } else { "zeroext" };
                    let kind = Attribute::get_named_enum_kind_id(name);
                    let attribute = t.context.create_enum_attribute(kind, 0);
                    call.add_attribute(AttributeLoc::Param(index), attribute);
                }
                index += 1;
            }
        }
        returned
    }
}
