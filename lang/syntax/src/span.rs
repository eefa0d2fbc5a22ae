//! Byte ranges in source files.
//!
//! Invariant: `start <= end`, and both lie on UTF-8 character boundaries of the file. Offsets
//! are `u32`: the parser refuses files that would not fit long before.

use serde::{Deserialize, Serialize};
use std::fmt;

crate::define_index! {
    /// A source file of a [`SourceMap`](crate::SourceMap).
    pub struct FileId;
}

/// The bytes `start..end` of a file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes `start..end` of `file`.
    #[must_use]
    pub const fn new(file: FileId, start: u32, end: u32) -> Self {
        Self { file, start, end }
    }

    /// The place of things that no source spells out (built-ins, derived code).
    pub const BUILTIN: Self = Self::new(FileId::BUILTIN, 0, 0);

    /// Whether this is [`Span::BUILTIN`]'s file, which has no text.
    #[must_use]
    pub fn is_builtin(self) -> bool {
        self.file == FileId::BUILTIN
    }

    /// The smallest span that holds both; `self` where the files differ.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        if self.file != other.file {
            return self;
        }
        Self::new(self.file, self.start.min(other.start), self.end.max(other.end))
    }

    /// The empty span at the start.
    #[must_use]
    pub const fn start_point(self) -> Self {
        Self::new(self.file, self.start, self.start)
    }

    /// The empty span after the end.
    #[must_use]
    pub const fn end_point(self) -> Self {
        Self::new(self.file, self.end, self.end)
    }

    /// The range of bytes, for slicing.
    #[must_use]
    pub const fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl FileId {
    /// The file of [`Span::BUILTIN`]; no file of a source map has it.
    pub const BUILTIN: Self = Self::from_u32(u32::MAX);
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}..{}", self.file.as_u32(), self.start, self.end)
    }
}
