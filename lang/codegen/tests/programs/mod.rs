//! Programs for the tests, written as MIR by hand: as the builder would deliver them, brought to their final form by the pipeline.

use orion_mir::{
    BinOp, Block, BlockData, Body, BodyId, BodyKind, Callee, Const, Failure, IntTy, Intrinsic, Loc,
    Local, LocalDecl, Operand, Place, Program, Proj, RETURN, Rvalue, Statement, StatementKind,
    SuspendOp, Terminator, TerminatorKind, Ty, TyKind, TypeTable, pipeline,
};

const LOC: Loc = Loc { file: 0, line: 1, column: 1 };

/// A program under construction.
pub struct Build {
    pub types: TypeTable,
    pub bodies: Vec<Body>,
    pub unit: Ty,
    pub bool: Ty,
    pub int: Ty,
    pub str: Ty,
}

impl Build {
    pub fn new() -> Self {
        let mut types = TypeTable::default();
        let unit = types.intern(TyKind::Unit);
        let bool = types.intern(TyKind::Bool);
        let int = types.intern(TyKind::Int(IntTy::I64));
        let str = types.intern(TyKind::Str);
        Self { types, bodies: Vec::new(), unit, bool, int, str }
    }

    /// The program, final. `main` is the body of that name.
    pub fn finish(mut self) -> Program {
        let main = self.bodies.iter().position(|b| b.name == "main").expect("a main");
        for body in &mut self.bodies {
            body.address_taken |= matches!(body.kind, BodyKind::Closure { .. });
        }
        let mut program = Program {
            tests: Vec::new(),
            types: self.types,
            bodies: self.bodies,
            main: BodyId(main as u32),
            files: vec!["test.or".into()],
            name: "test".into(),
        };
        let options = pipeline::Options { verify: true };
        if let Err(errors) = pipeline::finish(&mut program, options) {
            let text: Vec<_> = errors.iter().map(ToString::to_string).collect();
            panic!("{}", text.join("\n"));
        }
        program
    }

    pub fn id(&self) -> BodyId {
        BodyId(self.bodies.len() as u32)
    }
}

/// A body under construction: blocks are made in order, `bb0` first.
pub struct Fun {
    body: Body,
    statements: Vec<Statement>,
    current: Option<Block>,
    /// Clean-up: resumes unwinding.
    pub unwind: Block,
}

impl Fun {
    pub fn new(name: &str, kind: BodyKind, params: &[Ty], ret: Ty) -> Self {
        let mut locals = vec![LocalDecl { name: None, ty: ret, loc: LOC }];
        for (index, &ty) in params.iter().enumerate() {
            locals.push(LocalDecl { name: Some(format!("p{index}")), ty, loc: LOC });
        }
        let body = Body {
            name: name.into(),
            kind,
            loc: LOC,
            locals,
            param_count: params.len() as u32,
            inout: Vec::new(),
            blocks: Vec::new(),
            address_taken: false,
            may_suspend: false,
            may_unwind: false,
            points: Vec::new(),
            hash: 0,
        };
        let mut fun = Self { body, statements: Vec::new(), current: None, unwind: Block(1) };
        let entry = fun.block();
        fun.unwind = fun.block();
        fun.at(fun.unwind);
        fun.end(TerminatorKind::UnwindResume);
        fun.at(entry);
        fun
    }

    pub fn inout(mut self, local: Local) -> Self {
        self.body.inout.push(local);
        self
    }

    pub fn local(&mut self, ty: Ty) -> Local {
        self.body.locals.push(LocalDecl { name: None, ty, loc: LOC });
        Local(self.body.locals.len() as u32 - 1)
    }

    pub fn named(&mut self, name: &str, ty: Ty) -> Local {
        let local = self.local(ty);
        self.body.locals[local.index()].name = Some(name.into());
        local
    }

    pub fn block(&mut self) -> Block {
        let terminator = Terminator { kind: TerminatorKind::Unreachable, loc: LOC };
        self.body.blocks.push(BlockData { statements: Vec::new(), terminator });
        Block(self.body.blocks.len() as u32 - 1)
    }

    pub fn at(&mut self, block: Block) {
        assert!(self.statements.is_empty());
        self.current = Some(block);
    }

    pub fn end(&mut self, kind: TerminatorKind) {
        let block = self.current.take().expect("a block");
        let statements = std::mem::take(&mut self.statements);
        self.body.blocks[block.index()] =
            BlockData { statements, terminator: Terminator { kind, loc: LOC } };
    }

    pub fn assign(&mut self, place: impl Into<Place>, rvalue: Rvalue) {
        let kind = StatementKind::Assign(place.into(), rvalue);
        self.statements.push(Statement { kind, loc: LOC });
    }

