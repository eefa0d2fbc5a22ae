//! The pass `rc` and what surrounds it: what bodies look like in their final form. Every program also passes the verifier after each pass.

mod common;

use common::{B, Kit, borrow, copy, field, identity, int, kit, print_str, text, variant};
use orion_mir::{
    BinOp, Block, BodyKind, Callee, Intrinsic, Local, Operand, Rvalue, StatementKind, SuspendOp,
    TerminatorKind,
};

fn check(kit: &mut Kit, b: B, expected: &str) {
    let id = kit.add(b);
    let printed = kit.finished(id);
    let body: Vec<&str> = printed
        .lines()
        .filter(|line| !line.starts_with("    let ") && !line.is_empty())
        .map(|line| line.strip_prefix("  ").unwrap_or(line))
        .collect();
    let body = body.join("\n");
    assert_eq!(body.trim(), expected.trim(), "\n{printed}");
}

#[test]
fn last_use_moves_and_other_uses_copy() {
    let mut kit = kit();
    let t = kit.t;
    let mut b = kit.body("f", &[t.str], t.pair);
    b.set(0, Local(0), Rvalue::Tuple(vec![copy(Local(1)), copy(Local(1))]));
    b.ret(0);
    check(
        &mut kit,
        b,
        "
fn f(_1: str) -> (str, str) {
bb0:
  _0 = tuple(copy _1, copy _1)
  drop _1
  return
}",
    );
}

