//! Errors: each page's example, recovery, limits, and damage of every kind.

mod common;

use common::{codes, parse};
use orion_diagnostics::{ErrorCode, human, json};

#[test]
fn pages_show_their_code() {
    let of_parser = |code: &&ErrorCode| {
        let text = code.as_str();
        text.starts_with("E00") || text == "W0001"
    };
    for code in ErrorCode::ALL.iter().filter(of_parser) {
        let wrong = code.wrong_example().expect("a wrong example");
        let (_, diagnostics, map) = parse(wrong);
        let shown = human::render(&diagnostics, &map, false);
        assert!(diagnostics.iter().all(|d| d.code == *code), "{code}:\n{shown}");
        assert_eq!(diagnostics.len(), 1, "{code}:\n{shown}");
        let right = code.right_example().expect("a right example");
        let (_, diagnostics, map) = parse(right);
        let shown = human::render(&diagnostics, &map, false);
        assert!(diagnostics.is_empty(), "{code}:\n{shown}");
    }
}

#[test]
fn several_errors_in_one_run() {
    let text = "\
fn one() { let a = * 2 }
fn two() {
    f(1 2)
    let b = 3
    if b = 3 { g() }
    match b { 1 -> 2, _ => 0 }
}
fn three(x) {}
fn four() {}
";
    assert_eq!(codes(text), ["E0010@1:20", "E0010@3:9", "E0010@5:10", "E0010@6:17", "E0015@8:10"]);
    let (module, _, _) = parse(text);
    assert_eq!(module.items.len(), 4);
}

#[test]
fn an_error_costs_its_statement_only() {
    let text = "fn main() {\n    let a = 1 +\n    let b = [1, 2\n    let c = ) 3\n    f(\n    return x y\n}\n\
                fn g( { }\nfn h() {}\n";
    let (module, diagnostics, map) = parse(text);
    let shown = human::render(&diagnostics, &map, false);
    assert_eq!(module.items.len(), 3, "{shown}");
    assert!((5..=6).contains(&diagnostics.len()), "{shown}");
}

#[test]
fn errors_inside_of_elements_stay_there() {
    assert_eq!(codes("type P = {\nx i64\ny: i64\nz:\n}\nfn f() {}"), ["E0010@2:3", "E0010@5:1"]);
    assert_eq!(
        codes("fn main() { match x { A => , B => 1, C 2, D => 3 } }"),
        ["E0010@1:28", "E0010@1:40"]
    );
    assert_eq!(codes("fn main() { P { x: , y: 1 } }"), ["E0010@1:20"]);
    assert_eq!(codes("fn main() { spawn { spawn { 1 + } ; 2 3 } }").len(), 2);
}

#[test]
fn unclosed_brackets_are_blamed_where_they_open() {
    assert_eq!(codes("fn main() {\n    f(1, (2 + 3\n    let x = 1\n}\n"), ["E0011@2:10"]);
    assert_eq!(codes("fn main() {\n    if a {\n        b()\n}\n\nfn g() {}\n"), ["E0011@2:10"]);
    assert_eq!(codes("fn main() { f(1)) }"), ["E0012@1:17"]);
    assert_eq!(codes("fn main() { f(1] }"), ["E0012@1:16"]);
    assert_eq!(codes("fn main() {"), ["E0011@1:11"]);
    assert_eq!(codes("fn main( {"), ["E0011@1:10"]);
    assert_eq!(codes("fn one( {\n    1\n}\n\nfn two() {}"), ["E0011@1:7"]);
    assert_eq!(codes("fn main() {\n    println(\"{f(1}\")\n}"), ["E0011@2:16"]);
}

#[test]
fn unclosed_strings_do_not_turn_the_file_inside_out() {
    let text = "fn main() {\n    f(\"abc)\n    g(\"def\")\n    h(\"x {y\")\n    i(\"z\")\n}\n";
    assert_eq!(codes(text), ["E0002@2:7", "E0008@4:10"]);
    assert_eq!(codes("fn main() { f(r\"abc) }"), ["E0002@1:15"]);
    assert_eq!(codes("fn main() { f('a) }\nfn g() {}"), ["E0005@1:15"]);
}

#[test]
fn texts_of_several_lines_are_not_blamed_for_unclosed_strings() {
    let text = "const A = \"one\ntwo\"\n";
    let open = "fn f() { g(\"x) }\n";
    let rest = "fn h() { i(\"a\"); j(\"b {c}\") }\n";
    assert_eq!(codes(&[text, open].concat()), ["E0002@3:12"]);
    assert_eq!(codes(&[open, text].concat()), ["E0002@1:12"]);
    assert_eq!(codes(&[text, open, rest].concat()), ["E0002@3:12"]);
    assert_eq!(codes(&[text, rest, text, open, rest].concat()), ["E0002@6:12"]);
    assert_eq!(codes(&[text, open, rest, text, open].concat()), ["E0002@3:12", "E0002@7:12"]);
}

#[test]
fn characters_that_are_no_tokens_are_reported_once_a_line() {
    assert_eq!(
        codes("fn main() {\n    f(`a`, `b`)\n    g(`c`, #)\n}"),
        ["E0001@2:7", "E0001@3:7", "E0001@3:12"]
    );
}

