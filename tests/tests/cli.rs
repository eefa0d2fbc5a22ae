//! The command line of `orionc`: statuses, messages about files and tools, outputs.

use orion_tests::process::{self, Output};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const HELLO: &str = "fn main() { println(\"hello\") }\n";

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

fn orionc(folder: &Path, arguments: &[&str]) -> Output {
    orionc_with(folder, arguments, &[])
}

fn orionc_with(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orionc-under-test"));
    command.current_dir(folder).args(arguments).env_remove("CC").env_remove("ORION_LINKER");
    command.envs(variables.iter().copied());
    process::run(&mut command, b"").unwrap_or_else(|error| panic!("{error}"))
}

/// The compiler must refuse, with this status and these parts in its message, and must not panic.
fn refused(seen: &Output, status: i32, parts: &[&str]) {
    assert_eq!(seen.status, status, "{}", seen.describe());
    assert!(!seen.stderr.contains("panicked"), "{}", seen.describe());
    for part in parts {
        assert!(seen.stderr.contains(part), "`{part}` is missing: {}", seen.describe());
    }
}

#[test]
fn builds_and_runs() {
    let folder = folder();
    fs::write(folder.path().join("hello.or"), HELLO).expect("written");
    let seen = orionc(folder.path(), &["build", "hello.or"]);
    assert_eq!(seen.status, 0, "{}", seen.describe());
    let mut program = Command::new(folder.path().join("hello"));
    assert_eq!(process::run(&mut program, b"").expect("it runs").stdout, "hello\n");
    let seen = orionc(folder.path(), &["run", "hello.or", "-O0"]);
    assert_eq!((seen.status, seen.stdout.as_str()), (0, "hello\n"), "{}", seen.describe());
    let seen = orionc(folder.path(), &["check", "hello.or"]);
    assert_eq!((seen.status, seen.describe()), (0, "status 0\n--- stdout\n\n--- stderr\n".into()));
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["hello", "hello.or"], "nothing else is left");
}

#[test]
fn run_passes_arguments_and_the_status() {
    let folder = folder();
    let source = "fn main() i32 {\n    println(@args())\n    4\n}\n";
    fs::write(folder.path().join("a.or"), source).expect("written");
    let seen = orionc(folder.path(), &["run", "a.or", "--", "x", "--y"]);
    assert_eq!(
        (seen.status, seen.stdout.as_str()),
        (4, "[\"x\", \"--y\"]\n"),
        "{}",
        seen.describe()
    );
}

#[test]
fn files_that_are_no_programs() {
    let folder = folder();
    let path = folder.path();
    refused(&orionc(path, &["build", "missing.or"]), 1, &["E1001", "missing.or", "no such file"]);
    fs::create_dir(path.join("dir.or")).expect("a folder");
    refused(&orionc(path, &["build", "dir.or"]), 1, &["E1002", "dir.or", "folder"]);
    fs::write(path.join("latin.or"), b"fn main() {\n    println(\"\xe9\")\n}\n").expect("written");
    refused(&orionc(path, &["build", "latin.or"]), 1, &["E1003", "latin.or:2:14"]);
    let large = fs::File::create(path.join("large.or")).expect("created");
    large.set_len(100 << 20).expect("extended");
    refused(&orionc(path, &["build", "large.or"]), 1, &["E0804", "large.or", "100 MiB"]);
    fs::write(path.join("empty.or"), "").expect("written");
    refused(&orionc(path, &["build", "empty.or"]), 1, &["main"]);
    refused(&orionc(path, &["build", "/dev/null"]), 1, &["E1002"]);
}

#[test]
fn outputs_that_cannot_be_written() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("hello.or"), HELLO).expect("written");
    refused(
        &orionc(path, &["build", "hello.or", "-o", "no/such/out"]),
        74,
        &["E1004", "no/such/out"],
    );
    fs::create_dir(path.join("taken")).expect("a folder");
    refused(&orionc(path, &["build", "hello.or", "-o", "taken"]), 74, &["E1004", "folder"]);
    let seen = orionc(path, &["build", "hello.or", "-o", "/dev/null"]);
    assert_eq!(seen.status, 0, "{}", seen.describe());
}

