//! Channel operations outside of `select`.
//!
//! A channel is looked at in a local that nothing changes while the operation waits; a sent value is in a temporary of its own, as it is
//! consumed only when it was sent.

use orion_hir as hir;
use orion_syntax::Span;

use super::builder::Builder;
use crate::body::{Const, Failure, Local, Operand, Rvalue, TerminatorKind};
use crate::suspend::SuspendOp;
use crate::ty::{Ty, TyKind};

/// Variants of `Option`, by declaration.
pub(super) const NONE: u32 = 0;
pub(super) const SOME: u32 = 1;

impl<'h> Builder<'_, '_, 'h> {
    /// An expression as it is written, on one line.
    pub(super) fn text(&self, span: Span) -> String {
        let text = self.cx.sources.text(span);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub(super) fn chan_item(&self, chan: Local) -> Ty {
        match *self.cx.types.kind(self.body.ty(chan)) {
            TyKind::Chan(item) => item,
            _ => unreachable!("a channel"),
        }
    }

    /// `ch <- v`
    pub(super) fn lower_send(&mut self, chan: &'h hir::Expr, value: &'h hir::Expr) {
        let text = self.text(chan.span);
        let chan = self.borrow_local(chan);
        let value = self.value_temp(value);
        let (done, closed) = (self.new_block(), self.new_block());
        let unwind = self.unwind();
        let op = SuspendOp::Send { chan, value, text, done, closed };
        self.terminate_to(TerminatorKind::Suspend { op, unwind }, closed);
        self.fail(Failure::SendClosed);
        self.block = done;
    }

    /// `<-ch`; a value that nobody wants does not panic when there is none.
    pub(super) fn lower_recv(&mut self, chan: &'h hir::Expr, dest: Option<Local>) {
        let text = self.text(chan.span);
        let chan = self.borrow_local(chan);
        let item_ty = self.chan_item(chan);
        let done = self.new_block();
        let closed = if dest.is_some() { self.new_block() } else { done };
        let dest = dest.unwrap_or_else(|| self.temp(item_ty));
        let unwind = self.unwind();
        let op = SuspendOp::Recv { chan, dest, text, done, closed };
        self.terminate_to(TerminatorKind::Suspend { op, unwind }, closed);
        if closed != done {
            self.fail(Failure::RecvClosed);
            self.block = done;
        }
    }

    /// `@recv(ch)`: `Option[T]`
    pub(super) fn lower_recv_option(&mut self, chan: &'h hir::Expr, ty: Ty, dest: Option<Local>) {
        let Some(dest) = dest else { return self.lower_recv(chan, None) };
        let text = self.text(chan.span);
        let chan = self.borrow_local(chan);
        let item_ty = self.chan_item(chan);
        let value = self.temp(item_ty);
        let (done, closed, end) = (self.new_block(), self.new_block(), self.new_block());
        let unwind = self.unwind();
        let op = SuspendOp::Recv { chan, dest: value, text, done, closed };
        self.terminate_to(TerminatorKind::Suspend { op, unwind }, done);
        let value = self.own_local(value);
        self.assign(dest, Rvalue::Variant(ty, SOME, vec![value]));
        self.goto(end);
        self.block = closed;
        self.assign(dest, Rvalue::Variant(ty, NONE, Vec::new()));
        self.enter(end);
    }

    /// A failure that needs no test; goes on nowhere.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.assert(Operand::Const(Const::Bool(false)), true, failure);
        self.terminate(TerminatorKind::Unreachable);
    }
}
