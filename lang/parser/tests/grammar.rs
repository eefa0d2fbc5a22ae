//! Precedence, the newline rule, and whole files of every construct.

mod common;

use common::{body_shape, codes, parse_ok, parse_value, shape};
use orion_syntax::ast::printer::print_module;
use orion_syntax::ast::{ExprKind, ItemKind, StrPart, TypeBody, TypeDecl};

/// The files in `samples/` hold every construct of the reference; the trees they must give
/// stand beside them. `UPDATE_EXPECT=1` writes these anew.
#[test]
fn samples_give_their_trees() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/samples");
    let mut count = 0;
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|e| e.expect("an entry").path())
        .collect();
    entries.sort();
    for path in entries.iter().filter(|path| path.extension().is_some_and(|e| e == "or")) {
        let text = std::fs::read_to_string(path).expect("a readable sample");
        let printed = print_module(&parse_ok(&text));
        let expected = path.with_extension("ast");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&expected, &printed).expect("a writable folder");
        }
        let known = std::fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(printed, known, "the tree of {}", path.display());
        count += 1;
    }
    assert!(count >= 5);
}

#[test]
fn precedence() {
    for (text, expected) in [
        ("a + b * c", "(+ a (* b c))"),
        ("a * b + c", "(+ (* a b) c)"),
        ("a - b - c", "(- (- a b) c)"),
        ("a +% b *% c -% d", "(-% (+% a (*% b c)) d)"),
        ("a << b + c", "(<< a (+ b c))"),
        ("a & b << c", "(& a (<< b c))"),
        ("a ^ b & c", "(^ a (& b c))"),
        ("a | b ^ c", "(| a (^ b c))"),
        ("a == b | c", "(== a (| b c))"),
        ("a == b && c < d", "(&& (== a b) (< c d))"),
        ("a || b && c", "(|| a (&& b c))"),
        ("a || b .. c && d", "(.. (|| a b) (&& c d))"),
        ("a ..= b + 1", "(..= a (+ b 1))"),
        ("-a as u8 * b", "(* (as (- a) u8) b)"),
        ("a as u8 as% i8", "(as% (as a u8) i8)"),
        ("a as i64 < b", "(< (as a i64) b)"),
        ("!a.b()", "(! (call a.b))"),
        ("-a?", "(- (? a))"),
        ("<-ch + 1", "(+ (<- ch) 1)"),
        ("<-a.b[0]", "(<- (index a.b 0))"),
        ("- -a", "(- (- a))"),
        ("!~-a", "(! (~ (- a)))"),
        ("(a + b) * c", "(* (paren (+ a b)) c)"),
        ("ch <- a + b", "(send ch (+ a b))"),
        ("ch <- <-other", "(send ch (<- other))"),
        ("x = a || b", "(= x (|| a b))"),
        ("x -%= a", "(-%= x a)"),
        ("a % b / c", "(/ (% a b) c)"),
        ("spawn f(x)", "(spawn (call f x))"),
        ("f(a)(b)[c].d::[T]", "(index (call (call f a) b) c).d::[T]"),
        ("if a { b } else { c } + 1", "(+ (if a (then b) (else (block c))) 1)"),
    ] {
        assert_eq!(shape(text), expected, "{text}");
    }
}