#[test]
fn a_missing_linker_is_named() {
    let folder = folder();
    fs::write(folder.path().join("hello.or"), HELLO).expect("written");
    let variables = [("PATH", "/nonexistent")];
    let seen = orionc_with(folder.path(), &["build", "hello.or"], &variables);
    refused(&seen, 1, &["E1005", "`cc`", "apt-get install gcc"]);
    let variables = [("ORION_LINKER", "no-such-linker")];
    let seen = orionc_with(folder.path(), &["build", "hello.or"], &variables);
    refused(&seen, 1, &["E1005", "`no-such-linker`"]);
    let variables = [("ORION_LINKER", "false")];
    let seen = orionc_with(folder.path(), &["build", "hello.or"], &variables);
    refused(&seen, 1, &["E1006", "`false`"]);
    assert!(!folder.path().join("hello").exists());
}

#[test]
fn usage_errors() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("hello.or"), HELLO).expect("written");
    for arguments in [
        &[][..],
        &["biuld", "hello.or"],
        &["build"],
        &["build", "hello.or", "-O", "9"],
        &["build", "hello.or", "--emit", "wasm"],
        &["build", "hello.or", "--no-such-flag"],
        &["explain", "nonsense"],
    ] {
        refused(&orionc(path, arguments), 64, &[]);
    }
    for arguments in [&["--help"][..], &["--version"], &["build", "--help"]] {
        assert_eq!(orionc(path, arguments).status, 0);
    }
}

#[test]
fn every_stage_can_be_read() {
    let folder = folder();
    let path = folder.path();
    let source = "fn square(x: i64) i64 { x * x }\n\nfn main() { println(square(7)) }\n";
    fs::write(path.join("a.or"), source).expect("written");
    for (stage, part) in
        [("ast", "square"), ("mir", "square"), ("llvm-ir", "define"), ("asm", ".text")]
    {
        let seen = orionc(path, &["build", "a.or", "--emit", stage]);
        assert_eq!(seen.status, 0, "{}", seen.describe());
        assert!(seen.stdout.contains(part), "{stage}: {}", seen.describe());
        let seen = orionc(path, &["build", "a.or", "--emit", stage, "-o", "out.txt"]);
        assert_eq!((seen.status, seen.stdout.as_str()), (0, ""), "{}", seen.describe());
        assert!(fs::read_to_string(path.join("out.txt")).expect("text").contains(part));
    }
    let seen = orionc(path, &["build", "a.or", "--emit", "obj"]);
    assert_eq!(seen.status, 0, "{}", seen.describe());
    assert!(fs::read(path.join("a.o")).expect("an object").starts_with(b"\x7fELF"));
}

#[test]
fn diagnostics_for_tools() {
    let folder = folder();
    fs::write(folder.path().join("a.or"), "fn main() {\n    println(nothing)\n}\n")
        .expect("written");
    let seen = orionc(folder.path(), &["check", "a.or", "--message-format=json"]);
    assert_eq!(seen.status, 1, "{}", seen.describe());
    let lines: Vec<serde_json::Value> = seen
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert_eq!(lines.len(), 1, "{}", seen.describe());
    assert_eq!(lines[0]["severity"], "error");
    assert_eq!(lines[0]["spans"][0]["line"], 2);
    assert_eq!(lines[0]["spans"][0]["column"], 13);
}

#[test]
fn explains_codes() {
    let folder = folder();
    let seen = orionc(folder.path(), &["explain", "e0010"]);
    assert_eq!(seen.status, 0, "{}", seen.describe());
    assert!(seen.stdout.starts_with("# E0010: "), "{}", seen.describe());
}

#[test]
fn builds_are_reproducible() {
    let (one, other) = (folder(), folder());
    let nested = other.path().join("deeper/still");
    fs::create_dir_all(&nested).expect("folders");
    let source = fs::read(orion_tests::root().join("run/worker_pool.or")).expect("the case");
    let mut programs = Vec::new();
    for path in [one.path(), &nested] {
        fs::write(path.join("a.or"), &source).expect("written");
        let seen = orionc(path, &["build", "a.or"]);
        assert_eq!(seen.status, 0, "{}", seen.describe());
        programs.push(fs::read(path.join("a")).expect("the program"));
    }
    assert!(programs[0] == programs[1], "two builds differ");
}

#[test]
fn modules_are_found_beside_the_main_file() {
    let folder = folder();
    let path = folder.path();
    fs::create_dir_all(path.join("src/geometry")).expect("folders");
    let main = "import geometry.shapes\n\nfn main() { println(shapes.area(2.0, 3.0)) }\n";
    fs::write(path.join("src/main.or"), main).expect("written");
    let module = "pub fn area(w: f64, h: f64) f64 { w * h }\n";
    fs::write(path.join("src/geometry/shapes.or"), module).expect("written");
    let seen = orionc(path, &["run", "src/main.or"]);
    assert_eq!((seen.status, seen.stdout.as_str()), (0, "6.0\n"), "{}", seen.describe());
}

