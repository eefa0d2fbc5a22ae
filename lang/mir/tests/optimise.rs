//! The passes that make programs faster: inlining, copy propagation, strip-mining and hoisting.

mod common;

use common::{B, Kit, borrow, copy, int, kit, text};
use orion_mir::interp::{self, Options};
use orion_mir::{
    BinOp, Block, BodyId, Failure, Intrinsic, Local, Operand, Place, Proj, Rvalue, StatementKind,
    SuspendOp, TerminatorKind,
};

/// `fn count(self: [str]) i64`.
fn count(kit: &mut Kit) -> BodyId {
    let t = kit.t;
    let mut b = kit.body("count", &[t.strs], t.i64);
    b.set(0, Local(0), Rvalue::Len(Local(1).into()));
    b.ret(0);
    kit.add(b)
}

#[test]
fn a_small_function_is_inlined_and_its_argument_not_counted() {
    let mut kit = kit();
    let t = kit.t;
    let count = count(&mut kit);
    let mut push = kit.body("push", &[t.strs, t.str], t.unit);
    push.body.inout = vec![Local(1)];
    let args = vec![copy(Local(1)), copy(Local(2))];
    push.set(0, Local(1), Rvalue::Intrinsic(Intrinsic::ListPush, args));
    push.ret(0);
    let push = kit.add(push);
    let mut b = kit.body("f", &[t.strs], t.i64);
    b.body.inout = vec![Local(1)];
    let unit = b.local(t.unit);
    b.call(0, count, vec![copy(Local(1))], Local(0), vec![], 1, 3);
    b.call(1, push, vec![Operand::Move(Local(1)), text("x")], unit, vec![Local(1)], 2, 3);
    b.ret(2);
    b.resume(3);
    let id = kit.add(b);
    let text = kit.finished(id);
    assert!(!text.contains("call "), "{text}");
    assert!(text.contains("_0 = len _1") || text.contains("= len _1\n"), "{text}");
    assert!(!text.contains("copy _1\n"), "{text}");
    assert!(!text.contains("drop"), "{text}");
}

#[test]
fn a_function_that_may_panic_keeps_its_place_in_the_stack() {
    let mut kit = kit();
    let t = kit.t;
    let id = common::identity(&mut kit);
    let mut b = kit.body("f", &[], t.str);
    b.call(0, id, vec![text("x")], Local(0), vec![], 1, 2);
    b.ret(1);
    b.resume(2);
    let f = kit.add(b);
    let text = kit.finished(f);
    assert!(text.contains("call identity"), "{text}");
}

#[test]
fn a_temporary_copy_of_a_channel_is_not_counted() {
    let mut kit = kit();
    let t = kit.t;
    let mut b = kit.body("f", &[t.chan], t.str);
    let chan = b.local(t.chan);
    b.set(0, chan, Rvalue::Use(copy(Local(1))));
    b.suspend(
        0,
        SuspendOp::Recv {
            chan,
            dest: Local(0),
            text: "ch".into(),
            done: Block(1),
            closed: Block(2),
        },
        3,
    );
    b.ret(1);
    b.set(2, Local(0), Rvalue::Use(text("")));
    b.ret(2);
    b.resume(3);
    let id = kit.add(b);
    let text = kit.finished(id);
    assert!(text.contains("recv borrow _1"), "{text}");
    assert!(!text.contains("copy"), "{text}");
}

#[test]
fn a_copy_of_what_changes_stays() {
    let mut kit = kit();
    let t = kit.t;
    let mut b = kit.body("f", &[t.str], t.pair);
    let before = b.local(t.str);
    b.set(0, before, Rvalue::Use(copy(Local(1))));
    let args = vec![copy(Local(1)), text("x")];
    b.set(0, Local(1), Rvalue::Intrinsic(Intrinsic::StrPush, args));
    b.set(0, Local(0), Rvalue::Tuple(vec![copy(before), copy(Local(1))]));
    b.ret(0);
    let id = kit.add(b);
    let text = kit.finished(id);
    assert!(text.contains("_2 = copy _1"), "{text}");
}

