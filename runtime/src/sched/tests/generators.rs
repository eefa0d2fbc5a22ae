//! Generators: driven on the native stack, waiting inside, nested, stopped, panicking.

use orion_abi::{
    desc::PointKind,
    outcome::{OUTCOME_CLOSED, OUTCOME_DONE},
};

use super::*;
use crate::{
    export::generators::{
        orion_gen_new, orion_gen_result, orion_gen_state, orion_gen_yield, orion_try_gen_next,
        orion_try_gen_stop,
    },
    sched::ops::orion_try_sleep,
    testing::{GEN_I64, I64, function, nth},
};

/// Modes that need no saved generators.
const LIVE_MODES: [Force; 2] = [Force::None, Force::Suspend];

fn in_live_modes(
    declare: impl Fn() + Copy + Send + 'static,
    check: impl Fn(&Ran) + Copy + Send + 'static,
) {
    for mode in LIVE_MODES {
        let outcome = std::thread::spawn(move || {
            declare();
            check(&run(mode, 1, false));
        })
        .join();
        assert!(outcome.is_ok(), "mode {mode:?}");
    }
}

fn make(cx: &Cx, body: &Body, index: usize) {
    let frame = frame_of(cx, body);
    let site = Box::leak(Box::new(site("main", 3)));
    *cx.slot::<*mut u8>(index) = unsafe { orion_gen_new(cx.ctx, frame, &GEN_I64, site) };
}

fn next(cx: &Cx, index: usize, sent: i64, to: usize) -> u32 {
    let mut sent = sent;
    let generator = *cx.slot::<*mut u8>(index);
    unsafe { orion_try_gen_next(cx.ctx, generator, (&raw mut sent).cast(), cx.address(to)) }
}

/// Yields 10, 20, 30 and what was sent last, sleeping before the second; prints when stopped, after a sleep. Slots: 0 sent, 1 duration, 2 value.
fn counter() -> &'static Body {
    function(
        "counter",
        &I64,
        vec![
            point(PointKind::Start, ""),
            point(PointKind::GenYield, "1").sent(0),
            point(PointKind::Sleep, "").after(1).live("sent", &I64, 0),
            point(PointKind::GenYield, "2").sent(0),
            point(PointKind::Sleep, "defer").after(1),
        ],
        |cx| {
            let give = |value: i64, at: u32| {
                *cx.slot::<i64>(2) = value;
                unsafe { orion_gen_yield(cx.ctx, cx.address(2)) };
                Flow::Park(at)
            };
            let sleep = |at: u32| {
                *cx.slot::<i64>(1) = 1_000_000;
                match unsafe { orion_try_sleep(cx.ctx, 1_000_000) } {
                    OUTCOME_BLOCK => Flow::Park(at),
                    other => panic!("outcome {other}"),
                }
            };
            if cx.at() > 0 && cx.at() < 4 && cx.outcome() == OUTCOME_UNWIND {
                return sleep(4);
            }
            match cx.at() {
                0 => give(10, 1),
                1 => sleep(2),
                2 => give(20 + *cx.slot::<i64>(0), 3),
                3 => {
                    *cx.result::<i64>() = 100 + *cx.slot::<i64>(0);
                    Flow::Return
                }
                _ => {
                    cx.println("stopped");
                    Flow::Unwind
                }
            }
        },
    )
}

#[test]
fn a_generator_yields_waits_and_returns() {
    in_live_modes(
        || {
            function(
                "main",
                &I64,
                vec![
                    point(PointKind::Start, ""),
                    point(PointKind::GenNext, "g").live("sum", &I64, 3).drive(1, 2),
                ],
                |cx| {
                    let mut outcome = None;
                    if cx.at() == 0 {
                        make(cx, nth(1), 1);
                        assert_eq!(unsafe { orion_gen_state(cx.ctx, *cx.slot(1)) }, 0);
                    } else {
                        outcome = Some(cx.outcome());
                    }
                    loop {
                        match outcome {
                            Some(OUTCOME_DONE) => {
                                cx.println(&format!("{}", cx.slot::<i64>(2)));
                                *cx.slot::<i64>(3) += 1;
                            }
                            Some(OUTCOME_CLOSED) => break,
                            _ => {}
                        }
                        let sent = *cx.slot::<i64>(3);
                        match next(cx, 1, sent, 2) {
                            OUTCOME_BLOCK => return Flow::Park(1),
                            done => outcome = Some(done),
                        }
                    }
                    assert_eq!(next(cx, 1, 0, 2), OUTCOME_CLOSED);
                    *cx.result::<i64>() =
                        unsafe { *orion_gen_result(cx.ctx, *cx.slot(1)).cast::<i64>() };
                    drop_slot(cx, 1, &GEN_I64);
                    Flow::Return
                },
            );
            counter();
        },
        |ran| {
            assert_eq!((ran.end.as_str(), ran.result), ("returned", 102));
            assert_eq!(ran.output, "10\n21\n");
        },
    );
}

#[test]
fn stopping_runs_the_defers() {
    in_live_modes(
        || {
            function(
                "main",
                &I64,
                vec![point(PointKind::Start, ""), point(PointKind::GenStop, "g").drive(1, 2)],
                |cx| {
                    if cx.at() == 0 {
                        make(cx, nth(1), 1);
                        assert_eq!(next(cx, 1, 0, 2), OUTCOME_DONE);
                        // A second one is dropped before it starts.
                        make(cx, nth(1), 4);
                        let other = *cx.slot::<*mut u8>(4);
                        assert_eq!(unsafe { orion_try_gen_stop(cx.ctx, other) }, OUTCOME_DONE);
                        drop_slot(cx, 4, &GEN_I64);
                        let generator = *cx.slot::<*mut u8>(1);
                        assert_eq!(unsafe { orion_try_gen_stop(cx.ctx, generator) }, OUTCOME_BLOCK);
                        return Flow::Park(1);
                    }
                    assert_eq!(cx.outcome(), OUTCOME_DONE);
                    assert_eq!(next(cx, 1, 0, 2), OUTCOME_CLOSED);
                    drop_slot(cx, 1, &GEN_I64);
                    Flow::Return
                },
            );
            counter();
        },
        |ran| {
            assert_eq!(ran.end, "returned");
            assert_eq!(ran.output, "stopped\n");
        },
    );
}
