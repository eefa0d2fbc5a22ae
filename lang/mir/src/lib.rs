//! The monomorphic control-flow graph of Orion, its builder, passes, verifier and printer.
