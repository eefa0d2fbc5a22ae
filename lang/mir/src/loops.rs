//! Natural loops of a control-flow graph.
//!
//! Input: a body. Output: its loops, each with its header and its blocks. Loops with several entries, which no program writes, are none.

use crate::body::{Block, Body};
use crate::cfg::{self, Dominators};

/// A natural loop: a header that dominates all of it.
#[derive(Debug)]
pub struct Loop {
    /// Where it is entered.
    pub header: Block,
    /// Blocks that jump back to the header.
    pub latches: Vec<Block>,
    /// By block.
    pub inside: Vec<bool>,
    /// Blocks inside.
    pub size: usize,
}

/// The natural loops, smaller ones first.
#[must_use]
pub fn natural_loops(body: &Body, dominators: &Dominators) -> Vec<Loop> {
    let predecessors = cfg::predecessors(body);
    let mut loops: Vec<Loop> = Vec::new();
    for block in cfg::reverse_postorder(body) {
        for header in cfg::targets(&body.block(block).terminator.kind) {
            if dominators.position(header) > dominators.position(block)
                || !dominators.dominates(header, block)
            {
                continue;
            }
            match loops.iter_mut().find(|l| l.header == header) {
                Some(found) => found.latches.push(block),
                None => loops.push(Loop {
                    header,
                    latches: vec![block],
                    inside: vec![false; body.blocks.len()],
                    size: 0,
                }),
            }
        }
    }
    for found in &mut loops {
        found.inside[found.header.index()] = true;
        found.size = 1;
        let mut work = found.latches.clone();
        while let Some(block) = work.pop() {
            if !std::mem::replace(&mut found.inside[block.index()], true) {
                found.size += 1;
                work.extend(&predecessors[block.index()]);
            }
        }
    }
    // Inner loops first; the sort is stable.
    loops.sort_by_key(|found| found.size);
    loops
}

/// Whether control can come back to a block. Cheaper than to look for loops, which takes long in functions of tens of thousands of steps.
#[must_use]
pub fn has_cycle(body: &Body) -> bool {
    let order = cfg::reverse_postorder(body);
    let mut position = vec![0; body.blocks.len()];
    for (index, block) in order.iter().enumerate() {
        position[block.index()] = index;
    }
    let goes_back = |block: &Block| {
        let targets = cfg::targets(&body.block(*block).terminator.kind);
        targets.iter().any(|target| position[target.index()] <= position[block.index()])
    };
    order.iter().any(goes_back)
}

/// By block, whether it is in a natural loop.
#[must_use]
pub fn is_in_loop(body: &Body) -> Vec<bool> {
    let mut inside = vec![false; body.blocks.len()];
    if !has_cycle(body) {
        return inside;
    }
    for found in natural_loops(body, &Dominators::new(body)) {
        inside.iter_mut().zip(found.inside).for_each(|(all, this)| *all |= this);
    }
    inside
}
