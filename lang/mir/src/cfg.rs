//! The control-flow graph of a body: edges with what happens on them, predecessors, reverse postorder, dominators.
//!
//! Edges of a terminator are numbered in the order of [`targets`]; [`edges`] and [`targets_mut`] use the same order, so that a pass can
//! analyse an edge and then split it.

use crate::body::{Block, Body, ENTRY, Local, TerminatorKind};
use crate::suspend::{SelectArmKind, SuspendOp};

/// An edge out of a terminator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edge {
    /// Where it leads.
    pub target: Block,
    /// Taken when the step panics or the task is cancelled.
    pub unwind: bool,
    /// Operands of the suspend point whose value is gone on this edge.
    pub consumes: Vec<Local>,
    /// Locals that are written on this edge: the result, the in-out values.
    pub defines: Vec<Local>,
}

impl Edge {
    fn plain(target: Block) -> Self {
        Self { target, unwind: false, consumes: Vec::new(), defines: Vec::new() }
    }

    fn unwind(target: Block) -> Self {
        Self { unwind: true, ..Self::plain(target) }
    }

    fn consuming(mut self, local: Local) -> Self {
        self.consumes.push(local);
        self
    }

    fn defining(mut self, local: Local) -> Self {
        self.defines.push(local);
        self
    }
}

/// The edges of a terminator.
#[must_use]
pub fn edges(kind: &TerminatorKind) -> Vec<Edge> {
    match kind {
        TerminatorKind::Goto(target) => vec![Edge::plain(*target)],
        TerminatorKind::Switch { cases, otherwise, .. } => cases
            .iter()
            .map(|(_, target)| Edge::plain(*target))
            .chain([Edge::plain(*otherwise)])
            .collect(),
        TerminatorKind::Return | TerminatorKind::UnwindResume | TerminatorKind::Unreachable => {
            Vec::new()
        }
        TerminatorKind::Assert { target, unwind, .. } => {
            vec![Edge::plain(*target), Edge::unwind(*unwind)]
        }
        TerminatorKind::Panic { unwind, .. } => vec![Edge::unwind(*unwind)],
        TerminatorKind::Call { dest, inout, target, unwind, .. } => {
            let mut normal = Edge::plain(*target).defining(*dest);
            normal.defines.extend(inout);
            let mut unwind = Edge::unwind(*unwind);
            unwind.defines.extend(inout);
            vec![normal, unwind]
        }
        TerminatorKind::Spawn { dest, target, unwind, .. } => {
            let mut normal = Edge::plain(*target);
            normal.defines.extend(dest);
            vec![normal, Edge::unwind(*unwind)]
        }
        TerminatorKind::Suspend { op, unwind } => suspend_edges(op, *unwind),
    }
}

fn suspend_edges(op: &SuspendOp, unwind: Block) -> Vec<Edge> {
    let out = Edge::unwind(unwind);
    match op {
        SuspendOp::Poll { target }
        | SuspendOp::Yield { target }
        | SuspendOp::Idle { target }
        | SuspendOp::Pause { target }
        | SuspendOp::Checkpoint { target }
        | SuspendOp::Sleep { target, .. }
        | SuspendOp::ScopeExit { target, .. }
        | SuspendOp::ScopeCancel { target, .. }
        | SuspendOp::GenStop { target, .. } => vec![Edge::plain(*target), out],
        SuspendOp::Send { value, done, closed, .. } => {
            vec![Edge::plain(*done).consuming(*value), Edge::plain(*closed), out]
        }
        SuspendOp::Recv { dest, done, closed, .. } => {
            vec![Edge::plain(*done).defining(*dest), Edge::plain(*closed), out]
        }
        SuspendOp::Select { arms, after, default } => {
            let mut edges = Vec::new();
            for arm in arms {
                let done = Edge::plain(arm.done);
                edges.push(match arm.kind {
                    SelectArmKind::Recv(dest) => done.defining(dest),
                    SelectArmKind::Send(value) => done.consuming(value),
                });
                edges.push(Edge::plain(arm.closed));
            }
            edges.extend(after.iter().map(|(_, target)| Edge::plain(*target)));
            edges.extend(default.iter().map(|target| Edge::plain(*target)));
            edges.push(out);
            edges
        }
        SuspendOp::Join { task, dest, target } => {
            vec![Edge::plain(*target).consuming(*task).defining(*dest), out.consuming(*task)]
        }
        SuspendOp::TryJoin { task, dest, done, failed } => vec![
            Edge::plain(*done).consuming(*task).defining(*dest),
            Edge::plain(*failed).consuming(*task),
            out.consuming(*task),
        ],
        SuspendOp::JoinTimeout { task, dest, done, timeout, .. } => vec![
            Edge::plain(*done).consuming(*task).defining(*dest),
            Edge::plain(*timeout),
            out.consuming(*task),
        ],
        SuspendOp::Cancel { task, target } => {
            vec![Edge::plain(*target).consuming(*task), out.consuming(*task)]
        }
        SuspendOp::GenNext { dest, done, ended, .. } => {
            vec![Edge::plain(*done).defining(*dest), Edge::plain(*ended), out]
        }
        SuspendOp::GenYield { dest, target } | SuspendOp::Io { dest, target, .. } => {
            vec![Edge::plain(*target).defining(*dest), out]
        }
    }
}

