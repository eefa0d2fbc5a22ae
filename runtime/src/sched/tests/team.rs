//! Stress on several workers: channels, selects, closing, timers and cancellation, with what was sent counted. Also run under ThreadSanitizer.

use orion_abi::{
    desc::{ARM_RECV, PointKind},
    frame::SelectArm,
    outcome::{OUTCOME_BLOCK, OUTCOME_CLOSED, OUTCOME_DONE},
};
use orion_fast::chan::{orion_try_recv, orion_try_send};

use super::*;
use crate::{
    export::chans::orion_chan_close,
    sched::{scopes::orion_cancel_scope, select::orion_try_select},
    testing::{CHAN_I64, I64, SCOPE, function, nth, run_on},
};

/// Runs on two and four workers, all the time and every now and then, several times.
fn on_threads(rounds: usize, declare: impl Fn() + Copy + Send + 'static, check: fn(&Ran)) {
    for threads in [2, 4] {
        let ways = [
            (Force::None, Sharing::Always),
            (Force::None, Sharing::Changing),
            (Force::Suspend, Sharing::Always),
            (Force::Suspend, Sharing::Changing),
        ];
        for (force, sharing) in ways {
            for _ in 0..rounds {
                let ran = std::thread::spawn(move || {
                    declare();
                    run_on(threads, sharing, force, 1, true)
                });
                check(&ran.join().expect("the run succeeds"));
            }
        }
    }
}

/// Sends 0, 1, … n-1 on the channel in slot 0; slot 1: n, slot 2: i, slot 3: the value.
fn sender() -> &'static Body {
    let live = |point: Point| point.live("ch", &CHAN_I64, 0).live("n", &I64, 1);
    function(
        "sender",
        &I64,
        vec![
            live(point(PointKind::Start, "")),
            live(point(PointKind::Send, "ch")).live("i", &I64, 2).send(0, 3, &I64),
        ],
        |cx| {
            let (n, i) = (*cx.slot::<i64>(1), cx.slot::<i64>(2));
            if cx.at() == 1 {
                assert_eq!(cx.outcome(), OUTCOME_DONE);
                *i += 1;
            }
            while *i < n {
                *cx.slot::<i64>(3) = *i;
                let chan = *cx.slot::<*mut u8>(0);
                match unsafe { orion_try_send(cx.ctx, chan, cx.address(3)) } {
                    OUTCOME_BLOCK => return Flow::Park(1),
                    outcome => assert_eq!(outcome, OUTCOME_DONE),
                }
                *i += 1;
            }
            drop_slot(cx, 0, &CHAN_I64);
            Flow::Return
        },
    )
}

/// Passes values on from the channel in slot 0 to that in slot 1, until the first is closed; slot 2: the value.
fn relay() -> &'static Body {
    let live = |point: Point| point.live("from", &CHAN_I64, 0).live("to", &CHAN_I64, 1);
    function(
        "relay",
        &I64,
        vec![
            live(point(PointKind::Start, "")),
            live(point(PointKind::Recv, "from")).recv(0, 2, &I64),
            live(point(PointKind::Send, "to")).send(1, 2, &I64),
        ],
        |cx| {
            let mut received = cx.at() == 1 && cx.outcome() == OUTCOME_DONE;
            let mut closed = cx.at() == 1 && !received;
            while !closed {
                if received {
                    let to = *cx.slot::<*mut u8>(1);
                    match unsafe { orion_try_send(cx.ctx, to, cx.address(2)) } {
                        OUTCOME_BLOCK => return Flow::Park(2),
                        outcome => assert_eq!(outcome, OUTCOME_DONE),
                    }
                }
                let from = *cx.slot::<*mut u8>(0);
                match unsafe { orion_try_recv(cx.ctx, from, cx.address(2)) } {
                    OUTCOME_BLOCK => return Flow::Park(1),
                    outcome => {
                        (received, closed) = (outcome == OUTCOME_DONE, outcome == OUTCOME_CLOSED);
                    }
                }
            }
            drop_slot(cx, 0, &CHAN_I64);
            drop_slot(cx, 1, &CHAN_I64);
            Flow::Return
        },
    )
}

const SENDERS: i64 = 6;
const EACH: i64 = 300;

fn close(cx: &Cx, index: usize) {
    let site = Box::leak(Box::new(site("main", 9)));
    unsafe {
        let chan = *cx.slot::<*mut u8>(index);
        assert_eq!(orion_chan_close(cx.ctx, chan, site, null_mut()), 0);
    }
}

