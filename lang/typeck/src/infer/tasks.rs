//! Tasks, scopes, channels, `?`.

use super::unify::VarKind;
use super::{Expect, Frame, FrameKind, Infer, LocalKind, Why, error_expr, expr};
use orion_diagnostics::ErrorCode;
use orion_hir::{
    Arg, Arm, Callee, CastKind, Expr, ExprKind, Intrinsic, LocalId, Pat, PatKind, Stmt, Ty, TyId,
    TyTable,
};
use orion_syntax::{Span, ast};

impl Infer<'_, '_> {
    pub(super) fn async_expr(
        &mut self,
        scope: Option<ast::Ident>,
        body: &ast::Block,
        expect: Expect,
        span: Span,
    ) -> Expr {
        let (local, body) = self.scoped(|this| {
            let local = match scope {
                Some(name) => this.declare(name, TyTable::SCOPE, LocalKind::Scope),
                None => this.new_local("$scope", TyTable::SCOPE, LocalKind::Scope, span),
            };
            this.frame().scopes.push(local);
            let body = this.block(body, expect);
            this.frame().scopes.pop();
            (local, body)
        });
        let ty = body.ty;
        expr(ExprKind::Async { scope: local, body: Box::new(body) }, ty, span)
    }

    /// The scope that a `spawn` goes to.
    fn spawn_scope(&mut self, spawn: &ast::Spawn) -> Option<Expr> {
        let Some(name) = spawn.scope else {
            let Some(&local) = self.frame_ref().scopes.last() else {
                let mut error = self
                    .error(
                        ErrorCode::E0501,
                        spawn.keyword_span,
                        "`spawn` outside of an `async` block",
                    )
                    .label("no scope to spawn in");
                error = if self.frames.len() > 1 {
                    error.note("the bodies of lambdas, spawns and generators are boundaries: each has only the scopes it opens or is given")
                } else {
                    error.note("a task belongs to a scope that awaits it")
                };
                let error = error.help(
                    "open one: `async { … }`; or take a `Scope` as a parameter: `spawn in s { … }`",
                );
                self.emit(error);
                return None;
            };
            return Some(expr(ExprKind::Local(local), TyTable::SCOPE, spawn.keyword_span));
        };
        let value = self.expr(&ast::Expr::new(ast::ExprKind::Name(name), name.span), Expect::Any);
        let value = self.coerce(value, TyTable::SCOPE, &Why::Construct("`spawn in`"));
        (value.ty != TyTable::ERROR).then_some(value)
    }

    pub(super) fn spawn(
        &mut self,
        spawn: &ast::Spawn,
        detached: bool,
        expect: Expect,
        span: Span,
    ) -> Expr {
        let scope = self.spawn_scope(spawn);
        let why = Why::Construct("the name of a task");
        let name = spawn.name.as_ref().map(|name| self.check(name, TyTable::STR, &why));
        let result = match expect.ty().map(|ty| self.known(ty)) {
            _ if detached && !gives_value(&spawn.body) => TyTable::UNIT,
            Some(Ty::Task(result)) => result,
            _ => self.fresh_kind(VarKind::UnitByDefault, span),
        };
        let mut before = Vec::new();
        let mut name = name.map(Box::new);
        let func = match &spawn.body {
            ast::SpawnBody::Block(block) => {
                let func = self.new_closure(FrameKind::Spawn, spawn.keyword_span);
                self.enter_spawn(func, spawn.keyword_span, result);
                let value = self.body_value(block);
                self.close_frame(value);
                func
            }
            ast::SpawnBody::Call(call) => {
                if let Some(text) = &mut name
                    && !matches!(text.kind, ExprKind::Str(_))
                {
                    let local = self.hoist((**text).clone(), &mut before);
                    **text = expr(ExprKind::Local(local), TyTable::STR, text.span);
                }
                let hint = if detached { Expect::Any } else { Expect::Ty(result) };
                let call = self.expr(call, hint);
                let Some(func) = self.spawn_call(call, spawn, detached, result, &mut before) else {
                    return error_expr(span);
                };
                func
            }
        };
        self.g.program.fns[func].ret = result;
        let Some(scope) = scope else { return error_expr(span) };
        let ty = self.types().intern(Ty::Task(result));
        let made = expr(ExprKind::Spawn { func, scope: Box::new(scope), name, detached }, ty, span);
        if before.is_empty() {
            return made;
        }
        expr(ExprKind::Block(before, Some(Box::new(made))), ty, span)
    }

