//! Loops.
//!
//! Input: `while` and `for`. Output: a header, a body, a step block that `continue` jumps to, and a preemption point on the back-edge. Ranges end
//! without overflow at the last value of their type. The value that a `for` runs over is its own: changes of the variable it came
//! from do not show.

use orion_hir as hir;
use orion_hir::{ExprKind, ForIter, PatKind};

use super::builder::{Builder, LoopTarget};
use crate::body::{
    BinOp, Block, Const, Local, Operand, Place, Proj, Rvalue, StatementKind, TerminatorKind,
};
use crate::intrinsic::Intrinsic;
use crate::suspend::SuspendOp;
use crate::ty::{IntTy, Ty, TyKind};

impl<'h> Builder<'_, '_, 'h> {
    pub(super) fn lower_while(
        &mut self,
        id: hir::LoopId,
        cond: &'h hir::Expr,
        body: &'h hir::Expr,
    ) {
        self.enter_loop(id);
        let (header, inside, again, end) =
            (self.new_block(), self.new_block(), self.new_block(), self.new_block());
        self.enter(header);
        if matches!(cond.kind, ExprKind::Bool(true)) {
            self.goto(inside);
        } else {
            self.branch(cond, inside, end);
        }
        self.block = inside;
        self.loop_body(id, None, body, again, end);
        self.block = again;
        self.poll(header);
        self.block = end;
    }

    /// The body in the current block, with the pattern bound; it ends in `again`.
    pub(super) fn loop_body(
        &mut self,
        id: hir::LoopId,
        pat: Option<&'h hir::Pat>,
        body: &'h hir::Expr,
        again: Block,
        end: Block,
    ) {
        let scope = self.scope;
        let target = LoopTarget { break_to: end, continue_to: again, scope };
        let outer = self.loops.insert(id, target);
        if let Some(pat) = pat {
            self.stop_pattern_at_end(pat);
        }
        self.lower(body, None);
        self.end_generators(scope);
        self.goto(again);
        // A deferred block is lowered more than once, each time with targets of its own.
        if let Some(outer) = outer {
            self.loops.insert(id, outer);
        }
    }

    pub(super) fn lower_for(
        &mut self,
        id: hir::LoopId,
        pat: &'h hir::Pat,
        iter: &'h ForIter,
        body: &'h hir::Expr,
    ) {
        match iter {
            ForIter::Range { start, end, inclusive } => {
                self.for_range(id, pat, start, end, *inclusive, body);
            }
            ForIter::List(list) => self.for_list(id, pat, list, body),
            ForIter::Str(text) => self.for_str(id, pat, text, body),
            ForIter::Chan(chan) => self.for_chan(id, pat, chan, body),
            ForIter::GenPlace(place) => self.for_generator_place(id, pat, place, body),
            ForIter::GenValue(value) => self.for_generator_value(id, pat, value, body),
        }
    }

    pub(super) fn bind_pattern(&mut self, pat: &'h hir::Pat, value: Place) {
        match pat.kind {
            PatKind::Wild => {}
            PatKind::Bind(id) => {
                let value = self.own(value);
                self.bind(id, value);
            }
            _ => self.destructure(pat, value),
        }
    }

    fn for_range(
        &mut self,
        id: hir::LoopId,
        pat: &'h hir::Pat,
        start: &'h hir::Expr,
        end: &'h hir::Expr,
        inclusive: bool,
        body: &'h hir::Expr,
    ) {
        let item_ty = self.ty(start.ty);
        let is_char = *self.cx.types.kind(item_ty) == TyKind::Char;
        // Characters are counted as code points.
        let counter_ty = if is_char { self.int(IntTy::U32) } else { item_ty };
        let int = self.int_kind(counter_ty);
        let counter = self.counter(start, counter_ty, is_char);
        let limit = match self.constant(end) {
            Some(value @ Const::Int(..)) => Operand::Const(value),
            _ => Operand::Borrow(self.counter(end, counter_ty, is_char).into()),
        };
        self.enter_loop(id);
        let (header, inside, again, out) =
            (self.new_block(), self.new_block(), self.new_block(), self.new_block());
        let here = Operand::Borrow(counter.into());
        if inclusive {
            let some = self.compare(BinOp::Le, here.clone(), limit.clone());
            self.branch_on(some, header, out);
            self.block = header;
        } else {
            self.enter(header);
            let more = self.compare(BinOp::Lt, here.clone(), limit.clone());
            self.branch_on(more, inside, out);
            self.block = inside;
        }
        let item = if is_char {
            let item = Rvalue::Cast(here.clone(), item_ty);
            self.temp_of(item_ty, item)
        } else {
            counter
        };
        self.bind_pattern(pat, item.into());
        self.loop_body(id, Some(pat), body, again, out);
        self.block = again;
        if inclusive {
            let more = self.compare(BinOp::Lt, here.clone(), limit);
            let step = self.new_block();
            self.branch_on(more, step, out);
            self.block = step;
        }
        let one = Operand::Const(Const::Int(1, int));
        self.assign(counter, Rvalue::Binary(BinOp::Add, here.clone(), one));
        if is_char {
            self.skip_surrogates(counter);
        }
        self.poll(header);
        self.block = out;
    }

