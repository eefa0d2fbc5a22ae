//! The interpreter: small programs with their output, and the breaches of ownership that it reports.

mod common;

use common::{Kit, borrow, copy, int, kit, print_str, text};
use orion_mir::interp::{self, Options, Outcome};
use orion_mir::{
    BinOp, Block, BodyId, BodyKind, Const, Intrinsic, Local, Operand, Rvalue, SelectArm,
    SelectArmKind, StatementKind, SuspendOp, TerminatorKind, TyKind, pipeline, print,
};

fn run(kit: &mut Kit) -> Outcome {
    if let Err(errors) = pipeline::finish(&mut kit.program, pipeline::Options { verify: true }) {
        let text: String = errors.iter().map(|error| format!("{error}\n")).collect();
        panic!("{text}\n{}", print::program(&kit.program));
    }
    let outcome = interp::run(&kit.program, &Options::default());
    assert_eq!(outcome.faults, Vec::<String>::new(), "{}", print::program(&kit.program));
    outcome
}

fn replace_main(kit: &mut Kit, main: common::B) {
    kit.program.bodies[0] = main.body;
}

#[test]
fn a_loop_counts_and_prints() {
    let mut kit = kit();
    let t = kit.t;
    let mut b = kit.body("main", &[], t.unit);
    let (n, s, more) = (b.local(t.i64), b.local(t.str), b.local(t.bool));
    b.set(0, n, Rvalue::Use(int(0)));
    b.goto(0, 1);
    b.set(1, more, Rvalue::Binary(BinOp::Lt, copy(n), int(3)));
    b.branch(1, more, 2, 3);
    b.set(2, s, Rvalue::Intrinsic(Intrinsic::StrPushI64, vec![text("n = "), borrow(n)]));
    b.set(2, s, Rvalue::Intrinsic(Intrinsic::StrPush, vec![copy(s), text("\n")]));
    b.set(2, Local(0), print_str(borrow(s)));
    b.set(2, n, Rvalue::Binary(BinOp::Add, copy(n), int(1)));
    b.poll(2, 1, 4);
    b.ret(3);
    b.resume(4);
    replace_main(&mut kit, b);
    let outcome = run(&mut kit);
    assert_eq!(outcome.stdout, "n = 0\nn = 1\nn = 2\n");
    assert_eq!((outcome.status, outcome.leaked), (Some(0), 0));
}

/// A main that opens a scope, spawns `task` with a channel, and goes on at block 2 with the channel in `_3`; 8 unwinds, 9 leaves the scope.
fn main_with_task(kit: &mut Kit, task: BodyId, capacity: i64) -> common::B {
    let t = kit.t;
    let mut b = kit.body("main", &[], t.unit);
    let (scope, handle, chan) = (b.local(t.scope), b.local(t.task), b.local(t.chan));
    b.set(0, scope, Rvalue::Intrinsic(Intrinsic::ScopeEnter, vec![]));
    b.end(
        0,
        TerminatorKind::Call {
            callee: orion_mir::Callee::Intrinsic(Intrinsic::ChanNew),
            args: vec![int(capacity)],
            dest: chan,
            inout: vec![],
            target: Block(1),
            unwind: Block(8),
        },
    );
    b.end(
        1,
        TerminatorKind::Spawn {
            body: task,
            args: vec![copy(chan)],
            scope,
            name: Some(text("worker")),
            dest: Some(handle),
            target: Block(2),
            unwind: Block(8),
        },
    );
    b.suspend(8, SuspendOp::ScopeCancel { scope, target: Block(10) }, 10);
    b.suspend(9, SuspendOp::ScopeExit { scope, target: Block(11) }, 10);
    b.resume(10);
    b.ret(11);
    b
}

/// Sends its own name on the channel, then gives it back in capitals.
fn sender(kit: &mut Kit) -> BodyId {
    let t = kit.t;
    let mut b = kit.body("main::{spawn#1}", &[t.chan], t.str);
    b.body.kind = BodyKind::Task;
    let (name, value) = (b.local(t.str), b.local(t.str));
    b.set(0, name, Rvalue::Intrinsic(Intrinsic::TaskName, vec![]));
    b.set(0, value, Rvalue::Use(copy(name)));
    b.suspend(
        0,
        SuspendOp::Send {
            chan: Local(1),
            value,
            text: "ch".into(),
            done: Block(1),
            closed: Block(2),
        },
        3,
    );
    b.set(1, Local(0), Rvalue::Intrinsic(Intrinsic::StrUpper, vec![borrow(name)]));
    b.ret(1);
    b.end(2, TerminatorKind::Panic { message: text("closed"), unwind: Block(3) });
    b.resume(3);
    kit.add(b)
}

#[test]
fn a_task_sends_and_is_joined() {
    for capacity in [0, 1] {
        let mut kit = kit();
        let t = kit.t;
        let task = sender(&mut kit);
        let mut b = main_with_task(&mut kit, task, capacity);
        let (got, result) = (b.local(t.str), b.local(t.str));
        b.suspend(
            2,
            SuspendOp::Recv {
                chan: Local(3),
                dest: got,
                text: "ch".into(),
                done: Block(3),
                closed: Block(5),
            },
            8,
        );
        b.end(5, TerminatorKind::Panic { message: text("closed"), unwind: Block(8) });
        b.set(3, Local(0), print_str(borrow(got)));
        b.suspend(3, SuspendOp::Join { task: Local(2), dest: result, target: Block(4) }, 8);
        b.set(4, Local(0), print_str(borrow(result)));
        b.goto(4, 9);
        replace_main(&mut kit, b);
        let outcome = run(&mut kit);
        assert_eq!(outcome.stdout, "workerWORKER");
        assert_eq!((outcome.status, outcome.leaked), (Some(0), 0));
    }
}

