//! Every case of `ui/`, `run/`, `panic/`, `mir/` and `stress/`, and every example, as a test of its own.
//!
//! | folder | the compiler or program | compared with |
//! | --- | --- | --- |
//! | `ui` | `orionc check` | `.stderr`, exactly |
//! | `run`, `examples` | in each mode | `.out`, `.err`, `.status` (0); fed with `.args`, `.in` |
//! | `stress` | the same on 2, 4 and 8 threads, with epoll, and while it is saved and reports | as for `run` |
//! | `panic` | in each mode | the same; `.status` is 101 unless told |
//! | `mir` | `--emit mir`, `llvm-ir`, `asm` | the `// mir:`, `// llvm:`, `// asm:` lines of the case |
//!
//! A mode is an optimisation level with or without forced suspension: `ORION_FORCE=suspend` makes
//! every suspend point really suspend, `ORION_FORCE=restore` saves, drops and rebuilds the frames
//! at each; one mode runs on several threads. What a program prints must be the same in all of them, and in all of them nothing may be
//! alive at a normal end (`ORION_CHECK=leaks`).
//!
//! Where `ORION_TSAN` is set (`./dev tsan`) the tests are others: each program, instrumented for ThreadSanitizer, on 2 and 4 threads; one has failed when there is a report.

use libtest_mimic::{Arguments, Failed, Trial};
use orion_tests::compile::Compiler;
use orion_tests::process::{self, Output};
use orion_tests::{cases, expect, root};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// A way to compile and run a case.
struct Mode {
    name: &'static str,
    level: u8,
    force: Option<&'static str>,
    /// On how many threads.
    threads: Option<u32>,
    /// There, `ORION_TEAM`.
    team: &'static str,
    /// How input and output go to the kernel.
    io: Option<&'static str>,
    /// Saved every few milliseconds, and asked to report.
    saved: bool,
}

impl Mode {
    const fn new(name: &'static str, level: u8, force: Option<&'static str>) -> Self {
        Self { name, level, force, threads: None, team: "always", io: None, saved: false }
    }

    const fn threads(name: &'static str, threads: u32) -> Self {
        Self { threads: Some(threads), ..Self::new(name, 2, None) }
    }
}

const MODES: [Mode; 7] = [
    Mode::new("O0", 0, None),
    Mode::new("O2", 2, None),
    Mode::new("suspend-O0", 0, Some("suspend")),
    Mode::new("suspend", 2, Some("suspend")),
    Mode::new("restore", 2, Some("restore")),
    // `ORION_TEST_THREADS` may ask for another number.
    Mode::threads("threads", 4),
    CHANGING,
];

/// Forced restores on several threads, on demand (`ORION_TEST_MORE`): cases that count on a task's being somewhere after a while fail there now and then.
const RESTORE_THREADS: [Mode; 1] =
    [Mode { force: Some("restore"), ..Mode::threads("restore-threads", 4) }];

/// Between working alone and together as often as possible.
const CHANGING: Mode = Mode { team: "changing", ..Mode::threads("changing", 4) };

/// How stress programs run besides.
const STRESS_MODES: [Mode; 4] = [
    Mode::threads("threads-2", 2),
    Mode::threads("threads-8", 8),
    Mode { io: Some("epoll"), ..Mode::threads("epoll", 4) },
    Mode { saved: true, ..Mode::threads("saved", 4) },
];

/// How programs run under ThreadSanitizer.
const TSAN_MODES: [Mode; 3] = [Mode::threads("2", 2), Mode::threads("4", 4), CHANGING];

/// Ample for an instrumented program.
const TSAN_LIMIT: Duration = Duration::from_secs(120);

