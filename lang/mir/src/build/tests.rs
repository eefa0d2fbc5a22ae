//! Tests of the lowering on hand-made HIR: every construct gives MIR that the verifier takes and the passes bring to its final form.

use orion_hir as hir;
use orion_hir::{
    Arg, BinOp, Callee, Expr, ExprKind, FnId, ForIter, Intrinsic, LocalId, LoopId, Pat, PatKind,
    Place, Projection, ProjectionKind, Stmt, Ty, TyId, TyTable,
};
use orion_syntax::{SourceMap, Span};

use crate::pipeline;

const SPAN: Span = Span::BUILTIN;

/// A program under construction, with the types and classes of the prelude.
struct World {
    program: hir::Program,
}

/// A function under construction.
#[derive(Default)]
struct Func {
    locals: hir::IndexVec<LocalId, hir::Local>,
    params: Vec<LocalId>,
    loops: u32,
}

impl Func {
    fn var(&mut self, name: &str, ty: TyId) -> LocalId {
        self.locals.push(hir::Local { name: name.into(), ty, mutable: true, span: SPAN })
    }

    fn fixed(&mut self, name: &str, ty: TyId) -> LocalId {
        self.locals.push(hir::Local { name: name.into(), ty, mutable: false, span: SPAN })
    }

    fn next_loop(&mut self) -> LoopId {
        self.loops += 1;
        LoopId::from_u32(self.loops - 1)
    }

    fn get(&self, local: LocalId) -> Expr {
        expr(ExprKind::Local(local), self.locals[local].ty)
    }

    fn place(&self, local: LocalId) -> Place {
        Place { local, projections: Vec::new(), ty: self.locals[local].ty, span: SPAN }
    }

    fn set(&self, local: LocalId, value: Expr) -> Stmt {
        Stmt::Expr(expr(
            ExprKind::Assign(Box::new(self.place(local)), Box::new(value)),
            TyTable::UNIT,
        ))
    }
}

fn expr(kind: ExprKind, ty: TyId) -> Expr {
    Expr { kind, ty, span: SPAN }
}

fn int(value: i128) -> Expr {
    expr(ExprKind::Int(value), TyTable::I64)
}

fn text(value: &str) -> Expr {
    expr(ExprKind::Str(value.into()), TyTable::STR)
}

fn binary(op: BinOp, a: Expr, b: Expr) -> Expr {
    let ty = if op.is_comparison() { TyTable::BOOL } else { a.ty };
    expr(ExprKind::Binary(op, Box::new(a), Box::new(b)), ty)
}

fn bind(local: LocalId, init: Expr) -> Stmt {
    let pat = pat(PatKind::Bind(local), init.ty);
    Stmt::Let { pat, init, span: SPAN }
}

fn pat(kind: PatKind, ty: TyId) -> Pat {
    Pat { kind, ty, span: SPAN }
}

fn block(stmts: Vec<Stmt>, tail: Option<Expr>) -> Expr {
    let ty = tail.as_ref().map_or(TyTable::UNIT, |tail| tail.ty);
    expr(ExprKind::Block(stmts, tail.map(Box::new)), ty)
}

fn intrinsic(which: Intrinsic, args: Vec<Expr>, ty: TyId) -> Expr {
    expr(ExprKind::Intrinsic(which, Vec::new(), args.into_iter().map(Arg::Value).collect()), ty)
}

fn if_then(cond: Expr, then: Expr, otherwise: Option<Expr>) -> Expr {
    let ty = if otherwise.is_some() { then.ty } else { TyTable::UNIT };
    let otherwise = otherwise.map(Box::new);
    expr(ExprKind::If { cond: Box::new(cond), then: Box::new(then), otherwise }, ty)
}

fn defer(body: Expr, uses: Vec<LocalId>, in_loop: bool) -> Stmt {
    Stmt::Defer { body: Box::new(body), uses, in_loop, span: SPAN }
}

