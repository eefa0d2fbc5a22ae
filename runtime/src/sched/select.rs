//! `select`: one ready arm, picked uniformly by the seeded generator.
//!
//! Algorithm: count the ready arms, draw, find the drawn one. When none is ready the frame registers on all channels (`park`); whoever comes
//! first claims it and unlinks the rest, so a loser's message is never taken.

use std::ptr::null_mut;

use orion_abi::{
    Ctx, Frame, PointDesc, WaitNode,
    ctx::FORCE_EXPLORE,
    desc::{ARM_RECV, ARM_SEND},
    frame::SelectArm,
    outcome::{OUTCOME_BLOCK, OUTCOME_DONE},
};
use orion_fast::{
    chan::{Chan, recv_now, send_now, wake},
    sync::{Alone, Policy, Shared, forced, is_parallel},
};

use crate::{
    frames::arms_of,
    sched::{
        cancel::orion_would_block_slow,
        explore::orion_explore_suspends,
        park::{node_of, target_of},
        team,
    },
    world::{worker_of, world_of},
};

/// Whether an operation on a channel would not wait.
#[inline(always)]
unsafe fn is_ready(chan: *const Chan, kind: u32) -> bool {
    // SAFETY: the channel is alive.
    unsafe {
        if kind == ARM_SEND {
            (*chan).closed != 0 || !(*chan).receivers.is_empty() || (*chan).len < (*chan).cap
        } else {
            (*chan).len > 0 || !(*chan).senders.is_empty() || (*chan).closed != 0
        }
    }
}

/// One channel arm.
#[derive(Clone, Copy)]
struct Arm {
    chan: *mut Chan,
    value: *mut u8,
    kind: u32,
}

/// Picks among `count` arms and does the operation: `arm << 1 | closed` or `OUTCOME_BLOCK`, and whom to wake.
#[inline(always)]
unsafe fn pick<P: Policy>(
    ctx: *mut Ctx,
    count: usize,
    arm_at: impl Fn(usize) -> Option<Arm>,
) -> (u32, *mut WaitNode) {
    // SAFETY: channels of arms are alive.
    unsafe {
        // Arms beyond the mask's width are looked at in a second pass; nobody writes such selects by hand.
        let (mut mask, mut beyond) = (0u64, 0u32);
        for index in 0..count {
            if arm_at(index).is_some_and(|arm| is_ready(arm.chan, arm.kind)) {
                if index < 64 {
                    mask |= 1 << index;
                } else {
                    beyond += 1;
                }
            }
        }
        let candidates = mask.count_ones() + beyond;
        if candidates == 0 {
            return (OUTCOME_BLOCK, null_mut());
        }
        let mut draw = match candidates {
            1 => 0,
            _ if is_parallel(ctx) => (*worker_of(ctx)).team.rng.below(candidates),
            _ => (*world_of(ctx)).rng.below(candidates),
        };
        let index = if draw < mask.count_ones() {
            for _ in 0..draw {
                mask &= mask - 1;
            }
            mask.trailing_zeros() as usize
        } else {
            draw -= mask.count_ones();
            let ready =
                |&index: &usize| arm_at(index).is_some_and(|arm| is_ready(arm.chan, arm.kind));
            (64..count).filter(ready).nth(draw as usize).unwrap_or(0)
        };
        let Some(arm) = arm_at(index) else { return (OUTCOME_BLOCK, null_mut()) };
        let (outcome, woken) = if arm.kind == ARM_SEND {
            send_now::<P>(arm.chan, arm.value)
        } else {
            recv_now::<P>(arm.chan, arm.value)
        };
        if outcome == OUTCOME_BLOCK {
            // Its waiters were all claimed by others, and are gone: among the rest there may be one.
            return pick::<P>(ctx, count, arm_at);
        }
        (((index as u32) << 1) | u32::from(outcome != OUTCOME_DONE), woken)
    }
}

/// Picks among the arms of a frame that stands at a channel operation or `select`, and does the operation; whom to wake.
unsafe fn pick_of_frame<P: Policy>(
    ctx: *mut Ctx,
    frame: *mut Frame,
    point: &PointDesc,
) -> (u32, *mut WaitNode) {
    // SAFETY: operands are in the frame's slots.
    unsafe {
        let arms = arms_of(point);
        pick::<P>(ctx, arms.len(), |index| {
            let arm = &arms[index];
            let target = target_of(frame, arm);
            (matches!(arm.kind, ARM_SEND | ARM_RECV) && !target.is_null()).then(|| Arm {
                chan: target.cast(),
                value: (*node_of(frame, point, index)).value,
                kind: arm.kind,
            })
        })
    }
}

/// Picks among the arms of a frame that stands at a channel operation or `select`.
///
/// # Safety
/// The frame's nodes are filled and unlinked; one worker runs.
pub unsafe fn try_frame(ctx: *mut Ctx, frame: *mut Frame, point: &PointDesc) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        let (outcome, woken) = pick_of_frame::<Alone>(ctx, frame, point);
        if !woken.is_null() {
            wake(ctx, woken, 0);
        }
        outcome
    }
}

/// As [`try_frame`], where several workers run: the caller wakes the waiter, if there is one, when it has unlocked the channels.
///
/// # Safety
/// The frame's nodes are filled and unlinked; its channels are locked.
pub unsafe fn try_frame_locked(
    ctx: *mut Ctx,
    frame: *mut Frame,
    point: &PointDesc,
) -> (u32, *mut WaitNode) {
    // SAFETY: the caller's promise.
    unsafe { pick_of_frame::<Shared>(ctx, frame, point) }
}

/// The first half of a `select` where several workers run.
unsafe fn pick_shared(ctx: *mut Ctx, count: usize, arm_at: impl Fn(usize) -> Option<Arm>) -> u32 {
    // SAFETY: channels of arms are alive.
    unsafe {
        let mut chans: Vec<*mut Chan> =
            (0..count).filter_map(|index| arm_at(index).map(|arm| arm.chan)).collect();
        let locked = team::chans::lock_all(ctx, &mut chans);
        let (outcome, woken) = pick::<Shared>(ctx, count, arm_at);
        team::chans::unlock_all(locked);
        team::chans::finish(ctx, woken, 0);
        outcome
    }
}

/// `select`, first half.
///
/// # Safety
/// Called by generated code: `arms` points to `count` arms with live channels.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_try_select(
    ctx: *mut Ctx,
    arms: *mut SelectArm,
    count: i64,
    has_default: i32,
) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        let tries = match forced(ctx) {
            0 => true,
            FORCE_EXPLORE => has_default != 0 || orion_explore_suspends(ctx) == 0,
            _ => has_default != 0,
        };
        if tries {
            let arm_at = |index| {
                let arm = &*arms.add(index);
                (!arm.chan.is_null()).then(|| Arm {
                    chan: arm.chan.cast(),
                    value: arm.value,
                    kind: arm.kind,
                })
            };
            let outcome = if is_parallel(ctx) {
                pick_shared(ctx, count as usize, arm_at)
            } else {
                let (outcome, woken) = pick::<Alone>(ctx, count as usize, arm_at);
                if !woken.is_null() {
                    wake(ctx, woken, 0);
                }
                outcome
            };
            if outcome != OUTCOME_BLOCK || has_default != 0 {
                return outcome;
            }
        }
        orion_would_block_slow(ctx)
    }
}
