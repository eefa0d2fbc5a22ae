//! Tasks that run on the stack of their spawner.

use orion_abi::{
    desc::PointKind,
    outcome::{OUTCOME_CLOSED, OUTCOME_DONE},
};
use orion_fast::chan::{orion_try_recv, orion_try_send};

use super::*;
use crate::{
    export::chans::orion_chan_close,
    testing::{CHAN_I64, I64, SCOPE, function, nth},
};

/// Runs on the real clock: with a seed nothing nests.
fn in_real_time(declare: impl Fn() + Send + 'static) -> Ran {
    std::thread::spawn(move || {
        declare();
        run(Force::None, 1, true)
    })
    .join()
    .expect("the run succeeds")
}

/// Forgets a tick, which would keep the next operation from nesting: a slow machine has one at any time.
fn calm(cx: &Cx) {
    let worker = crate::world::worker_of(cx.ctx);
    unsafe { (*worker).attention.store(0, std::sync::atomic::Ordering::Relaxed) };
}

/// Returns its parameter and a hundred.
fn adder() -> &'static Body {
    function("adder", &I64, vec![point(PointKind::Start, "").live("n", &I64, 0)], |cx| {
        let n = *cx.slot::<i64>(0);
        cx.println(&format!("adder {n}"));
        *cx.result::<i64>() = 100 + n;
        Flow::Return
    })
}

#[test]
fn a_join_of_what_was_just_spawned_does_not_suspend() {
    let ran = in_real_time(|| {
        function("main", &I64, vec![point(PointKind::Start, "")], |cx| {
            enter(cx, 0);
            for index in 1..=3 {
                spawn(cx, nth(1), 0, Some(index), "", &[index as u64]);
            }
            calm(cx);
            // The second one: those before it run first.
            assert_eq!(try_join(cx, 2, 4), OUTCOME_DONE);
            *cx.result::<i64>() += *cx.slot::<i64>(4);
            for index in [1, 3] {
                calm(cx);
                assert_eq!(try_join(cx, index, 4), OUTCOME_DONE);
                *cx.result::<i64>() += *cx.slot::<i64>(4);
            }
            calm(cx);
            assert_eq!(try_exit(cx, 0), OUTCOME_DONE);
            drop_slot(cx, 0, &SCOPE);
            Flow::Return
        });
        adder();
    });
    assert_eq!((ran.end.as_str(), ran.result), ("returned", 306));
    assert_eq!(ran.output, "adder 1\nadder 2\nadder 3\n");
}

#[test]
fn a_receive_from_what_was_just_spawned_does_not_suspend() {
    let ran = in_real_time(|| {
        function("main", &I64, vec![point(PointKind::Start, ""), exit_point(0)], |cx| {
            if cx.at() == 0 {
                enter(cx, 0);
                make_chan(cx, 1, 0, &I64);
                let chan = share(cx, 1);
                spawn(cx, nth(1), 0, None, "", &[chan as u64]);
                let mut values = Vec::new();
                loop {
                    calm(cx);
                    let chan = *cx.slot::<*mut u8>(1);
                    match unsafe { orion_try_recv(cx.ctx, chan, cx.address(2)) } {
                        OUTCOME_DONE => values.push(*cx.slot::<i64>(2)),
                        other => {
                            // The sender waits in its frame for the second value, and is run by the scheduler after that.
                            assert_eq!(other, OUTCOME_BLOCK);
                            break;
                        }
                    }
                }
                cx.println(&format!("{values:?}"));
                drop_slot(cx, 1, &CHAN_I64);
                if try_exit(cx, 0) == OUTCOME_BLOCK {
                    return Flow::Park(1);
                }
            }
            drop_slot(cx, 0, &SCOPE);
            Flow::Return
        });
        function(
            "sender",
            &I64,
            vec![
                point(PointKind::Start, "").live("ch", &CHAN_I64, 0),
                point(PointKind::Send, "ch").live("ch", &CHAN_I64, 0).send(0, 1, &I64),
            ],
            |cx| {
                let chan = *cx.slot::<*mut u8>(0);
                if cx.at() == 0 {
                    *cx.slot::<i64>(1) = 7;
                    let first = unsafe { orion_try_send(cx.ctx, chan, cx.address(1)) };
                    assert_eq!(first, OUTCOME_DONE, "the receiver stands below on the stack");
                    *cx.slot::<i64>(1) = 8;
                    let second = unsafe { orion_try_send(cx.ctx, chan, cx.address(1)) };
                    assert_eq!(second, OUTCOME_BLOCK);
                    return Flow::Park(1);
                }
                assert_eq!(cx.outcome(), OUTCOME_DONE);
                drop_slot(cx, 0, &CHAN_I64);
                Flow::Return
            },
        );
    });
    assert_eq!(ran.end, "returned");
    assert_eq!(ran.output, "[7, 8]\n");
}

#[test]
fn closing_reaches_a_receiver_on_the_native_stack() {
    let ran = in_real_time(|| {
        function("main", &I64, vec![point(PointKind::Start, "")], |cx| {
            enter(cx, 0);
            make_chan(cx, 1, 0, &I64);
            let chan = share(cx, 1);
            spawn(cx, nth(1), 0, None, "", &[chan as u64]);
            let chan = *cx.slot::<*mut u8>(1);
            calm(cx);
            let outcome = unsafe { orion_try_recv(cx.ctx, chan, cx.address(2)) };
            assert_eq!(outcome, OUTCOME_CLOSED);
            calm(cx);
            assert_eq!(try_exit(cx, 0), OUTCOME_DONE);
            drop_slot(cx, 1, &CHAN_I64);
            drop_slot(cx, 0, &SCOPE);
            Flow::Return
        });
        function(
            "closer",
            &I64,
            vec![point(PointKind::Start, "").live("ch", &CHAN_I64, 0)],
            |cx| {
                let site = Box::leak(Box::new(site("closer", 1)));
                let chan = *cx.slot::<*mut u8>(0);
                unsafe { assert_eq!(orion_chan_close(cx.ctx, chan, site, null_mut()), 0) };
                drop_slot(cx, 0, &CHAN_I64);
                Flow::Return
            },
        );
    });
    assert_eq!(ran.end, "returned");
}
