//! `orionc`, built as part of the test package so that it is always current.

use std::process::ExitCode;

fn main() -> ExitCode {
    orion_cli::main()
}
