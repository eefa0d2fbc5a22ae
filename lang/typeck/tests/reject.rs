//! Programs that are wrong: codes and lines, and that one cause gives one message.

mod support;

use support::{check, check_modules, reject};

#[test]
fn one_cause_one_message() {
    reject(
        "fn main() {
             let a = unknown(1)
             let b = a + 1
             println(\"{b} {a.field} {a.method()}\")
             for x in a { println(x) }
         }",
        &["E0101:2"],
    );
}

#[test]
fn independent_errors_are_all_found() {
    reject(
        "fn f(a: i64) str { a }
         fn g() i64 { \"x\".len() + true }
         fn main() { f(\"x\"); g(1); h() }",
        &["E0201:1", "E0204:2", "E0201:3", "E0202:3", "E0101:3"],
    );
}

#[test]
fn messages_name_the_construct() {
    let text = check(
        "fn main() {
             let ch: Chan[i64] = @channel(0)
             ch <- \"x\"
             @close(ch)
         }",
    )
    .text();
    assert!(text.contains("cannot send `str` on a channel of `i64`"), "{text}");
}

#[test]
fn similar_names_are_suggested() {
    let text = check(
        "type Shape = | Circle | Square
         fn main() { let counter = 1; println(conter); let s = Shape.Sqare; prinln(s) }",
    )
    .text();
    for name in ["counter", "Square", "println"] {
        assert!(text.contains(&format!("did you mean `{name}`?")), "{text}");
    }
}

#[test]
fn missing_cases_are_shown() {
    let text = check(
        "type Tree = | Leaf | Node(Tree, i64, Tree)
         fn f(t: Tree) i64 {
             match t { Leaf => 0, Node(_, 0, Node(_, _, _)) => 1, Node(_, 1.., _) => 2 }
         }
         fn g(t: Tree) i64 {
             match t { Leaf => 0, Node(_, 0, Node(_, _, _)) => 1 }
         }
         fn main() { println(g(Leaf)) }",
    )
    .text();
    assert!(text.contains("`Node(_, 0, Leaf)`"), "{text}");
}

#[test]
fn ranges_are_covered_without_a_wildcard() {
    reject(
        "fn f(n: u8) i64 { match n { 0..=99 => 0, 100..=254 => 1 } }
         fn g(n: u8) i64 { match n { 0..=99 => 0, 100..=255 => 1 } }
         fn h(b: (bool, bool)) i64 { match b { (true, _) => 0, (_, true) => 1 } }
         fn main() { println(f(1) + g(1) + h((true, true))) }",
        &["E0301:1", "E0301:3"],
    );
}

#[test]
fn handles() {
    reject(
        "fn lost(c: bool) i64 { async { let t = spawn { 1 }; if c { @join(t) } else { 0 } } }
         fn twice() { async { let t = spawn { 1 }; @cancel(t); println(@join(t)) } }
         fn looped() { async { let t = spawn { 1 }; while true { println(@join(t)) } } }
         fn early(ts: [Task[i64]]) { for t in ts { if @join(t) == 1 { return } } }
         fn kept(t: Task[i64]) {}
         fn indexed(ts: [Task[i64]]) { @join(ts[0]); for t in ts { @join(t) } }
         type Box[T] = { inside: T }
         fn boxed() { async { let b = Box { inside: spawn { 1 } }; @join(b.inside) } }
         fn main() { lost(true); twice(); looped() }",
        &[
            "E0401:1", "E0402:2", "E0402:3", "E0404:4", "E0401:5", "E0403:6", "E0401:8", "E0403:8",
            "E0403:8",
        ],
    );
}

#[test]
fn generators_are_moved() {
    reject(
        "fn drive(g: Gen[i64]) { for v in g { println(v) } }
         fn make() Gen[i64] { gen { @yield(1) } }
         fn main() {
             let g = make()
             drive(g)
             drive(g)
             let h = make()
             while true { drive(h) }
         }",
        &["E0402:6", "E0402:8"],
    );
}

#[test]
fn channels_that_nobody_knows() {
    reject(
        "fn main() {
             let a: Chan[i64] = @channel(1)
             a <- 1
             for v in a { println(v) }
             let b: Chan[i64] = @channel(1)
             defer { @close(b) }
             println(b.len())
             let (c, d): (Chan[i64], Chan[str]) = (@channel(1), @channel(1))
             @close(d)
             println(c.cap())
         }",
        &["E0405:2", "E0405:8"],
    );
}

#[test]
fn scopes_and_yields() {
    reject(
        "fn start() { spawn { println(1) } }
         fn keep(s: Scope) { let all = [s]; println(all.len()) }
         fn give() { @yield(1) }
         fn calls() { gives() }
         fn gives() yields i64 { @yield(\"x\") }
         fn inside() yields i64 { async { @yield(1) } }
         fn main() { let f = fn() { spawn { 1 } }; f() }",
        &["E0501:1", "E0502:2", "E0503:3", "E0503:4", "E0504:5", "E0503:6", "E0501:7"],
    );
}

#[test]
fn constants() {
    reject(
        "const A: u8 = 255 + 1
         const B: i64 = 1 / 0
         const C: i64 = \"abc\".len()
         const D: i64 = D
         const E: Duration = 1s * 3
         fn main() { println(\"{A} {B} {C} {D} {E}\") }",
        &["E0602:1", "E0602:2", "E0603:3", "E0604:4"],
    );
}

#[test]
fn classes_and_bounds() {
    reject(
        "class Area[T] { area: fn(T) f64 }
         fn f[T](a: T, b: T) bool { a == b }
         fn g[T: Ord](a: T, b: T) bool { a == b }
         fn h(x: i64) f64 { area(x) }
         fn k[T: Area](x: T) f64 { x.area() }
         fn main() { println(\"{f(1, 2)} {g(1, 2)} {h(1)} {k(\"x\")} {fn() i64 { 1 }}\") }",
        &["E0701:2", "E0701:4", "E0701:6", "E0701:6"],
    );
}

#[test]
fn cycles_of_modules() {
    let outcome = check_modules(&[
        ("main", "import a\nfn main() {}"),
        ("a", "import b\nfn f() {}"),
        ("b", "import a\nfn f() {}"),
    ]);
    assert_eq!(outcome.codes(), ["E0110:1"], "{}", outcome.text());
}

#[test]
fn private_names_of_modules() {
    let outcome = check_modules(&[
        (
            "main",
            "import a
             fn main() {
                 a.hidden()
                 let x: a.Secret = a.make()
                 println(a.nothing)
                 x.show_it()
             }",
        ),
        (
            "a",
            "fn hidden() {}
             type Secret = { n: i64 }
             pub fn make() Secret { Secret { n: 1 } }
             fn show_it(self: Secret) {}",
        ),
    ]);
    assert_eq!(outcome.codes(), ["E0104:3", "E0104:4", "E0101:5", "E0107:6"], "{}", outcome.text());
}

#[test]
fn warnings() {
    reject(
        "fn main() {
             1 + 2
             [1].len() == 1
             return
             println(1)
         }",
        &["W0201:2", "W0202:5"],
    );
}
