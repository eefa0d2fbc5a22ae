//! Lets locals that only hold a copy of another local, or of a part of one, be read from there.
//!
//! Input: a body before `rc`. Output: the same behaviour, with fewer copies: fewer counts up and down, fewer slots in frames.
//! Postcondition: `x = copy y` is gone where one of these holds, `x` being written once, read only by copies and looks, and consumed by no suspend point:
//! - `x` has no name, `y` is a local that is written once too (or is a parameter), and never changed, moved or consumed;
//! - `y` is a local, or a part of one that owns something; all reads of `x` follow in the same block, and neither `y` nor an index in it is written, changed, moved
//!   or consumed in between.
//!
//! In the first case the writing of `y` comes before that of `x` on every path (both are written before they are read), so no other value of `y` can be
//! met where `x` is read. Variables with names stay, because state files show them; but in the second case no frame ever holds `x`.
//!
//! Algorithm: counts of writes and of other accesses per local, then one walk for each case; chains of copies are followed to their end.

use crate::access::{self, Access};
use crate::body::{
    BlockData, Body, Callee, Local, Operand, Place, Program, Proj, RETURN, Rvalue, StatementKind,
    TerminatorKind,
};
use crate::cfg;
use crate::suspend::SuspendOp;
use crate::ty::TypeTable;

use super::inline::{only_reads, rename_operand, rename_statement};

/// Runs over every body.
pub fn run(program: &mut Program) {
    for body in &mut program.bodies {
        if !body.blocks.is_empty() {
            everywhere(body);
            within_blocks(&program.types, body);
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
            SuspendOp::Io { request, .. } => *request = new(*request),
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

/// `x` and what it is a copy of, when that is worth following within a block.
fn copy_in_block(
    types: &TypeTable,
    body: &Body,
    facts: &[Facts],
    kind: &StatementKind,
) -> Option<(Local, Place)> {
    let StatementKind::Assign(target, Rvalue::Use(Operand::Copy(source))) = kind else {
        return None;
    };
    let x = target.local;
    let known = facts[x.index()].writes == 1 && !facts[x.index()].other;
    let worth = source.projection.is_empty() || types.needs_drop(body.ty(x));
    let fits = target.projection.is_empty() && x.0 > body.param_count && x != source.local;
    (fits && known && worth).then(|| (x, source.clone()))
}

fn within_blocks(types: &TypeTable, body: &mut Body) {
    let facts = facts(body);
    for index in 0..body.blocks.len() {
        for at in 0..body.blocks[index].statements.len() {
            let kind = &body.blocks[index].statements[at].kind;
            let Some((x, source)) = copy_in_block(types, body, &facts, kind) else { continue };
            let reach = reach(&body.blocks[index], at, x, &source);
            if reach.reads == facts[x.index()].reads {
                let block = &mut body.blocks[index];
                block.statements[at].kind = StatementKind::Nop;
                for statement in &mut block.statements[at + 1..=reach.last] {
                    put_statement(&mut statement.kind, x, &source);
                }
                if reach.in_terminator {
                    put_terminator(&mut block.terminator.kind, x, &source);
                }
            }
        }
    }
}

/// The reads of a copy that see the same value in its source.
struct Reach {
    reads: u32,
    last: usize,
    in_terminator: bool,
}

fn reach(block: &BlockData, at: usize, x: Local, source: &Place) -> Reach {
    let in_source = |local: Local| {
        local == source.local
            || source.projection.iter().any(|step| matches!(step, Proj::Index(i) if *i == local))
    };
    let end = block.statements.len().min(at + 1 + WINDOW);
    let mut reach = Reach { reads: 0, last: at, in_terminator: false };
    for (offset, statement) in block.statements[at + 1..end].iter().enumerate() {
        let (mut reads, mut changed, mut consumed) = (0, false, false);
        access::statement(&statement.kind, &mut |local, access| {
            reads += u32::from(local == x && access.is_use());
            changed |= in_source(local) && !only_reads(access);
            consumed |= in_source(local) && access.consumes();
        });
        // The last write of a statement comes after all its reads, but only as a whole.
        let whole = matches!(&statement.kind, StatementKind::Assign(place, value)
            if place.projection.is_empty() && !matches!(value, Rvalue::Take(_)));
        if consumed || changed && !whole && reads > 0 {
            return reach;
        }
        reach.reads += reads;
        reach.last = at + 1 + offset;
        if changed {
            return reach;
        }
    }
    if end < block.statements.len() {
        return reach;
    }
    let kind = &block.terminator.kind;
    let (mut reads, mut consumed) = (0, false);
    access::terminator(kind, &mut |local, access| {
        reads += u32::from(local == x);
        consumed |= in_source(local) && access.consumes();
    });
    // Suspend points and called values name whole locals.
    let mut in_operands = 0;
    for operand in access::terminator_operands(kind) {
        access::operand(operand, &mut |local, _| in_operands += u32::from(local == x));
    }
    let written = cfg::edges(kind)
        .iter()
        .any(|edge| edge.consumes.iter().chain(&edge.defines).any(|local| in_source(*local)));
    if !consumed && !written && (source.projection.is_empty() || reads == in_operands) {
        reach.reads += reads;
        reach.in_terminator = true;
    }
    reach
}

/// Puts the source in the place of the copy.
fn put_place(place: &mut Place, x: Local, source: &Place) {
    if place.local == x {
        let rest = std::mem::take(&mut place.projection);
        *place = source.clone();
        place.projection.extend(rest);
    }
}

fn put_operand(operand: &mut Operand, x: Local, source: &Place) {
    if let Operand::Copy(place) | Operand::Borrow(place) = operand {
        put_place(place, x, source);
    }
}

fn put_statement(kind: &mut StatementKind, x: Local, source: &Place) {
    if source.projection.is_empty() {
        return rename_statement(kind, &|local| if local == x { source.local } else { local });
    }
    match kind {
        StatementKind::Assign(_, Rvalue::Len(place) | Rvalue::Tag(place)) => {
            put_place(place, x, source);
        }
        StatementKind::Assign(_, value) => access::rvalue_operands_mut(value)
            .into_iter()
            .for_each(|operand| put_operand(operand, x, source)),
        StatementKind::SetLen(_, len) => put_operand(len, x, source),
        StatementKind::Drop(_) | StatementKind::MakeUnique(_) | StatementKind::Nop => {}
    }
}

fn put_terminator(kind: &mut TerminatorKind, x: Local, source: &Place) {
    if source.projection.is_empty() {
        return rename_terminator(kind, &|local| if local == x { source.local } else { local });
    }
    match kind {
        TerminatorKind::Switch { value: operand, .. }
        | TerminatorKind::Panic { message: operand, .. } => put_operand(operand, x, source),
        TerminatorKind::Call { args, .. } => {
            args.iter_mut().for_each(|arg| put_operand(arg, x, source));
        }
        TerminatorKind::Spawn { args, name, .. } => {
            args.iter_mut().chain(name).for_each(|arg| put_operand(arg, x, source));
        }
        // Conditions and what failures show are scalars.
        _ => {}
    }
}
