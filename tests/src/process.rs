//! Running a program with a time limit.
//!
//! Input: a `Command`, what to write to its standard input. Output: status, standard output and
//! standard error. Invariant: the program has ended when [`run`] returns, by itself or killed.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Ample for a case on a loaded machine, and short enough that a hang is noticed.
pub const LIMIT: Duration = Duration::from_secs(60);

/// What a program did.
#[derive(Clone, Debug)]
pub struct Output {
    /// Its exit status, or 128 plus the signal that ended it, as a shell would say.
    pub status: i32,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Output {
    /// All of it, as text for a failure's message.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("status {}\n--- stdout\n{}\n--- stderr\n{}", self.status, self.stdout, self.stderr)
    }
}

/// The exit status as a shell gives it.
#[must_use]
pub fn status_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Runs `command` to its end.
///
/// # Errors
/// When it cannot be started, or when it has not ended after [`LIMIT`].
pub fn run(command: &mut Command, stdin: &[u8]) -> Result<Output, String> {
    run_for(command, stdin, LIMIT)
}

/// Runs `command` to its end, with another limit.
///
/// # Errors
/// When it cannot be started, or when it has not ended after `limit`.
pub fn run_for(command: &mut Command, stdin: &[u8], limit: Duration) -> Result<Output, String> {
    run_with(command, stdin, limit, |_| {})
}

/// As [`run_for`]; `meanwhile` is called every few milliseconds until the program has ended.
///
/// # Errors
/// As for [`run_for`].
pub fn run_with(
    command: &mut Command,
    stdin: &[u8],
    limit: Duration,
    meanwhile: impl FnMut(&Child),
) -> Result<Output, String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {:?}: {error}", command.get_program()))?;
    let mut input = child.stdin.take().expect("standard input is piped");
    let bytes = stdin.to_vec();
    // A program may end without reading its input: the broken pipe is not an error of the test.
    let writer = thread::spawn(move || drop(input.write_all(&bytes)));
    let stdout = collect(child.stdout.take().expect("standard output is piped"));
    let stderr = collect(child.stderr.take().expect("standard error is piped"));
    let status = wait_with(&mut child, limit, meanwhile);
    let (stdout, stderr) = (stdout.join(), stderr.join());
    drop(writer.join());
    let (stdout, stderr) = (stdout.expect("the reader ends"), stderr.expect("the reader ends"));
    match status {
        Some(status) => Ok(Output { status: status_code(status), stdout, stderr }),
        None => Err(format!(
            "{:?} had not ended after {limit:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}",
            command.get_program()
        )),
    }
}

fn collect(mut from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(from.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits until `child` has ended; kills it when `limit` is over, and gives `None` then.
pub fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    wait_with(child, limit, |_| {})
}

fn wait_with(
    child: &mut Child,
    limit: Duration,
    mut meanwhile: impl FnMut(&Child),
) -> Option<ExitStatus> {
    let start = Instant::now();
    let mut pause = Duration::from_micros(200);
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if start.elapsed() > limit {
            drop(child.kill());
            drop(child.wait());
            return None;
        }
        meanwhile(child);
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}
