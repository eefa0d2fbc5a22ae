//! Lets temporaries that only hold a copy of another local be read from there.
//!
//! Input: a body before `rc`. Output: the same behaviour, with fewer copies: fewer counts up and down, fewer slots in frames.
//! Postcondition: `x = copy y` of an unnamed `x` is gone where one of these holds, `x` being written once, read only by copies and looks, and
//! consumed by no suspend point:
//! - `y` is written once too (or is a parameter), and never changed, moved or consumed;
//! - all reads of `x` follow in the same block, and `y` is not written, changed, moved or consumed in between.
//!
//! In the first case the writing of `y` comes before that of `x` on every path (both are written before they are read), so no other value of `y` can be
//! met where `x` is read. Variables with names stay: state files show them.
//!
//! Algorithm: counts of writes and of other accesses per local, then one walk for each case; chains of copies are followed to their end.

use crate::access::{self, Access};
use crate::body::{
    Body, Callee, Local, Operand, Program, RETURN, Rvalue, StatementKind, TerminatorKind,
};
use crate::cfg;
use crate::suspend::SuspendOp;

use super::inline::{only_reads, rename_operand, rename_statement};

/// Runs over every body.
pub fn run(program: &mut Program) {
    for body in &mut program.bodies {
        if !body.blocks.is_empty() {
            everywhere(body);
            within_blocks(body);
        }
    }
}

/// What is done to a local in the whole body.
#[derive(Clone, Copy, Default)]
struct Facts {
    writes: u32,
    reads: u32,
    /// Changed in part, moved, dropped, consumed by a suspend point, or written on an edge.
    other: bool,
}

fn facts(body: &Body) -> Vec<Facts> {
    let mut facts = vec![Facts::default(); body.locals.len()];
    for local in body.params() {
        facts[local.index()].writes += 1;
    }
    // The result and the in-out values are read at the end.
    facts[RETURN.index()].other = true;
    for local in &body.inout {
        facts[local.index()].other = true;
    }
    for block in &body.blocks {
        let mut visit = |local: Local, access: Access| {
            let facts = &mut facts[local.index()];
            match access {
                Access::Define => facts.writes += 1,
                access if only_reads(access) => facts.reads += 1,
                _ => facts.other = true,
            }
        };
        for statement in &block.statements {
            access::statement(&statement.kind, &mut visit);
        }
        access::terminator(&block.terminator.kind, &mut visit);
        for edge in cfg::edges(&block.terminator.kind) {
            for local in edge.consumes {
                facts[local.index()].other = true;
            }
            // The in-out values are written on two edges.
            for local in edge.defines {
                facts[local.index()].writes += 1;
            }
        }
    }
    facts
}

/// `x` and `y` of `x = copy y` when `x` is a temporary that is written here only and read only.
fn copy_of(body: &Body, facts: &[Facts], kind: &StatementKind) -> Option<(Local, Local)> {
    let StatementKind::Assign(target, Rvalue::Use(Operand::Copy(source))) = kind else {
        return None;
    };
    let (x, y) = (target.local, source.local);
    let plain = target.projection.is_empty() && source.projection.is_empty();
    let temporary = x.0 > body.param_count && body.locals[x.index()].name.is_none();
    let known = facts[x.index()].writes == 1 && !facts[x.index()].other;
    (plain && temporary && known && x != y && body.ty(x) == body.ty(y)).then_some((x, y))
}

fn everywhere(body: &mut Body) {
    let facts = facts(body);
    let mut source: Vec<Option<Local>> = vec![None; body.locals.len()];
    let mut found = false;
    for block in &body.blocks {
        for statement in &block.statements {
            if let Some((x, y)) = copy_of(body, &facts, &statement.kind)
                && facts[y.index()].writes == 1
                && !facts[y.index()].other
            {
                source[x.index()] = Some(y);
                found = true;
            }
        }
    }
    if !found {
        return;
    }
    // Written once each, so a chain cannot come back to where it began; the count is a belt to these braces.
    let resolve = |local: Local| {
        let mut at = local;
        for _ in 0..source.len() {
            match source[at.index()] {
                Some(next) => at = next,
                None => break,
            }
        }
        at
    };
    for block in &mut body.blocks {
        for statement in &mut block.statements {
            if let StatementKind::Assign(target, _) = &statement.kind
                && target.projection.is_empty()
                && source[target.local.index()].is_some()
            {
                statement.kind = StatementKind::Nop;
                continue;
            }
            rename_statement(&mut statement.kind, &resolve);
        }
        rename_terminator(&mut block.terminator.kind, &resolve);
    }
}

