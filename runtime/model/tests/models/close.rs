//! Closing a channel against those who wait for it, send and receive.
//!
//! Property: a value is received or its sender told that the channel is closed, never both; whoever waits learns of the end once, a `select` by the arm
//! of that channel or by another one.

use orion_abi::{
    desc::{ARM_RECV, PointKind},
    outcome::{OUTCOME_CLOSED, OUTCOME_DONE},
};
use orion_model::testing::{
    Flow, I64, Point, SCOPE, TASK_I64, drop_slot, enter, exit_point, function, make_chan, nth,
    point, spawn, try_exit, try_join,
};

use super::{select::select, *};

/// Receives from the channel in slot 0 until it is closed; returns the sum. Slot 1: the value, slot 2: the sum.
fn drain() {
    let live = |point: Point| point.live("ch", &CHAN_I64, 0).live("sum", &I64, 2);
    let points = vec![
        live(point(PointKind::Start, "")),
        live(point(PointKind::Recv, "ch")).recv(0, 1, &I64),
    ];
    function("drain", &I64, points, |cx| {
        let mut outcome = if cx.at() == 1 {
            assert_unlinked(cx);
            cx.outcome()
        } else {
            recv(cx, 0, 1)
        };
        while outcome == OUTCOME_DONE {
            *cx.slot::<i64>(2) += *cx.slot::<i64>(1);
            outcome = recv(cx, 0, 1);
        }
        if outcome == OUTCOME_BLOCK {
            return Flow::Park(1);
        }
        assert_eq!(outcome, OUTCOME_CLOSED);
        drop_chan(cx, 0);
        *cx.result::<i64>() = *cx.slot::<i64>(2);
        Flow::Return
    });
}

/// Sends 1 and then 10 on the channel in slot 0 while it is open; returns what it could send, negative. Slot 1: the value, slot 2: the sum.
fn offer() {
    let live =
        |point: Point| point.live("ch", &CHAN_I64, 0).live("v", &I64, 1).live("sum", &I64, 2);
    let points = vec![
        live(point(PointKind::Start, "")),
        live(point(PointKind::Send, "ch")).send(0, 1, &I64),
    ];
    function("offer", &I64, points, |cx| {
        let mut outcome = if cx.at() == 1 {
            assert_unlinked(cx);
            cx.outcome()
        } else {
            *cx.slot::<i64>(1) = 1;
            send(cx, 0, 1)
        };
        while outcome == OUTCOME_DONE {
            *cx.slot::<i64>(2) -= *cx.slot::<i64>(1);
            *cx.slot::<i64>(1) *= 10;
            if *cx.slot::<i64>(1) > 10 {
                break;
            }
            outcome = send(cx, 0, 1);
        }
        if outcome == OUTCOME_BLOCK {
            return Flow::Park(1);
        }
        drop_chan(cx, 0);
        *cx.result::<i64>() = *cx.slot::<i64>(2);
        Flow::Return
    });
}

/// Selects between the channels in slots 0 and 1 until one of them is closed; returns the sum of what came. Slot 2: the value, slot 3: the sum.
fn choose() {
    let live = |point: Point| {
        point.live("ch", &CHAN_I64, 0).live("quiet", &CHAN_I64, 1).live("sum", &I64, 3)
    };
    let points = vec![
        live(point(PointKind::Start, "")),
        live(point(PointKind::Select, "")).recv(1, 2, &I64).recv(0, 2, &I64),
    ];
    function("choose", &I64, points, |cx| {
        let arms = [(1, 2, ARM_RECV), (0, 2, ARM_RECV)];
        let mut outcome = if cx.at() == 1 {
            assert_unlinked(cx);
            cx.outcome()
        } else {
            select(cx, &arms)
        };
        while outcome == 1 << 1 {
            *cx.slot::<i64>(3) += *cx.slot::<i64>(2);
            outcome = select(cx, &arms);
        }
        if outcome == OUTCOME_BLOCK {
            return Flow::Park(1);
        }
        assert_eq!(outcome & 1, OUTCOME_CLOSED);
        drop_chan(cx, 0);
        drop_chan(cx, 1);
        *cx.result::<i64>() = *cx.slot::<i64>(3);
        Flow::Return
    });
}

/// A sender, a receiver and a `select` at a channel that is closed under them, and at once the other channel of the `select`. Slots: scope, two channels,
/// three tasks, three results.
fn contested(cap: i64) {
    let live =
        |point: Point| point.live("s", &SCOPE, 0).live("a", &CHAN_I64, 1).live("b", &CHAN_I64, 2);
    let join = |mut point: Point, from: usize| {
        for index in 0..from {
            point = point.live("r", &I64, 6 + index);
        }
        for index in from + 1..3 {
            point = point.live("t", &TASK_I64, 3 + index);
        }
        live(point).join(3 + from, 6 + from, &I64)
    };
    let points = vec![
        point(PointKind::Start, ""),
        live(point(PointKind::Yield, ""))
            .live("t", &TASK_I64, 3)
            .live("t", &TASK_I64, 4)
            .live("t", &TASK_I64, 5),
        join(point(PointKind::Join, "t"), 0),
        join(point(PointKind::Join, "t"), 1),
        join(point(PointKind::Join, "t"), 2),
        live(exit_point(0)).live("r", &I64, 6).live("r", &I64, 7).live("r", &I64, 8),
    ];
    function("main", &I64, points, move |cx| {
        let mut at = cx.at();
        if at == 0 {
            enter(cx, 0);
            make_chan(cx, 1, cap, &I64);
            make_chan(cx, 2, 0, &I64);
            spawn(cx, nth(1), 0, Some(3), "", &[shared(cx, 1)]);
            spawn(cx, nth(2), 0, Some(4), "", &[shared(cx, 1)]);
            spawn(cx, nth(3), 0, Some(5), "", &[shared(cx, 1), shared(cx, 2)]);
            return Flow::Park(1);
        }
        if at == 1 {
            close(cx, 1);
            close(cx, 2);
            at = 2;
            if try_join(cx, 3, 6) == OUTCOME_BLOCK {
                return Flow::Park(at);
            }
        }
        while at < 4 {
            at += 1;
            let index = at as usize - 2;
            if try_join(cx, 3 + index, 6 + index) == OUTCOME_BLOCK {
                return Flow::Park(at);
            }
        }
        if at == 4 && try_exit(cx, 0) == OUTCOME_BLOCK {
            return Flow::Park(5);
        }
        unsafe {
            let chan = *cx.slot::<*mut Chan>(1);
            assert!((*chan).receivers.is_empty() && (*chan).senders.is_empty());
            // What was sent is in the buffer, or was received once.
            let mut sum: i64 = (6..9).map(|index| *cx.slot::<i64>(index)).sum();
            while recv(cx, 1, 9) == OUTCOME_DONE {
                sum += *cx.slot::<i64>(9);
                if cap == 0 {
                    panic!("a value in a channel without room");
                }
            }
            assert_eq!(sum, 0);
        }
        drop_slot(cx, 0, &SCOPE);
        drop_chan(cx, 1);
        drop_chan(cx, 2);
        Flow::Return
    });
    drain();
    offer();
    choose();
}

#[test]
fn everybody_learns_of_the_end_once() {
    // Under forced suspensions the last loop of main would suspend.
    for cap in [0, 1] {
        Model { iterations: ITERATIONS, threads: 2, sharing: Sharing::Always, force: Force::None }
            .explore(
                || contested(cap),
                |ran| assert_eq!((ran.end.as_str(), ran.result), ("returned", 0)),
            );
    }
}
