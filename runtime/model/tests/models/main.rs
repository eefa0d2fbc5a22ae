//! Models of the protocols between workers: the runtime's own code, under many schedules. `docs/internals.md` lists what each covers, and which faults it was
//! seen to find.

#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "each model makes the worker that it calls into, and lives in it alone"
)]

mod cancel;
mod chans;
mod close;
mod halt;
mod join;
mod queue;
mod rest;
mod select;

use orion_abi::outcome::OUTCOME_BLOCK;
use orion_model::{
    chan::Chan,
    config::{Force, Sharing},
    frames::point_of,
    harness::Model,
    sched::park::node_of,
    testing::{CHAN_I64, Cx, Ran, share},
};

/// Both ways: operations that are tried first, and such that always suspend.
const FORCES: [Force; 2] = [Force::None, Force::Suspend];

/// Both ways: all workers from the beginning, and a run that changes between one and all.
const SHARINGS: [Sharing; 2] = [Sharing::Always, Sharing::Changing];

/// Schedules of each kind and mode in an ordinary run of the tests.
const ITERATIONS: usize = 300;

/// Explores a program on two workers, in both modes; it has to return `result`.
fn returns(declare: impl Fn() + Copy, result: i64) {
    ends(2, declare, move |ran| {
        assert_eq!((ran.end.as_str(), ran.result), ("returned", result));
    });
}

/// Explores a program on some workers, in both modes.
fn ends(
    threads: u32,
    declare: impl Fn() + Copy,
    check: impl Fn(&Ran) + Clone + Send + Sync + 'static,
) {
    for sharing in SHARINGS {
        for force in FORCES {
            let model = Model { iterations: ITERATIONS, threads, sharing, force };
            model.explore(declare, check.clone());
        }
    }
}

/// No node of the frame's point is linked: it was completed once, and whoever did it has unlinked the others.
fn assert_unlinked(cx: &Cx) {
    unsafe {
        let point = point_of(cx.frame);
        for index in 0..point.arm_count as usize {
            let target = (*node_of(cx.frame, point, index)).target;
            assert!(target.is_null(), "node {index} is linked though the frame goes on");
        }
    }
}

/// Sends the value in slot `value` on the channel in slot `chan`; BLOCK: park.
fn send(cx: &Cx, chan: usize, value: usize) -> u32 {
    unsafe {
        orion_model::chan::orion_try_send(cx.ctx, *cx.slot::<*mut u8>(chan), cx.address(value))
    }
}

/// Receives into slot `value` from the channel in slot `chan`; BLOCK: park.
fn recv(cx: &Cx, chan: usize, value: usize) -> u32 {
    unsafe {
        orion_model::chan::orion_try_recv(cx.ctx, *cx.slot::<*mut u8>(chan), cx.address(value))
    }
}

/// Closes the channel in slot `chan`.
fn close(cx: &Cx, chan: usize) {
    static SITE: orion_abi::Site = orion_model::testing::site("main", 9);
    unsafe {
        let chan = *cx.slot::<*mut u8>(chan);
        let panicked = orion_model::export::chans::orion_chan_close(
            cx.ctx,
            chan,
            &raw const SITE,
            std::ptr::null_mut(),
        );
        assert_eq!(panicked, 0);
    }
}

/// Nobody waits for the channel in slot `chan`, and it holds so many values.
fn assert_quiet(cx: &Cx, chan: usize, len: usize) {
    let chan = *cx.slot::<*mut Chan>(chan);
    unsafe {
        assert!((*chan).receivers.is_empty() && (*chan).senders.is_empty(), "somebody waits");
        assert_eq!((*chan).len, len);
    }
}

/// Drops the channel in slot `index`.
fn drop_chan(cx: &Cx, index: usize) {
    orion_model::testing::drop_slot(cx, index, &CHAN_I64);
}

/// Another count of the object in slot `index`, as an argument.
fn shared(cx: &Cx, index: usize) -> u64 {
    share(cx, index) as u64
}
