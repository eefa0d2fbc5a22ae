//! Lowering of the HIR to MIR: monomorphisation and the building of control-flow graphs.
//!
//! Input: a checked [`hir::Program`], which gains derived class members on the way, and the sources (positions, texts of channel expressions).
//! Output: a [`Program`] with one [`Body`] per function and type arguments reachable from the entry, in order of discovery.
//! Invariants of the output: those of [`crate::body`] before the pass `rc` (no drops of whole locals, reads by `Copy`), every block reachable,
//! the entry block without predecessors, a `Poll` on every back-edge, and an unwind edge on every step that may panic or be cancelled.
//!
//! Algorithm: a work list of instances ([`instance`]). A body is built in one walk over the HIR ([`builder`]); what happens on the ways out of it
//! (defers, scopes) is built on demand and shared ([`exits`]).

mod adt;
mod arith;
mod builder;
mod call;
mod channel;
mod control;
mod convert;
mod defer_plan;
mod exits;
mod expr;
mod generator;
mod instance;
mod intrinsics;
mod list_ops;
mod looping;
mod pattern;
mod place;
mod select;
mod show;
mod task;
#[cfg(test)]
mod tests;

use orion_diagnostics::{Diagnostic, ErrorCode};
use orion_hir as hir;
use orion_syntax::{SourceMap, Span};
use rustc_hash::FxHashMap;

use crate::body::{Body, BodyId, Loc, Program};
use crate::ty::{AdtId, Ty, TypeTable};

/// Lowers everything reachable from `main`.
///
/// # Errors
/// Instantiation without end (polymorphic recursion), and what has no MIR yet.
///
/// # Panics
/// When the program has no `main`; the type checker has made sure of one.
pub fn build(
    program: &mut hir::Program,
    sources: &SourceMap,
    name: &str,
) -> Result<Program, Vec<Diagnostic>> {
    let (main, _) = program.main.expect("a program to be lowered has a `main`");
    build_from(program, &[main], sources, name)
        .map(|program| Program { tests: Vec::new(), ..program })
}

/// Lowers everything reachable from tests, each of which is an entry of the program.
///
/// # Errors
/// As [`build`].
///
/// # Panics
/// When there is no entry.
pub fn build_from(
    program: &mut hir::Program,
    entries: &[hir::FnId],
    sources: &SourceMap,
    name: &str,
) -> Result<Program, Vec<Diagnostic>> {
    let mut cx = Context::new(program, sources);
    let entry = |&entry: &hir::FnId| cx.instance(instance::Instance::Fn(entry, Vec::new()));
    let tests: Vec<BodyId> = entries.iter().map(entry).collect();
    cx.build_all();
    if !cx.errors.is_empty() {
        return Err(cx.errors);
    }
    let mut types = cx.types;
    types.mark_boxed();
    let files = sources.files().map(|file| file.path.to_string()).collect();
    let bodies =
        cx.bodies.into_iter().map(|body| body.expect("every instance was built")).collect();
    Ok(Program { types, bodies, main: tests[0], tests, files, name: name.to_owned() })
}

/// What the lowering of a whole program knows.
pub(crate) struct Context<'p> {
    hir: &'p mut hir::Program,
    sources: &'p SourceMap,
    types: TypeTable,
    /// Concrete HIR types already lowered.
    lowered: FxHashMap<hir::TyId, Ty>,
    /// Size of a concrete HIR type as a tree, saturating.
    sizes: FxHashMap<hir::TyId, u32>,
    /// Data types declared but not yet defined.
    pending: Vec<(AdtId, hir::AdtId, Vec<hir::TyId>)>,
    boxed: FxHashMap<AdtId, bool>,
    linear: FxHashMap<Ty, bool>,
    /// Whether a type holds generators.
    generators: FxHashMap<Ty, bool>,
    names: instance::Names,
    instances: indexmap::IndexMap<instance::Instance, BodyId>,
    bodies: Vec<Option<Body>>,
    errors: Vec<Diagnostic>,
    /// The place in whose function an error without a better place is reported.
    span: Span,
}

impl<'p> Context<'p> {
    fn new(hir: &'p mut hir::Program, sources: &'p SourceMap) -> Self {
        let names = instance::Names::new(hir);
        Self {
            hir,
            sources,
            types: TypeTable::default(),
            lowered: FxHashMap::default(),
            sizes: FxHashMap::default(),
            pending: Vec::new(),
            boxed: FxHashMap::default(),
            linear: FxHashMap::default(),
            generators: FxHashMap::default(),
            names,
            instances: indexmap::IndexMap::default(),
            bodies: Vec::new(),
            errors: Vec::new(),
            span: Span::BUILTIN,
        }
    }

    /// The work list: building a body may add instances behind it.
    fn build_all(&mut self) {
        let mut next = 0;
        while next < self.instances.len() && self.errors.is_empty() {
            let (instance, &id) = self.instances.get_index(next).expect("in range");
            let instance = instance.clone();
            let body = builder::build_instance(self, &instance);
            self.bodies[id.index()] = Some(body);
            next += 1;
        }
    }

    fn loc(&self, span: Span) -> Loc {
        match self.sources.get(span.file) {
            Some(file) => {
                let at = file.line_column(span.start);
                Loc { file: span.file.as_u32(), line: at.line, column: at.column }
            }
            None => Loc::default(),
        }
    }

    /// Reports instantiation without end, once.
    fn endless(&mut self, what: &str) {
        if self.errors.iter().any(|error| error.code == ErrorCode::E0805) {
            return;
        }
        let error = Diagnostic::new(
            ErrorCode::E0805,
            self.span,
            format!("{what} without end"),
        )
        .label("each instance of this needs another one, of a larger type")
        .help("generic code is compiled once per type: recursion must come back to types that were there before");
        self.errors.push(error);
    }
}
