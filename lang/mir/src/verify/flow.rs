//! Dataflow checks of the verifier: unwinding, definite initialisation, ownership (invariants 8, 9, 11, 12 and 15).

use crate::access::{self, Access};
use crate::bitset::{BitMatrix, BitSet};
use crate::body::{Block, BodyKind, ENTRY, Local, RETURN, TerminatorKind};
use crate::cfg;
use crate::passes::rc::owning_locals;
use crate::ty::TyKind;

use super::Checker;

/// Invariant 8.
pub(super) fn unwinding(cx: &mut Checker<'_>) {
    let count = cx.body.blocks.len();
    let mut normal = vec![false; count];
    let mut cleanup = vec![false; count];
    let mut work = vec![(ENTRY, false)];
    while let Some((block, unwinding)) = work.pop() {
        let seen = if unwinding { &mut cleanup } else { &mut normal };
        if std::mem::replace(&mut seen[block.index()], true) {
            continue;
        }
        for edge in cfg::edges(&cx.body.block(block).terminator.kind) {
            work.push((edge.target, unwinding || edge.unwind));
        }
    }
    for (block, data) in cx.blocks() {
        match data.terminator.kind {
            TerminatorKind::Return if cleanup[block.index()] => {
                cx.error(block, "returns while unwinding");
            }
            TerminatorKind::UnwindResume if normal[block.index()] => {
                cx.error(block, "goes on unwinding without an unwind edge");
            }
            _ => {}
        }
    }
}

/// Invariant 9: forward dataflow, intersection at joins.
pub(super) fn initialised(cx: &mut Checker<'_>) {
    let body = cx.body;
    let types = &cx.program.types;
    let owning = owning_locals(types, body);
    let order = cfg::reverse_postorder(body);
    let mut entry = BitSet::new(body.locals.len());
    body.params().for_each(|local| entry.insert(local));
    for (index, decl) in body.locals.iter().enumerate() {
        // `()` needs no writing.
        if *types.kind(decl.ty) == TyKind::Unit {
            entry.insert(Local(index as u32));
        }
    }
    let mut rows = BitMatrix::new(body.blocks.len(), body.locals.len());
    let full = BitSet::full(body.locals.len());
    for block in &order {
        rows.set_row(block.index(), if *block == ENTRY { &entry } else { &full });
    }
    let mut dirty = vec![true; body.blocks.len()];
    let mut changed = true;
    let mut state = entry.clone();
    while changed {
        changed = false;
        for &block in &order {
            if !std::mem::replace(&mut dirty[block.index()], false) {
                continue;
            }
            state.copy_from(rows.row(block.index()));
            walk(cx, block, &owning, false, &mut state, |_, _, _| {});
            for edge in cfg::edges(&body.block(block).terminator.kind) {
                let mut out = state.clone();
                edge.consumes
                    .iter()
                    .filter(|local| owning[local.index()])
                    .for_each(|local| out.remove(*local));
                edge.defines.iter().for_each(|local| out.insert(*local));
                if rows.intersect_row(edge.target.index(), &out) {
                    dirty[edge.target.index()] = true;
                    changed = true;
                }
            }
        }
    }
    let mut messages = Vec::new();
    for &block in &order {
        state.copy_from(rows.row(block.index()));
        walk(cx, block, &owning, false, &mut state, |local, access, state| {
            if access.is_use() && !state.contains(local) {
                messages.push((block, format!("{local} is read where it may have no value")));
            }
        });
        let mut exits = |local: Local, what: &str| {
            if !state.contains(local) {
                messages.push((block, format!("{local} has no value at {what}")));
            }
        };
        match body.block(block).terminator.kind {
            TerminatorKind::Return => {
                exits(RETURN, "the return");
                body.inout.iter().for_each(|local| exits(*local, "the return"));
            }
            TerminatorKind::UnwindResume => {
                body.inout.iter().for_each(|local| exits(*local, "the end of unwinding"));
            }
            _ => {}
        }
    }
    messages.into_iter().for_each(|(block, message)| cx.error(block, message));
}

/// Steps through a block, its terminator's operands included: reports accesses, then applies them (with `only_owning`, only to locals that own).
fn walk(
    cx: &Checker<'_>,
    block: Block,
    owning: &[bool],
    only_owning: bool,
    state: &mut BitSet,
    mut report: impl FnMut(Local, Access, &BitSet),
) {
    let data = cx.body.block(block);
    let mut step = |local: Local, access: Access| {
        report(local, access, state);
        let owns = owning[local.index()];
        if access == Access::Define && (owns || !only_owning) {
            state.insert(local);
        } else if access.consumes() && owns {
            state.remove(local);
        }
    };
    for statement in &data.statements {
        access::statement(&statement.kind, &mut step);
    }
    access::terminator(&data.terminator.kind, &mut step);
}