    fn enter_spawn(&mut self, func: orion_hir::FnId, span: Span, result: TyId) {
        let frame = Frame::new(func, FrameKind::Spawn, "this task".into(), span, result);
        self.frames.push(frame);
    }

    /// `let $arg = value` in the current frame.
    fn hoist(&mut self, value: Expr, before: &mut Vec<Stmt>) -> LocalId {
        let (ty, span) = (value.ty, value.span);
        let local = self.new_local("$arg", ty, LocalKind::Hidden, span);
        let pat = Pat { kind: PatKind::Bind(local), ty, span };
        before.push(Stmt::Let { pat, init: value, span });
        local
    }

    /// `spawn f(x)` evaluates `x` here, and calls `f` with it in the task.
    fn spawn_call(
        &mut self,
        call: Expr,
        spawn: &ast::Spawn,
        detached: bool,
        result: TyId,
        before: &mut Vec<Stmt>,
    ) -> Option<orion_hir::FnId> {
        let Expr { kind, ty, span } = call;
        if ty == TyTable::ERROR {
            return None;
        }
        let (mut callee, intrinsic, args) = match kind {
            ExprKind::Call(callee, args) => (Some(callee), None, args),
            ExprKind::Intrinsic(which, types, args) => (None, Some((which, types)), args),
            _ => {
                let error = self
                    .error(
                        ErrorCode::E0018,
                        span,
                        "only a block or a call of a function can be spawned",
                    )
                    .label("neither")
                    .help("write `spawn { … }`");
                self.emit(error);
                return None;
            }
        };
        if let Some(Callee::Value(value)) = &mut callee {
            let local = self.hoist((**value).clone(), before);
            **value = expr(ExprKind::Local(local), value.ty, value.span);
        }
        let mut hoisted = Vec::new();
        for arg in args {
            match arg {
                Arg::Value(value) if is_literal(&value) => hoisted.push(value),
                Arg::Value(value) => {
                    let (ty, span) = (value.ty, value.span);
                    let local = self.hoist(value, before);
                    hoisted.push(expr(ExprKind::Local(local), ty, span));
                }
                Arg::Mut(place) => {
                    let error = self
                        .error(
                            ErrorCode::E0210,
                            place.span,
                            "a spawned call cannot change its arguments",
                        )
                        .label("nothing comes back from the task")
                        .help("spawn a block that works on a copy and gives it as its value");
                    self.emit(error);
                    return None;
                }
            }
        }
        let func = self.new_closure(FrameKind::Spawn, spawn.keyword_span);
        self.enter_spawn(func, spawn.keyword_span, result);
        let depth = self.frames.len() - 1;
        if let Some(Callee::Value(value)) = &mut callee
            && let ExprKind::Local(local) = &mut value.kind
        {
            *local = self.capture(depth, *local);
        }
        let args = hoisted
            .into_iter()
            .map(|mut value| {
                if let ExprKind::Local(local) = &mut value.kind {
                    *local = self.capture(depth, *local);
                }
                Arg::Value(value)
            })
            .collect();
        let kind = match (callee, intrinsic) {
            (Some(callee), _) => ExprKind::Call(callee, args),
            (None, Some((which, types))) => ExprKind::Intrinsic(which, types, args),
            (None, None) => ExprKind::Unit,
        };
        let call = expr(kind, ty, span);
        let value = if detached {
            self.drop_value(call)
        } else {
            self.coerce(call, result, &Why::Construct("the task"))
        };
        self.close_frame(value);
        Some(func)
    }

