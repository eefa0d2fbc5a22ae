//! Scheduling scenarios, each in every mode: as it comes, with every suspend point suspending, and saved and rebuilt at each.

mod cancel;
mod chans;
mod nested;
mod tasks;
mod team;

use std::ptr::null_mut;

use orion_abi::{
    desc::PointKind,
    outcome::{OUTCOME_BLOCK, OUTCOME_UNWIND},
};

use crate::{
    config::{Force, Sharing},
    heap::text,
    sched::{
        join::orion_try_join,
        ops::orion_try_sleep,
        scopes::{orion_scope_enter, orion_spawn, orion_try_scope_cancel, orion_try_scope_exit},
    },
    testing::{Body, Cx, Flow, Point, Ran, frame_of, point, run, set, site},
};

/// The modes of a test.
const MODES: [Force; 3] = [Force::None, Force::Suspend, Force::Restore];

/// Runs `declare` and its program in each mode; `check` looks at the outcome.
fn in_all_modes(
    declare: impl Fn() + Copy + Send + 'static,
    check: impl Fn(&Ran) + Copy + Send + 'static,
) {
    for mode in MODES {
        for seed in [1, 2] {
            // Functions are declared per thread.
            let outcome = std::thread::spawn(move || {
                declare();
                check(&run(mode, seed, false));
            })
            .join();
            assert!(outcome.is_ok(), "mode {mode:?}, seed {seed}");
        }
    }
}

/// Opens a scope into slot `index`.
fn enter(cx: &Cx, index: usize) {
    *cx.slot::<*mut u8>(index) = unsafe { orion_scope_enter(cx.ctx) };
}

/// Drops the counted value in slot `index`.
fn drop_slot(cx: &Cx, index: usize, ty: &'static orion_abi::TypeDesc) {
    unsafe { crate::heap::drop::drop_value(cx.ctx, cx.address(index), ty) };
}

/// A channel into slot `index`.
fn make_chan(cx: &Cx, index: usize, cap: i64, elem: &'static orion_abi::TypeDesc) {
    let site = Box::leak(Box::new(site("main", 1)));
    let status = unsafe {
        crate::export::chans::orion_chan_new(cx.ctx, cap, elem, site, cx.address(index).cast())
    };
    assert_eq!(status, 0);
}

/// Counts the object in slot `index` once more.
fn share(cx: &Cx, index: usize) -> *mut u8 {
    let object = *cx.slot::<*mut u8>(index);
    unsafe { orion_fast::count::retain(object) };
    object
}

/// Spawns a function into the scope in slot `scope` with arguments in its first slots; the handle into slot `handle`.
fn spawn(cx: &Cx, body: &Body, scope: usize, handle: Option<usize>, name: &str, args: &[u64]) {
    let frame = frame_of(cx, body);
    for (index, &argument) in args.iter().enumerate() {
        set(frame, index, argument);
    }
    let site = Box::leak(Box::new(site("main", 100)));
    unsafe {
        let name = if name.is_empty() { null_mut() } else { text::new(cx.ctx, name) };
        let out = handle.map_or(null_mut(), |index| cx.address(index).cast());
        let scope = *cx.slot::<*mut u8>(scope);
        assert_eq!(orion_spawn(cx.ctx, frame, scope, name, site, out), 0);
    }
}

/// A point that waits for a scope's end, the normal way.
fn exit_point(scope: usize) -> Point {
    point(PointKind::ScopeExit, "").scope(scope)
}

/// The early way.
fn cancel_point(scope: usize) -> Point {
    point(PointKind::ScopeCancel, "").scope(scope)
}

fn try_exit(cx: &Cx, scope: usize) -> u32 {
    unsafe { orion_try_scope_exit(cx.ctx, *cx.slot::<*mut u8>(scope)) }
}

fn try_cancel_scope(cx: &Cx, scope: usize) -> u32 {
    unsafe { orion_try_scope_cancel(cx.ctx, *cx.slot::<*mut u8>(scope)) }
}

fn try_join(cx: &Cx, task: usize, to: usize) -> u32 {
    let outcome = unsafe { orion_try_join(cx.ctx, *cx.slot::<*mut u8>(task), cx.address(to)) };
    if outcome != OUTCOME_BLOCK {
        *cx.slot::<*mut u8>(task) = null_mut();
    }
    outcome
}

/// A body that only sleeps and then returns a number; slot 0: how long, slot 1: the number.
fn sleeper() -> &'static Body {
    crate::testing::function(
        "sleeper",
        &crate::testing::I64,
        vec![
            point(PointKind::Start, "").live("d", &crate::testing::DURATION, 0).live(
                "n",
                &crate::testing::I64,
                1,
            ),
            point(PointKind::Sleep, "").after(0).live("n", &crate::testing::I64, 1),
        ],
        |cx| {
            let outcome = match cx.at() {
                0 => unsafe { orion_try_sleep(cx.ctx, *cx.slot::<i64>(0)) },
                _ => cx.outcome(),
            };
            match outcome {
                OUTCOME_BLOCK => Flow::Park(1),
                OUTCOME_UNWIND => {
                    cx.println(&format!("sleeper {} cancelled", cx.slot::<i64>(1)));
                    Flow::Unwind
                }
                _ => {
                    cx.println(&format!("sleeper {} woke", cx.slot::<i64>(1)));
                    *cx.result::<i64>() = *cx.slot::<i64>(1);
                    Flow::Return
                }
            }
        },
    )
}
