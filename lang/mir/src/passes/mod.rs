//! The passes over MIR, one file each; [`crate::pipeline`] says in which order they run.

pub mod effects;
pub mod frame_map;
pub mod hash;
pub mod liveness;
pub mod polls;
pub mod rc;
pub mod simplify;
