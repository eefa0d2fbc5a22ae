//! The table of what a program has open: files, connections, listeners, standard input.
//!
//! A handle is a number that is never used twice, so that one which was closed cannot come to mean another file; the first number is random, so
//! that one which another process has saved means nothing here.
//!
//! A handle has two lanes, for what reads and for what writes; files have one, since they have one position. In a lane one operation is under way,
//! and the others wait in the order in which they came: lines and messages of several tasks never mix.
//!
//! Invariants: `offset` is where the program is; the kernel reads from `offset + buffer.len()`. `length` is what a file of ours holds that later runs
//! can rely on: its length when it was opened, and what was written since.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::{File, Metadata},
    os::{
        fd::{AsRawFd, OwnedFd, RawFd},
        unix::fs::MetadataExt,
    },
    time::Duration,
};

use super::accept::Arrivals;
use super::request::{
    ACCEPT, Failure, OPEN_APPEND, OPEN_CREATE, OPEN_NEW, OPEN_READ, OPEN_TRUNCATE, OPEN_WRITE,
    READ, READ_LINE, STDIN,
};

/// What a resumed program is told of a connection that it had.
pub const LOST: &str = "the connection ended with the process that had it: the program was resumed";

/// A file, by what it is known by across runs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Known {
    /// Absolute path; empty for standard input.
    pub path: String,
    /// `OPEN_*`.
    pub flags: i64,
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// See the invariants.
    pub length: u64,
}

/// What a handle is.
#[derive(Debug)]
pub enum Kind {
    /// Anything that has a path, or standard input.
    File(Known),
    /// A connection.
    Connection,
    /// A listener.
    Listener,
    /// It was open when the state was saved, and is not now, for this reason.
    Lost(String),
    /// To be reopened at the start.
    Saved(Known),
}

/// The operations of one direction.
#[derive(Debug, Default)]
pub struct Lane {
    /// The one that is under way.
    pub current: Option<usize>,
    /// Those behind it.
    pub waiting: VecDeque<usize>,
}

/// An open file or socket.
#[derive(Debug)]
pub struct Handle {
    /// What it is.
    pub kind: Kind,
    /// The descriptor; none when it is lost.
    pub fd: Option<OwnedFd>,
    /// It has a position: a regular file or a block device.
    pub seeks: bool,
    /// The program's position in it.
    pub offset: u64,
    /// What was read beyond that.
    pub buffer: Vec<u8>,
    /// The most time that an operation may take.
    pub timeout: Option<Duration>,
    /// Reading, and all of a file.
    pub reads: Lane,
    /// Writing, of connections.
    pub writes: Lane,
    /// Of listeners: what arrives.
    pub arrivals: Arrivals,
    /// The operation that closes it.
    pub closing: Option<usize>,
    /// Something was written since it was last synced.
    pub unsynced: bool,
}

impl Handle {
    /// A handle of nothing.
    #[must_use]
    pub fn new(kind: Kind, fd: Option<OwnedFd>) -> Self {
        Self {
            kind,
            fd,
            seeks: false,
            offset: 0,
            buffer: Vec::new(),
            timeout: None,
            reads: Lane::default(),
            writes: Lane::default(),
            arrivals: Arrivals::default(),
            closing: None,
            unsynced: false,
        }
    }

    /// The handle of a file that was opened with these flags.
    ///
    /// # Errors
    /// When the system cannot say what it is; a folder.
    pub fn of_file(fd: OwnedFd, path: String, flags: i64) -> Result<Self, Failure> {
        let file = File::from(fd);
        let data = file.metadata().map_err(|error| Failure::of_system(&error))?;
        if data.is_dir() {
            return Err(Failure::of_number(libc::EISDIR));
        }
        let known =
            Known { path, flags, device: data.dev(), inode: data.ino(), length: data.len() };
        let mut handle = Self::new(Kind::File(known), Some(file.into()));
        handle.seeks = seeks(&data);
        Ok(handle)
    }

    /// The descriptor.
    ///
    /// # Errors
    /// When it was lost.
    pub fn raw(&self) -> Result<RawFd, Failure> {
        match (&self.fd, &self.kind) {
            (Some(fd), _) => Ok(fd.as_raw_fd()),
            (None, Kind::Lost(why)) => Err(Failure::words(why)),
            (None, _) => Err(Failure::words("it is not open")),
        }
    }

