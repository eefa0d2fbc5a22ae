//! Large programs: compiled in several parts, they do the same.

use orion_tests::{large, process};
use std::fs;
use std::process::Command;

fn prints(arguments: &[&str], parts: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (source, expected) = large::program(parts);
    fs::write(folder.path().join("large.or"), source).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_orionc-under-test"));
    command.current_dir(folder.path()).args(["build", "large.or"]).args(arguments);
    let seen = process::run(&mut command, b"").expect("it runs");
    assert_eq!(seen.status, 0, "{}", seen.describe());
    for force in ["", "suspend", "restore"] {
        let mut program = Command::new(folder.path().join("large"));
        if !force.is_empty() {
            program.env("ORION_FORCE", force);
        }
        let seen = process::run(&mut program, b"").expect("it runs");
        assert_eq!((seen.status, seen.stdout), (0, format!("{expected}\n")), "{force}");
    }
}

#[test]
fn three_thousand_lines_in_as_many_parts_as_they_need() {
    prints(&[], 3000 / large::PART_LINES);
}

#[test]
fn a_small_program_in_many_parts() {
    for level in ["-O0", "-O2"] {
        for units in ["1", "2", "5"] {
            prints(&[level, "--codegen-units", units], 3);
        }
    }
}
