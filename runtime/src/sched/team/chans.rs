//! Operations on channels where several workers run: those of one worker, under the channel's lock.
//!
//! Waiters are claimed under the lock and woken after it. A `select` locks its channels in order of address.

use orion_abi::{
    Ctx, WaitNode,
    desc::{ARM_RECV, ARM_SEND},
    outcome::{OUTCOME_BLOCK, OUTCOME_CLOSED, OUTCOME_DONE},
};
use orion_fast::{
    atomic::{AtomicU32, AtomicUsize, Ordering},
    chan::{Chan, recv_now, send_now},
    sync::{Policy, Shared, forced, lock, unlock},
    task::complete,
    wait::{NODE_HAS_SIBLINGS, WaitQueue, native_node},
};

use super::lists::number_of;
use crate::{
    sched::{
        cancel::orion_would_block_slow, nested::orion_run_spawned, park::orion_unlink_siblings_slow,
    },
    world::worker_of,
};

/// Locks a channel to use it, and notes what that costs.
///
/// # Safety
/// `ctx` is the caller's own, who does not hold the lock; the channel is alive.
unsafe fn lock_chan(ctx: *mut Ctx, chan: *mut Chan) {
    // SAFETY: the caller's promise.
    unsafe {
        let team = &raw const (*worker_of(ctx)).team;
        if AtomicU32::from_ptr(&raw mut (*chan).lock).load(Ordering::Relaxed) != 0 {
            (*team).costs.contention();
        }
        lock(&raw mut (*chan).lock);
        let number = number_of(team);
        (*team).costs.channel((*chan).user != number);
        (*chan).user = number;
    }
}

/// Locks channels, each once, in order of address. The answer is what is to be unlocked.
///
/// # Safety
/// `ctx` is the caller's own; the channels are alive, and the caller holds no lock of one.
pub unsafe fn lock_all(ctx: *mut Ctx, chans: &mut [*mut Chan]) -> &[*mut Chan] {
    chans.sort_unstable();
    let mut count = 0;
    for index in 0..chans.len() {
        if index == 0 || chans[index] != chans[index - 1] {
            // SAFETY: the caller's promise.
            unsafe { lock_chan(ctx, chans[index]) };
            chans[count] = chans[index];
            count += 1;
        }
    }
    &chans[..count]
}

/// Gives back what [`lock_all`] has locked.
///
/// # Safety
/// The caller holds the locks.
pub unsafe fn unlock_all(locked: &[*mut Chan]) {
    for &chan in locked {
        // SAFETY: the caller's promise.
        unsafe { unlock(&raw mut (*chan).lock) };
    }
}

/// Wakes a waiter that was claimed; null: there is none.
///
/// # Safety
/// No lock is held.
pub unsafe fn finish(ctx: *mut Ctx, node: *mut WaitNode, closed: u32) {
    // SAFETY: a claimed waiter's frame stays until it is completed.
    unsafe {
        if node.is_null() {
            return;
        }
        let frame = (*node).frame;
        if (*node).kind & NODE_HAS_SIBLINGS != 0 {
            orion_unlink_siblings_slow(ctx, frame, node);
        }
        complete(ctx, frame, ((*node).arm << 1) | closed);
    }
}

/// An operation on a locked channel that need not wait, or BLOCK, and whom to wake.
///
/// # Safety
/// The channel is locked; the value is there, or has room.
pub unsafe fn try_locked(chan: *mut Chan, value: *mut u8, kind: u32) -> (u32, *mut WaitNode) {
    // SAFETY: the caller's promise.
    unsafe {
        if kind == ARM_SEND {
            send_now::<Shared>(chan, value)
        } else {
            recv_now::<Shared>(chan, value)
        }
    }
}

/// An operation that need not wait, or BLOCK.
unsafe fn try_now(ctx: *mut Ctx, chan: *mut Chan, value: *mut u8, kind: u32) -> u32 {
    // SAFETY: the caller's promise.
    unsafe {
        lock_chan(ctx, chan);
        let (outcome, woken) = try_locked(chan, value, kind);
        unlock(&raw mut (*chan).lock);
        finish(ctx, woken, 0);
        outcome
    }
}

