//! Sleeping, joining, panics across tasks, calls, idling, deadlock.

use orion_abi::{
    desc::PointKind,
    outcome::{OUTCOME_CLOSED, OUTCOME_DONE},
};

use super::*;
use crate::{
    export::world::{orion_join_cancelled, orion_join_message},
    sched::{
        fail::{orion_panic, orion_trace},
        join::orion_try_try_join,
        ops::{orion_poll, orion_try_idle},
    },
    testing::{CHAN_I64, I64, SCOPE, TASK_I64, function},
};

const MS: u64 = 1_000_000;

#[test]
fn sleepers_wake_in_the_order_of_their_deadlines() {
    in_all_modes(
        || {
            function("main", &I64, vec![point(PointKind::Start, ""), exit_point(0)], |cx| {
                if cx.at() == 0 {
                    enter(cx, 0);
                    for (delay, number) in [(30, 1), (10, 2), (20, 3), (10, 4)] {
                        spawn(cx, nth(1), 0, None, "", &[delay * MS, number]);
                    }
                    if try_exit(cx, 0) == OUTCOME_BLOCK {
                        return Flow::Park(1);
                    }
                }
                drop_slot(cx, 0, &SCOPE);
                Flow::Return
            });
            sleeper();
        },
        |ran| {
            assert_eq!(ran.end, "returned");
            let expected = "sleeper 2 woke\nsleeper 4 woke\nsleeper 3 woke\nsleeper 1 woke\n";
            assert_eq!(ran.output, expected);
        },
    );
}

use crate::testing::nth;

#[test]
fn join_gives_the_value() {
    in_all_modes(
        || {
            function(
                "main",
                &I64,
                vec![
                    point(PointKind::Start, ""),
                    point(PointKind::Join, "t")
                        .live("s", &SCOPE, 0)
                        .live("u", &TASK_I64, 2)
                        .live("sum", &I64, 4)
                        .join(1, 3, &I64),
                    point(PointKind::Join, "u")
                        .live("s", &SCOPE, 0)
                        .live("sum", &I64, 4)
                        .join(2, 3, &I64),
                    exit_point(0).live("sum", &I64, 4),
                ],
                |cx| {
                    let mut at = cx.at();
                    if at == 0 {
                        enter(cx, 0);
                        // The second one has ended long before it is joined.
                        spawn(cx, nth(1), 0, Some(1), "slow", &[20 * MS, 40]);
                        spawn(cx, nth(1), 0, Some(2), "quick", &[MS, 2]);
                        if try_join(cx, 1, 3) == OUTCOME_BLOCK {
                            return Flow::Park(1);
                        }
                        at = 1;
                    }
                    if at == 1 {
                        *cx.slot::<i64>(4) += *cx.slot::<i64>(3);
                        if try_join(cx, 2, 3) == OUTCOME_BLOCK {
                            return Flow::Park(2);
                        }
                        at = 2;
                    }
                    if at == 2 {
                        *cx.slot::<i64>(4) += *cx.slot::<i64>(3);
                        if try_exit(cx, 0) == OUTCOME_BLOCK {
                            return Flow::Park(3);
                        }
                    }
                    drop_slot(cx, 0, &SCOPE);
                    *cx.result::<i64>() = *cx.slot::<i64>(4);
                    Flow::Return
                },
            );
            sleeper();
        },
        |ran| assert_eq!((ran.end.as_str(), ran.result), ("returned", 42)),
    );
}

/// A task that yields, then panics; called through one more function when slot 0 is 1.
fn panicker() -> &'static Body {
    function(
        "panicker",
        &I64,
        vec![point(PointKind::Start, "").live("n", &I64, 0), point(PointKind::Yield, "")],
        |cx| {
            if cx.at() == 0 {
                return Flow::Park(1);
            }
            let site = Box::leak(Box::new(site("panicker", 7)));
            unsafe { orion_panic(cx.ctx, text::new(cx.ctx, "broken \"pipe\""), site) };
            Flow::Unwind
        },
    )
}

