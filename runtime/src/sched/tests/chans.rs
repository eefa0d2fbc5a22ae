//! Channels and select.

use orion_abi::{
    desc::{ARM_RECV, ARM_SEND, PointKind},
    frame::SelectArm,
    outcome::{OUTCOME_BLOCK, OUTCOME_CLOSED, OUTCOME_DONE},
};
use orion_fast::chan::{orion_try_recv, orion_try_send};

use super::*;
use crate::{
    export::chans::orion_chan_close,
    sched::select::orion_try_select,
    testing::{CHAN_I64, CHAN_STR, I64, LIST_STR, STR, function},
};

/// Sends 0, 1, … n-1 on the channel in slot 0 and closes it; slot 1: n, slot 2: i, slot 3: the value.
fn producer() -> &'static Body {
    function(
        "producer",
        &I64,
        vec![
            point(PointKind::Start, "").live("ch", &CHAN_I64, 0).live("n", &I64, 1),
            point(PointKind::Send, "ch")
                .live("ch", &CHAN_I64, 0)
                .live("n", &I64, 1)
                .live("i", &I64, 2)
                .send(0, 3, &I64),
        ],
        |cx| {
            let (n, i) = (*cx.slot::<i64>(1), cx.slot::<i64>(2));
            if cx.at() == 1 {
                assert_eq!(cx.outcome(), OUTCOME_DONE);
                *i += 1;
            }
            let chan = *cx.slot::<*mut u8>(0);
            while *i < n {
                *cx.slot::<i64>(3) = *i;
                match unsafe { orion_try_send(cx.ctx, chan, cx.address(3)) } {
                    OUTCOME_BLOCK => return Flow::Park(1),
                    outcome => assert_eq!(outcome, OUTCOME_DONE),
                }
                *i += 1;
            }
            let site = Box::leak(Box::new(site("producer", 9)));
            unsafe { assert_eq!(orion_chan_close(cx.ctx, chan, site, null_mut()), 0) };
            drop_slot(cx, 0, &CHAN_I64);
            Flow::Return
        },
    )
}

/// main: a channel of some capacity, `producers` … one producer of n, sums what it receives; slot 0 scope, 1 channel, 2 value, 3 sum.
fn summing_main(cap: i64, n: i64) {
    let name = "main";
    function(
        name,
        &I64,
        vec![
            point(PointKind::Start, ""),
            point(PointKind::Recv, "ch")
                .live("s", &crate::testing::SCOPE, 0)
                .live("ch", &CHAN_I64, 1)
                .live("sum", &I64, 3)
                .recv(1, 2, &I64),
            exit_point(0).live("ch", &CHAN_I64, 1).live("sum", &I64, 3),
        ],
        move |cx| {
            if cx.at() == 0 {
                enter(cx, 0);
                make_chan(cx, 1, cap, &I64);
                let producer = crate::testing::nth(1);
                let chan = share(cx, 1);
                spawn(cx, producer, 0, None, "", &[chan as u64, n as u64]);
            }
            let mut outcome = if cx.at() == 1 { cx.outcome() } else { OUTCOME_BLOCK };
            if cx.at() < 2 {
                if cx.at() == 1 && outcome == OUTCOME_DONE {
                    *cx.slot::<i64>(3) += *cx.slot::<i64>(2);
                }
                while outcome != OUTCOME_CLOSED {
                    outcome =
                        unsafe { orion_try_recv(cx.ctx, *cx.slot::<*mut u8>(1), cx.address(2)) };
                    match outcome {
                        OUTCOME_BLOCK => return Flow::Park(1),
                        OUTCOME_DONE => *cx.slot::<i64>(3) += *cx.slot::<i64>(2),
                        _ => {}
                    }
                }
                if try_exit(cx, 0) == OUTCOME_BLOCK {
                    return Flow::Park(2);
                }
            }
            drop_slot(cx, 0, &crate::testing::SCOPE);
            drop_slot(cx, 1, &CHAN_I64);
            *cx.result::<i64>() = *cx.slot::<i64>(3);
            Flow::Return
        },
    );
}