#[test]
fn a_select_times_out_and_the_task_is_cancelled() {
    let mut kit = kit();
    let t = kit.t;
    let task = sender(&mut kit);
    let mut b = main_with_task(&mut kit, task, 0);
    let (other, got, time) = (b.local(t.chan), b.local(t.str), b.local(t.duration));
    b.set(2, time, Rvalue::Use(Operand::Const(Const::Duration(1_000))));
    b.set(2, other, Rvalue::Use(Operand::Const(Const::Dummy(t.chan))));
    b.suspend(
        2,
        SuspendOp::Select {
            arms: vec![SelectArm {
                chan: other,
                kind: SelectArmKind::Recv(got),
                done: Block(3),
                closed: Block(4),
                text: "other".into(),
            }],
            after: Some((time, Block(4))),
            default: None,
        },
        8,
    );
    b.set(3, Local(0), print_str(borrow(got)));
    b.goto(3, 4);
    b.suspend(4, SuspendOp::Cancel { task: Local(2), target: Block(5) }, 8);
    b.set(5, Local(0), print_str(text("over")));
    b.goto(5, 9);
    replace_main(&mut kit, b);
    let outcome = run(&mut kit);
    assert_eq!(outcome.stdout, "over");
    assert_eq!((outcome.status, outcome.leaked), (Some(0), 0));
}

#[test]
fn a_panic_of_a_task_reaches_the_joiner_and_ends_the_program() {
    let mut kit = kit();
    let t = kit.t;
    let mut task = kit.body("main::{spawn#1}", &[t.chan], t.str);
    task.body.kind = BodyKind::Task;
    task.end(0, TerminatorKind::Panic { message: text("oh no"), unwind: Block(1) });
    task.resume(1);
    let task = kit.add(task);
    let mut b = main_with_task(&mut kit, task, 0);
    let result = b.local(t.str);
    b.suspend(2, SuspendOp::Join { task: Local(2), dest: result, target: Block(3) }, 8);
    b.set(3, Local(0), print_str(borrow(result)));
    b.goto(3, 9);
    replace_main(&mut kit, b);
    let outcome = run(&mut kit);
    assert_eq!((outcome.stdout.as_str(), outcome.status), ("", Some(101)));
    assert_eq!(outcome.stderr, "panic: oh no\n");
}

#[test]
fn a_deadlock_is_told() {
    let mut kit = kit();
    let t = kit.t;
    let task = sender(&mut kit);
    let mut b = main_with_task(&mut kit, task, 0);
    let result = b.local(t.str);
    b.suspend(2, SuspendOp::Join { task: Local(2), dest: result, target: Block(3) }, 8);
    b.goto(3, 9);
    replace_main(&mut kit, b);
    let outcome = run(&mut kit);
    assert_eq!(outcome.status, Some(102));
}

#[test]
fn ownership_is_watched() {
    // A program that no pass would make: the string is dropped twice, or never.
    for (drops, fault, leaked) in [(2, Some("_1 is dropped without a value"), 0), (0, None, 1)] {
        let mut kit = kit();
        let t = kit.t;
        let mut b = kit.body("main", &[], t.unit);
        let s = b.local(t.str);
        b.set(0, s, Rvalue::Intrinsic(Intrinsic::StrUpper, vec![text("a")]));
        for _ in 0..drops {
            b.stmt(0, StatementKind::Drop(s.into()));
        }
        b.ret(0);
        replace_main(&mut kit, b);
        let outcome = interp::run(&kit.program, &Options::default());
        let seen = outcome.faults.join("\n");
        match fault {
            Some(fault) => assert!(seen.contains(fault), "{seen}"),
            None => assert!(seen.contains("leaves with a value in _1"), "{seen}"),
        }
        assert_eq!(outcome.leaked, leaked);
    }
}

#[test]
fn boxed_values_are_copied_on_write() {
    let mut kit = kit();
    let t = kit.t;
    // type List = | Nil | Cons(i64, List)
    let (adt, _) = kit.program.types.declare_adt("List", false);
    let list = kit.program.types.intern(TyKind::Adt(adt));
    let field = |name: &str, ty| orion_mir::FieldDef { name: name.into(), ty };
    let variant = |name: &str, fields| orion_mir::VariantDef { name: name.into(), fields };
    let cons = vec![field("0", t.i64), field("1", list)];
    kit.program.types.define_adt(adt, vec![variant("Nil", vec![]), variant("Cons", cons)]);
    let mut b = kit.body("main", &[], t.unit);
    let (a, c, s) = (b.local(list), b.local(list), b.local(t.str));
    let n = b.local(t.i64);
    b.set(0, a, Rvalue::Variant(list, 0, vec![]));
    b.set(0, a, Rvalue::Variant(list, 1, vec![int(1), copy(a)]));
    b.set(0, c, Rvalue::Use(copy(a)));
    b.stmt(0, StatementKind::MakeUnique(c.into()));
    b.set(0, common::variant(c, 1, 0), Rvalue::Use(int(2)));
    b.set(0, s, Rvalue::Use(text("")));
    for value in [a, c] {
        b.set(0, n, Rvalue::Use(copy(common::variant(value, 1, 0))));
        b.set(0, s, Rvalue::Intrinsic(Intrinsic::StrPushI64, vec![copy(s), borrow(n)]));
    }
    b.set(0, Local(0), print_str(borrow(s)));
    b.ret(0);
    replace_main(&mut kit, b);
    let outcome = run(&mut kit);
    assert_eq!(outcome.stdout, "12");
    assert_eq!((outcome.status, outcome.leaked), (Some(0), 0));
}
