//! Everything the program writes to standard output and standard error, through one log that is released in order.
//!
//! A write appends to the log; [`Output::release`] hands the log to the kernel. It is released when it has grown to [`RELEASE_BYTES`], when no task can
//! run, at a checkpoint, at a preemption, at the end — and at each line where a person watches. The order among the streams is kept.
//!
//! Invariants: the log holds exactly what the program wrote and the kernel has not got. The runtime's own reports go to standard error at once, after
//! what the program wrote before them.

use std::{os::fd::RawFd, sync::atomic::AtomicBool};

/// The log is released when it has grown to this.
const RELEASE_BYTES: usize = 64 << 10;

/// A stream of the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Stream {
    fn fd(self) -> RawFd {
        match self {
            Self::Out => libc::STDOUT_FILENO,
            Self::Err => libc::STDERR_FILENO,
        }
    }
}

/// The log.
pub struct Output {
    bytes: Vec<u8>,
    /// Ends of runs of one stream, in order.
    runs: Vec<(Stream, usize)>,
    line_buffered: bool,
    /// A write failed (closed pipe): what follows is dropped, and the program ends as it would on `SIGPIPE`.
    broken: AtomicBool,
    /// Tests read the log instead of the terminal.
    captured: Option<Vec<u8>>,
}

impl Default for Output {
    fn default() -> Self {
        Self::new()
    }
}

impl Output {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        // SAFETY: asks about a descriptor only.
        let terminal = unsafe { libc::isatty(libc::STDOUT_FILENO) == 1 };
        Self {
            bytes: Vec::new(),
            runs: Vec::new(),
            line_buffered: terminal,
            broken: AtomicBool::new(false),
            captured: None,
        }
    }

    /// Keeps what is released instead of writing it.
    pub fn capture(&mut self) {
        self.captured = Some(Vec::new());
    }

    /// What was released since [`Self::capture`].
    #[must_use]
    pub fn captured(&self) -> &[u8] {
        self.captured.as_deref().unwrap_or_default()
    }

    /// Appends what the program writes.
    pub fn write(&mut self, stream: Stream, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        match self.runs.last_mut() {
            Some((last, end)) if *last == stream => *end = self.bytes.len(),
            _ => self.runs.push((stream, self.bytes.len())),
        }
        if self.bytes.len() >= RELEASE_BYTES || (self.line_buffered && text.ends_with(b"\n")) {
            self.release();
        }
    }

    /// Hands the log to the kernel.
    pub fn release(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        if let Some(captured) = &mut self.captured {
            captured.extend_from_slice(&self.bytes);
        } else {
            let mut start = 0;
            for &(stream, end) in &self.runs {
                if !write_all(stream.fd(), &self.bytes[start..end]) {
                    self.broken.store(true, std::sync::atomic::Ordering::Relaxed);
                }
                start = end;
            }
        }
        self.bytes.clear();
        self.runs.clear();
    }

    /// Whether something could not be written.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Writes all bytes; false when that failed.
fn write_all(fd: RawFd, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        // SAFETY: the buffer is valid for its length.
        let written = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        if written >= 0 {
            bytes = &bytes[written as usize..];
            continue;
        }
        match std::io::Error::last_os_error().kind() {
            std::io::ErrorKind::Interrupted => {}
            std::io::ErrorKind::WouldBlock => {
                let mut poll = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
                // SAFETY: one valid entry.
                unsafe { libc::poll(&raw mut poll, 1, -1) };
            }
            std::io::ErrorKind::BrokenPipe => {
                end_by_broken_pipe();
                return false;
            }
            _ => return false,
        }
    }
    true
}

/// Nobody reads what the program writes: it ends as the signal would end it, also where that is ignored for the sake of other pipes.
fn end_by_broken_pipe() {
    // SAFETY: sets how a signal is taken, and raises it.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        libc::raise(libc::SIGPIPE);
    }
}

/// Writes a report of the runtime to standard error at once.
pub fn emergency(text: impl AsRef<[u8]>) {
    write_all(libc::STDERR_FILENO, text.as_ref());
}
