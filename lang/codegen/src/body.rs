//! Emits a body: one emitter for both forms, which differ only in how they are entered, suspend and end (`enter`).
//!
//! Input: a body in final form. Output: the instructions of its direct body or of its coroutine body.
//!
//! Locals are values or stack slots (`storage`). A slot's address is used for loads, stores and fields only: `sroa` turns them all into registers, in
//! coroutines before the split. Blocks are named as in the MIR, and emitted in reverse postorder, so that values are made before they are used.
//!
//! Invariants: no address of a local is ever handed out; every local that is read after a suspension was reloaded from its slot, so that nothing
//! but the promise lives across.

use std::collections::BTreeMap;

use inkwell::basic_block::BasicBlock;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{FunctionValue, IntValue, PointerValue};
use orion_abi::outcome::{STATUS_RETURNED, STATUS_UNWINDING};
use orion_abi::symbols as abi;
use orion_mir::loops;
use orion_mir::{
    BinOp, Block, Body, BodyId, BodyKind, Callee, Failure, Loc, Local, Operand, Point, Statement,
    StatementKind, Terminator, TerminatorKind, Ty, TyKind, cfg,
};

use crate::Error;
use crate::cx::{At, Cx, Signature};
use crate::enter::Mode;
use crate::glue::len_of;
use crate::ir::{Class, Ir, Value};
use crate::storage::{self, Storage};

/// Emitter of one form of one body.
pub struct Emitter<'a, 'c, 'p> {
    /// The module.
    pub cx: &'a mut Cx<'c, 'p>,
    /// Builder of the function.
    pub ir: Ir<'c>,
    /// The body.
    pub body: &'p Body,
    /// Its number.
    pub id: BodyId,
    /// Which form.
    pub mode: Mode<'c>,
    /// Where the locals are.
    pub locals: Vec<Storage<'c>>,
    /// LLVM blocks of the MIR's blocks.
    pub blocks: Vec<BasicBlock<'c>>,
    /// The suspend point at a block's end.
    pub points: BTreeMap<Block, Point>,
    /// Blocks that are reached by unwind edges only.
    cleanup: Vec<bool>,
}

impl<'a, 'c, 'p> Emitter<'a, 'c, 'p> {
    /// Emits the direct body.
    pub fn direct(cx: &'a mut Cx<'c, 'p>, id: BodyId) -> Result<(), Error> {
        let Some(function) = cx.info(id).direct else { return Ok(()) };
        let mut emitter = Self::new(cx, id, function);
        emitter.enter_direct(function);
        emitter.emit_blocks()
    }

    /// Emits the coroutine body.
    pub fn coroutine(cx: &'a mut Cx<'c, 'p>, id: BodyId) -> Result<(), Error> {
        let Some(coroutine) = cx.info(id).coroutine.clone() else { return Ok(()) };
        cx.emit_enter_shim(&coroutine);
        let mut emitter = Self::new(cx, id, coroutine.ramp);
        emitter.enter_coroutine(&coroutine);
        emitter.emit_blocks()
    }

    fn new(cx: &'a mut Cx<'c, 'p>, id: BodyId, function: FunctionValue<'c>) -> Self {
        let body = cx.program.body(id);
        let ir = cx.ir();
        ir.at(cx.t.context.append_basic_block(function, "entry"));
        let in_register = storage::written_once(body);
        let locals = (0..body.locals.len())
            .map(|index| {
                let local = Local(index as u32);
                let Some(llvm) = cx.layouts.llvm(body.ty(local)) else { return Storage::None };
                if in_register[index] {
                    return Storage::Register(None);
                }
                Storage::Stack(ir.alloca(llvm, &storage::name(body, local)))
            })
            .collect();
        let points =
            (1..body.points.len()).map(|k| (body.points[k].block, Point(k as u32))).collect();
        let mode = Mode::Direct { ctx: cx.t.ptr.const_null() };
        Self {
            cx,
            ir,
            body,
            id,
            mode,
            locals,
            blocks: Vec::new(),
            points,
            cleanup: cleanup_blocks(body),
        }
    }

    /// Makes the LLVM blocks of the MIR's blocks.
    pub fn make_blocks(&mut self) {
        self.blocks = (0..self.body.blocks.len())
            .map(|index| self.ir.block(&Block(index as u32).to_string()))
            .collect();
    }