fn print(value: Expr) -> Stmt {
    Stmt::Expr(intrinsic(Intrinsic::Print, vec![value], TyTable::UNIT))
}

impl World {
    fn new() -> Self {
        let class = |name: &str, builtin| hir::Class {
            name: name.into(),
            path: format!("std.prelude::{name}").into(),
            builtin: Some(builtin),
            members: Vec::new(),
            span: SPAN,
        };
        let mut classes = hir::IndexVec::new();
        let eq = classes.push(class("Eq", hir::BuiltinClass::Eq));
        let ord = classes.push(class("Ord", hir::BuiltinClass::Ord));
        let hash = classes.push(class("Hash", hir::BuiltinClass::Hash));
        let show = classes.push(class("Show", hir::BuiltinClass::Show));
        let default = classes.push(class("Default", hir::BuiltinClass::Default));
        let mut types = TyTable::new();
        let mut adts = hir::IndexVec::new();
        let mut sum = |name: &str, generics: usize, variants: &[(&str, &[TyId])]| {
            adts.push(hir::Adt {
                name: name.into(),
                path: format!("std.prelude::{name}").into(),
                generics: vec![hir::Generic { name: "T".into(), bounds: Vec::new() }; generics],
                kind: hir::AdtKind::Sum(
                    variants
                        .iter()
                        .map(|(name, fields)| hir::Variant {
                            name: (*name).into(),
                            fields: fields.to_vec(),
                            span: SPAN,
                        })
                        .collect(),
                ),
                span: SPAN,
            })
        };
        let (t, e) = (types.intern(Ty::Param(0)), types.intern(Ty::Param(1)));
        let option = sum("Option", 1, &[("None", &[]), ("Some", &[t])]);
        let result = sum("Result", 2, &[("Ok", &[t]), ("Err", &[e])]);
        let ordering = sum("Ordering", 0, &[("Less", &[]), ("Equal", &[]), ("Greater", &[])]);
        let task_error = sum("TaskError", 0, &[("Cancelled", &[]), ("Panicked", &[TyTable::STR])]);
        let map = sum("Map", 0, &[("None", &[])]);
        let set = sum("Set", 0, &[("None", &[])]);
        let lang = hir::LangItems {
            option,
            result,
            ordering,
            task_error,
            map,
            set,
            eq,
            ord,
            hash,
            show,
            default,
        };
        let program = hir::Program {
            types,
            adts,
            fns: hir::IndexVec::new(),
            classes,
            instances: hir::IndexVec::new(),
            tests: Vec::new(),
            main: None,
            lang,
            derived: std::collections::HashMap::new(),
        };
        Self { program }
    }

    fn adt(&mut self, name: &str, variants: &[(&str, Vec<TyId>)]) -> TyId {
        let id = self.program.adts.next_index();
        let ty = self.program.types.adt(id, &[]);
        let variants = variants
            .iter()
            .map(|(name, fields)| hir::Variant {
                name: (*name).into(),
                // `ERROR` stands for the type itself.
                fields: fields.iter().map(|&f| if f == TyTable::ERROR { ty } else { f }).collect(),
                span: SPAN,
            })
            .collect();
        self.program.adts.push(hir::Adt {
            name: name.into(),
            path: format!("main::{name}").into(),
            generics: Vec::new(),
            kind: hir::AdtKind::Sum(variants),
            span: SPAN,
        });
        ty
    }

    fn add(&mut self, name: &str, kind: hir::FnKind, func: Func, ret: TyId, value: Expr) -> FnId {
        let params = func
            .params
            .iter()
            .map(|&param| hir::Param {
                name: func.locals[param].name.clone(),
                ty: func.locals[param].ty,
                mutable: func.locals[param].mutable,
                default: None,
                span: SPAN,
            })
            .collect();
        self.program.fns.push(hir::Fn {
            name: name.into(),
            path: format!("main::{name}").into(),
            kind,
            generics: Vec::new(),
            params,
            ret,
            yields: None,
            captures: Vec::new(),
            body: Some(hir::Body {
                locals: func.locals,
                params: func.params,
                loop_count: func.loops,
                value,
            }),
            span: SPAN,
            is_std: false,
        })
    }

