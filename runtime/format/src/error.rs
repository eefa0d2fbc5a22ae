//! Why bytes are no state file.

use std::fmt;

/// A state file that cannot be read, with the reason as a clause that follows the file's name:
/// "`FILE` {error}".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// It has no bytes.
    Empty,
    /// It does not begin as state files do.
    Foreign,
    /// It was written by another version of the format.
    Version(u32),
    /// Checksums, lengths or contents are wrong; the text says what and where.
    Corrupt(String),
}

impl FormatError {
    /// Damage, described.
    #[must_use]
    pub fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt(what.into())
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(out, "is empty: it is no state file"),
            Self::Foreign => write!(out, "is not a state file of an Orion program"),
            Self::Version(version) => write!(
                out,
                "has format version {version}, and this program reads version {}",
                crate::frame::FORMAT_VERSION
            ),
            Self::Corrupt(what) => write!(out, "is corrupt: {what}"),
        }
    }
}

impl std::error::Error for FormatError {}
