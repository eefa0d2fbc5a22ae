//! Expressions: the dispatch by form, and evaluation for effect only.

use super::names::Head;
use super::unify::VarKind;
use super::{Infer, LocalKind, Why, error_expr, expr};
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::{Callee, Expr, ExprKind, Intrinsic, Stmt, Ty, TyId, TyTable};
use orion_syntax::{Span, ast};

/// What is known of the type that an expression should have.
#[derive(Clone, Copy, Debug)]
pub enum Expect {
    /// Nothing.
    Any,
    /// The value is dropped: branches need not agree.
    Drop,
    /// Probably this type; whoever wants it checks.
    Ty(TyId),
}

impl Expect {
    pub(super) fn ty(self) -> Option<TyId> {
        match self {
            Expect::Ty(ty) => Some(ty),
            Expect::Any | Expect::Drop => None,
        }
    }
}

impl Infer<'_, '_> {
    /// Evaluates an expression.
    pub(super) fn expr(&mut self, e: &ast::Expr, expect: Expect) -> Expr {
        let span = e.span;
        match &e.kind {
            ast::ExprKind::Error => {
                self.failed = true;
                error_expr(span)
            }
            ast::ExprKind::Literal(literal) => self.literal(literal),
            ast::ExprKind::Paren(inner) => self.expr(inner, expect),
            ast::ExprKind::Interpolation(parts) => self.interpolation(parts, span),
            ast::ExprKind::Name(_) => {
                let head = self.head(e);
                self.head_value(head, expect, &[], span)
            }
            ast::ExprKind::Field { base, name } => match self.head(e) {
                Head::Value => self.field(base, *name, span),
                head => self.head_value(head, expect, &[], span),
            },
            ast::ExprKind::Instantiate { base, type_args } => {
                let head = self.head(base);
                if matches!(head, Head::Value | Head::Local(..)) {
                    let error = self
                        .error(ErrorCode::E0206, span, "type arguments belong to a named function")
                        .label("this is a value");
                    self.emit(error);
                    return error_expr(span);
                }
                self.head_value(head, expect, type_args, span)
            }
            ast::ExprKind::TupleField { base, index, index_span } => {
                self.tuple_field(base, *index, *index_span, span)
            }
            ast::ExprKind::Index { base, index } => self.index(base, index, span),
            ast::ExprKind::Call { callee, args } => self.call(callee, args, expect, span),
            ast::ExprKind::Intrinsic { name, type_args, args } => {
                self.intrinsic(*name, type_args, args, expect, span)
            }
            ast::ExprKind::Try(inner) => self.try_expr(inner, expect, span),
            ast::ExprKind::Unary { op, operand, op_span } => {
                self.unary(*op, *op_span, operand, expect, span)
            }
            ast::ExprKind::Binary { op, op_span, left, right } => {
                self.binary(*op, *op_span, left, right, span)
            }
            ast::ExprKind::Cast { operand, wrapping, ty } => {
                self.cast(operand, *wrapping, ty, span)
            }
            ast::ExprKind::Range { .. } => {
                let error = self
                    .error(ErrorCode::E0225, span, "a range is no value")
                    .label("stands alone here")
                    .help("ranges stand in `for`, in `xs[a..b]` and in patterns");
                self.emit(error);
                error_expr(span)
            }
            ast::ExprKind::Tuple(items) => {
                let tuple = self.tuple(items, expect, span);
                Expr { ty: self.check_size(tuple.ty, span), ..tuple }
            }
            ast::ExprKind::List(items) => self.list(items, expect, span),
            ast::ExprKind::Repeat { value, count } => self.repeat(value, count, expect, span),
            ast::ExprKind::Map(entries) => self.map(entries, expect, span),
            ast::ExprKind::Struct { path, fields } => {
                self.struct_literal(path, fields, expect, span)
            }
            ast::ExprKind::Lambda(lambda) => self.lambda(lambda, expect, span),
            ast::ExprKind::If { condition, then_block, else_branch } => {
                self.if_expr(condition, then_block, else_branch.as_deref(), expect, span)
            }
            ast::ExprKind::Match { scrutinee, arms } => {
                self.match_expr(scrutinee, arms, expect, span)
            }
            ast::ExprKind::Block(block) => self.block(block, expect),
            ast::ExprKind::Async { scope, body } => self.async_expr(*scope, body, expect, span),
            ast::ExprKind::Spawn(spawn) => self.spawn(spawn, false, expect, span),
            ast::ExprKind::Gen(body) => self.gen_expr(body, expect, span),
            ast::ExprKind::Select(arms) => self.select(arms, expect, span),
            ast::ExprKind::While { label, condition, body } => {
                self.while_loop(*label, condition, body, span)
            }
            ast::ExprKind::For { label, pattern, iterable, body } => {
                self.for_loop(*label, pattern, iterable, body, span)
            }
            ast::ExprKind::Assign { place, op, op_span, value } => {
                self.assign(place, *op, *op_span, value, span)
            }
            ast::ExprKind::Send { channel, value } => self.send(channel, value, span),
            ast::ExprKind::Return(value) => self.return_expr(value.as_deref(), span),
            ast::ExprKind::Break(label) => self.jump(*label, true, span),
            ast::ExprKind::Continue(label) => self.jump(*label, false, span),
        }
    }

