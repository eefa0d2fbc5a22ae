//! What was written: spans, source files, interned names, typed indices and the AST of Orion.
//!
//! Every later stage builds on this crate and it builds on none: it holds data and lookups, no
//! language rules. Positions are byte offsets ([`Span`]); lines and columns are computed only
//! when somebody reads them ([`SourceMap`]).

pub mod ast;
pub mod index;
pub mod source;
pub mod span;
pub mod symbol;

pub use index::{Idx, IndexVec};
pub use source::{LineColumn, SourceFile, SourceMap};
pub use span::{FileId, Span};
pub use symbol::Symbol;
