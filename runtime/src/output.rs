//! Everything the program writes to standard output and standard error, through one log that is released in order.
//!
//! A write appends to the log; [`Output::release`] hands the log to the kernel. It is released when it has grown to [`RELEASE_BYTES`], when no task can
//! run, at a checkpoint, at a preemption, at the end — and at each line where a person watches. The order among the streams is kept.
//!
//! Invariants: the log holds exactly what the program wrote and the kernel has not got. The runtime's own reports go to standard error at once, after
//! what the program wrote before them.

use std::{
    os::fd::RawFd,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

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

/// The log. Any worker may write: each write stays in one piece.
pub struct Output {
    log: Mutex<Log>,
    /// A write failed (closed pipe): what follows is dropped, and the program ends as it would on `SIGPIPE`.
    broken: AtomicBool,
}

struct Log {
    bytes: Vec<u8>,
    /// Ends of runs of one stream, in order.
    runs: Vec<(Stream, usize)>,
    line_buffered: bool,
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
            log: Mutex::new(Log {
                bytes: Vec::new(),
                runs: Vec::new(),
                line_buffered: terminal,
                captured: None,
            }),
            broken: AtomicBool::new(false),
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // A writer that panicked has aborted the process.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what is released instead of writing it.
    pub fn capture(&self) {
        self.log().captured = Some(Vec::new());
    }

    /// What was released since [`Self::capture`].
    #[must_use]
    pub fn captured(&self) -> Vec<u8> {
        self.log().captured.clone().unwrap_or_default()
    }

    /// Appends what the program writes.
    pub fn write(&self, stream: Stream, text: &[u8]) {
        let mut log = self.log();
        log.bytes.extend_from_slice(text);
        let end = log.bytes.len();
        match log.runs.last_mut() {
            Some((last, run_end)) if *last == stream => *run_end = end,
            _ => log.runs.push((stream, end)),
        }
        if end >= RELEASE_BYTES || (log.line_buffered && text.ends_with(b"\n")) {
            log.release(&self.broken);
        }
    }

    /// Hands the log to the kernel.
    pub fn release(&self) {
        self.log().release(&self.broken);
    }

    /// As [`Self::release`], on a way out on which the log may be in use further up: then it is left alone.
    pub fn try_release(&self) {
        if let Ok(mut log) = self.log.try_lock() {
            log.release(&self.broken);
        }
    }

    /// Whether something could not be written.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }
}

impl Log {
    fn release(&mut self, broken: &AtomicBool) {
        if self.bytes.is_empty() {
            return;
        }
        if let Some(captured) = &mut self.captured {
            captured.extend_from_slice(&self.bytes);
        } else {
            let mut start = 0;
            for &(stream, end) in &self.runs {
                if !write_all(stream.fd(), &self.bytes[start..end]) {
                    broken.store(true, Ordering::Relaxed);
                }
                start = end;
            }
        }
        self.bytes.clear();
        self.runs.clear();
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
