//! Cancellation, failing scopes, timeouts of joins.

use orion_abi::{desc::PointKind, outcome::OUTCOME_DONE};

use super::*;
use crate::{
    sched::{
        cancel::{orion_request_cancel, orion_would_block_slow},
        fail::{orion_panic, orion_trace},
        join::{orion_task_detach, orion_try_cancel},
        ops::orion_try_sleep,
    },
    testing::{DURATION, I64, SCOPE, STR, TASK_I64, function, nth},
};

const MS: u64 = 1_000_000;

/// Sleeps for an hour; when it is cancelled its `defer` sleeps too, in peace, and prints; slot 0: how long, 1: number, 2: the defer's sleep.
fn deferring() -> &'static Body {
    function(
        "deferring",
        &I64,
        vec![
            point(PointKind::Start, "").live("d", &DURATION, 0).live("n", &I64, 1),
            point(PointKind::Sleep, "").after(0).live("n", &I64, 1),
            point(PointKind::Sleep, "defer").after(2).live("n", &I64, 1),
        ],
        |cx| match cx.at() {
            0 => match unsafe { orion_try_sleep(cx.ctx, *cx.slot::<i64>(0)) } {
                OUTCOME_BLOCK => Flow::Park(1),
                other => panic!("outcome {other}"),
            },
            1 => {
                assert_eq!(cx.outcome(), OUTCOME_UNWIND);
                *cx.slot::<i64>(2) = 1_000_000;
                match unsafe { orion_try_sleep(cx.ctx, 1_000_000) } {
                    OUTCOME_BLOCK => Flow::Park(2),
                    other => panic!("outcome {other}"),
                }
            }
            _ => {
                assert_eq!(cx.outcome(), OUTCOME_DONE);
                cx.println(&format!("defer {}", cx.slot::<i64>(1)));
                Flow::Unwind
            }
        },
    )
}

#[test]
fn leaving_early_cancels_and_awaits_the_tasks() {
    in_all_modes(
        || {
            function(
                "main",
                &I64,
                vec![
                    point(PointKind::Start, ""),
                    point(PointKind::Yield, "").live("s", &SCOPE, 0),
                    cancel_point(0),
                ],
                |cx| {
                    if cx.at() == 0 {
                        enter(cx, 0);
                        for number in 1..=3 {
                            spawn(cx, nth(1), 0, None, "", &[3_600_000 * MS, number]);
                        }
                        return Flow::Park(1);
                    }
                    if cx.at() == 1 {
                        cx.println("leaving");
                        if try_cancel_scope(cx, 0) == OUTCOME_BLOCK {
                            return Flow::Park(2);
                        }
                    }
                    drop_slot(cx, 0, &SCOPE);
                    cx.println("left");
                    Flow::Return
                },
            );
            deferring();
        },
        |ran| {
            assert_eq!(ran.end, "returned");
            assert_eq!(ran.output, "leaving\ndefer 1\ndefer 2\ndefer 3\nleft\n");
        },
    );
}

#[test]
fn a_task_that_has_not_started_never_runs() {
    in_all_modes(
        || {
            function(
                "main",
                &I64,
                vec![
                    point(PointKind::Start, ""),
                    point(PointKind::Cancel, "t").live("s", &SCOPE, 0).join(1, 2, &I64),
                    exit_point(0),
                ],
                |cx| {
                    if cx.at() == 0 {
                        enter(cx, 0);
                        let argument = unsafe { text::new(cx.ctx, "an argument that is dropped") };
                        spawn(cx, nth(1), 0, Some(1), "", &[argument as u64]);
                        let task = *cx.slot::<*mut u8>(1);
                        if unsafe { orion_try_cancel(cx.ctx, task, null_mut()) } == OUTCOME_BLOCK {
                            return Flow::Park(1);
                        }
                    }
                    if cx.at() < 2 && try_exit(cx, 0) == OUTCOME_BLOCK {
                        return Flow::Park(2);
                    }
                    drop_slot(cx, 0, &SCOPE);
                    Flow::Return
                },
            );
            function(
                "never",
                &I64,
                vec![point(PointKind::Start, "").live("text", &STR, 0)],
                |_| panic!("it runs"),
            );
        },
        |ran| assert_eq!(ran.end, "returned"),
    );
}

