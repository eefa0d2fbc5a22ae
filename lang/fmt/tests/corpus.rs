//! Every Orion file of the repository: the same program after formatting, and the same text after
//! formatting again; also with comments and line ends put in at random.

use orion_fmt::{Failure, format};
use orion_parser::lexer;
use orion_parser::token::Tok;
use orion_syntax::SourceMap;
use orion_syntax::ast::printer;
use std::path::{Path, PathBuf};

/// Formatting recurses over the tree.
fn on_large_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(1 << 28).spawn(work).expect("a thread");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "or") {
            found.push(path);
        }
    }
}

fn corpus(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root.join(folder), &mut paths);
    }
    paths.sort();
    let read = |path: &PathBuf| std::fs::read_to_string(path).expect("readable text");
    paths.iter().map(|path| (path.clone(), read(path))).collect()
}

fn try_format(text: &str) -> Result<String, Failure> {
    let mut map = SourceMap::new();
    let id = map.add("test.or", text);
    format(map.file(id))
}

fn tree(text: &str) -> String {
    let mut map = SourceMap::new();
    let id = map.add("test.or", text);
    printer::print_module(&orion_parser::parse_file(map.file(id)).0)
}

/// Formats twice; `None` where the text has syntax errors.
fn check(name: &Path, text: &str) -> Option<String> {
    let once = match try_format(text) {
        Ok(once) => once,
        Err(Failure::Syntax(_)) => return None,
        Err(Failure::Internal(why)) => panic!("{}: {why}\n{text}", name.display()),
    };
    assert!(tree(text) == tree(&once), "{}: another tree", name.display());
    let again = try_format(&once)
        .unwrap_or_else(|why| panic!("{}: {why:?}\n{text}\n---\n{once}", name.display()));
    if again != once {
        let mut lines = once.lines().zip(again.lines()).filter(|(a, b)| a != b);
        let different = lines.next();
        panic!(
            "{}: not the same when formatted again: {different:#?}\n{text}\n---\n{once}",
            name.display()
        );
    }
    Some(once)
}

#[test]
fn every_file_stays_the_same_program() {
    on_large_stack(|| {
        let files = corpus(&["tests", "examples", "stdlib", "bench", "lang"]);
        assert!(files.len() > 100, "the corpus is found");
        let formatted = files.iter().filter(|(path, text)| check(path, text).is_some()).count();
        assert!(formatted > 100, "most of it is free of syntax errors");
    });
}

#[test]
fn the_library_and_the_examples_are_formatted() {
    let files = corpus(&["stdlib", "examples"]);
    let unformatted = files.iter().filter(|(path, text)| check(path, text).as_ref() != Some(text));
    let names: Vec<_> = unformatted.map(|(path, _)| path.display().to_string()).collect();
    assert!(names.is_empty(), "run `orionc fmt` on {names:#?}");
}

/// A small generator, so that failures can be repeated (Steele, Vigna: splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

/// Puts `count` random pieces between random tokens.
fn disturb(text: &str, random: &mut Random, count: usize) -> String {
    const PIECES: [&str; 8] =
        [" /* c */ ", "\n", "\n\n\n", " // c\n", "\n// c\n", "\n\n/// c\n", "\n/* c\n d */", "  "];
    let mut map = SourceMap::new();
    let id = map.add("test.or", text);
    let tokens = lexer::lex(map.file(id)).tokens;
    let mut places: Vec<usize> =
        (0..count).map(|_| tokens[random.below(tokens.len())].start as usize).collect();
    places.sort_unstable();
    places.dedup();
    let mut result = String::new();
    let mut from = 0;
    for place in places {
        result.push_str(&text[from..place]);
        result.push_str(PIECES[random.below(PIECES.len())]);
        from = place;
    }
    result.push_str(&text[from..]);
    result
}

#[test]
fn comments_and_line_ends_anywhere() {
    on_large_stack(|| {
        let files = corpus(&["tests/run", "examples", "stdlib", "lang/parser/tests/samples"]);
        let mut random = Random(1);
        let (mut tried, mut valid) = (0, 0);
        for (path, text) in &files {
            // Much of what is put in ends a statement too early: few pieces give more programs.
            for count in [1, 2, 8] {
                tried += 1;
                valid += usize::from(check(path, &disturb(text, &mut random, count)).is_some());
            }
        }
        assert!(valid * 4 > tried, "{valid} of {tried} were programs");
    });
}

/// Makes every lower-case name longer, so that much does not fit on its line any more.
fn stretch(text: &str, by: usize) -> String {
    let mut map = SourceMap::new();
    let id = map.add("test.or", text);
    let mut result = String::new();
    let mut from = 0;
    for token in lexer::lex(map.file(id)).tokens {
        // `default` is a word of its own at the head of a select arm.
        if matches!(token.tok, Tok::Lower(name) if name != "default") {
            result.push_str(&text[from..token.end as usize]);
            result.extend(std::iter::repeat_n("_long", by));
            from = token.end as usize;
        }
    }
    result.push_str(&text[from..]);
    result
}

#[test]
fn long_names() {
    on_large_stack(|| {
        for (path, text) in
            corpus(&["tests/run", "examples", "stdlib", "lang/parser/tests/samples"])
        {
            for by in [2, 9] {
                assert!(check(&path, &stretch(&text, by)).is_some(), "{}", path.display());
            }
        }
    });
}
