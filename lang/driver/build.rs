//! Builds the runtime as a static library, which the driver embeds in the compiler, and lists the
//! standard library, whose sources it embeds as well.
//!
//! Input: the sources of `runtime/`, the files of `stdlib/`. Output, in `OUT_DIR`:
//! `liborion_runtime.a` and `stdlib.rs`.
//!
//! The runtime cannot be an ordinary dependency: cargo would link it into the compiler, whereas it
//! must travel inside the compiler as bytes and be linked into each compiled program. So a nested
//! cargo builds it, into a target directory of its own (the outer one is locked meanwhile).
//!
//! It is always optimised, and it aborts on a Rust panic: an Orion panic is a status that compiled
//! code returns, never an unwinding Rust stack, so that a Rust panic can only be a bug of the
//! runtime, and unwinding through compiled frames would be undefined behaviour. Paths of this
//! machine are mapped away: they would end in the messages of such panics.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let root = manifest.join("../..").canonicalize().expect("the workspace's root");
    let out = PathBuf::from(variable("OUT_DIR"));
    for watched in ["runtime", "stdlib", "Cargo.lock", "Cargo.toml", "rust-toolchain.toml"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    println!("cargo::rerun-if-env-changed=LLVM_SYS_221_PREFIX");

    let archive = build_runtime(&root, &out);
    let embedded = out.join("liborion_runtime.a");
    std::fs::copy(&archive, &embedded)
        .unwrap_or_else(|error| panic!("cannot copy {}: {error}", archive.display()));
    strip(&embedded);
    list_library(&root.join("stdlib"), &out.join("stdlib.rs"));
}

/// Writes an array of (name, source) of all modules, in alphabetical order.
fn list_library(folder: &Path, list: &Path) {
    let entries = std::fs::read_dir(folder).expect("the folder of the standard library");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut modules: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "or")).collect();
    modules.sort();
    let mut text = String::from("&[\n");
    for path in modules {
        let name = path.file_stem().expect("a file has a name").to_string_lossy();
        text += &format!("({name:?}, include_str!({:?})),\n", path.display().to_string());
    }
    text += "]\n";
    std::fs::write(list, text).expect("OUT_DIR can be written");
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

/// Runs the nested build, and returns the path of the archive that it made.
fn build_runtime(root: &Path, out: &Path) -> PathBuf {
    let target = out.join("runtime-target");
    let mut flags = vec![format!("--remap-path-prefix={}=orion", root.display())];
    if let Some(home) = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(default_cargo_home) {
        flags.push(format!("--remap-path-prefix={}=cargo", home.display()));
    }
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .current_dir(root)
        .args(["rustc", "--quiet", "--locked", "--release", "-p", "orion-runtime", "--lib"])
        .args(["--crate-type", "staticlib"])
        .arg("--target-dir")
        .arg(&target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        // One optimised object instead of all of `std`: a tenth of the bytes, and a faster link.
        .env("CARGO_PROFILE_RELEASE_LTO", "fat")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("CARGO_BUILD_TARGET_DIR")
        .env_remove("CARGO_BUILD_TARGET")
        // `cargo clippy` sets it for the workspace's members; the archive needs the real compiler.
        .env_remove("RUSTC_WORKSPACE_WRAPPER");
    let status = cargo.status().expect("cargo starts");
    assert!(status.success(), "building the runtime failed: {status}");
    target.join("release/liborion_runtime.a")
}

fn default_cargo_home() -> Option<PathBuf> {
    Some(PathBuf::from(env::var_os("HOME")?).join(".cargo"))
}

/// Drops the debug information of `std` from the archive, where LLVM's tool is at hand: only size
/// is at stake, so that a failure is no error.
fn strip(archive: &Path) {
    let prefix = env::var("LLVM_SYS_221_PREFIX").unwrap_or_else(|_| "/usr/lib/llvm-22".into());
    let tool = Path::new(&prefix).join("bin/llvm-objcopy");
    let _ = Command::new(tool).arg("--strip-debug").arg(archive).status();
}
