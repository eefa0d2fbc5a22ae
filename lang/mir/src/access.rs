//! Which locals a statement or terminator reads and writes, and how: what all analyses and passes are built on.
//!
//! Accesses are reported in the order of evaluation: operands left to right, the written place last. What happens on one edge of a terminator only
//! (destinations, consumed operands) is not reported here but by [`crate::cfg::edges`].

use crate::body::{
    Callee, Failure, Local, Operand, Place, Proj, Rvalue, StatementKind, TerminatorKind,
};
use crate::suspend::{SelectArmKind, SuspendOp};

/// How a local is accessed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// A new owner of the value, or of a part of it, is made.
    Copy,
    /// The value leaves the local.
    Move,
    /// The value, or a part of it, is looked at.
    Borrow,
    /// A part of the value is changed (written, dropped, taken, made unique): the local is read and stays valid.
    Modify,
    /// The value is dropped; the local is dead afterwards.
    Drop,
    /// The whole local is written.
    Define,
}

impl Access {
    /// Whether the local must be valid before.
    #[must_use]
    pub fn is_use(self) -> bool {
        self != Self::Define
    }

    /// Whether the local is dead afterwards, if it owns anything.
    #[must_use]
    pub fn consumes(self) -> bool {
        matches!(self, Self::Move | Self::Drop)
    }
}

/// Reports the locals of a place: indices first, then the base by `access`.
pub fn place(place: &Place, access: Access, f: &mut (impl FnMut(Local, Access) + ?Sized)) {
    for step in &place.projection {
        if let Proj::Index(index) = step {
            f(*index, Access::Borrow);
        }
    }
    f(place.local, access);
}

/// Reports the locals of an operand.
pub fn operand(operand: &Operand, f: &mut (impl FnMut(Local, Access) + ?Sized)) {
    match operand {
        Operand::Copy(p) => place(p, Access::Copy, f),
        Operand::Move(local) => f(*local, Access::Move),
        Operand::Borrow(p) => place(p, Access::Borrow, f),
        Operand::Const(_) => {}
    }
}

/// The operands of an rvalue.
#[must_use]
pub fn rvalue_operands(rvalue: &Rvalue) -> Vec<&Operand> {
    match rvalue {
        Rvalue::Use(a) | Rvalue::Unary(_, a) | Rvalue::Cast(a, _) => vec![a],
        Rvalue::Binary(_, a, b) | Rvalue::Checked(_, a, b) => vec![a, b],
        Rvalue::Tuple(items)
        | Rvalue::Variant(_, _, items)
        | Rvalue::List(_, items)
        | Rvalue::Closure(_, _, items)
        | Rvalue::Generator(_, _, items)
        | Rvalue::Intrinsic(_, items) => items.iter().collect(),
        Rvalue::Tag(_) | Rvalue::Len(_) | Rvalue::Take(_) => Vec::new(),
    }
}

/// The operands of an rvalue, to change them.
#[must_use]
pub fn rvalue_operands_mut(rvalue: &mut Rvalue) -> Vec<&mut Operand> {
    match rvalue {
        Rvalue::Use(a) | Rvalue::Unary(_, a) | Rvalue::Cast(a, _) => vec![a],
        Rvalue::Binary(_, a, b) | Rvalue::Checked(_, a, b) => vec![a, b],
        Rvalue::Tuple(items)
        | Rvalue::Variant(_, _, items)
        | Rvalue::List(_, items)
        | Rvalue::Closure(_, _, items)
        | Rvalue::Generator(_, _, items)
        | Rvalue::Intrinsic(_, items) => items.iter_mut().collect(),
        Rvalue::Tag(_) | Rvalue::Len(_) | Rvalue::Take(_) => Vec::new(),
    }
}

/// Reports the locals of an rvalue.
pub fn rvalue(rvalue: &Rvalue, f: &mut (impl FnMut(Local, Access) + ?Sized)) {
    match rvalue {
        Rvalue::Tag(p) | Rvalue::Len(p) => place(p, Access::Borrow, f),
        Rvalue::Take(p) => place(p, Access::Modify, f),
        _ => rvalue_operands(rvalue).into_iter().for_each(|item| operand(item, f)),
    }
}

