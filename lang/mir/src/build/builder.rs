//! The builder of one body: blocks, locals, variables, and the emission of single steps.
//!
//! Input: an instance. Output: its body, with unreachable blocks removed.
//! Invariants: `self.block` is always a block without a terminator; after a step that never ends it is a fresh, unreachable one. `self.loc` is the
//! position of the expression that is being lowered.

use orion_hir as hir;
use orion_syntax::Span;
use rustc_hash::FxHashMap;

use super::Context;
use super::defer_plan::{DeferPlan, LoopDefers};
use super::exits::{DeferNode, Exit, ScopeEntry, ScopeNode};
use super::instance::Instance;
use crate::body::{
    BinOp, Block, BlockData, Body, BodyKind, Callee, Const, Failure, Loc, Local, LocalDecl,
    Operand, Place, Proj, RETURN, Rvalue, Statement, StatementKind, Terminator, TerminatorKind,
};
use crate::cfg::targets_mut;
use crate::intrinsic::Intrinsic;
use crate::ty::{IntTy, Ty, TyKind};

/// Where a variable of the source lives.
#[derive(Clone, Copy, Debug)]
pub(super) enum Var {
    /// In a local.
    Local(Local),
    /// In a capture of the closure that runs.
    Capture(u32),
    /// In an element of a list, because deferred blocks of several loop iterations need the one of theirs.
    Cell {
        /// The list.
        list: Local,
        /// The element of the current iteration.
        index: Local,
    },
}

/// A loop that is being lowered.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoopTarget {
    pub(super) break_to: Block,
    pub(super) continue_to: Block,
    /// The innermost scope around the loop.
    pub(super) scope: Option<ScopeNode>,
}

/// Builds one body.
pub(super) struct Builder<'c, 'p, 'h> {
    pub(super) cx: &'c mut Context<'p>,
    /// The HIR body.
    pub(super) hir: &'h hir::Body,
    /// Type arguments.
    pub(super) args: &'h [hir::TyId],
    pub(super) body: Body,
    /// Blocks that have got their terminator.
    done: Vec<bool>,
    pub(super) block: Block,
    pub(super) loc: Loc,
    pub(super) vars: FxHashMap<hir::LocalId, Var>,
    pub(super) loops: FxHashMap<hir::LoopId, LoopTarget>,
    pub(super) plan: DeferPlan<'h>,
    /// The record stack of each outermost loop with defers in it.
    pub(super) stacks: FxHashMap<hir::LoopId, Local>,
    pub(super) scope: Option<ScopeNode>,
    pub(super) defer: Option<DeferNode>,
    pub(super) scopes: Vec<(Option<ScopeNode>, ScopeEntry)>,
    pub(super) defers: Vec<(Option<DeferNode>, super::exits::DeferEntry<'h>)>,
    pub(super) exits: FxHashMap<(Exit, Option<ScopeNode>, Option<DeferNode>), Block>,
    /// The armed flag of a conditional defer, by the address of its statement.
    pub(super) flags: FxHashMap<*const hir::Expr, Local>,
}

/// Builds the body of an instance.
pub(super) fn build_instance(cx: &mut Context<'_>, instance: &Instance) -> Body {
    let (Instance::Fn(id, args) | Instance::Value(id, args)) = instance;
    cx.span = cx.hir.fns[*id].span;
    if matches!(instance, Instance::Value(..)) {
        return build_value(cx, instance, *id, args);
    }
    let func = cx.hir.fns[*id].clone_head();
    let kind = match func.kind {
        hir::FnKind::Extern => BodyKind::Extern { symbol: func.name.to_string() },
        hir::FnKind::Lambda { .. } => BodyKind::Closure { captures: Vec::new() },
        hir::FnKind::Spawn { .. } => BodyKind::Task,
        hir::FnKind::Gen { .. } => {
            let yields = func.yields.expect("a generator yields");
            let item = concrete(cx, yields.item, args);
            let sent = concrete(cx, yields.sent, args);
            let result = concrete(cx, func.ret, args);
            BodyKind::Generator(cx.types.intern(TyKind::Gen(item, sent, result)))
        }
        _ => BodyKind::Function,
    };
    let blank = cx.blank_body(instance, kind);
    let Some(hir_body) = cx.hir.fns[*id].body.take() else {
        return build_extern(cx, blank, &func, args);
    };
    let body = {
        let mut builder = Builder::new(cx, &hir_body, args, blank);
        builder.function(*id, &func);
        builder.finish()
    };
    cx.hir.fns[*id].body = Some(hir_body);
    body
}

