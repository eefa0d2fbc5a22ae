//! Operations under way: what each does first, what follows from a result of the kernel, and when it is over.
//!
//! A job belongs to one suspended task. It waits for its lane, hands one call after another to the kernel, and ends with an outcome. Invariants: a
//! job whose call the kernel has stays in the table until the result is there, also when its task is no longer interested; tokens are never used twice.

use std::{
    collections::VecDeque,
    ffi::CString,
    fs::File,
    net::SocketAddr,
    os::fd::{AsFd, FromRawFd, IntoRawFd, OwnedFd},
    time::{Duration, Instant},
};

use orion_abi::Frame;
use socket2::SockAddrStorage;

use super::{
    Io,
    call::Call,
    handles::{Handle, Kind, system_flags},
    request::{
        ACCEPT, Answer, CLOSE, CONNECT, Failure, LISTEN, LOCAL_ADDR, OPEN, OPEN_APPEND, OPEN_READ,
        OPEN_WRITE, Outcome, READ, READ_LINE, REMOVE, SEEK_CURRENT, SEEK_END, SEEK_START, SHUTDOWN,
        SIZE, STDIN, SYNC, TIMEOUT, WRITE, has_handle,
    },
    socket,
};

/// The most that one call reads or writes: larger ones are cut, so that what the kernel holds stays in bounds.
pub const CHUNK_BYTES: usize = 256 << 10;
/// What a line is read by.
const LINE_BYTES: usize = 16 << 10;

/// Why a job has to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Its task is cancelled.
    Cancelled,
    /// Its time is over.
    TimedOut,
    /// Its handle is being closed.
    Closed,
}

impl Stop {
    fn failure(self) -> Failure {
        match self {
            Self::Cancelled => Failure::Cancelled,
            Self::TimedOut => Failure::words("timed out"),
            Self::Closed => Failure::words("it was closed meanwhile"),
        }
    }
}

/// An operation, as its operands say.
#[derive(Clone, Debug)]
pub struct Order {
    /// What to do.
    pub code: i64,
    /// Operand.
    pub a: i64,
    /// Operand.
    pub b: i64,
    /// A path or an address; empty for `WRITE`, whose bytes stay in the frame.
    pub text: Vec<u8>,
}

/// An operation under way.
pub struct Job {
    /// Names its call to the kernel.
    pub token: u64,
    /// Where the answer goes; null when nobody waits (any more, or for the moment).
    pub frame: *mut Frame,
    /// The task, by its number.
    pub task: u64,
    /// What to do.
    pub order: Order,
    /// What the kernel has.
    pub call: Option<Call>,
    /// It has to stop.
    pub stop: Option<Stop>,
    /// When its time is over.
    pub deadline: Option<Instant>,
    /// Bytes of a `WRITE` that are written.
    done: usize,
    /// Addresses of a `CONNECT` that were not tried yet.
    addresses: VecDeque<SocketAddr>,
    /// Nobody waits for it: it ends when the kernel gives its call back.
    orphan: bool,
}

impl Job {
    /// A job that has not begun.
    #[must_use]
    pub fn new(token: u64, frame: *mut Frame, task: u64, order: Order) -> Self {
        Self {
            token,
            frame,
            task,
            order,
            call: None,
            stop: None,
            deadline: None,
            done: 0,
            addresses: VecDeque::new(),
            orphan: false,
        }
    }
}

/// What a job does next.
enum Step {
    /// This call.
    Call(Call),
    /// Nothing: it is over.
    Done(Outcome),
}

fn done(number: i64) -> Step {
    Step::Done(Ok(Answer::number(number)))
}

fn fail(text: &str) -> Step {
    Step::Done(Err(Failure::words(text)))
}

fn path_of(text: &[u8]) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| Failure::words("the path holds a zero byte"))
}

