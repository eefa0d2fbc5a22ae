//! The runtime's own sources, compiled against a world in which every interleaving can be tried.
//!
//! The modules are those of `runtime/src` and `runtime/fast/src`, by path, so that what is modelled is what is shipped. Four are others: `atomic` lets other
//! threads come between at every access of a word that workers share; `os` gives threads, locks and the event descriptor of shuttle, which runs one
//! thread at a time and decides who goes on; `clock` is a clock that passes when shuttle says so; `blocks` fills freed memory with poison and looks whether
//! somebody has written there since. Nothing here is part of the shipped runtime.
//!
//! [`harness`] runs a small program (functions by hand, as in the runtime's own tests) on several workers under many schedules.

// The unit tests within the sources are the runtime's.
#![cfg(not(test))]

extern crate self as orion_fast;

// What differs.
pub mod atomic;
pub mod blocks;
pub mod clock;
pub mod harness;
pub mod os;

// `orion-fast`.
#[path = "../../fast/src/chan.rs"]
pub mod chan;
#[path = "../../fast/src/count.rs"]
pub mod count;
#[path = "../../fast/src/memory.rs"]
pub mod memory;
#[path = "../../fast/src/sync.rs"]
pub mod sync;
#[path = "../../fast/src/task.rs"]
pub mod task;
#[path = "../../fast/src/wait.rs"]
pub mod wait;
#[path = "../../fast/src/word.rs"]
pub mod word;

// `orion-runtime`, but for its entry point.
#[path = "../../src/config.rs"]
pub mod config;
#[path = "../../src/export/mod.rs"]
pub mod export;
#[path = "../../src/frames.rs"]
pub mod frames;
#[path = "../../src/generator/mod.rs"]
pub mod generator;
#[path = "../../src/heap/mod.rs"]
pub mod heap;
#[path = "../../src/io/mod.rs"]
pub mod io;
#[path = "../../src/output.rs"]
pub mod output;
#[path = "../../src/panic.rs"]
pub mod panic;
#[path = "../../src/report.rs"]
pub mod report;
#[path = "../../src/rng.rs"]
pub mod rng;
#[path = "../../src/sched/mod.rs"]
pub mod sched;
#[path = "../../src/scope.rs"]
pub mod scope;
#[path = "../../src/sites.rs"]
pub mod sites;
#[path = "../../src/start.rs"]
pub mod start;
#[path = "../../src/state/mod.rs"]
pub mod state;
#[expect(
    clippy::undocumented_unsafe_blocks,
    clippy::mut_from_ref,
    reason = "a test's frame is a block of slots that it alone reads and writes, one at a time"
)]
#[path = "../../src/testing.rs"]
pub mod testing;
#[path = "../../src/timer.rs"]
pub mod timer;
#[path = "../../src/world.rs"]
pub mod world;