/// A case whose output depends on the order that tasks have on one thread says so in its first comment, and why.
const ONE_THREAD: &str = "(one thread: ";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let compiler =
        Compiler::new(env!("CARGO_BIN_EXE_orionc-under-test"), env!("CARGO_TARGET_TMPDIR"));
    let mut trials = Vec::new();
    if std::env::var_os("ORION_TSAN").is_some() {
        for (folder, status) in FOLDERS {
            for case in cases(folder).into_iter().filter(|case| !is_too_long(case)) {
                let compiler = compiler.clone();
                let is_stress = folder == STRESS;
                trials.push(trial(&case, Some("tsan"), move |case| {
                    check_tsan(&compiler, case, status, is_stress)
                }));
            }
        }
        return libtest_mimic::run(&arguments, trials).exit_code();
    }
    for case in cases("ui") {
        let compiler = compiler.clone();
        trials.push(trial(&case, None, move |case| check_ui(&compiler, case)));
    }
    for case in cases("mir") {
        let compiler = compiler.clone();
        trials.push(trial(&case, None, move |case| check_mir(&compiler, case)));
    }
    let more_is_wanted = std::env::var_os("ORION_TEST_MORE").is_some();
    for (folder, status) in FOLDERS {
        let more: &[Mode] = if folder == STRESS { &STRESS_MODES } else { &[] };
        for case in cases(folder) {
            let is_ordered = is_ordered(&case);
            let on_demand = RESTORE_THREADS.iter().filter(|_| more_is_wanted);
            let modes = MODES.iter().chain(more).chain(on_demand);
            for mode in modes.filter(|mode| !(mode.threads.is_some() && is_ordered)) {
                let compiler = compiler.clone();
                let run = move |case: &Path| {
                    if expect::blessing() && mode.name != MODES[0].name {
                        return Ok(());
                    }
                    let program = compiler.executable(case, mode.level)?;
                    check_run(&program, case, mode, status, process::LIMIT)
                };
                trials.push(trial(&case, Some(mode.name), run));
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The folders of programs, with the status that these have unless told.
const FOLDERS: [(&str, i32); 4] = [("run", 0), ("../examples", 0), ("panic", 101), (STRESS, 0)];

/// Programs that keep several workers busy.
const STRESS: &str = "stress";

/// Whether a case takes minutes with the sanitizer: a million tasks, lists of a million cells.
fn is_too_long(case: &Path) -> bool {
    ["../examples/skynet.or", "run/deep_values.or"].iter().any(|name| case == Path::new(name))
}

/// Whether the case is for one thread.
fn is_ordered(case: &Path) -> bool {
    let source = fs::read_to_string(root().join(case)).unwrap_or_default();
    source.lines().any(|line| line.starts_with("//") && line.contains(ONE_THREAD))
}

fn trial(
    case: &Path,
    mode: Option<&str>,
    check: impl FnOnce(&Path) -> Result<(), String> + Send + 'static,
) -> Trial {
    let name = case.with_extension("").to_string_lossy().replace("../", "").replace('/', "::");
    let name = mode.map_or(name.clone(), |mode| format!("{name}::{mode}"));
    let case = case.to_path_buf();
    Trial::test(name, move || check(&case).map_err(Failed::from))
}

/// The file beside the case with another extension.
fn beside(case: &Path, extension: &str) -> PathBuf {
    root().join(case).with_extension(extension)
}

/// The compiler's diagnostics, word for word; errors give status 1, warnings alone 0.
fn check_ui(compiler: &Compiler, case: &Path) -> Result<(), String> {
    let seen = process::run(compiler.command().arg("check").arg(case), b"")?;
    let is_error = seen.stderr.lines().any(|line| line.starts_with("error"));
    let wanted = i32::from(is_error);
    if seen.status != wanted {
        return Err(format!("status {wanted} was expected: {}", seen.describe()));
    }
    if seen.stderr.is_empty() {
        return Err("nothing was reported".into());
    }
    expect::check(&beside(case, "stderr"), "standard error", &seen.stderr)
}

/// Each `// mir:` line must occur in the MIR, in this order; so must `// llvm:` lines in the LLVM IR
/// and `// asm:` lines in the assembly. `// mir-not:` lines and their like may occur nowhere, and
/// `// llvm-block-not: LABEL TEXT` means: not in the basic blocks whose labels begin so, of which
/// there must be one. Spaces count as one.
fn check_mir(compiler: &Compiler, case: &Path) -> Result<(), String> {
    let source = fs::read_to_string(root().join(case)).map_err(|error| error.to_string())?;
    for (stage, tag) in [("mir", "mir"), ("llvm-ir", "llvm"), ("asm", "asm")] {
        if !source.contains(&format!("// {tag}")) {
            continue;
        }
        let mut command = compiler.command();
        command.arg("build").arg(case).args(["--emit", stage, "--verify"]);
        let seen = process::run(&mut command, b"")?;
        if seen.status != 0 {
            return Err(seen.describe());
        }
        let text = squeeze(&seen.stdout);
        let mut rest = text.as_str();
        for line in source.lines() {
            let Some(directive) = line.trim().strip_prefix(&format!("// {tag}")) else { continue };
            if let Some(wanted) = directive.strip_prefix(':') {
                let wanted = squeeze(wanted);
                let Some(at) = rest.find(&wanted) else {
                    return Err(format!(
                        "`{wanted}` is missing or out of order in:\n{}",
                        seen.stdout
                    ));
                };
                rest = &rest[at + wanted.len()..];
            } else if let Some(unwanted) = directive.strip_prefix("-not:") {
                let unwanted = squeeze(unwanted);
                if text.contains(&unwanted) {
                    return Err(format!("`{unwanted}` occurs in:\n{}", seen.stdout));
                }
            } else if let Some(rule) = directive.strip_prefix("-block-not:") {
                let (label, unwanted) =
                    rule.trim().split_once(' ').ok_or("LABEL TEXT is wanted")?;
                check_blocks(&seen.stdout, label, unwanted)?;
            }
        }
    }
    Ok(())
}

/// The basic blocks whose labels begin with `label` must exist and be free of `unwanted`.
fn check_blocks(text: &str, label: &str, unwanted: &str) -> Result<(), String> {
    let is_label = |line: &str| line.starts_with(label) && line.contains(':');
    let mut blocks = text.lines().skip_while(|line| !is_label(line)).peekable();
    if blocks.peek().is_none() {
        return Err(format!("there is no block `{label}` in:\n{text}"));
    }
    let mut inside = false;
    for line in blocks {
        inside = if line.is_empty() { false } else { inside || is_label(line) };
        if inside && line.contains(unwanted) {
            return Err(format!("`{unwanted}` occurs in `{label}`: {line}"));
        }
    }
    Ok(())
}

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An instrumented program on several threads; stress programs also in the modes that they have besides.
fn check_tsan(
    compiler: &Compiler,
    case: &Path,
    status: i32,
    is_stress: bool,
) -> Result<(), String> {
    // Programs are large with the sanitizer in them, and soon compiled: they are not kept.
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let program = folder.path().join("program");
    let mut command = compiler.command();
    let built = process::run(command.arg("build").arg(case).arg("-o").arg(&program), b"")?;
    if built.status != 0 {
        return Err(built.describe());
    }
    let besides = STRESS_MODES.iter().filter(|mode| is_stress && mode.threads == Some(4));
    for mode in TSAN_MODES.iter().chain(besides) {
        // What depends on the order of tasks is run for its accesses alone.
        let result = if is_ordered(case) {
            run_case(&program, case, mode, TSAN_LIMIT).and_then(|seen| {
                let is_silent = !seen.stderr.contains("ThreadSanitizer");
                is_silent.then_some(()).ok_or_else(|| seen.describe())
            })
        } else {
            check_run(&program, case, mode, status, TSAN_LIMIT)
        };
        result.map_err(|message| format!("mode {}: {message}", mode.name))?;
    }
    Ok(())
}

/// Runs a program and compares all that it did.
fn check_run(
    program: &Path,
    case: &Path,
    mode: &Mode,
    status: i32,
    limit: Duration,
) -> Result<(), String> {
    let seen = run_case(program, case, mode, limit)?;
    let wanted = fs::read_to_string(beside(case, "status"))
        .map_or(Ok(status), |text| text.trim().parse())
        .map_err(|error| format!("the .status file: {error}"))?;
    if seen.status != wanted {
        return Err(format!("status {wanted} was expected: {}", seen.describe()));
    }
    check_output(case, &seen).map_err(|message| format!("{message}\n{}", seen.describe()))
}

fn run_case(program: &Path, case: &Path, mode: &Mode, limit: Duration) -> Result<Output, String> {
    let mut command = Command::new(program);
    // A value that is alive at a normal end makes it status 70.
    command.current_dir(root()).env_remove("ORION_FORCE").env("ORION_CHECK", "leaks");
    if let Some(force) = mode.force {
        command.env("ORION_FORCE", force);
    }
    if let Some(io) = mode.io {
        command.env("ORION_IO", io);
    }
    if let Some(threads) = mode.threads {
        let told = std::env::var("ORION_TEST_THREADS").ok();
        let told = told.filter(|_| ["threads", "changing"].contains(&mode.name));
        command.args(["--threads", &told.unwrap_or_else(|| threads.to_string())]);
        command.env("ORION_TEAM", mode.team);
    }
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let state = folder.path().join("state");
    if mode.saved {
        command.arg("--state").arg(&state).args(["--every", SAVED_EVERY]);
    }
    let arguments = fs::read_to_string(beside(case, "args")).unwrap_or_default();
    command.args(arguments.lines());
    let input = fs::read(beside(case, "in")).unwrap_or_default();
    let mut asked = Instant::now();
    let mut seen = process::run_with(&mut command, &input, limit, |child| {
        // Once there is a state, signals are taken.
        if mode.saved && state.exists() && asked.elapsed() >= REPORT_EVERY {
            asked = Instant::now();
            let kill = format!("kill -QUIT {}", child.id());
            drop(Command::new("sh").args(["-c", &kill]).status());
        }
    })?;
    if mode.saved && !seen.stderr.contains("ThreadSanitizer") {
        // Reports of the running program, which differ from run to run.
        seen.stderr.clear();
    }
    Ok(seen)
}

/// Time between two checkpoints of the mode that saves.
const SAVED_EVERY: &str = "5ms";
/// Time between two reports there.
const REPORT_EVERY: Duration = Duration::from_millis(25);

fn check_output(case: &Path, seen: &Output) -> Result<(), String> {
    expect::check(&beside(case, "out"), "standard output", &seen.stdout)?;
    expect::check(&beside(case, "err"), "standard error", &seen.stderr)
}
