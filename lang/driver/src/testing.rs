//! `orionc test`: every `test` block of a file or a folder, each run in a process of its own.
//!
//! Input: a path, a filter, and the seeds to run under. Output: one [`TestResult`] per test, in the
//! order of files and places, as soon as it is known. The tests of a file are compiled to one
//! program, which is told by the environment which of them to run. Invariant: nothing is left in the
//! file system.

use crate::link::{self, LinkError};
use crate::runs::{Seeds, TestProgram};
use crate::{Options, Report, Session, compile};
use orion_syntax::SourceMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Which tests to run, and how.
#[derive(Clone, Debug)]
pub struct TestOptions {
    /// Only tests whose names contain this.
    pub filter: String,
    /// Under which seeds of the scheduler.
    pub seeds: Seeds,
    /// After which time a run is ended and has failed.
    pub limit: Duration,
}

/// How a test went.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// The file that declares it.
    pub file: PathBuf,
    /// Its name.
    pub name: String,
    /// `None` when it passed.
    pub failure: Option<TestFailure>,
}

/// How a test failed.
#[derive(Clone, Debug)]
pub struct TestFailure {
    /// What its program printed and how it ended.
    pub output: String,
    /// The seed under which it failed, if it was run under one.
    pub seed: Option<u64>,
}

/// Runs the tests of the file at `path`, or of all `.or` files in the folder at `path`. Gives a
/// report for each file that has errors or warnings.
pub fn test(
    path: &Path,
    tests: &TestOptions,
    options: &Options,
    mut on_result: impl FnMut(&TestResult) + Send,
) -> Vec<Report> {
    let mut files = Vec::new();
    if path.is_dir() {
        collect(path, &mut files);
        files.sort();
    } else {
        files.push(path.to_path_buf());
    }
    let mut reports = Vec::new();
    for file in files {
        let report = compile(&file, |session, path| {
            session.test(path, tests, options, &mut on_result).map(|()| crate::Outcome::Done)
        });
        if !report.diagnostics.is_empty() {
            reports.push(report);
        }
    }
    reports
}

/// All `.or` files below a folder; hidden folders and `target` are left out.
pub fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" {
                collect(&path, files);
            }
        } else if name.ends_with(".or") {
            files.push(path);
        }
    }
}

impl Session {
    fn test(
        &mut self,
        path: &Path,
        tests: &TestOptions,
        options: &Options,
        on_result: &mut dyn FnMut(&TestResult),
    ) -> Option<()> {
        let mut program = self.check(path)?;
        // An imported module's tests are run when that file's turn comes.
        let main = self.sources.files().next()?.id;
        let (mut names, mut entries) = (Vec::new(), Vec::new());
        for test in &program.tests {
            if test.span.file == main && test.name.contains(&tests.filter) {
                names.push(test.name.to_string());
                entries.push(test.func);
            }
        }
        if entries.is_empty() {
            return Some(());
        }
        let mir = self.build_mir(&mut program, &entries, path, options)?;
        let objects = Self::generate_objects(&mir, options);
        let sources = &self.sources;
        let result = Self::link_and_run(&objects, &names, tests, |index, failure| {
            let (file, name) = (path.to_path_buf(), names[index].clone());
            let failure = failure.map(|failure| with_source(sources, failure));
            on_result(&TestResult { file, name, failure });
        });
        match result {
            Ok(()) => Some(()),
            Err(error) => self.fail(crate::link_failure(&error)).map(drop),
        }
    }

    fn link_and_run(
        objects: &[Vec<u8>],
        names: &[String],
        tests: &TestOptions,
        mut on_result: impl FnMut(usize, Option<TestFailure>),
    ) -> Result<(), LinkError> {
        let folder =
            tempfile::Builder::new().prefix("orionc-").tempdir().map_err(LinkError::Temporary)?;
        let path = folder.path().join("test");
        link::link_executable(objects, &path)?;
        let program = TestProgram { path, count: names.len(), limit: tests.limit };
        program.run(&tests.seeds, &mut on_result).map_err(LinkError::Temporary)
    }
}

/// The output of a failure with the source of its first frame in a file of the user's, below that frame.
fn with_source(sources: &SourceMap, failure: TestFailure) -> TestFailure {
    let mut output = String::new();
    let mut shown = false;
    for line in failure.output.lines() {
        output += line;
        output.push('\n');
        if !shown && let Some(excerpt) = excerpt(sources, line) {
            output += &excerpt;
            shown = true;
        }
    }
    TestFailure { output, ..failure }
}

/// For a line `  at function (path:line:column)`: that line of the source, with a mark below the column.
fn excerpt(sources: &SourceMap, frame: &str) -> Option<String> {
    let place = frame.strip_prefix("  at ")?.strip_suffix(')')?.rsplit_once('(')?.1;
    let mut parts = place.rsplitn(3, ':');
    let column: usize = parts.next()?.parse().ok()?;
    let line: usize = parts.next()?.parse().ok()?;
    let path = parts.next()?;
    let file = sources.files().find(|file| *file.path == *path)?;
    // The library's files are embedded in the compiler.
    if !Path::new(path).exists() {
        return None;
    }
    let text = file.text.lines().nth(line.checked_sub(1)?)?;
    let before = text.chars().take(column.checked_sub(1)?);
    let blanks: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    Some(format!("  {margin} |\n  {number} | {text}\n  {margin} | {blanks}^\n"))
}
