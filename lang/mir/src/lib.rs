//! The monomorphic control-flow graph of Orion, its builder, passes, verifier, printer and interpreter.
//!
//! A [`Program`] is made by the builder from the HIR, one [`Body`] per instance reachable from `main`, and brought to its final form by the passes of
//! the pipeline, in order, each with its postcondition in its file's head. Codegen takes the final form only.

pub mod access;
pub mod bitset;
pub mod body;
pub mod build;
pub mod cfg;
pub mod interp;
pub mod intrinsic;
pub mod loops;
pub mod passes;
pub mod pipeline;
pub mod pointers;
pub mod print;
pub mod suspend;
pub mod ty;
pub mod typing;
pub mod verify;

pub use body::*;
pub use intrinsic::{Info, Intrinsic, Pass};
pub use suspend::{SelectArm, SelectArmKind, SuspendOp};
pub use ty::{AdtDef, AdtId, FieldDef, IntTy, Ty, TyKind, TypeTable, VariantDef};
