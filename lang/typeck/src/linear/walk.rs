//! The walk over a body.

use super::flow::{Flow, Region, State};
use super::{Kind, Linear};
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::{
    Arg, Body, Callee, Expr, ExprKind, Intrinsic, LocalId, Place, Program, ProjectionKind, TyId,
    TyTable,
};
use orion_syntax::Span;
use std::collections::{HashMap, HashSet};

/// Functions of the prelude that treat their elements as moved, not copied or dropped.
const MOVING: [&str; 14] = [
    "push",
    "pop",
    "insert",
    "remove",
    "swap",
    "extend",
    "reverse",
    "map",
    "fold",
    "unwrap",
    "map_insert",
    "map_new",
    "map_items",
    "len",
];

/// Functions of the prelude that only look at their receiver.
const LOOKING: [&str; 6] = ["len", "is_empty", "is_some", "is_none", "is_ok", "is_err"];

/// Functions of the prelude that copy elements. A generator may be dropped, so the others may have it.
const COPYING: [&str; 9] =
    ["first", "last", "get", "filter", "any", "all", "keys", "values", "items"];

/// How the value of an expression is used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// Taken by whatever is around.
    Taken,
    /// Dropped.
    Dropped,
    /// Looked at, and left where it is.
    Seen,
}

/// Where a handle came from.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub(super) span: Span,
    pub(super) is_spawn: bool,
    /// Number of regions around its declaration.
    pub(super) depth: usize,
}

pub struct Walker<'p> {
    pub(super) program: &'p mut Program,
    pub(super) linear: &'p mut Linear,
    pub(super) body: &'p Body,
    pub(super) flow: Flow,
    pub(super) regions: Vec<Region>,
    pub(super) origins: HashMap<LocalId, Origin>,
    pub(super) in_out: HashSet<LocalId>,
    pub(super) reported: HashSet<LocalId>,
    pub found: Vec<Diagnostic>,
}

impl<'p> Walker<'p> {
    pub fn new(program: &'p mut Program, linear: &'p mut Linear, body: &'p Body) -> Self {
        Self {
            program,
            linear,
            body,
            flow: Flow::default(),
            regions: vec![Region::Body],
            origins: HashMap::new(),
            in_out: HashSet::new(),
            reported: HashSet::new(),
            found: Vec::new(),
        }
    }

    /// Walks the whole body.
    pub fn function(&mut self, params: &[(LocalId, bool)]) {
        for &(param, mutable) in params {
            if self.is_moved(self.body.locals[param].ty) {
                if mutable {
                    self.in_out.insert(param);
                }
                self.declare(param, self.body.locals[param].span, false);
            }
        }
        let body = self.body;
        self.expr(&body.value, Use::Taken);
        if !self.flow.ended {
            self.check_all_consumed(1, None);
        }
    }

    /// Whether a value of the type must be consumed.
    pub(super) fn is_linear(&mut self, ty: TyId) -> bool {
        self.linear.kind(self.program, ty) == Kind::Linear
    }

    /// Whether a value of the type is moved.
    pub(super) fn is_moved(&mut self, ty: TyId) -> bool {
        self.linear.kind(self.program, ty) != Kind::Plain
    }

