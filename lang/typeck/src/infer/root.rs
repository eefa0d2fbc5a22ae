//! The bodies of items: functions, tests, instance members, default values, constants.

use super::{Expect, Frame, FrameKind, Infer, LocalKind, Why, expr};
use crate::globals::{ConstId, ConstState, FnSource, Globals};
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::{Arg, Callee, Expr, ExprKind, FnId, FnTy, Param, ParamTy, Ty, TyId, TyTable};
use orion_syntax::{Span, ast};

impl<'a> Globals<'a> {
    /// Checks the body of every function, in order of declaration.
    pub fn infer_all(&mut self) {
        let declared: Vec<FnId> = self.program.fns.indices().collect();
        for func in declared {
            let info = self.fn_infos[func];
            if matches!(info.source, FnSource::None) {
                continue;
            }
            let generics = self.program.fns[func].generics.clone();
            let mut infer = Infer::new(self, info.module, generics);
            infer.item(func, info.source);
        }
        for id in self.consts.indices() {
            let span = self.consts[id].decl.name.span;
            self.const_value(id, span);
        }
    }

    /// The value of a constant, evaluated when first asked for.
    pub fn const_value(&mut self, id: ConstId, used: Span) -> Option<Expr> {
        let (module, decl) = (self.consts[id].module, self.consts[id].decl);
        match &self.consts[id].state {
            ConstState::Done(value) => return Some(value.clone()),
            ConstState::Failed => return None,
            ConstState::Active => {
                self.consts[id].state = ConstState::Failed;
                self.report(
                    Diagnostic::new(
                        ErrorCode::E0604,
                        decl.name.span,
                        format!("the constant `{}` is defined by itself", decl.name.as_str()),
                    )
                    .label("its value needs itself")
                    .secondary(used, "used here"),
                );
                return None;
            }
            ConstState::New => {}
        }
        self.consts[id].state = ConstState::Active;
        let mut infer = Infer::new(self, module, Vec::new());
        let value = infer.constant(decl);
        let value = value.and_then(|value| match crate::consts::eval(&value) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.report(problem.diagnostic(decl.name.as_str()));
                None
            }
        });
        if let ConstState::Failed = self.consts[id].state {
            return None;
        }
        self.consts[id].state = match &value {
            Some(value) => ConstState::Done(value.clone()),
            None => ConstState::Failed,
        };
        value
    }
}

impl Infer<'_, '_> {
    fn item(&mut self, func: FnId, source: FnSource<'_>) {
        match source {
            FnSource::None => {}
            FnSource::Decl(decl) => self.fn_decl(func, decl),
            FnSource::Test(body) => self.test(func, body),
            FnSource::Member(value) => self.member(func, value),
            FnSource::Default(value) => {
                let ret = self.g.program.fns[func].ret;
                self.frames.push(Frame::new(
                    func,
                    FrameKind::Value,
                    "this default".into(),
                    value.span,
                    ret,
                ));
                let value = self.check(value, ret, &Why::Construct("the parameter"));
                self.close_frame(value);
            }
        }
        self.finish();
    }

    fn fn_decl(&mut self, func: FnId, decl: &ast::FnDecl) {
        let item = &self.g.program.fns[func];
        let ret = item.ret;
        let yields = item.yields;
        let types: Vec<ParamTy> = item
            .params
            .iter()
            .map(|param| ParamTy { ty: param.ty, mutable: param.mutable })
            .collect();
        let head = decl.signature.result.as_ref().map_or(decl.head_span, |result| result.span);
        let title = format!("`{}`", decl.name.as_str());
        let mut frame = Frame::new(func, FrameKind::Fn, title, head, ret);
        if let Some(yields) = yields {
            frame.yields = super::YieldMode::Given(yields);
        }
        self.frames.push(frame);
        let is_main = self.g.program.main.is_some_and(|(main, _)| main == func);
        let value = if is_main {
            let name = decl.signature.params.first().map(|param| param.name);
            self.g.program.fns[func].params.clear();
            self.main_body(name, &decl.body, decl.name.span)
        } else {
            self.declare_params(&decl.signature.params, &types);
            self.body_value(&decl.body)
        };
        self.close_frame(value);
    }

    /// The body of `main` or a test: an `async` block.
    fn main_body(&mut self, scope: Option<ast::Ident>, body: &ast::Block, span: Span) -> Expr {
        let local = match scope {
            Some(name) => self.declare(name, TyTable::SCOPE, LocalKind::Scope),
            None => self.new_local("$scope", TyTable::SCOPE, LocalKind::Scope, span),
        };
        self.frame().scopes.push(local);
        let body = self.body_value(body);
        self.frame().scopes.pop();
        let (ty, at) = (body.ty, body.span);
        expr(ExprKind::Async { scope: local, body: Box::new(body) }, ty, at)
    }

