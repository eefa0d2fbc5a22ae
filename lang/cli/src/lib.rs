//! The command line of `orionc`.
//!
//! Input: the arguments. Output: an exit status: 0, 1 for errors in the program, 64 for usage, 74
//! where an output cannot be written. All work is the driver's; here its results are printed.

use std::process::ExitCode;

/// Runs `orionc` on the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
