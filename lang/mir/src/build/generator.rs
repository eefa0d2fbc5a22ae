//! Generators: making, driving and yielding, and the places where they end.
//!
//! A generator is moved, never copied. A variable from which one was moved keeps a dummy, so that nothing has to be known of the way
//! here when the variable's block ends: stopping a dummy does nothing.
//!
//! Where they end. A variable whose type holds generators is stopped at the end of its block, in reverse order of declaration, on every way out
//! (it is an entry of `Builder::scopes`, like an `async` block); so are parameters and captures at the end of the function, what a
//! `match` has moved out of a variable, the old value before an assignment, and the value of a statement. Stopping runs pending `defer`s and may
//! suspend, which a `Drop` cannot. What dies elsewhere (a temporary of an expression that panics, elements of a list that is truncated, values in
//! a channel) is dropped by its type: a generator that has pending `defer`s then runs them as a task of its own.

use orion_hir as hir;
use orion_hir::{Arg, Intrinsic as H, Pat, PatKind};

use super::builder::{Builder, Var};
use super::channel::{NONE, SOME};
use super::exits::{Exit, ScopeEntry, ScopeNode};
use super::instance::Instance;
use crate::body::{Block, Callee, Const, Local, Operand, Place, Rvalue, TerminatorKind};
use crate::intrinsic::Intrinsic;
use crate::suspend::SuspendOp;
use crate::ty::{Ty, TyKind};

/// Variants of `Result`, by declaration.
const OK: u32 = 0;
const ERR: u32 = 1;

/// A generator that is driven: a local, and the place that it was taken from, where it does not live in a local.
struct Driven {
    local: Local,
    home: Option<Place>,
}

impl<'h> Builder<'_, '_, 'h> {
    /// Whether values of the type hold generators.
    pub(super) fn holds_generator(&mut self, ty: Ty) -> bool {
        self.cx.holds_generator(ty)
    }

    /// `gen { … }`
    pub(super) fn generator(&mut self, id: hir::FnId, ty: hir::TyId) -> Rvalue {
        let ty = self.ty(ty);
        let captures = self.captures(id);
        let body = self.cx.instance(Instance::Fn(id, self.args.to_vec()));
        Rvalue::Generator(body, ty, captures)
    }

    /// The operations of generators, and `@yield(v)`.
    pub(super) fn lower_generator(
        &mut self,
        which: H,
        args: &'h [Arg],
        expr: &'h hir::Expr,
        dest: Option<Local>,
    ) {
        let ty = self.ty(expr.ty);
        match (which, args) {
            (H::GenYield, [Arg::Value(value)]) => self.lower_gen_yield(value, ty, dest),
            (H::GenNext | H::GenSend, [Arg::Mut(place), Arg::Value(sent)]) => {
                let indices = self.place_indices(place);
                let sent_ty = self.ty(sent.ty);
                let sent = self.operand(sent);
                let place = self.checked_place(place, &indices);
                let driven = self.drive(place);
                let is_next = which == H::GenNext;
                if !is_next || *self.cx.types.kind(sent_ty) != TyKind::Unit {
                    self.gen_send(&driven, sent, is_next);
                }
                self.gen_next(driven, ty, dest);
            }
            (H::GenStop, [Arg::Mut(place)]) => {
                let indices = self.place_indices(place);
                let place = self.checked_place(place, &indices);
                let driven = self.drive(place);
                let unwind = self.unwind_putting_back(&driven);
                let target = self.new_block();
                let op = SuspendOp::GenStop { value: driven.local, target };
                self.terminate_to(TerminatorKind::Suspend { op, unwind }, target);
                self.put_back(&driven);
                self.give_unit(expr, dest);
            }
            (H::GenResult | H::GenDone, [Arg::Mut(place)]) => {
                let indices = self.place_indices(place);
                let place = self.checked_place(place, &indices);
                let looked_at = vec![Operand::Borrow(place)];
                if which == H::GenDone {
                    self.give(Rvalue::Intrinsic(Intrinsic::GenDone, looked_at), dest);
                } else {
                    let result = self.call_intrinsic(Intrinsic::GenResult, looked_at, ty);
                    let result = self.own_local(result);
                    self.give(Rvalue::Use(result), dest);
                }
            }
            (H::Save, [Arg::Value(value)]) => {
                let value = self.operand(value);
                let bytes = self.call_intrinsic(Intrinsic::GenSave, vec![value], ty);
                let bytes = self.own_local(bytes);
                self.give(Rvalue::Use(bytes), dest);
            }
            (H::Load, [Arg::Value(bytes)]) => self.lower_load(bytes, ty, dest),
            _ => unreachable!("the type checker knows the signatures"),
        }
    }

    fn lower_gen_yield(&mut self, value: &'h hir::Expr, sent: Ty, dest: Option<Local>) {
        let value = self.operand(value);
        let unit = self.unit();
        self.call_intrinsic(Intrinsic::GenGive, vec![value], unit);
        let dest = dest.unwrap_or_else(|| self.temp(sent));
        self.suspend(|target| SuspendOp::GenYield { dest, target });
    }

