//! Tables of texts and the tokens they give.

use super::*;
use orion_syntax::SourceMap;

fn toks(text: &str) -> Vec<Tok> {
    let mut map = SourceMap::new();
    let id = map.add("a.or", text);
    let lexed = lex(map.file(id));
    assert!(lexed.diagnostics.is_empty(), "{text}: {:?}", lexed.diagnostics);
    lexed.tokens.into_iter().map(|token| token.tok).collect()
}

fn errors(text: &str) -> Vec<ErrorCode> {
    let mut map = SourceMap::new();
    let id = map.add("a.or", text);
    lex(map.file(id)).diagnostics.into_iter().map(|d| d.code).collect()
}

fn int(value: i128) -> Tok {
    Tok::Int { value, suffix: None }
}

#[test]
fn operators_take_the_longest() {
    for (text, expected) in [
        ("a<-1", vec![Tok::Lower("a".into()), Tok::Arrow, int(1)]),
        ("a < -1", vec![Tok::Lower("a".into()), Tok::Less, Tok::Minus, int(1)]),
        ("<<=", vec![Tok::ShlEq]),
        ("<< =", vec![Tok::Shl, Tok::Eq]),
        (">>>=", vec![Tok::Shr, Tok::GreaterEq]),
        ("+%=+%+", vec![Tok::PlusWrapEq, Tok::PlusWrap, Tok::Plus]),
        ("..=...", vec![Tok::DotDotEq, Tok::DotDot, Tok::Dot]),
        (":=::[:", vec![Tok::ColonEq, Tok::ColonColon, Tok::BracketOpen, Tok::Colon]),
        ("=>==!=", vec![Tok::FatArrow, Tok::EqEq, Tok::NotEq]),
        ("as%as %", vec![Tok::AsWrap, Tok::As, Tok::Percent]),
        ("_ _a a_", vec![Tok::Underscore, Tok::Lower("_a".into()), Tok::Lower("a_".into())]),
        ("T @t", vec![Tok::Upper("T".into()), Tok::At("t".into())]),
        ("r\"x\"", vec![Tok::Str("x".into())]),
        ("r x", vec![Tok::Lower("r".into()), Tok::Lower("x".into())]),
        ("iff if", vec![Tok::Lower("iff".into()), Tok::If]),
    ] {
        assert_eq!(toks(text), expected, "{text}");
    }
}

#[test]
fn numbers_and_dots() {
    let t = || Tok::Lower("t".into());
    for (text, expected) in [
        ("t.0.1", vec![t(), Tok::Dot, int(0), Tok::Dot, int(1)]),
        ("1..5", vec![int(1), Tok::DotDot, int(5)]),
        ("1.t", vec![int(1), Tok::Dot, t()]),
        ("0x1e-5", vec![int(0x1e), Tok::Minus, int(5)]),
        ("5ms", vec![Tok::Duration(5_000_000)]),
    ] {
        assert_eq!(toks(text), expected, "{text}");
    }
    assert!(matches!(toks("1.5e-3")[..], [Tok::Float { .. }]));
    assert!(matches!(toks("1.5.0")[..], [Tok::Float { .. }, Tok::Dot, Tok::Int { .. }]));
}

#[test]
fn strings_split_at_interpolations() {
    let (a, b) = (Tok::Lower("a".into()), Tok::Lower("b".into()));
    assert_eq!(
        toks(r#""x{a}y{b}z""#),
        [Tok::StrHead("x".into()), a, Tok::StrMid("y".into()), b, Tok::StrTail("z".into())]
    );
    assert_eq!(
        toks(r#""{"{a}"}""#),
        [
            Tok::StrHead("".into()),
            Tok::StrHead("".into()),
            a,
            Tok::StrTail("".into()),
            Tok::StrTail("".into())
        ]
    );
    assert_eq!(toks(r#""\{\n\u{e4}}""#), [Tok::Str("{\nä}".into())]);
}

#[test]
fn comments_nest_and_docs_are_kept_apart() {
    assert_eq!(toks("1 /* /* \" */ */ 2 // 3"), [int(1), int(2)]);
    let mut map = SourceMap::new();
    let id = map.add("a.or", "/// a\n// b\n///c \nx /// d\n//// e");
    let docs = lex(map.file(id)).docs;
    let lines: Vec<Vec<_>> = docs
        .iter()
        .map(|(_, docs)| docs.lines.iter().map(|line| line.text.as_str()).collect())
        .collect();
    assert_eq!(lines, [vec!["a", "c"], vec!["d"]]);
    assert_eq!(docs[0].0, 17);
}

#[test]
fn lexical_errors() {
    for (text, code) in [
        ("#", ErrorCode::E0001),
        ("é", ErrorCode::E0001),
        ("$$$", ErrorCode::E0001),
        ("\"abc", ErrorCode::E0002),
        ("r\"abc", ErrorCode::E0002),
        ("/* /* */", ErrorCode::E0003),
        (r#""\q""#, ErrorCode::E0004),
        (r#""\u{110000}""#, ErrorCode::E0004),
        (r#""\u41""#, ErrorCode::E0004),
        (r"'\q'", ErrorCode::E0004),
        ("'ab'", ErrorCode::E0005),
        ("''", ErrorCode::E0005),
        ("'a", ErrorCode::E0005),
        ("1x", ErrorCode::E0006),
        ("99999999999999999999", ErrorCode::E0007),
        ("\"a {b", ErrorCode::E0002),
        ("\"a {b\"\n", ErrorCode::E0008),
    ] {
        assert_eq!(errors(text), [code], "{text}");
    }
}
