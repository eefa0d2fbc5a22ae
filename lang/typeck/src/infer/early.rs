//! Whether a body may be left early with a value.
//!
//! A spawned block whose handle is dropped has its value dropped too, so its branches need not
//! agree; but where a `?` or a `return e` gives a value, the body's end must give one like it. This
//! looks for them before inference starts, in statements and the operands that commonly hold them;
//! what it misses is checked as a body without them.

use orion_syntax::ast::{self, ExprKind, StmtKind};

/// Whether a block holds a `?` or `return e` of its own.
pub(super) fn leaves_with_value(block: &ast::Block) -> bool {
    block.stmts.iter().any(|stmt| match &stmt.kind {
        StmtKind::Let { value, .. } | StmtKind::Expr(value) => in_expr(value),
        StmtKind::Receive { channel, .. } => in_expr(channel),
        StmtKind::Defer(_) | StmtKind::Error => false,
    }) || block.value.as_deref().is_some_and(in_expr)
}

fn in_expr(e: &ast::Expr) -> bool {
    match &e.kind {
        ExprKind::Try(_) | ExprKind::Return(Some(_)) => true,
        ExprKind::Paren(inner)
        | ExprKind::Field { base: inner, .. }
        | ExprKind::TupleField { base: inner, .. }
        | ExprKind::Unary { operand: inner, .. }
        | ExprKind::Cast { operand: inner, .. } => in_expr(inner),
        ExprKind::Binary { left, right, .. } => in_expr(left) || in_expr(right),
        ExprKind::Index { base, index } => in_expr(base) || in_expr(index),
        ExprKind::Call { callee, args } => {
            in_expr(callee) || args.iter().any(|arg| in_expr(&arg.value))
        }
        ExprKind::Intrinsic { args, .. } => args.iter().any(|arg| in_expr(&arg.value)),
        ExprKind::Interpolation(parts) => parts.iter().any(|part| match part {
            ast::StrPart::Text(..) => false,
            ast::StrPart::Expr(inner, _) => in_expr(inner),
        }),
        ExprKind::Tuple(items) | ExprKind::List(items) => items.iter().any(in_expr),
        ExprKind::Block(block) | ExprKind::Async { body: block, .. } => leaves_with_value(block),
        ExprKind::If { condition, then_block, else_branch } => {
            in_expr(condition)
                || leaves_with_value(then_block)
                || else_branch.as_deref().is_some_and(in_expr)
        }
        ExprKind::Match { scrutinee, arms } => {
            in_expr(scrutinee) || arms.iter().any(|arm| in_expr(&arm.body))
        }
        ExprKind::Select(arms) => arms.iter().any(|arm| in_expr(&arm.body)),
        ExprKind::While { condition, body, .. } => in_expr(condition) || leaves_with_value(body),
        ExprKind::For { iterable, body, .. } => in_expr(iterable) || leaves_with_value(body),
        ExprKind::Assign { value, .. } => in_expr(value),
        ExprKind::Send { channel, value } => in_expr(channel) || in_expr(value),
        _ => false,
    }
}
