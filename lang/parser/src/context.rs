//! What the grammar's actions need: spans from token indices, doc comments, and the checks that
//! are simpler in code than in grammar rules (places, paths of struct literals, what may be
//! spawned, arms of `select`, chained comparisons).
//!
//! A check that fails adds a diagnostic and the action goes on with what was written.

use crate::token::{Tok, Token};
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_syntax::ast::*;
use orion_syntax::{FileId, Span, Symbol};
use std::collections::BTreeMap;

/// The state of parsing one declaration.
#[derive(Debug)]
pub struct Context<'a> {
    file: FileId,
    tokens: &'a [Token],
    docs: &'a BTreeMap<u32, Docs>,
    /// Offsets of the tokens whose docs were used.
    pub used_docs: Vec<u32>,
    /// Errors of the checks.
    pub diagnostics: Vec<Diagnostic>,
}

/// A statement, or an expression that may turn out to be its block's value.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "lives for one reduction only")]
pub enum BlockItem {
    /// A statement that is no expression.
    Stmt(Stmt),
    /// An expression.
    Expr(Expr),
}

/// What stands before the guard of a select arm.
#[derive(Debug)]
pub enum SelectHead {
    /// `v := e`
    Receive(Option<Ident>, Expr),
    /// `v, ok := e`
    ReceiveOk(Option<Ident>, Option<Ident>, Expr),
    /// `a <- b`
    Arrow(Expr, Expr),
    /// `e`
    Expr(Expr),
    /// `after e`
    After(Expr),
    /// `default`
    Default,
}

impl<'a> Context<'a> {
    /// For the tokens of one declaration.
    #[must_use]
    pub fn new(file: FileId, tokens: &'a [Token], docs: &'a BTreeMap<u32, Docs>) -> Self {
        Self { file, tokens, docs, used_docs: Vec::new(), diagnostics: Vec::new() }
    }

    /// The span of the tokens `left..right`; empty before `left` where there are none.
    #[must_use]
    pub fn span(&self, left: usize, right: usize) -> Span {
        let start = match self.tokens.get(left) {
            Some(token) => token.start,
            None => self.tokens.last().map_or(0, |token| token.end),
        };
        let end = if right > left { self.tokens[right - 1].end } else { start };
        Span::new(self.file, start, end.max(start))
    }

    /// The doc comment before a token.
    pub fn docs(&mut self, left: usize) -> Docs {
        let Some(token) = self.tokens.get(left) else { return Docs::default() };
        let Some(docs) = self.docs.get(&token.start) else { return Docs::default() };
        self.used_docs.push(token.start);
        docs.clone()
    }

    /// The doc comment before a variant, or before the `|` in front of it.
    pub fn variant_docs(&mut self, left: usize) -> Docs {
        let bar = left.checked_sub(1).filter(|&i| self.tokens[i].tok == Tok::Pipe);
        let mut docs = bar.map_or_else(Docs::default, |bar| self.docs(bar));
        docs.lines.extend(self.docs(left).lines);
        docs
    }

    /// The names of modules are lower case.
    pub fn check_import(&mut self, path: &Path) {
        for segment in path.segments.iter().filter(|segment| segment.is_upper()) {
            let message = format!("the name of a module cannot be upper case: `{}`", segment.name);
            let d = Diagnostic::new(ErrorCode::E0020, segment.span, message)
                .label("modules have lower-case names")
                .help("import the module, and use `module.Name`");
            self.diagnostics.push(d);
        }
    }

    /// The parameters of functions have types.
    pub fn check_typed(&mut self, signature: &Signature) {
        for param in signature.params.iter().filter(|param| param.ty.is_none()) {
            let name = param.name.name;
            let message = format!("the parameter `{name}` has no type");
            let d = Diagnostic::new(ErrorCode::E0015, param.name.span, message)
                .label("its type is missing")
                .help(format!("write `{name}: T`; only the parameters of lambdas are inferred"));
            self.diagnostics.push(d);
        }
    }

    /// A lambda is called through a value, which knows no defaults.
    pub fn check_no_defaults(&mut self, signature: &Signature) {
        for default in signature.params.iter().filter_map(|param| param.default.as_ref()) {
            let message = "a parameter of a lambda cannot have a default";
            let d = Diagnostic::new(ErrorCode::E0010, default.span, message)
                .help("only declared functions have defaults");
            self.diagnostics.push(d);
        }
    }

