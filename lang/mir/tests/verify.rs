//! The verifier finds each broken invariant, and says in which function.

mod common;

use common::{B, Kit, borrow, copy, field, identity, int, kit, print_str, text};
use orion_mir::verify::Stage;
use orion_mir::{
    BinOp, Block, BodyId, BodyKind, Callee, Intrinsic, Local, Operand, PointData, Proj, Rvalue,
    StatementKind, SuspendOp, TerminatorKind,
};

fn broken(mut kit: Kit, b: B, stage: Stage, expected: &str) {
    kit.add(b);
    let errors = kit.errors(stage);
    assert!(errors.contains(expected), "{errors}");
    assert!(errors.contains("in `f`"), "{errors}");
}

#[test]
fn names_are_unique() {
    let mut kit = kit();
    let t = kit.t;
    for _ in 0..2 {
        let mut b = kit.body("f", &[], t.unit);
        b.ret(0);
        kit.add(b);
    }
    assert!(kit.errors(Stage::Built).contains("two functions have this name"));
}

#[test]
fn main_exists_and_takes_nothing() {
    let mut kit = kit();
    kit.program.main = BodyId(7);
    assert!(kit.errors(Stage::Built).contains("there is no main"));
    kit.program.main = BodyId(0);
    kit.program.bodies[0].kind = BodyKind::Task;
    assert!(kit.errors(Stage::Built).contains("main is no function"));
}

#[test]
fn blocks_and_locals_exist() {
    let kit1 = kit();
    let mut b = kit1.body("f", &[], kit1.t.unit);
    b.goto(0, 9);
    broken(kit1, b, Stage::Built, "bb0: there is no bb9");
    let kit2 = kit();
    let mut b = kit2.body("f", &[], kit2.t.unit);
    b.stmt(0, StatementKind::Drop(Local(5).into()));
    b.ret(0);
    broken(kit2, b, Stage::Built, "bb0: there is no _5");
}

#[test]
fn nothing_jumps_to_the_entry() {
    let kit = kit();
    let mut b = kit.body("f", &[], kit.t.unit);
    b.goto(0, 0);
    broken(kit, b, Stage::Built, "jumps to the entry");
}

#[test]
fn in_out_parameters_are_parameters() {
    let kit = kit();
    let mut b = kit.body("f", &[], kit.t.unit);
    let x = b.local(kit.t.str);
    b.body.inout = vec![x];
    b.ret(0);
    broken(kit, b, Stage::Built, "in-out parameters");
}

#[test]
fn projections_fit() {
    let kit1 = kit();
    let mut b = kit1.body("f", &[kit1.t.pair], kit1.t.str);
    b.set(0, Local(0), Rvalue::Use(copy(field(Local(1), 2))));
    b.ret(0);
    broken(kit1, b, Stage::Built, "is no place");
    let kit2 = kit();
    let mut b = kit2.body("f", &[kit2.t.strs, kit2.t.bool], kit2.t.str);
    let place = orion_mir::Place { local: Local(1), projection: vec![Proj::Index(Local(2))] };
    b.set(0, Local(0), Rvalue::Use(copy(place)));
    b.ret(0);
    broken(kit2, b, Stage::Built, "index _2 is no i64");
}

#[test]
fn types_fit() {
    let kit1 = kit();
    let mut b = kit1.body("f", &[kit1.t.str], kit1.t.i64);
    b.set(0, Local(0), Rvalue::Use(copy(Local(1))));
    b.ret(0);
    broken(kit1, b, Stage::Built, "of type i64");
    let kit2 = kit();
    let mut b = kit2.body("f", &[kit2.t.str], kit2.t.bool);
    b.set(0, Local(0), Rvalue::Binary(BinOp::Eq, copy(Local(1)), copy(Local(1))));
    b.ret(0);
    broken(kit2, b, Stage::Built, "is no scalar");
}

#[test]
fn owned_operands_are_not_borrowed_and_the_other_way_round() {
    let kit1 = kit();
    let mut b = kit1.body("f", &[kit1.t.str], kit1.t.str);
    b.set(0, Local(0), Rvalue::Use(borrow(Local(1))));
    b.ret(0);
    broken(kit1, b, Stage::Built, "only borrowed where it is taken over");
    let kit2 = kit();
    let mut b = kit2.body("f", &[kit2.t.str], kit2.t.unit);
    b.set(0, Local(0), print_str(copy(Local(1))));
    b.ret(0);
    broken(kit2, b, Stage::Built, "taken over where it is only looked at");
}

