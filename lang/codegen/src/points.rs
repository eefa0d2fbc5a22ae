//! Descriptors of functions with a coroutine body: suspend points, frame maps, arms.
//!
//! Input: a body and its frame's layout. Output: its [`FnDesc`].
//!
//! Invariants: what the runtime needs at a point (channels, durations, values) has a slot there; a point's identity is its kind, its text and its
//! ordinal among equals.

use std::collections::BTreeMap;
use std::mem::offset_of;

use inkwell::types::StructType;
use inkwell::values::PointerValue;
use orion_abi::desc::{
    ARM_AFTER, ARM_GEN, ARM_IO, ARM_JOIN, ARM_RECV, ARM_SCOPE, ARM_SEND, NO_SLOT, PointKind,
    SLOT_CONSUMED, SLOT_DEST, SLOT_LIVE,
};
use orion_abi::{ArmDesc, FnDesc, PointDesc, Site, SlotDesc, StaticStr};
use orion_mir::{
    Body, BodyKind, Callee, Local, PointData, SelectArmKind, SuspendOp, TerminatorKind, Ty, TyKind,
};

use crate::cx::{Coroutine, Cx};
use crate::desc::Record;
use crate::frame::{FrameLayout, result_types};

/// One thing a point waits for.
struct Arm<'p> {
    kind: u32,
    target: Option<Local>,
    value: Option<Local>,
    text: &'p str,
}

fn arm(kind: u32, target: Option<Local>, value: Option<Local>, text: &str) -> Arm<'_> {
    Arm { kind, target, value, text }
}

/// Kind and arms of an operation.
fn describe(op: &SuspendOp) -> (PointKind, Vec<Arm<'_>>) {
    match op {
        SuspendOp::Poll { .. } => (PointKind::Poll, vec![]),
        SuspendOp::Yield { .. } => (PointKind::Yield, vec![]),
        SuspendOp::Idle { .. } => (PointKind::Idle, vec![]),
        SuspendOp::Pause { .. } => (PointKind::Pause, vec![]),
        SuspendOp::Checkpoint { .. } => (PointKind::Checkpoint, vec![]),
        SuspendOp::Sleep { duration, .. } => {
            (PointKind::Sleep, vec![arm(ARM_AFTER, None, Some(*duration), "")])
        }
        SuspendOp::Io { request, dest, .. } => {
            (PointKind::Io, vec![arm(ARM_IO, Some(*request), Some(*dest), "")])
        }
        SuspendOp::Send { chan, value, text, .. } => {
            (PointKind::Send, vec![arm(ARM_SEND, Some(*chan), Some(*value), text)])
        }
        SuspendOp::Recv { chan, dest, text, .. } => {
            (PointKind::Recv, vec![arm(ARM_RECV, Some(*chan), Some(*dest), text)])
        }
        SuspendOp::Select { arms, after, .. } => {
            let mut out: Vec<Arm<'_>> = arms
                .iter()
                .map(|a| match a.kind {
                    SelectArmKind::Recv(dest) => arm(ARM_RECV, Some(a.chan), Some(dest), &a.text),
                    SelectArmKind::Send(value) => arm(ARM_SEND, Some(a.chan), Some(value), &a.text),
                })
                .collect();
            out.extend(after.as_ref().map(|(d, _)| arm(ARM_AFTER, None, Some(*d), "")));
            (PointKind::Select, out)
        }
        SuspendOp::Join { task, dest, .. } => {
            (PointKind::Join, vec![arm(ARM_JOIN, Some(*task), Some(*dest), "")])
        }
        SuspendOp::TryJoin { task, dest, .. } => {
            (PointKind::TryJoin, vec![arm(ARM_JOIN, Some(*task), Some(*dest), "")])
        }
        SuspendOp::JoinTimeout { task, duration, dest, .. } => (
            PointKind::JoinTimeout,
            vec![
                arm(ARM_JOIN, Some(*task), Some(*dest), ""),
                arm(ARM_AFTER, None, Some(*duration), ""),
            ],
        ),
        SuspendOp::Cancel { task, .. } => {
            (PointKind::Cancel, vec![arm(ARM_JOIN, Some(*task), None, "")])
        }
        SuspendOp::ScopeExit { scope, .. } => {
            (PointKind::ScopeExit, vec![arm(ARM_SCOPE, Some(*scope), None, "")])
        }
        SuspendOp::ScopeCancel { scope, .. } => {
            (PointKind::ScopeCancel, vec![arm(ARM_SCOPE, Some(*scope), None, "")])
        }
        SuspendOp::GenNext { generator, dest, .. } => {
            (PointKind::GenNext, vec![arm(ARM_GEN, Some(*generator), Some(*dest), "")])
        }
        SuspendOp::GenStop { value, .. } => {
            (PointKind::GenStop, vec![arm(ARM_GEN, None, Some(*value), "")])
        }
        SuspendOp::GenYield { dest, .. } => {
            (PointKind::GenYield, vec![arm(ARM_GEN, None, Some(*dest), "")])
        }
    }
}

