//! Keeping one state file: locked, replaced atomically, durable before it is acknowledged.
//!
//! Input: whole files as bytes. Output: the file on disk, which at every moment, crashes included, is the previous whole
//! checkpoint or the new one.
//!
//! Steps of a write: temporary file beside it (never following links, never existing before) → write → `fsync` → rename → `fsync`
//! of the folder → acknowledge. A step that fails leaves the previous file; a failed `fsync` is never repeated on its
//! descriptor: the next checkpoint begins with a new file.
//!
//! Invariant: the lock file is made once, never renamed and never removed, so two processes always meet at one inode.

use super::disk::{Disk, Found};
use super::refusal::Refusal;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// A locked state file.
pub struct FileStore<D: Disk> {
    disk: D,
    path: PathBuf,
    folder: PathBuf,
    temporary: PathBuf,
    _lock: D::File,
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

impl<D: Disk> FileStore<D> {
    /// Locks the file and finds out whether checkpoints can be written; its bytes, when it exists.
    ///
    /// # Errors
    /// 69 when another process has it, 65 when it is no regular file, 74 when it or its folder cannot be read and written.
    pub fn open(mut disk: D, path: &Path) -> Result<(Self, Option<Vec<u8>>), Refusal> {
        let shown = path.display();
        if path.file_name().is_none() || path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(Refusal::data(format!(
                "state file `{shown}` is not the path of a file; nothing was changed"
            )));
        }
        let not_regular = |what: &str| {
            Refusal::data(format!(
                "state file `{shown}` is {what}, not a regular file; nothing was changed: give the path of a file, or of one to be made"
            ))
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let failed = |doing: &str, error: &io::Error| {
            Refusal::io(format!(
                "cannot {doing} state file `{shown}`: {error}; check that it and its folder may be read and written"
            ))
        };
        // Before the lock file is made: what is no state file gets no company either.
        if let Found::Other(what) = disk.look(path).map_err(|error| failed("open", &error))? {
            return Err(not_regular(what));
        }
        let lock_path = beside(path, ".lock");
        let lock = disk.lock(&lock_path).map_err(|error| failed("lock", &error))?;
        let Some(lock) = lock else {
            return Err(Refusal::busy(format!(
                "state file `{shown}` is in use by another process, which holds `{}`; wait until that one has ended",
                lock_path.display()
            )));
        };
        // Again, under the lock: the other process may have made it meanwhile.
        let bytes = match disk.look(path).map_err(|error| failed("open", &error))? {
            Found::Nothing => None,
            Found::File => Some(disk.read(path).map_err(|error| failed("open", &error))?),
            Found::Other(what) => return Err(not_regular(what)),
        };
        let temporary = beside(path, ".orion-new");
        let mut store = Self { disk, path: path.to_path_buf(), folder, temporary, _lock: lock };
        store.try_folder().map_err(|error| failed("write", &error))?;
        Ok((store, bytes))
    }

    /// The path as given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes and removes the temporary file, so that a folder that takes no files is found before the program runs.
    fn try_folder(&mut self) -> io::Result<()> {
        self.disk.remove(&self.temporary)?;
        let file = self.disk.create(&self.temporary)?;
        drop(file);
        self.disk.remove(&self.temporary)
    }

    /// Replaces the file; returns once the new one is durable.
    ///
    /// # Errors
    /// When a step failed: the previous file stands (or, when only the folder could not be synced, one of the two).
    pub fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        let result = self.replace_steps(bytes);
        if result.is_err() {
            // Best effort: a file left behind is removed before the next is made.
            _ = self.disk.remove(&self.temporary);
        }
        result
    }

    fn replace_steps(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Left by a process that died; the lock says that nobody is writing it.
        self.disk.remove(&self.temporary)?;
        let mut file = self.disk.create(&self.temporary)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.disk.write(&mut file, rest)? {
                0 => return Err(io::Error::from(io::ErrorKind::WriteZero)),
                count => rest = &rest[count..],
            }
        }
        self.disk.sync(&mut file)?;
        drop(file);
        self.disk.rename(&self.temporary, &self.path)?;
        self.disk.sync_folder(&self.folder)
    }
}
