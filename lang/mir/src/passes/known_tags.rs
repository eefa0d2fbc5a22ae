//! Uses what a branch on a tag has found out.
//!
//! Input: a body before ownership is explicit. Output: the same behaviour. Postcondition: in a block that is entered only where a place has one variant, and in those that only it leads to, the
//! place's tag is a constant until the place changes. Patterns are tested one after another and test the same tags again: with this, `simplify` decides those branches.
//!
//! Algorithm: a walk over the blocks in reverse postorder; a block with one predecessor begins with what that knew at its end, and what the edge says.

use crate::access::{self, Access};
use crate::body::{
    Block, Body, Const, Local, Operand, Place, Program, Proj, Rvalue, StatementKind, TerminatorKind,
};
use crate::cfg;
use crate::ty::{IntTy, TyKind, TypeTable};

/// Places with the variant that they are known to have.
type Facts = Vec<(Place, u32)>;

/// More facts than this are not kept: patterns nest a few levels.
const FACTS_MAX: usize = 32;

/// Runs over every body.
pub fn run(program: &mut Program) {
    for body in &mut program.bodies {
        let has_tags = body.blocks.iter().any(|block| {
            let tag =
                |kind: &StatementKind| matches!(kind, StatementKind::Assign(_, Rvalue::Tag(_)));
            block.statements.iter().any(|s| tag(&s.kind))
        });
        if has_tags {
            run_body(&program.types, body);
        }
    }
}

fn run_body(types: &TypeTable, body: &mut Body) {
    let predecessors = cfg::predecessors(body);
    let mut at_start: Vec<Facts> = vec![Facts::new(); body.blocks.len()];
    for block in cfg::reverse_postorder(body) {
        let mut facts = std::mem::take(&mut at_start[block.index()]);
        let data = &mut body.blocks[block.index()];
        for statement in &mut data.statements {
            if let StatementKind::Assign(_, value) = &mut statement.kind
                && let Rvalue::Tag(place) = value
                && let Some((_, variant)) = facts.iter().find(|(known, _)| known == place)
            {
                let tag = Const::Int(i128::from(*variant), IntTy::U32);
                *value = Rvalue::Use(Operand::Const(tag));
            }
            access::statement(&statement.kind, &mut |local, access| {
                if changes(access) {
                    forget(&mut facts, local);
                }
            });
        }
        access::terminator(&data.terminator.kind, &mut |local, access| {
            if changes(access) {
                forget(&mut facts, local);
            }
        });
        facts.truncate(FACTS_MAX);
        let tested = tested_place(body, block);
        if facts.is_empty() && tested.is_none() {
            continue;
        }
        let kind = &body.block(block).terminator.kind;
        let said = said_by_edges(types, body, kind, tested.as_ref());
        for (index, edge) in cfg::edges(kind).iter().enumerate() {
            // Two edges to one block make two predecessors.
            if predecessors[edge.target.index()] != [block] || edge.target == block {
                continue;
            }
            let mut here = facts.clone();
            if let (Some(place), Some(Some(variant))) = (&tested, said.get(index)) {
                here.retain(|(known, _)| known != place);
                here.push((place.clone(), *variant));
            }
            edge.defines.iter().chain(&edge.consumes).for_each(|&local| forget(&mut here, local));
            at_start[edge.target.index()] = here;
        }
    }
}

fn changes(access: Access) -> bool {
    matches!(access, Access::Move | Access::Modify | Access::Drop | Access::Define)
}

/// Nothing is known any more about places in `local`, or with it as an index.
fn forget(facts: &mut Facts, local: Local) {
    facts.retain(|(place, _)| {
        place.local != local && !place.projection.contains(&Proj::Index(local))
    });
}

/// The place whose tag the block branches on: it was read by the last statements of the block, and the place has not changed since.
fn tested_place(body: &Body, block: Block) -> Option<Place> {
    let data = body.block(block);
    let TerminatorKind::Switch { value: Operand::Borrow(tested), .. } = &data.terminator.kind
    else {
        return None;
    };
    let mut place: Option<&Place> = None;
    for statement in &data.statements {
        if let StatementKind::Assign(target, Rvalue::Tag(of)) = &statement.kind
            && target == tested
            && target.projection.is_empty()
        {
            place = Some(of);
            continue;
        }
        access::statement(&statement.kind, &mut |local, access| {
            let is_about = place.is_some_and(|place| {
                place.local == local || place.projection.contains(&Proj::Index(local))
            });
            if changes(access) && (is_about || local == tested.local) {
                place = None;
            }
        });
    }
    place.cloned()
}

/// For each edge of a branch on a tag, the variant that it says, if it says one.
fn said_by_edges(
    types: &TypeTable,
    body: &Body,
    kind: &TerminatorKind,
    tested: Option<&Place>,
) -> Vec<Option<u32>> {
    let (TerminatorKind::Switch { cases, .. }, Some(place)) = (kind, tested) else {
        return Vec::new();
    };
    let mut said: Vec<Option<u32>> = cases.iter().map(|(v, _)| u32::try_from(*v).ok()).collect();
    let count = crate::typing::place_ty(types, body, place).ok().and_then(|ty| {
        let TyKind::Adt(id) = types.kind(ty) else { return None };
        Some(types.adt(*id).variants.len() as u64)
    });
    // All but one variant went elsewhere: it is what is missing in the sum of all.
    let others: u64 = said.iter().flatten().map(|&v| u64::from(v)).sum();
    let last = count.filter(|&count| count == cases.len() as u64 + 1);
    said.push(
        last.and_then(|count| u32::try_from((count * (count - 1) / 2).checked_sub(others)?).ok()),
    );
    said
}
