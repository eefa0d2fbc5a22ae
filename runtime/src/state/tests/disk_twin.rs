//! A disk in memory whose calls can be made to fail, and which can lose power between any two of them.
//!
//! Model: a file's bytes are durable up to its last successful `sync`, a folder's entries up to its last `sync_folder`; what is not durable
//! may be there after a crash or not, and written bytes may be there in part. [`Twin::after_crash`] gives every outcome that matters.

use crate::state::disk::{Disk, Found};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What happens at one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It fails and does nothing.
    Error,
    /// A write takes half of the bytes, then fails; other calls fail.
    Torn,
    /// Power is lost before it.
    Crash,
}

#[derive(Clone, Default, Debug)]
struct Inode {
    bytes: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Default, Debug)]
struct State {
    inodes: Vec<Inode>,
    entries: BTreeMap<PathBuf, usize>,
    durable_entries: BTreeMap<PathBuf, usize>,
    calls: usize,
    faults: Vec<(usize, Fault)>,
    for_ever: bool,
    crashed: bool,
    failed_syncs: Vec<usize>,
}

/// The disk; clones are one disk.
#[derive(Clone, Default, Debug)]
pub struct Twin(Rc<RefCell<State>>);

/// An open file.
#[derive(Debug)]
pub struct TwinFile(usize);

impl Twin {
    /// Makes call number `call` (from now on, counting from 0) fail, and all later ones too if `for_ever`.
    pub fn fail_at(&self, call: usize, fault: Fault, for_ever: bool) {
        let mut state = self.0.borrow_mut();
        let call = state.calls + call;
        state.faults = vec![(call, fault)];
        state.for_ever = for_ever;
    }

    /// Calls so far.
    pub fn calls(&self) -> usize {
        self.0.borrow().calls
    }

    /// No more faults.
    pub fn heal(&self) {
        self.0.borrow_mut().faults.clear();
    }

    /// Every content that the file at `path` may have when power is lost now. `None`: no file.
    pub fn after_crash(&self, path: &Path) -> Vec<Option<Vec<u8>>> {
        let state = self.0.borrow();
        let mut outcomes = Vec::new();
        for entries in [&state.durable_entries, &state.entries] {
            let Some(&inode) = entries.get(path) else {
                outcomes.push(None);
                continue;
            };
            let Inode { bytes, durable } = &state.inodes[inode];
            outcomes.push(Some(durable.clone()));
            if bytes != durable {
                // Unsynced bytes: all, half, or a hole in the middle.
                outcomes.push(Some(bytes.clone()));
                outcomes.push(Some(bytes[..bytes.len() / 2].to_vec()));
                let mut hole = bytes.clone();
                let (third, length) = (hole.len() / 3, hole.len());
                hole[third..length - third].fill(0);
                outcomes.push(Some(hole));
            }
        }
        outcomes
    }

    /// The present content.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.0.borrow();
        state.entries.get(path).map(|&inode| state.inodes[inode].bytes.clone())
    }

    /// Paths that are there.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.0.borrow().entries.keys().cloned().collect()
    }

    fn call(&self) -> Result<(), Fault> {
        let mut state = self.0.borrow_mut();
        let now = state.calls;
        state.calls += 1;
        if state.crashed {
            return Err(Fault::Crash);
        }
        let fault = state.faults.first().copied();
        match fault {
            Some((at, fault)) if at == now || (state.for_ever && at < now) => {
                state.crashed = fault == Fault::Crash;
                Err(fault)
            }
            _ => Ok(()),
        }
    }

    fn plain(&self) -> io::Result<()> {
        self.call().map_err(|_| failure())
    }
}

fn failure() -> io::Error {
    io::Error::other("a made-up failure")
}

impl Disk for Twin {
    type File = TwinFile;

    fn look(&mut self, path: &Path) -> io::Result<Found> {
        self.plain()?;
        let there = self.0.borrow().entries.contains_key(path);
        Ok(if there { Found::File } else { Found::Nothing })
    }

    fn lock(&mut self, path: &Path) -> io::Result<Option<TwinFile>> {
        self.plain()?;
        let mut state = self.0.borrow_mut();
        let inode = match state.entries.get(path) {
            Some(&inode) => inode,
            None => {
                state.inodes.push(Inode::default());
                let inode = state.inodes.len() - 1;
                state.entries.insert(path.to_path_buf(), inode);
                inode
            }
        };
        Ok(Some(TwinFile(inode)))
    }

    fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        self.plain()?;
        self.content(path).ok_or_else(failure)
    }

    fn create(&mut self, path: &Path) -> io::Result<TwinFile> {
        self.plain()?;
        let mut state = self.0.borrow_mut();
        if state.entries.contains_key(path) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        state.inodes.push(Inode::default());
        let inode = state.inodes.len() - 1;
        state.entries.insert(path.to_path_buf(), inode);
        Ok(TwinFile(inode))
    }

    fn write(&mut self, file: &mut TwinFile, bytes: &[u8]) -> io::Result<usize> {
        let fault = self.call();
        let mut state = self.0.borrow_mut();
        // Short writes are legal: never more than 1000 bytes at once.
        let count = bytes.len().min(1000);
        let taken = match fault {
            Ok(()) => count,
            Err(Fault::Torn) => count / 2,
            Err(_) => 0,
        };
        state.inodes[file.0].bytes.extend_from_slice(&bytes[..taken]);
        if fault.is_ok() { Ok(taken) } else { Err(failure()) }
    }

    fn sync(&mut self, file: &mut TwinFile) -> io::Result<()> {
        let fault = self.call();
        let mut state = self.0.borrow_mut();
        assert!(!state.failed_syncs.contains(&file.0), "a failed sync is never repeated");
        if fault.is_err() {
            state.failed_syncs.push(file.0);
            return Err(failure());
        }
        let inode = &mut state.inodes[file.0];
        inode.durable = inode.bytes.clone();
        Ok(())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.plain()?;
        let mut state = self.0.borrow_mut();
        let inode = state.entries.remove(from).ok_or_else(failure)?;
        state.entries.insert(to.to_path_buf(), inode);
        Ok(())
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.plain()?;
        self.0.borrow_mut().entries.remove(path);
        Ok(())
    }

    fn sync_folder(&mut self, _: &Path) -> io::Result<()> {
        self.plain()?;
        let mut state = self.0.borrow_mut();
        state.durable_entries = state.entries.clone();
        Ok(())
    }
}