    /// A block of statements whose last one, where it is an expression, is the value.
    pub fn block(&mut self, mut items: Vec<BlockItem>, left: usize, right: usize) -> Block {
        let value = match items.pop() {
            Some(BlockItem::Expr(expr)) => Some(Box::new(expr)),
            Some(stmt) => {
                items.push(stmt);
                None
            }
            None => None,
        };
        let stmts = items.into_iter().map(|item| match item {
            BlockItem::Stmt(stmt) => stmt,
            BlockItem::Expr(expr) => Stmt { span: expr.span, kind: StmtKind::Expr(expr) },
        });
        Block { stmts: stmts.collect(), value, span: self.span(left, right) }
    }

    /// `value, ok := received`
    pub fn receive_statement(
        &mut self,
        value: Option<Ident>,
        ok: Option<Ident>,
        received: Expr,
        left: usize,
        right: usize,
    ) -> StmtKind {
        match into_channel(received) {
            Ok(channel) => StmtKind::Receive { value, ok, channel },
            Err(other) => {
                let d = Diagnostic::new(
                    ErrorCode::E0025,
                    self.span(left, right),
                    "`:=` with two names receives from a channel",
                )
                .secondary(other.span, "this receives nothing")
                .help("write `value, ok := <-channel`; tuples are taken apart by `let (a, b) = e`");
                self.diagnostics.push(d);
                StmtKind::Error
            }
        }
    }

    /// `name := value`, which the language does not have.
    pub fn short_declaration(
        &mut self,
        name: Option<Ident>,
        value: Expr,
        left: usize,
        right: usize,
    ) -> StmtKind {
        let span = self.span(left, right);
        let shown = name.map_or("_", Ident::as_str);
        let d = Diagnostic::new(ErrorCode::E0025, span, "`:=` does not declare a variable here")
            .label("only `value, ok := <-channel` and arms of `select` have it")
            .help(format!("write `let {shown} = …`, or `var {shown} = …` if it changes"));
        self.diagnostics.push(d);
        let kind = name.map_or(PatternKind::Wildcard, PatternKind::Binding);
        let pattern = Pattern::new(kind, name.map_or(span, |name| name.span));
        // Mutable, so that assignments to it are no further errors.
        StmtKind::Let { mutable: true, pattern, ty: None, value }
    }

    /// Only places can be assigned to or passed as `mut`.
    pub fn check_place(&mut self, expr: &Expr, use_: &str) {
        let mut place = expr;
        loop {
            match &place.kind {
                ExprKind::Name(name) if !name.is_upper() => return,
                ExprKind::Error => return,
                ExprKind::Field { base, .. }
                | ExprKind::TupleField { base, .. }
                | ExprKind::Index { base, .. } => place = base,
                _ => break,
            }
        }
        let message = format!("this is no place, so it cannot be {use_}");
        let d = Diagnostic::new(ErrorCode::E0014, expr.span, message).help(
            "places are variables and, from there, fields, tuple fields and indices: `p.rows[i]`",
        );
        let d = if place.span == expr.span {
            d.label("not a variable, field or index")
        } else {
            d.secondary(place.span, "this is not a variable")
        };
        self.diagnostics.push(d);
    }

    /// `start..end`
    #[must_use]
    pub fn range(
        &self,
        start: Option<Expr>,
        end: Option<Expr>,
        inclusive: bool,
        left: usize,
        right: usize,
    ) -> Expr {
        let (start, end) = (start.map(Box::new), end.map(Box::new));
        Expr::new(ExprKind::Range { start, end, inclusive }, self.span(left, right))
    }

    /// `left op right`; comparisons do not chain.
    pub fn binary(&mut self, left: Expr, op: BinaryOp, l: usize, r: usize, right: Expr) -> Expr {
        let op_span = self.span(l, r);
        if op.is_comparison()
            && let ExprKind::Binary { op: first, op_span: first_span, .. } = left.kind
            && first.is_comparison()
        {
            let d = Diagnostic::new(ErrorCode::E0013, op_span, "comparisons do not chain")
                .label("the second comparison")
                .secondary(first_span, "the first")
                .help("combine two comparisons with `&&`, or put one in parentheses");
            self.diagnostics.push(d);
        }
        let span = left.span.to(right.span);
        let (left, right) = (Box::new(left), Box::new(right));
        Expr::new(ExprKind::Binary { op, op_span, left, right }, span)
    }

