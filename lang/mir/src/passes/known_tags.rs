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
    let mut at_end: Vec<Facts> = vec![Facts::new(); body.blocks.len()];
    for block in cfg::reverse_postorder(body) {
        let mut facts = match predecessors[block.index()][..] {
            [only] if only != block => {
                let mut facts = at_end[only.index()].clone();
                if let Some(fact) = said_by_edge(types, body, only, block) {
                    facts.retain(|(place, _)| *place != fact.0);
                    facts.push(fact);
                }
                let edges = cfg::edges(&body.block(only).terminator.kind);
                for edge in edges.iter().filter(|edge| edge.target == block) {
                    edge.defines.iter().chain(&edge.consumes).for_each(|&l| forget(&mut facts, l));
                }
                facts
            }
            _ => Facts::new(),
        };
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
        at_end[block.index()] = facts;
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

/// What is known of a tag in `to`, because `from` has branched to it.
fn said_by_edge(types: &TypeTable, body: &Body, from: Block, to: Block) -> Option<(Place, u32)> {
    let data = body.block(from);
    let TerminatorKind::Switch { value: Operand::Borrow(tested), cases, otherwise } =
        &data.terminator.kind
    else {
        return None;
    };
    // The tag was read by the last statements of the block, and the place has not changed since.
    let mut place = None;
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
    let place = place?;
    let mut to_here = cases.iter().filter(|(_, target)| *target == to);
    let variant = match (to_here.next(), to_here.next(), *otherwise == to) {
        (Some((variant, _)), None, false) => *variant,
        (None, None, true) => {
            // All but one variant went elsewhere.
            let ty = crate::typing::place_ty(types, body, place).ok()?;
            let TyKind::Adt(id) = types.kind(ty) else { return None };
            let count = types.adt(*id).variants.len() as i128;
            let mut left = (0..count).filter(|v| cases.iter().all(|(case, _)| case != v));
            match (left.next(), left.next()) {
                (Some(only), None) => only,
                _ => return None,
            }
        }
        _ => return None,
    };
    Some((place.clone(), variant as u32))
}
