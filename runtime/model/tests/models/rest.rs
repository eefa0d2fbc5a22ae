//! Workers that come to rest, and what goes on then: idlers, timers, the deadlock.
//!
//! Property: a program that can go on does; one that cannot is told so, and only such a one.

use orion_abi::{desc::PointKind, outcome::OUTCOME_DONE};
use orion_model::{
    sched::ops::{orion_try_idle, orion_try_sleep},
    testing::{
        Flow, I64, Point, SCOPE, drop_slot, enter, exit_point, function, make_chan, nth, point,
        spawn, try_exit,
    },
};

use super::*;

/// One task sleeps and then sends 1, one idles and then sends 2; main receives both. Slots: scope, channel, value, sum, count.
fn at_rest() {
    let live = |point: Point| {
        let point = point.live("s", &SCOPE, 0).live("ch", &CHAN_I64, 1);
        point.live("sum", &I64, 3).live("count", &I64, 4)
    };
    let points = vec![
        point(PointKind::Start, ""),
        live(point(PointKind::Recv, "ch")).recv(1, 2, &I64),
        live(exit_point(0)),
    ];
    function("main", &I64, points, |cx| {
        if cx.at() == 0 {
            enter(cx, 0);
            make_chan(cx, 1, 0, &I64);
            spawn(cx, nth(1), 0, None, "", &[shared(cx, 1), 1]);
            spawn(cx, nth(1), 0, None, "", &[shared(cx, 1), 2]);
        }
        if cx.at() < 2 {
            let mut got = cx.at() == 1;
            loop {
                if got {
                    *cx.slot::<i64>(3) += *cx.slot::<i64>(2);
                    *cx.slot::<i64>(4) += 1;
                }
                if *cx.slot::<i64>(4) == 2 {
                    break;
                }
                if recv(cx, 1, 2) == OUTCOME_BLOCK {
                    return Flow::Park(1);
                }
                got = true;
            }
            if try_exit(cx, 0) == OUTCOME_BLOCK {
                return Flow::Park(2);
            }
        }
        drop_slot(cx, 0, &SCOPE);
        drop_chan(cx, 1);
        *cx.result::<i64>() = *cx.slot::<i64>(3);
        Flow::Return
    });
    let live = |point: Point| point.live("ch", &CHAN_I64, 0).live("n", &I64, 1);
    let points = vec![
        live(point(PointKind::Start, "")),
        live(point(PointKind::Sleep, "")).after(2),
        live(point(PointKind::Idle, "")),
        live(point(PointKind::Send, "ch")).send(0, 3, &I64),
    ];
    function("late", &I64, points, |cx| {
        let n = *cx.slot::<i64>(1);
        if cx.at() == 0 {
            *cx.slot::<i64>(2) = 1_000_000;
            *cx.slot::<i64>(3) = n;
            let outcome = unsafe {
                if n == 1 { orion_try_sleep(cx.ctx, 1_000_000) } else { orion_try_idle(cx.ctx) }
            };
            assert_eq!(outcome, OUTCOME_BLOCK);
            return Flow::Park(n as u32);
        }
        assert_eq!(cx.outcome(), OUTCOME_DONE);
        if cx.at() < 3 && send(cx, 0, 3) == OUTCOME_BLOCK {
            return Flow::Park(3);
        }
        drop_chan(cx, 0);
        Flow::Return
    });
}

#[test]
fn what_can_go_on_does() {
    for threads in [2, 3] {
        ends(threads, at_rest, |ran| {
            assert_eq!((ran.end.as_str(), ran.result), ("returned", 3));
        });
    }
}

/// Two tasks wait for one value each, and one is sent. Slots: scope, channel.
fn stuck() {
    let live = |point: Point| point.live("s", &SCOPE, 0).live("ch", &CHAN_I64, 1);
    let points = vec![point(PointKind::Start, ""), live(exit_point(0))];
    function("main", &I64, points, |cx| {
        assert_eq!(cx.at(), 0, "it never comes here");
        enter(cx, 0);
        make_chan(cx, 1, 1, &I64);
        spawn(cx, nth(1), 0, None, "", &[shared(cx, 1)]);
        spawn(cx, nth(1), 0, None, "", &[shared(cx, 1)]);
        spawn(cx, nth(2), 0, None, "", &[shared(cx, 1), 7, 8]);
        assert_eq!(try_exit(cx, 0), OUTCOME_BLOCK);
        Flow::Park(1)
    });
    let points = vec![
        point(PointKind::Start, "").live("ch", &CHAN_I64, 0),
        point(PointKind::Recv, "ch").live("ch", &CHAN_I64, 0).recv(0, 1, &I64),
    ];
    function("one", &I64, points, |cx| {
        if cx.at() == 0 && recv(cx, 0, 1) == OUTCOME_BLOCK {
            return Flow::Park(1);
        }
        drop_chan(cx, 0);
        Flow::Return
    });
    chans::sender();
}

#[test]
fn a_deadlock_is_told() {
    ends(2, stuck, |ran| {
        assert!(ran.end.contains("deadlock"), "{}", ran.end);
        assert_eq!(ran.end.matches("receive").count().min(1), 1, "{}", ran.end);
    });
}
