//! Seeds: `orionc test --explore` finds planted bugs and prints a seed that shows them again, and a
//! program under `--seed` gives the same run to the byte.

use orion_tests::compile::Compiler;
use orion_tests::process::{self, Output};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn compiler() -> Compiler {
    Compiler::new(env!("CARGO_BIN_EXE_orionc-under-test"), env!("CARGO_TARGET_TMPDIR"))
}

fn test(arguments: &[&str]) -> Output {
    let mut command = compiler().command();
    command.arg("test").args(arguments);
    process::run(&mut command, b"").unwrap_or_else(|error| panic!("{error}"))
}

/// Explores a file with a sound test and one with a planted bug, and replays the seed that it prints.
fn finds(file: &str, sound: &str, planted: &str, symptom: &str, status: &str) {
    let plain = test(&[file]);
    assert_eq!(plain.status, 0, "the usual order hides the bug: {}", plain.describe());

    let found = test(&[file, "--explore", "1000"]);
    assert_eq!(found.status, 1, "{}", found.describe());
    let lines: Vec<&str> = found.stdout.lines().collect();
    assert_eq!(lines[0], format!("ok      {file}: {sound}"), "{}", found.describe());
    assert_eq!(lines[1], format!("FAILED  {file}: {planted}"), "{}", found.describe());
    assert!(found.stdout.contains(symptom), "{}", found.describe());
    assert!(lines.contains(&format!("    {status}").as_str()), "{}", found.describe());
    assert_eq!(lines.last(), Some(&"1 passed, 1 failed"));

    // The last line of the failure is the command that shows it again.
    let words: Vec<&str> = lines[lines.len() - 2].split_whitespace().collect();
    assert_eq!(words[..4], ["orionc", "test", file, "--filter"], "{}", found.describe());
    let seed = words[words.len() - 1];
    let report = |output: &Output| -> Vec<String> {
        let lines = output.stdout.lines().skip_while(|line| !line.starts_with("FAILED"));
        lines.take_while(|line| !line.starts_with("1 passed")).map(str::to_owned).collect()
    };
    for _ in 0..3 {
        let again = test(&[file, "--filter", planted, "--seed", seed]);
        assert_eq!(again.status, 1, "{}", again.describe());
        let mut seen = report(&again);
        seen.retain(|line| !line.ends_with("failed"));
        assert_eq!(seen, report(&found), "the seed shows another run");
    }
}

#[test]
fn a_lost_update_is_found() {
    finds(
        "explore/lost_update.or",
        "deposits one after the other",
        "deposits at once",
        "assertion failed",
        "status 101",
    );
}

#[test]
fn a_deadlock_by_lock_order_is_found() {
    finds("explore/lock_order.or", "the same order", "another order", "deadlock:", "status 102");
}

#[test]
fn a_cancelled_select_loses_nothing() {
    let seen = test(&["explore/select_cancelled.or", "--explore", "1000"]);
    assert_eq!(seen.status, 0, "{}", seen.describe());
}

#[test]
fn who_only_yields_is_cancelled_at_a_yield() {
    let seen = test(&["explore/cancel_yields.or", "--explore", "300"]);
    assert_eq!(seen.status, 0, "{}", seen.describe());
}

/// `std.sync`, `std.batch` and `std.runner`: what their run cases do, under many schedules.
#[test]
fn the_primitives_of_the_library_hold_under_every_seed() {
    for file in ["sync_locks", "sync_meeting", "sync_calls", "batches", "runners"] {
        let seen = test(&[&format!("run/{file}.or"), "--explore", "200"]);
        assert_eq!(seen.status, 0, "{}", seen.describe());
    }
}

#[test]
fn a_test_that_never_ends_is_stopped_and_shows_where_it_is() {
    let seen = test(&["explore/endless.or", "--limit", "1", "--explore", "2"]);
    assert_eq!(seen.status, 1, "{}", seen.describe());
    for part in
        ["ok      explore/endless.or: ends", "it had not ended after 1 s", "explore/endless.or:3"]
    {
        assert!(seen.stdout.contains(part), "`{part}` is missing: {}", seen.describe());
    }
}

#[test]
fn time_does_not_pass_in_tests_under_a_seed() {
    let start = std::time::Instant::now();
    let seen = test(&["explore/long_sleep.or", "--explore", "50"]);
    assert_eq!(seen.status, 0, "{}", seen.describe());
    assert!(start.elapsed().as_secs() < 30, "it waited");
}

fn schedules() -> PathBuf {
    compiler().executable(Path::new("explore/schedules.or"), 2).unwrap_or_else(|e| panic!("{e}"))
}

fn run_seeded(program: &Path, seed: u64) -> String {
    let mut command = Command::new(program);
    command.env_remove("ORION_FORCE").args(["--seed", &seed.to_string()]);
    let seen = process::run(&mut command, b"").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((seen.status, seen.stderr.as_str()), (0, ""), "{}", seen.describe());
    seen.stdout
}

#[test]
fn a_seed_decides_the_run_and_seeds_differ() {
    let program = schedules();
    let mut runs = BTreeSet::new();
    for seed in 0..40 {
        let run = run_seeded(&program, seed);
        assert_eq!(run, run_seeded(&program, seed), "seed {seed} gives two runs");
        runs.insert(run);
    }
    assert!(runs.len() > 30, "only {} schedules of 40", runs.len());
}

#[test]
fn a_paused_run_under_a_seed_goes_on_as_if_it_had_not_been_paused() {
    let program = compiler().executable(Path::new("explore/paused.or"), 2).expect("it compiles");
    for seed in 0..20 {
        let whole = run_seeded(&program, seed);
        let folder = tempfile::TempDir::new().expect("a temporary folder");
        let mut printed = String::new();
        for round in 0.. {
            let mut command = Command::new(&program);
            command.current_dir(folder.path()).env_remove("ORION_FORCE");
            command.args(["--seed", &seed.to_string(), "--state", "state", "--every", "0s"]);
            let seen = process::run(&mut command, b"").unwrap_or_else(|error| panic!("{error}"));
            printed += &seen.stdout;
            if seen.status == 0 {
                assert_eq!(round, 3, "it pauses three times");
                break;
            }
            assert_eq!(seen.status, 75, "{}", seen.describe());
        }
        assert_eq!(printed, whole, "seed {seed}");
    }
}
