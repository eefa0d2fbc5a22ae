//! Every error code has a case with its exact text: in `ui/`, or, where it takes a command line or odd
//! files to produce it, here, beside an expectation in `files/`.

use orion_diagnostics::ErrorCode;
use orion_tests::process;
use orion_tests::{expect, root};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const HELLO: &str = "fn main() { println(\"hello\") }\n";

/// What nothing can produce while the compiler has no bug: a unit test of the file holds its text.
const BY_BUGS_ONLY: &[(&str, &str)] = &[("E1008", "lang/driver/src/format.rs")];

/// Runs the compiler in a folder made by `prepare`, and compares what it says with `files/NAME.stderr`.
fn says(name: &str, status: i32, arguments: &[&str], prepare: impl FnOnce(&Path)) {
    says_with(name, status, arguments, &[], prepare);
}

fn says_with(
    name: &str,
    status: i32,
    arguments: &[&str],
    variables: &[(&str, &str)],
    prepare: impl FnOnce(&Path),
) {
    let folder = TempDir::new().expect("a temporary folder");
    prepare(folder.path());
    let mut command = Command::new(env!("CARGO_BIN_EXE_orionc-under-test"));
    command.current_dir(folder.path()).args(arguments).env_remove("CC").env_remove("ORION_LINKER");
    command.env("LC_ALL", "C").envs(variables.iter().copied());
    let seen = process::run(&mut command, b"").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((seen.status, seen.stdout.as_str()), (status, ""), "{}", seen.describe());
    let path = root().join("files").join(name).with_extension("stderr");
    expect::check(&path, "standard error", &seen.stderr).unwrap_or_else(|error| panic!("{error}"));
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    fs::write(folder.join(name), bytes).expect("written");
}

#[test]
fn file_too_large() {
    says("file_too_large", 1, &["check", "large.or"], |folder| {
        let file = fs::File::create(folder.join("large.or")).expect("created");
        file.set_len(100 << 20).expect("extended");
    });
}

#[test]
fn file_missing() {
    says("file_missing", 1, &["check", "missing.or"], |_| {});
}

#[test]
fn not_a_source_file() {
    says("not_a_source_file", 1, &["check", "folder.or"], |folder| {
        fs::create_dir(folder.join("folder.or")).expect("created");
    });
    says("not_a_regular_file", 1, &["check", "/dev/null"], |_| {});
}

#[test]
fn not_utf8() {
    says("not_utf8", 1, &["check", "latin.or"], |folder| {
        write(folder, "latin.or", b"fn main() {\n    println(\"caf\xe9\")\n}\n");
    });
}

#[test]
fn output_not_writable() {
    says("output_not_writable", 74, &["build", "a.or", "-o", "no/such/a"], |folder| {
        write(folder, "a.or", HELLO);
    });
    says("output_is_a_folder", 74, &["build", "a.or", "-o", "out"], |folder| {
        write(folder, "a.or", HELLO);
        fs::create_dir(folder.join("out")).expect("created");
    });
}

#[test]
fn linker_missing() {
    let variables = [("PATH", "/nonexistent")];
    says_with("linker_missing", 1, &["build", "a.or"], &variables, |folder| {
        write(folder, "a.or", HELLO);
    });
}

#[test]
fn linker_refuses() {
    let script = "#!/bin/sh\necho 'undefined reference to orion_nothing' >&2\nexit 1\n";
    let variables = [("ORION_LINKER", "./linker")];
    says_with("linker_refuses", 1, &["build", "a.or"], &variables, |folder| {
        use std::os::unix::fs::PermissionsExt;
        write(folder, "a.or", HELLO);
        write(folder, "linker", script);
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.join("linker"), mode).expect("changed");
    });
}

/// The texts of all cases: a code is covered where its head line stands.
#[test]
fn every_code_has_a_case() {
    let mut texts = String::new();
    for folder in ["ui", "files"] {
        let entries = fs::read_dir(root().join(folder)).expect("the folder of cases");
        for entry in entries {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "stderr") {
                texts += &fs::read_to_string(path).expect("text");
            }
        }
    }
    let mut missing = Vec::new();
    for code in ErrorCode::ALL.iter().map(|code| code.as_str()) {
        let elsewhere = BY_BUGS_ONLY.iter().find(|(name, _)| *name == code);
        let head = format!("[{code}]: ");
        let covered = match elsewhere {
            Some((_, file)) => fs::read_to_string(orion_tests::workspace().join(file))
                .expect("the source")
                .contains(&head),
            None => {
                texts.contains(&format!("error{head}")) || texts.contains(&format!("warning{head}"))
            }
        };
        if !covered {
            missing.push(code);
        }
    }
    assert!(missing.is_empty(), "no case in tests/ui or tests/files reports {missing:?}");
}

#[test]
fn there_are_enough_cases() {
    let count = orion_tests::cases("ui").len();
    assert!(count >= 130, "only {count} cases in tests/ui");
}
