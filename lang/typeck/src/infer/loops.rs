//! Loops and jumps.

use super::frame::LoopFrame;
use super::unify::VarKind;
use super::{Expect, FrameKind, Infer, LocalKind, Why, error_expr, expr};
use crate::suggest::nearest;
use orion_diagnostics::ErrorCode;
use orion_hir::{Arg, Expr, ExprKind, ForIter, LoopId, Ty, TyId, TyTable};
use orion_syntax::{Span, ast};

impl Infer<'_, '_> {
    fn enter_loop(&mut self, label: Option<ast::Ident>) -> LoopId {
        let frame = self.frame();
        let id = LoopId::from_u32(frame.loop_count);
        frame.loop_count += 1;
        frame.loops.push(LoopFrame { label, id, has_break: false });
        id
    }

    fn leave_loop(&mut self) -> bool {
        self.frame().loops.pop().is_some_and(|frame| frame.has_break)
    }

    pub(super) fn while_loop(
        &mut self,
        label: Option<ast::Ident>,
        condition: &ast::Expr,
        body: &ast::Block,
        span: Span,
    ) -> Expr {
        let cond = Box::new(self.check(condition, TyTable::BOOL, &Why::Condition("`while`")));
        let id = self.enter_loop(label);
        let body = Box::new(self.block(body, Expect::Drop));
        let has_break = self.leave_loop();
        let endless = matches!(cond.kind, ExprKind::Bool(true)) && !has_break;
        let ty = if endless || cond.ty == TyTable::NEVER { TyTable::NEVER } else { TyTable::UNIT };
        expr(ExprKind::While { id, cond, body }, ty, span)
    }

    pub(super) fn for_loop(
        &mut self,
        label: Option<ast::Ident>,
        pattern: &ast::Pattern,
        iterable: &ast::Expr,
        body: &ast::Block,
        span: Span,
    ) -> Expr {
        let (iter, item) = match self.iterable(iterable) {
            Some(found) => found,
            None => (None, TyTable::ERROR),
        };
        let (id, pat, body) = self.scoped(|this| {
            let pat = this.pattern(pattern, item, LocalKind::For);
            let id = this.enter_loop(label);
            let body = this.block(body, Expect::Drop);
            this.leave_loop();
            (id, pat, body)
        });
        let Some(iter) = iter else { return error_expr(span) };
        expr(
            ExprKind::For { id, pat, iter: Box::new(iter), body: Box::new(body) },
            TyTable::UNIT,
            span,
        )
    }

    /// What a loop runs over, and the type of its items.
    fn iterable(&mut self, e: &ast::Expr) -> Option<(Option<ForIter>, TyId)> {
        if let ast::ExprKind::Range { start, end, inclusive } = &e.unparenthesized().kind {
            let (Some(start), Some(end)) = (start, end) else { return None };
            return self.range(start, end, *inclusive);
        }
        let value = self.expr(e, Expect::Any);
        let span = value.span;
        let (map, set) = (self.g.program.lang.map, self.g.program.lang.set);
        match self.known(value.ty) {
            Ty::List(element) => Some((Some(ForIter::List(value)), element)),
            Ty::Str => Some((Some(ForIter::Str(value)), TyTable::CHAR)),
            Ty::Chan(element) | Ty::Recv(element) => Some((Some(ForIter::Chan(value)), element)),
            Ty::Gen { item, sent, .. } => {
                if self.shallow(sent) != TyTable::UNIT {
                    let class = self.g.program.lang.default;
                    self.require(class, sent, span, crate::classes::Reason::GeneratorLoop);
                }
                let iter = match self.value_to_place(value.clone()) {
                    Some(place) => ForIter::GenPlace(place),
                    None => ForIter::GenValue(value),
                };
                Some((Some(iter), item))
            }
            Ty::Adt(adt, args) if adt == map => {
                let types = args.to_vec();
                let item = self.types().tuple(&types);
                let list = self.call_prelude("map_items", types, vec![Arg::Value(value)], span);
                Some((Some(ForIter::List(list)), item))
            }
            Ty::Adt(adt, args) if adt == set => {
                let types = args.to_vec();
                let list = self.call_prelude("set_items", types, vec![Arg::Value(value)], span);
                Some((Some(ForIter::List(list)), args[0]))
            }
            Ty::Error | Ty::Never => None,
            kind => {
                if self.is_unknown(value.ty) {
                    self.report_unknown_type(value.ty, span);
                    return None;
                }
                let text = self.show(value.ty);
                let error = self
                    .error(ErrorCode::E0215, span, format!("`for` cannot run over a `{text}`"))
                    .label("not iterable");
                let error = match kind {
                    Ty::Int(_) | Ty::Infer(_) => error.help("write a range: `0..n`"),
                    Ty::Send(_) => error.help("a `Send` only sends; receive from a `Recv`"),
                    _ => error.note(
                        "`for` runs over ranges, lists, maps, sets, strings, channels and generators",
                    ),
                };
                self.emit(error);
                None
            }
        }
    }

    fn range(
        &mut self,
        start: &ast::Expr,
        end: &ast::Expr,
        inclusive: bool,
    ) -> Option<(Option<ForIter>, TyId)> {
        let start = self.expr(start, Expect::Any);
        let end = self.expr(end, Expect::Ty(start.ty));
        let (start, end, ty) = self.range_ends(start, end)?;
        Some((Some(ForIter::Range { start, end, inclusive }), ty))
    }

