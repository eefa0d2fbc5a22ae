//! What each operation does first, and what follows from a result of the kernel.

use std::{
    ffi::CString,
    net::SocketAddr,
    os::fd::{FromRawFd, OwnedFd},
};

use super::{
    Io,
    call::Call,
    handles::{Handle, Kind, system_flags},
    instant::line_from,
    job::Order,
    request::{
        ACCEPT, Answer, CONNECT, Failure, LISTEN, OPEN, Outcome, READ, READ_LINE, REMOVE, SYNC,
        WRITE,
    },
    socket,
};

/// The most that one call reads or writes: larger ones are cut, so that what the kernel holds stays in bounds.
pub const CHUNK_BYTES: usize = 256 << 10;
/// What a line is read by.
const LINE_BYTES: usize = 16 << 10;

/// What a job does next.
pub enum Step {
    /// This call.
    Call(Call),
    /// Nothing: it is over.
    Done(Outcome),
    /// It waits until a connection arrives.
    Await,
}

/// It is over, with a number.
pub fn done(number: i64) -> Step {
    Step::Done(Ok(Answer::number(number)))
}

fn fail(text: &str) -> Step {
    Step::Done(Err(Failure::words(text)))
}

fn path_of(text: &[u8]) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| Failure::words("the path holds a zero byte"))
}

impl Io {
    /// A job has its lane: its first step. `bytes`: what a `WRITE` writes.
    pub fn first_step(&mut self, index: usize, bytes: &[u8]) -> Step {
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
                if code == ACCEPT {
                    return self.await_arrival(a);
                }
                match self.handles.get(a) {
                    Ok(handle) => match call_on(handle, code, b, bytes) {
                        Ok(call) => Step::Call(call),
                        Err(failure) => Step::Done(Err(failure)),
                    },
                    Err(failure) => Step::Done(Err(failure)),
                }
            }
        }
    }

    /// Listens on the first address that can be listened on.
    pub fn listen(&mut self, addresses: &[SocketAddr]) -> Outcome {
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

    /// The next piece of what a `WRITE` writes.
    ///
    /// # Safety
    /// The job's frame waits, if it has one.
    pub unsafe fn rest_to_write(&self, index: usize) -> Vec<u8> {
        let job = &self.jobs[index];
        if job.order.code != WRITE || job.frame.is_null() {
            return Vec::new();
        }
        // SAFETY: the frame waits, so its slots hold the request.
        let bytes = unsafe { super::request::bytes_of(&super::request_of(job.frame)) };
        let rest = bytes.get(job.done..).unwrap_or_default();
        rest[..rest.len().min(CHUNK_BYTES)].to_vec()
    }

    /// What follows from a result that is none of being interrupted.
    ///
    /// # Safety
    /// As for `completed`.
    pub unsafe fn next_step(&mut self, index: usize, call: Call, result: i32) -> Step {
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
                    Ok(handle) => {
                        if self.nonblocking {
                            handle.do_not_block();
                        }
                        done(self.handles.insert(handle))
                    }
                    Err(failure) => Step::Done(Err(failure)),
                }
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
            Call::Accept { .. } => fail("there is no such operation"),
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
}

/// The call of an operation on a handle.
fn call_on(handle: &mut Handle, code: i64, b: i64, bytes: &[u8]) -> Result<Call, Failure> {
    let fd = handle.raw()?;
    Ok(match code {
        READ => read_call(handle, usize::try_from(b).unwrap_or(0).min(CHUNK_BYTES))?,
        READ_LINE => read_call(handle, LINE_BYTES)?,
        WRITE => write_call(handle, bytes.to_vec())?,
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

/// A path as a later run finds it, wherever it is started.
fn absolute(path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path);
    match std::path::absolute(path.as_ref()) {
        Ok(path) => path.to_string_lossy().into_owned(),
        Err(_) => path.into_owned(),
    }
}
