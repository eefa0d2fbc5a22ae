//! Heap objects behind `str`, lists, boxed data and closures.
//!
//! A value of such a type is one pointer to an object whose first word is the reference count. A negative count marks an immortal
//! object (literals, the shared empty list): it is never counted nor freed. Elements follow the head without padding; no
//! element needs an alignment above 8.

use crate::desc::ClosureDesc;

/// The count of an immortal object.
pub const IMMORTAL: i64 = i64::MIN / 2;

/// Boxed sum types: a variant without fields is not an object but the odd word `tag * 2 + 1`.
pub const BOXED_TAG_BIT: usize = 1;

/// `str`: UTF-8 bytes follow. Appending in place is allowed when `rc == 1` and `cap` has room.
#[repr(C)]
pub struct StrObject {
    /// Reference count.
    pub rc: i64,
    /// Length in bytes.
    pub len: i64,
    /// Capacity in bytes (0 in a literal).
    pub cap: i64,
}

/// `[T]`: `len` elements of the element type's size follow.
#[repr(C)]
pub struct ListObject {
    /// Reference count.
    pub rc: i64,
    /// Number of elements.
    pub len: i64,
    /// Room, in elements (0 in the shared empty list).
    pub cap: i64,
}

/// A recursive struct or sum type: the fields of its variant follow at the offsets of its `VariantDesc`.
#[repr(C)]
pub struct BoxedObject {
    /// Reference count.
    pub rc: i64,
    /// The variant.
    pub tag: i64,
}

/// A function value: captures follow at the offsets of its descriptor (from the start of the object). Named functions are immortal
/// closures without captures.
#[repr(C)]
pub struct ClosureObject {
    /// Reference count.
    pub rc: i64,
    /// What it is.
    pub desc: *const ClosureDesc,
}
