//! The kernel by epoll, where io_uring is refused: sockets and pipes are tried, and waited for when they are not ready; the rest goes to helper threads.
//!
//! Invariants: a descriptor is registered once, for what is waited for on it at the moment, and fires once; the calls of a
//! direction are tried in the order in which they came, until one finds the descriptor not ready (several are there of a listener only).

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
    readers: VecDeque<u64>,
    writers: VecDeque<u64>,
    /// The kernel knows of the descriptor.
    registered: bool,
}

impl Watch {
    fn side(&mut self, writes: bool) -> &mut VecDeque<u64> {
        if writes { &mut self.writers } else { &mut self.readers }
    }
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
    /// The event is somebody else's to take.
    is_shared: bool,
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
            is_shared: false,
        };
        if event >= 0 {
            poll.control(libc::EPOLL_CTL_ADD, event, libc::EPOLLIN as u32, EVENT)?;
        }
        Ok(poll)
    }

    /// Whether the event is somebody else's to take.
    pub fn share(&mut self, is_shared: bool) {
        self.is_shared = is_shared;
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

    /// Gives a call up that waits here; whether it did. Else a helper has it.
    pub fn cancel(&mut self, token: u64, results: &mut Vec<(u64, i32)>) -> bool {
        if let Some(index) = self.queued.iter().position(|&queued| queued == token) {
            self.queued.remove(index);
        } else if let Some(Waiting { at: Some((fd, writes)), .. }) = self.calls.get(&token) {
            let (fd, writes) = (*fd, *writes);
            self.unwatch(token, fd, writes);
        } else {
            return false;
        }
        self.calls.remove(&token);
        results.push((token, -libc::ECANCELED));
        true
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
            if !self.line_up(token) {
                self.attempt(token, helpers, results);
            }
        }
        helpers.take(results);
        let wait = if results.is_empty() { wait } else { None };
        // Calls that were tried just now may stand behind others that are stuck.
        let wait = helpers.bound(wait);
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
                if !self.is_shared {
                    super::drain_event(self.event);
                }
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

    /// A call whose descriptor others wait for already lines up behind them.
    fn line_up(&mut self, token: u64) -> bool {
        let Some(waiting) = self.calls.get_mut(&token) else { return false };
        // SAFETY: the call stands still and is ours until its result is given.
        let Some((fd, writes)) = (unsafe { (*waiting.call).readiness() }) else { return false };
        let Some(watch) = self.watches.get_mut(&fd) else { return false };
        let others = watch.side(writes);
        if others.is_empty() {
            return false;
        }
        others.push_back(token);
        waiting.at = Some((fd, writes));
        true
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
        let ready = [
            (false, broken || bits & (libc::EPOLLIN | libc::EPOLLRDHUP) as u32 != 0),
            (true, broken || bits & libc::EPOLLOUT as u32 != 0),
        ];
        for (writes, _) in ready.into_iter().filter(|&(_, is_ready)| is_ready) {
            while let Some(token) =
                self.watches.get_mut(&fd).and_then(|watch| watch.side(writes).pop_front())
            {
                if !self.attempt(token, helpers, results) {
                    break;
                }
            }
        }
        self.watch(fd);
    }

    /// Makes a call, or puts it where it waits, before those that came later; whether there is no need to wait.
    fn attempt(
        &mut self,
        token: u64,
        helpers: &mut Helpers,
        results: &mut Vec<(u64, i32)>,
    ) -> bool {
        let Some(waiting) = self.calls.get_mut(&token) else { return true };
        let call = waiting.call;
        // SAFETY: the call stands still and is ours until its result is given.
        unsafe {
            let Some((fd, writes)) = (*call).readiness() else {
                if let Call::Close { fd } = &*call {
                    let fd = *fd;
                    self.forget(fd);
                    results.push((token, (*call).perform()));
                    return true;
                }
                waiting.at = None;
                helpers.push(token, &mut *call);
                return true;
            };
            // What may block is asked first: standard input is not ours to change.
            let blocks = matches!(*call, Call::Read { .. });
            let result =
                if blocks && !is_ready(fd, writes) { -libc::EAGAIN } else { (*call).perform() };
            if result != -libc::EAGAIN && result != -libc::EINPROGRESS {
                results.push((token, result));
                return true;
            }
            waiting.at = Some((fd, writes));
            self.watches.entry(fd).or_default().side(writes).push_front(token);
            if let Some(number) = self.watch(fd) {
                self.unwatch(token, fd, writes);
                if number == libc::EPERM {
                    // It is always ready: a file without positions.
                    helpers.push(token, &mut *call);
                } else {
                    results.push((token, -number));
                }
            }
        }
        false
    }

    /// Tells the kernel what is waited for on a descriptor; the error's number when it refuses.
    fn watch(&mut self, fd: RawFd) -> Option<i32> {
        let watch = self.watches.get(&fd)?;
        let mut events = libc::EPOLLONESHOT;
        if !watch.readers.is_empty() {
            events |= libc::EPOLLIN | libc::EPOLLRDHUP;
        }
        if !watch.writers.is_empty() {
            events |= libc::EPOLLOUT;
        }
        let idle = watch.readers.is_empty() && watch.writers.is_empty();
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

    fn unwatch(&mut self, token: u64, fd: RawFd, writes: bool) {
        if let Some(watch) = self.watches.get_mut(&fd) {
            watch.side(writes).retain(|&waiting| waiting != token);
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
