//! Programs that are stopped, killed and resumed, and state files that must be refused.
//!
//! Each test compiles a program of `tests/durability/` and runs it several times on one state file
//! in a temporary folder.

use orion_tests::compile::Compiler;
use orion_tests::process::{self, Output};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const PAUSED: i32 = 75;
const REFUSED: i32 = 65;
const LOCKED: i32 = 69;
const USAGE: i32 = 64;
const UNWRITABLE: i32 = 74;

/// A program with a state file of its own.
struct Case {
    program: PathBuf,
    folder: TempDir,
}

impl Case {
    fn new(name: &str) -> Self {
        let compiler =
            Compiler::new(env!("CARGO_BIN_EXE_orionc-under-test"), env!("CARGO_TARGET_TMPDIR"));
        let source = Path::new("durability").join(name).with_extension("or");
        let program = compiler.executable(&source, 2).unwrap_or_else(|error| panic!("{error}"));
        Self { program, folder: TempDir::new().expect("a temporary folder") }
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The program with its state file, and more flags or arguments.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(self.folder.path()).env_remove("ORION_FORCE");
        command.args(["--state", "state"]).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        process::run(&mut self.command(arguments), b"").unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs it, and says what it must print and with which status it must end.
    fn expect(&self, status: i32, stdout: &str) -> Output {
        let seen = self.run(&[]);
        assert_eq!((seen.status, seen.stdout.as_str()), (status, stdout), "{}", seen.describe());
        seen
    }

    /// Starts it and lets it run on.
    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the program starts")
    }
}

/// Sends a signal by name. The shell's own `kill` is used: not every machine has the program.
fn signal(child: &Child, name: &str) {
    let line = format!("kill -{name} {}", child.id());
    let status = Command::new("sh").args(["-c", &line]).stderr(Stdio::null()).status();
    status.expect("sh starts");
}

/// Waits for a started program, and gives its status and what it printed.
fn finish(mut child: Child) -> Output {
    let status = process::wait(&mut child, process::LIMIT).expect("it ends");
    let mut output = Output {
        status: process::status_code(status),
        stdout: String::new(),
        stderr: String::new(),
    };
    let mut stdout = child.stdout.take().expect("standard output is piped");
    let mut stderr = child.stderr.take().expect("standard error is piped");
    stdout.read_to_string(&mut output.stdout).expect("UTF-8");
    stderr.read_to_string(&mut output.stderr).expect("UTF-8");
    output
}

/// Reads the first line that a started program prints.
fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    let stdout = child.stdout.as_mut().expect("standard output is piped");
    // One byte at a time: a buffer would swallow what `finish` reads later.
    BufReader::with_capacity(1, stdout).read_line(&mut line).expect("UTF-8");
    line
}

#[test]
fn a_pause_ends_the_run_and_the_next_one_goes_on() {
    let case = Case::new("three_steps");
    case.expect(PAUSED, "yield: 0\n");
    case.expect(PAUSED, "yield: 1\n");
    case.expect(PAUSED, "yield: 2\n");
    case.expect(0, "");
    case.expect(0, "");
    let seen = process::run(&mut Command::new(&case.program), b"").expect("it runs");
    assert_eq!((seen.status, seen.stdout.as_str()), (0, "yield: 0\nyield: 1\nyield: 2\n"));
}

#[test]
fn a_finished_program_stays_finished() {
    let case = Case::new("status");
    case.expect(PAUSED, "first\n");
    case.expect(7, "second\n");
    let file = fs::read(case.state()).expect("the state file");
    case.expect(7, "");
    case.expect(7, "");
    assert_eq!(fs::read(case.state()).expect("the state file"), file);
    let case = Case::new("exits");
    case.expect(9, "leaving\n");
    case.expect(9, "");
}

#[test]
fn locals_of_every_type_survive_in_deep_frames() {
    let case = Case::new("deep_locals");
    case.expect(PAUSED, "");
    case.expect(PAUSED, "");
    case.expect(
        0,
        "6 -9223372036854775808 100 200\n\
         [Circle(1.0), Tagged(\"x\", [7]), Empty] 1.5s 4000000000 NaN t\n\
         0.25 (true, \"t\", 5) [[1, 2], [3], []] \
         [Point { x: 1.5, name: \"parg\" }, Point { x: 1.5, name: \"parg\" }]\n\
         defer of three: [[1, 2, 9], [3], []]\n\
         Point { x: 1.5, name: \"parg\" } 'é' true () arg\n\
         -1 60000 -300 255 one -1\n\
         363\n",
    );
}