    fn range_ends(&mut self, start: Expr, end: Expr) -> Option<(Expr, Expr, TyId)> {
        let span = start.span.to(end.span);
        for side in [&start, &end] {
            let ok = match self.var_kind(side.ty) {
                Some(VarKind::Float) => false,
                Some(_) => true,
                None => {
                    matches!(self.known(side.ty), Ty::Int(_) | Ty::Char | Ty::Error | Ty::Never)
                }
            };
            if !ok {
                let text = self.show(side.ty);
                let error = self
                    .error(ErrorCode::E0215, side.span, format!("a range cannot end at a `{text}`"))
                    .label("not an integer or character");
                self.emit(error);
                return None;
            }
        }
        let (start, end) = match self.try_coerce(start, end.ty) {
            Ok(start) => (start, end),
            Err(start) => {
                let end = match self.try_coerce(end, start.ty) {
                    Ok(end) => end,
                    Err(end) => {
                        let (a, b) = (self.show(start.ty), self.show(end.ty));
                        let error = self
                            .error(
                                ErrorCode::E0204,
                                span,
                                format!("a range from a `{a}` to a `{b}`"),
                            )
                            .label("ends of different types")
                            .help(format!("convert one: `as {a}`"));
                        self.emit(error);
                        return None;
                    }
                };
                (start, end)
            }
        };
        let mut ty = if start.ty == TyTable::NEVER { end.ty } else { start.ty };
        if self.is_unknown(ty) {
            let int = self.fresh_kind(VarKind::Int, span);
            self.unify(ty, int);
        }
        if ty == TyTable::NEVER {
            ty = TyTable::I64;
        }
        Some((start, end, ty))
    }

    pub(super) fn jump(&mut self, label: Option<ast::Ident>, is_break: bool, span: Span) -> Expr {
        let word = if is_break { "break" } else { "continue" };
        let frame = self.frame();
        let lowest = frame.in_defer.unwrap_or(0);
        let found = match label {
            None => frame.loops.len().checked_sub(1),
            Some(label) => frame
                .loops
                .iter()
                .rposition(|known| known.label.is_some_and(|known| known.name == label.name)),
        };
        match found {
            Some(index) if index >= lowest => {
                let target = &mut frame.loops[index];
                target.has_break |= is_break;
                let id = target.id;
                let kind = if is_break { ExprKind::Break(id) } else { ExprKind::Continue(id) };
                expr(kind, TyTable::NEVER, span)
            }
            Some(_) => {
                let error = self
                    .error(ErrorCode::E0507, span, format!("`{word}` cannot leave a `defer` block"))
                    .label("jumps out of the block");
                self.emit(error);
                error_expr(span)
            }
            None => {
                self.report_no_loop(label, word, span);
                error_expr(span)
            }
        }
    }

    fn report_no_loop(&mut self, label: Option<ast::Ident>, word: &str, span: Span) {
        let outer = self.frames.len() > 1
            && self.frames.iter().rev().skip(1).any(|frame| !frame.loops.is_empty());
        let error = match label {
            Some(label) => {
                let known: Vec<&str> = self
                    .frame_ref()
                    .loops
                    .iter()
                    .filter_map(|known| known.label.map(ast::Ident::as_str))
                    .collect();
                let near = nearest(label.as_str(), known.into_iter());
                let error = self
                    .error(
                        ErrorCode::E0112,
                        label.span,
                        format!("no loop around this is labelled `{}`", label.as_str()),
                    )
                    .label("unknown label");
                match near {
                    Some(near) => error.help(format!("did you mean `{near}`?")),
                    None => error.help(format!(
                        "a label stands before its loop: `{}: for …`",
                        label.as_str()
                    )),
                }
            }
            None => {
                let error = self
                    .error(ErrorCode::E0116, span, format!("`{word}` outside of a loop"))
                    .label("no loop to leave");
                if outer {
                    error.note("the body of a lambda, spawn or generator is a boundary: it cannot jump out of itself")
                } else {
                    error
                }
            }
        };
        self.emit(error);
    }

    pub(super) fn return_expr(&mut self, value: Option<&ast::Expr>, span: Span) -> Expr {
        if self.frame_ref().in_defer.is_some() {
            let error = self
                .error(ErrorCode::E0507, span, "`return` cannot leave a `defer` block")
                .label("jumps out of the block");
            self.emit(error);
        }
        let ret = self.frame_ref().ret;
        let (title, head) = (self.frame_ref().title.clone(), self.frame_ref().head);
        if self.frame_ref().kind == FrameKind::Value {
            let error = self
                .error(ErrorCode::E0603, span, "`return` in a constant value")
                .label("there is no function to leave");
            self.emit(error);
            return expr(ExprKind::Unit, TyTable::NEVER, span);
        }
        let value = match value {
            Some(value) => {
                let why = Why::Return(title.into(), head);
                Some(Box::new(self.check(value, ret, &why)))
            }
            None => {
                if !self.unify(ret, TyTable::UNIT) {
                    let wanted = self.show(ret);
                    let error = self
                        .error(
                            ErrorCode::E0207,
                            span,
                            format!("{title} gives a `{wanted}`, and this `return` nothing"),
                        )
                        .label("without a value")
                        .secondary(head, format!("a `{wanted}` is promised here"));
                    self.emit(error);
                }
                None
            }
        };
        expr(ExprKind::Return(value), TyTable::NEVER, span)
    }
}
