//! `orionc fmt`.
//!
//! Input: files, folders, or `-` for standard input. Output: the files rewritten, or the text on
//! standard output; with `--check` the names of those that would change. Status: 1 where a file has
//! syntax errors, or would change under `--check`.

use crate::{
    EXIT_ERRORS, EXIT_USAGE, MessageFormat, failure_status, print_diagnostics, write_text,
};
use clap::Args;
use orion_driver::{Formatted, Outcome};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The arguments of `orionc fmt`.
#[derive(Args)]
pub struct Format {
    /// Files, folders with all `.or` files below them, or `-` for standard input
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Change nothing: list the files that are not formatted, and end with status 1 if there are any
    #[arg(long)]
    check: bool,
}

/// Runs `orionc fmt`.
pub fn run(arguments: &Format, format: MessageFormat) -> ExitCode {
    if arguments.paths.iter().any(|path| path == Path::new("-")) {
        if arguments.paths.len() > 1 {
            eprintln!("error: `-` stands alone: standard input, or files");
            return ExitCode::from(EXIT_USAGE);
        }
        return standard_input(arguments.check, format);
    }
    let mut status = 0;
    let mut different = String::new();
    for path in orion_driver::source_files(&arguments.paths) {
        let Formatted { report, changed } = orion_driver::format(&path, !arguments.check);
        print_diagnostics(&report, format);
        if matches!(report.outcome, Outcome::Failed) {
            status = status.max(failure_status(&report.diagnostics));
        } else if changed && arguments.check {
            status = status.max(EXIT_ERRORS);
            different += &format!("{}\n", path.display());
        }
    }
    let written = write_text(&different);
    if written == ExitCode::SUCCESS { ExitCode::from(status) } else { written }
}

fn standard_input(check: bool, format: MessageFormat) -> ExitCode {
    let mut bytes = Vec::new();
    let limit = orion_driver::FILE_BYTES_MAX as u64 + 1;
    if let Err(error) = io::stdin().lock().take(limit).read_to_end(&mut bytes) {
        eprintln!("error: cannot read standard input: {error}");
        return ExitCode::from(EXIT_ERRORS);
    }
    let Formatted { report, changed } = orion_driver::format_text(&bytes);
    print_diagnostics(&report, format);
    match &report.outcome {
        Outcome::Failed => ExitCode::from(failure_status(&report.diagnostics)),
        _ if check && !changed => ExitCode::SUCCESS,
        _ if check => {
            write_text("<stdin>\n");
            ExitCode::from(EXIT_ERRORS)
        }
        Outcome::Text(text) => write_text(text),
        Outcome::Done => ExitCode::SUCCESS,
    }
}