/// What of a function is needed while its body is taken out.
pub(super) struct Head {
    pub(super) name: hir::Name,
    pub(super) kind: hir::FnKind,
    pub(super) params: Vec<(hir::TyId, bool)>,
    pub(super) ret: hir::TyId,
    pub(super) captures: Vec<hir::Capture>,
    pub(super) yields: Option<hir::Yields>,
}

trait CloneHead {
    fn clone_head(&self) -> Head;
}

impl CloneHead for hir::Fn {
    fn clone_head(&self) -> Head {
        Head {
            name: self.name.clone(),
            kind: self.kind,
            params: self.params.iter().map(|param| (param.ty, param.mutable)).collect(),
            ret: self.ret,
            captures: self.captures.clone(),
            yields: self.yields,
        }
    }
}

fn concrete(cx: &mut Context<'_>, ty: hir::TyId, args: &[hir::TyId]) -> Ty {
    let ty = cx.hir.types.subst(ty, args);
    cx.lower_ty(ty)
}

fn build_extern(cx: &mut Context<'_>, mut body: Body, func: &Head, args: &[hir::TyId]) -> Body {
    let loc = body.loc;
    let mut declare = |ty| body.locals.push(LocalDecl { name: None, ty, loc });
    declare(concrete(cx, func.ret, args));
    for &(ty, _) in &func.params {
        declare(concrete(cx, ty, args));
    }
    body.param_count = func.params.len() as u32;
    body
}

/// `fn name(…)` as a value: a closure body that passes its arguments on.
fn build_value(
    cx: &mut Context<'_>,
    instance: &Instance,
    id: hir::FnId,
    args: &[hir::TyId],
) -> Body {
    let func = cx.hir.fns[id].clone_head();
    let callee = cx.instance(Instance::Fn(id, args.to_vec()));
    let blank = cx.blank_body(instance, BodyKind::Closure { captures: Vec::new() });
    let empty = hir::Body {
        locals: hir::IndexVec::new(),
        params: Vec::new(),
        loop_count: 0,
        value: hir::Expr { kind: hir::ExprKind::Unit, ty: hir::TyTable::UNIT, span: cx.span },
    };
    let mut b = Builder::new(cx, &empty, args, blank);
    let fn_ty = b.fn_value_ty(&func);
    let ret = b.ty(func.ret);
    b.local(None, ret);
    b.local(None, fn_ty);
    let mut operands = Vec::new();
    let mut inout = Vec::new();
    for &(ty, mutable) in &func.params {
        let ty = b.ty(ty);
        let param = b.local(None, ty);
        if mutable {
            inout.push(param);
            operands.push(Operand::Move(param));
        } else {
            operands.push(b.own(param.into()));
        }
    }
    b.body.param_count = 1 + func.params.len() as u32;
    b.body.inout.clone_from(&inout);
    b.start();
    b.emit_call(Callee::Body(callee), operands, RETURN, inout, Vec::new());
    b.terminate(TerminatorKind::Return);
    b.finish()
}

impl<'c, 'p, 'h> Builder<'c, 'p, 'h> {
    fn new(cx: &'c mut Context<'p>, hir: &'h hir::Body, args: &'h [hir::TyId], body: Body) -> Self {
        let loc = body.loc;
        Self {
            cx,
            hir,
            args,
            body,
            done: Vec::new(),
            block: Block(0),
            loc,
            vars: FxHashMap::default(),
            loops: FxHashMap::default(),
            plan: DeferPlan::new(hir),
            stacks: FxHashMap::default(),
            scope: None,
            defer: None,
            scopes: Vec::new(),
            defers: Vec::new(),
            exits: FxHashMap::default(),
            flags: FxHashMap::default(),
        }
    }