#[test]
fn intrinsics_fit() {
    let kit1 = kit();
    let mut b = kit1.body("f", &[], kit1.t.str);
    let value = Rvalue::Intrinsic(Intrinsic::StrSlice, vec![text("a"), int(0), int(1)]);
    b.set(0, Local(0), value);
    b.ret(0);
    broken(kit1, b, Stage::Built, "StrSlice may panic: call it");
    let kit2 = kit();
    let mut b = kit2.body("f", &[], kit2.t.str);
    b.set(0, Local(0), Rvalue::Intrinsic(Intrinsic::StrPush, vec![text("a"), int(0)]));
    b.ret(0);
    broken(kit2, b, Stage::Built, "StrPush: operand 1 has the wrong type");
    let kit3 = kit();
    let mut b = kit3.body("f", &[], kit3.t.i64);
    b.end(
        0,
        TerminatorKind::Call {
            callee: Callee::Intrinsic(Intrinsic::TaskId),
            args: vec![],
            dest: Local(0),
            inout: vec![],
            target: Block(1),
            unwind: Block(2),
        },
    );
    b.ret(1);
    b.resume(2);
    broken(kit3, b, Stage::Built, "TaskId never panics");
}

#[test]
fn calls_fit() {
    let mut kit1 = kit();
    let id = identity(&mut kit1);
    let mut b = kit1.body("f", &[], kit1.t.str);
    b.call(0, id, vec![int(1)], Local(0), vec![], 1, 2);
    b.ret(1);
    b.resume(2);
    broken(kit1, b, Stage::Built, "is not of type str");

    let mut kit2 = kit();
    let mut task = kit2.body("t", &[], kit2.t.str);
    task.body.kind = BodyKind::Task;
    task.set(0, Local(0), Rvalue::Use(text("")));
    task.ret(0);
    let task = kit2.add(task);
    let mut b = kit2.body("f", &[], kit2.t.str);
    b.call(0, task, vec![], Local(0), vec![], 1, 2);
    b.ret(1);
    b.resume(2);
    broken(kit2, b, Stage::Built, "cannot be called by name");
}

#[test]
fn unwinding_stays_apart() {
    let mut kit1 = kit();
    let id = identity(&mut kit1);
    let mut b = kit1.body("f", &[], kit1.t.str);
    b.call(0, id, vec![text("")], Local(0), vec![], 1, 1);
    b.ret(1);
    broken(kit1, b, Stage::Built, "returns while unwinding");
    let kit2 = kit();
    let mut b = kit2.body("f", &[], kit2.t.unit);
    b.resume(0);
    broken(kit2, b, Stage::Built, "without an unwind edge");
}

#[test]
fn nothing_is_read_before_it_is_written() {
    let kit1 = kit();
    let mut b = kit1.body("f", &[kit1.t.bool], kit1.t.i64);
    let x = b.local(kit1.t.i64);
    b.branch(0, Local(1), 1, 2);
    b.set(1, x, Rvalue::Use(int(1)));
    b.goto(1, 2);
    b.set(2, Local(0), Rvalue::Use(copy(x)));
    b.ret(2);
    broken(kit1, b, Stage::Built, "bb2: _2 is read where it may have no value");
    let kit2 = kit();
    let mut b = kit2.body("f", &[], kit2.t.str);
    b.ret(0);
    broken(kit2, b, Stage::Built, "_0 has no value at the return");
    let mut kit3 = kit();
    let id = identity(&mut kit3);
    let mut b = kit3.body("f", &[], kit3.t.str);
    b.call(0, id, vec![text("")], Local(0), vec![], 1, 2);
    b.ret(1);
    let unit = b.local(kit3.t.unit);
    b.set(2, unit, print_str(borrow(Local(0))));
    b.resume(2);
    broken(kit3, b, Stage::Built, "bb2: _0 is read where it may have no value");
}

#[test]
fn nothing_is_used_after_a_move() {
    let kit1 = kit();
    let mut b = kit1.body("f", &[kit1.t.str], kit1.t.pair);
    b.set(0, Local(0), Rvalue::Tuple(vec![Operand::Move(Local(1)), copy(Local(1))]));
    b.ret(0);
    broken(kit1, b, Stage::Built, "_1 is read where it may have no value");
    let kit2 = kit();
    let mut b = kit2.body("f", &[kit2.t.task], kit2.t.str);
    let op = SuspendOp::Join { task: Local(1), dest: Local(0), target: Block(1) };
    b.suspend(0, op, 3);
    let again = SuspendOp::Cancel { task: Local(1), target: Block(2) };
    b.suspend(1, again, 3);
    b.ret(2);
    b.resume(3);
    broken(kit2, b, Stage::Built, "bb1: _1 is read where it may have no value");
}