    /// A pipe or terminal that was opened here is waited for with epoll, and tried without blocking. (Standard input others may have, too.)
    pub fn do_not_block(&self) {
        if let (Some(fd), Kind::File(known)) = (&self.fd, &self.kind)
            && !self.seeks
            && !known.path.is_empty()
        {
            set_blocking(fd, false);
        }
    }

    /// Whether it is a connection or a listener.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        matches!(self.kind, Kind::Connection | Kind::Listener)
    }

    /// The lane of an operation.
    pub fn lane(&mut self, code: i64) -> &mut Lane {
        if !self.is_socket() || matches!(code, READ | READ_LINE | ACCEPT) {
            &mut self.reads
        } else {
            &mut self.writes
        }
    }

    /// Whether nothing is under way on it.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.reads.current.is_none()
            && self.writes.current.is_none()
            && self.arrivals.accepting.is_empty()
    }

    /// Whether it was opened for one of these (`OPEN_*`).
    #[must_use]
    pub fn allows(&self, flags: i64) -> bool {
        match &self.kind {
            Kind::File(known) => known.flags & flags != 0,
            _ => true,
        }
    }

    /// So many bytes were written at the position.
    pub fn wrote(&mut self, count: u64) {
        if let Kind::File(known) = &mut self.kind {
            self.unsynced = true;
            if known.flags & OPEN_APPEND != 0 {
                known.length += count;
                self.offset = known.length;
            } else {
                self.offset += count;
                known.length = known.length.max(self.offset);
            }
        }
    }
}

fn seeks(data: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    data.is_file() || data.file_type().is_block_device()
}

/// The flags of `open(2)`.
#[must_use]
pub fn system_flags(flags: i64) -> i32 {
    let on = |bit: i64| flags & bit != 0;
    let access = match (on(OPEN_READ), on(OPEN_WRITE | OPEN_APPEND)) {
        (true, true) => libc::O_RDWR,
        (false, true) => libc::O_WRONLY,
        _ => libc::O_RDONLY,
    };
    let bits = [
        (OPEN_APPEND, libc::O_APPEND),
        (OPEN_CREATE, libc::O_CREAT),
        (OPEN_TRUNCATE, libc::O_TRUNC),
        (OPEN_NEW, libc::O_CREAT | libc::O_EXCL),
    ];
    let chosen = bits.iter().filter(|(bit, _)| on(*bit)).map(|(_, flag)| flag);
    chosen.fold(access | libc::O_CLOEXEC | libc::O_NOCTTY, |all, flag| all | flag)
}

/// All handles.
#[derive(Debug, Default)]
pub struct Handles {
    open: BTreeMap<i64, Handle>,
    /// The next number.
    pub next: i64,
}

impl Handles {
    /// Numbers begin here; 0 is standard input.
    #[must_use]
    pub fn starting_at(next: i64) -> Self {
        Self { open: BTreeMap::new(), next: next.max(1) }
    }

    /// Takes in a handle and gives its number.
    pub fn insert(&mut self, handle: Handle) -> i64 {
        let id = self.next;
        self.next += 1;
        self.open.insert(id, handle);
        id
    }

    /// A handle that is open.
    ///
    /// # Errors
    /// When it is not, or is being closed.
    pub fn get(&mut self, id: i64) -> Result<&mut Handle, Failure> {
        if id == STDIN {
            return Ok(self.open.entry(STDIN).or_insert_with(standard_input));
        }
        match self.open.get_mut(&id) {
            Some(handle) if handle.closing.is_none() => Ok(handle),
            _ => Err(Failure::words("it is closed")),
        }
    }

    /// A handle that is open or being closed.
    pub fn any(&mut self, id: i64) -> Option<&mut Handle> {
        self.open.get_mut(&id)
    }

    /// Takes a handle out.
    pub fn remove(&mut self, id: i64) -> Option<Handle> {
        self.open.remove(&id)
    }

    /// All, in order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&i64, &Handle)> {
        self.open.iter()
    }

    /// All, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&i64, &mut Handle)> {
        self.open.iter_mut()
    }

    /// Puts back a handle of a saved state.
    pub fn restore(&mut self, id: i64, handle: Handle) {
        self.open.insert(id, handle);
    }
}