    /// Lowers from a main with this body, runs all passes, and gives the text of what the builder made.
    fn run(mut self, func: Func, value: Expr) -> String {
        let main = self.add("main", hir::FnKind::Named, func, TyTable::UNIT, value);
        self.program.main = Some((main, hir::MainKind::Unit));
        let mut program = super::build(&mut self.program, &SourceMap::new(), "test")
            .unwrap_or_else(|errors| panic!("{errors:?}"));
        let built = crate::print::program(&program);
        if let Err(errors) = pipeline::finish(&mut program, pipeline::Options { verify: true }) {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            panic!("{}\n{built}", errors.join("\n"));
        }
        built
    }
}

#[test]
fn arithmetic_is_checked() {
    let mut f = Func::default();
    let x = f.var("x", TyTable::I64);
    let y = f.var("y", TyTable::I64);
    let mut stmts = vec![bind(x, int(7)), bind(y, binary(BinOp::Add, f.get(x), int(1)))];
    for op in
        [BinOp::Sub, BinOp::Mul, BinOp::Div, BinOp::Rem, BinOp::Shl, BinOp::Shr, BinOp::BitXor]
    {
        stmts.push(f.set(y, binary(op, f.get(y), f.get(x))));
    }
    let text = World::new().run(f, block(stmts, None));
    assert!(text.contains("main"), "{text}");
}

#[test]
fn defers_run_on_every_way_out() {
    let mut f = Func::default();
    let s = f.var("s", TyTable::STR);
    let t = f.var("t", TyTable::STR);
    let u = f.var("u", TyTable::STR);
    let i = f.fixed("i", TyTable::I64);
    let id = f.next_loop();
    let back = expr(ExprKind::Return(None), TyTable::NEVER);
    let inner = block(
        vec![
            bind(t, text("t")),
            defer(block(vec![print(f.get(t)), print(f.get(s))], None), vec![t, s], true),
            f.set(t, binary(BinOp::Add, f.get(t), f.get(s))),
            Stmt::Expr(if_then(binary(BinOp::Eq, f.get(i), int(2)), back.clone(), None)),
        ],
        None,
    );
    let range = ForIter::Range { start: int(0), end: int(3), inclusive: true };
    let each = expr(
        ExprKind::For {
            id,
            pat: pat(PatKind::Bind(i), TyTable::I64),
            iter: Box::new(range),
            body: Box::new(inner),
        },
        TyTable::UNIT,
    );
    let conditional = block(
        vec![bind(u, text("u")), defer(block(vec![print(f.get(u))], None), vec![u], false)],
        None,
    );
    let is_long =
        binary(BinOp::Gt, intrinsic(Intrinsic::StrLen, vec![f.get(s)], TyTable::I64), int(1));
    let stmts = vec![
        bind(s, text("s")),
        defer(block(vec![print(f.get(s))], None), vec![s], false),
        Stmt::Expr(if_then(is_long, conditional, None)),
        Stmt::Expr(each),
        f.set(s, text("end")),
    ];
    World::new().run(f, block(stmts, None));
}

