//! The verifier: says of a program which invariants of MIR it breaks.
//!
//! It is called after every pass in debug builds and under `--verify`, with the [`Stage`] that the pass leads to. It never changes anything and never
//! panics on broken input. The invariants, by stage:
//!
//! **Built** (what the builder delivers, and all that follow):
//! 1. Names of functions are unique; main is a function without parameters.
//! 2. Every local, block and function that is named exists; a body has its result, its parameters and an entry block to which nothing jumps;
//!    extern functions have no blocks; in-out parameters are parameters, in order.
//! 3. Projections fit the types: fields of tuples, fields of variants, elements of lists by an `i64` local, captures of the closure itself.
//! 4. Operands have the types that the step wants; operators and switches work on scalars; results fit the places they are stored in.
//! 5. Operands that a step takes over are not `Borrow`, unless they own nothing; operands that a step looks at are not `Copy` or `Move`, unless they own nothing.
//! 6. Intrinsics have their number and types of operands; those that panic occur only as callees, the others only as rvalues.
//! 7. Calls fit the callee in arguments, result and in-out values; in-out arguments are whole locals; only functions and externs are called by name,
//!    only tasks spawned, only closures of which the address is taken made into values. Destinations of one call are different locals.
//! 8. From an unwind edge no `Return` can be reached, without one no `UnwindResume`.
//! 9. No local is read on a path on which it was not written, or was moved or consumed since.
//!
//! **Effects**: 10. `may_suspend` and `may_unwind` hold for whoever does so, or calls one that does; tasks, main and bodies whose address is taken have both.
//!
//! **Owned** (after `rc`):
//! 11. Each local owns its value on all paths to a place or on none; it is moved or dropped before it is written again.
//! 12. At `Return` the result and the in-out parameters own their values and nothing else does; at `UnwindResume` the in-out parameters.
//! 13. Values of linear types (tasks, generators) are never copied.
//!
//! **Final** (after `frame_map`):
//! 14. The points are exactly those of the body, with the live, consumed and defined locals that liveness gives.
//! 15. Whatever owns a value at a point, and is not moved away by it, is in its frame map.

mod flow;
mod types;

use std::collections::BTreeSet;
use std::fmt;

use crate::body::{Block, Body, BodyId, BodyKind, Callee, Program, TerminatorKind};
use crate::passes::frame_map;

/// How far a program is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// As the builder writes it.
    Built,
    /// After `effects`.
    Effects,
    /// After `rc`.
    Owned,
    /// After `frame_map`.
    Final,
}

/// A broken invariant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// The function.
    pub function: String,
    /// The block, when it is in one.
    pub block: Option<Block>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in `{}`", self.function)?;
        if let Some(block) = self.block {
            write!(f, ", {block}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Checks a program.
///
/// # Errors
/// Everything that is wrong; of each function at most the first kind of trouble that would make further checks meaningless.
pub fn program(program: &Program, stage: Stage) -> Result<(), Vec<Error>> {
    let mut errors = Vec::new();
    whole(program, &mut errors);
    for index in 0..program.bodies.len() {
        errors.extend(body(program, BodyId(index as u32), stage));
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn whole(program: &Program, errors: &mut Vec<Error>) {
    let mut error = |function: &str, message: &str| {
        errors.push(Error { function: function.into(), block: None, message: message.into() });
    };
    let mut names = BTreeSet::new();
    for body in &program.bodies {
        if !names.insert(&body.name) {
            error(&body.name, "two functions have this name");
        }
    }
    match program.bodies.get(program.main.index()) {
        Some(main) if main.kind == BodyKind::Function && main.param_count == 0 => {}
        Some(main) => error(&main.name, "main is no function without parameters"),
        None => error("main", "there is no main"),
    }
}

/// Checks one function.
#[must_use]
pub fn body(program: &Program, id: BodyId, stage: Stage) -> Vec<Error> {
    let mut cx = Checker { program, body: program.body(id), errors: Vec::new() };
    // Later checks index by what the earlier ones have checked.
    types::shape(&mut cx);
    if !cx.errors.is_empty() || cx.body.blocks.is_empty() {
        return cx.errors;
    }
    types::check(&mut cx);
    flow::unwinding(&mut cx);
    if !cx.errors.is_empty() {
        return cx.errors;
    }
    if stage >= Stage::Effects {
        effects(&mut cx, id);
    }
    flow::initialised(&mut cx);
    if stage >= Stage::Owned && cx.errors.is_empty() {
        flow::ownership(&mut cx);
        types::no_linear_copies(&mut cx);
    }
    if stage >= Stage::Final && cx.errors.is_empty() {
        points(&mut cx);
    }
    cx.errors
}

struct Checker<'a> {
    program: &'a Program,
    body: &'a Body,
    errors: Vec<Error>,
}

impl Checker<'_> {
    fn error(&mut self, block: impl Into<Option<Block>>, message: impl Into<String>) {
        let function = self.body.name.clone();
        self.errors.push(Error { function, block: block.into(), message: message.into() });
    }

    /// Blocks with their numbers, from a borrow that outlives `self`.
    fn blocks<'b>(&self) -> impl Iterator<Item = (Block, &'b crate::body::BlockData)> + use<'b>
    where
        Self: 'b,
    {
        let body: &'b Body = self.body;
        body.blocks.iter().enumerate().map(|(index, data)| (Block(index as u32), data))
    }
}

/// Invariant 10.
fn effects(cx: &mut Checker<'_>, id: BodyId) {
    let body = cx.body;
    let full = cx.program.is_entry(id) || body.kind.is_frame_only() || body.address_taken;
    if full && !(body.may_suspend && body.may_unwind) {
        cx.error(None, "has the full convention, but is said not to suspend or unwind");
    }
    let suspends: Vec<bool> = cx.program.bodies.iter().map(|body| body.may_suspend).collect();
    for (block, data) in cx.blocks() {
        let kind = &data.terminator.kind;
        if frame_map::is_point(kind, &suspends) && !body.may_suspend {
            cx.error(block, "suspends in a function that is said not to");
        }
        let unwinds = match kind {
            TerminatorKind::Call { callee: Callee::Body(callee), .. } => {
                cx.program.body(*callee).may_unwind
            }
            TerminatorKind::Assert { .. }
            | TerminatorKind::Panic { .. }
            | TerminatorKind::Spawn { .. }
            | TerminatorKind::UnwindResume => true,
            _ => false,
        };
        if unwinds && !body.may_unwind {
            cx.error(block, "unwinds in a function that is said not to");
        }
    }
}

/// Invariants 14 and 15.
fn points(cx: &mut Checker<'_>) {
    let suspends: Vec<bool> = cx.program.bodies.iter().map(|body| body.may_suspend).collect();
    let expected = frame_map::points(&cx.program.types, cx.body, &suspends);
    if cx.body.points.len() != expected.len() {
        let message = format!("has {} points instead of {}", cx.body.points.len(), expected.len());
        return cx.error(None, message);
    }
    for (index, (point, expected)) in cx.body.points.iter().zip(&expected).enumerate() {
        let same = point.block == expected.block
            && point.live == expected.live
            && point.consumed == expected.consumed
            && point.dests == expected.dests;
        if !same {
            cx.error(point.block, format!("point @{index} does not fit liveness"));
        }
    }
    flow::points_hold_owned(cx);
}