#[test]
fn limits_are_errors() {
    for text in [
        "(".repeat(1_000_000),
        "fn main() { ".to_owned() + &"(".repeat(1_000_000),
        "fn main() { ".to_owned() + &"{".repeat(300) + &"}".repeat(300) + " }",
        "fn main() { ".to_owned() + &"\"{".repeat(300) + "1" + &"}\"".repeat(300) + " }",
        "fn main() { let x: ".to_owned() + &"[".repeat(5000),
    ] {
        assert!(codes(&text).iter().any(|code| code.starts_with("E0801")), "{:?}", codes(&text));
    }
    for text in [
        "-".repeat(5000) + "a",
        "!".repeat(1_000_000) + "a",
        "a".to_owned() + &".b".repeat(5000),
        "a".to_owned() + &"()".repeat(5000),
        "a".to_owned() + &"?".repeat(5000),
        "a".to_owned() + &" + 1".repeat(5000),
        "if a {}".to_owned() + &" else if a {}".repeat(5000),
        "let f: ".to_owned() + &"fn() ".repeat(5000) + "i64 = g",
        "spawn ".repeat(5000) + "a()",
    ] {
        let found = codes(&format!("fn main() {{ {text} }}"));
        assert!(found.len() == 1 && found[0].starts_with("E0802"), "{found:?}");
    }
    let long = "x".repeat(1_000_000);
    assert_eq!(codes(&format!("fn {long}() {{}}")), ["E0803@1:4"]);
    assert_eq!(codes(&" ".repeat(orion_parser::FILE_BYTES_MAX + 1)), ["E0804@1:1"]);
}

#[test]
fn large_programs_are_no_problem() {
    let many_variants = format!("type T = {}", "| V(i64) ".repeat(5000));
    let long_list = format!("const L = [{}]", "-1, ".repeat(50_000));
    let many_statements = format!("fn f() {{ {} }}", "a = b + c * d;\n".repeat(20_000));
    for text in [many_variants, long_list, many_statements] {
        assert_eq!(codes(&text), [""; 0]);
    }
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

fn samples() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|e| e.expect("an entry").path())
        .collect();
    paths.sort();
    let paths = paths.into_iter().filter(|path| path.extension().is_some_and(|e| e == "or"));
    paths.map(|path| std::fs::read_to_string(path).expect("a readable sample")).collect()
}

/// Parses and renders; only a panic or an error without a diagnostic is wrong.
fn survive(text: &str) {
    let (_, diagnostics, map) = parse(text);
    let _ = human::render(&diagnostics, &map, false);
    let _ = json::render(&diagnostics, &map);
    for d in &diagnostics {
        for label in std::iter::once(&d.primary).chain(&d.secondary) {
            let range = label.span.range();
            assert!(map.file(label.span.file).text.get(range).is_some(), "{d:?} in {text:?}");
        }
    }
}

#[test]
fn truncated_programs() {
    for text in samples() {
        let mut end = 0;
        while end <= text.len() {
            if text.is_char_boundary(end) {
                survive(&text[..end]);
            }
            end += 7;
        }
    }
}

#[test]
fn mutated_programs() {
    let pieces = [
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "'",
        "\\",
        "\n",
        ",",
        ";",
        "=>",
        "<-",
        ":=",
        "|",
        ".",
        "..",
        "if ",
        "match ",
        "fn ",
        "fn f",
        "let ",
        "type ",
        "select ",
        "default ",
        "spawn ",
        "in ",
        "\"a{",
        "}\"",
        "/*",
        "*/",
        "///",
        "r\"",
        "1.5",
        "0x",
        "é",
        "\u{0}",
        "@",
        "else ",
        "P {",
        "async ",
        "gen ",
        "::[",
        "-1",
        "yields ",
        "pub ",
        "\nfn f() {\n",
        "import ",
    ];
    let samples = samples();
    let mut random = Random(1);
    for _ in 0..1500 {
        let mut text = samples[random.below(samples.len())].clone();
        for _ in 0..=random.below(4) {
            let mut at = random.below(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            match random.below(3) {
                0 => text.insert_str(at, pieces[random.below(pieces.len())]),
                1 => {
                    let mut end = (at + random.below(12)).min(text.len());
                    while !text.is_char_boundary(end) {
                        end += 1;
                    }
                    text.replace_range(at..end, "");
                }
                _ => text.truncate(at),
            }
        }
        survive(&text);
    }
}

#[test]
fn token_soup() {
    let pieces = [
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "\n",
        ", ",
        "; ",
        "=> ",
        "<- ",
        "| ",
        ".",
        "if ",
        "match ",
        "fn ",
        "let ",
        "= ",
        "x ",
        "X ",
        "1 ",
        "type ",
        "select ",
        "spawn ",
        "\"a{",
        "}\"",
        "for ",
        "in ",
        "else ",
        "\nfn f() ",
        "+ ",
        "class ",
        "instance ",
        "test ",
        "extern ",
        "'",
    ];
    let mut random = Random(2);
    for _ in 0..3000 {
        let mut text = String::new();
        for _ in 0..random.below(60) {
            text.push_str(pieces[random.below(pieces.len())]);
        }
        survive(&text);
    }
}
