//! Puts small functions into their callers.
//!
//! Input: a program after `effects` and `simplify`. Output: the same behaviour. Postcondition: no function calls one that neither suspends nor
//! unwinds nor calls by itself and has at most [`STATEMENTS_MAX`] statements in [`BLOCKS_MAX`] blocks (up to [`ROUNDS`] levels deep).
//!
//! Only functions that cannot unwind are taken: they never show in a stack. They have no loops either, for loops poll. What it is for: a list that is
//! passed to `len` or `push` is neither counted nor shared on the way.
//!
//! Algorithm: in rounds, each call of a candidate is replaced by a copy of its blocks with locals of their own; arguments are assigned to the copies
//! of the parameters, `Return` becomes assignments of the result and the in-out values. `copy_prop` removes the copies.

use crate::access::{self, Access};
use crate::body::{
    Block, BlockData, Body, BodyId, BodyKind, Callee, Const, Local, LocalDecl, Operand, Place,
    Program, Proj, RETURN, Rvalue, Statement, StatementKind, Terminator, TerminatorKind,
};
use crate::cfg;
use crate::ty::{TyKind, TypeTable};
use crate::typing::is_linear;

/// Statements of a function that is copied: a few list or string operations.
const STATEMENTS_MAX: usize = 12;
/// Blocks of a function that is copied.
const BLOCKS_MAX: usize = 6;
/// Levels of calls that disappear.
const ROUNDS: usize = 3;
/// A caller that has grown so large takes no more: the analyses are not quite linear.
const CALLER_BLOCKS_MAX: usize = 20_000;

/// Runs over the program.
pub fn run(program: &mut Program) {
    for _ in 0..ROUNDS {
        let candidates: Vec<Option<Body>> = program
            .bodies
            .iter()
            .enumerate()
            .map(|(id, body)| {
                (!program.is_entry(BodyId(id as u32)) && is_candidate(body)).then(|| body.clone())
            })
            .collect();
        let mut changed = false;
        for body in &mut program.bodies {
            changed |= inline_into(&program.types, body, &candidates);
        }
        if !changed {
            break;
        }
        super::simplify::run(program);
    }
}

fn is_candidate(body: &Body) -> bool {
    body.kind == BodyKind::Function
        && !body.may_suspend
        && !body.may_unwind
        && !body.blocks.is_empty()
        && body.blocks.len() <= BLOCKS_MAX
        && body.blocks.iter().map(|block| block.statements.len()).sum::<usize>() <= STATEMENTS_MAX
        && body.blocks.iter().all(|block| {
            matches!(
                block.terminator.kind,
                TerminatorKind::Goto(_)
                    | TerminatorKind::Switch { .. }
                    | TerminatorKind::Return
                    | TerminatorKind::Unreachable
            )
        })
}

fn inline_into(types: &TypeTable, caller: &mut Body, candidates: &[Option<Body>]) -> bool {
    let mut changed = false;
    for index in 0..caller.blocks.len() {
        if caller.blocks.len() > CALLER_BLOCKS_MAX {
            break;
        }
        let TerminatorKind::Call { callee: Callee::Body(id), .. } =
            &caller.blocks[index].terminator.kind
        else {
            continue;
        };
        if let Some(callee) = &candidates[id.index()] {
            inline_call(types, caller, Block(index as u32), callee);
            changed = true;
        }
    }
    changed
}

fn inline_call(types: &TypeTable, caller: &mut Body, at: Block, callee: &Body) {
    let first_local = caller.locals.len() as u32;
    let first_block = caller.blocks.len() as u32;
    let loc = caller.block(at).terminator.loc;
    // Copies have no names: they are nobody's variables in the caller.
    caller.locals.extend(callee.locals.iter().map(|decl| LocalDecl {
        name: None,
        ty: decl.ty,
        loc: decl.loc,
    }));
    let new_local = |local: Local| Local(local.0 + first_local);

    let data = &mut caller.blocks[at.index()];
    let goto = TerminatorKind::Goto(Block(first_block));
    let kind = std::mem::replace(&mut data.terminator.kind, goto);
    let TerminatorKind::Call { args, dest, inout, target, .. } = kind else { return };
    for (param, arg) in callee.params().zip(args) {
        data.statements.push(assign(new_local(param), Rvalue::Use(arg), loc));
    }
    for block in &callee.blocks {
        let mut block: BlockData = block.clone();
        for statement in &mut block.statements {
            rename_statement(&mut statement.kind, &new_local);
        }
        match &mut block.terminator.kind {
            TerminatorKind::Switch { value, .. } => rename_operand(value, &new_local),
            TerminatorKind::Return => {
                let give = |local: Local| {
                    let ty = callee.ty(local);
                    let local = new_local(local);
                    Rvalue::Use(match types.kind(ty) {
                        TyKind::Unit => Operand::Const(Const::Unit),
                        _ if is_linear(types, ty) => Operand::Move(local),
                        _ => Operand::Copy(local.into()),
                    })
                };
                block.statements.push(assign(dest, give(RETURN), loc));
                for (param, to) in callee.inout.iter().zip(&inout) {
                    block.statements.push(assign(*to, give(*param), loc));
                }
                block.terminator = Terminator { kind: TerminatorKind::Goto(target), loc };
                caller.blocks.push(block);
                continue;
            }
            _ => {}
        }
        for target in cfg::targets_mut(&mut block.terminator.kind) {
            target.0 += first_block;
        }
        caller.blocks.push(block);
    }
}

fn assign(local: Local, value: Rvalue, loc: crate::body::Loc) -> Statement {
    Statement { kind: StatementKind::Assign(local.into(), value), loc }
}

/// Replaces every local of a statement.
pub(super) fn rename_statement(kind: &mut StatementKind, new: &impl Fn(Local) -> Local) {
    match kind {
        StatementKind::Assign(place, value) => {
            rename_rvalue(value, new);
            rename_place(place, new);
        }
        StatementKind::Drop(place) | StatementKind::MakeUnique(place) => rename_place(place, new),
        StatementKind::SetLen(place, len) => {
            rename_operand(len, new);
            rename_place(place, new);
        }
        StatementKind::Nop => {}
    }
}

/// Replaces every local of an rvalue.
pub(super) fn rename_rvalue(value: &mut Rvalue, new: &impl Fn(Local) -> Local) {
    match value {
        Rvalue::Tag(place) | Rvalue::Len(place) | Rvalue::Take(place) => rename_place(place, new),
        _ => access::rvalue_operands_mut(value)
            .into_iter()
            .for_each(|operand| rename_operand(operand, new)),
    }
}

/// Replaces every local of an operand.
pub(super) fn rename_operand(operand: &mut Operand, new: &impl Fn(Local) -> Local) {
    match operand {
        Operand::Copy(place) | Operand::Borrow(place) => rename_place(place, new),
        Operand::Move(local) => *local = new(*local),
        Operand::Const(_) => {}
    }
}

fn rename_place(place: &mut Place, new: &impl Fn(Local) -> Local) {
    place.local = new(place.local);
    for step in &mut place.projection {
        if let Proj::Index(index) = step {
            *index = new(*index);
        }
    }
}

/// Whether an access leaves the value as it is.
pub(super) fn only_reads(access: Access) -> bool {
    matches!(access, Access::Copy | Access::Borrow)
}
