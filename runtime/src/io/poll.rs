//! The kernel by epoll, where io_uring is refused: sockets and pipes are tried, and waited for when they are not ready; the rest goes to helper threads.
//!
//! Invariants: a descriptor is registered once, for what is waited for on it at the moment, and fires once; `readers` and `writers` name the one call of
//! each direction.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    time::Duration,
};

use super::{call::Call, helpers::Helpers};

/// Token of the event descriptor.
const EVENT: u64 = u64::MAX;
/// Events taken at once.
const EVENTS: usize = 1024;

/// What is waited for on a descriptor.
#[derive(Default)]
struct Watch {
    reader: Option<u64>,
    writer: Option<u64>,
    /// The kernel knows of the descriptor.
    registered: bool,
}

/// A call that is not done.
struct Waiting {
    call: *mut Call,
    /// Where it waits; none: a helper has it.
    at: Option<(RawFd, bool)>,
}

/// An epoll set.
pub struct Poll {
    epoll: OwnedFd,
    queued: VecDeque<u64>,
    calls: BTreeMap<u64, Waiting>,
    watches: BTreeMap<RawFd, Watch>,
    event: i32,
}

impl Poll {
    /// The set's descriptor.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }

    /// A set that watches an event descriptor (negative: none).
    ///
    /// # Errors
    /// When the system has no more descriptors.
    pub fn new(event: i32) -> io::Result<Self> {
        // SAFETY: the new descriptor is ours.
        let epoll = unsafe {
            let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            OwnedFd::from_raw_fd(fd)
        };
        let poll = Self {
            epoll,
            queued: VecDeque::new(),
            calls: BTreeMap::new(),
            watches: BTreeMap::new(),
            event,
        };
        if event >= 0 {
            poll.control(libc::EPOLL_CTL_ADD, event, libc::EPOLLIN as u32, EVENT)?;
        }
        Ok(poll)
    }