/// Whether an operation would have to wait, as far as can be seen without the lock. Only a hint: what blocks is tried again when the task has parked.
unsafe fn looks_blocked(chan: *mut Chan, kind: u32) -> bool {
    // SAFETY: the channel is alive; its words are read as atomics, since others change them under the lock.
    unsafe {
        let word = |at: *mut usize| AtomicUsize::from_ptr(at).load(Ordering::Relaxed);
        let nobody = |queue: *mut WaitQueue| word((&raw mut (*queue).head).cast()) == 0;
        let is_open = AtomicU32::from_ptr(&raw mut (*chan).closed).load(Ordering::Relaxed) == 0;
        let len = word(&raw mut (*chan).len);
        is_open
            && if kind == ARM_SEND {
                len >= (*chan).cap && nobody(&raw mut (*chan).receivers)
            } else {
                len == 0 && nobody(&raw mut (*chan).senders)
            }
    }
}

/// First half of a send or receive.
unsafe fn first_half(ctx: *mut Ctx, chan: *mut Chan, value: *mut u8, kind: u32) -> u32 {
    // SAFETY: the caller's promise. Only a forged state file can hold a null channel where one is used.
    unsafe {
        if chan.is_null() {
            return OUTCOME_CLOSED;
        }
        if forced(ctx) == 0 {
            let outcome = if (*worker_of(ctx)).team.fresh > 0 {
                wait_natively(ctx, chan, value, kind)
            } else if looks_blocked(chan, kind) {
                OUTCOME_BLOCK
            } else {
                try_now(ctx, chan, value, kind)
            };
            if outcome != OUTCOME_BLOCK {
                return outcome;
            }
        }
        orion_would_block_slow(ctx)
    }
}

/// Lets what the running task has just spawned run on this stack, while it stands in the channel's queue: as on one worker.
unsafe fn wait_natively(ctx: *mut Ctx, chan: *mut Chan, value: *mut u8, kind: u32) -> u32 {
    // SAFETY: the node leaves the queue before this function does; it is touched under the lock only.
    unsafe {
        while (*worker_of(ctx)).team.fresh > 0 {
            let mut node = native_node(value, kind);
            let place = &raw mut node;
            let queue = if kind == ARM_SEND {
                &raw mut (*chan).senders
            } else {
                &raw mut (*chan).receivers
            };
            lock_chan(ctx, chan);
            let (outcome, woken) = try_locked(chan, value, kind);
            if outcome != OUTCOME_BLOCK {
                unlock(&raw mut (*chan).lock);
                finish(ctx, woken, 0);
                return outcome;
            }
            (*queue).push(place, chan.cast());
            unlock(&raw mut (*chan).lock);
            let ran = orion_run_spawned(ctx);
            lock(&raw mut (*chan).lock);
            let served = (*place).target.is_null();
            if !served {
                (*queue).unlink(place);
            }
            unlock(&raw mut (*chan).lock);
            if served {
                return (*place).arm;
            }
            if ran == 0 {
                break;
            }
        }
        OUTCOME_BLOCK
    }
}

/// `ch <- v`, first half.
///
/// # Safety
/// As for `orion_try_send`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_send_shared(ctx: *mut Ctx, chan: *mut u8, value: *mut u8) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { first_half(ctx, chan.cast(), value, ARM_SEND) }
}

/// A receive, first half.
///
/// # Safety
/// As for `orion_try_recv`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orion_recv_shared(ctx: *mut Ctx, chan: *mut u8, to: *mut u8) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { first_half(ctx, chan.cast(), to, ARM_RECV) }
}

/// Closes a channel; false when it was closed already.
///
/// # Safety
/// The channel is alive.
pub unsafe fn close(ctx: *mut Ctx, chan: *mut Chan) -> bool {
    // SAFETY: waiters are claimed under the lock; one after the other, so that none is lost.
    unsafe {
        lock(&raw mut (*chan).lock);
        if (*chan).closed != 0 {
            unlock(&raw mut (*chan).lock);
            return false;
        }
        AtomicU32::from_ptr(&raw mut (*chan).closed).store(1, Ordering::Relaxed);
        for queue in [&raw mut (*chan).receivers, &raw mut (*chan).senders] {
            loop {
                let node = (*queue).pop();
                if node.is_null() {
                    break;
                }
                if !Shared::claims(node) {
                    continue;
                }
                let woken = Shared::served(node, OUTCOME_CLOSED);
                unlock(&raw mut (*chan).lock);
                finish(ctx, woken, OUTCOME_CLOSED);
                lock(&raw mut (*chan).lock);
            }
        }
        unlock(&raw mut (*chan).lock);
        true
    }
}

const _: () =
    assert!(OUTCOME_DONE == 0 && OUTCOME_CLOSED == 1, "they are bit 0 of an arm's outcome");