/// The state of ownership before each block, and the errors in it.
struct Ownership {
    rows: Vec<Option<BitSet>>,
    errors: Vec<(Block, String)>,
}

fn compute(cx: &Checker<'_>) -> Ownership {
    let body = cx.body;
    let owning = owning_locals(&cx.program.types, body);
    let mut this = Ownership { rows: vec![None; body.blocks.len()], errors: Vec::new() };
    let mut entry = BitSet::new(body.locals.len());
    body.params().filter(|local| owning[local.index()]).for_each(|local| entry.insert(local));
    this.rows[ENTRY.index()] = Some(entry);
    for block in cfg::reverse_postorder(body) {
        let Some(mut state) = this.rows[block.index()].clone() else { continue };
        let errors = &mut this.errors;
        walk_owned(cx, block, &owning, &mut state, &mut |message| errors.push((block, message)));
        let kind = &body.block(block).terminator.kind;
        exit(cx, kind, &owning, &state, &mut |message| errors.push((block, message)));
        for edge in cfg::edges(kind) {
            let mut out = state.clone();
            for local in edge.consumes.iter().filter(|local| owning[local.index()]) {
                out.remove(*local);
            }
            for local in edge.defines.iter().filter(|local| owning[local.index()]) {
                if out.contains(*local) {
                    this.errors.push((block, format!("{local} is written while it owns a value")));
                }
                out.insert(*local);
            }
            let target = body.block(edge.target);
            if target.statements.is_empty()
                && matches!(target.terminator.kind, TerminatorKind::Unreachable)
            {
                continue;
            }
            match &this.rows[edge.target.index()] {
                None => this.rows[edge.target.index()] = Some(out),
                Some(row) if *row == out => {}
                Some(row) => {
                    let differs = (0..body.locals.len() as u32)
                        .map(Local)
                        .find(|local| row.contains(*local) != out.contains(*local));
                    let local = differs.unwrap_or(RETURN);
                    let message =
                        format!("{local} owns a value on some paths to {} only", edge.target);
                    this.errors.push((block, message));
                }
            }
        }
    }
    this
}

fn walk_owned(
    cx: &Checker<'_>,
    block: Block,
    owning: &[bool],
    state: &mut BitSet,
    error: &mut impl FnMut(String),
) {
    walk(cx, block, owning, true, state, |local, access, state| {
        if !owning[local.index()] {
            return;
        }
        match (access, state.contains(local)) {
            (Access::Define, true) => error(format!("{local} is written while it owns a value")),
            (Access::Define, false) | (_, true) => {}
            (_, false) => error(format!("{local} is used where it owns no value")),
        }
    });
}

fn exit(
    cx: &Checker<'_>,
    kind: &TerminatorKind,
    owning: &[bool],
    state: &BitSet,
    error: &mut impl FnMut(String),
) {
    let mut expected = BitSet::new(owning.len());
    let mut expect = |local: Local| {
        if owning[local.index()] {
            expected.insert(local);
        }
    };
    match kind {
        TerminatorKind::Return => {
            expect(RETURN);
            cx.body.inout.iter().for_each(|local| expect(*local));
        }
        TerminatorKind::UnwindResume => cx.body.inout.iter().for_each(|local| expect(*local)),
        _ => return,
    }
    for local in (0..owning.len() as u32).map(Local) {
        match (expected.contains(local), state.contains(local)) {
            (true, false) => error(format!("{local} owns no value at the end")),
            (false, true) => error(format!("{local} still owns a value at the end")),
            _ => {}
        }
    }
}

/// Invariants 11 and 12. Forward: the state at a block is that of the first edge into it, all others must agree.
pub(super) fn ownership(cx: &mut Checker<'_>) {
    for (block, message) in compute(cx).errors {
        cx.error(block, message);
    }
}

/// Invariant 15.
pub(super) fn points_hold_owned(cx: &mut Checker<'_>) {
    let owning = owning_locals(&cx.program.types, cx.body);
    let ownership = compute(cx);
    let mut errors = Vec::new();
    for (index, point) in cx.body.points.iter().enumerate() {
        let Some(Some(row)) = ownership.rows.get(point.block.index()) else { continue };
        let mut state = row.clone();
        if index > 0 {
            walk_owned(cx, point.block, &owning, &mut state, &mut |_| {});
        }
        let mut held: Vec<Local> = point.live.clone();
        held.extend(point.consumed.iter().map(|(local, _)| *local));
        if let BodyKind::Closure { .. } = cx.body.kind {
            held.retain(|local| *local != Local(1));
        }
        held.retain(|local| owning[local.index()]);
        held.sort_unstable();
        held.dedup();
        if held != state.iter().collect::<Vec<_>>() {
            errors.push((point.block, format!("point @{index} holds other values than are owned")));
        }
    }
    errors.into_iter().for_each(|(block, message)| cx.error(block, message));
}
