//! `select`, in its normal form: a receiving arm binds an `Option`, and its body takes it apart.

use super::{Expect, Infer, LocalKind, Why, expr};
use orion_diagnostics::ErrorCode;
use orion_hir::{
    Arg, Arm, Expr, ExprKind, Intrinsic, LocalId, Pat, PatKind, SelectArm, SelectOp, Stmt, TyId,
    TyTable,
};
use orion_syntax::{Span, ast};

/// How an arm's received value is used.
enum Use {
    /// `v := <-ch`: panics once closed.
    Value(Option<ast::Ident>),
    /// `v, ok := <-ch`
    ValueOk(Option<ast::Ident>, Option<ast::Ident>),
}

impl Infer<'_, '_> {
    pub(super) fn select(&mut self, arms: &[ast::SelectArm], expect: Expect, span: Span) -> Expr {
        self.check_timeouts(arms);
        let mut heads = Vec::new();
        let mut bodies = Vec::new();
        for arm in arms {
            let guard = arm
                .guard
                .as_ref()
                .map(|guard| self.check(guard, TyTable::BOOL, &Why::Condition("a guard")));
            let made = match &arm.kind {
                ast::SelectArmKind::Error => {
                    self.failed = true;
                    None
                }
                ast::SelectArmKind::Receive { value, channel } => {
                    self.receive_arm(channel, &Use::Value(*value), &arm.body, expect)
                }
                ast::SelectArmKind::ReceiveOk { value, ok, channel } => {
                    self.receive_arm(channel, &Use::ValueOk(*value, *ok), &arm.body, expect)
                }
                ast::SelectArmKind::ReceiveDrop { channel } => {
                    let op = self
                        .receiver(channel, None)
                        .map(|(chan, _)| SelectOp::Recv { chan, bind: None });
                    let body = self.arm_body(&arm.body, expect);
                    op.map(|op| (op, body))
                }
                ast::SelectArmKind::Arrow { left, right } => match &left.kind {
                    // A plain name that is no variable is a new one: the short form of a receive.
                    ast::ExprKind::Name(name) if !name.is_upper() && !self.is_local(name.name) => {
                        self.receive_arm(right, &Use::Value(Some(*name)), &arm.body, expect)
                    }
                    _ => {
                        let op = self.send_op(left, right);
                        let body = self.arm_body(&arm.body, expect);
                        op.map(|op| (op, body))
                    }
                },
                ast::SelectArmKind::After(duration) => {
                    let duration =
                        self.check(duration, TyTable::DURATION, &Why::Construct("`after`"));
                    let body = self.arm_body(&arm.body, expect);
                    Some((SelectOp::After(duration), body))
                }
                ast::SelectArmKind::Default => {
                    let body = self.arm_body(&arm.body, expect);
                    Some((SelectOp::Default, body))
                }
            };
            if let Some((op, body)) = made {
                heads.push((op, guard, arm.span));
                bodies.push(body);
            }
        }
        let (bodies, ty) = self.join_branches(bodies, expect, "`select`");
        let arms = heads
            .into_iter()
            .zip(bodies)
            .map(|((op, guard, span), body)| SelectArm { op, guard, body, span })
            .collect();
        expr(ExprKind::Select(arms), ty, span)
    }

    fn arm_body(&mut self, body: &ast::Expr, expect: Expect) -> Expr {
        self.scoped(|this| match expect {
            Expect::Drop => this.effect(body),
            _ => this.expr(body, expect),
        })
    }

    fn send_op(&mut self, channel: &ast::Expr, value: &ast::Expr) -> Option<SelectOp> {
        let Some((chan, element)) = self.sender(channel) else {
            self.expr(value, Expect::Any);
            return None;
        };
        let value = self.check(value, element, &Why::Send);
        Some(SelectOp::Send { chan, value })
    }

