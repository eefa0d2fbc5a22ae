//! The kernel by io_uring: calls are collected in a list and handed over with one system call, which also waits.
//!
//! Tokens name calls; [`EVENT`] is the event descriptor that signal handlers and helper threads write to, [`CANCEL`] an order to cancel, whose own result
//! nobody needs. Invariant: a call's memory stands still until its token has come back.

use std::{collections::VecDeque, io, os::fd::AsRawFd, time::Duration};

use io_uring::{IoUring, opcode, squeue, types};

use super::call::{Call, FILE_MODE, SEND_FLAGS, accept_flags};

/// Token of the event descriptor.
pub const EVENT: u64 = u64::MAX;
/// Token of orders to cancel.
const CANCEL: u64 = u64::MAX - 1;

/// Entries of the submission queue: what one system call can hand over. A round with more needs one more call.
const ENTRIES: u32 = 16_384;
/// What to be content with where that is too much memory.
const ENTRIES_MIN: u32 = 256;

/// `IORING_ENTER_GETEVENTS`.
const GETEVENTS: u32 = 1;

/// A ring.
pub struct Ring {
    ring: IoUring,
    queued: VecDeque<squeue::Entry>,
    event: i32,
    /// The event descriptor is being watched.
    watched: bool,
    /// The event is somebody else's to take.
    is_shared: bool,
    /// The kernel did not take everything, as it was when results were taken last.
    is_left: bool,
}

impl Ring {
    /// The ring's descriptor.
    #[must_use]
    pub fn fd(&self) -> i32 {
        self.ring.as_raw_fd()
    }

    /// A ring that watches an event descriptor (negative: none) while it waits.
    ///
    /// # Errors
    /// Where the kernel refuses: none there, forbidden, or one that cannot wait with a timeout.
    pub fn new(event: i32) -> io::Result<Self> {
        let build = |entries: u32| {
            IoUring::builder().setup_clamp().setup_cqsize(entries * 4).build(entries)
        };
        let ring = match build(ENTRIES) {
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => build(ENTRIES_MIN)?,
            other => other?,
        };
        let params = ring.params();
        if !(params.is_feature_ext_arg() && params.is_feature_nodrop()) {
            return Err(io::Error::from_raw_os_error(libc::ENOSYS));
        }
        let mut probe = io_uring::Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        let needed = [opcode::UnlinkAt::CODE, opcode::Accept::CODE, opcode::AsyncCancel::CODE];
        if !needed.iter().all(|&code| probe.is_supported(code)) {
            return Err(io::Error::from_raw_os_error(libc::ENOSYS));
        }
        Ok(Self {
            ring,
            queued: VecDeque::new(),
            event,
            watched: false,
            is_shared: false,
            is_left: false,
        })
    }

    /// Whether the event is somebody else's to take.
    pub fn share(&mut self, is_shared: bool) {
        self.is_shared = is_shared;
    }

    /// Collects a call.
    ///
    /// # Safety
    /// The call stands still until its token has come back.
    pub unsafe fn push(&mut self, token: u64, call: &mut Call) {
        self.queued.push_back(entry(call).user_data(token));
    }

    /// Collects an order to cancel; the call comes back with `ECANCELED`, or as it went.
    pub fn cancel(&mut self, token: u64) {
        self.queued.push_back(opcode::AsyncCancel::new(token).build().user_data(CANCEL));
    }

    /// Whether anything has been collected.
    #[must_use]
    pub fn has_queued(&self) -> bool {
        !self.queued.is_empty() || self.is_left
    }

    /// Hands over what was collected, waits at most so long for a result (none: not at all), and gives all results. Counts system calls that handed
    /// something over.
    ///
    /// # Errors
    /// When the kernel does not take what it is given, which nothing can mend.
    pub fn enter(
        &mut self,
        wait: Option<Duration>,
        submissions: &mut u64,
        results: &mut Vec<(u64, i32)>,
    ) -> io::Result<()> {
        if !self.watched && self.event >= 0 && (wait.is_some() || self.has_queued()) {
            let watch = opcode::PollAdd::new(types::Fd(self.event), libc::POLLIN as u32);
            self.queued.push_back(watch.build().user_data(EVENT));
            self.watched = true;
        }
        loop {
            self.fill();
            let handed_over = self.ring.submission().len();
            let more = !self.queued.is_empty();
            let wait = wait.filter(|_| !more && results.is_empty());
            if handed_over == 0 && wait.is_none() {
                if self.ring.submission().cq_overflow() {
                    self.ring.submitter().submit_and_wait(0)?;
                }
                self.take(results);
                return Ok(());
            }
            *submissions += u64::from(handed_over > 0);
            let entered = match wait {
                Some(time) if !time.is_zero() => {
                    let time = types::Timespec::from(time);
                    let args = types::SubmitArgs::new().timespec(&time);
                    self.ring.submitter().submit_with_args(1, &args)
                }
                _ => self.ring.submit(),
            };
            match entered {
                Ok(_) => {}
                Err(error) => match error.raw_os_error() {
                    // Time is over, a signal came, or results have to be taken first.
                    Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => {}
                    _ => return Err(error),
                },
            }
            self.take(results);
            if self.queued.is_empty() && self.ring.submission().is_empty() {
                return Ok(());
            }
        }
    }

