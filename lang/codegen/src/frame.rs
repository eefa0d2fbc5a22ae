//! Where each local has its slot in a function's frame.
//!
//! Input: a body with its suspend points. Output: offsets from the start of the [`Frame`]: the result, the slots, the wait records.
//!
//! Invariants: locals that stand in one point's frame map have disjoint slots; a slot's alignment is its type's; the size is a multiple of 8.
//!
//! Locals that never meet in a frame map may share a slot: greedy colouring, large slots first, within slots of equal size.

use std::collections::BTreeMap;

use orion_abi::WaitNode;
use orion_abi::frame::FRAME_RESULT_OFFSET;
use orion_mir::{Body, Local, PointData, RETURN, SuspendOp, TerminatorKind, Ty};

use crate::layout::{Layouts, Record, align_up};

/// A function's frame.
#[derive(Debug)]
pub struct FrameLayout<'c> {
    /// The result and the in-out values, with offsets from the start of the frame.
    pub results: Record<'c>,
    /// Offset of each local that has a slot; locals without bytes have one that is never used.
    pub slots: BTreeMap<Local, u64>,
    /// Offset of the wait records.
    pub wait_offset: u64,
    /// Bytes from the start of the frame to its end.
    pub size: u64,
}

/// Types of what a body hands back: its result and its in-out values.
pub fn result_types(body: &Body) -> Vec<Ty> {
    std::iter::once(RETURN).chain(body.inout.iter().copied()).map(|l| body.ty(l)).collect()
}

/// The locals of a point's frame map, each once.
pub fn point_locals(point: &PointData) -> Vec<Local> {
    let mut locals = point.live.clone();
    locals.extend(point.consumed.iter().map(|&(local, _)| local));
    locals.extend(point.dests.iter().map(|&(local, _)| local));
    locals.sort_unstable();
    locals.dedup();
    locals
}

/// How many things the point waits for.
pub fn arm_count(body: &Body, point: &PointData) -> usize {
    let TerminatorKind::Suspend { op, .. } = &body.block(point.block).terminator.kind else {
        return 0;
    };
    match op {
        SuspendOp::Select { arms, after, .. } => arms.len() + usize::from(after.is_some()),
        SuspendOp::JoinTimeout { .. } => 2,
        SuspendOp::Poll { .. }
        | SuspendOp::Yield { .. }
        | SuspendOp::Idle { .. }
        | SuspendOp::Pause { .. }
        | SuspendOp::Checkpoint { .. } => 0,
        _ => 1,
    }
}

/// Lays out the frame of `body`.
pub fn layout<'c>(layouts: &mut Layouts<'c, '_>, body: &Body) -> FrameLayout<'c> {
    let mut results = layouts.record(&result_types(body), FRAME_RESULT_OFFSET as u64);
    results.align = 8;
    let mut end = align_up(results.size, 8);

    let maps: Vec<Vec<Local>> = body.points.iter().map(point_locals).collect();
    let mut neighbours: BTreeMap<Local, Vec<Local>> = BTreeMap::new();
    for map in &maps {
        for &local in map {
            neighbours.entry(local).or_default().extend(map);
        }
    }
    let mut order: Vec<(Local, u64, u64)> = neighbours
        .keys()
        .map(|&local| {
            let layout = layouts.of(body.ty(local));
            (local, layout.size, layout.align)
        })
        .collect();
    order.sort_by_key(|&(local, size, align)| (std::cmp::Reverse((align, size)), local));

    let mut slots: BTreeMap<Local, u64> = BTreeMap::new();
    // Slots made so far: offset, size, and who shares it.
    let mut made: Vec<(u64, u64, Vec<Local>)> = Vec::new();
    for (local, size, align) in order {
        if size == 0 {
            slots.insert(local, FRAME_RESULT_OFFSET as u64);
            continue;
        }
        let met = &neighbours[&local];
        let free = made.iter_mut().find(|(offset, bytes, owners)| {
            *bytes == size && offset % align == 0 && owners.iter().all(|owner| !met.contains(owner))
        });
        let offset = match free {
            Some((offset, _, owners)) => {
                owners.push(local);
                *offset
            }
            None => {
                let offset = align_up(end, align);
                end = offset + size;
                made.push((offset, size, vec![local]));
                offset
            }
        };
        slots.insert(local, offset);
    }

    let wait_offset = align_up(end, 8);
    let arms = body.points.iter().map(|point| arm_count(body, point)).max().unwrap_or(0);
    let size = wait_offset + (arms * size_of::<WaitNode>()) as u64;
    FrameLayout { results, slots, wait_offset, size }
}
