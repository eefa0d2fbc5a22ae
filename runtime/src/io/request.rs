//! What a program asks of the kernel: the operands of `@io`, decoded. The numbers are those of `stdlib/io.or` and `stdlib/net.or`.

use orion_abi::{ListObject, desc::IoRequest};

use crate::heap::drop::HEAD_BYTES;

/// Opens the file whose path the bytes are; `a` holds `OPEN_*`. Gives a handle.
pub const OPEN: i64 = 0;
/// Closes a handle, once what is under way on it has been cancelled.
pub const CLOSE: i64 = 1;
/// Reads at most `b` bytes; none at the end.
pub const READ: i64 = 2;
/// Reads up to and with the next line end; none at the end. `b` above 0: the most bytes that a line may have.
pub const READ_LINE: i64 = 3;
/// Writes all bytes.
pub const WRITE: i64 = 4;
/// Moves to `b` bytes from the start; gives the new position.
pub const SEEK_START: i64 = 5;
/// Moves by `b` bytes.
pub const SEEK_CURRENT: i64 = 6;
/// Moves to `b` bytes from the end.
pub const SEEK_END: i64 = 7;
/// Waits until what was written is on disk.
pub const SYNC: i64 = 8;
/// The size of a file in bytes.
pub const SIZE: i64 = 9;
/// Removes the file whose path the bytes are.
pub const REMOVE: i64 = 10;
/// Listens on the address in the bytes. Gives a handle.
pub const LISTEN: i64 = 20;
/// Accepts a connection of a listener. Gives a handle, and the peer's address.
pub const ACCEPT: i64 = 21;
/// Connects to the address in the bytes, in `b` ns at most if `b` is above 0. Gives a handle, and the peer's address.
pub const CONNECT: i64 = 22;
/// The address of this end.
pub const LOCAL_ADDR: i64 = 23;
/// Says to the peer that no more is coming.
pub const SHUTDOWN: i64 = 24;
/// From now on operations on the handle fail after `b` ns; 0 or less: never.
pub const TIMEOUT: i64 = 25;

/// `OPEN`: for reading.
pub const OPEN_READ: i64 = 1;
/// `OPEN`: for writing.
pub const OPEN_WRITE: i64 = 2;
/// `OPEN`: for writing behind the end.
pub const OPEN_APPEND: i64 = 4;
/// `OPEN`: made where there is none.
pub const OPEN_CREATE: i64 = 8;
/// `OPEN`: emptied.
pub const OPEN_TRUNCATE: i64 = 16;
/// `OPEN`: must not be there yet.
pub const OPEN_NEW: i64 = 32;

/// The handle of standard input, which is always open.
pub const STDIN: i64 = 0;

/// Why an operation gave no result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The cause, as a person reads it.
    Words(String),
    /// The task that waited for it is cancelled.
    Cancelled,
}

impl Failure {
    /// A cause that is always the same.
    #[must_use]
    pub fn words(text: &str) -> Self {
        Self::Words(text.to_owned())
    }

    /// A cause of the system's, without its number.
    #[must_use]
    pub fn of_system(error: &std::io::Error) -> Self {
        let text = error.to_string();
        let end = text.find(" (os error").unwrap_or(text.len());
        Self::words(&text[..end])
    }

    /// As above, by its number.
    #[must_use]
    pub fn of_number(number: i32) -> Self {
        Self::of_system(&std::io::Error::from_raw_os_error(number))
    }
}

/// A number and bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Answer {
    /// A count, a position, a handle.
    pub number: i64,
    /// What was read, an address.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// A number alone.
    #[must_use]
    pub fn number(number: i64) -> Self {
        Self { number, bytes: Vec::new() }
    }
}

/// How an operation ended.
pub type Outcome = Result<Answer, Failure>;

/// Whether the operation is on a handle.
#[must_use]
pub fn has_handle(code: i64) -> bool {
    !matches!(code, OPEN | REMOVE | LISTEN | CONNECT)
}

/// The bytes of a request.
///
/// # Safety
/// The list is alive and not changed during the borrow.
#[must_use]
pub unsafe fn bytes_of<'a>(request: &IoRequest) -> &'a [u8] {
    // SAFETY: a list of bytes has `len` of them behind its head.
    unsafe {
        let len = (*request.bytes.cast::<ListObject>()).len as usize;
        std::slice::from_raw_parts(request.bytes.add(HEAD_BYTES), len)
    }
}