    fn fn_value_ty(&mut self, func: &Head) -> Ty {
        let params = func.params.iter().map(|&(ty, mutable)| (self.ty(ty), mutable)).collect();
        let ret = self.ty(func.ret);
        let yields = func.yields.map(|yields| (self.ty(yields.item), self.ty(yields.sent)));
        self.cx.types.intern(TyKind::Fn { params, ret, yields })
    }

    fn function(&mut self, id: hir::FnId, func: &Head) {
        let ret = self.ty(func.ret);
        self.local(None, ret);
        let is_closure = matches!(self.body.kind, BodyKind::Closure { .. });
        if is_closure {
            let fn_ty = self.fn_value_ty(func);
            self.local(None, fn_ty);
            let mut captures = Vec::new();
            for (index, capture) in func.captures.iter().enumerate() {
                let local = &self.hir.locals[capture.inner];
                captures.push((local.name.to_string(), self.ty(local.ty)));
                self.vars.insert(capture.inner, Var::Capture(index as u32));
            }
            self.body.kind = BodyKind::Closure { captures };
        } else {
            for capture in &func.captures {
                self.declare_var(capture.inner);
            }
        }
        for (index, &param) in self.hir.params.iter().enumerate() {
            let local = self.declare_var(param);
            if func.params.get(index).is_some_and(|&(_, mutable)| mutable) {
                self.body.inout.push(local);
            }
        }
        self.body.param_count = self.body.locals.len() as u32 - 1;
        self.start();
        self.cx.span = self.cx.hir.fns[id].span;
        self.start_defers();
        self.stop_params_at_end();
        let value = &self.hir.value;
        self.lower(value, Some(RETURN));
        self.loc = self.loc_of(value.span);
        self.leave(Exit::Return);
    }

    /// Parameters and captures that hold generators are stopped at the end; in-out ones go back.
    fn stop_params_at_end(&mut self) {
        if matches!(self.body.kind, BodyKind::Closure { .. }) {
            self.hir.params.iter().for_each(|&id| {
                if let Some(local) = self.var_local(id)
                    && !self.body.inout.contains(&local)
                {
                    self.stop_at_end(local);
                }
            });
            return;
        }
        for local in self.body.params() {
            if !self.body.inout.contains(&local) {
                self.stop_at_end(local);
            }
        }
    }

    /// Makes the entry block and the first block behind it, so that the entry has no predecessors.
    fn start(&mut self) {
        self.block = self.new_block();
    }

    /// The finished body: unreachable blocks are removed, the others keep their order.
    fn finish(mut self) -> Body {
        let count = self.body.blocks.len();
        let mut reached = vec![false; count];
        let mut work = vec![Block(0)];
        reached[0] = true;
        while let Some(block) = work.pop() {
            for target in targets_mut(&mut self.body.blocks[block.index()].terminator.kind) {
                if !std::mem::replace(&mut reached[target.index()], true) {
                    work.push(*target);
                }
            }
        }
        let mut number = vec![Block(0); count];
        let mut next = 0;
        for (index, reached) in reached.iter().enumerate() {
            number[index] = Block(next);
            next += u32::from(*reached);
        }
        let mut keep = reached.into_iter();
        self.body.blocks.retain(|_| keep.next().unwrap_or(false));
        for block in &mut self.body.blocks {
            for target in targets_mut(&mut block.terminator.kind) {
                *target = number[target.index()];
            }
        }
        self.body
    }

    // Types.

    /// A type of this body with the type arguments put in.
    pub(super) fn concrete(&mut self, ty: hir::TyId) -> hir::TyId {
        self.cx.hir.types.subst(ty, self.args)
    }