impl Io {
    /// What can be answered without waiting for anything; `text` is borrowed from the program.
    pub fn instant(&mut self, code: i64, a: i64, b: i64, text: &[u8]) -> Option<Outcome> {
        if !has_handle(code) {
            return match code {
                LISTEN => socket::parse(text, true).map(|address| self.listen(&[address])),
                _ => None,
            };
        }
        let handle = match self.handles.get(a) {
            Ok(handle) => handle,
            Err(failure) => return Some(Err(failure)),
        };
        if code == CLOSE {
            return (a == STDIN).then(|| Err(Failure::words("it stays open")));
        }
        if code == TIMEOUT {
            let time = u64::try_from(b).ok().filter(|&ns| ns > 0);
            handle.timeout = time.map(Duration::from_nanos);
            return Some(Ok(Answer::default()));
        }
        if let Err(failure) = handle.raw() {
            return Some(Err(failure));
        }
        if handle.lane(code).current.is_some() {
            return None;
        }
        instant_on(handle, code, b, text)
    }

    /// A job has its lane: its first step.
    fn first_step(&mut self, index: usize, bytes: &[u8]) -> Step {
        let Order { code, a, b, ref text } = self.jobs[index].order;
        match code {
            OPEN => match path_of(text) {
                Ok(path) => Step::Call(Call::Open { path, flags: system_flags(a) }),
                Err(failure) => Step::Done(Err(failure)),
            },
            REMOVE => match path_of(text) {
                Ok(path) => Step::Call(Call::Remove { path }),
                Err(failure) => Step::Done(Err(failure)),
            },
            LISTEN | CONNECT => {
                let Ok(name) = std::str::from_utf8(text) else { return fail("no address") };
                match socket::parse(text, code == LISTEN) {
                    Some(address) if code == LISTEN => Step::Done(self.listen(&[address])),
                    Some(address) => {
                        self.jobs[index].addresses.push_back(address);
                        self.connect(index, None)
                    }
                    None => match socket::check(name) {
                        Ok(()) => Step::Call(Call::Resolve {
                            name: name.to_owned(),
                            found: Vec::new(),
                            error: String::new(),
                        }),
                        Err(why) => fail(why),
                    },
                }
            }
            _ => {
                if let Some(outcome) = self.instant_again(code, a, b) {
                    return Step::Done(outcome);
                }
                match self.handles.get(a) {
                    Ok(handle) => match call_on(handle, code, b, bytes, self.nonblocking) {
                        Ok(call) => Step::Call(call),
                        Err(failure) => Step::Done(Err(failure)),
                    },
                    Err(failure) => Step::Done(Err(failure)),
                }
            }
        }
    }

    /// As [`Self::instant`], for a job that has its lane.
    fn instant_again(&mut self, code: i64, a: i64, b: i64) -> Option<Outcome> {
        let handle = match self.handles.get(a) {
            Ok(handle) => handle,
            Err(failure) => return Some(Err(failure)),
        };
        if let Err(failure) = handle.raw() {
            return Some(Err(failure));
        }
        // Only `WRITE` is told apart by its bytes, and it has some.
        instant_on(handle, code, b, &[0])
    }

    fn listen(&mut self, addresses: &[SocketAddr]) -> Outcome {
        // How sockets are made depends on who waits for them.
        self.open_kernel();
        let mut failure = Failure::words("no address was found");
        for &address in addresses {
            match socket::listen(address, self.nonblocking) {
                Ok(fd) => {
                    let id = self.handles.insert(Handle::new(Kind::Listener, Some(fd)));
                    return Ok(Answer::number(id));
                }
                Err(error) => failure = Failure::of_system(&error),
            }
        }
        Err(failure)
    }

    /// Tries the next address of a `CONNECT`.
    fn connect(&mut self, index: usize, mut last: Option<Failure>) -> Step {
        while let Some(address) = self.jobs[index].addresses.pop_front() {
            match socket::stream(address, self.nonblocking) {
                Ok(fd) => {
                    let address = Box::new(address.into());
                    return Step::Call(Call::Connect { fd, address, begun: false });
                }
                Err(error) => last = Some(Failure::of_system(&error)),
            }
        }
        Step::Done(Err(last.unwrap_or_else(|| Failure::words("no address was found"))))
    }

    /// Takes a job in: it begins, or waits for its lane. `bytes`: what a `WRITE` writes.
    pub fn start(&mut self, index: usize) {
        let Order { code, a, b, .. } = self.jobs[index].order;
        if code == CLOSE {
            return self.start_closing(index);
        }
        if code == CONNECT && b > 0 {
            self.set_deadline(index, Duration::from_nanos(b as u64));
        }
        if !has_handle(code) {
            self.to_begin.push_back(index);
            return;
        }
        match self.handles.get(a) {
            Ok(handle) => {
                let timeout = handle.timeout;
                let lane = handle.lane(code);
                if lane.current.is_none() {
                    lane.current = Some(index);
                    self.to_begin.push_back(index);
                } else {
                    lane.waiting.push_back(index);
                }
                if let Some(timeout) = timeout {
                    self.set_deadline(index, timeout);
                }
            }
            Err(failure) => self.end(index, Err(failure)),
        }
    }

