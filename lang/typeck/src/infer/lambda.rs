//! Closures: lambdas and generators, and what all closure bodies share.

use super::unify::VarKind;
use super::{Expect, Frame, FrameKind, Infer, LocalKind, Why, YieldMode, expr};
use orion_diagnostics::ErrorCode;
use orion_hir::{Body, Expr, ExprKind, FnTy, Param, ParamTy, Ty, TyId, TyTable, Yields};
use orion_syntax::{Span, ast};

impl Infer<'_, '_> {
    pub(super) fn lambda(&mut self, lambda: &ast::Lambda, expect: Expect, span: Span) -> Expr {
        let signature = &lambda.signature;
        let wanted = match expect.ty().map(|ty| self.known(ty)) {
            Some(Ty::Fn(fn_ty)) if fn_ty.params.len() == signature.params.len() => Some(fn_ty),
            _ => None,
        };
        let ret = match (&signature.result, &wanted) {
            (Some(result), _) => {
                let ty = self.written_type(result);
                self.check_no_scope(ty, result.span, "returned")
            }
            (None, Some(wanted)) => wanted.ret,
            (None, None) => self.fresh_kind(VarKind::UnitByDefault, span),
        };
        let yields = match &signature.yields {
            Some(yields) => {
                let names = self.generic_names.clone();
                YieldMode::Given(self.g.lower_yields(self.module, &names, yields))
            }
            None => Self::yield_mode(wanted.as_ref()),
        };
        let mut types = Vec::new();
        for (index, param) in signature.params.iter().enumerate() {
            let hint = wanted.as_ref().map(|wanted| wanted.params[index]);
            let ty = match (&param.ty, hint) {
                (Some(ty), _) => self.written_type(ty),
                (None, Some(hint)) => hint.ty,
                (None, None) => self.fresh_kind(VarKind::Parameter, param.span),
            };
            types.push(ParamTy { ty, mutable: param.mutable.is_some() });
        }
        let func = self.new_closure(FrameKind::Lambda, span);
        let mut frame =
            Frame::new(func, FrameKind::Lambda, "this lambda".into(), lambda.head_span, ret);
        frame.yields = yields;
        self.frames.push(frame);
        self.declare_params(&signature.params, &types);
        let value = self.body_value(&lambda.body);
        let yields = match self.frame_ref().yields {
            YieldMode::Given(yields) | YieldMode::Infer(Some(yields)) => Some(yields),
            YieldMode::None | YieldMode::Infer(None) => None,
        };
        let item = &mut self.g.program.fns[func];
        item.params = signature
            .params
            .iter()
            .zip(&types)
            .map(|(param, ty)| Param {
                name: param.name.as_str().into(),
                ty: ty.ty,
                mutable: ty.mutable,
                default: None,
                span: param.name.span,
            })
            .collect();
        item.ret = ret;
        item.yields = yields;
        self.close_frame(value);
        let fn_ty = FnTy { params: types.into(), ret, yields };
        let ty = self.types().intern(Ty::Fn(fn_ty));
        expr(ExprKind::Lambda(func), ty, span)
    }

    pub(super) fn check_no_scope(&mut self, ty: TyId, span: Span, how: &str) -> TyId {
        let before = self.g.diagnostics.len();
        let ty = self.g.check_no_scope(ty, span, how);
        self.failed |= self.g.diagnostics.len() > before;
        ty
    }

    /// Declares parameters in the current frame.
    pub(super) fn declare_params(&mut self, params: &[ast::Param], types: &[ParamTy]) {
        for (index, (param, ty)) in params.iter().zip(types).enumerate() {
            let earlier = params[..index]
                .iter()
                .find(|other| other.name.name == param.name.name && param.name.as_str() != "_");
            if let Some(earlier) = earlier
                && self.frame_ref().kind == FrameKind::Lambda
            {
                let first = earlier.name.span;
                self.failed = true;
                self.g.report_duplicate("parameter", param.name, first);
            }
            let kind = if ty.mutable { LocalKind::MutParam } else { LocalKind::Param };
            let local = if param.name.as_str() == "_" {
                self.new_local("_", ty.ty, kind, param.name.span)
            } else {
                self.declare(param.name, ty.ty, kind)
            };
            self.frame().params.push(local);
        }
    }

