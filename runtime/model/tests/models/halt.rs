//! Halting the world: all workers come to stand, one works on the world alone, and all go on.
//!
//! Property: while somebody works on a halted world nobody else touches it, and nothing ready is lost over it. Under `ORION_FORCE=restore` every dispatch
//! ends so, and the world is made anew from its bytes each time.

use super::*;

/// Every dispatch halts the world and rebuilds it.
fn rebuilt(declare: impl Fn() + Copy, result: i64) {
    for threads in [2, 3] {
        for sharing in SHARINGS {
            let iterations = ITERATIONS / 5;
            let model = Model { iterations, threads, sharing, force: Force::Restore };
            model.explore(declare, move |ran| {
                assert_eq!((ran.end.as_str(), ran.result), ("returned", result));
            });
        }
    }
}

#[test]
fn the_world_is_rebuilt_between_dispatches() {
    rebuilt(|| chans::relayed(0, 1), 1111);
}

#[test]
fn timers_and_selects_survive() {
    rebuilt(|| select::among_two(true), 1111);
}
