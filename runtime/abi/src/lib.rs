//! What generated code and the runtime agree on: layouts, symbol names and constants, each written once.
//!
//! `lang/codegen` takes field offsets from these types (`core::mem::offset_of!`) and signatures from
//! [`symbols`]; `runtime` implements them. Nothing else may be shared between the two.
//!
//! Invariants: every type is `#[repr(C)]`, no field needs an alignment above 8, and no value holds a pointer into
//! another heap object or into a frame (frames must be movable and savable).

#![no_std]

pub mod ctx;
pub mod desc;
pub mod frame;
pub mod object;
pub mod outcome;
pub mod symbols;

pub use ctx::Ctx;
pub use desc::{
    ArmDesc, ClosureDesc, FieldDesc, FnDesc, PointDesc, ProgramDesc, Site, SlotDesc, TypeDesc,
    VariantDesc,
};
pub use frame::{Frame, WaitNode};
pub use object::{ClosureObject, ListObject, StrObject};

/// Version of everything in this crate; a program whose [`ProgramDesc::abi_version`] differs from the runtime's is refused at start.
pub const ABI_VERSION: u32 = 1;

/// A constant UTF-8 string of the program's image (pointer and length in bytes; never null, may be empty).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct StaticStr {
    /// First byte.
    pub ptr: *const u8,
    /// Length in bytes.
    pub len: usize,
}

// SAFETY: it points to constant data of the image, which nobody writes.
unsafe impl Sync for StaticStr {}
// SAFETY: as above.
unsafe impl Send for StaticStr {}

impl StaticStr {
    /// Wraps a string of the runtime's own image.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self { ptr: text.as_ptr(), len: text.len() }
    }

    /// The text.
    ///
    /// # Safety
    /// `ptr` and `len` describe UTF-8 that lives as long as the image (true for everything that codegen emits).
    #[must_use]
    pub unsafe fn as_str(&self) -> &'static str {
        if self.len == 0 {
            return "";
        }
        // SAFETY: the caller's promise.
        unsafe { core::str::from_utf8_unchecked(core::slice::from_raw_parts(self.ptr, self.len)) }
    }
}
