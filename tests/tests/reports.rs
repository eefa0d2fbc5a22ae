//! Reports: of a program that runs, and as the documentation shows them.

use orion_tests::compile::Compiler;
use orion_tests::process;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

#[test]
fn a_running_program_reports_and_goes_on() {
    let compiler =
        Compiler::new(env!("CARGO_BIN_EXE_orionc-under-test"), env!("CARGO_TARGET_TMPDIR"));
    let program = compiler.executable(Path::new("durability/live.or"), 2).expect("it compiles");
    let mut command = Command::new(program);
    command.env_remove("ORION_FORCE").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stderr = child.stderr.take().expect("standard error is piped");
    let errors = thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).expect("UTF-8");
        text
    });
    let mut stdout = BufReader::new(child.stdout.take().expect("standard output is piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("UTF-8");
    assert_eq!(line, "ready\n");
    for _ in 0..2 {
        let kill = format!("kill -QUIT {}", child.id());
        Command::new("sh").args(["-c", &kill]).status().expect("sh starts");
        thread::sleep(Duration::from_millis(100));
    }
    let status = process::wait(&mut child, process::LIMIT).expect("it ends");
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("UTF-8");
    let report = errors.join().expect("the reader ends");
    assert_eq!((process::status_code(status), rest.as_str()), (0, "true\ndone\n"), "{report}");

    assert_eq!(report.matches("2003 tasks\n").count(), 2, "{report}");
    for part in [
        "main task\n  waits for 500ms to pass\n  at main (durability/live.or:17:9)\n",
        "\"spinner\", spawned by main (durability/live.or:12:23)\n",
        "  at spin (durability/live.or:4:5)\n",
        "\"sleeper\", spawned by main (durability/live.or:13:9)\n  waits for 1h0m0s to pass\n",
        "2000 tasks (task 4, task 5, task 6, task 7, task 8 and 1995 more), spawned by main",
        "  waits to receive from `gate`, made at durability/live.or:10:26 (length 0, capacity 0; \
         0 senders and 2000 receivers wait on it)\n",
    ] {
        assert!(report.contains(part), "`{part}` is missing:\n{report}");
    }
}

#[test]
fn the_documentation_shows_the_reports_that_programs_make() {
    let read = |path: &Path| {
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let page = read(&orion_tests::workspace().join("docs/tasks.md"));
    for case in ["deadlock_reported", "three_tasks"] {
        let case = orion_tests::root().join("panic").join(case);
        for (extension, language) in [("or", "orion"), ("err", "text")] {
            let path = case.with_extension(extension);
            let block = format!("```{language}\n{}```\n", read(&path));
            assert!(page.contains(&block), "docs/tasks.md does not show {}", path.display());
        }
    }
}