    /// The value of the current frame's body, of its result type.
    pub(super) fn body_value(&mut self, block: &ast::Block) -> Expr {
        let ret = self.frame_ref().ret;
        if self.shallow(ret) == TyTable::UNIT {
            return self.block(block, Expect::Drop);
        }
        let value = self.block(block, Expect::Ty(ret));
        let (title, head) = (self.frame_ref().title.clone(), self.frame_ref().head);
        self.coerce(value, ret, &Why::Body(title.into(), head))
    }

    /// Ends the current frame; its body is settled with the item's.
    pub(super) fn close_frame(&mut self, value: Expr) {
        let Some(frame) = self.frames.pop() else { return };
        self.g.program.fns[frame.func].captures = frame.captures;
        let body = Body {
            locals: frame.locals,
            params: frame.params,
            loop_count: frame.loop_count,
            value,
        };
        self.closures.push((frame.func, body));
    }

    pub(super) fn gen_expr(&mut self, body: &ast::Block, expect: Expect, span: Span) -> Expr {
        let (item, sent, result) = match expect.ty().map(|ty| self.known(ty)) {
            Some(Ty::Gen { item, sent, result }) => (item, sent, result),
            _ => (
                self.fresh(span),
                self.fresh_kind(VarKind::UnitByDefault, span),
                self.fresh_kind(VarKind::UnitByDefault, span),
            ),
        };
        let func = self.new_closure(FrameKind::Gen, span);
        let mut frame = Frame::new(func, FrameKind::Gen, "this generator".into(), span, result);
        let yields = Yields { item, sent };
        frame.yields = YieldMode::Given(yields);
        self.frames.push(frame);
        let value = self.body_value(body);
        let fn_item = &mut self.g.program.fns[func];
        fn_item.ret = result;
        fn_item.yields = Some(yields);
        self.close_frame(value);
        let ty = self.types().intern(Ty::Gen { item, sent, result });
        expr(ExprKind::Gen(func), ty, span)
    }

    /// What the current body may yield; reports where it may not.
    pub(super) fn own_yields(&mut self, span: Span, what: &str) -> Option<Yields> {
        let mode = self.frame_ref().yields;
        let yields = match mode {
            YieldMode::Given(yields) | YieldMode::Infer(Some(yields)) => Some(yields),
            YieldMode::Infer(None) => {
                let item = self.fresh(span);
                let sent = self.fresh_kind(VarKind::UnitByDefault, span);
                let yields = Yields { item, sent };
                self.frame().yields = YieldMode::Infer(Some(yields));
                Some(yields)
            }
            YieldMode::None => None,
        };
        let Some(yields) = yields else {
            let title = self.frame_ref().title.clone();
            let error = self
                .error(
                    ErrorCode::E0503,
                    span,
                    format!("{what}, and {title} is no part of a generator"),
                )
                .label("yields here");
            let error = match self.frame_ref().kind {
                FrameKind::Fn => error
                    .help("declare what it yields: `fn f() yields T`; or yield in a `gen` block"),
                FrameKind::Spawn => {
                    error.note("a spawned task is not part of the generator around it")
                }
                _ => error,
            };
            self.emit(error);
            return None;
        };
        if !self.frame_ref().scopes.is_empty() {
            let error = self
                .error(ErrorCode::E0503, span, format!("{what} inside an `async` block"))
                .label("the block's tasks would be left behind")
                .help("yield outside of the block");
            self.emit(error);
            return None;
        }
        Some(yields)
    }
}