#[test]
fn every_value_arrives_through_channels_of_any_capacity() {
    for cap in [0, 1, 3, 100] {
        in_all_modes(
            move || {
                summing_main(cap, 50);
                producer();
            },
            |ran| assert_eq!((ran.end.as_str(), ran.result), ("returned", 49 * 50 / 2)),
        );
    }
}

/// main selects between two channels, a timeout, and counts; slots: 0 scope, 1 a, 2 b, 3 value of a, 4 value of b, 5 duration, 6 count, 7 timeouts.
fn selecting_main(n: i64) {
    let points = || {
        vec![
            point(PointKind::Start, ""),
            point(PointKind::Select, "")
                .live("s", &crate::testing::SCOPE, 0)
                .live("a", &CHAN_I64, 1)
                .live("b", &CHAN_I64, 2)
                .live("count", &I64, 6)
                .live("closed", &I64, 7)
                .recv(1, 3, &I64)
                .recv(2, 4, &I64)
                .after(5),
            exit_point(0).live("a", &CHAN_I64, 1).live("b", &CHAN_I64, 2).live("count", &I64, 6),
        ]
    };
    function("main", &I64, points(), move |cx| {
        if cx.at() == 0 {
            enter(cx, 0);
            for index in [1, 2] {
                make_chan(cx, index, 0, &I64);
                let chan = share(cx, index);
                spawn(cx, crate::testing::nth(1), 0, None, "", &[chan as u64, n as u64]);
            }
            *cx.slot::<i64>(5) = 1_000_000_000;
        }
        if cx.at() < 2 {
            let mut outcome = if cx.at() == 1 { Some(cx.outcome()) } else { None };
            loop {
                match outcome {
                    Some(0 | 2) => *cx.slot::<i64>(6) += 1,
                    Some(arm @ (1 | 3)) => {
                        // A closed channel takes no part any more.
                        let index = 1 + (arm as usize >> 1);
                        drop_slot(cx, index, &CHAN_I64);
                        *cx.slot::<*mut u8>(index) = null_mut();
                        *cx.slot::<i64>(7) += 1;
                        if *cx.slot::<i64>(7) == 2 {
                            break;
                        }
                    }
                    Some(other) => panic!("outcome {other}"),
                    None => {}
                }
                let arm = |index: usize, value: usize| SelectArm {
                    chan: *cx.slot::<*mut u8>(index),
                    value: cx.address(value),
                    kind: ARM_RECV,
                    pad: 0,
                };
                let mut arms = [arm(1, 3), arm(2, 4)];
                let got = unsafe { orion_try_select(cx.ctx, arms.as_mut_ptr(), 2, 0) };
                if got == OUTCOME_BLOCK {
                    return Flow::Park(1);
                }
                outcome = Some(got);
            }
            if try_exit(cx, 0) == OUTCOME_BLOCK {
                return Flow::Park(2);
            }
        }
        drop_slot(cx, 0, &crate::testing::SCOPE);
        drop_slot(cx, 1, &CHAN_I64);
        drop_slot(cx, 2, &CHAN_I64);
        *cx.result::<i64>() = *cx.slot::<i64>(6);
        Flow::Return
    });
}

#[test]
fn select_loses_nothing() {
    in_all_modes(
        || {
            selecting_main(40);
            producer();
        },
        |ran| assert_eq!((ran.end.as_str(), ran.result), ("returned", 80)),
    );
}