#[test]
fn one_of_everything_survives() {
    let case = Case::new("everything");
    case.expect(PAUSED, "");
    case.expect(PAUSED, "[\"shared\", \"list\"] sent 7 [1.5, 2.5]\n");
    let seen = case.run(&[]);
    assert_eq!(seen.status, 0, "{}", seen.describe());
    let mut lines: Vec<&str> = seen.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "6",
            "cleaned",
            "defer of main [\"shared\", \"list\"]",
            "item Pair(1, [\"shared\", \"list\"])",
            "item Text(\"after\")",
            "item Text(\"before\")",
            "selector's defer",
            "sleeper's defer",
        ],
        "{}",
        seen.describe()
    );
}

/// Mutexes held, tasks that wait in each primitive, batches under way, runners suspended and in a step.
#[test]
fn the_primitives_of_the_library_go_on_where_they_stood() {
    let case = Case::new("primitives");
    let whole = process::run(&mut Command::new(&case.program), b"").expect("it runs");
    assert_eq!(whole.status, 0, "{}", whole.describe());
    for part in
        ["mutex 111", "second reader 2", "late answer 81", "Cancelled(", "Done(\"the end\")"]
    {
        assert!(whole.stdout.contains(part), "`{part}` is missing: {}", whole.describe());
    }
    let mut printed = String::new();
    for pause in 0..3 {
        let seen = case.run(&[]);
        assert_eq!(seen.status, PAUSED, "pause {pause}: {}", seen.describe());
        printed += &seen.stdout;
    }
    let seen = case.run(&[]);
    assert_eq!(seen.status, 0, "{}", seen.describe());
    assert_eq!(printed + &seen.stdout, whole.stdout);
}

/// Interrupts a program at random moments, `limit` times at most, with each of the signals in turn, and starts it again with each of the flags in turn, until
/// it ends by itself. How often that was, and all that it printed.
fn interrupt(
    case: &Case,
    flags: &[&[&str]],
    signals: &[&str],
    mut random: u64,
    (limit, longest_us): (usize, u64),
) -> (usize, String) {
    let mut printed = String::new();
    let mut interruptions = 0;
    while interruptions < limit {
        let mut command = case.command(flags[interruptions % flags.len()]);
        command.env("ORION_TEAM", "always").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_micros((random >> 33) % longest_us));
        if child.try_wait().expect("it can be asked").is_none() {
            signal(&child, signals[interruptions % signals.len()]);
        }
        interruptions += 1;
        let seen = finish(child);
        printed += &seen.stdout;
        // A signal that comes before the program has taken it over does what it does by default.
        let expected = [0, PAUSED, 128 + 2, 128 + 9, 128 + 15];
        assert!(expected.contains(&seen.status), "{}", seen.describe());
        if seen.status == 0 {
            break;
        }
    }
    let seen = case.run(&[]);
    printed += &seen.stdout;
    assert_eq!(seen.status, 0, "after {interruptions}: {}", seen.describe());
    (interruptions, printed)
}

/// All primitives at work, interrupted at random moments and resumed with another number of threads each time: the result is
/// that of an undisturbed run.
fn interrupt_library(signals: &[&str], threads: &[&str], seed: u64) {
    let case = Case::new("library");
    let whole = process::run(&mut Command::new(&case.program), b"").expect("it runs");
    assert_eq!(whole.status, 0, "{}", whole.describe());
    assert!(whole.stdout.contains("batches true"), "{}", whole.describe());
    let flags: Vec<Vec<&str>> =
        threads.iter().map(|&count| vec!["--every", "5ms", "--threads", count]).collect();
    let flags: Vec<&[&str]> = flags.iter().map(Vec::as_slice).collect();
    let (_, printed) = interrupt(&case, &flags, signals, seed, (20, 12_000));
    assert_eq!(printed, whole.stdout);
}

#[test]
fn the_library_survives_signals_on_one_thread() {
    interrupt_library(&["TERM", "KILL", "KILL"], &["1"], 4);
}

#[test]
fn the_library_survives_signals_on_several_threads() {
    interrupt_library(&["TERM", "KILL", "KILL", "INT"], &["4", "1", "2"], 5);
}

#[test]
fn generators_are_saved_where_they_stand() {
    let case = Case::new("generators");
    case.expect(PAUSED, "Some(1) Some(\"first\") Some(0) Some(0)\n");
    let second = "Some(2) Some(\"four 4\") Some(1) Some(0) Some(10)\n";
    case.expect(PAUSED, second);
    case.expect(PAUSED, "between 0\n");
    case.expect(PAUSED, "between 1\n");
    let last = "between 2\nSome(3) None 4 shelf Some(20)\ninner ends\na ends\nb ends\n";
    case.expect(0, last);
}

