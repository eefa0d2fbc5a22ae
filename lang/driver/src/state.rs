//! `orionc state show`: what is in a state file, read without the program and without its lock.
//!
//! Input: the path of a state file. Output: text for a person or JSON for a tool. Nothing in the
//! file is trusted: it is read by the reader that the runtime uses.

use orion_format::image::Image;
use orion_format::report::Report;
use std::fs;
use std::path::Path;

/// Why a state cannot be shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StateError {
    /// The file cannot be read; holds what the operating system said.
    Unreadable(String),
    /// It is no state, or a corrupt one; holds why.
    Corrupt(String),
}

/// Describes the state file at `path`, as JSON or as text.
///
/// # Errors
/// See [`StateError`].
pub fn show_state(path: &Path, json: bool) -> Result<String, StateError> {
    let unreadable = |error| StateError::Unreadable(crate::load::describe(&error));
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(StateError::Corrupt("it is no regular file".into()));
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    let corrupt = |error: orion_format::FormatError| StateError::Corrupt(error.to_string());
    let report = Report::new(&Image::read(&bytes).map_err(corrupt)?).map_err(corrupt)?;
    if !json {
        return Ok(report.to_string());
    }
    let json = serde_json::to_string_pretty(&report);
    json.map(|text| text + "\n").map_err(|error| StateError::Corrupt(error.to_string()))
}