    /// The MIR type of a type of this body.
    pub(super) fn ty(&mut self, ty: hir::TyId) -> Ty {
        concrete(self.cx, ty, self.args)
    }

    pub(super) fn intern(&mut self, kind: TyKind) -> Ty {
        self.cx.types.intern(kind)
    }

    pub(super) fn int(&mut self, int: IntTy) -> Ty {
        self.intern(TyKind::Int(int))
    }

    pub(super) fn i64(&mut self) -> Ty {
        self.int(IntTy::I64)
    }

    pub(super) fn bool(&mut self) -> Ty {
        self.intern(TyKind::Bool)
    }

    pub(super) fn str(&mut self) -> Ty {
        self.intern(TyKind::Str)
    }

    pub(super) fn unit(&mut self) -> Ty {
        self.intern(TyKind::Unit)
    }

    /// Type of the value at a place.
    pub(super) fn place_ty(&self, place: &Place) -> Ty {
        place.projection.iter().fold(self.body.ty(place.local), |ty, step| self.step_ty(ty, step))
    }

    pub(super) fn step_ty(&self, ty: Ty, step: &Proj) -> Ty {
        match (self.cx.types.kind(ty), step) {
            (TyKind::Tuple(items), Proj::Field(index)) => items[*index as usize],
            (TyKind::Adt(id), Proj::Variant(variant, field)) => {
                self.cx.types.adt(*id).variants[*variant as usize].fields[*field as usize].ty
            }
            (TyKind::List(item), Proj::Index(_)) => *item,
            (TyKind::Fn { .. }, Proj::Capture(index)) => match &self.body.kind {
                BodyKind::Closure { captures } => captures[*index as usize].1,
                _ => unreachable!("a capture outside of a closure"),
            },
            (kind, step) => unreachable!("{step:?} of {kind:?}"),
        }
    }

    // Locals and variables.

    pub(super) fn local(&mut self, name: Option<String>, ty: Ty) -> Local {
        self.body.locals.push(LocalDecl { name, ty, loc: self.loc });
        Local(self.body.locals.len() as u32 - 1)
    }

    pub(super) fn temp(&mut self, ty: Ty) -> Local {
        self.local(None, ty)
    }

    /// Makes the local of a variable that lives in one.
    fn declare_var(&mut self, id: hir::LocalId) -> Local {
        let decl = &self.hir.locals[id];
        let ty = self.ty(decl.ty);
        let name = (!decl.name.starts_with('$')).then(|| decl.name.to_string());
        let outer = self.move_to(decl.span);
        let local = self.local(name, ty);
        self.loc = outer;
        self.vars.insert(id, Var::Local(local));
        local
    }

    /// Where a variable lives; made when it is first asked for.
    pub(super) fn var(&mut self, id: hir::LocalId) -> Var {
        if let Some(&var) = self.vars.get(&id) {
            return var;
        }
        if !self.plan.cells.contains(&id) {
            return Var::Local(self.declare_var(id));
        }
        let decl = &self.hir.locals[id];
        let item = self.ty(decl.ty);
        let list_ty = self.intern(TyKind::List(item));
        let index_ty = self.i64();
        let name = (!decl.name.starts_with('$')).then(|| decl.name.to_string());
        let var = Var::Cell { list: self.local(name, list_ty), index: self.temp(index_ty) };
        self.vars.insert(id, var);
        var
    }

    pub(super) fn var_place(&mut self, id: hir::LocalId) -> Place {
        match self.var(id) {
            Var::Local(local) => local.into(),
            Var::Capture(index) => {
                Place { local: Local(1), projection: vec![Proj::Capture(index)] }
            }
            Var::Cell { list, index } => {
                Place { local: list, projection: vec![Proj::Index(index)] }
            }
        }
    }

