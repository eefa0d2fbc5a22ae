//! Intrinsics: `@name[T](a)`.

use super::call::{CallParam, CallSite};
use super::{Expect, Infer, LocalKind, Why, error_expr, expr};
use crate::suggest::nearest;
use orion_diagnostics::ErrorCode;
use orion_hir::derive::SHOW_NESTED;
use orion_hir::{Arg, BinOp, Callee, Expr, ExprKind, Intrinsic, Pat, PatKind, Stmt, TyTable, UnOp};
use orion_syntax::{Span, ast};

impl Infer<'_, '_> {
    pub(super) fn intrinsic(
        &mut self,
        name: ast::Ident,
        written: &[ast::Type],
        args: &[ast::Arg],
        expect: Expect,
        span: Span,
    ) -> Expr {
        let text = name.as_str().trim_start_matches('@');
        match text {
            "yield" => return self.yield_intrinsic(args, span),
            "assert" => return self.assert_intrinsic(args, span),
            "cancel_scope" if args.is_empty() => return self.cancel_innermost(span),
            "show_nested" if self.g.modules[self.module].is_std => {
                let Some(arg) = args.first() else { return error_expr(span) };
                let value = self.expr(&arg.value, Expect::Any);
                let ty = value.ty;
                let class = self.g.program.lang.show;
                self.require(class, ty, span, crate::classes::Reason::Interpolation);
                let member = SHOW_NESTED;
                let callee = Callee::Member { class, member, ty };
                return expr(ExprKind::Call(callee, vec![Arg::Value(value)]), TyTable::STR, span);
            }
            _ => {}
        }
        let is_std = self.g.modules[self.module].is_std;
        let found = Intrinsic::from_name(text).filter(|which| is_std || !which.signature().is_std);
        let Some(which) = found else {
            for arg in args {
                self.expr(&arg.value, Expect::Any);
            }
            self.report_unknown_intrinsic(name, text, is_std);
            return error_expr(span);
        };
        let signature = which.signature();
        let title = format!("@{text}");
        let types =
            self.type_args(&format!("`{title}`"), signature.generics as usize, written, name.span);
        let lang = self.g.program.lang;
        let (params, ret) = signature.resolve(self.types(), &lang, &types);
        if let Some(wanted) = expect.ty()
            && !self.is_unknown(wanted)
        {
            self.unify(ret, wanted);
        }
        let site = CallSite {
            name: title.into(),
            params: params.iter().map(CallParam::of_type).collect(),
            type_args: &[],
            span,
            declared: None,
        };
        let count = params.len();
        let args = self.arguments(&site, None, args);
        if args.len() != count {
            return error_expr(span);
        }
        self.never_if_any(ExprKind::Intrinsic(which, types, args), ret, span)
    }

    fn report_unknown_intrinsic(&mut self, name: ast::Ident, text: &str, is_std: bool) {
        let known = Intrinsic::ALL
            .iter()
            .filter(|which| is_std || !which.signature().is_std)
            .map(|which| which.name())
            .filter(|name| !name.starts_with('$'))
            .chain(["yield"]);
        let near = nearest(text, known);
        let message = if Intrinsic::from_name(text).is_some() {
            format!("`@{text}` is for the standard library")
        } else {
            format!("there is no intrinsic `@{text}`")
        };
        let mut error = self.error(ErrorCode::E0111, name.span, message).label("unknown");
        if let Some(near) = near {
            error = error.help(format!("did you mean `@{near}`?"));
        }
        self.emit(error);
    }

    fn yield_intrinsic(&mut self, args: &[ast::Arg], span: Span) -> Expr {
        match args {
            [] => expr(
                ExprKind::Intrinsic(Intrinsic::YieldNow, Vec::new(), Vec::new()),
                TyTable::UNIT,
                span,
            ),
            [arg] => {
                let Some(yields) = self.own_yields(span, "`@yield(v)` yields") else {
                    self.expr(&arg.value, Expect::Any);
                    return error_expr(span);
                };
                let value = self.check(&arg.value, yields.item, &Why::Yield);
                self.never_if_any(
                    ExprKind::Intrinsic(
                        Intrinsic::GenYield,
                        vec![yields.item, yields.sent],
                        vec![Arg::Value(value)],
                    ),
                    yields.sent,
                    span,
                )
            }
            _ => {
                let error = self
                    .error(
                        ErrorCode::E0202,
                        span,
                        format!("`@yield` takes one argument or none, not {}", args.len()),
                    )
                    .label("too many")
                    .help("yield a tuple: `@yield((a, b))`");
                self.emit(error);
                error_expr(span)
            }
        }
    }

