//! `@io(code, a, b, bytes)`: files and standard input, done at once; the codes are those of `stdlib/io.or`.
//!
//! There are no sockets here: what a network does is nobody's reference.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Seek, SeekFrom, Write};

use super::value::{Fault, Object, Value};
use super::{Flow, Machine};
use crate::body::Local;

const OPEN: i128 = 0;
const CLOSE: i128 = 1;
const READ: i128 = 2;
const READ_LINE: i128 = 3;
const WRITE: i128 = 4;
const SEEK_START: i128 = 5;
const SEEK_CURRENT: i128 = 6;
const SEEK_END: i128 = 7;
const SYNC: i128 = 8;
const SIZE: i128 = 9;
const REMOVE: i128 = 10;

/// Open files by handle; 0 is standard input.
#[derive(Default)]
pub(super) struct Files {
    /// With the flags of their opening.
    open: BTreeMap<i128, (File, i128)>,
    last: i128,
}

/// A number and bytes, or what went wrong.
type Answer = Result<(i128, Vec<u8>), Error>;

impl Machine<'_> {
    /// Does the operation and goes on.
    pub(super) fn io(&mut self, request: Local, dest: Local) -> Result<Flow, Fault> {
        let task = self.current;
        let (number, bytes) = match self.get_local(task, request) {
            Value::Tuple(parts) => match &parts[..] {
                [Value::Int(code), Value::Int(a), Value::Int(b), bytes] => {
                    let bytes = self.bytes(bytes)?;
                    match self.kernel(*code, *a, *b, &bytes) {
                        Ok(answer) => answer,
                        Err(error) => {
                            // Without the system's number.
                            let text = error.to_string();
                            let end = text.find(" (os error").unwrap_or(text.len());
                            (-1, text[..end].to_owned().into_bytes())
                        }
                    }
                }
                other => return Err(format!("{other:?} is no request")),
            },
            other => return Err(format!("{other:?} is no request")),
        };
        let items = bytes.into_iter().map(|byte| Value::Int(byte.into())).collect();
        let bytes = self.heap.new_object(Object::List(items));
        self.set_local(task, dest, Value::Tuple(vec![Value::Int(number), bytes]));
        self.take_edge(0)?;
        Ok(Flow::Continue)
    }

    fn kernel(&mut self, code: i128, a: i128, b: i128, bytes: &[u8]) -> Answer {
        let path = || String::from_utf8_lossy(bytes).into_owned();
        if code == OPEN {
            let flag = |bit: i128| a & bit != 0;
            let file = OpenOptions::new()
                .read(flag(1))
                .write(flag(2))
                .append(flag(4))
                .create(flag(8))
                .truncate(flag(16))
                .create_new(flag(32))
                .open(path())?;
            if file.metadata()?.is_dir() {
                return Err(Error::other("Is a directory"));
            }
            self.files.last += 1;
            self.files.open.insert(self.files.last, (file, a));
            return Ok((self.files.last, Vec::new()));
        }
        if code == REMOVE {
            return std::fs::remove_file(path()).map(|()| (0, Vec::new()));
        }
        if code == READ_LINE && a == 0 {
            let line = self.stdin.next().unwrap_or_default().into_bytes();
            return Ok((line.len() as i128, line));
        }
        if code == CLOSE && a == 0 {
            return Err(Error::other("it stays open"));
        }
        if code == CLOSE {
            let closed = self.files.open.remove(&a);
            return closed.map(|_| (0, Vec::new())).ok_or_else(not_open);
        }
        let (file, flags) = self.files.open.get_mut(&a).ok_or_else(not_open)?;
        match code {
            READ | READ_LINE if *flags & 1 == 0 => Err(Error::other("it is not open for reading")),
            WRITE if *flags & 6 == 0 => Err(Error::other("it is not open for writing")),
            READ => {
                let mut out = vec![0; usize::try_from(b).unwrap_or(0)];
                let count = file.read(&mut out)?;
                out.truncate(count);
                Ok((count as i128, out))
            }
            READ_LINE => {
                let (mut line, mut byte) = (Vec::new(), [0]);
                while line.last() != Some(&b'\n') && file.read(&mut byte)? == 1 {
                    line.push(byte[0]);
                }
                Ok((line.len() as i128, line))
            }
            WRITE => file.write_all(bytes).map(|()| (bytes.len() as i128, Vec::new())),
            SEEK_START | SEEK_CURRENT | SEEK_END => {
                let from = match code {
                    SEEK_START => 0,
                    SEEK_CURRENT => i128::from(file.stream_position()?),
                    _ => i128::from(file.metadata()?.len()),
                };
                if from + b < 0 {
                    return Err(Error::other("the position lies before the beginning"));
                }
                let to = match code {
                    SEEK_START => SeekFrom::Start(u64::try_from(b).unwrap_or(0)),
                    SEEK_CURRENT => SeekFrom::Current(b as i64),
                    _ => SeekFrom::End(b as i64),
                };
                file.seek(to).map(|at| (at.into(), Vec::new()))
            }
            SYNC => file.sync_all().map(|()| (0, Vec::new())),
            SIZE => file.metadata().map(|data| (data.len().into(), Vec::new())),
            _ => Err(Error::new(ErrorKind::Unsupported, "not interpreted")),
        }
    }
}

fn not_open() -> Error {
    Error::new(ErrorKind::InvalidInput, "it is closed")
}
