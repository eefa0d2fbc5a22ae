//! Prints the AST for people and tests (`--emit ast`): one S-expression per declaration and
//! statement, indented, with every implicit grouping made visible: `a + b * c` is
//! `(+ a (* b c))`. Spans are left out, so that equal programs print equally.
//!
//! This shows the tree; printing Orion source back is the formatter's work.

use super::*;
use std::fmt::{self, Write};

/// Prints a module.
#[must_use]
pub fn print_module(module: &Module) -> String {
    print(|p| {
        for item in &module.items {
            p.item(item)?;
            p.out.push('\n');
        }
        Ok(())
    })
}

/// Prints an expression.
#[must_use]
pub fn print_expr(expr: &Expr) -> String {
    print(|p| p.expr(expr))
}

/// Prints a pattern.
#[must_use]
pub fn print_pattern(pattern: &Pattern) -> String {
    print(|p| p.pattern(pattern))
}

/// Prints a type.
#[must_use]
pub fn print_type(ty: &Type) -> String {
    print(|p| p.ty(ty))
}

fn print(f: impl FnOnce(&mut Printer) -> fmt::Result) -> String {
    let mut printer = Printer { out: String::new(), indent: 0 };
    // Writing to a String cannot fail.
    let _ = f(&mut printer);
    printer.out
}

struct Printer {
    out: String,
    indent: usize,
}