/// Standard input, as this process has it.
fn standard_input() -> Handle {
    use std::os::fd::BorrowedFd;
    // SAFETY: descriptor 0 is borrowed for the call only.
    let ours = unsafe { BorrowedFd::borrow_raw(libc::STDIN_FILENO) }.try_clone_to_owned();
    let Ok(fd) = ours else {
        return Handle::new(Kind::Lost(String::from("standard input is closed")), None);
    };
    let file = File::from(fd);
    let data = file.metadata();
    let mut handle = Handle::new(Kind::File(Known::default()), None);
    if let (Ok(data), Kind::File(known)) = (&data, &mut handle.kind) {
        handle.seeks = seeks(data);
        *known = Known {
            path: String::new(),
            flags: OPEN_READ,
            device: data.dev(),
            inode: data.ino(),
            length: data.len(),
        };
    }
    if handle.seeks {
        // SAFETY: asks for the position of a valid descriptor.
        let at = unsafe { libc::lseek(file.as_raw_fd(), 0, libc::SEEK_CUR) };
        handle.offset = u64::try_from(at).unwrap_or(0);
    }
    handle.fd = Some(file.into());
    handle
}

impl Handle {
    /// What a saved handle is in the new process: a file at its position, or lost.
    ///
    /// A file that the program writes is cut back to the length that the state knows: what was written after the checkpoint will be written again.
    pub fn reopen(&mut self, id: i64) {
        let Kind::Saved(known) = &self.kind else {
            if self.fd.is_none() && !matches!(self.kind, Kind::Lost(_)) {
                self.kind = Kind::Lost(LOST.to_owned());
            }
            return;
        };
        let known = known.clone();
        if let Err(why) = self.take_up(id, known) {
            self.fd = None;
            self.kind = Kind::Lost(format!("it cannot be reopened: {why}"));
        }
    }

    fn take_up(&mut self, id: i64, known: Known) -> Result<(), String> {
        let (offset, timeout) = (self.offset, self.timeout);
        let mut fresh = if id == STDIN {
            standard_input()
        } else {
            let flags = known.flags & !(OPEN_CREATE | OPEN_TRUNCATE | OPEN_NEW);
            let fd = open_now(&known.path, flags)?;
            Self::of_file(fd, known.path.clone(), known.flags).map_err(|failure| match failure {
                Failure::Words(text) => text,
                Failure::Cancelled => String::new(),
            })?
        };
        fresh.timeout = timeout;
        if !fresh.seeks {
            // A pipe or terminal goes on with what it has; what was read before and not used is not lost.
            fresh.buffer = std::mem::take(&mut self.buffer);
            *self = fresh;
            return Ok(());
        }
        let Kind::File(now) = &mut fresh.kind else { return Ok(()) };
        let writes = known.flags & (OPEN_WRITE | OPEN_APPEND) != 0;
        if now.length < offset {
            return Err(String::from("it is shorter than it was"));
        }
        let same = (now.device, now.inode) == (known.device, known.inode);
        if writes && same && now.length > known.length {
            let fd = fresh.fd.as_ref().map_or(-1, AsRawFd::as_raw_fd);
            let length = i64::try_from(known.length).unwrap_or(i64::MAX);
            // SAFETY: cuts a file that is open for writing.
            if unsafe { libc::ftruncate(fd, length) } == 0 {
                now.length = known.length;
            }
        }
        fresh.offset = offset;
        *self = fresh;
        Ok(())
    }
}

/// Opens a file at once.
fn open_now(path: &str, flags: i64) -> Result<OwnedFd, String> {
    use std::os::fd::FromRawFd;
    let path = std::ffi::CString::new(path).map_err(|error| error.to_string())?;
    // SAFETY: a valid path; the new descriptor is ours.
    unsafe {
        // The other end of a pipe may not be there: nothing else would go on meanwhile.
        let fd = libc::open(path.as_ptr(), system_flags(flags) | libc::O_NONBLOCK);
        if fd < 0 {
            return match Failure::of_system(&std::io::Error::last_os_error()) {
                Failure::Words(text) => Err(text),
                Failure::Cancelled => Err(String::new()),
            };
        }
        let fd = OwnedFd::from_raw_fd(fd);
        set_blocking(&fd, true);
        Ok(fd)
    }
}

fn set_blocking(fd: &OwnedFd, blocks: bool) {
    // SAFETY: a valid descriptor, no pointers.
    unsafe {
        let flags = libc::fcntl(fd.as_raw_fd(), libc::F_GETFL);
        let changed = if blocks { flags & !libc::O_NONBLOCK } else { flags | libc::O_NONBLOCK };
        libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, changed);
    }
}
