//! `orionc`.

use std::process::ExitCode;

fn main() -> ExitCode {
    orion_cli::main()
}