    /// Binds a variable anew.
    pub(super) fn bind(&mut self, id: hir::LocalId, value: Operand) {
        match self.var(id) {
            Var::Local(local) => self.assign(local, Rvalue::Use(value)),
            Var::Cell { list, index } => {
                self.assign(index, Rvalue::Len(list.into()));
                let pushed = vec![Operand::Copy(list.into()), value];
                self.assign(list, Rvalue::Intrinsic(Intrinsic::ListPush, pushed));
            }
            Var::Capture(_) => unreachable!("a captured variable is bound by its closure"),
        }
    }

    /// The local of a variable, where it lives in one.
    pub(super) fn var_local(&mut self, id: hir::LocalId) -> Option<Local> {
        match self.var(id) {
            Var::Local(local) => Some(local),
            _ => None,
        }
    }

    /// Lists that deferred blocks of loops need, and dummies for what conditional ones may look at without its having been reached.
    fn start_defers(&mut self) {
        if self.plan.is_empty() {
            return;
        }
        for id in std::mem::take(&mut self.plan.dummies) {
            if let Some(Var::Local(_) | Var::Capture(_)) = self.vars.get(&id) {
                continue;
            }
            if let Var::Local(local) = self.var(id) {
                let ty = self.body.ty(local);
                self.assign(local, Rvalue::Use(Operand::Const(Const::Dummy(ty))));
            }
        }
        let mut cells: Vec<_> = self.plan.cells.iter().copied().collect();
        cells.sort_unstable();
        for id in cells {
            if let Var::Cell { list, index } = self.var(id) {
                let ty = self.body.ty(list);
                self.assign(list, Rvalue::Use(Operand::Const(Const::EmptyList(ty))));
                self.assign(index, Rvalue::Use(self.const_i64(0)));
            }
        }
        let i64 = self.i64();
        let stack_ty = self.intern(TyKind::List(i64));
        for LoopDefers { id, .. } in self.plan.loops.clone() {
            let stack = self.temp(stack_ty);
            self.assign(stack, Rvalue::Use(Operand::Const(Const::EmptyList(stack_ty))));
            self.stacks.insert(id, stack);
        }
        let bool = self.bool();
        for defer in self.plan.flagged.clone() {
            let flag = self.temp(bool);
            self.assign(flag, Rvalue::Use(Operand::Const(Const::Bool(false))));
            self.flags.insert(defer, flag);
        }
    }

    // Positions.

    pub(super) fn loc_of(&self, span: Span) -> Loc {
        // What the compiler made itself stands where its surroundings do.
        if span.is_builtin() { self.loc } else { self.cx.loc(span) }
    }

    /// Makes the span the current position; gives the one before.
    pub(super) fn move_to(&mut self, span: Span) -> Loc {
        let loc = self.loc_of(span);
        std::mem::replace(&mut self.loc, loc)
    }

    // Steps.

    pub(super) fn new_block(&mut self) -> Block {
        self.body.blocks.push(BlockData {
            statements: Vec::new(),
            terminator: Terminator { kind: TerminatorKind::Unreachable, loc: self.loc },
        });
        self.done.push(false);
        Block(self.body.blocks.len() as u32 - 1)
    }

    pub(super) fn push(&mut self, kind: StatementKind) {
        let loc = self.loc;
        self.body.blocks[self.block.index()].statements.push(Statement { kind, loc });
    }

    pub(super) fn assign(&mut self, place: impl Into<Place>, value: Rvalue) {
        self.push(StatementKind::Assign(place.into(), value));
    }

    /// The value in a new temporary.
    pub(super) fn temp_of(&mut self, ty: Ty, value: Rvalue) -> Local {
        let temp = self.temp(ty);
        self.assign(temp, value);
        temp
    }

    /// Ends the block; the next step is unreachable unless a block is entered.
    pub(super) fn terminate(&mut self, kind: TerminatorKind) {
        let index = self.block.index();
        debug_assert!(!self.done[index], "a block ends once");
        self.done[index] = true;
        self.body.blocks[index].terminator = Terminator { kind, loc: self.loc };
        self.block = self.new_block();
    }

