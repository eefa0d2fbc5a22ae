//! The walk over a body.

use super::flow::{Flow, Region, State};
use super::{Kind, Linear};
use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir::{
    Arg, Arm, Body, Callee, Expr, ExprKind, ForIter, Intrinsic, LocalId, LoopId, Pat, PatKind,
    Place, Program, ProjectionKind, SelectOp, Stmt, TyId, TyTable,
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
const LOOKING: [&str; 4] = ["len", "is_empty", "is_some", "is_none"];

/// How the value of an expression is used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Taken by whatever is around.
    Taken,
    /// Dropped.
    Dropped,
    /// Looked at, and left where it is.
    Seen,
}

/// Where a handle came from.
#[derive(Clone, Copy)]
struct Origin {
    span: Span,
    is_spawn: bool,
    /// Number of regions around its declaration.
    depth: usize,
}

pub struct Walker<'p> {
    program: &'p mut Program,
    linear: &'p mut Linear,
    body: &'p Body,
    flow: Flow,
    regions: Vec<Region>,
    origins: HashMap<LocalId, Origin>,
    in_out: HashSet<LocalId>,
    reported: HashSet<LocalId>,
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
    fn is_linear(&mut self, ty: TyId) -> bool {
        self.linear.kind(self.program, ty) == Kind::Linear
    }

    /// Whether a value of the type is moved.
    fn is_moved(&mut self, ty: TyId) -> bool {
        self.linear.kind(self.program, ty) != Kind::Plain
    }

    /// What messages call a value of the type.
    fn noun(&mut self, ty: TyId) -> &'static str {
        if self.is_linear(ty) { "handle" } else { "generator" }
    }

    fn name(&self, local: LocalId) -> &str {
        &self.body.locals[local].name
    }

    fn declare(&mut self, local: LocalId, span: Span, is_spawn: bool) {
        self.origins.insert(local, Origin { span, is_spawn, depth: self.regions.len() });
        self.flow.states.insert(local, State::Live);
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    // ---- Ends of paths ----

    /// Reports a handle that this path forgets.
    fn forgotten(&mut self, local: LocalId, place: Option<(Span, &str)>, used: Option<Span>) {
        if !self.is_linear(self.body.locals[local].ty) {
            return;
        }
        if !self.reported.insert(local) {
            return;
        }
        let Some(&origin) = self.origins.get(&local) else { return };
        let name = self.name(local).to_owned();
        let partly = used.is_some() || place.is_some();
        let message = if partly {
            format!("the handle `{name}` is not consumed on every path")
        } else {
            format!("the handle `{name}` is never consumed")
        };
        let label = if origin.is_spawn { "this task's end goes unseen" } else { "holds a handle" };
        let mut diagnostic = Diagnostic::new(ErrorCode::E0401, origin.span, message).label(label);
        if let Some(used) = used {
            diagnostic = diagnostic.secondary(used, "consumed here");
        }
        if let Some((span, text)) = place {
            diagnostic = diagnostic.secondary(span, text);
        }
        let help = if self.is_list(local) {
            format!("join them all: `for t in {name} {{ @join(t) }}`")
        } else if origin.is_spawn {
            format!("`@join({name})`, or drop the `spawn`'s value at once for a task on its own")
        } else {
            format!("`@join({name})`, `@cancel({name})`, or pass it on")
        };
        self.report(diagnostic.help(help));
    }

    fn is_list(&self, local: LocalId) -> bool {
        matches!(self.program.types.kind(self.body.locals[local].ty), orion_hir::Ty::List(_))
    }

    /// Every variable declared inside of at least `depth` regions must be consumed; those of
    /// `async` blocks that are left early are.
    fn check_all_consumed(&mut self, depth: usize, place: Option<(Span, &str)>) {
        let live: Vec<LocalId> = self
            .flow
            .states
            .iter()
            .filter(|(local, state)| {
                **state == State::Live
                    && !self.in_out.contains(local)
                    && self.origins.get(local).is_some_and(|origin| origin.depth >= depth)
            })
            .map(|(local, _)| *local)
            .collect();
        for local in live {
            self.forgotten(local, place, None);
        }
    }

    /// A jump that leaves all regions from `target` on.
    fn jump(&mut self, target: usize, span: Span, word: &str) {
        let left = &self.regions[target..];
        let first_async = left.iter().position(|region| matches!(region, Region::Async));
        // A loop over handles is left early, unless the scope around it is left as well.
        let handles = left.iter().enumerate().find_map(|(index, region)| match region {
            Region::Loop { handles: Some(span), .. }
                if first_async.is_none_or(|first| first > index) =>
            {
                Some(*span)
            }
            _ => None,
        });
        if let Some(list) = handles {
            self.report(
                Diagnostic::new(
                    ErrorCode::E0404,
                    span,
                    format!("this {word} forgets the handles that are left in the list"),
                )
                .label("leaves the loop early")
                .secondary(list, "the handles")
                .help("go through all of them; `@request_cancel(t)` ends the others sooner"),
            );
        }
        // Variables between the target and the outermost `async` left must be consumed.
        let depth = target + 1;
        let limit = first_async.map_or(usize::MAX, |first| target + first + 1);
        let live: Vec<LocalId> = self
            .flow
            .states
            .iter()
            .filter(|(local, state)| {
                **state == State::Live
                    && !self.in_out.contains(local)
                    && self
                        .origins
                        .get(local)
                        .is_some_and(|origin| origin.depth >= depth && origin.depth < limit)
            })
            .map(|(local, _)| *local)
            .collect();
        let text = format!("forgotten by this {word}");
        for local in live {
            self.forgotten(local, Some((span, &text)), None);
        }
        self.flow.ended = true;
    }

    fn loop_index(&self, id: LoopId) -> Option<usize> {
        self.regions
            .iter()
            .rposition(|region| matches!(region, Region::Loop { id: known, .. } if *known == id))
    }

    // ---- Joins ----

    /// Joins paths; each with the place that a message names when a handle is live on it only.
    fn join(&mut self, paths: Vec<(Flow, Span)>) {
        let mut open = paths.into_iter().filter(|(flow, _)| !flow.ended);
        let Some((mut joined, mut span)) = open.next() else {
            self.flow.ended = true;
            return;
        };
        for (flow, other_span) in open {
            let locals: Vec<LocalId> = joined.states.keys().copied().collect();
            for local in locals {
                let Some(&other) = flow.states.get(&local) else { continue };
                match (joined.states[&local], other) {
                    (State::Live, State::Consumed(used)) => {
                        self.forgotten(local, Some((span, "not on this path")), Some(used));
                        joined.states.insert(local, other);
                    }
                    (State::Consumed(used), State::Live) => {
                        self.forgotten(local, Some((other_span, "not on this path")), Some(used));
                    }
                    _ => {}
                }
            }
            span = other_span;
        }
        joined.ended = false;
        self.flow = joined;
    }

    // ---- Expressions ----

    fn consume(&mut self, local: LocalId, span: Span) {
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

    fn misuse(&mut self, span: Span, message: &str, label: &str, help: &str) {
        self.report(Diagnostic::new(ErrorCode::E0403, span, message).label(label).help(help));
    }

    fn expr(&mut self, e: &Expr, how: Use) {
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
    fn look(&mut self, local: LocalId, span: Span) {
        if let Some(State::Consumed(_)) = self.flow.states.get(&local) {
            self.consume(local, span);
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm per form")]
    fn compound(&mut self, e: &Expr, how: Use, linear: bool) {
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
            ExprKind::Slice { base, .. } if linear => {
                self.misuse(
                    base.span,
                    "a list of handles has no parts",
                    "the handles would be in two lists",
                    "take them out one by one",
                );
            }
            _ => e.for_each_child(&mut |child| self.expr(child, Use::Taken)),
        }
    }

    /// A type of the program's own holds handles in its fields, not by its parameters.
    fn check_container(&mut self, e: &Expr) {
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

    fn captures(&mut self, func: orion_hir::FnId, span: Span) {
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

    fn block(&mut self, stmts: &[Stmt], tail: Option<&Expr>, how: Use) {
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
    fn end_scope(&mut self, declared: &[LocalId]) {
        for local in declared {
            if !self.flow.ended && self.flow.states.get(local) == Some(&State::Live) {
                self.forgotten(*local, None, None);
            }
            self.flow.states.remove(local);
        }
    }

    /// Binds the linear parts of a value.
    fn bind(&mut self, pat: &Pat, spawned: Option<Span>, declared: &mut Vec<LocalId>) {
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
                match rest {
                    Some(rest) => match rest.bind {
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
                    },
                    None => {}
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

    fn check_unnamed(&mut self, pat: &Pat, named: &[(u32, Pat)]) {
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

    fn match_expr(&mut self, scrutinee: &Expr, arms: &[Arm], how: Use) {
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

    fn select(&mut self, arms: &[orion_hir::SelectArm], how: Use) {
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

    fn check_sent(&mut self, value: &Expr) {
        if self.is_linear(value.ty) {
            self.misuse(
                value.span,
                "a handle cannot be sent on a channel",
                "nothing ensures that it is received",
                "join it here and send the value",
            );
        }
    }

    // ---- Loops ----

    /// Runs `body` as a loop: the variables around it must be as before after each round. `body`
    /// gives the state in which the loop ends without `break`.
    fn run_loop(
        &mut self,
        id: LoopId,
        handles: Option<Span>,
        endless: bool,
        span: Span,
        body: impl FnOnce(&mut Self) -> Flow,
    ) {
        let before = self.flow.clone();
        self.regions.push(Region::Loop { id, handles, breaks: Vec::new(), continues: Vec::new() });
        let at_end = body(self);
        let Some(Region::Loop { breaks, continues, .. }) = self.regions.pop() else { return };
        let mut rounds = continues;
        rounds.push((std::mem::take(&mut self.flow), span));
        for (round, _) in &rounds {
            if round.ended {
                continue;
            }
            for (local, state) in &before.states {
                if let (State::Live, Some(State::Consumed(used))) = (state, round.states.get(local))
                    && !self.reported.contains(local)
                {
                    let name = self.name(*local).to_owned();
                    self.reported.insert(*local);
                    let used = *used;
                    let (noun, verb) = match self.noun(self.body.locals[*local].ty) {
                        "handle" => ("handle", "consumed"),
                        noun => (noun, "moved"),
                    };
                    let mut diagnostic = Diagnostic::new(
                        ErrorCode::E0402,
                        used,
                        format!("the {noun} `{name}` is {verb} in a loop"),
                    )
                    .label(format!("{verb} again in the next round"))
                    .help("do it after the loop, or leave the loop right after it");
                    if let Some(origin) = self.origins.get(local) {
                        diagnostic =
                            diagnostic.secondary(origin.span, "made once, outside of the loop");
                    }
                    self.found.push(diagnostic);
                }
            }
        }
        let mut exits: Vec<(Flow, Span)> = breaks;
        if !endless {
            let mut after = before;
            after.ended |= at_end.ended;
            exits.push((after, span));
        }
        self.join(exits);
        // Variables of the loop's body are gone.
        let depth = self.regions.len();
        let origins = &self.origins;
        self.flow
            .states
            .retain(|local, _| origins.get(local).is_none_or(|origin| origin.depth <= depth));
    }

    fn continue_jump(&mut self, index: usize, span: Span) {
        // The round's own variables must be consumed; the loop itself is not left.
        let handles = if let Region::Loop { handles, .. } = &mut self.regions[index] {
            handles.take()
        } else {
            None
        };
        self.jump(index, span, "`continue`");
        if let Region::Loop { handles: slot, .. } = &mut self.regions[index] {
            *slot = handles;
        }
    }

    fn for_loop(&mut self, id: LoopId, pat: &Pat, iter: &ForIter, body: &Expr, span: Span) {
        let mut handles = None;
        match iter {
            ForIter::Range { start, end, .. } => {
                self.expr(start, Use::Taken);
                self.expr(end, Use::Taken);
            }
            ForIter::List(list) => {
                if self.is_linear(list.ty) {
                    handles = Some(list.span);
                }
                self.expr(list, Use::Taken);
            }
            ForIter::Str(value) | ForIter::Chan(value) | ForIter::GenValue(value) => {
                self.expr(value, Use::Taken);
            }
            ForIter::GenPlace(place) => {
                self.place_indices(place);
                self.look(place.local, place.span);
            }
        }
        if self.flow.ended {
            return;
        }
        self.run_loop(id, handles, false, span, |this| {
            let at_start = this.flow.clone();
            let mut declared = Vec::new();
            this.bind(pat, None, &mut declared);
            this.expr(body, Use::Dropped);
            this.end_scope(&declared);
            at_start
        });
    }

    // ---- Calls and places ----

    fn place_indices(&mut self, place: &Place) {
        for projection in &place.projections {
            if let ProjectionKind::Index(index) = &projection.kind {
                self.expr(index, Use::Taken);
            }
        }
    }

    fn assign(&mut self, place: &Place) {
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

    fn call(&mut self, callee: &Callee, args: &[Arg], span: Span) {
        let mut looking = false;
        match callee {
            Callee::Value(value) => self.expr(value, Use::Taken),
            Callee::Fn(func, types) => {
                let item = &self.program.fns[*func];
                let (is_std, name) = (item.is_std, item.name.clone());
                looking = is_std && LOOKING.contains(&&*name);
                let types = types.clone();
                if types.iter().any(|&ty| self.is_linear(ty))
                    && !(is_std && (looking || MOVING.contains(&&*name)))
                {
                    self.misuse(
                        span,
                        &format!(
                            "`{name}` is generic, and a handle cannot stand for its type parameter"
                        ),
                        "might copy or drop the handle",
                        "write a function for `Task[…]`, or join first",
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

    fn intrinsic(&mut self, which: Intrinsic, args: &[Arg]) {
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
fn spawn_span(e: &Expr) -> Option<Span> {
    match &e.kind {
        ExprKind::Spawn { .. } => Some(e.span),
        ExprKind::Block(_, Some(tail)) => spawn_span(tail),
        _ => None,
    }
}
