//! Values: memory, reference counts, strings, lists and how they print.

pub mod arena;
pub mod check;
pub mod drop;
pub mod list;
pub mod show;
pub mod text;