#[test]
fn a_saved_generator_goes_on_in_another_process() {
    let case = Case::new("saved_generator");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&case.program);
        command.args(arguments).env_remove("ORION_FORCE");
        process::run(&mut command, b"").unwrap_or_else(|error| panic!("{error}"))
    };
    let saved = run(&[]);
    assert_eq!(saved.status, 0, "{}", saved.describe());
    let text = saved.stdout.trim_end();
    let loaded = run(&[text]);
    assert_eq!(loaded.stdout, "Some(41) Some(42)\nit ends\n", "{}", loaded.describe());
    // A cut and a flipped digit are errors, and nothing worse.
    for (from, to) in [(0, 40), (2, text.len() - 2), (0, text.len() - 10)] {
        let cut = run(&[&text[from..to]]);
        assert_eq!(cut.status, 0, "{}", cut.describe());
        assert!(!cut.stdout.contains("Some"), "{}", cut.describe());
    }
    for at in (0..text.len()).step_by(97) {
        let mut flipped = text.as_bytes().to_vec();
        flipped[at] = if flipped[at] == b'0' { b'1' } else { b'0' };
        let flipped = String::from_utf8(flipped).expect("digits");
        let seen = run(&[&flipped]);
        assert_eq!(seen.status, 0, "{}", seen.describe());
        assert!(!seen.stdout.contains("Some"), "digit {at}: {}", seen.describe());
    }
}

#[test]
fn a_changed_program_takes_a_saved_generator_over_where_all_that_lives_matches() {
    let case = Case::new("saved_generator");
    let source = orion_tests::root().join("durability/saved_generator.or");
    let source = fs::read_to_string(source).expect("the case");
    let run = |program: &Path, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).env_remove("ORION_FORCE");
        process::run(&mut command, b"").unwrap_or_else(|error| panic!("{error}"))
    };
    let saved = run(&case.program, &[]);
    let load = |from: &str, to: &str| {
        assert!(source.contains(from), "`{from}` is to be changed");
        let path = case.folder.path().join("saved_generator.or");
        fs::write(path, source.replace(from, to)).expect("written");
        let mut compiler = Command::new(env!("CARGO_BIN_EXE_orionc-under-test"));
        compiler.current_dir(case.folder.path()).args(["build", "saved_generator.or"]);
        let built = process::run(&mut compiler, b"").expect("it runs");
        assert_eq!(built.status, 0, "{}", built.describe());
        run(&case.folder.path().join("saved_generator"), &[saved.stdout.trim_end()])
    };
    let stepped = load("n += 1", "n += 100");
    assert_eq!(stepped.stdout, "Some(140) Some(240)\nit ends\n", "{}", stepped.describe());
    // What the new code needs, and the old frame lacks, is named.
    let needy = load(
        "    var n = from\n    while true {\n        @yield(n)\n",
        "    var n = from\n    var step = 1\n    while true {\n        @yield(n)\n        step += n\n",
    );
    assert!(needy.stdout.contains("`step: i64`"), "{}", needy.describe());
    assert!(!needy.stdout.contains("Some"), "{}", needy.describe());
}

#[test]
fn a_hundred_thousand_blocked_tasks_are_saved_killed_and_joined() {
    let case = Case::new("many_blocked");
    let mut child = case.start(&["--every", "0s"]);
    assert_eq!(first_line(&mut child), "ready\n");
    child.kill().expect("it runs");
    finish(child);
    let seen = case.run(&[]);
    assert_eq!(seen.status, 0, "{}", seen.describe());
    assert!(seen.stdout.ends_with("4999950000\n"), "{}", seen.describe());
}

/// The same result after fifty interruptions as without any.
fn interrupt_pipeline(signals: &[&str], seed: u64) {
    let case = Case::new("pipeline");
    let (interruptions, printed) =
        interrupt(&case, &[&["--every", "3ms"]], signals, seed, (50, 25_000));
    assert_eq!(printed, "1500 results, sum 1126125250\n", "after {interruptions}");
    assert!(interruptions > 20, "it ended after {interruptions} interruptions");
}

#[test]
fn a_pipeline_survives_sigterm_at_random_moments() {
    interrupt_pipeline(&["TERM"], 1);
}

#[test]
fn a_pipeline_survives_sigkill_at_random_moments() {
    interrupt_pipeline(&["KILL"], 2);
}

#[test]
fn a_pipeline_survives_all_signals_at_random_moments() {
    interrupt_pipeline(&["TERM", "KILL", "INT"], 3);
}

