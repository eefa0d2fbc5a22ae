//! The compiler does not panic, whatever stands in the file.
//!
//! Algorithm: the programs of the tests and examples, each with one to four seeded changes of tokens
//! (deleted, doubled, swapped, replaced by one of another program) or with lines of another program, are
//! checked and, where they are still right, compiled to LLVM IR. A failing case is left in the target
//! directory, and its number repeats it: `ORION_FUZZ=FIRST..LAST` runs these numbers.

use orion_driver::{Emit, Options, Outcome};
use std::fs;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// What runs with the other tests: some ten seconds.
const ALWAYS: Range<u64> = 0..1_000;

/// Words that change the meaning of what is around them.
const WORDS: &[&str] = &[
    "async", "spawn", "defer", "gen", "mut", "return", "break", "continue", "match", "if", "else",
    "fn", "{", "}", "(", ")", "[", "]", "<-", ":=", "=>", "..", "?", "@yield", "@join", "select",
    "_", "self", "-1", "1u8", "2.5", "\"{x}\"", "'c'", "1s", "None", "Some", "()", "T", "str",
    "i64", ",", ";", "\n", "|",
];

/// The generator of Steele, Lea and Flood ("Fast splittable pseudorandom number generators", 2014).
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

fn sources() -> Vec<String> {
    let mut paths: Vec<PathBuf> = ["run", "ui", "panic", "durability", "mir", "../examples"]
        .iter()
        .flat_map(|folder| orion_tests::cases(folder))
        .map(|case| orion_tests::root().join(case))
        .collect();
    paths.sort();
    // Without imports of neighbours, and small: large ones are slow and no different.
    let texts = paths.iter().map(|path| fs::read_to_string(path).expect("text"));
    texts.filter(|text| text.len() < 4000 && !text.contains('\u{0}')).collect()
}

/// Words, numbers, strings, runs of blanks, and single signs.
fn tokens(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let class = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' || c == '@' => 0,
        ' ' => 1,
        _ => 2,
    };
    let mut last = 2;
    for c in text.chars() {
        let this = class(c);
        match found.last_mut() {
            Some(token) if this == last && this != 2 => token.push(c),
            _ => found.push(c.to_string()),
        }
        last = this;
    }
    found
}

fn mutant(number: u64, sources: &[String]) -> String {
    let mut random = SplitMix(number);
    let mut text = tokens(&sources[random.below(sources.len())]);
    let other = tokens(&sources[random.below(sources.len())]);
    for _ in 0..=random.below(4) {
        let at = random.below(text.len());
        match random.below(8) {
            0 => drop(text.remove(at)),
            1 => text.insert(at, text[at].clone()),
            2 => {
                let with = random.below(text.len());
                text.swap(at, with);
            }
            3 => text[at] = other[random.below(other.len())].clone(),
            4 => text[at] = WORDS[random.below(WORDS.len())].to_owned(),
            5 => text.insert(at, format!(" {} ", WORDS[random.below(WORDS.len())])),
            6 => {
                let end = (at + random.below(30)).min(text.len());
                text.drain(at..end);
            }
            _ => {
                let from = random.below(other.len());
                let to = (from + random.below(60)).min(other.len());
                text.splice(at..at, other[from..to].iter().cloned());
            }
        }
        if text.is_empty() {
            break;
        }
    }
    text.concat()
}

fn compile(path: &Path) {
    let report = orion_driver::check(path);
    if matches!(report.outcome, Outcome::Done)
        && fs::read_to_string(path).is_ok_and(|t| t.contains("main"))
    {
        let options = Options { level: 0, name: None, verify: true, codegen_units: 1 };
        let _ = orion_driver::build(path, Emit::LlvmIr, Some(&path.with_extension("ll")), &options);
    }
    // What is reported can be shown.
    let _ = orion_diagnostics::human::render(&report.diagnostics, &report.sources, false);
    let _ = orion_diagnostics::json::render(&report.diagnostics, &report.sources);
}

#[test]
fn no_source_makes_the_compiler_panic() {
    let sources = sources();
    assert!(sources.len() > 250, "only {} programs were found", sources.len());
    let numbers = match std::env::var("ORION_FUZZ") {
        Ok(range) => {
            let (first, last) = range.split_once("..").expect("FIRST..LAST");
            first.parse().expect("a number")..last.parse().expect("a number")
        }
        Err(_) => ALWAYS,
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    fs::create_dir_all(&folder).expect("created");
    let mut failed = Vec::new();
    for number in numbers {
        let path = folder.join(format!("case_{number}.or"));
        fs::write(&path, mutant(number, &sources)).expect("written");
        if catch_unwind(AssertUnwindSafe(|| compile(&path))).is_err() {
            failed.push(path.clone());
        } else {
            drop(fs::remove_file(&path));
        }
        drop(fs::remove_file(path.with_extension("ll")));
    }
    assert!(failed.is_empty(), "the compiler panics on {failed:#?}");
}