/// Folders, times and the order of hash maps do not reach the result.
#[test]
fn two_builds_in_different_folders_are_identical() {
    let examples = orion_tests::workspace().join("examples");
    for (name, level) in [("json_pretty.or", "-O2"), ("spreadsheet.or", "-O2"), ("bank.or", "-O0")]
    {
        let build = |program: &Path| {
            let folder = folder();
            let inner = folder.path().join(program);
            fs::create_dir_all(&inner).expect("created");
            fs::copy(examples.join(name), inner.join(name)).expect("copied");
            let seen = orionc(&inner, &["build", name, level, "-o", "out"]);
            assert_eq!(seen.status, 0, "{}", seen.describe());
            fs::read(inner.join("out")).expect("the executable")
        };
        let (one, other) = (build(Path::new("a")), build(Path::new("some/where/else")));
        assert!(one == other, "two builds of {name} at {level} differ");
    }
}

#[test]
fn tests_are_run_and_failures_are_shown_with_their_source() {
    let folder = folder();
    let source = "fn half(n: i64) i64 { n / 2 }\n\ntest \"halves\" { @assert(half(4) == 2) }\n\n\
                  test \"odd halves\" {\n    let n = 5\n    @assert(half(n) == 3)\n}\n\n\
                  test \"none\" {\n    let x: Option[i64] = None\n    println(x.unwrap())\n}\n";
    fs::write(folder.path().join("a.or"), source).expect("written");
    fs::write(folder.path().join("b.or"), "test \"other\" {}\n").expect("written");
    let seen = orionc(folder.path(), &["test"]);
    let expected = "ok      ./a.or: halves\n\
        FAILED  ./a.or: odd halves\n\
        \x20   panic: assertion failed: 2 == 3\n\
        \x20     at {test \"odd halves\"} (./a.or:7:5)\n\
        \x20       |\n\
        \x20     7 |     @assert(half(n) == 3)\n\
        \x20       |     ^\n\
        \x20   status 101\n\
        FAILED  ./a.or: none\n\
        \x20   panic: unwrap of None\n\
        \x20     at unwrap[i64] (LIBRARY)\n\
        \x20     at {test \"none\"} (./a.or:12:13)\n\
        \x20        |\n\
        \x20     12 |     println(x.unwrap())\n\
        \x20        |             ^\n\
        \x20   status 101\n\
        ok      ./b.or: other\n\
        2 passed, 2 failed\n";
    let line = seen.stdout.lines().find(|line| line.contains("std/prelude.or")).unwrap_or("()");
    let library = line.split(['(', ')']).nth(1).unwrap_or_default();
    assert_eq!((seen.status, seen.stdout.replace(library, "LIBRARY").as_str()), (1, expected));
    let seen = orionc(folder.path(), &["test", "a.or", "--filter", "halves"]);
    assert!(seen.stdout.ends_with("1 passed, 1 failed\n"), "{}", seen.describe());
    let seen = orionc(folder.path(), &["test", "a.or", "--filter", "no such"]);
    assert_eq!((seen.status, seen.stdout.as_str()), (0, "0 passed, 0 failed\n"));
    refused(&orionc(folder.path(), &["test", "--seed", "1", "--explore", "2"]), 64, &["--explore"]);
    refused(&orionc(folder.path(), &["test", "--explore", "0"]), 64, &["--explore"]);
}

#[test]
fn hostile_sources_give_errors() {
    let folder = folder();
    let path = folder.path();
    let name = "x".repeat(1 << 20);
    for source in [
        "(".repeat(1_000_000),
        format!("fn main() {{ println({}) }}", "(".repeat(1_000_000)),
        format!("fn main() {{ let x = {}1 }}", "-".repeat(100_000)),
        format!("fn main() {{ println(1{}) }}", " + 1".repeat(200_000)),
        format!("fn main() {{ let {name} = 1 }}"),
        "\0\u{1}\u{2}".to_owned(),
        "fn main() { \"".to_owned(),
        "/*".repeat(100_000),
        "fn main() { println(\"{\"{\"{".to_owned(),
    ] {
        fs::write(path.join("a.or"), &source).expect("written");
        let seen = orionc(path, &["check", "a.or"]);
        let head: String = source.chars().take(60).collect();
        assert_eq!(seen.status, 1, "{head}");
        assert!(!seen.stderr.contains("panicked"), "{head}");
    }
}