#[test]
fn scopes_are_awaited_or_cancelled() {
    let mut w = World::new();
    let task = Func::default();
    let body = w.add(
        "main::{spawn#1}",
        hir::FnKind::Spawn { parent: FnId::from_u32(9) },
        task,
        TyTable::I64,
        int(3),
    );
    let task_ty = w.program.types.intern(Ty::Task(TyTable::I64));
    let mut f = Func::default();
    let scope = f.fixed("s", TyTable::SCOPE);
    let t = f.fixed("t", task_ty);
    let n = f.fixed("n", TyTable::I64);
    let id = f.next_loop();
    let spawn = expr(
        ExprKind::Spawn {
            func: body,
            scope: Box::new(f.get(scope)),
            name: Some(Box::new(text("n"))),
            detached: false,
        },
        task_ty,
    );
    let join = intrinsic(Intrinsic::Join, vec![f.get(t)], TyTable::I64);
    let leave = expr(ExprKind::Break(id), TyTable::NEVER);
    let inner = block(
        vec![
            bind(t, spawn),
            bind(n, join),
            Stmt::Expr(if_then(binary(BinOp::Gt, f.get(n), int(2)), leave, None)),
        ],
        None,
    );
    let scope_block = expr(ExprKind::Async { scope, body: Box::new(inner) }, TyTable::UNIT);
    let forever = expr(ExprKind::Bool(true), TyTable::BOOL);
    let each = expr(
        ExprKind::While {
            id,
            cond: Box::new(forever),
            body: Box::new(block(vec![Stmt::Expr(scope_block)], None)),
        },
        TyTable::UNIT,
    );
    w.run(f, each);
}

#[test]
fn derived_members_of_a_recursive_type() {
    let mut w = World::new();
    let tree = w.adt(
        "Tree",
        &[("Leaf", vec![]), ("Node", vec![TyTable::ERROR, TyTable::STR, TyTable::ERROR])],
    );
    let trees = w.program.types.list(tree);
    let pair = w.program.types.intern(Ty::Tuple(Box::new([trees, TyTable::F64])));
    let (eq, ord, hash, show, default) = {
        let lang = &w.program.lang;
        (lang.eq, lang.ord, lang.hash, lang.show, lang.default)
    };
    let mut f = Func::default();
    let p = f.fixed("p", pair);
    let member = |class, args: Vec<Expr>, ty| {
        let args = args.into_iter().map(Arg::Value).collect();
        expr(ExprKind::Call(Callee::Member { class, member: 0, ty: pair }, args), ty)
    };
    let ordering = w.program.types.adt(w.program.lang.ordering, &[]);
    let stmts = vec![
        bind(p, member(default, vec![], pair)),
        Stmt::Expr(member(eq, vec![f.get(p), f.get(p)], TyTable::BOOL)),
        Stmt::Expr(member(ord, vec![f.get(p), f.get(p)], ordering)),
        Stmt::Expr(member(hash, vec![f.get(p)], TyTable::U64)),
        print(expr(
            ExprKind::Concat(vec![text("p: "), member(show, vec![f.get(p)], TyTable::STR)]),
            TyTable::STR,
        )),
    ];
    let text = w.run(f, block(stmts, None));
    assert!(text.contains("Show[Tree]::show_after"), "{text}");
}

#[test]
fn inout_arguments_come_back() {
    let mut w = World::new();
    let strs = w.program.types.list(TyTable::STR);
    let mut g = Func::default();
    let a = g.var("a", TyTable::STR);
    g.params.push(a);
    let b = g.fixed("b", strs);
    g.params.push(b);
    let grow = g.set(a, binary(BinOp::Add, g.get(a), text("!")));
    let func = w.add("grow", hir::FnKind::Named, g, TyTable::I64, block(vec![grow], Some(int(1))));
    let mut f = Func::default();
    let xs = f.var("xs", strs);
    let s = f.var("s", TyTable::STR);
    let at = |index: i128| Place {
        local: xs,
        projections: vec![Projection {
            kind: ProjectionKind::Index(Box::new(int(index))),
            ty: TyTable::STR,
            span: SPAN,
        }],
        ty: TyTable::STR,
        span: SPAN,
    };
    let call = |place, list| {
        let args = vec![Arg::Mut(place), Arg::Value(list)];
        Stmt::Expr(expr(ExprKind::Call(Callee::Fn(func, vec![]), args), TyTable::I64))
    };
    let push = expr(
        ExprKind::Intrinsic(
            Intrinsic::ListPush,
            vec![TyTable::STR],
            vec![Arg::Mut(f.place(xs)), Arg::Value(f.get(s))],
        ),
        TyTable::UNIT,
    );
    let append = ExprKind::AssignOp(BinOp::Add, Box::new(at(0)), Box::new(f.get(s)));
    let stmts = vec![
        bind(s, text("s")),
        bind(xs, expr(ExprKind::List(vec![f.get(s), text("b")]), strs)),
        defer(block(vec![call(at(1), f.get(xs))], None), vec![xs], false),
        call(at(0), f.get(xs)),
        call(f.place(s), f.get(xs)),
        Stmt::Expr(push),
        Stmt::Expr(expr(append, TyTable::UNIT)),
    ];
    w.run(f, block(stmts, None));
}