#[test]
fn select_is_fair_and_follows_the_seed() {
    let picks = |seed: u64| {
        std::thread::spawn(move || {
            function("main", &I64, vec![point(PointKind::Start, "")], |cx| {
                make_chan(cx, 0, 4000, &I64);
                let mut sent = [0i64; 3];
                for _ in 0..3000 {
                    let mut values = [0i64, 1, 2];
                    let mut arms = values.each_mut().map(|value| SelectArm {
                        chan: *cx.slot::<*mut u8>(0),
                        value: (value as *mut i64).cast(),
                        kind: ARM_SEND,
                        pad: 0,
                    });
                    let outcome = unsafe { orion_try_select(cx.ctx, arms.as_mut_ptr(), 3, 1) };
                    sent[(outcome >> 1) as usize] += 1;
                }
                drop_slot(cx, 0, &CHAN_I64);
                cx.println(&format!("{sent:?}"));
                assert!(sent.iter().all(|&count| (900..1100).contains(&count)), "{sent:?}");
                Flow::Return
            });
            run(Force::None, seed, false).output
        })
        .join()
        .expect("the run succeeds")
    };
    assert_eq!(picks(1), picks(1));
    assert_ne!(picks(1), picks(2));
}

#[test]
fn closing_wakes_senders_and_receivers() {
    // main closes a channel on which a sender of a string waits; slots as in `producer`, value a list of strings.
    in_all_modes(
        || {
            function(
                "main",
                &I64,
                vec![
                    point(PointKind::Start, ""),
                    point(PointKind::Yield, "")
                        .live("s", &crate::testing::SCOPE, 0)
                        .live("ch", &CHAN_STR, 1),
                    exit_point(0),
                ],
                |cx| {
                    if cx.at() == 0 {
                        enter(cx, 0);
                        make_chan(cx, 1, 0, &STR);
                        let chan = share(cx, 1);
                        spawn(cx, crate::testing::nth(1), 0, None, "", &[chan as u64]);
                        return Flow::Park(1);
                    }
                    if cx.at() == 1 {
                        let site = Box::leak(Box::new(site("main", 9)));
                        unsafe {
                            let chan = *cx.slot::<*mut u8>(1);
                            assert_eq!(orion_chan_close(cx.ctx, chan, site, null_mut()), 0);
                        }
                        drop_slot(cx, 1, &CHAN_STR);
                        if try_exit(cx, 0) == OUTCOME_BLOCK {
                            return Flow::Park(2);
                        }
                    }
                    drop_slot(cx, 0, &crate::testing::SCOPE);
                    Flow::Return
                },
            );
            function(
                "sender",
                &I64,
                vec![
                    point(PointKind::Start, "").live("ch", &CHAN_STR, 0),
                    point(PointKind::Send, "ch")
                        .live("ch", &CHAN_STR, 0)
                        .live("xs", &LIST_STR, 2)
                        .send(0, 1, &STR),
                ],
                |cx| {
                    if cx.at() == 0 {
                        *cx.slot::<*mut u8>(1) =
                            unsafe { text::new(cx.ctx, "a message that is not taken") };
                        *cx.slot::<*mut u8>(2) = unsafe {
                            let list = crate::heap::list::with_capacity(cx.ctx, 2, &STR);
                            (*list.cast::<orion_abi::ListObject>()).len = 1;
                            orion_fast::count::retain(*cx.slot::<*mut u8>(1));
                            *list.add(24).cast::<*mut u8>() = *cx.slot::<*mut u8>(1);
                            list
                        };
                        let outcome = unsafe {
                            orion_try_send(cx.ctx, *cx.slot::<*mut u8>(0), cx.address(1))
                        };
                        assert_eq!(outcome, OUTCOME_BLOCK);
                        return Flow::Park(1);
                    }
                    assert_eq!(cx.outcome(), OUTCOME_CLOSED);
                    unsafe {
                        let head = (*cx.slot::<*mut u8>(1)).cast::<orion_abi::StrObject>();
                        assert_eq!((*head).rc, 2, "the list shares the string, also when rebuilt");
                        cx.println(text::as_str(head.cast()));
                    }
                    drop_slot(cx, 1, &STR);
                    drop_slot(cx, 2, &LIST_STR);
                    drop_slot(cx, 0, &CHAN_STR);
                    Flow::Return
                },
            );
        },
        |ran| {
            assert_eq!(ran.end, "returned");
            assert_eq!(ran.output, "a message that is not taken\n");
        },
    );
}
