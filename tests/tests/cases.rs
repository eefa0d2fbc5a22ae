//! Every case of `ui/`, `run/`, `panic/` and `mir/`, and every example, as a test of its own.
//!
//! | folder | the compiler or program | compared with |
//! | --- | --- | --- |
//! | `ui` | `orionc check` | `.stderr`, exactly |
//! | `run`, `examples` | in each mode | `.out`, `.err`, `.status` (0); fed with `.args`, `.in` |
//! | `panic` | in each mode | the same; `.status` is 101 unless told |
//! | `mir` | `--emit mir`, `llvm-ir`, `asm` | the `// mir:`, `// llvm:`, `// asm:` lines of the case |
//!
//! A mode is an optimisation level with or without forced suspension: `ORION_FORCE=suspend` makes
//! every suspend point really suspend, `ORION_FORCE=restore` saves, drops and rebuilds the frames
//! at each; one mode runs on several threads. What a program prints must be the same in all of them, and in all of them nothing may be
//! alive at a normal end (`ORION_CHECK=leaks`).

use libtest_mimic::{Arguments, Failed, Trial};
use orion_tests::compile::Compiler;
use orion_tests::process::{self, Output};
use orion_tests::{cases, expect, root};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A way to compile and run a case.
struct Mode {
    name: &'static str,
    level: u8,
    force: Option<&'static str>,
    /// On several threads (`$ORION_TEST_THREADS`, 4 unless told), and with this `ORION_TEAM`.
    team: Option<&'static str>,
}

const MODES: [Mode; 7] = [
    Mode { name: "O0", level: 0, force: None, team: None },
    Mode { name: "O2", level: 2, force: None, team: None },
    Mode { name: "suspend-O0", level: 0, force: Some("suspend"), team: None },
    Mode { name: "suspend", level: 2, force: Some("suspend"), team: None },
    Mode { name: "restore", level: 2, force: Some("restore"), team: None },
    Mode { name: "threads", level: 2, force: None, team: Some("always") },
    Mode { name: "changing", level: 2, force: None, team: Some("changing") },
];

/// A case whose output depends on the order that tasks have on one thread says so in its first comment, and why.
const ONE_THREAD: &str = "(one thread: ";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let compiler =
        Compiler::new(env!("CARGO_BIN_EXE_orionc-under-test"), env!("CARGO_TARGET_TMPDIR"));
    let mut trials = Vec::new();
    for case in cases("ui") {
        let compiler = compiler.clone();
        trials.push(trial(&case, None, move |case| check_ui(&compiler, case)));
    }
    for case in cases("mir") {
        let compiler = compiler.clone();
        trials.push(trial(&case, None, move |case| check_mir(&compiler, case)));
    }
    for (folder, status) in [("run", 0), ("../examples", 0), ("panic", 101)] {
        for case in cases(folder) {
            let source = fs::read_to_string(root().join(&case)).unwrap_or_default();
            let is_ordered =
                source.lines().any(|line| line.starts_with("//") && line.contains(ONE_THREAD));
            for mode in MODES.iter().filter(|mode| !(mode.team.is_some() && is_ordered)) {
                let compiler = compiler.clone();
                let run = move |case: &Path| check_run(&compiler, case, mode, status);
                trials.push(trial(&case, Some(mode.name), run));
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
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

/// Compiles and runs a program, and compares all that it did.
fn check_run(compiler: &Compiler, case: &Path, mode: &Mode, status: i32) -> Result<(), String> {
    if expect::blessing() && mode.name != MODES[0].name {
        return Ok(());
    }
    let program = compiler.executable(case, mode.level)?;
    let mut command = std::process::Command::new(program);
    // A value that is alive at a normal end makes it status 70.
    command.current_dir(root()).env_remove("ORION_FORCE").env("ORION_CHECK", "leaks");
    if let Some(force) = mode.force {
        command.env("ORION_FORCE", force);
    }
    if let Some(team) = mode.team {
        let threads = std::env::var("ORION_TEST_THREADS").unwrap_or_else(|_| "4".into());
        command.args(["--threads", &threads]).env("ORION_TEAM", team);
    }
    let arguments = fs::read_to_string(beside(case, "args")).unwrap_or_default();
    command.args(arguments.lines());
    let input = fs::read(beside(case, "in")).unwrap_or_default();
    let seen = process::run(&mut command, &input)?;

    let wanted = fs::read_to_string(beside(case, "status"))
        .map_or(Ok(status), |text| text.trim().parse())
        .map_err(|error| format!("the .status file: {error}"))?;
    if seen.status != wanted {
        return Err(format!("status {wanted} was expected: {}", seen.describe()));
    }
    check_output(case, &seen).map_err(|message| format!("{message}\n{}", seen.describe()))
}

fn check_output(case: &Path, seen: &Output) -> Result<(), String> {
    expect::check(&beside(case, "out"), "standard output", &seen.stdout)?;
    expect::check(&beside(case, "err"), "standard error", &seen.stderr)
}