    pub fn statement(&mut self, kind: StatementKind) {
        self.statements.push(Statement { kind, loc: LOC });
    }

    pub fn goto(&mut self, target: Block) {
        self.end(TerminatorKind::Goto(target));
    }

    /// Goes to `target` by a preemption point.
    pub fn poll(&mut self, target: Block) {
        self.suspend(SuspendOp::Poll { target });
    }

    pub fn suspend(&mut self, op: SuspendOp) {
        let unwind = self.unwind;
        self.end(TerminatorKind::Suspend { op, unwind });
    }

    /// `if cond { yes } else { no }`; goes on in `yes`.
    pub fn branch(&mut self, cond: Local) -> (Block, Block) {
        let (yes, no) = (self.block(), self.block());
        let value = Operand::Borrow(cond.into());
        self.end(TerminatorKind::Switch { value, cases: vec![(0, no)], otherwise: yes });
        self.at(yes);
        (yes, no)
    }

    /// Calls and goes on in a new block.
    pub fn call(&mut self, callee: Callee, args: Vec<Operand>, dest: Local, inout: Vec<Local>) {
        let (target, unwind) = (self.block(), self.unwind);
        self.end(TerminatorKind::Call { callee, args, dest, inout, target, unwind });
        self.at(target);
    }

    /// `dest = a op b`, checked.
    pub fn checked(&mut self, b: &Build, pair: Ty, dest: Local, op: BinOp, x: Operand, y: Operand) {
        let both = self.local(pair);
        let overflow = self.local(b.bool);
        self.assign(both, Rvalue::Checked(op, x, y));
        self.assign(overflow, Rvalue::Use(Operand::Copy(field(both, 1))));
        let (target, unwind) = (self.block(), self.unwind);
        self.end(TerminatorKind::Assert {
            cond: Operand::Borrow(overflow.into()),
            expected: false,
            failure: Failure::Overflow(Some(op)),
            target,
            unwind,
        });
        self.at(target);
        self.assign(dest, Rvalue::Use(Operand::Copy(field(both, 0))));
    }

    /// Prints the Show form of an integer and a newline.
    pub fn print(&mut self, b: &Build, value: Local) {
        let text = self.local(b.str);
        let nothing = self.local(b.unit);
        self.assign(
            text,
            Rvalue::Intrinsic(
                Intrinsic::StrPushI64,
                vec![string(""), Operand::Borrow(value.into())],
            ),
        );
        let line = self.local(b.str);
        self.assign(
            line,
            Rvalue::Intrinsic(Intrinsic::StrPush, vec![Operand::Copy(text.into()), string("\n")]),
        );
        self.assign(
            nothing,
            Rvalue::Intrinsic(Intrinsic::Print, vec![Operand::Borrow(line.into())]),
        );
    }

    pub fn done(mut self, b: &mut Build) -> BodyId {
        assert!(self.current.is_none(), "the last block has no end");
        let id = b.id();
        self.body.loc = LOC;
        b.bodies.push(self.body);
        id
    }
}

pub fn field(local: Local, index: u32) -> Place {
    Place { local, projection: vec![Proj::Field(index)] }
}

pub fn int(value: i64) -> Operand {
    Operand::Const(Const::Int(value.into(), IntTy::I64))
}

pub fn string(text: &str) -> Operand {
    Operand::Const(Const::Str(text.into()))
}

pub fn copy(local: Local) -> Operand {
    Operand::Copy(local.into())
}

/// `fib(n)`, recursive with overflow checks, printed by main.
pub fn fib(n: i64) -> Program {
    let mut b = Build::new();
    let pair = b.types.intern(TyKind::Tuple(vec![b.int, b.bool]));
    let id = BodyId(0);
    let mut f = Fun::new("fib", BodyKind::Function, &[b.int], b.int);
    let small = f.local(b.bool);
    f.assign(small, Rvalue::Binary(BinOp::Lt, copy(Local(1)), int(2)));
    let (_, no) = f.branch(small);
    f.assign(RETURN, Rvalue::Use(copy(Local(1))));
    f.end(TerminatorKind::Return);
    f.at(no);
    let results: Vec<Local> = [1, 2]
        .into_iter()
        .map(|less| {
            let (arg, result) = (f.local(b.int), f.local(b.int));
            f.checked(&b, pair, arg, BinOp::Sub, copy(Local(1)), int(less));
            f.call(Callee::Body(id), vec![copy(arg)], result, vec![]);
            result
        })
        .collect();
    f.checked(&b, pair, RETURN, BinOp::Add, copy(results[0]), copy(results[1]));
    f.end(TerminatorKind::Return);
    f.done(&mut b);

    let mut m = Fun::new("main", BodyKind::Function, &[], b.unit);
    let result = m.named("result", b.int);
    m.call(Callee::Body(id), vec![int(n)], result, vec![]);
    m.print(&b, result);
    m.end(TerminatorKind::Return);
    m.done(&mut b);
    b.finish()
}