impl Printer {
    fn line(&mut self) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n("  ", self.indent));
    }

    /// `(head` … `)`, where `f` writes what follows each part by itself.
    fn list(&mut self, head: &str, f: impl FnOnce(&mut Self) -> fmt::Result) -> fmt::Result {
        write!(self.out, "({head}")?;
        f(self)?;
        self.out.push(')');
        Ok(())
    }

    /// Each element on a line of its own, indented.
    fn lines<T>(
        &mut self,
        elements: &[T],
        mut f: impl FnMut(&mut Self, &T) -> fmt::Result,
    ) -> fmt::Result {
        self.indent += 1;
        for element in elements {
            self.line();
            f(self, element)?;
        }
        self.indent -= 1;
        Ok(())
    }

    /// Each element after a blank.
    fn spaced<T>(
        &mut self,
        elements: &[T],
        mut f: impl FnMut(&mut Self, &T) -> fmt::Result,
    ) -> fmt::Result {
        for element in elements {
            self.out.push(' ');
            f(self, element)?;
        }
        Ok(())
    }

    fn then_expr(&mut self, expr: &Expr) -> fmt::Result {
        self.out.push(' ');
        self.expr(expr)
    }

    fn docs(&mut self, docs: &Docs) -> fmt::Result {
        for line in &docs.lines {
            write!(self.out, "/// {}", line.text)?;
            self.line();
        }
        Ok(())
    }

    // ---- declarations ----

    fn item(&mut self, item: &Item) -> fmt::Result {
        self.docs(&item.docs)?;
        let public = if item.public.is_some() { "pub " } else { "" };
        match &item.kind {
            ItemKind::Import(import) => {
                write!(self.out, "(import {}", path_text(&import.path))?;
                if let Some(alias) = import.alias {
                    write!(self.out, " as {}", alias.name)?;
                }
                self.out.push(')');
            }
            ItemKind::Const(decl) => {
                write!(self.out, "({public}const {}", decl.name.name)?;
                if let Some(ty) = &decl.ty {
                    self.out.push_str(": ");
                    self.ty(ty)?;
                }
                self.then_expr(&decl.value)?;
                self.out.push(')');
            }
            ItemKind::Type(decl) => self.type_decl(public, decl)?,
            ItemKind::Fn(decl) => {
                write!(self.out, "({public}fn {}", decl.name.name)?;
                self.generics(&decl.generics)?;
                self.signature(&decl.signature)?;
                self.block_lines(&decl.body)?;
                self.out.push(')');
            }
            ItemKind::Class(decl) => {
                write!(self.out, "({public}class {}", decl.name.name)?;
                self.generics(&decl.generics)?;
                self.lines(&decl.members, |p, member| {
                    p.docs(&member.docs)?;
                    write!(p.out, "{}: ", member.name.name)?;
                    p.ty(&member.ty)
                })?;
                self.out.push(')');
            }
            ItemKind::Instance(decl) => {
                write!(self.out, "({public}instance")?;
                self.generics(&decl.generics)?;
                write!(self.out, " {}[", path_text(&decl.class))?;
                self.comma(&decl.args, Self::ty)?;
                self.out.push(']');
                self.lines(&decl.members, |p, member| {
                    p.docs(&member.docs)?;
                    write!(p.out, "{} =", member.name.name)?;
                    p.then_expr(&member.value)
                })?;
                self.out.push(')');
            }
            ItemKind::Extern(decl) => {
                write!(self.out, "(extern {:?}", decl.abi.as_str())?;
                self.lines(&decl.fns, |p, function| {
                    p.docs(&function.docs)?;
                    write!(p.out, "(fn {}", function.name.name)?;
                    p.signature(&function.signature)?;
                    p.out.push(')');
                    Ok(())
                })?;
                self.out.push(')');
            }
            ItemKind::Test(decl) => {
                write!(self.out, "(test {:?}", decl.name.as_str())?;
                self.block_lines(&decl.body)?;
                self.out.push(')');
            }
            ItemKind::Error => self.out.push_str("(error)"),
        }
        Ok(())
    }

    fn type_decl(&mut self, public: &str, decl: &TypeDecl) -> fmt::Result {
        write!(self.out, "({public}type {}", decl.name.name)?;
        self.generics(&decl.generics)?;
        match &decl.body {
            TypeBody::Struct(fields) => {
                self.out.push_str(" struct");
                self.lines(fields, |p, field| {
                    p.docs(&field.docs)?;
                    write!(p.out, "{}: ", field.name.name)?;
                    p.ty(&field.ty)
                })?;
            }
            TypeBody::Sum(variants) => {
                self.out.push_str(" sum");
                self.lines(variants, |p, variant| {
                    p.docs(&variant.docs)?;
                    write!(p.out, "{}", variant.name.name)?;
                    if !variant.fields.is_empty() {
                        p.out.push('(');
                        p.comma(&variant.fields, Self::ty)?;
                        p.out.push(')');
                    }
                    Ok(())
                })?;
            }
            TypeBody::Alias(ty) => {
                self.out.push_str(" alias ");
                self.ty(ty)?;
            }
        }
        self.out.push(')');
        Ok(())
    }

    fn generics(&mut self, generics: &[GenericParam]) -> fmt::Result {
        if generics.is_empty() {
            return Ok(());
        }
        self.out.push('[');
        self.comma(generics, |p, param| {
            write!(p.out, "{}", param.name.name)?;
            for (i, bound) in param.bounds.iter().enumerate() {
                write!(p.out, "{}{}", if i == 0 { ": " } else { " + " }, path_text(bound))?;
            }
            Ok(())
        })?;
        self.out.push(']');
        Ok(())
    }

    fn signature(&mut self, signature: &Signature) -> fmt::Result {
        self.out.push('(');
        self.comma(&signature.params, |p, param| {
            let mutable = if param.mutable.is_some() { "mut " } else { "" };
            write!(p.out, "{mutable}{}", param.name.name)?;
            if let Some(ty) = &param.ty {
                p.out.push_str(": ");
                p.ty(ty)?;
            }
            if let Some(default) = &param.default {
                p.out.push_str(" =");
                p.then_expr(default)?;
            }
            Ok(())
        })?;
        self.out.push(')');
        self.results(signature.result.as_ref(), signature.yields.as_ref())
    }

    fn results(&mut self, result: Option<&Type>, yields: Option<&Yields>) -> fmt::Result {
        if let Some(result) = result {
            self.out.push(' ');
            self.ty(result)?;
        }
        if let Some(yields) = yields {
            self.out.push_str(" yields ");
            self.ty(&yields.yielded)?;
            if let Some(sent) = &yields.sent {
                self.out.push_str(" <- ");
                self.ty(sent)?;
            }
        }
        Ok(())
    }

    fn comma<T>(
        &mut self,
        elements: &[T],
        mut f: impl FnMut(&mut Self, &T) -> fmt::Result,
    ) -> fmt::Result {
        for (i, element) in elements.iter().enumerate() {
            if i > 0 {
                self.out.push_str(", ");
            }
            f(self, element)?;
        }
        Ok(())
    }

    // ---- types, patterns, literals ----

    fn ty(&mut self, ty: &Type) -> fmt::Result {
        match &ty.kind {
            TypeKind::Named { path, args } => {
                self.out.push_str(&path_text(path));
                if !args.is_empty() {
                    self.out.push('[');
                    self.comma(args, Self::ty)?;
                    self.out.push(']');
                }
            }
            TypeKind::Tuple(types) => {
                self.out.push('(');
                self.comma(types, Self::ty)?;
                self.out.push(')');
            }
            TypeKind::List(element) => {
                self.out.push('[');
                self.ty(element)?;
                self.out.push(']');
            }
            TypeKind::Fn(function) => {
                self.out.push_str("fn(");
                self.comma(&function.params, |p, param| {
                    if param.mutable.is_some() {
                        p.out.push_str("mut ");
                    }
                    p.ty(&param.ty)
                })?;
                self.out.push(')');
                self.results(function.result.as_ref(), function.yields.as_ref())?;
            }
            TypeKind::Paren(inner) => {
                self.out.push('(');
                self.ty(inner)?;
                self.out.push(')');
            }
            TypeKind::Error => self.out.push_str("(error)"),
        }
        Ok(())
    }

    fn pattern(&mut self, pattern: &Pattern) -> fmt::Result {
        match &pattern.kind {
            PatternKind::Wildcard => self.out.push('_'),
            PatternKind::Binding(name) => self.out.push_str(name.as_str()),
            PatternKind::Literal(literal) => self.literal(literal)?,
            PatternKind::Range { start, end, inclusive } => {
                self.range_end(start)?;
                self.out.push_str(if *inclusive { "..=" } else { ".." });
                self.range_end(end)?;
            }
            PatternKind::Path(path) => self.out.push_str(&path_text(path)),
            PatternKind::Variant { path, fields } => {
                write!(self.out, "{}(", path_text(path))?;
                self.comma(fields, Self::pattern)?;
                self.out.push(')');
            }
            PatternKind::Struct { path, fields, rest } => {
                write!(self.out, "{} {{ ", path_text(path))?;
                self.comma(fields, |p, field| {
                    p.out.push_str(field.name.as_str());
                    if let Some(pattern) = &field.pattern {
                        p.out.push_str(": ");
                        p.pattern(pattern)?;
                    }
                    Ok(())
                })?;
                self.out.push_str(match (rest, fields.is_empty()) {
                    (None, _) => " }",
                    (Some(_), true) => ".. }",
                    (Some(_), false) => ", .. }",
                });
            }
            PatternKind::Tuple(patterns) => {
                self.out.push('(');
                self.comma(patterns, Self::pattern)?;
                self.out.push(')');
            }
            PatternKind::List(elements) => {
                self.out.push('[');
                self.comma(elements, |p, element| match element {
                    ListPatternElement::Element(pattern) => p.pattern(pattern),
                    ListPatternElement::Rest { name, .. } => {
                        write!(p.out, "..{}", name.map_or("", Ident::as_str))
                    }
                })?;
                self.out.push(']');
            }
            PatternKind::Or(patterns) => {
                return self.list("|", |p| p.spaced(patterns, Self::pattern));
            }
            PatternKind::Paren(inner) => return self.pattern(inner),
            PatternKind::Error => self.out.push_str("(error)"),
        }
        Ok(())
    }

    fn range_end(&mut self, end: &RangeEnd) -> fmt::Result {
        match end {
            RangeEnd::Literal(literal) => self.literal(literal),
            RangeEnd::Const(path) => write!(self.out, "{}", path_text(path)),
        }
    }

    fn literal(&mut self, literal: &Literal) -> fmt::Result {
        match &literal.kind {
            LiteralKind::Int { value, suffix } => {
                write!(self.out, "{value}{}", suffix.map_or("", IntSuffix::as_str))
            }
            LiteralKind::Float { text, suffix, .. } => {
                write!(self.out, "{text}{}", suffix.map_or("", FloatSuffix::as_str))
            }
            LiteralKind::Bool(value) => write!(self.out, "{value}"),
            LiteralKind::Char(value) => write!(self.out, "{value:?}"),
            LiteralKind::Str(text) => write!(self.out, "{:?}", text.as_str()),
            LiteralKind::Duration { value_ns } => write!(self.out, "{value_ns}ns"),
        }
    }

    // ---- statements and expressions ----

    fn block_lines(&mut self, block: &Block) -> fmt::Result {
        self.lines(&block.stmts, Self::stmt)?;
        if let Some(value) = &block.value {
            self.lines(&[value], |p, value| p.expr(value))?;
        }
        Ok(())
    }

    fn block(&mut self, head: &str, block: &Block) -> fmt::Result {
        self.list(head, |p| p.block_lines(block))
    }

    fn stmt(&mut self, stmt: &Stmt) -> fmt::Result {
        match &stmt.kind {
            StmtKind::Let { mutable, pattern, ty, value } => {
                self.list(if *mutable { "var " } else { "let " }, |p| {
                    p.pattern(pattern)?;
                    if let Some(ty) = ty {
                        p.out.push_str(": ");
                        p.ty(ty)?;
                    }
                    p.then_expr(value)
                })
            }
            StmtKind::Receive { value, ok, channel } => self.list("receive", |p| {
                write!(p.out, " {} {}", binder(*value), binder(*ok))?;
                p.then_expr(channel)
            }),
            StmtKind::Defer(block) => self.block("defer", block),
            StmtKind::Expr(expr) => self.expr(expr),
            StmtKind::Error => write!(self.out, "(error)"),
        }
    }

    fn exprs(&mut self, head: &str, exprs: &[&Expr]) -> fmt::Result {
        self.list(head, |p| p.spaced(exprs, |p, expr| p.expr(expr)))
    }

    fn args(&mut self, args: &[Arg]) -> fmt::Result {
        self.spaced(args, |p, arg| {
            if arg.mutable.is_some() {
                p.out.push_str("mut ");
            }
            p.expr(&arg.value)
        })
    }

    fn expr(&mut self, expr: &Expr) -> fmt::Result {
        match &expr.kind {
            ExprKind::Literal(literal) => self.literal(literal),
            ExprKind::Interpolation(parts) => self.list("str", |p| {
                p.spaced(parts, |p, part| match part {
                    StrPart::Text(text, _) => write!(p.out, "{:?}", text.as_str()),
                    StrPart::Expr(expr, _) => p.expr(expr),
                })
            }),
            ExprKind::Name(name) => write!(self.out, "{}", name.name),
            ExprKind::Field { base, name } => {
                self.expr(base)?;
                write!(self.out, ".{}", name.name)
            }
            ExprKind::TupleField { base, index, .. } => {
                self.expr(base)?;
                write!(self.out, ".{index}")
            }
            ExprKind::Index { base, index } => self.exprs("index", &[base, index]),
            ExprKind::Call { callee, args } => self.list("call ", |p| {
                p.expr(callee)?;
                p.args(args)
            }),
            ExprKind::Instantiate { base, type_args } => {
                self.expr(base)?;
                self.type_args("::[", type_args)
            }
            ExprKind::Intrinsic { name, type_args, args } => {
                self.list(&format!("@{}", name.name), |p| {
                    if !type_args.is_empty() {
                        p.type_args("[", type_args)?;
                    }
                    p.args(args)
                })
            }
            ExprKind::Try(operand) => self.exprs("?", &[operand]),
            ExprKind::Unary { op, operand, .. } => self.exprs(op.as_str(), &[operand]),
            ExprKind::Binary { op, left, right, .. } => self.exprs(op.as_str(), &[left, right]),
            ExprKind::Cast { operand, wrapping, ty } => {
                self.list(if *wrapping { "as%" } else { "as" }, |p| {
                    p.then_expr(operand)?;
                    p.out.push(' ');
                    p.ty(ty)
                })
            }
            ExprKind::Range { start, end, inclusive } => {
                self.list(if *inclusive { "..=" } else { ".." }, |p| {
                    for end in [start, end] {
                        match end {
                            Some(end) => p.then_expr(end)?,
                            None => p.out.push_str(" _"),
                        }
                    }
                    Ok(())
                })
            }
            ExprKind::Tuple(elements) => self.list("tuple", |p| p.spaced(elements, Self::expr)),
            ExprKind::Paren(inner) => self.exprs("paren", &[inner]),
            ExprKind::List(elements) => self.list("list", |p| p.spaced(elements, Self::expr)),
            ExprKind::Repeat { value, count } => self.exprs("repeat", &[value, count]),
            ExprKind::Map(entries) => self.list("map", |p| {
                p.spaced(entries, |p, entry| {
                    p.expr(&entry.key)?;
                    p.out.push(':');
                    p.then_expr(&entry.value)
                })
            }),
            ExprKind::Struct { path, fields } => {
                self.list(&format!("struct {}", path_text(path)), |p| {
                    p.spaced(fields, |p, field| {
                        write!(p.out, "{}", field.name.name)?;
                        if let Some(value) = &field.value {
                            p.out.push(':');
                            p.then_expr(value)?;
                        }
                        Ok(())
                    })
                })
            }
            ExprKind::Lambda(lambda) => self.list("fn", |p| {
                p.signature(&lambda.signature)?;
                p.block_lines(&lambda.body)
            }),
            ExprKind::Error => write!(self.out, "(error)"),
            _ => self.control(expr),
        }
    }

    fn type_args(&mut self, open: &str, types: &[Type]) -> fmt::Result {
        self.out.push_str(open);
        self.comma(types, Self::ty)?;
        self.out.push(']');
        Ok(())
    }

    /// The expressions that hold blocks or jump.
    fn control(&mut self, expr: &Expr) -> fmt::Result {
        match &expr.kind {
            ExprKind::If { condition, then_block, else_branch } => self.list("if", |p| {
                p.then_expr(condition)?;
                p.lines(&[then_block], |p, block| p.block("then", block))?;
                if let Some(branch) = else_branch {
                    p.lines(&[branch], |p, branch| p.exprs("else", &[branch]))?;
                }
                Ok(())
            }),
            ExprKind::Match { scrutinee, arms } => self.list("match", |p| {
                p.then_expr(scrutinee)?;
                p.lines(arms, |p, arm| {
                    p.out.push('(');
                    p.pattern(&arm.pattern)?;
                    p.arm_rest(arm.guard.as_ref(), &arm.body)
                })
            }),
            ExprKind::Block(block) => self.block("block", block),
            ExprKind::Async { scope, body } => match scope {
                Some(scope) => self.block(&format!("async {}", scope.name), body),
                None => self.block("async", body),
            },
            ExprKind::Spawn(spawn) => self.list("spawn", |p| {
                if let Some(scope) = spawn.scope {
                    write!(p.out, " in {}", scope.name)?;
                }
                if let Some(name) = &spawn.name {
                    p.then_expr(name)?;
                }
                match &spawn.body {
                    SpawnBody::Block(block) => p.block_lines(block),
                    SpawnBody::Call(call) => p.then_expr(call),
                }
            }),
            ExprKind::Gen(body) => self.block("gen", body),
            ExprKind::Select(arms) => self.list("select", |p| p.lines(arms, Self::select_arm)),
            ExprKind::While { label, condition, body } => self.list("while", |p| {
                p.label(*label)?;
                p.then_expr(condition)?;
                p.block_lines(body)
            }),
            ExprKind::For { label, pattern, iterable, body } => self.list("for", |p| {
                p.label(*label)?;
                p.out.push(' ');
                p.pattern(pattern)?;
                p.then_expr(iterable)?;
                p.block_lines(body)
            }),
            ExprKind::Assign { place, op, value, .. } => {
                let op = op.map_or("", BinaryOp::as_str);
                self.exprs(&format!("{op}="), &[place, value])
            }
            ExprKind::Send { channel, value } => self.exprs("send", &[channel, value]),
            ExprKind::Return(Some(value)) => self.exprs("return", &[value]),
            ExprKind::Return(None) => write!(self.out, "(return)"),
            ExprKind::Break(label) => self.jump("break", *label),
            ExprKind::Continue(label) => self.jump("continue", *label),
            _ => Ok(()),
        }
    }

    fn jump(&mut self, word: &str, label: Option<Ident>) -> fmt::Result {
        self.list(word, |p| label.map_or(Ok(()), |label| write!(p.out, " {}", label.name)))
    }

    fn label(&mut self, label: Option<Ident>) -> fmt::Result {
        label.map_or(Ok(()), |label| write!(self.out, " {}:", label.name))
    }

    fn arm_rest(&mut self, guard: Option<&Expr>, body: &Expr) -> fmt::Result {
        if let Some(guard) = guard {
            self.out.push_str(" if");
            self.then_expr(guard)?;
        }
        self.out.push_str(" =>");
        self.then_expr(body)?;
        self.out.push(')');
        Ok(())
    }

    fn select_arm(&mut self, arm: &SelectArm) -> fmt::Result {
        self.out.push('(');
        match &arm.kind {
            SelectArmKind::Receive { value, channel } => {
                write!(self.out, "receive {}", binder(*value))?;
                self.then_expr(channel)?;
            }
            SelectArmKind::ReceiveOk { value, ok, channel } => {
                write!(self.out, "receive {} {}", binder(*value), binder(*ok))?;
                self.then_expr(channel)?;
            }
            SelectArmKind::ReceiveDrop { channel } => {
                self.out.push_str("receive");
                self.then_expr(channel)?;
            }
            SelectArmKind::Arrow { left, right } => {
                self.out.push_str("<-");
                self.spaced(&[left, right], |p, expr| p.expr(expr))?;
            }
            SelectArmKind::After(duration) => {
                self.out.push_str("after");
                self.then_expr(duration)?;
            }
            SelectArmKind::Default => self.out.push_str("default"),
            SelectArmKind::Error => self.out.push_str("error"),
        }
        self.arm_rest(arm.guard.as_ref(), &arm.body)
    }
}

fn binder(name: Option<Ident>) -> &'static str {
    name.map_or("_", Ident::as_str)
}

fn path_text(path: &Path) -> String {
    path.segments.iter().map(|segment| segment.as_str()).collect::<Vec<_>>().join(".")
}