    /// `op operand`; a negated number is a literal, also with a blank between.
    #[must_use]
    pub fn unary(
        &self,
        op: UnaryOp,
        operand: Expr,
        left: usize,
        op_right: usize,
        right: usize,
    ) -> Expr {
        let (op_span, span) = (self.span(left, op_right), self.span(left, right));
        if op == UnaryOp::Neg
            && let ExprKind::Literal(literal) = &operand.kind
            && let Some(kind) = negated(&literal.kind)
        {
            return Expr::new(ExprKind::Literal(Literal { kind, span }), span);
        }
        Expr::new(ExprKind::Unary { op, op_span, operand: Box::new(operand) }, span)
    }

    /// `spawn in scope name body`
    pub fn spawn(
        &mut self,
        keyword_span: Span,
        scope: Option<Ident>,
        name: Option<Expr>,
        body: Expr,
        left: usize,
        right: usize,
    ) -> Expr {
        let span = self.span(left, right);
        let body = match body.kind {
            ExprKind::Block(block) => SpawnBody::Block(*block),
            ExprKind::Call { .. } | ExprKind::Intrinsic { .. } => SpawnBody::Call(Box::new(body)),
            ExprKind::Error => return Expr::new(ExprKind::Error, span),
            _ => {
                let d = Diagnostic::new(ErrorCode::E0018, body.span, "this cannot be spawned")
                    .label("neither a block nor a call")
                    .secondary(keyword_span, "the task is spawned here")
                    .help("put it into a block: `spawn { … }`");
                self.diagnostics.push(d);
                return Expr::new(ExprKind::Error, span);
            }
        };
        let spawn = Spawn { scope, name, body, keyword_span };
        Expr::new(ExprKind::Spawn(Box::new(spawn)), span)
    }

    /// A plain string.
    #[must_use]
    pub fn string(&self, text: Symbol, left: usize, right: usize) -> Expr {
        let span = self.span(left, right);
        Expr::new(ExprKind::Literal(Literal { kind: LiteralKind::Str(text), span }), span)
    }

    /// An interpolated string: the text up to the first brace, then expressions, each with the
    /// text after it and the index of that text's token.
    #[must_use]
    pub fn interpolation(
        &self,
        head: Symbol,
        left: usize,
        head_right: usize,
        rest: Vec<(Expr, Symbol, usize, usize)>,
        right: usize,
    ) -> Expr {
        let mut parts = Vec::with_capacity(2 * rest.len() + 1);
        // The tokens hold quotes and braces: the text stands between.
        let text =
            |span: Span| Span::new(span.file, span.start + 1, span.end.max(span.start + 2) - 1);
        let mut brace = self.span(left, head_right);
        if !head.as_str().is_empty() {
            parts.push(StrPart::Text(head, text(brace)));
        }
        for (expr, after, l, r) in rest {
            let token = self.span(l, r);
            let span = Span::new(brace.file, brace.end.max(1) - 1, token.start + 1);
            parts.push(StrPart::Expr(Box::new(expr), span));
            if !after.as_str().is_empty() {
                parts.push(StrPart::Text(after, text(token)));
            }
            brace = token;
        }
        Expr::new(ExprKind::Interpolation(parts), self.span(left, right))
    }

    /// A number, character or duration.
    #[must_use]
    pub fn literal(&self, tok: Tok, left: usize, right: usize) -> Literal {
        let kind = match tok {
            Tok::Int { value, suffix } => LiteralKind::Int { value, suffix },
            Tok::Float { value, text, suffix } => LiteralKind::Float { value, text, suffix },
            Tok::Char(c) => LiteralKind::Char(c),
            Tok::Duration(value_ns) => LiteralKind::Duration { value_ns },
            // The grammar passes no other.
            _ => LiteralKind::Bool(false),
        };
        Literal { kind, span: self.span(left, right) }
    }

    /// `base.0`
    pub fn tuple_field(&mut self, base: Expr, index: Tok, left: usize, right: usize) -> ExprKind {
        let index_span = self.span(left, right);
        let number = match index {
            Tok::Int { value, suffix: None } => u32::try_from(value).ok(),
            _ => None,
        };
        if number.is_none() {
            let message = "a field of a tuple is named by a plain number";
            let d = Diagnostic::new(ErrorCode::E0006, index_span, message)
                .help("write `t.0`, `t.1`, …");
            self.diagnostics.push(d);
        }
        match number {
            Some(index) => ExprKind::TupleField { base: Box::new(base), index, index_span },
            None => ExprKind::Error,
        }
    }