    /// Evaluates an expression whose value is dropped; the result is `()` or `Never`.
    pub(super) fn effect(&mut self, e: &ast::Expr) -> Expr {
        match &e.kind {
            ast::ExprKind::Paren(inner) => self.effect(inner),
            ast::ExprKind::If { .. }
            | ast::ExprKind::Match { .. }
            | ast::ExprKind::Block(_)
            | ast::ExprKind::Async { .. }
            | ast::ExprKind::Select(_) => self.expr(e, Expect::Drop),
            ast::ExprKind::Spawn(spawn) => {
                let value = self.spawn(spawn, true, Expect::Drop, e.span);
                self.drop_value(value)
            }
            // A receive whose value is dropped does not panic: it just goes on.
            ast::ExprKind::Unary { op: ast::UnaryOp::Receive, operand, .. } => {
                let value = self.receive(operand, Intrinsic::ChanRecvOption, e.span);
                self.drop_value(value)
            }
            _ => {
                let value = self.expr(e, Expect::Any);
                if value.ty != TyTable::UNIT && value.ty != TyTable::NEVER && !has_effect(e) {
                    let warning = Diagnostic::new(
                        ErrorCode::W0201,
                        e.span,
                        "this value is dropped, and computing it has no effect",
                    )
                    .label("without effect");
                    let warning = match &e.kind {
                        ast::ExprKind::Binary { op: ast::BinaryOp::Eq, .. } => {
                            warning.help("`=` assigns, `==` compares")
                        }
                        ast::ExprKind::Name(_) if matches!(self.known(value.ty), Ty::Fn(_)) => {
                            warning.help("call it: add `()`")
                        }
                        _ => warning.help("`let _ = …` drops it on purpose"),
                    };
                    self.report(warning);
                }
                self.drop_value(value)
            }
        }
    }

    /// A value as a statement.
    pub(super) fn drop_value(&mut self, value: Expr) -> Expr {
        let ty = self.shallow(value.ty);
        if ty == TyTable::UNIT || ty == TyTable::NEVER {
            return value;
        }
        if let Some(VarKind::General) = self.var_kind(ty)
            && matches!(value.kind, ExprKind::Call(..) | ExprKind::Intrinsic(..))
        {
            // Nothing will ever say more about a dropped value.
            self.unify(ty, TyTable::UNIT);
        }
        let span = value.span;
        expr(ExprKind::Block(vec![Stmt::Expr(value)], None), TyTable::UNIT, span)
    }

    fn literal(&mut self, literal: &ast::Literal) -> Expr {
        let span = literal.span;
        match &literal.kind {
            ast::LiteralKind::Int { value, suffix } => {
                let ty = match suffix {
                    Some(suffix) => TyTable::int(crate::types::int_suffix(*suffix)),
                    None => self.fresh_kind(VarKind::Int, span),
                };
                expr(ExprKind::Int(*value), ty, span)
            }
            ast::LiteralKind::Float { value, suffix, text } => match suffix {
                Some(ast::FloatSuffix::F32) => {
                    // Rounded once, from the digits: twice may differ in the last bit.
                    let value = text.as_str().parse::<f32>().map_or(*value, f64::from);
                    expr(ExprKind::Float(value), TyTable::F32, span)
                }
                Some(ast::FloatSuffix::F64) => expr(ExprKind::Float(*value), TyTable::F64, span),
                None => {
                    let ty = self.fresh_kind(VarKind::Float, span);
                    expr(ExprKind::Float(*value), ty, span)
                }
            },
            ast::LiteralKind::Bool(value) => expr(ExprKind::Bool(*value), TyTable::BOOL, span),
            ast::LiteralKind::Char(value) => expr(ExprKind::Char(*value), TyTable::CHAR, span),
            ast::LiteralKind::Str(text) => {
                expr(ExprKind::Str(text.as_str().into()), TyTable::STR, span)
            }
            ast::LiteralKind::Duration { value_ns } => {
                expr(ExprKind::Duration(*value_ns), TyTable::DURATION, span)
            }
        }
    }

    fn interpolation(&mut self, parts: &[ast::StrPart], span: Span) -> Expr {
        let mut pieces = Vec::new();
        for part in parts {
            match part {
                ast::StrPart::Text(text, span) => {
                    pieces.push(expr(ExprKind::Str(text.as_str().into()), TyTable::STR, *span));
                }
                ast::StrPart::Expr(inner, _) => {
                    let value = self.expr(inner, Expect::Any);
                    pieces.push(self.show_value(value));
                }
            }
        }
        if pieces.is_empty() {
            return expr(ExprKind::Str("".into()), TyTable::STR, span);
        }
        expr(ExprKind::Concat(pieces), TyTable::STR, span)
    }