/// Name of a local in descriptors: as in the source, or `_3`.
fn local_name(body: &Body, local: Local) -> String {
    body.locals[local.index()].name.clone().unwrap_or_else(|| local.to_string())
}

impl<'c> Cx<'c, '_> {
    /// The LLVM type of a [`FnDesc`], so that it can be referred to before it is filled in.
    pub(crate) fn fn_desc_shape(&self) -> StructType<'c> {
        let null = self.t.ptr.const_null();
        let (word, half) = (self.t.i64.const_zero(), self.t.i32.const_zero());
        let mut record = Record::new(size_of::<FnDesc>());
        let site = offset_of!(FnDesc, site);
        let texts = [
            offset_of!(FnDesc, name),
            site + offset_of!(Site, function),
            site + offset_of!(Site, file),
        ];
        for text in texts {
            record.put(text + offset_of!(StaticStr, ptr), null);
            record.put(text + offset_of!(StaticStr, len), word);
        }
        record.put(site + offset_of!(Site, line), half);
        record.put(site + offset_of!(Site, column), half);
        record.put(offset_of!(FnDesc, mir_hash), word);
        record.put(offset_of!(FnDesc, ramp), null);
        record.put(offset_of!(FnDesc, resume), null);
        record.put(offset_of!(FnDesc, result), null);
        record.put(offset_of!(FnDesc, points), null);
        record.put(offset_of!(FnDesc, generator), null);
        record.put(offset_of!(FnDesc, point_count), half);
        record.put(offset_of!(FnDesc, frame_size), half);
        record.build(self).get_type()
    }

    /// The descriptor of a function with a coroutine body.
    pub(crate) fn fn_record(&mut self, body: &Body, coroutine: &Coroutine<'c>) -> Record<'c> {
        let points = self.point_table(body, &coroutine.frame);
        let result = self.result_desc(&result_types(body));
        let mut record = Record::new(size_of::<FnDesc>());
        record.text(self, offset_of!(FnDesc, name), &body.name);
        self.embed_site(&mut record, offset_of!(FnDesc, site), &body.name, body.loc);
        record.put(offset_of!(FnDesc, mir_hash), self.t.i64.const_int(body.hash, false));
        let ramp = coroutine.ramp.as_global_value().as_pointer_value();
        record.put(offset_of!(FnDesc, ramp), ramp);
        let enter = coroutine.enter.as_global_value().as_pointer_value();
        record.put(offset_of!(FnDesc, resume), enter);
        record.put(offset_of!(FnDesc, result), result);
        record.put(offset_of!(FnDesc, points), points);
        let generator = match body.kind {
            BodyKind::Generator(ty) => self.type_desc(ty),
            _ => self.t.ptr.const_null(),
        };
        record.put(offset_of!(FnDesc, generator), generator);
        let count = self.t.i32.const_int(body.points.len() as u64, false);
        record.put(offset_of!(FnDesc, point_count), count);
        let size = self.t.i32.const_int(coroutine.frame.size, false);
        record.put(offset_of!(FnDesc, frame_size), size);
        record
    }

    fn point_table(&mut self, body: &Body, frame: &FrameLayout<'c>) -> PointerValue<'c> {
        let mut seen: BTreeMap<(u32, String), u64> = BTreeMap::new();
        let mut records = Vec::new();
        for (number, point) in body.points.iter().enumerate() {
            let terminator = &body.block(point.block).terminator;
            let (kind, arms, text) = if number == 0 {
                (PointKind::Start, vec![], String::new())
            } else {
                match &terminator.kind {
                    TerminatorKind::Suspend { op, .. } => {
                        let (kind, arms) = describe(op);
                        let text = match kind {
                            PointKind::Select => String::new(),
                            _ => arms.first().map_or(String::new(), |a| a.text.to_owned()),
                        };
                        (kind, arms, text)
                    }
                    TerminatorKind::Call { callee, .. } => {
                        let text = match callee {
                            Callee::Body(id) => self.program.body(*id).name.clone(),
                            Callee::Value(local) => local_name(body, *local),
                            Callee::Intrinsic(_) => String::new(),
                        };
                        (PointKind::Call, vec![], text)
                    }
                    _ => unreachable!("the MIR's verifier: points are calls and suspensions"),
                }
            };
            let loc = if number == 0 { body.loc } else { terminator.loc };
            let next = seen.entry((kind as u32, text.clone())).or_default();
            let ordinal = *next;
            *next += 1;
            let owner = format!("{}@{number}", body.name);
            let callee_result = self.callee_result(body, &terminator.kind, number);
            let (slots, slot_count) = self.slot_table(body, frame, point, &owner);
            let arm_count = arms.len();
            let arms = self.arm_table(body, frame, &arms, &owner);
            let mut record = Record::new(size_of::<PointDesc>());
            let int = |value: u64| self.t.i32.const_int(value, false);
            record.put(offset_of!(PointDesc, kind), int(kind as u64));
            record.put(offset_of!(PointDesc, ordinal), int(ordinal));
            record.put(offset_of!(PointDesc, callee_result), callee_result);
            record.put(offset_of!(PointDesc, slots), slots);
            record.put(offset_of!(PointDesc, arms), arms);
            record.put(offset_of!(PointDesc, slot_count), int(slot_count as u64));
            record.put(offset_of!(PointDesc, arm_count), int(arm_count as u64));
            record.put(offset_of!(PointDesc, wait_offset), int(frame.wait_offset));
            record.text(self, offset_of!(PointDesc, text), &text);
            self.embed_site(&mut record, offset_of!(PointDesc, site), &body.name, loc);
            records.push(record.build(self));
        }
        self.table(&format!("points.{}", body.name), records)
    }

    /// What the callee's frame holds as its result at a call; null elsewhere.
    fn callee_result(
        &mut self,
        body: &Body,
        terminator: &TerminatorKind,
        number: usize,
    ) -> PointerValue<'c> {
        match terminator {
            TerminatorKind::Call { dest, inout, .. } if number > 0 => {
                let locals = std::iter::once(dest).chain(inout);
                let tys: Vec<Ty> = locals.map(|&local| body.ty(local)).collect();
                self.result_desc(&tys)
            }
            _ => self.t.ptr.const_null(),
        }
    }

    fn arm_table(
        &mut self,
        body: &Body,
        frame: &FrameLayout<'c>,
        arms: &[Arm<'_>],
        owner: &str,
    ) -> PointerValue<'c> {
        let slot = |local: Option<Local>| match local {
            None => NO_SLOT.into(),
            Some(local) => frame.slots.get(&local).copied().unwrap_or(NO_SLOT.into()),
        };
        let mut records = Vec::new();
        for arm in arms {
            let ty = self.arm_type(body, arm);
            let ty = ty.map_or(self.t.ptr.const_null(), |ty| self.type_desc(ty));
            let int = |value: u64| self.t.i32.const_int(value, false);
            let mut record = Record::new(size_of::<ArmDesc>());
            record.put(offset_of!(ArmDesc, kind), int(arm.kind.into()));
            record.put(offset_of!(ArmDesc, target_offset), int(slot(arm.target)));
            record.put(offset_of!(ArmDesc, value_offset), int(slot(arm.value)));
            record.put(offset_of!(ArmDesc, ty), ty);
            record.text(self, offset_of!(ArmDesc, text), arm.text);
            records.push(record.build(self));
        }
        self.table(&format!("arms.{owner}"), records)
    }

    /// The type of what passes at an arm; the channel or task knows it even where the value has no slot.
    fn arm_type(&self, body: &Body, arm: &Arm<'_>) -> Option<Ty> {
        let of_target = arm.target.and_then(|t| match self.program.types.kind(body.ty(t)) {
            TyKind::Chan(inner) | TyKind::Task(inner) | TyKind::Gen(inner, ..) => Some(*inner),
            _ => None,
        });
        of_target.or(arm.value.map(|v| body.ty(v)))
    }

    fn slot_table(
        &mut self,
        body: &Body,
        frame: &FrameLayout<'c>,
        point: &PointData,
        owner: &str,
    ) -> (PointerValue<'c>, usize) {
        let live = point.live.iter().map(|&l| (l, SLOT_LIVE, 0));
        let consumed = point.consumed.iter().map(|&(l, arm)| (l, SLOT_CONSUMED, arm));
        let dests = point.dests.iter().map(|&(l, arm)| (l, SLOT_DEST, arm));
        let mut records = Vec::new();
        for (local, role, arm) in live.chain(consumed).chain(dests) {
            let ty = self.type_desc(body.ty(local));
            let decl = &body.locals[local.index()];
            let ordinal = body.locals[..local.index()]
                .iter()
                .filter(|other| {
                    decl.name.is_some() && other.name == decl.name && other.ty == decl.ty
                })
                .count();
            let int = |value: u64| self.t.i32.const_int(value, false);
            let mut record = Record::new(size_of::<SlotDesc>());
            record.put(offset_of!(SlotDesc, ty), ty);
            record.put(offset_of!(SlotDesc, offset), int(frame.slots[&local]));
            record.put(offset_of!(SlotDesc, role), int(role.into()));
            record.put(offset_of!(SlotDesc, arm), int(arm.into()));
            record.put(offset_of!(SlotDesc, ordinal), int(ordinal as u64));
            record.text(self, offset_of!(SlotDesc, name), &local_name(body, local));
            records.push(record.build(self));
        }
        let count = records.len();
        (self.table(&format!("slots.{owner}"), records), count)
    }
}