/// Sums a list of `n` numbers in a loop; the list is made by pushing to an in-out parameter.
pub fn sum(n: i64) -> Program {
    let mut b = Build::new();
    let pair = b.types.intern(TyKind::Tuple(vec![b.int, b.bool]));
    let list = b.types.intern(TyKind::List(b.int));
    let mut f = Fun::new("fill", BodyKind::Function, &[list, b.int], b.unit).inout(Local(1));
    let i = f.named("i", b.int);
    f.assign(i, Rvalue::Use(int(0)));
    let head = f.block();
    f.goto(head);
    f.at(head);
    let more = f.local(b.bool);
    f.assign(more, Rvalue::Binary(BinOp::Lt, copy(i), copy(Local(2))));
    let (_, no) = f.branch(more);
    let xs = Local(1);
    f.assign(xs, Rvalue::Intrinsic(Intrinsic::ListPush, vec![copy(xs), copy(i)]));
    let next = f.local(b.int);
    f.checked(&b, pair, next, BinOp::Add, copy(i), int(1));
    f.assign(i, Rvalue::Use(copy(next)));
    f.poll(head);
    f.at(no);
    f.assign(RETURN, Rvalue::Use(Operand::Const(Const::Unit)));
    f.end(TerminatorKind::Return);
    let fill = f.done(&mut b);

    let mut f = Fun::new("total", BodyKind::Function, &[list], b.int);
    let i = f.named("i", b.int);
    let sum = f.named("sum", b.int);
    f.assign(i, Rvalue::Use(int(0)));
    f.assign(sum, Rvalue::Use(int(0)));
    let len = f.local(b.int);
    f.assign(len, Rvalue::Len(Local(1).into()));
    let head = f.block();
    f.goto(head);
    f.at(head);
    let more = f.local(b.bool);
    f.assign(more, Rvalue::Binary(BinOp::Lt, copy(i), copy(len)));
    let (_, no) = f.branch(more);
    let item = f.local(b.int);
    let place = Place { local: Local(1), projection: vec![Proj::Index(i)] };
    f.assign(item, Rvalue::Use(Operand::Copy(place)));
    let next = f.local(b.int);
    f.checked(&b, pair, next, BinOp::Add, copy(sum), copy(item));
    f.assign(sum, Rvalue::Use(copy(next)));
    let after = f.local(b.int);
    f.assign(after, Rvalue::Binary(BinOp::Add, copy(i), int(1)));
    f.assign(i, Rvalue::Use(copy(after)));
    f.poll(head);
    f.at(no);
    f.assign(RETURN, Rvalue::Use(copy(sum)));
    f.end(TerminatorKind::Return);
    let total = f.done(&mut b);

    let mut m = Fun::new("main", BodyKind::Function, &[], b.unit);
    let xs = m.named("xs", list);
    let nothing = m.local(b.unit);
    m.assign(xs, Rvalue::Use(Operand::Const(Const::EmptyList(list))));
    m.call(Callee::Body(fill), vec![Operand::Move(xs), int(n)], nothing, vec![xs]);
    let result = m.named("result", b.int);
    m.call(Callee::Body(total), vec![copy(xs)], result, vec![]);
    m.print(&b, result);
    m.end(TerminatorKind::Return);
    m.done(&mut b);
    b.finish()
}

