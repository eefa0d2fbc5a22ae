//! The command line of `orionc`.
//!
//! Input: the arguments. Output: an exit status: 0, 1 for errors in the program, 64 for usage, 74
//! where an output cannot be written. All work is the driver's; here its results are printed:
//! diagnostics to standard error, what was asked for to standard output.

mod format;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use orion_diagnostics::{Diagnostic, ErrorCode, human, json};
use orion_driver::{Emit, Options, Outcome, Report, Seeds, StateError, TestOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Errors in the program.
const EXIT_ERRORS: u8 = 1;
/// A state file that is none, or corrupt: `EX_DATAERR`.
const EXIT_REFUSED: u8 = 65;
/// A wrong command line: `EX_USAGE` of sysexits.h.
const EXIT_USAGE: u8 = 64;
/// An output that cannot be written: `EX_IOERR`.
const EXIT_OUTPUT: u8 = 74;

#[derive(Parser)]
#[command(name = "orionc", version, about = "The Orion compiler")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
    /// How diagnostics are written: for people, or as one JSON object a line
    #[arg(long, global = true, value_enum, default_value = "human")]
    message_format: MessageFormat,
}

#[derive(Subcommand)]
enum Command {
    /// Compile a program to an executable
    Build(Build),
    /// Compile a program and run it
    Run(Run),
    /// Report the errors of a program, and make nothing
    Check {
        /// The main file
        program: PathBuf,
    },
    /// Run the `test` blocks of a file, or of all files in a folder
    Test(Test),
    /// Put source files into the one layout
    Fmt(format::Format),
    /// Look at state files
    #[command(subcommand)]
    State(State),
    /// Explain an error code
    Explain {
        /// The code, as in `E0010`
        code: String,
    },
}

#[derive(Args)]
struct Common {
    /// The main file
    program: PathBuf,
    /// How much to optimise
    #[arg(short = 'O', value_name = "LEVEL", default_value = "2",
          value_parser = clap::value_parser!(u8).range(0..=3))]
    level: u8,
    /// The name by which state files know the program [default: the main file's]
    #[arg(long)]
    name: Option<String>,
    /// Check the compiler's own work between its stages
    #[arg(long)]
    verify: bool,
    /// Compile in this many parts, side by side [default: as the program's size asks]
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true,
          value_parser = clap::value_parser!(u16).range(0..=256))]
    codegen_units: u16,
}

#[derive(Args)]
struct Build {
    #[command(flatten)]
    common: Common,
    /// Where to write the result [default: the program's name in the current folder]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Stop at a stage and write what it made
    #[arg(long, value_enum)]
    emit: Option<Stage>,
}

#[derive(Args)]
struct Run {
    #[command(flatten)]
    common: Common,
    /// What the program is given: the runtime's flags first, then its own arguments
    #[arg(last = true, value_name = "ARGS")]
    arguments: Vec<std::ffi::OsString>,
}

#[derive(Args)]
struct Test {
    /// A file or a folder
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Run only tests whose names contain this
    #[arg(long, default_value = "", value_name = "TEXT")]
    filter: String,
    /// Run each test under this seed of the scheduler: same seed, same run
    #[arg(long, value_name = "N", conflicts_with = "explore")]
    seed: Option<u64>,
    /// Run each test under the seeds below this number, and show the first that fails
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    explore: Option<u64>,
    /// Seconds after which a run of a test has failed
    #[arg(long, value_name = "SECONDS", default_value = "60",
          value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// How much to optimise
    #[arg(short = 'O', value_name = "LEVEL", default_value = "0",
          value_parser = clap::value_parser!(u8).range(0..=3))]
    level: u8,
}

#[derive(Subcommand)]
enum State {
    /// Print tasks with their stacks and variables, channels, timers and open files
    Show {
        /// The state file
        file: PathBuf,
        /// Print JSON for tools
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Stage {
    /// The syntax tree
    Ast,
    /// The control-flow graph, after all passes
    Mir,
    /// LLVM's intermediate language, optimised
    LlvmIr,
    /// Assembly
    Asm,
    /// An object file
    Obj,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum MessageFormat {
    Human,
    Json,
}

/// Runs `orionc` on the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let command_line = match CommandLine::try_parse() {
        Ok(command_line) => command_line,
        Err(error) => return usage(&error),
    };
    let format = command_line.message_format;
    match command_line.command {
        Command::Build(build) => {
            let options = options(&build.common);
            let emit = build.emit.map_or(Emit::Executable, Stage::emit);
            let output = build.output.as_deref();
            finish(&orion_driver::build(&build.common.program, emit, output, &options), format)
        }
        Command::Run(run) => {
            let options = options(&run.common);
            finish(&orion_driver::run(&run.common.program, &run.arguments, &options), format)
        }
        Command::Check { program } => finish(&orion_driver::check(&program), format),
        Command::Test(arguments) => test(&arguments, format),
        Command::Fmt(arguments) => format::run(&arguments, format),
        Command::State(State::Show { file, json }) => show_state(&file, json),
        Command::Explain { code } => explain(&code),
    }
}

impl Stage {
    fn emit(self) -> Emit {
        match self {
            Self::Ast => Emit::Ast,
            Self::Mir => Emit::Mir,
            Self::LlvmIr => Emit::LlvmIr,
            Self::Asm => Emit::Assembly,
            Self::Obj => Emit::Object,
        }
    }
}

fn options(common: &Common) -> Options {
    Options {
        level: common.level,
        name: common.name.clone(),
        verify: common.verify,
        codegen_units: common.codegen_units.into(),
    }
}

/// Asking for help or the version is no error; everything else clap has to say is one of usage.
fn usage(error: &clap::Error) -> ExitCode {
    // A closed standard output is nobody's error here.
    drop(error.print());
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_USAGE),
    }
}

