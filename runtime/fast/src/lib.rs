//! Hot paths of the runtime, inlined into programs as LLVM bitcode.
//!
//! Purpose: everything that a running task does a million times a second — blocks of memory, reference counts, channel operations
//! that need not wait, waking a task — in a crate without `std`, without panics and without global state, so that it compiles to
//! LLVM bitcode (`cargo rustc -p orion-fast -- --emit=llvm-bc`) and can be linked into a program's module before optimisation. The runtime
//! proper uses the very same functions from its static library, so a layout or an invariant is written once.
//!
//! Invariants: what lies in this crate touches memory through the context pointer and its arguments only (no thread-local storage,
//! no statics); every slow path is an `extern "C"` function named `orion_*_slow`, which the runtime defines. On one worker
//! nothing here is atomic but the context's limit; where several run, every function that touches what they share goes out of line first (see [`sync`]).

#![no_std]

pub mod atomic;
pub mod blocks;
pub mod chan;
pub mod count;
pub mod memory;
pub mod sync;
pub mod task;
pub mod wait;
pub mod word;