/// A task sends 1, 2, … on a channel of capacity `capacity` and closes it; main adds what it receives, `depth` calls deep, with a string alive in each.
pub fn pipeline_program(count: i64, capacity: i64, depth: i64) -> Program {
    let mut b = Build::new();
    let pair = b.types.intern(TyKind::Tuple(vec![b.int, b.bool]));
    let chan = b.types.intern(TyKind::Chan(b.int));
    let scope_ty = b.types.intern(TyKind::Scope);

    let mut f = Fun::new("main::{spawn#1}", BodyKind::Task, &[chan], b.unit);
    let i = f.named("i", b.int);
    f.assign(i, Rvalue::Use(int(1)));
    let head = f.block();
    f.goto(head);
    f.at(head);
    let more = f.local(b.bool);
    f.assign(more, Rvalue::Binary(BinOp::Le, copy(i), int(count)));
    let (_, no) = f.branch(more);
    let sent = f.local(b.int);
    f.assign(sent, Rvalue::Use(copy(i)));
    let (done, closed) = (f.block(), f.block());
    f.suspend(SuspendOp::Send { chan: Local(1), value: sent, text: "out".into(), done, closed });
    f.at(closed);
    f.end(TerminatorKind::Panic { message: string("closed"), unwind: f.unwind });
    f.at(done);
    let next = f.local(b.int);
    f.checked(&b, pair, next, BinOp::Add, copy(i), int(1));
    f.assign(i, Rvalue::Use(copy(next)));
    f.poll(head);
    f.at(no);
    let nothing = f.local(b.unit);
    let close = Callee::Intrinsic(Intrinsic::ChanClose);
    f.call(close, vec![Operand::Borrow(Local(1).into())], nothing, vec![]);
    f.assign(RETURN, Rvalue::Use(Operand::Const(Const::Unit)));
    f.end(TerminatorKind::Return);
    let task = f.done(&mut b);

    // receive(ch, depth): (value, open), at the bottom; the string on each level is checked on the way back.
    let receive = b.id();
    let mut f = Fun::new("receive", BodyKind::Function, &[chan, b.int], pair);
    let zero = f.local(b.bool);
    f.assign(zero, Rvalue::Binary(BinOp::Eq, copy(Local(2)), int(0)));
    let (_, no) = f.branch(zero);
    let value = f.local(b.int);
    let (done, closed) = (f.block(), f.block());
    f.suspend(SuspendOp::Recv { chan: Local(1), dest: value, text: "ch".into(), done, closed });
    f.at(done);
    let yes = Operand::Const(Const::Bool(true));
    f.assign(RETURN, Rvalue::Tuple(vec![copy(value), yes]));
    f.end(TerminatorKind::Return);
    f.at(closed);
    f.assign(RETURN, Rvalue::Tuple(vec![int(0), Operand::Const(Const::Bool(false))]));
    f.end(TerminatorKind::Return);
    f.at(no);
    let text = f.named("text", b.str);
    f.assign(
        text,
        Rvalue::Intrinsic(Intrinsic::StrPushI64, vec![string("level "), copy(Local(2))]),
    );
    let less = f.local(b.int);
    f.checked(&b, pair, less, BinOp::Sub, copy(Local(2)), int(1));
    f.call(Callee::Body(receive), vec![copy(Local(1)), copy(less)], RETURN, vec![]);
    let again = f.local(b.str);
    f.assign(
        again,
        Rvalue::Intrinsic(Intrinsic::StrPushI64, vec![string("level "), copy(Local(2))]),
    );
    let same = f.local(b.bool);
    let borrow = |l: Local| Operand::Borrow(l.into());
    f.assign(same, Rvalue::Intrinsic(Intrinsic::StrEqual, vec![borrow(text), borrow(again)]));
    let (target, unwind) = (f.block(), f.unwind);
    let failure = Failure::Assert;
    f.end(TerminatorKind::Assert { cond: borrow(same), expected: true, failure, target, unwind });
    f.at(target);
    f.end(TerminatorKind::Return);
    f.done(&mut b);

    let mut m = Fun::new("main", BodyKind::Function, &[], b.unit);
    let scope = m.local(scope_ty);
    m.assign(scope, Rvalue::Intrinsic(Intrinsic::ScopeEnter, vec![]));
    let outer_unwind = m.unwind;
    let cancel = m.block();
    let begun = m.block();
    m.goto(begun);
    m.at(cancel);
    m.suspend(SuspendOp::ScopeCancel { scope, target: outer_unwind });
    m.at(begun);
    m.unwind = cancel;
    let ch = m.named("ch", chan);
    m.call(Callee::Intrinsic(Intrinsic::ChanNew), vec![int(capacity)], ch, vec![]);
    let target = m.block();
    let name = Some(string("sender"));
    let args = vec![copy(ch)];
    let unwind = m.unwind;
    m.end(TerminatorKind::Spawn { body: task, args, scope, name, dest: None, target, unwind });
    m.at(target);
    let sum = m.named("sum", b.int);
    m.assign(sum, Rvalue::Use(int(0)));
    let head = m.block();
    m.goto(head);
    m.at(head);
    let got = m.local(pair);
    m.call(Callee::Body(receive), vec![copy(ch), int(depth)], got, vec![]);
    let open = m.local(b.bool);
    m.assign(open, Rvalue::Use(Operand::Copy(field(got, 1))));
    let (_, no) = m.branch(open);
    let next = m.local(b.int);
    m.checked(&b, pair, next, BinOp::Add, copy(sum), Operand::Copy(field(got, 0)));
    m.assign(sum, Rvalue::Use(copy(next)));
    m.poll(head);
    m.at(no);
    m.print(&b, sum);
    let end = m.block();
    m.suspend(SuspendOp::ScopeExit { scope, target: end });
    m.at(end);
    m.end(TerminatorKind::Return);
    m.done(&mut b);
    b.finish()
}