    /// A generator in a local, for as long as it runs.
    fn drive(&mut self, place: Place) -> Driven {
        if place.projection.is_empty() {
            return Driven { local: place.local, home: None };
        }
        let local = self.take(&place);
        Driven { local, home: Some(place) }
    }

    fn put_back(&mut self, driven: &Driven) {
        if let Some(home) = &driven.home {
            self.assign(home.clone(), Rvalue::Use(Operand::Move(driven.local)));
        }
    }

    /// Where a step that runs the generator unwinds to.
    fn unwind_putting_back(&mut self, driven: &Driven) -> Block {
        let unwind = self.unwind();
        if driven.home.is_none() {
            return unwind;
        }
        let pad = self.new_block();
        let outer = std::mem::replace(&mut self.block, pad);
        self.put_back(driven);
        self.terminate_to(TerminatorKind::Goto(unwind), outer);
        pad
    }

    fn gen_send(&mut self, driven: &Driven, sent: Operand, is_next: bool) {
        let unit = self.unit();
        let dest = self.temp(unit);
        let unwind = self.unwind_putting_back(driven);
        let target = self.new_block();
        let is_next = Operand::Const(Const::Bool(is_next));
        self.terminate_to(
            TerminatorKind::Call {
                callee: Callee::Intrinsic(Intrinsic::GenSend),
                args: vec![Operand::Borrow(driven.local.into()), sent, is_next],
                dest,
                inout: Vec::new(),
                target,
                unwind,
            },
            target,
        );
    }

    /// Type of what a generator yields, and of what it is sent.
    fn generator_types(&self, generator: Local) -> (Ty, Ty) {
        match *self.cx.types.kind(self.body.ty(generator)) {
            TyKind::Gen(item, sent, _) => (item, sent),
            _ => unreachable!("a generator"),
        }
    }

    /// Runs the generator to its next yield: `Some` of that, or `None`.
    fn gen_next(&mut self, driven: Driven, ty: Ty, dest: Option<Local>) {
        let (item_ty, _) = self.generator_types(driven.local);
        let item = self.temp(item_ty);
        let (done, ended, end) = (self.new_block(), self.new_block(), self.new_block());
        let unwind = self.unwind_putting_back(&driven);
        let op = SuspendOp::GenNext { generator: driven.local, dest: item, done, ended };
        self.terminate_to(TerminatorKind::Suspend { op, unwind }, done);
        self.put_back(&driven);
        if dest.is_some() {
            let item = self.own_local(item);
            self.give(Rvalue::Variant(ty, SOME, vec![item]), dest);
        }
        self.goto(end);
        self.block = ended;
        self.put_back(&driven);
        self.give(Rvalue::Variant(ty, NONE, Vec::new()), dest);
        self.enter(end);
    }

    /// `@load[Gen[…]](bytes)`
    fn lower_load(&mut self, bytes: &'h hir::Expr, ty: Ty, dest: Option<Local>) {
        let (bool, str) = (self.bool(), self.str());
        let bytes = self.borrow(bytes);
        let gen_ty = self.variant_field_ty(ty, OK);
        let loaded = Rvalue::Intrinsic(Intrinsic::GenLoad, vec![bytes]);
        let loaded = self.temp_of(gen_ty, loaded);
        let failed = Rvalue::Intrinsic(Intrinsic::GenLoadFailed, Vec::new());
        let failed = self.temp_of(bool, failed);
        let (yes, no, end) = (self.new_block(), self.new_block(), self.new_block());
        self.branch_on(Operand::Borrow(failed.into()), yes, no);
        self.block = yes;
        let message = Rvalue::Intrinsic(Intrinsic::GenLoadMessage, Vec::new());
        let message = self.temp_of(str, message);
        let message = self.own_local(message);
        self.give(Rvalue::Variant(ty, ERR, vec![message]), dest);
        self.goto(end);
        self.block = no;
        self.give(Rvalue::Variant(ty, OK, vec![Operand::Move(loaded)]), dest);
        self.enter(end);
    }

    /// `for v in g`, in place.
    pub(super) fn for_generator_place(
        &mut self,
        id: hir::LoopId,
        pat: &'h Pat,
        place: &'h hir::Place,
        body: &'h hir::Expr,
    ) {
        let indices = self.place_indices(place);
        let sent = self.default_sent(place.ty);
        self.for_generator(id, pat, body, sent, |b| {
            let place = b.checked_place(place, &indices);
            b.drive(place)
        });
    }

    /// `for v in` any other generator: it is dropped at the end.
    pub(super) fn for_generator_value(
        &mut self,
        id: hir::LoopId,
        pat: &'h Pat,
        value: &'h hir::Expr,
        body: &'h hir::Expr,
    ) {
        let outer = self.scope;
        let sent = self.default_sent(value.ty);
        let local = self.value_temp(value);
        self.stop_at_end(local);
        self.for_generator(id, pat, body, sent, |_| Driven { local, home: None });
        self.end_generators(outer);
    }

