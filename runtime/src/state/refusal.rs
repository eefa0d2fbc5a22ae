//! Why a program does not start, or stops, because of its state file: a message for a person and the exit status.

/// `EX_USAGE`.
pub const EXIT_USAGE: i32 = 64;
/// `EX_DATAERR`: the file is corrupt, foreign, or cannot be taken over.
pub const EXIT_DATA: i32 = 65;
/// `EX_UNAVAILABLE`: another process has the file.
pub const EXIT_BUSY: i32 = 69;
/// `EX_IOERR`: the file or its folder cannot be read or written.
pub const EXIT_IO: i32 = 74;
/// The program paused; run it again to go on.
pub const EXIT_PAUSED: i32 = 75;

/// The program cannot go on with this state file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Exit status.
    pub status: i32,
    /// What to print on standard error behind `error: `.
    pub message: String,
}

impl Refusal {
    /// The file is not one that this program can use.
    pub fn data(message: String) -> Self {
        Self { status: EXIT_DATA, message }
    }

    /// Somebody else is using it.
    pub fn busy(message: String) -> Self {
        Self { status: EXIT_BUSY, message }
    }

    /// The operating system refused.
    pub fn io(message: String) -> Self {
        Self { status: EXIT_IO, message }
    }
}