#[test]
fn effects_are_declared() {
    let kit1 = kit();
    let mut b = kit1.body("f", &[], kit1.t.unit);
    b.poll(0, 1, 2);
    b.ret(1);
    b.resume(2);
    broken(kit1, b, Stage::Effects, "suspends in a function that is said not to");
    let kit2 = kit();
    let mut b = kit2.body("f", &[], kit2.t.unit);
    b.end(0, TerminatorKind::Panic { message: text("x"), unwind: Block(1) });
    b.resume(1);
    broken(kit2, b, Stage::Effects, "unwinds in a function that is said not to");
    let kit3 = kit();
    let mut b = kit3.body("f", &[], kit3.t.unit);
    b.body.kind = BodyKind::Task;
    b.ret(0);
    broken(kit3, b, Stage::Effects, "full convention");
}

/// `main` that counts as what effects make of it, so that only `f` is wrong.
fn owned_kit() -> Kit {
    let mut kit = kit();
    kit.program.bodies[0].may_suspend = true;
    kit.program.bodies[0].may_unwind = true;
    kit
}

#[test]
fn every_value_is_dropped_or_moved() {
    let kit1 = owned_kit();
    let mut b = kit1.body("f", &[kit1.t.str], kit1.t.unit);
    b.ret(0);
    broken(kit1, b, Stage::Owned, "_1 still owns a value at the end");
    let kit2 = owned_kit();
    let mut b = kit2.body("f", &[kit2.t.str], kit2.t.str);
    b.set(0, Local(0), Rvalue::Use(text("a")));
    b.set(0, Local(0), Rvalue::Use(Operand::Move(Local(1))));
    b.ret(0);
    broken(kit2, b, Stage::Owned, "_0 is written while it owns a value");
}

#[test]
fn paths_agree_on_ownership() {
    let kit = owned_kit();
    let mut b = kit.body("f", &[kit.t.bool, kit.t.str], kit.t.unit);
    b.branch(0, Local(1), 1, 2);
    b.stmt(1, StatementKind::Drop(Local(2).into()));
    b.goto(1, 2);
    b.ret(2);
    broken(kit, b, Stage::Owned, "_2 owns a value on some paths to bb2 only");
}

#[test]
fn destinations_are_free() {
    let mut kit = owned_kit();
    let id = identity(&mut kit);
    kit.program.bodies[id.index()].may_unwind = true;
    // The callee itself is not in question.
    kit.program.bodies[id.index()].blocks[1].statements[0].kind =
        StatementKind::Assign(Local(0).into(), Rvalue::Use(Operand::Move(Local(1))));
    kit.program.bodies[id.index()].blocks[2].statements.push(orion_mir::Statement {
        kind: StatementKind::Drop(Local(1).into()),
        loc: orion_mir::Loc::default(),
    });
    let mut b = kit.body("f", &[kit.t.str], kit.t.str);
    b.body.may_unwind = true;
    b.set(0, Local(0), Rvalue::Use(Operand::Move(Local(1))));
    b.call(0, id, vec![text("")], Local(0), vec![], 1, 2);
    b.ret(1);
    b.stmt(2, StatementKind::Drop(Local(0).into()));
    b.resume(2);
    broken(kit, b, Stage::Owned, "bb0: _0 is written while it owns a value");
}

#[test]
fn handles_are_not_copied() {
    let kit = owned_kit();
    let mut b = kit.body("f", &[kit.t.task], kit.t.task);
    b.set(0, Local(0), Rvalue::Use(copy(Local(1))));
    b.stmt(0, StatementKind::Drop(Local(1).into()));
    b.ret(0);
    broken(kit, b, Stage::Owned, "copies _1 of a linear type");
}

#[test]
fn points_fit_liveness() {
    let mut kit = owned_kit();
    let mut b = kit.body("f", &[kit.t.str], kit.t.str);
    b.body.may_suspend = true;
    b.body.may_unwind = true;
    b.suspend(0, SuspendOp::Yield { target: Block(1) }, 2);
    b.set(1, Local(0), Rvalue::Use(Operand::Move(Local(1))));
    b.ret(1);
    b.stmt(2, StatementKind::Drop(Local(1).into()));
    b.resume(2);
    let start =
        PointData { block: Block(0), live: vec![Local(1)], consumed: vec![], dests: vec![] };
    b.body.points = vec![start.clone(), PointData { live: vec![], ..start.clone() }];
    kit.program.bodies[0].points = vec![PointData { live: vec![], ..start }];
    broken(kit, b, Stage::Final, "point @1 does not fit liveness");
}
