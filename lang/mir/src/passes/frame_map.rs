//! Numbers the suspend points and says what a frame holds at each.
//!
//! Input: a body in its final form (nothing may change it afterwards). Output: `Body::points`. Postcondition: point 0 is the start, with the
//! parameters live; then, in the order of the blocks, every suspend point that may block (all but a `select` with `default`) and every call whose
//! callee may suspend. `live` is what is live behind the point, or borrowed by it, but for what the point consumes and defines. Locals of type `()` are left out. The closure
//! of a closure body is live at every point. A function that cannot suspend has no frames and no points.
//!
//! Arms are numbered as codegen and the runtime do: those of a `select` in order, everything else has arm 0.

use crate::access;
use crate::bitset::BitSet;
use crate::body::{
    Block, Body, BodyKind, Callee, ENTRY, Local, PointData, Program, TerminatorKind,
};
use crate::cfg;
use crate::passes::liveness::Liveness;
use crate::suspend::{SelectArmKind, SuspendOp};
use crate::ty::{TyKind, TypeTable};

/// Runs over every body.
pub fn run(program: &mut Program) {
    let suspends: Vec<bool> = program.bodies.iter().map(|body| body.may_suspend).collect();
    for body in &mut program.bodies {
        if !body.blocks.is_empty() {
            body.points = points(&program.types, body, &suspends);
        }
    }
}

/// Whether a frame may stand at a terminator; `suspends` is `may_suspend` by body.
#[must_use]
pub fn is_point(kind: &TerminatorKind, suspends: &[bool]) -> bool {
    match kind {
        TerminatorKind::Suspend { op, .. } => {
            !matches!(op, SuspendOp::Select { default: Some(_), .. })
        }
        TerminatorKind::Call { callee, .. } => match callee {
            Callee::Body(id) => suspends[id.index()],
            Callee::Value(_) => true,
            Callee::Intrinsic(_) => false,
        },
        _ => false,
    }
}

/// Locals with the arm that they belong to.
pub type ArmLocals = Vec<(Local, u32)>;

/// The locals that a suspend point consumes, and those that it defines.
#[must_use]
pub fn arms(op: &SuspendOp) -> (ArmLocals, ArmLocals) {
    match op {
        SuspendOp::Send { value, .. } => (vec![(*value, 0)], Vec::new()),
        SuspendOp::Recv { dest, .. } => (Vec::new(), vec![(*dest, 0)]),
        SuspendOp::Select { arms, .. } => {
            let (mut consumed, mut dests) = (Vec::new(), Vec::new());
            for (index, arm) in arms.iter().enumerate() {
                match arm.kind {
                    SelectArmKind::Send(value) => consumed.push((value, index as u32)),
                    SelectArmKind::Recv(dest) => dests.push((dest, index as u32)),
                }
            }
            (consumed, dests)
        }
        SuspendOp::Join { task, dest, .. }
        | SuspendOp::TryJoin { task, dest, .. }
        | SuspendOp::JoinTimeout { task, dest, .. } => (vec![(*task, 0)], vec![(*dest, 0)]),
        SuspendOp::Cancel { task, .. } => (vec![(*task, 0)], Vec::new()),
        SuspendOp::GenNext { dest, .. }
        | SuspendOp::GenYield { dest, .. }
        | SuspendOp::Io { dest, .. } => (Vec::new(), vec![(*dest, 0)]),
        SuspendOp::Poll { .. }
        | SuspendOp::Yield { .. }
        | SuspendOp::Idle { .. }
        | SuspendOp::Pause { .. }
        | SuspendOp::Checkpoint { .. }
        | SuspendOp::Sleep { .. }
        | SuspendOp::ScopeExit { .. }
        | SuspendOp::ScopeCancel { .. }
        | SuspendOp::GenStop { .. } => (Vec::new(), Vec::new()),
    }
}

/// The points of a body, from scratch.
#[must_use]
pub fn points(types: &TypeTable, body: &Body, suspends: &[bool]) -> Vec<PointData> {
    if !body.may_suspend {
        return Vec::new();
    }
    let liveness = Liveness::new(body);
    let has_slot = |local: &Local| *types.kind(body.ty(*local)) != TyKind::Unit;
    let closure = match body.kind {
        BodyKind::Closure { .. } => Some(Local(1)),
        _ => None,
    };
    let mut points = vec![PointData {
        block: ENTRY,
        live: body.params().filter(has_slot).collect(),
        consumed: Vec::new(),
        dests: Vec::new(),
    }];
    let mut live = BitSet::new(body.locals.len());
    let mut scratch = BitSet::new(body.locals.len());
    for (index, block) in body.blocks.iter().enumerate() {
        let kind = &block.terminator.kind;
        if !is_point(kind, suspends) {
            continue;
        }
        live.clear();
        // What an arm consumes and its target reads all the same: scalars only.
        let mut read_later = Vec::new();
        for edge in cfg::edges(kind) {
            scratch.copy_from(liveness.live_in(edge.target));
            edge.defines.iter().for_each(|local| scratch.remove(*local));
            live.union(scratch.words());
            read_later.extend(edge.consumes.iter().filter(|local| scratch.contains(**local)));
        }
        match kind {
            TerminatorKind::Suspend { op, .. } => {
                access::suspend_operands(op).into_iter().for_each(|local| live.insert(local));
            }
            TerminatorKind::Call { callee: Callee::Value(local), .. } => live.insert(*local),
            _ => {}
        }
        closure.iter().for_each(|local| live.insert(*local));
        let (mut consumed, mut dests) = match kind {
            TerminatorKind::Suspend { op, .. } => arms(op),
            _ => (Vec::new(), Vec::new()),
        };
        consumed.retain(|(local, _)| has_slot(local) && !read_later.contains(local));
        dests.retain(|(local, _)| has_slot(local));
        for (local, _) in &consumed {
            live.remove(*local);
        }
        points.push(PointData {
            block: Block(index as u32),
            live: live.iter().filter(has_slot).collect(),
            consumed,
            dests,
        });
    }
    points
}
