//! The Orion runtime: scheduler, channels, timers, values and the state file.
//!
//! Input: the program's object file, which exports `orion_program` (functions, types, suspend points) and calls the functions of
//! `orion_abi::symbols`. Output: the process. Built as a static library that `orionc` embeds and links into every program.
//!
//! Map: `start` reads the command line and runs `sched`, which executes tasks; `os` is what that asks of the system; `export` holds the functions that generated code calls;
//! `heap` the values; `world` the data structures of a run; `state` checkpoints; `report` what a person reads when it goes wrong.

pub mod clock;
pub mod config;
#[cfg(not(test))]
mod entry;
pub mod export;
pub mod frames;
pub mod generator;
pub mod heap;
pub mod io;
pub mod os;
pub mod output;
pub mod panic;
pub mod report;
pub mod rng;
pub mod sched;
pub mod scope;
pub mod sites;
pub mod start;
pub mod state;
#[cfg(test)]
#[expect(
    clippy::undocumented_unsafe_blocks,
    clippy::mut_from_ref,
    reason = "a test's frame is a block of slots that it alone reads and writes, one at a time"
)]
pub mod testing;
pub mod timer;
pub mod world;
