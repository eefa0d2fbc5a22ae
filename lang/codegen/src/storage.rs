//! Where a local is while its body is emitted: in an LLVM value, or in a stack slot.
//!
//! Input: a body. Output: which locals are written in one place only. Such a local needs no slot: the MIR guarantees that every path to a use passes the one
//! write, so that its value dominates all uses; most temporaries are so, and LLVM is spared the work of finding out.
//!
//! This holds in coroutine bodies, too, where control also comes from the dispatch: a local that is not in any point's frame map is not alive across
//! a suspension, so that its write lies between the resumption and the use.

use inkwell::values::PointerValue;
use orion_mir::{Body, Callee, Local, RETURN, Rvalue, StatementKind, TerminatorKind, cfg};

use crate::frame::point_locals;
use crate::ir::Value;

/// Where a local is.
#[derive(Clone, Copy)]
pub enum Storage<'c> {
    /// It has no bytes.
    None,
    /// In a slot of the entry block.
    Stack(PointerValue<'c>),
    /// In a value, once it is written.
    Register(Option<Value<'c>>),
}

/// Its name in LLVM IR.
pub fn name(body: &Body, local: Local) -> String {
    match &body.locals[local.index()].name {
        Some(name) => format!("{name}{local}"),
        None => local.to_string(),
    }
}

/// Which locals are written as a whole, in one place of the emitted code, and never in part.
pub fn written_once(body: &Body) -> Vec<bool> {
    // Twice or in part counts as many.
    let mut writes = vec![0_u32; body.locals.len()];
    let many = |local: Local, writes: &mut Vec<u32>| writes[local.index()] = 2;
    many(RETURN, &mut writes);
    for param in body.params() {
        many(param, &mut writes);
    }
    for point in &body.points {
        for local in point_locals(point) {
            many(local, &mut writes);
        }
    }
    let mut is_point = vec![false; body.blocks.len()];
    for point in body.points.iter().skip(1) {
        is_point[point.block.index()] = true;
    }
    for (index, block) in body.blocks.iter().enumerate() {
        for statement in &block.statements {
            match &statement.kind {
                StatementKind::Assign(place, rvalue) => {
                    let local = place.local.index();
                    writes[local] += if place.projection.is_empty() { 1 } else { 2 };
                    if let Rvalue::Take(place) = rvalue {
                        many(place.local, &mut writes);
                    }
                }
                StatementKind::MakeUnique(place) | StatementKind::SetLen(place, _) => {
                    many(place.local, &mut writes);
                }
                StatementKind::Drop(_) | StatementKind::Nop => {}
            }
        }
        match &block.terminator.kind {
            // An intrinsic, a callee that never suspends and a spawn write in one place; whoever may suspend writes here and where it is resumed.
            TerminatorKind::Call { callee, dest, inout, .. } => {
                let suspends = is_point[index] && !matches!(callee, Callee::Intrinsic(_));
                writes[dest.index()] += if suspends { 2 } else { 1 };
                for local in inout {
                    many(*local, &mut writes);
                }
            }
            TerminatorKind::Spawn { dest: Some(dest), .. } => writes[dest.index()] += 1,
            kind @ TerminatorKind::Suspend { .. } => {
                for local in cfg::edges(kind).into_iter().flat_map(|edge| edge.defines) {
                    many(local, &mut writes);
                }
            }
            _ => {}
        }
    }
    writes.into_iter().map(|count| count == 1).collect()
}
