//! Hot paths of the runtime, inlined into programs as LLVM bitcode.
#![no_std]