#[test]
fn formats_files_folders_and_standard_input() {
    let folder = folder();
    let path = folder.path();
    fs::create_dir(path.join("sub")).expect("a folder");
    fs::write(path.join("a.or"), "fn f( ){1 ;2}").expect("written");
    fs::write(path.join("sub/b.or"), "fn g() { 1 }\n").expect("written");
    fs::write(path.join("sub/c.or"), "fn g() { 1  }\n").expect("written");
    let seen = orionc(path, &["fmt", "--check"]);
    assert_eq!((seen.status, seen.stdout.as_str()), (1, "a.or\nsub/c.or\n"), "{}", seen.describe());
    let seen = orionc(path, &["fmt"]);
    assert_eq!((seen.status, seen.stdout.as_str()), (0, ""), "{}", seen.describe());
    assert_eq!(fs::read_to_string(path.join("a.or")).expect("text"), "fn f() { 1; 2 }\n");
    let seen = orionc(path, &["fmt", "--check", "a.or", "sub"]);
    assert_eq!((seen.status, seen.stdout.as_str()), (0, ""), "{}", seen.describe());

    fs::write(path.join("broken.or"), "fn f( {\n").expect("written");
    refused(&orionc(path, &["fmt", "broken.or"]), 1, &["broken.or:1:7"]);
    assert_eq!(fs::read_to_string(path.join("broken.or")).expect("text"), "fn f( {\n");
    refused(&orionc(path, &["fmt", "missing.or"]), 1, &["E1001", "missing.or"]);
    refused(&orionc(path, &["fmt", "-", "a.or"]), 64, &["`-` stands alone"]);

    let with_input = |arguments: &[&str], input: &[u8]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orionc-under-test"));
        command.current_dir(path).args(arguments);
        process::run(&mut command, input).unwrap_or_else(|error| panic!("{error}"))
    };
    let seen = with_input(&["fmt", "-"], b"fn  f(){}");
    assert_eq!((seen.status, seen.stdout.as_str()), (0, "fn f() {}\n"), "{}", seen.describe());
    let seen = with_input(&["fmt", "-", "--check"], b"fn  f(){}");
    assert_eq!((seen.status, seen.stdout.as_str()), (1, "<stdin>\n"), "{}", seen.describe());
    refused(&with_input(&["fmt", "-"], b"fn f(\xff"), 1, &["E1003", "<stdin>:1:6"]);
    refused(&with_input(&["fmt", "-"], &b" ".repeat((4 << 20) + 1)), 1, &["E0804"]);
}

#[test]
fn the_library_and_the_examples_are_formatted() {
    let root = orion_tests::workspace();
    let seen = orionc(&root, &["fmt", "--check", "stdlib", "examples"]);
    assert_eq!((seen.status, seen.stdout.as_str()), (0, ""), "{}", seen.describe());
}

#[test]
fn hostile_sources_are_not_formatted() {
    let folder = folder();
    let path = folder.path();
    for source in [
        "(".repeat(1_000_000),
        "fn f() { let x = ".to_owned() + &"{".repeat(300),
        format!("fn f() {{ let {} = 1 }}", "x".repeat(1 << 20)),
        "/*".repeat(100_000),
    ] {
        fs::write(path.join("a.or"), &source).expect("written");
        refused(&orionc(path, &["fmt", "a.or"]), 1, &[]);
        assert!(fs::read_to_string(path.join("a.or")).expect("text") == source);
    }
    let large = fs::File::create(path.join("large.or")).expect("created");
    large.set_len(100 << 20).expect("extended");
    refused(&orionc(path, &["fmt", "large.or"]), 1, &["E0804", "100 MiB"]);
    // As deep as the limits allow.
    for source in [
        format!("fn f() {{ let x = {}1{} }}", "f(a, ".repeat(250), ")".repeat(250)),
        format!("fn f() {{ let x = a{} }}", ".b()".repeat(950)),
        format!("fn f() {{ let x = 1{} }}", " + 1".repeat(1900)),
        format!("fn f() {{ let x = {}a }}", "-".repeat(1900)),
    ] {
        fs::write(path.join("deep.or"), &source).expect("written");
        let seen = orionc(path, &["fmt", "deep.or"]);
        assert_eq!(seen.status, 0, "{}", seen.describe());
    }
}
