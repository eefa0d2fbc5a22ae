//! Moves what a strip-mined loop would do in every round, to the same effect, before its chunks: lengths of lists, and making lists unshared.
//!
//! Input: a loop that runs at least once when it is entered, and a block before it. Output: the same behaviour. Postcondition: of a list that lies in place (a local,
//! or a field of one) and is not replaced in the loop, the length is taken before it; and where some round is sure to make it unshared, and none
//! counts it once more, that is done before it, once.
//!
//! Elements may be written meanwhile: that changes neither the length of the list nor the number of its owners.

use crate::access::{self, Access};
use crate::body::{Block, Body, Local, Operand, Place, Proj, Rvalue, Statement, StatementKind};
use crate::cfg;
use crate::ty::{TyKind, TypeTable};

/// Hoists out of the loop of `blocks` (which holds `header` and `latch`) to the end of `before`.
pub(super) fn run(
    types: &TypeTable,
    body: &mut Body,
    blocks: &[Block],
    header: Block,
    latch: Block,
    before: Block,
) {
    let mut hoisted: Vec<Statement> = Vec::new();
    let mut made_unique: Vec<Place> = Vec::new();
    for &block in blocks {
        for index in 0..body.block(block).statements.len() {
            let statement = body.block(block).statements[index].clone();
            let hoist = match &statement.kind {
                StatementKind::MakeUnique(place) => {
                    if made_unique.contains(place) {
                        body.blocks[block.index()].statements[index].kind = StatementKind::Nop;
                        continue;
                    }
                    let hoist = lies_in_place(types, body, place)
                        && !replaced(body, blocks, place, true)
                        && every_round(body, blocks, header, latch, block);
                    if hoist {
                        made_unique.push(place.clone());
                    }
                    hoist
                }
                StatementKind::Assign(target, Rvalue::Len(place)) => {
                    target.projection.is_empty()
                        && written_once(body, target.local)
                        && lies_in_place(types, body, place)
                        && !replaced(body, blocks, place, false)
                }
                _ => false,
            };
            if hoist {
                body.blocks[block.index()].statements[index].kind = StatementKind::Nop;
                hoisted.push(statement);
            }
        }
    }
    // Making unshared what another statement has already made so is found in later blocks only; look again.
    for &block in blocks {
        for statement in &mut body.blocks[block.index()].statements {
            if matches!(&statement.kind, StatementKind::MakeUnique(p) if made_unique.contains(p)) {
                statement.kind = StatementKind::Nop;
            }
        }
    }
    // Lengths last: making unshared replaces the object.
    hoisted.sort_by_key(|statement| !matches!(statement.kind, StatementKind::MakeUnique(_)));
    body.blocks[before.index()].statements.extend(hoisted);
}

/// Whether the place can be read at any time: no list and no box on the way.
fn lies_in_place(types: &TypeTable, body: &Body, place: &Place) -> bool {
    let mut ty = body.ty(place.local);
    for step in &place.projection {
        ty = match (step, types.kind(ty)) {
            (Proj::Field(field), TyKind::Tuple(items)) => items[*field as usize],
            (Proj::Variant(variant, field), TyKind::Adt(id))
                if types.adt(*id).is_struct && !types.adt(*id).boxed =>
            {
                types.adt(*id).variants[*variant as usize].fields[*field as usize].ty
            }
            _ => return false,
        };
    }
    matches!(types.kind(ty), TyKind::List(_))
}

/// Whether something in the loop replaces the list at a place, changes its length, or (with `counted`) counts it once more.
pub(super) fn replaced(body: &Body, blocks: &[Block], place: &Place, counted: bool) -> bool {
    let depth = place.projection.len();
    // A place that holds the list, or is the list.
    let above = |other: &Place| other.local == place.local && other.projection.len() <= depth;
    for &block in blocks {
        let data = body.block(block);
        let mut found = false;
        let mut operand = |operand: &Operand| {
            found |= match operand {
                Operand::Copy(other) => counted && above(other),
                Operand::Move(local) => *local == place.local,
                Operand::Borrow(_) | Operand::Const(_) => false,
            };
        };
        for statement in &data.statements {
            if let StatementKind::Assign(_, value) = &statement.kind {
                access::rvalue_operands(value).into_iter().for_each(&mut operand);
            }
        }
        access::terminator_operands(&data.terminator.kind).into_iter().for_each(&mut operand);
        for statement in &data.statements {
            found |= match &statement.kind {
                StatementKind::Assign(target, Rvalue::Take(other)) => above(target) || above(other),
                StatementKind::Assign(target, _)
                | StatementKind::Drop(target)
                | StatementKind::SetLen(target, _) => above(target),
                StatementKind::MakeUnique(target) => {
                    // Of what holds the list: a box, which would be copied and with it the list counted.
                    above(target) && target.projection.len() < depth
                }
                StatementKind::Nop => false,
            };
        }
        let edges = cfg::edges(&data.terminator.kind);
        found |= edges.iter().any(|edge| {
            edge.defines.contains(&place.local) || edge.consumes.contains(&place.local)
        });
        if found {
            return true;
        }
    }
    false
}

/// Whether a local is written by one statement only.
fn written_once(body: &Body, local: Local) -> bool {
    if local.0 <= body.param_count {
        return false;
    }
    let mut writes = 0;
    for block in &body.blocks {
        for statement in &block.statements {
            access::statement(&statement.kind, &mut |other, access| {
                writes += u32::from(other == local && access == Access::Define);
            });
        }
        for edge in cfg::edges(&block.terminator.kind) {
            writes += u32::from(edge.defines.contains(&local));
        }
    }
    writes == 1
}

/// Whether no round gets from the header to the latch past `block`.
fn every_round(body: &Body, blocks: &[Block], header: Block, latch: Block, block: Block) -> bool {
    if block == header || block == latch {
        return true;
    }
    let mut seen = vec![block, header];
    let mut work = vec![header];
    while let Some(at) = work.pop() {
        for next in cfg::targets(&body.block(at).terminator.kind) {
            if next == latch {
                return false;
            }
            if blocks.contains(&next) && !seen.contains(&next) {
                seen.push(next);
                work.push(next);
            }
        }
    }
    true
}