/// `for i in 0..n { xs[i] = i }` (or `0..=n`) over a list in-out parameter.
fn fill(kit: &Kit, ints: orion_mir::Ty, inclusive: bool) -> B {
    let t = kit.t;
    let mut b = kit.body("fill", &[ints, t.i64], t.unit);
    b.body.inout = vec![Local(1)];
    let (i, more, len, fits) = (b.local(t.i64), b.local(t.bool), b.local(t.i64), b.local(t.bool));
    let less = |op| Rvalue::Binary(op, borrow(i), borrow(Local(2)));
    let switch = |cond: Local, no: u32, yes: u32| TerminatorKind::Switch {
        value: borrow(cond),
        cases: vec![(0, Block(no))],
        otherwise: Block(yes),
    };
    b.set(0, i, Rvalue::Use(int(0)));
    let step = Rvalue::Binary(BinOp::Add, borrow(i), int(1));
    if inclusive {
        b.set(0, more, less(BinOp::Le));
        b.end(0, switch(more, 6, 2));
        b.set(4, more, less(BinOp::Lt));
        b.end(4, switch(more, 6, 5));
        b.set(5, i, step);
        b.poll(5, 2, 7);
        b.end(1, TerminatorKind::Unreachable);
    } else {
        b.goto(0, 1);
        b.set(1, more, less(BinOp::Lt));
        b.end(1, switch(more, 6, 2));
        b.set(4, i, step);
        b.poll(4, 1, 7);
    }
    b.set(2, len, Rvalue::Len(Local(1).into()));
    b.set(2, fits, Rvalue::Binary(BinOp::Lt, copy(i), copy(len)));
    b.end(
        2,
        TerminatorKind::Assert {
            cond: borrow(fits),
            expected: true,
            failure: Failure::Index(borrow(i), borrow(len)),
            target: Block(3),
            unwind: Block(7),
        },
    );
    b.stmt(3, StatementKind::MakeUnique(Local(1).into()));
    let element = Place { local: Local(1), projection: vec![Proj::Index(i)] };
    b.set(3, element, Rvalue::Use(copy(i)));
    b.goto(3, 4);
    b.ret(6);
    b.resume(7);
    b
}

#[test]
fn counted_loops_poll_between_chunks_only_and_do_the_same() {
    for inclusive in [false, true] {
        for n in [-1, 0, 1, 1023, 1024, 1025, 2048, 5000] {
            let mut kit = kit();
            let t = kit.t;
            let ints = kit.program.types.intern(orion_mir::TyKind::List(t.i64));
            let fill = fill(&kit, ints, inclusive);
            let fill = kit.add(fill);
            // Prints the last element and one in the middle.
            let mut b = kit.body("main", &[], t.unit);
            let (xs, other, s) = (b.local(ints), b.local(ints), b.local(t.str));
            let (last, middle) = (b.local(t.i64), b.local(t.i64));
            let size = 5001;
            let repeat = vec![int(-7), int(size)];
            b.set(0, xs, Rvalue::Intrinsic(Intrinsic::ListRepeat, repeat));
            b.set(0, other, Rvalue::Use(copy(xs)));
            b.call(0, fill, vec![Operand::Move(xs), int(n)], Local(0), vec![xs], 1, 2);
            b.set(1, s, Rvalue::Use(text("")));
            for (local, at) in [(last, n - i64::from(!inclusive)), (middle, n / 2)] {
                b.set(1, local, Rvalue::Use(int(at.max(0))));
                for list in [xs, other] {
                    let place = Place { local: list, projection: vec![Proj::Index(local)] };
                    let args = vec![copy(s), borrow(place)];
                    b.set(1, s, Rvalue::Intrinsic(Intrinsic::StrPushI64, args));
                    let args = vec![copy(s), text(" ")];
                    b.set(1, s, Rvalue::Intrinsic(Intrinsic::StrPush, args));
                }
            }
            b.set(1, Local(0), common::print_str(borrow(s)));
            b.ret(1);
            b.resume(2);
            kit.program.bodies[0] = b.body;
            let text = kit.finished(fill);
            let outcome = interp::run(&kit.program, &Options::default());
            assert_eq!(outcome.faults, Vec::<String>::new(), "{text}");
            assert_eq!((outcome.status, outcome.leaked), (Some(0), 0), "{text}");
            let written = |at: i64| if n - i64::from(!inclusive) >= at { at } else { -7 };
            let (last, middle) = ((n - i64::from(!inclusive)).max(0), (n / 2).max(0));
            let expected = format!("{} -7 {} -7 ", written(last), written(middle));
            assert_eq!(outcome.stdout, expected, "n = {n}, inclusive = {inclusive}\n{text}");

            // The inner loop: from its header back to it without a poll, a length or a test of owners.
            let store = text.lines().position(|line| line.contains("_1[_3] = copy _3"));
            let rest = text.lines().skip(store.expect("the store")).collect::<Vec<_>>();
            let back = rest.iter().position(|line| line.contains("goto") || line.contains("->"));
            let inner = rest[..=back.expect("a jump")].join("\n");
            assert!(!inner.contains("poll"), "{text}");
            assert_eq!(text.matches("poll").count(), 1, "{text}");
            let unique = text.lines().position(|line| line.contains("make_unique _1"));
            let test = text.lines().position(|line| line.contains("assert"));
            assert!(unique < test, "{text}");
            assert_eq!(text.matches("len _1").count(), 1, "{text}");
        }
    }
}

