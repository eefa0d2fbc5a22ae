//! Limits: many tasks, tasks that never wait, deep recursion on a small native stack, and memory that runs out.

use orion_tests::compile::Compiler;
use orion_tests::process::{self, Output};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// What a blocked task may cost, in bytes of resident memory.
const TASK_BYTES_MAX: i64 = 260;

fn compile(case: &str) -> PathBuf {
    let compiler =
        Compiler::new(env!("CARGO_BIN_EXE_orionc-under-test"), env!("CARGO_TARGET_TMPDIR"));
    compiler.executable(Path::new(case), 2).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs a program under a limit of the shell's `ulimit`.
fn run_limited(case: &str, limit: &str) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit {limit} && exec \"$0\"")]).arg(compile(case));
    command.env_remove("ORION_FORCE");
    process::run(&mut command, b"").unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_million_tasks_are_cheap() {
    let mut command = Command::new(compile("../bench/programs/million_tasks.or"));
    command.env_remove("ORION_FORCE");
    let seen = process::run(&mut command, b"").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(seen.status, 0, "{}", seen.describe());
    let lines: Vec<&str> = seen.stdout.lines().collect();
    assert_eq!(lines[2], "sum 499999500000", "{}", seen.describe());
    let bytes: i64 = lines[0]
        .strip_suffix(" bytes per task")
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("{}", seen.describe()));
    assert!((100..=TASK_BYTES_MAX).contains(&bytes), "{}", seen.describe());
}

#[test]
fn ten_million_frames_need_no_native_stack() {
    for limit in ["-s 8192", "-s 256"] {
        let seen = run_limited("limits/ten_million_frames.or", limit);
        assert_eq!((seen.status, seen.stdout.as_str()), (0, "10000000\ntrue\n"), "{limit}");
    }
}

#[test]
fn exhausted_memory_is_an_error_and_no_signal() {
    let cases =
        ["recursion", "list", "tasks", "map", "string"].map(|name| format!("endless_{name}"));
    for name in cases.iter().map(String::as_str).chain(["huge_list"]) {
        // In KiB: room for the program, or hardly any.
        for kib in [1_000_000, 50_000] {
            let seen = run_limited(&format!("limits/{name}.or"), &format!("-v {kib}"));
            let what = format!("{name} in {kib} KiB: {}", seen.describe());
            assert_eq!((seen.status, seen.stdout.as_str()), (101, "before\n"), "{what}");
            assert!(seen.stderr.starts_with("error: out of memory (asked for "), "{what}");
        }
    }
}

#[test]
fn a_sleeper_beside_an_endless_loop_wakes_in_time() {
    let program = compile("limits/sleeper.or");
    // On a machine with other work the best of some runs counts.
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        let seen = process::run(Command::new(&program).env_remove("ORION_FORCE"), b"");
        let seen = seen.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((seen.status, seen.stdout.as_str()), (0, "over\n"), "{}", seen.describe());
        best = best.min(start.elapsed());
        if best < Duration::from_millis(200) {
            return;
        }
    }
    panic!("it took {best:?} at best");
}

#[test]
fn endless_tasks_share_the_thread() {
    let mut command = Command::new(compile("limits/fair.or"));
    let seen =
        process::run(command.env_remove("ORION_FORCE"), b"").unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(seen.status, 0, "{}", seen.describe());
    let numbers: Vec<u64> = seen.stdout.split_whitespace().filter_map(|w| w.parse().ok()).collect();
    let &[first, second, ticks] = &numbers[..] else { panic!("{}", seen.describe()) };
    assert!(first > 0 && second > 0, "{}", seen.describe());
    assert!(first / second < 5 && second / first < 5, "{}", seen.describe());
    // Each of the three others has about 10 ms before a tick is served.
    assert!((3..=100).contains(&ticks), "{}", seen.describe());
    assert!(seen.stdout.ends_with("fib Ok(75025)\n"), "{}", seen.describe());
}