/// Replaces the locals that a terminator reads.
fn rename_terminator(kind: &mut TerminatorKind, new: &impl Fn(Local) -> Local) {
    match kind {
        TerminatorKind::Switch { value, .. } => rename_operand(value, new),
        TerminatorKind::Assert { cond, failure, .. } => {
            use crate::body::Failure as F;
            rename_operand(cond, new);
            match failure {
                F::Shift(a, _) | F::Cast(a) | F::Length(a) => rename_operand(a, new),
                F::Index(a, b) => {
                    rename_operand(a, new);
                    rename_operand(b, new);
                }
                F::Overflow(_)
                | F::DivideByZero
                | F::RemainderByZero
                | F::RecvClosed
                | F::SendClosed
                | F::Assert => {}
            }
        }
        TerminatorKind::Call { callee, args, .. } => {
            if let Callee::Value(local) = callee {
                *local = new(*local);
            }
            args.iter_mut().for_each(|arg| rename_operand(arg, new));
        }
        TerminatorKind::Spawn { args, scope, name, .. } => {
            *scope = new(*scope);
            args.iter_mut().chain(name).for_each(|arg| rename_operand(arg, new));
        }
        TerminatorKind::Panic { message, .. } => rename_operand(message, new),
        TerminatorKind::Suspend { op, .. } => match op {
            SuspendOp::Sleep { duration, .. } | SuspendOp::JoinTimeout { duration, .. } => {
                *duration = new(*duration);
            }
            SuspendOp::Send { chan, .. } | SuspendOp::Recv { chan, .. } => *chan = new(*chan),
            SuspendOp::Select { arms, after, .. } => {
                arms.iter_mut().for_each(|arm| arm.chan = new(arm.chan));
                if let Some((duration, _)) = after {
                    *duration = new(*duration);
                }
            }
            SuspendOp::ScopeExit { scope, .. } | SuspendOp::ScopeCancel { scope, .. } => {
                *scope = new(*scope);
            }
            SuspendOp::Poll { .. }
            | SuspendOp::Yield { .. }
            | SuspendOp::Idle { .. }
            | SuspendOp::Pause { .. }
            | SuspendOp::Checkpoint { .. }
            | SuspendOp::Join { .. }
            | SuspendOp::TryJoin { .. }
            | SuspendOp::Cancel { .. }
            | SuspendOp::GenNext { .. }
            | SuspendOp::GenStop { .. }
            | SuspendOp::GenYield { .. } => {}
        },
        TerminatorKind::Goto(_)
        | TerminatorKind::Return
        | TerminatorKind::UnwindResume
        | TerminatorKind::Unreachable => {}
    }
}

/// How far behind a copy its reads may lie in the block: bounds the work in long blocks.
const WINDOW: usize = 32;

fn within_blocks(body: &mut Body) {
    let facts = facts(body);
    for index in 0..body.blocks.len() {
        for at in 0..body.blocks[index].statements.len() {
            let block = &body.blocks[index];
            let Some((x, y)) = copy_of(body, &facts, &block.statements[at].kind) else { continue };
            // Counts reads of x until y changes.
            let mut reads = 0;
            let mut changed = false;
            let end = block.statements.len().min(at + 1 + WINDOW);
            let mut last = at;
            for (offset, statement) in block.statements[at + 1..end].iter().enumerate() {
                let mut reads_here = 0;
                access::statement(&statement.kind, &mut |local, access| {
                    if local == x && access.is_use() {
                        reads_here += 1;
                    }
                    changed |= local == y && !only_reads(access);
                });
                // The last write of a statement comes after all its reads, but only as a whole.
                let whole = matches!(&statement.kind, StatementKind::Assign(place, value)
                    if place.projection.is_empty() && !matches!(value, Rvalue::Take(_)));
                if changed && !whole && reads_here > 0 {
                    break;
                }
                let mut moved = false;
                access::statement(&statement.kind, &mut |local, access| {
                    moved |= local == y && access.consumes();
                });
                if moved {
                    break;
                }
                reads += reads_here;
                last = at + 1 + offset;
                if changed {
                    break;
                }
            }
            let mut in_terminator = false;
            if !changed && end == block.statements.len() {
                let mut moved = false;
                let mut reads_here = 0;
                access::terminator(&block.terminator.kind, &mut |local, access| {
                    if local == x {
                        reads_here += 1;
                    }
                    moved |= local == y && access.consumes();
                });
                let edges = cfg::edges(&block.terminator.kind);
                let taken = edges
                    .iter()
                    .any(|edge| edge.consumes.contains(&y) || edge.defines.contains(&y));
                if !moved && !taken {
                    reads += reads_here;
                    in_terminator = true;
                }
            }
            if reads != facts[x.index()].reads {
                continue;
            }
            let new = |local: Local| if local == x { y } else { local };
            let block = &mut body.blocks[index];
            block.statements[at].kind = StatementKind::Nop;
            for statement in &mut block.statements[at + 1..=last.max(at)] {
                rename_statement(&mut statement.kind, &new);
            }
            if in_terminator {
                rename_terminator(&mut block.terminator.kind, &new);
            }
        }
    }
}