/// Interrupts a program that computes until it has finished: the result is that of a run without.
fn interrupt_computation(name: &str) {
    let case = Case::new(name);
    let whole = process::run(&mut Command::new(&case.program), b"").expect("it runs");
    assert_eq!(whole.status, 0, "{}", whole.describe());
    let (mut pauses, mut wait) = (0, Duration::from_millis(50));
    loop {
        let child = case.start(&[]);
        std::thread::sleep(wait);
        signal(&child, "TERM");
        let seen = finish(child);
        if seen.status == 0 {
            assert_eq!(seen.stdout, whole.stdout);
            break;
        }
        // A signal that comes before the program has taken it over does what it does by default.
        if seen.status == 128 + 15 {
            wait *= 2;
            continue;
        }
        assert_eq!((seen.status, seen.stdout.as_str()), (PAUSED, ""), "{}", seen.describe());
        pauses += 1;
        assert!(pauses < 200, "it makes no progress");
    }
    assert!(pauses > 0, "it was never interrupted");
}

#[test]
fn a_hot_loop_is_saved_at_a_preemption() {
    interrupt_computation("hot");
}

#[test]
fn a_deep_pure_recursion_is_saved_at_a_preemption() {
    interrupt_computation("deep_pure");
}

#[test]
fn a_million_frames_are_saved_and_return() {
    let case = Case::new("deep_blocked");
    case.expect(PAUSED, "down\n");
    case.expect(0, "1000005\n");
}

#[test]
fn sleeps_are_moments_of_the_wall_clock() {
    let case = Case::new("late_timer");
    case.expect(PAUSED, "");
    std::thread::sleep(Duration::from_millis(450));
    let start = std::time::Instant::now();
    let seen = case.run(&[]);
    assert_eq!(seen.status, 0, "{}", seen.describe());
    assert!(
        seen.stdout.contains("woken\n") && seen.stdout.ends_with("true\n"),
        "{}",
        seen.describe()
    );
    assert!(start.elapsed() < Duration::from_millis(350), "it slept once more");
}

#[test]
fn arguments_belong_to_the_state() {
    let case = Case::new("arguments");
    let seen = case.run(&["one", "--two"]);
    assert_eq!((seen.status, seen.stdout.as_str()), (PAUSED, "[\"one\", \"--two\"]\n"));
    let seen = case.run(&["other"]);
    assert_eq!((seen.status, seen.stdout.as_str()), (0, "[\"one\", \"--two\"]\n"));
    assert!(!seen.stderr.is_empty(), "other arguments are reported");
}

#[test]
fn a_panic_in_restored_frames_leaves_the_checkpoint() {
    let case = Case::new("panics_later");
    case.expect(PAUSED, "before\n");
    let file = fs::read(case.state()).expect("the state file");
    for _ in 0..2 {
        let seen = case.run(&["--every", "0s"]);
        assert_eq!(seen.status, 101, "{}", seen.describe());
        for part in ["division by zero", "inner", "outer", "divider"] {
            assert!(seen.stderr.contains(part), "`{part}` is missing: {}", seen.describe());
        }
        assert_eq!(fs::read(case.state()).expect("the state file"), file);
    }
}

#[test]
fn signals_without_a_state_file_do_what_they_do() {
    let case = Case::new("long");
    let mut command = Command::new(&case.program);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    assert_eq!(first_line(&mut child), "started\n");
    signal(&child, "TERM");
    assert_eq!(finish(child).status, 128 + 15);
}

#[test]
fn a_second_process_is_locked_out() {
    let case = Case::new("long");
    let mut child = case.start(&[]);
    assert_eq!(first_line(&mut child), "started\n");
    let before = fs::read(case.state()).expect("the state file");
    let seen = case.run(&[]);
    assert_eq!((seen.status, seen.stdout.as_str()), (LOCKED, ""), "{}", seen.describe());
    assert!(seen.stderr.contains("state"), "{}", seen.describe());
    assert_eq!(fs::read(case.state()).expect("the state file"), before);
    signal(&child, "TERM");
    assert_eq!(finish(child).status, PAUSED);
    assert!(case.folder.path().join("state.lock").exists(), "the lock file stays");
}

/// Runs `case` on a state file with these bytes, which must be refused and left as they are.
fn refuse(case: &Case, bytes: &[u8], what: &str) {
    fs::write(case.state(), bytes).expect("the state file can be written");
    let seen = case.run(&[]);
    assert_eq!((seen.status, seen.stdout.as_str()), (REFUSED, ""), "{what}: {}", seen.describe());
    assert!(!seen.stderr.trim().is_empty(), "{what}: it says why");
    assert_eq!(fs::read(case.state()).expect("the state file"), bytes, "{what}");
}