#[test]
fn matches_choose_by_tag_and_fall_through() {
    let mut w = World::new();
    let shape = w.adt(
        "Shape",
        &[
            ("Circle", vec![TyTable::STR]),
            ("Rect", vec![TyTable::I64, TyTable::I64]),
            ("Empty", vec![]),
        ],
    );
    let ints = w.program.types.list(TyTable::I64);
    let mut f = Func::default();
    let v = f.fixed("v", shape);
    let name = f.fixed("name", TyTable::STR);
    let (x, rest) = (f.fixed("x", TyTable::I64), f.fixed("rest", ints));
    let n = |value| pat(PatKind::Int(value), TyTable::I64);
    let arm = |pat, guard, body| hir::Arm { pat, guard, body };
    let wild = |ty| pat(PatKind::Wild, ty);
    let arms = vec![
        arm(
            pat(PatKind::Variant(0, vec![pat(PatKind::Bind(name), TyTable::STR)]), shape),
            None,
            f.get(name),
        ),
        arm(
            pat(PatKind::Variant(1, vec![n(0), pat(PatKind::Bind(x), TyTable::I64)]), shape),
            Some(binary(BinOp::Gt, f.get(x), int(3))),
            text("tall"),
        ),
        arm(
            pat(
                PatKind::Variant(
                    1,
                    vec![
                        pat(
                            PatKind::Or(vec![
                                n(1),
                                pat(PatKind::Range { lo: 4, hi: 9 }, TyTable::I64),
                            ]),
                            TyTable::I64,
                        ),
                        wild(TyTable::I64),
                    ],
                ),
                shape,
            ),
            None,
            text("wide"),
        ),
        arm(wild(shape), None, expr(ExprKind::Return(None), TyTable::NEVER)),
    ];
    let scrutinee = Box::new(f.get(v));
    let chosen = expr(ExprKind::Match { scrutinee, arms }, TyTable::STR);
    let rest_pat = hir::Rest { bind: Some(rest), span: SPAN };
    let list_arms = vec![
        arm(
            pat(
                PatKind::List {
                    prefix: vec![n(1)],
                    rest: Some(rest_pat),
                    suffix: vec![pat(PatKind::Bind(x), TyTable::I64)],
                },
                ints,
            ),
            None,
            f.get(rest),
        ),
        arm(wild(ints), None, expr(ExprKind::List(vec![]), ints)),
    ];
    let list = expr(ExprKind::List(vec![int(1), int(2), int(3)]), ints);
    let taken = expr(ExprKind::Match { scrutinee: Box::new(list), arms: list_arms }, ints);
    let stmts = vec![
        bind(v, expr(ExprKind::Variant(1, vec![int(1), int(2)]), shape)),
        print(chosen),
        Stmt::Expr(taken),
    ];
    w.run(f, block(stmts, None));
}

