//! Ends of tasks against those who wait for them: the join's lock, the scope's count, a scope that fails.
//!
//! Property: what a task ended with reaches its joiner, its scope or nobody, once; the scope's owner goes on when the last task has ended, and not before.

use std::cell::Cell;

use orion_abi::{
    desc::PointKind,
    outcome::{OUTCOME_DONE, OUTCOME_UNWIND},
};
use orion_model::{
    heap::text,
    sched::{cancel::orion_would_block_slow, fail::orion_panic, join::orion_task_detach},
    testing::{
        Flow, I64, Point, SCOPE, TASK_I64, cancel_point, drop_slot, enter, exit_point, function,
        nth, point, site, spawn, try_cancel_scope, try_exit, try_join,
    },
};

use super::*;

thread_local! {
    /// Tasks that have not ended.
    static RUNNING: Cell<i64> = const { Cell::new(0) };
}

/// Yields, then returns the number in slot 0.
fn yielding() {
    let points = vec![
        point(PointKind::Start, "").live("n", &I64, 0),
        point(PointKind::Yield, "").live("n", &I64, 0),
    ];
    function("yielding", &I64, points, |cx| {
        if cx.at() == 0 {
            return Flow::Park(1);
        }
        RUNNING.set(RUNNING.get() - 1);
        if cx.outcome() == OUTCOME_UNWIND {
            return Flow::Unwind;
        }
        *cx.result::<i64>() = *cx.slot::<i64>(0);
        Flow::Return
    });
}

/// One task is joined, again and again by a time, one is joined, one is detached, one was never held. Slots: scope, three handles, two results, duration.
fn joined() {
    let live = |point: Point| point.live("s", &SCOPE, 0).live("d", &I64, 6);
    let points = vec![
        point(PointKind::Start, ""),
        live(point(PointKind::Yield, ""))
            .live("a", &TASK_I64, 1)
            .live("b", &TASK_I64, 2)
            .live("c", &TASK_I64, 3),
        live(point(PointKind::JoinTimeout, "a")).live("b", &TASK_I64, 2).join(1, 4, &I64).after(6),
        live(point(PointKind::Join, "b")).live("r", &I64, 4).join(2, 5, &I64),
        live(exit_point(0)).live("r", &I64, 4).live("r", &I64, 5),
    ];
    function("main", &I64, points, |cx| {
        match cx.at() {
            0 => {
                RUNNING.set(4);
                enter(cx, 0);
                for index in 1..=3 {
                    spawn(cx, nth(1), 0, Some(index), "", &[index as u64]);
                }
                spawn(cx, nth(1), 0, None, "", &[4]);
                *cx.slot::<i64>(6) = 100_000;
                return Flow::Park(1);
            }
            1 => {
                unsafe { orion_task_detach(cx.ctx, *cx.slot::<*mut u8>(3)) };
                *cx.slot::<*mut u8>(3) = std::ptr::null_mut();
                assert_eq!(unsafe { orion_would_block_slow(cx.ctx) }, OUTCOME_BLOCK);
                return Flow::Park(2);
            }
            2 => {
                assert_unlinked(cx);
                if cx.outcome() == 1 << 1 {
                    assert!(!cx.slot::<*mut u8>(1).is_null(), "the handle comes back");
                    return Flow::Park(2);
                }
                assert_eq!(cx.outcome(), OUTCOME_DONE);
                if try_join(cx, 2, 5) == OUTCOME_BLOCK {
                    return Flow::Park(3);
                }
            }
            _ => {}
        }
        if cx.at() < 4 && try_exit(cx, 0) == OUTCOME_BLOCK {
            return Flow::Park(4);
        }
        assert_eq!(RUNNING.get(), 0, "the scope has waited for its tasks");
        drop_slot(cx, 0, &SCOPE);
        *cx.result::<i64>() = 10 * *cx.slot::<i64>(4) + *cx.slot::<i64>(5);
        Flow::Return
    });
    yielding();
}

#[test]
fn an_end_reaches_its_joiner_once() {
    returns(joined, 12);
}

/// Two tasks panic, one yields: the scope fails with one panic, and the other is noted. Slots: scope.
fn failing() {
    let points = vec![point(PointKind::Start, ""), exit_point(0), cancel_point(0)];
    function("main", &I64, points, |cx| {
        let mut unwinds = false;
        match cx.at() {
            0 => {
                RUNNING.set(3);
                enter(cx, 0);
                spawn(cx, nth(1), 0, None, "", &[1]);
                spawn(cx, nth(2), 0, None, "", &[]);
                spawn(cx, nth(2), 0, None, "", &[]);
                match try_exit(cx, 0) {
                    OUTCOME_BLOCK => return Flow::Park(1),
                    outcome => assert_eq!(outcome, OUTCOME_UNWIND),
                }
                unwinds = true;
            }
            1 => {
                assert_eq!(cx.outcome(), OUTCOME_UNWIND);
                unwinds = true;
            }
            _ => assert_eq!(cx.outcome(), OUTCOME_DONE),
        }
        if unwinds && try_cancel_scope(cx, 0) == OUTCOME_BLOCK {
            return Flow::Park(2);
        }
        assert!(RUNNING.get() >= 0);
        drop_slot(cx, 0, &SCOPE);
        Flow::Unwind
    });
    yielding();
    let points = vec![point(PointKind::Start, ""), point(PointKind::Yield, "")];
    function("failing", &I64, points, |cx| {
        if cx.at() == 0 {
            return Flow::Park(1);
        }
        if cx.outcome() == OUTCOME_DONE {
            let place = Box::leak(Box::new(site("failing", 1)));
            unsafe { orion_panic(cx.ctx, text::new(cx.ctx, "oh"), place) };
        }
        Flow::Unwind
    });
}

#[test]
fn a_scope_fails_once() {
    ends(2, failing, |ran| {
        assert!(ran.end.starts_with("panic"), "{}", ran.end);
        assert!(ran.end.contains("oh"), "{}", ran.end);
    });
}