    /// `show(value)`; a string is itself.
    pub(super) fn show_value(&mut self, value: Expr) -> Expr {
        let ty = self.shallow(value.ty);
        if ty == TyTable::STR || ty == TyTable::ERROR || ty == TyTable::NEVER {
            return value;
        }
        let span = value.span;
        let class = self.g.program.lang.show;
        self.require(class, ty, span, crate::classes::Reason::Interpolation);
        expr(
            ExprKind::Call(
                Callee::Member { class, member: 0, ty },
                vec![orion_hir::Arg::Value(value)],
            ),
            TyTable::STR,
            span,
        )
    }

    fn if_expr(
        &mut self,
        condition: &ast::Expr,
        then_block: &ast::Block,
        else_branch: Option<&ast::Expr>,
        expect: Expect,
        span: Span,
    ) -> Expr {
        let cond = Box::new(self.check(condition, TyTable::BOOL, &Why::Condition("`if`")));
        let Some(else_branch) = else_branch else {
            // Without `else` there is no value: the block is for its effect.
            let then = Box::new(self.block(then_block, Expect::Drop));
            let ty = if cond.ty == TyTable::NEVER { TyTable::NEVER } else { TyTable::UNIT };
            return expr(ExprKind::If { cond, then, otherwise: None }, ty, span);
        };
        let then = self.block(then_block, expect);
        let otherwise = match expect {
            Expect::Drop => self.effect(else_branch),
            _ => self.expr(else_branch, expect),
        };
        let (branches, ty) = self.join_branches(vec![then, otherwise], expect, "`if`");
        let mut branches = branches.into_iter();
        let (Some(then), Some(otherwise)) = (branches.next(), branches.next()) else {
            return error_expr(span);
        };
        let ty = if cond.ty == TyTable::NEVER { TyTable::NEVER } else { ty };
        expr(
            ExprKind::If { cond, then: Box::new(then), otherwise: Some(Box::new(otherwise)) },
            ty,
            span,
        )
    }

    /// Brings branches to one type; dropped ones are all `()` or `Never`.
    pub(super) fn join_branches(
        &mut self,
        branches: Vec<Expr>,
        expect: Expect,
        what: &'static str,
    ) -> (Vec<Expr>, TyId) {
        if let Expect::Drop = expect {
            let never = branches.iter().all(|branch| branch.ty == TyTable::NEVER);
            return (branches, if never { TyTable::NEVER } else { TyTable::UNIT });
        }
        self.join(branches, expect, what)
    }

    fn match_expr(
        &mut self,
        scrutinee: &ast::Expr,
        arms: &[ast::MatchArm],
        expect: Expect,
        span: Span,
    ) -> Expr {
        let scrutinee = self.expr(scrutinee, Expect::Any);
        let ty = if scrutinee.ty == TyTable::NEVER { TyTable::UNIT } else { scrutinee.ty };
        let mut heads = Vec::new();
        let mut bodies = Vec::new();
        for arm in arms {
            let (pat, guard, body) = self.scoped(|this| {
                let pat = this.pattern(&arm.pattern, ty, LocalKind::Arm);
                let guard = arm
                    .guard
                    .as_ref()
                    .map(|guard| this.check(guard, TyTable::BOOL, &Why::Condition("a guard")));
                let body = match expect {
                    Expect::Drop => this.effect(&arm.body),
                    _ => this.expr(&arm.body, expect),
                };
                (pat, guard, body)
            });
            heads.push((pat, guard));
            bodies.push(body);
        }
        let (bodies, result) = self.join_branches(bodies, expect, "`match`");
        let arms = heads
            .into_iter()
            .zip(bodies)
            .map(|((pat, guard), body)| orion_hir::Arm { pat, guard, body })
            .collect();
        let result = if scrutinee.ty == TyTable::NEVER { TyTable::NEVER } else { result };
        expr(ExprKind::Match { scrutinee: Box::new(scrutinee), arms }, result, span)
    }
}

/// Whether evaluating may do something beside giving a value.
fn has_effect(e: &ast::Expr) -> bool {
    match &e.kind {
        ast::ExprKind::Literal(_)
        | ast::ExprKind::Name(_)
        | ast::ExprKind::Lambda(_)
        | ast::ExprKind::Instantiate { .. }
        | ast::ExprKind::Gen(_) => false,
        ast::ExprKind::Paren(inner)
        | ast::ExprKind::Field { base: inner, .. }
        | ast::ExprKind::TupleField { base: inner, .. }
        | ast::ExprKind::Cast { operand: inner, .. } => has_effect(inner),
        ast::ExprKind::Unary { op, operand, .. } => {
            *op == ast::UnaryOp::Receive || has_effect(operand)
        }
        ast::ExprKind::Binary { left, right, .. } => has_effect(left) || has_effect(right),
        ast::ExprKind::Index { base, index } => has_effect(base) || has_effect(index),
        ast::ExprKind::Interpolation(parts) => parts.iter().any(|part| match part {
            ast::StrPart::Text(..) => false,
            ast::StrPart::Expr(inner, _) => has_effect(inner),
        }),
        ast::ExprKind::Tuple(items) | ast::ExprKind::List(items) => items.iter().any(has_effect),
        ast::ExprKind::Struct { fields, .. } => {
            fields.iter().any(|field| field.value.as_ref().is_some_and(has_effect))
        }
        _ => true,
    }
}