#[test]
fn a_panic_reaches_the_joiner_with_one_stack() {
    in_all_modes(
        || {
            function(
                "main",
                &I64,
                vec![
                    point(PointKind::Start, ""),
                    point(PointKind::Join, "t").live("s", &SCOPE, 0).join(1, 3, &I64),
                    cancel_point(0),
                ],
                |cx| {
                    if cx.at() == 0 {
                        enter(cx, 0);
                        spawn(cx, nth(1), 0, Some(1), "caller", &[1]);
                        if try_join(cx, 1, 3) == OUTCOME_BLOCK {
                            return Flow::Park(1);
                        }
                    }
                    if cx.at() == 1 {
                        assert_eq!(cx.outcome(), OUTCOME_UNWIND);
                        let site = Box::leak(Box::new(site("main", 12)));
                        unsafe { orion_trace(cx.ctx, site) };
                        if try_cancel_scope(cx, 0) == OUTCOME_BLOCK {
                            return Flow::Park(2);
                        }
                    }
                    drop_slot(cx, 0, &SCOPE);
                    Flow::Unwind
                },
            );
            // Calls `panicker`: the frame chain is leaf -> caller.
            function(
                "caller",
                &I64,
                vec![
                    point(PointKind::Start, "").live("n", &I64, 0),
                    point(PointKind::Call, "panicker"),
                ],
                |cx| {
                    if cx.at() == 0 {
                        let callee = frame_of(cx, nth(2));
                        set(callee, 0, 0u64);
                        return Flow::Call(1, callee);
                    }
                    let (status, _) = cx.callee();
                    assert_eq!(status, 2);
                    let site = Box::leak(Box::new(site("caller", 8)));
                    unsafe { orion_trace(cx.ctx, site) };
                    Flow::Unwind
                },
            );
            panicker();
        },
        |ran| {
            let expected = "panic: broken \"pipe\"\n  at panicker (test.or:7:1)\n  at caller (test.or:8:1)\n  in task 2 \"caller\", spawned by main (test.or:100:1)\n  at main (test.or:12:1)\n";
            assert_eq!(ran.end, expected);
        },
    );
}

#[test]
fn try_join_gives_the_message() {
    in_all_modes(
        || {
            function(
                "main",
                &I64,
                vec![
                    point(PointKind::Start, ""),
                    point(PointKind::TryJoin, "t").live("s", &SCOPE, 0).join(1, 3, &I64),
                    exit_point(0),
                ],
                |cx| {
                    let mut outcome = cx.outcome();
                    if cx.at() == 0 {
                        enter(cx, 0);
                        spawn(cx, nth(1), 0, Some(1), "", &[1]);
                        outcome = unsafe {
                            orion_try_try_join(cx.ctx, *cx.slot::<*mut u8>(1), cx.address(3))
                        };
                        if outcome == OUTCOME_BLOCK {
                            return Flow::Park(1);
                        }
                    }
                    if cx.at() < 2 {
                        assert_eq!(outcome, OUTCOME_CLOSED);
                        unsafe {
                            assert_eq!(orion_join_cancelled(cx.ctx), 0);
                            let message = orion_join_message(cx.ctx);
                            cx.println(text::as_str(message));
                            text::drop_str(cx.ctx, message);
                        }
                        if try_exit(cx, 0) == OUTCOME_BLOCK {
                            return Flow::Park(2);
                        }
                    }
                    drop_slot(cx, 0, &SCOPE);
                    Flow::Return
                },
            );
            panicker();
        },
        |ran| {
            assert_eq!(ran.end, "returned");
            assert_eq!(ran.output, "broken \"pipe\"\n");
        },
    );
}

#[test]
fn idlers_wake_one_at_a_time_when_nothing_is_ready() {
    in_all_modes(
        || {
            function("main", &I64, vec![point(PointKind::Start, ""), exit_point(0)], |cx| {
                if cx.at() == 0 {
                    enter(cx, 0);
                    for number in 1..=3u64 {
                        spawn(cx, nth(1), 0, None, "", &[number]);
                    }
                    if try_exit(cx, 0) == OUTCOME_BLOCK {
                        return Flow::Park(1);
                    }
                }
                drop_slot(cx, 0, &SCOPE);
                Flow::Return
            });
            function(
                "idler",
                &I64,
                vec![
                    point(PointKind::Start, "").live("n", &I64, 0),
                    point(PointKind::Idle, "").live("n", &I64, 0),
                    point(PointKind::Yield, "").live("n", &I64, 0),
                ],
                |cx| {
                    let n = *cx.slot::<i64>(0);
                    match cx.at() {
                        0 => {
                            assert_eq!(unsafe { orion_try_idle(cx.ctx) }, OUTCOME_BLOCK);
                            Flow::Park(1)
                        }
                        1 => {
                            assert_eq!(cx.outcome(), OUTCOME_DONE);
                            cx.println(&format!("{n} idle"));
                            Flow::Park(2)
                        }
                        _ => {
                            cx.println(&format!("{n} on"));
                            Flow::Return
                        }
                    }
                },
            );
        },
        |ran| {
            assert_eq!(ran.end, "returned");
            assert_eq!(ran.output, "1 idle\n1 on\n2 idle\n2 on\n3 idle\n3 on\n");
        },
    );
}