    fn emit_blocks(mut self) -> Result<(), Error> {
        let steps = step_count(self.body);
        let once = match self.mode {
            _ if steps > INLINED_DROPS_STEPS_MAX => vec![true; self.body.blocks.len()],
            Mode::Direct { .. } if steps <= SMALL_STEPS_MAX => vec![false; self.body.blocks.len()],
            _ => loops::is_in_loop(self.body).iter().map(|inside| !inside).collect(),
        };
        // What writes a local comes before what reads it.
        for block in cfg::reverse_postorder(self.body) {
            self.ir.at(self.target(block));
            self.ir.outlines.set(once[block.index()] || self.cleanup[block.index()]);
            let data = self.body.block(block);
            for statement in &data.statements {
                self.emit_statement(statement)?;
            }
            self.emit_terminator(block, &data.terminator)?;
        }
        for block in self.blocks.clone() {
            if block.get_terminator().is_none() {
                self.ir.at(block);
                self.ir.trap(&self.cx.module);
            }
        }
        self.ir.outlines.set(false);
        self.leave();
        Ok(())
    }

    /// An error that names the function: the MIR is not what this crate expects.
    pub fn error(&self, what: &str) -> Error {
        Error::new(format!("in `{}`: {what}", self.body.name))
    }

    /// The LLVM block of a MIR block.
    pub fn target(&self, block: Block) -> BasicBlock<'c> {
        self.blocks[block.index()]
    }

    /// Type of a local.
    pub fn ty(&self, local: Local) -> Ty {
        self.body.ty(local)
    }

    /// LLVM type of a local, none without bytes.
    pub fn llvm(&mut self, local: Local) -> Option<BasicTypeEnum<'c>> {
        let ty = self.ty(local);
        self.cx.layouts.llvm(ty)
    }

    /// Reads a whole local.
    pub fn get(&mut self, local: Local) -> Option<Value<'c>> {
        match self.locals[local.index()] {
            Storage::None => None,
            Storage::Stack(slot) => {
                let llvm = self.llvm(local)?;
                Some(self.ir.load(llvm, slot, Class::Any, ""))
            }
            Storage::Register(value) => {
                assert!(value.is_some(), "`{}` reads {local} before it is written", self.body.name);
                value
            }
        }
    }

    /// Reads a whole local that is a pointer.
    pub fn get_ptr(&mut self, local: Local) -> PointerValue<'c> {
        self.get(local).expect("pointers have bytes").into_pointer_value()
    }

    /// Writes a whole local.
    pub fn set(&mut self, local: Local, value: Option<Value<'c>>) {
        let Some(value) = value else { return };
        match &mut self.locals[local.index()] {
            Storage::None => {}
            Storage::Stack(slot) => self.ir.store(value, *slot, Class::Any),
            Storage::Register(register) => {
                *register = Some(value);
                if self.body.locals[local.index()].name.is_some() {
                    crate::ir::name(value, &storage::name(self.body, local));
                }
            }
        }
    }

    /// Constant for the place of the terminator.
    pub fn site(&mut self, loc: Loc) -> Value<'c> {
        self.cx.site(&self.body.name, loc).into()
    }

    /// Calls a function of the runtime; `ctx` comes first.
    pub fn runtime(&mut self, name: &'static str, args: &[Value<'c>]) -> Option<Value<'c>> {
        let mut all = vec![self.ctx().into()];
        all.extend(args);
        self.cx.call(&self.ir, name, &all)
    }

    /// As [`Emitter::runtime`], for those that give an outcome or a status.
    pub fn runtime_status(&mut self, name: &'static str, args: &[Value<'c>]) -> IntValue<'c> {
        self.runtime(name, args).expect("it gives a status").into_int_value()
    }

    fn emit_statement(&mut self, statement: &'p Statement) -> Result<(), Error> {
        match &statement.kind {
            StatementKind::Assign(place, rvalue) => {
                let ty = self.place_ty(place);
                let value = self.emit_rvalue(rvalue, ty)?;
                if place.projection.is_empty() {
                    self.set(place.local, value);
                } else if let (Some(value), Some((at, class))) = (value, self.address(place)) {
                    self.ir.store(value, at, class);
                }
            }
            StatementKind::Drop(place) => {
                let ty = self.place_ty(place);
                if let Some(value) = self.read(place) {
                    let ctx = self.ctx();
                    self.cx.emit_drop(&self.ir, ctx, ty, value);
                }
            }
            StatementKind::MakeUnique(place) => {
                let ty = self.place_ty(place);
                let function = self.cx.unique_fn(ty);
                let (at, class) = self.address(place).expect("lists and boxed values have bytes");
                let value = self.ir.load(self.cx.t.ptr, at, class, "");
                let ctx = self.ctx().into();
                let unique = self.ir.call(function, &[ctx, value], "unique").expect("a pointer");
                self.ir.store(unique, at, class);
            }
            StatementKind::SetLen(place, len) => {
                let len = self.operand_int(len);
                let (at, class) = self.address(place).expect("lists have bytes");
                let list = self.ir.load_ptr(at, class, "list");
                let at = len_of(&self.ir, list);
                self.ir.store(len, at, Class::Head);
            }
            StatementKind::Nop => {}
        }
        Ok(())
    }

    fn emit_terminator(&mut self, block: Block, terminator: &'p Terminator) -> Result<(), Error> {
        let loc = terminator.loc;
        match &terminator.kind {
            TerminatorKind::Goto(target) => self.ir.br(self.target(*target)),
            TerminatorKind::Switch { value, cases, otherwise } => {
                self.emit_switch(value, cases, *otherwise);
            }
            TerminatorKind::Return => self.emit_end(STATUS_RETURNED),
            TerminatorKind::UnwindResume => self.emit_end(STATUS_UNWINDING),
            TerminatorKind::Assert { cond, expected, failure, target, unwind } => {
                let cond = self.operand_int(cond);
                let cond = self.ir.cond_of(cond);
                let fail = self.ir.block("fail");
                if *expected {
                    self.ir.likely(cond, self.target(*target), fail);
                } else {
                    let not = self.ir.b.build_not(cond, "").expect("integers");
                    self.ir.likely(not, self.target(*target), fail);
                }
                self.ir.at(fail);
                self.emit_failure(failure, loc);
                self.ir.br(self.target(*unwind));
            }
            TerminatorKind::Panic { message, unwind } => {
                let message = self.operand(message).expect("a string");
                let site = self.site(loc);
                self.runtime("orion_panic", &[message, site]);
                self.ir.br(self.target(*unwind));
            }
            TerminatorKind::Call {
                callee: Callee::Intrinsic(op),
                args,
                dest,
                target,
                unwind,
                ..
            } => {
                let status = self.intrinsic_call(*op, args, *dest, loc)?;
                let unwind = self.target(*unwind);
                let target = self.target(*target);
                match status {
                    Some(status) => {
                        let returned = self.is_returned(status);
                        self.ir.likely(returned, target, unwind);
                    }
                    None => self.ir.br(target),
                }
            }
            TerminatorKind::Call { callee, args, dest, inout, target, unwind } => {
                let point = self.points.get(&block).copied();
                let call =
                    Call { dest: *dest, inout, target: *target, unwind: *unwind, loc, point };
                self.emit_call(callee, args, &call)?;
            }
            TerminatorKind::Spawn { body, args, scope, name, dest, target, unwind } => {
                let status = self.emit_spawn(*body, args, *scope, name.as_ref(), *dest, loc)?;
                let returned = self.is_returned(status);
                self.ir.likely(returned, self.target(*target), self.target(*unwind));
            }
            TerminatorKind::Suspend { op, unwind } => {
                let point = self.points.get(&block).copied();
                self.emit_suspend(op, *unwind, point, loc)?;
            }
            TerminatorKind::Unreachable => self.ir.trap(&self.cx.module),
        }
        Ok(())
    }

    /// Whether a status is `STATUS_RETURNED`.
    pub fn is_returned(&self, status: IntValue<'c>) -> IntValue<'c> {
        let returned = self.ir.int32(STATUS_RETURNED);
        self.ir.icmp(inkwell::IntPredicate::EQ, status, returned, "returned")
    }

    fn emit_switch(&mut self, value: &'p Operand, cases: &[(i128, Block)], otherwise: Block) {
        let is_bool = self.operand_kind(value) == TyKind::Bool;
        let value = self.operand_int(value);
        let ty = value.get_type();
        let otherwise = self.target(otherwise);
        if let ([(case, target)], true) = (cases, is_bool) {
            let cond = self.ir.cond_of(value);
            let (yes, no) = match case {
                0 => (otherwise, self.target(*target)),
                _ => (self.target(*target), otherwise),
            };
            self.ir.cond(cond, yes, no);
            return;
        }
        if let [(case, target)] = cases {
            let case = ty.const_int(*case as u64, true);
            let equal = self.ir.icmp(inkwell::IntPredicate::EQ, value, case, "");
            self.ir.cond(equal, self.target(*target), otherwise);
            return;
        }
        let cases: Vec<_> = cases
            .iter()
            .map(|(case, target)| (ty.const_int(*case as u64, true), self.target(*target)))
            .collect();
        self.ir.switch(value, otherwise, &cases);
    }

    fn emit_failure(&mut self, failure: &'p Failure, loc: Loc) {
        let zero = self.ir.int(0);
        let (kind, a, b) = match failure {
            Failure::Overflow(op) => {
                let code = match op {
                    Some(BinOp::Add) => 0,
                    Some(BinOp::Sub) => 1,
                    Some(BinOp::Mul) => 2,
                    Some(BinOp::Div) => 3,
                    Some(BinOp::Rem) => 4,
                    _ => 5,
                };
                (abi::FAIL_OVERFLOW, self.ir.int(code), zero)
            }
            Failure::DivideByZero => (abi::FAIL_DIVIDE_BY_ZERO, zero, zero),
            Failure::RemainderByZero => (abi::FAIL_REMAINDER_BY_ZERO, zero, zero),
            Failure::Shift(count, width) => {
                (abi::FAIL_SHIFT, self.failure_operand(count), self.ir.int((*width).into()))
            }
            Failure::Index(index, len) => {
                let index = self.failure_operand(index);
                (abi::FAIL_INDEX, index, self.failure_operand(len))
            }
            Failure::Cast(value) => (abi::FAIL_CAST, self.failure_operand(value), zero),
            Failure::Length(len) => (abi::FAIL_LENGTH, self.failure_operand(len), zero),
            Failure::RecvClosed => (abi::FAIL_RECV_CLOSED, zero, zero),
            Failure::SendClosed => (abi::FAIL_SEND_CLOSED, zero, zero),
            Failure::Assert => (abi::FAIL_ASSERT, zero, zero),
        };
        let site = self.site(loc);
        let ctx = self.ctx().into();
        if a.is_const() && b.is_const() {
            let fail = self.cx.fail_fn(kind, a, b);
            self.ir.call(fail, &[ctx, site], "");
            return;
        }
        let kind = self.ir.int32(kind).into();
        self.runtime("orion_fail", &[kind, a.into(), b.into(), site]);
    }

    /// An operand of a failure as i64; 0 for floats.
    fn failure_operand(&mut self, operand: &'p Operand) -> IntValue<'c> {
        let ty = self.operand_ty(operand);
        match self.operand(operand) {
            Some(Value::IntValue(value)) => {
                let signed = self.signed(ty);
                self.ir.resize(value, self.cx.t.i64, signed)
            }
            _ => self.ir.int(0),
        }
    }

    fn emit_call(
        &mut self,
        callee: &Callee,
        args: &'p [Operand],
        call: &Call<'_>,
    ) -> Result<(), Error> {
        let operands: Vec<Value<'c>> = args.iter().filter_map(|a| self.operand(a)).collect();
        let ctx: Value<'c> = self.ctx().into();
        let (signature, returned) = match callee {
            Callee::Body(id) => {
                let program = self.cx.program;
                let callee = program.body(*id);
                if let BodyKind::Extern { symbol } = &callee.kind {
                    let value = self.emit_extern(callee, symbol, &operands);
                    self.set(call.dest, value);
                    self.ir.br(self.target(call.target));
                    return Ok(());
                }
                let info = self.cx.info(*id);
                let signature = info.signature.clone();
                let Some(function) = info.direct else {
                    return Err(self.error(&format!("`{}` has no direct body", callee.name)));
                };
                let mut all = vec![ctx];
                all.extend(operands);
                // What a coroutine body does once calls the code that its direct body has inlined.
                let is_once = self.ir.outlines.get() && matches!(self.mode, Mode::Coroutine { .. });
                let returned = if is_once && step_count(callee) > TINY_STEPS_MAX {
                    self.ir.call_never_inlined(function, &all, "")
                } else {
                    self.ir.call_inlinable(function, &all, "")
                };
                (signature, returned)
            }
            Callee::Value(local) => {
                let ty = self.ty(*local);
                let signature = self.cx.value_signature(ty);
                let closure = self.get_ptr(*local);
                let code = self.closure_code(closure);
                let mut all = vec![ctx, closure.into()];
                all.extend(operands);
                (signature.clone(), self.ir.call_indirect(signature.ty, code, &all, ""))
            }
            Callee::Intrinsic(_) => unreachable!("emitted elsewhere"),
        };
        let status = signature.unpack(&self.ir, returned, signature.status, "status");
        let Some(status) = status else {
            self.take_results(&signature, returned, call, true);
            self.ir.br(self.target(call.target));
            return Ok(());
        };
        let status = status.into_int_value();
        let (normal, rare) = (self.ir.block("returned"), self.ir.block("not_returned"));
        let is_returned = self.is_returned(status);
        self.ir.likely(is_returned, normal, rare);
        self.ir.at(normal);
        self.take_results(&signature, returned, call, true);
        self.ir.br(self.target(call.target));
        self.ir.at(rare);
        let unwinding = self.ir.block("unwinding");
        if let Some(point) = call.point {
            let suspended = self.ir.block("suspended");
            let two = self.ir.int32(STATUS_UNWINDING);
            let is_unwinding = self.ir.icmp(inkwell::IntPredicate::EQ, status, two, "");
            self.ir.cond(is_unwinding, unwinding, suspended);
            self.ir.at(suspended);
            self.emit_suspended_callee(point);
            self.emit_resume_call(point, call);
        } else {
            self.ir.br(unwinding);
        }
        self.ir.at(unwinding);
        self.take_results(&signature, returned, call, false);
        let site = self.site(call.loc);
        self.runtime("orion_trace", &[site]);
        self.ir.br(self.target(call.unwind));
        Ok(())
    }

    /// Stores what a call gave: the result (only when it returned) and the in-out values.
    fn take_results(
        &mut self,
        signature: &Signature<'c>,
        returned: Option<Value<'c>>,
        call: &Call<'_>,
        normally: bool,
    ) {
        let locals: Vec<Local> =
            std::iter::once(call.dest).chain(call.inout.iter().copied()).collect();
        let places: Vec<Option<At>> = signature.values.clone();
        for (index, (local, at)) in locals.into_iter().zip(places).enumerate() {
            if index > 0 || normally {
                let value = signature.unpack(&self.ir, returned, at, "");
                self.set(local, value);
            }
        }
    }
}

/// Bodies with no more steps are smaller than a call of them.
const TINY_STEPS_MAX: usize = 6;

/// In direct bodies with no more steps, helpers are inlined outside loops too: their callers may loop.
const SMALL_STEPS_MAX: usize = 40;

/// In bodies with more steps, helpers are calls: large bodies are straight-line code mostly, and four blocks for each drop would double the work of
/// LLVM's passes, which take more than linear time.
const INLINED_DROPS_STEPS_MAX: usize = 500;

/// Statements and terminators of a body.
pub fn step_count(body: &Body) -> usize {
    body.blocks.iter().map(|block| block.statements.len() + 1).sum()
}

/// Which blocks are reached by unwind edges only: where no `Return` can follow.
fn cleanup_blocks(body: &Body) -> Vec<bool> {
    let mut cleanup = vec![false; body.blocks.len()];
    let mut work: Vec<Block> =
        body.blocks.iter().filter_map(|block| unwind_of(&block.terminator.kind)).collect();
    while let Some(block) = work.pop() {
        if !std::mem::replace(&mut cleanup[block.index()], true) {
            work.extend(cfg::targets(&body.block(block).terminator.kind));
        }
    }
    cleanup
}

fn unwind_of(kind: &TerminatorKind) -> Option<Block> {
    match kind {
        TerminatorKind::Assert { unwind, .. }
        | TerminatorKind::Panic { unwind, .. }
        | TerminatorKind::Call { unwind, .. }
        | TerminatorKind::Spawn { unwind, .. }
        | TerminatorKind::Suspend { unwind, .. } => Some(*unwind),
        _ => None,
    }
}

/// What a call's continuation needs.
pub struct Call<'p> {
    /// Receives the result.
    pub dest: Local,
    /// Receive the in-out values.
    pub inout: &'p [Local],
    /// Where it goes on.
    pub target: Block,
    /// Clean-up.
    pub unwind: Block,
    /// Where it is.
    pub loc: Loc,
    /// Its suspend point, when the callee may suspend.
    pub point: Option<Point>,
}
