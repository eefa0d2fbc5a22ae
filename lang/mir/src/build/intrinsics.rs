//! Intrinsics of the language: what each `@name` and each operation of the standard library becomes.

use orion_hir as hir;
use orion_hir::{Arg, Intrinsic as H};

use super::builder::Builder;
use super::channel::{NONE, SOME};
use super::expr::Use;
use crate::body::{Const, Local, Operand, Rvalue, TerminatorKind};
use crate::intrinsic::{Intrinsic, Pass};
use crate::suspend::SuspendOp;
use crate::ty::{Ty, TyKind};

impl<'h> Builder<'_, '_, 'h> {
    pub(super) fn lower_intrinsic(
        &mut self,
        which: H,
        _types: &[hir::TyId],
        args: &'h [Arg],
        expr: &'h hir::Expr,
        dest: Option<Local>,
    ) {
        let values: Vec<&'h hir::Expr> = args
            .iter()
            .filter_map(|arg| match arg {
                Arg::Value(value) => Some(value),
                Arg::Mut(_) => None,
            })
            .collect();
        match which {
            H::ChanSend => {
                self.lower_send(values[0], values[1]);
                self.give_unit(expr, dest);
            }
            H::ChanRecv => self.lower_recv(values[0], dest),
            H::ChanRecvOption => {
                let ty = self.ty(expr.ty);
                self.lower_recv_option(values[0], ty, dest);
            }
            H::Join => self.lower_join(values[0], dest),
            H::TryJoin => {
                let ty = self.ty(expr.ty);
                self.lower_try_join(values[0], ty, dest);
            }
            H::JoinTimeout => {
                let ty = self.ty(expr.ty);
                self.lower_join_timeout(values[0], values[1], ty, dest);
            }
            H::Cancel => {
                self.lower_cancel(values[0]);
                self.give_unit(expr, dest);
            }
            H::YieldNow | H::Idle | H::Checkpoint | H::Pause | H::Sleep => {
                self.lower_wait(which, values.first().copied());
                self.give_unit(expr, dest);
            }
            H::Io => {
                let ty = self.ty(expr.ty);
                self.lower_io(&values, ty, dest);
            }
            H::Panic => {
                let message = self.operand(values[0]);
                let unwind = self.unwind();
                self.terminate(TerminatorKind::Panic { message, unwind });
            }
            H::Assert => {
                self.lower_assert(values[0], values[1]);
                self.give_unit(expr, dest);
            }
            H::Exit => {
                let status = self.borrow(values[0]);
                // The system keeps the low bits only.
                let i32 = self.int(crate::ty::IntTy::I32);
                let status = self.cast(status, i32);
                let unit = self.unit();
                self.temp_of(unit, Rvalue::Intrinsic(Intrinsic::Exit, vec![status]));
                self.terminate(TerminatorKind::Unreachable);
            }
            H::Env => {
                let ty = self.ty(expr.ty);
                self.lower_env(values[0], ty, dest);
            }
            H::ListPush
            | H::ListPop
            | H::ListInsert
            | H::ListRemove
            | H::ListSwap
            | H::ListTruncate
            | H::ListReserve => self.change_list(which, args, dest),
            H::GenYield
            | H::GenSend
            | H::GenNext
            | H::GenResult
            | H::GenDone
            | H::GenStop
            | H::Save
            | H::Load => self.lower_generator(which, args, expr, dest),
            _ => {
                let value = self.simple_intrinsic(which, &values, expr);
                match dest {
                    Some(dest) => self.assign(dest, value),
                    None if !matches!(value, Rvalue::Use(_)) => {
                        let ty = self.ty(expr.ty);
                        self.temp_of(ty, value);
                    }
                    None => {}
                }
            }
        }
    }

    fn lower_wait(&mut self, which: H, duration: Option<&'h hir::Expr>) {
        let duration = duration.map(|duration| self.borrow_local(duration));
        self.suspend(|target| match (which, duration) {
            (_, Some(duration)) => SuspendOp::Sleep { duration, target },
            (H::YieldNow, _) => SuspendOp::Yield { target },
            (H::Idle, _) => SuspendOp::Idle { target },
            (H::Checkpoint, _) => SuspendOp::Checkpoint { target },
            _ => SuspendOp::Pause { target },
        });
    }

