//! The test harness: what every kind of test shares.
//!
//! - [`process`]: run a program with a time limit and collect what it did;
//! - [`compile`]: compile a case once per optimisation level, kept between runs;
//! - [`large`]: a program of any length;
//! - [`expect`]: compare output with an expectation file, or rewrite the file (`./dev bless`).
//!
//! The folders of cases lie beside this crate's `Cargo.toml`: `ui/` (what the compiler says), `run/`
//! (what programs print), `stress/` (the same, with many tasks), `panic/` (how they fail), `mir/` (what the stages make of them),
//! `durability/` (programs that the Rust tests stop and resume), `explore/` (programs and tests that
//! they run under many seeds) and `limits/` (programs that use up stack or memory).

pub mod compile;
pub mod expect;
pub mod large;
pub mod process;

use std::path::{Path, PathBuf};

/// The folder with the folders of cases. Cases are named relative to it, so that no message in an
/// expectation depends on where the repository lies.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The workspace's root.
#[must_use]
pub fn workspace() -> PathBuf {
    root().parent().expect("tests/ lies in the workspace").to_path_buf()
}

/// All `.or` files of a folder under [`root`], as paths relative to [`root`], sorted. A case of
/// several files has its imported modules in subfolders, which are not searched.
#[must_use]
pub fn cases(folder: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(root().join(folder)) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| PathBuf::from(folder).join(entry.file_name()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "or"))
        .collect();
    found.sort();
    found
}