    fn set_deadline(&mut self, index: usize, after: Duration) {
        let at = Instant::now() + after;
        self.jobs[index].deadline = Some(at);
        self.deadlines.insert((at, self.jobs[index].token));
    }

    /// Begins every job that has its lane.
    ///
    /// # Safety
    /// The frames of these jobs wait.
    pub unsafe fn begin_all(&mut self) {
        while let Some(index) = self.to_begin.pop_front() {
            // SAFETY: the caller's promise.
            let bytes = unsafe { self.rest_to_write(index) };
            let step = self.first_step(index, &bytes);
            self.take_step(index, step);
        }
    }

    /// The next piece of what a `WRITE` writes.
    unsafe fn rest_to_write(&self, index: usize) -> Vec<u8> {
        let job = &self.jobs[index];
        if job.order.code != WRITE || job.frame.is_null() {
            return Vec::new();
        }
        // SAFETY: the frame waits, so its slots hold the request.
        let bytes = unsafe { super::request::bytes_of(&super::request_of(job.frame)) };
        let rest = bytes.get(job.done..).unwrap_or_default();
        rest[..rest.len().min(CHUNK_BYTES)].to_vec()
    }

    fn take_step(&mut self, index: usize, step: Step) {
        match step {
            Step::Call(call) => self.hand_over(index, call),
            Step::Done(outcome) => self.end(index, outcome),
        }
    }

    fn hand_over(&mut self, index: usize, call: Call) {
        let job = &mut self.jobs[index];
        if let Some(stop) = job.stop {
            let failure = stop.failure();
            return self.end(index, Err(failure));
        }
        let (token, call) = (job.token, job.call.insert(call));
        match &mut self.kernel {
            // SAFETY: the job is a box, and keeps its call until the result is there.
            Some(kernel) => unsafe { kernel.push(token, call) },
            None => self.end(index, Err(Failure::words("there is no way to the kernel"))),
        }
    }

    /// A result of the kernel.
    ///
    /// # Safety
    /// It is the result of the job's call; the job's frame waits, if it has one.
    pub unsafe fn completed(&mut self, token: u64, result: i32) {
        let Some(&index) = self.tokens.get(&token) else { return };
        let Some(mut call) = self.jobs[index].call.take() else { return };
        let job = &self.jobs[index];
        if job.orphan {
            self.forget(index);
            return;
        }
        let stopped = matches!(-result, libc::ECANCELED | libc::EINTR | libc::EAGAIN);
        if stopped && !matches!(call, Call::Close { .. }) {
            let step = match job.stop {
                Some(stop) => Step::Done(Err(stop.failure())),
                None => Step::Call(call),
            };
            return self.take_step(index, step);
        }
        if result > 0 {
            // SAFETY: the kernel has written that much.
            unsafe { call.filled(result as usize) };
        }
        // SAFETY: the caller's promise.
        let step = unsafe { self.next_step(index, call, result) };
        self.take_step(index, step);
    }