    fn assert_intrinsic(&mut self, args: &[ast::Arg], span: Span) -> Expr {
        if args.is_empty() || args.len() > 2 {
            let error = self
                .error(
                    ErrorCode::E0202,
                    span,
                    format!(
                        "`@assert` takes a condition and perhaps a message, not {} arguments",
                        args.len()
                    ),
                )
                .label("wrong number of arguments");
            self.emit(error);
            return error_expr(span);
        }
        let cond = self.check(&args[0].value, TyTable::BOOL, &Why::Condition("`@assert`"));
        let cond = match cond {
            Expr { kind: ExprKind::Binary(op, left, right), .. }
                if op.is_comparison() && args.len() == 1 =>
            {
                return self.assert_comparison(op, *left, *right, span);
            }
            cond => cond,
        };
        let message = match args.get(1) {
            Some(message) => {
                let why = Why::Construct("the message of `@assert`");
                self.check(&message.value, TyTable::STR, &why)
            }
            None => expr(ExprKind::Str("assertion failed".into()), TyTable::STR, span),
        };
        self.never_if_any(
            ExprKind::Intrinsic(
                Intrinsic::Assert,
                Vec::new(),
                vec![Arg::Value(cond), Arg::Value(message)],
            ),
            TyTable::UNIT,
            span,
        )
    }

    /// `@assert(a == b)` without a message shows both sides where it fails: `let l = a; let r = b;
    /// if !(l == r) { @panic("assertion failed: {l} == {r}") }`.
    fn assert_comparison(&mut self, op: BinOp, left: Expr, right: Expr, span: Span) -> Expr {
        let mut stmts = Vec::new();
        let mut reads = Vec::new();
        for (name, side) in [("$left", left), ("$right", right)] {
            let (ty, at) = (side.ty, side.span);
            let local = self.new_local(name, ty, LocalKind::Hidden, at);
            let pat = Pat { kind: PatKind::Bind(local), ty, span: at };
            stmts.push(Stmt::Let { pat, init: side, span: at });
            reads.push(expr(ExprKind::Local(local), ty, at));
        }
        let text = |text: &str| expr(ExprKind::Str(text.into()), TyTable::STR, span);
        let class = self.g.program.lang.show;
        // No bound is required: a side that has no `Show` is left out in `finish`.
        let show = |value: &Expr| {
            let callee = Callee::Member { class, member: SHOW_NESTED, ty: value.ty };
            let call = ExprKind::Call(callee, vec![Arg::Value(value.clone())]);
            expr(call, TyTable::STR, span)
        };
        let message = expr(
            ExprKind::Concat(vec![
                text("assertion failed: "),
                show(&reads[0]),
                text(&format!(" {} ", op.symbol())),
                show(&reads[1]),
            ]),
            TyTable::STR,
            span,
        );
        let panic = expr(
            ExprKind::Intrinsic(Intrinsic::Panic, Vec::new(), vec![Arg::Value(message)]),
            TyTable::NEVER,
            span,
        );
        let right = Box::new(reads.remove(1));
        let left = Box::new(reads.remove(0));
        let holds = expr(ExprKind::Binary(op, left, right), TyTable::BOOL, span);
        let fails = expr(ExprKind::Unary(UnOp::Not, Box::new(holds)), TyTable::BOOL, span);
        let check = ExprKind::If { cond: Box::new(fails), then: Box::new(panic), otherwise: None };
        stmts.push(Stmt::Expr(expr(check, TyTable::UNIT, span)));
        expr(ExprKind::Block(stmts, None), TyTable::UNIT, span)
    }

    /// `@cancel_scope()` means the innermost scope.
    fn cancel_innermost(&mut self, span: Span) -> Expr {
        let Some(&local) = self.frame_ref().scopes.last() else {
            let error = self
                .error(ErrorCode::E0505, span, "`@cancel_scope()` outside of an `async` block")
                .label("no scope around this")
                .help("name one: `@cancel_scope(s)`");
            self.emit(error);
            return expr(ExprKind::Unit, TyTable::UNIT, span);
        };
        let scope = expr(ExprKind::Local(local), TyTable::SCOPE, span);
        expr(
            ExprKind::Intrinsic(Intrinsic::CancelScope, Vec::new(), vec![Arg::Value(scope)]),
            TyTable::UNIT,
            span,
        )
    }
}
