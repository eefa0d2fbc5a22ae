//! The state file, without the program that wrote it.
//!
//! A state file is a header and a sequence of framed records ([`frame`]): the program's [`schema`] (functions, suspend
//! points, variables, types), then the [`world`] (tasks, channels, scopes, shared objects), closed by a commit. Values are bytes in
//! the small language of [`bytes`], written and read by walking a type; [`value`] reads them by the schema alone, for tools.
//! [`image`] puts the parts together: bytes to a checked whole and back. [`matching`] decides whether a program,
//! given as a schema too, can take a state over.
//!
//! Architecture invariant: this crate knows no runtime, no addresses and no files: it maps bytes to data and back, so that
//! `orionc state` uses exactly the reader that the runtime uses. Nothing in a file is trusted.

pub mod bytes;
pub mod error;
pub mod frame;
pub mod image;
pub mod matching;
pub mod report;
pub mod schema;
pub mod value;
pub mod world;

pub use error::FormatError;