    /// What follows from a result that is none of being interrupted.
    unsafe fn next_step(&mut self, index: usize, call: Call, result: i32) -> Step {
        let error = |result: i32| Step::Done(Err(Failure::of_number(-result)));
        let Order { code, a, b, .. } = self.jobs[index].order;
        match call {
            Call::Resolve { found, error, .. } => {
                if found.is_empty() {
                    let why = if error.is_empty() { "no address was found" } else { &error };
                    return fail(why);
                }
                if code == LISTEN {
                    return Step::Done(self.listen(&found));
                }
                self.jobs[index].addresses = found.into();
                self.connect(index, None)
            }
            Call::Connect { fd, address, .. } => {
                if result < 0 && -result != libc::EISCONN {
                    let failure = Failure::of_number(-result);
                    return self.connect(index, Some(failure));
                }
                let id = self.handles.insert(Handle::new(Kind::Connection, Some(fd)));
                let peer = address.as_socket().map(|peer| peer.to_string()).unwrap_or_default();
                Step::Done(Ok(Answer { number: id, bytes: peer.into_bytes() }))
            }
            _ if result < 0 => error(result),
            Call::Open { .. } => {
                // SAFETY: the kernel has just given us the descriptor.
                let fd = unsafe { OwnedFd::from_raw_fd(result) };
                let path = absolute(&self.jobs[index].order.text);
                match Handle::of_file(fd, path, a) {
                    Ok(handle) => done(self.handles.insert(handle)),
                    Err(failure) => Step::Done(Err(failure)),
                }
            }
            Call::Accept { .. } => {
                // SAFETY: as above.
                let fd = unsafe { OwnedFd::from_raw_fd(result) };
                let id = self.handles.insert(Handle::new(Kind::Connection, Some(fd)));
                let peer = call.peer().map(|peer| peer.to_string()).unwrap_or_default();
                Step::Done(Ok(Answer { number: id, bytes: peer.into_bytes() }))
            }
            Call::Read { buffer, .. } | Call::Receive { buffer, .. } => {
                let stop = self.jobs[index].stop;
                let Some(handle) = self.handles.any(a) else { return fail("it is closed") };
                if code == READ {
                    handle.offset += buffer.len() as u64;
                    return Step::Done(Ok(Answer { number: buffer.len() as i64, bytes: buffer }));
                }
                let searched = handle.buffer.len();
                handle.buffer.extend_from_slice(&buffer);
                if let Some(outcome) = line_from(handle, searched, buffer.is_empty(), b) {
                    return Step::Done(outcome);
                }
                match stop {
                    Some(stop) => Step::Done(Err(stop.failure())),
                    None => match read_call(handle, LINE_BYTES) {
                        Ok(call) => Step::Call(call),
                        Err(failure) => Step::Done(Err(failure)),
                    },
                }
            }
            Call::Write { buffer, sent, .. } | Call::Send { buffer, sent, .. } => {
                // SAFETY: the caller's promise.
                unsafe { self.wrote(index, buffer, sent, result as usize) }
            }
            Call::Sync { .. } | Call::Close { .. } | Call::Remove { .. } => done(0),
        }
    }

