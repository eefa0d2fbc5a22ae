//! Who carries calls out: io_uring, or epoll with helper threads where io_uring is refused. Names are looked up by helpers in both.

use std::{os::fd::RawFd, time::Duration};

pub use super::ring::Submission;
use super::{call::Call, helpers::Helpers, poll::Poll, ring::Ring};

/// What `ORION_IO` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wish {
    /// io_uring, and epoll where that is refused.
    #[default]
    Any,
    /// io_uring or nothing.
    Ring,
    /// epoll.
    Poll,
}

/// Counts, as `ORION_STATS=1` and the report of `SIGQUIT` print them.
#[derive(Clone, Copy, Default, Debug)]
pub struct Stats {
    /// Times that the kernel was entered for input and output.
    pub rounds: u64,
    /// System calls that handed calls over.
    pub submissions: u64,
    /// Calls that were handed over.
    pub calls: u64,
}

enum Backend {
    Ring(Box<Ring>),
    Poll(Box<Poll>),
}

/// The kernel.
pub struct Kernel {
    backend: Backend,
    helpers: Helpers,
    /// Calls collected since the last entry.
    fresh: u64,
    /// Results of calls that were cancelled before they began.
    early: Vec<(u64, i32)>,
    /// A worker is handing calls over.
    is_busy: bool,
    /// Counts.
    pub stats: Stats,
}

impl Kernel {
    /// Opens the way to the kernel. Whoever waits is woken by an event descriptor; helpers tell by it that they are done.
    ///
    /// # Errors
    /// When neither works, in words.
    pub fn open(wish: Wish, event: RawFd) -> Result<Self, String> {
        raise_descriptor_limit();
        ignore_broken_pipes();
        let ring = if wish == Wish::Poll {
            Err(std::io::Error::from_raw_os_error(libc::ENOSYS))
        } else {
            Ring::new(event)
        };
        let backend = match ring {
            Ok(ring) => Backend::Ring(Box::new(ring)),
            Err(error) if wish == Wish::Ring => return Err(format!("no io_uring: {error}")),
            Err(_) => {
                let poll = Poll::new(event).map_err(|error| format!("no epoll: {error}"))?;
                Backend::Poll(Box::new(poll))
            }
        };
        let helpers = Helpers::new(event);
        Ok(Self {
            backend,
            helpers,
            fresh: 0,
            early: Vec::new(),
            is_busy: false,
            stats: Stats::default(),
        })
    }

    /// Several workers use it from now on, or one does again. Where several do the event is left to the one of them that waits for it.
    pub fn share(&mut self, is_shared: bool) {
        match &mut self.backend {
            Backend::Ring(ring) => ring.share(is_shared),
            Backend::Poll(poll) => poll.share(is_shared),
        }
    }

    /// The name of what carries calls out.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.backend {
            Backend::Ring(_) => "io_uring",
            Backend::Poll(_) => "epoll",
        }
    }

    /// Whether sockets must not block: io_uring waits by itself, and only where they may.
    #[must_use]
    pub fn wants_nonblocking(&self) -> bool {
        matches!(self.backend, Backend::Poll(_))
    }

    /// The descriptor that is readable when results are there.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        match &self.backend {
            Backend::Ring(ring) => ring.fd(),
            Backend::Poll(poll) => poll.fd(),
        }
    }

    /// After so long at most the kernel has to be entered again.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        self.helpers.patience()
    }

    /// Collects a call.
    ///
    /// # Safety
    /// The call stands still, and nobody touches it, until its token is among the results.
    pub unsafe fn push(&mut self, token: u64, call: &mut Call) {
        self.fresh += 1;
        // SAFETY: the caller's promise.
        unsafe {
            if matches!(call, Call::Resolve { .. }) {
                return self.helpers.push(token, call);
            }
            match &mut self.backend {
                Backend::Ring(ring) => ring.push(token, call),
                Backend::Poll(poll) => poll.push(token, call),
            }
        }
    }

    /// Asks for a call to be given up; its result comes in any case.
    pub fn cancel(&mut self, token: u64) {
        match &mut self.backend {
            Backend::Ring(ring) => ring.cancel(token),
            Backend::Poll(poll) => {
                if !poll.cancel(token, &mut self.early) {
                    self.helpers.cancel(token);
                }
            }
        }
    }

    /// Whether anything waits to be handed over.
    #[must_use]
    pub fn has_queued(&self) -> bool {
        !self.early.is_empty()
            || match &self.backend {
                Backend::Ring(ring) => ring.has_queued(),
                Backend::Poll(poll) => poll.has_queued(),
            }
    }

    /// Where several workers run, the first half of a round: what to hand over, if anything was collected and nobody else is handing over.
    pub fn prepare(&mut self) -> Option<Submission> {
        if self.is_busy || !self.has_queued() {
            return None;
        }
        self.stats.rounds += 1;
        self.stats.calls += std::mem::take(&mut self.fresh);
        let Backend::Ring(ring) = &mut self.backend else {
            self.stats.submissions += 1;
            return None;
        };
        let submission = ring.prepare();
        self.stats.submissions += u64::from(submission.count > 0);
        self.is_busy = true;
        Some(submission)
    }

    /// Whether somebody has to hand over what was collected.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        !self.is_busy && self.has_queued()
    }

    /// The second half: takes all results, waiting for none. `entered`: how the submission went that is over, if the caller made one.
    ///
    /// # Errors
    /// As for [`Self::enter`].
    pub fn take(
        &mut self,
        entered: Option<std::io::Result<()>>,
        results: &mut Vec<(u64, i32)>,
    ) -> std::io::Result<()> {
        if let Some(entered) = entered {
            self.is_busy = false;
            entered?;
        }
        results.append(&mut self.early);
        self.helpers.tend();
        self.helpers.take(results);
        match &mut self.backend {
            Backend::Ring(ring) => {
                ring.take(results);
                Ok(())
            }
            Backend::Poll(poll) => poll.enter(None, &mut self.helpers, results),
        }
    }

    /// One round: hands over what was collected, waits at most so long for a result (none: not at all), and gives all results.
    ///
    /// # Errors
    /// When the kernel fails in a way that nothing can mend.
    pub fn enter(
        &mut self,
        wait: Option<Duration>,
        results: &mut Vec<(u64, i32)>,
    ) -> std::io::Result<()> {
        self.stats.rounds += u64::from(wait.is_some() || self.has_queued());
        self.stats.calls += std::mem::take(&mut self.fresh);
        results.append(&mut self.early);
        self.helpers.tend();
        self.helpers.take(results);
        let wait = if results.is_empty() { wait } else { None };
        match &mut self.backend {
            Backend::Ring(ring) => {
                let wait = self.helpers.bound(wait);
                ring.enter(wait, &mut self.stats.submissions, results)?;
                self.helpers.take(results);
                Ok(())
            }
            Backend::Poll(poll) => {
                self.stats.submissions += u64::from(poll.has_queued());
                poll.enter(wait, &mut self.helpers, results)
            }
        }
    }
}

/// A pipe that nobody reads is an error of the write, not a signal. (Standard output keeps to the custom: see `output`.)
fn ignore_broken_pipes() {
    // SAFETY: sets how a signal is taken.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// As many descriptors as the system allows: the soft limit is there for programs that use `select`.
fn raise_descriptor_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a valid structure.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}
