//! `select`: several channels, other selects and a time race for one waiter.
//!
//! Property: exactly one arm wins, its value is the one taken, the nodes of the others are unlinked before the task goes on, and their values stay.

use orion_abi::{
    desc::{ARM_RECV, ARM_SEND, PointKind},
    frame::SelectArm,
    outcome::OUTCOME_DONE,
};
use orion_model::{
    sched::select::orion_try_select,
    testing::{
        DURATION, Flow, I64, Point, SCOPE, drop_slot, enter, exit_point, function, make_chan, nth,
        point, spawn, try_exit,
    },
};

use super::{chans::sender, *};

/// An arm: channel's slot, value's slot, kind.
type Arm = (usize, usize, u32);

/// The first half of a `select`.
pub fn select(cx: &Cx, arms: &[Arm]) -> u32 {
    let mut arms: Vec<SelectArm> = arms
        .iter()
        .map(|&(chan, value, kind)| SelectArm {
            chan: *cx.slot::<*mut u8>(chan),
            value: cx.address(value),
            kind,
            pad: 0,
        })
        .collect();
    unsafe { orion_try_select(cx.ctx, arms.as_mut_ptr(), arms.len() as i64, 0) }
}

fn live(point: Point) -> Point {
    let point = point.live("s", &SCOPE, 0).live("a", &CHAN_I64, 1).live("b", &CHAN_I64, 2);
    point.live("seen", &I64, 5).live("count", &I64, 6)
}

/// Two senders of two values each, each on a channel of its own (without room, with room); one receiver that selects among them and, if `time`, a moment.
/// Slots: scope, two channels, two values, digits of what came, count, duration.
pub fn among_two(time: bool) {
    let waits = live(point(PointKind::Select, "")).recv(1, 3, &I64).recv(2, 4, &I64);
    let waits = if time { waits.after(7) } else { waits.live("d", &DURATION, 7) };
    let points = vec![point(PointKind::Start, ""), waits, live(exit_point(0))];
    function("main", &I64, points, |cx| {
        if cx.at() == 0 {
            enter(cx, 0);
            make_chan(cx, 1, 0, &I64);
            make_chan(cx, 2, 1, &I64);
            *cx.slot::<i64>(7) = 200_000;
            spawn(cx, nth(1), 0, None, "", &[shared(cx, 1), 0, 2]);
            spawn(cx, nth(1), 0, None, "", &[shared(cx, 2), 2, 4]);
        }
        if cx.at() < 2 {
            let mut outcome = None;
            if cx.at() == 1 {
                assert_unlinked(cx);
                outcome = Some(cx.outcome());
            }
            loop {
                if let Some(outcome) = outcome
                    && outcome != 2 << 1
                {
                    assert_eq!(outcome & 1, OUTCOME_DONE, "nothing is closed");
                    let arm = (outcome >> 1) as usize;
                    let value = cx.slot::<i64>(3 + arm);
                    assert_eq!(*value / 2, arm as i64, "the value is the winning arm's");
                    *cx.slot::<i64>(5) += 10_i64.pow(*value as u32);
                    *value = -1;
                    *cx.slot::<i64>(6) += 1;
                    let other = *cx.slot::<i64>(4 - arm);
                    assert!(other <= 0, "the other arm's value stays where it was");
                }
                if *cx.slot::<i64>(6) == 4 {
                    break;
                }
                *cx.slot::<i64>(3) = -1;
                *cx.slot::<i64>(4) = -1;
                match select(cx, &[(1, 3, ARM_RECV), (2, 4, ARM_RECV)]) {
                    OUTCOME_BLOCK => return Flow::Park(1),
                    done => outcome = Some(done),
                }
            }
            if try_exit(cx, 0) == OUTCOME_BLOCK {
                return Flow::Park(2);
            }
        }
        assert_quiet(cx, 1, 0);
        assert_quiet(cx, 2, 0);
        drop_slot(cx, 0, &SCOPE);
        drop_chan(cx, 1);
        drop_chan(cx, 2);
        *cx.result::<i64>() = *cx.slot::<i64>(5);
        Flow::Return
    });
    sender();
}

#[test]
fn one_arm_wins() {
    returns(|| among_two(false), 1111);
}

#[test]
fn one_arm_wins_against_the_time() {
    returns(|| among_two(true), 1111);
}

/// Two tasks select at once, one to send 7 on either of two channels, one to receive from either: they meet on one of them. Slots: scope, two
/// channels, two values.
fn meeting() {
    let points = vec![
        point(PointKind::Start, ""),
        live(point(PointKind::Select, "")).recv(1, 3, &I64).recv(2, 4, &I64),
        live(exit_point(0)),
    ];
    function("main", &I64, points, |cx| {
        if cx.at() == 0 {
            enter(cx, 0);
            make_chan(cx, 1, 0, &I64);
            make_chan(cx, 2, 0, &I64);
            spawn(cx, nth(1), 0, None, "", &[shared(cx, 1), shared(cx, 2)]);
        }
        if cx.at() < 2 {
            let mut outcome = cx.outcome();
            if cx.at() == 1 {
                assert_unlinked(cx);
            } else {
                outcome = select(cx, &[(1, 3, ARM_RECV), (2, 4, ARM_RECV)]);
            }
            if outcome == OUTCOME_BLOCK {
                return Flow::Park(1);
            }
            let arm = (outcome >> 1) as usize;
            *cx.slot::<i64>(5) = *cx.slot::<i64>(3 + arm);
            assert_eq!(*cx.slot::<i64>(4 - arm), 0, "nothing came by the other arm");
            if try_exit(cx, 0) == OUTCOME_BLOCK {
                return Flow::Park(2);
            }
        }
        assert_quiet(cx, 1, 0);
        assert_quiet(cx, 2, 0);
        drop_slot(cx, 0, &SCOPE);
        drop_chan(cx, 1);
        drop_chan(cx, 2);
        *cx.result::<i64>() = *cx.slot::<i64>(5);
        Flow::Return
    });
    let live = |point: Point| point.live("b", &CHAN_I64, 0).live("a", &CHAN_I64, 1);
    let points = vec![
        live(point(PointKind::Start, "")),
        live(point(PointKind::Select, "")).send(1, 2, &I64).send(0, 2, &I64),
    ];
    function("other", &I64, points, |cx| {
        if cx.at() == 0 {
            *cx.slot::<i64>(2) = 7;
            if select(cx, &[(1, 2, ARM_SEND), (0, 2, ARM_SEND)]) == OUTCOME_BLOCK {
                return Flow::Park(1);
            }
        } else {
            assert_unlinked(cx);
        }
        drop_chan(cx, 0);
        drop_chan(cx, 1);
        Flow::Return
    });
}

#[test]
fn two_selects_meet_once() {
    returns(meeting, 7);
}
