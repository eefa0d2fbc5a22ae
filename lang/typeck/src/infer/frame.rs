//! The function bodies being built: the item's own, and those of the closures around the current
//! place, innermost last.
//!
//! Invariant: names are looked up from the innermost frame outwards; a variable of an outer frame
//! is captured by every frame in between, so that each body speaks of its own locals only.

use super::Infer;
use orion_hir::{Capture, FnId, IndexVec, Local, LocalId, LoopId, TyId, Yields};
use orion_syntax::{Span, Symbol, ast};

/// What a frame is the body of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameKind {
    /// A function, instance member or test.
    Fn,
    /// A lambda.
    Lambda,
    /// A spawned task.
    Spawn,
    /// A generator.
    Gen,
    /// A constant or default value: no statement leaves it.
    Value,
}

/// How a variable came about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LocalKind {
    /// `let`
    Let,
    /// `var`
    Var,
    /// A parameter.
    Param,
    /// A `mut` parameter.
    MutParam,
    /// Bound by `for`.
    For,
    /// Bound by a `match` or `select` arm.
    Arm,
    /// Copied into a closure.
    Capture,
    /// The scope of an `async` block.
    Scope,
    /// Made by the compiler.
    Hidden,
}

/// What a frame may yield.
#[derive(Clone, Copy, Debug)]
pub enum YieldMode {
    /// Nothing.
    None,
    /// These types.
    Given(Yields),
    /// Whatever is yielded first (lambdas without an expected type).
    Infer(Option<Yields>),
}

/// A loop around the current place.
pub struct LoopFrame {
    pub(super) label: Option<ast::Ident>,
    pub(super) id: LoopId,
    pub(super) has_break: bool,
}

/// A function body being built.
pub struct Frame {
    /// Its function.
    pub func: FnId,
    /// What it is.
    pub kind: FrameKind,
    /// How messages call it: `` `f` ``, `this lambda`.
    pub title: String,
    /// Where its result type is written, or its head.
    pub head: Span,
    pub(super) locals: IndexVec<LocalId, Local>,
    pub(super) local_kinds: Vec<LocalKind>,
    pub(super) names: Vec<(Symbol, LocalId)>,
    pub(super) captures: Vec<Capture>,
    pub(super) params: Vec<LocalId>,
    /// Result type.
    pub ret: TyId,
    pub(super) yields: YieldMode,
    pub(super) loops: Vec<LoopFrame>,
    pub(super) loop_count: u32,
    /// Scopes of the `async` blocks around the current place, innermost last.
    pub(super) scopes: Vec<LocalId>,
    /// Number of loops around the innermost `defer` block, if the place is in one.
    pub(super) in_defer: Option<usize>,
    /// Lambdas, spawns, generators so far, for their paths.
    pub(super) children: [u32; 3],
}

impl Frame {
    /// A frame without variables.
    pub fn new(func: FnId, kind: FrameKind, title: String, head: Span, ret: TyId) -> Self {
        Self {
            func,
            kind,
            title,
            head,
            locals: IndexVec::new(),
            local_kinds: Vec::new(),
            names: Vec::new(),
            captures: Vec::new(),
            params: Vec::new(),
            ret,
            yields: YieldMode::None,
            loops: Vec::new(),
            loop_count: 0,
            scopes: Vec::new(),
            in_defer: None,
            children: [0; 3],
        }
    }
}

impl Infer<'_, '_> {
    pub(super) fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("a body is being checked")
    }

    pub(super) fn frame_ref(&self) -> &Frame {
        self.frames.last().expect("a body is being checked")
    }

    /// A new variable, not yet to be found by name.
    pub(super) fn new_local(
        &mut self,
        name: &str,
        ty: TyId,
        kind: LocalKind,
        span: Span,
    ) -> LocalId {
        let mutable = matches!(kind, LocalKind::Var | LocalKind::MutParam);
        let frame = self.frame();
        frame.local_kinds.push(kind);
        frame.locals.push(Local { name: name.into(), ty, mutable, span })
    }

    /// A new variable that can be found by its name from here on.
    pub(super) fn declare(&mut self, name: ast::Ident, ty: TyId, kind: LocalKind) -> LocalId {
        let ty = self.check_size(ty, name.span);
        let local = self.new_local(name.as_str(), ty, kind, name.span);
        self.frame().names.push((name.name, local));
        local
    }

    /// Runs `f`; names declared in it are forgotten.
    pub(super) fn scoped<R>(&mut self, f: impl FnOnce(&mut Self) -> R) -> R {
        let mark = self.frame().names.len();
        let result = f(self);
        self.frame().names.truncate(mark);
        result
    }

    /// The variable of a name, captured into the current frame where it is an outer one's.
    pub(super) fn lookup_local(&mut self, name: Symbol) -> Option<LocalId> {
        let (depth, found) = self.frames.iter().enumerate().rev().find_map(|(depth, frame)| {
            let entry = frame.names.iter().rev().find(|(known, _)| *known == name)?;
            Some((depth, entry.1))
        })?;
        let mut local = found;
        for inner in depth + 1..self.frames.len() {
            local = self.capture(inner, local);
        }
        Some(local)
    }

    /// Whether a name is a variable, without capturing it.
    pub(super) fn is_local(&self, name: Symbol) -> bool {
        self.frames.iter().any(|frame| frame.names.iter().any(|(known, _)| *known == name))
    }

    /// The variable of frame `depth` that holds a copy of the variable `outer` of the frame before.
    pub(super) fn capture(&mut self, depth: usize, outer: LocalId) -> LocalId {
        let known = self.frames[depth].captures.iter().find(|capture| capture.outer == outer);
        if let Some(known) = known {
            return known.inner;
        }
        let mut copy = self.frames[depth - 1].locals[outer].clone();
        copy.mutable = false;
        let frame = &mut self.frames[depth];
        frame.local_kinds.push(LocalKind::Capture);
        let inner = frame.locals.push(copy);
        frame.captures.push(Capture { outer, inner });
        inner
    }

    pub(super) fn local_kind(&self, local: LocalId) -> LocalKind {
        self.frame_ref().local_kinds[local.index()]
    }

    /// Every name that can be used here, for suggestions.
    pub(super) fn names_in_scope(&self) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = Vec::new();
        for frame in &self.frames {
            names.extend(frame.names.iter().map(|(name, _)| name.as_str()));
        }
        let prelude = self.g.prelude;
        names.extend(self.g.modules[self.module].values.keys().map(|name| name.as_str()));
        names.extend(
            self.g.modules[prelude]
                .values
                .iter()
                .filter(|(_, entry)| entry.public)
                .map(|(name, _)| name.as_str()),
        );
        names.extend(self.g.modules[self.module].imports.keys().map(|name| name.as_str()));
        names
    }
}