#[test]
fn the_deadlock_report_names_what_each_task_waits_for() {
    in_all_modes(
        || {
            function(
                "main",
                &I64,
                vec![
                    point(PointKind::Start, ""),
                    point(PointKind::Recv, "ch")
                        .live("s", &SCOPE, 0)
                        .live("ch", &CHAN_I64, 1)
                        .recv(1, 2, &I64),
                ],
                |cx| {
                    enter(cx, 0);
                    make_chan(cx, 1, 3, &I64);
                    for number in 0..1000u64 {
                        let chan = share(cx, 1);
                        spawn(cx, nth(1), 0, None, "", &[chan as u64, number]);
                    }
                    make_chan(cx, 5, 0, &I64);
                    let chan = *cx.slot::<*mut u8>(5);
                    spawn(cx, nth(1), 0, None, "lonely", &[chan as u64, 7]);
                    Flow::Park(1)
                },
            );
            function(
                "stuck",
                &I64,
                vec![
                    point(PointKind::Start, "").live("ch", &CHAN_I64, 0).live("n", &I64, 1),
                    point(PointKind::Recv, "ch")
                        .live("ch", &CHAN_I64, 0)
                        .live("n", &I64, 1)
                        .recv(0, 2, &I64),
                ],
                |_| Flow::Park(1),
            );
        },
        |ran| {
            let expected = "deadlock: every task waits for something that cannot happen\n\
                \nmain task\n  waits to receive from `ch`, made at test.or:1:1 (length 0, capacity 3; 0 senders and 1001 receivers wait on it); \
                also task 2 to receive, task 3 to receive, task 4 to receive, task 5 to receive, task 6 to receive and 995 more\n  at main (test.or:2:1)\n\
                \n1000 tasks (task 2, task 3, task 4, task 5, task 6 and 995 more), spawned by main (test.or:100:1)\n  \
                waits to receive from `ch`, made at test.or:1:1 (length 0, capacity 3; 0 senders and 1001 receivers wait on it)\n  at stuck (test.or:2:1)\n\
                \ntask 1002 \"lonely\", spawned by main (test.or:100:1)\n  \
                waits to receive from `ch`, made at test.or:1:1 (length 0, capacity 0; 0 senders and 1 receiver wait on it)\n  at stuck (test.or:2:1)\n";
            assert_eq!(ran.end, expected);
        },
    );
}

#[test]
fn an_endless_task_gives_way() {
    let output = std::thread::spawn(|| {
        function(
            "main",
            &I64,
            vec![point(PointKind::Start, ""), exit_point(0), cancel_point(0)],
            |cx| {
                if cx.at() == 0 {
                    enter(cx, 0);
                    spawn(cx, nth(1), 0, None, "", &[]);
                    spawn(cx, nth(2), 0, None, "", &[50 * MS, 1]);
                    if try_exit(cx, 0) == OUTCOME_BLOCK {
                        return Flow::Park(1);
                    }
                }
                drop_slot(cx, 0, &SCOPE);
                Flow::Return
            },
        );
        // Spins until the sleeper has woken (it prints then), by polls as generated code makes them.
        function(
            "spinner",
            &I64,
            vec![point(PointKind::Start, ""), point(PointKind::Poll, "").live("n", &I64, 0)],
            |cx| {
                let started = std::time::Instant::now();
                *cx.slot::<i64>(0) += 1;
                loop {
                    let here = 0u8;
                    let sp = &raw const here as i64;
                    unsafe {
                        let limit = crate::sched::ops::limit_of(cx.ctx);
                        if (sp as usize) < limit.load(std::sync::atomic::Ordering::Relaxed)
                            && orion_poll(cx.ctx, sp) == OUTCOME_BLOCK
                        {
                            return Flow::Park(1);
                        }
                        let world = crate::world::world_of(cx.ctx);
                        if (*world).timers.is_empty() && *cx.slot::<i64>(0) > 1 {
                            cx.println("spinner done");
                            return Flow::Return;
                        }
                    }
                    assert!(started.elapsed().as_secs() < 5, "the slice never ends");
                }
            },
        );
        sleeper();
        run(Force::None, 1, true)
    })
    .join()
    .expect("the run succeeds");
    assert_eq!(output.end, "returned");
    assert!(output.output.contains("sleeper 1 woke\n"), "{}", output.output);
}
