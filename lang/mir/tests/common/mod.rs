//! A small construction kit for bodies in tests.

#![allow(dead_code, reason = "each test file uses a part of it")]

use orion_mir::verify::{self, Stage};
use orion_mir::{
    AdtDef, BinOp, Block, BlockData, Body, BodyId, BodyKind, Callee, Const, FieldDef, IntTy,
    Intrinsic, Loc, Local, LocalDecl, Operand, Place, Program, Proj, Rvalue, Statement,
    StatementKind, SuspendOp, Terminator, TerminatorKind, Ty, TyKind, TypeTable, VariantDef,
    pipeline, print,
};

/// The types that tests use, interned in a fixed order.
#[derive(Clone, Copy)]
pub struct Types {
    pub unit: Ty,
    pub bool: Ty,
    pub i64: Ty,
    pub str: Ty,
    pub i64_bool: Ty,
    pub strs: Ty,
    pub chan: Ty,
    pub scope: Ty,
    pub task: Ty,
    pub duration: Ty,
    pub fn_str: Ty,
    pub option_str: Ty,
    pub pair: Ty,
    pub u32: Ty,
}

/// An empty program and its types. `main` (`fn0`) is added by [`Kit::finish`] when it is missing.
pub struct Kit {
    pub program: Program,
    pub t: Types,
}

pub fn kit() -> Kit {
    let mut types = TypeTable::default();
    let unit = types.intern(TyKind::Unit);
    let bool = types.intern(TyKind::Bool);
    let i64 = types.intern(TyKind::Int(IntTy::I64));
    let str = types.intern(TyKind::Str);
    let (option, _) = types.declare_adt("Option[str]", false);
    let field = FieldDef { name: "0".into(), ty: str };
    types.define_adt(
        option,
        vec![
            VariantDef { name: "None".into(), fields: vec![] },
            VariantDef { name: "Some".into(), fields: vec![field] },
        ],
    );
    let t = Types {
        unit,
        bool,
        i64,
        str,
        i64_bool: types.intern(TyKind::Tuple(vec![i64, bool])),
        strs: types.intern(TyKind::List(str)),
        chan: types.intern(TyKind::Chan(str)),
        scope: types.intern(TyKind::Scope),
        task: types.intern(TyKind::Task(str)),
        duration: types.intern(TyKind::Duration),
        fn_str: types.intern(TyKind::Fn { params: vec![(str, false)], ret: str, yields: None }),
        option_str: types.intern(TyKind::Adt(option)),
        pair: types.intern(TyKind::Tuple(vec![str, str])),
        u32: types.intern(TyKind::Int(IntTy::U32)),
    };
    let program = Program {
        tests: Vec::new(),
        types,
        bodies: vec![],
        main: BodyId(0),
        files: vec!["test.or".into()],
        name: "test".into(),
    };
    let mut kit = Kit { program, t };
    let mut main = kit.body("main", &[], t.unit);
    main.ret(0);
    kit.add(main);
    kit
}

impl Kit {
    pub fn body(&self, name: &str, params: &[Ty], ret: Ty) -> B {
        let loc = Loc { file: 0, line: 1, column: 1 };
        let decl = |ty| LocalDecl { name: None, ty, loc };
        let body = Body {
            name: name.into(),
            kind: BodyKind::Function,
            loc,
            locals: [ret].iter().chain(params).map(|ty| decl(*ty)).collect(),
            param_count: params.len() as u32,
            inout: vec![],
            blocks: vec![],
            address_taken: false,
            may_suspend: false,
            may_unwind: false,
            points: vec![],
            hash: 0,
        };
        B { body }
    }

    pub fn add(&mut self, b: B) -> BodyId {
        self.program.bodies.push(b.body);
        BodyId(self.program.bodies.len() as u32 - 1)
    }

    /// The messages of the verifier, which must find something.
    pub fn errors(&self, stage: Stage) -> String {
        let errors = verify::program(&self.program, stage).expect_err("the verifier finds nothing");
        errors.iter().map(|error| format!("{error}\n")).collect()
    }

    /// Runs the pipeline with the verifier and gives the printed function.
    pub fn finished(&mut self, id: BodyId) -> String {
        if let Err(errors) = pipeline::finish(&mut self.program, pipeline::Options { verify: true })
        {
            let text: String = errors.iter().map(|error| format!("{error}\n")).collect();
            panic!("{text}\n{}", print::program(&self.program));
        }
        print::body(&self.program, id, print::Options { positions: false })
    }
}