/// The targets of a terminator, to change them, in the order of [`edges`].
#[must_use]
pub fn targets_mut(kind: &mut TerminatorKind) -> Vec<&mut Block> {
    match kind {
        TerminatorKind::Goto(target) | TerminatorKind::Panic { unwind: target, .. } => {
            vec![target]
        }
        TerminatorKind::Switch { cases, otherwise, .. } => {
            cases.iter_mut().map(|(_, target)| target).chain([otherwise]).collect()
        }
        TerminatorKind::Return | TerminatorKind::UnwindResume | TerminatorKind::Unreachable => {
            Vec::new()
        }
        TerminatorKind::Assert { target, unwind, .. }
        | TerminatorKind::Call { target, unwind, .. }
        | TerminatorKind::Spawn { target, unwind, .. } => vec![target, unwind],
        TerminatorKind::Suspend { op, unwind } => {
            let mut targets = suspend_targets_mut(op);
            targets.push(unwind);
            targets
        }
    }
}

fn suspend_targets_mut(op: &mut SuspendOp) -> Vec<&mut Block> {
    match op {
        SuspendOp::Poll { target }
        | SuspendOp::Yield { target }
        | SuspendOp::Idle { target }
        | SuspendOp::Pause { target }
        | SuspendOp::Checkpoint { target }
        | SuspendOp::Sleep { target, .. }
        | SuspendOp::ScopeExit { target, .. }
        | SuspendOp::ScopeCancel { target, .. }
        | SuspendOp::Join { target, .. }
        | SuspendOp::Cancel { target, .. }
        | SuspendOp::GenStop { target, .. }
        | SuspendOp::GenYield { target, .. }
        | SuspendOp::Io { target, .. } => vec![target],
        SuspendOp::GenNext { done, ended, .. } => vec![done, ended],
        SuspendOp::Send { done, closed, .. } | SuspendOp::Recv { done, closed, .. } => {
            vec![done, closed]
        }
        SuspendOp::Select { arms, after, default } => {
            let mut targets = Vec::new();
            for arm in arms {
                targets.extend([&mut arm.done, &mut arm.closed]);
            }
            targets.extend(after.iter_mut().map(|(_, target)| target));
            targets.extend(default.as_mut());
            targets
        }
        SuspendOp::TryJoin { done, failed, .. } => vec![done, failed],
        SuspendOp::JoinTimeout { done, timeout, .. } => vec![done, timeout],
    }
}

/// The targets of a terminator, in the order of [`edges`].
#[must_use]
pub fn targets(kind: &TerminatorKind) -> Vec<Block> {
    match kind {
        TerminatorKind::Goto(target) => vec![*target],
        _ => edges(kind).into_iter().map(|edge| edge.target).collect(),
    }
}

/// The unwind target of a step that has one, to change it.
#[must_use]
pub fn unwind_mut(kind: &mut TerminatorKind) -> Option<&mut Block> {
    match kind {
        TerminatorKind::Assert { unwind, .. }
        | TerminatorKind::Panic { unwind, .. }
        | TerminatorKind::Call { unwind, .. }
        | TerminatorKind::Spawn { unwind, .. }
        | TerminatorKind::Suspend { unwind, .. } => Some(unwind),
        _ => None,
    }
}