#[test]
fn appending_to_itself_keeps_the_borrowed_operand_alive() {
    let mut kit = kit();
    let t = kit.t;
    let mut b = kit.body("f", &[t.str], t.str);
    let s = Local(1);
    b.set(0, s, Rvalue::Intrinsic(Intrinsic::StrPush, vec![copy(s), text("x")]));
    b.set(0, s, Rvalue::Intrinsic(Intrinsic::StrPush, vec![copy(s), borrow(s)]));
    b.set(0, Local(0), Rvalue::Use(copy(s)));
    b.ret(0);
    check(
        &mut kit,
        b,
        "
fn f(_1: str) -> str {
bb0:
  _1 = StrPush(move _1, \"x\")
  _2 = StrPush(copy _1, borrow _1)
  drop _1
  _1 = move _2
  _0 = move _1
  return
}",
    );
}

#[test]
fn unused_parameters_and_results_are_dropped() {
    let mut kit = kit();
    let t = kit.t;
    let id = identity(&mut kit);
    let mut b = kit.body("f", &[t.str, t.str], t.unit);
    let dest = b.local(t.str);
    b.call(0, id, vec![copy(Local(1))], dest, vec![], 1, 2);
    b.ret(1);
    b.resume(2);
    check(
        &mut kit,
        b,
        "
fn f(_1: str, _2: str) -> () unwinds {
bb0:
  drop _2
  _3 = call identity(move _1) -> bb1 unwind bb2
bb1:
  drop _3
  return
bb2:
  unwind_resume
}",
    );
}

#[test]
fn what_is_dead_on_one_branch_only_is_dropped_on_its_edge() {
    let mut kit = kit();
    let t = kit.t;
    let mut b = kit.body("f", &[t.bool, t.str], t.str);
    b.branch(0, Local(1), 1, 2);
    b.set(1, Local(0), Rvalue::Use(copy(Local(2))));
    b.ret(1);
    b.set(2, Local(0), Rvalue::Use(text("no")));
    b.ret(2);
    check(
        &mut kit,
        b,
        "
fn f(_1: bool, _2: str) -> str {
bb0:
  switch borrow _1 { 1 -> bb1, else -> bb2 }
bb1:
  _0 = move _2
  return
bb2:
  drop _2
  _0 = \"no\"
  return
}",
    );
}

#[test]
fn values_that_live_across_a_call_are_dropped_when_it_unwinds() {
    let mut kit = kit();
    let t = kit.t;
    let id = identity(&mut kit);
    let mut b = kit.body("f", &[t.str, t.str], t.pair);
    let x = b.local(t.str);
    let y = b.local(t.str);
    b.call(0, id, vec![copy(Local(1))], x, vec![], 1, 3);
    b.call(1, id, vec![copy(Local(2))], y, vec![], 2, 3);
    b.set(2, Local(0), Rvalue::Tuple(vec![copy(x), copy(y)]));
    b.ret(2);
    b.resume(3);
    check(
        &mut kit,
        b,
        "
fn f(_1: str, _2: str) -> (str, str) unwinds {
bb0:
  _3 = call identity(move _1) -> bb1 unwind bb4
bb1:
  _4 = call identity(move _2) -> bb2 unwind bb3
bb2:
  _0 = tuple(move _3, move _4)
  return
bb3:
  drop _3
  goto bb5
bb4:
  drop _2
  goto bb5
bb5:
  unwind_resume
}",
    );
}

#[test]
fn a_loop_keeps_what_it_reads_and_drops_behind_it() {
    let mut kit = kit();
    let t = kit.t;
    let mut b = kit.body("f", &[t.str, t.bool], t.unit);
    b.goto(0, 1);
    b.branch(1, Local(2), 2, 3);
    let unit = b.local(t.unit);
    b.set(2, unit, print_str(borrow(Local(1))));
    b.poll(2, 1, 4);
    b.ret(3);
    b.resume(4);
    check(
        &mut kit,
        b,
        "
fn f(_1: str, _2: bool) -> () suspends unwinds {
  @0 bb0: live [_1 _2]
  @1 bb2: live [_1 _2]
bb0:
  goto bb1
bb1:
  switch borrow _2 { 1 -> bb2, else -> bb4 }
bb2:
  _3 = Print(borrow _1)
  poll -> bb1 unwind bb3  // @1
bb3:
  drop _1
  unwind_resume
bb4:
  drop _1
  return
}",
    );
}

#[test]
fn in_out_values_go_back_on_both_edges() {
    let mut kit = kit();
    let t = kit.t;
    let mut g = kit.body("g", &[t.strs], t.unit);
    g.body.inout = vec![Local(1)];
    g.end(0, TerminatorKind::Panic { message: text("oh"), unwind: Block(1) });
    g.resume(1);
    let g = kit.add(g);
    let mut b = kit.body("f", &[t.strs], t.unit);
    b.body.inout = vec![Local(1)];
    let unit = b.local(t.unit);
    b.call(0, g, vec![Operand::Move(Local(1))], unit, vec![Local(1)], 1, 2);
    b.ret(1);
    b.resume(2);
    check(
        &mut kit,
        b,
        "
fn f(mut _1: [str]) -> () unwinds {
bb0:
  _2, mut _1 = call g(move _1) -> bb1 unwind bb2
bb1:
  return
bb2:
  unwind_resume
}",
    );
}

#[test]
fn in_out_temporaries_are_dropped_when_nobody_wants_them() {
    let mut kit = kit();
    let t = kit.t;
    let mut g = kit.body("g", &[t.strs], t.unit);
    g.body.inout = vec![Local(1)];
    g.end(0, TerminatorKind::Panic { message: text("oh"), unwind: Block(1) });
    g.resume(1);
    let g = kit.add(g);
    let mut b = kit.body("f", &[t.strs], t.strs);
    let unit = b.local(t.unit);
    b.call(0, g, vec![Operand::Move(Local(1))], unit, vec![Local(1)], 1, 2);
    b.set(1, Local(0), Rvalue::Use(copy(Local(1))));
    b.ret(1);
    b.resume(2);
    check(
        &mut kit,
        b,
        "
fn f(_1: [str]) -> [str] unwinds {
bb0:
  _2, mut _1 = call g(move _1) -> bb1 unwind bb2
bb1:
  _0 = move _1
  return
bb2:
  drop _1
  unwind_resume
}",
    );
}

#[test]
fn a_destination_whose_old_value_is_read_when_unwinding_gets_a_temporary() {
    let mut kit = kit();
    let t = kit.t;
    let id = identity(&mut kit);
    let mut b = kit.body("f", &[t.str], t.str);
    let unit = b.local(t.unit);
    b.call(0, id, vec![text("new")], Local(1), vec![], 1, 2);
    b.set(1, Local(0), Rvalue::Use(copy(Local(1))));
    b.ret(1);
    b.set(2, unit, print_str(borrow(Local(1))));
    b.resume(2);
    check(
        &mut kit,
        b,
        "
fn f(_1: str) -> str unwinds {
bb0:
  _3 = call identity(\"new\") -> bb1 unwind bb2
bb1:
  drop _1
  _1 = move _3
  _0 = move _1
  return
bb2:
  _2 = Print(borrow _1)
  drop _1
  unwind_resume
}",
    );
}

#[test]
fn a_part_of_a_dying_value_is_taken() {
    let mut kit = kit();
    let t = kit.t;
    let mut b = kit.body("f", &[t.option_str], t.str);
    let tag = b.local(t.u32);
    b.set(0, tag, Rvalue::Tag(Local(1).into()));
    b.branch(0, tag, 1, 2);
    b.set(1, Local(0), Rvalue::Use(copy(variant(Local(1), 1, 0))));
    b.ret(1);
    b.set(2, Local(0), Rvalue::Use(text("")));
    b.ret(2);
    check(
        &mut kit,
        b,
        "
fn f(_1: Option[str]) -> str {
bb0:
  _2 = tag _1
  switch borrow _2 { 1 -> bb1, else -> bb2 }
bb1:
  _0 = take _1.(1.0)
  drop _1
  return
bb2:
  drop _1
  _0 = \"\"
  return
}",
    );
}

#[test]
fn a_value_replaced_by_its_own_part_is_dropped_after_the_copy() {
    let mut kit = kit();
    let t = kit.t;
    let mut b = kit.body("f", &[t.str, t.i64], t.str);
    let s = Local(1);
    b.set(0, s, Rvalue::Intrinsic(Intrinsic::StrTrim, vec![borrow(s)]));
    b.set(0, Local(0), Rvalue::Use(copy(s)));
    b.ret(0);
    check(
        &mut kit,
        b,
        "
fn f(_1: str, _2: i64) -> str {
bb0:
  _3 = StrTrim(borrow _1)
  drop _1
  _1 = move _3
  _0 = move _1
  return
}",
    );
}

#[test]
fn partial_writes_keep_the_whole_alive() {
    let mut kit = kit();
    let t = kit.t;
    let mut b = kit.body("f", &[t.pair], t.pair);
    b.stmt(0, StatementKind::Drop(field(Local(1), 0)));
    b.set(0, field(Local(1), 0), Rvalue::Use(copy(field(Local(1), 1))));
    b.set(0, Local(0), Rvalue::Use(copy(Local(1))));
    b.ret(0);
    check(
        &mut kit,
        b,
        "
fn f(_1: (str, str)) -> (str, str) {
bb0:
  drop _1.0
  _1.0 = copy _1.1
  _0 = move _1
  return
}",
    );
}

#[test]
fn a_sent_value_is_dropped_where_it_was_not_sent() {
    let mut kit = kit();
    let t = kit.t;
    let mut b = kit.body("f", &[t.chan, t.str], t.unit);
    let value = b.local(t.str);
    b.set(0, value, Rvalue::Use(copy(Local(2))));
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
    b.ret(1);
    b.ret(2);
    b.resume(3);
    check(
        &mut kit,
        b,
        "
fn f(_1: Chan[str], _2: str) -> () suspends unwinds {
  @0 bb0: live [_1 _2]
  @1 bb0: live [_1] consumed [_3/0]
bb0:
  _3 = move _2
  send borrow _1 <- _3 \"ch\" -> bb1, closed -> bb2 unwind bb3  // @1
bb1:
  drop _1
  return
bb2:
  drop _3
  drop _1
  return
bb3:
  drop _3
  drop _1
  unwind_resume
}",
    );
}

#[test]
fn a_received_value_is_in_the_frame_map_as_a_destination() {
    let mut kit = kit();
    let t = kit.t;
    let mut b = kit.body("f", &[t.chan, t.i64], t.str);
    let dest = b.local(t.str);
    let n = b.local(t.i64);
    b.set(0, n, Rvalue::Binary(BinOp::Add, copy(Local(2)), int(1)));
    b.suspend(
        0,
        SuspendOp::Recv {
            chan: Local(1),
            dest,
            text: "ch".into(),
            done: Block(1),
            closed: Block(2),
        },
        3,
    );
    b.set(1, Local(0), Rvalue::Intrinsic(Intrinsic::StrPushI64, vec![copy(dest), copy(n)]));
    b.ret(1);
    b.set(2, Local(0), Rvalue::Use(text("closed")));
    b.ret(2);
    b.resume(3);
    check(
        &mut kit,
        b,
        "
fn f(_1: Chan[str], _2: i64) -> str suspends unwinds {
  @0 bb0: live [_1 _2]
  @1 bb0: live [_1 _4] dests [_3/0]
bb0:
  _4 = add(copy _2, 1i64)
  _3 = recv borrow _1 \"ch\" -> bb1, closed -> bb2 unwind bb3  // @1
bb1:
  drop _1
  _0 = StrPushI64(move _3, copy _4)
  return
bb2:
  drop _1
  _0 = \"closed\"
  return
bb3:
  drop _1
  unwind_resume
}",
    );
}

#[test]
fn the_closure_is_borrowed_and_in_every_frame_map() {
    let mut kit = kit();
    let t = kit.t;
    let mut b = kit.body("c", &[t.fn_str, t.str], t.str);
    b.body.kind = BodyKind::Closure { captures: vec![("k".into(), t.str)] };
    b.body.address_taken = true;
    b.suspend(0, SuspendOp::Yield { target: Block(1) }, 2);
    b.set(1, Local(0), Rvalue::Use(copy(Local(2))));
    b.ret(1);
    b.resume(2);
    check(
        &mut kit,
        b,
        "
closure[k: str] c(_1: fn(str) str, _2: str) -> str address_taken suspends unwinds {
  @0 bb0: live [_1 _2]
  @1 bb0: live [_1 _2]
bb0:
  yield -> bb1 unwind bb2  // @1
bb1:
  _0 = move _2
  return
bb2:
  drop _2
  unwind_resume
}",
    );
}

#[test]
fn the_called_function_value_lives_until_the_call_is_over() {
    let mut kit = kit();
    let t = kit.t;
    let mut b = kit.body("f", &[t.fn_str, t.str], t.str);
    b.end(
        0,
        TerminatorKind::Call {
            callee: Callee::Value(Local(1)),
            args: vec![copy(Local(2))],
            dest: Local(0),
            inout: vec![],
            target: Block(1),
            unwind: Block(2),
        },
    );
    b.ret(1);
    b.resume(2);
    check(
        &mut kit,
        b,
        "
fn f(_1: fn(str) str, _2: str) -> str suspends unwinds {
  @0 bb0: live [_1 _2]
  @1 bb0: live [_1]
bb0:
  _0 = call (borrow _1)(move _2) -> bb1 unwind bb2  // @1
bb1:
  drop _1
  return
bb2:
  drop _1
  unwind_resume
}",
    );
}

#[test]
fn a_handle_is_dropped_when_its_scope_is_left_early() {
    let mut kit = kit();
    let t = kit.t;
    let mut task = kit.body("f::{spawn#1}", &[], t.str);
    task.body.kind = BodyKind::Task;
    task.set(0, Local(0), Rvalue::Use(text("x")));
    task.ret(0);
    let task = kit.add(task);
    let mut b = kit.body("f", &[t.bool], t.str);
    let scope = b.local(t.scope);
    let handle = b.local(t.task);
    b.set(0, scope, Rvalue::Intrinsic(Intrinsic::ScopeEnter, vec![]));
    b.end(
        0,
        TerminatorKind::Spawn {
            body: task,
            args: vec![],
            scope,
            name: None,
            dest: Some(handle),
            target: Block(1),
            unwind: Block(5),
        },
    );
    b.branch(1, Local(1), 2, 3);
    b.suspend(2, SuspendOp::Join { task: handle, dest: Local(0), target: Block(4) }, 5);
    b.set(3, Local(0), Rvalue::Use(text("early")));
    b.goto(3, 4);
    b.suspend(4, SuspendOp::ScopeCancel { scope, target: Block(6) }, 7);
    b.suspend(5, SuspendOp::ScopeCancel { scope, target: Block(7) }, 7);
    b.ret(6);
    b.resume(7);
    check(
        &mut kit,
        b,
        "
fn f(_1: bool) -> str suspends unwinds {
  @0 bb0: live [_1]
  @1 bb2: live [_2] consumed [_3/0] dests [_0/0]
  @2 bb4: live [_0 _2]
  @3 bb6: live [_2]
bb0:
  _2 = ScopeEnter()
  _3 = spawn f::{spawn#1}() in borrow _2 -> bb1 unwind bb6
bb1:
  switch borrow _1 { 1 -> bb2, else -> bb3 }
bb2:
  _0 = join _3 -> bb4 unwind bb6  // @1
bb3:
  drop _3
  _0 = \"early\"
  goto bb4
bb4:
  scope_cancel borrow _2 -> bb5 unwind bb8  // @2
bb5:
  drop _2
  return
bb6:
  scope_cancel borrow _2 -> bb7 unwind bb8  // @3
bb7:
  drop _2
  unwind_resume
bb8:
  unreachable
}",
    );
}
