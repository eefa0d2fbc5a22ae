//! MIR to LLVM IR, objects and executables.
