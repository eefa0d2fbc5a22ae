//! The passes over MIR, one file each; [`crate::pipeline`] says in which order they run.

pub mod copy_prop;
pub mod effects;
pub mod frame_map;
pub mod hash;
mod hoist;
pub mod inline;
pub mod known_tags;
pub mod liveness;
pub mod polls;
pub mod rc;
pub mod simplify;
pub mod strip;
pub mod unique;