    /// The function that makes the default value that a loop sends; none where nothing is sent.
    fn default_sent(&mut self, ty: hir::TyId) -> Option<(Callee, Ty)> {
        let ty = self.concrete(ty);
        let hir::Ty::Gen { sent, .. } = *self.cx.hir_types().kind(ty) else { return None };
        if sent == hir::TyTable::UNIT {
            return None;
        }
        let callee = self.cx.default_of(sent);
        Some((Callee::Body(callee), self.ty(sent)))
    }

    fn for_generator(
        &mut self,
        id: hir::LoopId,
        pat: &'h Pat,
        body: &'h hir::Expr,
        sent: Option<(Callee, Ty)>,
        drive: impl FnOnce(&mut Self) -> Driven,
    ) {
        self.enter_loop(id);
        let (header, inside, again, out) =
            (self.new_block(), self.new_block(), self.new_block(), self.new_block());
        self.enter(header);
        let value = sent.map(|(callee, ty)| {
            let value = self.temp(ty);
            self.emit_call(callee, Vec::new(), value, Vec::new(), Vec::new());
            self.own_local(value)
        });
        let driven = drive(self);
        if let Some(value) = value {
            self.gen_send(&driven, value, true);
        }
        let (item_ty, _) = self.generator_types(driven.local);
        let item = self.temp(item_ty);
        let ended = self.new_block();
        let unwind = self.unwind_putting_back(&driven);
        let op = SuspendOp::GenNext { generator: driven.local, dest: item, done: inside, ended };
        self.terminate_to(TerminatorKind::Suspend { op, unwind }, ended);
        self.put_back(&driven);
        self.goto(out);
        self.block = inside;
        self.put_back(&driven);
        self.bind_pattern(pat, item.into());
        self.loop_body(id, Some(pat), body, again, out);
        self.block = again;
        self.poll(header);
        self.block = out;
    }

    // Where they end.

    /// From here on, leaving the block stops what the local holds.
    pub(super) fn stop_at_end(&mut self, local: Local) {
        let ty = self.body.ty(local);
        if self.holds_generator(ty) {
            self.scopes.push((self.scope, ScopeEntry::Stop(local)));
            self.scope = Some(ScopeNode(self.scopes.len() as u32 - 1));
        }
    }

    /// [`Self::stop_at_end`] of a variable.
    pub(super) fn stop_variable_at_end(&mut self, id: hir::LocalId) {
        match self.var(id) {
            Var::Local(local) | Var::Cell { list: local, .. } => self.stop_at_end(local),
            Var::Capture(_) => {}
        }
    }

    /// [`Self::stop_at_end`] of the variables of a pattern.
    pub(super) fn stop_pattern_at_end(&mut self, pat: &'h Pat) {
        match &pat.kind {
            PatKind::Bind(id) => self.stop_variable_at_end(*id),
            PatKind::Variant(_, pats) | PatKind::Tuple(pats) => {
                pats.iter().for_each(|pat| self.stop_pattern_at_end(pat));
            }
            // Every alternative binds the same variables.
            PatKind::Or(pats) => {
                if let Some(first) = pats.first() {
                    self.stop_pattern_at_end(first);
                }
            }
            PatKind::Struct(fields) => {
                fields.iter().for_each(|(_, pat)| self.stop_pattern_at_end(pat));
            }
            PatKind::List { prefix, rest, suffix } => {
                prefix.iter().for_each(|pat| self.stop_pattern_at_end(pat));
                if let Some(id) = rest.as_ref().and_then(|rest| rest.bind) {
                    self.stop_variable_at_end(id);
                }
                suffix.iter().for_each(|pat| self.stop_pattern_at_end(pat));
            }
            _ => {}
        }
    }

    /// The end of a block: stops what was declared since the state was `outer`, last first.
    pub(super) fn end_generators(&mut self, outer: Option<ScopeNode>) {
        while self.scope != outer {
            let Some(ScopeNode(index)) = self.scope else { break };
            let (parent, ScopeEntry::Stop(local)) = self.scopes[index as usize] else { break };
            self.stop_now(local);
            self.scope = parent;
        }
    }

    /// Stops what a local holds.
    pub(super) fn stop_now(&mut self, value: Local) {
        let unwind = self.unwind();
        let target = self.new_block();
        let op = SuspendOp::GenStop { value, target };
        self.terminate_to(TerminatorKind::Suspend { op, unwind }, target);
    }

    /// The exit of a state that begins with stopping a local, in the current block.
    pub(super) fn exit_stopping(
        &mut self,
        exit: Exit,
        state: (Option<ScopeNode>, Option<super::exits::DeferNode>),
        value: Local,
        next: Block,
    ) {
        // Where one panics, the others are still stopped: each round ends one at least.
        let unwind = match exit {
            Exit::Unwind => self.block,
            Exit::Return => self.exit(Exit::Unwind, state),
        };
        let op = SuspendOp::GenStop { value, target: next };
        self.terminate(TerminatorKind::Suspend { op, unwind });
    }
}
