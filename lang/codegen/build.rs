//! Compiles the runtime's hot paths to LLVM bitcode, which this crate links into every program before it is optimised.
//!
//! Input: `runtime/fast` and `runtime/abi`. Output: `orion_fast.bc` in `OUT_DIR`.
//!
//! rustc has the same LLVM as this compiler, so that it reads the bitcode. A nested cargo makes it, into a target directory of its own (the outer one is
//! locked meanwhile), always optimised, aborting on panic (there is none), without paths of this machine.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let root = manifest.join("../..").canonicalize().expect("the workspace's root");
    let out = PathBuf::from(variable("OUT_DIR"));
    for watched in ["runtime/fast", "runtime/abi", "Cargo.toml", "rust-toolchain.toml"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    let bitcode = build_bitcode(&root, &out);
    let embedded = out.join("orion_fast.bc");
    std::fs::copy(&bitcode, &embedded)
        .unwrap_or_else(|error| panic!("cannot copy {}: {error}", bitcode.display()));
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

/// Runs the nested build, and returns the path of the bitcode that it made.
fn build_bitcode(root: &Path, out: &Path) -> PathBuf {
    let target = out.join("fast-target");
    let bitcode = target.join("orion_fast.bc");
    let mut flags = vec![format!("--remap-path-prefix={}=orion", root.display())];
    if let Some(home) = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(default_cargo_home) {
        flags.push(format!("--remap-path-prefix={}=cargo", home.display()));
    }
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .current_dir(root)
        .args(["rustc", "--quiet", "--locked", "--release", "-p", "orion-fast", "--lib"])
        .arg("--target-dir")
        .arg(&target)
        .arg("--")
        .arg(format!("--emit=llvm-bc={}", bitcode.display()))
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("CARGO_BUILD_TARGET_DIR")
        .env_remove("CARGO_BUILD_TARGET")
        // `cargo clippy` sets it for the workspace's members; bitcode needs the real compiler.
        .env_remove("RUSTC_WORKSPACE_WRAPPER");
    let status = cargo.status().expect("cargo starts");
    assert!(status.success(), "building the bitcode of `runtime/fast` failed: {status}");
    bitcode
}

fn default_cargo_home() -> Option<PathBuf> {
    Some(PathBuf::from(env::var_os("HOME")?).join(".cargo"))
}
