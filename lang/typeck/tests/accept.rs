//! Programs that are right: nothing is reported.

mod support;

use support::{accept, check_modules};

#[test]
fn arithmetic_widens_within_a_signedness() {
    accept(
        "fn wide(a: i16, b: i64) i64 { a + b }
         fn main() {
             let a: u8 = 3
             let b: u32 = 4
             let c: u64 = a * b
             println(wide(1, 2) as i32 + 1i8)
             println(c << 2u8 >> 1i64)
             println(255u8 +% 1)
             println(1.5 * 2.0 - 0.5 / 3.0 % 1.0)
             println(!true || 1 < 2 && 'a' <= 'b')
             println(~5 & 3 | 1 ^ 2)
         }",
    );
}

#[test]
fn durations_and_instants() {
    accept(
        "fn main() {
             let n: i32 = 3
             let d = 2s + 5ms - 1us
             let e: Duration = d * n / 2
             let t = @now()
             let later: Instant = t + e
             println(later - t < 1m && later > t - d)
         }",
    );
}

#[test]
fn literals_take_the_type_around_them() {
    accept(
        "fn byte(b: u8) u8 { b }
         fn main() {
             var total = 0
             for i in 0..10 { total += i }
             let xs: [u8] = [1, 2, byte(3)]
             let f: f32 = 1.5
             let t: (u8, f32) = (1, 2.5)
             println(\"{total} {xs} {f} {t}\")
         }",
    );
}

#[test]
fn data_of_every_kind() {
    accept(
        "type Point = { x: f64, y: f64 }
         type Shape = | Circle(Point, f64) | Rect(Point, Point) | Nothing
         type Tree[T] = | Leaf | Node(Tree[T], T, Tree[T])
         type Pair[A, B] = { first: A, second: B }
         type Ints = Pair[i64, i64]
         fn insert[T: Ord](t: Tree[T], v: T) Tree[T] {
             match t {
                 Leaf => Node(Leaf, v, Leaf)
                 Node(l, x, r) if v < x => Node(insert(l, v), x, r)
                 Node(l, x, r) => Node(l, x, insert(r, v))
             }
         }
         fn area(s: Shape) f64 {
             match s {
                 Circle(Point { .. }, r) => 3.0 * r * r
                 Rect(Point { x: a, y: b }, Point { x, y }) => (x - a) * (y - b)
                 Shape.Nothing => 0.0
             }
         }
         fn main() {
             let p = Point { x: 1.0, y: 2.0 }
             println(area(Circle(p, 2.0)) + area(Nothing))
             println(insert(insert(Leaf, 2), 1))
             let both = Ints { first: 1, second: 2 }
             println(Pair { first: both, second: \"x\" } == Pair { first: both, second: \"y\" })
             println([Some(1), None] < [None])
         }",
    );
}

#[test]
fn generics_classes_and_closures() {
    accept(
        "class Area[T] { area: fn(T) f64, name: fn() str }
         type Disc = { r: f64 }
         instance Area[Disc] { area = fn(d) { d.r * d.r }, name = fn() { \"disc\" } }
         instance[T: Area] Area[[T]] {
             area = fn(xs: [T]) f64 { xs.fold(0.0, fn(sum, x) { sum + area(x) }) }
             name = fn() str { \"many\" }
         }
         fn total[T: Area + Show](a: T, b: T) f64 { println(\"{a}\"); a.area() + area(b) }
         fn compose[A, B, C](f: fn(A) B, g: fn(B) C) fn(A) C { fn(x) { g(f(x)) } }
         fn main() {
             let d = Disc { r: 1.0 }
             println(total(d, d) + [d, d].area())
             let f = compose(fn(n: i64) str { \"{n}\" }, fn(s) { s.len() })
             println(f(12))
             println([3, 1, 2].map(fn(n) { n * 2 }).filter(fn(n) { n > 2 }).any(fn(n) { n == 4 }))
             println([1, 2].map(Some))
             println(max::[f64](1.0, 2.0) + min(1.0, 2.0) + abs(-1.5))
         }",
    );
}

#[test]
fn maps_sets_and_places() {
    accept(
        "type Entry = { tags: [str], count: i64 }
         fn main() {
             var m: Map[str, Entry] = [\"a\": Entry { tags: [], count: 0 }]
             m[\"b\"] = Entry { tags: [\"x\"], count: 1 }
             m[\"b\"].count += 1
             m[\"b\"].tags.push(\"y\")
             for (k, v) in m { println(\"{k} {v.count}\") }
             var grid = [[0; 3]; 2]
             grid[1][2] += 5
             var s = set([1, 2])
             println(s.add(3) && s.has(2) && m.has(\"a\"))
             var t = (1, [2])
             t.1.push(t.0)
             println(\"{grid} {s} {t} {m.keys()}\")
         }",
    );
}

#[test]
fn in_out_parameters_and_defaults() {
    accept(
        "fn fill(mut xs: [i64], v: i64 = 7) { for i in 0..xs.len() { xs[i] = v } }
         fn both(mut a: i64, mut b: i64) { a = b; b = 0 }
         fn grow(mut self: [str], by: str) { self.push(by) }
         fn main() {
             var xs = [1, 2, 3]
             fill(mut xs)
             fill(mut xs, 3)
             both(mut xs[0], mut xs[1])
             var words: [str] = []
             words.grow(\"a\")
             println(\"{xs} {words}\")
         }",
    );
}

#[test]
fn options_results_and_try() {
    accept(
        "fn parse(s: str) Result[i64, str] { s.parse_int().ok_or(\"no number: {s}\") }
         fn sum(a: str, b: str) Result[i64, str] { Ok(parse(a)? + parse(b)?) }
         fn first(xs: [[i64]]) Option[i64] { Some(xs.first()?.first()? + 1) }
         fn main() Result[(), str] {
             println(sum(\"1\", \"2\")?)
             println(first([[1]]).unwrap_or(0))
             let f = fn(s: str) Option[i64] { Some(s.find(\"x\")? + 1) }
             println(f(\"axe\"))
             Ok(())
         }",
    );
}

#[test]
fn tasks_channels_and_select() {
    accept(
        "fn ticker(s: Scope, every: Duration) Recv[i64] {
             let ch: Chan[i64] = @channel(0)
             spawn in s { var n = 0; while true { ch <- n; n += 1; @sleep(every) } }
             ch
         }
         fn add(a: i64, b: i64) i64 { a + b }
         fn main(s: Scope) {
             let total = async {
                 let a = spawn { 1 }
                 let b = spawn \"second {1}\" add(1, 2)
                 spawn println(\"on its own\")
                 @join(a) + @join(b)
             }
             println(total)
             let ticks = ticker(s, 1ms)
             let out: Chan[str] = @channel(1)
             let done: Chan[()] = @channel(0)
             spawn { out <- \"x\"; @close(done) }
             let r = select {
                 v := <-ticks if total > 3 => \"tick {v}\"
                 w <- out => w
                 <-done => \"done\"
                 out <- \"mine\" => \"sent\"
                 v, ok := <-out => if ok { v } else { \"closed\" }
                 after 50ms => \"late\"
             }
             println(r)
             value, ok := <-ticks
             println(\"{value} {ok} {@recv(ticks)}\")
             match @try_join(spawn { @panic(\"no\") }) {
                 Ok(()) => println(\"fine\")
                 Err(Panicked(why)) => println(why)
                 Err(Cancelled) => ()
             }
             @cancel_scope()
         }",
    );
}

#[test]
fn a_dropped_task_may_end_with_a_result() {
    accept(
        "fn parse(s: str) Result[i64, str] { s.parse_int().ok_or(s) }
         fn main() {
             spawn { println(parse(\"1\")?); Ok(()) }
             spawn { if @args().is_empty() { @args().len() } else { println(\"x\") } }
         }",
    );
}

#[test]
fn handles_on_every_path() {
    accept(
        "type Job = { task: Task[i64], name: str }
         fn finish(t: Task[i64]) i64 { @join(t) }
         fn start(s: Scope) Task[i64] { spawn in s { 3 } }
         fn patient(t: Task[i64]) i64 {
             match @join_timeout(t, 1ms) { Ok(v) => v, Err(t) => { @cancel(t); -1 } }
         }
         fn main(s: Scope) {
             let a = spawn { 1 }
             if @args().len() > 0 { println(@join(a)) } else { @cancel(a) }
             println(finish(start(s)) + patient(start(s)))
             var tasks: [Task[i64]] = []
             for i in 0..3 { tasks.push(spawn { i }) }
             for t in tasks { if @join(t) == 1 { return } }
             let job = Job { task: spawn { 2 }, name: \"j\" }
             let Job { task, name } = job
             println(\"{name} {@join(task)}\")
             let (x, y) = (spawn { 1 }, spawn { 2 })
             println(@join(x) + @join(y))
             for i in 0..3 {
                 async {
                     let t = spawn { i }
                     if i == 1 { break }
                     println(@join(t))
                 }
             }
         }",
    );
}

#[test]
fn generators() {
    accept(
        "type Tree = | Leaf | Node(Tree, i64, Tree)
         fn walk(t: Tree) yields i64 {
             match t { Leaf => (), Node(l, v, r) => { walk(l); @yield(v); walk(r) } }
         }
         fn main() {
             var g: Gen[i64] = gen { walk(Node(Leaf, 1, Leaf)) }
             for v in g { println(v) }
             var echo: Gen[i64, str, i64] = gen { let s: str = @yield(1); s.len() }
             println(\"{echo.next()} {echo.send(\"abc\")} {echo.result()} {echo.done()}\")
             let each = fn(n: i64) { @yield(n) }
             var h: Gen[i64] = gen { each(1); each(2) }
             h.stop()
         }",
    );
}

#[test]
fn patterns_in_every_form() {
    accept(
        "const LIMIT: i64 = 10 * 2
         const WORD: str = \"stop\"
         fn size(n: i64) str {
             match n {
                 0 => \"none\"
                 1..=9 | 11..LIMIT => \"few\"
                 LIMIT => \"limit\"
                 10 => \"ten\"
                 _ if n < 0 => \"negative\"
                 _ => \"many\"
             }
         }
         fn list(xs: [i64]) i64 {
             match xs { [] => 0, [x] => x, [x, y] => x + y, [first, .., last] => first - last }
         }
         fn rest(xs: [i64]) [i64] { match xs { [_, ..rest] => rest, [] => [] } }
         fn word(s: str, c: char) bool {
             match (s, c) { (WORD, _) | (_, 'a'..='z') => true, _ => false }
         }
         fn main() {
             println(\"{size(3)} {list([1])} {rest([1, 2])} {word(\"stop\", 'x')}\")
             let ((a, _), [..]) = ((1, 2), [3])
             println(a)
         }",
    );
}

#[test]
fn endless_loops_and_early_ends_have_any_type() {
    accept(
        "fn forever() i64 { while true { @sleep(1s) } }
         fn fail() str { @panic(\"no\") }
         fn choose(b: bool) i64 { if b { return 1 } else { @exit(3) } }
         fn find(xs: [i64]) i64 {
             outer: for x in xs { for y in xs { if x + y == 3 { return x } else { continue outer } } }
             -1
         }
         fn main() { println(\"{choose(true)} {find([1])}\"); if false { println(forever()); println(fail()) } }",
    );
}

#[test]
fn modules_see_what_is_public() {
    let outcome = check_modules(&[
        (
            "main",
            "import shapes
             import deep.names as n
             fn main() {
                 let s: shapes.Shape = shapes.Circle(2.0)
                 println(s.area() + shapes.unit().area() + n.LIMIT as f64)
                 match s { shapes.Circle(r) => println(r), shapes.Shape.Square(a) => println(a) }
             }",
        ),
        (
            "shapes",
            "pub type Shape = | Circle(f64) | Square(f64)
             pub fn unit() Shape { Square(side()) }
             fn side() f64 { 1.0 }
             pub fn area(self: Shape) f64 { match self { Circle(r) => 3.0 * r * r, Square(a) => a * a } }",
        ),
        ("deep.names", "pub const LIMIT: i64 = 3"),
    ]);
    assert!(outcome.diagnostics.is_empty(), "{}", outcome.text());
}

#[test]
fn own_names_win_over_the_prelude() {
    accept(
        "fn max(a: i64, b: i64) str { \"{a} {b}\" }
         type Option = | Yes | No
         fn len(self: str) str { \"own\" }
         fn main() { println(max(1, 2) + \"x\".len()); println(Yes == No) }",
    );
}

#[test]
fn deep_nesting_is_no_trouble() {
    let handle = std::thread::Builder::new().stack_size(256 << 20).spawn(|| {
        let depth = 200;
        let text =
            format!("fn main() {{ println({}1{}) }}", "(1 + ".repeat(depth), ")".repeat(depth));
        accept(&text);
    });
    handle.expect("a thread").join().expect("no overflow");
}

#[test]
fn the_tree_is_final() {
    let outcome = accept(
        "fn pick[T](a: T, b: T, first: bool) T { if first { a } else { b } }
         fn main() {
             let k = 2
             let f = fn(x) { pick(x, x + k, true) }
             println(\"{f(1)} {[None, Some(f(2))]}\")
         }",
    );
    for func in &outcome.program.fns {
        let Some(body) = &func.body else { continue };
        let mut body = body.clone();
        orion_hir::visit::map_types(&mut body, &mut |ty| {
            assert!(!outcome.program.types.has_infer(ty), "a variable is left in {}", func.path);
            assert!(!outcome.program.types.has_error(ty), "an error is left in {}", func.path);
            ty
        });
    }
}
