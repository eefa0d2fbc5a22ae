//! Drops tests of owners (`MakeUnique`) that cannot find another owner, and takes others out of loops.
//!
//! Input: bodies after `rc`, where every `Copy` makes a new owner and every `Move` none. Output: the same behaviour. Postcondition: no `MakeUnique` of a whole
//! local stands where the local is known to be unshared on every path; none of a list stands in a loop whose every round comes past it, unless the loop replaces the list
//! or gives it another owner.
//!
//! Algorithm: natural loops from the inside out, each with the block before it made on demand; then a forward dataflow (intersection at joins) of the
//! locals that hold the only reference to their object. A local gains that by `MakeUnique` or by being assigned a new object (or one from
//! such a local by `Move`), and loses it when it is copied as a whole or written otherwise. Suspending changes nothing: frames are private.
//! (The immortal empty list counts as unshared: it has no element to write.)

use crate::access::{self, Access};
use crate::bitset::{BitMatrix, BitSet};
use crate::body::{
    Block, BlockData, Body, Const, ENTRY, Local, Operand, Place, Program, Rvalue, Statement,
    StatementKind, Terminator, TerminatorKind,
};
use crate::cfg::{self, Dominators};
use crate::intrinsic::Intrinsic;
use crate::loops::{has_cycle, natural_loops};
use crate::ty::{TyKind, TypeTable};

/// Loops of larger bodies are left alone: their blocks are kept as one set per loop.
const BLOCKS_MAX: usize = 20_000;

/// Runs over every body.
pub fn run(program: &mut Program) {
    for body in &mut program.bodies {
        let has_any = body.blocks.iter().any(|block| {
            block.statements.iter().any(|s| matches!(s.kind, StatementKind::MakeUnique(_)))
        });
        if has_any {
            if body.blocks.len() <= BLOCKS_MAX {
                hoist(&program.types, body);
            }
            remove_known(&program.types, body);
        }
    }
}

fn hoist(types: &TypeTable, body: &mut Body) {
    if !has_cycle(body) {
        return;
    }
    let dominators = Dominators::new(body);
    let mut loops = natural_loops(body, &dominators);
    // For the blocks made here: the header behind it, which dominates what it dominates.
    let first_new = body.blocks.len();
    let mut header_behind: Vec<Block> = Vec::new();
    for index in 0..loops.len() {
        let found = &loops[index];
        let stands_for = |block: Block| match block.index().checked_sub(first_new) {
            Some(new) => header_behind[new],
            None => block,
        };
        let mut candidates: Vec<Local> = Vec::new();
        for (number, data) in body.blocks.iter().enumerate() {
            let block = stands_for(Block(number as u32));
            if !found.inside[number]
                || !found.latches.iter().all(|latch| dominators.dominates(block, *latch))
            {
                continue;
            }
            for statement in &data.statements {
                if let StatementKind::MakeUnique(place) = &statement.kind
                    && place.projection.is_empty()
                    // Of boxed values the tag has been tested here, and not before the loop.
                    && matches!(types.kind(body.ty(place.local)), TyKind::List(_))
                    && !candidates.contains(&place.local)
                {
                    candidates.push(place.local);
                }
            }
        }
        if candidates.is_empty() {
            continue;
        }
        let blocks: Vec<Block> = (0..body.blocks.len() as u32)
            .map(Block)
            .filter(|block| found.inside[block.index()])
            .collect();
        candidates.retain(|local| !super::hoist::replaced(body, &blocks, &(*local).into(), true));
        if candidates.is_empty() || found.inside[ENTRY.index()] {
            continue;
        }
        for &block in &blocks {
            for statement in &mut body.blocks[block.index()].statements {
                if matches!(&statement.kind, StatementKind::MakeUnique(place)
                    if place.projection.is_empty() && candidates.contains(&place.local))
                {
                    statement.kind = StatementKind::Nop;
                }
            }
        }
        let header = found.header;
        let before = push_before(body, header, &blocks, &candidates);
        header_behind.push(header);
        for (other, outer) in loops.iter_mut().enumerate() {
            let holds = other != index && outer.inside[header.index()] && outer.header != header;
            outer.inside.push(holds);
        }
        debug_assert_eq!(before.index() + 1, body.blocks.len());
    }
}

/// A block in front of a loop that makes locals unshared.
fn push_before(body: &mut Body, header: Block, inside: &[Block], locals: &[Local]) -> Block {
    let before = Block(body.blocks.len() as u32);
    for (index, block) in body.blocks.iter_mut().enumerate() {
        if inside.contains(&Block(index as u32)) {
            continue;
        }
        for target in cfg::targets_mut(&mut block.terminator.kind) {
            if *target == header {
                *target = before;
            }
        }
    }
    let loc = body.block(header).terminator.loc;
    let make =
        |local: &Local| Statement { kind: StatementKind::MakeUnique(Place::from(*local)), loc };
    body.blocks.push(BlockData {
        statements: locals.iter().map(make).collect(),
        terminator: Terminator { kind: TerminatorKind::Goto(header), loc },
    });
    before
}