#[test]
fn a_loop_that_may_suspend_keeps_its_poll_on_the_back_edge() {
    let mut kit = kit();
    let t = kit.t;
    let mut b = kit.body("f", &[t.i64], t.unit);
    let (i, more) = (b.local(t.i64), b.local(t.bool));
    b.set(0, i, Rvalue::Use(int(0)));
    b.goto(0, 1);
    b.set(1, more, Rvalue::Binary(BinOp::Lt, borrow(i), borrow(Local(1))));
    b.end(
        1,
        TerminatorKind::Switch {
            value: borrow(more),
            cases: vec![(0, Block(4))],
            otherwise: Block(2),
        },
    );
    let idle = SuspendOp::Select { arms: vec![], after: None, default: Some(Block(3)) };
    b.suspend(2, idle, 5);
    b.set(3, i, Rvalue::Binary(BinOp::Add, borrow(i), int(1)));
    b.poll(3, 1, 5);
    b.ret(4);
    b.resume(5);
    let id = kit.add(b);
    let text = kit.finished(id);
    assert!(!text.contains("1024"), "{text}");
}

/// `while c { xs[i] = 1 }` with `xs` made by `first`, and `in_loop` in every round.
fn writing_loop(
    kit: &Kit,
    ints: orion_mir::Ty,
    first: Option<Rvalue>,
    in_loop: impl FnOnce(&mut B, Local),
) -> B {
    let t = kit.t;
    let mut b = kit.body("f", &[ints, t.bool, t.i64], t.unit);
    let xs = b.local(ints);
    b.set(0, xs, first.unwrap_or(Rvalue::Use(copy(Local(1)))));
    b.goto(0, 1);
    b.branch(1, Local(2), 2, 3);
    in_loop(&mut b, xs);
    b.stmt(2, StatementKind::MakeUnique(xs.into()));
    let element = Place { local: xs, projection: vec![Proj::Index(Local(3))] };
    b.set(2, element, Rvalue::Use(int(1)));
    b.poll(2, 1, 4);
    b.ret(3);
    b.resume(4);
    b
}

/// Where `make_unique` stands: `none`, `before` or `inside` the loop, whose store is the mark.
fn unique_place(kit: &mut Kit, b: B) -> &'static str {
    let id = kit.add(b);
    let text = kit.finished(id);
    let line = |what: &str| text.lines().position(|line| line.contains(what));
    let header = line("switch").expect("the loop's test");
    match line("make_unique") {
        None => "none",
        Some(at) if at < header => "before",
        Some(_) => "inside",
    }
}

#[test]
fn lists_are_made_unshared_before_the_loop() {
    let mut kit = kit();
    let ints = kit.program.types.intern(orion_mir::TyKind::List(kit.t.i64));
    let b = writing_loop(&kit, ints, None, |_, _| {});
    assert_eq!(unique_place(&mut kit, b), "before");
}

#[test]
fn fresh_lists_need_not_be_made_unshared() {
    let mut kit = kit();
    let ints = kit.program.types.intern(orion_mir::TyKind::List(kit.t.i64));
    let fresh = Rvalue::Intrinsic(Intrinsic::ListRepeat, vec![int(0), int(9)]);
    let b = writing_loop(&kit, ints, Some(fresh), |_, _| {});
    assert_eq!(unique_place(&mut kit, b), "none");
}

#[test]
fn lists_that_the_loop_shares_are_made_unshared_in_it() {
    let mut kit = kit();
    let t = kit.t;
    let ints = kit.program.types.intern(orion_mir::TyKind::List(t.i64));
    let lists = kit.program.types.intern(orion_mir::TyKind::List(ints));
    let mut all = Local(0);
    let fresh = Rvalue::Intrinsic(Intrinsic::ListRepeat, vec![int(0), int(9)]);
    let mut b = writing_loop(&kit, ints, Some(fresh), |b, xs| {
        all = b.local(lists);
        let args = vec![copy(all), copy(xs)];
        b.set(2, all, Rvalue::Intrinsic(Intrinsic::ListPush, args));
    });
    b.set(0, all, Rvalue::List(lists, vec![]));
    assert_eq!(unique_place(&mut kit, b), "inside");
}

#[test]
fn an_element_that_is_only_looked_at_is_not_counted() {
    for changed in [false, true] {
        let mut kit = kit();
        let t = kit.t;
        let mut b = kit.body("f", &[t.strs, t.i64], t.unit);
        let x = b.local(t.str);
        b.body.locals[x.index()].name = Some("x".into());
        let element = Place { local: Local(1), projection: vec![Proj::Index(Local(2))] };
        b.set(0, x, Rvalue::Use(copy(element)));
        if changed {
            b.set(0, Local(2), Rvalue::Binary(BinOp::Add, copy(Local(2)), int(1)));
        }
        b.set(0, Local(0), common::print_str(borrow(x)));
        b.set(0, Local(0), common::print_str(borrow(x)));
        b.ret(0);
        let id = kit.add(b);
        let text = kit.finished(id);
        assert_eq!(text.contains("= copy _1[_2]"), changed, "{text}");
        assert_eq!(text.matches("Print(borrow _1[_2])").count(), if changed { 0 } else { 2 });
    }
}
