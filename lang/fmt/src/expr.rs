//! Expressions.

use crate::Builder;
use crate::doc::Doc;
use crate::list::Style;
use orion_syntax::ast::{
    Arg, BinaryOp, Expr, ExprKind, LiteralKind, MatchArm, SelectArm, SelectArmKind, Spawn,
    SpawnBody, StrPart,
};

/// Elements up to this width share lines in lists that do not fit on one.
const SHORT_COLUMNS: usize = 16;

impl<'a> Builder<'a> {
    /// An expression.
    pub fn expr(&mut self, expr: &Expr) -> Doc<'a> {
        let end = expr.span.end;
        match &expr.kind {
            ExprKind::Literal(literal) => match literal.kind {
                LiteralKind::Str(_) => self.cursor.verbatim_until(end),
                _ => self.cursor.take_until(end),
            },
            ExprKind::Interpolation(parts) => self.interpolation(parts, end),
            ExprKind::Name(_) => self.cursor.take(),
            ExprKind::Field { .. }
            | ExprKind::TupleField { .. }
            | ExprKind::Index { .. }
            | ExprKind::Call { .. }
            | ExprKind::Instantiate { .. }
            | ExprKind::Try(_) => self.postfix(expr),
            ExprKind::Intrinsic { type_args, args, .. } => {
                let mut parts = vec![self.cursor.take()];
                if self.cursor.peek() == "[" {
                    parts.push(self.types(type_args, end));
                }
                parts.push(self.args(args, end));
                Doc::concat(parts)
            }
            ExprKind::Unary { operand, .. } => {
                let op = self.cursor.take();
                Doc::concat(vec![op, self.expr(operand)])
            }
            ExprKind::Binary { .. } => self.binary(expr),
            ExprKind::Cast { operand, ty, .. } => {
                let mut parts = vec![self.expr(operand), Doc::text(" "), self.cursor.take()];
                parts.extend([Doc::text(" "), self.ty(ty)]);
                Doc::concat(parts)
            }
            ExprKind::Range { start, end, .. } => {
                let mut parts = Vec::new();
                parts.extend(start.as_ref().map(|start| self.expr(start)));
                parts.push(self.cursor.take());
                parts.extend(end.as_ref().map(|end| self.expr(end)));
                Doc::concat(parts)
            }
            ExprKind::Tuple(elements) => match &elements[..] {
                [only] => self.single(|b| b.expr(only)),
                _ => self.list(Style::TIGHT, elements.len(), end, |b, i| b.expr(&elements[i])),
            },
            ExprKind::Paren(inner) => {
                let open = self.cursor.word("(");
                let inner = self.expr(inner);
                Doc::concat(vec![open, inner, self.cursor.word(")")])
            }
            ExprKind::List(elements) => self.list_literal(elements, end),
            ExprKind::Repeat { value, count } => {
                let mut parts = vec![self.cursor.word("["), self.expr(value)];
                parts.extend([self.cursor.word(";"), Doc::text(" "), self.expr(count)]);
                parts.push(self.cursor.word("]"));
                Doc::concat(parts)
            }
            ExprKind::Map(entries) if entries.is_empty() => self.cursor.take_until(end),
            ExprKind::Map(entries) => self.list(Style::ELEMENTS, entries.len(), end, |b, i| {
                let key = b.expr(&entries[i].key);
                let colon = b.cursor.word(":");
                Doc::concat(vec![key, colon, Doc::text(" "), b.expr(&entries[i].value)])
            }),
            ExprKind::Struct { path, fields } => {
                let mut parts = vec![self.path(path), Doc::text(" ")];
                parts.push(self.list(Style::FIELDS, fields.len(), end, |b, i| {
                    let name = b.cursor.take();
                    let Some(value) = &fields[i].value else { return name };
                    let colon = b.cursor.word(":");
                    Doc::concat(vec![name, colon, Doc::text(" "), b.expr(value)])
                }));
                Doc::concat(parts)
            }
            _ => self.control(expr),
        }
    }

    /// `"a {b} c"`, never broken; one with lines or comments of its own stays as it is.
    fn interpolation(&mut self, parts: &[StrPart], end: u32) -> Doc<'a> {
        if self.cursor.spreads_until(end) || self.cursor.comments_until(end) {
            return self.cursor.verbatim_until(end);
        }
        let mut docs = Vec::with_capacity(parts.len());
        for part in parts {
            if let StrPart::Expr(expr, _) = part {
                // The text before the brace, with the quote or brace before it.
                docs.push(self.cursor.take());
                // `{{` reads as something else than a block.
                let is_block = matches!(expr.kind, ExprKind::Block(_));
                let gap = || Doc::text(if is_block { " " } else { "" });
                docs.extend([gap(), Doc::unbroken(self.expr(expr)), gap()]);
            }
        }
        docs.push(self.cursor.take_until(end));
        Doc::concat(docs)
    }

    /// The expressions that hold blocks or jump.
    fn control(&mut self, expr: &Expr) -> Doc<'a> {
        let end = expr.span.end;
        let mut parts = Vec::new();
        match &expr.kind {
            ExprKind::If { .. } => return self.if_chain(expr),
            ExprKind::Block(block) => return self.block(block),
            ExprKind::Lambda(lambda) => {
                parts.extend([self.cursor.word("fn"), self.signature(&lambda.signature)]);
                return self.block_parts(&lambda.body).behind(parts);
            }
            ExprKind::Match { scrutinee, arms } => {
                parts.extend([self.cursor.word("match"), Doc::text(" ")]);
                parts.extend([self.head(scrutinee), Doc::text(" ")]);
                parts.push(self.list(Style::ARMS, arms.len(), end, |b, i| b.match_arm(&arms[i])));
            }
            ExprKind::Async { scope, body } => {
                parts.extend([self.cursor.word("async"), Doc::text(" ")]);
                self.mark(scope.is_some(), &mut parts);
                parts.push(self.block(body));
            }
            ExprKind::Spawn(spawn) => return self.spawn(spawn),
            ExprKind::Gen(body) => {
                parts.extend([self.cursor.word("gen"), Doc::text(" "), self.block(body)]);
            }
            ExprKind::Select(arms) => {
                parts.extend([self.cursor.word("select"), Doc::text(" ")]);
                parts.push(self.list(Style::ARMS, arms.len(), end, |b, i| b.select_arm(&arms[i])));
            }
            ExprKind::While { label, condition, body } => {
                self.label(label.is_some(), &mut parts);
                parts.extend([self.cursor.word("while"), Doc::text(" "), self.head(condition)]);
                return self.block_parts(body).behind(parts);
            }
            ExprKind::For { label, pattern, iterable, body } => {
                self.label(label.is_some(), &mut parts);
                parts.extend([self.cursor.word("for"), Doc::text(" "), self.pattern(pattern)]);
                parts.extend([Doc::text(" "), self.cursor.word("in"), Doc::text(" ")]);
                parts.push(self.head(iterable));
                return self.block_parts(body).behind(parts);
            }
            ExprKind::Assign { place: left, value: right, .. }
            | ExprKind::Send { channel: left, value: right } => {
                parts.extend([self.expr(left), Doc::text(" "), self.cursor.take()]);
                parts.push(self.value(right));
            }
            ExprKind::Return(Some(value)) => {
                parts.extend([self.cursor.word("return"), Doc::text(" "), self.expr(value)]);
            }
            ExprKind::Break(Some(_)) | ExprKind::Continue(Some(_)) => {
                parts.extend([self.cursor.take(), Doc::text(" "), self.cursor.take()]);
            }
            _ => return self.cursor.take_until(end),
        }
        Doc::concat(parts)
    }

    /// What stands behind a `=`, with the blank before it: what has no brackets to be broken at
    /// goes below rather than apart.
    pub fn value(&mut self, expr: &Expr) -> Doc<'a> {
        let doc = self.expr(expr);
        let below = match &expr.kind {
            ExprKind::Literal(literal) => matches!(literal.kind, LiteralKind::Str(_)),
            ExprKind::Interpolation(_) | ExprKind::Binary { .. } | ExprKind::Cast { .. } => true,
            _ => false,
        };
        if below { Doc::below(doc) } else { Doc::concat(vec![Doc::text(" "), doc]) }
    }

    fn label(&mut self, written: bool, parts: &mut Vec<Doc<'a>>) {
        if written {
            parts.extend([self.cursor.take(), self.cursor.word(":"), Doc::text(" ")]);
        }
    }

    /// What stands between a keyword and a body: its further lines are told from those of the
    /// body by their indentation.
    fn head(&mut self, expr: &Expr) -> Doc<'a> {
        let doc = self.expr(expr);
        if matches!(expr.kind, ExprKind::Binary { .. }) { Doc::indent(doc) } else { doc }
    }

    /// `if … else if … else`, whose blocks are on one line together or not at all.
    fn if_chain(&mut self, expr: &Expr) -> Doc<'a> {
        let mut parts = Vec::new();
        let mut forced = false;
        let mut expr = expr;
        while let ExprKind::If { condition, then_block, else_branch } = &expr.kind {
            parts.extend([self.cursor.word("if"), Doc::text(" "), self.head(condition)]);
            let block = self.block_parts(then_block);
            forced |= block.forced;
            parts.extend([Doc::text(" "), block.content]);
            let Some(branch) = else_branch else { break };
            parts.extend([Doc::text(" "), self.cursor.word("else"), Doc::text(" ")]);
            if let ExprKind::Block(block) = &branch.kind {
                let block = self.block_parts(block);
                forced |= block.forced;
                parts.push(block.content);
            }
            expr = branch;
        }
        let count = parts.len();
        forced |= parts[..count - 1].iter().any(Doc::breaks);
        Doc::bracket(Doc::concat(parts), forced)
    }

    /// A chain of operators of one precedence.
    fn binary(&mut self, expr: &Expr) -> Doc<'a> {
        let mut first = expr;
        let mut rest = Vec::new();
        let mut level = None;
        while let ExprKind::Binary { op, left, right, .. } = &first.kind
            && level.is_none_or(|level| level == precedence(*op))
        {
            level = Some(precedence(*op));
            rest.push((*op, &**right));
            first = left;
        }
        let first = self.expr(first);
        let mut operands: Vec<(BinaryOp, Doc<'a>, Doc<'a>)> = Vec::with_capacity(rest.len());
        for (op, right) in rest.into_iter().rev() {
            operands.push((op, self.cursor.take(), self.expr(right)));
        }
        let mut parts = Vec::with_capacity(4 * operands.len());
        for i in 0..operands.len() {
            let (op, sign, operand) = &operands[i];
            if op.is_logical() {
                parts.extend([Doc::line(), sign.clone(), Doc::text(" "), operand.clone()]);
                continue;
            }
            let next = operands.get(i + 1).map_or(0, |(op, ..)| 1 + op.as_str().len());
            let gap = if sign.breaks() || operand.breaks_inside() || op.is_comparison() {
                Doc::line()
            } else if operand.is_multi() {
                Doc::text(" ")
            } else {
                Doc::fill(operand.width() + next)
            };
            parts.extend([Doc::text(" "), sign.clone(), gap, operand.clone()]);
        }
        Doc::group(Doc::concat(vec![first, Doc::indent(Doc::concat(parts))]))
    }

    /// `[a, b]`; short elements share lines.
    fn list_literal(&mut self, elements: &[Expr], end: u32) -> Doc<'a> {
        let mut begins_line = Vec::with_capacity(elements.len());
        let list = self.list_parts(Style::ELEMENTS, elements.len(), end, |b, i| {
            begins_line.push(b.cursor.begins_line());
            b.expr(&elements[i])
        });
        let short = list.width_max() <= SHORT_COLUMNS && elements.iter().all(is_plain);
        if short && elements.len() > 1 {
            return list.filled(&begins_line);
        }
        list.doc(None)
    }

    fn spawn(&mut self, spawn: &Spawn) -> Doc<'a> {
        let mut parts = vec![self.cursor.word("spawn"), Doc::text(" ")];
        if spawn.scope.is_some() {
            parts.extend([self.cursor.word("in"), Doc::text(" "), self.cursor.take()]);
            parts.push(Doc::text(" "));
        }
        if let Some(name) = &spawn.name {
            parts.extend([self.expr(name), Doc::text(" ")]);
        }
        parts.push(match &spawn.body {
            SpawnBody::Block(block) => self.block(block),
            SpawnBody::Call(call) => self.expr(call),
        });
        Doc::concat(parts)
    }

    fn match_arm(&mut self, arm: &MatchArm) -> Doc<'a> {
        let pattern = self.pattern(&arm.pattern);
        self.arm(vec![pattern], arm.guard.as_ref(), &arm.body)
    }

    fn arm(&mut self, mut parts: Vec<Doc<'a>>, guard: Option<&Expr>, body: &Expr) -> Doc<'a> {
        if let Some(guard) = guard {
            parts.extend([Doc::text(" "), self.cursor.word("if"), Doc::text(" ")]);
            parts.push(self.head(guard));
        }
        parts.extend([Doc::text(" "), self.cursor.word("=>"), Doc::text(" ")]);
        parts.push(self.expr(body));
        Doc::concat(parts)
    }

    fn select_arm(&mut self, arm: &SelectArm) -> Doc<'a> {
        let mut parts = Vec::new();
        match &arm.kind {
            SelectArmKind::Receive { channel, .. } => {
                parts.extend([self.cursor.take(), Doc::text(" "), self.cursor.word(":=")]);
                parts.extend([Doc::text(" "), self.cursor.word("<-"), self.expr(channel)]);
            }
            SelectArmKind::ReceiveOk { channel, .. } => {
                parts = self.receive_two();
                parts.push(self.expr(channel));
            }
            SelectArmKind::ReceiveDrop { channel } => {
                parts.extend([self.cursor.word("<-"), self.expr(channel)]);
            }
            SelectArmKind::Arrow { left, right } => {
                parts.extend([self.expr(left), Doc::text(" "), self.cursor.word("<-")]);
                parts.extend([Doc::text(" "), self.expr(right)]);
            }
            SelectArmKind::After(duration) => {
                parts.extend([self.cursor.word("after"), Doc::text(" "), self.expr(duration)]);
            }
            SelectArmKind::Default | SelectArmKind::Error => parts.push(self.cursor.take()),
        }
        self.arm(parts, arm.guard.as_ref(), &arm.body)
    }
}

/// Operators of one number stand in one chain.
fn precedence(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 0,
        BinaryOp::And => 1,
        BinaryOp::BitOr => 3,
        BinaryOp::BitXor => 4,
        BinaryOp::BitAnd => 5,
        BinaryOp::Shl | BinaryOp::Shr => 6,
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::WrappingAdd | BinaryOp::WrappingSub => 7,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem | BinaryOp::WrappingMul => 8,
        _ => 2,
    }
}

/// Literals and names, and tuples and calls of such.
fn is_plain(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(_) | ExprKind::Name(_) => true,
        ExprKind::Tuple(elements) => elements.iter().all(is_plain),
        ExprKind::Call { args, .. } => args.iter().all(|arg: &Arg| is_plain(&arg.value)),
        _ => false,
    }
}