#[test]
fn a_dropped_tasks_panic_cancels_its_scope_and_its_owner() {
    in_all_modes(
        || {
            function(
                "main",
                &I64,
                vec![
                    point(PointKind::Start, ""),
                    // The body waits for ever: it must be interrupted.
                    point(PointKind::Select, "").live("s", &SCOPE, 0),
                    cancel_point(0),
                ],
                |cx| {
                    if cx.at() == 0 {
                        enter(cx, 0);
                        spawn(cx, nth(1), 0, None, "", &[3_600_000 * MS, 1]);
                        spawn(cx, nth(2), 0, None, "culprit", &[]);
                        assert_eq!(unsafe { orion_would_block_slow(cx.ctx) }, OUTCOME_BLOCK);
                        return Flow::Park(1);
                    }
                    if cx.at() == 1 {
                        assert_eq!(cx.outcome(), OUTCOME_UNWIND);
                        if try_cancel_scope(cx, 0) == OUTCOME_BLOCK {
                            return Flow::Park(2);
                        }
                    }
                    drop_slot(cx, 0, &SCOPE);
                    let site = Box::leak(Box::new(site("main", 33)));
                    unsafe { orion_trace(cx.ctx, site) };
                    Flow::Unwind
                },
            );
            deferring();
            function(
                "culprit",
                &I64,
                vec![point(PointKind::Start, ""), point(PointKind::Yield, "")],
                |cx| {
                    if cx.at() == 0 {
                        return Flow::Park(1);
                    }
                    let site = Box::leak(Box::new(site("culprit", 5)));
                    unsafe { orion_panic(cx.ctx, text::new(cx.ctx, "no"), site) };
                    Flow::Unwind
                },
            );
        },
        |ran| {
            assert_eq!(ran.output, "defer 1\n");
            let expected = "panic: no\n  at culprit (test.or:5:1)\n  in task 3 \"culprit\", spawned by main (test.or:100:1)\n  at main (test.or:33:1)\n";
            assert_eq!(ran.end, expected);
        },
    );
}

#[test]
fn join_with_a_timeout_gives_the_handle_back() {
    in_all_modes(
        || {
            function(
                "main",
                &I64,
                vec![
                    point(PointKind::Start, ""),
                    point(PointKind::JoinTimeout, "t")
                        .live("s", &SCOPE, 0)
                        .join(1, 2, &I64)
                        .after(3),
                    point(PointKind::JoinTimeout, "t")
                        .live("s", &SCOPE, 0)
                        .join(1, 2, &I64)
                        .after(3),
                    exit_point(0).live("r", &I64, 2),
                ],
                |cx| {
                    match cx.at() {
                        0 => {
                            enter(cx, 0);
                            spawn(cx, nth(1), 0, Some(1), "", &[20 * MS, 5]);
                            *cx.slot::<u64>(3) = 10 * MS;
                            assert_eq!(unsafe { orion_would_block_slow(cx.ctx) }, OUTCOME_BLOCK);
                            return Flow::Park(1);
                        }
                        1 => {
                            assert_eq!(cx.outcome(), 1 << 1, "the time is over");
                            assert!(!cx.slot::<*mut u8>(1).is_null());
                            cx.println("timeout");
                            return Flow::Park(2);
                        }
                        2 => {
                            // 10 ms after the first wait was over, plus what looking at the clock costs: either may win.
                            if cx.outcome() == 2 {
                                return Flow::Park(2);
                            }
                            assert_eq!(cx.outcome(), 0);
                            assert!(cx.slot::<*mut u8>(1).is_null());
                            if try_exit(cx, 0) == OUTCOME_BLOCK {
                                return Flow::Park(3);
                            }
                        }
                        _ => {}
                    }
                    drop_slot(cx, 0, &SCOPE);
                    *cx.result::<i64>() = *cx.slot::<i64>(2);
                    Flow::Return
                },
            );
            sleeper();
        },
        |ran| {
            assert_eq!((ran.end.as_str(), ran.result), ("returned", 5));
            assert_eq!(ran.output, "timeout\nsleeper 5 woke\n");
        },
    );
}

#[test]
fn a_cancelled_joiner_gives_its_handle_up() {
    in_all_modes(
        || {
            // main asks a task to cancel that joins a sleeper of main's scope; then waits for both.
            function(
                "main",
                &I64,
                vec![
                    point(PointKind::Start, ""),
                    point(PointKind::Yield, "").live("s", &SCOPE, 0).live("t", &TASK_I64, 1),
                    exit_point(0),
                ],
                |cx| {
                    if cx.at() == 0 {
                        enter(cx, 0);
                        spawn(cx, nth(1), 0, Some(2), "", &[10 * MS, 9]);
                        let sleeper = *cx.slot::<u64>(2);
                        spawn(cx, nth(2), 0, Some(1), "", &[sleeper]);
                        return Flow::Park(1);
                    }
                    if cx.at() == 1 {
                        unsafe {
                            orion_request_cancel(cx.ctx, *cx.slot::<*mut u8>(1));
                            orion_task_detach(cx.ctx, *cx.slot::<*mut u8>(1));
                        }
                        if try_exit(cx, 0) == OUTCOME_BLOCK {
                            return Flow::Park(2);
                        }
                    }
                    drop_slot(cx, 0, &SCOPE);
                    Flow::Return
                },
            );
            sleeper();
            function(
                "joiner",
                &I64,
                vec![
                    point(PointKind::Start, "").live("t", &TASK_I64, 0),
                    point(PointKind::Join, "t").join(0, 1, &I64),
                ],
                |cx| {
                    if cx.at() == 0 {
                        assert_eq!(try_join(cx, 0, 1), OUTCOME_BLOCK);
                        return Flow::Park(1);
                    }
                    assert_eq!(cx.outcome(), OUTCOME_UNWIND);
                    assert!(cx.slot::<*mut u8>(0).is_null());
                    Flow::Unwind
                },
            );
        },
        |ran| {
            assert_eq!(ran.end, "returned");
            assert_eq!(ran.output, "sleeper 9 woke\n");
        },
    );
}
