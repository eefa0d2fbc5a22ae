//! Blocks and statements.

use super::{Expect, Infer, LocalKind, Why, expr};
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::{Arg, Arm, Callee, Expr, ExprKind, Intrinsic, Pat, PatKind, Stmt, TyId, TyTable};
use orion_syntax::{Span, ast};

impl Infer<'_, '_> {
    /// A block; where its value is dropped the result is `()` or `Never`.
    pub(super) fn block(&mut self, block: &ast::Block, expect: Expect) -> Expr {
        self.scoped(|this| this.block_in_scope(block, expect))
    }

    /// A block whose variables stay visible for the caller's scope.
    pub(super) fn block_in_scope(&mut self, block: &ast::Block, expect: Expect) -> Expr {
        let mut stmts = Vec::new();
        let mut ended: Option<Span> = None;
        let mut warned = false;
        for stmt in &block.stmts {
            self.warn_unreachable(ended, stmt.span, &mut warned);
            if let Some(stmt) = self.stmt(stmt) {
                if ended.is_none() && stmt_never(&stmt) {
                    ended = Some(stmt_span(&stmt));
                }
                stmts.push(stmt);
            }
        }
        let tail = match &block.value {
            None => None,
            Some(value) => {
                self.warn_unreachable(ended, value.span, &mut warned);
                match expect {
                    Expect::Drop => {
                        let value = self.effect(value);
                        if ended.is_none() && value.ty == TyTable::NEVER {
                            ended = Some(value.span);
                        }
                        stmts.push(Stmt::Expr(value));
                        None
                    }
                    _ => Some(Box::new(self.expr(value, expect))),
                }
            }
        };
        let ty = match &tail {
            _ if ended.is_some() => TyTable::NEVER,
            Some(tail) => tail.ty,
            None => TyTable::UNIT,
        };
        let span = match &tail {
            // What a message about the block's value should point at.
            Some(tail) if stmts.is_empty() => tail.span,
            Some(tail) => tail.span,
            None => block.end_brace(),
        };
        expr(ExprKind::Block(stmts, tail), ty, span)
    }

    fn warn_unreachable(&mut self, ended: Option<Span>, span: Span, warned: &mut bool) {
        if let Some(ended) = ended
            && !*warned
        {
            *warned = true;
            self.report(
                Diagnostic::new(ErrorCode::W0202, span, "this is never reached")
                    .label("unreachable")
                    .secondary(ended, "what stands before it never ends"),
            );
        }
    }

    fn stmt(&mut self, stmt: &ast::Stmt) -> Option<Stmt> {
        match &stmt.kind {
            ast::StmtKind::Error => {
                self.failed = true;
                None
            }
            ast::StmtKind::Expr(e) => Some(Stmt::Expr(self.effect(e))),
            ast::StmtKind::Let { mutable, pattern, ty, value } => {
                Some(self.let_stmt(*mutable, pattern, ty.as_ref(), value, stmt.span))
            }
            ast::StmtKind::Receive { value, ok, channel } => {
                Some(self.receive_stmt(*value, *ok, channel, stmt.span))
            }
            ast::StmtKind::Defer(body) => Some(self.defer(body, stmt.span)),
        }
    }

    fn let_stmt(
        &mut self,
        mutable: bool,
        pattern: &ast::Pattern,
        ty: Option<&ast::Type>,
        value: &ast::Expr,
        span: Span,
    ) -> Stmt {
        let pending = match &pattern.kind {
            ast::PatternKind::Binding(name) => Some(name.name),
            _ => None,
        };
        self.pending.extend(pending);
        let init = match ty {
            Some(ty) => {
                let wanted = self.written_type(ty);
                let init = self.check(value, wanted, &Why::Let(ty.span));
                // After an error the written type is still what the variable has.
                if init.ty == TyTable::ERROR { Expr { ty: wanted, ..init } } else { init }
            }
            None => self.expr(value, Expect::Any),
        };
        if pending.is_some() {
            self.pending.pop();
        }
        let ty = match ty {
            Some(_) if init.ty == TyTable::NEVER => TyTable::UNIT,
            None if init.ty == TyTable::NEVER => TyTable::UNIT,
            _ => init.ty,
        };
        let kind = if mutable { LocalKind::Var } else { LocalKind::Let };
        let pat = self.pattern(pattern, ty, kind);
        Stmt::Let { pat, init, span }
    }

