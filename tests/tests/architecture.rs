//! The crate graph, as ARCHITECTURE.md promises it: arrows point one way.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// What each crate may depend on among the crates of the workspace.
const ALLOWED: &[(&str, &[&str])] = &[
    ("orion-syntax", &[]),
    ("orion-diagnostics", &["orion-syntax"]),
    ("orion-parser", &["orion-syntax", "orion-diagnostics"]),
    ("orion-fmt", &["orion-syntax", "orion-diagnostics", "orion-parser"]),
    ("orion-hir", &["orion-syntax"]),
    ("orion-typeck", &["orion-syntax", "orion-diagnostics", "orion-hir"]),
    ("orion-mir", &["orion-syntax", "orion-diagnostics", "orion-hir"]),
    ("orion-codegen", &["orion-syntax", "orion-mir", "orion-abi"]),
    (
        "orion-driver",
        &[
            "orion-syntax",
            "orion-diagnostics",
            "orion-parser",
            "orion-hir",
            "orion-typeck",
            "orion-mir",
            "orion-codegen",
            "orion-fmt",
            "orion-format",
        ],
    ),
    ("orionc", &["orion-driver", "orion-diagnostics"]),
    ("orion-abi", &[]),
    ("orion-fast", &["orion-abi"]),
    ("orion-format", &[]),
    ("orion-runtime", &["orion-abi", "orion-fast", "orion-format"]),
    ("orion-model", &["orion-abi", "orion-format"]),
    ("orion-tests", &["orionc"]),
];

/// Workspace crates, each with the workspace crates that it depends on (not for tests only).
fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(orion_tests::workspace())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let names: BTreeSet<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    let of_package = |package: &Value| {
        let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
        let normal = dependencies.filter(|dependency| dependency["kind"].is_null());
        let inside = normal.filter_map(|dependency| dependency["name"].as_str());
        inside.filter(|name| names.contains(name)).map(String::from).collect()
    };
    let named = |package: &Value| package["name"].as_str().expect("a name").to_owned();
    packages.iter().map(|package| (named(package), of_package(package))).collect()
}

#[test]
fn crates_depend_only_on_what_they_may() {
    for (name, dependencies) in graph() {
        let Some((_, allowed)) = ALLOWED.iter().find(|(crate_name, _)| *crate_name == name) else {
            panic!("{name} is new: say here, and in ARCHITECTURE.md, what it may depend on");
        };
        for dependency in dependencies {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} may not depend on {dependency}"
            );
        }
    }
}

#[test]
fn codegen_and_runtime_meet_only_in_the_abi() {
    let graph = graph();
    let reach = |start: &str| {
        let mut reached = BTreeSet::new();
        let mut open = vec![start.to_owned()];
        while let Some(name) = open.pop() {
            for next in graph.get(&name).into_iter().flatten() {
                if reached.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        reached
    };
    let (codegen, runtime) = (reach("orion-codegen"), reach("orion-runtime"));
    let common: Vec<&String> = codegen.intersection(&runtime).collect();
    assert_eq!(common, ["orion-abi"]);
}

#[test]
fn only_the_runtime_and_codegen_are_unsafe() {
    let mut offenders = Vec::new();
    let mut folders = vec![orion_tests::workspace().join("lang")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.components().any(|part| part.as_os_str() == "codegen")
                && std::fs::read_to_string(&path).is_ok_and(|text| text.contains("unsafe {"))
            {
                offenders.push(path);
            }
        }
    }
    assert!(offenders.is_empty(), "`unsafe` outside codegen's shim: {offenders:?}");
}