    /// So many bytes more of a `WRITE` are written.
    unsafe fn wrote(&mut self, index: usize, buffer: Vec<u8>, sent: usize, count: usize) -> Step {
        if count == 0 {
            return fail("nothing more can be written");
        }
        let (handle, stop) = (self.jobs[index].order.a, self.jobs[index].stop);
        self.jobs[index].done += count;
        let total = self.jobs[index].done;
        let Some(handle) = self.handles.any(handle) else { return fail("it is closed") };
        handle.wrote(count as u64);
        let sent = sent + count;
        let next = if sent < buffer.len() {
            buffer[sent..].to_vec()
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.rest_to_write(index) }
        };
        if next.is_empty() {
            return done(total as i64);
        }
        if let Some(stop) = stop {
            return Step::Done(Err(stop.failure()));
        }
        let handle = self.jobs[index].order.a;
        let Some(handle) = self.handles.any(handle) else { return fail("it is closed") };
        match write_call(handle, next) {
            Ok(call) => Step::Call(call),
            Err(failure) => Step::Done(Err(failure)),
        }
    }

    /// A job is over: its frame gets the outcome, its lane goes to the next.
    pub fn end(&mut self, index: usize, outcome: Outcome) {
        let job = &mut self.jobs[index];
        let frame = std::mem::replace(&mut job.frame, std::ptr::null_mut());
        if !frame.is_null() {
            self.ended.push((frame, outcome));
        }
        self.forget(index);
    }

    /// Takes a job out of the table and gives its lane to the next.
    fn forget(&mut self, index: usize) {
        let job = self.jobs.remove(index);
        self.tokens.remove(&job.token);
        if self.by_task.get(&job.task) == Some(&index) {
            self.by_task.remove(&job.task);
        }
        if let Some(at) = job.deadline {
            self.deadlines.remove(&(at, job.token));
        }
        let Order { code, a, .. } = job.order;
        if !has_handle(code) || code == CLOSE {
            return;
        }
        let Some(handle) = self.handles.any(a) else { return };
        let lane = handle.lane(code);
        if lane.current == Some(index) {
            lane.current = lane.waiting.pop_front();
            self.to_begin.extend(lane.current);
        } else {
            lane.waiting.retain(|&waiting| waiting != index);
        }
        if handle.is_quiet()
            && let Some(closer) = handle.closing
        {
            self.close_now(closer, a);
        }
    }

    /// Asks a job to stop: at once where it waits for its lane, else when the kernel has given its call up.
    pub fn stop(&mut self, index: usize, why: Stop) {
        let job = &mut self.jobs[index];
        if job.stop.is_some() || job.order.code == CLOSE {
            return;
        }
        job.stop = Some(why);
        match &job.call {
            Some(Call::Resolve { .. }) => {
                // A helper looks a name up, for as long as that takes; nobody needs it.
                let frame = std::mem::replace(&mut job.frame, std::ptr::null_mut());
                job.orphan = true;
                self.by_task.remove(&job.task);
                if !frame.is_null() {
                    self.ended.push((frame, Err(why.failure())));
                }
            }
            Some(_) => {
                let token = job.token;
                if let Some(kernel) = &mut self.kernel {
                    kernel.cancel(token);
                }
            }
            None => {
                let failure = why.failure();
                self.to_begin.retain(|&other| other != index);
                self.end(index, Err(failure));
            }
        }
    }

    fn start_closing(&mut self, index: usize) {
        let id = self.jobs[index].order.a;
        let handle = match self.handles.get(id) {
            Ok(handle) => handle,
            Err(failure) => return self.end(index, Err(failure)),
        };
        handle.closing = Some(index);
        let mut jobs: Vec<usize> = Vec::new();
        for lane in [&handle.reads, &handle.writes] {
            // Those that wait go first, so that none of them begins.
            jobs.extend(lane.waiting.iter().rev());
            jobs.extend(lane.current);
        }
        if jobs.is_empty() {
            return self.close_now(index, id);
        }
        for job in jobs {
            self.stop(job, Stop::Closed);
        }
    }

    /// The handle is quiet: its descriptor is closed.
    fn close_now(&mut self, closer: usize, id: i64) {
        let Some(handle) = self.handles.remove(id) else { return };
        let step = match handle.fd {
            Some(fd) => Step::Call(Call::Close { fd: fd.into_raw_fd() }),
            None => done(0),
        };
        self.take_step(closer, step);
    }

    /// Jobs whose time is over.
    pub fn expire(&mut self) {
        if self.deadlines.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some(&(at, token)) = self.deadlines.first() {
            if at > now {
                break;
            }
            self.deadlines.pop_first();
            if let Some(&index) = self.tokens.get(&token) {
                self.stop(index, Stop::TimedOut);
            }
        }
    }
}

/// What an operation on an open handle with a free lane can answer at once.
fn instant_on(handle: &mut Handle, code: i64, b: i64, bytes: &[u8]) -> Option<Outcome> {
    let is_listener = matches!(handle.kind, Kind::Listener);
    let wrong = |what: &str| Some(Err(Failure::words(what)));
    match code {
        READ | READ_LINE | WRITE | SHUTDOWN if is_listener => wrong("it is a listener"),
        ACCEPT if !is_listener => wrong("it is no listener"),
        READ | READ_LINE if !handle.allows(OPEN_READ) => wrong("it is not open for reading"),
        WRITE if !handle.allows(OPEN_WRITE | OPEN_APPEND) => wrong("it is not open for writing"),
        READ if b <= 0 => Some(Ok(Answer::default())),
        READ if !handle.buffer.is_empty() => {
            let count = handle.buffer.len().min(usize::try_from(b).unwrap_or(usize::MAX));
            let rest = handle.buffer.split_off(count);
            let bytes = std::mem::replace(&mut handle.buffer, rest);
            handle.offset += count as u64;
            Some(Ok(Answer { number: count as i64, bytes }))
        }
        READ_LINE => line_from(handle, 0, false, b),
        WRITE if bytes.is_empty() => Some(Ok(Answer::default())),
        SEEK_START | SEEK_CURRENT | SEEK_END => Some(seek(handle, code, b)),
        SIZE => Some(size(handle).map(|size| Answer::number(size as i64))),
        LOCAL_ADDR | SHUTDOWN if !handle.is_socket() => wrong("it is no socket"),
        LOCAL_ADDR => Some(socket::local_address(handle)),
        SHUTDOWN => Some(socket::shutdown(handle)),
        SYNC if handle.is_socket() => wrong("it is no file"),
        ACCEPT | READ | WRITE | SYNC => None,
        _ => wrong("there is no such operation"),
    }
}

