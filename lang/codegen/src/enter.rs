//! The two forms of a body: how each is entered, makes or fills a frame, and ends.
//!
//! *Direct body*: an ordinary function. To suspend at point `k` it calls its own ramp, which makes a frame that stands at `k`, spills the point's locals
//! into it, links it, and returns status 1.
//!
//! *Coroutine body*: an LLVM coroutine with one single suspend instruction. The ramp runs into it at once; so does every suspension of the body,
//! after it has spilled and stored its point's number. Being resumed means: reload `ctx`, jump by the point's number, reload the point's locals.
//! So a frame that the ramp made at `k`, one that suspended itself at `k` and one that was restored at `k` go on in the very same way, LLVM's own index
//! carries nothing (it is the same in every suspended frame, so that it does not matter that it is written after the frame was published), and whatever
//! LLVM would have to keep across shows up as a spill, which `passes` refuses.
//!
//! `ctx` after a resumption: the shim `enter` hands it over in `Frame::task`, where the body puts the task back at once.
//!
//! Invariants: `Frame::scratch` is the allocator's, never written here; a coroutine body owns the closure that it runs in (the direct body borrows it), so
//! it is counted when the frame is made and released at the end.

use std::mem::offset_of;

use inkwell::IntPredicate;
use inkwell::basic_block::BasicBlock;
use inkwell::types::BasicTypeEnum;
use inkwell::values::{FunctionValue, IntValue, PointerValue};
use orion_abi::frame::{FRAME_ENDED, FRAME_WAITING, HANDLE_TO_PROMISE_BYTES};
use orion_abi::outcome::{STATUS_RETURNED, STATUS_SUSPENDED, STATUS_UNWINDING};
use orion_abi::{Ctx, Frame};
use orion_mir::{BodyKind, ENTRY, Local, Operand, Point, RETURN, SuspendOp, TerminatorKind};

use crate::body::{Call, Emitter};
use crate::coro;
use crate::cx::{Coroutine, Cx};
use crate::frame::point_locals;
use crate::ir::{Class, Value, fn_type};
use crate::passes::PROMISE;

/// Which form is being emitted.
#[derive(Clone)]
pub enum Mode<'c> {
    /// On the native stack.
    Direct {
        /// The first parameter.
        ctx: PointerValue<'c>,
    },
    /// In a frame.
    Coroutine {
        /// Stack slot of the context of the worker that runs it now.
        ctx: PointerValue<'c>,
        /// The frame.
        promise: PointerValue<'c>,
        /// The one suspend instruction.
        suspend: BasicBlock<'c>,
        /// The end of the coroutine.
        end: BasicBlock<'c>,
        /// Where it goes on at each point; 0 is the start.
        resume: Vec<BasicBlock<'c>>,
    },
}

impl<'c> Cx<'c, '_> {
    /// `(ctx, frame)`: what follows when a direct body has made its frame: `reify.park` lets it wait, `reify.link` makes it the caller of the frame in
    /// `Ctx::child`; both hand it to the caller.
    fn reify_fn(&mut self, name: &'static str) -> FunctionValue<'c> {
        let ptr = self.t.ptr.into();
        let ty = fn_type(&self.t, None, &[ptr, ptr]);
        self.helper(name.to_owned(), ty, |cx, ir, function| {
            cx.enum_attribute(function, "noinline");
            cx.enum_attribute(function, "cold");
            let [ctx, frame] = crate::glue::params(function);
            let at = ir.offset(ctx.into_pointer_value(), offset_of!(Ctx, child) as u64, "");
            if name == "reify.park" {
                cx.call(ir, "orion_park", &[ctx, frame]);
            } else {
                let child = ir.load_ptr(at, Class::Any, "child");
                let parent = ir.offset(child, offset_of!(Frame, parent) as u64, "");
                ir.store(frame, parent, Class::Any);
            }
            ir.store(frame, at, Class::Any);
            ir.ret(None);
        })
    }

    /// The C-callable function that resumes a frame.
    pub fn emit_enter_shim(&mut self, coroutine: &Coroutine<'c>) {
        let ir = self.ir();
        ir.at(self.t.context.append_basic_block(coroutine.enter, "entry"));
        let [ctx, frame] = crate::glue::params(coroutine.enter);
        let frame = frame.into_pointer_value();
        ir.store(ctx, ir.offset(frame, offset_of!(Frame, task) as u64, ""), Class::Any);
        let handle = ir.offset_back(frame, HANDLE_TO_PROMISE_BYTES as u64, "handle");
        coro::resume(&ir, &self.module, handle);
        ir.ret(None);
    }
}

