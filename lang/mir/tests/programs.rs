//! The cases of `tests/run` and `tests/panic` and the examples, lowered, verified after every pass, and interpreted: what they print must be what is expected, with
//! nothing leaked and no breach of ownership.
//!
//! `ORION_CASE=name` runs one case and prints its MIR. Cases that the front end refuses, and those whose outcome the interpreter
//! does not model (real time, files, state), are passed over.

use std::fs;
use std::path::{Path, PathBuf};

use orion_mir::{build, interp, pipeline, print};
use orion_syntax::SourceMap;
use orion_typeck::{SourceModule, check_program, imports};

/// Foreign functions cannot be interpreted, nor generators saved, nor bytes that are no text read from standard input; a million tasks or levels, and seconds of computing,
/// take too long.
const NOT_MODELLED: &[&str] = &[
    "deep_values",
    "extern_functions",
    "generator_save",
    "deadlock_after_io",
    "generator_save_refused",
    "io_stdin",
    "preempt_fair",
    "preempted",
    "skynet",
];

/// What talks through sockets, by the beginnings of names.
const NETWORK: &[&str] = &["net_", "http_", "echo_server", "chat_server"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Loads a program with its imports and the prelude.
fn load(path: &Path, sources: &mut SourceMap) -> Result<Vec<SourceModule>, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let name = path.strip_prefix(root()).unwrap_or(path).display().to_string();
    let mut modules = vec![parse("main", false, &name, &text, sources)?];
    let mut wanted = vec!["std.prelude".to_owned()];
    let mut next = 0;
    loop {
        while let Some(module) = modules.get(next) {
            wanted.extend(imports(&module.ast).into_iter().map(|(path, _)| path));
            next += 1;
        }
        let Some(import) = wanted.pop() else { return Ok(modules) };
        if modules.iter().any(|module| module.path == import) {
            continue;
        }
        let file = match import.strip_prefix("std.") {
            Some(library) => root().join("stdlib").join(format!("{library}.or")),
            None => path.parent().unwrap_or(path).join(format!("{}.or", import.replace('.', "/"))),
        };
        let text = fs::read_to_string(&file).map_err(|error| format!("{import}: {error}"))?;
        modules.push(parse(&import, import.starts_with("std."), &import, &text, sources)?);
    }
}

fn parse(
    path: &str,
    is_std: bool,
    name: &str,
    text: &str,
    sources: &mut SourceMap,
) -> Result<SourceModule, String> {
    let file = sources.add(name, text);
    let (ast, diagnostics) = orion_parser::parse_file(sources.file(file));
    if orion_diagnostics::has_errors(&diagnostics) {
        return Err(orion_diagnostics::human::render(&diagnostics, sources, false));
    }
    Ok(SourceModule { path: path.to_owned(), is_std, ast })
}

enum Outcome {
    Passed,
    Refused(String),
    Failed(String),
}

fn run_case(path: &Path, show: bool) -> Outcome {
    let mut sources = SourceMap::new();
    let modules = match load(path, &mut sources) {
        Ok(modules) => modules,
        Err(message) => return Outcome::Refused(message),
    };
    let mut checked = check_program(&modules);
    if orion_diagnostics::has_errors(&checked.diagnostics) {
        let errors: Vec<_> = checked
            .diagnostics
            .into_iter()
            .filter(orion_diagnostics::Diagnostic::is_error)
            .collect();
        return Outcome::Refused(orion_diagnostics::human::render(&errors, &sources, false));
    }
    let mut program = match build::build(&mut checked.program, &sources, "case") {
        Ok(program) => program,
        Err(errors) => {
            return Outcome::Refused(orion_diagnostics::human::render(&errors, &sources, false));
        }
    };
    let built = if show { print::program(&program) } else { String::new() };
    if let Err(errors) = pipeline::finish(&mut program, pipeline::Options { verify: true }) {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        return Outcome::Failed(format!("{built}\n{}", errors.join("\n")));
    }
    if show {
        println!("{}", print::program(&program));
    }
    let read = |extension: &str| fs::read_to_string(path.with_extension(extension)).ok();
    let args = read("args").unwrap_or_default().lines().map(str::to_owned).collect();
    let stdin = read("in").unwrap_or_default();
    let options = interp::Options { args, stdin, ..interp::Options::default() };
    let outcome = interp::run(&program, &options);
    let is_panic = path.parent().is_some_and(|folder| folder.ends_with("panic"));
    let status = read("status").and_then(|text| text.trim().parse().ok());
    let status = status.unwrap_or(if is_panic { 101 } else { 0 });
    let mut problems = Vec::new();
    // Cases of panics are judged by their reports, which have positions that the interpreter does not print.
    let expected = if is_panic { outcome.stdout.clone() } else { read("out").unwrap_or_default() };
    if outcome.stdout != expected {
        problems.push(format!("--- expected\n{expected}--- printed\n{}---", outcome.stdout));
    }
    if outcome.status != Some(status) {
        problems.push(format!(
            "status {:?} instead of {status}; standard error:\n{}",
            outcome.status, outcome.stderr
        ));
    }
    if outcome.leaked > 0 {
        problems.push(format!("{} objects leaked", outcome.leaked));
    }
    problems.extend(outcome.faults);
    if problems.is_empty() { Outcome::Passed } else { Outcome::Failed(problems.join("\n")) }
}

fn cases(folder: &str) -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = fs::read_dir(root().join(folder))
        .expect("the folder of cases is there")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "or"))
        .collect();
    cases.sort();
    cases
}

fn run_folder(folder: &str) {
    let chosen = std::env::var("ORION_CASE").ok();
    let mut failed = Vec::new();
    let (mut passed, mut refused) = (0, Vec::new());
    for path in cases(folder) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if NOT_MODELLED.contains(&name.as_str())
            || NETWORK.iter().any(|start| name.starts_with(start))
            || chosen.as_ref().is_some_and(|chosen| *chosen != name)
        {
            continue;
        }
        let show = chosen.is_some();
        // A deep front end and a builder in a debug build: as much stack as the driver gives.
        let outcome = std::thread::Builder::new()
            .stack_size(64 << 20)
            .spawn(move || run_case(&path, show))
            .expect("a thread")
            .join();
        match outcome {
            Ok(Outcome::Passed) => passed += 1,
            Ok(Outcome::Refused(why)) => {
                if chosen.is_some() {
                    println!("{why}");
                }
                refused.push(name);
            }
            Ok(Outcome::Failed(why)) => failed.push(format!("{name}: {why}")),
            Err(_) => failed.push(format!("{name}: the compiler panicked")),
        }
    }
    println!("{folder}: {passed} passed, {} refused: {}", refused.len(), refused.join(" "));
    assert!(failed.is_empty(), "{} failed\n{}", failed.len(), failed.join("\n\n"));
}

#[test]
fn run_cases() {
    run_folder("tests/run");
}

#[test]
fn panic_cases() {
    run_folder("tests/panic");
}

#[test]
fn examples() {
    run_folder("examples");
}
