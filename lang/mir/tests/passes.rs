//! The passes but for ownership: simplification, polls, effects, hashes; and that they stay fast.

mod common;

use common::{borrow, copy, identity, int, kit, print_str, text};
use orion_mir::passes::{effects, polls, simplify};
use orion_mir::{
    BinOp, Block, BodyId, BodyKind, Callee, Const, Local, Operand, Rvalue, SuspendOp,
    TerminatorKind, pipeline, print,
};

fn polls_of(program: &orion_mir::Program, id: BodyId) -> usize {
    print::body(program, id, print::Options { positions: false }).matches("poll ->").count()
}

#[test]
fn simplify_threads_merges_and_decides() {
    let mut kit = kit();
    let mut b = kit.body("f", &[kit.t.bool], kit.t.i64);
    b.goto(0, 1);
    b.goto(1, 2);
    b.branch(2, Local(1), 3, 4);
    b.goto(3, 5);
    b.goto(4, 5);
    b.set(5, Local(0), Rvalue::Use(int(1)));
    let value = Operand::Const(Const::Bool(true));
    let cases = vec![(1, Block(7))];
    b.end(5, TerminatorKind::Switch { value, cases, otherwise: Block(6) });
    b.set(6, Local(0), Rvalue::Use(int(2)));
    b.ret(6);
    b.ret(7);
    let id = kit.add(b);
    simplify::run(&mut kit.program);
    let body = kit.program.body(id);
    assert_eq!(body.blocks.len(), 1);
    assert_eq!(body.blocks[0].statements.len(), 1);
    assert!(matches!(body.blocks[0].terminator.kind, TerminatorKind::Return));
}

#[test]
fn simplify_keeps_an_empty_endless_loop() {
    let mut kit = kit();
    let mut b = kit.body("f", &[], kit.t.unit);
    b.goto(0, 1);
    b.goto(1, 2);
    b.goto(2, 1);
    let id = kit.add(b);
    simplify::run(&mut kit.program);
    assert!(kit.program.body(id).blocks.len() >= 2);
}

#[test]
fn a_poll_beside_a_yield_is_removed() {
    let mut kit = kit();
    for (name, always) in [("yields", true), ("may_yield", false)] {
        let mut b = kit.body(name, &[kit.t.bool], kit.t.unit);
        b.goto(0, 1);
        b.branch(1, Local(1), 2, 5);
        if always {
            b.goto(2, 3);
        } else {
            b.branch(2, Local(1), 3, 4);
        }
        b.suspend(3, SuspendOp::Yield { target: Block(4) }, 6);
        b.poll(4, 1, 6);
        b.ret(5);
        b.resume(6);
        kit.add(b);
    }
    polls::run(&mut kit.program).expect("loops have polls");
    assert_eq!(polls_of(&kit.program, BodyId(1)), 0);
    assert_eq!(polls_of(&kit.program, BodyId(2)), 1);
}

#[test]
fn a_loop_without_a_poll_gets_one_or_is_an_error() {
    let mut kit = kit();
    for (name, cleanup) in [("plain", false), ("cleanup", true)] {
        let mut b = kit.body(name, &[kit.t.bool], kit.t.unit);
        let unit = b.local(kit.t.unit);
        b.goto(0, 1);
        b.branch(1, Local(1), 2, 3);
        b.suspend(
            2,
            SuspendOp::Recv {
                chan: Local(1),
                dest: Local(1),
                text: String::new(),
                done: Block(1),
                closed: Block(1),
            },
            4,
        );
        b.ret(3);
        if cleanup {
            b.set(4, unit, print_str(text("bye")));
        }
        b.resume(4);
        kit.add(b);
    }
    let errors = polls::run(&mut kit.program).expect_err("one has clean-up");
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].0, "cleanup");
    assert_eq!(polls_of(&kit.program, BodyId(1)), 2);
}