    fn control(&self, what: i32, fd: RawFd, events: u32, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events, u64: token };
        // SAFETY: a valid event.
        let result = unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), what, fd, &raw mut event) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Collects a call.
    ///
    /// # Safety
    /// The call stands still, and nobody touches it, until its token is among the results.
    pub unsafe fn push(&mut self, token: u64, call: &mut Call) {
        self.calls.insert(token, Waiting { call, at: None });
        self.queued.push_back(token);
    }

    /// Gives a call up that waits; one that a helper has goes on to its end.
    pub fn cancel(&mut self, token: u64, results: &mut Vec<(u64, i32)>) {
        if let Some(index) = self.queued.iter().position(|&queued| queued == token) {
            self.queued.remove(index);
        } else if let Some(Waiting { at: Some((fd, writes)), .. }) = self.calls.get(&token) {
            let (fd, writes) = (*fd, *writes);
            self.unwatch(fd, writes);
        } else {
            return;
        }
        self.calls.remove(&token);
        results.push((token, -libc::ECANCELED));
    }

    /// Whether anything has been collected.
    #[must_use]
    pub fn has_queued(&self) -> bool {
        !self.queued.is_empty()
    }

    /// The descriptor will be closed.
    pub fn forget(&mut self, fd: RawFd) {
        if self.watches.remove(&fd).is_some_and(|watch| watch.registered) {
            // A closed descriptor leaves the set by itself, but not while it was duplicated.
            let _ = self.control(libc::EPOLL_CTL_DEL, fd, 0, 0);
        }
    }

    /// Tries what was collected, waits at most so long for something to be ready (none: not at all), and gives all results.
    ///
    /// # Errors
    /// When the kernel cannot wait, which nothing can mend.
    pub fn enter(
        &mut self,
        wait: Option<Duration>,
        helpers: &mut Helpers,
        results: &mut Vec<(u64, i32)>,
    ) -> io::Result<()> {
        while let Some(token) = self.queued.pop_front() {
            self.attempt(token, helpers, results);
        }
        helpers.take(results);
        let wait = if results.is_empty() { wait } else { None };
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        let timeout = wait.map_or(0, |time| {
            // Rounded up: to wake a little late is better than to ask again and again.
            i32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
        });
        let set = self.epoll.as_raw_fd();
        // SAFETY: the array has room for as many events as it says.
        let count = unsafe { libc::epoll_wait(set, events.as_mut_ptr(), EVENTS as i32, timeout) };
        if count < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) };
        }
        for event in &events[..count as usize] {
            let (token, bits) = (event.u64, event.events);
            if token == EVENT {
                super::drain_event(self.event);
                continue;
            }
            self.ready(token as RawFd, bits, helpers, results);
        }
        helpers.take(results);
        for (token, _) in results.iter() {
            self.calls.remove(token);
        }
        Ok(())
    }

    /// A descriptor may be ready: what waits on it is tried again.
    fn ready(
        &mut self,
        fd: RawFd,
        bits: u32,
        helpers: &mut Helpers,
        results: &mut Vec<(u64, i32)>,
    ) {
        let broken = bits & (libc::EPOLLERR | libc::EPOLLHUP) as u32 != 0;
        let Some(watch) = self.watches.get_mut(&fd) else { return };
        let mut woken = Vec::new();
        if broken || bits & (libc::EPOLLIN | libc::EPOLLRDHUP) as u32 != 0 {
            woken.extend(watch.reader.take());
        }
        if broken || bits & libc::EPOLLOUT as u32 != 0 {
            woken.extend(watch.writer.take());
        }
        for token in woken {
            self.attempt(token, helpers, results);
        }
        self.watch(fd);
    }

    fn attempt(&mut self, token: u64, helpers: &mut Helpers, results: &mut Vec<(u64, i32)>) {
        let Some(waiting) = self.calls.get_mut(&token) else { return };
        let call = waiting.call;
        // SAFETY: the call stands still and is ours until its result is given.
        unsafe {
            let Some((fd, writes)) = (*call).readiness() else {
                if let Call::Close { fd } = &*call {
                    let fd = *fd;
                    self.forget(fd);
                    results.push((token, (*call).perform()));
                    return;
                }
                waiting.at = None;
                helpers.push(token, &mut *call);
                return;
            };
            // What may block is asked first: pipes and terminals are not ours to change.
            let blocks = matches!(*call, Call::Read { .. });
            let result =
                if blocks && !is_ready(fd, writes) { -libc::EAGAIN } else { (*call).perform() };
            if result != -libc::EAGAIN && result != -libc::EINPROGRESS {
                results.push((token, result));
                return;
            }
            waiting.at = Some((fd, writes));
            let watch = self.watches.entry(fd).or_default();
            *(if writes { &mut watch.writer } else { &mut watch.reader }) = Some(token);
            if let Some(number) = self.watch(fd) {
                self.unwatch(fd, writes);
                if number == libc::EPERM {
                    // It is always ready: a file without positions.
                    helpers.push(token, &mut *call);
                } else {
                    results.push((token, -number));
                }
            }
        }
    }

    /// Tells the kernel what is waited for on a descriptor; the error's number when it refuses.
    fn watch(&mut self, fd: RawFd) -> Option<i32> {
        let watch = self.watches.get(&fd)?;
        let mut events = libc::EPOLLONESHOT;
        if watch.reader.is_some() {
            events |= libc::EPOLLIN | libc::EPOLLRDHUP;
        }
        if watch.writer.is_some() {
            events |= libc::EPOLLOUT;
        }
        let idle = watch.reader.is_none() && watch.writer.is_none();
        if idle {
            return None;
        }
        let change = if watch.registered { libc::EPOLL_CTL_MOD } else { libc::EPOLL_CTL_ADD };
        let mut result = self.control(change, fd, events as u32, fd as u64);
        if let Err(error) = &result
            && error.raw_os_error() == Some(libc::ENOENT)
        {
            // The descriptor was closed and given out again.
            result = self.control(libc::EPOLL_CTL_ADD, fd, events as u32, fd as u64);
        }
        match result {
            Ok(()) => {
                self.watches.entry(fd).or_default().registered = true;
                None
            }
            Err(error) => error.raw_os_error(),
        }
    }

    fn unwatch(&mut self, fd: RawFd, writes: bool) {
        if let Some(watch) = self.watches.get_mut(&fd) {
            *(if writes { &mut watch.writer } else { &mut watch.reader }) = None;
        }
    }
}

/// Whether a call on the descriptor would go through at once.
fn is_ready(fd: RawFd, writes: bool) -> bool {
    let events = if writes { libc::POLLOUT } else { libc::POLLIN };
    let mut poll = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: one valid entry.
    unsafe { libc::poll(&raw mut poll, 1, 0) != 0 }
}