    /// Ends the block and goes on in `next`.
    pub(super) fn terminate_to(&mut self, kind: TerminatorKind, next: Block) {
        let index = self.block.index();
        debug_assert!(!self.done[index], "a block ends once");
        self.done[index] = true;
        self.body.blocks[index].terminator = Terminator { kind, loc: self.loc };
        self.block = next;
    }

    pub(super) fn goto(&mut self, target: Block) {
        self.terminate(TerminatorKind::Goto(target));
    }

    /// Jumps to `target` and goes on there.
    pub(super) fn enter(&mut self, target: Block) {
        self.terminate_to(TerminatorKind::Goto(target), target);
    }

    /// Jumps by a bool; goes on nowhere.
    pub(super) fn branch_on(&mut self, cond: Operand, yes: Block, no: Block) {
        self.terminate(TerminatorKind::Switch {
            value: cond,
            cases: vec![(0, no)],
            otherwise: yes,
        });
    }

    pub(super) fn assert(&mut self, cond: Operand, expected: bool, failure: Failure) {
        let unwind = self.unwind();
        let target = self.new_block();
        self.terminate_to(
            TerminatorKind::Assert { cond, expected, failure, target, unwind },
            target,
        );
    }

    /// Calls, with in-out values coming back into `inout`, and from there (`write_back`) to places, on both edges.
    pub(super) fn emit_call(
        &mut self,
        callee: Callee,
        args: Vec<Operand>,
        dest: Local,
        inout: Vec<Local>,
        write_back: Vec<(Place, Local)>,
    ) {
        let mut unwind = self.unwind();
        if !write_back.is_empty() {
            let pad = self.new_block();
            let outer = std::mem::replace(&mut self.block, pad);
            self.write_back(&write_back);
            self.terminate_to(TerminatorKind::Goto(unwind), outer);
            unwind = pad;
        }
        let target = self.new_block();
        self.terminate_to(
            TerminatorKind::Call { callee, args, dest, inout, target, unwind },
            target,
        );
        self.write_back(&write_back);
    }

    fn write_back(&mut self, places: &[(Place, Local)]) {
        for (place, value) in places {
            let value = self.own((*value).into());
            self.assign(place.clone(), Rvalue::Use(value));
        }
    }

    /// A runtime operation that may panic, into a new temporary.
    pub(super) fn call_intrinsic(&mut self, which: Intrinsic, args: Vec<Operand>, ty: Ty) -> Local {
        let dest = self.temp(ty);
        self.emit_call(Callee::Intrinsic(which), args, dest, Vec::new(), Vec::new());
        dest
    }

    /// A new owner of the value at a place: a copy, or the value itself where its type is linear.
    pub(super) fn own(&mut self, place: Place) -> Operand {
        let ty = self.place_ty(&place);
        if !self.cx.is_linear(ty) {
            return Operand::Copy(place);
        }
        if place.projection.is_empty() && !self.cx.holds_generator(ty) {
            return Operand::Move(place.local);
        }
        // What generators were moved from keeps a dummy: see `generator`.
        self.make_path_unique(&place);
        Operand::Move(self.temp_of(ty, Rvalue::Take(place)))
    }

    /// A temporary's value, given up.
    pub(super) fn own_local(&mut self, local: Local) -> Operand {
        self.own(local.into())
    }

    pub(super) fn const_i64(&self, value: i128) -> Operand {
        Operand::Const(Const::Int(value, IntTy::I64))
    }

    pub(super) fn binary(&mut self, op: BinOp, a: Operand, b: Operand, ty: Ty) -> Operand {
        Operand::Borrow(self.temp_of(ty, Rvalue::Binary(op, a, b)).into())
    }

    pub(super) fn compare(&mut self, op: BinOp, a: Operand, b: Operand) -> Operand {
        let bool = self.bool();
        self.binary(op, a, b, bool)
    }

    pub(super) fn cast(&mut self, value: Operand, to: Ty) -> Operand {
        Operand::Borrow(self.temp_of(to, Rvalue::Cast(value, to)).into())
    }
}