    /// What messages call a value of the type.
    pub(super) fn noun(&mut self, ty: TyId) -> &'static str {
        if self.is_linear(ty) { "handle" } else { "generator" }
    }

    pub(super) fn name(&self, local: LocalId) -> &str {
        &self.body.locals[local].name
    }

    pub(super) fn declare(&mut self, local: LocalId, span: Span, is_spawn: bool) {
        self.origins.insert(local, Origin { span, is_spawn, depth: self.regions.len() });
        self.flow.states.insert(local, State::Live);
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    pub(super) fn consume(&mut self, local: LocalId, span: Span) {
        match self.flow.states.get(&local) {
            Some(State::Live) => {
                self.flow.states.insert(local, State::Consumed(span));
            }
            Some(State::Consumed(first)) => {
                let first = *first;
                if self.reported.insert(local) {
                    let name = self.name(local).to_owned();
                    let noun = self.noun(self.body.locals[local].ty);
                    let (verb, help) = if noun == "handle" {
                        ("consumed", "keep the task's value instead: `let v = @join(…)`")
                    } else {
                        ("moved", "a generator is moved, not copied")
                    };
                    self.report(
                        Diagnostic::new(
                            ErrorCode::E0402,
                            span,
                            format!("the {noun} `{name}` is used after it was {verb}"),
                        )
                        .label("used again")
                        .secondary(first, format!("{verb} here"))
                        .help(help),
                    );
                }
            }
            None => {}
        }
    }

    pub(super) fn misuse(&mut self, span: Span, message: &str, label: &str, help: &str) {
        self.report(Diagnostic::new(ErrorCode::E0403, span, message).label(label).help(help));
    }

    pub(super) fn expr(&mut self, e: &Expr, how: Use) {
        if self.flow.ended {
            return;
        }
        let linear = self.is_linear(e.ty);
        match &e.kind {
            ExprKind::Local(local) => {
                if self.is_moved(e.ty) {
                    if how == Use::Taken {
                        self.consume(*local, e.span);
                    } else {
                        self.look(*local, e.span);
                    }
                }
                return;
            }
            ExprKind::Field(base, _) | ExprKind::Index(base, _) => {
                if let ExprKind::Index(_, index) = &e.kind {
                    self.expr(index, Use::Taken);
                }
                if self.is_moved(e.ty) && how == Use::Taken {
                    let noun = self.noun(e.ty);
                    let (message, help) = if matches!(e.kind, ExprKind::Index(..)) {
                        (
                            "copied out of a list",
                            "take it out: `xs.remove(i)`, `xs.pop()`, or `for t in xs`",
                        )
                    } else {
                        (
                            "copied out of a compound",
                            "take the whole apart: `let (a, b) = …` or `match`",
                        )
                    };
                    let message = format!("a {noun} cannot be {message}");
                    self.misuse(e.span, &message, "would be in two places", help);
                }
                let base_moved = self.is_moved(base.ty);
                self.expr(base, if base_moved { Use::Seen } else { Use::Taken });
                return;
            }
            _ => {}
        }
        self.compound(e, how, linear);
        if e.ty == TyTable::NEVER {
            self.flow.ended = true;
        }
        if linear && how != Use::Taken && !self.flow.ended && makes_value(&e.kind) {
            let is_detached = matches!(&e.kind, ExprKind::Spawn { detached: true, .. });
            if !is_detached {
                self.report(
                    Diagnostic::new(ErrorCode::E0401, e.span, "a handle is made here and dropped")
                        .label("nothing consumes it")
                        .help("bind it and join it: `let t = …`, `@join(t)`"),
                );
            }
        }
    }

    /// A variable is looked at: it must hold its handle still.
    pub(super) fn look(&mut self, local: LocalId, span: Span) {
        if let Some(State::Consumed(_)) = self.flow.states.get(&local) {
            self.consume(local, span);
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm per form")]
    pub(super) fn compound(&mut self, e: &Expr, how: Use, linear: bool) {
        match &e.kind {
            ExprKind::Block(stmts, tail) => self.block(stmts, tail.as_deref(), how),
            ExprKind::If { cond, then, otherwise } => {
                self.expr(cond, Use::Taken);
                let before = self.flow.clone();
                self.expr(then, how);
                let first = (std::mem::replace(&mut self.flow, before), then.span);
                let second_span = match otherwise {
                    Some(otherwise) => {
                        self.expr(otherwise, how);
                        otherwise.span
                    }
                    None => cond.span,
                };
                let second = (std::mem::take(&mut self.flow), second_span);
                self.join(vec![first, second]);
            }
            ExprKind::Match { scrutinee, arms } => self.match_expr(scrutinee, arms, how),
            ExprKind::While { id, cond, body } => {
                let endless = matches!(cond.kind, ExprKind::Bool(true));
                self.run_loop(*id, None, endless, e.span, |this| {
                    this.expr(cond, Use::Taken);
                    let at_cond = this.flow.clone();
                    this.expr(body, Use::Dropped);
                    at_cond
                });
            }
            ExprKind::For { id, pat, iter, body } => self.for_loop(*id, pat, iter, body, e.span),
            ExprKind::Break(id) | ExprKind::Continue(id) => {
                let is_break = matches!(e.kind, ExprKind::Break(_));
                let Some(index) = self.loop_index(*id) else { return };
                let flow = self.flow.clone();
                if let Region::Loop { breaks, continues, .. } = &mut self.regions[index] {
                    if is_break {
                        breaks.push((flow, e.span));
                    } else {
                        continues.push((flow, e.span));
                    }
                }
                // `continue` stays in its loop, but leaves those inside of it.
                if is_break {
                    self.jump(index, e.span, "`break`");
                } else {
                    self.continue_jump(index, e.span);
                }
            }
            ExprKind::Return(value) => {
                if let Some(value) = value {
                    let in_async =
                        self.regions.iter().any(|region| matches!(region, Region::Async));
                    if in_async && self.is_linear(value.ty) {
                        self.misuse(
                            value.span,
                            "a handle cannot leave the scope of its task",
                            "returned out of an `async` block",
                            "join it here, or spawn in a scope that is passed in",
                        );
                    }
                    self.expr(value, Use::Taken);
                }
                if !self.flow.ended {
                    self.jump(0, e.span, "`return`");
                }
            }
            ExprKind::Async { body, .. } => {
                self.regions.push(Region::Async);
                let depth = self.regions.len();
                if self.is_linear(body.ty) {
                    self.misuse(
                        body.span,
                        "the value of an `async` block cannot hold a handle",
                        "the task has ended with the block",
                        "join it inside, and give its value",
                    );
                }
                self.expr(body, how);
                if !self.flow.ended {
                    self.check_all_consumed(depth, None);
                }
                self.regions.pop();
            }
            ExprKind::Assign(place, value) => {
                self.place_indices(place);
                self.expr(value, Use::Taken);
                if !self.flow.ended && self.is_moved(place.ty) {
                    self.assign(place);
                }
            }
            ExprKind::AssignOp(_, place, value) => {
                self.place_indices(place);
                self.expr(value, Use::Taken);
            }
            ExprKind::Call(callee, args) => self.call(callee, args, e.span),
            ExprKind::Intrinsic(which, _, args) => self.intrinsic(*which, args),
            ExprKind::Lambda(func) | ExprKind::Gen(func) => self.captures(*func, e.span),
            ExprKind::Spawn { func, scope, name, .. } => {
                self.expr(scope, Use::Taken);
                if let Some(name) = name {
                    self.expr(name, Use::Taken);
                }
                self.captures(*func, e.span);
            }
            ExprKind::Select(arms) => self.select(arms, how),
            ExprKind::And(left, right) | ExprKind::Or(left, right) => {
                self.expr(left, Use::Taken);
                let before = self.flow.clone();
                self.expr(right, Use::Taken);
                let after = std::mem::take(&mut self.flow);
                self.join(vec![(after, right.span), (before, left.span)]);
            }
            ExprKind::ListRepeat { value, count } => {
                if self.is_moved(value.ty) {
                    let noun = self.noun(value.ty);
                    self.misuse(
                        value.span,
                        &format!("a {noun} cannot be repeated"),
                        "would be in the list several times",
                        "make one for each element",
                    );
                }
                self.expr(value, Use::Taken);
                self.expr(count, Use::Taken);
            }
            ExprKind::Struct(_) | ExprKind::Variant(..) => {
                if linear {
                    self.check_container(e);
                }
                e.for_each_child(&mut |child| self.expr(child, Use::Taken));
            }
            ExprKind::Slice { base, .. } if self.is_moved(e.ty) => {
                let noun = self.noun(e.ty);
                self.misuse(
                    base.span,
                    &format!("a list of {noun}s has no parts"),
                    &format!("the {noun}s would be in two lists"),
                    "take them out one by one",
                );
            }
            _ => e.for_each_child(&mut |child| self.expr(child, Use::Taken)),
        }
    }

    /// A type of the program's own holds handles in its fields, not by its parameters.
    pub(super) fn check_container(&mut self, e: &Expr) {
        let orion_hir::Ty::Adt(adt, args) = self.program.types.kind(e.ty).clone() else { return };
        let is_std = self.program.adts[adt].path.starts_with(crate::PRELUDE_PATH);
        if !is_std && args.iter().any(|&arg| self.is_linear(arg)) {
            let name = self.program.adts[adt].name.clone();
            self.misuse(
                e.span,
                &format!("a handle cannot stand for the type parameter of `{name}`"),
                "holds a handle by its parameter",
                "name `Task[…]` in the type itself",
            );
        }
    }

    pub(super) fn captures(&mut self, func: orion_hir::FnId, span: Span) {
        let captures = self.program.fns[func].captures.clone();
        for capture in captures {
            let ty = self.body.locals[capture.outer].ty;
            if self.is_moved(ty) && !self.is_linear(ty) {
                // A generator moves into the closure.
                self.consume(capture.outer, span);
            }
            if self.is_linear(ty) {
                let name = self.name(capture.outer).to_owned();
                self.misuse(
                    span,
                    &format!("the handle `{name}` cannot be captured"),
                    "captures are copies",
                    "join it here and capture the value, or pass it as an argument",
                );
                self.flow.states.insert(capture.outer, State::Consumed(span));
                self.reported.insert(capture.outer);
            }
        }
    }

    pub(super) fn place_indices(&mut self, place: &Place) {
        for projection in &place.projections {
            if let ProjectionKind::Index(index) = &projection.kind {
                self.expr(index, Use::Taken);
            }
        }
    }

    pub(super) fn assign(&mut self, place: &Place) {
        let linear = self.is_linear(place.ty);
        if !place.projections.is_empty() {
            if !linear {
                return;
            }
            self.misuse(
                place.span,
                "assigning here would forget a handle",
                "may hold a handle already",
                "take the old one out first, and insert the new one",
            );
            return;
        }
        if linear
            && self.flow.states.get(&place.local) == Some(&State::Live)
            && self.reported.insert(place.local)
        {
            let name = self.name(place.local).to_owned();
            let mut diagnostic = Diagnostic::new(
                ErrorCode::E0403,
                place.span,
                format!("assigning to `{name}` forgets the handle that it holds"),
            )
            .label("overwritten here")
            .help("join the old task first");
            if let Some(origin) = self.origins.get(&place.local) {
                diagnostic = diagnostic.secondary(origin.span, "never consumed");
            }
            self.report(diagnostic);
        }
        self.flow.states.insert(place.local, State::Live);
    }

    pub(super) fn call(&mut self, callee: &Callee, args: &[Arg], span: Span) {
        let mut looking = false;
        match callee {
            Callee::Value(value) => self.expr(value, Use::Taken),
            Callee::Fn(func, types) => {
                let item = &self.program.fns[*func];
                let (is_std, name) = (item.is_std, item.name.clone());
                looking = is_std && LOOKING.contains(&&*name);
                let types = types.clone();
                let moved = types.iter().copied().find(|&ty| self.is_moved(ty));
                let fits = |linear: bool| {
                    is_std
                        && if linear {
                            looking || MOVING.contains(&&*name)
                        } else {
                            !COPYING.contains(&&*name)
                        }
                };
                if let Some(ty) = moved
                    && !fits(self.is_linear(ty))
                {
                    let noun = self.noun(ty);
                    let help = if self.is_linear(ty) {
                        "write a function for `Task[…]`, or join first"
                    } else {
                        "write a function for `Gen[…]`"
                    };
                    self.misuse(
                        span,
                        &format!(
                            "`{name}` is generic, and a {noun} cannot stand for its type parameter"
                        ),
                        &format!("might copy or drop the {noun}"),
                        help,
                    );
                }
            }
            Callee::Member { ty, .. } => {
                if self.is_linear(*ty) {
                    self.misuse(
                        span,
                        "a handle has no class members",
                        "might copy or drop the handle",
                        "join first",
                    );
                }
            }
        }
        for arg in args {
            match arg {
                Arg::Value(value) => {
                    let how = if looking { Use::Seen } else { Use::Taken };
                    self.expr(value, how);
                }
                Arg::Mut(place) => {
                    self.place_indices(place);
                    self.look(place.local, place.span);
                }
            }
        }
    }

    pub(super) fn intrinsic(&mut self, which: Intrinsic, args: &[Arg]) {
        for (index, arg) in args.iter().enumerate() {
            match arg {
                Arg::Value(value) => {
                    if which == Intrinsic::ChanSend && index == 1 {
                        self.check_sent(value);
                    }
                    let looks = which == Intrinsic::RequestCancel;
                    self.expr(value, if looks { Use::Seen } else { Use::Taken });
                }
                Arg::Mut(place) => {
                    self.place_indices(place);
                    self.look(place.local, place.span);
                }
            }
        }
    }
}

/// Whether an expression makes a new value, rather than passing on that of a part.
fn makes_value(kind: &ExprKind) -> bool {
    matches!(
        kind,
        ExprKind::Call(..)
            | ExprKind::Intrinsic(..)
            | ExprKind::Spawn { .. }
            | ExprKind::Tuple(_)
            | ExprKind::List(_)
            | ExprKind::Struct(_)
            | ExprKind::Variant(..)
    )
}

/// The place of the `spawn` whose handle an expression gives.
pub(super) fn spawn_span(e: &Expr) -> Option<Span> {
    match &e.kind {
        ExprKind::Spawn { .. } => Some(e.span),
        ExprKind::Block(_, Some(tail)) => spawn_span(tail),
        _ => None,
    }
}
