//! Cancellation against completion: what a task waits for comes just when it is asked to cancel.
//!
//! Property: the wait ends in one of the two ways. If it unwinds, what it waited for stays where it was; a request is never lost; whoever was asked
//! before it waits does not wait.

use orion_abi::{
    desc::{ARM_SEND, PointKind},
    outcome::{OUTCOME_DONE, OUTCOME_UNWIND},
};
use orion_model::{
    sched::{cancel::orion_request_cancel, join::orion_try_try_join},
    testing::{
        Flow, I64, Point, SCOPE, TASK_I64, drop_slot, enter, exit_point, function, make_chan, nth,
        point, sleeper, spawn, try_exit,
    },
};

use super::{select::select, *};

/// Receives once from the channel in slot 0, and returns what came. Slot 1: the value.
fn waiter() {
    let points = vec![
        point(PointKind::Start, "").live("ch", &CHAN_I64, 0),
        point(PointKind::Recv, "ch").live("ch", &CHAN_I64, 0).recv(0, 1, &I64),
    ];
    function("waiter", &I64, points, |cx| {
        let outcome = if cx.at() == 1 {
            assert_unlinked(cx);
            cx.outcome()
        } else {
            recv(cx, 0, 1)
        };
        if outcome == OUTCOME_BLOCK {
            return Flow::Park(1);
        }
        drop_chan(cx, 0);
        if outcome == OUTCOME_UNWIND {
            return Flow::Unwind;
        }
        assert_eq!(outcome, OUTCOME_DONE);
        *cx.result::<i64>() = *cx.slot::<i64>(1);
        Flow::Return
    });
}

/// Sends 5 on the channel in slot 0 unless nobody has taken it after a while; returns 5 if it did. Slot 1: the value, slot 2: how long.
fn giver() {
    let live = |point: Point| point.live("ch", &CHAN_I64, 0);
    let points = vec![
        live(point(PointKind::Start, "")),
        live(point(PointKind::Select, "")).send(0, 1, &I64).after(2),
    ];
    function("giver", &I64, points, |cx| {
        let outcome = if cx.at() == 1 {
            assert_unlinked(cx);
            cx.outcome()
        } else {
            *cx.slot::<i64>(1) = 5;
            *cx.slot::<i64>(2) = 100_000;
            select(cx, &[(0, 1, ARM_SEND)])
        };
        if outcome == OUTCOME_BLOCK {
            return Flow::Park(1);
        }
        drop_chan(cx, 0);
        *cx.result::<i64>() = if outcome == 0 { 5 } else { 0 };
        Flow::Return
    });
}

/// The waiter is asked to cancel while the giver gives. Slots: scope, channel, two tasks, two results.
fn asked_while_given() {
    let live = |point: Point| point.live("s", &SCOPE, 0).live("ch", &CHAN_I64, 1);
    let points = vec![
        point(PointKind::Start, ""),
        live(point(PointKind::Yield, "")).live("w", &TASK_I64, 2).live("g", &TASK_I64, 3),
        live(point(PointKind::TryJoin, "w")).live("g", &TASK_I64, 3).join(2, 4, &I64),
        live(point(PointKind::TryJoin, "g")).live("r", &I64, 4).join(3, 5, &I64),
        live(exit_point(0)).live("r", &I64, 4).live("r", &I64, 5),
    ];
    function("main", &I64, points, |cx| {
        let join = |task: usize, to: usize| {
            let outcome =
                unsafe { orion_try_try_join(cx.ctx, *cx.slot::<*mut u8>(task), cx.address(to)) };
            if outcome != OUTCOME_BLOCK {
                *cx.slot::<*mut u8>(task) = std::ptr::null_mut();
            }
            outcome
        };
        let mut at = cx.at();
        if at == 0 {
            enter(cx, 0);
            make_chan(cx, 1, 0, &I64);
            spawn(cx, nth(1), 0, Some(2), "", &[shared(cx, 1)]);
            spawn(cx, nth(2), 0, Some(3), "", &[shared(cx, 1)]);
            return Flow::Park(1);
        }
        if at == 1 {
            unsafe { orion_request_cancel(cx.ctx, *cx.slot::<*mut u8>(2)) };
            at = 2;
            if join(2, 4) == OUTCOME_BLOCK {
                return Flow::Park(at);
            }
        }
        if at == 2 {
            at = 3;
            if join(3, 5) == OUTCOME_BLOCK {
                return Flow::Park(at);
            }
        }
        if at == 3 && try_exit(cx, 0) == OUTCOME_BLOCK {
            return Flow::Park(4);
        }
        assert_eq!(*cx.slot::<i64>(4), *cx.slot::<i64>(5), "given and taken, or neither");
        assert_quiet(cx, 1, 0);
        drop_slot(cx, 0, &SCOPE);
        drop_chan(cx, 1);
        *cx.result::<i64>() = *cx.slot::<i64>(4);
        Flow::Return
    });
    waiter();
    giver();
}