    /// `value, ok := <-ch` is `let (value, ok) = match @recv(ch) { Some(v) => (v, true), None =>
    /// (default(), false) }`.
    fn receive_stmt(
        &mut self,
        value: Option<ast::Ident>,
        ok: Option<ast::Ident>,
        channel: &ast::Expr,
        span: Span,
    ) -> Stmt {
        let received = self.receive(channel, Intrinsic::ChanRecvOption, span);
        let element = self.option_element(received.ty);
        let init = self.value_ok(received, element, span);
        let mut parts = Vec::new();
        for (name, ty) in [(value, element), (ok, TyTable::BOOL)] {
            let kind = match name {
                Some(name) => PatKind::Bind(self.declare(name, ty, LocalKind::Let)),
                None => PatKind::Wild,
            };
            parts.push(Pat { kind, ty, span: name.map_or(span, |name| name.span) });
        }
        let ty = self.types().tuple(&[element, TyTable::BOOL]);
        Stmt::Let { pat: Pat { kind: PatKind::Tuple(parts), ty, span }, init, span }
    }

    pub(super) fn option_element(&self, ty: TyId) -> TyId {
        match self.kind(self.shallow(ty)) {
            orion_hir::Ty::Adt(_, args) if !args.is_empty() => args[0],
            _ => TyTable::ERROR,
        }
    }

    /// `match option { Some(v) => (v, true), None => (default(), false) }`
    pub(super) fn value_ok(&mut self, option: Expr, element: TyId, span: Span) -> Expr {
        let ty = self.types().tuple(&[element, TyTable::BOOL]);
        let class = self.g.program.lang.default;
        self.require(class, element, span, crate::classes::Reason::ReceiveOk);
        let local = self.new_local("$value", element, LocalKind::Hidden, span);
        let truth = |value: bool| expr(ExprKind::Bool(value), TyTable::BOOL, span);
        let default = expr(
            ExprKind::Call(Callee::Member { class, member: 0, ty: element }, Vec::<Arg>::new()),
            element,
            span,
        );
        let some = expr(
            ExprKind::Tuple(vec![expr(ExprKind::Local(local), element, span), truth(true)]),
            ty,
            span,
        );
        let none = expr(ExprKind::Tuple(vec![default, truth(false)]), ty, span);
        self.match_option(option, local, some, none, span)
    }

    /// `match option { Some(local) => some, None => none }`
    pub(super) fn match_option(
        &mut self,
        option: Expr,
        local: orion_hir::LocalId,
        some: Expr,
        none: Expr,
        span: Span,
    ) -> Expr {
        let element = self.local_ty(local);
        let option_ty = option.ty;
        let ty = if some.ty == TyTable::NEVER { none.ty } else { some.ty };
        let bind = Pat { kind: PatKind::Bind(local), ty: element, span };
        let arms = vec![
            Arm {
                pat: Pat { kind: PatKind::Variant(1, vec![bind]), ty: option_ty, span },
                guard: None,
                body: some,
            },
            Arm {
                pat: Pat { kind: PatKind::Variant(0, Vec::new()), ty: option_ty, span },
                guard: None,
                body: none,
            },
        ];
        expr(ExprKind::Match { scrutinee: Box::new(option), arms }, ty, span)
    }

    fn defer(&mut self, body: &ast::Block, span: Span) -> Stmt {
        let frame = self.frame();
        let outer = frame.in_defer;
        let in_loop = !frame.loops.is_empty();
        frame.in_defer = Some(frame.loops.len());
        let scopes = std::mem::take(&mut self.frame().scopes);
        let body = self.block(body, Expect::Drop);
        let frame = self.frame();
        frame.in_defer = outer;
        frame.scopes = scopes;
        Stmt::Defer { body: Box::new(body), uses: Vec::new(), in_loop, span }
    }
}

fn stmt_never(stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Let { init, .. } => init.ty == TyTable::NEVER,
        Stmt::Expr(value) => value.ty == TyTable::NEVER,
        Stmt::Defer { .. } => false,
    }
}

fn stmt_span(stmt: &Stmt) -> Span {
    match stmt {
        Stmt::Let { span, .. } | Stmt::Defer { span, .. } => *span,
        Stmt::Expr(value) => value.span,
    }
}