    fn lower_io(&mut self, operands: &[&'h hir::Expr], answer: Ty, dest: Option<Local>) {
        let tys = operands.iter().map(|operand| self.ty(operand.ty)).collect();
        let tuple = self.cx.types.intern(TyKind::Tuple(tys));
        let operands = self.operands(operands, Use::Own);
        let request = self.temp_of(tuple, Rvalue::Tuple(operands));
        let dest = dest.unwrap_or_else(|| self.temp(answer));
        self.suspend(|target| SuspendOp::Io { request, dest, target });
    }

    /// The message is evaluated only when it is needed.
    fn lower_assert(&mut self, cond: &'h hir::Expr, message: &'h hir::Expr) {
        let (holds, fails) = (self.new_block(), self.new_block());
        self.branch(cond, holds, fails);
        self.block = fails;
        let message = self.operand(message);
        let unwind = self.unwind();
        self.terminate_to(TerminatorKind::Panic { message, unwind }, holds);
    }

    fn lower_env(&mut self, name: &'h hir::Expr, ty: Ty, dest: Option<Local>) {
        let (bool, str) = (self.bool(), self.str());
        let name = self.borrow(name);
        let Some(dest) = dest else { return };
        let args = vec![name.clone()];
        let has = self.temp_of(bool, Rvalue::Intrinsic(Intrinsic::EnvHas, args));
        let (yes, no, end) = (self.new_block(), self.new_block(), self.new_block());
        self.branch_on(Operand::Borrow(has.into()), yes, no);
        self.block = yes;
        let value = self.temp_of(str, Rvalue::Intrinsic(Intrinsic::EnvGet, vec![name]));
        let value = self.own_local(value);
        self.assign(dest, Rvalue::Variant(ty, SOME, vec![value]));
        self.goto(end);
        self.block = no;
        self.assign(dest, Rvalue::Variant(ty, NONE, Vec::new()));
        self.enter(end);
    }

    /// One runtime operation, or none.
    fn simple_intrinsic(&mut self, which: H, values: &[&'h hir::Expr], expr: &hir::Expr) -> Rvalue {
        let ty = self.ty(expr.ty);
        match which {
            H::ListLen => {
                let list = self.place_of(values[0]);
                Rvalue::Len(list)
            }
            H::DurationNs | H::DurationFromNs | H::InstantNs | H::InstantFromNs => {
                let value = self.borrow(values[0]);
                Rvalue::Cast(value, ty)
            }
            H::HashStr => {
                let u64 = self.int(crate::ty::IntTy::U64);
                let text = self.borrow(values[0]);
                let seed = self.temp_of(u64, Rvalue::Intrinsic(Intrinsic::HashSeed, Vec::new()));
                Rvalue::Intrinsic(Intrinsic::StrHash, vec![text, Operand::Borrow(seed.into())])
            }
            H::StrByte => {
                let i64 = self.i64();
                let mut text = self.place_of(values[0]);
                if self.is_changed_by(values[0], values[1]) {
                    let str = self.str();
                    text = self.temp_of(str, Rvalue::Use(Operand::Copy(text))).into();
                }
                let index = self.borrow_local(values[1]);
                let args = vec![Operand::Borrow(text.clone())];
                let len = self.temp_of(i64, Rvalue::Intrinsic(Intrinsic::StrLen, args));
                self.check_below(index, len);
                let args = vec![Operand::Borrow(text), Operand::Borrow(index.into())];
                Rvalue::Intrinsic(Intrinsic::StrByte, args)
            }
            _ => {
                let which = target(which);
                let info = which.info();
                let is_push = appends(which);
                let how = match info.params.first() {
                    Some(Pass::Own) if !is_push => Use::Own,
                    _ => Use::Borrow,
                };
                let mut args = self.operands(values, how);
                if is_push {
                    args.insert(0, Operand::Const(Const::Str(String::new())));
                }
                if info.panics {
                    let result = self.call_intrinsic(which, args, ty);
                    return Rvalue::Use(self.own_local(result));
                }
                Rvalue::Intrinsic(which, args)
            }
        }
    }
}

/// Whether the operation appends to a string: the show operations give what it appends to nothing.
fn appends(which: Intrinsic) -> bool {
    matches!(
        which,
        Intrinsic::StrPushI64
            | Intrinsic::StrPushU64
            | Intrinsic::StrPushF64
            | Intrinsic::StrPushF32
            | Intrinsic::StrPushCharQuoted
            | Intrinsic::StrPushQuoted
            | Intrinsic::StrPushDuration
            | Intrinsic::StrPushInstant
    )
}

/// The runtime operation of an intrinsic that is one.
fn target(which: H) -> Intrinsic {
    match which {
        H::Channel => Intrinsic::ChanNew,
        H::ChanClose => Intrinsic::ChanClose,
        H::RecvLen | H::SendLen => Intrinsic::ChanLen,
        H::RecvCap | H::SendCap => Intrinsic::ChanCap,
        H::RequestCancel => Intrinsic::RequestCancel,
        H::CancelScope => Intrinsic::CancelScope,
        H::Now => Intrinsic::Now,
        H::TaskName => Intrinsic::TaskName,
        H::TaskId => Intrinsic::TaskId,
        H::Args => Intrinsic::Args,
        H::Print => Intrinsic::Print,
        H::EPrint => Intrinsic::EPrint,
        H::StrLen => Intrinsic::StrLen,
        H::StrFind => Intrinsic::StrFind,
        H::StrConcat => Intrinsic::StrConcat,
        H::StrFromChars => Intrinsic::StrFromChars,
        H::StrFromBytes => Intrinsic::StrFromBytes,
        H::StrValid => Intrinsic::StrValid,
        H::StrTrim => Intrinsic::StrTrim,
        H::StrUpper => Intrinsic::StrUpper,
        H::StrLower => Intrinsic::StrLower,
        H::StrIsFloat => Intrinsic::StrIsFloat,
        H::StrToFloat => Intrinsic::StrToFloat,
        H::ShowI64 => Intrinsic::StrPushI64,
        H::ShowU64 => Intrinsic::StrPushU64,
        H::ShowF64 => Intrinsic::StrPushF64,
        H::ShowF32 => Intrinsic::StrPushF32,
        H::ShowChar => Intrinsic::StrPushCharQuoted,
        H::ShowStr => Intrinsic::StrPushQuoted,
        H::ShowDuration => Intrinsic::StrPushDuration,
        H::ShowInstant => Intrinsic::StrPushInstant,
        H::HashMix => Intrinsic::HashMix,
        H::HashSeed => Intrinsic::HashSeed,
        H::RandomU64 => Intrinsic::RandomU64,
        H::F64Bits => Intrinsic::F64Bits,
        H::F64FromBits => Intrinsic::F64FromBits,
        H::Sqrt => Intrinsic::Sqrt,
        H::Sin => Intrinsic::Sin,
        H::Cos => Intrinsic::Cos,
        H::Tan => Intrinsic::Tan,
        H::Asin => Intrinsic::Asin,
        H::Acos => Intrinsic::Acos,
        H::Atan => Intrinsic::Atan,
        H::Atan2 => Intrinsic::Atan2,
        H::Exp => Intrinsic::Exp,
        H::Ln => Intrinsic::Ln,
        H::Log2 => Intrinsic::Log2,
        H::Log10 => Intrinsic::Log10,
        H::Pow => Intrinsic::Pow,
        H::Floor => Intrinsic::Floor,
        H::Ceil => Intrinsic::Ceil,
        H::Round => Intrinsic::Round,
        H::Trunc => Intrinsic::Trunc,
        other => unreachable!("`@{}` is lowered in its own way", other.name()),
    }
}
