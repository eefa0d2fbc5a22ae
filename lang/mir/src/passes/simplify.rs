//! Simplifies the control-flow graph.
//!
//! Input: a body in any stage before `frame_map`. Output: the same behaviour. Postcondition: every block can be reached; no jump leads to an
//! empty block that only jumps on; a block that ends in `Goto` has a target with other predecessors; no `Nop`; the
//! entry has no predecessors; `Switch` and `Assert` of constants are gone, and so are cases that are never taken.
//!
//! Algorithm: decide constant branches; thread jumps through empty blocks (path compression); append a block to its only predecessor where that
//! ends in `Goto`; renumber what can be reached in reverse postorder.

use crate::body::{
    Block, BlockData, Body, Const, ENTRY, Operand, Program, StatementKind, Terminator,
    TerminatorKind,
};
use crate::cfg;

/// Runs over every body.
pub fn run(program: &mut Program) {
    program.bodies.iter_mut().for_each(run_body);
}

/// Runs over one body.
pub fn run_body(body: &mut Body) {
    if body.blocks.is_empty() {
        return;
    }
    let never: Vec<bool> = body
        .blocks
        .iter()
        .map(|b| {
            b.statements.is_empty() && matches!(b.terminator.kind, TerminatorKind::Unreachable)
        })
        .collect();
    for block in &mut body.blocks {
        block.statements.retain(|statement| statement.kind != StatementKind::Nop);
        drop_impossible(&mut block.terminator.kind, &never);
        decide(&mut block.terminator.kind);
    }
    thread(body);
    split_entry(body);
    merge(body);
    compact(body);
}

/// Removes the cases of a branch that lead to what is never reached.
fn drop_impossible(kind: &mut TerminatorKind, never: &[bool]) {
    if let TerminatorKind::Switch { cases, otherwise, .. } = kind {
        cases.retain(|(_, target)| !never[target.index()]);
        if never[otherwise.index()]
            && let Some((_, last)) = cases.pop()
        {
            *otherwise = last;
        }
    }
}

/// Replaces branches whose outcome is known by jumps.
fn decide(kind: &mut TerminatorKind) {
    let target = match kind {
        TerminatorKind::Switch { value: Operand::Const(constant), cases, otherwise } => {
            let value = match constant {
                Const::Bool(value) => i128::from(*value),
                Const::Char(value) => i128::from(u32::from(*value)),
                Const::Int(value, _) => *value,
                _ => return,
            };
            cases.iter().find(|(case, _)| *case == value).map_or(*otherwise, |(_, target)| *target)
        }
        TerminatorKind::Switch { cases, otherwise, .. }
            if cases.iter().all(|(_, target)| target == otherwise) =>
        {
            *otherwise
        }
        TerminatorKind::Assert {
            cond: Operand::Const(Const::Bool(cond)),
            expected,
            target,
            ..
        } if cond == expected => *target,
        _ => return,
    };
    *kind = TerminatorKind::Goto(target);
}

/// Lets every jump to an empty block that only jumps on lead to where that leads. Cycles of empty blocks stay.
fn thread(body: &mut Body) {
    let mut end: Vec<Option<Block>> = vec![None; body.blocks.len()];
    for start in 0..body.blocks.len() {
        let mut path = Vec::new();
        let mut at = Block(start as u32);
        let last = loop {
            if let Some(known) = end[at.index()] {
                break known;
            }
            match (&body.block(at).terminator.kind, body.block(at).statements.is_empty()) {
                (TerminatorKind::Goto(next), true) if !path.contains(&at) && path.len() < 64 => {
                    path.push(at);
                    at = *next;
                }
                _ => break at,
            }
        };
        for block in path {
            end[block.index()] = Some(last);
        }
        end[at.index()].get_or_insert(last);
    }
    for block in &mut body.blocks {
        for target in cfg::targets_mut(&mut block.terminator.kind) {
            *target = end[target.index()].unwrap_or(*target);
        }
        decide(&mut block.terminator.kind);
    }
}

/// Gives the entry a block of its own when something jumps to it.
fn split_entry(body: &mut Body) {
    let jumped_to = body.blocks.iter().any(|b| cfg::targets(&b.terminator.kind).contains(&ENTRY));
    if !jumped_to {
        return;
    }
    let moved = Block(body.blocks.len() as u32);
    for block in &mut body.blocks {
        for target in cfg::targets_mut(&mut block.terminator.kind) {
            if *target == ENTRY {
                *target = moved;
            }
        }
    }
    let loc = body.blocks[ENTRY.index()].terminator.loc;
    let entry = BlockData {
        statements: Vec::new(),
        terminator: Terminator { kind: TerminatorKind::Goto(moved), loc },
    };
    let old = std::mem::replace(&mut body.blocks[ENTRY.index()], entry);
    body.blocks.push(old);
}

/// Appends blocks to their only predecessor.
fn merge(body: &mut Body) {
    let order = cfg::reverse_postorder(body);
    let mut incoming = vec![0u32; body.blocks.len()];
    for block in &order {
        for target in cfg::targets(&body.block(*block).terminator.kind) {
            incoming[target.index()] += 1;
        }
    }
    let mut merged = vec![false; body.blocks.len()];
    for block in order {
        if merged[block.index()] {
            continue;
        }
        while let TerminatorKind::Goto(next) = body.block(block).terminator.kind {
            if next == block || incoming[next.index()] != 1 {
                break;
            }
            merged[next.index()] = true;
            let dead = TerminatorKind::Unreachable;
            let data = &mut body.blocks[next.index()];
            let loc = data.terminator.loc;
            let terminator =
                std::mem::replace(&mut data.terminator, Terminator { kind: dead, loc });
            let mut statements = std::mem::take(&mut data.statements);
            let data = &mut body.blocks[block.index()];
            data.statements.append(&mut statements);
            data.terminator = terminator;
        }
    }
}

/// Removes what cannot be reached and puts the rest in reverse postorder, which reads from top to bottom.
fn compact(body: &mut Body) {
    let order = cfg::reverse_postorder(body);
    let mut new = vec![ENTRY; body.blocks.len()];
    for (index, block) in order.iter().enumerate() {
        new[block.index()] = Block(index as u32);
    }
    let mut old: Vec<Option<BlockData>> = body.blocks.drain(..).map(Some).collect();
    body.blocks.extend(order.iter().filter_map(|block| old[block.index()].take()));
    for block in &mut body.blocks {
        for target in cfg::targets_mut(&mut block.terminator.kind) {
            *target = new[target.index()];
        }
    }
}