/// Reports the locals of a statement.
pub fn statement(kind: &StatementKind, f: &mut (impl FnMut(Local, Access) + ?Sized)) {
    match kind {
        StatementKind::Assign(target, value) => {
            rvalue(value, f);
            let whole = target.projection.is_empty();
            place(target, if whole { Access::Define } else { Access::Modify }, f);
        }
        StatementKind::Drop(target) => {
            let whole = target.projection.is_empty();
            place(target, if whole { Access::Drop } else { Access::Modify }, f);
        }
        StatementKind::MakeUnique(target) => place(target, Access::Modify, f),
        StatementKind::SetLen(target, len) => {
            operand(len, f);
            place(target, Access::Modify, f);
        }
        StatementKind::Nop => {}
    }
}

/// The operands of a terminator that are evaluated before it branches.
#[must_use]
pub fn terminator_operands(kind: &TerminatorKind) -> Vec<&Operand> {
    match kind {
        TerminatorKind::Switch { value, .. } => vec![value],
        TerminatorKind::Assert { cond, failure, .. } => {
            let mut items = vec![cond];
            match failure {
                Failure::Shift(a, _) | Failure::Cast(a) | Failure::Length(a) => items.push(a),
                Failure::Index(a, b) => items.extend([a, b]),
                Failure::Overflow(_)
                | Failure::DivideByZero
                | Failure::RemainderByZero
                | Failure::RecvClosed
                | Failure::SendClosed
                | Failure::Assert => {}
            }
            items
        }
        TerminatorKind::Panic { message, .. } => vec![message],
        TerminatorKind::Call { args, .. } => args.iter().collect(),
        TerminatorKind::Spawn { args, name, .. } => args.iter().chain(name).collect(),
        TerminatorKind::Goto(_)
        | TerminatorKind::Return
        | TerminatorKind::UnwindResume
        | TerminatorKind::Suspend { .. }
        | TerminatorKind::Unreachable => Vec::new(),
    }
}

/// The owned operands of a terminator (arguments, messages, names), to change them.
#[must_use]
pub fn terminator_owned_operands_mut(kind: &mut TerminatorKind) -> Vec<&mut Operand> {
    match kind {
        TerminatorKind::Panic { message, .. } => vec![message],
        TerminatorKind::Call { args, .. } => args.iter_mut().collect(),
        TerminatorKind::Spawn { args, name, .. } => args.iter_mut().chain(name).collect(),
        _ => Vec::new(),
    }
}

/// Reports the locals that a terminator reads before it branches. Operands of suspend points that an arm consumes are reported as borrowed: they
/// stay valid until the edge is taken.
pub fn terminator(kind: &TerminatorKind, f: &mut (impl FnMut(Local, Access) + ?Sized)) {
    for item in terminator_operands(kind) {
        operand(item, f);
    }
    match kind {
        TerminatorKind::Call { callee: Callee::Value(local), .. } => f(*local, Access::Borrow),
        TerminatorKind::Spawn { scope, .. } => f(*scope, Access::Borrow),
        TerminatorKind::Suspend { op, .. } => {
            for local in suspend_operands(op) {
                f(local, Access::Borrow);
            }
        }
        _ => {}
    }
}

/// The locals that a suspend point reads, in order: channels, durations, tasks, scopes, values.
#[must_use]
pub fn suspend_operands(op: &SuspendOp) -> Vec<Local> {
    match op {
        SuspendOp::Poll { .. }
        | SuspendOp::Yield { .. }
        | SuspendOp::Idle { .. }
        | SuspendOp::Pause { .. }
        | SuspendOp::Checkpoint { .. }
        | SuspendOp::GenYield { .. } => Vec::new(),
        SuspendOp::Sleep { duration, .. } => vec![*duration],
        SuspendOp::Io { request, .. } => vec![*request],
        SuspendOp::Send { chan, value, .. } => vec![*chan, *value],
        SuspendOp::Recv { chan, .. } => vec![*chan],
        SuspendOp::Select { arms, after, .. } => {
            let mut locals = Vec::new();
            for arm in arms {
                locals.push(arm.chan);
                if let SelectArmKind::Send(value) = arm.kind {
                    locals.push(value);
                }
            }
            locals.extend(after.iter().map(|(duration, _)| *duration));
            locals
        }
        SuspendOp::Join { task, .. }
        | SuspendOp::TryJoin { task, .. }
        | SuspendOp::Cancel { task, .. } => vec![*task],
        SuspendOp::JoinTimeout { task, duration, .. } => vec![*task, *duration],
        SuspendOp::ScopeExit { scope, .. } | SuspendOp::ScopeCancel { scope, .. } => vec![*scope],
        SuspendOp::GenNext { generator, .. } => vec![*generator],
        SuspendOp::GenStop { value, .. } => vec![*value],
    }
}