impl<'c, 'p> Emitter<'_, 'c, 'p> {
    /// Enters the direct body: parameters go to their slots.
    pub fn enter_direct(&mut self, function: FunctionValue<'c>) {
        let ctx = function.get_nth_param(0).expect("ctx").into_pointer_value();
        ctx.set_name("ctx");
        self.mode = Mode::Direct { ctx };
        let mut next = 1;
        for param in self.body.params() {
            if self.llvm(param).is_some() {
                let value = function.get_nth_param(next).expect("as the signature says");
                next += 1;
                self.set(param, Some(value));
            }
        }
        self.make_blocks();
        self.ir.br(self.target(ENTRY));
    }

    /// Enters the coroutine body: the ramp, the suspend instruction and the dispatch.
    pub fn enter_coroutine(&mut self, coroutine: &Coroutine<'c>) {
        let function = coroutine.ramp;
        coro::mark(&self.cx.module, function);
        let t = self.cx.t;
        let [ctx, at] = crate::glue::params(function);
        ctx.set_name("ctx");
        at.set_name("at");
        let words = coroutine.frame.size.div_ceil(8) as u32;
        let promise = self.ir.alloca(t.i64.array_type(words), PROMISE);
        let ctx_slot = self.ir.alloca(t.ptr, "ctx.now");
        let module = &self.cx.module;
        let id = coro::id(&self.ir, module, promise, 8);
        let size = coro::size(&self.ir, module);
        let alloc = self.cx.runtime("orion_frame_alloc");
        let memory = if self.body.kind.is_frame_only() {
            self.ir.call(alloc, &[ctx, size], "memory")
        } else {
            // Ramps of other functions are called when a direct body suspends, which is rare.
            self.ir.call_never_inlined(alloc, &[ctx, size], "memory")
        };
        let memory = memory.expect("a pointer");
        let handle = coro::begin(&self.ir, &self.cx.module, id, memory.into_pointer_value());
        let meta = coroutine.desc.as_pointer_value();
        self.ir.store(meta, self.head(promise, offset_of!(Frame, meta)), Class::Any);
        self.ir.store(at, self.head(promise, offset_of!(Frame, at)), Class::Any);
        let running = self.ir.offset(ctx.into_pointer_value(), offset_of!(Ctx, task) as u64, "");
        let running = self.ir.load_ptr(running, Class::Any, "task");
        self.ir.store(running, self.head(promise, offset_of!(Frame, task)), Class::Any);
        let [suspend, dispatch, end] = ["suspend", "dispatch", "end"].map(|n| self.ir.block(n));
        self.ir.br(suspend);

        self.ir.at(suspend);
        let how = coro::suspend(&self.ir, &self.cx.module);
        let cases = [(t.i8.const_zero(), dispatch), (t.i8.const_int(1, false), end)];
        self.ir.switch(how, end, &cases);
        self.ir.at(end);
        coro::end(&self.ir, &self.cx.module, handle);
        let frame = self.ir.offset(handle, HANDLE_TO_PROMISE_BYTES as u64, "");
        self.ir.ret(Some(frame.into()));

        self.ir.at(dispatch);
        let task = self.head(promise, offset_of!(Frame, task));
        let now = self.ir.load_ptr(task, Class::Any, "ctx");
        self.ir.store(now, ctx_slot, Class::Any);
        let running = self.ir.offset(now, offset_of!(Ctx, task) as u64, "");
        let running = self.ir.load_ptr(running, Class::Any, "task");
        self.ir.store(running, task, Class::Any);
        let at = self.head(promise, offset_of!(Frame, at));
        let at = self.ir.load(t.i32, at, Class::Any, "at").into_int_value();
        let nowhere = self.ir.block("nowhere");
        let resume: Vec<_> =
            (0..self.body.points.len()).map(|k| self.ir.block(&format!("resume@{k}"))).collect();
        let cases: Vec<_> =
            resume.iter().enumerate().map(|(k, &block)| (self.ir.int32(k as u32), block)).collect();
        self.ir.switch(at, nowhere, &cases);
        self.ir.at(nowhere);
        self.ir.trap(&self.cx.module);
        self.mode =
            Mode::Coroutine { ctx: ctx_slot, promise, suspend, end, resume: resume.clone() };
        self.make_blocks();
        if let Some(&start) = resume.first() {
            self.ir.at(start);
            self.reload(Point(0));
            self.ir.br(self.target(ENTRY));
        }
    }

    /// After the last block: resume blocks of points that no terminator of this body fills.
    pub fn leave(&mut self) {
        if let Mode::Coroutine { resume, .. } = self.mode.clone() {
            for block in resume {
                if block.get_terminator().is_none() {
                    self.ir.at(block);
                    self.ir.trap(&self.cx.module);
                }
            }
        }
    }

    /// The context of the worker that runs this.
    pub fn ctx(&self) -> PointerValue<'c> {
        match &self.mode {
            Mode::Direct { ctx } => *ctx,
            Mode::Coroutine { ctx, .. } => self.ir.load_ptr(*ctx, Class::Any, "ctx"),
        }
    }

    /// Address of a field of a frame's head.
    pub fn head(&self, frame: PointerValue<'c>, offset: usize) -> PointerValue<'c> {
        self.ir.offset(frame, offset as u64, "")
    }

    /// Address and type of a local's slot in a frame of this function; none without bytes.
    fn slot(
        &mut self,
        frame: PointerValue<'c>,
        local: Local,
    ) -> Option<(PointerValue<'c>, BasicTypeEnum<'c>)> {
        let llvm = self.llvm(local)?;
        let layout = self.cx.info(self.id).coroutine.as_ref().expect("it has a frame");
        let offset = *layout.frame.slots.get(&local)?;
        Some((self.ir.offset(frame, offset, &format!("slot{local}")), llvm))
    }

    fn spill(&mut self, frame: PointerValue<'c>, point: Point) {
        let data = &self.body.points[point.index()];
        let mut locals = data.live.clone();
        locals.extend(data.consumed.iter().map(|c| c.0));
        for local in locals {
            if let (Some((slot, _)), Some(value)) = (self.slot(frame, local), self.get(local)) {
                self.ir.store(value, slot, Class::Any);
            }
        }
    }

    fn reload(&mut self, point: Point) {
        let Mode::Coroutine { promise, .. } = self.mode else { return };
        for local in point_locals(&self.body.points[point.index()]) {
            if let Some((slot, llvm)) = self.slot(promise, local) {
                let value = self.ir.load(llvm, slot, Class::Any, "");
                self.set(local, Some(value));
            }
        }
    }

    /// Goes to the resume block of a point, with its locals reloaded; none in a direct body.
    pub fn at_resumption(&mut self, point: Point) -> Option<PointerValue<'c>> {
        let Mode::Coroutine { promise, resume, .. } = self.mode.clone() else { return None };
        self.ir.at(resume[point.index()]);
        self.reload(point);
        Some(promise)
    }

    /// A new frame of this function that stands at `point`, filled (direct bodies).
    fn make_frame(&mut self, ctx: PointerValue<'c>, point: Point) -> PointerValue<'c> {
        let ramp = self.cx.info(self.id).coroutine.as_ref().expect("it may suspend").ramp;
        let at = self.ir.int32(point.0).into();
        let frame = self.ir.call(ramp, &[ctx.into(), at], "frame").expect("a pointer");
        let frame = frame.into_pointer_value();
        self.spill(frame, point);
        if matches!(self.body.kind, BodyKind::Closure { .. }) {
            let closure = Local(1);
            let (ty, value) = (self.ty(closure), self.get(closure).expect("a pointer"));
            self.cx.emit_retain(&self.ir, ctx, ty, value);
        }
        frame
    }

    /// Fills the own frame at `point` (coroutine bodies).
    fn fill_frame(&mut self, promise: PointerValue<'c>, point: Point) {
        let at = self.ir.int32(point.0);
        self.ir.store(at, self.head(promise, offset_of!(Frame, at)), Class::Any);
        let waiting = self.cx.t.i8.const_int(FRAME_WAITING.into(), false);
        self.ir.store(waiting, self.head(promise, offset_of!(Frame, state)), Class::Any);
        self.spill(promise, point);
    }

    fn child(&self, ctx: PointerValue<'c>) -> PointerValue<'c> {
        self.ir.offset(ctx, offset_of!(Ctx, child) as u64, "")
    }

    fn return_suspended(&mut self) {
        let signature = self.cx.info(self.id).signature.clone();
        let value = signature.pack(&self.ir, &[], Some(STATUS_SUSPENDED));
        self.ir.ret(value);
    }

    /// Suspends at a point that waits for the runtime. Ends the block.
    pub fn emit_park(&mut self, point: Point) {
        let ctx = self.ctx();
        match self.mode.clone() {
            Mode::Direct { .. } => {
                let frame = self.make_frame(ctx, point);
                let park = self.cx.reify_fn("reify.park");
                self.ir.call(park, &[ctx.into(), frame.into()], "");
                self.return_suspended();
            }
            Mode::Coroutine { promise, suspend, .. } => {
                self.fill_frame(promise, point);
                self.emit_park_own(promise, point);
                self.ir.br(suspend);
            }
        }
    }

    /// Registers the own frame: the commonest operations have functions of their own that are inlined.
    fn emit_park_own(&mut self, frame: PointerValue<'c>, point: Point) {
        let block = self.body.points[point.index()].block;
        let (symbol, chan, value) = match &self.body.block(block).terminator.kind {
            TerminatorKind::Suspend { op: SuspendOp::Yield { .. }, .. } => {
                self.runtime("orion_park_yield", &[frame.into()]);
                return;
            }
            TerminatorKind::Suspend { op: SuspendOp::Send { chan, value, .. }, .. } => {
                ("orion_park_send", *chan, *value)
            }
            TerminatorKind::Suspend { op: SuspendOp::Recv { chan, dest, .. }, .. } => {
                ("orion_park_recv", *chan, *dest)
            }
            _ => {
                self.runtime("orion_park", &[frame.into()]);
                return;
            }
        };
        let layout = self.cx.info(self.id).coroutine.as_ref().expect("it has a frame");
        let layout = std::rc::Rc::clone(&layout.frame);
        let node = self.ir.offset(frame, layout.wait_offset, "node").into();
        let slot = layout.slots.get(&value).copied().unwrap_or(layout.wait_offset);
        let slot = self.ir.offset(frame, slot, "").into();
        let chan = self.get_ptr(chan).into();
        self.runtime(symbol, &[frame.into(), node, chan, slot]);
    }

    /// Suspends because the callee did. Ends the block.
    pub fn emit_suspended_callee(&mut self, point: Point) {
        let ctx = self.ctx();
        match self.mode.clone() {
            Mode::Direct { .. } => {
                let frame = self.make_frame(ctx, point);
                let link = self.cx.reify_fn("reify.link");
                self.ir.call(link, &[ctx.into(), frame.into()], "");
                self.return_suspended();
            }
            Mode::Coroutine { promise, suspend, .. } => {
                let child = self.ir.load_ptr(self.child(ctx), Class::Any, "child");
                self.ir.store(promise, self.head(child, offset_of!(Frame, parent)), Class::Any);
                self.fill_frame(promise, point);
                self.ir.br(suspend);
            }
        }
    }

    /// How a coroutine body goes on after its callee's frame has ended. Emits into the resume block.
    pub fn emit_resume_call(&mut self, point: Point, call: &Call<'_>) {
        if self.at_resumption(point).is_none() {
            return;
        }
        let ctx = self.ctx();
        let child = self.ir.load_ptr(self.child(ctx), Class::Any, "child");
        let status = self.head(child, offset_of!(Frame, status));
        let status = self.ir.load(self.cx.t.i8, status, Class::Any, "status").into_int_value();
        let locals: Vec<Local> =
            std::iter::once(call.dest).chain(call.inout.iter().copied()).collect();
        let tys: Vec<_> = locals.iter().map(|&l| self.ty(l)).collect();
        let start = orion_abi::frame::FRAME_RESULT_OFFSET as u64;
        let placed = self.cx.layouts.record(&tys, start);
        // Read before the frame goes; where the callee unwinds, its result is not looked at.
        let mut values = Vec::new();
        for (local, field) in locals.iter().zip(&placed.fields) {
            values.push(self.llvm(*local).map(|llvm| {
                let at = self.ir.offset(child, field.offset, "");
                self.ir.load(llvm, at, Class::Any, "")
            }));
        }
        let free = self.cx.runtime("orion_frame_free");
        self.ir.call_outlined(free, &[ctx.into(), child.into()]);
        let [returned, unwinding] = ["child_returned", "child_unwinding"].map(|n| self.ir.block(n));
        let zero = self.cx.t.i8.const_int(STATUS_RETURNED.into(), false);
        let ok = self.ir.icmp(IntPredicate::EQ, status, zero, "");
        self.ir.likely(ok, returned, unwinding);
        for (block, first) in [(returned, 0), (unwinding, 1)] {
            self.ir.at(block);
            for (local, value) in locals.iter().zip(&values).skip(first) {
                self.set(*local, *value);
            }
            if first == 0 {
                self.ir.br(self.target(call.target));
            } else {
                let site = self.site(call.loc);
                self.runtime("orion_trace", &[site]);
                self.ir.br(self.target(call.unwind));
            }
        }
    }

    /// Ends the body.
    pub fn emit_end(&mut self, status: u32) {
        let ctx = self.ctx();
        let first = usize::from(status == STATUS_UNWINDING);
        let locals: Vec<Local> =
            std::iter::once(RETURN).chain(self.body.inout.iter().copied()).collect();
        match self.mode.clone() {
            Mode::Direct { .. } => {
                let signature = self.cx.info(self.id).signature.clone();
                let values: Vec<Option<Value<'c>>> = locals
                    .iter()
                    .enumerate()
                    .map(|(index, &l)| if index < first { None } else { self.get(l) })
                    .collect();
                if signature.status.is_none() && status == STATUS_UNWINDING {
                    self.ir.trap(&self.cx.module);
                    return;
                }
                let value = signature.pack(&self.ir, &values, Some(status));
                self.ir.ret(value);
            }
            Mode::Coroutine { promise, end, .. } => {
                let frame = self.cx.info(self.id).coroutine.as_ref().expect("in one").frame.clone();
                for (local, field) in locals.iter().zip(&frame.results.fields).skip(first) {
                    if let Some(value) = self.get(*local) {
                        let at = self.ir.offset(promise, field.offset, "");
                        self.ir.store(value, at, Class::Any);
                    }
                }
                if matches!(self.body.kind, BodyKind::Closure { .. }) {
                    let closure = Local(1);
                    let (ty, value) = (self.ty(closure), self.get(closure).expect("a pointer"));
                    self.cx.emit_drop(&self.ir, ctx, ty, value);
                }
                let byte = |value: u32| self.cx.t.i8.const_int(value.into(), false);
                let (state, ended) = (offset_of!(Frame, state), byte(FRAME_ENDED.into()));
                self.ir.store(
                    byte(status),
                    self.head(promise, offset_of!(Frame, status)),
                    Class::Any,
                );
                self.ir.store(ended, self.head(promise, state), Class::Any);
                self.ir.br(end);
            }
        }
    }

    /// Starts a task: a frame of `callee` at its start with the arguments in their slots. Gives the status.
    pub fn emit_spawn(
        &mut self,
        callee: orion_mir::BodyId,
        args: &'p [Operand],
        scope: Local,
        name: Option<&'p Operand>,
        dest: Option<Local>,
        loc: orion_mir::Loc,
    ) -> Result<IntValue<'c>, crate::Error> {
        let ptr = self.cx.t.ptr;
        let ctx = self.ctx().into();
        let values: Vec<Option<Value<'c>>> = args.iter().map(|a| self.operand(a)).collect();
        let name = match name {
            Some(name) => self.operand(name).expect("a string"),
            None => ptr.const_null().into(),
        };
        let frame = self.start_frame(callee, &values)?;
        let scope = self.get_ptr(scope).into();
        let site = self.site(loc);
        let args = [ctx, frame, scope, name, site];
        match dest {
            None => {
                let nobody = ptr.const_null().into();
                Ok(self
                    .runtime_status("orion_spawn", &[args[1], args[2], args[3], args[4], nobody]))
            }
            Some(dest) => {
                let inputs = [ptr.into(); 5];
                let spawn = self.cx.out_fn("orion_spawn", "handle", ptr.into(), &inputs);
                let both = self.ir.call(spawn, &args, "spawned").expect("a struct");
                let task = self.ir.extract(both, 0, "task");
                self.set(dest, Some(task));
                Ok(self.ir.extract(both, 1, "status").into_int_value())
            }
        }
    }
}