/// A body under construction.
pub struct B {
    pub body: Body,
}

impl B {
    pub fn local(&mut self, ty: Ty) -> Local {
        self.body.locals.push(LocalDecl { name: None, ty, loc: Loc::default() });
        Local(self.body.locals.len() as u32 - 1)
    }

    fn block(&mut self, block: u32) -> &mut BlockData {
        while self.body.blocks.len() <= block as usize {
            self.body.blocks.push(BlockData {
                statements: vec![],
                terminator: Terminator { kind: TerminatorKind::Unreachable, loc: Loc::default() },
            });
        }
        &mut self.body.blocks[block as usize]
    }

    pub fn stmt(&mut self, block: u32, kind: StatementKind) {
        self.block(block).statements.push(Statement { kind, loc: Loc::default() });
    }

    pub fn set(&mut self, block: u32, place: impl Into<Place>, value: Rvalue) {
        self.stmt(block, StatementKind::Assign(place.into(), value));
    }

    pub fn end(&mut self, block: u32, kind: TerminatorKind) {
        self.block(block).terminator.kind = kind;
    }

    pub fn ret(&mut self, block: u32) {
        self.end(block, TerminatorKind::Return);
    }

    pub fn resume(&mut self, block: u32) {
        self.end(block, TerminatorKind::UnwindResume);
    }

    pub fn goto(&mut self, block: u32, target: u32) {
        self.end(block, TerminatorKind::Goto(Block(target)));
    }

    pub fn branch(&mut self, block: u32, cond: Local, yes: u32, no: u32) {
        self.end(
            block,
            TerminatorKind::Switch {
                value: borrow(cond),
                cases: vec![(1, Block(yes))],
                otherwise: Block(no),
            },
        );
    }

    #[expect(clippy::too_many_arguments, reason = "a terminator has as many parts")]
    pub fn call(
        &mut self,
        block: u32,
        callee: BodyId,
        args: Vec<Operand>,
        dest: Local,
        inout: Vec<Local>,
        target: u32,
        unwind: u32,
    ) {
        self.end(
            block,
            TerminatorKind::Call {
                callee: Callee::Body(callee),
                args,
                dest,
                inout,
                target: Block(target),
                unwind: Block(unwind),
            },
        );
    }

    pub fn suspend(&mut self, block: u32, op: SuspendOp, unwind: u32) {
        self.end(block, TerminatorKind::Suspend { op, unwind: Block(unwind) });
    }

    pub fn poll(&mut self, block: u32, target: u32, unwind: u32) {
        self.suspend(block, SuspendOp::Poll { target: Block(target) }, unwind);
    }
}

pub fn copy(place: impl Into<Place>) -> Operand {
    Operand::Copy(place.into())
}

pub fn borrow(place: impl Into<Place>) -> Operand {
    Operand::Borrow(place.into())
}

pub fn text(value: &str) -> Operand {
    Operand::Const(Const::Str(value.into()))
}

pub fn int(value: i64) -> Operand {
    Operand::Const(Const::Int(value.into(), IntTy::I64))
}

pub fn field(local: Local, index: u32) -> Place {
    Place { local, projection: vec![Proj::Field(index)] }
}

pub fn variant(local: Local, variant: u32, field: u32) -> Place {
    Place { local, projection: vec![Proj::Variant(variant, field)] }
}

pub fn print_str(operand: Operand) -> Rvalue {
    Rvalue::Intrinsic(Intrinsic::Print, vec![operand])
}

/// `str` in, `str` out, may unwind.
pub fn identity(kit: &mut Kit) -> BodyId {
    let t = kit.t;
    let mut b = kit.body("identity", &[t.str], t.str);
    let cond = b.local(t.bool);
    let len = b.local(t.i64);
    b.set(0, len, Rvalue::Intrinsic(Intrinsic::StrLen, vec![borrow(Local(1))]));
    b.set(0, cond, Rvalue::Binary(BinOp::Lt, copy(len), int(1000)));
    b.end(
        0,
        TerminatorKind::Assert {
            cond: borrow(cond),
            expected: true,
            failure: orion_mir::Failure::Assert,
            target: Block(1),
            unwind: Block(2),
        },
    );
    b.set(1, Local(0), Rvalue::Use(copy(Local(1))));
    b.ret(1);
    b.resume(2);
    kit.add(b)
}

/// Keeps the import list honest.
pub type Adt = AdtDef;
