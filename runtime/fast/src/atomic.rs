//! Words that several threads access. All of the runtime's protocols name them by this module: the models of `runtime/model` put others in its place, which
//! let other threads come between at every access.

pub use core::sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering,
};