    fn test(&mut self, func: FnId, body: &ast::Block) {
        let span = self.g.program.fns[func].span;
        let frame = Frame::new(func, FrameKind::Fn, "this test".into(), span, TyTable::UNIT);
        self.frames.push(frame);
        let value = self.main_body(None, body, span);
        self.close_frame(value);
    }

    /// A member of an instance: a lambda becomes the function's body; another value is called.
    fn member(&mut self, func: FnId, value: &ast::Expr) {
        let item = self.g.program.fns[func].clone();
        let title = format!("`{}`", item.name);
        let params: Vec<ParamTy> = item
            .params
            .iter()
            .map(|param| ParamTy { ty: param.ty, mutable: param.mutable })
            .collect();
        let mut frame = Frame::new(func, FrameKind::Fn, title, item.span, item.ret);
        if let Some(yields) = item.yields {
            frame.yields = super::YieldMode::Given(yields);
        }
        self.frames.push(frame);
        let lambda = match &value.unparenthesized().kind {
            ast::ExprKind::Lambda(lambda) if lambda.signature.params.len() == params.len() => {
                Some(lambda)
            }
            _ => None,
        };
        let Some(lambda) = lambda else {
            let fn_ty = FnTy { params: params.clone().into(), ret: item.ret, yields: item.yields };
            let wanted = self.types().intern(Ty::Fn(fn_ty));
            let callee = self.check(value, wanted, &Why::Construct("the class member"));
            let mut args = Vec::new();
            for (param, info) in params.iter().zip(&item.params) {
                let kind = if param.mutable { LocalKind::MutParam } else { LocalKind::Param };
                let local = self.new_local(&info.name, param.ty, kind, info.span);
                self.frame().params.push(local);
                args.push(if param.mutable {
                    Arg::Mut(orion_hir::Place {
                        local,
                        projections: Vec::new(),
                        ty: param.ty,
                        span: value.span,
                    })
                } else {
                    Arg::Value(expr(ExprKind::Local(local), param.ty, value.span))
                });
            }
            let call = ExprKind::Call(Callee::Value(Box::new(callee)), args);
            let call = expr(call, item.ret, value.span);
            self.close_frame(call);
            return;
        };
        let mut params = params;
        for (given, wanted) in lambda.signature.params.iter().zip(&mut params) {
            if given.mutable.is_some() != wanted.mutable {
                let error = self
                    .error(
                        ErrorCode::E0210,
                        given.span,
                        "the class and the instance disagree about `mut`",
                    )
                    .label(if wanted.mutable {
                        "the class says `mut`"
                    } else {
                        "not `mut` in the class"
                    });
                self.emit(error);
            }
            if let Some(ty) = &given.ty {
                let written = self.written_type(ty);
                if !self.same_type(written, wanted.ty, ty.span, "parameter") {
                    // What is written is what the body means.
                    wanted.ty = written;
                }
            }
        }
        if let Some(result) = &lambda.signature.result {
            let written = self.written_type(result);
            if !self.same_type(written, item.ret, result.span, "result") {
                self.frame().ret = written;
            }
        }
        self.g.program.fns[func].params = lambda
            .signature
            .params
            .iter()
            .zip(&item.params)
            .map(|(given, param)| Param { name: given.name.as_str().into(), ..param.clone() })
            .collect();
        self.declare_params(&lambda.signature.params, &params);
        let value = self.body_value(&lambda.body);
        self.close_frame(value);
    }

    fn same_type(&mut self, written: TyId, wanted: TyId, span: Span, what: &str) -> bool {
        if self.unify(written, wanted) {
            return true;
        }
        let (found, want) = (self.show(written), self.show(wanted));
        let error = self
            .error(
                ErrorCode::E0703,
                span,
                format!("the class wants a `{want}` as this {what}, not a `{found}`"),
            )
            .label(format!("a `{found}`"));
        self.emit(error);
        false
    }

    /// The value of a constant, typed, not yet evaluated.
    fn constant(&mut self, decl: &ast::ConstDecl) -> Option<Expr> {
        let func = FnId::from_u32(0);
        let kind = FrameKind::Value;
        self.frames.push(Frame::new(
            func,
            kind,
            "this constant".into(),
            decl.name.span,
            TyTable::UNIT,
        ));
        let value = match &decl.ty {
            Some(ty) => {
                let wanted = self.written_type(ty);
                self.check(&decl.value, wanted, &Why::Const(ty.span))
            }
            None => self.expr(&decl.value, Expect::Any),
        };
        let frame = self.frames.pop()?;
        let value = self.finish_value(frame, value);
        (!self.failed).then_some(value)
    }
}
