//! Writing results: found out to be impossible before the work begins, and whole when they appear.
//!
//! Input: a path and contents. Output: the file. Invariant: a regular file at the path is replaced
//! by a rename, so that it is never seen half written and an executable that is running can be
//! replaced; a device (`/dev/null`) is written to, not replaced.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Whether a file can be made at `path`: its folder exists and can be written to, and it is not a
/// folder itself. Leaves nothing behind.
///
/// # Errors
/// Why it cannot be made.
pub fn check_writable(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(io::Error::from(io::ErrorKind::IsADirectory)),
        Ok(found) if !found.is_file() => fs::OpenOptions::new().write(true).open(path).map(drop),
        _ => tempfile::Builder::new().prefix(".orionc-").tempfile_in(folder_of(path)).map(drop),
    }
}

/// Puts the file at `from` (which may lie on another file system) to `path`, with its permissions.
///
/// # Errors
/// When it cannot be read or written.
pub fn place_file(from: &Path, path: &Path) -> io::Result<()> {
    let permissions = fs::metadata(from)?.permissions();
    place(&fs::read(from)?, Some(permissions), path)
}

/// Puts `bytes` to `path`.
///
/// # Errors
/// When they cannot be written.
pub fn place_bytes(bytes: &[u8], path: &Path) -> io::Result<()> {
    place(bytes, None, path)
}

/// Puts `bytes` into the file at `path`, which keeps its permissions.
///
/// # Errors
/// When it cannot be read or written.
pub fn replace_bytes(bytes: &[u8], path: &Path) -> io::Result<()> {
    place(bytes, Some(fs::metadata(path)?.permissions()), path)
}

fn place(bytes: &[u8], permissions: Option<fs::Permissions>, path: &Path) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return fs::write(path, bytes);
    }
    // A symbolic link stays, and what it points to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let temporary =
        tempfile::Builder::new().prefix(".orionc-").tempfile_in(folder_of(&path))?.into_temp_path();
    // Written by name and not by the handle: a new file takes the process's umask, the handle's
    // mode is 0600.
    fs::remove_file(&temporary)?;
    fs::write(&temporary, bytes)?;
    if let Some(permissions) = permissions {
        fs::set_permissions(&temporary, permissions)?;
    }
    temporary.persist(&path).map_err(|error| error.error)
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