#[test]
fn select_with_guards() {
    let mut w = World::new();
    let chan = w.program.types.intern(Ty::Chan(TyTable::STR));
    let option = w.program.types.adt(w.program.lang.option, &[TyTable::STR]);
    let mut f = Func::default();
    let ch = f.fixed("ch", chan);
    let got = f.fixed("$got", option);
    let open = f.var("open", TyTable::BOOL);
    let d = f.fixed("d", TyTable::DURATION);
    let arm = |op, guard, body| hir::SelectArm { op, guard, body, span: SPAN };
    let arms = vec![
        arm(hir::SelectOp::Recv { chan: f.get(ch), bind: Some(got) }, Some(f.get(open)), int(1)),
        arm(hir::SelectOp::Recv { chan: f.get(ch), bind: None }, None, int(2)),
        arm(hir::SelectOp::Send { chan: f.get(ch), value: text("x") }, Some(f.get(open)), int(3)),
        arm(hir::SelectOp::After(f.get(d)), Some(f.get(open)), int(4)),
    ];
    let stmts = vec![
        bind(ch, intrinsic(Intrinsic::Channel, vec![int(1)], chan)),
        bind(open, expr(ExprKind::Bool(true), TyTable::BOOL)),
        bind(d, expr(ExprKind::Duration(5), TyTable::DURATION)),
        Stmt::Expr(intrinsic(Intrinsic::ChanSend, vec![f.get(ch), text("a")], TyTable::UNIT)),
        Stmt::Expr(expr(ExprKind::Select(arms), TyTable::I64)),
        print(intrinsic(Intrinsic::ChanRecv, vec![f.get(ch)], TyTable::STR)),
    ];
    w.run(f, block(stmts, None));
}

#[test]
fn polymorphic_recursion_ends_in_an_error() {
    for wrap in [false, true] {
        let mut w = World::new();
        let param = w.program.types.intern(Ty::Param(0));
        let larger = if wrap {
            w.program.types.list(param)
        } else {
            w.program.types.intern(Ty::Tuple(Box::new([param, param])))
        };
        let mut g = Func::default();
        let x = g.fixed("x", param);
        g.params.push(x);
        let items = vec![g.get(x), g.get(x)];
        let value = expr(if wrap { ExprKind::List(items) } else { ExprKind::Tuple(items) }, larger);
        let id = w.program.fns.next_index();
        let call = ExprKind::Call(Callee::Fn(id, vec![larger]), vec![Arg::Value(value)]);
        w.add("grow", hir::FnKind::Named, g, TyTable::UNIT, expr(call, TyTable::UNIT));
        let args = vec![Arg::Value(int(1))];
        let start = ExprKind::Call(Callee::Fn(id, vec![TyTable::I64]), args);
        let start = expr(start, TyTable::UNIT);
        let main = w.add("main", hir::FnKind::Named, Func::default(), TyTable::UNIT, start);
        w.program.main = Some((main, hir::MainKind::Unit));
        let errors = super::build(&mut w.program, &SourceMap::new(), "test").expect_err("endless");
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].code, orion_diagnostics::ErrorCode::E0805);
    }
}

#[test]
fn long_chains_need_no_stack() {
    let mut f = Func::default();
    let x = f.var("x", TyTable::I64);
    let mut sum = f.get(x);
    let mut cond = binary(BinOp::Gt, f.get(x), int(0));
    for _ in 0..2_000 {
        sum = binary(BinOp::Add, sum, int(1));
        let right = Box::new(binary(BinOp::Gt, f.get(x), int(1)));
        cond = expr(ExprKind::And(Box::new(cond), right), TyTable::BOOL);
    }
    let mut chain = block(vec![f.set(x, int(0))], None);
    for n in 0..2_000 {
        let is_n = binary(BinOp::Eq, f.get(x), int(n));
        chain = if_then(is_n, block(vec![f.set(x, int(n))], None), Some(chain));
    }
    let stmts = vec![
        bind(x, int(1)),
        f.set(x, sum),
        Stmt::Expr(if_then(cond, block(vec![f.set(x, int(5))], None), None)),
        Stmt::Expr(chain),
    ];
    World::new().run(f, block(stmts, None));
}