    fn counter(&mut self, value: &'h hir::Expr, ty: Ty, is_char: bool) -> Local {
        let value = self.value_temp(value);
        if is_char {
            self.temp_of(ty, Rvalue::Cast(Operand::Borrow(value.into()), ty))
        } else {
            value
        }
    }

    fn skip_surrogates(&mut self, counter: Local) {
        let (skip, next) = (self.new_block(), self.new_block());
        self.terminate(TerminatorKind::Switch {
            value: Operand::Borrow(counter.into()),
            cases: vec![(0xD800, skip)],
            otherwise: next,
        });
        self.block = skip;
        let first = Operand::Const(Const::Int(0xE000, IntTy::U32));
        self.assign(counter, Rvalue::Use(first));
        self.goto(next);
        self.block = next;
    }

    fn for_list(
        &mut self,
        id: hir::LoopId,
        pat: &'h hir::Pat,
        list: &'h hir::Expr,
        body: &'h hir::Expr,
    ) {
        let i64 = self.i64();
        let list = self.value_temp(list);
        let list_ty = self.body.ty(list);
        let len = self.temp_of(i64, Rvalue::Len(list.into()));
        if self.cx.is_linear(list_ty) {
            self.push(StatementKind::MakeUnique(list.into()));
        }
        let outer = self.scope;
        self.stop_at_end(list);
        self.count_up(id, len, pat, body, |b, index| {
            let item = Place { local: list, projection: vec![Proj::Index(index)] };
            b.bind_pattern(pat, item);
            None
        });
        self.end_generators(outer);
    }

    fn for_str(
        &mut self,
        id: hir::LoopId,
        pat: &'h hir::Pat,
        text: &'h hir::Expr,
        body: &'h hir::Expr,
    ) {
        let (i64, char) = (self.i64(), self.intern(TyKind::Char));
        let text = self.value_temp(text);
        let args = vec![Operand::Borrow(text.into())];
        let len = self.temp_of(i64, Rvalue::Intrinsic(Intrinsic::StrLen, args));
        self.count_up(id, len, pat, body, |b, offset| {
            let args = vec![Operand::Borrow(text.into()), Operand::Borrow(offset.into())];
            let item = b.temp_of(char, Rvalue::Intrinsic(Intrinsic::StrCharAt, args));
            b.bind_pattern(pat, item.into());
            Some(item)
        });
    }

    /// A loop whose index runs from 0 to `len`; `bind` binds the pattern and may give the character whose length is the step.
    fn count_up(
        &mut self,
        id: hir::LoopId,
        len: Local,
        pat: &'h hir::Pat,
        body: &'h hir::Expr,
        bind: impl FnOnce(&mut Self, Local) -> Option<Local>,
    ) {
        let i64 = self.i64();
        let zero = self.const_i64(0);
        let index = self.temp_of(i64, Rvalue::Use(zero));
        self.enter_loop(id);
        let (header, inside, again, out) =
            (self.new_block(), self.new_block(), self.new_block(), self.new_block());
        self.enter(header);
        let here = Operand::Borrow(index.into());
        let more = self.compare(BinOp::Lt, here.clone(), Operand::Borrow(len.into()));
        self.branch_on(more, inside, out);
        self.block = inside;
        let step = bind(self, index);
        self.loop_body(id, Some(pat), body, again, out);
        self.block = again;
        let step = match step {
            Some(char) => {
                let args = vec![Operand::Borrow(char.into())];
                Operand::Borrow(
                    self.temp_of(i64, Rvalue::Intrinsic(Intrinsic::CharUtf8Len, args)).into(),
                )
            }
            None => self.const_i64(1),
        };
        self.assign(index, Rvalue::Binary(BinOp::Add, here, step));
        self.poll(header);
        self.block = out;
    }

    fn for_chan(
        &mut self,
        id: hir::LoopId,
        pat: &'h hir::Pat,
        chan: &'h hir::Expr,
        body: &'h hir::Expr,
    ) {
        let text = self.text(chan.span);
        let chan = self.borrow_local(chan);
        let item_ty = self.chan_item(chan);
        self.enter_loop(id);
        let (header, inside, again, out) =
            (self.new_block(), self.new_block(), self.new_block(), self.new_block());
        self.enter(header);
        let item = self.temp(item_ty);
        let unwind = self.unwind();
        let op = SuspendOp::Recv { chan, dest: item, text, done: inside, closed: out };
        self.terminate_to(TerminatorKind::Suspend { op, unwind }, inside);
        self.bind_pattern(pat, item.into());
        self.loop_body(id, Some(pat), body, again, out);
        self.block = again;
        self.poll(header);
        self.block = out;
    }
}
