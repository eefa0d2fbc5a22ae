//! Parking at channels: a wait is registered while the other side sends, receives, or waits itself.
//!
//! Property: every value arrives once, nobody sleeps on beside what he waits for, and a frame that may run elsewhere is not touched any more (its memory
//! is poisoned when it is freed, and looked at in the end).

use orion_abi::{
    desc::PointKind,
    outcome::{OUTCOME_CLOSED, OUTCOME_DONE},
};
use orion_model::testing::{
    Body, Flow, I64, SCOPE, drop_slot, enter, exit_point, function, make_chan, nth, point, spawn,
    try_exit,
};

use super::*;

/// Sends n, n+1, … up to but not m on the channel in slot 0; slot 1: n, slot 2: m.
pub fn sender() -> &'static Body {
    let live = |point: orion_model::testing::Point| {
        point.live("ch", &CHAN_I64, 0).live("n", &I64, 1).live("m", &I64, 2)
    };
    let points = vec![
        live(point(PointKind::Start, "")),
        live(point(PointKind::Send, "ch")).send(0, 3, &I64),
    ];
    function("sender", &I64, points, |cx| {
        let n = cx.slot::<i64>(1);
        if cx.at() == 1 {
            assert_eq!(cx.outcome(), OUTCOME_DONE);
            assert_unlinked(cx);
            *n += 1;
        }
        while *n < *cx.slot::<i64>(2) {
            *cx.slot::<i64>(3) = *n;
            match send(cx, 0, 3) {
                OUTCOME_BLOCK => return Flow::Park(1),
                outcome => assert_eq!(outcome, OUTCOME_DONE),
            }
            *n += 1;
        }
        drop_chan(cx, 0);
        Flow::Return
    })
}

/// Passes values on from the channel in slot 0 to that in slot 1, until the first is closed; slot 2: the value.
fn relay() -> &'static Body {
    let live = |point: orion_model::testing::Point| {
        point.live("from", &CHAN_I64, 0).live("to", &CHAN_I64, 1)
    };
    let points = vec![
        live(point(PointKind::Start, "")),
        live(point(PointKind::Recv, "from")).recv(0, 2, &I64),
        live(point(PointKind::Send, "to")).send(1, 2, &I64),
    ];
    function("relay", &I64, points, |cx| {
        if cx.at() > 0 {
            assert_unlinked(cx);
        }
        let mut received = cx.at() == 1 && cx.outcome() == OUTCOME_DONE;
        let mut closed = cx.at() == 1 && !received;
        while !closed {
            if received && send(cx, 1, 2) == OUTCOME_BLOCK {
                return Flow::Park(2);
            }
            match recv(cx, 0, 2) {
                OUTCOME_BLOCK => return Flow::Park(1),
                outcome => {
                    received = outcome == OUTCOME_DONE;
                    closed = outcome == OUTCOME_CLOSED;
                }
            }
        }
        drop_chan(cx, 0);
        drop_chan(cx, 1);
        Flow::Return
    })
}

/// Two senders of two values each, one relay, one receiver. Slots: scope, two channels, value, digits of what came, count.
pub fn relayed(first_cap: i64, second_cap: i64) {
    let live = |point: orion_model::testing::Point| {
        let point = point.live("s", &SCOPE, 0).live("a", &CHAN_I64, 1).live("b", &CHAN_I64, 2);
        point.live("seen", &I64, 4).live("count", &I64, 5)
    };
    let points = vec![
        point(PointKind::Start, ""),
        live(point(PointKind::Recv, "b")).recv(2, 3, &I64),
        live(exit_point(0)),
    ];
    function("main", &I64, points, move |cx| {
        if cx.at() == 0 {
            enter(cx, 0);
            make_chan(cx, 1, first_cap, &I64);
            make_chan(cx, 2, second_cap, &I64);
            spawn(cx, nth(1), 0, None, "", &[shared(cx, 1), 0, 2]);
            spawn(cx, nth(1), 0, None, "", &[shared(cx, 1), 2, 4]);
            spawn(cx, nth(2), 0, None, "", &[shared(cx, 1), shared(cx, 2)]);
        }
        if cx.at() < 2 {
            let mut got = cx.at() == 1;
            loop {
                if got {
                    // A value that comes twice makes a digit 2.
                    *cx.slot::<i64>(4) += 10_i64.pow(*cx.slot::<u32>(3));
                    *cx.slot::<i64>(5) += 1;
                }
                if *cx.slot::<i64>(5) == 4 {
                    break;
                }
                match recv(cx, 2, 3) {
                    OUTCOME_BLOCK => return Flow::Park(1),
                    outcome => assert_eq!(outcome, OUTCOME_DONE),
                }
                got = true;
            }
            close(cx, 1);
            if try_exit(cx, 0) == OUTCOME_BLOCK {
                return Flow::Park(2);
            }
        }
        assert_quiet(cx, 1, 0);
        assert_quiet(cx, 2, 0);
        drop_slot(cx, 0, &SCOPE);
        drop_chan(cx, 1);
        drop_chan(cx, 2);
        *cx.result::<i64>() = *cx.slot::<i64>(4);
        Flow::Return
    });
    sender();
    relay();
}

#[test]
fn values_meet_their_receivers() {
    returns(|| relayed(0, 0), 1111);
}

#[test]
fn values_pass_through_buffers() {
    returns(|| relayed(1, 1), 1111);
}
