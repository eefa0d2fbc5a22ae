//! Connections that arrive: a listener accepts several at once, and keeps those that nobody has asked for yet.
//!
//! A task that asks for a connection waits for its lane, and takes what has arrived; if that is nothing, it waits for the next arrival. The calls to the
//! kernel belong to the listener: jobs without a task, which no task's end cancels and which do not count as work. How many there may be doubles whenever
//! somebody asks in vain, from one to [`AHEAD_MAX`]; so a program that accepts once accepts one, and a server that is overrun takes as many a round
//! as the kernel has.
//!
//! Invariants: calls under way and connections that nobody has taken are together at most what was asked for ahead; while a task waits for an arrival a call
//! is under way. Nothing of this is saved: a listener does not outlive its process.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    os::fd::{FromRawFd, OwnedFd},
    ptr::null_mut,
};

use socket2::SockAddrStorage;

use super::{
    Io,
    call::Call,
    handles::{Handle, Kind},
    job::{Job, Order},
    request::{ACCEPT, Answer, Failure, Outcome},
    steps::Step,
};

/// Connections that a listener accepts before somebody asks for them. (With 64 ten thousand take some 160 rounds; more are hardly fewer.)
const AHEAD_MAX: usize = 64;

/// What a listener has accepted and is accepting.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// Connections that nobody has asked for yet, and their peers.
    ready: VecDeque<(OwnedFd, Option<SocketAddr>)>,
    /// Jobs whose calls the kernel has.
    pub accepting: Vec<usize>,
    /// How many of both there may be.
    ahead: usize,
}

impl Io {
    /// A connection that has arrived already.
    pub fn take_arrival(&mut self, id: i64) -> Option<Outcome> {
        let (fd, peer) = self.handles.any(id)?.arrivals.ready.pop_front()?;
        self.accept_ahead(id);
        Some(self.connected(fd, peer))
    }

    /// Somebody waits for a connection, and none has arrived yet.
    pub fn await_arrival(&mut self, id: i64) -> Step {
        let Some(handle) = self.handles.any(id) else {
            return Step::Done(Err(Failure::words("it is closed")));
        };
        handle.arrivals.ahead = (handle.arrivals.ahead * 2).clamp(1, AHEAD_MAX);
        self.accept_ahead(id);
        Step::Await
    }

    /// Asks the kernel for as many connections as the listener may have ahead.
    fn accept_ahead(&mut self, id: i64) {
        loop {
            let Some(handle) = self.handles.any(id) else { return };
            let arrivals = &handle.arrivals;
            let Ok(fd) = handle.raw() else { return };
            if arrivals.ready.len() + arrivals.accepting.len() >= arrivals.ahead {
                return;
            }
            let token = self.next_token;
            self.next_token += 1;
            let order = Order { code: ACCEPT, a: id, b: 0, text: Vec::new() };
            let mut job = Job::new(token, null_mut(), 0, order);
            job.accepts = true;
            let index = self.jobs.insert(Box::new(job));
            self.tokens.insert(token, index);
            handle.arrivals.accepting.push(index);
            self.accepting += 1;
            let address = Box::new(SockAddrStorage::zeroed());
            let nonblocking = self.nonblocking;
            self.hand_over(index, Call::Accept { fd, address, length: 0, nonblocking });
        }
    }

    /// A call of a listener is over: whoever waits gets the connection or the error, else the connection is kept.
    pub fn arrived(&mut self, index: usize, call: Call, result: i32) {
        let job = self.jobs.remove(index);
        self.tokens.remove(&job.token);
        self.accepting -= 1;
        let id = job.order.a;
        // SAFETY: the kernel has just given us the descriptor.
        let fd = (result >= 0).then(|| unsafe { OwnedFd::from_raw_fd(result) });
        let Some(handle) = self.handles.any(id) else { return };
        let arrivals = &mut handle.arrivals;
        arrivals.accepting.retain(|&accepting| accepting != index);
        if handle.closing.is_some() {
            drop(fd);
            return self.close_if_quiet(id);
        }
        let waiting = handle.reads.current.filter(|&waiting| self.jobs[waiting].awaits);
        match (fd, waiting) {
            (Some(fd), Some(waiting)) => {
                let outcome = self.connected(fd, call.peer());
                self.end(waiting, outcome);
            }
            (Some(fd), None) => arrivals.ready.push_back((fd, call.peer())),
            (None, Some(_)) if is_passing(-result) => self.accept_ahead(id),
            (None, Some(waiting)) => {
                // Out of descriptors, perhaps: one call is enough to see when that is over.
                arrivals.ahead = 0;
                self.end(waiting, Err(Failure::of_number(-result)));
            }
            // Whoever asks next asks the kernel again.
            (None, None) => {}
        }
    }

    /// The answer to whoever accepts.
    fn connected(&mut self, fd: OwnedFd, peer: Option<SocketAddr>) -> Outcome {
        let id = self.handles.insert(Handle::new(Kind::Connection, Some(fd)));
        let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
        Ok(Answer { number: id, bytes: peer.into_bytes() })
    }
}

/// Whether the call is made again.
fn is_passing(number: i32) -> bool {
    matches!(number, libc::ECANCELED | libc::EINTR | libc::EAGAIN | libc::ECONNABORTED)
}