/// Predecessors of each block, one entry per edge, in ascending order.
#[must_use]
pub fn predecessors(body: &Body) -> Vec<Vec<Block>> {
    let mut predecessors = vec![Vec::new(); body.blocks.len()];
    for (index, block) in body.blocks.iter().enumerate() {
        for target in targets(&block.terminator.kind) {
            predecessors[target.index()].push(Block(index as u32));
        }
    }
    predecessors
}

/// The blocks that can be reached from the entry, in reverse postorder (iterative depth-first search).
#[must_use]
pub fn reverse_postorder(body: &Body) -> Vec<Block> {
    let mut order = Vec::with_capacity(body.blocks.len());
    if body.blocks.is_empty() {
        return order;
    }
    let mut seen = vec![false; body.blocks.len()];
    seen[ENTRY.index()] = true;
    let mut stack = vec![(ENTRY, targets(&body.block(ENTRY).terminator.kind))];
    while let Some((block, rest)) = stack.last_mut() {
        // The last target is visited first, so that the first one comes first in the order.
        match rest.pop() {
            Some(next) => {
                if !std::mem::replace(&mut seen[next.index()], true) {
                    stack.push((next, targets(&body.block(next).terminator.kind)));
                }
            }
            None => {
                order.push(*block);
                stack.pop();
            }
        }
    }
    order.reverse();
    order
}

/// Immediate dominators (Cooper, Harvey, Kennedy: "A Simple, Fast Dominance Algorithm").
#[derive(Debug)]
pub struct Dominators {
    /// Position in reverse postorder, `u32::MAX` for unreachable blocks.
    position: Vec<u32>,
    /// Immediate dominator by block; the entry's is itself.
    parent: Vec<Block>,
}

impl Dominators {
    /// Computes them.
    #[must_use]
    pub fn new(body: &Body) -> Self {
        let order = reverse_postorder(body);
        let mut position = vec![u32::MAX; body.blocks.len()];
        for (index, block) in order.iter().enumerate() {
            position[block.index()] = index as u32;
        }
        let predecessors = predecessors(body);
        let mut parent: Vec<Option<Block>> = vec![None; body.blocks.len()];
        if let Some(entry) = parent.get_mut(ENTRY.index()) {
            *entry = Some(ENTRY);
        }
        let mut changed = true;
        while changed {
            changed = false;
            for &block in order.iter().skip(1) {
                let mut new: Option<Block> = None;
                for &pred in &predecessors[block.index()] {
                    if parent[pred.index()].is_none() {
                        continue;
                    }
                    new = Some(match new {
                        None => pred,
                        Some(other) => intersect(&parent, &position, other, pred),
                    });
                }
                if parent[block.index()] != new {
                    parent[block.index()] = new;
                    changed = true;
                }
            }
        }
        Self { position, parent: parent.into_iter().map(|p| p.unwrap_or(ENTRY)).collect() }
    }

    /// Position of a block in reverse postorder; none when it cannot be reached.
    #[must_use]
    pub fn position(&self, block: Block) -> Option<u32> {
        Some(self.position[block.index()]).filter(|position| *position != u32::MAX)
    }

    /// The immediate dominator of a reachable block other than the entry.
    #[must_use]
    pub fn parent(&self, block: Block) -> Option<Block> {
        (block != ENTRY).then(|| self.parent[block.index()])
    }

    /// Whether every path to `block` passes `by`.
    #[must_use]
    pub fn dominates(&self, by: Block, block: Block) -> bool {
        let mut at = block;
        loop {
            if at == by {
                return true;
            }
            match self.parent(at) {
                Some(parent) if self.position[at.index()] > self.position[by.index()] => {
                    at = parent;
                }
                _ => return false,
            }
        }
    }
}

fn intersect(parent: &[Option<Block>], position: &[u32], a: Block, b: Block) -> Block {
    let (mut a, mut b) = (a, b);
    while a != b {
        // Both have a parent: only processed blocks get here, and the entry has the lowest position.
        while position[a.index()] > position[b.index()] {
            a = parent[a.index()].unwrap_or(ENTRY);
        }
        while position[b.index()] > position[a.index()] {
            b = parent[b.index()].unwrap_or(ENTRY);
        }
    }
    a
}