#[test]
fn recursive_functions_poll_at_their_entry() {
    let mut kit = kit();
    let t = kit.t;
    // even -> odd -> even; leaf is called by both; by_value calls a function value; closure is one.
    let (even, odd, leaf) = (BodyId(1), BodyId(2), BodyId(3));
    for (name, callees) in [("even", vec![odd]), ("odd", vec![leaf, even]), ("leaf", vec![])] {
        let mut b = kit.body(name, &[], t.unit);
        let count = callees.len() as u32;
        for (index, callee) in callees.into_iter().enumerate() {
            b.call(index as u32, callee, vec![], Local(0), vec![], index as u32 + 1, count + 1);
        }
        b.ret(count);
        b.resume(count + 1);
        kit.add(b);
    }
    let call_value = |b: &mut common::B, value: Local| {
        b.end(
            0,
            TerminatorKind::Call {
                callee: Callee::Value(value),
                args: vec![text("")],
                dest: Local(0),
                inout: vec![],
                target: Block(1),
                unwind: Block(2),
            },
        );
        b.ret(1);
        b.resume(2);
    };
    let mut b = kit.body("by_value", &[t.fn_str], t.str);
    call_value(&mut b, Local(1));
    let by_value = kit.add(b);
    let mut b = kit.body("closure", &[t.fn_str, t.str], t.str);
    b.body.kind = BodyKind::Closure { captures: vec![("f".into(), t.fn_str)] };
    b.body.address_taken = true;
    call_value(&mut b, Local(1));
    let closure = kit.add(b);
    kit.finished(even);
    for (id, count) in [(even, 1), (odd, 1), (leaf, 0), (by_value, 0), (closure, 1)] {
        assert_eq!(polls_of(&kit.program, id), count, "{}", kit.program.body(id).name);
    }
}

#[test]
fn effects_follow_calls() {
    let mut kit = kit();
    let t = kit.t;
    let id = identity(&mut kit);
    let mut pure = kit.body("pure", &[], t.i64);
    pure.set(0, Local(0), Rvalue::Binary(BinOp::Add, int(1), int(2)));
    pure.ret(0);
    let pure = kit.add(pure);
    let mut caller = kit.body("caller", &[], t.str);
    let n = caller.local(t.i64);
    caller.call(0, pure, vec![], n, vec![], 1, 3);
    caller.call(1, id, vec![text("")], Local(0), vec![], 2, 3);
    caller.ret(2);
    caller.resume(3);
    let caller = kit.add(caller);
    effects::run(&mut kit.program);
    let facts = |id: BodyId| {
        let body = kit.program.body(id);
        (body.may_suspend, body.may_unwind)
    };
    assert_eq!(facts(BodyId(0)), (true, true));
    assert_eq!(facts(pure), (false, false));
    assert_eq!(facts(caller), (false, true));
    let text = print::body(&kit.program, caller, print::Options { positions: false });
    assert!(text.contains("call pure() -> bb1 unwind bb4"), "{text}");
    assert!(text.contains("bb4:\n    unreachable"), "{text}");
}

#[test]
fn the_hash_ignores_positions_and_sees_layouts() {
    let build = |line: u32, field: &str| {
        let mut kit = kit();
        let t = kit.t;
        let (adt, _) = kit.program.types.declare_adt("P", true);
        let ty = kit.program.types.intern(orion_mir::TyKind::Adt(adt));
        let fields = vec![orion_mir::FieldDef { name: field.into(), ty: t.str }];
        let variant = orion_mir::VariantDef { name: "P".into(), fields };
        kit.program.types.define_adt(adt, vec![variant]);
        let mut b = kit.body("f", &[ty], ty);
        b.body.loc.line = line;
        b.set(0, Local(0), Rvalue::Use(copy(Local(1))));
        b.ret(0);
        let id = kit.add(b);
        kit.finished(id);
        kit.program.body(id).hash
    };
    assert_eq!(build(1, "x"), build(2, "x"));
    assert_ne!(build(1, "x"), build(1, "y"));
}

#[test]
fn a_main_of_thousands_of_statements_takes_no_seconds() {
    let mut kit = kit();
    let t = kit.t;
    let id = identity(&mut kit);
    let count = 4000;
    let mut b = kit.body("long", &[], t.unit);
    let mut names = vec![];
    for index in 0..count {
        let s = b.local(t.str);
        b.call(index, id, vec![text("x")], s, vec![], index + 1, count + 1);
        names.push(s);
    }
    let unit = b.local(t.unit);
    for s in names {
        b.set(count, unit, print_str(borrow(s)));
    }
    b.ret(count);
    b.resume(count + 1);
    kit.add(b);
    let start = std::time::Instant::now();
    pipeline::finish(&mut kit.program, pipeline::Options { verify: false }).expect("no verifier");
    // A quadratic pass over the code would take minutes; the sets are quadratic in bits.
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    eprintln!("passes: {:?}", start.elapsed());
}
