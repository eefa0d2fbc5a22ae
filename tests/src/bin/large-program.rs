//! Prints a program of about as many lines as the argument says, for measuring the compiler.

use orion_tests::large;
use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(lines) = env::args().nth(1).and_then(|text| text.parse::<usize>().ok()) else {
        eprintln!("usage: large-program LINES");
        return ExitCode::from(64);
    };
    print!("{}", large::program(lines.div_ceil(large::PART_LINES).max(1)).0);
    ExitCode::SUCCESS
}
