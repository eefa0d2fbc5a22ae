//! Typed indices into the tables of [`crate::Program`] and of a [`crate::Body`].
//!
//! Invariant: an id is only ever used with the table it was made for; ids are dense, from 0.

pub use orion_syntax::{Idx, IndexVec};

orion_syntax::define_index! {
    /// An interned type of a [`crate::TyTable`].
    pub struct TyId = "ty";
    /// A struct or sum type.
    pub struct AdtId = "adt";
    /// A function, closure body, spawn body, generator body, instance member or extern function.
    pub struct FnId = "fn";
    /// A type class.
    pub struct ClassId = "class";
    /// An explicit instance of a class.
    pub struct InstanceId = "inst";
    /// A variable of one function body.
    pub struct LocalId = "_";
    /// A loop of one function body, the target of `break` and `continue`.
    pub struct LoopId = "loop";
}
