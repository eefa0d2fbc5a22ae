//! The calls to the operating system that a state file needs, as a trait, so that a twin in the tests can make each of them fail.
//!
//! Assumed of the disk: what `fsync` of a file has acknowledged stays, whole; `rename` within a folder is atomic and stays once
//! the folder is synced; nothing else is assumed (unsynced bytes may be there, torn or not).

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What stands at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A regular file.
    File,
    /// Something else, named for a message ("a folder").
    Other(&'static str),
}

/// The calls.
pub trait Disk {
    /// An open file; closed when dropped.
    type File;

    /// What stands at `path`; symbolic links are not followed.
    fn look(&mut self, path: &Path) -> io::Result<Found>;
    /// Opens `path` (made when missing) and locks it for this process. `Ok(None)`: another process holds the lock.
    fn lock(&mut self, path: &Path) -> io::Result<Option<Self::File>>;
    /// All bytes of the regular file at `path`, which must also be open to writing.
    fn read(&mut self, path: &Path) -> io::Result<Vec<u8>>;
    /// Makes a file that does not exist yet, readable and writable by its owner only.
    fn create(&mut self, path: &Path) -> io::Result<Self::File>;
    /// Writes at the file's position; fewer bytes than given may be taken.
    fn write(&mut self, file: &mut Self::File, bytes: &[u8]) -> io::Result<usize>;
    /// Makes the file's bytes durable. After an error the file must not be used again.
    fn sync(&mut self, file: &mut Self::File) -> io::Result<()>;
    /// Puts `from` in the place of `to`.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; it is no error when there is none.
    fn remove(&mut self, path: &Path) -> io::Result<()>;
    /// Makes the entries of a folder durable.
    fn sync_folder(&mut self, path: &Path) -> io::Result<()>;
}

/// The real one.
#[derive(Default)]
pub struct SystemDisk;

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(OsStr::as_bytes(path.as_os_str()))
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the path has a zero byte"))
}

/// Repeats a call that a signal has interrupted.
fn retry(mut call: impl FnMut() -> libc::c_int) -> io::Result<libc::c_int> {
    loop {
        let result = call();
        if result >= 0 {
            return Ok(result);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn open(path: &Path, flags: libc::c_int) -> io::Result<OwnedFd> {
    let path = c_path(path)?;
    let flags = flags | libc::O_CLOEXEC | libc::O_NOFOLLOW;
    // SAFETY: the path is a terminated string; the mode is only used with O_CREAT.
    let fd = retry(|| unsafe { libc::open(path.as_ptr(), flags, 0o600) })?;
    // SAFETY: the descriptor is new, and ours.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn read_all(fd: &OwnedFd) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::from(fd.try_clone()?).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Disk for SystemDisk {
    type File = OwnedFd;

    fn look(&mut self, path: &Path) -> io::Result<Found> {
        use std::os::unix::fs::FileTypeExt;
        let kind = match std::fs::symlink_metadata(path) {
            Ok(found) => found.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        };
        Ok(if kind.is_file() {
            Found::File
        } else if kind.is_dir() {
            Found::Other("a folder")
        } else if kind.is_symlink() {
            Found::Other("a symbolic link")
        } else if kind.is_fifo() {
            Found::Other("a named pipe")
        } else if kind.is_socket() {
            Found::Other("a socket")
        } else {
            Found::Other("a device")
        })
    }

    fn lock(&mut self, path: &Path) -> io::Result<Option<OwnedFd>> {
        let fd = open(path, libc::O_RDWR | libc::O_CREAT | libc::O_NONBLOCK)?;
        // SAFETY: the descriptor is open.
        match retry(|| unsafe { libc::flock(fd.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) }) {
            Ok(_) => Ok(Some(fd)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        // Open to writing too: a file that may not be written is refused before the first statement, although
        // checkpoints replace it. Not blocking: should it have become a pipe, opening it must not hang.
        read_all(&open(path, libc::O_RDWR | libc::O_NONBLOCK)?)
    }

    fn create(&mut self, path: &Path) -> io::Result<OwnedFd> {
        open(path, libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL)
    }

    fn write(&mut self, file: &mut OwnedFd, bytes: &[u8]) -> io::Result<usize> {
        loop {
            // SAFETY: the bytes are valid for reads of their length.
            let count =
                unsafe { libc::write(file.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
            if count >= 0 {
                return Ok(count.unsigned_abs());
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }

    fn sync(&mut self, file: &mut OwnedFd) -> io::Result<()> {
        // One call only: after an error the kernel may have dropped the dirty pages, and a second `fsync`
        // would report success for bytes that are lost. (EINTR is no answer of `fsync` on Linux.)
        // SAFETY: the descriptor is open.
        if unsafe { libc::fsync(file.as_raw_fd()) } == 0 {
            return Ok(());
        }
        Err(io::Error::last_os_error())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        let path = c_path(path)?;
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
        // SAFETY: the path is a terminated string.
        let fd = retry(|| unsafe { libc::open(path.as_ptr(), flags) })?;
        // SAFETY: the descriptor is new, and ours.
        let mut fd = unsafe { OwnedFd::from_raw_fd(fd) };
        match self.sync(&mut fd) {
            // Some file systems cannot sync folders and need not.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
            result => result,
        }
    }
}
