//! Decides where tasks are preempted.
//!
//! Input: bodies in which every jump back to a loop header is a `Poll` written by the builder (which knows the clean-up there). Output: needless
//! polls of loops are removed, polls at the entries of functions that can recurse are added. Postcondition: every cycle of a graph, and every cycle of
//! calls, passes a suspend point that gives way (a poll, yield, sleep, idle, pause or checkpoint; channel operations do not count, they may be ready for ever).
//!
//! Algorithm: a back edge is one that goes to an earlier or the same block in reverse postorder, without unwinding (clean-up that fails and goes on
//! with the rest of the clean-up has done a part of it). A poll at one is needless where another
//! suspend point of the loop that gives way dominates it. A back edge without one gets a poll when the body has nothing to clean up (all its
//! unwinding paths lead straight out), else that is an error of the builder. Recursion: strongly connected components (Tarjan) of the call graph,
//! where calls of function values lead to every body whose address is taken.

use crate::body::{
    Block, BlockData, Body, BodyId, BodyKind, Callee, ENTRY, Loc, Program, Terminator,
    TerminatorKind,
};
use crate::cfg::{self, Dominators};
use crate::loops::has_cycle;
use crate::suspend::SuspendOp;

/// Runs over the program. Errors name function and block.
///
/// # Errors
/// A loop without a poll in a body with clean-up.
pub fn run(program: &mut Program) -> Result<(), Vec<(String, String)>> {
    let mut errors = Vec::new();
    for body in &mut program.bodies {
        if let Err(block) = loops(body) {
            errors.push((body.name.clone(), format!("{block}: jumps back without a poll")));
        }
    }
    for id in recursive(program) {
        poll_entry(&mut program.bodies[id.index()]);
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn gives_way(kind: &TerminatorKind) -> bool {
    matches!(
        kind,
        TerminatorKind::Suspend {
            op: SuspendOp::Poll { .. }
                | SuspendOp::Yield { .. }
                | SuspendOp::Idle { .. }
                | SuspendOp::Pause { .. }
                | SuspendOp::Checkpoint { .. }
                | SuspendOp::Sleep { .. },
            ..
        }
    )
}

/// Removes needless polls and mends missing ones.
fn loops(body: &mut Body) -> Result<(), Block> {
    if body.blocks.is_empty() || !has_cycle(body) {
        return Ok(());
    }
    let dominators = Dominators::new(body);
    let order = cfg::reverse_postorder(body);
    let mut needless = Vec::new();
    let mut missing = Vec::new();
    for &block in &order {
        let edges = cfg::edges(&body.block(block).terminator.kind);
        for (index, edge) in edges.into_iter().enumerate() {
            let header = edge.target;
            if edge.unwind || dominators.position(header) > dominators.position(block) {
                continue;
            }
            let polls = matches!(
                body.block(block).terminator.kind,
                TerminatorKind::Suspend { op: SuspendOp::Poll { .. }, .. }
            );
            // From the source of the back edge up to the header: what every round passes.
            let mut at = block;
            let mut found = !polls && gives_way(&body.block(block).terminator.kind);
            if dominators.dominates(header, block) {
                while !found && at != header {
                    let Some(parent) = dominators.parent(at) else { break };
                    at = parent;
                    found = gives_way(&body.block(at).terminator.kind);
                }
            }
            match (polls, found) {
                (true, true) => needless.push((block, header)),
                (false, false) => missing.push((block, index, header)),
                _ => {}
            }
        }
    }
    for (block, header) in needless {
        body.blocks[block.index()].terminator.kind = TerminatorKind::Goto(header);
    }
    if let Some((block, ..)) = missing.first()
        && !unwinds_straight_out(body)
    {
        return Err(*block);
    }
    for (block, index, header) in missing {
        let loc = body.block(block).terminator.loc;
        let poll = push_poll(body, header, loc);
        if let Some(target) =
            cfg::targets_mut(&mut body.blocks[block.index()].terminator.kind).into_iter().nth(index)
        {
            *target = poll;
        }
    }
    Ok(())
}

/// Whether every unwind edge leads to a block that does nothing but `UnwindResume`.
fn unwinds_straight_out(body: &Body) -> bool {
    body.blocks.iter().flat_map(|block| cfg::edges(&block.terminator.kind)).all(|edge| {
        let target = body.block(edge.target);
        !edge.unwind
            || target.statements.is_empty()
                && matches!(
                    target.terminator.kind,
                    TerminatorKind::UnwindResume | TerminatorKind::Unreachable
                )
    })
}

/// Adds a poll that goes on at `target` and unwinds straight out.
fn push_poll(body: &mut Body, target: Block, loc: Loc) -> Block {
    let unwind = Block(body.blocks.len() as u32);
    for kind in [
        TerminatorKind::UnwindResume,
        TerminatorKind::Suspend { op: SuspendOp::Poll { target }, unwind },
    ] {
        let terminator = Terminator { kind, loc };
        body.blocks.push(BlockData { statements: Vec::new(), terminator });
    }
    Block(unwind.0 + 1)
}

/// Makes a poll the first step of a body. At the start nothing needs clean-up.
fn poll_entry(body: &mut Body) {
    if body.blocks.is_empty() || gives_way(&body.block(ENTRY).terminator.kind) {
        return;
    }
    let old = Block(body.blocks.len() as u32);
    let data = body.blocks[ENTRY.index()].clone();
    body.blocks.push(data);
    let poll = push_poll(body, old, body.loc);
    // The poll is the last block.
    body.blocks.swap_remove(ENTRY.index());
    debug_assert_eq!(poll.index(), body.blocks.len());
}

/// The functions that are part of a cycle of calls, in order.
fn recursive(program: &Program) -> Vec<BodyId> {
    // One node per body, and one for "some function value".
    let value = program.bodies.len();
    let mut calls: Vec<Vec<usize>> = program
        .bodies
        .iter()
        .map(|body| {
            let mut calls: Vec<usize> = body
                .blocks
                .iter()
                .filter_map(|block| match &block.terminator.kind {
                    TerminatorKind::Call { callee: Callee::Body(id), .. } => Some(id.index()),
                    TerminatorKind::Call { callee: Callee::Value(_), .. } => Some(value),
                    _ => None,
                })
                .collect();
            calls.sort_unstable();
            calls.dedup();
            calls
        })
        .collect();
    calls.push(
        (0..program.bodies.len())
            .filter(|&id| {
                let body = &program.bodies[id];
                body.address_taken && !matches!(body.kind, BodyKind::Extern { .. })
            })
            .collect(),
    );
    let mut cyclic = vec![false; calls.len()];
    for component in components(&calls) {
        let first = component[0];
        if component.len() > 1 || calls[first].contains(&first) {
            component.into_iter().for_each(|node| cyclic[node] = true);
        }
    }
    (0..value).filter(|&id| cyclic[id]).map(|id| BodyId(id as u32)).collect()
}

/// Strongly connected components (Tarjan, iterative).
fn components(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    const NEW: usize = usize::MAX;
    let mut number = vec![NEW; edges.len()];
    let mut low = vec![0; edges.len()];
    let mut on_stack = vec![false; edges.len()];
    let (mut stack, mut out, mut next) = (Vec::new(), Vec::new(), 0);
    for root in 0..edges.len() {
        if number[root] != NEW {
            continue;
        }
        let mut work = vec![(root, 0)];
        while let Some((node, edge)) = work.pop() {
            if edge == 0 {
                number[node] = next;
                low[node] = next;
                next += 1;
                stack.push(node);
                on_stack[node] = true;
            } else {
                // Back from the edge before.
                let child = edges[node][edge - 1];
                if on_stack[child] {
                    low[node] = low[node].min(low[child]);
                }
            }
            let mut edge = edge;
            let mut descend = None;
            while let Some(&child) = edges[node].get(edge) {
                edge += 1;
                if number[child] == NEW {
                    descend = Some(child);
                    break;
                }
                if on_stack[child] {
                    low[node] = low[node].min(number[child]);
                }
            }
            if let Some(child) = descend {
                work.push((node, edge));
                work.push((child, 0));
            } else if low[node] == number[node] {
                let mut component = Vec::new();
                while let Some(member) = stack.pop() {
                    on_stack[member] = false;
                    component.push(member);
                    if member == node {
                        break;
                    }
                }
                out.push(component);
            }
        }
    }
    out
}
