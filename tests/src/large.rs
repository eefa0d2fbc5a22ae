//! A program of any length, to see how the compiler copes with size.
//!
//! Every part of it has its own types, so that nothing is shared between the parts: generics, a class with an instance each, recursive sums, lists, closures, and a task with a channel.

use std::fmt::Write;

/// Lines of one part, with its call.
pub const PART_LINES: usize = 50;

/// A program of `parts` parts, and the number that it prints.
#[must_use]
pub fn program(parts: usize) -> (String, i64) {
    let mut text = String::from("class Area[T] { area: fn(T) f64 }\n");
    let mut main = String::from("\nfn main() {\n    var sum = 0\n");
    let mut expected = 0;
    for i in 0..parts {
        text += &PART.replace('#', &i.to_string());
        writeln!(main, "    sum += work{i}({i})").expect("memory");
        expected += result(i as i64);
    }
    main += "    println(sum)\n}\n";
    (text + &main, expected)
}

/// What `work` of a part gives.
fn result(n: i64) -> i64 {
    let (mut count, mut total) = (0, 0);
    for k in 0..n {
        count += k;
        total += if k % 3 == 0 { count } else { -1 };
    }
    total + 5 + 9 + format!("x{n}").len() as i64 + n.min(101) + (n * 2)
}

const PART: &str = r#"
type Shape# = | Circle#(f64) | Rect#(f64, f64) | Nothing#
type Counter#[T] = { item: T, count: i64 }
type Tree#[T] = | Leaf# | Node#(Tree#[T], T, Tree#[T])

instance Area[Shape#] {
    area = fn(s: Shape#) f64 {
        match s {
            Circle#(r) => 3.0 * r * r
            Rect#(w, h) => w * h
            Nothing# => 0.0
        }
    }
}

fn largest#[T: Ord](xs: [T], first: T) T {
    var best = first
    for x in xs {
        if best < x { best = x }
    }
    best
}

fn insert#[T: Ord](t: Tree#[T], v: T) Tree#[T] {
    match t {
        Leaf# => Node#(Leaf#, v, Leaf#)
        Node#(l, x, r) if v < x => Node#(insert#(l, v), x, r)
        Node#(l, x, r) if x < v => Node#(l, x, insert#(r, v))
        _ => t
    }
}

fn size#[T](t: Tree#[T]) i64 {
    match t { Leaf# => 0, Node#(l, _, r) => size#(l) + 1 + size#(r) }
}

fn work#(n: i64) i64 {
    var b = Counter# { item: "x{n}", count: 0 }
    var total = 0
    var tree: Tree#[i64] = Leaf#
    for k in 0..n {
        b.count += k
        if k % 3 == 0 { total += b.count } else { total -= 1 }
        tree = insert#(tree, (k * 37) % 101)
    }
    let a = area(Rect#(2.0, 3.0)) + area(Circle#(1.0))
    let twice = async { @join(spawn { n * 2 }) }
    total + largest#([1, 5, 3], 0) + (a as i64) + b.item.len() + size#(tree) + twice
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_as_many_lines_as_it_says() {
        let lines = |parts| program(parts).0.lines().count();
        assert_eq!(lines(7) - lines(6), PART_LINES);
    }
}