fn explain(code: &str) -> ExitCode {
    let Some(code) = ErrorCode::parse(code) else {
        eprintln!("error: there is no error code `{code}`: codes look like `E0010`");
        return ExitCode::from(EXIT_USAGE);
    };
    write_text(code.page())
}

fn show_state(file: &Path, json: bool) -> ExitCode {
    let (status, why) = match orion_driver::show_state(file, json) {
        Ok(text) => return write_text(&text),
        Err(StateError::Unreadable(why)) => (EXIT_OUTPUT, why),
        Err(StateError::Corrupt(why)) => (EXIT_REFUSED, why),
    };
    eprintln!("error: cannot show the state `{}`: {why}", file.display());
    ExitCode::from(status)
}

/// Runs tests: a line for each, the output of those that failed, and a summary.
fn test(arguments: &Test, format: MessageFormat) -> ExitCode {
    let options = Options { level: arguments.level, name: None, verify: false, codegen_units: 0 };
    let seeds = match (arguments.seed, arguments.explore) {
        (Some(seed), _) => Seeds::One(seed),
        (None, Some(count)) => Seeds::Below(count),
        (None, None) => Seeds::Unseeded,
    };
    let limit = Duration::from_secs(arguments.limit);
    let tests = TestOptions { filter: arguments.filter.clone(), seeds, limit };
    let (mut passed, mut failed) = (0, 0);
    let reports = orion_driver::test(&arguments.path, &tests, &options, |result| {
        let place = format!("{}: {}", result.file.display(), result.name);
        let Some(failure) = &result.failure else {
            passed += 1;
            println!("ok      {place}");
            return;
        };
        failed += 1;
        println!("FAILED  {place}");
        for line in failure.output.lines() {
            println!("    {line}");
        }
        if let Some(seed) = failure.seed {
            println!("    seed {seed}; to see it again:");
            let (file, name) = (result.file.display(), shell_quoted(&result.name));
            println!("    orionc test {file} --filter {name} --seed {seed}");
        }
    });
    let mut broken = 0;
    for report in &reports {
        print_diagnostics(report, format);
        broken += usize::from(matches!(report.outcome, Outcome::Failed));
    }
    let files = if broken == 0 { String::new() } else { format!(", {broken} files with errors") };
    println!("{passed} passed, {failed} failed{files}");
    if failed == 0 && broken == 0 { ExitCode::SUCCESS } else { ExitCode::from(EXIT_ERRORS) }
}

/// A word for a POSIX shell.
fn shell_quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Prints what the driver found and made.
fn finish(report: &Report, format: MessageFormat) -> ExitCode {
    print_diagnostics(report, format);
    match &report.outcome {
        Outcome::Failed => ExitCode::from(failure_status(&report.diagnostics)),
        Outcome::Done => ExitCode::SUCCESS,
        Outcome::Text(text) => write_text(text),
    }
}

/// A failure to write the output is not one of the program.
fn failure_status(diagnostics: &[Diagnostic]) -> u8 {
    let mut errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
    if errors.all(|error| error.code == ErrorCode::E1004) { EXIT_OUTPUT } else { EXIT_ERRORS }
}

fn print_diagnostics(report: &Report, format: MessageFormat) {
    let text = match format {
        MessageFormat::Json => json::render(&report.diagnostics, &report.sources),
        MessageFormat::Human => {
            let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let colours = io::stderr().is_terminal() && !plain;
            let mut text = human::render(&report.diagnostics, &report.sources, colours);
            text += &summary(&report.diagnostics);
            text
        }
    };
    drop(io::stderr().write_all(text.as_bytes()));
}

/// The closing line: how many errors and warnings there are, when there are errors.
fn summary(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let warnings = diagnostics.len() - errors;
    let count = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, _) => String::new(),
        (_, 0) => format!("{}\n", count(errors, "error")),
        _ => format!("{}, {}\n", count(errors, "error"), count(warnings, "warning")),
    }
}

/// Writes to standard output. A reader that has gone away (`orionc … | head`) is no error.
fn write_text(text: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("error: cannot write to standard output: {error}");
            ExitCode::from(EXIT_OUTPUT)
        }
        _ => ExitCode::SUCCESS,
    }
}
