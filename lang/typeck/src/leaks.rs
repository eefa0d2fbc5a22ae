//! Channel leaks: a channel that a function makes must be closed or passed on somewhere in it.
//!
//! Input: typed bodies without errors. Output: E0405 at the creation. Algorithm: one walk collects
//! the variables that channels are bound to, and the variables that are used for anything else than
//! sending, receiving, and asking for the length; what is in the first set only leaks.

use crate::globals::Globals;
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::{
    Arg, Callee, CastKind, Expr, ExprKind, FnId, FnKind, ForIter, Intrinsic, LocalId, Pat, PatKind,
    Program, SelectOp, Stmt,
};
use orion_syntax::Span;
use std::collections::HashSet;

impl Globals<'_> {
    /// Checks the channels made in every body without errors, but for the standard library's.
    pub fn check_leaks(&mut self) {
        let funcs: Vec<FnId> = self.program.fns.indices().collect();
        for func in funcs {
            let item = &self.program.fns[func];
            if item.is_std || self.failed.contains(&func) || item.kind == FnKind::Derived {
                continue;
            }
            let Some(body) = &item.body else { continue };
            let mut walk = Walk {
                program: &self.program,
                made: Vec::new(),
                passed: HashSet::new(),
                lost: Vec::new(),
            };
            walk.expr(&body.value);
            let mut found: Vec<(Span, Option<String>)> =
                walk.lost.iter().map(|span| (*span, None)).collect();
            for (local, span) in &walk.made {
                if !walk.passed.contains(local) {
                    found.push((*span, Some(body.locals[*local].name.to_string())));
                }
            }
            for (span, name) in found {
                let (what, help) = match &name {
                    Some(name) => (
                        format!("the channel `{name}` is neither closed nor passed on"),
                        format!("`@close({name})` when nothing more is sent, or give it to a task"),
                    ),
                    None => (
                        "this channel is neither closed nor passed on".to_owned(),
                        "bind it: `let ch: Chan[T] = @channel(n)`".to_owned(),
                    ),
                };
                self.diagnostics.push(
                    Diagnostic::new(ErrorCode::E0405, span, what)
                        .label("made here, and known to nobody else")
                        .help(help),
                );
            }
        }
    }
}

struct Walk<'p> {
    program: &'p Program,
    made: Vec<(LocalId, Span)>,
    passed: HashSet<LocalId>,
    lost: Vec<Span>,
}

impl Walk<'_> {
    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Local(local) => {
                self.passed.insert(*local);
            }
            ExprKind::Lambda(func) | ExprKind::Gen(func) => self.captures(*func),
            ExprKind::Spawn { func, scope, name, .. } => {
                self.captures(*func);
                self.expr(scope);
                if let Some(name) = name {
                    self.expr(name);
                }
            }
            ExprKind::Block(stmts, tail) => {
                for stmt in stmts {
                    match stmt {
                        Stmt::Let { pat, init, .. } => self.bind(pat, init),
                        Stmt::Expr(value) => match made_here(value) {
                            Some(span) => self.lost.push(span),
                            None => self.expr(value),
                        },
                        Stmt::Defer { body, .. } => self.expr(body),
                    }
                }
                if let Some(tail) = tail {
                    self.expr(tail);
                }
            }
            ExprKind::Assign(place, value) if place.projections.is_empty() => {
                match made_here(value) {
                    Some(span) => self.made.push((place.local, span)),
                    None => self.expr(value),
                }
            }
            ExprKind::Intrinsic(
                Intrinsic::ChanSend | Intrinsic::ChanRecv | Intrinsic::ChanRecvOption,
                _,
                args,
            ) => {
                for (index, arg) in args.iter().enumerate() {
                    if let Arg::Value(value) = arg {
                        if index == 0 { self.own_use(value) } else { self.expr(value) }
                    }
                }
            }
            ExprKind::Call(Callee::Fn(func, _), args)
                if self.program.fns[*func].is_std
                    && matches!(&*self.program.fns[*func].name, "len" | "cap") =>
            {
                for arg in args {
                    if let Arg::Value(value) = arg {
                        self.own_use(value);
                    }
                }
            }
            ExprKind::For { iter, body, .. } => {
                match &**iter {
                    ForIter::Chan(chan) => self.own_use(chan),
                    ForIter::Range { start, end, .. } => {
                        self.expr(start);
                        self.expr(end);
                    }
                    ForIter::List(value) | ForIter::Str(value) | ForIter::GenValue(value) => {
                        self.expr(value);
                    }
                    ForIter::GenPlace(_) => {}
                }
                self.expr(body);
            }
            ExprKind::Select(arms) => {
                for arm in arms {
                    if let Some(guard) = &arm.guard {
                        self.expr(guard);
                    }
                    match &arm.op {
                        SelectOp::Recv { chan, .. } => self.own_use(chan),
                        SelectOp::Send { chan, value } => {
                            self.own_use(chan);
                            self.expr(value);
                        }
                        SelectOp::After(duration) => self.expr(duration),
                        SelectOp::Default => {}
                    }
                    self.expr(&arm.body);
                }
            }
            _ => e.for_each_child(&mut |child| self.expr(child)),
        }
    }

    fn captures(&mut self, func: FnId) {
        let captures = &self.program.fns[func].captures;
        self.passed.extend(captures.iter().map(|capture| capture.outer));
    }

    /// A channel is used as one: that tells nobody of it.
    fn own_use(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Cast(CastKind::ChanView, inner) => self.own_use(inner),
            ExprKind::Local(_) => {}
            ExprKind::Intrinsic(Intrinsic::Channel, ..) => self.lost.push(e.span),
            _ => self.expr(e),
        }
    }

    fn bind(&mut self, pat: &Pat, init: &Expr) {
        match (&pat.kind, &init.kind) {
            (PatKind::Bind(local), _) => match made_here(init) {
                Some(span) => self.made.push((*local, span)),
                None => self.expr(init),
            },
            (PatKind::Wild, _) if made_here(init).is_some() => {
                self.lost.extend(made_here(init));
            }
            (PatKind::Tuple(pats), ExprKind::Tuple(values)) if pats.len() == values.len() => {
                for (pat, value) in pats.iter().zip(values) {
                    self.bind(pat, value);
                }
            }
            _ => self.expr(init),
        }
    }
}

/// Where an expression makes a channel, if that is all it does.
fn made_here(e: &Expr) -> Option<Span> {
    match &e.kind {
        ExprKind::Intrinsic(Intrinsic::Channel, ..) => Some(e.span),
        ExprKind::Cast(CastKind::ChanView, inner) => made_here(inner),
        _ => None,
    }
}