    fn receive_arm(
        &mut self,
        channel: &ast::Expr,
        how: &Use,
        body: &ast::Expr,
        expect: Expect,
    ) -> Option<(SelectOp, Expr)> {
        let span = channel.span;
        let found = self.receiver(channel, None);
        let element = found.as_ref().map_or(TyTable::ERROR, |(_, element)| *element);
        let option = self.option_of(element);
        let received = self.new_local("$received", option, LocalKind::Hidden, span);
        let body = self.scoped(|this| match how {
            Use::Value(name) => this.value_arm(received, *name, element, body, expect, span),
            Use::ValueOk(value, ok) => {
                let read = expr(ExprKind::Local(received), option, span);
                let init = this.value_ok(read, element, span);
                let mut parts = Vec::new();
                for (name, ty) in [(*value, element), (*ok, TyTable::BOOL)] {
                    let kind = match name {
                        Some(name) => PatKind::Bind(this.declare(name, ty, LocalKind::Arm)),
                        None => PatKind::Wild,
                    };
                    parts.push(Pat { kind, ty, span: name.map_or(span, |name| name.span) });
                }
                let ty = this.types().tuple(&[element, TyTable::BOOL]);
                let pat = Pat { kind: PatKind::Tuple(parts), ty, span };
                let body = this.arm_body(body, expect);
                let (ty, at) = (body.ty, body.span);
                let stmt = Stmt::Let { pat, init, span };
                expr(ExprKind::Block(vec![stmt], Some(Box::new(body))), ty, at)
            }
        });
        found.map(|(chan, _)| (SelectOp::Recv { chan, bind: Some(received) }, body))
    }

    /// `match received { Some(v) => body, None => @panic("…") }`
    fn value_arm(
        &mut self,
        received: LocalId,
        name: Option<ast::Ident>,
        element: TyId,
        body: &ast::Expr,
        expect: Expect,
        span: Span,
    ) -> Expr {
        let option = self.local_ty(received);
        let bind = match name {
            Some(name) => PatKind::Bind(self.declare(name, element, LocalKind::Arm)),
            None => PatKind::Wild,
        };
        let bind = Pat { kind: bind, ty: element, span: name.map_or(span, |name| name.span) };
        let body = self.arm_body(body, expect);
        let message = expr(ExprKind::Str(crate::RECEIVE_CLOSED.into()), TyTable::STR, span);
        let panic = expr(
            ExprKind::Intrinsic(Intrinsic::Panic, Vec::new(), vec![Arg::Value(message)]),
            TyTable::NEVER,
            span,
        );
        let (ty, at) = (body.ty, body.span);
        let arms = vec![
            Arm {
                pat: Pat { kind: PatKind::Variant(1, vec![bind]), ty: option, span },
                guard: None,
                body,
            },
            Arm {
                pat: Pat { kind: PatKind::Variant(0, Vec::new()), ty: option, span },
                guard: None,
                body: panic,
            },
        ];
        let scrutinee = Box::new(expr(ExprKind::Local(received), option, span));
        expr(ExprKind::Match { scrutinee, arms }, ty, at)
    }

    /// `after` and `default` exclude each other; each stands once at most.
    fn check_timeouts(&mut self, arms: &[ast::SelectArm]) {
        let find = |default: bool| {
            arms.iter().filter(move |arm| match arm.kind {
                ast::SelectArmKind::Default => default,
                ast::SelectArmKind::After(_) => !default,
                _ => false,
            })
        };
        if let (Some(default), Some(after)) = (find(true).next(), find(false).next()) {
            let error = self
                .error(ErrorCode::E0506, after.span, "`after` and `default` in one `select`")
                .label("never taken: `default` does not wait")
                .secondary(default.span, "taken when nothing is ready")
                .help("remove one of them");
            self.emit(error);
        }
        if let Some(second) = find(true).nth(1) {
            let error = self
                .error(ErrorCode::E0506, second.span, "a second `default` arm")
                .label("never taken");
            self.emit(error);
        }
    }
}
