//! Every public function and class of the standard library has an example in its doc comment, and
//! every example runs.
//!
//! A module's examples become one program, each the body of a function of its own, and each in an
//! `async` block, as statements of `main` would be. An example fails by a panic, so it should
//! assert something. They run at both optimisation levels and with every suspend point forced, and leave
//! no value behind.

use orion_tests::compile::Compiler;
use orion_tests::process;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A documented declaration: where it stands, what it is, and the code of its examples.
struct Item {
    line: usize,
    head: String,
    examples: Vec<String>,
}

fn modules() -> Vec<PathBuf> {
    let folder = orion_tests::workspace().join("stdlib");
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .expect("stdlib/")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "or"))
        .collect();
    found.sort();
    found
}

fn name(module: &Path) -> String {
    module.file_stem().expect("a name").to_string_lossy().into_owned()
}

/// The public declarations of a module with the code blocks of their doc comments.
fn items(text: &str) -> Vec<Item> {
    let mut found = Vec::new();
    let mut examples: Vec<String> = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        if let Some(doc) = line.strip_prefix("///") {
            let doc = doc.strip_prefix(' ').unwrap_or(doc);
            match doc.trim_end() {
                "```orion" => {
                    inside = true;
                    examples.push(String::new());
                }
                "```" => inside = false,
                _ if inside => {
                    let example = examples.last_mut().expect("a block is open");
                    example.push_str(doc);
                    example.push('\n');
                }
                _ => {}
            }
            continue;
        }
        inside = false;
        let examples = std::mem::take(&mut examples);
        if line.starts_with("pub ") || !examples.is_empty() {
            found.push(Item { line: index + 1, head: line.to_owned(), examples });
        }
    }
    found
}

/// One program of all examples of a module; none where it has no examples.
fn program(module: &str, items: &[Item]) -> Option<String> {
    let mut imports = BTreeSet::new();
    if module != "prelude" {
        imports.insert(format!("import std.{module}"));
    }
    let (mut functions, mut calls) = (String::new(), String::new());
    for item in items {
        for (number, example) in item.examples.iter().enumerate() {
            let function = format!("example_{number}_at_line_{}", item.line);
            writeln!(functions, "fn {function}() {{ async {{").expect("written");
            for line in example.lines() {
                if line.starts_with("import ") {
                    imports.insert(line.to_owned());
                } else {
                    writeln!(functions, "    {line}").expect("written");
                }
            }
            writeln!(functions, "}} }}\n").expect("written");
            writeln!(calls, "    {function}()").expect("written");
        }
    }
    if calls.is_empty() {
        return None;
    }
    let imports: Vec<String> = imports.into_iter().collect();
    Some(format!("{}\n\n{functions}fn main() {{\n{calls}}}\n", imports.join("\n")))
}

#[test]
fn every_public_function_has_an_example() {
    let mut missing = String::new();
    let mut count = 0;
    for path in modules() {
        let text = fs::read_to_string(&path).expect("text");
        for item in items(&text) {
            let documented =
                ["pub fn ", "pub class "].iter().any(|head| item.head.starts_with(head));
            count += usize::from(documented);
            if documented && item.examples.is_empty() {
                writeln!(missing, "std.{}:{}: {}", name(&path), item.line, item.head)
                    .expect("written");
            }
        }
    }
    assert!(missing.is_empty(), "without an example:\n{missing}");
    assert!(count > 150, "only {count} public functions were found");
}

#[test]
fn every_example_runs() {
    let cache = env!("CARGO_TARGET_TMPDIR");
    let compiler = Compiler::new(env!("CARGO_BIN_EXE_orionc-under-test"), cache);
    let folder = Path::new(cache).join("stdlib");
    fs::create_dir_all(&folder).expect("created");
    let mut failures = String::new();
    for path in modules() {
        let module = name(&path);
        let text = fs::read_to_string(&path).expect("text");
        let Some(program) = program(&module, &items(&text)) else { continue };
        let source = folder.join(format!("examples_of_{module}.or"));
        // In one step: another run of the tests may be reading it.
        let fresh = folder.join(format!("{module}.{}.new", std::process::id()));
        fs::write(&fresh, program).expect("written");
        fs::rename(&fresh, &source).expect("renamed");
        for (level, force) in [(0, None), (2, None), (2, Some("suspend")), (2, Some("restore"))] {
            let program = match compiler.executable(&source, level) {
                Ok(program) => program,
                Err(message) => {
                    failures += &message;
                    break;
                }
            };
            let scratch = TempDir::new().expect("a temporary folder");
            let mut command = Command::new(program);
            command.current_dir(scratch.path()).env_remove("ORION_FORCE");
            command.env("ORION_CHECK", "leaks").envs(force.map(|force| ("ORION_FORCE", force)));
            let seen = process::run(&mut command, b"").unwrap_or_else(|error| panic!("{error}"));
            if seen.status != 0 {
                let mode = force.unwrap_or("no force");
                writeln!(failures, "std.{module} at -O{level}, {mode}: {}", seen.describe())
                    .expect("written");
                break;
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
