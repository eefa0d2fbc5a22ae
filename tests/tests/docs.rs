//! Every `orion` code block of the documentation compiles, and every error code's page tells the
//! truth: its wrong example reports that code, its right example none.
//!
//! A block with `fn main` is a program as it stands; one that begins with a declaration gets an
//! empty `main`; any other is the body of one.

use orion_tests::process;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const DECLARATIONS: &[&str] =
    &["fn ", "pub ", "type ", "const ", "class ", "instance", "extern ", "import ", "test ", "///"];

fn as_program(block: &str) -> String {
    if block.contains("fn main(") {
        return block.to_owned();
    }
    let mut lines = block.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with("// ")).unwrap_or("");
    if DECLARATIONS.iter().any(|word| first.starts_with(word)) {
        return format!("{block}\nfn main() {{ }}\n");
    }
    format!("fn main() {{\n{block}}}\n")
}

/// The `orion` blocks of a Markdown file, each with the number of its first line.
fn blocks(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        match line.trim_end() {
            "```orion" => {
                inside = true;
                found.push((index + 2, String::new()));
            }
            "```" => inside = false,
            _ if inside => {
                let (_, block) = found.last_mut().expect("a block is open");
                *block += line;
                block.push('\n');
            }
            _ => {}
        }
    }
    found
}

/// Checks a program. Lines like `// name.or` divide it into files, the first of which is the main
/// file.
fn check(program: &str) -> process::Output {
    let folder = TempDir::new().expect("a temporary folder");
    let mut files: Vec<(String, String)> = Vec::new();
    for line in program.lines() {
        match line.strip_prefix("// ").filter(|name| name.ends_with(".or") && !name.contains(' ')) {
            Some(name) => files.push((name.to_owned(), String::new())),
            None if files.is_empty() => files.push(("main.or".to_owned(), format!("{line}\n"))),
            None => {
                let (_, text) = files.last_mut().expect("a file is open");
                *text += line;
                text.push('\n');
            }
        }
    }
    for (name, text) in &files {
        fs::write(folder.path().join(name), text).expect("written");
    }
    let main = files.first().map_or("main.or", |(name, _)| name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_orionc-under-test"));
    command.current_dir(folder.path()).args(["check", main]);
    process::run(&mut command, b"").unwrap_or_else(|error| panic!("{error}"))
}

fn documents() -> Vec<PathBuf> {
    let root = orion_tests::workspace();
    let mut found: Vec<PathBuf> = fs::read_dir(root.join("docs"))
        .expect("docs/")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    found.push(root.join("README.md"));
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_block_of_the_documentation_compiles() {
    let mut failures = String::new();
    let mut count = 0;
    for path in documents() {
        for (line, block) in blocks(&read(&path)) {
            count += 1;
            let seen = check(&as_program(&block));
            if seen.status != 0 {
                failures += &format!("{}:{line}\n{}\n", path.display(), seen.describe());
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
    assert!(count > 15, "only {count} blocks were found");
}

#[test]
fn every_page_of_an_error_code_tells_the_truth() {
    let folder = orion_tests::workspace().join("lang/diagnostics/pages");
    let mut pages: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the pages")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    pages.sort();
    let mut failures = String::new();
    for page in pages {
        let code = page.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = read(&page);
        let section = |heading: &str| {
            let rest = text.split_once(heading)?.1;
            blocks(rest.split("\n## ").next()?).into_iter().next()
        };
        if let Some((_, wrong)) = section("## Wrong") {
            let seen = check(&wrong);
            if !seen.stderr.contains(&format!("[{code}]")) {
                failures += &format!("{code}: the wrong example\n{wrong}{}\n", seen.describe());
            }
        }
        if let Some((_, right)) = section("## Right") {
            let seen = check(&right);
            if seen.status != 0 || seen.stderr.contains(&format!("[{code}]")) {
                failures += &format!("{code}: the right example\n{right}{}\n", seen.describe());
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
