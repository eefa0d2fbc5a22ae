//! Liveness of locals: an analysis, not a transformation.
//!
//! Input: a body in any stage. Output: per block, the locals that are live when it is entered. A local is live where its value will be read,
//! moved, dropped or modified on some path before it is overwritten. At `Return` the result and the in-out parameters are live, at `UnwindResume`
//! the in-out parameters.
//!
//! Algorithm: backward dataflow, rounds over the blocks in postorder until nothing changes, sets as bit matrices. Edges count one by one: what an edge defines
//! is not live before it on account of that edge, what it consumes is.

use crate::access::{self, Access};
use crate::bitset::{BitMatrix, BitSet};
use crate::body::{Block, Body, Local, RETURN, StatementKind, TerminatorKind};
use crate::cfg::{self, Edge};

/// The result of the analysis.
#[derive(Debug)]
pub struct Liveness {
    live_in: BitMatrix,
    local_count: usize,
}

impl Liveness {
    /// Analyses a body.
    #[must_use]
    pub fn new(body: &Body) -> Self {
        let local_count = body.locals.len();
        let mut this =
            Self { live_in: BitMatrix::new(body.blocks.len(), local_count), local_count };
        let predecessors = cfg::predecessors(body);
        // Blocks are visited in postorder, round by round, those whose successors changed only.
        let mut dirty = vec![true; body.blocks.len()];
        let order = cfg::reverse_postorder(body);
        let mut live = BitSet::new(local_count);
        let mut edge_set = BitSet::new(local_count);
        let mut changed = true;
        while changed {
            changed = false;
            for &block in order.iter().rev() {
                if !std::mem::replace(&mut dirty[block.index()], false) {
                    continue;
                }
                this.before_terminator(body, block, &mut live, &mut edge_set);
                for statement in body.block(block).statements.iter().rev() {
                    before_statement(&statement.kind, &mut live);
                }
                if this.live_in.set_row(block.index(), &live) {
                    changed = true;
                    for pred in &predecessors[block.index()] {
                        dirty[pred.index()] = true;
                    }
                }
            }
        }
        this
    }

    /// The locals that are live when `block` is entered.
    #[must_use]
    pub fn live_in(&self, block: Block) -> &[u64] {
        self.live_in.row(block.index())
    }

    /// Whether a local is live when `block` is entered.
    #[must_use]
    pub fn is_live_in(&self, block: Block, local: Local) -> bool {
        self.live_in.contains(block.index(), local)
    }

    /// Puts what is live on an edge, as seen from its source, into `out`: what the target needs and the edge does not define, and what the edge consumes.
    pub fn on_edge(&self, edge: &Edge, out: &mut BitSet) {
        out.copy_from(self.live_in(edge.target));
        for local in &edge.defines {
            out.remove(*local);
        }
        for local in &edge.consumes {
            out.insert(*local);
        }
    }

    /// Puts what is live before the terminator of `block` into `out`; `scratch` is any set.
    pub fn before_terminator(
        &self,
        body: &Body,
        block: Block,
        out: &mut BitSet,
        scratch: &mut BitSet,
    ) {
        out.clear();
        let kind = &body.block(block).terminator.kind;
        match kind {
            TerminatorKind::Return => {
                out.insert(RETURN);
                body.inout.iter().for_each(|local| out.insert(*local));
            }
            TerminatorKind::UnwindResume => body.inout.iter().for_each(|local| out.insert(*local)),
            TerminatorKind::Goto(target) => out.copy_from(self.live_in(*target)),
            _ => {
                for edge in cfg::edges(kind) {
                    self.on_edge(&edge, scratch);
                    out.union(scratch.words());
                }
                access::terminator(kind, &mut |local, _| out.insert(local));
            }
        }
    }

    /// How many locals the sets range over.
    #[must_use]
    pub fn local_count(&self) -> usize {
        self.local_count
    }
}

/// Steps backward over a statement.
pub fn before_statement(kind: &StatementKind, live: &mut BitSet) {
    access::statement(kind, &mut |local, access| {
        if access == Access::Define {
            live.remove(local);
        }
    });
    access::statement(kind, &mut |local, access| {
        if access.is_use() {
            live.insert(local);
        }
    });
}
