//! One system call, with the memory that the kernel needs for it.
//!
//! A call is a value that stands still from the moment it is handed over until its result is there; so its buffers live as long as the kernel has them,
//! whatever becomes of the task that asked. io_uring gets it as an entry of its queue; elsewhere [`Call::perform`] makes it.

use std::{
    ffi::CString,
    net::{SocketAddr, ToSocketAddrs},
    os::fd::{AsRawFd, OwnedFd, RawFd},
};

use socket2::{SockAddr, SockAddrStorage};

/// A system call.
#[derive(Debug)]
pub enum Call {
    /// `open`.
    Open {
        /// Path.
        path: CString,
        /// Flags.
        flags: i32,
    },
    /// `close`.
    Close {
        /// Descriptor, which is gone afterwards in any case.
        fd: RawFd,
    },
    /// `unlink`.
    Remove {
        /// Path.
        path: CString,
    },
    /// `read`, into the buffer's spare room.
    Read {
        /// Descriptor.
        fd: RawFd,
        /// Where to; empty.
        buffer: Vec<u8>,
        /// Position; none where there is none.
        offset: Option<u64>,
    },
    /// `write`.
    Write {
        /// Descriptor.
        fd: RawFd,
        /// What.
        buffer: Vec<u8>,
        /// So many bytes of it are written already.
        sent: usize,
        /// Position of the buffer's beginning; none where there is none.
        offset: Option<u64>,
    },
    /// `fsync`.
    Sync {
        /// Descriptor.
        fd: RawFd,
    },
    /// `accept`.
    Accept {
        /// Listener.
        fd: RawFd,
        /// The peer's address.
        address: Box<SockAddrStorage>,
        /// Its length.
        length: libc::socklen_t,
        /// The new descriptor shall not block.
        nonblocking: bool,
    },
    /// `connect`.
    Connect {
        /// The socket.
        fd: OwnedFd,
        /// Where to.
        address: Box<SockAddr>,
        /// It was begun, and the socket tells how it goes.
        begun: bool,
    },
    /// `recv`, into the buffer's spare room.
    Receive {
        /// Descriptor.
        fd: RawFd,
        /// Where to; empty.
        buffer: Vec<u8>,
    },
    /// `send`.
    Send {
        /// Descriptor.
        fd: RawFd,
        /// What.
        buffer: Vec<u8>,
        /// So many bytes of it are sent already.
        sent: usize,
    },
    /// Looks a name up.
    Resolve {
        /// `host:port`.
        name: String,
        /// What was found.
        found: Vec<SocketAddr>,
        /// Why nothing was.
        error: String,
    },
}

/// Flags of every `send`: a peer that is gone is an error, not a signal.
pub const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL;

impl Call {
    /// The descriptor to wait for, and whether for writing; none when the call cannot be waited for in that way.
    #[must_use]
    pub fn readiness(&self) -> Option<(RawFd, bool)> {
        match self {
            Self::Read { fd, offset: None, .. }
            | Self::Receive { fd, .. }
            | Self::Accept { fd, .. } => Some((*fd, false)),
            Self::Send { fd, .. } | Self::Write { fd, offset: None, .. } => Some((*fd, true)),
            Self::Connect { fd, .. } => Some((fd.as_raw_fd(), true)),
            _ => None,
        }
    }

    /// Makes the call on this thread: its result, or an error's number, negative.
    pub fn perform(&mut self) -> i32 {
        // SAFETY: every pointer leads into this value, with the length that is passed beside it.
        let result = unsafe {
            match self {
                Self::Open { path, flags } => {
                    libc::open(path.as_ptr(), *flags, FILE_MODE) as libc::ssize_t
                }
                Self::Close { fd } => libc::close(*fd) as libc::ssize_t,
                Self::Remove { path } => libc::unlink(path.as_ptr()) as libc::ssize_t,
                Self::Read { fd, buffer, offset } => {
                    let (to, room) = (buffer.as_mut_ptr().cast(), buffer.capacity());
                    match offset {
                        Some(at) => libc::pread(*fd, to, room, *at as libc::off_t),
                        None => libc::read(*fd, to, room),
                    }
                }
                Self::Write { fd, buffer, sent, offset } => {
                    let rest = &buffer[*sent..];
                    match offset {
                        Some(at) => {
                            let at = (*at + *sent as u64) as libc::off_t;
                            libc::pwrite(*fd, rest.as_ptr().cast(), rest.len(), at)
                        }
                        None => libc::write(*fd, rest.as_ptr().cast(), rest.len()),
                    }
                }
                Self::Sync { fd } => libc::fsync(*fd) as libc::ssize_t,
                Self::Accept { fd, address, length, nonblocking } => {
                    *length = address.size_of();
                    let flags = accept_flags(*nonblocking);
                    let to = (&raw mut **address).cast();
                    libc::accept4(*fd, to, length, flags) as libc::ssize_t
                }
                Self::Connect { fd, address, begun } => {
                    if *begun {
                        return -pending_error(fd);
                    }
                    *begun = true;
                    let to = address.as_ptr().cast();
                    libc::connect(fd.as_raw_fd(), to, address.len()) as libc::ssize_t
                }
                Self::Receive { fd, buffer } => {
                    let (to, room) = (buffer.as_mut_ptr().cast(), buffer.capacity());
                    libc::recv(*fd, to, room, 0)
                }
                Self::Send { fd, buffer, sent } => {
                    let rest = &buffer[*sent..];
                    libc::send(*fd, rest.as_ptr().cast(), rest.len(), SEND_FLAGS)
                }
                Self::Resolve { name, found, error } => {
                    match name.to_socket_addrs() {
                        Ok(addresses) => found.extend(addresses),
                        Err(why) => *error = why.to_string(),
                    }
                    0
                }
            }
        };
        if result < 0 {
            return -std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
        }
        i32::try_from(result).unwrap_or(i32::MAX)
    }

    /// The kernel has filled so much of the buffer.
    ///
    /// # Safety
    /// It has.
    pub unsafe fn filled(&mut self, count: usize) {
        if let Self::Read { buffer, .. } | Self::Receive { buffer, .. } = self {
            // SAFETY: the caller's promise.
            unsafe { buffer.set_len(count.min(buffer.capacity())) };
        }
    }

    /// The address that an `accept` has filled in.
    #[must_use]
    pub fn peer(self) -> Option<SocketAddr> {
        match self {
            // SAFETY: the kernel has written an address of this length.
            Self::Accept { address, length, .. } => unsafe {
                SockAddr::new(*address, length).as_socket()
            },
            _ => None,
        }
    }
}

/// Mode of new files, before the process's mask.
pub const FILE_MODE: libc::mode_t = 0o666;

/// Flags of `accept4`.
#[must_use]
pub fn accept_flags(nonblocking: bool) -> i32 {
    libc::SOCK_CLOEXEC | if nonblocking { libc::SOCK_NONBLOCK } else { 0 }
}

/// How a connection that was begun has ended: 0 or the error's number.
fn pending_error(fd: &OwnedFd) -> i32 {
    let socket = socket2::SockRef::from(fd);
    match socket.take_error() {
        Ok(None) => 0,
        Ok(Some(error)) | Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
    }
}