    /// Puts what was collected where the kernel takes it from, for [`Submission::enter`]. Until that is over nobody else puts anything there.
    pub fn prepare(&mut self) -> Submission {
        self.fill();
        let mut queue = self.ring.submission();
        queue.sync();
        let (count, overflowed) = (queue.len() as u32, queue.cq_overflow());
        drop(queue);
        Submission { fd: self.fd(), count, overflowed }
    }

    /// Moves what was collected into the shared queue.
    fn fill(&mut self) {
        let mut queue = self.ring.submission();
        while let Some(entry) = self.queued.front() {
            // SAFETY: whoever pushed the entry promised that its memory stands still.
            if unsafe { queue.push(entry) }.is_err() {
                break;
            }
            self.queued.pop_front();
        }
    }

    /// Takes all results that are there.
    pub fn take(&mut self, results: &mut Vec<(u64, i32)>) {
        for entry in self.ring.completion() {
            match entry.user_data() {
                CANCEL => {}
                EVENT => {
                    self.watched = false;
                    if !self.is_shared {
                        super::drain_event(self.event);
                    }
                }
                token => results.push((token, entry.result())),
            }
        }
        self.is_left = !self.ring.submission().is_empty();
    }
}

/// Calls that stand where the kernel takes them from.
pub struct Submission {
    fd: i32,
    /// How many.
    pub count: u32,
    /// Results wait for room.
    overflowed: bool,
}

impl Submission {
    /// Hands them to the kernel, and waits for nothing. It needs nothing of the ring but its descriptor, so several workers may use that meanwhile.
    ///
    /// # Errors
    /// When the kernel does not take what it is given, which nothing can mend.
    pub fn enter(self) -> io::Result<()> {
        let flags = if self.overflowed { GETEVENTS } else { 0 };
        // SAFETY: the ring lives as long as the run; no signal mask is passed.
        let result = unsafe {
            libc::syscall(libc::SYS_io_uring_enter, self.fd, self.count, 0, flags, 0usize, 0usize)
        };
        if result >= 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            // A signal came, or results have to be taken first: what was not taken is handed over again.
            Some(libc::EINTR | libc::EBUSY | libc::EAGAIN) => Ok(()),
            _ => Err(error),
        }
    }
}

/// The entry of a call.
fn entry(call: &mut Call) -> squeue::Entry {
    // At the present position, as `read(2)`.
    const HERE: u64 = u64::MAX;
    match call {
        Call::Open { path, flags } => opcode::OpenAt::new(types::Fd(libc::AT_FDCWD), path.as_ptr())
            .flags(*flags)
            .mode(FILE_MODE)
            .build(),
        Call::Close { fd } => opcode::Close::new(types::Fd(*fd)).build(),
        Call::Remove { path } => {
            opcode::UnlinkAt::new(types::Fd(libc::AT_FDCWD), path.as_ptr()).build()
        }
        Call::Read { fd, buffer, offset } => {
            let room = length(buffer.capacity());
            opcode::Read::new(types::Fd(*fd), buffer.as_mut_ptr(), room)
                .offset(offset.unwrap_or(HERE))
                .build()
        }
        Call::Write { fd, buffer, sent, offset } => {
            let rest = &buffer[*sent..];
            opcode::Write::new(types::Fd(*fd), rest.as_ptr(), length(rest.len()))
                .offset(offset.map_or(HERE, |at| at + *sent as u64))
                .build()
        }
        Call::Sync { fd } => opcode::Fsync::new(types::Fd(*fd)).build(),
        Call::Accept { fd, address, length, nonblocking } => {
            *length = address.size_of();
            opcode::Accept::new(types::Fd(*fd), (&raw mut **address).cast(), length)
                .flags(accept_flags(*nonblocking))
                .build()
        }
        Call::Connect { fd, address, .. } => {
            let to = address.as_ptr().cast();
            opcode::Connect::new(types::Fd(fd.as_raw_fd()), to, address.len()).build()
        }
        Call::Receive { fd, buffer } => {
            let room = length(buffer.capacity());
            opcode::Recv::new(types::Fd(*fd), buffer.as_mut_ptr(), room).build()
        }
        Call::Send { fd, buffer, sent } => {
            let rest = &buffer[*sent..];
            opcode::Send::new(types::Fd(*fd), rest.as_ptr(), length(rest.len()))
                .flags(SEND_FLAGS)
                .build()
        }
        Call::Resolve { .. } => opcode::Nop::new().build(),
    }
}

/// A length as the kernel takes it.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX >> 1)
}