#[test]
fn literals() {
    for (text, expected) in [
        ("-128i8", "-128i8"),
        ("- 128i8", "-128i8"),
        ("-5.abs()", "(call -5.abs)"),
        ("a -1", "(- a 1)"),
        ("a - -1", "(- a -1)"),
        ("f(-1, -2ms)", "(call f -1 -2000000ns)"),
        ("t.0.1", "t.0.1"),
        ("t.0.1.2", "t.0.1.2"),
        ("1..5", "(.. 1 5)"),
        ("1.5..2.5", "(.. 1.5 2.5)"),
        ("1.max(2)", "(call 1.max 2)"),
        ("1e-9", "1e-9"),
        ("2.0f32 + 0xffu8", "(+ 2.0f32 255u8)"),
        ("7d", "604800000000000ns"),
        (r#"'\u{1F600}'"#, "'😀'"),
        (r#"'\''"#, r#"'\''"#),
        (r#""a\tb\{c}""#, r#""a\tb{c}""#),
        (r#"r"a\n{b}""#, r#""a\\n{b}""#),
        (r#""\u{41}""#, r#""A""#),
    ] {
        assert_eq!(shape(text), expected, "{text}");
    }
}

#[test]
fn interpolations_nest() {
    assert_eq!(shape(r#""a {b} c""#), r#"(str "a " b " c")"#);
    assert_eq!(shape(r#""{a}{b + 1}""#), "(str a (+ b 1))");
    assert_eq!(
        shape(r#""x{f("y{g("z{1}")}w")}""#),
        r#"(str "x" (call f (str "y" (call g (str "z" 1)) "w")))"#
    );
    assert_eq!(shape(r#""{ {1} }""#), "(str (block 1))");
    assert_eq!(shape(r#""{P { x: 1 }}}""#), r#"(str (struct P x: 1) "}")"#);
    let value = parse_value(r#""ab {c} d""#);
    let ExprKind::Interpolation(parts) = &value.kind else { panic!("an interpolation") };
    let spans: Vec<_> = parts
        .iter()
        .map(|part| match part {
            StrPart::Text(_, span) | StrPart::Expr(_, span) => (span.start, span.end),
        })
        .collect();
    // After `fn main() {` and a newline.
    assert_eq!(spans, [(13, 16), (16, 19), (19, 21)]);
    assert_eq!((value.span.start, value.span.end), (12, 22));
}

#[test]
fn newlines_end_statements() {
    for (text, expected) in [
        ("a\nb", "a\nb"),
        ("a;b", "a\nb"),
        ("a;\n\n;b;", "a\nb"),
        ("a +\nb", "(+ a b)"),
        ("a\n-b", "a\n(- b)"),
        ("a\n-1", "a\n-1"),
        ("a\n  .b()\n  .c", "(call a.b).c"),
        ("a\n| b", "(| a b)"),
        ("a\n|| b", "(|| a b)"),
        ("a\n&& b", "(&& a b)"),
        ("a\n& b", ""),
        ("a // comment\n// another\n.b", "a.b"),
        ("a /* over\na line */ b", "a\nb"),
        ("f(a,\nb\n)", "(call f a b)"),
        ("f(a\n+ b)", "(call f (+ a b))"),
        ("[a\n, b]", "(list a b)"),
        ("return\na", "(return)\na"),
        ("f()\n(a)", "(call f)\n(paren a)"),
        ("xs[0]\n[1]", "(index xs 0)\n(list 1)"),
        ("a?\nb", "(? a)\nb"),
        ("\"s{x}\"\nb", "(str \"s\" x)\nb"),
        ("1.5\n2s\n'c'\ntrue\n@f()", "1.5\n2000000000ns\n'c'\ntrue\n(@f)"),
        ("<-a\n<-b", "(<- a)\n(<- b)"),
        ("f(fn() {\na\nb\n})", "(call f (fn()\n  a\n  b))"),
        ("let x = [\n{\na\nb\n}\n]\nx", "(let x (list (block\n  a\n  b)))\nx"),
        ("a.b\n.0", ""),
    ] {
        if expected.is_empty() {
            let program = format!("fn main() {{\n{text}\n}}");
            assert!(!codes(&program).is_empty(), "{text:?} must not parse");
        } else {
            assert_eq!(body_shape(text), expected, "{text:?}");
        }
    }
}

#[test]
fn newlines_serve_as_commas_in_braces() {
    let by_lines = "match x {\nA => 1\nB => {\n2\n}\nC => 3\n}";
    assert_eq!(body_shape(by_lines), body_shape("match x { A => 1, B => { 2 }, C => 3 }"));
    assert_eq!(body_shape("P {\nx: 1\ny: 2\n}"), body_shape("P { x: 1, y: 2 }"));
    assert_eq!(body_shape("P {\nx: 1,\ny: 2,\n}"), body_shape("P { x: 1, y: 2, }"));
    // Not between parentheses.
    assert_eq!(codes("fn main() {\nf(a\nb)\n}").len(), 1);
}

#[test]
fn struct_literals_and_heads() {
    assert_eq!(shape("if a == B { c }"), "(if (== a B) (then c))");
    assert_eq!(shape("if f(P { x: 1 }) { c }"), "(if (call f (struct P x: 1)) (then c))");
    assert_eq!(shape("match LIMIT { A => P { x } }"), "(match LIMIT (A => (struct P x)))");
    assert_eq!(shape("for i in 0..LIMIT { P { i } }"), "(for i (.. 0 LIMIT) (struct P i))");
    assert_eq!(shape("for P { x } in ps { x }"), "(for P { x } ps x)");
    assert_eq!(shape("if if A { b } else { c } == D { e }").matches("struct").count(), 0);
    assert_eq!(shape("m.P { x: 1 }"), "(struct m.P x: 1)");
    assert_eq!(shape("fn() P { P { x } }"), "(fn() P (struct P x))");
    assert_eq!(
        shape("match p { P { x, .. } if x == Q => R { x } }"),
        "(match p (P { x, .. } if (== x Q) => (struct R x)))"
    );
    let wrong = "fn main() { if p == P { x: 1 } { q() } }";
    assert_eq!(codes(wrong), ["E0023@1:21"]);
}

#[test]
fn default_is_a_word_of_select_only() {
    assert_eq!(shape("select { default => default }"), "(select (default => default))");
    assert_eq!(shape("match a { default => default }"), "(match a (default => default))");
    assert_eq!(shape("default(default)"), "(call default default)");
    assert_eq!(
        shape("select { <-a => select { default => 1 }\n default => match b { default => 2 } }"),
        "(select (receive a => (select (default => 1))) (default => (match b (default => 2))))"
    );
}

#[test]
fn docs_are_kept() {
    let module = parse_ok(
        "/// One.\n///  Two.\n//// not\npub type T = {\n/// Field.\nx: i64\n}\n\n\
         type S =\n/// First.\n| A\n/// Second.\n| B\n",
    );
    let ItemKind::Type(_) = &module.items[0].kind else { panic!("a type") };
    let lines: Vec<_> = module.items[0].docs.lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(lines, ["One.", " Two."]);
    let printed = print_module(&module);
    for doc in ["/// Field.", "/// First.", "/// Second."] {
        assert!(printed.contains(doc), "{printed}");
    }
    assert_eq!(codes("fn main() {\n/// lost\nf()\n}\n"), ["W0001@2:1"]);
}

#[test]
fn spans_cover_what_was_written() {
    let text = "pub fn f(a: i64) i64 { a + g(1) }\nconst X = 1\n";
    let module = parse_ok(text);
    let written: Vec<_> = module.items.iter().map(|item| &text[item.span.range()]).collect();
    assert_eq!(written, ["pub fn f(a: i64) i64 { a + g(1) }", "const X = 1"]);
    let ItemKind::Fn(function) = &module.items[0].kind else { panic!("a function") };
    assert_eq!(&text[function.head_span.range()], "fn f(a: i64) i64");
    let value = function.body.value.as_ref().expect("a value");
    assert_eq!(&text[value.span.range()], "a + g(1)");
    assert_eq!(&text[function.body.end_brace().range()], "}");
}

#[test]
fn docs_of_every_declaration() {
    let module = parse_ok(
        "/// An area. Or two.\n///\n/// More.\npub fn f() {}\n\
         /// T.\ntype T = {\n/// x.\nx: i64\n}\n/// S.\ntype S =\n/// A.\n| A\n| B\n\
         class C[T] {\n/// m.\nm: fn(T)\n}\ninstance C[T] {\n/// n.\nm = f\n}\n\
         extern \"C\" {\n/// e.\nfn e()\n}\n/// L.\nconst L = 1\n/// t.\ntest \"t\" {}\n",
    );
    let mut found = Vec::new();
    for item in &module.items {
        found.push(item.docs.summary());
        match &item.kind {
            ItemKind::Type(TypeDecl { body: TypeBody::Struct(fields), .. }) => {
                found.extend(fields.iter().map(|field| field.docs.text()));
            }
            ItemKind::Type(TypeDecl { body: TypeBody::Sum(variants), .. }) => {
                found.extend(variants.iter().map(|variant| variant.docs.text()));
            }
            ItemKind::Class(decl) => found.extend(decl.members.iter().map(|m| m.docs.text())),
            ItemKind::Instance(decl) => found.extend(decl.members.iter().map(|m| m.docs.text())),
            ItemKind::Extern(decl) => found.extend(decl.fns.iter().map(|f| f.docs.text())),
            _ => {}
        }
    }
    let expected = "An area.|T.|x.|S.|A.|||m.||n.||e.|L.|t.";
    assert_eq!(found.join("|"), expected);
    assert_eq!(module.items[0].docs.text(), "An area. Or two.\n\nMore.");
    assert!(!module.items[0].docs.is_empty() && module.items[3].docs.is_empty());
}