    /// `base { fields }`, where `base` is a dotted name.
    pub fn struct_literal(&mut self, base: Expr, fields: Vec<FieldInit>) -> ExprKind {
        let span = base.span;
        let mut segments = Vec::new();
        let mut expr = base;
        loop {
            match expr.kind {
                ExprKind::Name(name) => {
                    segments.push(name);
                    segments.reverse();
                    return ExprKind::Struct { path: Path { segments, span }, fields };
                }
                ExprKind::Field { base, name } => {
                    segments.push(name);
                    expr = *base;
                }
                _ => {
                    let message = "a struct literal begins with the name of a type";
                    let d = Diagnostic::new(ErrorCode::E0010, span, message).label("not a name");
                    self.diagnostics.push(d);
                    return ExprKind::Error;
                }
            }
        }
    }

    /// `path { fields }`; the `..` stands at the end.
    pub fn struct_pattern(
        &mut self,
        path: Path,
        elements: Vec<Result<FieldPattern, Span>>,
    ) -> PatternKind {
        let count = elements.len();
        let mut fields = Vec::with_capacity(count);
        let mut rest = None;
        for (i, element) in elements.into_iter().enumerate() {
            match element {
                Ok(field) => fields.push(field),
                Err(span) => {
                    rest = Some(span);
                    if i + 1 < count {
                        let message = "`..` stands at the end of a struct pattern";
                        let d = Diagnostic::new(ErrorCode::E0010, span, message)
                            .label("fields follow it")
                            .help("move it behind the fields");
                        self.diagnostics.push(d);
                    }
                }
            }
        }
        PatternKind::Struct { path, fields, rest }
    }

    /// `head if guard => body`
    pub fn select_arm(
        &mut self,
        head: SelectHead,
        guard: Option<Expr>,
        body: Expr,
        left: usize,
        right: usize,
    ) -> SelectArm {
        let kind = match head {
            SelectHead::Receive(value, received) => match into_channel(received) {
                Ok(channel) => SelectArmKind::Receive { value, channel },
                Err(other) => self.no_arm(&other, "`:=` receives: write `v := <-channel`"),
            },
            SelectHead::ReceiveOk(value, ok, received) => match into_channel(received) {
                Ok(channel) => SelectArmKind::ReceiveOk { value, ok, channel },
                Err(other) => self.no_arm(&other, "`:=` receives: write `v, ok := <-channel`"),
            },
            SelectHead::Arrow(left, right) => SelectArmKind::Arrow { left, right },
            SelectHead::Expr(expr) => match into_channel(expr) {
                Ok(channel) => SelectArmKind::ReceiveDrop { channel },
                Err(other) => {
                    let help = "an arm receives (`v := <-ch`, `<-ch`), sends (`ch <- v`), waits \
                                (`after 1s`) or is the `default`";
                    self.no_arm(&other, help)
                }
            },
            SelectHead::After(duration) => SelectArmKind::After(duration),
            SelectHead::Default => {
                if let Some(guard) = &guard {
                    let message = "the `default` arm has no guard";
                    let d = Diagnostic::new(ErrorCode::E0019, guard.span, message)
                        .label("it is taken whenever nothing is ready")
                        .help("put the condition into its body");
                    self.diagnostics.push(d);
                }
                SelectArmKind::Default
            }
        };
        SelectArm { kind, guard, body, span: self.span(left, right) }
    }

    fn no_arm(&mut self, expr: &Expr, help: &str) -> SelectArmKind {
        if expr.kind != ExprKind::Error {
            let d = Diagnostic::new(ErrorCode::E0019, expr.span, "this waits for nothing")
                .label("not a receive")
                .help(help);
            self.diagnostics.push(d);
        }
        SelectArmKind::Error
    }
}

/// The channel of `<-channel`; the expression itself where it is no receive.
fn into_channel(expr: Expr) -> Result<Expr, Expr> {
    match expr.kind {
        ExprKind::Unary { op: UnaryOp::Receive, operand, .. } => Ok(*operand),
        _ => Err(expr),
    }
}

/// The negative of a number that has no sign yet.
fn negated(literal: &LiteralKind) -> Option<LiteralKind> {
    match *literal {
        LiteralKind::Int { value, suffix } if value >= 0 => {
            Some(LiteralKind::Int { value: -value, suffix })
        }
        LiteralKind::Float { value, text, suffix } if value.is_sign_positive() => {
            let text = Symbol::intern(&format!("-{text}"));
            Some(LiteralKind::Float { value: -value, text, suffix })
        }
        LiteralKind::Duration { value_ns } if value_ns >= 0 => {
            Some(LiteralKind::Duration { value_ns: -value_ns })
        }
        _ => None,
    }
}
