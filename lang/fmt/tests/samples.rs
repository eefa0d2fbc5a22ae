//! Files that are laid out badly, and what is made of them: `samples/*.or` and `samples/*.formatted`.
//! `UPDATE_EXPECT=1` writes the latter anew.

use orion_syntax::SourceMap;

fn format(text: &str) -> String {
    let mut map = SourceMap::new();
    let id = map.add("test.or", text);
    orion_fmt::format(map.file(id)).unwrap_or_else(|failure| panic!("{failure:?}"))
}

#[test]
fn samples_are_laid_out() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples");
    let entries = std::fs::read_dir(folder).expect("the folder");
    let mut paths: Vec<_> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "or"));
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a readable sample");
        let formatted = format(&text);
        let beside = path.with_extension("formatted");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&beside, &formatted).expect("written");
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        assert!(formatted == expected, "{}:\n{formatted}", path.display());
    }
}

#[test]
fn small_files() {
    for (text, expected) in [
        ("", ""),
        ("\n\n", ""),
        ("// only\n\n\n// comments", "// only\n\n// comments\n"),
        ("\u{FEFF}fn f(){}\r\n\r\n\r\n// end\r\n", "fn f() {}\n\n// end\n"),
        ("/* block */ fn f() {}", "/* block */ fn f() {}\n"),
        ("fn f() { \"a  \n  b\" }", "fn f() { \"a  \n  b\" }\n"),
        ("fn f() { r\"\\{\" }", "fn f() { r\"\\{\" }\n"),
    ] {
        assert_eq!(format(text), expected);
    }
}
