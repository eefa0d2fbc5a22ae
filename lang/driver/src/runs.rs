//! Running the tests of a compiled test program, in parallel and under many seeds.
//!
//! Input: the executable and the seeds. Output: how each test went, in order. Algorithm: a pool of
//! threads takes (test, seed) pairs in ascending order; of a test that has failed, only smaller seeds
//! are still run, so that the least failing seed is reported, whatever the number of threads.

use crate::testing::TestFailure;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// The environment variable that tells a test program which of its tests to run.
const TEST_VARIABLE: &str = "ORION_TEST";

/// How long a program that is ended gets to report what it was doing.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Seeds of the scheduler to run a test under.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seeds {
    /// None: once, in real time.
    Unseeded,
    /// Once under this one.
    One(u64),
    /// From 0 to below this number, until one fails.
    Below(u64),
}

/// An executable with several tests.
pub struct TestProgram {
    /// Where it is.
    pub path: PathBuf,
    /// How many tests it has.
    pub count: usize,
    /// After which time a run is ended.
    pub limit: Duration,
}

/// What the threads share.
struct Progress {
    /// The next test, and the number of its next run.
    next: (usize, u64),
    /// Of each test: runs not finished yet, and the least one that failed.
    tests: Vec<(u64, Option<(u64, TestFailure)>)>,
    /// Why a program could not be started.
    error: Option<io::Error>,
}

impl Progress {
    /// The next run, if there is one.
    fn take(&mut self, runs: u64) -> Option<(usize, u64)> {
        while self.error.is_none() && self.next.0 < self.tests.len() {
            let (test, run) = self.next;
            let failed_before = self.tests[test].1.as_ref().is_some_and(|(at, _)| *at < run);
            if run < runs && !failed_before {
                self.next.1 += 1;
                self.tests[test].0 += 1;
                return Some((test, run));
            }
            self.next = (test + 1, 0);
        }
        None
    }

    /// Whether nothing more is to be expected of a test.
    fn is_over(&self, test: usize) -> bool {
        self.next.0 > test && self.tests[test].0 == 0
    }
}

impl TestProgram {
    /// Runs all tests and reports each, in order.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn run(
        &self,
        seeds: &Seeds,
        on_result: &mut dyn FnMut(usize, Option<TestFailure>),
    ) -> io::Result<()> {
        let runs = if let Seeds::Below(count) = *seeds { count } else { 1 };
        let progress = Mutex::new(Progress {
            next: (0, 0),
            tests: (0..self.count).map(|_| (0, None)).collect(),
            error: None,
        });
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let (finished, news) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..threads {
                let (progress, finished) = (&progress, finished.clone());
                scope.spawn(move || {
                    loop {
                        let taken = lock(progress).take(runs);
                        let Some((test, run)) = taken else { break };
                        let result = self.run_once(test, seeds, run);
                        let mut now = lock(progress);
                        now.tests[test].0 -= 1;
                        match result {
                            Ok(None) => {}
                            Ok(Some(failure)) => {
                                let least = now.tests[test].1.as_ref().map(|(at, _)| *at);
                                if least.is_none_or(|at| run < at) {
                                    now.tests[test].1 = Some((run, failure));
                                }
                            }
                            Err(error) => now.error = Some(error),
                        }
                        drop(now);
                        _ = finished.send(());
                    }
                    // The receiver is alive as long as the scope is.
                    _ = finished.send(());
                });
            }
            drop(finished);
            let mut reported = 0;
            while news.recv().is_ok() {
                loop {
                    let mut now = lock(&progress);
                    if reported == self.count || now.error.is_some() || !now.is_over(reported) {
                        break;
                    }
                    let failure = now.tests[reported].1.take().map(|(_, failure)| failure);
                    drop(now);
                    on_result(reported, failure);
                    reported += 1;
                }
            }
        });
        let error = lock(&progress).error.take();
        error.map_or(Ok(()), Err)
    }

    /// Runs a test to its end or to the limit.
    fn run_once(&self, test: usize, seeds: &Seeds, run: u64) -> io::Result<Option<TestFailure>> {
        let seed = match *seeds {
            Seeds::Unseeded => None,
            Seeds::One(seed) => Some(seed),
            Seeds::Below(_) => Some(run),
        };
        let (mut reader, writer) = io::pipe()?;
        let mut command = Command::new(&self.path);
        command.env(TEST_VARIABLE, test.to_string()).stdin(Stdio::null());
        if let Some(seed) = seed {
            command.args(["--seed", &seed.to_string()]);
        }
        // One pipe for both streams: what was printed is shown in its order.
        command.stdout(writer.try_clone()?).stderr(writer);
        let mut child = command.spawn()?;
        // The command holds the writing ends, and the pipe ends with the last of them.
        drop(command);
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            drop(reader.read_to_end(&mut bytes));
            drop(sender.send(bytes));
        });
        let (bytes, in_time) = match output.recv_timeout(self.limit) {
            Ok(bytes) => (bytes, true),
            Err(RecvTimeoutError::Disconnected) => (Vec::new(), true),
            Err(RecvTimeoutError::Timeout) => {
                end(&mut child);
                (output.recv().unwrap_or_default(), false)
            }
        };
        let status = child.wait()?;
        if status.success() {
            return Ok(None);
        }
        let mut output = String::from_utf8_lossy(&bytes).into_owned();
        output += &if in_time {
            describe(status)
        } else {
            format!("it had not ended after {} s\n", self.limit.as_secs())
        };
        Ok(Some(TestFailure { output, seed }))
    }
}

/// Asks a program for its report, and kills it.
fn end(child: &mut Child) {
    let id = child.id().to_string();
    // The shell's own `kill`: nothing else need be installed.
    drop(Command::new("sh").args(["-c", "kill -QUIT \"$0\"", &id]).status());
    let start = std::time::Instant::now();
    while start.elapsed() < LAST_WORDS && matches!(child.try_wait(), Ok(None)) {
        thread::sleep(LAST_WORDS / 20);
    }
    drop(child.kill());
}

fn describe(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("status {code}\n"),
        None => format!("signal {}\n", status.signal().unwrap_or(0)),
    }
}

/// A thread that panicked has found a bug of ours, which its scope reports.
fn lock(progress: &Mutex<Progress>) -> std::sync::MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