#[test]
fn corrupt_files_are_refused_and_left() {
    let case = Case::new("everything");
    case.expect(PAUSED, "");
    let good = fs::read(case.state()).expect("the state file");
    refuse(&case, b"", "empty");
    refuse(&case, b"not a state file at all", "foreign bytes");
    refuse(&case, &[0; 4096], "zeros");
    for cut in [1, good.len() / 2, good.len() - 1] {
        refuse(&case, &good[..cut], &format!("cut to {cut}"));
    }
    let mut longer = good.clone();
    longer.push(0);
    refuse(&case, &longer, "one byte more");
    let step = (good.len() / 40).max(1);
    for at in (0..good.len()).step_by(step) {
        let mut flipped = good.clone();
        flipped[at] ^= 1 << (at % 8);
        refuse(&case, &flipped, &format!("a bit flipped at {at}"));
    }
    fs::write(case.state(), &good).expect("the state file can be written");
    assert_eq!(case.run(&[]).status, PAUSED);
}

#[test]
fn files_of_another_program_are_refused() {
    let other = Case::new("three_steps");
    other.expect(PAUSED, "yield: 0\n");
    let foreign = fs::read(other.state()).expect("the state file");
    let case = Case::new("status");
    refuse(&case, &foreign, "another program's");
    let seen = case.run(&[]);
    assert!(seen.stderr.contains("three_steps"), "it names the program: {}", seen.describe());
}

#[test]
fn a_folder_is_no_state_file() {
    let case = Case::new("three_steps");
    fs::create_dir(case.state()).expect("a folder");
    let seen = case.run(&[]);
    assert_eq!((seen.status, seen.stdout.as_str()), (REFUSED, ""), "{}", seen.describe());
}

#[test]
fn usage_errors_name_what_was_meant() {
    let case = Case::new("three_steps");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&case.program);
        let seen = process::run(command.args(arguments), b"").expect("it runs");
        assert_eq!((seen.status, seen.stdout.as_str()), (USAGE, ""), "{arguments:?}");
        seen.stderr
    };
    assert!(run(&["--stat", "x"]).contains("--state"));
    assert!(run(&["--thread", "2"]).contains("--threads"));
    assert!(run(&["--state"]).contains("--state"));
    assert!(run(&["--state", "s", "--every", "soon"]).contains("soon"));
    assert!(run(&["--threads", "0"]).contains("--threads"));
    assert!(run(&["--seed", "x"]).contains("--seed"));
    assert!(!case.folder.path().join("s").exists());
}

#[test]
fn an_unwritable_state_is_found_before_the_first_statement() {
    let case = Case::new("three_steps");
    for path in ["missing/folder/state", "/proc/orion-state"] {
        let mut command = Command::new(&case.program);
        command.current_dir(case.folder.path()).args(["--state", path]);
        let seen = process::run(&mut command, b"").expect("it runs");
        assert_eq!((seen.status, seen.stdout.as_str()), (UNWRITABLE, ""), "{}", seen.describe());
        assert!(seen.stderr.contains(path), "{}", seen.describe());
    }
}

#[test]
fn nothing_but_the_state_and_its_lock_is_left() {
    let case = Case::new("three_steps");
    case.expect(PAUSED, "yield: 0\n");
    let entries = fs::read_dir(case.folder.path()).expect("the folder");
    let mut names: Vec<_> = entries.map(|e| e.expect("an entry").file_name()).collect();
    names.sort();
    assert_eq!(names, ["state", "state.lock"]);
}

#[test]
fn a_state_can_be_shown_without_the_program() {
    let case = Case::new("deep_locals");
    case.expect(PAUSED, "");
    let show = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orionc-under-test"));
        command.current_dir(case.folder.path()).args(["state", "show"]).args(arguments);
        process::run(&mut command, b"").expect("it runs")
    };
    let seen = show(&["state"]);
    assert_eq!(seen.status, 0, "{}", seen.describe());
    for part in
        ["deep_locals", "\"deep\"", "smallest", "-9223372036854775808", "Tagged(\"x\", [7])"]
    {
        assert!(seen.stdout.contains(part), "`{part}` is missing: {}", seen.describe());
    }
    let seen = show(&["state", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&seen.stdout).expect("JSON");
    assert_eq!(json["program"], "deep_locals");
    assert_eq!(show(&["missing"]).status, UNWRITABLE);
    fs::write(case.state(), "nothing of the kind").expect("written");
    assert_eq!(show(&["state"]).status, REFUSED);
}
