//! Blocks and patterns: where variables that hold a handle come and go.

use super::flow::State;
use super::walk::{Use, Walker, spawn_span};
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::{Arm, Expr, LocalId, Pat, PatKind, SelectOp, Stmt, TyId};
use orion_syntax::Span;

impl Walker<'_> {
    pub(super) fn block(&mut self, stmts: &[Stmt], tail: Option<&Expr>, how: Use) {
        let mut declared: Vec<LocalId> = Vec::new();
        for stmt in stmts {
            if self.flow.ended {
                break;
            }
            match stmt {
                Stmt::Let { pat, init, .. } => {
                    self.expr(init, Use::Taken);
                    if !self.flow.ended {
                        self.bind(pat, spawn_span(init), &mut declared);
                    }
                }
                Stmt::Expr(value) => self.expr(value, Use::Dropped),
                Stmt::Defer { body, .. } => self.expr(body, Use::Dropped),
            }
        }
        if let Some(tail) = tail {
            self.expr(tail, how);
        }
        self.end_scope(&declared);
    }

    /// Variables go out of scope.
    pub(super) fn end_scope(&mut self, declared: &[LocalId]) {
        for local in declared {
            if !self.flow.ended && self.flow.states.get(local) == Some(&State::Live) {
                self.forgotten(*local, None, None);
            }
            self.flow.states.remove(local);
        }
    }

    /// Binds the linear parts of a value.
    pub(super) fn bind(&mut self, pat: &Pat, spawned: Option<Span>, declared: &mut Vec<LocalId>) {
        if !self.is_moved(pat.ty) {
            return;
        }
        let linear = self.is_linear(pat.ty);
        match &pat.kind {
            PatKind::Bind(local) => {
                self.declare(*local, spawned.unwrap_or(pat.span), spawned.is_some());
                declared.push(*local);
            }
            PatKind::Wild if spawned.is_some() || !linear => {}
            PatKind::Wild => {
                self.report(
                    Diagnostic::new(ErrorCode::E0401, pat.span, "`_` forgets a handle")
                        .label("matches a handle")
                        .help("name it and join it"),
                );
            }
            PatKind::Variant(_, pats) | PatKind::Tuple(pats) => {
                for pat in pats {
                    self.bind(pat, None, declared);
                }
            }
            PatKind::Struct(fields) => {
                for (_, pat) in fields {
                    self.bind(pat, None, declared);
                }
                self.check_unnamed(pat, fields);
            }
            PatKind::List { prefix, rest, suffix } => {
                for pat in prefix.iter().chain(suffix) {
                    self.bind(pat, None, declared);
                }
                let Some(rest) = rest else { return };
                match rest.bind {
                    Some(local) => {
                        self.declare(local, rest.span, false);
                        declared.push(local);
                    }
                    None if !linear => {}
                    None => self.report(
                        Diagnostic::new(ErrorCode::E0401, rest.span, "`..` forgets handles")
                            .label("matches handles")
                            .help("name the rest: `..rest`"),
                    ),
                }
            }
            PatKind::Or(pats) => {
                // The same variables in each: those of the first are declared.
                if let Some(first) = pats.first() {
                    self.bind(first, None, declared);
                }
            }
            _ => {}
        }
    }

    pub(super) fn check_unnamed(&mut self, pat: &Pat, named: &[(u32, Pat)]) {
        let orion_hir::Ty::Adt(adt, args) = self.program.types.kind(pat.ty).clone() else { return };
        let fields: Vec<(orion_hir::Name, TyId)> = self.program.adts[adt]
            .fields()
            .iter()
            .map(|field| (field.name.clone(), field.ty))
            .collect();
        for (index, (name, ty)) in fields.into_iter().enumerate() {
            let ty = self.program.types.subst(ty, &args);
            let is_named = named.iter().any(|(known, _)| *known as usize == index);
            if !is_named && self.is_linear(ty) {
                self.report(
                    Diagnostic::new(
                        ErrorCode::E0401,
                        pat.span,
                        format!("the pattern forgets the handle in `{name}`"),
                    )
                    .label("`..` matches a handle")
                    .help(format!("name it: `{name}`")),
                );
            }
        }
    }

    pub(super) fn match_expr(&mut self, scrutinee: &Expr, arms: &[Arm], how: Use) {
        self.expr(scrutinee, Use::Taken);
        if self.flow.ended {
            return;
        }
        let before = self.flow.clone();
        let mut paths = Vec::new();
        for arm in arms {
            self.flow = before.clone();
            let mut declared = Vec::new();
            self.bind(&arm.pat, None, &mut declared);
            if let Some(guard) = &arm.guard {
                self.expr(guard, Use::Taken);
            }
            self.expr(&arm.body, how);
            self.end_scope(&declared);
            paths.push((std::mem::take(&mut self.flow), arm.body.span));
        }
        self.join(paths);
    }

    pub(super) fn select(&mut self, arms: &[orion_hir::SelectArm], how: Use) {
        for arm in arms {
            if let Some(guard) = &arm.guard {
                self.expr(guard, Use::Taken);
            }
            match &arm.op {
                SelectOp::Recv { chan, .. } => self.expr(chan, Use::Taken),
                SelectOp::Send { chan, value } => {
                    self.expr(chan, Use::Taken);
                    self.check_sent(value);
                    self.expr(value, Use::Taken);
                }
                SelectOp::After(duration) => self.expr(duration, Use::Taken),
                SelectOp::Default => {}
            }
        }
        if self.flow.ended {
            return;
        }
        let before = self.flow.clone();
        let mut paths = Vec::new();
        for arm in arms {
            self.flow = before.clone();
            self.expr(&arm.body, how);
            paths.push((std::mem::take(&mut self.flow), arm.body.span));
        }
        self.join(paths);
    }

    pub(super) fn check_sent(&mut self, value: &Expr) {
        if self.is_linear(value.ty) {
            self.misuse(
                value.span,
                "a handle cannot be sent on a channel",
                "nothing ensures that it is received",
                "join it here and send the value",
            );
        }
    }
}