    /// A channel through its receiving view, and the type of its values.
    pub(super) fn receiver(
        &mut self,
        channel: &ast::Expr,
        hint: Option<TyId>,
    ) -> Option<(Expr, TyId)> {
        let value = self.expr(channel, Expect::Any);
        let span = value.span;
        match self.known(value.ty) {
            Ty::Chan(element) => {
                let view = self.types().intern(Ty::Recv(element));
                let cast = ExprKind::Cast(CastKind::ChanView, Box::new(value));
                Some((expr(cast, view, span), element))
            }
            Ty::Recv(element) => Some((value, element)),
            Ty::Error | Ty::Never => None,
            kind => {
                if self.is_unknown(value.ty) {
                    let element = hint.unwrap_or_else(|| self.fresh(span));
                    let recv = self.types().intern(Ty::Recv(element));
                    self.unify(value.ty, recv);
                    return Some((value, element));
                }
                let text = self.show(value.ty);
                let error = self
                    .error(ErrorCode::E0508, span, format!("cannot receive from a `{text}`"))
                    .label("not a channel to receive from");
                let error = if matches!(kind, Ty::Send(_)) {
                    error.note("a `Send` is the sending view of a channel")
                } else if matches!(kind, Ty::Task(_)) {
                    error.help("`@join(t)` gives the value of a task")
                } else {
                    error
                };
                self.emit(error);
                None
            }
        }
    }

    /// `<-ch`, `@recv(ch)`
    pub(super) fn receive(&mut self, channel: &ast::Expr, which: Intrinsic, span: Span) -> Expr {
        let Some((channel, element)) = self.receiver(channel, None) else {
            return error_expr(span);
        };
        let ty = if which == Intrinsic::ChanRecv { element } else { self.option_of(element) };
        self.never_if_any(
            ExprKind::Intrinsic(which, vec![element], vec![Arg::Value(channel)]),
            ty,
            span,
        )
    }

    /// A channel through its sending view, and the type of its values.
    pub(super) fn sender(&mut self, channel: &ast::Expr) -> Option<(Expr, TyId)> {
        let value = self.expr(channel, Expect::Any);
        let span = value.span;
        match self.known(value.ty) {
            Ty::Chan(element) => {
                let view = self.types().intern(Ty::Send(element));
                let cast = ExprKind::Cast(CastKind::ChanView, Box::new(value));
                Some((expr(cast, view, span), element))
            }
            Ty::Send(element) => Some((value, element)),
            Ty::Error | Ty::Never => None,
            kind => {
                if self.is_unknown(value.ty) {
                    let element = self.fresh(span);
                    let send = self.types().intern(Ty::Send(element));
                    self.unify(value.ty, send);
                    return Some((value, element));
                }
                let text = self.show(value.ty);
                let error = self
                    .error(ErrorCode::E0508, span, format!("cannot send on a `{text}`"))
                    .label("not a channel to send on");
                let error = match kind {
                    Ty::Recv(_) => error.note("a `Recv` is the receiving view of a channel"),
                    Ty::Int(_) | Ty::Infer(_) => {
                        error.help("write `a < -1` to compare with a negative number")
                    }
                    _ => error,
                };
                self.emit(error);
                None
            }
        }
    }

    pub(super) fn send(&mut self, channel: &ast::Expr, value: &ast::Expr, span: Span) -> Expr {
        let Some((channel, element)) = self.sender(channel) else {
            self.expr(value, Expect::Any);
            return expr(ExprKind::Unit, TyTable::UNIT, span);
        };
        let value = self.check(value, element, &Why::Send);
        self.never_if_any(
            ExprKind::Intrinsic(
                Intrinsic::ChanSend,
                vec![element],
                vec![Arg::Value(channel), Arg::Value(value)],
            ),
            TyTable::UNIT,
            span,
        )
    }

