//! `orionc test`: every `test` block of a file or a folder, each compiled and run as a program of
//! its own.
//!
//! Input: a path and a filter. Output: one [`TestResult`] per test, in the order of files and
//! places, as soon as it is known. A test passes when its program ends with status 0. Invariant:
//! nothing is left in the file system.

use crate::link::{self, LinkError};
use crate::{Options, Report, Session, compile};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How a test went.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// The file that declares it.
    pub file: PathBuf,
    /// Its name.
    pub name: String,
    /// `None` when it passed, else what its program printed and how it ended.
    pub failure: Option<String>,
}

/// Runs the tests of the file at `path`, or of all `.or` files in the folder at `path`, whose names
/// contain `filter`. Gives a report for each file that has errors or warnings.
pub fn test(
    path: &Path,
    filter: &str,
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
            session.test(path, filter, options, &mut on_result).map(|()| crate::Outcome::Done)
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
        filter: &str,
        options: &Options,
        on_result: &mut dyn FnMut(&TestResult),
    ) -> Option<()> {
        let mut program = self.check(path)?;
        let tests: Vec<_> =
            program.tests.iter().filter(|test| test.name.contains(filter)).cloned().collect();
        for test in tests {
            // An imported module's tests are run when that file's turn comes.
            if self.sources.files().next().is_none_or(|main| main.id != test.span.file) {
                continue;
            }
            let mir = self.build_mir(&mut program, Some(test.func), path, options)?;
            let object = Self::generate_from(&mir, orion_codegen::Output::Object, options);
            let failure = match link_and_run(&object) {
                Ok(failure) => failure,
                Err(error) => return self.fail(crate::link_failure(&error)).map(drop),
            };
            let name = test.name.to_string();
            on_result(&TestResult { file: path.to_path_buf(), name, failure });
        }
        Some(())
    }
}

fn link_and_run(object: &[u8]) -> Result<Option<String>, LinkError> {
    let folder =
        tempfile::Builder::new().prefix("orionc-").tempdir().map_err(LinkError::Temporary)?;
    let program = folder.path().join("test");
    link::link_executable(object, &program)?;
    let output =
        Command::new(&program).stdin(Stdio::null()).output().map_err(LinkError::Temporary)?;
    if output.status.success() {
        return Ok(None);
    }
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text += &String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(code) => text += &format!("status {code}\n"),
        None => text += &format!("signal {}\n", output.status.signal().unwrap_or(0)),
    }
    Ok(Some(text))
}
