//! Generators: making one, and handing values over between it and whoever drives it.
//!
//! Input: the MIR's steps. Output: calls of the runtime. A generator runs on its own frames, so that its body has frames only; values go by address
//! through helpers, like all values of unknown size.

use inkwell::types::BasicTypeEnum;
use inkwell::values::IntValue;
use orion_mir::{BodyId, Intrinsic, Loc, Local, Operand};

use crate::Error;
use crate::body::Emitter;
use crate::ir::{Class, Value};

impl<'c, 'p> Emitter<'_, 'c, 'p> {
    /// A generator that has not started: a frame at its start with the captures in their slots.
    pub fn generator(&mut self, id: BodyId, operands: &'p [Operand]) -> Result<Value<'c>, Error> {
        let values: Vec<Option<Value<'c>>> = operands.iter().map(|o| self.operand(o)).collect();
        let frame = self.start_frame(id, &values)?;
        Ok(self.runtime("orion_gen_new", &[frame]).expect("a pointer"))
    }

    /// `orion_gen_give` and `orion_gen_send`. Gives the status.
    pub fn generator_hand_over(
        &mut self,
        op: Intrinsic,
        operands: &'p [Operand],
        loc: Loc,
    ) -> IntValue<'c> {
        let symbol = op.info().symbol;
        let at = usize::from(op == Intrinsic::GenSend);
        let ty = self.operand_ty(&operands[at]);
        let desc: Value<'c> = self.cx.type_desc(ty).into();
        let site = self.site(loc);
        let mut args: Vec<Value<'c>> = vec![self.ctx().into()];
        if op == Intrinsic::GenSend {
            args.push(self.operand(&operands[0]).expect("a generator"));
        }
        let value = self.operand(&operands[at]);
        let null = self.cx.t.ptr.const_null().into();
        args.push(value.unwrap_or(null));
        if let Some(is_next) = operands.get(2) {
            let is_next = self.operand_int(is_next);
            args.push(self.ir.resize(is_next, self.cx.t.i32, false).into());
        }
        args.extend([desc, site]);
        if value.is_none() {
            return self.runtime_status(symbol, &args[1..]);
        }
        let inputs: Vec<BasicTypeEnum<'c>> = args.iter().map(Value::get_type).collect();
        let name = self.cx.program.types.display(ty);
        let i32 = self.cx.t.i32.into();
        let helper = self.cx.by_address_fn(symbol, &name, at + 1, &inputs, i32);
        self.ir.call(helper, &args, "status").expect("a status").into_int_value()
    }

    /// `orion_try_gen_stop` of a local.
    pub fn emit_try_gen_stop(&mut self, value: Local) -> IntValue<'c> {
        let ty = self.ty(value);
        let desc: Value<'c> = self.cx.type_desc(ty).into();
        let name = self.cx.program.types.display(ty);
        let value = self.get(value).expect("generators have bytes");
        let ptr = self.cx.t.ptr.into();
        let inputs = [ptr, value.get_type(), ptr];
        let i32 = self.cx.t.i32.into();
        let stop = self.cx.by_address_fn("orion_try_gen_stop", &name, 1, &inputs, i32);
        let args = [self.ctx().into(), value, desc];
        self.ir.call(stop, &args, "outcome").expect("an outcome").into_int_value()
    }

    /// A frame of a body that has frames only, at its start, with its parameters.
    pub fn start_frame(
        &mut self,
        id: BodyId,
        values: &[Option<Value<'c>>],
    ) -> Result<Value<'c>, Error> {
        let program = self.cx.program;
        let body = program.body(id);
        let Some(coroutine) = self.cx.info(id).coroutine.clone() else {
            return Err(self.error(&format!("`{}` has no frames", body.name)));
        };
        let ctx = self.ctx().into();
        let start = self.ir.int32(0).into();
        let frame = self.ir.call(coroutine.ramp, &[ctx, start], "start").expect("a pointer");
        let base = frame.into_pointer_value();
        for (param, value) in body.params().zip(values) {
            if let (Some(value), Some(&offset)) = (value, coroutine.frame.slots.get(&param)) {
                self.ir.store(*value, self.ir.offset(base, offset, ""), Class::Any);
            }
        }
        Ok(frame)
    }
}