fn remove_known(types: &TypeTable, body: &mut Body) {
    let order = cfg::reverse_postorder(body);
    let count = body.locals.len();
    let mut rows = BitMatrix::new(body.blocks.len(), count);
    let full = BitSet::full(count);
    for block in order.iter().skip(1) {
        rows.set_row(block.index(), &full);
    }
    let mut state = BitSet::new(count);
    let mut dirty = vec![true; body.blocks.len()];
    let mut changed = true;
    while changed {
        changed = false;
        for &block in &order {
            if !std::mem::replace(&mut dirty[block.index()], false) {
                continue;
            }
            state.copy_from(rows.row(block.index()));
            for statement in &body.block(block).statements {
                step(types, body, &statement.kind, &mut state);
            }
            let kind = &body.block(block).terminator.kind;
            access::terminator(kind, &mut |local, access| {
                if access != Access::Borrow {
                    state.remove(local);
                }
            });
            for edge in cfg::edges(kind) {
                let mut out = state.clone();
                for local in edge.defines.iter().chain(&edge.consumes) {
                    out.remove(*local);
                }
                if rows.intersect_row(edge.target.index(), &out) {
                    dirty[edge.target.index()] = true;
                    changed = true;
                }
            }
        }
    }
    for block in order {
        state.copy_from(rows.row(block.index()));
        for index in 0..body.block(block).statements.len() {
            let kind = body.block(block).statements[index].kind.clone();
            if let StatementKind::MakeUnique(place) = &kind
                && place.projection.is_empty()
                && state.contains(place.local)
            {
                body.blocks[block.index()].statements[index].kind = StatementKind::Nop;
                continue;
            }
            step(types, body, &kind, &mut state);
        }
    }
}

/// Steps over a statement.
fn step(types: &TypeTable, body: &Body, kind: &StatementKind, state: &mut BitSet) {
    let fresh = match kind {
        StatementKind::Assign(target, value) if target.projection.is_empty() => {
            is_fresh(types, body, value, state).then_some(target.local)
        }
        StatementKind::MakeUnique(place) if place.projection.is_empty() => Some(place.local),
        _ => None,
    };
    if let StatementKind::Assign(_, value) = kind {
        for operand in access::rvalue_operands(value) {
            match operand {
                // Copies of elements do not touch the list itself.
                Operand::Copy(place) if place.projection.is_empty() => state.remove(place.local),
                Operand::Move(local) => state.remove(*local),
                _ => {}
            }
        }
    }
    match kind {
        StatementKind::Assign(target, value) => {
            if let Rvalue::Take(place) = value
                && place.projection.is_empty()
            {
                state.remove(place.local);
            }
            if target.projection.is_empty() {
                state.remove(target.local);
            }
        }
        StatementKind::Drop(place) if place.projection.is_empty() => state.remove(place.local),
        _ => {}
    }
    if let Some(local) = fresh {
        state.insert(local);
    }
}

/// Whether an rvalue is the only reference to its object.
fn is_fresh(types: &TypeTable, body: &Body, value: &Rvalue, state: &BitSet) -> bool {
    match value {
        Rvalue::List(..) | Rvalue::Use(Operand::Const(Const::EmptyList(_))) => true,
        Rvalue::Use(Operand::Move(local)) => state.contains(*local),
        Rvalue::Variant(ty, _, items) => match types.kind(*ty) {
            TyKind::Adt(id) => types.adt(*id).boxed && !items.is_empty(),
            _ => false,
        },
        Rvalue::Intrinsic(intrinsic, items) => match intrinsic {
            Intrinsic::ListRepeat
            | Intrinsic::ListPush
            | Intrinsic::ListReserve
            | Intrinsic::ListOpenGap
            | Intrinsic::ListCloseGap => true,
            // Gives the list itself when there is nothing to cut off.
            Intrinsic::ListTruncate => {
                matches!(items.first(), Some(Operand::Move(local)) if state.contains(*local))
            }
            _ => false,
        },
        // In place, and only where the local is such an object as a whole.
        Rvalue::Take(place) => {
            place.projection.is_empty()
                && state.contains(place.local)
                && matches!(types.kind(body.ty(place.local)), TyKind::List(_) | TyKind::Adt(_))
        }
        _ => false,
    }
}
