//! Linking: a program's objects and the runtime, by the system's C compiler driver.
//!
//! Input: the bytes of object files and the path of the executable to make. Output: the
//! executable, or why there is none. Invariants: the output path holds either what was there before
//! or a whole executable, never a part; nothing else is left behind. The result is a function of
//! the objects alone: neither the temporary folder nor the output's path ends up in it.
//!
//! The linker is `$ORION_LINKER`, or `$CC`, or the first of `cc`, `gcc`, `clang` that exists. A C
//! compiler is called and not `ld`, since it alone knows where the C library's start files lie.

use crate::{output, sanitizer};
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The runtime as a static library, built by `build.rs`.
static RUNTIME: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/liborion_runtime.a"));

/// Why there is no executable.
#[derive(Debug)]
pub enum LinkError {
    /// No linker was found; holds the names tried.
    NoLinker(Vec<String>),
    /// The linker ran and failed; holds its name and what it said.
    Failed(String, String),
    /// The folder of the instrumented runtime lacks this file.
    NoSanitizer(PathBuf),
    /// A temporary file could not be written.
    Temporary(io::Error),
    /// The executable could not be written.
    Output(io::Error),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLinker(tried) => {
                write!(f, "no linker was found: tried `{}`", tried.join("`, `"))
            }
            Self::Failed(linker, _) => write!(f, "linking with `{linker}` failed"),
            Self::NoSanitizer(file) => {
                write!(f, "`{}` is set, but there is no `{}`", sanitizer::VARIABLE, file.display())
            }
            Self::Temporary(error) => write!(f, "cannot write a temporary file: {error}"),
            Self::Output(error) => write!(f, "cannot write the executable: {error}"),
        }
    }
}

/// Links `objects` and the runtime into an executable at `path`.
///
/// # Errors
/// See [`LinkError`].
pub fn link_executable(objects: &[Vec<u8>], path: &Path) -> Result<(), LinkError> {
    let folder =
        tempfile::Builder::new().prefix("orionc-").tempdir().map_err(LinkError::Temporary)?;
    let runtime_path = folder.path().join("liborion_runtime.a");
    let linked_path = folder.path().join("program");
    let mut arguments: Vec<OsString> = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        let object_path = folder.path().join(format!("program{index}.o"));
        fs::write(&object_path, object).map_err(LinkError::Temporary)?;
        arguments.push(object_path.into());
    }
    let mut flags = FLAGS.to_vec();
    if let Some(folder) = sanitizer::folder() {
        let instead = sanitizer::link_arguments(&folder).map_err(LinkError::NoSanitizer)?;
        arguments.extend(instead.into_iter().map(Into::into));
        // Its reports name functions and lines.
        flags.retain(|&flag| flag != STRIP);
    } else {
        fs::write(&runtime_path, RUNTIME).map_err(LinkError::Temporary)?;
        arguments.push(runtime_path.into());
    }
    arguments.extend(flags.iter().map(Into::into));
    arguments.push("-o".into());
    arguments.push(linked_path.clone().into());
    run_linker(&arguments)?;
    output::place_file(&linked_path, path).map_err(LinkError::Output)
}

/// Leaves out debug information.
const STRIP: &str = "-Wl,--strip-debug";

/// What the C compiler is told, and why.
const FLAGS: &[&str] = &[
    // Code generation emits position-independent code: the executable can be loaded anywhere.
    "-pie",
    // Functions of the runtime that this program never calls are left out.
    "-Wl,--gc-sections",
    // Libraries below that nothing refers to are not loaded at start.
    "-Wl,--as-needed",
    // The debug information of the C library's static parts is of no use to anyone.
    STRIP,
    // Relocations are done at start and made read-only: an overwritten pointer crashes, and runs
    // nothing; no part of the stack is executable.
    "-Wl,-z,relro,-z,now,-z,noexecstack",
    // What the runtime and `extern "C"` declarations of the C library need.
    "-lpthread",
    "-ldl",
    "-lm",
];

/// The names under which to look for a linker, in order.
fn candidates() -> Vec<String> {
    for variable in ["ORION_LINKER", "CC"] {
        if let Ok(name) = env::var(variable)
            && !name.trim().is_empty()
        {
            return vec![name];
        }
    }
    ["cc", "gcc", "clang"].map(String::from).to_vec()
}

fn run_linker(arguments: &[OsString]) -> Result<(), LinkError> {
    let candidates = candidates();
    for candidate in &candidates {
        // `$CC` may hold options as well, as in `gcc -m64`.
        let mut words = candidate.split_whitespace();
        let Some(program) = words.next() else { continue };
        // The language of the messages is the language of the tests that read them.
        let result = Command::new(program).args(words).args(arguments).env("LC_ALL", "C").output();
        match result {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
                return Err(LinkError::Failed(candidate.clone(), said));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(LinkError::Failed(candidate.clone(), error.to_string())),
        }
    }
    Err(LinkError::NoLinker(candidates))
}