    /// `e?`: a `match` that leaves the function on `Err` or `None`.
    pub(super) fn try_expr(&mut self, inner: &ast::Expr, _expect: Expect, span: Span) -> Expr {
        let value = self.expr(inner, Expect::Any);
        let (option, result) = (self.g.program.lang.option, self.g.program.lang.result);
        let (adt, args) = match self.known(value.ty) {
            Ty::Adt(adt, args) if adt == option || adt == result => (adt, args),
            Ty::Error | Ty::Never => return error_expr(span),
            _ => {
                if self.is_unknown(value.ty) {
                    self.report_unknown_type(value.ty, value.span);
                    return error_expr(span);
                }
                let text = self.show(value.ty);
                let error = self
                    .error(
                        ErrorCode::E0213,
                        span,
                        format!("`?` takes an `Option` or a `Result`, not a `{text}`"),
                    )
                    .label("has no `Err` or `None`");
                self.emit(error);
                return error_expr(span);
            }
        };
        if self.frame_ref().kind == FrameKind::Value || self.frame_ref().in_defer.is_some() {
            let what = if self.frame_ref().in_defer.is_some() {
                "a `defer` block"
            } else {
                "a constant value"
            };
            let error = self
                .error(ErrorCode::E0213, span, format!("`?` in {what}"))
                .label("cannot leave it");
            self.emit(error);
            return error_expr(span);
        }
        let ret = self.frame_ref().ret;
        let leave_fields = if adt == option {
            let inner = self.fresh_kind(VarKind::UnitByDefault, span);
            let wanted = self.option_of(inner);
            self.check_try(ret, wanted, "Option", span).then(Vec::new)
        } else {
            let inner = self.fresh_kind(VarKind::UnitByDefault, span);
            let error_ty = self.fresh_kind(VarKind::UnitByDefault, span);
            let wanted = self.types().adt(result, &[inner, error_ty]);
            if self.check_try(ret, wanted, "Result", span) {
                let local = self.new_local("$error", args[1], LocalKind::Hidden, span);
                let failed = expr(ExprKind::Local(local), args[1], span);
                let why = Why::Construct("the `Err` that `?` passes on");
                Some(vec![self.coerce(failed, error_ty, &why)])
            } else {
                None
            }
        };
        let Some(leave_fields) = leave_fields else {
            return expr(ExprKind::Unit, args[0], span);
        };
        let ty = value.ty;
        let good = self.new_local("$good", args[0], LocalKind::Hidden, span);
        let bind = |local, ty| Pat { kind: PatKind::Bind(local), ty, span };
        let (good_index, bad_index) = if adt == option { (1, 0) } else { (0, 1) };
        let bad_pats = match leave_fields.first() {
            Some(field) => match root_local(field) {
                Some(local) => vec![bind(local, args[1])],
                None => vec![Pat { kind: PatKind::Wild, ty: args[1], span }],
            },
            None => Vec::new(),
        };
        let leave = expr(ExprKind::Variant(bad_index, leave_fields), ret, span);
        let leave = expr(ExprKind::Return(Some(Box::new(leave))), TyTable::NEVER, span);
        let arms = vec![
            Arm {
                pat: Pat {
                    kind: PatKind::Variant(good_index, vec![bind(good, args[0])]),
                    ty,
                    span,
                },
                guard: None,
                body: expr(ExprKind::Local(good), args[0], span),
            },
            Arm {
                pat: Pat { kind: PatKind::Variant(bad_index, bad_pats), ty, span },
                guard: None,
                body: leave,
            },
        ];
        expr(ExprKind::Match { scrutinee: Box::new(value), arms }, args[0], span)
    }

    fn check_try(&mut self, ret: TyId, wanted: TyId, name: &str, span: Span) -> bool {
        if self.unify(ret, wanted) {
            return true;
        }
        if self.has_error(ret) {
            self.failed = true;
            return false;
        }
        let (title, head) = (self.frame_ref().title.clone(), self.frame_ref().head);
        let gives = self.show(ret);
        let error = self
            .error(
                ErrorCode::E0213,
                span,
                format!("`?` on a `{name}` in {title}, which gives a `{gives}`"),
            )
            .label("has nowhere to go on failure")
            .secondary(head, format!("must give a `{name}` for `?`"))
            .help("handle the failure here by `match`, or change the result type");
        self.emit(error);
        false
    }
}

/// Whether a spawned body whose value is dropped gives one all the same, for its `?`s.
fn gives_value(body: &ast::SpawnBody) -> bool {
    match body {
        ast::SpawnBody::Block(block) => super::early::leaves_with_value(block),
        ast::SpawnBody::Call(_) => false,
    }
}

/// The variable that a (converted) read is of.
fn root_local(value: &Expr) -> Option<LocalId> {
    match &value.kind {
        ExprKind::Local(local) => Some(*local),
        ExprKind::Cast(_, inner) => root_local(inner),
        _ => None,
    }
}

fn is_literal(value: &Expr) -> bool {
    matches!(
        value.kind,
        ExprKind::Unit
            | ExprKind::Bool(_)
            | ExprKind::Char(_)
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Str(_)
            | ExprKind::Duration(_)
            | ExprKind::FnRef(..)
    )
}