/// Six senders, three relays, one receiver; then the channel is closed under the relays. Slots: scope, two channels, value, sum, count.
fn relayed(first_cap: i64, second_cap: i64) {
    let live = |point: Point| {
        let point = point.live("s", &SCOPE, 0).live("a", &CHAN_I64, 1).live("b", &CHAN_I64, 2);
        point.live("sum", &I64, 4).live("count", &I64, 5)
    };
    let points = vec![
        point(PointKind::Start, ""),
        live(point(PointKind::Recv, "b")).recv(2, 3, &I64),
        exit_point(0).live("a", &CHAN_I64, 1).live("b", &CHAN_I64, 2).live("sum", &I64, 4),
    ];
    function("main", &I64, points, move |cx| {
        if cx.at() == 0 {
            enter(cx, 0);
            make_chan(cx, 1, first_cap, &I64);
            make_chan(cx, 2, second_cap, &I64);
            for _ in 0..SENDERS {
                let chan = share(cx, 1);
                spawn(cx, nth(1), 0, None, "", &[chan as u64, EACH as u64]);
            }
            for _ in 0..3 {
                let (from, to) = (share(cx, 1), share(cx, 2));
                spawn(cx, nth(2), 0, None, "", &[from as u64, to as u64]);
            }
        }
        if cx.at() < 2 {
            let mut got = cx.at() == 1;
            loop {
                if got {
                    *cx.slot::<i64>(4) += *cx.slot::<i64>(3);
                    *cx.slot::<i64>(5) += 1;
                }
                if *cx.slot::<i64>(5) == SENDERS * EACH {
                    break;
                }
                let from = *cx.slot::<*mut u8>(2);
                match unsafe { orion_try_recv(cx.ctx, from, cx.address(3)) } {
                    OUTCOME_BLOCK => return Flow::Park(1),
                    outcome => assert_eq!(outcome, OUTCOME_DONE),
                }
                got = true;
            }
            close(cx, 1);
            if try_exit(cx, 0) == OUTCOME_BLOCK {
                return Flow::Park(2);
            }
        }
        drop_slot(cx, 0, &SCOPE);
        drop_slot(cx, 1, &CHAN_I64);
        drop_slot(cx, 2, &CHAN_I64);
        *cx.result::<i64>() = *cx.slot::<i64>(4);
        Flow::Return
    });
    sender();
    relay();
}

fn all_arrived(ran: &Ran) {
    assert_eq!((ran.end.as_str(), ran.result), ("returned", SENDERS * EACH * (EACH - 1) / 2));
}

#[test]
fn values_pass_through_channels_and_none_is_lost() {
    on_threads(4, || relayed(0, 0), all_arrived);
    on_threads(4, || relayed(7, 1), all_arrived);
}

/// Six senders on three channels, one receiver that selects among them and a time. Slots: scope, three channels, value, sum, count, duration.
fn selected() {
    let live = |point: Point| {
        let mut point = point.live("s", &SCOPE, 0);
        for index in 1..=3 {
            point = point.live("ch", &CHAN_I64, index);
        }
        point.live("sum", &I64, 5).live("count", &I64, 6)
    };
    let select = live(point(PointKind::Select, ""))
        .recv(1, 4, &I64)
        .recv(2, 4, &I64)
        .recv(3, 4, &I64)
        .after(7);
    let points = vec![point(PointKind::Start, ""), select, live(exit_point(0))];
    function("main", &I64, points, |cx| {
        if cx.at() == 0 {
            enter(cx, 0);
            for index in 1..=3 {
                make_chan(cx, index, index as i64 - 1, &I64);
            }
            for index in 0..SENDERS as usize {
                let chan = share(cx, 1 + index % 3);
                spawn(cx, nth(1), 0, None, "", &[chan as u64, EACH as u64]);
            }
            *cx.slot::<i64>(7) = 20_000;
        }
        if cx.at() < 2 {
            let mut outcome = if cx.at() == 1 { cx.outcome() } else { 3 << 1 };
            loop {
                // The fourth arm is the time.
                if outcome < 3 << 1 {
                    assert_eq!(outcome & 1, 0, "nothing is closed");
                    *cx.slot::<i64>(5) += *cx.slot::<i64>(4);
                    *cx.slot::<i64>(6) += 1;
                }
                if *cx.slot::<i64>(6) == SENDERS * EACH {
                    break;
                }
                let mut arms = [1, 2, 3].map(|index| SelectArm {
                    chan: *cx.slot::<*mut u8>(index),
                    value: cx.address(4),
                    kind: ARM_RECV,
                    pad: 0,
                });
                outcome = unsafe { orion_try_select(cx.ctx, arms.as_mut_ptr(), 3, 0) };
                if outcome == OUTCOME_BLOCK {
                    return Flow::Park(1);
                }
            }
            if try_exit(cx, 0) == OUTCOME_BLOCK {
                return Flow::Park(2);
            }
        }
        drop_slot(cx, 0, &SCOPE);
        for index in 1..=3 {
            drop_slot(cx, index, &CHAN_I64);
        }
        *cx.result::<i64>() = *cx.slot::<i64>(5);
        Flow::Return
    });
    sender();
}

#[test]
fn a_select_with_a_time_loses_nothing() {
    on_threads(4, selected, all_arrived);
}

/// Three hundred sleepers, a third of which wakes soon, are cancelled by their scope's owner after a moment. Slots: scope, duration.
fn cancelled() {
    let points = vec![
        point(PointKind::Start, ""),
        point(PointKind::Sleep, "").live("s", &SCOPE, 0).after(1),
        exit_point(0),
    ];
    function("main", &I64, points, |cx| {
        if cx.at() == 0 {
            enter(cx, 0);
            for number in 0..300u64 {
                let ns = if number % 3 == 0 { 50_000 } else { 3_600_000_000_000 };
                spawn(cx, nth(1), 0, None, "", &[ns, number]);
            }
            *cx.slot::<i64>(1) = 100_000;
            return Flow::Park(1);
        }
        if cx.at() == 1 {
            unsafe { orion_cancel_scope(cx.ctx, *cx.slot::<*mut u8>(0)) };
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
fn sleepers_wake_or_are_cancelled_once() {
    on_threads(8, cancelled, |ran| {
        assert_eq!(ran.end, "returned");
        let mut lines: Vec<&str> = ran.output.lines().collect();
        let all = lines.len();
        lines.sort_unstable();
        lines.dedup_by_key(|line| line.split(' ').nth(1).map(str::to_owned));
        assert_eq!(lines.len(), all, "each tells its end once");
        assert!(all <= 300, "{all}");
    });
}
