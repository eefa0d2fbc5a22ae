//! Infers which functions may suspend and which may unwind.
//!
//! Input: a program after `polls`. Output: `may_suspend` and `may_unwind` of every body. Postcondition: they are the least solution of the
//! rules below; the unwind edge of a step that cannot unwind leads to an `Unreachable` block.
//!
//! Rules. Every suspend point suspends and unwinds, but a `select` with `default` does not suspend and `ScopeCancel` does not unwind. Checks,
//! panics, spawns and intrinsics that panic unwind. A call does what its callee does; calls of function values do both; extern functions do neither.
//! Bodies whose address is taken, tasks and main have the full convention: they count as doing both.
//!
//! Algorithm: local facts, then propagation along the reversed call graph with a worklist.

use crate::body::{
    Block, BlockData, Body, BodyId, BodyKind, Callee, Program, Terminator, TerminatorKind,
};
use crate::cfg;
use crate::suspend::SuspendOp;

/// Runs over the program.
pub fn run(program: &mut Program) {
    let count = program.bodies.len();
    let mut callers: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut facts = Vec::with_capacity(count);
    for (id, body) in program.bodies.iter().enumerate() {
        let full = program.is_entry(BodyId(id as u32))
            || body.kind.is_frame_only()
            || body.address_taken && !matches!(body.kind, BodyKind::Extern { .. });
        let mut fact = Effects { suspends: full, unwinds: full };
        for block in &body.blocks {
            if let TerminatorKind::Call { callee: Callee::Body(callee), .. } =
                &block.terminator.kind
            {
                callers[callee.index()].push(id);
            } else {
                fact.add(of_step(&block.terminator.kind));
            }
        }
        facts.push(fact);
    }
    let mut work: Vec<usize> = (0..count).collect();
    while let Some(id) = work.pop() {
        let fact = facts[id];
        for &caller in &callers[id] {
            if facts[caller].add(fact) {
                work.push(caller);
            }
        }
    }
    for (body, fact) in program.bodies.iter_mut().zip(&facts) {
        body.may_suspend = fact.suspends;
        body.may_unwind = fact.unwinds;
    }
    for body in &mut program.bodies {
        cut_unwind_edges(body, &facts);
        if !body.may_unwind {
            // A clean-up that nothing reaches any more would still say that the body unwinds.
            for block in &mut body.blocks {
                if matches!(block.terminator.kind, TerminatorKind::UnwindResume) {
                    block.terminator.kind = TerminatorKind::Unreachable;
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Effects {
    suspends: bool,
    unwinds: bool,
}

impl Effects {
    fn add(&mut self, other: Self) -> bool {
        let changed = other.suspends & !self.suspends | other.unwinds & !self.unwinds;
        self.suspends |= other.suspends;
        self.unwinds |= other.unwinds;
        changed
    }
}

/// What a terminator does by itself; calls of bodies apart.
fn of_step(kind: &TerminatorKind) -> Effects {
    let (suspends, unwinds) = match kind {
        TerminatorKind::Assert { .. }
        | TerminatorKind::Panic { .. }
        | TerminatorKind::Spawn { .. } => (false, true),
        TerminatorKind::Call { callee, .. } => match callee {
            Callee::Body(_) => (false, false),
            Callee::Value(_) => (true, true),
            Callee::Intrinsic(intrinsic) => (false, intrinsic.info().panics),
        },
        TerminatorKind::Suspend { op, .. } => (
            !matches!(op, SuspendOp::Select { default: Some(_), .. }),
            !matches!(op, SuspendOp::ScopeCancel { .. }),
        ),
        TerminatorKind::Goto(_)
        | TerminatorKind::Switch { .. }
        | TerminatorKind::Return
        | TerminatorKind::UnwindResume
        | TerminatorKind::Unreachable => (false, false),
    };
    Effects { suspends, unwinds }
}

fn cut_unwind_edges(body: &mut Body, facts: &[Effects]) {
    let mut nowhere = None;
    for index in 0..body.blocks.len() {
        let count = body.blocks.len() as u32;
        let terminator = &mut body.blocks[index].terminator;
        let unwinds = match &terminator.kind {
            TerminatorKind::Call { callee: Callee::Body(callee), .. } => {
                facts[callee.index()].unwinds
            }
            kind => of_step(kind).unwinds,
        };
        let loc = terminator.loc;
        if !unwinds && let Some(unwind) = cfg::unwind_mut(&mut terminator.kind) {
            let created = nowhere.is_none();
            *unwind = *nowhere.get_or_insert(Block(count));
            if created {
                let terminator = Terminator { kind: TerminatorKind::Unreachable, loc };
                body.blocks.push(BlockData { statements: Vec::new(), terminator });
            }
        }
    }
}
