//! What can be answered without waiting for anything: positions, what was read ahead, connections that have arrived, and everything that is wrong.

use std::{fs::File, os::fd::AsFd, time::Duration};

use super::{
    Io,
    handles::{Handle, Kind},
    request::{
        ACCEPT, Answer, CLOSE, Failure, LISTEN, LOCAL_ADDR, OPEN_APPEND, OPEN_READ, OPEN_WRITE,
        Outcome, READ, READ_LINE, SEEK_CURRENT, SEEK_END, SEEK_START, SHUTDOWN, SIZE, STDIN, SYNC,
        TIMEOUT, WRITE, has_handle,
    },
    socket,
};

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
        let outcome = instant_on(handle, code, b, text);
        if outcome.is_none() && code == ACCEPT { self.take_arrival(a) } else { outcome }
    }

    /// As [`Self::instant`], for a job that has its lane.
    pub fn instant_again(&mut self, code: i64, a: i64, b: i64) -> Option<Outcome> {
        let handle = match self.handles.get(a) {
            Ok(handle) => handle,
            Err(failure) => return Some(Err(failure)),
        };
        if let Err(failure) = handle.raw() {
            return Some(Err(failure));
        }
        // Only `WRITE` is told apart by its bytes, and it has some.
        let outcome = instant_on(handle, code, b, &[0]);
        if outcome.is_none() && code == ACCEPT { self.take_arrival(a) } else { outcome }
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

/// A line out of what was read, if it is there; what is left, at the end. The first `searched` bytes hold no line end.
pub fn line_from(
    handle: &mut Handle,
    searched: usize,
    at_end: bool,
    limit: i64,
) -> Option<Outcome> {
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
