//! Scheduling scenarios, each in every mode: as it comes, with every suspend point suspending, and saved and rebuilt at each.

mod cancel;
mod chans;
mod nested;
mod tasks;
mod team;

use std::ptr::null_mut;

use orion_abi::outcome::{OUTCOME_BLOCK, OUTCOME_UNWIND};

use crate::{
    config::{Force, Sharing},
    heap::text,
    testing::{
        Body, Cx, Flow, Point, Ran, cancel_point, drop_slot, enter, exit_point, frame_of,
        make_chan, point, run, set, share, site, sleeper, spawn, try_cancel_scope, try_exit,
        try_join,
    },
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