#[test]
fn a_wait_ends_by_its_value_or_by_the_request() {
    ends(2, asked_while_given, |ran| {
        assert_eq!(ran.end, "returned");
        assert!(ran.result == 0 || ran.result == 5);
    });
}

/// Somebody waits for ever and is asked by two at once: by its scope and by a holder of it. Slots: scope, channel, task.
fn asked_by_two() {
    let live = |point: Point| point.live("s", &SCOPE, 0).live("ch", &CHAN_I64, 1);
    let points =
        vec![point(PointKind::Start, ""), live(point(PointKind::Yield, "")), live(exit_point(0))];
    function("main", &I64, points, |cx| {
        if cx.at() == 0 {
            enter(cx, 0);
            make_chan(cx, 1, 0, &I64);
            spawn(cx, nth(1), 0, None, "", &[shared(cx, 1)]);
            spawn(cx, nth(2), 0, None, "", &[shared(cx, 0)]);
            return Flow::Park(1);
        }
        if cx.at() == 1 {
            unsafe {
                orion_model::sched::scopes::orion_cancel_scope(cx.ctx, *cx.slot::<*mut u8>(0));
            };
            if try_exit(cx, 0) == OUTCOME_BLOCK {
                return Flow::Park(2);
            }
        }
        assert_quiet(cx, 1, 0);
        drop_slot(cx, 0, &SCOPE);
        drop_chan(cx, 1);
        *cx.result::<i64>() = 1;
        Flow::Return
    });
    waiter();
    let points = vec![point(PointKind::Start, "").live("s", &SCOPE, 0)];
    function("asker", &I64, points, |cx| {
        unsafe {
            orion_model::sched::scopes::orion_cancel_scope(cx.ctx, *cx.slot::<*mut u8>(0));
        };
        drop_slot(cx, 0, &SCOPE);
        Flow::Return
    });
}

#[test]
fn a_request_is_never_lost() {
    returns(asked_by_two, 1);
}

/// Two sleepers, one of which wakes soon, are cancelled by their scope. Slots: scope.
fn sleepers() {
    let live = |point: Point| point.live("s", &SCOPE, 0);
    let points =
        vec![point(PointKind::Start, ""), live(point(PointKind::Yield, "")), live(exit_point(0))];
    function("main", &I64, points, |cx| {
        if cx.at() == 0 {
            enter(cx, 0);
            spawn(cx, nth(1), 0, None, "", &[100_000, 1]);
            spawn(cx, nth(1), 0, None, "", &[3_600_000_000_000, 2]);
            return Flow::Park(1);
        }
        if cx.at() == 1 {
            unsafe {
                orion_model::sched::scopes::orion_cancel_scope(cx.ctx, *cx.slot::<*mut u8>(0));
            };
            if try_exit(cx, 0) == OUTCOME_BLOCK {
                return Flow::Park(2);
            }
        }
        drop_slot(cx, 0, &SCOPE);
        Flow::Return
    });
    sleeper();
}

#[test]
fn a_sleeper_wakes_or_is_cancelled() {
    ends(2, sleepers, |ran| {
        assert_eq!(ran.end, "returned");
        // One that never began says nothing.
        for number in 1..=2 {
            let ends = ran.output.matches(&format!("sleeper {number} ")).count();
            assert!(ends <= 1, "{}", ran.output);
        }
    });
}