/// The call of an operation on a handle.
fn call_on(
    handle: &mut Handle,
    code: i64,
    b: i64,
    bytes: &[u8],
    nonblocking: bool,
) -> Result<Call, Failure> {
    let fd = handle.raw()?;
    Ok(match code {
        READ => read_call(handle, usize::try_from(b).unwrap_or(0).min(CHUNK_BYTES))?,
        READ_LINE => read_call(handle, LINE_BYTES)?,
        WRITE => write_call(handle, bytes.to_vec())?,
        ACCEPT => Call::Accept {
            fd,
            address: Box::new(SockAddrStorage::zeroed()),
            length: 0,
            nonblocking,
        },
        SYNC => Call::Sync { fd },
        _ => return Err(Failure::words("there is no such operation")),
    })
}

fn read_call(handle: &Handle, room: usize) -> Result<Call, Failure> {
    let (fd, buffer) = (handle.raw()?, Vec::with_capacity(room));
    Ok(if handle.is_socket() {
        Call::Receive { fd, buffer }
    } else {
        let at = handle.offset + handle.buffer.len() as u64;
        Call::Read { fd, buffer, offset: handle.seeks.then_some(at) }
    })
}

fn write_call(handle: &mut Handle, buffer: Vec<u8>) -> Result<Call, Failure> {
    let fd = handle.raw()?;
    Ok(if handle.is_socket() {
        Call::Send { fd, buffer, sent: 0 }
    } else {
        // What was read ahead may be what is written over.
        if handle.seeks {
            handle.buffer.clear();
        }
        Call::Write { fd, buffer, sent: 0, offset: handle.seeks.then_some(handle.offset) }
    })
}

/// A line out of what was read, if it is there; what is left, at the end. The first `searched` bytes hold no line end.
fn line_from(handle: &mut Handle, searched: usize, at_end: bool, limit: i64) -> Option<Outcome> {
    let found = handle.buffer[searched..].iter().position(|&byte| byte == b'\n');
    let length = match found {
        Some(at) => searched + at + 1,
        None if at_end => handle.buffer.len(),
        None => usize::MAX,
    };
    let limit = usize::try_from(limit).ok().filter(|&limit| limit > 0);
    if let Some(limit) = limit
        && length.min(handle.buffer.len()) > limit
    {
        return Some(Err(Failure::Words(format!("a line is longer than {limit} bytes"))));
    }
    if length == usize::MAX {
        return None;
    }
    let rest = handle.buffer.split_off(length);
    let bytes = std::mem::replace(&mut handle.buffer, rest);
    handle.offset += length as u64;
    Some(Ok(Answer { number: length as i64, bytes }))
}

fn size(handle: &Handle) -> Result<u64, Failure> {
    let Some(fd) = &handle.fd else { return Err(Failure::words("it is not open")) };
    let file = fd.as_fd().try_clone_to_owned().map(File::from);
    let data = file.and_then(|file| file.metadata());
    data.map(|data| data.len()).map_err(|error| Failure::of_system(&error))
}

fn seek(handle: &mut Handle, code: i64, by: i64) -> Outcome {
    if !handle.seeks {
        return Err(Failure::words("it has no positions"));
    }
    let from = match code {
        SEEK_START => 0,
        SEEK_CURRENT => handle.offset,
        _ => size(handle)?,
    };
    let to = i64::try_from(from).ok().and_then(|from| from.checked_add(by));
    let Some(to) = to.filter(|&to| to >= 0) else {
        return Err(Failure::words("the position lies before the beginning"));
    };
    handle.buffer.clear();
    handle.offset = to as u64;
    Ok(Answer::number(to))
}

/// A path as a later run finds it, wherever it is started.
fn absolute(path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path);
    match std::path::absolute(path.as_ref()) {
        Ok(path) => path.to_string_lossy().into_owned(),
        Err(_) => path.into_owned(),
    }
}
